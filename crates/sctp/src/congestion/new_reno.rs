//! NewReno.

use std::time::{Duration, Instant};

use super::hystart::{Advice, CSS_GROWTH_DIVISOR, HyStart};
use super::{AckInfo, Controller, INITIAL_WINDOW_PACKETS, MIN_WINDOW_PACKETS};

/// Slow start, congestion avoidance and halving (RFC 9260, section 7.2), with appropriate byte counting
/// and HyStart++.
#[derive(Debug)]
pub(crate) struct NewReno {
    mss: usize,
    window: usize,
    ssthresh: usize,
    /// Bytes acknowledged since the window grew last: `partial_bytes_acked`.
    partial: usize,
    hystart: HyStart,
    before: Option<(usize, usize)>,
}

impl NewReno {
    pub(crate) const fn new(mss: usize) -> Self {
        Self {
            mss,
            window: mss * INITIAL_WINDOW_PACKETS,
            ssthresh: usize::MAX,
            partial: 0,
            hystart: HyStart::new(),
            before: None,
        }
    }

    fn slow_start(&mut self, ack: &AckInfo) {
        match self.hystart.on_ack(ack.rtt, ack.delivered, ack.in_flight) {
            Advice::SlowStart => self.window += ack.acked,
            Advice::Conservative => self.window += ack.acked / CSS_GROWTH_DIVISOR,
            Advice::Exit => self.ssthresh = self.window,
        }
    }
}

/// Pacing by window: in slow start twice the window a round trip, afterwards 1.25 times, so that the
/// pace is never what limits.
pub(super) fn window_pace(window: usize, slow_start: bool, srtt: Option<Duration>) -> Option<u64> {
    let srtt = srtt?;
    // Below a millisecond timers are coarser than the pace.
    if srtt < Duration::from_millis(1) {
        return None;
    }
    let quarters = if slow_start { 8 } else { 5 };
    let nanos = srtt.as_nanos().max(1);
    let rate = window as u128 * quarters * 1_000_000_000 / (4 * nanos);
    Some(rate.min(u128::from(u64::MAX)) as u64)
}

impl Controller for NewReno {
    fn window(&self) -> usize {
        self.window
    }

    fn pacing_rate(&self, srtt: Option<Duration>) -> Option<u64> {
        window_pace(self.window, self.window < self.ssthresh, srtt)
    }

    fn on_ack(&mut self, ack: &AckInfo) {
        if ack.in_recovery || !ack.window_limited {
            return;
        }
        if self.window < self.ssthresh {
            self.slow_start(ack);
            return;
        }
        // Section 7.2.2: one packet more for each window that is acknowledged.
        self.partial += ack.acked;
        while self.partial >= self.window {
            self.partial -= self.window;
            self.window += self.mss;
        }
    }

    fn on_recovery_start(&mut self, _now: Instant, _in_flight: usize) -> Option<usize> {
        self.before = Some((self.window, self.ssthresh));
        self.ssthresh = (self.window / 2).max(self.mss * MIN_WINDOW_PACKETS);
        self.window = self.ssthresh;
        self.partial = 0;
        Some(self.ssthresh)
    }

    fn on_timeout(&mut self, _now: Instant, _in_flight: usize) {
        // Section 7.2.3: the threshold is halved once, not by each timeout of the same flight.
        if self.window > self.mss {
            self.before = Some((self.window, self.ssthresh));
            self.ssthresh = (self.window / 2).max(self.mss * MIN_WINDOW_PACKETS);
        }
        self.window = self.mss;
        self.partial = 0;
    }

    fn undo(&mut self) {
        if let Some((window, ssthresh)) = self.before.take() {
            self.window = self.window.max(window);
            self.ssthresh = ssthresh;
        }
    }

    fn set_mss(&mut self, mss: usize) {
        self.mss = mss;
        self.window = self.window.max(mss);
    }

    fn on_idle(&mut self, idle: Duration, rto: Duration) {
        // Section 7.2.1: halved for each timeout of idleness.
        let halvings = (idle.as_nanos() / rto.as_nanos().max(1)).min(10);
        for _ in 0..halvings {
            self.window = (self.window / 2).max(self.mss * 4).min(self.window);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ack(now: Instant, acked: usize, in_recovery: bool) -> AckInfo {
        AckInfo {
            now,
            acked,
            prior_in_flight: acked,
            in_flight: 0,
            rtt: None,
            srtt: Duration::from_millis(50),
            min_rtt: Duration::from_millis(50),
            window_limited: true,
            in_recovery,
            delivered: 0,
            sample: None,
            lost: 0,
        }
    }

    #[test]
    fn the_window_doubles_then_grows_by_one_packet_a_round_trip() {
        let now = Instant::now();
        let mut reno = NewReno::new(1000);
        reno.on_ack(&ack(now, 10_000, false));
        assert_eq!(reno.window(), 20_000);
        assert_eq!(reno.on_recovery_start(now, 20_000), Some(10_000));
        reno.on_ack(&ack(now, 10_000, true));
        assert_eq!(reno.window(), 10_000, "no growth in recovery");
        reno.on_ack(&ack(now, 10_000, false));
        assert_eq!(reno.window(), 11_000);
        reno.on_ack(&AckInfo {
            window_limited: false,
            ..ack(now, 99_000, false)
        });
        assert_eq!(reno.window(), 11_000, "no growth that was not used");
    }

    #[test]
    fn a_timeout_starts_over_and_can_be_undone() {
        let now = Instant::now();
        let mut reno = NewReno::new(1000);
        reno.on_timeout(now, 10_000);
        reno.on_timeout(now, 1000);
        assert_eq!(reno.window(), 1000);
        assert_eq!(reno.ssthresh, 5000);
        reno.undo();
        assert_eq!(reno.window(), 10_000);
        assert_eq!(reno.ssthresh, usize::MAX);
    }
}
