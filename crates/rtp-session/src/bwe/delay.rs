//! Delay-based overuse detection: packets are grouped by when they were sent, and the trend of the
//! groups' one-way delay shows whether a queue grows on the way (draft-ietf-rmcat-gcc-02, section 5, with a
//! trendline in place of the Kalman filter).
//!
//! All times are in milliseconds on the clocks of sender and receiver, which need not agree.

use std::collections::VecDeque;

/// Packets sent within this time are one group.
const GROUP_MS: f64 = 5.0;

/// A trend is drawn through so many groups: less reacts to noise, more reacts late.
const WINDOW: usize = 20;

/// A step of one clock that is so much longer than that of the other, or goes so far back, is a jump.
const JUMP_MS: f64 = 3000.0;

const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const OVERUSE_MS: f64 = 10.0;

/// How quickly the threshold follows the trend, upwards and downwards.
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;

/// What the queues on the way do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// They grow.
    Over,
    /// They drain.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_send: f64,
    last_send: f64,
    first_arrival: f64,
    last_arrival: f64,
}

#[derive(Debug)]
pub(crate) struct DelayDetector {
    current: Option<Group>,
    previous: Option<Group>,
    first_arrival: f64,
    groups: u32,
    accumulated: f64,
    smoothed: f64,
    points: VecDeque<(f64, f64)>,
    previous_trend: f64,
    threshold: f64,
    threshold_at: Option<f64>,
    over_for: f64,
    over_count: u32,
    usage: Usage,
}

impl DelayDetector {
    pub(crate) fn new() -> Self {
        Self {
            current: None,
            previous: None,
            first_arrival: 0.0,
            groups: 0,
            accumulated: 0.0,
            smoothed: 0.0,
            points: VecDeque::with_capacity(WINDOW),
            previous_trend: 0.0,
            threshold: 12.5,
            threshold_at: None,
            over_for: 0.0,
            over_count: 0,
            usage: Usage::Normal,
        }
    }

