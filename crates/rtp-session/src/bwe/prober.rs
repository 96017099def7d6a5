//! What the send side does about probes: it begins and ends them, tells them what feedback says, and makes of
//! their results what the estimate is.

use std::time::{Duration, Instant};

use super::SendSide;
use super::cluster::{Cluster, Measured};
use super::delay::Usage;
use super::probing::{ProbeController, Situation, Verdict};
use super::signals::{Load, QueueDelay, RecentLoss};

/// With a longer queue than this on the way, in ms, no probe begins; and one that is being sent ends when it
/// is longer than the other. Jitter of some ms is no queue, and the shortest delay over a feedback's packets
/// leaves most of it out.
const CALM_QUEUE: f64 = 30.0;
const LONG_QUEUE: f64 = 60.0;

#[derive(Debug, Default)]
pub(super) struct Prober {
    pub(super) controller: ProbeController,
    pub(super) queue: QueueDelay,
    pub(super) load: Load,
    pub(super) loss: RecentLoss,
    /// In a box: most of the time there is none.
    cluster: Option<Box<Cluster>>,
    /// The number of the newest cluster; its packets carry it. 0 is none.
    number: u32,
    /// No more than this can be of use to the senders, in bits per second.
    demand: Option<u64>,
}

impl Prober {
    /// The number of the cluster that is being sent, or 0.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: usize) -> u32 {
        match &mut self.cluster {
            Some(cluster) if !cluster.is_complete() => {
                cluster.on_sent(now, bytes);
                self.number
            }
            _ => 0,
        }
    }

    /// The cluster with this number, if its result is still awaited.
    pub(super) fn cluster(&mut self, number: u32) -> Option<&mut Cluster> {
        let is_newest = number != 0 && number == self.number;
        self.cluster.as_deref_mut().filter(|_| is_newest)
    }
}

impl SendSide {
    /// The senders have use for so many bits per second, if that is known. No probe aims above it.
    pub(crate) const fn set_demand(&mut self, demand: Option<u64>) {
        let before = self.prober.demand;
        self.prober.demand = demand;
        let raised = match (before, demand) {
            (Some(before), Some(demand)) => demand > before,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if raised {
            self.prober.controller.on_raised();
        }
    }

    /// Begins a probe, if it is time for one. Called after feedback, and only if there is something to fill
    /// it with.
    pub(crate) fn begin_probe(&mut self, now: Instant) {
        // Without feedback there is no result.
        if self.prober.cluster.is_some() || self.last_feedback != Some(now) {
            return;
        }
        let situation = self.situation(now);
        if let Some(aim) = self.prober.controller.next_aim(now, &situation) {
            self.prober.number = self.prober.number.wrapping_add(1).max(1);
            self.prober.cluster = Some(Box::new(Cluster::new(now, aim)));
        }
    }

    /// How long a packet of the probe should be that is to leave now.
    pub(crate) fn probe_due(&mut self, now: Instant) -> Option<usize> {
        self.prober.cluster.as_mut()?.due(now)
    }

    /// When the next packet of the probe is to leave.
    pub(crate) fn next_probe_departure(&self) -> Option<Instant> {
        self.prober.cluster.as_ref()?.next_departure()
    }

    /// Ends a probe that is being sent: there is nothing to fill it with.
    pub(crate) fn abort_probe(&mut self) {
        let sending = |cluster: &mut Box<Cluster>| !cluster.is_complete();
        if self.prober.cluster.take_if(sending).is_some() {
            self.prober.controller.on_abort();
        }
    }

    fn situation(&mut self, now: Instant) -> Situation {
        let target = self.target(now);
        let others = [self.prober.demand, self.remb(now)];
        let ceiling = others.into_iter().flatten().fold(self.limits.max, u64::min);
        let calm = self.usage() != Usage::Over
            && self.prober.queue.queue() < CALM_QUEUE
            && self.loss.limit().is_none()
            && !self.prober.loss.is_heavy();
        Situation {
            estimate: target,
            ceiling,
            calm,
            limited: self.prober.load.is_limited(now, target),
        }
    }

    /// Feedback came: a probe may have to end, or have a result.
    pub(super) fn update_probe(&mut self, now: Instant, round_trip: Duration) {
        let situation = self.situation(now);
        self.prober.controller.on_situation(now, &situation);
        let over = self.usage() == Usage::Over;
        if over || self.prober.queue.queue() > LONG_QUEUE {
            self.abort_probe();
        }
        let over = |cluster: &mut Box<Cluster>| cluster.is_over(now, round_trip);
        let Some(cluster) = self.prober.cluster.take_if(over) else {
            return;
        };
        let measured = cluster.measure();
        let verdict = self
            .prober
            .controller
            .on_result(now, cluster.aim(), measured, &situation);
        if let Some(measured) = measured {
            self.apply(verdict, measured);
        }
    }

    fn apply(&mut self, verdict: Verdict, measured: Measured) {
        let arriving = self.acknowledged.bitrate().unwrap_or(0) as f64;
        let bitrate = match verdict {
            Verdict::Ignore => return,
            Verdict::Raise(bitrate) => bitrate.max(self.control.bitrate),
            Verdict::Set(bitrate) => bitrate.max(arriving),
        };
        self.control.on_probe(bitrate, measured, self.limits);
    }
}

#[cfg(test)]
mod tests;
