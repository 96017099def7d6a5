//! Sender and receiver reports: RFC 3550, section 6.4.
//!
//! ```text
//!         +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! header  |V=2|P|    RC   |   PT=SR=200   |             length            |
//!         |                         SSRC of sender                        |
//!         +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! sender  |              NTP timestamp, most significant word             |
//! info    |             NTP timestamp, least significant word             |
//!         |                         RTP timestamp                         |
//!         |                     sender's packet count                     |
//!         |                      sender's octet count                     |
//!         +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! report  |                 SSRC_1 (SSRC of first source)                 |
//! block   | fraction lost |       cumulative number of packets lost       |
//!   1     |           extended highest sequence number received           |
//!         |                      interarrival jitter                      |
//!         |                         last SR (LSR)                         |
//!         |                   delay since last SR (DLSR)                  |
//!         +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! ```
//! A receiver report has no sender info, and type 201.
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

use gannet_wire::{Reader, Serial32, Writer};

use super::{ParseRtcpError, RtcpWriter, packet_type};
use crate::clock::{NtpTime, from_short_duration, to_short_duration};

/// What a sender says about what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was sent, by the sender's wall clock.
    pub ntp: NtpTime,
    /// The same moment as an RTP timestamp.
    pub timestamp: Serial32,
    /// How many packets it sent so far, wrapping.
    pub packet_count: u32,
    /// How many bytes of payload it sent so far, wrapping.
    pub octet_count: u32,
}

/// What a receiver says about one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// The part of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// How many packets were lost so far; negative if duplicates came. 24 bits.
    pub cumulative_lost: i32,
    /// The highest sequence number received, and in the high half how often it wrapped.
    pub highest_sequence: u32,
    /// Interarrival jitter, in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time, 0 before there was one.
    pub last_sr: u32,
    /// The time since that report came, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    /// Bytes of a block.
    pub const LEN: usize = 24;

    /// [`Self::delay_since_last_sr`] of a duration.
    #[must_use]
    pub fn delay(since: Duration) -> u32 {
        to_short_duration(since)
    }

    /// The round trip that this block closes, if it answers a sender report and arrived at `arrival`.
    #[must_use]
    pub fn round_trip_time(&self, arrival: NtpTime) -> Option<Duration> {
        round_trip_time(arrival, self.last_sr, self.delay_since_last_sr)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseRtcpError> {
        let ssrc = reader.u32("report block")?;
        let [fraction_lost, a, b, c] = reader.take_array("report block")?;
        Ok(Self {
            ssrc,
            fraction_lost,
            cumulative_lost: i32::from_be_bytes([a, b, c, 0]) >> 8,
            highest_sequence: reader.u32("report block")?,
            jitter: reader.u32("report block")?,
            last_sr: reader.u32("report block")?,
            delay_since_last_sr: reader.u32("report block")?,
        })
    }

    fn write(&self, out: &mut Writer<'_>) {
        out.u32(self.ssrc);
        out.u8(self.fraction_lost);
        // RFC 3550, section A.3: clamped, not wrapped.
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff);
        out.u24(lost.cast_unsigned() & 0x00ff_ffff);
        out.u32(self.highest_sequence);
        out.u32(self.jitter);
        out.u32(self.last_sr);
        out.u32(self.delay_since_last_sr);
    }
}

/// The round trip between a report and its answer (RFC 3550, section 6.4.1): `last` is the middle of the
/// report's NTP time, `delay` how long the other end held it, in 1/65536 s. `None` if there was no report
/// yet, or if the numbers yield a negative time.
#[must_use]
pub fn round_trip_time(arrival: NtpTime, last: u32, delay: u32) -> Option<Duration> {
    if last == 0 {
        return None;
    }
    let units = arrival.middle().wrapping_sub(last).wrapping_sub(delay);
    (units < 1 << 31).then(|| from_short_duration(units))
}

/// The report blocks of a report, at most 31.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl<'a> ReportBlocks<'a> {
    fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let len = usize::from(count).wrapping_mul(ReportBlock::LEN);
        Ok(Self(reader.take(len, "report blocks")?))
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (head, tail) = self.0.split_at_checked(ReportBlock::LEN)?;
        self.0 = tail;
        ReportBlock::read(&mut Reader::new(head)).ok()
    }
}

