//! What must be known of VP9 data before libvpx sees it: which frames it has, and how large they want to be.

/// The frames of a superframe (the bitstream's Annex B); all of it, if it is none.
pub(super) fn frames(data: &[u8]) -> Vec<&[u8]> {
    indexed(data).unwrap_or_else(|| vec![data])
}

/// The index stands at the end: a byte, the frames' lengths, and the same byte again.
fn indexed(data: &[u8]) -> Option<Vec<&[u8]>> {
    let marker = *data.last()?;
    if marker & 0xE0 != 0xC0 {
        return None;
    }
    let count = usize::from(marker & 7) + 1;
    let octets = usize::from(marker >> 3 & 3) + 1;
    let start = data.len().checked_sub(2 + count * octets)?;
    let (mut rest, index) = data.split_at_checked(start)?;
    let (first, lengths) = index.split_first()?;
    if *first != marker {
        return None;
    }
    let mut frames = Vec::with_capacity(count);
    for length in lengths.chunks_exact(octets).take(count) {
        let length = length
            .iter()
            .rev()
            .fold(0, |length, octet| length << 8 | usize::from(*octet));
        // One that is too long is libvpx's to refuse; what there is of it is looked at.
        let (frame, after) = rest.split_at(length.min(rest.len()));
        frames.push(frame);
        rest = after;
    }
    Some(frames)
}

/// The size that a frame names which refers to others, if it does not take that of one of them. Key frames and those
/// that refer to none are libvpx's to tell.
pub(super) fn size_beside_references(frame: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits { frame, at: 0 };
    if bits.take(2)? != 2 {
        return None;
    }
    let profile = bits.take(1)? | bits.take(1)? << 1;
    if profile == 3 {
        bits.take(1)?;
    }
    let shows_existing = bits.take(1)?;
    let is_inter = bits.take(1)?;
    if shows_existing == 1 || is_inter == 0 {
        return None;
    }
    let (is_shown, is_resilient) = (bits.take(1)?, bits.take(1)?);
    let is_intra_only = if is_shown == 1 { 0 } else { bits.take(1)? };
    if is_intra_only == 1 {
        return None;
    }
    if is_resilient == 0 {
        // reset_frame_context
        bits.take(2)?;
    }
    // refresh_frame_flags, and three references with a sign each.
    bits.take(8 + 3 * 4)?;
    for _ in 0..3 {
        if bits.take(1)? == 1 {
            return None;
        }
    }
    Some((bits.take(16)? + 1, bits.take(16)? + 1))
}

struct Bits<'a> {
    frame: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let octet = *self.frame.get(self.at / 8)?;
            value = value << 1 | u32::from(octet >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers in so many bits each.
    pub(in crate::vpx) fn written(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = Vec::new();
        for (value, count) in fields {
            bits.extend((0..*count).rev().map(|bit| (value >> bit & 1) as u8));
        }
        let octet = |bits: &[u8]| {
            let value = bits.iter().fold(0, |value, bit| value << 1 | bit);
            value << (8 - bits.len())
        };
        bits.chunks(8).map(octet).collect()
    }

    pub(in crate::vpx) fn superframe(frames: &[&[u8]]) -> Vec<u8> {
        let marker = 0xC0 | 1 << 3 | (frames.len() as u8 - 1);
        let lengths = frames
            .iter()
            .map(|frame| (frame.len() as u16).to_le_bytes());
        let index = [
            &[marker],
            lengths.collect::<Vec<_>>().as_flattened(),
            &[marker],
        ]
        .concat();
        [frames.concat(), index].concat()
    }

    /// Shown, and nothing of the three references' sizes taken.
    pub(in crate::vpx) const INTER: [(u32, u32); 10] = [
        (2, 2),
        (0, 2),
        (0, 1),
        (1, 1),
        (1, 1),
        (0, 1),
        (0, 2),
        (1, 8),
        (0, 12),
        (0, 3),
    ];

    #[test]
    fn frames_are_found_by_the_index() {
        let whole = superframe(&[&[1, 2, 3], &[4], &[5, 6]]);
        assert_eq!(frames(&whole), [&[1, 2, 3][..], &[4], &[5, 6]]);
        assert_eq!(frames(&whole[1..]), [&[2, 3, 4][..], &[5], &[6]]);
        assert_eq!(frames(&[0x82, 0x49]), [&[0x82, 0x49]]);
        // What looks like an index and is none.
        for odd in [&[0xC9][..], &[0, 1, 0, 1, 0, 0xC9], &[]] {
            assert_eq!(frames(odd), [odd]);
        }
    }

    #[test]
    fn a_frame_may_name_its_size_or_take_that_of_a_reference() {
        let named = written(&[&INTER[..], &[(1919, 16), (1079, 16)]].concat());
        assert_eq!(size_beside_references(&named), Some((1920, 1080)));
        let mut taken = INTER;
        taken[9] = (0b010, 3);
        let taken = written(&[&taken[..], &[(1919, 16), (1079, 16)]].concat());
        assert_eq!(size_beside_references(&taken), None);
        // Hidden ones have one bit more, resilient ones two less.
        let mut hidden = INTER.to_vec();
        (hidden[4], hidden[5]) = ((0, 1), (1, 1));
        hidden[6] = (0, 1);
        let hidden = written(&[&hidden[..], &[(63, 16), (31, 16)]].concat());
        assert_eq!(size_beside_references(&hidden), Some((64, 32)));
        for length in 0..named.len() - 1 {
            assert_eq!(size_beside_references(&named[..length]), None);
        }
    }
}
