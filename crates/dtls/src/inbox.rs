//! Incoming handshake messages: reassembled from fragments and put in order (RFC 9147,
//! section 5.5).

use std::collections::VecDeque;

use crate::message::{Fragment, HandshakeType, Message};
use crate::ranges::Ranges;

/// How far ahead of the next message fragments are kept. The longest flight has seven messages.
pub(crate) const MAX_AHEAD: usize = 10;

/// The longest message in bytes: a chain of ten large RSA certificates fits.
pub(crate) const MAX_MESSAGE: usize = 32 << 10;

/// How many bytes all messages that are not complete may have together.
pub(crate) const MAX_BUFFERED: usize = 64 << 10;

/// How many holes a message may have while it is reassembled.
pub(crate) const MAX_RANGES: usize = 128;

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is a part of a message that was handled before.
    Old,
    /// It was kept.
    Kept,
    /// It was dropped: too far ahead, too long, or not of the message that its number belongs to.
    Refused,
}

/// Messages on their way to completion.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    next: u16,
    /// The slot of message `next`, and those behind it.
    slots: VecDeque<Option<Partial>>,
    buffered: usize,
}

struct Partial {
    kind: HandshakeType,
    epoch: u64,
    body: Vec<u8>,
    received: Ranges,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} ({} bytes, {:?})",
            self.kind,
            self.body.len(),
            self.received
        )
    }
}

impl Inbox {
    /// The number of the next message.
    pub(crate) const fn next(&self) -> u16 {
        self.next
    }

    /// Starts with message `next`, if nothing came yet.
    pub(crate) fn start_at(&mut self, next: u16) {
        if self.next == 0 && self.slots.is_empty() {
            self.next = next;
        }
    }

    /// Takes in a fragment that came in `epoch`.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>, epoch: u64) -> Arrival {
        let ahead = fragment.seq.wrapping_sub(self.next);
        if ahead >= 1 << 15 {
            return Arrival::Old;
        }
        let (ahead, len) = (usize::from(ahead), fragment.length as usize);
        if ahead >= MAX_AHEAD || len > MAX_MESSAGE {
            return Arrival::Refused;
        }
        while self.slots.len() <= ahead {
            self.slots.push_back(None);
        }
        let Some(slot) = self.slots.get_mut(ahead) else {
            return Arrival::Refused;
        };
        if slot.is_none() {
            if self.buffered + len > MAX_BUFFERED {
                return Arrival::Refused;
            }
            self.buffered += len;
        }
        let partial = slot.get_or_insert_with(|| Partial {
            kind: fragment.kind,
            epoch,
            body: vec![0; len],
            received: Ranges::default(),
        });
        partial.insert(fragment, epoch)
    }

    /// Takes the next message, if it is complete, with the epoch that it came in.
    pub(crate) fn pop(&mut self) -> Option<(Message, u64)> {
        let first = self.slots.front()?.as_ref()?;
        if !first.received.covers(first.body.len()) {
            return None;
        }
        let Partial {
            kind, epoch, body, ..
        } = self.slots.pop_front()??;
        self.buffered -= body.len();
        let seq = self.next;
        self.next = self.next.wrapping_add(1);
        Some((Message { kind, seq, body }, epoch))
    }
}

