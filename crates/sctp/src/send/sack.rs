//! What a SACK says (RFC 9260, section 6.2.1).

use std::time::{Duration, Instant};

use super::outstanding::{Sent, State};
use super::rtt::LONGEST_RTT;
use super::sender::{SendContext, Sender};
use crate::congestion::AckInfo;
use crate::packet::Sack;
use crate::ranges;

/// The peer acknowledges what was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SackError;

/// A SACK with so many gap blocks, if the peer never sends more, may have had no room for others (dcsctp
/// reports 20): what is behind the last of them may have arrived.
const MANY_BLOCKS: u32 = 16;

/// What is gathered while a SACK is being handled.
#[derive(Debug, Default)]
struct Gathered {
    acked: usize,
    /// When the newest of the chunks that were sent once was sent.
    newest_once: Option<Instant>,
    cumulative_moved: bool,
    any: bool,
    /// This SACK or the one before did not say everything: what is news may have arrived long ago.
    hidden: bool,
}

impl Sender {
    /// Takes a SACK.
    pub(crate) fn on_sack(
        &mut self,
        cx: &mut SendContext<'_>,
        sack: &Sack<'_>,
    ) -> Result<(), SackError> {
        let base = self.outstanding.base();
        let cumulative = ranges::nearest(base, sack.cumulative_tsn_ack.0);
        if cumulative >= self.outstanding.next_tsn() {
            return Err(SackError);
        }
        // D i: an old one.
        if cumulative + 1 < base {
            return Ok(());
        }
        let prior_in_flight = self.outstanding.in_flight();
        let mut gathered = Gathered {
            hidden: self.reported_up_to.is_some(),
            ..Gathered::default()
        };
        self.ack_cumulative(cx, cumulative, &mut gathered);
        self.ack_gaps(cx, cumulative, sack, &mut gathered);
        if self.outstanding.has_reneged() {
            self.outstanding.take_back_acks();
        }
        for tsn in sack.duplicates.iter() {
            self.on_duplicate(cx, ranges::nearest(base, tsn.0));
        }
        self.peer_window =
            (sack.a_rwnd as usize).saturating_sub(self.outstanding.unacked_payload());
        self.conclude(cx, &gathered, prior_in_flight);
        // Section 6.1, A: a peer that answers and has no room for what is on its way is there all the same.
        let first = self.outstanding.get(self.outstanding.base());
        if first.is_some_and(|first| (sack.a_rwnd as usize) < first.payload.len()) {
            self.clear_errors();
        }
        Ok(())
    }

    /// Takes a cumulative TSN ack alone, as SHUTDOWN carries it.
    pub(crate) fn on_cumulative_ack(
        &mut self,
        cx: &mut SendContext<'_>,
        tsn: gannet_wire::Serial32,
    ) {
        let base = self.outstanding.base();
        let cumulative = ranges::nearest(base, tsn.0);
        if cumulative >= self.outstanding.next_tsn() || cumulative < base {
            return;
        }
        let prior_in_flight = self.outstanding.in_flight();
        let mut gathered = Gathered::default();
        self.ack_cumulative(cx, cumulative, &mut gathered);
        self.conclude(cx, &gathered, prior_in_flight);
    }

    fn ack_cumulative(
        &mut self,
        cx: &mut SendContext<'_>,
        cumulative: u64,
        gathered: &mut Gathered,
    ) {
        while self.outstanding.base() <= cumulative {
            let tsn = self.outstanding.base();
            let Some(sent) = self.outstanding.pop_front() else {
                break;
            };
            gathered.cumulative_moved = true;
            self.note_acked(cx, tsn, &sent, gathered);
        }
        if gathered.cumulative_moved {
            self.outstanding.acked.remove_up_to(cumulative);
        }
    }

    fn ack_gaps(
        &mut self,
        cx: &mut SendContext<'_>,
        cumulative: u64,
        sack: &Sack<'_>,
        gathered: &mut Gathered,
    ) {
        let last = self.outstanding.next_tsn() - 1;
        let mut highest = cumulative;
        let mut blocks = 0;
        let mut acked = std::mem::take(&mut self.outstanding.acked);
        for block in sack.gap_blocks.iter() {
            let start = cumulative + u64::from(block.start);
            let end = (cumulative + u64::from(block.end)).min(last);
            // A block starts behind a gap, in front of which nothing can be reported.
            if block.start < 2 || start > end || start < self.outstanding.base() {
                continue;
            }
            highest = highest.max(end);
            blocks += 1;
            acked.insert(start, end, |new| {
                for tsn in new.start..=new.end {
                    self.ack_gap(cx, tsn, gathered);
                }
            });
        }
        self.outstanding.acked = acked;
        self.most_blocks = self.most_blocks.max(blocks);
        let is_full = blocks >= MANY_BLOCKS && blocks == self.most_blocks;
        self.reported_up_to = is_full.then_some(highest);
        gathered.hidden |= is_full;
        self.rate.set_hidden(is_full);
    }

    fn ack_gap(&mut self, cx: &mut SendContext<'_>, tsn: u64, gathered: &mut Gathered) {
        let Some((sent, before)) = self.outstanding.ack(tsn) else {
            return;
        };
        let note = Note::of(sent, before);
        self.note(cx, tsn, note, gathered);
    }

