//! What happens when chunks are lost: recovery, timeouts, and taking reactions back.

use std::time::Instant;

use super::outstanding::{Sent, Turn};
use super::prr::Prr;
use super::rack::Verdict;
use super::sender::{SendContext, Sender};
use crate::timer::Timer;

/// A reaction to loss, as long as it may be taken back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    /// Whether it began with a timeout.
    timeout: bool,
    /// Chunks that counted as lost.
    lost: u32,
    /// Those of them that had only been late: they were acknowledged before they were sent again, or the
    /// peer reported a duplicate.
    late: u32,
    /// The TSNs that it is about: from the first to the one behind the last.
    first_tsn: u64,
    end_tsn: u64,
}

/// A tail-loss probe that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// The TSN behind the last one when it was sent.
    pub(super) end_tsn: u64,
    /// The chunk that it sent again; `None` if it carried new data.
    pub(super) retransmitted: Option<u64>,
    /// How many probes were sent without an answer.
    pub(super) count: u32,
}

/// So many probes are sent, each after a longer time than the one before, until it is up to T3-rtx: loss comes
/// in bursts, and a timeout costs more. RFC 8985 sends one; RFC 9002, section 6.2, goes on too.
pub(super) const MAX_PROBES: u32 = 6;

/// How many chunks must have been overtaken for reordering to be ruled out (RFC 8985, section 6.2:
/// DupThresh).
const DUP_THRESH: u64 = 3;

impl Sender {
    /// Looks for lost chunks among those that were sent before others which have arrived (RFC 8985,
    /// section 6.2, step 5). Returns the bytes that are newly lost.
    pub(super) fn detect_losses(&mut self, cx: &mut SendContext<'_>) -> usize {
        let (min_rtt, srtt) = (self.min_rtt(), self.srtt());
        let many_overtaken = self.sacked_count() >= DUP_THRESH;
        let eager = self.recovery_end.is_some() || many_overtaken;
        let mut lost = 0;
        let mut next_at = None;
        let reported_up_to = self.reported_up_to.unwrap_or(u64::MAX);
        while let Some(tsn) = self.outstanding.take_unsure(reported_up_to) {
            lost += self.lose(cx, tsn);
        }
        for turn in Turn::ALL {
            while let Some((tsn, sent_at, order)) = self.outstanding.oldest_in_flight(turn) {
                match self
                    .rack
                    .verdict(cx.now, sent_at, order, eager, min_rtt, srtt)
                {
                    // A SACK that was full did not say whether this one has arrived.
                    Verdict::Lost if tsn > reported_up_to => self.outstanding.mark_unsure(tsn),
                    Verdict::Lost => lost += self.lose(cx, tsn),
                    Verdict::LostAt(at) => {
                        next_at = Some(next_at.map_or(at, |next: Instant| next.min(at)));
                        break;
                    }
                    Verdict::NotOvertaken => break,
                }
            }
        }
        match next_at {
            Some(at) => cx.timers.set(Timer::Reordering, at),
            None => cx.timers.stop(Timer::Reordering),
        }
        lost
    }

    /// How many chunks gap blocks have reported.
    fn sacked_count(&self) -> u64 {
        let runs = self.outstanding.acked.runs().iter();
        runs.map(|run| run.end - run.start + 1).take(3).sum()
    }

    /// A chunk is lost: it is given up or will be sent again. Returns its size.
    fn lose(&mut self, cx: &mut SendContext<'_>, tsn: u64) -> usize {
        let Some(sent) = self.outstanding.mark_lost(tsn) else {
            return 0;
        };
        let (size, stream, first_tsn) = (sent.size as usize, sent.stream, sent.first_tsn);
        let gives_up = self.partial_reliability && sent.policy.gives_up(cx.now, sent.transmissions);
        self.rate.on_lost(size);
        self.start_recovery(cx, tsn, size);
        if let Some(episode) = &mut self.episode {
            episode.lost += 1;
        }
        if gives_up {
            self.abandon(cx, stream, first_tsn);
        }
        size
    }

