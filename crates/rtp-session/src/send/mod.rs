//! Senders: numbering, packets, retransmissions.

mod history;
mod limits;
mod pacer;
mod padding;
mod tail;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_rtp::extension::{
    AbsoluteSendTime, AudioLevel, ExtensionKind, Mid, RepairedRid, Rid, TransportSequence,
    TransportSequence2, VideoOrientation,
};
use gannet_rtp::rtcp::{ReportBlock, SenderInfo};
use gannet_rtp::{NtpTime, RtpClock, RtpHeader, RtpWriter};
use gannet_rtp_payload::{Packetizer, PayloadHead};
use gannet_wire::{Serial16, Serial32};

use crate::event::{EncodedFrame, ForwardedPacket, SendError, SendPosition};
use crate::parameters::{MediaKind, SendParameters, SenderId};
use crate::random::Random;
use crate::stats::{OutboundRtpStats, RemoteInboundRtpStats};

use self::history::History;
use self::limits::max_payload;
pub(crate) use self::limits::{check, check_identifiers};
pub(crate) use self::pacer::{Next, Pacer};
use self::tail::Tail;

/// A key frame is asked of an encoder no more often than this.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(150);

/// A payload of another endpoint's may be so long, if need be beyond what the sender's own packets may have: it
/// can not be cut again, and most paths carry what another one has carried.
const MAX_FORWARDED: usize = 1300;

/// A packet on its way to the network: all that is not known only when it leaves.
#[derive(Clone, Debug)]
pub(crate) struct QueuedPacket {
    pub(crate) sender: SenderId,
    /// Of the codec that made it, which may be another one by the time that it leaves.
    pub(crate) payload_type: u8,
    pub(crate) sequence: Serial16,
    pub(crate) timestamp: Serial32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
    /// In place of its first bytes.
    pub(crate) head: PayloadHead,
    pub(crate) level: Option<AudioLevel>,
    pub(crate) orientation: Option<VideoOrientation>,
    pub(crate) queued: Instant,
}

impl QueuedPacket {
    /// Puts its head in the place of the first bytes of its payload, with which `buffer` ends.
    fn apply_head(&self, buffer: &mut [u8]) {
        let start = buffer.len().saturating_sub(self.payload.len());
        if let Some(payload) = buffer.get_mut(start..) {
            self.head.apply(payload);
        }
    }
}

/// What a header needs that is known only when the packet leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) ntp: NtpTime,
    pub(crate) transport_sequence: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    packets: u64,
    bytes: u64,
    header_bytes: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    retransmitted_header_bytes: u64,
    frames: u64,
    key_frames: u64,
    discarded: u64,
    nacks: u64,
    plis: u64,
    firs: u64,
    send_delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) id: SenderId,
    pub(crate) parameters: SendParameters,
    packetizer: Box<dyn Packetizer>,
    clock: RtpClock,
    sequence: Serial16,
    rtx_sequence: Serial16,
    timestamp_offset: u32,
    max_payload: usize,
    history: History,
    tail: Tail,
    /// When a packet left last that was sent for the first time.
    last_media: Option<Instant>,
    /// When the newest frame was captured, and its timestamp as it is sent.
    newest: Option<(Instant, Serial32)>,
    counters: Counters,
    remote: Option<RemoteInboundRtpStats>,
    /// Highest sequence number and losses of the last report block.
    reported: Option<(u32, i32)>,
    /// Who sent the last FIR, and its number.
    last_fir: Option<(u32, u8)>,
    key_frame_requested: Option<Instant>,
    /// The share of the bandwidth that the encoder was told last.
    pub(crate) target: u64,
}

impl Sender {
    pub(crate) fn new(id: SenderId, parameters: SendParameters, random: &mut Random) -> Self {
        let codec = parameters.codec;
        Self {
            id,
            packetizer: codec.format.packetizer(random.u16() & 0x7fff),
            clock: RtpClock::new(codec.clock_rate),
            // Not above the middle, so that the first packets do not wrap: some peers' SRTP loses count.
            sequence: Serial16(random.u16() & 0x7fff),
            rtx_sequence: Serial16(random.u16() & 0x7fff),
            timestamp_offset: random.u32(),
            max_payload: max_payload(&parameters),
            parameters,
            history: History::default(),
            tail: Tail::default(),
            last_media: None,
            newest: None,
            counters: Counters::default(),
            remote: None,
            reported: None,
            last_fir: None,
            key_frame_requested: None,
            target: 0,
        }
    }