    fn note_acked(
        &mut self,
        cx: &mut SendContext<'_>,
        tsn: u64,
        sent: &Sent,
        gathered: &mut Gathered,
    ) {
        self.note(cx, tsn, Note::of(sent, sent.state), gathered);
    }

    /// A chunk has arrived.
    fn note(&mut self, cx: &mut SendContext<'_>, tsn: u64, note: Note, gathered: &mut Gathered) {
        match note.before {
            State::Acked | State::Abandoned => return,
            State::Lost => self.on_found(cx, tsn, note.size),
            State::InFlight | State::Unsure => {}
        }
        gathered.any = true;
        gathered.acked += note.size;
        let retransmitted = note.transmissions > 1;
        let min_rtt = self.rtt.min_rtt().unwrap_or_default();
        // What arrives sooner after its retransmission than a round trip takes is the transmission before:
        // that says nothing of the path's rate.
        let is_echo = retransmitted && cx.now.saturating_duration_since(note.sent_at) < min_rtt;
        let snapshot = (!is_echo).then_some(note.snapshot);
        self.rate.on_acked(note.size, note.sent_at, snapshot);
        self.rack.on_acked(
            cx.now,
            tsn,
            note.sent_at,
            note.order,
            retransmitted,
            min_rtt,
        );
        // C5, Karn's rule; a lost chunk was sent so long ago that it says nothing of the path now.
        if !retransmitted && note.before == State::InFlight {
            gathered.newest_once = gathered.newest_once.max(Some(note.sent_at));
        }
    }

    /// All chunks are noted: the reactions.
    fn conclude(&mut self, cx: &mut SendContext<'_>, gathered: &Gathered, prior_in_flight: usize) {
        let now = cx.now;
        let rtt = gathered
            .newest_once
            .filter(|_| !gathered.hidden)
            .and_then(|sent_at| now.checked_duration_since(sent_at))
            .filter(|rtt| *rtt <= LONGEST_RTT);
        if let Some(rtt) = rtt {
            // A SACK comes for every second packet.
            let samples = prior_in_flight / (2 * self.packet_size);
            self.rtt.sample_at(now, rtt, samples as u32);
        } else if gathered.cumulative_moved {
            self.rtt.progress();
        }
        self.maybe_end_recovery(now);
        let was_recovering = self.recovery_end.is_some();
        let lost = self.detect_losses(cx);
        self.settle_probe(cx, gathered.any);
        self.tell_controller(cx, gathered, prior_in_flight, rtt, lost);
        if let Some(prr) = &mut self.prr {
            let safe = gathered.cumulative_moved && lost == 0;
            let acked = if was_recovering { gathered.acked } else { 0 };
            prr.on_ack(acked, self.outstanding.in_flight(), safe, self.packet_size);
        }
        let pace = self.controller.pacing_rate(self.rtt.srtt());
        self.pacer.set_rate(now, pace, 2 * self.packet_size);
        if gathered.any || gathered.cumulative_moved {
            self.clear_errors();
        }
        // Section 6.3.2: R2 and R3.
        self.arm_retransmission(now, cx.timers, gathered.cumulative_moved);
        if gathered.any {
            self.arm_probe(now, cx.timers, !cx.queue.is_empty());
        }
    }

    fn tell_controller(
        &mut self,
        cx: &SendContext<'_>,
        gathered: &Gathered,
        prior_in_flight: usize,
        rtt: Option<Duration>,
        lost: usize,
    ) {
        let sample = self.rate.sample(cx.now, self.min_rtt());
        if gathered.acked == 0 && lost == 0 {
            return;
        }
        self.controller.on_ack(&AckInfo {
            now: cx.now,
            acked: gathered.acked,
            prior_in_flight,
            in_flight: self.outstanding.in_flight(),
            rtt,
            srtt: self.srtt(),
            window_limited: self.window_limited,
            in_recovery: self.recovery_end.is_some() && self.prr.is_some(),
            delivered: self.rate.delivered(),
            sample,
            lost,
        });
    }

    /// Ends a tail-loss probe that is answered (RFC 8985, section 7.4).
    fn settle_probe(&mut self, cx: &mut SendContext<'_>, progress: bool) {
        let Some(probe) = self.probe else {
            return;
        };
        if self.outstanding.base() < probe.end_tsn {
            if progress && self.recovery_end.is_some() {
                // It has shown what was lost; the next probe is the first again.
                self.probe = None;
            }
            return;
        }
        self.probe = None;
        // What the probe sent again had really been lost, and nothing else shows it: that is congestion.
        if let Some(tsn) = probe.retransmitted
            && self.recovery_end.is_none()
        {
            self.start_recovery(cx, tsn, 0);
            self.maybe_end_recovery(cx.now);
        }
    }
}

/// What is needed of an acknowledged chunk.
#[derive(Clone, Copy, Debug)]
struct Note {
    before: State,
    size: usize,
    sent_at: Instant,
    order: u64,
    transmissions: u16,
    snapshot: super::rate::SentSnapshot,
}

impl Note {
    const fn of(sent: &Sent, before: State) -> Self {
        Self {
            before,
            size: sent.size as usize,
            sent_at: sent.sent_at,
            order: sent.order,
            transmissions: sent.transmissions,
            snapshot: sent.snapshot,
        }
    }
}
