//! The senders and receivers of a connection, below its lock.

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_codecs::{AudioCodec, VideoCodec};
use gannet_jsep::{MediaPlan, SenderInit, TransceiverId};
use gannet_media::MediaStreamTrack;
use gannet_ortc::Session;
use gannet_ortc::parameters::{MediaKind, RtpEncodingParameters, RtpParameters};
use gannet_ortc::rtp::{EncodedFrame, Event, ReceivedPacket, ReceiverId, SendError, SenderId};

use crate::connection::Connection;
use crate::encoding::{Encoded, EncoderControl, Encoding, SendCodec, Timeline};
use crate::forwarding::{Forwarder, Selection, Subscription, Work};
use crate::receiving::Receiver;
use crate::stats::{EncoderMeter, SourceMeter};

/// All transceivers of a connection.
#[derive(Debug, Default)]
pub(crate) struct Transceivers {
    list: Vec<Transceiver>,
}

/// A sender and a receiver.
#[derive(Debug)]
pub(crate) struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// What is left to be done after an event.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing.
    Done,
    /// The layer that this receiver of the session gets would be read, if there was a key frame of it.
    NeedsKeyFrame(ReceiverId),
    /// What must wait until no lock is held.
    Work(Work),
}

/// What sends, or would if the peer wanted it.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) init: SenderInit,
    pub(crate) source: Option<Source>,
    /// How many tracks it has had.
    sources: u64,
    pub(crate) parameters: Option<RtpParameters>,
    pub(crate) id: Option<SenderId>,
    encoder: Option<Encoder>,
    /// Sends what another peer has encoded; while it has a stream there is no source.
    pub(crate) forwarder: Forwarder,
    timeline: Arc<Timeline>,
    /// What its encoders count.
    pub(crate) meter: Arc<EncoderMeter>,
}

/// A track of a sender: what W3C's statistics call a media source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) track: Arc<MediaStreamTrack>,
    /// Which of the sender's tracks it is.
    pub(crate) number: u64,
    pub(crate) meter: Arc<SourceMeter>,
}

/// A running encoder thread.
#[derive(Debug)]
struct Encoder {
    control: Arc<EncoderControl>,
    codec: SendCodec,
    sender: SenderId,
}

/// Random numbers for a transceiver, drawn by the caller.
#[derive(Debug)]
pub(crate) struct TransceiverSeed {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) stream_id: String,
    pub(crate) track_id: String,
}

impl Transceivers {
    /// Adds the objects of a transceiver.
    pub(crate) fn add(&mut self, id: TransceiverId, kind: MediaKind, seed: TransceiverSeed) {
        self.list.push(Transceiver::new(id, kind, seed));
    }

    pub(crate) fn remove(&mut self, id: TransceiverId) {
        if let Some(transceiver) = self.find_mut(id) {
            transceiver.stop();
        }
        self.list.retain(|transceiver| transceiver.id != id);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Transceiver> {
        self.list.iter()
    }

    pub(crate) fn find(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.list.iter().find(|transceiver| transceiver.id == id)
    }

    pub(crate) fn find_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        self.list
            .iter_mut()
            .find(|transceiver| transceiver.id == id)
    }

    /// Hands an event of the RTP session to whom it is for.
    pub(crate) fn handle_event(&mut self, event: Event) -> Outcome {
        match event {
            Event::Frame(frame) => {
                let found = self.receiver_mut(frame.receiver);
                let needed = found.and_then(|receiver| receiver.take(*frame));
                return needed.map_or(Outcome::Done, Outcome::NeedsKeyFrame);
            }
            Event::Packet(packet) => return self.forward(*packet),
            Event::KeyFrameRequested(sender) => {
                self.with_encoder(sender, EncoderControl::request_key_frame);
                return self.ask_source(sender);
            }
            Event::TargetBitrate { sender, bitrate } => {
                self.with_encoder(sender, |control| control.set_bitrate(bitrate));
                if let Some(sender) = self.sender_mut(sender) {
                    sender.forwarder.set_estimate(bitrate);
                }
            }
            _ => {}
        }
        Outcome::Done
    }

    fn receiver_mut(&mut self, id: ReceiverId) -> Option<&mut Receiver> {
        let mut receivers = self.list.iter_mut().map(|found| &mut found.receiver);
        receivers.find(|receiver| receiver.layer(id).is_some())
    }

