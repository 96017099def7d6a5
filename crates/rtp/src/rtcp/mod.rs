//! RTCP packets (RFC 3550, section 6, and the feedback messages of RFC 4585 and others).
//!
//! [`packets`] walks over a datagram. A packet that is malformed inside yields an error and the walk goes
//! on behind it, as its length says where that is. [`RtcpWriter`] writes packets one behind the other.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

mod app;
mod bye;
mod congestion;
mod extended;
mod nack;
mod picture;
mod remb;
mod report;
mod sdes;
mod tmmb;
mod transport;
mod writer;

use gannet_wire::{ReadError, Reader};
use thiserror::Error;

pub use app::App;
pub use bye::Bye;
pub use congestion::{CongestionFeedback, PacketMetric, StreamMetrics};
pub use extended::{Dlrr, ExtendedReport, ReportBlocks as ExtendedReportBlocks, XrBlock};
pub use nack::Nack;
pub use picture::{
    FirEntry, FullIntraRequest, LayerRefreshEntry, LayerRefreshRequest, PictureLossIndication,
    SliceLoss, SliceLossIndication,
};
pub use remb::Remb;
pub use report::{
    ReceiverReport, ReportBlock, ReportBlocks, SenderInfo, SenderReport, round_trip_time,
};
pub use sdes::{Sdes, SdesChunk, SdesItem, SdesKind};
pub use tmmb::{TmmbEntry, TmmbNotification, TmmbRequest};
pub use transport::{TransportFeedback, TransportStatus};
pub use writer::RtcpWriter;

/// RTCP packet types.
pub mod packet_type {
    /// Sender report (RFC 3550, section 6.4.1).
    pub const SR: u8 = 200;
    /// Receiver report (RFC 3550, section 6.4.2).
    pub const RR: u8 = 201;
    /// Source description (RFC 3550, section 6.5).
    pub const SDES: u8 = 202;
    /// Goodbye (RFC 3550, section 6.6).
    pub const BYE: u8 = 203;
    /// Application-defined (RFC 3550, section 6.7).
    pub const APP: u8 = 204;
    /// Transport layer feedback (RFC 4585, section 6.2).
    pub const RTPFB: u8 = 205;
    /// Payload-specific feedback (RFC 4585, section 6.3).
    pub const PSFB: u8 = 206;
    /// Extended report (RFC 3611, section 2).
    pub const XR: u8 = 207;
}

/// Why an RTCP packet could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseRtcpError {
    /// A field ends behind the packet's end, or bytes are left over.
    #[error(transparent)]
    Length(#[from] ReadError),
    /// The version is not 2.
    #[error("the RTCP version is {0}, only 2 exists")]
    Version(u8),
    /// The padding is longer than what it pads, or no multiple of four.
    #[error("the RTCP padding count is {count} in a packet of {available} bytes")]
    Padding {
        /// What the last byte says.
        count: u8,
        /// How many bytes follow the packet's first four.
        available: usize,
    },
    /// A field has a value that it must not have.
    #[error("{what} is {value}, {expected}")]
    Value {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u32,
        /// What would have been right.
        expected: &'static str,
    },
}

/// Why a datagram is no valid compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompoundError {
    /// A packet cannot be read.
    #[error(transparent)]
    Malformed(#[from] ParseRtcpError),
    /// There is no packet at all.
    #[error("the RTCP datagram is empty")]
    Empty,
    /// The first packet must be a report, unless reduced-size RTCP was negotiated.
    #[error("a compound RTCP packet starts with type {0}, not with a sender or receiver report")]
    NoReport(u8),
    /// Only the last packet may be padded.
    #[error("an RTCP packet that is not the last of its compound has padding")]
    Padding,
}

