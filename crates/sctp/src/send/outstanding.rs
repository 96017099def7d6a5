//! Chunks that were sent and are not acknowledged cumulatively: a ring by TSN.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::rate::SentSnapshot;
use crate::packet::Fragment;
use crate::ranges::Ranges;
use crate::{Ppid, StreamId};

/// When a message is given up (RFC 3758, RFC 7496). The default is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) expires: Option<Instant>,
    pub(crate) max_retransmits: Option<u16>,
}

impl Policy {
    /// Whether a fragment that was sent `transmissions` times and is lost is given up.
    pub(crate) fn gives_up(&self, now: Instant, transmissions: u16) -> bool {
        self.has_expired(now) || self.max_retransmits.is_some_and(|max| transmissions > max)
    }

    pub(crate) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// Whether a chunk is on its way for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    First,
    Again,
}

impl Turn {
    pub(crate) const ALL: [Self; 2] = [Self::First, Self::Again];
}

/// What is known of a chunk that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Neither acknowledged nor lost.
    InFlight,
    /// Lost: it is to be sent again.
    Lost,
    /// Overtaken, but the peer's SACKs had no room to say whether it has arrived. It is not on its way
    /// any more.
    Unsure,
    /// Reported by a gap block; the peer may still drop it.
    Acked,
    /// Given up.
    Abandoned,
}

/// In which heaps a chunk has an entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heaps {
    lost: bool,
    unsure: bool,
}

/// A chunk that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) payload: Bytes,
    pub(crate) stream: StreamId,
    pub(crate) ppid: Ppid,
    /// SSN or MID.
    pub(crate) number: u32,
    pub(crate) fsn: u32,
    pub(crate) fragment: Fragment,
    pub(crate) state: State,
    pub(crate) transmissions: u16,
    /// In which heaps it is; a peer that takes acknowledgements back must not fill them.
    pub(crate) heaps: Heaps,
    /// What it counts for in the congestion window: its length on the wire.
    pub(crate) size: u32,
    /// How often anything had been sent when it was sent last: orders chunks sent at the same instant.
    pub(crate) order: u64,
    pub(crate) sent_at: Instant,
    pub(crate) snapshot: SentSnapshot,
    /// The TSN of its message's first fragment.
    pub(crate) first_tsn: u64,
    pub(crate) policy: Policy,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The TSN of the first chunk in the ring.
    base: u64,
    ring: VecDeque<Sent>,
    /// TSNs in the ring that gap blocks have reported.
    pub(crate) acked: Ranges,
    /// Bytes on the wire of chunks that are in flight.
    in_flight: usize,
    /// Bytes of payload that the peer may have to hold.
    unacked_payload: usize,
    /// Lost chunks, lowest first; entries may be stale.
    lost: BinaryHeap<Reverse<u64>>,
    lost_count: usize,
    /// Chunks whose fate the peer has not told, lowest first; entries may be stale.
    unsure: BinaryHeap<Reverse<u64>>,
    /// Chunks in the order of their transmission, those that were sent once and those that were sent again
    /// apart; entries may be stale.
    by_time: [VecDeque<(u64, u64)>; 2],
    order: u64,
    skipped: Skipped,
}

/// The chunks at the start of the ring that are given up or reported, as far as they were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Skipped {
    /// The TSN behind the last of them.
    end: u64,
    /// The last that is given up.
    last_abandoned: u64,
}

impl Outstanding {
    pub(crate) fn new(base: u64) -> Self {
        Self {
            base,
            ring: VecDeque::new(),
            acked: Ranges::default(),
            in_flight: 0,
            unacked_payload: 0,
            lost: BinaryHeap::new(),
            lost_count: 0,
            unsure: BinaryHeap::new(),
            by_time: [VecDeque::new(), VecDeque::new()],
            order: 0,
            skipped: Skipped::default(),
        }
    }

    /// The TSN of the first chunk that is not acknowledged cumulatively.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// The TSN of the next new chunk.
    pub(crate) fn next_tsn(&self) -> u64 {
        self.base + self.ring.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) const fn unacked_payload(&self) -> usize {
        self.unacked_payload
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.lost_count > 0
    }

    pub(crate) fn get(&self, tsn: u64) -> Option<&Sent> {
        self.ring.get(tsn.checked_sub(self.base)? as usize)
    }

    fn get_mut(&mut self, tsn: u64) -> Option<&mut Sent> {
        self.ring.get_mut(tsn.checked_sub(self.base)? as usize)
    }

    /// Adds a chunk that is being sent for the first time.
    pub(crate) fn push(&mut self, mut sent: Sent) {
        let tsn = self.next_tsn();
        self.order += 1;
        sent.order = self.order;
        if sent.state == State::InFlight {
            self.in_flight += sent.size as usize;
            self.unacked_payload += sent.payload.len();
            self.by_time[Turn::First as usize].push_back((tsn, self.order));
        }
        self.ring.push_back(sent);
    }

