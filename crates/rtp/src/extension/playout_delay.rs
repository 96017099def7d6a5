//! How long the receiver may hold a frame back: playout-delay.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::time::Duration;

use super::{ExtensionKind, HeaderExtension};

/// Bounds of the delay between capture and display. 12 bits each, in steps of 10 ms (up to 40.95 s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// No sooner than this.
    pub min: Duration,
    /// No later than this, if that can be.
    pub max: Duration,
}

impl HeaderExtension<'_> for PlayoutDelay {
    const KIND: ExtensionKind = ExtensionKind::PlayoutDelay;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let [a, b, c] = *<&[u8; 3]>::try_from(value).ok()?;
        let bits = u32::from_be_bytes([0, a, b, c]);
        let steps = |steps: u32| Duration::from_millis(u64::from(steps).wrapping_mul(10));
        let (min, max) = (bits >> 12, bits & 0xfff);
        (min <= max).then(|| Self {
            min: steps(min),
            max: steps(max),
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let steps =
            |time: Duration| u32::try_from(time.as_millis() / 10).map_or(0xfff, |s| s.min(0xfff));
        let [_, a, b, c] = (steps(self.min) << 12 | steps(self.max)).to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn steps_of_ten_milliseconds() {
        let delay = PlayoutDelay {
            min: Duration::from_millis(10),
            max: Duration::from_millis(40_950),
        };
        round_trip(&delay, &[0x00, 0x1f, 0xff]);
        assert_eq!(PlayoutDelay::parse(&[0xff, 0xf0, 0]), None, "max below min");
    }
}
