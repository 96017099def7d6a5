//! The session: its streams and its verbs. What it does with packets that come is in `incoming`, what it
//! sends of its own accord in `reports`, what it sends to probe with in `probing`, and who gets how much of the
//! bandwidth in `targets`.

mod deadlines;
mod incoming;
mod probing;
mod reports;
mod targets;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::bwe::{ReceiveSide, SendSide};
use crate::event::{
    EncodedFrame, Event, ForwardedPacket, SendError, SendPosition, Transmit, TransmitKind,
};
use crate::parameters::{
    BitrateLimits, CodecParameters, MediaKind, ParameterError, ReceiveParameters, ReceiverId,
    SendParameters, SenderId, SessionConfig,
};
use crate::random::Random;
use crate::receive::{FeedbackRecorder, Receiver, Router, SourceClocks};
use crate::send::{self, Pacer, Sender};
use crate::stats::{SessionStats, TransportStats};

use self::deadlines::{Deadlines, Stream};
use self::reports::Reports;
use self::targets::Targets;

/// A session has at most so many senders, and as many receivers.
pub const MAX_STREAMS: usize = 256;

/// At most so many events wait for [`RtpSession::poll_event`]. A frame that comes then is dropped with
/// all that refer to it; other events are dropped and counted.
pub const MAX_EVENTS: usize = 4096;

/// The table of sources has at most so many entries.
pub const MAX_SOURCES: usize = 2 * MAX_STREAMS + 64;

/// All RTP streams of one transport.
///
/// - **Set-up**: [`new`](Self::new), [`add_sender`](Self::add_sender), [`set_sender`](Self::set_sender),
///   [`remove_sender`](Self::remove_sender), and the same for receivers;
///   [`set_bitrate_limits`](Self::set_bitrate_limits); [`sender`](Self::sender) and
///   [`receiver`](Self::receiver) say what was set.
/// - **Commands**: [`send_frame`](Self::send_frame), [`send_packet`](Self::send_packet),
///   [`request_key_frame`](Self::request_key_frame), [`close`](Self::close);
///   [`send_position`](Self::send_position) says where numbering stands.
/// - **Input**: [`handle_rtp`](Self::handle_rtp), [`handle_rtcp`](Self::handle_rtcp),
///   [`handle_timeout`](Self::handle_timeout).
/// - **Output**: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout), [`stats`](Self::stats).
///
/// Any interleaving is valid. Time must not run backwards by much: what is older than the newest `now` is
/// taken as that.
#[derive(Debug)]
pub struct RtpSession {
    config: SessionConfig,
    random: Random,
    /// The newest time that it was told.
    now: Instant,
    next_id: u32,
    senders: BTreeMap<SenderId, Sender>,
    receivers: BTreeMap<ReceiverId, Receiver>,
    /// The sources of all senders, with those of their retransmissions.
    own_sources: BTreeMap<u32, SenderId>,
    router: Router,
    pacer: Pacer,
    send_side: SendSide,
    /// Of the few peers that have no transport-wide numbers.
    receive_side: Option<Box<ReceiveSide>>,
    feedback: FeedbackRecorder,
    reports: Reports,
    /// Those that sources report by.
    clocks: SourceClocks,
    round_trip: RoundTrip,
    /// Those of receivers and senders.
    deadlines: Box<Deadlines>,
    targets: Targets,
    /// Who has sent padding, or could have.
    padding_sender: Option<SenderId>,
    events: VecDeque<Event>,
    counters: Counters,
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    malformed_rtp: u64,
    malformed_rtcp: u64,
    unroutable: u64,
    events_dropped: u64,
}

/// What is taken for the round-trip time as long as it is not known.
pub(crate) const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);

/// The round-trip time: as reports say, and until they do, as retransmissions show.
#[derive(Clone, Copy, Debug, Default)]
struct RoundTrip {
    reported: Option<Duration>,
    guessed: Option<Duration>,
}

impl RoundTrip {
    fn get(&self) -> Option<Duration> {
        self.reported.or(self.guessed)
    }

    fn report(&mut self, sample: Duration) {
        self.reported = Some(smooth(self.reported, sample));
    }

    fn guess(&mut self, sample: Duration) {
        self.guessed = Some(smooth(self.guessed, sample));
    }
}

fn smooth(mean: Option<Duration>, sample: Duration) -> Duration {
    mean.map_or(sample, |mean| (mean * 7 + sample) / 8)
}