    /// The lowest lost chunk.
    pub(crate) fn first_lost(&mut self) -> Option<u64> {
        while let Some(&Reverse(tsn)) = self.lost.peek() {
            if let Some(sent) = self.get_mut(tsn) {
                if sent.state == State::Lost {
                    return Some(tsn);
                }
                sent.heaps.lost = false;
            }
            self.lost.pop();
        }
        None
    }

    /// Notes that a chunk is being sent again.
    pub(crate) fn resent(&mut self, tsn: u64, now: Instant, snapshot: SentSnapshot) {
        self.order += 1;
        let order = self.order;
        let Some(sent) = self.get_mut(tsn) else {
            return;
        };
        let was_lost = sent.state == State::Lost;
        sent.state = State::InFlight;
        sent.transmissions = sent.transmissions.saturating_add(1);
        sent.sent_at = now;
        sent.order = order;
        sent.snapshot = snapshot;
        let size = sent.size as usize;
        if was_lost {
            self.in_flight += size;
            self.lost_count -= 1;
        }
        self.by_time[Turn::Again as usize].push_back((tsn, order));
    }

    /// Takes the first chunk of the ring out, which the cumulative TSN ack covers.
    pub(crate) fn pop_front(&mut self) -> Option<Sent> {
        let sent = self.ring.pop_front()?;
        self.base += 1;
        self.leave(sent.state, sent.size, sent.payload.len());
        Some(sent)
    }

    /// Takes the last chunk of the ring out, which nobody has got.
    pub(crate) fn pop_back(&mut self) -> Option<Sent> {
        let sent = self.ring.pop_back()?;
        self.skipped = Skipped::default();
        self.leave(sent.state, sent.size, sent.payload.len());
        Some(sent)
    }

    /// Notes that a gap block reports a chunk. Returns it if that is news.
    pub(crate) fn ack(&mut self, tsn: u64) -> Option<(&Sent, State)> {
        let sent = self.get_mut(tsn)?;
        let before = sent.state;
        if before != State::Acked {
            sent.state = State::Acked;
            let (size, len) = (sent.size, sent.payload.len());
            self.leave(before, size, len);
        }
        Some((self.get(tsn)?, before))
    }

    /// A chunk leaves a state for good.
    const fn leave(&mut self, state: State, size: u32, len: usize) {
        match state {
            State::InFlight => {
                self.in_flight -= size as usize;
                self.unacked_payload -= len;
            }
            State::Lost => {
                self.lost_count -= 1;
                self.unacked_payload -= len;
            }
            State::Unsure => self.unacked_payload -= len,
            State::Acked | State::Abandoned => {}
        }
    }

    /// The chunk that was sent first of those in flight in their first transmission, or in a later one,
    /// with when.
    pub(crate) fn oldest_in_flight(&mut self, turn: Turn) -> Option<(u64, Instant, u64)> {
        while let Some(&(tsn, order)) = self.by_time[turn as usize].front() {
            if let Some(sent) = self.get(tsn)
                && sent.state == State::InFlight
                && sent.order == order
            {
                return Some((tsn, sent.sent_at, order));
            }
            self.by_time[turn as usize].pop_front();
        }
        None
    }

    /// Notes that a chunk in flight is lost.
    pub(crate) fn mark_lost(&mut self, tsn: u64) -> Option<&Sent> {
        let sent = self
            .get_mut(tsn)
            .filter(|sent| sent.state == State::InFlight)?;
        sent.state = State::Lost;
        let size = sent.size as usize;
        self.in_flight -= size;
        self.lost_count += 1;
        self.queue_lost(tsn);
        self.get(tsn)
    }

    fn queue_lost(&mut self, tsn: u64) {
        if let Some(sent) = self.get_mut(tsn)
            && !std::mem::replace(&mut sent.heaps.lost, true)
        {
            self.lost.push(Reverse(tsn));
        }
    }

    /// Notes that a chunk in flight was overtaken while the peer does not say whether it has arrived.
    pub(crate) fn mark_unsure(&mut self, tsn: u64) {
        let Some(sent) = self
            .get_mut(tsn)
            .filter(|sent| sent.state == State::InFlight)
        else {
            return;
        };
        sent.state = State::Unsure;
        let size = sent.size as usize;
        let is_queued = std::mem::replace(&mut sent.heaps.unsure, true);
        self.in_flight -= size;
        if !is_queued {
            self.unsure.push(Reverse(tsn));
        }
    }