    pub(crate) fn set_parameters(&mut self, parameters: SendParameters, random: &mut Random) {
        let before = std::mem::replace(&mut self.parameters, parameters);
        let codec = self.parameters.codec;
        if before.ssrc != self.parameters.ssrc {
            *self = Self::new(self.id, self.parameters.clone(), random);
            return;
        }
        if before.codec.format != codec.format {
            self.packetizer = codec.format.packetizer(random.u16() & 0x7fff);
            self.history = History::default();
            self.tail = Tail::default();
        }
        self.clock = RtpClock::new(codec.clock_rate);
        self.max_payload = max_payload(&self.parameters);
    }

    /// Cuts a frame into packets and hands each to `queue`. `room` says whether so many fit.
    pub(crate) fn packetize(
        &mut self,
        now: Instant,
        frame: EncodedFrame,
        room: impl FnOnce(usize) -> Result<(), SendError>,
        mut queue: impl FnMut(QueuedPacket),
    ) -> Result<(), SendError> {
        let mut payloads = Vec::with_capacity(frame.data.len() + frame.data.len() / 64 + 64);
        let mut ends = Vec::with_capacity(frame.data.len() / self.max_payload + 2);
        self.packetizer
            .begin(frame.data, &frame.metadata, self.max_payload)?;
        while let Some(payload) = self.packetizer.next_payload(&mut payloads) {
            ends.push((payloads.len(), payload.marker));
        }
        room(ends.len())?;
        let timestamp = Serial32(frame.timestamp.wrapping_add(self.timestamp_offset));
        let mut payloads = Bytes::from(payloads);
        let mut start = 0;
        for (end, marker) in ends {
            queue(QueuedPacket {
                sender: self.id,
                payload_type: self.parameters.codec.payload_type,
                sequence: self.sequence,
                timestamp,
                marker: marker || frame.starts_talkspurt,
                payload: payloads.split_to(end - start),
                head: PayloadHead::default(),
                level: frame.audio_level,
                orientation: frame.orientation.filter(|_| marker),
                queued: now,
            });
            self.sequence = self.sequence.next();
            start = end;
        }
        self.newest = Some((frame.captured.unwrap_or(now), timestamp));
        self.counters.frames += 1;
        self.counters.key_frames += u64::from(frame.keyframe);
        Ok(())
    }

