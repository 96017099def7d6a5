//! The jitter buffer for video: whole frames, in decode order, each as soon as it is complete.
//!
//! Packets stand in a row by sequence number. The row begins at the first packet that was neither handed
//! out nor given up; `scan` is how far it is known to be without a hole. A frame is complete when the scan
//! reaches its end: a marker, a payload that says so, or a packet of another timestamp behind it.
//!
//! A hole stops everything behind it. It closes when the missing packet comes; it is jumped over when a
//! complete key frame stands behind it and retransmissions have failed for a while, or when it has lasted too
//! long: then frames are dropped until one can be decoded, a key frame, or one that the layer numbers of VP8
//! prove to need nothing that is missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_rtp::extension::VideoOrientation;
use gannet_rtp_payload::{Depacketizer, PayloadFormat, PayloadInfo};
use gannet_wire::Serial32;

/// The row is never longer than this many packets: 2 s at 10 Mbit/s.
pub(crate) const MAX_PACKETS: usize = 2048;

/// Packets may come so much before the first one that was seen.
const MAX_BEFORE_FIRST: u64 = 100;

/// So many packets before the first one are waited for, if that is not the beginning of a key frame: as
/// many as one entry of a NACK asks for.
const BEFORE_FIRST: u64 = 17;

/// Buffers of packets that are kept for the next ones.
const MAX_SPARE: usize = 128;

/// A received packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VideoPacket<'a> {
    pub(crate) sequence: u64,
    pub(crate) timestamp: Serial32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) format: PayloadFormat,
    pub(crate) payload: &'a [u8],
    pub(crate) orientation: Option<VideoOrientation>,
}

#[derive(Debug)]
struct Slot {
    timestamp: Serial32,
    marker: bool,
    payload_type: u8,
    format: PayloadFormat,
    payload: Vec<u8>,
    info: PayloadInfo,
    arrival: Instant,
    orientation: Option<VideoOrientation>,
}

impl Slot {
    /// A packet without payload: a probe, or a keep-alive. It belongs to no frame.
    fn is_padding(&self) -> bool {
        self.payload.is_empty()
    }

    fn ends_frame(&self) -> bool {
        self.marker || self.info.ends_frame == Some(true)
    }

    fn may_start(&self) -> bool {
        self.info.starts_frame == Some(true) || self.info.parameter_sets
    }
}

/// A frame that can be decoded.
#[derive(Debug)]
pub(crate) struct VideoFrame {
    pub(crate) data: Bytes,
    pub(crate) sequence: u64,
    pub(crate) timestamp: Serial32,
    pub(crate) payload_type: u8,
    pub(crate) keyframe: bool,
    pub(crate) marker: bool,
    pub(crate) lost: u32,
    pub(crate) packets: u32,
    pub(crate) first_arrival: Instant,
    pub(crate) last_arrival: Instant,
    pub(crate) orientation: Option<VideoOrientation>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Stored,
    /// It is there already, or its place was handed out or given up.
    Discarded,
    /// It is so far ahead that everything before it was given up.
    Overflow,
}

/// Whether what comes next can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    /// Only a key frame can.
    Broken,
    /// Frames up to this temporal layer can.
    Intact(u8),
}

const ALL_LAYERS: u8 = u8::MAX;

#[derive(Debug)]
pub(crate) struct VideoBuffer {
    /// The sequence number of the first slot.
    base: u64,
    slots: VecDeque<Option<Slot>>,
    scan: usize,
    started: bool,
    /// The stream began before: what came then is nothing that is missing.
    joins: bool,
    /// Something was handed out or given up: packets from before it are late.
    advanced: bool,
    /// What stands before the first slot was the end of a frame.
    boundary: bool,
    chain: Chain,
    /// A frame was refused since the chain broke.
    refused: bool,
    /// The number of the base-layer picture that was handed out last.
    tl0: Option<u8>,
    /// Packets of key frames in the row.
    key_packets: usize,
    /// The first missing packet, and since when it is known to be missing.
    hole: Option<(u64, Instant)>,
    /// A complete key frame stands behind the hole, and will end the wait when the hole is old enough.
    key_frame_waits: bool,
    /// Packets given up since the last frame.
    lost: u32,
    spare: Vec<Vec<u8>>,
    pub(crate) frames_dropped: u64,
}

impl VideoBuffer {
    pub(crate) fn new() -> Self {
        Self {
            base: 0,
            slots: VecDeque::new(),
            scan: 0,
            started: false,
            joins: false,
            advanced: false,
            boundary: false,
            chain: Chain::Broken,
            refused: false,
            tl0: None,
            key_packets: 0,
            hole: None,
            key_frame_waits: false,
            lost: 0,
            spare: Vec::new(),
            frames_dropped: 0,
        }
    }

