//! COOKIE ECHO and COOKIE ACK.

use std::fmt;

use gannet_wire::Writer;

use super::{RawChunk, WriteChunk, kind};

/// The state cookie on its way back (RFC 9260, section 3.3.11).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 10   |  Chunk Flags  |            Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                            Cookie                             \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieEcho<'a> {
    /// The cookie.
    pub cookie: &'a [u8],
}

impl<'a> CookieEcho<'a> {
    /// Parses the chunk.
    #[must_use]
    pub const fn parse(raw: RawChunk<'a>) -> Self {
        Self { cookie: raw.value }
    }
}

impl WriteChunk for CookieEcho<'_> {
    fn kind(&self) -> u8 {
        kind::COOKIE_ECHO
    }

    fn value_len(&self) -> usize {
        self.cookie.len()
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.cookie);
    }
}

impl fmt::Display for CookieEcho<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "COOKIE-ECHO len={}", self.cookie.len())
    }
}

/// The end of the association setup (RFC 9260, section 3.3.12). It has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieAck;

impl WriteChunk for CookieAck {
    fn kind(&self) -> u8 {
        kind::COOKIE_ACK
    }

    fn value_len(&self) -> usize {
        0
    }

    fn write_value(&self, _writer: &mut Writer<'_>) {}
}

impl fmt::Display for CookieAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("COOKIE-ACK")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chunk;
    use super::*;

    // From captures, as published in the tests of dcsctp (Apache-2.0).
    #[test]
    fn captured_chunks_are_parsed_and_written() {
        let captured: [(&[u8], &str); 2] = [
            (
                &[0x0a, 0x00, 0x00, 0x08, 0x12, 0x34, 0x56, 0x78],
                "COOKIE-ECHO len=4",
            ),
            (&[0x0b, 0x00, 0x00, 0x04], "COOKIE-ACK"),
        ];
        for (bytes, expected) in captured {
            let (raw, _) = RawChunk::parse(bytes).unwrap();
            let chunk = Chunk::parse(raw).unwrap();
            assert_eq!(chunk.to_string(), expected);
            let mut written = Vec::new();
            match chunk {
                Chunk::CookieEcho(chunk) => chunk.write(&mut written),
                Chunk::CookieAck(chunk) => chunk.write(&mut written),
                _ => unreachable!(),
            }
            assert_eq!(written, bytes);
        }
    }
}
