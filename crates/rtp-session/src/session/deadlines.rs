//! When the streams of a session have something to do: the earliest is found at once, however many there are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::RtpSession;
use crate::parameters::{ReceiverId, SenderId};
use crate::receive::{Receiver, SsrcHasher};
use crate::send::Sender;

/// A receiver or a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Receiver(ReceiverId),
    Sender(SenderId),
}

impl Stream {
    /// No other stream of its session has this number.
    const fn number(self) -> u32 {
        match self {
            Self::Receiver(id) => id.0,
            Self::Sender(id) => id.0,
        }
    }
}

/// A heap of deadlines in which the place of each stream is known. Those with nothing to do are not in it.
#[derive(Debug)]
pub(super) struct Deadlines {
    heap: Vec<(Instant, Stream)>,
    places: HashMap<u32, usize, SsrcHasher>,
    /// What they were computed with.
    round_trip: Option<Duration>,
}

impl Deadlines {
    /// The earliest.
    pub(super) fn first(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// The streams that have something to do now: receivers, then senders, each in the order in which they were made.
    pub(super) fn due(&self, now: Instant) -> Vec<Stream> {
        let mut due = Vec::new();
        let mut next = vec![0];
        while let Some(place) = next.pop() {
            if let Some((_, stream)) = self.heap.get(place).filter(|(at, _)| *at <= now) {
                due.push(*stream);
                next.extend([2 * place + 1, 2 * place + 2]);
            }
        }
        due.sort_unstable();
        due
    }

    /// A stream has something to do at this time, or not at all.
    pub(super) fn set(&mut self, stream: Stream, at: Option<Instant>) {
        let known = self.places.get(&stream.number()).copied();
        match (known, at) {
            (None, None) => {}
            (None, Some(at)) => {
                let place = self.heap.len();
                self.heap.push((at, stream));
                self.places.insert(stream.number(), place);
                self.rise(place);
            }
            (Some(place), Some(at)) => {
                self.heap[place].0 = at;
                self.settle(place);
            }
            (Some(place), None) => {
                let last = self.heap.len() - 1;
                self.swap(place, last);
                self.heap.pop();
                self.places.remove(&stream.number());
                if place < last {
                    self.settle(place);
                }
            }
        }
    }

    fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].0 <= self.heap[place].0 {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter();
            let children = children.filter(|child| *child < self.heap.len());
            let Some(child) = children.min_by_key(|child| self.heap[*child].0) else {
                return;
            };
            if self.heap[place].0 <= self.heap[child].0 {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            self.places.insert(self.heap[place].1.number(), place);
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            // Numbers are ours: nobody chooses them to collide.
            places: HashMap::with_hasher(SsrcHasher::new(0x9e37_79b9_7f4a_7c15)),
            round_trip: None,
        }
    }
}

impl RtpSession {
    /// A receiver has changed, or is gone.
    pub(super) fn note_receiver(&mut self, id: ReceiverId) {
        let round_trip = self.round_trip.get();
        let receiver = self.receivers.get(&id);
        let at = receiver.and_then(|receiver| receiver.next_timeout(round_trip));
        self.deadlines.set(Stream::Receiver(id), at);
    }

    /// A sender has changed, or is gone.
    pub(super) fn note_sender(&mut self, id: SenderId) {
        let round_trip = self.round_trip.get();
        let sender = self.senders.get(&id);
        let at = sender.and_then(|sender| sender.next_timeout(round_trip));
        self.deadlines.set(Stream::Sender(id), at);
    }

    /// The round-trip time may be another one, on which all deadlines depend.
    pub(super) fn note_round_trip(&mut self) {
        let round_trip = self.round_trip.get();
        if std::mem::replace(&mut self.deadlines.round_trip, round_trip) == round_trip {
            return;
        }
        for (id, receiver) in &self.receivers {
            let at = receiver.next_timeout(round_trip);
            self.deadlines.set(Stream::Receiver(*id), at);
        }
        for (id, sender) in &self.senders {
            let at = sender.next_timeout(round_trip);
            self.deadlines.set(Stream::Sender(*id), at);
        }
    }

    /// The earliest deadline, by a look at all streams: what [`Deadlines::first`] must be.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        let round_trip = self.round_trip.get();
        let receivers = self.receivers.values();
        let receivers =
            receivers.filter_map(|receiver: &Receiver| receiver.next_timeout(round_trip));
        let senders = self.senders.values();
        let senders = senders.filter_map(|sender: &Sender| sender.next_timeout(round_trip));
        receivers.chain(senders).min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    #[test]
    fn the_earliest_is_first_whatever_changes() {
        let mut random = Random::new(7);
        let (mut deadlines, mut known) = (Deadlines::default(), BTreeMap::new());
        let start = gannet_netsim::start();
        for _ in 0..20_000 {
            let number = random.u32() % 60;
            let stream = match number % 2 {
                0 => Stream::Receiver(ReceiverId(number)),
                _ => Stream::Sender(SenderId(number)),
            };
            let at = start + Duration::from_millis(u64::from(random.u32() % 100));
            let at = (!random.u32().is_multiple_of(3)).then_some(at);
            deadlines.set(stream, at);
            match at {
                Some(at) => known.insert(stream, at),
                None => known.remove(&stream),
            };
            assert_eq!(deadlines.first(), known.values().min().copied());
            assert_eq!(deadlines.heap.len(), known.len());
            assert_eq!(deadlines.places.len(), known.len());
            let now = start + Duration::from_millis(u64::from(random.u32() % 100));
            let due = known.iter().filter(|(_, at)| **at <= now);
            assert!(deadlines.due(now).iter().eq(due.map(|(stream, _)| stream)));
        }
    }
}
