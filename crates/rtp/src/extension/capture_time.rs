//! When media was captured: abs-capture-time.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use super::{ExtensionKind, HeaderExtension};
use crate::clock::NtpTime;

/// When the first sample or the picture of a packet was captured, by the capturer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsoluteCaptureTime {
    /// The capturer's time.
    pub capture_time: NtpTime,
    /// What to add to the sender's NTP clock to get the capturer's, in units of 2^-32 s, where the
    /// sender knows it.
    pub clock_offset: Option<i64>,
}

impl HeaderExtension<'_> for AbsoluteCaptureTime {
    const KIND: ExtensionKind = ExtensionKind::AbsoluteCaptureTime;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let (time, rest) = value.split_first_chunk::<8>()?;
        let clock_offset = match rest {
            [] => None,
            rest => Some(i64::from_be_bytes(rest.try_into().ok()?)),
        };
        Some(Self {
            capture_time: NtpTime(u64::from_be_bytes(*time)),
            clock_offset,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.capture_time.0.to_be_bytes());
        if let Some(offset) = self.clock_offset {
            out.extend_from_slice(&offset.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn short_and_long_form() {
        let mut time = AbsoluteCaptureTime {
            capture_time: NtpTime(0x0102_0304_0506_0708),
            clock_offset: None,
        };
        round_trip(&time, &[1, 2, 3, 4, 5, 6, 7, 8]);
        time.clock_offset = Some(-2);
        let bytes = [
            1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        ];
        round_trip(&time, &bytes);
        assert_eq!(AbsoluteCaptureTime::parse(&bytes[..9]), None);
        assert_eq!(AbsoluteCaptureTime::parse(&bytes[..7]), None);
    }
}
