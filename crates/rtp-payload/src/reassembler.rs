//! RTP payloads in any order in, whole frames in order out.

use gannet_wire::Serial16;

use crate::payload::{Depacketizer, PayloadInfo};

/// How far the newest packet may be ahead of the frame that is waited for, in packets.
const WINDOW: u16 = 1024;
/// How many bytes of payloads may wait.
const MAX_BYTES: usize = 8 << 20;

/// Collects the payloads of one stream and hands out frames that are whole, in order.
///
/// It has no clock: a frame that misses a packet is waited for until [`skip`](Self::skip) gives it
/// up, or until the packets behind it are more than the window holds (1,024 packets, 8 MiB). A
/// jitter buffer with timing and retransmissions is in `gannet-rtp-session`; this is for programs
/// that have no need of one, and for tests.
#[derive(Debug)]
pub struct Reassembler<D> {
    depacketizer: D,
    slots: Box<[Option<Slot>]>,
    bytes: usize,
    /// The sequence number that comes next. `None` before the first packet.
    next: Option<u16>,
    /// The sequence number that would show that the stream has started anew.
    restart: Option<u16>,
    /// Whether the packet before `next` is known to be the end of a frame.
    aligned: bool,
    dropped: u64,
}

#[derive(Debug)]
struct Slot {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    info: PayloadInfo,
    payload: Vec<u8>,
}

/// What a [`Reassembler`] says about a frame that it hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The sequence number of the first packet.
    pub first_sequence: u16,
    /// How many packets it came in.
    pub packets: u16,
    /// Whether one of its payloads shows that it is a keyframe.
    pub keyframe: bool,
    /// What its first payload says.
    pub first: PayloadInfo,
}

impl<D: Depacketizer> Reassembler<D> {
    /// An empty one, for one format.
    #[must_use]
    pub fn new(depacketizer: D) -> Self {
        Self {
            depacketizer,
            slots: (0..WINDOW).map(|_| None).collect(),
            bytes: 0,
            next: None,
            restart: None,
            aligned: false,
            dropped: 0,
        }
    }

    /// Takes one packet. Malformed ones, duplicates, and those that come too late are dropped and
    /// counted. Two in a row that seem to be very late show that the stream has started anew (RFC
    /// 3550, section A.1).
    pub fn push(&mut self, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) {
        let Ok(info) = self.depacketizer.inspect(payload) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        let next = *self.next.get_or_insert(sequence);
        let ahead = Serial16(next).distance_to(Serial16(sequence));
        let late = ahead < 0 && ahead.unsigned_abs() >= WINDOW;
        let restarts = late && self.restart == Some(sequence);
        self.restart = late.then(|| sequence.wrapping_add(1));
        if restarts {
            self.give_up_before(next.wrapping_add(WINDOW));
            self.next = Some(sequence);
            self.restart = None;
        }
        let next = self.next.unwrap_or(sequence);
        let Ok(ahead) = u16::try_from(Serial16(next).distance_to(Serial16(sequence))) else {
            self.dropped = self.dropped.saturating_add(1);
            return;
        };
        if ahead >= WINDOW {
            let first_kept = sequence.wrapping_sub(WINDOW).wrapping_add(1);
            self.give_up_before(first_kept);
        }
        if self.bytes.saturating_add(payload.len()) > MAX_BYTES {
            self.give_up_before(sequence);
        }
        let fits = self.bytes.saturating_add(payload.len()) <= MAX_BYTES;
        let slot = Slot {
            sequence,
            timestamp,
            marker,
            info,
            payload: payload.to_vec(),
        };
        match self.slot_mut(sequence) {
            Some(place @ None) if fits => {
                *place = Some(slot);
                self.bytes = self.bytes.saturating_add(payload.len());
            }
            _ => self.dropped = self.dropped.saturating_add(1),
        }
    }

    /// Appends the next frame to `out`, if it is whole. Frames that turn out to be damaged are
    /// dropped on the way to it.
    pub fn poll(&mut self, out: &mut Vec<u8>) -> Option<FrameInfo> {
        loop {
            self.align();
            let count = self.whole()?;
            let first = self.next?;
            let end = first.wrapping_add(count);
            let mut payloads = (0..count).filter_map(|i| {
                let slot = self.slot(first.wrapping_add(i))?;
                Some(slot.payload.as_slice())
            });
            let assembled = self.depacketizer.assemble(&mut payloads, out);
            let slots = (0..count).filter_map(|i| self.slot(first.wrapping_add(i)));
            let keyframe = slots.fold(false, |key, slot| key | slot.info.keyframe);
            let info = self.slot(first).map(|slot| FrameInfo {
                timestamp: slot.timestamp,
                first_sequence: first,
                packets: count,
                keyframe,
                first: slot.info,
            });
            if assembled.is_err() {
                self.dropped = self.dropped.saturating_add(u64::from(count));
            }
            self.free_before(end);
            self.aligned = true;
            if assembled.is_ok() {
                return info;
            }
        }
    }

