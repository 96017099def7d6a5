//! Feedback about pictures: PLI and SLI (RFC 4585, sections 6.3.1 and 6.3.2), FIR (RFC 5104, section
//! 4.3.1), and LRR (the layer refresh request of AVTEXT).
//!
//! The entries of FIR and LRR:
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                              SSRC                             |
//! | Seq nr.       |    Reserved                                   |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |                              SSRC                             |
//! | Seq nr.       |C| Payload Type| Reserved                      |
//! | RES     | TTID| TLID          | RES     | CTID| CLID          |
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

use super::{ParseRtcpError, RtcpWriter, packet_type, whole_entries, word};

pub(super) const PLI: u8 = 1;
pub(super) const SLI: u8 = 2;
pub(super) const FIR: u8 = 4;
pub(super) const LRR: u8 = 10;

/// Picture loss indication: the decoder is lost and needs a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLossIndication {
    /// Who needs it.
    pub sender_ssrc: u32,
    /// From whom.
    pub media_ssrc: u32,
}

impl PictureLossIndication {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            sender_ssrc: reader.u32("packet sender")?,
            media_ssrc: reader.u32("media source")?,
        })
    }
}

/// Macroblocks that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceLoss {
    /// The first lost macroblock, 13 bits.
    pub first: u16,
    /// How many were lost, 13 bits.
    pub number: u16,
    /// The low 6 bits of the picture's number.
    pub picture_id: u8,
}

/// Slice loss indication.
#[derive(Clone, Copy, Debug)]
pub struct SliceLossIndication<'a> {
    /// Who lost them.
    pub sender_ssrc: u32,
    /// From whom.
    pub media_ssrc: u32,
    entries: &'a [u8],
}

impl<'a> SliceLossIndication<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            sender_ssrc: reader.u32("packet sender")?,
            media_ssrc: reader.u32("media source")?,
            entries: whole_entries(reader, 4, "SLI entries")?,
        })
    }

    /// What was lost.
    pub fn entries(&self) -> impl Iterator<Item = SliceLoss> + use<'a> {
        self.entries.chunks_exact(4).map(|entry| {
            let bits = word(entry, 0);
            SliceLoss {
                first: (bits >> 19) as u16,
                number: (bits >> 6 & 0x1fff) as u16,
                picture_id: (bits & 0x3f) as u8,
            }
        })
    }
}

/// One stream that shall send a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream.
    pub ssrc: u32,
    /// The command's number; the same number is the same command.
    pub sequence: u8,
}

/// Full intra request: a command to send a key frame, for reasons other than loss.
#[derive(Clone, Copy, Debug)]
pub struct FullIntraRequest<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    entries: &'a [u8],
}

impl<'a> FullIntraRequest<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sender_ssrc = reader.u32("packet sender")?;
        // Section 4.3.1.2: the media source is not used; the streams are in the entries.
        reader.u32("media source")?;
        let entries = whole_entries(reader, 8, "FIR entries")?;
        Ok(Self {
            sender_ssrc,
            entries,
        })
    }

    /// The streams.
    pub fn entries(&self) -> impl Iterator<Item = FirEntry> + use<'a> {
        self.entries.chunks_exact(8).map(|entry| FirEntry {
            ssrc: word(entry, 0),
            sequence: (word(entry, 4) >> 24) as u8,
        })
    }
}

/// One stream whose layers shall be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRefreshEntry {
    /// The stream.
    pub ssrc: u32,
    /// The command's number.
    pub sequence: u8,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The temporal and the spatial layer that is wanted.
    pub target: (u8, u8),
    /// The layers that the requester decodes already, if it says so.
    pub current: Option<(u8, u8)>,
}

/// Layer refresh request.
#[derive(Clone, Copy, Debug)]
pub struct LayerRefreshRequest<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    entries: &'a [u8],
}

