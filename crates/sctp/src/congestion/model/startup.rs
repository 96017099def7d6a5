//! Start-up: doubling until the delivery rate does not grow any more.

use std::time::Duration;

/// What tells that the bandwidth is found, and that it is near.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Startup {
    pub(super) best: f64,
    pub(super) rounds_without_growth: u32,
    /// Loss has ended it.
    pub(super) cut_short: bool,
    pub(super) done: bool,
    /// The mean round-trip time of the last round trip in which the delay did not grow.
    usual: Option<Duration>,
    /// The round-trip times of this one.
    sum: Duration,
    samples: u32,
    /// How many of them were longer than usual.
    late: u32,
    /// The delay grows: so does the window, but more slowly.
    careful: bool,
    careful_rounds: u32,
}

/// The window in bandwidth-delay products, and the pace in bandwidths. The bandwidth that is known lags behind
/// the doubling: a window of 2 loses a round trip at the start.
const WINDOW_GAIN: f64 = 2.89;
const PACE: f64 = 2.77 * 0.99;
/// The least pace, in windows a round trip. A flight leaves in half its time, so that the queue at its end
/// shows how much is left of the path before it is full.
const WINDOW_PACE: f64 = 2.0;
/// The same with a delay. Measured at 100 Mbit/s, 300 ms and a queue of half a BDP: nothing is lost where
/// doubling to the end loses 2,650 packets and stalls for six round trips.
const CAREFUL_GAIN: f64 = 1.5;
const CAREFUL_WINDOW_PACE: f64 = 1.25;
/// So many samples are a delay (RFC 9406's N_RTT_SAMPLE): one is a SACK that was held back.
const LATE_SAMPLES: u32 = 8;
/// A delay that goes on for longer while the bandwidth grows is the path's own.
const CAREFUL_ROUNDS: u32 = 2;

impl Startup {
    pub(super) fn watch_delay(&mut self, rtt: Duration) {
        self.sum += rtt;
        self.samples += 1;
        let Some(usual) = self.usual else {
            return;
        };
        // The margin of RFC 9406, section 4.2.
        let margin = (usual / 8).clamp(Duration::from_millis(4), Duration::from_millis(16));
        self.late += u32::from(rtt > usual + margin);
        self.careful |= self.late >= LATE_SAMPLES;
    }

    /// Ends a round trip: whether the delay has grown in it.
    pub(super) fn end_round(&mut self) -> bool {
        let delayed = self.late >= LATE_SAMPLES;
        self.careful_rounds = if delayed { self.careful_rounds + 1 } else { 0 };
        if self.careful_rounds >= CAREFUL_ROUNDS || !delayed {
            self.careful = false;
            self.careful_rounds = 0;
            if let Some(mean) = self.sum.checked_div(self.samples) {
                self.usual = Some(mean);
            }
        }
        self.sum = Duration::ZERO;
        self.samples = 0;
        self.late = 0;
        delayed
    }

    /// What may be in flight, in bytes, at a bandwidth in bytes a second.
    pub(super) fn window(&self, bandwidth: f64) -> f64 {
        let gain = if self.careful {
            CAREFUL_GAIN
        } else {
            WINDOW_GAIN
        };
        let usual = self.usual.unwrap_or_default();
        gain * bandwidth * usual.as_secs_f64()
    }

    /// How much the window grows by what was acknowledged.
    pub(super) const fn growth(&self, acked: usize) -> usize {
        if self.careful { acked / 2 } else { acked }
    }

    /// The pace; `window_rate` is one window a round trip. Both are in bytes a second.
    pub(super) fn pace(&self, bandwidth: f64, window_rate: f64) -> f64 {
        let (gain, least) = if self.careful {
            (CAREFUL_GAIN, CAREFUL_WINDOW_PACE)
        } else {
            (PACE, WINDOW_PACE)
        };
        (bandwidth * gain).max(window_rate * least).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A round trip with samples of these lengths, in milliseconds.
    fn round(startup: &mut Startup, samples: impl IntoIterator<Item = u32>) -> bool {
        for sample in samples {
            startup.watch_delay(sample * MS);
        }
        startup.end_round()
    }

    #[test]
    fn a_delay_makes_it_careful_until_a_round_without_one() {
        let mut startup = Startup::default();
        assert!(!round(&mut startup, [100; 20]));
        let quick = startup.window(1e6);
        // One SACK that was held back, and what is within the margin.
        assert!(!round(&mut startup, [100, 100, 300, 100]));
        assert!(!round(&mut startup, [112; 20]));
        assert!(!round(&mut startup, [100; 20]));
        for _ in 0..LATE_SAMPLES {
            assert!(!startup.careful);
            startup.watch_delay(114 * MS);
        }
        assert!(startup.careful, "at once");
        assert_eq!(startup.growth(1000), 500);
        assert!(startup.window(1e6) < quick);
        assert!(startup.end_round() && startup.careful);
        assert!(!round(&mut startup, [100; 20]));
        assert!(!startup.careful);
        assert_eq!(startup.growth(1000), 1000);
    }

    // What does not go away by growing slowly is no queue of ours.
    #[test]
    fn a_delay_that_stays_becomes_usual() {
        let mut startup = Startup::default();
        round(&mut startup, [50; 20]);
        let narrow = startup.window(1e6);
        assert!(round(&mut startup, (0..100).map(|i| 60 + i % 40)));
        assert!(startup.careful);
        assert!(round(&mut startup, (0..100).map(|i| 60 + i % 40)));
        assert!(!startup.careful);
        assert!(startup.window(1e6) > 1.5 * narrow, "it is counted in");
        assert!(!round(&mut startup, (0..100).map(|i| 60 + i % 30)));
    }
}
