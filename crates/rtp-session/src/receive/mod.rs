//! Receivers: what happens to the packets of one source.

mod audio;
mod buffer;
mod capture;
mod feedback;
mod frames;
mod key_frames;
mod nack;
mod reception;
mod router;
mod seen;
mod video;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_rtp::RtpPacket;
use gannet_rtp::extension::{AudioLevel, VideoOrientation};
use gannet_wire::{Serial16, Serial32};

use crate::event::{Event, ReceivedPacket};
use crate::parameters::{CodecParameters, ReceiveParameters, ReceiverId};
use crate::session::MAX_EVENTS;
use crate::stats::{InboundRtpStats, JitterBufferStats, RemoteOutboundRtpStats};

use self::buffer::Buffer;
pub(crate) use self::capture::SourceClocks;
pub(crate) use self::feedback::FeedbackRecorder;
pub(crate) use self::key_frames::KeyFrameRequest;
use self::key_frames::KeyFrameRequests;
use self::nack::NackTracker;
use self::reception::Arrival;
pub(crate) use self::reception::Reception;
pub(crate) use self::router::{Role, Router, SsrcHasher};
use self::seen::SeenWindow;

/// Without NACK, a hole is nothing but reordering, and that is soon over.
const WAIT_WITHOUT_NACK: Duration = Duration::from_millis(60);

/// Nothing is waited for longer than this: what is behind it does not fit the buffers.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A source that was silent for this long gives way to another one.
const SOURCE_SILENCE: Duration = Duration::from_millis(500);

/// What a payload type means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PayloadKind {
    Media(CodecParameters),
    /// A retransmission of this codec.
    Rtx(CodecParameters),
}

/// Counters of one receiver, over all its sources.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    packets: u64,
    bytes: u64,
    header_bytes: u64,
    discarded: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    retransmitted_header_bytes: u64,
    frames: u64,
    key_frames: u64,
    jitter_buffer: JitterBufferStats,
    nacks: u64,
    plis: u64,
    firs: u64,
    last_packet: Option<Instant>,
    payload_type: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) id: ReceiverId,
    pub(crate) parameters: ReceiveParameters,
    payload_types: Box<[Option<PayloadKind>; 128]>,
    source: Option<Reception>,
    buffer: Buffer,
    /// Those that were handed out as packets, if any are to be.
    seen: Option<SeenWindow>,
    nack: NackTracker,
    requests: KeyFrameRequests,
    counters: Counters,
}

/// What a packet says, wherever it was wrapped in.
#[derive(Clone, Copy, Debug)]
struct MediaPacket<'a> {
    sequence: Serial16,
    timestamp: Serial32,
    marker: bool,
    codec: CodecParameters,
    payload: &'a [u8],
    level: Option<AudioLevel>,
    orientation: Option<VideoOrientation>,
    retransmitted: bool,
}

/// What the session has to do after a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How long a retransmission took.
    pub(crate) round_trip: Option<Duration>,
    /// The source is new.
    pub(crate) started: Option<u32>,
}

impl Receiver {
    pub(crate) fn new(id: ReceiverId, parameters: ReceiveParameters) -> Self {
        let mut receiver = Self {
            id,
            payload_types: payload_types(&parameters.codecs),
            buffer: Buffer::new(&parameters, false),
            seen: parameters.delivery.has_packets().then(SeenWindow::default),
            parameters,
            source: None,
            nack: NackTracker::default(),
            requests: KeyFrameRequests::default(),
            counters: Counters::default(),
        };
        receiver.adopt_signalled();
        receiver
    }

    pub(crate) fn set_parameters(&mut self, parameters: ReceiveParameters) {
        self.payload_types = payload_types(&parameters.codecs);
        let before = std::mem::replace(&mut self.parameters, parameters);
        let (was, is) = (before.delivery, self.parameters.delivery);
        let other_kind = before.kind != self.parameters.kind;
        if other_kind || was.has_frames() != is.has_frames() {
            let begun = self.source.as_ref().is_some_and(Reception::has_received);
            self.buffer = Buffer::new(&self.parameters, begun);
        }
        if other_kind || was.has_packets() != is.has_packets() {
            self.seen = is.has_packets().then(SeenWindow::default);
        }
        if other_kind {
            self.nack.reset();
        }
        self.adopt_signalled();
    }

