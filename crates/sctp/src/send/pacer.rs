//! Pacing: packets leave one after the other, not in bursts.

use std::time::{Duration, Instant};

/// A token bucket in bytes.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes a second; `None` does not pace.
    rate: Option<u64>,
    /// Bytes that may leave now; negative when a packet was larger than what was there.
    tokens: f64,
    updated: Instant,
    burst: f64,
}

/// Timers and sockets are not exact: what may leave within this time may leave at once. It is also
/// what makes batches for segmentation offload.
const BURST_TIME: Duration = Duration::from_millis(1);

impl Pacer {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            rate: None,
            tokens: 0.0,
            updated: now,
            burst: 0.0,
        }
    }

    /// Sets the rate; a burst is never less than `least_burst` bytes.
    pub(crate) fn set_rate(&mut self, now: Instant, rate: Option<u64>, least_burst: usize) {
        self.refill(now);
        let was_unpaced = self.rate.is_none();
        self.rate = rate;
        let Some(rate) = rate else {
            return;
        };
        self.burst = (rate as f64 * BURST_TIME.as_secs_f64()).max(least_burst as f64);
        self.tokens = if was_unpaced {
            self.burst
        } else {
            self.tokens.min(self.burst)
        };
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated);
        self.updated = self.updated.max(now);
        if let Some(rate) = self.rate {
            self.tokens = (self.tokens + rate as f64 * elapsed.as_secs_f64()).min(self.burst);
        }
    }

    /// When a packet may leave: `None` is now.
    pub(crate) fn blocked_until(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        let rate = self.rate? as f64;
        if self.tokens > 0.0 {
            return None;
        }
        // Half a burst is worth waking up for.
        let wait = (self.burst / 2.0 - self.tokens) / rate.max(1.0);
        Some(now + Duration::from_secs_f64(wait.clamp(1e-6, 1.0)))
    }

    pub(crate) fn on_sent(&mut self, bytes: usize) {
        if self.rate.is_some() {
            self.tokens -= bytes as f64;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_time() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.set_rate(start, Some(1_000_000), 3000);
        let mut now = start;
        let mut sent = 0;
        while now < start + Duration::from_secs(1) {
            match pacer.blocked_until(now) {
                None => {
                    pacer.on_sent(1200);
                    sent += 1200;
                }
                Some(at) => {
                    assert!(at > now);
                    now = at;
                }
            }
        }
        assert!((990_000..1_010_000).contains(&sent), "{sent}");
    }

    #[test]
    fn nothing_is_saved_up_while_idle() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.set_rate(start, Some(1_000_000), 3000);
        let now = start + Duration::from_secs(9);
        let mut burst = 0;
        while pacer.blocked_until(now).is_none() {
            pacer.on_sent(1000);
            burst += 1000;
        }
        assert!(burst <= 4000, "{burst}");
    }

    #[test]
    fn without_a_rate_nothing_is_held_back() {
        let now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.on_sent(1_000_000);
        assert_eq!(pacer.blocked_until(now), None);
    }
}
