//! SACK.

use std::fmt;

use gannet_wire::{Reader, Serial32, Writer};

use super::{ParseError, RawChunk, WriteChunk, kind};

/// Selective acknowledgement (RFC 9260, section 3.3.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 3    |  Chunk Flags  |         Chunk Length          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Cumulative TSN Ack                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Advertised Receiver Window Credit (a_rwnd)           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Number of Gap Ack Blocks = N  |  Number of Duplicate TSNs = M |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Gap Ack Block #1 Start     |     Gap Ack Block #1 End      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                              ...                              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Duplicate TSN 1                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                              ...                              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sack<'a> {
    /// Everything up to this TSN has arrived.
    pub cumulative_tsn_ack: Serial32,
    /// The room of the receiver in bytes.
    pub a_rwnd: u32,
    /// What has arrived behind the first gap.
    pub gap_blocks: GapBlocks<'a>,
    /// What has arrived more than once since the last SACK.
    pub duplicates: DuplicateTsns<'a>,
}

/// A run of TSNs that have arrived, as distances from the cumulative TSN ack; both ends count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapBlock {
    /// The first one.
    pub start: u16,
    /// The last one.
    pub end: u16,
}

/// The gap blocks of a [`Sack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapBlocks<'a>(List<'a, GapBlock>);

/// The duplicate TSNs of a [`Sack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateTsns<'a>(List<'a, Serial32>);

/// Four-byte elements: on the wire, or not there yet.
#[derive(Clone, Copy, Debug)]
enum List<'a, T> {
    Wire(&'a [u8]),
    Owned(&'a [T]),
}

impl<T> List<'_, T> {
    const fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len() / 4,
            Self::Owned(items) => items.len(),
        }
    }

    const fn wire(&self) -> &[u8] {
        match self {
            Self::Wire(bytes) => bytes,
            Self::Owned(_) => &[],
        }
    }

    const fn owned(&self) -> &[T] {
        match self {
            Self::Wire(_) => &[],
            Self::Owned(items) => items,
        }
    }
}

impl<T: PartialEq + Copy + FromWord> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: PartialEq + Copy + FromWord> Eq for List<'_, T> {}

impl<T: Copy + FromWord> List<'_, T> {
    fn iter(&self) -> impl Iterator<Item = T> + '_ {
        let wire = self.wire().as_chunks::<4>().0.iter();
        wire.map(|word| T::from_word(*word))
            .chain(self.owned().iter().copied())
    }
}

/// An element of a list on the wire.
trait FromWord {
    fn from_word(word: [u8; 4]) -> Self;
}

impl FromWord for GapBlock {
    fn from_word([a, b, c, d]: [u8; 4]) -> Self {
        Self {
            start: u16::from_be_bytes([a, b]),
            end: u16::from_be_bytes([c, d]),
        }
    }
}

impl FromWord for Serial32 {
    fn from_word(word: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(word))
    }
}

impl<'a> GapBlocks<'a> {
    /// Blocks to be sent.
    #[must_use]
    pub const fn new(blocks: &'a [GapBlock]) -> Self {
        Self(List::Owned(blocks))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The blocks as they were sent: they may be out of order, overlap, or end before they start.
    pub fn iter(&self) -> impl Iterator<Item = GapBlock> + '_ {
        self.0.iter()
    }
}

impl<'a> DuplicateTsns<'a> {
    /// TSNs to be sent.
    #[must_use]
    pub const fn new(tsns: &'a [Serial32]) -> Self {
        Self(List::Owned(tsns))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The TSNs as they were sent.
    pub fn iter(&self) -> impl Iterator<Item = Serial32> + '_ {
        self.0.iter()
    }
}

