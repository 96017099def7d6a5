//! HEARTBEAT and HEARTBEAT ACK.

use std::fmt;

use gannet_wire::Writer;

use super::{Parameters, ParseError, RawChunk, WriteChunk, kind, parameter_kind};

/// The parameter that both chunks carry.
fn info<'a>(raw: RawChunk<'a>) -> Result<&'a [u8], ParseError> {
    for parameter in Parameters::new(raw.value) {
        let parameter = parameter?;
        if parameter.kind == parameter_kind::HEARTBEAT_INFO {
            return Ok(parameter.value);
        }
    }
    Err(ParseError::MissingParameter("heartbeat information"))
}

fn write_info(info: &[u8], writer: &mut Writer<'_>) {
    writer.u16(parameter_kind::HEARTBEAT_INFO);
    writer.u16(u16::try_from(info.len().saturating_add(4)).unwrap_or(u16::MAX));
    writer.bytes(info);
}

/// Asks whether the peer is there (RFC 9260, section 3.3.5).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 4    |  Chunk Flags  |       Heartbeat Length        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Heartbeat Info Type=1      |         HB Info Length        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \            Sender-Specific Heartbeat Information              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// What its sender wants to see again.
    pub info: &'a [u8],
}

impl<'a> Heartbeat<'a> {
    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        Ok(Self { info: info(raw)? })
    }
}

impl WriteChunk for Heartbeat<'_> {
    fn kind(&self) -> u8 {
        kind::HEARTBEAT
    }

    fn value_len(&self) -> usize {
        self.info.len().saturating_add(4)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        write_info(self.info, writer);
    }
}

impl fmt::Display for Heartbeat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HEARTBEAT len={}", self.info.len())
    }
}

/// The answer to HEARTBEAT (RFC 9260, section 3.3.6), with the information as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatAck<'a> {
    /// The information of the HEARTBEAT.
    pub info: &'a [u8],
}

impl<'a> HeartbeatAck<'a> {
    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        Ok(Self { info: info(raw)? })
    }
}

impl WriteChunk for HeartbeatAck<'_> {
    fn kind(&self) -> u8 {
        kind::HEARTBEAT_ACK
    }

    fn value_len(&self) -> usize {
        self.info.len().saturating_add(4)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        write_info(self.info, writer);
    }
}

impl fmt::Display for HeartbeatAck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HEARTBEAT-ACK len={}", self.info.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0x05, 0x00, 0x00, 0x2c, 0x00, 0x01, 0x00, 0x28, 0xad, 0x24, 0x36, 0x60, 0x37, 0x26, 0x07,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7b, 0x10, 0x00, 0x00, 0x01, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];

    #[test]
    fn captured_chunks_are_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let ack = HeartbeatAck::parse(raw).unwrap();
        assert_eq!(ack.info, &CAPTURED[8..]);
        assert_eq!(ack.to_string(), "HEARTBEAT-ACK len=36");
        let mut written = Vec::new();
        ack.write(&mut written);
        assert_eq!(written, CAPTURED);

        written.clear();
        Heartbeat { info: ack.info }.write(&mut written);
        assert_eq!(written[0], kind::HEARTBEAT);
        assert_eq!(written[1..], CAPTURED[1..]);
    }

    #[test]
    fn a_heartbeat_without_information_is_an_error() {
        let (raw, _) = RawChunk::parse(&[4, 0, 0, 8, 0, 2, 0, 4]).unwrap();
        assert_eq!(
            Heartbeat::parse(raw),
            Err(ParseError::MissingParameter("heartbeat information"))
        );
    }
}
