//! As much of an RTP or RTCP header as SRTP must know.

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

use crate::MalformedPacket;

/// The fixed part of an RTP header.
pub(crate) const FIXED_LEN: usize = 12;
/// The part of an RTCP packet that is never encrypted (RFC 3711, section 3.4).
pub(crate) const RTCP_CLEAR_LEN: usize = 8;

/// The "defined by profile" field of a header extension (RFC 8285, section 4.2 and 4.3; RFC 9335,
/// section 5).
pub(crate) const ONE_BYTE: u16 = 0xbede;
pub(crate) const TWO_BYTE: u16 = 0x1000;
pub(crate) const ENCRYPTED_ONE_BYTE: u16 = 0xc0de;
pub(crate) const ENCRYPTED_TWO_BYTE: u16 = 0xc2de;

/// Where the parts of an RTP packet are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) sequence_number: u16,
    pub(crate) ssrc: u32,
    /// How many bytes of CSRCs follow the fixed part.
    pub(crate) csrcs_len: usize,
    /// The extension's "defined by profile" field.
    pub(crate) extension: Option<u16>,
    /// Where the payload begins.
    pub(crate) len: usize,
}

impl RtpHeader {
    /// Reads the header at the start of `packet`.
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, MalformedPacket> {
        let truncated = |_| MalformedPacket::Truncated("RTP header");
        let mut reader = Reader::new(packet);
        let first = reader.u8("version").map_err(truncated)?;
        check_version(first)?;
        reader.u8("payload type").map_err(truncated)?;
        let sequence_number = reader.u16("sequence number").map_err(truncated)?;
        reader.u32("timestamp").map_err(truncated)?;
        let ssrc = reader.u32("SSRC").map_err(truncated)?;
        let csrcs_len = usize::from(first & 0x0f).saturating_mul(4);
        reader.take(csrcs_len, "CSRCs").map_err(truncated)?;
        let mut extension = None;
        if first & 0x10 != 0 {
            extension = Some(reader.u16("extension profile").map_err(truncated)?);
            let words = reader.u16("extension length").map_err(truncated)?;
            let len = usize::from(words).saturating_mul(4);
            reader
                .take(len, "extension")
                .map_err(|_| MalformedPacket::Truncated("header extension"))?;
        }
        Ok(Self {
            sequence_number,
            ssrc,
            csrcs_len,
            extension,
            len: packet.len().saturating_sub(reader.remaining()),
        })
    }

    /// Where the "defined by profile" field is, if there is an extension.
    pub(crate) fn extension_start(&self) -> usize {
        FIXED_LEN.saturating_add(self.csrcs_len)
    }
}

/// The sender's SSRC in the first packet of an RTCP compound.
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, MalformedPacket> {
    let truncated = |_| MalformedPacket::Truncated("RTCP header");
    let mut reader = Reader::new(packet);
    check_version(reader.u8("version").map_err(truncated)?)?;
    reader.take(3, "RTCP header").map_err(truncated)?;
    reader.u32("SSRC").map_err(truncated)
}

fn check_version(first: u8) -> Result<(), MalformedPacket> {
    match first >> 6 {
        2 => Ok(()),
        other => Err(MalformedPacket::Version(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Vec<u8> {
        let mut packet = vec![0x92, 96, 0x12, 0x34, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef];
        packet.extend([0, 0, 0, 7, 0, 0, 0, 8]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        packet.extend(b"payload");
        packet
    }

    #[test]
    fn a_header_with_everything() {
        let header = RtpHeader::parse(&packet()).unwrap();
        let expected = RtpHeader {
            sequence_number: 0x1234,
            ssrc: 0xdead_beef,
            csrcs_len: 8,
            extension: Some(ONE_BYTE),
            len: 28,
        };
        assert_eq!(header, expected);
        assert_eq!(header.extension_start(), 20);
    }

    #[test]
    fn truncated_headers() {
        let packet = packet();
        for len in 0..28 {
            let error = RtpHeader::parse(&packet[..len]).unwrap_err();
            assert!(matches!(error, MalformedPacket::Truncated(_)), "{len}");
        }
        assert!(RtpHeader::parse(&packet[..28]).is_ok(), "an empty payload");
        for len in 0..8 {
            assert!(rtcp_ssrc(&[0x80, 200, 0, 1, 0, 0, 0, 5][..len]).is_err());
        }
    }

    #[test]
    fn other_versions() {
        let mut other = packet();
        other[0] = 0x12;
        assert_eq!(RtpHeader::parse(&other), Err(MalformedPacket::Version(0)));
        assert_eq!(rtcp_ssrc(&[0xc0; 8]), Err(MalformedPacket::Version(3)));
    }
}
