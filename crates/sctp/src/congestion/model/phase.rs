//! The phases of the model: find the bandwidth, drain the queue, cruise, probe.

use std::time::{Duration, Instant};

use super::{BETA, MIN_LOSS_REPORTS, Model, PROBE_RTT_TIME};
use crate::congestion::AckInfo;

/// What the model is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Doubling until the delivery rate does not grow any more.
    Startup,
    /// Emptying the queue that this has made.
    Drain,
    /// Emptying the queue that probing has made.
    Down,
    /// Keeping the path full.
    Cruise,
    /// Filling the path before probing.
    Refill,
    /// Looking for more. `alone` says that no queue stood when this began.
    Up { since: Instant, alone: bool },
    /// Looking for the least round-trip time.
    ProbeRtt { until: Option<Instant> },
}

impl Phase {
    pub(super) const fn pacing_gain(self) -> f64 {
        match self {
            // Start-up has a pace of its own.
            Self::Startup => 1.0,
            Self::Drain => 0.35,
            Self::Down => 0.9,
            Self::Cruise | Self::Refill | Self::ProbeRtt { .. } => 1.0,
            Self::Up { .. } => 1.25,
        }
    }

    pub(super) const fn window_gain(self) -> f64 {
        match self {
            Self::Up { .. } => 2.25,
            _ => 2.0,
        }
    }

    /// Whether loss is looked for, and answered by the long-term bound.
    pub(super) const fn is_probing(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up { .. })
    }
}

/// How long the path is left alone between probes: 2 to 3 seconds.
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// A queue shorter than this says nothing.
const QUEUE_MARGIN: Duration = Duration::from_millis(1);
/// Or this many round trips, so that Reno's growth in between stays in reach of ours.
const MAX_PROBE_ROUNDS: u32 = 63;

impl Model {
    /// Goes on to the next phase when it is time.
    pub(super) fn advance(&mut self, ack: &AckInfo) {
        match self.phase {
            Phase::Startup => self.advance_startup(ack),
            Phase::Drain => {
                if ack.in_flight <= self.inflight(1.0) {
                    self.enter_down(ack.now);
                    if self.startup.cut_short {
                        // The bandwidth that was seen then may not be all.
                        self.cycle.wait = Duration::ZERO;
                    }
                }
            }
            Phase::Down => {
                let target = self.inflight(1.0).min(self.inflight_with_headroom());
                if self.is_time_to_probe(ack) {
                    self.enter_refill();
                } else if ack.in_flight <= target {
                    self.phase = Phase::Cruise;
                }
            }
            Phase::Cruise => {
                if self.is_time_to_probe(ack) {
                    self.enter_refill();
                }
            }
            Phase::Refill => {
                if self.signals.round_ended {
                    self.cycle.rounds = 0;
                    self.probe_up_growth = self.mss;
                    self.phase = Phase::Up {
                        since: ack.now,
                        alone: !self.signals.queue_stands,
                    };
                }
            }
            Phase::Up { since, alone } => self.advance_up(ack, since, alone),
            Phase::ProbeRtt { until } => self.advance_probe_rtt(ack, until),
        }
    }

    fn advance_startup(&mut self, ack: &AckInfo) {
        if !self.signals.round_ended {
            return;
        }
        let queue_stands = self.startup.end_round();
        let lossy = self.signals.is_congested(MIN_LOSS_REPORTS);
        if lossy {
            // The queue has overflown: what was delivered in a round trip is what the path takes.
            let bdp = self.bdp(self.max_bandwidth()) as usize;
            self.inflight_hi = Some(bdp.max(self.signals.round_delivered));
        }
        let app_limited = ack.sample.is_some_and(|sample| sample.app_limited);
        if self.max_bandwidth() >= self.startup.best * 1.25 {
            self.startup.best = self.max_bandwidth();
            self.startup.rounds_without_growth = 0;
        } else if !app_limited {
            self.startup.rounds_without_growth += 1;
        }
        // A queue says the same as two more rounds would.
        let patience = if queue_stands { 1 } else { 3 };
        if lossy || self.startup.rounds_without_growth >= patience {
            self.startup.done = true;
            self.startup.cut_short = lossy;
            self.cycle.rounds = 0;
            self.phase = Phase::Drain;
        }
    }

