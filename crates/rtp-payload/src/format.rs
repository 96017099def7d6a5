//! The formats by name.

use crate::audio::{OpaqueDepacketizer, OpaquePacketizer};
use crate::av1::{Av1Depacketizer, Av1Packetizer};
use crate::frame::Packetizer;
use crate::h264::{H264Depacketizer, H264Packetizer, PacketizationMode};
use crate::h265::{H265Depacketizer, H265Packetizer};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo};
use crate::vp8::{Vp8Depacketizer, Vp8Packetizer};
use crate::vp9::{Vp9Depacketizer, Vp9Packetizer};

/// A payload format. It is a [`Depacketizer`] itself, and makes [`Packetizer`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadFormat {
    /// One payload is one frame, and nothing is known about it. For formats that have no name here.
    Opaque,
    /// Opus (RFC 7587).
    Opus,
    /// G.711, µ-law (RFC 3551).
    Pcmu,
    /// G.711, A-law (RFC 3551).
    Pcma,
    /// G.722 (RFC 3551).
    G722,
    /// Comfort noise (RFC 3389). [`ComfortNoise`](crate::ComfortNoise) understands its payloads.
    ComfortNoise,
    /// Telephone events (RFC 4733). [`TelephoneEvent`](crate::TelephoneEvent) understands its
    /// payloads.
    TelephoneEvent,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628). Its packetizer is one for non-flexible mode.
    Vp9,
    /// H.264 (RFC 6184), to be sent in this mode.
    H264(PacketizationMode),
    /// H.265 (RFC 7798).
    H265,
    /// AV1.
    Av1,
}

impl PayloadFormat {
    /// The format that an `a=rtpmap` line names, whatever the case of its letters. `None` if this
    /// crate does not know it. For H.264 the mode is the one that holds without a
    /// `packetization-mode`.
    #[must_use]
    pub fn from_encoding_name(name: &str) -> Option<Self> {
        const NAMED: [PayloadFormat; 11] = [
            PayloadFormat::Opus,
            PayloadFormat::Pcmu,
            PayloadFormat::Pcma,
            PayloadFormat::G722,
            PayloadFormat::ComfortNoise,
            PayloadFormat::TelephoneEvent,
            PayloadFormat::Vp8,
            PayloadFormat::Vp9,
            PayloadFormat::H264(PacketizationMode::SingleNalUnit),
            PayloadFormat::H265,
            PayloadFormat::Av1,
        ];
        NAMED.into_iter().find(|format| {
            let known = format.encoding_name();
            known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// The encoding name that is registered for it; `None` for a format without one.
    #[must_use]
    pub const fn encoding_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Opaque => return None,
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::ComfortNoise => "CN",
            Self::TelephoneEvent => "telephone-event",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264(_) => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        })
    }

    /// Whether several payloads may make up a frame, and its last one carries the marker bit.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(
            self,
            Self::Vp8 | Self::Vp9 | Self::H264(_) | Self::H265 | Self::Av1
        )
    }

    /// A packetizer for one stream, with the options that suit most peers. `first_picture_id`
    /// should be random; formats that do not number pictures ignore it.
    #[must_use]
    pub fn packetizer(self, first_picture_id: u16) -> Box<dyn Packetizer> {
        match self {
            Self::Vp9 => Box::new(Vp9Packetizer::new(first_picture_id)),
            Self::H265 => Box::new(H265Packetizer::new()),
            Self::Av1 => Box::new(Av1Packetizer::new()),
            Self::Opaque
            | Self::Opus
            | Self::Pcmu
            | Self::Pcma
            | Self::G722
            | Self::ComfortNoise
            | Self::TelephoneEvent => Box::new(OpaquePacketizer::default()),
            Self::Vp8 => Box::new(Vp8Packetizer::new(first_picture_id)),
            Self::H264(mode) => Box::new(H264Packetizer::new(mode)),
        }
    }

    /// The depacketizer of this format.
    #[must_use]
    pub fn depacketizer(self) -> &'static dyn Depacketizer {
        match self {
            Self::Vp9 => &Vp9Depacketizer,
            Self::H265 => &H265Depacketizer,
            Self::Av1 => &Av1Depacketizer,
            Self::Opaque
            | Self::Opus
            | Self::Pcmu
            | Self::Pcma
            | Self::G722
            | Self::ComfortNoise
            | Self::TelephoneEvent => &OpaqueDepacketizer,
            Self::Vp8 => &Vp8Depacketizer,
            Self::H264(_) => &H264Depacketizer,
        }
    }
}

impl Depacketizer for PayloadFormat {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        self.depacketizer().inspect(payload)
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        self.depacketizer().assemble(payloads, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_sdp_in_any_case() {
        for (name, format) in [
            ("opus", PayloadFormat::Opus),
            ("pcmu", PayloadFormat::Pcmu),
            ("PCMA", PayloadFormat::Pcma),
            ("G722", PayloadFormat::G722),
            ("CN", PayloadFormat::ComfortNoise),
            ("telephone-event", PayloadFormat::TelephoneEvent),
            ("vp8", PayloadFormat::Vp8),
            ("VP9", PayloadFormat::Vp9),
            (
                "H264",
                PayloadFormat::H264(PacketizationMode::SingleNalUnit),
            ),
            ("h265", PayloadFormat::H265),
            ("AV1", PayloadFormat::Av1),
        ] {
            assert_eq!(
                PayloadFormat::from_encoding_name(name),
                Some(format),
                "{name}"
            );
        }
        assert_eq!(PayloadFormat::from_encoding_name("rtx"), None);
        assert!(PayloadFormat::Av1.is_video() && !PayloadFormat::Opus.is_video());
    }
}
