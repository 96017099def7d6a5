//! Bandwidth estimation: of what can be sent, by transport-wide feedback ([`SendSide`]), and of what can be
//! received, by absolute send times ([`ReceiveSide`]), for a sender that understands nothing but REMB.

mod capacity;
mod cluster;
mod delay;
mod prober;
mod probing;
mod rate;
mod receive_side;
mod signals;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_rtp::rtcp::TransportFeedback;

use self::delay::{DelayDetector, Usage};
use self::prober::Prober;
use self::probing::ProbeController;
use self::rate::{LossLimit, RateControl, RateWindow};
pub(crate) use self::receive_side::ReceiveSide;
use crate::parameters::BitrateLimits;
use crate::session::DEFAULT_ROUND_TRIP;

/// Packets whose feedback is awaited: at most so many, and for so long.
const MAX_SENT: usize = 8192;
const MAX_AGE: Duration = Duration::from_secs(5);

/// A REMB that is not repeated does not count any more.
const REMB_LIFETIME: Duration = Duration::from_secs(10);

/// Feedback was there and then stopped: something is wrong, send less.
const FEEDBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Feedback on the first packet after a pause is given so long to come.
const FEEDBACK_DELAY: Duration = Duration::from_secs(1);

/// Less than this, in ms, is no queue. Where lines became too narrow, it was 30 ms and more when that was seen.
const LEAST_QUEUE: f64 = 5.0;

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    bytes: u32,
    acknowledged: bool,
    counted_lost: bool,
    /// It was sent for no other reason than to probe.
    padding: bool,
    /// The number of the probe that it is part of, or 0.
    cluster: u32,
}

/// What can be sent.
#[derive(Debug)]
pub(crate) struct SendSide {
    limits: BitrateLimits,
    origin: Instant,
    /// The number of the first entry of `sent`.
    base: u64,
    sent: VecDeque<Sent>,
    reference: Option<(i32, i64)>,
    detector: DelayDetector,
    control: RateControl,
    acknowledged: RateWindow,
    loss: LossLimit,
    remb: Option<(u64, Instant)>,
    last_feedback: Option<Instant>,
    /// When the first packet was sent that is still remembered and that feedback came before. A search among all that were
    /// sent took a tenth of the time of a forwarder with 50 viewers (`bench/sfu`).
    unanswered: Option<Instant>,
    prober: Prober,
}

impl SendSide {
    pub(crate) fn new(now: Instant, limits: BitrateLimits) -> Self {
        let limits = in_order(limits);
        Self {
            limits,
            origin: now,
            // The first number is 1, as others do it.
            base: 1,
            sent: VecDeque::new(),
            reference: None,
            detector: DelayDetector::new(),
            control: RateControl::new(limits.start),
            acknowledged: RateWindow::default(),
            loss: LossLimit::default(),
            remb: None,
            last_feedback: None,
            unanswered: None,
            prober: Prober::default(),
        }
    }

    pub(crate) fn set_limits(&mut self, limits: BitrateLimits) {
        let limits = in_order(limits);
        if limits.start != self.limits.start {
            self.control = RateControl::new(limits.start);
            self.loss = LossLimit::default();
            self.prober.controller = ProbeController::default();
        }
        if limits.max > self.limits.max {
            self.prober.controller.on_raised();
        }
        self.limits = limits;
    }

    /// The bitrate that all streams together may have.
    pub(crate) fn target(&self, now: Instant) -> u64 {
        let mut target = self.control.bitrate as u64;
        if let Some(limit) = self.loss.limit() {
            target = target.min(limit as u64);
        }
        target = target.clamp(self.limits.min, self.limits.max);
        if let Some(remb) = self.remb(now) {
            target = target.min(remb.max(self.limits.min));
        }
        target
    }

    /// What the other end says that it can receive.
    fn remb(&self, now: Instant) -> Option<u64> {
        let (remb, at) = self.remb?;
        (at + REMB_LIFETIME > now).then_some(remb)
    }