    /// Takes the lowest chunk that is unsure if it is not above `last`: the peer has told by now, and it
    /// is in flight again until that is acted on.
    pub(crate) fn take_unsure(&mut self, last: u64) -> Option<u64> {
        while let Some(&Reverse(tsn)) = self.unsure.peek()
            && tsn <= last
        {
            self.unsure.pop();
            let Some(sent) = self.get_mut(tsn) else {
                continue;
            };
            sent.heaps.unsure = false;
            if sent.state == State::Unsure {
                sent.state = State::InFlight;
                let size = sent.size as usize;
                self.in_flight += size;
                return Some(tsn);
            }
        }
        None
    }

    /// All chunks in flight are lost: the retransmission timer has run out.
    pub(crate) fn mark_all_lost(&mut self, mut each: impl FnMut(&Sent)) {
        while let Some(tsn) = self.take_unsure(u64::MAX) {
            if let Some(sent) = self.mark_lost(tsn) {
                each(sent);
            }
        }
        for turn in Turn::ALL {
            while let Some((tsn, _, _)) = self.oldest_in_flight(turn) {
                self.by_time[turn as usize].pop_front();
                if let Some(sent) = self.mark_lost(tsn) {
                    each(sent);
                }
            }
        }
    }

    /// The peer has dropped what it had reported (RFC 9260, section 6.2: "reneging"): the first chunk
    /// of the ring can not be behind a gap. Everything reported before is on its way again.
    pub(crate) fn has_reneged(&self) -> bool {
        self.ring
            .front()
            .is_some_and(|sent| sent.state == State::Acked)
    }

    /// See [`Self::has_reneged`].
    pub(crate) fn take_back_acks(&mut self) {
        let runs = std::mem::take(&mut self.acked);
        self.skipped = Skipped::default();
        for tsn in runs.runs().iter().flat_map(|run| run.start..=run.end) {
            let Some(sent) = self.get_mut(tsn).filter(|sent| sent.state == State::Acked) else {
                continue;
            };
            sent.state = State::Lost;
            let len = sent.payload.len();
            self.unacked_payload += len;
            self.lost_count += 1;
            self.queue_lost(tsn);
        }
    }

    /// Gives up what was sent of a message. Returns its length in bytes, and whether its last fragment was
    /// among it. `interleaved` says that other messages' fragments may be in between.
    pub(crate) fn abandon(&mut self, first_tsn: u64, interleaved: bool) -> (usize, bool) {
        let mut abandoned = 0;
        for tsn in first_tsn.max(self.base)..self.next_tsn() {
            let Some(sent) = self.get_mut(tsn) else {
                break;
            };
            if sent.first_tsn != first_tsn {
                if interleaved {
                    continue;
                }
                break;
            }
            let before = std::mem::replace(&mut sent.state, State::Abandoned);
            let (size, len, end) = (sent.size, sent.payload.len(), sent.fragment.end);
            sent.payload = Bytes::new();
            self.leave(before, size, len);
            abandoned += len;
            if end {
                return (abandoned, true);
            }
        }
        (abandoned, false)
    }

    /// How far the peer can skip: the last TSN of the chunks at the start of the ring that are given up
    /// or reported (RFC 3758, section 3.5, C1 and C2). `None` if the first chunk is neither.
    pub(crate) fn advanced_ack_point(&mut self) -> Option<u64> {
        if self.ring.front()?.state != State::Abandoned {
            return None;
        }
        let mut skipped = self.skipped;
        skipped.end = skipped.end.max(self.base);
        skipped.last_abandoned = skipped.last_abandoned.max(self.base);
        while let Some(sent) = self.get(skipped.end) {
            match sent.state {
                State::Abandoned => skipped.last_abandoned = skipped.end,
                State::Acked => {}
                State::InFlight | State::Lost | State::Unsure => break,
            }
            skipped.end += 1;
        }
        self.skipped = skipped;
        // What was only reported at the end is not skipped: it says nothing new.
        Some(skipped.last_abandoned)
    }

    /// The chunks that are given up, up to a TSN.
    pub(crate) fn abandoned_up_to(&self, tsn: u64) -> impl Iterator<Item = (u64, &Sent)> {
        let count = (tsn + 1).saturating_sub(self.base) as usize;
        (self.base..)
            .zip(self.ring.range(..count.min(self.ring.len())))
            .filter(|(_, sent)| sent.state == State::Abandoned)
    }