/// One RTCP packet. It borrows the datagram.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// Sender report.
    SenderReport(SenderReport<'a>),
    /// Receiver report.
    ReceiverReport(ReceiverReport<'a>),
    /// Source description.
    Sdes(Sdes<'a>),
    /// Goodbye.
    Bye(Bye<'a>),
    /// Application-defined.
    App(App<'a>),
    /// Extended report.
    ExtendedReport(ExtendedReport<'a>),
    /// Generic negative acknowledgement.
    Nack(Nack<'a>),
    /// Temporary maximum media bitrate request.
    TmmbRequest(TmmbRequest<'a>),
    /// Temporary maximum media bitrate notification.
    TmmbNotification(TmmbNotification<'a>),
    /// Transport-wide congestion control feedback.
    TransportFeedback(TransportFeedback<'a>),
    /// Congestion control feedback of RFC 8888.
    CongestionFeedback(CongestionFeedback<'a>),
    /// Picture loss indication.
    Pli(PictureLossIndication),
    /// Slice loss indication.
    Sli(SliceLossIndication<'a>),
    /// Full intra request.
    Fir(FullIntraRequest<'a>),
    /// Layer refresh request.
    Lrr(LayerRefreshRequest<'a>),
    /// Receiver estimated maximum bitrate.
    Remb(Remb<'a>),
    /// A type or format that this crate does not know.
    Unknown {
        /// The packet type, 0 to 255.
        packet_type: u8,
        /// The five bits of count or format.
        count: u8,
        /// What follows the first four bytes, without padding.
        body: &'a [u8],
    },
}

/// The packets of a datagram, in order.
///
/// An error inside of a packet does not end the walk; an error in a packet's own first four bytes does,
/// since nobody knows where the next packet would start.
#[must_use]
pub const fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets {
        reader: Reader::new(datagram),
    }
}

/// Checks what RFC 3550, section A.2, demands of a compound packet. With `reduced_size` (RFC 5506) it may
/// start with anything.
pub fn check_compound(datagram: &[u8], reduced_size: bool) -> Result<(), CompoundError> {
    let mut reader = Reader::new(datagram);
    let first = Frame::read(&mut reader)?.ok_or(CompoundError::Empty)?;
    if !reduced_size && !matches!(first.packet_type, packet_type::SR | packet_type::RR) {
        return Err(CompoundError::NoReport(first.packet_type));
    }
    let mut padded = first.padded;
    while let Some(frame) = Frame::read(&mut reader)? {
        if padded {
            return Err(CompoundError::Padding);
        }
        padded = frame.padded;
    }
    Ok(())
}

/// See [`packets`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<RtcpPacket<'a>, ParseRtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        match Frame::read(&mut self.reader) {
            Ok(frame) => Some(frame?.parse()),
            Err(error) => {
                self.reader.rest();
                Some(Err(error))
            }
        }
    }
}

/// What all RTCP packets have in common.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  count  |  packet type  |   length in words, less one   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    packet_type: u8,
    count: u8,
    padded: bool,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, ParseRtcpError> {
        if reader.is_empty() {
            return Ok(None);
        }
        let [first, packet_type, w0, w1] = reader.take_array::<4>("RTCP header")?;
        if first >> 6 != 2 {
            return Err(ParseRtcpError::Version(first >> 6));
        }
        let words = u16::from_be_bytes([w0, w1]);
        let body = reader.take(usize::from(words).wrapping_mul(4), "RTCP packet")?;
        Ok(Some(Self {
            packet_type,
            count: first & 0x1f,
            padded: first & 0x20 != 0,
            body,
        }))
    }

    /// The body without padding (RFC 3550, section 6.4.1: a multiple of four bytes).
    fn unpadded(&self) -> Result<&'a [u8], ParseRtcpError> {
        if !self.padded {
            return Ok(self.body);
        }
        let count = self.body.last().copied().unwrap_or(0);
        let available = self.body.len();
        available
            .checked_sub(usize::from(count))
            .filter(|_| count != 0 && count.is_multiple_of(4))
            .and_then(|len| self.body.get(..len))
            .ok_or(ParseRtcpError::Padding { count, available })
    }

    fn parse(&self) -> Result<RtcpPacket<'a>, ParseRtcpError> {
        let body = self.unpadded()?;
        let mut reader = Reader::new(body);
        let (count, reader) = (self.count, &mut reader);
        Ok(match (self.packet_type, count) {
            (packet_type::SR, _) => RtcpPacket::SenderReport(SenderReport::read(count, reader)?),
            (packet_type::RR, _) => {
                RtcpPacket::ReceiverReport(ReceiverReport::read(count, reader)?)
            }
            (packet_type::SDES, _) => RtcpPacket::Sdes(Sdes::read(count, reader)?),
            (packet_type::BYE, _) => RtcpPacket::Bye(Bye::read(count, reader)?),
            (packet_type::APP, _) => RtcpPacket::App(App::read(count, reader)?),
            (packet_type::XR, _) => RtcpPacket::ExtendedReport(ExtendedReport::read(reader)?),
            (packet_type::RTPFB, nack::FORMAT) => RtcpPacket::Nack(Nack::read(reader)?),
            (packet_type::RTPFB, tmmb::REQUEST) => {
                RtcpPacket::TmmbRequest(TmmbRequest::read(reader)?)
            }
            (packet_type::RTPFB, tmmb::NOTIFICATION) => {
                RtcpPacket::TmmbNotification(TmmbNotification::read(reader)?)
            }
            (packet_type::RTPFB, congestion::FORMAT) => {
                RtcpPacket::CongestionFeedback(CongestionFeedback::read(reader)?)
            }
            (packet_type::RTPFB, transport::FORMAT) => {
                RtcpPacket::TransportFeedback(TransportFeedback::read(reader)?)
            }
            (packet_type::PSFB, picture::PLI) => {
                RtcpPacket::Pli(PictureLossIndication::read(reader)?)
            }
            (packet_type::PSFB, picture::SLI) => {
                RtcpPacket::Sli(SliceLossIndication::read(reader)?)
            }
            (packet_type::PSFB, picture::FIR) => RtcpPacket::Fir(FullIntraRequest::read(reader)?),
            (packet_type::PSFB, picture::LRR) => {
                RtcpPacket::Lrr(LayerRefreshRequest::read(reader)?)
            }
            (packet_type::PSFB, remb::FORMAT) if remb::is_remb(body) => {
                RtcpPacket::Remb(Remb::read(reader)?)
            }
            (packet_type, count) => RtcpPacket::Unknown {
                packet_type,
                count,
                body,
            },
        })
    }
}

/// Checks that the list at the end of a packet is made of whole entries.
fn whole_entries<'a>(
    reader: &mut Reader<'a>,
    size: usize,
    what: &'static str,
) -> Result<&'a [u8], ParseRtcpError> {
    let left = reader.remaining();
    let extra = left.checked_rem(size).unwrap_or(0);
    let list = reader.take(left.saturating_sub(extra), what)?;
    reader.finish(what)?;
    Ok(list)
}

/// Four bytes of a list whose length was checked.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk::<4>())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_packet_does_not_hide_the_next() {
        let datagram = [
            0x81, 206, 0, 1, 0, 0, 0, 1, // a PLI without media source
            0x80, 199, 0, 1, 1, 2, 3, 4, // an unknown type
            0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, // a PLI
        ];
        let all: Vec<_> = packets(&datagram).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(
            all[0].unwrap_err().to_string(),
            "media source at byte 4 is truncated: needs 4 bytes, 0 are left"
        );
        assert!(matches!(
            all[1],
            Ok(RtcpPacket::Unknown {
                packet_type: 199,
                count: 0,
                body: [1, 2, 3, 4]
            })
        ));
        assert!(matches!(all[2], Ok(RtcpPacket::Pli(pli)) if pli.media_ssrc == 2));
    }

    #[test]
    fn a_bad_header_ends_the_walk() {
        let mut all = packets(&[0x41, 200, 0, 0, 0x80, 200, 0, 0]);
        assert!(matches!(all.next(), Some(Err(ParseRtcpError::Version(1)))));
        assert!(all.next().is_none());
        let mut all = packets(&[0x80, 200, 0, 9, 1]);
        assert!(matches!(all.next(), Some(Err(ParseRtcpError::Length(_)))));
        assert!(all.next().is_none());
    }

    #[test]
    fn padding_is_taken_off() {
        let datagram = [0xa0, 199, 0, 2, 1, 2, 3, 4, 0, 0, 0, 4];
        let packet = packets(&datagram).next().unwrap().unwrap();
        assert!(matches!(
            packet,
            RtcpPacket::Unknown {
                body: [1, 2, 3, 4],
                ..
            }
        ));
        for count in [0, 3, 12] {
            let mut datagram = datagram;
            datagram[11] = count;
            let error = packets(&datagram).next().unwrap().unwrap_err();
            assert_eq!(
                error,
                ParseRtcpError::Padding {
                    count,
                    available: 8
                }
            );
        }
    }

    #[test]
    fn the_rules_of_compound_packets() {
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        let both = [&report[..], &pli].concat();
        assert_eq!(check_compound(&both, false), Ok(()));
        assert_eq!(check_compound(&pli, true), Ok(()));
        assert_eq!(
            check_compound(&pli, false),
            Err(CompoundError::NoReport(206))
        );
        assert_eq!(check_compound(&[], true), Err(CompoundError::Empty));
        let mut padded = both;
        padded[0] |= 0x20;
        assert_eq!(check_compound(&padded, false), Err(CompoundError::Padding));
    }
}