    /// Takes the source that signalling named.
    fn adopt_signalled(&mut self) {
        if let Some(ssrc) = self.parameters.ssrc
            && self.ssrc() != Some(ssrc)
        {
            self.start_source(ssrc);
        }
    }

    fn start_source(&mut self, ssrc: u32) {
        let clock_rate = self
            .parameters
            .codecs
            .first()
            .map_or(1, |codec| codec.clock_rate);
        self.source = Some(Reception::new(ssrc, clock_rate));
        self.forget();
    }

    /// What comes next has nothing to do with what came before.
    fn forget(&mut self) {
        self.buffer.reset();
        if let Some(seen) = &mut self.seen {
            *seen = SeenWindow::default();
        }
        self.nack.reset();
    }

    pub(crate) fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    pub(crate) fn payload_kind(&self, payload_type: u8) -> Option<PayloadKind> {
        self.payload_types
            .get(usize::from(payload_type))
            .copied()
            .flatten()
    }

    /// Whether a packet of another source may replace the one that it has.
    pub(crate) fn accepts_source(&self, now: Instant, ssrc: u32) -> bool {
        match &self.source {
            None => true,
            Some(source) if source.ssrc == ssrc => true,
            Some(source) if !source.has_received() => true,
            Some(_) => self
                .counters
                .last_packet
                .is_none_or(|last| last + SOURCE_SILENCE <= now),
        }
    }

    /// A packet of the media source.
    pub(crate) fn handle_media(
        &mut self,
        now: Instant,
        packet: &RtpPacket<'_>,
        round_trip: Option<Duration>,
        clocks: &SourceClocks,
        events: &mut VecDeque<Event>,
    ) -> Outcome {
        let Some(PayloadKind::Media(codec)) = self.payload_kind(packet.payload_type()) else {
            self.counters.discarded += 1;
            return Outcome::default();
        };
        let mut started = None;
        if self.ssrc() != Some(packet.ssrc()) {
            if !self.accepts_source(now, packet.ssrc()) {
                self.counters.discarded += 1;
                return Outcome::default();
            }
            self.start_source(packet.ssrc());
        }
        if self
            .source
            .as_ref()
            .is_some_and(|source| !source.has_received())
        {
            started = Some(packet.ssrc());
        }
        self.counters.packets += 1;
        self.counters.bytes += packet.payload().len() as u64;
        self.counters.header_bytes += packet.header_len() as u64 + u64::from(packet.padding_len());
        self.counters.last_packet = Some(now);
        self.counters.payload_type = Some(codec.payload_type);
        let media = MediaPacket {
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            codec,
            payload: packet.payload(),
            level: packet.extension(&self.parameters.extensions),
            orientation: packet.extension(&self.parameters.extensions),
            retransmitted: false,
        };
        Outcome {
            round_trip: self.accept(now, &media, round_trip, clocks, events),
            started,
        }
    }

    /// A packet of the retransmission source (RFC 4588, section 4): the original sequence number, then
    /// the original payload.
    pub(crate) fn handle_rtx(
        &mut self,
        now: Instant,
        packet: &RtpPacket<'_>,
        round_trip: Option<Duration>,
        clocks: &SourceClocks,
        events: &mut VecDeque<Event>,
    ) -> Outcome {
        let Some(PayloadKind::Rtx(codec)) = self.payload_kind(packet.payload_type()) else {
            self.counters.discarded += 1;
            return Outcome::default();
        };
        // A packet without payload is padding to probe with.
        let Some((original, payload)) = packet.payload().split_first_chunk::<2>() else {
            return Outcome::default();
        };
        self.counters.retransmitted_packets += 1;
        self.counters.retransmitted_bytes += payload.len() as u64;
        // The original sequence number is a header too.
        let header = packet.header_len() as u64 + 2 + u64::from(packet.padding_len());
        self.counters.retransmitted_header_bytes += header;
        if self
            .source
            .as_ref()
            .is_none_or(|source| !source.has_received())
        {
            return Outcome::default();
        }
        let media = MediaPacket {
            sequence: Serial16(u16::from_be_bytes(*original)),
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            codec,
            payload,
            level: packet.extension(&self.parameters.extensions),
            orientation: packet.extension(&self.parameters.extensions),
            retransmitted: true,
        };
        Outcome {
            round_trip: self.accept(now, &media, round_trip, clocks, events),
            started: None,
        }
    }

