//! CUBIC.

use std::time::{Duration, Instant};

use super::hystart::{Advice, CSS_GROWTH_DIVISOR, HyStart};
use super::new_reno::window_pace;
use super::{AckInfo, Controller, INITIAL_WINDOW_PACKETS, MIN_WINDOW_PACKETS};

/// CUBIC (RFC 9438) with HyStart++.
#[derive(Debug)]
pub(crate) struct Cubic {
    mss: usize,
    window: f64,
    ssthresh: f64,
    hystart: HyStart,
    curve: Curve,
    before: Option<(f64, f64, Curve)>,
}

#[derive(Clone, Copy, Debug)]
struct Curve {
    /// The window before the last reduction, in bytes.
    w_max: f64,
    /// When congestion avoidance began.
    epoch: Option<Instant>,
    /// Seconds until the curve is back at `w_max`.
    k: f64,
    /// What Reno's window would be (section 4.3).
    w_est: f64,
    epoch_window: f64,
}

/// Section 5: aggressiveness, in packets a second cubed.
const C: f64 = 0.4;
/// Section 4.6: what is left of the window after a loss.
const BETA: f64 = 0.7;

impl Cubic {
    pub(crate) fn new(_now: Instant, mss: usize) -> Self {
        Self {
            mss,
            window: (mss * INITIAL_WINDOW_PACKETS) as f64,
            ssthresh: f64::INFINITY,
            hystart: HyStart::new(),
            curve: Curve {
                w_max: 0.0,
                epoch: None,
                k: 0.0,
                w_est: 0.0,
                epoch_window: 0.0,
            },
            before: None,
        }
    }

    fn slow_start(&mut self, ack: &AckInfo) {
        match self.hystart.on_ack(ack.rtt, ack.delivered, ack.in_flight) {
            Advice::SlowStart => self.window += ack.acked as f64,
            Advice::Conservative => {
                self.window += (ack.acked / CSS_GROWTH_DIVISOR) as f64;
            }
            Advice::Exit => self.ssthresh = self.window,
        }
    }

    /// Sections 4.2 to 4.5.
    fn avoid_congestion(&mut self, ack: &AckInfo) {
        let mss = self.mss as f64;
        let curve = &mut self.curve;
        let epoch = *curve.epoch.get_or_insert_with(|| {
            let w_max = curve.w_max.max(self.window);
            curve.w_max = w_max;
            curve.k = ((w_max - self.window) / mss / C).cbrt();
            curve.w_est = self.window;
            curve.epoch_window = self.window;
            ack.now
        });
        let t = ack.now.saturating_duration_since(epoch).as_secs_f64();
        let cubic = |t: f64| (C * (t - curve.k).powi(3)).mul_add(mss, curve.w_max);
        // Section 4.3: as aggressive as Reno at least.
        let alpha = if curve.w_est >= curve.w_max {
            1.0
        } else {
            3.0 * (1.0 - BETA) / (1.0 + BETA)
        };
        curve.w_est += alpha * mss * ack.acked as f64 / self.window;
        if cubic(t) < curve.w_est {
            self.window = self.window.max(curve.w_est);
            return;
        }
        let target = cubic(t + ack.srtt.as_secs_f64()).clamp(self.window, 1.5 * self.window);
        self.window += (target - self.window) * ack.acked as f64 / self.window;
    }

    fn reduce(&mut self) {
        self.before = Some((self.window, self.ssthresh, self.curve));
        // Section 4.7, fast convergence.
        self.curve.w_max = if self.window < self.curve.w_max {
            self.window * (1.0 + BETA) / 2.0
        } else {
            self.window
        };
        self.curve.epoch = None;
        self.ssthresh = (self.window * BETA).max((self.mss * MIN_WINDOW_PACKETS) as f64);
    }
}

impl Controller for Cubic {
    fn window(&self) -> usize {
        self.window as usize
    }

    fn pacing_rate(&self, srtt: Option<Duration>) -> Option<u64> {
        window_pace(self.window as usize, self.window < self.ssthresh, srtt)
    }

    fn on_ack(&mut self, ack: &AckInfo) {
        if ack.in_recovery || !ack.window_limited {
            return;
        }
        if self.window < self.ssthresh {
            self.slow_start(ack);
        } else {
            self.avoid_congestion(ack);
        }
    }

    fn on_recovery_start(&mut self, _now: Instant, _in_flight: usize) -> Option<usize> {
        self.reduce();
        self.window = self.ssthresh;
        Some(self.ssthresh as usize)
    }

    fn on_timeout(&mut self, _now: Instant, _in_flight: usize) {
        if self.window > self.mss as f64 {
            self.reduce();
        }
        self.window = self.mss as f64;
    }

    fn undo(&mut self) {
        if let Some((window, ssthresh, curve)) = self.before.take() {
            self.window = self.window.max(window);
            self.ssthresh = ssthresh;
            self.curve = curve;
        }
    }

    fn set_mss(&mut self, mss: usize) {
        self.mss = mss;
        self.window = self.window.max(mss as f64);
    }

    fn on_idle(&mut self, idle: Duration, rto: Duration) {
        // Section 5.8 leaves it to congestion window validation: as in NewReno.
        let halvings = (idle.as_nanos() / rto.as_nanos().max(1)).min(10);
        for _ in 0..halvings {
            self.window = (self.window / 2.0)
                .max((self.mss * 4) as f64)
                .min(self.window);
        }
        self.curve.epoch = None;
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::super::new_reno::tests::ack;
    use super::*;

    #[test]
    fn the_window_comes_back_to_where_it_was_at_k() {
        let start = Instant::now();
        let mut cubic = Cubic::new(start, 1000);
        cubic.on_ack(&ack(start, 990_000, false));
        assert_eq!(cubic.window(), 1_000_000);
        assert_eq!(cubic.on_recovery_start(start, 1_000_000), Some(700_000));
        // K = cbrt(300 / 0.4) = 9.09 s.
        let mut now = start;
        let mut windows = Vec::new();
        for _ in 0..(12 * 20) {
            now += Duration::from_millis(50);
            let window = cubic.window();
            cubic.on_ack(&ack(now, window, false));
            windows.push(cubic.window());
        }
        let at = |seconds: usize| windows[seconds * 20 - 1];
        assert!(at(1) > 700_000);
        assert!((990_000..1_010_000).contains(&at(9)), "{}", at(9));
        assert!(at(12) > 1_004_000, "{}", at(12));
    }

    #[test]
    fn a_small_window_grows_like_reno() {
        let start = Instant::now();
        let mut cubic = Cubic::new(start, 1000);
        cubic.on_recovery_start(start, 10_000);
        let mut now = start;
        for _ in 0..20 {
            now += Duration::from_millis(5);
            let window = cubic.window();
            cubic.on_ack(&ack(now, window, false));
        }
        assert!(cubic.window() >= 16_000, "{}", cubic.window());
    }

    #[test]
    fn a_mistake_is_undone() {
        let now = Instant::now();
        let mut cubic = Cubic::new(now, 1000);
        cubic.on_recovery_start(now, 10_000);
        assert_eq!(cubic.window(), 7000);
        cubic.undo();
        assert_eq!(cubic.window(), 10_000);
        cubic.on_timeout(now, 10_000);
        assert_eq!(cubic.window(), 1000);
    }
}