    /// Begins recovery, if it is not on: the reaction to loss happens once a window.
    pub(super) fn start_recovery(&mut self, cx: &mut SendContext<'_>, tsn: u64, lost: usize) {
        if self.recovery_end.is_some() {
            return;
        }
        let end_tsn = self.outstanding.next_tsn();
        let in_flight = self.outstanding.in_flight() + lost;
        cx.stats.fast_recoveries += 1;
        self.recovery_end = Some(end_tsn);
        self.episode = Some(Episode {
            timeout: false,
            lost: 0,
            late: 0,
            first_tsn: tsn.min(self.outstanding.base()),
            end_tsn,
        });
        self.prr = self
            .controller
            .on_recovery_start(cx.now, in_flight)
            .map(|ssthresh| Prr::new(in_flight, ssthresh));
    }

    /// Ends recovery when everything that was in flight at its start is acknowledged.
    pub(super) fn maybe_end_recovery(&mut self, now: Instant) {
        if self
            .recovery_end
            .is_some_and(|end| self.outstanding.base() >= end)
        {
            self.recovery_end = None;
            self.prr = None;
            self.rack.on_recovered();
            self.controller.on_recovery_end(now);
        }
    }

    /// The retransmission timer has run out (RFC 9260, section 6.3.3). It ends fast recovery, so that the
    /// window can grow again.
    pub(crate) fn on_retransmission_timeout(&mut self, cx: &mut SendContext<'_>) {
        if self.outstanding.is_empty() {
            return;
        }
        self.rtt.back_off();
        self.forward.resend();
        self.probe = None;
        self.probe_packets = 0;
        cx.timers.stop(Timer::TailLossProbe);
        cx.timers.stop(Timer::Reordering);
        let in_flight = self.outstanding.in_flight();
        if in_flight > 0 || self.outstanding.has_lost() {
            cx.stats.timeouts += 1;
            self.controller.on_timeout(cx.now, in_flight);
            self.lose_everything(cx);
        }
        self.pacer.set_rate(
            cx.now,
            self.controller.pacing_rate(self.rtt.srtt()),
            2 * self.packet_size,
        );
        self.arm_retransmission(cx.now, cx.timers, true);
    }

    fn lose_everything(&mut self, cx: &mut SendContext<'_>) {
        let end_tsn = self.outstanding.next_tsn();
        let mut lost = 0;
        let mut given_up = Vec::new();
        let now = cx.now;
        let partial_reliability = self.partial_reliability;
        let rate = &mut self.rate;
        self.outstanding.mark_all_lost(|sent: &Sent| {
            lost += 1;
            rate.on_lost(sent.size as usize);
            if partial_reliability && sent.policy.gives_up(now, sent.transmissions) {
                given_up.push((sent.stream, sent.first_tsn));
            }
        });
        self.prr = None;
        self.recovery_end = Some(end_tsn);
        self.episode = Some(Episode {
            timeout: true,
            lost,
            late: 0,
            first_tsn: self.outstanding.base(),
            end_tsn,
        });
        // By time, so a message's fragments need not be neighbours.
        given_up.sort_unstable_by_key(|&(_, first_tsn)| first_tsn);
        given_up.dedup();
        for (stream, first_tsn) in given_up {
            self.abandon(cx, stream, first_tsn);
        }
    }

    /// A chunk that counted as lost has arrived before it was sent again.
    pub(super) fn on_found(&mut self, cx: &mut SendContext<'_>, tsn: u64, size: usize) {
        self.rate.on_found(size);
        self.on_late(cx, tsn);
    }

    /// The peer reports a TSN that arrived twice.
    pub(super) fn on_duplicate(&mut self, cx: &mut SendContext<'_>, tsn: u64) {
        if self
            .probe
            .is_some_and(|probe| probe.retransmitted == Some(tsn))
        {
            // The probe was not needed: nothing was lost (RFC 8985, section 7.4.2).
            self.probe = None;
            return;
        }
        self.on_late(cx, tsn);
    }

    fn on_late(&mut self, cx: &mut SendContext<'_>, tsn: u64) {
        let Some(episode) = &mut self.episode else {
            return;
        };
        if !(episode.first_tsn..episode.end_tsn).contains(&tsn) {
            return;
        }
        episode.late += 1;
        self.rack
            .on_spurious(self.rate.delivered(), self.rate.delivered());
        // After a timeout one late chunk proves that the path had not lost the flight (RFC 5682's idea);
        // in recovery all of them must have been late.
        if episode.timeout || episode.late >= episode.lost {
            self.episode = None;
            self.recovery_end = None;
            self.prr = None;
            self.controller.undo();
            cx.stats.spurious_recoveries += 1;
        }
    }
}