    fn sender_mut(&mut self, id: SenderId) -> Option<&mut Sender> {
        let mut senders = self.list.iter_mut().map(|found| &mut found.sender);
        senders.find(|sender| sender.id == Some(id))
    }

    fn forward(&mut self, packet: ReceivedPacket) -> Outcome {
        let receiver = self.receiver_mut(packet.receiver);
        let work = receiver.and_then(|receiver| receiver.take_packet(packet));
        work.map_or(Outcome::Done, Outcome::Work)
    }

    /// The viewer of a forwarded stream needs a key frame.
    fn ask_source(&mut self, sender: SenderId) -> Outcome {
        let forwarder = self.sender_mut(sender).map(|sender| &sender.forwarder);
        let Some((forwarder, stream)) =
            forwarder.and_then(|found| found.stream().map(|s| (found, s)))
        else {
            return Outcome::Done;
        };
        stream.want(forwarder.current_layer());
        Outcome::Work(Work::Ask(Arc::clone(stream)))
    }

    fn with_encoder(&self, sender: SenderId, act: impl FnOnce(&EncoderControl)) {
        let mut encoders = self
            .list
            .iter()
            .filter_map(|found| found.sender.encoder.as_ref());
        if let Some(encoder) = encoders.find(|encoder| encoder.sender == sender) {
            act(&encoder.control);
        }
    }

    /// Does what a description has agreed on.
    pub(crate) fn apply(&mut self, now: Instant, session: &mut Session, plans: &[MediaPlan]) {
        for transceiver in &mut self.list {
            let plan = plans.iter().find(|plan| plan.transceiver == transceiver.id);
            let send = plan.and_then(|plan| plan.send.clone());
            let receive = plan.and_then(|plan| plan.receive.clone());
            transceiver.sender.apply(now, session, send);
            transceiver.receiver.apply(now, session, receive);
        }
    }

    /// A section was rejected: its transceiver is over.
    pub(crate) fn stop_one(&mut self, now: Instant, session: &mut Session, id: TransceiverId) {
        let Some(transceiver) = self.find_mut(id) else {
            return;
        };
        transceiver.stop();
        if let Some(id) = transceiver.sender.id.take() {
            session.rtp_mut().remove_sender(now, id);
        }
    }

    /// Starts the encoders that should run and stops those that should not.
    pub(crate) fn run_encoders(&mut self, connection: &Arc<Connection>) {
        for transceiver in &mut self.list {
            transceiver.sender.run_encoder(connection);
        }
    }

    /// Ends all threads.
    pub(crate) fn stop(&mut self) {
        self.list.iter_mut().for_each(Transceiver::stop);
    }
}

impl Drop for Transceivers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Transceiver {
    fn new(id: TransceiverId, kind: MediaKind, seed: TransceiverSeed) -> Self {
        let encoding = RtpEncodingParameters {
            ssrc: Some(seed.ssrc),
            rtx_ssrc: (kind == MediaKind::Video).then_some(seed.rtx_ssrc),
            ..RtpEncodingParameters::default()
        };
        let init = SenderInit {
            streams: vec![seed.stream_id],
            track: seed.track_id.clone(),
            encodings: vec![encoding],
        };
        Self {
            id,
            kind,
            sender: Sender {
                init,
                source: None,
                sources: 0,
                parameters: None,
                id: None,
                encoder: None,
                forwarder: Forwarder::default(),
                timeline: Arc::default(),
                meter: Arc::default(),
            },
            receiver: Receiver::new(seed.track_id),
        }
    }
}

impl Transceiver {
    /// Ends its threads, and the tracks on both sides: nobody else reads the one that it sends.
    fn stop(&mut self) {
        self.sender.stop_encoder();
        self.sender.source = None;
        self.sender.forwarder.set(None);
        self.receiver.stop();
    }
}

impl Sender {
    /// Takes another track, or none. Its encoder ends.
    pub(crate) fn set_track(&mut self, now: Instant, track: Option<MediaStreamTrack>) {
        self.stop_encoder();
        self.source = track.map(|track| {
            self.sources += 1;
            Source {
                track: Arc::new(track),
                number: self.sources,
                meter: Arc::new(SourceMeter::new(now)),
            }
        });
    }

