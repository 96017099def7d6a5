//! HyStart++: slow start ends before it overshoots (RFC 9406).

use std::time::Duration;

/// Watches the round-trip time during slow start.
#[derive(Clone, Debug)]
pub(crate) struct HyStart {
    /// The delivered count at which the current round trip ends.
    round_end: u64,
    last_round_min: Option<Duration>,
    round_min: Option<Duration>,
    samples: u32,
    /// Conservative slow start: how many of its round trips are left, and the RTT before it.
    css: Option<Css>,
    /// Slow start has ended once: it is watched no more (RFC 9406, section 4.3).
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Css {
    rounds_left: u32,
    baseline: Duration,
}

/// What slow start should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Go on: the window grows by what is acknowledged.
    SlowStart,
    /// The delay grows: grow by a quarter of that.
    Conservative,
    /// Slow start is over.
    Exit,
}

// RFC 9406, section 4.3.
const MIN_RTT_THRESH: Duration = Duration::from_millis(4);
const MAX_RTT_THRESH: Duration = Duration::from_millis(16);
const MIN_RTT_DIVISOR: u32 = 8;
const N_RTT_SAMPLE: u32 = 8;
/// By how much growth is less in conservative slow start.
pub(crate) const CSS_GROWTH_DIVISOR: usize = 4;
const CSS_ROUNDS: u32 = 5;

impl HyStart {
    pub(crate) const fn new() -> Self {
        Self {
            round_end: 0,
            last_round_min: None,
            round_min: None,
            samples: 0,
            css: None,
            is_over: false,
        }
    }

    /// Takes a SACK. `delivered` are all bytes delivered so far, `in_flight` those on their way.
    pub(crate) fn on_ack(
        &mut self,
        rtt: Option<Duration>,
        delivered: u64,
        in_flight: usize,
    ) -> Advice {
        if self.is_over {
            return Advice::SlowStart;
        }
        if delivered >= self.round_end {
            self.round_end = delivered + in_flight as u64;
            self.last_round_min = self.round_min.take();
            self.samples = 0;
            if let Some(css) = &mut self.css {
                css.rounds_left -= 1;
                if css.rounds_left == 0 {
                    self.is_over = true;
                    return Advice::Exit;
                }
            }
        }
        if let Some(rtt) = rtt {
            self.round_min = Some(self.round_min.map_or(rtt, |min| min.min(rtt)));
            self.samples += 1;
        }
        self.judge();
        if self.css.is_some() {
            Advice::Conservative
        } else {
            Advice::SlowStart
        }
    }

    fn judge(&mut self) {
        let (Some(current), true) = (self.round_min, self.samples >= N_RTT_SAMPLE) else {
            return;
        };
        match self.css {
            // The delay has gone down again: it was a false alarm.
            Some(css) if current < css.baseline => self.css = None,
            Some(_) => {}
            None => {
                let Some(last) = self.last_round_min else {
                    return;
                };
                let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if current >= last + threshold {
                    self.css = Some(Css {
                        rounds_left: CSS_ROUNDS,
                        baseline: current,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(hystart: &mut HyStart, delivered: &mut u64, rtt: u64) -> Advice {
        let mut advice = Advice::SlowStart;
        for _ in 0..10 {
            *delivered += 1000;
            advice = hystart.on_ack(Some(Duration::from_millis(rtt)), *delivered, 10_000);
            if advice == Advice::Exit {
                break;
            }
        }
        advice
    }

    #[test]
    fn growing_delay_ends_slow_start() {
        let mut hystart = HyStart::new();
        let mut delivered = 0;
        assert_eq!(round(&mut hystart, &mut delivered, 50), Advice::SlowStart);
        assert_eq!(round(&mut hystart, &mut delivered, 51), Advice::SlowStart);
        assert_eq!(
            round(&mut hystart, &mut delivered, 60),
            Advice::Conservative
        );
        let mut rounds = 0;
        while round(&mut hystart, &mut delivered, 65) != Advice::Exit {
            rounds += 1;
        }
        assert_eq!(rounds, CSS_ROUNDS - 1);
    }

    #[test]
    fn a_false_alarm_is_taken_back() {
        let mut hystart = HyStart::new();
        let mut delivered = 0;
        round(&mut hystart, &mut delivered, 50);
        round(&mut hystart, &mut delivered, 50);
        assert_eq!(
            round(&mut hystart, &mut delivered, 70),
            Advice::Conservative
        );
        assert_eq!(round(&mut hystart, &mut delivered, 50), Advice::SlowStart);
    }

    #[test]
    fn what_is_over_is_over() {
        let mut hystart = HyStart::new();
        let mut delivered = 0;
        for rtt in [50, 50, 70, 70, 70, 70, 70] {
            round(&mut hystart, &mut delivered, rtt);
        }
        assert_eq!(round(&mut hystart, &mut delivered, 70), Advice::Exit);
        for _ in 0..20 {
            assert_eq!(round(&mut hystart, &mut delivered, 70), Advice::SlowStart);
        }
    }
}
