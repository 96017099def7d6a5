//! Goodbye: RFC 3550, section 6.6.
//!
//! ```text
//!       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!       |V=2|P|    SC   |   PT=BYE=203  |             length            |
//!       |                           SSRC/CSRC ...                       |
//!       +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! (opt) |     length    |               reason for leaving            ...
//!       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
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

/// Sources that leave.
#[derive(Clone, Copy, Debug)]
pub struct Bye<'a> {
    sources: &'a [u8],
    /// Why, in UTF-8 by the RFC; often empty.
    pub reason: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sources = reader.take(usize::from(count).wrapping_mul(4), "BYE sources")?;
        let reason = if reader.is_empty() {
            &[]
        } else {
            reader.prefixed_u8("BYE reason")?.rest()
        };
        Ok(Self { sources, reason })
    }

    /// The sources, at most 31.
    #[must_use]
    pub const fn sources(&self) -> Csrcs<'a> {
        Csrcs::new(self.sources)
    }
}

impl RtcpWriter<'_> {
    /// Appends a goodbye of the first 31 of `sources`. The reason is cut at 255 bytes; an empty one is
    /// left out.
    pub fn bye(&mut self, sources: &[u32], reason: &[u8]) {
        let (count, sources) = super::report::at_most_31(sources);
        self.packet(packet_type::BYE, count, |out| {
            sources.iter().for_each(|ssrc| out.u32(*ssrc));
            if !reason.is_empty() {
                let reason = reason.get(..255).unwrap_or(reason);
                out.prefixed_u8("BYE reason").bytes(reason);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    #[test]
    fn sources_and_a_reason() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).bye(&[7, 8], b"camera");
        assert_eq!(bytes[12..], *b"\x06camera\0");
        let Some(Ok(RtcpPacket::Bye(bye))) = packets(&bytes).next() else {
            panic!("no BYE");
        };
        assert_eq!(bye.sources().collect::<Vec<_>>(), [7, 8]);
        assert_eq!(bye.reason, b"camera");
    }

    #[test]
    fn without_sources_and_with_a_cut_reason() {
        let packet = packets(&[0x80, 203, 0, 0]).next().unwrap();
        assert!(matches!(packet, Ok(RtcpPacket::Bye(bye)) if bye.sources().len() == 0));
        assert!(
            packets(&[0x80, 203, 0, 1, 9, b'a', b'b', b'c'])
                .next()
                .unwrap()
                .is_err()
        );
        assert!(packets(&[0x81, 203, 0, 0]).next().unwrap().is_err());
    }
}