    /// One that begins in the middle of a stream.
    pub(crate) fn joining() -> Self {
        Self {
            joins: true,
            ..Self::new()
        }
    }

    /// Whether nothing can be decoded before the next key frame. A stream with numbered layers may go on
    /// without one; that is seen when its next frame comes.
    pub(crate) fn needs_key_frame(&self) -> bool {
        self.started && self.chain == Chain::Broken && (self.refused || self.tl0.is_none())
    }

    /// Whether the beginning of a key frame is there.
    pub(crate) const fn has_key_frame(&self) -> bool {
        self.key_packets > 0
    }

    /// The first packet that is still of use.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// Since when the hole that everything waits for has been there.
    pub(crate) fn hole_since(&self) -> Option<Instant> {
        self.hole.map(|(_, since)| since)
    }

    /// Forgets everything; the next frame must be a key frame.
    pub(crate) fn reset(&mut self) {
        self.drop_front(self.slots.len());
        self.started = false;
        self.joins = false;
        self.advanced = false;
        self.boundary = false;
        self.chain = Chain::Broken;
        self.tl0 = None;
        self.hole = None;
    }

    /// From here on only a key frame can be decoded.
    pub(crate) const fn break_chain(&mut self) {
        self.chain = Chain::Broken;
        self.tl0 = None;
        self.refused = false;
    }

    pub(crate) fn insert(&mut self, now: Instant, packet: &VideoPacket<'_>) -> Inserted {
        // What cannot be read is as good as lost, but it must not leave a hole that is waited for.
        let info = packet.format.inspect(packet.payload).unwrap_or_default();
        if !self.started {
            self.start(packet.sequence, &info);
        }
        if packet.sequence < self.base && !self.make_room_before(packet.sequence) {
            return Inserted::Discarded;
        }
        let mut result = Inserted::Stored;
        let mut offset = (packet.sequence - self.base) as usize;
        if offset >= MAX_PACKETS {
            self.give_up_all(packet.sequence);
            offset = 0;
            result = Inserted::Overflow;
        }
        if self.slots.get(offset).is_some_and(Option::is_some) {
            return Inserted::Discarded;
        }
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.extend_from_slice(packet.payload);
        if self.slots.len() <= offset {
            self.slots.resize_with(offset + 1, || None);
        }
        self.key_packets += usize::from(info.keyframe);
        self.slots[offset] = Some(Slot {
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload_type: packet.payload_type,
            format: packet.format,
            payload,
            info,
            arrival: now,
            orientation: packet.orientation,
        });
        result
    }

    /// The first packet is here. Nothing can be decoded before a key frame: if it does not begin one, the
    /// beginning is a hole in front of it, unless that does not fit before the first of all numbers.
    fn start(&mut self, sequence: u64, info: &PayloadInfo) {
        let begins = info.parameter_sets || info.keyframe && info.starts_frame == Some(true);
        let before = if begins || self.joins {
            0
        } else {
            sequence.min(BEFORE_FIRST)
        };
        self.started = true;
        self.base = sequence - before;
        self.slots.extend((0..before).map(|_| None));
    }

    /// The next frame that can be decoded, if one is complete. A hole that is younger than `patience` may
    /// still close in time, whatever stands behind it.
    pub(crate) fn next_frame(&mut self, now: Instant, patience: Duration) -> Option<VideoFrame> {
        loop {
            while let Some(end) = self.find_complete() {
                if let Some(frame) = self.take(end) {
                    self.note_hole(now);
                    return Some(frame);
                }
            }
            self.note_hole(now);
            if !self.jump_to_key_frame(now, patience) {
                return None;
            }
        }
    }

    /// When to ask for frames again, and to give up what is missing then.
    pub(crate) fn next_timeout(&self, patience: Duration, max_wait: Duration) -> Option<Instant> {
        let wait = if self.key_frame_waits {
            patience.min(max_wait)
        } else {
            max_wait
        };
        Some(self.hole_since()? + wait)
    }

    /// Gives up the hole that everything waits for, if it is older than `max_wait`. Whether it did:
    /// then there may be frames.
    pub(crate) fn give_up(&mut self, now: Instant, max_wait: Duration) -> bool {
        let expired = self
            .hole_since()
            .is_some_and(|since| since + max_wait <= now);
        if !expired || self.scan >= self.slots.len() {
            return false;
        }
        // The frame with the hole goes, and the hole; what comes behind it and is no beginning of a frame
        // is refused later.
        let hole_len = self
            .slots
            .range(self.scan..)
            .take_while(|slot| slot.is_none())
            .count();
        let damaged = self.scan > 0;
        let damaged_at = self
            .slots
            .front()
            .and_then(Option::as_ref)
            .map(|slot| slot.timestamp);
        self.note_lost(hole_len);
        self.drop_front(self.scan + hole_len);
        self.frames_dropped += u64::from(damaged);
        if damaged {
            self.drop_rest_of(damaged_at);
        }
        self.boundary = false;
        self.chain = Chain::Broken;
        self.refused = false;
        self.hole = None;
        true
    }