    pub(crate) const fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that was sent at `send` arrived at `arrival`. They come in the order of sending.
    pub(crate) fn on_packet(&mut self, send: f64, arrival: f64) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group::new(send, arrival));
            self.first_arrival = arrival;
            return;
        };
        // A clock that jumps back says nothing about queues, and need not come back to where it was.
        if group.first_send - send > JUMP_MS || group.last_arrival - arrival > JUMP_MS {
            *self = Self::new();
            self.on_packet(send, arrival);
            return;
        }
        if send < group.first_send {
            return;
        }
        if group.takes(send, arrival) {
            group.last_send = group.last_send.max(send);
            group.last_arrival = group.last_arrival.max(arrival);
            return;
        }
        let complete = *group;
        self.current = Some(Group::new(send, arrival));
        if let Some(previous) = self.previous.replace(complete) {
            let sent = complete.last_send - previous.last_send;
            let arrived = complete.last_arrival - previous.last_arrival;
            // Clocks that jump say nothing about queues.
            if arrived < 0.0 || (arrived - sent).abs() > JUMP_MS {
                *self = Self::new();
                return;
            }
            self.on_group(sent, arrived - sent, complete.last_arrival);
        }
    }

    fn on_group(&mut self, sent: f64, delay: f64, arrival: f64) {
        self.groups = (self.groups + 1).min(1000);
        self.accumulated += delay;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points
            .push_back((arrival - self.first_arrival, self.smoothed));
        let trend = if self.points.len() == WINDOW {
            slope(&self.points).unwrap_or(self.previous_trend)
        } else {
            self.previous_trend
        };
        self.detect(trend, sent, arrival);
    }

    fn detect(&mut self, trend: f64, sent: f64, now: f64) {
        let scaled = f64::from(self.groups.min(60)) * trend * GAIN;
        if scaled > self.threshold {
            self.over_for += if self.over_count == 0 {
                sent / 2.0
            } else {
                sent
            };
            self.over_count += 1;
            if self.over_for > OVERUSE_MS && self.over_count > 1 && trend >= self.previous_trend {
                self.over_for = 0.0;
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = 0.0;
            self.over_count = 0;
            self.usage = if scaled < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.previous_trend = trend;
        self.adapt_threshold(scaled.abs(), now);
    }

    fn adapt_threshold(&mut self, scaled: f64, now: f64) {
        let elapsed = (now - self.threshold_at.replace(now).unwrap_or(now)).clamp(0.0, 100.0);
        // A single spike, such as a route change, must not make it deaf.
        if scaled > self.threshold + 15.0 {
            return;
        }
        let gain = if scaled < self.threshold {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        self.threshold += gain * (scaled - self.threshold) * elapsed;
        self.threshold = self.threshold.clamp(6.0, 600.0);
    }
}

impl Group {
    const fn new(send: f64, arrival: f64) -> Self {
        Self {
            first_send: send,
            last_send: send,
            first_arrival: arrival,
            last_arrival: arrival,
        }
    }

    /// Sent together, or arrived together because something on the way sends in bursts.
    fn takes(&self, send: f64, arrival: f64) -> bool {
        if send - self.first_send <= GROUP_MS {
            return true;
        }
        let arrived = arrival - self.last_arrival;
        arrived <= GROUP_MS
            && arrived < send - self.last_send
            && arrival - self.first_arrival < 100.0
    }
}

/// The slope of the line through the points, by least squares.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (mut mean_x, mut mean_y) = (0.0, 0.0);
    for (x, y) in points {
        mean_x += x / count;
        mean_y += y / count;
    }
    let (mut numerator, mut denominator) = (0.0, 0.0);
    for (x, y) in points {
        numerator += (x - mean_x) * (y - mean_y);
        denominator += (x - mean_x) * (x - mean_x);
    }
    (denominator > 0.0).then(|| numerator / denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds packets every 10 ms whose delay grows by `growth` ms each.
    fn run(detector: &mut DelayDetector, from: u32, count: u32, growth: f64) -> Vec<Usage> {
        (0..count)
            .map(|index| {
                let send = f64::from(from + index) * 10.0;
                detector.on_packet(send, send + 20.0 + f64::from(index) * growth);
                detector.usage()
            })
            .collect()
    }

    #[test]
    fn a_growing_queue_is_seen_and_a_steady_one_is_not() {
        let mut detector = DelayDetector::new();
        assert!(
            run(&mut detector, 0, 200, 0.0)
                .iter()
                .all(|usage| *usage == Usage::Normal)
        );
        let seen = run(&mut detector, 200, 60, 1.0);
        let first = seen.iter().position(|usage| *usage == Usage::Over).unwrap();
        assert!(first < 40, "{first}");
    }

    #[test]
    fn a_draining_queue_is_seen() {
        let mut detector = DelayDetector::new();
        run(&mut detector, 0, 60, 0.0);
        let seen = run(&mut detector, 60, 60, -0.3);
        assert!(seen.contains(&Usage::Under));
        assert!(!seen.contains(&Usage::Over));
    }

    // It waited until the clock came back to where it was, and what it had seen last held until then.
    #[test]
    fn a_clock_that_jumps_back_does_not_make_it_blind() {
        for (sent, arrived) in [
            (0.0, -3_600_000.0),
            (-20_000.0, 0.0),
            (-20_000.0, -20_000.0),
        ] {
            let mut detector = DelayDetector::new();
            run(&mut detector, 0, 60, 0.0);
            run(&mut detector, 60, 60, 1.0);
            assert_eq!(detector.usage(), Usage::Over);
            let mut feed = |from: u32, growth: f64| {
                for index in from..from + 60 {
                    let send = f64::from(index) * 10.0;
                    let delay = 20.0 + f64::from(index - from) * growth;
                    detector.on_packet(send + sent, send + arrived + delay);
                }
                detector.usage()
            };
            assert_eq!(feed(120, 0.0), Usage::Normal, "{sent} {arrived}");
            assert_eq!(feed(180, 1.0), Usage::Over, "{sent} {arrived}");
        }
    }

    #[test]
    fn jitter_of_some_milliseconds_is_no_overuse() {
        let mut detector = DelayDetector::new();
        let mut random = crate::random::Random::new(7);
        for index in 0..2000 {
            let send = f64::from(index) * 10.0;
            detector.on_packet(send, send + 20.0 + 4.0 * random.unit());
            assert_ne!(detector.usage(), Usage::Over, "{index}");
        }
    }
}