    fn accept(
        &mut self,
        now: Instant,
        packet: &MediaPacket<'_>,
        round_trip: Option<Duration>,
        clocks: &SourceClocks,
        events: &mut VecDeque<Event>,
    ) -> Option<Duration> {
        let source = self.source.as_mut()?;
        let (sequence, first) =
            match source.place(packet.sequence, packet.timestamp, packet.retransmitted) {
                Arrival::Sequence(sequence) => (sequence, false),
                Arrival::Restart(sequence) => {
                    self.forget();
                    (sequence, true)
                }
                Arrival::Suspicious => {
                    self.counters.discarded += 1;
                    return None;
                }
            };
        let source = self.source.as_mut()?;
        source.set_clock_rate(packet.codec.clock_rate);
        // On the same source, what was asked for comes back looking like any other packet.
        let asked = packet.retransmitted || self.nack.was_asked(now, sequence);
        if !asked {
            source.update_jitter(now, packet.timestamp);
        }
        let noticed = self.nack.on_packet(now, sequence, asked);
        if noticed.too_many
            && let Buffer::Video(buffer) = &mut self.buffer
        {
            buffer.break_chain();
        }
        self.store(now, sequence, packet, clocks, events);
        if first && let Buffer::Video(buffer) = &self.buffer {
            self.nack.want_from(now, buffer.base());
        }
        self.drain(now, round_trip, events);
        noticed.round_trip
    }

    /// Hands out what can be handed out.
    fn drain(&mut self, now: Instant, round_trip: Option<Duration>, events: &mut VecDeque<Event>) {
        let (max_wait, patience) = (self.max_wait(), self.key_frame_patience(round_trip));
        let Some(source) = self.source.as_mut() else {
            return;
        };
        match &mut self.buffer {
            Buffer::Video(buffer) => {
                loop {
                    while let Some(frame) = buffer.next_frame(now, patience) {
                        self.counters.frames += 1;
                        self.counters.key_frames += u64::from(frame.keyframe);
                        let delay = now.saturating_duration_since(frame.first_arrival);
                        self.counters.jitter_buffer.jitter_buffer_delay += delay;
                        self.counters.jitter_buffer.jitter_buffer_emitted_count += 1;
                        if frame.keyframe {
                            self.requests.fulfilled();
                        }
                        let event = || Event::Frame(Box::new(frame.into_frame(self.id, source)));
                        // Nobody listens: what comes next would refer to what is dropped here.
                        if !push(events, event) {
                            buffer.break_chain();
                        }
                    }
                    if !buffer.give_up(now, max_wait) {
                        break;
                    }
                }
            }
            Buffer::Audio(buffer) => {
                while let Some((packet, lost)) = buffer.next_packet(now, max_wait) {
                    if packet.payload.is_empty() {
                        // Padding, or a keep-alive: there is nothing to decode.
                        buffer.lost_before_padding(lost);
                        continue;
                    }
                    self.counters.frames += 1;
                    let event = || Event::Frame(Box::new(packet.into_frame(self.id, source, lost)));
                    push(events, event);
                }
            }
            Buffer::None => {}
        }
        self.nack.forget_before(self.oldest_needed());
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        events: &mut VecDeque<Event>,
    ) {
        self.drain(now, round_trip, events);
    }

    /// The packets to be asked for now.
    pub(crate) fn collect_nacks(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        out: &mut Vec<u64>,
    ) {
        if self.parameters.feedback.nack {
            self.nack.collect(now, round_trip, out);
            self.counters.nacks += u64::from(!out.is_empty());
        }
    }

    /// When this receiver has something to do.
    pub(crate) fn next_timeout(&self, round_trip: Option<Duration>) -> Option<Instant> {
        let max_wait = self.max_wait();
        let buffer = match &self.buffer {
            Buffer::Audio(buffer) => buffer.next_timeout(max_wait),
            Buffer::Video(buffer) => {
                buffer.next_timeout(self.key_frame_patience(round_trip), max_wait)
            }
            Buffer::None => None,
        };
        let nack = self
            .nack
            .next_timeout()
            .filter(|_| self.parameters.feedback.nack);
        let request = self.next_key_frame_request(round_trip);
        [buffer, nack, request].into_iter().flatten().min()
    }

