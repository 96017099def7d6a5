//! Rates: how much arrives, and how the target follows the detector (draft-ietf-rmcat-gcc-02, section 5.5).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::capacity::Capacity;
use super::cluster::Measured;
use super::delay::Usage;
use crate::parameters::BitrateLimits;

/// What arrived within the last half second.
#[derive(Debug, Default)]
pub(crate) struct RateWindow {
    /// When (in ms), and how many bytes.
    arrivals: VecDeque<(f64, u32)>,
    bytes: u64,
}

const WINDOW_MS: f64 = 500.0;
const PEAK_MS: f64 = 150.0;
const MAX_ARRIVALS: usize = 8192;

impl RateWindow {
    pub(crate) fn add(&mut self, arrival: f64, bytes: u32) {
        // The clock has jumped back: what is in the window would stay there until it comes back.
        if self
            .arrivals
            .back()
            .is_some_and(|(last, _)| last - arrival > WINDOW_MS)
        {
            *self = Self::default();
        }
        self.arrivals.push_back((arrival, bytes));
        self.bytes += u64::from(bytes);
        while let Some((first, bytes)) = self.arrivals.front().copied() {
            if arrival - first <= WINDOW_MS && self.arrivals.len() <= MAX_ARRIVALS {
                break;
            }
            self.bytes -= u64::from(bytes);
            self.arrivals.pop_front();
        }
    }

    /// Bits per second of the last moments: what the line carried while a frame that is larger than
    /// others went through it. 0 if there is not enough to tell.
    pub(crate) fn peak(&self) -> u64 {
        let Some((last, _)) = self.arrivals.back().copied() else {
            return 0;
        };
        let recent = self
            .arrivals
            .iter()
            .rev()
            .take_while(|(at, _)| last - at <= PEAK_MS);
        let (first, bytes, count) = recent.fold((last, 0, 0), |(_, sum, count), (at, bytes)| {
            (*at, sum + u64::from(*bytes), count + 1)
        });
        let span = last - first;
        if span < PEAK_MS / 2.0 || count < 8 {
            return 0;
        }
        (bytes as f64 * f64::from(count - 1) / f64::from(count) * 8000.0 / span) as u64
    }

    /// Bits per second, once there is enough to tell.
    pub(crate) fn bitrate(&self) -> Option<u64> {
        let (first, bytes) = *self.arrivals.front()?;
        let (last, _) = *self.arrivals.back()?;
        let span = last - first;
        if span < 150.0 || self.arrivals.len() < 8 {
            return None;
        }
        // The first packet opens the span, it is not in it.
        let bits = self.bytes.saturating_sub(u64::from(bytes)) as f64 * 8.0;
        Some((bits * 1000.0 / span) as u64)
    }
}

/// The share of the measured rate that is left after an overuse.
const BACK_OFF: f64 = 0.85;

/// Growth per second while the capacity is unknown.
const GROWTH: f64 = 1.08;

/// Near the capacity the target grows by a packet for each time that an overuse takes to be seen and
/// answered: twice the round trip and what the detector needs. Others do the same, and equal growth makes
/// equal shares of a line.
const DETECTION: Duration = Duration::from_millis(100);
const PACKET_BITS: f64 = 1200.0 * 8.0;
const FRAMES_PER_SECOND: f64 = 30.0;
const LEAST_GROWTH: f64 = 4000.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// Additive increase near the capacity, multiplicative far from it, and multiplicative decrease.
#[derive(Debug)]
pub(crate) struct RateControl {
    state: State,
    pub(crate) bitrate: f64,
    capacity: Capacity,
    updated: Option<Instant>,
    last_decrease: Option<Instant>,
}

impl RateControl {
    pub(crate) const fn new(start: u64) -> Self {
        Self {
            state: State::Increase,
            bitrate: start as f64,
            capacity: Capacity::new(),
            updated: None,
            last_decrease: None,
        }
    }

    pub(crate) fn update(
        &mut self,
        now: Instant,
        usage: Usage,
        measured: Option<u64>,
        round_trip: Duration,
        limits: BitrateLimits,
    ) {
        let elapsed = self.updated.replace(now).map_or(Duration::ZERO, |updated| {
            now.saturating_duration_since(updated)
                .min(Duration::from_secs(1))
        });
        let measured = measured.map(|measured| measured as f64);
        match (usage, self.state) {
            (Usage::Over, _) => self.decrease(now, measured, round_trip),
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => self.state = State::Increase,
            (Usage::Normal, State::Increase) => self.increase(elapsed, measured, round_trip),
        }
        self.bitrate = self.bitrate.clamp(limits.min as f64, limits.max as f64);
    }