    /// So many packets are given up. Those before the first one may never have been there.
    const fn note_lost(&mut self, count: usize) {
        if self.advanced {
            self.lost = self.lost.saturating_add(count as u32);
        }
    }

    /// Packets that stand at the front and belong to a frame whose beginning is gone.
    fn drop_rest_of(&mut self, timestamp: Option<Serial32>) {
        let rest = self
            .slots
            .iter()
            .map_while(Option::as_ref)
            .take_while(|slot| Some(slot.timestamp) == timestamp)
            .count();
        self.drop_front(rest);
    }

    fn make_room_before(&mut self, sequence: u64) -> bool {
        let missing = self.base - sequence;
        if self.advanced || missing > MAX_BEFORE_FIRST {
            return false;
        }
        if self.slots.len() + missing as usize > MAX_PACKETS {
            return false;
        }
        for _ in 0..missing {
            self.slots.push_front(None);
        }
        self.base = sequence;
        self.scan = 0;
        true
    }

    /// Goes on with the scan; where the first frame ends, if that is known.
    fn find_complete(&mut self) -> Option<usize> {
        loop {
            let slot = self.slots.get(self.scan)?.as_ref()?;
            if slot.is_padding() {
                if self.scan == 0 {
                    self.drop_front(1);
                } else {
                    self.scan += 1;
                }
                continue;
            }
            let first = self.slots.front().and_then(Option::as_ref);
            if first.is_some_and(|first| first.timestamp != slot.timestamp) {
                return Some(self.scan);
            }
            self.scan += 1;
            if slot.ends_frame() {
                return Some(self.scan);
            }
        }
    }

    /// Takes the first `end` packets, which are one frame. `None` if it cannot be decoded.
    fn take(&mut self, end: usize) -> Option<VideoFrame> {
        let frame = self.judge(end);
        match &frame {
            Some(_) => self.lost = 0,
            None => self.refuse(),
        }
        self.drop_front(end);
        self.boundary = true;
        frame
    }

    /// The first frame cannot be decoded. If it is of an upper layer, the layers below go on.
    fn refuse(&mut self) {
        self.frames_dropped += 1;
        let first = self.slots.front().and_then(Option::as_ref);
        let layer = first.and_then(|first| first.info.temporal_id).unwrap_or(0);
        self.chain = match (self.chain, layer.checked_sub(1)) {
            (Chain::Intact(layers), Some(below)) => Chain::Intact(layers.min(below)),
            _ => Chain::Broken,
        };
        self.refused = true;
    }

    fn judge(&mut self, end: usize) -> Option<VideoFrame> {
        let packets = || {
            self.slots
                .range(..end)
                .flatten()
                .filter(|slot| !slot.is_padding())
        };
        let first = packets().next()?;
        let last = packets().next_back()?;
        let keyframe = packets().any(|slot| slot.info.keyframe);
        let whole = match first.info.starts_frame {
            Some(starts) => starts,
            None => self.boundary || first.may_start(),
        };
        if !whole {
            return None;
        }
        let chain = self.chain_with(&first.info, keyframe)?;
        let mut data = Vec::with_capacity(packets().map(|slot| slot.payload.len()).sum());
        let mut payloads = packets().map(|slot| slot.payload.as_slice());
        first.format.assemble(&mut payloads, &mut data).ok()?;
        let frame = VideoFrame {
            data: data.into(),
            sequence: self.base,
            timestamp: first.timestamp,
            payload_type: first.payload_type,
            keyframe,
            marker: last.marker,
            lost: self.lost,
            packets: packets().count() as u32,
            first_arrival: packets().map(|slot| slot.arrival).min()?,
            last_arrival: packets().map(|slot| slot.arrival).max()?,
            orientation: packets().find_map(|slot| slot.orientation),
        };
        let base_layer = first.info.temporal_id.unwrap_or(0) == 0;
        if base_layer {
            self.tl0 = first.info.tl0_pic_idx;
        }
        self.chain = chain;
        Some(frame)
    }