    fn max_wait(&self) -> Duration {
        let longest = if self.parameters.feedback.nack {
            LONGEST_WAIT
        } else {
            WAIT_WITHOUT_NACK
        };
        self.parameters.max_wait.min(longest)
    }

    pub(crate) const fn source_mut(&mut self) -> Option<&mut Reception> {
        self.source.as_mut()
    }

    /// The source said goodbye: the next one is taken at once.
    pub(crate) fn handle_bye(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        if let Some(ssrc) = self.ssrc() {
            self.drain(now, None, events);
            self.counters.last_packet = None;
            self.start_source(ssrc);
            let receiver = self.id;
            push(events, || Event::Bye { receiver, ssrc });
        }
    }

    pub(crate) fn stats(&self) -> InboundRtpStats {
        let source = self.source.as_ref().filter(|source| source.has_received());
        let (dropped, jitter_buffer) = match &self.buffer {
            Buffer::Video(buffer) => (buffer.frames_dropped, Some(self.counters.jitter_buffer)),
            _ => (0, None),
        };
        InboundRtpStats {
            receiver: self.id,
            kind: self.parameters.kind,
            ssrc: source.map(|source| source.ssrc),
            rtx_ssrc: self.parameters.rtx_ssrc,
            payload_type: source.and(self.counters.payload_type),
            packets_received: self.counters.packets,
            bytes_received: self.counters.bytes,
            header_bytes_received: self.counters.header_bytes,
            packets_lost: source.map_or(0, Reception::lost),
            jitter: source.map_or(0.0, Reception::jitter_seconds),
            packets_discarded: self.counters.discarded,
            retransmitted_packets_received: self.counters.retransmitted_packets,
            retransmitted_bytes_received: self.counters.retransmitted_bytes,
            retransmitted_header_bytes_received: self.counters.retransmitted_header_bytes,
            frames_received: self.counters.frames,
            key_frames_received: self.counters.key_frames,
            frames_dropped: dropped,
            jitter_buffer,
            nack_count: self.counters.nacks,
            pli_count: self.counters.plis,
            fir_count: self.counters.firs,
            last_packet_received_timestamp: self.counters.last_packet,
            remote: source.and_then(|source| {
                let info = source.last_info?;
                Some(RemoteOutboundRtpStats {
                    timestamp: source.reported(),
                    packets_sent: u64::from(info.packet_count),
                    bytes_sent: u64::from(info.octet_count),
                    remote_timestamp: info.ntp,
                    reports_sent: source.reports,
                })
            }),
        }
    }
}

impl MediaPacket<'_> {
    fn received(
        &self,
        receiver: ReceiverId,
        source: &Reception,
        now: Instant,
        clocks: &SourceClocks,
        payload: Bytes,
    ) -> ReceivedPacket {
        ReceivedPacket {
            receiver,
            ssrc: source.ssrc,
            payload_type: self.codec.payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            marker: self.marker,
            payload,
            arrival: now,
            captured: source.captured(now, self.timestamp, clocks),
            audio_level: self.level,
            orientation: self.orientation,
        }
    }
}

/// Queues an event, if there is room.
fn push(events: &mut VecDeque<Event>, event: impl FnOnce() -> Event) -> bool {
    let room = events.len() < MAX_EVENTS;
    if room {
        events.push_back(event());
    }
    room
}

fn payload_types(codecs: &[CodecParameters]) -> Box<[Option<PayloadKind>; 128]> {
    let mut table = Box::new([None; 128]);
    for codec in codecs {
        if let Some(place) = table.get_mut(usize::from(codec.payload_type)) {
            *place = Some(PayloadKind::Media(*codec));
        }
        let rtx = codec.rtx_payload_type.map(usize::from);
        if let Some(place) = rtx.and_then(|rtx| table.get_mut(rtx)) {
            *place = Some(PayloadKind::Rtx(*codec));
        }
    }
    table
}