    /// The transport-wide number of the packet that is sent next.
    pub(crate) fn next_sequence(&self) -> u16 {
        (self.base + self.sent.len() as u64) as u16
    }

    /// A packet with the next number was sent.
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: usize) {
        self.prober.load.add(now, bytes);
        self.remember(now, bytes, false);
    }

    /// A packet with the next number was sent that was nothing but padding, or a copy in its place.
    pub(crate) fn on_padding_sent(&mut self, now: Instant, bytes: usize) {
        self.remember(now, bytes, true);
    }

    fn remember(&mut self, now: Instant, bytes: usize, padding: bool) {
        self.sent.push_back(Sent {
            at: now,
            bytes: bytes as u32,
            acknowledged: false,
            counted_lost: false,
            padding,
            cluster: self.prober.on_sent(now, bytes),
        });
        while self.sent.len() > MAX_SENT
            || self
                .sent
                .front()
                .is_some_and(|first| first.at + MAX_AGE < now)
        {
            self.sent.pop_front();
            self.base += 1;
        }
        if self.last_feedback.is_some_and(|last| last < now) {
            let oldest = self.sent.front().map_or(now, |first| first.at);
            let since = self.unanswered.map_or(now, |since| since.max(oldest));
            self.unanswered = Some(since);
        }
    }

    /// Whether feedback has said that the packet with this number arrived. One that was sent too long ago
    /// to be remembered counts as not.
    pub(crate) fn is_acknowledged(&self, number: u16) -> bool {
        self.index_of(number)
            .and_then(|index| self.sent.get(index))
            .is_some_and(|sent| sent.acknowledged)
    }

    /// Where the packet with this number stands: it is the nearest to the next one, and must have been sent.
    fn index_of(&self, number: u16) -> Option<usize> {
        let next = self.base + self.sent.len() as u64;
        let ago = (next as u16).wrapping_sub(number);
        let index = next.checked_sub(u64::from(ago))?.checked_sub(self.base)?;
        usize::try_from(index).ok()
    }

    pub(crate) fn on_remb(&mut self, now: Instant, bitrate: u64) {
        self.remb = Some((bitrate, now));
    }

    /// Losses that a receiver report shows, where there is no transport-wide feedback.
    pub(crate) fn on_report(
        &mut self,
        now: Instant,
        expected: u32,
        lost: u32,
        round_trip: Option<Duration>,
    ) {
        if self.last_feedback.is_some() {
            return;
        }
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let bitrate = self.control.bitrate;
        let min = self.limits.min;
        self.loss
            .update(now, expected, lost, bitrate, round_trip, min);
        // Without delays nothing but losses and REMB hold it back.
        let grown = if self.loss.limit().is_some() {
            Usage::Under
        } else {
            Usage::Normal
        };
        self.control
            .update(now, grown, None, round_trip, self.limits);
        // Nothing above what the other end says was ever tried: it must not come of itself when that is not repeated
        // any more, perhaps because nothing arrives from there.
        if let Some(remb) = self.remb(now) {
            let most = bitrate.max(remb as f64);
            self.control.bitrate = self.control.bitrate.min(most);
        }
    }

    pub(crate) fn on_feedback(
        &mut self,
        now: Instant,
        feedback: &TransportFeedback<'_>,
        round_trip: Option<Duration>,
    ) {
        self.last_feedback = Some(now);
        self.unanswered = None;
        self.prober.queue.begin(now);
        let offset = self.unwrap_reference(feedback.reference_time);
        let (mut received, mut lost) = (0, 0);
        let mut padding = (0, 0);
        for status in feedback.statuses() {
            let index = self.index_of(status.sequence.0);
            let Some(sent) = index.and_then(|index| self.sent.get_mut(index)) else {
                continue;
            };
            match status.arrival {
                Some(arrival) if !sent.acknowledged => {
                    sent.acknowledged = true;
                    received += u32::from(!sent.padding);
                    padding.0 += u32::from(sent.padding);
                    let sent = *sent;
                    self.on_arrival(sent, (arrival + offset) as f64 * 0.25);
                }
                None if !sent.acknowledged && !sent.counted_lost => {
                    sent.counted_lost = true;
                    lost += u32::from(!sent.padding);
                    padding.1 += u32::from(sent.padding);
                    if let Some(cluster) = self.prober.cluster(sent.cluster) {
                        cluster.on_loss();
                    }
                }
                _ => {}
            }
        }
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let bitrate = self.control.bitrate;
        self.loss.update(
            now,
            received + lost,
            lost,
            bitrate,
            round_trip,
            self.limits.min,
        );
        self.prober
            .loss
            .update(received + lost + padding.0 + padding.1, lost + padding.1);
        let usage = self.usage();
        let mut measured = self.acknowledged.bitrate();
        if usage == Usage::Over {
            // The line is full now, but over half a second it may have been idle between two frames.
            measured = measured.map(|mean| mean.max(self.acknowledged.peak()));
        }
        self.control
            .update(now, usage, measured, round_trip, self.limits);
        if usage == Usage::Over && self.control.bitrate < bitrate {
            self.prober.controller.on_decrease();
        }
        self.update_probe(now, round_trip);
    }

    /// What the queues on the way do. The delay also grows when frames become much larger, as they do after a
    /// probe: each takes longer then. That is no queue as long as some packets do not wait.
    fn usage(&self) -> Usage {
        match self.detector.usage() {
            Usage::Over if self.prober.queue.queue() < LEAST_QUEUE => Usage::Normal,
            usage => usage,
        }
    }

    /// Feedback says that a packet arrived at `arrival`, in ms on the receiver's clock.
    fn on_arrival(&mut self, sent: Sent, arrival: f64) {
        let at = sent.at.saturating_duration_since(self.origin).as_secs_f64() * 1e3;
        self.acknowledged.add(arrival, sent.bytes);
        if !sent.padding {
            self.detector.on_packet(at, arrival);
        }
        self.prober.queue.on_packet(at, arrival);
        if let Some(cluster) = self.prober.cluster(sent.cluster) {
            cluster.on_arrival(at, arrival, sent.bytes, sent.counted_lost);
        }
    }

    /// What to add to arrival times, because the reference time wraps at 24 bits.
    fn unwrap_reference(&mut self, raw: i32) -> i64 {
        let (last_raw, last) = self.reference.unwrap_or((raw, i64::from(raw)));
        let step = raw.wrapping_sub(last_raw).wrapping_shl(8) >> 8;
        let extended = last + i64::from(step);
        self.reference = Some((raw, extended));
        (extended - i64::from(raw)) * 256
    }

    /// Notices that feedback has stopped.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            self.last_feedback = Some(now);
            self.unanswered = None;
            self.control.bitrate = (self.control.bitrate * 0.8).max(self.limits.min as f64);
        }
    }

    /// When [`Self::handle_timeout`] has something to notice: if feedback was there before, and is awaited.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let last = self.last_feedback?;
        self.sent.back().filter(|newest| !newest.acknowledged)?;
        // Where nothing was sent for a while, nothing was awaited.
        let since = self.unanswered?;
        Some((last + FEEDBACK_TIMEOUT).max(since + FEEDBACK_DELAY))
    }
}

