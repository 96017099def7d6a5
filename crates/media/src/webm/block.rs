//! Blocks and their lacing (RFC 9559, sections 10.1 to 10.3).

use super::{WebmReadError, ebml::Octets};

/// A parsed SimpleBlock or Block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) track: u64,
    /// In ticks, relative to the cluster.
    pub(super) timestamp: i16,
    /// Only meaningful in a SimpleBlock.
    pub(super) is_keyframe: bool,
    pub(super) frames: Vec<&'a [u8]>,
}

const FLAG_KEYFRAME: u8 = 0x80;

impl<'a> Block<'a> {
    pub(super) fn read(data: &'a [u8]) -> Result<Self, WebmReadError> {
        let mut octets = Octets(data);
        let track = octets.known_vint("block")?;
        let timestamp = octets.take(2, "block")?;
        let timestamp = i16::from_be_bytes([timestamp[0], timestamp[1]]);
        let flags = octets.octet("block")?;
        let malformed = WebmReadError::Block { track };
        let frames = match flags >> 1 & 3 {
            0 => Some(vec![octets.0]),
            1 => xiph(octets),
            2 => fixed(octets),
            _ => ebml(octets),
        };
        Ok(Self {
            track,
            timestamp,
            is_keyframe: flags & FLAG_KEYFRAME != 0,
            frames: frames.ok_or(malformed)?,
        })
    }

    /// The head of a SimpleBlock without lacing. `track` is at most 126.
    pub(super) fn head(track: u8, timestamp: i16, is_keyframe: bool) -> [u8; 4] {
        let [high, low] = timestamp.to_be_bytes();
        let flags = if is_keyframe { FLAG_KEYFRAME } else { 0 };
        [0x80 | track, high, low, flags]
    }
}

fn frame_count(octets: &mut Octets<'_>) -> Option<usize> {
    Some(usize::from(octets.octet("lacing").ok()?) + 1)
}

fn split<'a>(mut octets: Octets<'a>, sizes: &[u64]) -> Option<Vec<&'a [u8]>> {
    let mut frames = Vec::with_capacity(sizes.len() + 1);
    for size in sizes {
        frames.push(octets.take(*size, "lacing").ok()?);
    }
    frames.push(octets.0);
    Some(frames)
}

fn xiph(mut octets: Octets<'_>) -> Option<Vec<&[u8]>> {
    let count = frame_count(&mut octets)?;
    let mut sizes = Vec::with_capacity(count);
    for _ in 1..count {
        let mut size = 0;
        loop {
            let octet = octets.octet("lacing").ok()?;
            size += u64::from(octet);
            if octet != 255 {
                break;
            }
        }
        sizes.push(size);
    }
    split(octets, &sizes)
}

fn fixed(mut octets: Octets<'_>) -> Option<Vec<&[u8]>> {
    let count = frame_count(&mut octets)?;
    if octets.0.is_empty() || !octets.0.len().is_multiple_of(count) {
        return None;
    }
    Some(octets.0.chunks(octets.0.len() / count).collect())
}

fn ebml(mut octets: Octets<'_>) -> Option<Vec<&[u8]>> {
    let count = frame_count(&mut octets)?;
    let mut sizes = Vec::with_capacity(count);
    for _ in 1..count {
        let (value, length) = octets.vint("lacing").ok()?;
        let value = i64::try_from(value?).ok()?;
        let size = match sizes.last() {
            None => value,
            Some(previous) => {
                // Differences are centred in the range of their length.
                let bias = (1i64 << (7 * length - 1)) - 1;
                i64::try_from(*previous).ok()?.checked_add(value - bias)?
            }
        };
        sizes.push(u64::try_from(size).ok()?);
    }
    split(octets, &sizes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(lacing: u8, rest: &[u8]) -> Option<Vec<usize>> {
        let data = [&[0x81, 0, 5, 0x80 | lacing << 1], rest].concat();
        let block = Block::read(&data).ok()?;
        assert_eq!(
            (block.track, block.timestamp, block.is_keyframe),
            (1, 5, true)
        );
        Some(block.frames.iter().map(|frame| frame.len()).collect())
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 9559, section 10.3.2 and 10.3.3: frames of 800, 500 and 1000 octets.
        let body = vec![7; 2_300];
        let xiph = [&[2, 255, 255, 255, 35, 255, 245][..], &body].concat();
        assert_eq!(frames(1, &xiph), Some(vec![800, 500, 1_000]));
        let ebml = [&[2, 0x43, 0x20, 0x5E, 0xD3][..], &body].concat();
        assert_eq!(frames(3, &ebml), Some(vec![800, 500, 1_000]));
        // Section 10.3.4: three frames of 800.
        let fixed = [&[2][..], &vec![7; 2_400]].concat();
        assert_eq!(frames(2, &fixed), Some(vec![800; 3]));
        assert_eq!(frames(0, &body), Some(vec![2_300]));
    }

    #[test]
    fn sizes_that_do_not_add_up_are_refused() {
        assert_eq!(frames(1, &[1, 5, 0]), None);
        assert_eq!(frames(1, &[1, 255]), None);
        assert_eq!(frames(2, &[1, 0, 0, 0]), None);
        assert_eq!(frames(2, &[3]), None);
        // A difference that goes below zero, and an unknown size.
        assert_eq!(frames(3, &[2, 0x81, 0x80, 0, 0, 0]), None);
        assert_eq!(frames(3, &[1, 0xFF, 0, 0]), None);
        assert!(Block::read(&[0x81, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn frames_are_within_the_block(data in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(block) = Block::read(&data) {
                let length: usize = block.frames.iter().map(|frame| frame.len()).sum();
                prop_assert!(length < data.len() && block.frames.len() <= 256);
            }
        }
    }
}
