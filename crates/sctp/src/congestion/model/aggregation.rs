//! Acknowledgements that come in bursts.

use std::time::Instant;

use crate::congestion::AckInfo;

/// How much more is acknowledged at once than the bandwidth accounts for (draft-ietf-ccwg-bbr, extra_acked):
/// links that hold packets back, and then let them go together, need so much more in flight.
#[derive(Debug)]
pub(super) struct Aggregation {
    since: Instant,
    acked: usize,
    /// The most of these rounds and of those before.
    most: [usize; 2],
    rounds: u32,
}

/// So many rounds are one half of what is remembered.
const HALF: u32 = 5;

impl Aggregation {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            acked: 0,
            most: [0; 2],
            rounds: 0,
        }
    }

    /// Bytes.
    pub(super) fn bytes(&self) -> usize {
        self.most[0].max(self.most[1])
    }

    /// Takes a SACK; `bandwidth` is in bytes a second.
    pub(super) fn on_ack(&mut self, ack: &AckInfo, bandwidth: f64, window: usize) {
        let elapsed = ack.now.saturating_duration_since(self.since);
        let mut expected = (bandwidth * elapsed.as_secs_f64()) as usize;
        if self.acked <= expected {
            self.since = ack.now;
            self.acked = 0;
            expected = 0;
        }
        self.acked += ack.acked;
        let extra = self.acked.saturating_sub(expected).min(window);
        self.most[1] = self.most[1].max(extra);
    }

    pub(super) const fn end_round(&mut self) {
        self.rounds += 1;
        if self.rounds >= HALF {
            self.rounds = 0;
            self.most = [self.most[1], 0];
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ack(now: Instant, acked: usize) -> AckInfo {
        AckInfo {
            now,
            acked,
            prior_in_flight: 0,
            in_flight: 0,
            rtt: None,
            srtt: Duration::ZERO,
            window_limited: true,
            in_recovery: false,
            delivered: 0,
            sample: None,
            lost: 0,
        }
    }

    /// A second at 1 MB/s, in SACKs of which `each` milliseconds' come at once.
    fn run(aggregation: &mut Aggregation, start: Instant, each: u64) -> Instant {
        let mut now = start;
        for tick in 1..=1000 {
            now += Duration::from_millis(1);
            if tick % each == 0 {
                let burst = usize::try_from(each).unwrap();
                for _ in 0..burst {
                    aggregation.on_ack(&ack(now, 1000), 1.1e6, 100_000);
                }
            }
        }
        now
    }

    #[test]
    fn bursts_are_measured_and_forgotten() {
        let start = Instant::now();
        let mut aggregation = Aggregation::new(start);
        let now = run(&mut aggregation, start, 1);
        assert!(aggregation.bytes() <= 1000, "{aggregation:?}");
        let now = run(&mut aggregation, now, 40);
        let bytes = aggregation.bytes();
        assert!((35_000..=41_000).contains(&bytes), "{bytes}");
        for _ in 0..HALF {
            aggregation.end_round();
        }
        assert_eq!(aggregation.bytes(), bytes, "the half before");
        let now = run(&mut aggregation, now, 1);
        for _ in 0..2 * HALF {
            aggregation.end_round();
        }
        run(&mut aggregation, now, 1);
        assert!(aggregation.bytes() <= 1000, "{aggregation:?}");
    }

    #[test]
    fn a_burst_is_never_more_than_the_window() {
        let start = Instant::now();
        let mut aggregation = Aggregation::new(start);
        aggregation.on_ack(&ack(start, 1 << 30), 1e6, 5000);
        assert_eq!(aggregation.bytes(), 5000);
    }
}