/// Where the maximum is below the minimum, it is the minimum too.
fn in_order(limits: BitrateLimits) -> BitrateLimits {
    BitrateLimits {
        min: limits.min.min(limits.max),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use gannet_rtp::RtcpWriter;
    use gannet_rtp::rtcp::{RtcpPacket, packets};
    use gannet_wire::Serial16;

    use super::*;

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn feed(side: &mut SendSide, now: u64, base: u16, arrivals: &[Option<i64>]) {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).transport_feedback(
            1,
            2,
            Serial16(base),
            0,
            arrivals.iter().copied(),
        );
        match packets(&bytes).next() {
            Some(Ok(RtcpPacket::TransportFeedback(feedback))) => {
                side.on_feedback(at(now), &feedback, Some(Duration::from_millis(40)));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_remb_caps_and_expires() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        side.on_remb(at(0), 300_000);
        assert_eq!(side.target(at(1)), 300_000);
        side.on_remb(at(1), 0);
        assert_eq!(side.target(at(2)), 50_000);
        assert_eq!(side.target(at(11_000)), 1_000_000);
    }

    // Where nothing but REMB held it back it had grown to the maximum, and went there when the way back was down.
    #[test]
    fn what_a_remb_has_held_back_does_not_come_when_it_expires() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        for second in 0..100 {
            side.on_remb(at(second * 1000), 1_500_000);
            side.on_report(at(second * 1000), 100, 0, None);
        }
        assert_eq!(side.target(at(99_000)), 1_500_000);
        assert_eq!(side.target(at(120_000)), 1_500_000);
        // One that rises is followed.
        for second in 120..125 {
            side.on_remb(at(second * 1000), 9_000_000);
            side.on_report(at(second * 1000), 100, 0, None);
        }
        assert!(side.target(at(125_000)) > 2_000_000);
    }

    #[test]
    fn feedback_on_what_was_never_sent_is_ignored() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        for _ in 0..10 {
            side.on_sent(at(0), 1000);
        }
        feed(&mut side, 50, 500, &[Some(1), None, Some(2)]);
        feed(&mut side, 50, 65_000, &[Some(1), None, Some(2)]);
        assert_eq!(side.acknowledged.bitrate(), None);
        assert!(
            side.sent
                .iter()
                .all(|sent| !sent.acknowledged && !sent.counted_lost)
        );
        feed(&mut side, 50, 1, &[Some(1), None]);
        feed(&mut side, 50, 10, &[Some(1)]);
        assert_eq!(side.sent.iter().filter(|sent| sent.acknowledged).count(), 2);
    }

    #[test]
    fn the_reference_time_wraps() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        assert_eq!(side.unwrap_reference(0x7f_ffff), 0);
        assert_eq!(side.unwrap_reference(-0x80_0000), 0x100_0000 * 256);
        assert_eq!(side.unwrap_reference(0x7f_ffff), 0);
    }

    #[test]
    fn silence_after_feedback_halves_it_slowly() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        side.on_sent(at(0), 1000);
        assert_eq!(side.next_timeout(), None);
        feed(&mut side, 50, 1, &[Some(1)]);
        side.on_sent(at(100), 1000);
        assert_eq!(side.next_timeout(), Some(at(2050)));
        side.handle_timeout(at(2050));
        assert!(side.target(at(2050)) < 820_000);
    }

    // Found by fuzzing: the first packet after a pause was overdue when it was sent.
    #[test]
    fn a_pause_is_no_silence() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        side.on_sent(at(0), 1000);
        feed(&mut side, 50, 1, &[Some(1)]);
        side.on_sent(at(60_000), 1000);
        assert_eq!(side.next_timeout(), Some(at(61_000)));
        side.handle_timeout(at(60_999));
        assert_eq!(side.target(at(60_999)), 1_000_000);
        side.handle_timeout(at(61_000));
        assert_eq!(side.target(at(61_000)), 800_000);
        assert_eq!(side.next_timeout(), None);
    }

    #[test]
    fn what_was_sent_is_bounded() {
        let mut side = SendSide::new(at(0), BitrateLimits::default());
        for index in 0..20_000 {
            side.on_sent(at(0), 100);
            assert!(side.sent.len() <= MAX_SENT, "{index}");
        }
        side.on_sent(at(6000), 100);
        assert_eq!(side.sent.len(), 1);
    }
}