    /// A new cycle begins: what was measured in the cycle before last is forgotten.
    fn enter_down(&mut self, now: Instant) {
        self.phase = Phase::Down;
        self.cycle.began = now;
        self.cycle.rounds = 0;
        self.cycle.wait = PROBE_WAIT + Duration::from_secs(1).mul_f64(self.random());
    }

    fn is_time_to_probe(&self, ack: &AckInfo) -> bool {
        // What Reno would take to grow by what is in flight.
        let reno_rounds = (self.window / self.mss.max(1)) as u32;
        ack.now >= self.cycle.began + self.cycle.wait
            || self.cycle.rounds >= reno_rounds.clamp(8, MAX_PROBE_ROUNDS)
    }

    fn enter_refill(&mut self) {
        self.reset_lower_bounds();
        self.phase = Phase::Refill;
    }

    fn advance_up(&mut self, ack: &AckInfo, since: Instant, alone: bool) {
        if self.signals.is_congested(1) {
            let in_flight = ack.sample.map_or(ack.prior_in_flight, |sample| {
                sample.in_flight_at_send.max(ack.prior_in_flight)
            });
            let least = (self.inflight(1.0) as f64 * BETA) as usize;
            self.inflight_hi = Some(in_flight.max(least));
            self.finish_probe(ack.now);
            return;
        }
        self.raise_inflight_hi(ack);
        let rtt = self.min_rtt.unwrap_or_default();
        // A queue of our own making is seen by its delay where a bound keeps us from filling it further.
        let queue_is_built = ack.in_flight >= self.inflight(1.25)
            || alone && ack.srtt >= rtt.mul_f64(1.2) + QUEUE_MARGIN;
        if ack.now >= since + rtt && queue_is_built
            || ack.now >= since + (rtt * 8).max(Duration::from_millis(50))
        {
            self.finish_probe(ack.now);
        }
    }

    fn finish_probe(&mut self, now: Instant) {
        // What was measured before is not forgotten for a cycle in which the application had too little to send
        // (draft-ietf-ccwg-bbr, BBRAdvanceMaxBwFilter).
        if self.bandwidth[1] > 0.0 {
            self.bandwidth = [self.bandwidth[1], 0.0];
        }
        self.enter_down(now);
    }

    /// The long-term bound grows ever faster while it is what limits and nothing is lost.
    fn raise_inflight_hi(&mut self, ack: &AckInfo) {
        let Some(high) = &mut self.inflight_hi else {
            return;
        };
        if !ack.window_limited || self.window < *high {
            return;
        }
        *high += self.probe_up_growth * ack.acked / (*high).max(1);
        if self.signals.round_ended {
            self.probe_up_growth = (self.probe_up_growth * 2).min(*high);
        }
    }

    pub(super) fn enter_probe_rtt(&mut self, _ack: &AckInfo) {
        self.prior_window = self.prior_window.max(self.window);
        self.phase = Phase::ProbeRtt { until: None };
    }

    fn advance_probe_rtt(&mut self, ack: &AckInfo, until: Option<Instant>) {
        match until {
            None if ack.in_flight <= self.inflight(0.5) => {
                self.phase = Phase::ProbeRtt {
                    until: Some(ack.now + PROBE_RTT_TIME),
                };
                self.min_rtt = ack.rtt.or(self.min_rtt);
            }
            Some(until) if ack.now >= until => {
                self.min_rtt_at = ack.now;
                self.window = self.window.max(std::mem::take(&mut self.prior_window));
                self.reset_lower_bounds();
                self.enter_down(ack.now);
            }
            _ => {}
        }
    }
}