    /// Gives up on what is missing before the oldest packet that has arrived, and on its frame.
    /// Whether there was anything to give up.
    pub fn skip(&mut self) -> bool {
        let Some(next) = self.next else {
            return false;
        };
        let mut ahead = (0..WINDOW).map(|i| next.wrapping_add(i));
        let gap = ahead.find(|sequence| self.slot(*sequence).is_none());
        let behind = ahead.find(|sequence| self.slot(*sequence).is_some());
        match (gap, behind) {
            (Some(_), Some(first)) => {
                self.give_up_before(first);
                true
            }
            _ => false,
        }
    }

    /// How many packets were dropped: malformed, repeated, late, or of frames that were given up.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many bytes of payloads wait.
    #[must_use]
    pub const fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// After a gap: drops packets up to one that surely begins a frame.
    fn align(&mut self) {
        while !self.aligned {
            let Some(next) = self.next else { return };
            let Some(slot) = self.slot(next) else { return };
            let (marker, timestamp) = (slot.marker, slot.timestamp);
            if surely_starts(&slot.info) {
                self.aligned = true;
                return;
            }
            let after = next.wrapping_add(1);
            let ends = match self.slot(after) {
                Some(following) => following.timestamp != timestamp,
                None => marker,
            };
            if !ends && !marker && self.slot(after).is_none() {
                return;
            }
            self.dropped = self.dropped.saturating_add(1);
            self.free_before(after);
            self.aligned = ends || marker;
        }
    }

    /// How many packets the next frame has, if all of them are here.
    fn whole(&self) -> Option<u16> {
        let first = self.next?;
        let timestamp = self.slot(first)?.timestamp;
        for i in 0..WINDOW {
            let Some(slot) = self.slot(first.wrapping_add(i)) else {
                break;
            };
            if slot.timestamp != timestamp {
                return Some(i);
            }
            if slot.marker || slot.info.ends_frame == Some(true) {
                return i.checked_add(1);
            }
        }
        None
    }

    fn give_up_before(&mut self, sequence: u16) {
        let before = self.free_before(sequence);
        self.dropped = self.dropped.saturating_add(before);
        self.aligned = false;
    }

    /// Empties the slots before this sequence number, which is the next one then. Returns how many
    /// packets were in them.
    fn free_before(&mut self, sequence: u16) -> u64 {
        let Some(next) = self.next else {
            return 0;
        };
        let mut freed = 0_u64;
        for i in 0..sequence.wrapping_sub(next).min(WINDOW) {
            let slot = self.slot_mut(next.wrapping_add(i)).and_then(Option::take);
            if let Some(slot) = slot {
                self.bytes = self.bytes.saturating_sub(slot.payload.len());
                freed = freed.saturating_add(1);
            }
        }
        self.next = Some(sequence);
        freed
    }

    fn slot(&self, sequence: u16) -> Option<&Slot> {
        let slot = self.slots.get(usize::from(sequence % WINDOW))?.as_ref();
        slot.filter(|slot| slot.sequence == sequence)
    }

    fn slot_mut(&mut self, sequence: u16) -> Option<&mut Option<Slot>> {
        self.slots.get_mut(usize::from(sequence % WINDOW))
    }
}

