//! What a receiver reports about a source: RFC 3550, sections 6.4.1, A.1, A.3 and A.8.

use std::time::{Duration, Instant};

use gannet_rtp::rtcp::{ReportBlock, SenderInfo};
use gannet_rtp::{NtpTime, RtpClock};
use gannet_wire::{Extender16, Serial16, Serial32};

use super::capture::{ClockId, SourceClocks};

/// A step forward of more than this is a restart, or noise (A.1: `MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3000;

/// A packet may be late by this many (A.1: `MAX_MISORDER`, larger here because of retransmissions).
const MAX_MISORDER: u16 = 1000;

/// One that is late by no more than this may be newer than all before it by its timestamp: where pictures are shown in another
/// order than they are sent in, a later one may be sent first, and be overtaken.
const MAX_REORDERED: u16 = 100;

/// What a sequence number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It belongs here.
    Sequence(u64),
    /// The source has started anew; earlier numbers mean nothing any more.
    Restart(u64),
    /// It is far from everything: noise, unless the next one follows it.
    Suspicious,
}

/// Reception statistics of one source.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    clock: RtpClock,
    extender: Extender16,
    first: u64,
    /// The number that would confirm a restart.
    expected_restart: Option<Serial16>,
    /// The newest timestamp.
    newest: Option<Serial32>,
    pub(crate) received: u64,
    expected_prior: u64,
    received_prior: u64,
    /// In timestamp units.
    jitter: f64,
    /// Arrival and timestamp of the packet before, for the jitter.
    previous: Option<(Instant, Serial32)>,
    last_report: Option<(u32, Instant)>,
    pub(crate) last_info: Option<SenderInfo>,
    /// The clock of its reports.
    reports_by: Option<ClockId>,
    pub(crate) reports: u64,
}