    /// Forwards a stream in place of what it has sent so far, or nothing.
    pub(crate) fn set_forwarded(
        &mut self,
        now: Instant,
        session: &mut Session,
        forwarded: Option<(Subscription, Selection)>,
    ) {
        let (had, has) = (self.forwarder.stream().is_some(), forwarded.is_some());
        if had || has {
            self.set_track(now, None);
        }
        self.forwarder.set(forwarded);
        let agreed = self.id.zip(self.parameters.as_ref());
        let Some((id, parameters)) = agreed.filter(|_| had && !has) else {
            return;
        };
        // What is encoded next has the first codec again, and goes on behind what was forwarded.
        if let Err(error) = session.set_sender(now, id, parameters) {
            tracing::warn!(%error, "a stream can not be sent");
        }
        if let Some(position) = session.rtp().send_position(id)
            && let Some((at, newest)) = position.newest
        {
            let ticks = newest.0.wrapping_sub(position.timestamp_offset);
            self.timeline.skip_to(at, ticks);
        }
    }

    /// Whether an encoder runs, or did until its track ended.
    pub(crate) const fn is_encoding(&self) -> bool {
        self.encoder.is_some()
    }

    fn apply(&mut self, now: Instant, session: &mut Session, wanted: Option<RtpParameters>) {
        let Some(mut parameters) = wanted else {
            // It pauses. Its source stays: under the same keys no sequence number may come again.
            self.parameters = None;
            return;
        };
        parameters.encodings.clone_from(&self.init.encodings);
        if self.parameters.as_ref() == Some(&parameters) && self.id.is_some() {
            return;
        }
        self.forwarder.renegotiated(&parameters);
        let told = self.forwarder.preferring(parameters.clone());
        let applied = match self.id {
            Some(id) => session.set_sender(now, id, &told).map(|()| id),
            None => session.add_sender(now, &told),
        };
        match applied {
            Ok(id) => self.id = Some(id),
            Err(error) => tracing::warn!(%error, "a stream can not be sent"),
        }
        self.parameters = Some(parameters);
    }

    /// The codec that the peer wants and we have.
    fn codec(&self) -> Option<SendCodec> {
        let parameters = self.parameters.as_ref()?;
        let name = &parameters.primary_codec()?.name;
        match parameters.kind {
            MediaKind::Audio => AudioCodec::from_name(name).map(SendCodec::Audio),
            MediaKind::Video => VideoCodec::from_name(name).map(SendCodec::Video),
        }
    }

    fn run_encoder(&mut self, connection: &Arc<Connection>) {
        let (Some(sender), Some(codec), Some(source)) = (self.id, self.codec(), &self.source)
        else {
            self.stop_encoder();
            return;
        };
        let fits = |encoder: &Encoder| encoder.codec == codec && encoder.sender == sender;
        if self.encoder.as_ref().is_some_and(fits) {
            return;
        }
        let control = EncoderControl::new();
        let encoding = Encoding {
            track: Arc::clone(&source.track),
            codec,
            control: Arc::clone(&control),
            runtime: connection.runtime().clone(),
            timeline: self.timeline.continued(codec.clock_rate()),
            source: Arc::clone(&source.meter),
            meter: Arc::clone(&self.meter),
            sink: sink(Arc::downgrade(connection), sender),
        };
        self.stop_encoder();
        encoding.start();
        self.encoder = Some(Encoder {
            control,
            codec,
            sender,
        });
    }

    /// Ends the encoder; the next [`Transceivers::run_encoders`] may start another.
    fn stop_encoder(&mut self) {
        if let Some(encoder) = self.encoder.take() {
            encoder.control.stop();
        }
    }
}

/// Hands encoded frames to the session.
fn sink(connection: Weak<Connection>, sender: SenderId) -> impl FnMut(Encoded) -> bool + Send {
    move |encoded| {
        let Some(connection) = connection.upgrade() else {
            return false;
        };
        let mut frame =
            EncodedFrame::new(encoded.frame.data, encoded.ticks, encoded.frame.keyframe);
        frame.captured = Some(encoded.captured);
        let sent = connection.with(|core, now| {
            if core.is_over() {
                return Err(SendError::Removed);
            }
            core.session.rtp_mut().send_frame(now, sender, frame)
        });
        match sent {
            Ok(()) => true,
            Err(SendError::Removed) => false,
            Err(error) => {
                tracing::debug!(%error, "a frame was not sent");
                true
            }
        }
    }
}
