//! What a receiver keeps of its packets: for frames, and to hand out each packet once.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::audio::{AudioBuffer, AudioPacket};
use super::video::{Inserted, VideoBuffer, VideoPacket};
use super::{MediaPacket, Receiver, SeenWindow, SourceClocks, push};
use crate::event::Event;
use crate::parameters::{MediaKind, ReceiveParameters};

#[derive(Debug)]
pub(super) enum Buffer {
    Audio(Box<AudioBuffer>),
    Video(Box<VideoBuffer>),
    /// No frames are wanted.
    None,
}

impl Buffer {
    /// What gathers the frames of a stream, which may have begun before.
    pub(super) fn new(parameters: &ReceiveParameters, begun: bool) -> Self {
        match parameters.kind {
            _ if !parameters.delivery.has_frames() => Self::None,
            MediaKind::Audio => Self::Audio(Box::new(AudioBuffer::new())),
            MediaKind::Video if begun => Self::Video(Box::new(VideoBuffer::joining())),
            MediaKind::Video => Self::Video(Box::new(VideoBuffer::new())),
        }
    }

    pub(super) fn reset(&mut self) {
        match self {
            Self::Audio(buffer) => buffer.reset(),
            Self::Video(buffer) => buffer.reset(),
            Self::None => {}
        }
    }
}

impl Receiver {
    /// Hands out a packet, if packets are wanted, and keeps it for its frame.
    pub(super) fn store(
        &mut self,
        now: Instant,
        sequence: u64,
        packet: &MediaPacket<'_>,
        clocks: &SourceClocks,
        events: &mut VecDeque<Event>,
    ) {
        let max_wait = self.max_wait();
        // One copy, for whoever forwards it and for sound.
        let mut shared = None;
        let mut share = || {
            let shared = shared.get_or_insert_with(|| Bytes::copy_from_slice(packet.payload));
            shared.clone()
        };
        if let Some(seen) = &mut self.seen {
            if !seen.insert(sequence) {
                self.counters.discarded += 1;
                return;
            }
            if let Some(source) = &self.source {
                let payload = share();
                let received = || packet.received(self.id, source, now, clocks, payload);
                push(events, || Event::Packet(Box::new(received())));
            }
        }
        let stored = match &mut self.buffer {
            Buffer::Video(buffer) => {
                let packet = VideoPacket {
                    sequence,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    payload_type: packet.codec.payload_type,
                    format: packet.codec.format,
                    payload: packet.payload,
                    orientation: packet.orientation,
                };
                buffer.insert(now, &packet) != Inserted::Discarded
            }
            Buffer::Audio(buffer) => {
                let packet = AudioPacket {
                    sequence,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    payload_type: packet.codec.payload_type,
                    payload: share(),
                    arrival: now,
                    level: packet.level,
                };
                buffer.insert(now, packet, max_wait)
            }
            Buffer::None => true,
        };
        // What is too late for its frame may have been handed out as a packet.
        self.counters.discarded += u64::from(!stored && self.seen.is_none());
    }

    /// The first packet that is still of use.
    pub(super) fn oldest_needed(&self) -> u64 {
        let oldest = self.seen.as_ref().map_or(u64::MAX, SeenWindow::oldest);
        match &self.buffer {
            Buffer::Video(buffer) => oldest.min(buffer.base()),
            Buffer::Audio(buffer) => oldest.min(buffer.base()),
            Buffer::None => oldest,
        }
    }
}