    /// A probe showed what the line carries: the target is `bitrate` from now on.
    pub(crate) fn on_probe(&mut self, bitrate: f64, measured: Measured, limits: BitrateLimits) {
        if measured.saturated {
            // A bit less than arrived. Then it is forgotten as soon as the line is full, and the target grows by a
            // part of itself: what grows by a packet is seen late. With all that arrived the queue came to 299 ms
            // of 300 on a line of 10 Mbit/s, so to 31.
            self.capacity.on_probe(measured.bitrate);
        } else {
            self.capacity.on_throughput(measured.bitrate);
        }
        self.bitrate = bitrate.clamp(limits.min as f64, limits.max as f64);
    }

    fn decrease(&mut self, now: Instant, measured: Option<f64>, round_trip: Duration) {
        // The effect of the last decrease is not to be seen before a round trip is over.
        let pause = round_trip + Duration::from_millis(100);
        if self.last_decrease.is_some_and(|last| last + pause > now) {
            return;
        }
        self.last_decrease = Some(now);
        self.state = State::Hold;
        let measured = measured.unwrap_or(self.bitrate);
        self.bitrate = self.bitrate.min(BACK_OFF * measured);
        self.capacity.on_overuse(measured);
    }

    fn increase(&mut self, elapsed: Duration, measured: Option<f64>, round_trip: Duration) {
        if let Some(measured) = measured {
            self.capacity.on_throughput(measured);
        }
        let elapsed = elapsed.as_secs_f64();
        let grown = if self.capacity.is_known() {
            self.bitrate + self.growth_near_capacity(round_trip) * elapsed
        } else {
            (self.bitrate * GROWTH.powf(elapsed)).max(self.bitrate + 1000.0 * elapsed)
        };
        // A stream that does not use what it may says nothing about what lies above.
        let ceiling = measured.map_or(f64::MAX, |measured| 1.5 * measured + 10_000.0);
        self.bitrate = self.bitrate.max(grown.min(ceiling));
    }

    /// In bits per second, for each second.
    fn growth_near_capacity(&self, round_trip: Duration) -> f64 {
        let frame = self.bitrate / FRAMES_PER_SECOND;
        let packet = frame / (frame / PACKET_BITS).ceil().max(1.0);
        let response = 2.0 * (round_trip + DETECTION).as_secs_f64();
        (packet / response).max(LEAST_GROWTH)
    }
}

/// The limit that losses set. Random loss of a few per cent sets none: queues that overflow are seen by
/// their delay, and policers lose much more.
#[derive(Debug, Default)]
pub(crate) struct LossLimit {
    limit: Option<f64>,
    /// Over about the last second.
    smoothed: f64,
    expected: u32,
    lost: u32,
    window_start: Option<Instant>,
    last_decrease: Option<Instant>,
    /// The rate and the loss at which it began to fall, since it grew last.
    fall: Option<(f64, f64)>,
    /// So much is lost at any rate, as it seems: it is not for want of bandwidth.
    own_loss: f64,
}

/// Growth per second of the limit that losses set, once they are over.
const RECOVERY: f64 = 1.25;

/// The limit is never below this, in bits per second.
const LEAST_LIMIT: f64 = 1000.0;

const LOSS_WINDOW: Duration = Duration::from_millis(250);
const MIN_PACKETS: u32 = 20;
const LOW_LOSS: f64 = 0.05;
const HIGH_LOSS: f64 = 0.10;

/// When the limit has fallen to the first part of where it began to, and what arrives to less than the second one,
/// the loss has stayed: a line that is too narrow delivers as much as before. In between is what tells them apart.
const FALLEN: f64 = 0.7;
const DELIVERED: f64 = 0.85;

/// No more than this is taken for the path's own loss: whoever loses more than a fifth sends less.
const MAX_OWN_LOSS: f64 = 0.12;

/// Less than so much above the path's own loss is chance.
const MARGIN: f64 = 0.05;

/// How quickly the path's own loss is forgotten when there is less, per window.
const OWN_LOSS_FORGETTING: f64 = 0.1;

