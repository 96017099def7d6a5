//! What a viewer gets is one stream, whatever it is made of: sequence numbers, timestamps and picture numbers
//! that go on when another source takes over.
//!
//! Within a run of the source each number is moved by the same amount: packets that come late stay in their
//! places, and what the source has lost is missing for the viewer too. A run is taken up at a packet that a decoder can begin
//! with, and put behind the newest one that was sent.

use std::time::Instant;

use gannet_ortc::rtp::{NumberShift, PayloadHead, SendPosition};
use gannet_wire::{Serial16, Serial32};

use super::packet::{Packet, Run};

/// Numbers a viewer's packets.
#[derive(Debug, Default)]
pub(crate) struct Rewriter {
    /// The newest packet that was sent.
    newest: Option<Newest>,
    current: Option<Segment>,
    /// The run before: what of it is still missing may come late.
    previous: Option<Segment>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence: Serial16,
    timestamp: u32,
    arrival: Instant,
    picture_id: Option<u16>,
    tl0_pic_idx: Option<u8>,
    key_idx: Option<u8>,
}

/// A part of a run, and what is added to its numbers.
#[derive(Clone, Copy, Debug)]
struct Segment {
    run: Run,
    first: u64,
    /// The highest that was sent.
    last: u64,
    sequence: u16,
    timestamp: u32,
    numbers: NumberShift,
}

/// A packet's numbers as its viewer gets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) sequence: Serial16,
    pub(crate) timestamp: Serial32,
    pub(crate) head: PayloadHead,
}

impl Rewriter {
    /// Goes on behind what the sender has sent in another way.
    pub(crate) fn continue_from(&mut self, now: Instant, position: SendPosition) {
        let behind = position.next_sequence_number.minus(1);
        if self.newest.is_some_and(|newest| newest.sequence == behind) {
            return;
        }
        let (arrival, timestamp) = position
            .newest
            .map_or((now, position.timestamp_offset), |(at, timestamp)| {
                (at, timestamp.0)
            });
        self.newest = Some(Newest {
            sequence: behind,
            timestamp,
            arrival,
            picture_id: None,
            tl0_pic_idx: None,
            key_idx: None,
        });
        self.stop();
    }

    /// Takes up a run at this packet.
    pub(crate) fn begin(&mut self, packet: &Packet) {
        let (sequence, timestamp, numbers) = match &self.newest {
            None => (
                Serial16(packet.sequence as u16),
                packet.timestamp,
                NumberShift::default(),
            ),
            Some(newest) => (
                newest.sequence.next(),
                newest.timestamp.wrapping_add(newest.ticks_until(packet)),
                newest.shift(packet),
            ),
        };
        self.previous = self.current.replace(Segment {
            run: packet.run,
            first: packet.sequence,
            last: packet.sequence,
            sequence: sequence.0.wrapping_sub(packet.sequence as u16),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            numbers,
        });
    }

    /// Sends nothing more of what it has taken up.
    pub(crate) const fn stop(&mut self) {
        self.current = None;
        self.previous = None;
    }

    /// The run that is being sent.
    pub(crate) fn run(&self) -> Option<Run> {
        self.current.map(|segment| segment.run)
    }

    /// The number of the packet in its run with which it was taken up.
    pub(crate) fn first(&self) -> Option<u64> {
        self.current.map(|segment| segment.first)
    }

    /// The numbers of a packet; `None` if it is not to be sent.
    pub(crate) fn rewrite(&self, packet: &Packet) -> Option<Rewritten> {
        let belongs =
            |segment: &&Segment| segment.run == packet.run && packet.sequence >= segment.first;
        if let Some(current) = self.current.as_ref().filter(belongs) {
            return Some(current.rewrite(packet));
        }
        let previous = self.previous.as_ref().filter(belongs)?;
        (packet.sequence <= previous.last).then(|| previous.rewrite(packet))
    }

    /// A packet was sent with these numbers.
    pub(crate) fn note_sent(&mut self, packet: &Packet, sent: &Rewritten) {
        let Some(current) = &mut self.current else {
            return;
        };
        if current.run != packet.run || packet.sequence < current.last {
            return;
        }
        current.last = packet.sequence;
        let shift = current.numbers;
        let before = self.newest.take();
        let numbers = &packet.numbers;
        self.newest = Some(Newest {
            sequence: sent.sequence,
            timestamp: sent.timestamp.0,
            arrival: packet.arrival,
            // A packet without numbers, such as padding, leaves them where they are.
            picture_id: numbers
                .picture_id
                .map(|id| id.value().wrapping_add(shift.picture_id))
                .or_else(|| before?.picture_id),
            tl0_pic_idx: numbers
                .tl0_pic_idx
                .map(|index| index.wrapping_add(shift.tl0_pic_idx))
                .or_else(|| before?.tl0_pic_idx),
            key_idx: numbers
                .key_idx
                .map(|index| index.wrapping_add(shift.key_idx))
                .or_else(|| before?.key_idx),
        });
    }
}

impl Newest {
    /// The time that passes until the first packet of another run: as much as passed between the arrivals, but a
    /// tick at least.
    fn ticks_until(&self, packet: &Packet) -> u32 {
        let passed = packet.arrival.saturating_duration_since(self.arrival);
        let ticks = passed.as_nanos() * u128::from(packet.codec.clock_rate) / 1_000_000_000;
        (ticks as u32).max(1)
    }

    /// What makes the numbers of a packet those that come next.
    fn shift(&self, packet: &Packet) -> NumberShift {
        let numbers = &packet.numbers;
        let behind = |newest: u8, next: u8| newest.wrapping_add(1).wrapping_sub(next);
        let picture_id = self.picture_id.zip(numbers.picture_id);
        let tl0_pic_idx = self.tl0_pic_idx.zip(numbers.tl0_pic_idx);
        let key_idx = self.key_idx.zip(numbers.key_idx);
        NumberShift {
            picture_id: picture_id.map_or(0, |(newest, next)| {
                newest.wrapping_add(1).wrapping_sub(next.value())
            }),
            tl0_pic_idx: tl0_pic_idx.map_or(0, |(newest, next)| behind(newest, next)),
            key_idx: key_idx.map_or(0, |(newest, next)| behind(newest, next)),
        }
    }
}

impl Segment {
    fn rewrite(&self, packet: &Packet) -> Rewritten {
        Rewritten {
            sequence: Serial16((packet.sequence as u16).wrapping_add(self.sequence)),
            timestamp: Serial32(packet.timestamp.wrapping_add(self.timestamp)),
            head: packet.numbers.shifted(self.numbers),
        }
    }
}
