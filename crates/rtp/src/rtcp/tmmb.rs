//! Temporary maximum media bitrates: RFC 5104, sections 4.2.1 (TMMBR) and 4.2.2 (TMMBN).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                              SSRC                             |
//! | MxTBR Exp |  MxTBR Mantissa                 |Measured Overhead|
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

use super::remb::{saturating_scale, split_scale};
use super::{ParseRtcpError, RtcpWriter, packet_type, whole_entries, word};

pub(super) const REQUEST: u8 = 3;
pub(super) const NOTIFICATION: u8 = 4;

/// A limit for one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmmbEntry {
    /// In a request the stream that shall obey, in a notification who asked for the limit.
    pub ssrc: u32,
    /// Bits a second; the mantissa has 17 bits.
    pub bitrate: u64,
    /// The bytes of headers for each packet that the limit counts, 9 bits.
    pub overhead: u16,
}

impl TmmbEntry {
    fn from_bytes(entry: &[u8]) -> Self {
        let bits = word(entry, 4);
        Self {
            ssrc: word(entry, 0),
            bitrate: saturating_scale(u64::from(bits >> 9 & 0x1_ffff), bits >> 26),
            overhead: (bits & 0x1ff) as u16,
        }
    }
}

macro_rules! tmmb {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            /// Who sent it.
            pub sender_ssrc: u32,
            entries: &'a [u8],
        }

        impl<'a> $name<'a> {
            pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
                let sender_ssrc = reader.u32("packet sender")?;
                reader.u32("media source")?;
                let entries = whole_entries(reader, 8, "TMMB entries")?;
                Ok(Self { sender_ssrc, entries })
            }

            /// The limits.
            pub fn entries(&self) -> impl Iterator<Item = TmmbEntry> + use<'a> {
                self.entries.chunks_exact(8).map(TmmbEntry::from_bytes)
            }
        }
    };
}

tmmb! {
    /// A request to stay below a bitrate.
    TmmbRequest
}

tmmb! {
    /// A sender's answer: the limits that bind it.
    TmmbNotification
}

impl RtcpWriter<'_> {
    /// Appends a request to stay below bitrates.
    pub fn tmmbr(&mut self, sender_ssrc: u32, entries: &[TmmbEntry]) {
        self.tmmb(REQUEST, sender_ssrc, entries);
    }

    /// Appends a notification of the limits that bind.
    pub fn tmmbn(&mut self, sender_ssrc: u32, entries: &[TmmbEntry]) {
        self.tmmb(NOTIFICATION, sender_ssrc, entries);
    }

    fn tmmb(&mut self, format: u8, sender_ssrc: u32, entries: &[TmmbEntry]) {
        self.packet(packet_type::RTPFB, format, |out| {
            out.u32(sender_ssrc);
            out.u32(0);
            for entry in entries {
                let (exponent, mantissa) = split_scale(entry.bitrate, 17);
                out.u32(entry.ssrc);
                out.u32(exponent << 26 | mantissa << 9 | u32::from(entry.overhead & 0x1ff));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    #[test]
    fn request_and_notification() {
        let entry = TmmbEntry {
            ssrc: 7,
            bitrate: 35_000 << 3,
            overhead: 40,
        };
        let mut bytes = Vec::new();
        let mut writer = RtcpWriter::new(&mut bytes);
        writer.tmmbr(1, &[entry]);
        writer.tmmbn(1, &[]);
        let mut all = packets(&bytes);
        match all.next() {
            Some(Ok(RtcpPacket::TmmbRequest(request))) => assert!(request.entries().eq([entry])),
            other => panic!("{other:?}"),
        }
        match all.next() {
            Some(Ok(RtcpPacket::TmmbNotification(n))) => assert_eq!(n.entries().count(), 0),
            other => panic!("{other:?}"),
        }
    }
}
