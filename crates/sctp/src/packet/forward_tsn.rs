//! FORWARD TSN.

use std::fmt;

use gannet_wire::{Reader, Serial16, Serial32, Writer};

use super::{ParseError, RawChunk, WriteChunk, kind};
use crate::StreamId;

/// A message that an ordered stream does not wait for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedStream {
    /// The stream.
    pub stream: StreamId,
    /// The last message that is skipped.
    pub ssn: Serial16,
}

/// The streams of a [`ForwardTsn`]: on the wire, or to be sent.
#[derive(Clone, Copy, Debug)]
pub enum SkippedStreams<'a> {
    /// Received bytes, four for each stream.
    Wire(&'a [u8]),
    /// To be sent.
    Owned(&'a [SkippedStream]),
}

impl SkippedStreams<'_> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len() / 4,
            Self::Owned(streams) => streams.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The streams.
    pub fn iter(&self) -> impl Iterator<Item = SkippedStream> + '_ {
        let (wire, owned): (&[u8], &[SkippedStream]) = match self {
            Self::Wire(bytes) => (bytes, &[]),
            Self::Owned(streams) => (&[], streams),
        };
        let wire = wire.as_chunks::<4>().0.iter();
        wire.map(|&[a, b, c, d]| SkippedStream {
            stream: StreamId(u16::from_be_bytes([a, b])),
            ssn: Serial16(u16::from_be_bytes([c, d])),
        })
        .chain(owned.iter().copied())
    }
}

impl PartialEq for SkippedStreams<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SkippedStreams<'_> {}

/// The receiver need not wait for anything up to a TSN (RFC 3758, section 3.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 192  |  Flags = 0x00 |        Length = Variable      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      New Cumulative TSN                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Stream-1              |       Stream Sequence-1       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                              ...                              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    /// Everything up to this TSN counts as arrived.
    pub new_cumulative_tsn: Serial32,
    /// The ordered streams in which messages are skipped.
    pub streams: SkippedStreams<'a>,
}

impl<'a> ForwardTsn<'a> {
    /// The length of the chunk in front of its streams in bytes.
    pub const HEADER_LEN: usize = 8;

    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        Ok(Self {
            new_cumulative_tsn: Serial32(reader.u32("FORWARD TSN new cumulative TSN")?),
            streams: SkippedStreams::Wire(reader.rest()),
        })
    }
}

impl WriteChunk for ForwardTsn<'_> {
    fn kind(&self) -> u8 {
        kind::FORWARD_TSN
    }

    fn value_len(&self) -> usize {
        self.streams.len().saturating_mul(4).saturating_add(4)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.u32(self.new_cumulative_tsn.0);
        for skipped in self.streams.iter() {
            writer.u16(skipped.stream.0);
            writer.u16(skipped.ssn.0);
        }
    }
}

impl fmt::Display for ForwardTsn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FORWARD-TSN cum={}", self.new_cumulative_tsn)?;
        for skipped in self.streams.iter() {
            write!(f, " sid={} ssn={}", skipped.stream, skipped.ssn)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[0xc0, 0x00, 0x00, 0x08, 0x71, 0x97, 0x6b, 0x2a];

    #[test]
    fn a_captured_chunk_is_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let chunk = ForwardTsn::parse(raw).unwrap();
        assert_eq!(chunk.to_string(), "FORWARD-TSN cum=1905748778");
        let mut written = Vec::new();
        chunk.write(&mut written);
        assert_eq!(written, CAPTURED);
    }

    #[test]
    fn what_is_written_is_parsed_back() {
        let streams = [(1, 23), (42, 65535)].map(|(stream, ssn)| SkippedStream {
            stream: StreamId(stream),
            ssn: Serial16(ssn),
        });
        let chunk = ForwardTsn {
            new_cumulative_tsn: Serial32(123),
            streams: SkippedStreams::Owned(&streams),
        };
        let mut written = Vec::new();
        chunk.write(&mut written);
        let (raw, _) = RawChunk::parse(&written).unwrap();
        assert_eq!(ForwardTsn::parse(raw).unwrap(), chunk);
        assert_eq!(
            chunk.to_string(),
            "FORWARD-TSN cum=123 sid=1 ssn=23 sid=42 ssn=65535"
        );
    }
}