    /// What can be decoded after this frame, if it can be decoded itself.
    fn chain_with(&self, info: &PayloadInfo, keyframe: bool) -> Option<Chain> {
        if keyframe {
            return Some(Chain::Intact(ALL_LAYERS));
        }
        let layer = info.temporal_id.unwrap_or(0);
        match self.chain {
            Chain::Intact(ALL_LAYERS) => Some(self.chain),
            Chain::Intact(layers) if layer <= layers => Some(self.chain),
            Chain::Intact(_) if info.layer_sync => Some(Chain::Intact(layer)),
            Chain::Intact(_) => None,
            Chain::Broken => {
                // RFC 7741, section 4.2: pictures of the base layer are numbered, and refer to their
                // like only; with Y set a picture refers to nothing but the base layer.
                let (tl0, index) = (self.tl0?, info.tl0_pic_idx?);
                info.temporal_id?;
                if layer == 0 {
                    return (index == tl0.wrapping_add(1)).then_some(Chain::Intact(0));
                }
                (info.layer_sync && index == tl0).then_some(Chain::Intact(layer))
            }
        }
    }

    /// Drops what stands before a key frame behind the hole: a complete one if the hole is old enough, or any
    /// if nothing else can be decoded. Whether it did.
    fn jump_to_key_frame(&mut self, now: Instant, patience: Duration) -> bool {
        self.key_frame_waits = false;
        if self.key_packets == 0 || self.scan >= self.slots.len() {
            return false;
        }
        let Some(start) = self.key_frame_behind_hole() else {
            return false;
        };
        if self.chain != Chain::Broken {
            if !self.is_complete_from(start) {
                return false;
            }
            let is_young = |since: Instant| since + patience > now;
            self.key_frame_waits = self.hole_since().is_some_and(is_young);
            if self.key_frame_waits {
                return false;
            }
        }
        let lost = self
            .slots
            .range(..start)
            .filter(|slot| slot.is_none())
            .count();
        self.note_lost(lost);
        self.frames_dropped += self.frames_before(start);
        self.drop_front(start);
        // It was seen that a frame begins here.
        self.boundary = true;
        self.hole = None;
        true
    }

    /// Where the first key frame begins that has its first packet, behind the hole.
    fn key_frame_behind_hole(&self) -> Option<usize> {
        let slots = self.slots.range(self.scan..).enumerate();
        let mut start: Option<(usize, Serial32)> = None;
        let mut previous_ended = false;
        for (offset, slot) in slots {
            let Some(slot) = slot else {
                start = None;
                previous_ended = false;
                continue;
            };
            let same = start.is_some_and(|(_, timestamp)| timestamp == slot.timestamp);
            if !same {
                let begins = match slot.info.starts_frame {
                    Some(starts) => starts,
                    None => slot.may_start() || previous_ended,
                };
                start = begins.then_some((self.scan + offset, slot.timestamp));
            }
            if slot.info.keyframe
                && let Some((start, _)) = start
            {
                return Some(start);
            }
            previous_ended = slot.ends_frame();
        }
        None
    }

    fn is_complete_from(&self, start: usize) -> bool {
        let mut timestamp = None;
        for slot in self.slots.range(start..) {
            let Some(slot) = slot else {
                return false;
            };
            let frame = *timestamp.get_or_insert(slot.timestamp);
            if slot.ends_frame() || slot.timestamp != frame {
                return true;
            }
        }
        false
    }

    fn frames_before(&self, end: usize) -> u64 {
        let mut frames = 0;
        let mut previous = None;
        for slot in self.slots.range(..end).flatten() {
            frames += u64::from(previous != Some(slot.timestamp));
            previous = Some(slot.timestamp);
        }
        frames
    }

    fn give_up_all(&mut self, next: u64) {
        self.frames_dropped += self.frames_before(self.slots.len());
        self.lost = self
            .lost
            .saturating_add((next - self.base).min(1 << 20) as u32);
        self.drop_front(self.slots.len());
        self.base = next;
        self.boundary = false;
        self.break_chain();
        self.hole = None;
    }

    fn drop_front(&mut self, count: usize) {
        for slot in self.slots.drain(..count.min(self.slots.len())).flatten() {
            self.key_packets -= usize::from(slot.info.keyframe);
            if self.spare.len() < MAX_SPARE {
                let mut payload = slot.payload;
                payload.clear();
                self.spare.push(payload);
            }
        }
        self.base += count as u64;
        self.scan = self.scan.saturating_sub(count);
        self.advanced |= count > 0;
    }

    /// A hole is there since the first packet behind it came.
    fn note_hole(&mut self, now: Instant) {
        if self.scan >= self.slots.len() {
            self.hole = None;
            return;
        }
        let missing = self.base + self.scan as u64;
        if self.hole.is_none_or(|(before, _)| before != missing) {
            let behind = self.slots.range(self.scan..).flatten().next();
            let since = behind.map_or(now, |slot| slot.arrival);
            self.hole = Some((missing, since));
        }
    }
}

#[cfg(test)]
mod tests;
