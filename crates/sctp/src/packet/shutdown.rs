//! SHUTDOWN, SHUTDOWN ACK and SHUTDOWN COMPLETE.

use std::fmt;

use gannet_wire::{Reader, Serial32, Writer};

use super::{ParseError, RawChunk, WriteChunk, kind};

/// The start of a graceful close (RFC 9260, section 3.3.8).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 7    |  Chunk Flags  |          Length = 8           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Cumulative TSN Ack                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Everything up to this TSN has arrived.
    pub cumulative_tsn_ack: Serial32,
}

impl Shutdown {
    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'_>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        let cumulative_tsn_ack = Serial32(reader.u32("SHUTDOWN cumulative TSN ack")?);
        Ok(Self { cumulative_tsn_ack })
    }
}

impl WriteChunk for Shutdown {
    fn kind(&self) -> u8 {
        kind::SHUTDOWN
    }

    fn value_len(&self) -> usize {
        4
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.u32(self.cumulative_tsn_ack.0);
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHUTDOWN cum={}", self.cumulative_tsn_ack)
    }
}

/// The answer to SHUTDOWN (RFC 9260, section 3.3.9). It has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownAck;

impl WriteChunk for ShutdownAck {
    fn kind(&self) -> u8 {
        kind::SHUTDOWN_ACK
    }

    fn value_len(&self) -> usize {
        0
    }

    fn write_value(&self, _writer: &mut Writer<'_>) {}
}

impl fmt::Display for ShutdownAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHUTDOWN-ACK")
    }
}

/// The end of a graceful close (RFC 9260, section 3.3.13). It has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownComplete {
    /// T: its sender had no association, the verification tag is the receiver's own, reflected.
    pub tag_reflected: bool,
}

impl ShutdownComplete {
    /// Parses the chunk.
    #[must_use]
    pub const fn parse(raw: RawChunk<'_>) -> Self {
        Self {
            tag_reflected: raw.flags & 1 != 0,
        }
    }
}

impl WriteChunk for ShutdownComplete {
    fn kind(&self) -> u8 {
        kind::SHUTDOWN_COMPLETE
    }

    fn flags(&self) -> u8 {
        u8::from(self.tag_reflected)
    }

    fn value_len(&self) -> usize {
        0
    }

    fn write_value(&self, _writer: &mut Writer<'_>) {}
}

impl fmt::Display for ShutdownComplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHUTDOWN-COMPLETE")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chunk;
    use super::*;

    // From captures, as published in the tests of dcsctp (Apache-2.0).
    #[test]
    fn captured_chunks_are_parsed_and_written() {
        let captured: [(&[u8], &str); 3] = [
            (
                &[0x07, 0x00, 0x00, 0x08, 0x06, 0x11, 0xd1, 0xbd],
                "SHUTDOWN cum=101831101",
            ),
            (&[0x08, 0x00, 0x00, 0x04], "SHUTDOWN-ACK"),
            (&[0x0e, 0x00, 0x00, 0x04], "SHUTDOWN-COMPLETE"),
        ];
        for (bytes, expected) in captured {
            let (raw, _) = RawChunk::parse(bytes).unwrap();
            let chunk = Chunk::parse(raw).unwrap();
            assert_eq!(chunk.to_string(), expected);
            let mut written = Vec::new();
            match chunk {
                Chunk::Shutdown(chunk) => chunk.write(&mut written),
                Chunk::ShutdownAck(chunk) => chunk.write(&mut written),
                Chunk::ShutdownComplete(chunk) => chunk.write(&mut written),
                _ => unreachable!(),
            }
            assert_eq!(written, bytes);
        }
    }
}
