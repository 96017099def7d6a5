//! ABORT and ERROR: lists of error causes.

use std::fmt;

use gannet_wire::Writer;

use super::{Causes, RawChunk, WriteChunk, kind};

/// The end of the association, at once (RFC 9260, section 3.3.7).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 6    |  Reserved   |T|            Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                   zero or more Error Causes                   \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort<'a> {
    /// T: its sender had no association, the verification tag is the receiver's own, reflected.
    pub tag_reflected: bool,
    /// Why, as encoded error causes.
    pub causes: Causes<'a>,
}

impl<'a> Abort<'a> {
    /// Parses the chunk. Malformed causes are no reason not to abort.
    #[must_use]
    pub const fn parse(raw: RawChunk<'a>) -> Self {
        Self {
            tag_reflected: raw.flags & 1 != 0,
            causes: Causes::new(raw.value),
        }
    }
}

impl WriteChunk for Abort<'_> {
    fn kind(&self) -> u8 {
        kind::ABORT
    }

    fn flags(&self) -> u8 {
        u8::from(self.tag_reflected)
    }

    fn value_len(&self) -> usize {
        self.causes.as_bytes().len()
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.causes.as_bytes());
    }
}

impl fmt::Display for Abort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ABORT{}", self.causes)
    }
}

/// A report that does not end the association (RFC 9260, section 3.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorChunk<'a> {
    /// What is reported, as encoded error causes.
    pub causes: Causes<'a>,
}

impl<'a> ErrorChunk<'a> {
    /// Parses the chunk.
    #[must_use]
    pub const fn parse(raw: RawChunk<'a>) -> Self {
        Self {
            causes: Causes::new(raw.value),
        }
    }
}

impl WriteChunk for ErrorChunk<'_> {
    fn kind(&self) -> u8 {
        kind::ERROR
    }

    fn value_len(&self) -> usize {
        self.causes.as_bytes().len()
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.causes.as_bytes());
    }
}

impl fmt::Display for ErrorChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR{}", self.causes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From captures, as published in the tests of dcsctp (Apache-2.0).
    const ABORT: &[u8] = &[0x06, 0x00, 0x00, 0x08, 0x00, 0x0c, 0x00, 0x04];
    const ERROR: &[u8] = &[
        0x09, 0x00, 0x00, 0x0c, 0x00, 0x06, 0x00, 0x08, 0x49, 0x00, 0x00, 0x04,
    ];

    #[test]
    fn captured_chunks_are_parsed_and_written() {
        let mut written = Vec::new();
        let (raw, _) = RawChunk::parse(ABORT).unwrap();
        let abort = Abort::parse(raw);
        assert_eq!(abort.to_string(), "ABORT [user-initiated abort: ]");
        abort.write(&mut written);
        assert_eq!(written, ABORT);

        written.clear();
        let (raw, _) = RawChunk::parse(ERROR).unwrap();
        let error = ErrorChunk::parse(raw);
        assert_eq!(error.to_string(), "ERROR [unrecognized chunk type 73]");
        error.write(&mut written);
        assert_eq!(written, ERROR);
    }
}