    /// The highest chunk in flight that `may` be sent again, for a tail-loss probe.
    pub(crate) fn last_in_flight(&self, may: impl Fn(&Sent) -> bool) -> Option<u64> {
        let index = self
            .ring
            .iter()
            .rposition(|sent| sent.state == State::InFlight && may(sent))?;
        Some(self.base + index as u64)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::super::rate::RateEstimator;
    use super::*;

    fn ring(count: u64) -> Outstanding {
        let now = Instant::now();
        let mut rate = RateEstimator::new(now);
        let mut ring = Outstanding::new(1000);
        for _ in 0..count {
            ring.push(Sent {
                payload: Bytes::from_static(b"data"),
                stream: StreamId(1),
                ppid: Ppid(53),
                number: 0,
                fsn: 0,
                fragment: Fragment {
                    beginning: true,
                    end: true,
                    unordered: false,
                    immediate: false,
                },
                state: State::InFlight,
                transmissions: 1,
                heaps: Heaps::default(),
                size: 20,
                order: 0,
                sent_at: now,
                snapshot: rate.on_sent(now, 0, 20),
                first_tsn: 0,
                policy: Policy::default(),
            });
        }
        ring
    }

    // A peer that reports everything and takes it back, again and again.
    #[test]
    fn acknowledgements_that_are_taken_back_fill_nothing() {
        let mut ring = ring(500);
        for _ in 0..100 {
            let base = ring.base();
            let last = ring.next_tsn() - 1;
            ring.acked.insert(base + 1, last, |_| {});
            for tsn in base + 1..=last {
                ring.ack(tsn);
            }
            ring.pop_front();
            assert!(ring.has_reneged());
            ring.take_back_acks();
        }
        assert!(ring.lost.len() <= 500, "{}", ring.lost.len());
        assert_eq!(ring.lost_count, 400);
        assert_eq!(ring.first_lost(), Some(1100));
        assert!(ring.lost.len() <= 400);
    }

    // A peer that reports everything but what was given up, and stays where it is: each packet asks how far it can skip.
    #[test]
    fn what_can_be_skipped_is_not_counted_for_each_packet() {
        let mut ring = ring(60_000);
        let last = ring.next_tsn() - 1;
        ring.abandon(0, false);
        ring.acked.insert(ring.base() + 1, last, |_| {});
        for tsn in ring.base() + 1..=last {
            ring.ack(tsn);
        }
        let started = Instant::now();
        for _ in 0..60_000 {
            assert_eq!(ring.advanced_ack_point(), Some(1000));
        }
        // Looking at all of them each time takes half a minute.
        assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
    }

    #[test]
    fn what_can_be_skipped_grows_and_shrinks() {
        let mut ring = ring(10);
        assert_eq!(ring.advanced_ack_point(), None);
        give_up(&mut ring, 1000);
        give_up(&mut ring, 1002);
        assert_eq!(ring.advanced_ack_point(), Some(1000));
        ring.acked.insert(1001, 1001, |_| {});
        ring.ack(1001);
        assert_eq!(ring.advanced_ack_point(), Some(1002));
        ring.acked.insert(1003, 1003, |_| {});
        ring.ack(1003);
        assert_eq!(
            ring.advanced_ack_point(),
            Some(1002),
            "1003 says nothing new"
        );
        // The peer takes back what it has reported.
        ring.take_back_acks();
        assert_eq!(ring.advanced_ack_point(), Some(1000));
        ring.pop_front();
        assert_eq!(ring.advanced_ack_point(), None);
        ring.pop_front();
        give_up(&mut ring, 1003);
        assert_eq!(ring.advanced_ack_point(), Some(1003));
        while ring.pop_front().is_some() {}
        assert_eq!(ring.advanced_ack_point(), None);
    }

    fn give_up(ring: &mut Outstanding, tsn: u64) {
        let sent = ring.get_mut(tsn).unwrap();
        let before = std::mem::replace(&mut sent.state, State::Abandoned);
        let (size, len) = (sent.size, sent.payload.len());
        ring.leave(before, size, len);
    }

    #[test]
    fn chunks_without_news_leave_the_flight_until_there_is() {
        let mut ring = ring(10);
        for tsn in 1000..1005 {
            ring.mark_unsure(tsn);
        }
        assert_eq!(ring.in_flight(), 5 * 20);
        assert_eq!(ring.unacked_payload(), 10 * 4);
        assert_eq!(ring.take_unsure(1002), Some(1000));
        assert_eq!(ring.in_flight(), 6 * 20);
        ring.ack(1001);
        assert_eq!(ring.take_unsure(1002), Some(1002), "1001 has arrived");
        assert_eq!(ring.take_unsure(1002), None);
        for tsn in (1000..1005).cycle().take(50) {
            ring.mark_unsure(tsn);
        }
        assert_eq!(ring.unsure.len(), 4);
        let mut lost = 0;
        ring.mark_all_lost(|_| lost += 1);
        assert_eq!((lost, ring.in_flight()), (9, 0));
        assert!(ring.unsure.is_empty());
    }
}
