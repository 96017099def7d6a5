//! I-FORWARD-TSN.

use std::fmt;

use gannet_wire::{Reader, Serial32, Writer};

use super::{ParseError, RawChunk, WriteChunk, kind};
use crate::StreamId;

/// A message that its receiver does not wait for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedMessage {
    /// The stream.
    pub stream: StreamId,
    /// Whether it is an unordered message.
    pub unordered: bool,
    /// The last message that is skipped.
    pub mid: Serial32,
}

/// The messages of an [`IForwardTsn`]: on the wire, or to be sent.
#[derive(Clone, Copy, Debug)]
pub enum SkippedMessages<'a> {
    /// Received bytes, eight for each message.
    Wire(&'a [u8]),
    /// To be sent.
    Owned(&'a [SkippedMessage]),
}

impl SkippedMessages<'_> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len() / 8,
            Self::Owned(messages) => messages.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The messages.
    pub fn iter(&self) -> impl Iterator<Item = SkippedMessage> + '_ {
        let (wire, owned): (&[u8], &[SkippedMessage]) = match self {
            Self::Wire(bytes) => (bytes, &[]),
            Self::Owned(messages) => (&[], messages),
        };
        let wire = wire.as_chunks::<8>().0.iter();
        wire.map(|&[a, b, _, flags, m0, m1, m2, m3]| SkippedMessage {
            stream: StreamId(u16::from_be_bytes([a, b])),
            unordered: flags & 1 != 0,
            mid: Serial32(u32::from_be_bytes([m0, m1, m2, m3])),
        })
        .chain(owned.iter().copied())
    }
}

impl PartialEq for SkippedMessages<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SkippedMessages<'_> {}

/// The receiver need not wait for anything up to a TSN (RFC 8260, section 2.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 194  | Flags = 0x00  |      Length = Variable        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       New Cumulative TSN                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       Stream Identifier       |          Reserved           |U|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Message Identifier                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                              ...                              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IForwardTsn<'a> {
    /// Everything up to this TSN counts as arrived.
    pub new_cumulative_tsn: Serial32,
    /// The messages that are skipped, the last one of each stream and order.
    pub messages: SkippedMessages<'a>,
}

impl<'a> IForwardTsn<'a> {
    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        Ok(Self {
            new_cumulative_tsn: Serial32(reader.u32("I-FORWARD-TSN new cumulative TSN")?),
            messages: SkippedMessages::Wire(reader.rest()),
        })
    }
}

impl WriteChunk for IForwardTsn<'_> {
    fn kind(&self) -> u8 {
        kind::I_FORWARD_TSN
    }

    fn value_len(&self) -> usize {
        self.messages.len().saturating_mul(8).saturating_add(4)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.u32(self.new_cumulative_tsn.0);
        for skipped in self.messages.iter() {
            writer.u16(skipped.stream.0);
            writer.u16(u16::from(skipped.unordered));
            writer.u32(skipped.mid.0);
        }
    }
}

impl fmt::Display for IForwardTsn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I-FORWARD-TSN cum={}", self.new_cumulative_tsn)?;
        for skipped in self.messages.iter() {
            let order = if skipped.unordered { "u" } else { "" };
            write!(f, " sid={} {order}mid={}", skipped.stream, skipped.mid)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0xc2, 0x00, 0x00, 0x10, 0xb8, 0x74, 0x52, 0xec, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x02,
    ];

    #[test]
    fn a_captured_chunk_is_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let chunk = IForwardTsn::parse(raw).unwrap();
        assert_eq!(
            chunk.to_string(),
            "I-FORWARD-TSN cum=3094631148 sid=1 mid=2"
        );
        let mut written = Vec::new();
        chunk.write(&mut written);
        assert_eq!(written, CAPTURED);
    }

    #[test]
    fn what_is_written_is_parsed_back() {
        let messages =
            [(1, false, 23), (42, true, u32::MAX)].map(|(stream, unordered, mid)| SkippedMessage {
                stream: StreamId(stream),
                unordered,
                mid: Serial32(mid),
            });
        let chunk = IForwardTsn {
            new_cumulative_tsn: Serial32(123),
            messages: SkippedMessages::Owned(&messages),
        };
        let mut written = Vec::new();
        chunk.write(&mut written);
        let (raw, _) = RawChunk::parse(&written).unwrap();
        assert_eq!(IForwardTsn::parse(raw).unwrap(), chunk);
    }
}