impl Partial {
    fn insert(&mut self, fragment: &Fragment<'_>, epoch: u64) -> Arrival {
        let fits = fragment.kind == self.kind
            && fragment.length as usize == self.body.len()
            && epoch == self.epoch;
        let (start, end) = (
            fragment.offset as usize,
            fragment.offset as usize + fragment.body.len(),
        );
        let is_full = self.received.count() >= MAX_RANGES;
        if !fits || is_full && !self.received.touches(start, end) {
            return Arrival::Refused;
        }
        // Bytes that came before stay: "senders MUST NOT change handshake message bytes".
        if !self.received.contains(start, end) {
            let Some(room) = self.body.get_mut(start..end) else {
                return Arrival::Refused;
            };
            room.copy_from_slice(fragment.body);
            self.received.insert(start, end);
        }
        Arrival::Kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fragment(seq: u16, length: usize, offset: usize, body: &[u8]) -> Fragment<'_> {
        let (length, offset) = (length as u32, offset as u32);
        Fragment {
            kind: HandshakeType::Certificate,
            length,
            seq,
            offset,
            body,
        }
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.insert(&fragment(1, 2, 0, &[3, 4]), 0), Arrival::Kept);
        assert_eq!(inbox.pop(), None);
        assert_eq!(inbox.insert(&fragment(0, 3, 2, &[2]), 0), Arrival::Kept);
        assert_eq!(
            inbox.insert(&fragment(0, 3, 0, &[0, 1, 2]), 0),
            Arrival::Kept
        );
        assert_eq!(inbox.pop().unwrap().0.body, [0, 1, 2]);
        assert_eq!(inbox.pop().unwrap().0.body, [3, 4]);
        assert_eq!(inbox.insert(&fragment(1, 2, 0, &[3, 4]), 0), Arrival::Old);
    }

    #[test]
    fn a_message_without_a_body_is_complete_when_it_comes() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.insert(&fragment(0, 0, 0, &[]), 0), Arrival::Kept);
        assert_eq!(inbox.pop().unwrap().0.body, []);
    }

    #[test]
    fn fragments_that_contradict_each_other_are_refused() {
        let mut inbox = Inbox::default();
        inbox.insert(&fragment(0, 3, 0, &[1]), 2);
        assert_eq!(inbox.insert(&fragment(0, 4, 1, &[1]), 2), Arrival::Refused);
        assert_eq!(inbox.insert(&fragment(0, 3, 1, &[1]), 0), Arrival::Refused);
        let other = Fragment {
            kind: HandshakeType::Finished,
            ..fragment(0, 3, 1, &[1])
        };
        assert_eq!(inbox.insert(&other, 2), Arrival::Refused);
        assert_eq!(inbox.insert(&fragment(0, 3, 1, &[2, 3]), 2), Arrival::Kept);
    }

    // The bounds: far ahead, too long, too many bytes, too many holes.
    #[test]
    fn a_fragment_bomb_stays_within_the_bounds() {
        let mut inbox = Inbox::default();
        assert_eq!(
            inbox.insert(&fragment(MAX_AHEAD as u16, 1, 0, &[0]), 0),
            Arrival::Refused
        );
        assert_eq!(
            inbox.insert(&fragment(0, MAX_MESSAGE + 1, 0, &[0]), 0),
            Arrival::Refused
        );
        assert_eq!(
            inbox.insert(&fragment(0, MAX_MESSAGE, 0, &[0]), 0),
            Arrival::Kept
        );
        assert_eq!(
            inbox.insert(&fragment(1, MAX_MESSAGE, 0, &[0]), 0),
            Arrival::Kept
        );
        assert_eq!(inbox.insert(&fragment(2, 1, 0, &[0]), 0), Arrival::Refused);
        assert_eq!(inbox.buffered, MAX_BUFFERED);
        let holes = (0..MAX_MESSAGE).step_by(2);
        let kept = holes
            .filter(|at| inbox.insert(&fragment(0, MAX_MESSAGE, *at, &[0]), 0) == Arrival::Kept);
        assert_eq!(kept.count(), MAX_RANGES);
    }

    // What fills a hole, or widens what is there, is taken however many holes there are: without it they stay.
    #[test]
    fn as_many_holes_as_there_may_be_are_filled() {
        let mut inbox = Inbox::default();
        let len = 2 * MAX_RANGES + 2;
        for first in [0, 1] {
            for at in (first..2 * MAX_RANGES).step_by(2) {
                let arrival = inbox.insert(&fragment(0, len, at, &[7]), 0);
                assert_eq!(arrival, Arrival::Kept, "{at}");
            }
        }
        assert_eq!(inbox.pop(), None);
        inbox.insert(&fragment(0, len, len - 2, &[7, 7]), 0);
        assert_eq!(inbox.pop().unwrap().0.body, vec![7; len]);
    }

    proptest! {
        #[test]
        fn any_cut_and_order_gives_the_message(
            body in prop::collection::vec(any::<u8>(), 1..300),
            cuts in prop::collection::vec((0_usize..300, 1_usize..50), 0..60),
        ) {
            let mut inbox = Inbox::default();
            let len = body.len();
            for (start, size) in cuts {
                let start = start.min(len);
                let end = (start + size).min(len);
                inbox.insert(&fragment(0, len, start, &body[start..end]), 0);
            }
            for start in (0..len).step_by(7) {
                inbox.insert(&fragment(0, len, start, &body[start..(start + 7).min(len)]), 0);
            }
            prop_assert_eq!(inbox.pop().unwrap().0.body, body);
        }
    }
}
