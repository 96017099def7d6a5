//! Send times: abs-send-time, and the transmission offset of RFC 5450.
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
use crate::clock::NtpTime;

/// When a packet left its sender: the middle 24 bits of NTP time, 6 bits of seconds and 18 of fraction
/// (3.8 us). It wraps every 64 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsoluteSendTime(
    /// 24 bits.
    pub u32,
);

impl AbsoluteSendTime {
    /// How long the number space lasts.
    pub const TURN: Duration = Duration::from_secs(64);

    /// The middle of an NTP time.
    #[inline]
    #[must_use]
    pub const fn from_ntp(time: NtpTime) -> Self {
        Self((time.0 >> 14 & 0x00ff_ffff) as u32)
    }

    /// The time within the turn, 0 to 64 s.
    #[inline]
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(((self.0 & 0x00ff_ffff) as u64).wrapping_mul(1_000_000_000) >> 18)
    }
}

impl HeaderExtension<'_> for AbsoluteSendTime {
    const KIND: ExtensionKind = ExtensionKind::AbsoluteSendTime;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let [a, b, c] = *<&[u8; 3]>::try_from(value).ok()?;
        Some(Self(u32::from_be_bytes([0, a, b, c])))
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let [_, a, b, c] = self.0.to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
}

/// How much later than its timestamp a packet left, in units of the RTP clock (RFC 5450, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmissionOffset(
    /// A signed 24-bit number.
    pub i32,
);

impl HeaderExtension<'_> for TransmissionOffset {
    const KIND: ExtensionKind = ExtensionKind::TransmissionOffset;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let [a, b, c] = *<&[u8; 3]>::try_from(value).ok()?;
        Some(Self(i32::from_be_bytes([a, b, c, 0]) >> 8))
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let clamped = self.0.clamp(-0x80_0000, 0x7f_ffff);
        let [_, a, b, c] = clamped.to_be_bytes();
        out.extend_from_slice(&[a, b, c]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn six_bits_of_seconds_eighteen_of_fraction() {
        let time = AbsoluteSendTime::from_ntp(NtpTime((65 << 32) | 0x8000_0000));
        assert_eq!(time, AbsoluteSendTime((1 << 18) | (1 << 17)));
        assert_eq!(time.as_duration(), Duration::from_millis(1500));
        round_trip(&time, &[6, 0, 0]);
        assert_eq!(AbsoluteSendTime::parse(&[0; 4]), None);
    }

    #[test]
    fn offsets_have_a_sign() {
        round_trip(&TransmissionOffset(-1), &[0xff, 0xff, 0xff]);
        round_trip(&TransmissionOffset(0x12_3456), &[0x12, 0x34, 0x56]);
    }
}
