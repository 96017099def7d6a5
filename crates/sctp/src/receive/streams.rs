//! Messages of ordered streams, put in order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::stream_table::StreamTable;
use crate::{Message, StreamId};

/// What an incoming ordered stream waits for.
#[derive(Debug, Default)]
struct InStream {
    /// The 64-bit number of the next message.
    next: u64,
    /// Messages that came before their turn.
    waiting: BTreeMap<u64, Message>,
}

/// Delivers the messages of each ordered stream in order (RFC 9260, section 6.6).
#[derive(Debug)]
pub(crate) struct OrderedStreams {
    streams: StreamTable<InStream>,
    /// The bits of a message number: 16 for SSN, 32 for MID.
    bits: u32,
}

impl OrderedStreams {
    pub(crate) fn new(interleaving: bool) -> Self {
        Self {
            streams: StreamTable::default(),
            bits: if interleaving { 32 } else { 16 },
        }
    }

    /// The 64-bit form of a message number: the one nearest to `next`.
    fn unwrap(&self, next: u64, number: u32) -> u64 {
        let shift = 32 - self.bits;
        // Shifted to the top of a word, the sign of the difference is the serial comparison.
        let distance = (number << shift).wrapping_sub((next as u32) << shift) as i32 >> shift;
        next.wrapping_add_signed(i64::from(distance))
    }

    /// Takes a whole message, and calls `deliver` with all messages whose turn it is. Says whether the
    /// message was of use: it is not if its number has been delivered or skipped, or another waits under it.
    pub(crate) fn push(
        &mut self,
        number: u32,
        message: Message,
        mut deliver: impl FnMut(Message),
    ) -> bool {
        let next = self.streams.entry(message.stream.0).next;
        let number = self.unwrap(next, number);
        let stream = self.streams.entry(message.stream.0);
        // Wrapping: numbers from before the first one look huge.
        if (number.wrapping_sub(stream.next) as i64) < 0 {
            return false;
        }
        if number != stream.next {
            let Entry::Vacant(place) = stream.waiting.entry(number) else {
                return false;
            };
            place.insert(message);
            return true;
        }
        stream.next = stream.next.wrapping_add(1);
        deliver(message);
        stream.deliver_waiting(&mut deliver);
        true
    }

    /// Does not wait for messages up to `number` any more: delivers those that are there.
    pub(crate) fn skip(&mut self, id: StreamId, number: u32, mut deliver: impl FnMut(Message)) {
        let next = self.streams.entry(id.0).next;
        let number = self.unwrap(next, number);
        let stream = self.streams.entry(id.0);
        if (number.wrapping_sub(stream.next) as i64) < 0 {
            return;
        }
        while let Some(first) = stream.waiting.first_entry() {
            if *first.key() > number {
                break;
            }
            deliver(first.remove());
        }
        stream.next = number.wrapping_add(1);
        stream.deliver_waiting(&mut deliver);
    }

    /// Starts a stream over. Messages that wait for others which will never come are returned.
    pub(crate) fn reset(&mut self, id: StreamId, mut dropped: impl FnMut(Message)) {
        if let Some(stream) = self.streams.get_mut(id.0) {
            stream.next = 0;
            for (_, message) in std::mem::take(&mut stream.waiting) {
                dropped(message);
            }
        }
    }

    /// Starts all streams over.
    pub(crate) fn reset_all(&mut self, mut dropped: impl FnMut(Message)) {
        for (_, stream) in self.streams.iter_mut() {
            stream.next = 0;
            for (_, message) in std::mem::take(&mut stream.waiting) {
                dropped(message);
            }
        }
    }
}

impl InStream {
    fn deliver_waiting(&mut self, deliver: &mut impl FnMut(Message)) {
        while let Some(message) = self.waiting.remove(&self.next) {
            self.next = self.next.wrapping_add(1);
            deliver(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Ppid;

    fn message(number: u32) -> Message {
        Message {
            stream: StreamId(3),
            ppid: Ppid(number),
            unordered: false,
            data: Bytes::from_static(b"x"),
        }
    }

    fn push(streams: &mut OrderedStreams, number: u32) -> Vec<u32> {
        let mut delivered = Vec::new();
        streams.push(number, message(number), |message| {
            delivered.push(message.ppid.0)
        });
        delivered
    }

    #[test]
    fn messages_wait_for_their_turn() {
        let mut streams = OrderedStreams::new(false);
        assert!(push(&mut streams, 1).is_empty());
        assert!(push(&mut streams, 2).is_empty());
        assert_eq!(push(&mut streams, 0), [0, 1, 2]);
        assert!(push(&mut streams, 1).is_empty(), "a repeated number");
        assert_eq!(push(&mut streams, 3), [3]);
    }

    #[test]
    fn numbers_wrap() {
        let mut streams = OrderedStreams::new(false);
        for number in 0..70_000_u32 {
            assert_eq!(push(&mut streams, number & 0xffff), [number & 0xffff]);
        }
        let mut streams = OrderedStreams::new(true);
        streams.skip(StreamId(3), 0x7fff_ffff, |_| {});
        streams.skip(StreamId(3), u32::MAX - 1, |_| {});
        assert!(push(&mut streams, 0).is_empty());
        assert_eq!(push(&mut streams, u32::MAX), [u32::MAX, 0]);
    }

    #[test]
    fn skipping_delivers_what_is_there() {
        let mut streams = OrderedStreams::new(false);
        push(&mut streams, 1);
        push(&mut streams, 3);
        push(&mut streams, 5);
        let mut delivered = Vec::new();
        streams.skip(StreamId(3), 2, |message| delivered.push(message.ppid.0));
        assert_eq!(delivered, [1, 3]);
        streams.skip(StreamId(3), 1, |_| panic!("an old skip"));
        assert_eq!(push(&mut streams, 4), [4, 5]);
    }

    #[test]
    fn a_reset_stream_starts_at_zero() {
        let mut streams = OrderedStreams::new(false);
        push(&mut streams, 0);
        push(&mut streams, 5);
        let mut dropped = 0;
        streams.reset(StreamId(3), |_| dropped += 1);
        assert_eq!(dropped, 1);
        assert_eq!(push(&mut streams, 0), [0]);
        streams.reset_all(|_| {});
        assert_eq!(push(&mut streams, 0), [0]);
    }
}
