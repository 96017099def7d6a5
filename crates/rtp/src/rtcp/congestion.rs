//! Congestion control feedback: RFC 8888, section 3.1.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   SSRC of nth RTP Stream                      |
//! |          begin_seq            |          num_reports          |
//! |R|ECN|  Arrival time offset    | ...                           .
//! |                 Report Timestamp (32 bits)                    |
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

use gannet_wire::{ReadError, Reader, Serial16};

use super::{ParseRtcpError, RtcpWriter, packet_type};

pub(super) const FORMAT: u8 = 11;

/// A report must not speak of more packets of one stream than this.
const MAX_REPORTS: u16 = 16_384;

/// Feedback on the packets of several streams.
#[derive(Clone, Copy, Debug)]
pub struct CongestionFeedback<'a> {
    /// Who received them.
    pub sender_ssrc: u32,
    /// The middle 32 bits of the NTP time that arrival offsets count back from.
    pub report_timestamp: u32,
    streams: &'a [u8],
}

/// What happened to the packets of one stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamMetrics<'a> {
    /// The stream.
    pub ssrc: u32,
    /// The first packet's sequence number.
    pub begin: Serial16,
    metrics: &'a [u8],
}

/// What happened to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketMetric {
    /// It was not received yet.
    Missing,
    /// It was.
    Received {
        /// The two bits of explicit congestion notification.
        ecn: u8,
        /// How long before the report it arrived, in 1/1024 s: 0 to 0x1ffd, 0x1ffe for longer, 0x1fff
        /// for unknown.
        offset: u16,
    },
}

impl<'a> CongestionFeedback<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sender_ssrc = reader.u32("packet sender")?;
        let len = reader.remaining().saturating_sub(4);
        let mut blocks = reader.sub(len, "report blocks")?;
        let report_timestamp = reader.u32("report timestamp")?;
        let streams = blocks.as_slice();
        while !blocks.is_empty() {
            let metrics = StreamMetrics::read(&mut blocks)?;
            if metrics.len() > MAX_REPORTS {
                return Err(ParseRtcpError::Value {
                    what: "num_reports",
                    value: u32::from(metrics.len()),
                    expected: "at most 16384 are allowed",
                });
            }
        }
        Ok(Self {
            sender_ssrc,
            report_timestamp,
            streams,
        })
    }

    /// The streams.
    pub fn streams(&self) -> impl Iterator<Item = StreamMetrics<'a>> + use<'a> {
        let mut reader = Reader::new(self.streams);
        std::iter::from_fn(move || StreamMetrics::read(&mut reader).ok())
    }
}

impl<'a> StreamMetrics<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let ssrc = reader.u32("SSRC of RTP stream")?;
        let begin = Serial16(reader.u16("begin_seq")?);
        let count = usize::from(reader.u16("num_reports")?);
        let metrics = reader.take(count.wrapping_mul(2), "packet metric blocks")?;
        if count % 2 == 1 {
            reader.u16("padding of packet metric blocks")?;
        }
        Ok(Self {
            ssrc,
            begin,
            metrics,
        })
    }

    fn len(&self) -> u16 {
        u16::try_from(self.metrics.len() / 2).unwrap_or(u16::MAX)
    }

    /// What happened to each packet, in the order of sequence numbers.
    pub fn metrics(&self) -> impl Iterator<Item = (Serial16, PacketMetric)> + use<'a> {
        let begin = self.begin;
        (0_u16..)
            .zip(self.metrics.chunks_exact(2))
            .map(move |(index, bytes)| {
                let bits = bytes.first_chunk::<2>().copied().unwrap_or_default();
                let bits = u16::from_be_bytes(bits);
                let metric = if bits & 0x8000 == 0 {
                    PacketMetric::Missing
                } else {
                    PacketMetric::Received {
                        ecn: (bits >> 13 & 3) as u8,
                        offset: bits & 0x1fff,
                    }
                };
                (begin.plus(index), metric)
            })
    }
}

impl RtcpWriter<'_> {
    /// Appends feedback on streams: SSRC, first sequence number, and what happened to each packet from
    /// there on, at most 16,384.
    pub fn congestion_feedback(
        &mut self,
        sender_ssrc: u32,
        streams: &[(u32, Serial16, &[PacketMetric])],
        report_timestamp: u32,
    ) {
        self.packet(packet_type::RTPFB, FORMAT, |out| {
            out.u32(sender_ssrc);
            for (ssrc, begin, metrics) in streams {
                let limit = usize::from(MAX_REPORTS);
                let metrics = metrics.get(..limit).unwrap_or(metrics);
                out.u32(*ssrc);
                out.u16(begin.0);
                out.u16(u16::try_from(metrics.len()).unwrap_or(MAX_REPORTS));
                for metric in metrics {
                    out.u16(match metric {
                        PacketMetric::Missing => 0,
                        PacketMetric::Received { ecn, offset } => {
                            0x8000 | u16::from(ecn & 3) << 13 | (*offset).min(0x1fff)
                        }
                    });
                }
                out.pad_to(4);
            }
            out.u32(report_timestamp);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    #[test]
    fn two_streams_one_of_odd_length() {
        let seen = PacketMetric::Received {
            ecn: 1,
            offset: 0x1ffe,
        };
        let first = [seen, PacketMetric::Missing, seen];
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).congestion_feedback(
            1,
            &[(2, Serial16(65535), &first), (3, Serial16(7), &[])],
            0x0102_0304,
        );
        let expected = [
            0x8b, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 3, 0xbf, 0xfe, 0, 0, 0xbf,
            0xfe, 0, 0, 0, 0, 0, 3, 0, 7, 0, 0, 1, 2, 3, 4,
        ];
        assert_eq!(bytes, expected);
        let Some(Ok(RtcpPacket::CongestionFeedback(feedback))) = packets(&bytes).next() else {
            panic!("no feedback");
        };
        assert_eq!(feedback.report_timestamp, 0x0102_0304);
        let streams: Vec<_> = feedback.streams().collect();
        let metrics: Vec<_> = streams[0].metrics().collect();
        let expected = [(65535, first[0]), (0, first[1]), (1, first[2])];
        assert_eq!(metrics, expected.map(|(s, metric)| (Serial16(s), metric)));
        assert_eq!(streams[1].ssrc, 3);
        assert_eq!(streams[1].metrics().count(), 0);
    }

    #[test]
    fn cut_or_endless_reports_are_errors() {
        let cut = [
            0x8b, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4,
        ];
        assert!(packets(&cut).next().unwrap().is_err());
        let mut long = vec![
            0x8b, 205, 0x20, 0x07, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0x40, 0x06,
        ];
        long.resize((0x2007 + 1) * 4, 0);
        let error = packets(&long).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("at most 16384"), "{error}");
    }
}