/// A sender report.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// Who sent it.
    pub ssrc: u32,
    /// What it sent.
    pub info: SenderInfo,
    /// What it received.
    pub reports: ReportBlocks<'a>,
    /// Profile-specific extensions.
    pub extension: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            ssrc: reader.u32("SSRC of sender")?,
            info: SenderInfo {
                ntp: NtpTime(reader.u64("sender info")?),
                timestamp: Serial32(reader.u32("sender info")?),
                packet_count: reader.u32("sender info")?,
                octet_count: reader.u32("sender info")?,
            },
            reports: ReportBlocks::read(count, reader)?,
            extension: reader.rest(),
        })
    }
}

/// A receiver report.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverReport<'a> {
    /// Who sent it.
    pub ssrc: u32,
    /// What it received.
    pub reports: ReportBlocks<'a>,
    /// Profile-specific extensions.
    pub extension: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(count: u8, reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        Ok(Self {
            ssrc: reader.u32("SSRC of sender")?,
            reports: ReportBlocks::read(count, reader)?,
            extension: reader.rest(),
        })
    }
}

impl RtcpWriter<'_> {
    /// Appends a sender report with the first 31 of `reports`.
    pub fn sender_report(&mut self, ssrc: u32, info: &SenderInfo, reports: &[ReportBlock]) {
        let (count, reports) = at_most_31(reports);
        self.packet(packet_type::SR, count, |out| {
            out.u32(ssrc);
            out.u64(info.ntp.0);
            out.u32(info.timestamp.0);
            out.u32(info.packet_count);
            out.u32(info.octet_count);
            reports.iter().for_each(|report| report.write(out));
        });
    }

    /// Appends a receiver report with the first 31 of `reports`.
    pub fn receiver_report(&mut self, ssrc: u32, reports: &[ReportBlock]) {
        let (count, reports) = at_most_31(reports);
        self.packet(packet_type::RR, count, |out| {
            out.u32(ssrc);
            reports.iter().for_each(|report| report.write(out));
        });
    }
}

/// What a five-bit count can count.
pub(super) fn at_most_31<T>(list: &[T]) -> (u8, &[T]) {
    let list = list.get(..31).unwrap_or(list);
    (u8::try_from(list.len()).unwrap_or(31), list)
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 0x0102_0304,
        fraction_lost: 0x80,
        cumulative_lost: -2,
        highest_sequence: 0x0001_ffff,
        jitter: 77,
        last_sr: 0x1234_5678,
        delay_since_last_sr: 0x0001_8000,
    };

    #[test]
    fn a_sender_report() {
        let info = SenderInfo {
            ntp: NtpTime(0x1122_3344_5566_7788),
            timestamp: Serial32(0x99aa_bbcc),
            packet_count: 5,
            octet_count: 600,
        };
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).sender_report(0xdead_beef, &info, &[BLOCK]);
        assert_eq!(bytes[..8], [0x81, 200, 0, 12, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(bytes[28..36], [1, 2, 3, 4, 0x80, 0xff, 0xff, 0xfe]);
        let Some(Ok(RtcpPacket::SenderReport(report))) = packets(&bytes).next() else {
            panic!("no sender report");
        };
        assert_eq!(report.ssrc, 0xdead_beef);
        assert_eq!(report.info, info);
        assert_eq!(report.reports.collect::<Vec<_>>(), [BLOCK]);
        assert_eq!(report.extension, []);
        for len in 4..bytes.len() {
            let mut short = bytes[..len / 4 * 4].to_vec();
            short[3] = (short.len() / 4 - 1) as u8;
            assert!(packets(&short).next().unwrap().is_err(), "{len}");
        }
    }

    #[test]
    fn a_receiver_report_holds_31_blocks() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).receiver_report(1, &[BLOCK; 40]);
        let Some(Ok(RtcpPacket::ReceiverReport(report))) = packets(&bytes).next() else {
            panic!("no receiver report");
        };
        assert_eq!(report.reports.count(), 31);
    }

    // RFC 3550, section 6.4.1, figure 2.
    #[test]
    fn the_round_trip_of_the_figure() {
        let block = ReportBlock {
            last_sr: 0xb705_2000,
            delay_since_last_sr: 0x0005_4000,
            ..BLOCK
        };
        let arrival = NtpTime(0xb44d_b710_8000_0000);
        let expected = from_short_duration(0x0006_2000);
        assert_eq!(block.round_trip_time(arrival), Some(expected));
        assert_eq!(expected, Duration::from_millis(6125));
        let early = NtpTime(0xb44d_b705_2000_0000);
        assert_eq!(block.round_trip_time(early), None);
        assert_eq!(round_trip_time(arrival, 0, 0), None);
        assert_eq!(ReportBlock::delay(Duration::from_millis(1500)), 0x0001_8000);
    }
}