impl<'a> LayerRefreshRequest<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sender_ssrc = reader.u32("packet sender")?;
        reader.u32("media source")?;
        let entries = whole_entries(reader, 12, "LRR entries")?;
        Ok(Self {
            sender_ssrc,
            entries,
        })
    }

    /// The streams.
    pub fn entries(&self) -> impl Iterator<Item = LayerRefreshEntry> + use<'a> {
        self.entries.chunks_exact(12).map(|entry| {
            let [sequence, payload_type, ..] = word(entry, 4).to_be_bytes();
            let [target_tid, target_lid, tid, lid] = word(entry, 8).to_be_bytes();
            LayerRefreshEntry {
                ssrc: word(entry, 0),
                sequence,
                payload_type: payload_type & 0x7f,
                target: (target_tid & 7, target_lid),
                current: (payload_type & 0x80 != 0).then_some((tid & 7, lid)),
            }
        })
    }
}

impl RtcpWriter<'_> {
    /// Appends a picture loss indication.
    pub fn pli(&mut self, sender_ssrc: u32, media_ssrc: u32) {
        self.packet(packet_type::PSFB, PLI, |out| {
            out.u32(sender_ssrc);
            out.u32(media_ssrc);
        });
    }

    /// Appends a slice loss indication.
    pub fn sli(&mut self, sender_ssrc: u32, media_ssrc: u32, entries: &[SliceLoss]) {
        self.packet(packet_type::PSFB, SLI, |out| {
            out.u32(sender_ssrc);
            out.u32(media_ssrc);
            for entry in entries {
                let first = u32::from(entry.first & 0x1fff) << 19;
                let number = u32::from(entry.number & 0x1fff) << 6;
                out.u32(first | number | u32::from(entry.picture_id & 0x3f));
            }
        });
    }

    /// Appends a full intra request.
    pub fn fir(&mut self, sender_ssrc: u32, entries: &[FirEntry]) {
        self.packet(packet_type::PSFB, FIR, |out| {
            out.u32(sender_ssrc);
            out.u32(0);
            for entry in entries {
                out.u32(entry.ssrc);
                out.u32(u32::from(entry.sequence) << 24);
            }
        });
    }

    /// Appends a layer refresh request.
    pub fn lrr(&mut self, sender_ssrc: u32, entries: &[LayerRefreshEntry]) {
        self.packet(packet_type::PSFB, LRR, |out| {
            out.u32(sender_ssrc);
            out.u32(0);
            for entry in entries {
                out.u32(entry.ssrc);
                let current = if entry.current.is_some() { 0x80 } else { 0 };
                let payload_type = current | entry.payload_type & 0x7f;
                out.bytes(&[entry.sequence, payload_type, 0, 0]);
                let (tid, lid) = entry.current.unwrap_or_default();
                out.bytes(&[entry.target.0 & 7, entry.target.1, tid & 7, lid]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    fn one(bytes: &[u8]) -> RtcpPacket<'_> {
        let mut all = packets(bytes);
        let first = all.next().unwrap().unwrap();
        assert!(all.next().is_none());
        first
    }

    #[test]
    fn pli() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).pli(1, 2);
        assert_eq!(bytes, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert!(
            matches!(one(&bytes), RtcpPacket::Pli(pli) if (pli.sender_ssrc, pli.media_ssrc) == (1, 2))
        );
    }

    #[test]
    fn sli() {
        let loss = SliceLoss {
            first: 0x1ffe,
            number: 0x1001,
            picture_id: 0x3f,
        };
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).sli(1, 2, &[loss, loss]);
        match one(&bytes) {
            RtcpPacket::Sli(sli) => assert!(sli.entries().eq([loss, loss])),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fir() {
        let entry = FirEntry {
            ssrc: 9,
            sequence: 200,
        };
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).fir(1, &[entry]);
        let expected = [
            0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 200, 0, 0, 0,
        ];
        assert_eq!(bytes, expected);
        match one(&bytes) {
            RtcpPacket::Fir(fir) => assert!(fir.entries().eq([entry])),
            other => panic!("{other:?}"),
        }
        bytes[3] = 3;
        assert!(packets(&bytes[..16]).next().unwrap().is_err());
    }

    #[test]
    fn lrr() {
        let with = LayerRefreshEntry {
            ssrc: 9,
            sequence: 1,
            payload_type: 96,
            target: (2, 1),
            current: Some((1, 0)),
        };
        let without = LayerRefreshEntry {
            current: None,
            ..with
        };
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).lrr(1, &[with, without]);
        match one(&bytes) {
            RtcpPacket::Lrr(lrr) => assert!(lrr.entries().eq([with, without])),
            other => panic!("{other:?}"),
        }
    }
}
