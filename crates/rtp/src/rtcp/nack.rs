//! Generic negative acknowledgements: RFC 4585, section 6.2.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            PID                |             BLP               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::{Reader, Serial16};

use super::{ParseRtcpError, RtcpWriter, packet_type, whole_entries, word};

pub(super) const FORMAT: u8 = 1;

/// A negative acknowledgement: packets that the receiver misses.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender_ssrc: u32,
    /// Whose they are.
    pub media_ssrc: u32,
    entries: &'a [u8],
}

impl<'a> Nack<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            sender_ssrc: reader.u32("packet sender")?,
            media_ssrc: reader.u32("media source")?,
            entries: whole_entries(reader, 4, "NACK entries")?,
        })
    }

    /// The pairs of packet identifier and bitmask of the 16 packets behind it.
    pub fn entries(&self) -> impl Iterator<Item = (Serial16, u16)> + use<'a> {
        self.entries.chunks_exact(4).map(|entry| {
            let bits = word(entry, 0);
            (Serial16((bits >> 16) as u16), (bits & 0xffff) as u16)
        })
    }

    /// The missing sequence numbers, 17 at most for each entry.
    pub fn sequence_numbers(&self) -> impl Iterator<Item = Serial16> + use<'a> {
        self.entries().flat_map(|(first, mask)| {
            let behind = (0..16)
                .filter(move |bit| mask >> bit & 1 != 0)
                .map(move |bit| first.plus(bit).next());
            std::iter::once(first).chain(behind)
        })
    }
}

impl RtcpWriter<'_> {
    /// Appends a negative acknowledgement of `missing`, which should ascend. At most `max_entries` pairs
    /// are written; returns how many numbers they cover. Without any number nothing is written.
    pub fn nack(
        &mut self,
        sender_ssrc: u32,
        media_ssrc: u32,
        missing: impl IntoIterator<Item = Serial16>,
        max_entries: usize,
    ) -> usize {
        let mut missing = missing.into_iter().peekable();
        let mut covered = 0_usize;
        if missing.peek().is_none() || max_entries == 0 {
            return 0;
        }
        self.packet(packet_type::RTPFB, FORMAT, |out| {
            out.u32(sender_ssrc);
            out.u32(media_ssrc);
            for _ in 0..max_entries {
                let Some(first) = missing.next() else {
                    break;
                };
                covered = covered.saturating_add(1);
                let mut mask = 0_u16;
                while let Some(next) =
                    missing.next_if(|next| matches!(first.distance_to(*next), 1..=16))
                {
                    covered = covered.saturating_add(1);
                    let bit = next.0.wrapping_sub(first.0).wrapping_sub(1);
                    mask |= 1_u16.checked_shl(u32::from(bit)).unwrap_or(0);
                }
                out.u16(first.0);
                out.u16(mask);
            }
        });
        covered
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{RtcpPacket, packets};
    use super::*;

    fn read(bytes: &[u8]) -> Vec<u16> {
        match packets(bytes).next() {
            Some(Ok(RtcpPacket::Nack(nack))) => nack.sequence_numbers().map(|s| s.0).collect(),
            other => panic!("no NACK: {other:?}"),
        }
    }

    #[test]
    fn pairs_of_number_and_mask() {
        let mut bytes = Vec::new();
        let missing = [65535, 0, 15, 16, 100].map(Serial16);
        let covered = RtcpWriter::new(&mut bytes).nack(1, 2, missing, 10);
        assert_eq!(covered, 5);
        let expected = [
            0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0x80, 0x01, 0, 16, 0, 0, 0, 100,
            0, 0,
        ];
        assert_eq!(bytes, expected);
        assert_eq!(read(&bytes), [65535, 0, 15, 16, 100]);
    }

    #[test]
    fn entries_are_limited() {
        let mut bytes = Vec::new();
        let missing = [0, 100, 200].map(Serial16);
        assert_eq!(RtcpWriter::new(&mut bytes).nack(1, 2, missing, 2), 2);
        assert_eq!(read(&bytes), [0, 100]);
        bytes.clear();
        assert_eq!(RtcpWriter::new(&mut bytes).nack(1, 2, [], 2), 0);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_cut_entry_is_an_error() {
        let bytes = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0];
        assert!(packets(&bytes).next().unwrap().is_err());
    }

    proptest! {
        #[test]
        fn every_number_comes_back(start: u16, steps in prop::collection::vec(1_u16..40, 1..60)) {
            let mut at = Serial16(start);
            let missing: Vec<_> = steps.iter().map(|step| { at = at.plus(*step); at }).collect();
            let mut bytes = Vec::new();
            RtcpWriter::new(&mut bytes).nack(1, 2, missing.iter().copied(), 1000);
            prop_assert_eq!(read(&bytes), missing.iter().map(|s| s.0).collect::<Vec<_>>());
        }
    }
}