impl RtpSession {
    /// A session without streams.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let mut random = Random::new(config.seed);
        let now = config.clock.instant();
        Self {
            now,
            next_id: 0,
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            own_sources: BTreeMap::new(),
            router: Router::new(random.u64()),
            pacer: Pacer::new(config.bitrate.start),
            send_side: SendSide::new(now, config.bitrate),
            receive_side: None,
            feedback: FeedbackRecorder::default(),
            reports: Reports::new(random.u32()),
            clocks: SourceClocks::new(config.clock),
            round_trip: RoundTrip::default(),
            deadlines: Box::default(),
            targets: Targets::default(),
            padding_sender: None,
            events: VecDeque::new(),
            counters: Counters::default(),
            closed: false,
            random,
            config,
        }
    }

    /// Adds a stream to be sent. Its first sequence number and timestamp are random.
    pub fn add_sender(
        &mut self,
        now: Instant,
        parameters: SendParameters,
    ) -> Result<SenderId, ParameterError> {
        self.advance(now);
        if self.senders.len() >= MAX_STREAMS {
            return Err(ParameterError::TooMany(MAX_STREAMS));
        }
        send::check(&parameters)?;
        self.check_own_sources(None, &parameters)?;
        let id = SenderId(self.take_id());
        let sender = Sender::new(id, parameters, &mut self.random);
        self.senders.insert(id, sender);
        self.update_own_sources();
        self.senders_changed();
        Ok(id)
    }

    /// Changes what a sender was told. Numbering goes on if the SSRC stays the same.
    pub fn set_sender(
        &mut self,
        now: Instant,
        sender: SenderId,
        parameters: SendParameters,
    ) -> Result<(), ParameterError> {
        self.advance(now);
        send::check(&parameters)?;
        self.check_own_sources(Some(sender), &parameters)?;
        let entry = self
            .senders
            .get_mut(&sender)
            .ok_or(ParameterError::Removed)?;
        if entry.parameters.ssrc != parameters.ssrc {
            self.pacer.remove(sender);
        }
        entry.set_parameters(parameters, &mut self.random);
        self.note_sender(sender);
        self.update_own_sources();
        self.senders_changed();
        Ok(())
    }

    /// Removes a stream; its receiver is told goodbye (RFC 3550, section 6.6).
    pub fn remove_sender(&mut self, now: Instant, sender: SenderId) {
        self.advance(now);
        self.pacer.remove(sender);
        if let Some(removed) = self.senders.remove(&sender) {
            self.say_goodbye(&[removed]);
        }
        self.note_sender(sender);
        self.senders_changed();
    }

    /// Adds a receiver.
    pub fn add_receiver(
        &mut self,
        now: Instant,
        parameters: ReceiveParameters,
    ) -> Result<ReceiverId, ParameterError> {
        self.advance(now);
        if self.receivers.len() >= MAX_STREAMS {
            return Err(ParameterError::TooMany(MAX_STREAMS));
        }
        self.check_receiver(None, &parameters)?;
        let id = ReceiverId(self.take_id());
        self.router
            .set_signalled(id, parameters.ssrc, parameters.rtx_ssrc);
        self.receivers.insert(id, Receiver::new(id, parameters));
        Ok(id)
    }

    /// Changes what a receiver was told. Its stream goes on, unless another SSRC was signalled.
    pub fn set_receiver(
        &mut self,
        now: Instant,
        receiver: ReceiverId,
        parameters: ReceiveParameters,
    ) -> Result<(), ParameterError> {
        self.advance(now);
        self.check_receiver(Some(receiver), &parameters)?;
        let entry = self
            .receivers
            .get_mut(&receiver)
            .ok_or(ParameterError::Removed)?;
        self.router
            .set_signalled(receiver, parameters.ssrc, parameters.rtx_ssrc);
        entry.set_parameters(parameters);
        self.note_receiver(receiver);
        Ok(())
    }

    /// Removes a receiver.
    pub fn remove_receiver(&mut self, now: Instant, receiver: ReceiverId) {
        self.advance(now);
        self.receivers.remove(&receiver);
        self.router.remove(receiver);
        self.note_receiver(receiver);
    }

    /// What a sender was told; `None` for one that was removed.
    #[must_use]
    pub fn sender(&self, sender: SenderId) -> Option<&SendParameters> {
        Some(&self.senders.get(&sender)?.parameters)
    }

    /// Where the numbering of a sender stands; `None` for one that was removed.
    #[must_use]
    pub fn send_position(&self, sender: SenderId) -> Option<SendPosition> {
        Some(self.senders.get(&sender)?.position())
    }

    /// What a receiver was told; `None` for one that was removed.
    #[must_use]
    pub fn receiver(&self, receiver: ReceiverId) -> Option<&ReceiveParameters> {
        Some(&self.receivers.get(&receiver)?.parameters)
    }

    /// Changes the bounds of the bandwidth estimate. If `start` changed, the estimate starts there anew.
    pub fn set_bitrate_limits(&mut self, now: Instant, limits: BitrateLimits) {
        self.advance(now);
        self.config.bitrate = limits;
        self.send_side.set_limits(limits);
        self.update_targets();
    }

    /// Packetizes a frame and queues it.
    pub fn send_frame(
        &mut self,
        now: Instant,
        sender: SenderId,
        frame: EncodedFrame,
    ) -> Result<(), SendError> {
        let now = self.advance(now);
        let entry = self.senders.get_mut(&sender).ok_or(SendError::Removed)?;
        let kind = entry.parameters.kind;
        let mut packets = Vec::new();
        let pacer = &mut self.pacer;
        let room = |count| match pacer.has_room(kind, count) {
            true => Ok(()),
            false => Err(SendError::QueueFull(pacer.len())),
        };
        let result = entry.packetize(now, frame, room, |packet| packets.push(packet));
        for packet in packets {
            pacer.push(kind, packet);
        }
        // The frame is gone; those that refer to it would be sent in vain.
        if matches!(result, Err(SendError::QueueFull(_))) && entry.wants_key_frame(now) {
            self.push_event(Event::KeyFrameRequested(sender));
        }
        self.note_activity();
        result
    }

    /// Queues a packet that another endpoint made, for selective forwarding. Late ones may come late: each
    /// leaves under the number that the caller gives it.
    pub fn send_packet(
        &mut self,
        now: Instant,
        sender: SenderId,
        packet: ForwardedPacket,
    ) -> Result<(), SendError> {
        let now = self.advance(now);
        let entry = self.senders.get_mut(&sender).ok_or(SendError::Removed)?;
        let kind = entry.parameters.kind;
        if !self.pacer.has_room(kind, 1) {
            entry.note_discarded();
            return Err(SendError::QueueFull(self.pacer.len()));
        }
        let packet = entry.forward(now, packet)?;
        self.pacer.push(kind, packet);
        self.note_activity();
        Ok(())
    }

    /// Asks the source of a receiver for a key frame, by PLI or FIR, whichever was negotiated. Requests
    /// are throttled.
    pub fn request_key_frame(&mut self, now: Instant, receiver: ReceiverId) {
        self.advance(now);
        if let Some(entry) = self.receivers.get_mut(&receiver) {
            entry.request_key_frame();
            self.send_requests(receiver);
            self.note_receiver(receiver);
        }
    }

    /// Says goodbye for all senders. Nothing is sent afterwards but that.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        let senders: Vec<_> = std::mem::take(&mut self.senders).into_values().collect();
        senders
            .iter()
            .for_each(|sender| self.pacer.remove(sender.id));
        self.say_goodbye(&senders);
        self.receivers.clear();
        *self.deadlines = Deadlines::default();
        self.router = Router::new(self.random.u64());
        self.feedback = FeedbackRecorder::default();
        self.closed = true;
    }

    /// Takes a received RTP packet, decrypted.
    ///
    /// `now` is when it arrived. Where that is before the time that the session knows of, the packet is handled at the
    /// latter, but its own time is what the estimates of bandwidth are told, here and at the other end.
    pub fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) {
        self.advance(now);
        self.rtp_arrived(now, datagram);
    }

    /// Takes a received RTCP datagram, decrypted.
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        self.advance(now);
        self.rtcp_arrived(now, datagram);
    }

    /// Does what is due. Called when [`Self::poll_timeout`] says so, and harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.closed {
            return;
        }
        let round_trip = self.round_trip.get();
        for stream in self.deadlines.due(now) {
            match stream {
                Stream::Receiver(id) => {
                    if let Some(receiver) = self.receivers.get_mut(&id) {
                        receiver.handle_timeout(now, round_trip, &mut self.events);
                    }
                    self.send_requests(id);
                    self.note_receiver(id);
                }
                Stream::Sender(id) => self.probe_tail(id),
            }
        }
        self.send_transport_feedback();
        self.send_reports_if_due();
        self.send_side.handle_timeout(now);
        self.update_targets();
    }

    /// Appends the next datagram to `buf`, if there is one to be sent now.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        let start = buf.len();
        if let Some(datagram) = self.reports.take() {
            buf.extend_from_slice(&datagram);
            self.reports.recycle(datagram);
            let kind = TransmitKind::Rtcp;
            return Some(Transmit {
                kind,
                len: buf.len() - start,
            });
        }
        if self.closed {
            return None;
        }
        while let Some(next) = self.next_packet(now) {
            if self.write_packet(next, buf) {
                let kind = TransmitKind::Rtp;
                return Some(Transmit {
                    kind,
                    len: buf.len() - start,
                });
            }
        }
        None
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`], and [`Self::poll_transmit`] after it: also for the pacer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.reports.has_datagrams() {
            return Some(self.now);
        }
        if self.closed {
            return None;
        }
        debug_assert_eq!(self.deadlines.first(), self.first_deadline());
        let timeouts = [
            self.deadlines.first(),
            self.pacer.next_timeout(self.now),
            self.feedback.next_timeout(),
            self.reports.next_timeout(),
            self.send_side.next_timeout(),
            self.send_side.next_probe_departure(),
        ];
        timeouts.into_iter().flatten().min()
    }

    /// The statistics of all streams, as of `now`.
    #[must_use]
    pub fn stats(&self, now: Instant) -> SessionStats {
        SessionStats {
            outbound: self.senders.values().map(Sender::stats).collect(),
            inbound: self.receivers.values().map(Receiver::stats).collect(),
            transport: TransportStats {
                available_outgoing_bitrate: self.send_side.target(now),
                round_trip_time: self.round_trip.get(),
                malformed_rtp: self.counters.malformed_rtp,
                malformed_rtcp: self.counters.malformed_rtcp,
                unroutable: self.counters.unroutable,
                pacer_queue: self.pacer.len(),
                events_dropped: self.counters.events_dropped,
            },
        }
    }

    /// The last packet before a pause is sent once more, unless it arrived.
    fn probe_tail(&mut self, id: SenderId) {
        let (now, round_trip) = (self.now, self.round_trip.get());
        let Some(sender) = self.senders.get_mut(&id) else {
            return;
        };
        let arrived = |number| self.send_side.is_acknowledged(number);
        if let Some(sequence) = sender.take_tail_probe(now, round_trip, arrived) {
            self.pacer.push_retransmission(id, sequence);
        }
        self.note_sender(id);
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    const fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        } else {
            self.counters.events_dropped += 1;
        }
    }

    fn check_own_sources(
        &self,
        own: Option<SenderId>,
        parameters: &SendParameters,
    ) -> Result<(), ParameterError> {
        let wanted = [Some(parameters.ssrc), parameters.rtx_ssrc];
        if wanted[0] == wanted[1] {
            return Err(ParameterError::SsrcTaken(parameters.ssrc));
        }
        let taken = self
            .senders
            .values()
            .filter(|sender| Some(sender.id) != own)
            .flat_map(|sender| [Some(sender.parameters.ssrc), sender.parameters.rtx_ssrc])
            .flatten()
            .find(|ssrc| wanted.contains(&Some(*ssrc)));
        taken.map_or(Ok(()), |ssrc| Err(ParameterError::SsrcTaken(ssrc)))
    }

    fn check_receiver(
        &self,
        own: Option<ReceiverId>,
        parameters: &ReceiveParameters,
    ) -> Result<(), ParameterError> {
        check_codecs(&parameters.codecs)?;
        send::check_identifiers(parameters.mid.as_deref(), parameters.rid.as_deref())?;
        for ssrc in [parameters.ssrc, parameters.rtx_ssrc].into_iter().flatten() {
            if self
                .router
                .signalled(ssrc)
                .is_some_and(|other| Some(other) != own)
            {
                return Err(ParameterError::SsrcTaken(ssrc));
            }
        }
        if parameters.ssrc.is_some() && parameters.ssrc == parameters.rtx_ssrc {
            return Err(ParameterError::SsrcTaken(
                parameters.ssrc.unwrap_or_default(),
            ));
        }
        Ok(())
    }
}

fn check_codecs(codecs: &[CodecParameters]) -> Result<(), ParameterError> {
    if codecs.is_empty() {
        return Err(ParameterError::NoCodec);
    }
    let mut seen = [false; 128];
    for codec in codecs {
        for payload_type in [Some(codec.payload_type), codec.rtx_payload_type]
            .into_iter()
            .flatten()
        {
            match seen.get_mut(usize::from(payload_type)) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(ParameterError::PayloadType(payload_type)),
            }
        }
        if codec.clock_rate == 0 {
            return Err(ParameterError::ClockRate(codec.payload_type));
        }
    }
    Ok(())
}

impl Sender {
    /// Whether the encoder is told a bitrate.
    fn is_video(&self) -> bool {
        self.parameters.kind == MediaKind::Video
    }
}