impl LossLimit {
    /// `lost` of `expected` packets were lost while the target was `bitrate`. The limit stays above `min`: it grows by a
    /// part of itself, and from nothing it would not come back.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        expected: u32,
        lost: u32,
        bitrate: f64,
        round_trip: Duration,
        min: u64,
    ) {
        self.expected = self.expected.saturating_add(expected);
        self.lost = self.lost.saturating_add(lost);
        let start = *self.window_start.get_or_insert(now);
        let elapsed = now.saturating_duration_since(start);
        if elapsed < LOSS_WINDOW || self.expected < MIN_PACKETS {
            return;
        }
        let loss = f64::from(self.lost.min(self.expected)) / f64::from(self.expected);
        self.on_window(now, loss, elapsed, bitrate, round_trip, min);
        self.window_start = Some(now);
        (self.expected, self.lost) = (0, 0);
    }

    fn on_window(
        &mut self,
        now: Instant,
        loss: f64,
        elapsed: Duration,
        bitrate: f64,
        round_trip: Duration,
        min: u64,
    ) {
        self.smoothed += (loss - self.smoothed) * 0.3;
        if self.smoothed < self.own_loss {
            self.own_loss += (self.smoothed - self.own_loss) * OWN_LOSS_FORGETTING;
        }
        let pause = round_trip + Duration::from_millis(500);
        let may_decrease = self.last_decrease.is_none_or(|last| last + pause <= now);
        let high = HIGH_LOSS.max(self.own_loss + MARGIN);
        // Over now, and not for a moment: what is left of an old burst must not count again and again.
        if self.smoothed > high && loss > high && may_decrease {
            self.last_decrease = Some(now);
            let from = self.limit.map_or(bitrate, |limit| limit.min(bitrate));
            if self.fell_in_vain(from, loss) {
                return;
            }
            let limit = from * (1.0 - 0.5 * self.smoothed);
            self.limit = Some(limit.max(min as f64).max(LEAST_LIMIT));
        } else if self.smoothed < LOW_LOSS.max(self.own_loss + MARGIN / 2.0)
            && let Some(limit) = &mut self.limit
        {
            self.fall = None;
            *limit *= RECOVERY.powf(elapsed.as_secs_f64().min(1.0));
            if *limit > 1.5 * bitrate {
                self.limit = None;
            }
        }
    }

    /// Whether a limit that is `from` now has fallen for a while, and as much is lost as before. Then that is the
    /// path's own loss. Else it would fall on and on, and where 10 % are lost by chance nothing would be left.
    fn fell_in_vain(&mut self, from: f64, loss: f64) -> bool {
        let (begun, lost) = *self.fall.get_or_insert((from, loss.max(self.smoothed)));
        if from > FALLEN * begun {
            return false;
        }
        self.fall = None;
        let delivered = from * (1.0 - self.smoothed) / (begun * (1.0 - lost).max(0.01));
        if delivered < DELIVERED {
            self.own_loss = self.smoothed.min(MAX_OWN_LOSS);
        }
        self.smoothed <= self.own_loss + MARGIN
    }

    pub(crate) const fn limit(&self) -> Option<f64> {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BitrateLimits = BitrateLimits {
        min: 50_000,
        start: 1_000_000,
        max: 9_000_000,
    };
    const RTT: Duration = Duration::from_millis(40);

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    #[test]
    fn the_window_measures_what_arrives() {
        let mut window = RateWindow::default();
        assert_eq!(window.bitrate(), None);
        for index in 0..200 {
            window.add(f64::from(index) * 10.0, 1250);
        }
        assert_eq!(window.bitrate(), Some(1_000_000));
        for index in 0..20_000 {
            window.add(2000.0 + f64::from(index) * 0.001, 1);
            assert!(window.arrivals.len() <= MAX_ARRIVALS + 1);
        }
    }

    #[test]
    fn the_window_begins_anew_when_the_clock_jumps_back() {
        let mut window = RateWindow::default();
        for index in 0..200 {
            window.add(3_600_000.0 + f64::from(index) * 10.0, 1250);
        }
        for index in 0..60 {
            window.add(f64::from(index) * 10.0, 625);
        }
        assert_eq!(window.bitrate(), Some(500_000));
        // What was only overtaken on the way is no jump.
        window.add(580.0, 625);
        assert!(window.arrivals.len() > 50);
    }

    #[test]
    fn it_grows_by_eight_per_cent_and_falls_below_what_arrives() {
        let mut control = RateControl::new(1_000_000);
        for step in 0..=100 {
            control.update(at(step * 100), Usage::Normal, Some(3_000_000), RTT, LIMITS);
        }
        let expected = 1_000_000.0 * 1.08_f64.powi(10);
        assert!(
            (control.bitrate / expected - 1.0).abs() < 0.01,
            "{}",
            control.bitrate
        );
        control.update(at(10_100), Usage::Over, Some(1_500_000), RTT, LIMITS);
        assert!((control.bitrate - 1_275_000.0).abs() < 1.0);
        control.update(at(10_150), Usage::Over, Some(700_000), RTT, LIMITS);
        assert!(
            (control.bitrate - 1_275_000.0).abs() < 1.0,
            "its effect is not seen yet"
        );
    }

    // 1 Mbit/s is 4 packets of 1,042 bytes a frame, and 280 ms are twice 40 ms and 100 ms: 29.8 kbit/s each
    // second. From 850 kbit/s on that is 3.5 %, not 8 %, until more arrives than the line was thought to carry.
    #[test]
    fn after_a_congestion_it_grows_by_little_until_more_arrives() {
        let mut control = RateControl::new(1_200_000);
        control.update(at(0), Usage::Over, Some(1_000_000), RTT, LIMITS);
        control.update(at(100), Usage::Normal, Some(850_000), RTT, LIMITS);
        assert!((control.bitrate - 850_000.0).abs() < 1.0);
        for step in 1..=11 {
            let measured = Some(control.bitrate as u64);
            control.update(at(step * 100), Usage::Normal, measured, RTT, LIMITS);
        }
        let grown = control.bitrate - 850_000.0;
        assert!((25_000.0..35_000.0).contains(&grown), "{grown}");
        let before = control.bitrate;
        for step in 11..=21 {
            control.update(at(step * 100), Usage::Normal, Some(1_100_000), RTT, LIMITS);
        }
        let factor = control.bitrate / before;
        assert!((factor - 1.08).abs() < 0.002, "{factor}");
    }

    #[test]
    fn it_does_not_run_away_from_what_is_sent() {
        let mut control = RateControl::new(1_000_000);
        for step in 0..=1000 {
            control.update(at(step * 100), Usage::Normal, Some(800_000), RTT, LIMITS);
        }
        assert!(control.bitrate <= 1_210_000.0);
    }

    // The limit fell far below what is ever sent, and a minute of heavy loss took as long to recover from.
    #[test]
    fn after_minutes_of_heavy_loss_it_recovers_from_the_minimum() {
        let mut limit = LossLimit::default();
        for step in 0..3000 {
            limit.update(at(step * 100), 10, 5, 1e6, RTT, LIMITS.min);
        }
        assert_eq!(limit.limit(), Some(50_000.0));
        // 50 kbit/s grow tenfold at a quarter a second.
        for step in 3000..3140 {
            limit.update(at(step * 100), 10, 0, 1e6, RTT, LIMITS.min);
        }
        assert!(
            limit.limit().is_none_or(|limit| limit > 500_000.0),
            "{limit:?}"
        );
    }

    /// The limits of a minute, where `loss` says what is lost at a limit.
    fn limits(loss: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut limit = LossLimit::default();
        let mut random = crate::random::Random::new(3);
        (0..1000)
            .map(|step| {
                let rate = limit.limit().unwrap_or(1e6).min(1e6);
                let lost = (0..20).filter(|_| random.unit() < loss(rate)).count();
                limit.update(at(step * 60), 20, lost as u32, 1e6, RTT, LIMITS.min);
                limit.limit().unwrap_or(1e6)
            })
            .collect()
    }

    // The limit fell to the minimum and stayed there.
    #[test]
    fn loss_that_no_lower_rate_changes_does_not_take_everything() {
        let limits = limits(|_| 0.11);
        let least = limits.iter().copied().fold(1e6, f64::min);
        assert!(least > 600_000.0, "{least}");
        assert!(limits[500..].iter().all(|limit| *limit > 800_000.0));
    }

    #[test]
    fn a_policer_is_obeyed() {
        let limits = limits(|rate| 1.0 - (400_000.0 / rate).min(1.0));
        let late = &limits[500..];
        assert!(late.iter().all(|limit| *limit < 480_000.0));
        assert!(late.iter().all(|limit| *limit > 300_000.0));
    }

    #[test]
    fn more_packets_than_can_be_counted_are_no_more_than_that() {
        let mut limit = LossLimit::default();
        for _ in 0..3 {
            limit.update(at(0), u32::MAX / 2, u32::MAX / 2, 1e6, RTT, LIMITS.min);
        }
        limit.update(at(300), 10, 10, 1e6, RTT, LIMITS.min);
        assert_eq!(limit.limit(), Some(850_000.0));
    }

    #[test]
    fn two_per_cent_of_loss_set_no_limit_and_twenty_do() {
        let mut limit = LossLimit::default();
        let mut random = crate::random::Random::new(3);
        for step in 0..2000 {
            let lost = (0..10).filter(|_| random.unit() < 0.02).count() as u32;
            limit.update(at(step * 60), 10, lost, 1e6, RTT, LIMITS.min);
            assert_eq!(limit.limit(), None, "{step}");
        }
        for step in 2000..2100 {
            limit.update(at(step * 60), 10, 2, 1e6, RTT, LIMITS.min);
        }
        assert!(limit.limit().unwrap() < 8e5);
        for step in 2100..8000 {
            limit.update(at(step * 60), 10, 0, 1e6, RTT, LIMITS.min);
        }
        assert_eq!(limit.limit(), None);
    }
}
