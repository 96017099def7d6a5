//! The senders and receivers of a connection, below its lock.

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_codecs::{AudioCodec, VideoCodec};
use gannet_jsep::{MediaPlan, SenderInit, TransceiverId};
use gannet_media::{AudioFrame, Delivery, MediaStreamTrack, Relay, VideoFrame};
use gannet_ortc::Session;
use gannet_ortc::parameters::{
    MediaKind, RtpCodecParameters, RtpEncodingParameters, RtpParameters,
};
use gannet_ortc::rtp::{EncodedFrame, Event, Frame, ReceiverId, SendError, SenderId};
use tokio::runtime::Handle;

use crate::connection::Connection;
use crate::decoding::Decoding;
use crate::encoding::{Encoded, EncoderControl, Encoding, SendCodec, Timeline};
use crate::inbox::Inbox;
use crate::stats::{DecoderMeter, EncoderMeter, SourceMeter};

/// How many pictures wait for a reader: a late one is worth less than the next.
const VIDEO_QUEUE: usize = 3;
/// How many audio frames wait for a reader: 200 ms of Opus in its usual packets.
const AUDIO_QUEUE: usize = 10;

/// A received frame with its codec.
#[derive(Clone, Debug)]
pub struct ReceivedFrame {
    /// The frame as the codec made it, with what its packets say.
    pub frame: Frame,
    /// Its codec.
    pub codec: Arc<RtpCodecParameters>,
}

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

/// What receives, if the peer sends.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) parameters: Option<RtpParameters>,
    pub(crate) id: Option<ReceiverId>,
    pub(crate) inbox: Arc<Inbox<ReceivedFrame>>,
    codecs: Vec<Arc<RtpCodecParameters>>,
    /// Whether the program takes frames as they come.
    encoded: bool,
    /// Nothing comes any more.
    pub(crate) over: bool,
    /// The readers of decoded pictures, once there was one: then a decoder runs.
    pictures: Option<Relay<VideoFrame>>,
    /// The readers of decoded sound, once there was one: then a decoder runs.
    sound: Option<Relay<AudioFrame>>,
    pub(crate) track_id: String,
    /// What its decoder counts, if it ever had one.
    pub(crate) meter: Option<DecoderMeter>,
    /// Frames that the inbox had dropped when the stream began.
    dropped_before: u64,
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
    pub(crate) fn handle_event(&mut self, event: Event) {
        match event {
            Event::Frame(frame) => {
                let id = Some(frame.receiver);
                if let Some(found) = self.list.iter().find(|found| found.receiver.id == id) {
                    found.receiver.take(*frame);
                }
            }
            Event::KeyFrameRequested(sender) => {
                self.with_encoder(sender, EncoderControl::request_key_frame);
            }
            Event::TargetBitrate { sender, bitrate } => {
                self.with_encoder(sender, |control| control.set_bitrate(bitrate));
            }
            _ => {}
        }
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
                timeline: Arc::default(),
                meter: Arc::default(),
            },
            receiver: Receiver {
                parameters: None,
                id: None,
                inbox: Arc::new(Inbox::new()),
                codecs: Vec::new(),
                encoded: false,
                over: false,
                pictures: None,
                sound: None,
                track_id: seed.track_id,
                meter: None,
                dropped_before: 0,
            },
        }
    }
}

impl Transceiver {
    /// Ends its threads, and the tracks on both sides: nobody else reads the one that it sends.
    fn stop(&mut self) {
        self.sender.stop_encoder();
        self.sender.source = None;
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
        let applied = match self.id {
            Some(id) => session.set_sender(now, id, &parameters).map(|()| id),
            None => session.add_sender(now, &parameters),
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

impl Receiver {
    fn apply(&mut self, now: Instant, session: &mut Session, wanted: Option<RtpParameters>) {
        let Some(parameters) = wanted else {
            if let Some(id) = self.id.take() {
                session.rtp_mut().remove_receiver(now, id);
                self.forget_counts();
            }
            self.parameters = None;
            return;
        };
        if self.parameters.as_ref() == Some(&parameters) && self.id.is_some() {
            return;
        }
        let applied = match self.id {
            Some(id) => session.set_receiver(now, id, &parameters).map(|()| id),
            None => session.add_receiver(now, &parameters),
        };
        match applied {
            Ok(id) => self.id = Some(id),
            Err(error) => tracing::warn!(%error, "a stream can not be received"),
        }
        self.codecs = parameters.codecs.iter().cloned().map(Arc::new).collect();
        self.parameters = Some(parameters);
    }

    fn take(&self, frame: Frame) {
        if !self.encoded && !self.is_decoded() {
            return;
        }
        let codec = self
            .codecs
            .iter()
            .find(|codec| codec.payload_type == frame.payload_type);
        if let Some(codec) = codec {
            self.inbox.push(ReceivedFrame {
                frame,
                codec: Arc::clone(codec),
            });
        }
    }

    /// A reader of its decoded frames; the first one starts the decoder.
    pub(crate) fn track(
        &mut self,
        kind: MediaKind,
        runtime: &Handle,
        request_key_frame: impl Fn() + Send + 'static,
    ) -> MediaStreamTrack {
        let decoding = Decoding {
            inbox: Arc::clone(&self.inbox),
            runtime: runtime.clone(),
        };
        let id = self.track_id.as_str();
        match kind {
            MediaKind::Video => {
                let relay = self.pictures.get_or_insert_with(|| {
                    let relay = Relay::new();
                    let meter = Arc::default();
                    self.meter = Some(DecoderMeter::Video(Arc::clone(&meter)));
                    decoding.video(relay.clone(), meter, request_key_frame);
                    relay
                });
                relay.subscribe(id, Delivery::Buffered(VIDEO_QUEUE)).into()
            }
            MediaKind::Audio => {
                let relay = self.sound.get_or_insert_with(|| {
                    let relay = Relay::new();
                    let meter = Arc::default();
                    self.meter = Some(DecoderMeter::Audio(Arc::clone(&meter)));
                    decoding.audio(relay.clone(), meter);
                    relay
                });
                relay.subscribe(id, Delivery::Buffered(AUDIO_QUEUE)).into()
            }
        }
    }

    /// How many frames of its stream came and were not decoded, or not taken in time.
    pub(crate) fn frames_dropped(&self) -> u64 {
        let waited = self.inbox.dropped().saturating_sub(self.dropped_before);
        let meter = self.meter.as_ref();
        waited + meter.map_or(0, DecoderMeter::frames_dropped)
    }

    /// What comes next is another stream.
    fn forget_counts(&mut self) {
        self.dropped_before = self.inbox.dropped();
        if let Some(meter) = &self.meter {
            meter.reset();
        }
    }

    /// Nothing comes any more: the decoder ends, and with it the tracks of its readers.
    fn stop(&mut self) {
        self.over = true;
        self.inbox.close();
        self.pictures = None;
        self.sound = None;
    }

    const fn is_decoded(&self) -> bool {
        self.pictures.is_some() || self.sound.is_some()
    }

    /// Gives its frames to the program as they come, unless a decoder has them.
    pub(crate) fn encoded(&mut self) -> Option<Arc<Inbox<ReceivedFrame>>> {
        if self.is_decoded() {
            return None;
        }
        self.encoded = true;
        Some(Arc::clone(&self.inbox))
    }
}