impl Reception {
    pub(crate) fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock: RtpClock::new(clock_rate),
            extender: Extender16::new(),
            first: 0,
            expected_restart: None,
            newest: None,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            jitter: 0.0,
            previous: None,
            last_report: None,
            last_info: None,
            reports_by: None,
            reports: 0,
        }
    }

    /// Where a packet belongs. Retransmissions are not counted: they say nothing about the path's loss.
    pub(crate) fn place(
        &mut self,
        sequence: Serial16,
        timestamp: Serial32,
        retransmitted: bool,
    ) -> Arrival {
        let Some(highest) = self.extender.highest() else {
            return self.restart(sequence, timestamp);
        };
        let step = sequence.0.wrapping_sub(highest as u16);
        // What is very late is not newer than all that came before.
        let is_newer = self.newest.is_some_and(|newest| newest.precedes(timestamp));
        let very_late = u16::MAX - MAX_MISORDER + 1..=u16::MAX - MAX_REORDERED;
        let is_late = !retransmitted && very_late.contains(&step);
        if (MAX_DROPOUT..=u16::MAX - MAX_MISORDER).contains(&step) || is_late && is_newer {
            if retransmitted || self.expected_restart != Some(sequence) {
                if !retransmitted {
                    self.expected_restart = Some(sequence.next());
                }
                return Arrival::Suspicious;
            }
            return self.restart(sequence, timestamp);
        }
        self.expected_restart = None;
        if retransmitted {
            return Arrival::Sequence(self.extender.peek(sequence));
        }
        self.received += 1;
        self.note_timestamp(timestamp);
        let extended = self.extender.extend(sequence);
        self.first = self.first.min(extended);
        Arrival::Sequence(extended)
    }

    fn note_timestamp(&mut self, timestamp: Serial32) {
        /// Timestamps that jump so far have begun anew.
        const JUMP: u32 = 1 << 30;
        let is_new = self.newest.is_none_or(|newest| {
            newest.precedes(timestamp) || newest.distance_to(timestamp).unsigned_abs() > JUMP
        });
        if is_new {
            self.newest = Some(timestamp);
        }
    }

    fn restart(&mut self, sequence: Serial16, timestamp: Serial32) -> Arrival {
        self.newest = Some(timestamp);
        self.extender = Extender16::new();
        self.first = self.extender.extend(sequence);
        self.expected_restart = None;
        self.received = 1;
        self.expected_prior = 0;
        self.received_prior = 0;
        self.previous = None;
        Arrival::Restart(self.first)
    }

    /// Section A.8: how unevenly packets arrive. Packets of one frame share a timestamp and are sent over
    /// some time, so only the first of each counts.
    pub(crate) fn update_jitter(&mut self, now: Instant, timestamp: Serial32) {
        match self.previous {
            Some((_, before)) if before == timestamp => return,
            Some((arrival, before)) if before.precedes(timestamp) => {
                let rate = f64::from(self.clock.clock_rate());
                let arrived = now.saturating_duration_since(arrival).as_secs_f64() * rate;
                let difference = (arrived - f64::from(before.distance_to(timestamp))).abs();
                // A source that stood still does not jitter: 10 s is no jitter.
                if difference < 10.0 * rate {
                    self.jitter += (difference - self.jitter) / 16.0;
                }
            }
            _ => {}
        }
        self.previous = Some((now, timestamp));
    }

    pub(crate) fn set_clock_rate(&mut self, clock_rate: u32) {
        if self.clock.clock_rate() != clock_rate {
            self.clock = RtpClock::new(clock_rate);
            self.previous = None;
            self.jitter = 0.0;
        }
    }

    /// A sender report came; `by` is the clock that it tells the time of.
    pub(crate) fn handle_sender_report(
        &mut self,
        now: Instant,
        info: SenderInfo,
        by: Option<ClockId>,
    ) {
        self.reports_by = by;
        self.clock.update(info.ntp, info.timestamp);
        self.last_report = Some((info.ntp.middle(), now));
        self.last_info = Some(info);
        self.reports += 1;
    }

    /// When the source sampled this, by its own clock.
    pub(crate) fn ntp(&self, timestamp: Serial32) -> Option<NtpTime> {
        self.clock.ntp(timestamp)
    }

    /// When that was sampled which came at `arrival`, by our clock, once a sender report told.
    pub(crate) fn captured(
        &self,
        arrival: Instant,
        timestamp: Serial32,
        clocks: &SourceClocks,
    ) -> Option<Instant> {
        clocks.captured(arrival, self.reports_by?, self.ntp(timestamp)?)
    }

    fn expected(&self) -> u64 {
        self.extender
            .highest()
            .map_or(0, |highest| highest - self.first + 1)
    }

    pub(crate) fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    pub(crate) fn jitter_seconds(&self) -> f64 {
        self.jitter / f64::from(self.clock.clock_rate())
    }

    /// When the source's last report came.
    pub(crate) fn reported(&self) -> Option<Instant> {
        self.last_report.map(|(_, at)| at)
    }

    pub(crate) const fn has_received(&self) -> bool {
        self.received > 0
    }

    /// The report block for now; the fraction counts from the last call on.
    pub(crate) fn report(&mut self, now: Instant) -> ReportBlock {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received.saturating_sub(self.received_prior);
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8)
            .checked_div(expected_interval)
            .unwrap_or(0);
        let (last_sr, since) = self.last_report.map_or((0, Duration::ZERO), |(sr, at)| {
            (sr, now.saturating_duration_since(at))
        });
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            // The extender counts the first turn as one, the RFC as zero.
            highest_sequence: self.extender.highest().unwrap_or(0).wrapping_sub(1 << 16) as u32,
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr: if last_sr == 0 {
                0
            } else {
                ReportBlock::delay(since)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(reception: &mut Reception, sequence: u16) -> Arrival {
        reception.place(Serial16(sequence), Serial32(0), false)
    }

    #[test]
    fn losses_are_counted_over_the_wrap() {
        let mut reception = Reception::new(1, 90_000);
        assert_eq!(place(&mut reception, 65534), Arrival::Restart(0x1_fffe));
        assert_eq!(place(&mut reception, 1), Arrival::Sequence(0x2_0001));
        assert_eq!(place(&mut reception, 65535), Arrival::Sequence(0x1_ffff));
        let now = gannet_netsim::start();
        let block = reception.report(now);
        assert_eq!(block.highest_sequence, 0x1_0001);
        assert_eq!((block.cumulative_lost, block.fraction_lost), (1, 64));
        assert_eq!((block.last_sr, block.delay_since_last_sr), (0, 0));
        place(&mut reception, 2);
        let block = reception.report(now);
        assert_eq!((block.cumulative_lost, block.fraction_lost), (1, 0));
    }

    #[test]
    fn duplicates_make_the_loss_negative_and_the_fraction_zero() {
        let mut reception = Reception::new(1, 90_000);
        for _ in 0..3 {
            place(&mut reception, 7);
        }
        let block = reception.report(gannet_netsim::start());
        assert_eq!((block.cumulative_lost, block.fraction_lost), (-2, 0));
    }

    // RFC 3550, A.1: a jump is believed when the next packet confirms it.
    #[test]
    fn a_jump_needs_two_packets() {
        let mut reception = Reception::new(1, 90_000);
        place(&mut reception, 100);
        assert_eq!(place(&mut reception, 20_000), Arrival::Suspicious);
        assert_eq!(place(&mut reception, 101), Arrival::Sequence(0x1_0065));
        assert_eq!(place(&mut reception, 20_000), Arrival::Suspicious);
        assert!(matches!(place(&mut reception, 20_001), Arrival::Restart(_)));
        assert_eq!(reception.lost(), 0);
    }

    // All packets of a stream that began anew at a lower number were taken for late ones, until it had caught up.
    #[test]
    fn a_stream_that_begins_anew_a_little_before_needs_two_packets_too() {
        let mut reception = Reception::new(1, 90_000);
        let mut place = |sequence: u16, timestamp: u32| {
            reception.place(Serial16(sequence), Serial32(timestamp), false)
        };
        for sequence in 0..600 {
            place(sequence, u32::from(sequence) * 3000);
        }
        // A late one, of an old frame or of the newest.
        assert_eq!(place(590, 590 * 3000), Arrival::Sequence(0x1_024e));
        assert_eq!(place(598, 599 * 3000), Arrival::Sequence(0x1_0256));
        // A picture that is shown after the newest was sent before it, and overtaken.
        assert_eq!(place(597, 600 * 3000), Arrival::Sequence(0x1_0255));
        assert_eq!(place(5, 5_000_000), Arrival::Suspicious);
        assert_eq!(place(498, 5_000_000), Arrival::Suspicious);
        assert_eq!(place(601, 601 * 3000), Arrival::Sequence(0x1_0259));
        assert_eq!(place(0, 9_000_000), Arrival::Suspicious);
        assert!(matches!(place(1, 9_003_000), Arrival::Restart(_)));
        assert_eq!(place(2, 9_006_000), Arrival::Sequence(0x1_0002));
    }

    #[test]
    fn retransmissions_do_not_hide_the_loss() {
        let mut reception = Reception::new(1, 90_000);
        place(&mut reception, 1);
        place(&mut reception, 3);
        let two = reception.place(Serial16(2), Serial32(0), true);
        assert_eq!(two, Arrival::Sequence(0x1_0002));
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn jitter_follows_the_formula() {
        let mut reception = Reception::new(1, 1000);
        let start = gannet_netsim::start();
        reception.update_jitter(start, Serial32(0));
        reception.update_jitter(start + Duration::from_millis(36), Serial32(20));
        assert!((reception.jitter - 1.0).abs() < 1e-9);
        reception.update_jitter(start + Duration::from_millis(50), Serial32(20));
        assert!((reception.jitter - 1.0).abs() < 1e-9, "the same frame");
        assert!((reception.jitter_seconds() - 0.001).abs() < 1e-9);
    }
}
