//! Round-trip time and retransmission timeout.

use std::time::{Duration, Instant};

/// Estimates the round-trip time (RFC 9260, section 6.3.1).
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    srtt: Option<Duration>,
    rttvar: Duration,
    /// The least of this half of the window and of the half before.
    min_rtt: [Option<Duration>; 2],
    /// When this half began.
    half_began: Option<Instant>,
    rto: Duration,
    /// How many times the timeout has doubled since the last measurement.
    backoff: u32,
    rto_min: Duration,
    rto_max: Duration,
}

/// The timeout is at least so much longer than a round trip: peers delay a SACK for 200 ms. It takes the
/// place of G in section 6.3.1.
const LEAST_MARGIN: Duration = Duration::from_millis(200);

/// What seems to take longer says that the clock has jumped, or that we slept: the pace that follows from it would
/// last for minutes.
pub(super) const LONGEST_RTT: Duration = Duration::from_secs(10);

/// The least round-trip time is that of a window, as RFC 8985, section 6.2, step 1 has it: whoever moves to a longer path
/// would take for lost what is late by a part of the new round trip. This is a half of the window.
const MIN_RTT_HALF: Duration = Duration::from_secs(10);

impl RttEstimator {
    pub(crate) const fn new(initial: Duration, rto_min: Duration, rto_max: Duration) -> Self {
        Self {
            srtt: None,
            rttvar: Duration::ZERO,
            min_rtt: [None; 2],
            half_began: None,
            rto: initial,
            backoff: 0,
            rto_min,
            rto_max,
        }
    }

    /// Takes a measurement at a time: see [`Self::sample`].
    pub(crate) fn sample_at(&mut self, now: Instant, rtt: Duration, samples: u32) {
        if rtt > LONGEST_RTT {
            return;
        }
        let began = *self.half_began.get_or_insert(now);
        let age = now.saturating_duration_since(began);
        if age >= MIN_RTT_HALF {
            let before = self.min_rtt[0].filter(|_| age < 2 * MIN_RTT_HALF);
            self.min_rtt = [None, before];
            self.half_began = Some(now);
        }
        self.sample(rtt, samples);
    }

    /// Takes a measurement of a chunk that was sent once (Karn's rule, C5), one of `samples` in a round
    /// trip.
    ///
    /// RTO.Alpha is 1/8, RTO.Beta 1/4 (section 16). With many samples in a round trip the variance would
    /// forget everything within one (section 6.3.1, C4), and a queue that fills would look like a timeout:
    /// so it falls by its share of a round trip only.
    /// What takes longer than any path is no measurement ([`LONGEST_RTT`]).
    pub(crate) fn sample(&mut self, rtt: Duration, samples: u32) {
        if rtt > LONGEST_RTT {
            return;
        }
        match self.srtt {
            None => {
                self.srtt = Some(rtt);
                self.rttvar = rtt / 2;
            }
            Some(srtt) => {
                let deviation = srtt.abs_diff(rtt);
                self.rttvar = if deviation >= self.rttvar {
                    (self.rttvar * 3 + deviation) / 4
                } else {
                    self.rttvar - (self.rttvar - deviation) / 4 / samples.max(1)
                };
                self.srtt = Some((srtt * 7 + rtt) / 8);
            }
        }
        self.min_rtt[0] = Some(self.min_rtt[0].map_or(rtt, |min| min.min(rtt)));
        let srtt = self.srtt.unwrap_or(rtt);
        self.rto = srtt + (self.rttvar * 4).max(LEAST_MARGIN);
        self.backoff = 0;
    }

    /// Section 6.3.3, E2: the timeout doubles when it has run out.
    pub(crate) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(16);
    }

    /// Ends the back-off: the peer has acknowledged new data.
    pub(crate) const fn progress(&mut self) {
        self.backoff = 0;
    }

    /// How many times the timeout has doubled.
    pub(crate) const fn backoff(&self) -> u32 {
        self.backoff
    }

    pub(crate) fn rto(&self) -> Duration {
        let rto = self.rto.clamp(self.rto_min, self.rto_max);
        rto.saturating_mul(1 << self.backoff).min(self.rto_max)
    }

    pub(crate) const fn srtt(&self) -> Option<Duration> {
        self.srtt
    }

    /// The least round-trip time of the last 10 to 20 seconds in which there were any.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_timeout_follows_the_samples() {
        let mut rtt = RttEstimator::new(ms(1000), ms(400), ms(10_000));
        assert_eq!(rtt.rto(), ms(1000));
        rtt.sample(ms(200), 1);
        assert_eq!(rtt.srtt(), Some(ms(200)));
        assert_eq!(rtt.rto(), ms(600));
        for _ in 0..100 {
            rtt.sample(ms(100), 1);
        }
        assert_eq!(rtt.min_rtt(), Some(ms(100)));
        assert_eq!(rtt.rto(), ms(400), "RTO.Min");
    }

    #[test]
    fn the_variance_outlives_a_round_trip_of_many_samples() {
        let mut rtt = RttEstimator::new(ms(1000), ms(400), ms(10_000));
        rtt.sample(ms(300), 1);
        rtt.sample(ms(600), 1000);
        let before = rtt.rto();
        for _ in 0..500 {
            rtt.sample(ms(600), 1000);
        }
        assert!(rtt.rto() > ms(900), "{:?} {before:?}", rtt.rto());
    }

    #[test]
    fn the_timeout_doubles_up_to_its_maximum() {
        let mut rtt = RttEstimator::new(ms(1000), ms(400), ms(10_000));
        rtt.sample(ms(1000), 1);
        assert_eq!(rtt.rto(), ms(3000));
        rtt.back_off();
        assert_eq!(rtt.rto(), ms(6000));
        for _ in 0..100 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), ms(10_000));
        rtt.progress();
        assert_eq!(rtt.rto(), ms(3000));
    }
}