impl<'a> Sack<'a> {
    /// The length of the chunk in front of its lists in bytes.
    pub const HEADER_LEN: usize = 16;

    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        let cumulative_tsn_ack = Serial32(reader.u32("SACK cumulative TSN ack")?);
        let a_rwnd = reader.u32("SACK a_rwnd")?;
        let blocks = usize::from(reader.u16("SACK number of gap ack blocks")?);
        let duplicates = usize::from(reader.u16("SACK number of duplicate TSNs")?);
        let blocks = reader.take(blocks.saturating_mul(4), "SACK gap ack blocks")?;
        let duplicates = reader.take(duplicates.saturating_mul(4), "SACK duplicate TSNs")?;
        Ok(Self {
            cumulative_tsn_ack,
            a_rwnd,
            gap_blocks: GapBlocks(List::Wire(blocks)),
            duplicates: DuplicateTsns(List::Wire(duplicates)),
        })
    }
}

impl WriteChunk for Sack<'_> {
    fn kind(&self) -> u8 {
        kind::SACK
    }

    fn value_len(&self) -> usize {
        self.gap_blocks
            .len()
            .saturating_add(self.duplicates.len())
            .saturating_mul(4)
            .saturating_add(12)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.u32(self.cumulative_tsn_ack.0);
        writer.u32(self.a_rwnd);
        writer.u16(u16::try_from(self.gap_blocks.len()).unwrap_or(u16::MAX));
        writer.u16(u16::try_from(self.duplicates.len()).unwrap_or(u16::MAX));
        for block in self.gap_blocks.iter() {
            writer.u16(block.start);
            writer.u16(block.end);
        }
        for tsn in self.duplicates.iter() {
            writer.u32(tsn.0);
        }
    }
}

impl fmt::Display for Sack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SACK cum={} a_rwnd={}",
            self.cumulative_tsn_ack, self.a_rwnd
        )?;
        for block in self.gap_blocks.iter() {
            let start = self.cumulative_tsn_ack.plus(u32::from(block.start));
            let end = self.cumulative_tsn_ack.plus(u32::from(block.end));
            write!(f, " gap={start}-{end}")?;
        }
        for tsn in self.duplicates.iter() {
            write!(f, " dup={tsn}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0x03, 0x00, 0x00, 0x1c, 0x36, 0x9d, 0xd0, 0x0b, 0x00, 0x01, 0xed, 0x73, 0x00, 0x02, 0x00,
        0x01, 0x00, 0x02, 0x00, 0x06, 0x00, 0x08, 0x00, 0x08, 0x36, 0x9d, 0xd0, 0x11,
    ];

    #[test]
    fn a_captured_chunk_is_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let sack = Sack::parse(raw).unwrap();
        assert_eq!(
            sack.to_string(),
            "SACK cum=916312075 a_rwnd=126323 gap=916312077-916312081 \
             gap=916312083-916312083 dup=916312081"
        );
        let mut written = Vec::new();
        sack.write(&mut written);
        assert_eq!(written, CAPTURED);
    }

    #[test]
    fn counts_beyond_the_chunk_are_errors() {
        let mut bytes = CAPTURED.to_vec();
        bytes[13] = 3;
        let (raw, _) = RawChunk::parse(&bytes).unwrap();
        let error = Sack::parse(raw).unwrap_err().to_string();
        assert!(
            error.starts_with("SACK duplicate TSNs at byte 24 is truncated"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            cum: u32, a_rwnd: u32,
            blocks in prop::collection::vec((any::<u16>(), any::<u16>()), 0..20),
            duplicates in prop::collection::vec(any::<u32>(), 0..20),
        ) {
            let blocks: Vec<_> =
                blocks.into_iter().map(|(start, end)| GapBlock { start, end }).collect();
            let duplicates: Vec<_> = duplicates.into_iter().map(Serial32).collect();
            let sack = Sack {
                cumulative_tsn_ack: Serial32(cum), a_rwnd,
                gap_blocks: GapBlocks::new(&blocks), duplicates: DuplicateTsns::new(&duplicates),
            };
            let mut written = Vec::new();
            sack.write(&mut written);
            let (raw, _) = RawChunk::parse(&written).unwrap();
            prop_assert_eq!(Sack::parse(raw).unwrap(), sack);
        }
    }
}