/// Whether a frame begins here, even if the packet before is not known. Where a format cannot tell,
/// nothing that a decoder needs comes before the first parameter set.
const fn surely_starts(info: &PayloadInfo) -> bool {
    match info.starts_frame {
        Some(starts) => starts,
        None => info.parameter_sets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PayloadFormat;

    /// A VP8 payload that starts a frame, or not.
    fn payload(start: bool, data: u8) -> [u8; 2] {
        [if start { 0x10 } else { 0 }, data]
    }

    fn reassembler() -> Reassembler<PayloadFormat> {
        Reassembler::new(PayloadFormat::Vp8)
    }

    fn poll(reassembler: &mut Reassembler<PayloadFormat>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        reassembler.poll(&mut out).map(|_| out)
    }

    #[test]
    fn order_does_not_matter_and_sequence_numbers_wrap() {
        let mut it = reassembler();
        it.push(65_534, 1, false, &payload(true, 0));
        it.push(0, 1, true, &payload(false, 2));
        assert_eq!(poll(&mut it), None);
        it.push(2, 2, true, &payload(false, 4));
        it.push(65_535, 1, false, &payload(false, 1));
        let mut out = Vec::new();
        let info = it.poll(&mut out).expect("a frame");
        assert_eq!((out, info.packets, info.keyframe), (vec![0, 1, 2], 3, true));
        assert_eq!((info.first_sequence, info.timestamp), (65_534, 1));
        it.push(1, 2, false, &payload(true, 3));
        assert_eq!(poll(&mut it), Some(vec![3, 4]));
        assert_eq!((it.dropped(), it.waiting_bytes()), (0, 0));
    }

    #[test]
    fn a_frame_with_a_hole_is_waited_for_and_then_given_up() {
        let mut it = reassembler();
        it.push(1, 1, false, &payload(true, 0));
        it.push(3, 1, true, &payload(false, 2));
        it.push(4, 2, true, &payload(true, 3));
        assert_eq!(poll(&mut it), None);
        assert!(it.skip());
        assert_eq!(poll(&mut it), Some(vec![3]));
        assert!(!it.skip());
        assert_eq!(it.dropped(), 2);
    }

    #[test]
    fn the_middle_of_a_frame_is_no_beginning() {
        let mut it = reassembler();
        it.push(1, 1, false, &payload(false, 0));
        it.push(2, 1, true, &payload(false, 1));
        it.push(3, 2, true, &payload(true, 2));
        assert_eq!(poll(&mut it), Some(vec![2]));
        assert_eq!(it.dropped(), 2);
    }

    #[test]
    fn a_new_timestamp_ends_a_frame_without_a_marker() {
        let mut it = reassembler();
        it.push(1, 1, false, &payload(true, 0));
        it.push(2, 1, false, &payload(false, 1));
        assert_eq!(poll(&mut it), None);
        it.push(3, 2, true, &payload(true, 2));
        assert_eq!(poll(&mut it), Some(vec![0, 1]));
        assert_eq!(poll(&mut it), Some(vec![2]));
    }

    #[test]
    fn late_repeated_and_malformed_packets_are_dropped() {
        let mut it = reassembler();
        it.push(5, 1, true, &payload(true, 0));
        it.push(5, 1, true, &payload(true, 9));
        it.push(6, 2, true, &[]);
        assert_eq!(poll(&mut it), Some(vec![0]));
        it.push(5, 1, true, &payload(true, 0));
        it.push(4, 1, true, &payload(true, 0));
        assert_eq!((poll(&mut it), it.dropped()), (None, 4));
    }

    // They were dropped until the numbers had come back to where they were, up to 32,767 packets later.
    #[test]
    fn a_stream_that_starts_anew_is_followed() {
        let mut it = reassembler();
        it.push(40_000, 1, true, &payload(true, 0));
        it.push(40_002, 3, true, &payload(true, 9));
        assert_eq!(poll(&mut it), Some(vec![0]));
        // One that is very late is only that.
        it.push(20_000, 7, true, &payload(true, 7));
        it.push(40_001, 2, true, &payload(true, 1));
        assert_eq!(poll(&mut it), Some(vec![1]));
        for at in 0..4 {
            it.push(20_000 + at, 100 + u32::from(at), true, &payload(true, 2));
        }
        assert_eq!(poll(&mut it), Some(vec![2]));
        assert_eq!(poll(&mut it), Some(vec![2]));
        assert_eq!(poll(&mut it), Some(vec![2]));
        assert_eq!((poll(&mut it), it.waiting_bytes()), (None, 0));
        assert_eq!(it.dropped(), 3);
    }

    #[test]
    fn frames_that_do_not_fit_together_are_dropped() {
        let mut it = reassembler();
        it.push(1, 1, false, &payload(true, 0));
        it.push(2, 1, true, &payload(true, 1));
        it.push(3, 2, true, &payload(true, 2));
        assert_eq!((poll(&mut it), it.dropped()), (Some(vec![2]), 2));
    }

    #[test]
    fn the_window_moves_on_and_memory_is_bounded() {
        let mut it = reassembler();
        it.push(0, 0, false, &payload(true, 0));
        it.push(2, 2, true, &payload(true, 2));
        it.push(1025, 3, true, &payload(true, 3));
        assert_eq!(poll(&mut it), Some(vec![2]));
        assert_eq!(poll(&mut it), None);
        // A jump far ahead gives up everything.
        it.push(20_000, 4, true, &payload(true, 4));
        assert_eq!(it.waiting_bytes(), 2);
        assert!(it.skip());
        assert_eq!(poll(&mut it), Some(vec![4]));

        let big = [[0x10].as_slice(), &vec![1; 60_000]].concat();
        for i in 1..1000 {
            it.push(20_000 + i, 5, false, &big);
            assert!(it.waiting_bytes() <= MAX_BYTES);
        }
    }
}
