//! The retransmission timeout of a server, learned from its answers (RFC 8489, section 6.2.1).

use std::time::{Duration, Instant};

/// How long an estimate lives without a transaction.
const STALE_AFTER: Duration = Duration::from_secs(600);

/// An estimate of the retransmission timeout, as RFC 6298 computes it but with a granularity of 1 ms.
///
/// Feed it round-trip times of requests that were sent once only (Karn's algorithm);
/// [`crate::Completed::rtt`] is `None` for the others.
#[derive(Clone, Debug)]
pub struct RtoEstimator {
    initial: Duration,
    estimate: Option<Estimate>,
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    srtt: Duration,
    rttvar: Duration,
    at: Instant,
}

impl RtoEstimator {
    /// An estimator that says `initial` until it has learned something.
    #[must_use]
    pub const fn new(initial: Duration) -> Self {
        Self {
            initial,
            estimate: None,
        }
    }

    /// Learns a round-trip time.
    pub fn learn(&mut self, now: Instant, rtt: Duration) {
        let fresh = self.fresh(now);
        let (srtt, rttvar) = match fresh {
            // RFC 6298, section 2.2.
            None => (rtt, rtt / 2),
            // RFC 6298, section 2.3, with alpha = 1/8 and beta = 1/4.
            Some(old) => (
                old.srtt * 7 / 8 + rtt / 8,
                old.rttvar * 3 / 4 + old.srtt.abs_diff(rtt) / 4,
            ),
        };
        self.estimate = Some(Estimate {
            srtt,
            rttvar,
            at: now,
        });
    }

    /// The timeout for a transaction that starts now: between 1 ms and 60 s.
    #[must_use]
    pub fn rto(&self, now: Instant) -> Duration {
        let Some(estimate) = self.fresh(now) else {
            return self.initial;
        };
        let granularity = Duration::from_millis(1);
        let rto = estimate.srtt + (estimate.rttvar * 4).max(granularity);
        rto.clamp(granularity, Duration::from_secs(60))
    }

    fn fresh(&self, now: Instant) -> Option<Estimate> {
        self.estimate
            .filter(|estimate| now.saturating_duration_since(estimate.at) < STALE_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_and_forgets() {
        let start = instant();
        let ms = Duration::from_millis;
        let mut rto = RtoEstimator::new(ms(500));
        assert_eq!(rto.rto(start), ms(500));
        rto.learn(start, ms(100));
        assert_eq!(rto.rto(start), ms(300));
        for _ in 0..50 {
            rto.learn(start, ms(100));
        }
        assert!(rto.rto(start) < ms(110), "{:?}", rto.rto(start));
        assert_eq!(rto.rto(start + Duration::from_secs(600)), ms(500));
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
    fn instant() -> Instant {
        Instant::now()
    }
}