    /// Makes a packet of one that another endpoint made.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        packet: ForwardedPacket,
    ) -> Result<QueuedPacket, SendError> {
        let len = packet.payload.len();
        let own = self.parameters.max_packet_size.saturating_sub(12);
        let max = own.max(MAX_FORWARDED);
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        let sequence = packet.sequence_number.unwrap_or(self.sequence);
        // A late one takes its own place, and leaves the newest where it is.
        if self.newest.is_none() || sequence.at_or_after(self.sequence) {
            self.sequence = sequence.next();
            self.newest = Some((packet.captured.unwrap_or(now), packet.timestamp));
        }
        let video = self.parameters.kind == MediaKind::Video;
        self.counters.frames += u64::from(packet.marker || !video);
        self.counters.key_frames += u64::from(packet.starts_key_frame);
        Ok(QueuedPacket {
            sender: self.id,
            payload_type: self.parameters.codec.payload_type,
            sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload,
            head: packet.head,
            level: packet.audio_level,
            orientation: packet.orientation,
            queued: now,
        })
    }

    /// A packet to be forwarded found no room.
    pub(crate) const fn note_discarded(&mut self) {
        self.counters.discarded += 1;
    }

    pub(crate) const fn position(&self) -> SendPosition {
        SendPosition {
            next_sequence_number: self.sequence,
            newest: self.newest,
            timestamp_offset: self.timestamp_offset,
        }
    }

    /// Writes a packet and keeps it for retransmission.
    pub(crate) fn write_media(
        &mut self,
        now: Instant,
        packet: QueuedPacket,
        departure: Departure,
        buffer: &mut Vec<u8>,
    ) {
        let start = buffer.len();
        self.write(&packet, departure, buffer);
        let len = packet.payload.len();
        self.counters.packets += 1;
        self.counters.bytes += len as u64;
        self.counters.header_bytes += (buffer.len() - start - len) as u64;
        self.counters.send_delay += now.saturating_duration_since(packet.queued);
        self.last_media = Some(now);
        // The repair stream of another codec says nothing of this one's packets.
        let is_current = packet.payload_type == self.parameters.codec.payload_type;
        if self.parameters.feedback.nack && is_current {
            // Without RTX a copy would count as a packet that is duplicated on the way.
            if self.rtx().is_some() {
                let number = departure.transport_sequence;
                self.tail.sent(now, packet.sequence, number);
            }
            self.history.push(now, packet);
        }
    }

    /// Writes a packet once more: as RTX (RFC 4588, section 4) if that was negotiated, else as it was.
    /// Whether it was still there.
    pub(crate) fn write_retransmission(
        &mut self,
        now: Instant,
        sequence: Serial16,
        departure: Departure,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let Some(packet) = self.history.get(sequence) else {
            return false;
        };
        let start = buffer.len();
        let rtx = self.rtx();
        if let Some(rtx) = rtx {
            self.write_rtx(packet, rtx, departure, buffer);
        } else {
            self.write(packet, departure, buffer);
        }
        self.counters.retransmitted_packets += 1;
        let len = packet.payload.len();
        self.counters.retransmitted_bytes += len as u64;
        self.counters.retransmitted_header_bytes += (buffer.len() - start - len) as u64;
        if rtx.is_some() {
            self.rtx_sequence = self.rtx_sequence.next();
        }
        self.tail
            .sent_again(now, sequence, departure.transport_sequence);
        true
    }

    fn write_rtx(
        &self,
        packet: &QueuedPacket,
        (ssrc, payload_type): (u32, u8),
        departure: Departure,
        buffer: &mut Vec<u8>,
    ) {
        let header = RtpHeader {
            marker: packet.marker,
            payload_type,
            sequence_number: self.rtx_sequence,
            timestamp: packet.timestamp,
            ssrc,
        };
        let mut writer = RtpWriter::new(buffer, &header);
        self.write_extensions(&mut writer, packet, departure, true);
        writer.finish_header();
        buffer.extend_from_slice(&packet.sequence.0.to_be_bytes());
        buffer.extend_from_slice(&packet.payload);
        packet.apply_head(buffer);
    }

    /// SSRC and payload type of retransmissions, if they have a stream of their own.
    fn rtx(&self) -> Option<(u32, u8)> {
        let parameters = &self.parameters;
        parameters.rtx_ssrc.zip(parameters.codec.rtx_payload_type)
    }

    /// When to ask for the last packet before a pause, which may be lost unnoticed.
    pub(crate) fn next_timeout(&self, round_trip: Option<Duration>) -> Option<Instant> {
        self.tail.next_timeout(round_trip)
    }

    /// The last packet before a pause, if it is to be sent once more now.
    pub(crate) fn take_tail_probe(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        arrived: impl FnOnce(u16) -> bool,
    ) -> Option<Serial16> {
        let sequence = self.tail.take_probe(now, round_trip, arrived)?;
        let is_there = self.history.take_request(now, sequence, Duration::ZERO);
        is_there.then_some(sequence)
    }

    fn write(&self, packet: &QueuedPacket, departure: Departure, buffer: &mut Vec<u8>) {
        let header = RtpHeader {
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.parameters.ssrc,
        };
        let mut writer = RtpWriter::new(buffer, &header);
        self.write_extensions(&mut writer, packet, departure, false);
        writer.payload(&packet.payload);
        packet.apply_head(buffer);
    }

    fn write_extensions(
        &self,
        writer: &mut RtpWriter<'_>,
        packet: &QueuedPacket,
        departure: Departure,
        rtx: bool,
    ) {
        self.write_transport_extensions(writer, departure, rtx);
        let map = &self.parameters.extensions;
        if let Some(level) = &packet.level {
            writer.extension(map, level);
        }
        if let Some(orientation) = &packet.orientation {
            writer.extension(map, orientation);
        }
    }

    /// Those that a packet has whatever is in it.
    fn write_transport_extensions(
        &self,
        writer: &mut RtpWriter<'_>,
        departure: Departure,
        rtx: bool,
    ) {
        let map = &self.parameters.extensions;
        if let Some(mid) = self
            .parameters
            .mid
            .as_deref()
            .and_then(|mid| Mid::new(mid).ok())
        {
            writer.extension(map, &mid);
        }
        if let Some(rid) = self.parameters.rid.as_deref() {
            if rtx {
                RepairedRid::new(rid)
                    .ok()
                    .map(|rid| writer.extension(map, &rid));
            } else {
                Rid::new(rid).ok().map(|rid| writer.extension(map, &rid));
            }
        }
        writer.extension(map, &AbsoluteSendTime::from_ntp(departure.ntp));
        if let Some(sequence) = departure.transport_sequence {
            let written = writer.extension(map, &TransportSequence(sequence));
            if !written {
                let request = None;
                writer.extension(map, &TransportSequence2 { sequence, request });
            }
        }
    }

    /// Whether its packets carry transport-wide sequence numbers.
    pub(crate) fn uses_transport_sequence(&self) -> bool {
        let map = &self.parameters.extensions;
        self.parameters.feedback.transport_cc
            && (map.id(ExtensionKind::TransportSequence).is_some()
                || map.id(ExtensionKind::TransportSequence2).is_some())
    }

    /// The sequence numbers of a NACK that are to be sent again.
    pub(crate) fn handle_nack(
        &mut self,
        now: Instant,
        missing: impl Iterator<Item = Serial16>,
        round_trip: Option<Duration>,
        mut resend: impl FnMut(Serial16),
    ) {
        self.counters.nacks += 1;
        let pause = round_trip
            .unwrap_or(Duration::from_millis(20))
            .max(Duration::from_millis(10));
        for sequence in missing.take(history::MAX_PACKETS) {
            if self.history.take_request(now, sequence, pause) {
                resend(sequence);
            }
        }
    }

    /// A PLI came. Whether the encoder is to be told.
    pub(crate) fn handle_pli(&mut self, now: Instant) -> bool {
        self.counters.plis += 1;
        self.wants_key_frame(now)
    }

    /// A FIR came. Whether the encoder is to be told: a repeated command is the same command (RFC 5104,
    /// section 4.3.1.1). Each source of such commands counts for itself (section 4.3.1.2).
    pub(crate) fn handle_fir(&mut self, now: Instant, from: u32, sequence: u8) -> bool {
        if self.last_fir.replace((from, sequence)) == Some((from, sequence)) {
            return false;
        }
        self.counters.firs += 1;
        self.wants_key_frame(now)
    }

    pub(crate) fn wants_key_frame(&mut self, now: Instant) -> bool {
        let recently = self
            .key_frame_requested
            .is_some_and(|last| last + KEY_FRAME_PAUSE > now);
        if !recently {
            self.key_frame_requested = Some(now);
        }
        !recently
    }

    /// A report block about this sender came. How many packets it speaks of that the block before did
    /// not, and how many of them were lost.
    pub(crate) fn handle_report(
        &mut self,
        now: Instant,
        block: &ReportBlock,
        round_trip: Option<Duration>,
    ) -> (u32, u32) {
        let before = self
            .reported
            .replace((block.highest_sequence, block.cumulative_lost));
        let remote = self.remote.get_or_insert_default();
        remote.timestamp = Some(now);
        remote.packets_lost = i64::from(block.cumulative_lost);
        remote.fraction_lost = f64::from(block.fraction_lost) / 256.0;
        remote.jitter = f64::from(block.jitter) / f64::from(self.clock.clock_rate());
        if let Some(round_trip) = round_trip {
            remote.round_trip_time = Some(round_trip);
            remote.total_round_trip_time += round_trip;
            remote.round_trip_time_measurements += 1;
        }
        let Some((highest, lost)) = before else {
            return (0, 0);
        };
        let expected = block.highest_sequence.wrapping_sub(highest);
        let lost = block
            .cumulative_lost
            .saturating_sub(lost)
            .max(0)
            .cast_unsigned();
        // What wrapped backwards is a restart, or nonsense.
        if expected < 1 << 16 {
            (expected, lost.min(expected))
        } else {
            (0, 0)
        }
    }

    /// What a sender report says now; `None` before anything was sent.
    pub(crate) fn sender_info(&self, now: Instant, ntp: NtpTime) -> Option<SenderInfo> {
        let (captured, timestamp) = self.newest.filter(|_| self.counters.packets > 0)?;
        let later = self.clock.ticks(now.saturating_duration_since(captured));
        // What was captured elsewhere is in the future if that clock seemed to be behind, and is found not to be.
        let earlier = self.clock.ticks(captured.saturating_duration_since(now));
        Some(SenderInfo {
            ntp,
            timestamp: Serial32(timestamp.plus(later).0.wrapping_sub(earlier)),
            packet_count: self.counters.packets as u32,
            octet_count: self.counters.bytes as u32,
        })
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.counters.packets > 0
    }

    pub(crate) fn stats(&self) -> OutboundRtpStats {
        OutboundRtpStats {
            sender: self.id,
            kind: self.parameters.kind,
            ssrc: self.parameters.ssrc,
            rtx_ssrc: self.parameters.rtx_ssrc,
            packets_sent: self.counters.packets,
            bytes_sent: self.counters.bytes,
            header_bytes_sent: self.counters.header_bytes,
            retransmitted_packets_sent: self.counters.retransmitted_packets,
            retransmitted_bytes_sent: self.counters.retransmitted_bytes,
            retransmitted_header_bytes_sent: self.counters.retransmitted_header_bytes,
            frames_sent: self.counters.frames,
            key_frames_sent: self.counters.key_frames,
            packets_discarded_on_send: self.counters.discarded,
            nack_count: self.counters.nacks,
            pli_count: self.counters.plis,
            fir_count: self.counters.firs,
            target_bitrate: self.target,
            total_packet_send_delay: self.counters.send_delay,
            remote: self.remote,
        }
    }
}
