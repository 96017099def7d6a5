//! Whether this is a moment to probe: is there a queue on the way, is much lost, and does the source use what it
//! may.

use std::time::{Duration, Instant};

/// The shortest delay is remembered for one to two of these: long enough that a steady queue does not become
/// what is thought normal within a congestion, short enough that clocks do not drift apart by more than 2 ms.
const MEMORY: Duration = Duration::from_secs(10);

/// The queue on the way: how much longer packets take than the quickest of the last while.
#[derive(Debug, Default)]
pub(crate) struct QueueDelay {
    /// The shortest delay of this while and of the one before, in ms between two clocks that do not agree.
    shortest: [Option<f64>; 2],
    since: Option<Instant>,
    /// The shortest of the last feedback.
    latest: Option<f64>,
}

impl QueueDelay {
    /// Feedback begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.latest = None;
        let since = *self.since.get_or_insert(now);
        if since + MEMORY <= now {
            self.shortest = [None, self.shortest[0]];
            self.since = Some(now);
        }
    }

    pub(crate) fn on_packet(&mut self, sent: f64, arrival: f64) {
        let delay = arrival - sent;
        for shortest in [&mut self.latest, &mut self.shortest[0]] {
            *shortest = Some(shortest.map_or(delay, |shortest| shortest.min(delay)));
        }
    }

    /// In ms; 0 where nothing is known.
    pub(crate) fn queue(&self) -> f64 {
        let shortest = self.shortest.into_iter().flatten().reduce(f64::min);
        match (self.latest, shortest) {
            (Some(latest), Some(shortest)) => latest - shortest,
            _ => 0.0,
        }
    }
}

/// A source that sends less than this part of what it may is limited by itself, until it sends more than the
/// other: 0.65 is what others take.
const LIMITED: f64 = 0.65;
const NOT_LIMITED: f64 = 0.75;

/// Over which time the rate is averaged, in seconds: a screen that changes once a second sends no less than
/// one that changes evenly.
const AVERAGING: f64 = 1.0;

/// How much media is sent, beside how much may be.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Bytes, forgotten exponentially.
    bytes: f64,
    updated: Option<Instant>,
    limited: bool,
}

impl Load {
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.bytes = self.remembered(now) + bytes as f64;
        self.updated = Some(now);
    }

    fn remembered(&self, now: Instant) -> f64 {
        let elapsed = self
            .updated
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.bytes * (-elapsed.as_secs_f64() / AVERAGING).exp()
    }

    /// Whether the source sends much less than `target`, in bits per second.
    pub(crate) fn is_limited(&mut self, now: Instant, target: u64) -> bool {
        let part = self.remembered(now) * 8.0 / AVERAGING / (target as f64).max(1.0);
        self.limited = part < if self.limited { NOT_LIMITED } else { LIMITED };
        self.limited
    }
}

/// More loss than this is heavy. Less than 5 % limits nothing, but a line that loses 10 % must not look like one
/// that loses less while a row of probes goes up by factors: copies of lost packets would not be kept for long
/// enough at the rate where it ends.
const HEAVY_LOSS: f64 = 0.04;

/// So few packets say nothing of it.
const MIN_PACKETS: f64 = 20.0;

/// What was lost of the packets before counts so much with each feedback: half after a second.
const FORGETTING: f64 = 0.96;

/// How much was lost lately, of media and padding.
#[derive(Debug, Default)]
pub(crate) struct RecentLoss {
    expected: f64,
    lost: f64,
}

impl RecentLoss {
    pub(crate) fn update(&mut self, expected: u32, lost: u32) {
        self.expected = self.expected * FORGETTING + f64::from(expected);
        self.lost = self.lost * FORGETTING + f64::from(lost);
    }

    /// Whether it is more than chance makes of a little. It is wrong now and then: a probe is late then.
    pub(crate) fn is_heavy(&self) -> bool {
        let limit = HEAVY_LOSS * self.expected;
        self.expected >= MIN_PACKETS && self.lost > limit + limit.sqrt() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    #[test]
    fn the_queue_is_what_is_above_the_shortest_delay() {
        let mut queue = QueueDelay::default();
        assert_eq!(queue.queue(), 0.0);
        let mut feed = |now: u64, delays: &[f64]| {
            queue.begin(at(now));
            for delay in delays {
                queue.on_packet(now as f64, now as f64 + delay);
            }
            queue.queue()
        };
        assert_eq!(feed(0, &[-500.0]), 0.0);
        assert_eq!(feed(100, &[-480.0, -470.0]), 20.0);
        assert_eq!(feed(200, &[-520.0]), 0.0);
        assert_eq!(feed(300, &[]), 0.0);
        assert_eq!(feed(9900, &[-460.0]), 60.0);
        // What is older than two whiles is forgotten: the way is longer now.
        assert_eq!(feed(10_000, &[-460.0]), 60.0);
        assert_eq!(feed(20_000, &[-460.0]), 0.0);
        assert_eq!(feed(20_100, &[-430.0]), 30.0);
    }

    #[test]
    fn heavy_loss_is_seen_within_a_second_and_two_per_cent_are_not() {
        let mut random = crate::random::Random::new(5);
        let mut run = |loss: f64, feedbacks: u32| {
            let mut recent = RecentLoss::default();
            let heavy = (0..feedbacks).filter(|_| {
                let lost = (0..10).filter(|_| random.unit() < loss).count();
                recent.update(10, lost as u32);
                recent.is_heavy()
            });
            heavy.count()
        };
        assert!(run(0.02, 2000) < 40);
        assert!(run(0.1, 2000) > 1900);
        let mut recent = RecentLoss::default();
        recent.update(19, 19);
        assert!(!recent.is_heavy());
        recent.update(19, 0);
        assert!(recent.is_heavy());
        (0..100).for_each(|_| recent.update(10, 0));
        assert!(!recent.is_heavy());
    }

    #[test]
    fn who_sends_half_of_the_target_is_limited() {
        let mut load = Load::default();
        assert!(load.is_limited(at(0), 1_000_000));
        let mut run = |from: u64, to: u64, bytes: usize| {
            for frame in (from..to).step_by(40) {
                load.add(at(frame), bytes);
            }
            load.is_limited(at(to), 1_000_000)
        };
        // 25 frames a second: 5,000 bytes are a megabit.
        assert!(!run(0, 4000, 4500));
        assert!(!run(4000, 8000, 3500), "0.7 of it");
        assert!(run(8000, 12_000, 3000), "0.6");
        assert!(run(12_000, 16_000, 3500), "0.7 again");
        assert!(!run(16_000, 20_000, 4000), "0.8");
        assert!(load.is_limited(at(30_000), 1_000_000));
    }
}
