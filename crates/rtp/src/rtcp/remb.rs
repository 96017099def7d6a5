//! Receiver estimated maximum bitrate: draft-alvestrand-rmcat-remb-03, section 2.2.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Unique identifier 'R' 'E' 'M' 'B'                            |
//! |  Num SSRC     | BR Exp    |  BR Mantissa                      |
//! |   SSRC feedback ...                                           |
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

use gannet_wire::Reader;

use super::{ParseRtcpError, RtcpWriter, packet_type};
use crate::packet::Csrcs;

pub(super) const FORMAT: u8 = 15;

const NAME: [u8; 4] = *b"REMB";

/// Whether an application layer feedback message (PSFB 15) is this one.
pub(super) fn is_remb(body: &[u8]) -> bool {
    body.get(8..12) == Some(&NAME[..])
}

/// How much a receiver believes that it can receive.
#[derive(Clone, Copy, Debug)]
pub struct Remb<'a> {
    /// Who says so.
    pub sender_ssrc: u32,
    /// Bits a second over all streams; it saturates.
    pub bitrate: u64,
    ssrcs: &'a [u8],
}

impl<'a> Remb<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sender_ssrc = reader.u32("packet sender")?;
        reader.u32("media source")?;
        reader.u32("REMB name")?;
        let bits = reader.u32("REMB bitrate")?;
        let (exponent, mantissa) = (bits >> 18 & 0x3f, u64::from(bits & 0x3_ffff));
        let count = usize::from((bits >> 24) as u8);
        let ssrcs = reader.take(count.wrapping_mul(4), "REMB sources")?;
        Ok(Self {
            sender_ssrc,
            bitrate: saturating_scale(mantissa, exponent),
            ssrcs,
        })
    }

    /// The streams that share the bitrate, at most 255.
    #[must_use]
    pub const fn ssrcs(&self) -> Csrcs<'a> {
        Csrcs::new(self.ssrcs)
    }
}

/// `mantissa` times two to the `exponent`, which is below 64.
pub(super) const fn saturating_scale(mantissa: u64, exponent: u32) -> u64 {
    if mantissa != 0 && exponent > mantissa.leading_zeros() {
        return u64::MAX;
    }
    mantissa << (exponent & 63)
}

/// The exponent and the mantissa of `bits` bits that are nearest to `value` from below.
pub(super) const fn split_scale(value: u64, bits: u32) -> (u32, u32) {
    let width = 64_u32.saturating_sub(value.leading_zeros());
    let exponent = width.saturating_sub(bits);
    (exponent, (value >> exponent & 0xffff_ffff) as u32)
}

impl RtcpWriter<'_> {
    /// Appends a bitrate for the first 255 of `ssrcs`. Its mantissa has 18 bits.
    pub fn remb(&mut self, sender_ssrc: u32, bitrate: u64, ssrcs: &[u32]) {
        let ssrcs = ssrcs.get(..255).unwrap_or(ssrcs);
        let (exponent, mantissa) = split_scale(bitrate, 18);
        let count = u32::try_from(ssrcs.len()).unwrap_or(255);
        self.packet(packet_type::PSFB, FORMAT, |out| {
            out.u32(sender_ssrc);
            out.u32(0);
            out.bytes(&NAME);
            out.u32(count << 24 | exponent << 18 | mantissa);
            ssrcs.iter().for_each(|ssrc| out.u32(*ssrc));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    fn bitrate(bytes: &[u8]) -> (u64, Vec<u32>) {
        match packets(bytes).next() {
            Some(Ok(RtcpPacket::Remb(remb))) => (remb.bitrate, remb.ssrcs().collect()),
            other => panic!("no REMB: {other:?}"),
        }
    }

    #[test]
    fn exponent_and_mantissa() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).remb(1, 1_000_000, &[5, 6]);
        assert_eq!(bytes[12..16], *b"REMB");
        // 1,000,000 is 250,000 times four.
        assert_eq!(bytes[16..20], [2, 2 << 2 | 3, 0xd0, 0x90]);
        assert_eq!(bitrate(&bytes), (1_000_000, vec![5, 6]));
        for value in [0, 1, 0x3_ffff, 0x4_0000, u64::MAX] {
            bytes.clear();
            RtcpWriter::new(&mut bytes).remb(1, value, &[]);
            let (read, _) = bitrate(&bytes);
            assert!(
                read <= value && value - read <= value >> 17,
                "{value} {read}"
            );
        }
    }

    #[test]
    fn the_largest_bitrate_saturates() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).remb(1, 0, &[]);
        bytes[16..20].copy_from_slice(&[0, 0xff, 0xff, 0xff]);
        assert_eq!(bitrate(&bytes).0, u64::MAX);
    }

    #[test]
    fn other_application_feedback_is_unknown() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).remb(1, 0, &[]);
        bytes[12] = b'X';
        let packet = packets(&bytes).next().unwrap();
        assert!(matches!(
            packet,
            Ok(RtcpPacket::Unknown {
                packet_type: 206,
                count: 15,
                ..
            })
        ));
    }
}
