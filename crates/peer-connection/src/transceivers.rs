//! The senders and receivers of a connection, below its lock.

use std::sync::Arc;
use std::time::Instant;

use gannet_jsep::{MediaPlan, SenderInit, TransceiverId};
use gannet_media::{AudioFrame, Delivery, MediaStreamTrack, Relay, VideoFrame};
use gannet_ortc::Session;
use gannet_ortc::parameters::{
    MediaKind, RtpCodecParameters, RtpEncodingParameters, RtpParameters,
};
use gannet_ortc::rtp::{Event, Frame, ReceiverId, SenderId};
use tokio::runtime::Handle;

use crate::connection::Connection;
use crate::decoding::Decoding;
use crate::inbox::Inbox;
use crate::sender::Sender;
use crate::stats::DecoderMeter;

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
    /// Whether the transport is there.
    is_connected: bool,
}

/// A sender and a receiver.
#[derive(Debug)]
pub(crate) struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
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
        let mut transceiver = Transceiver::new(id, kind, seed);
        if self.is_connected {
            transceiver.sender.connected();
        }
        self.list.push(transceiver);
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
                if let Some(sender) = self.sender_mut(sender) {
                    sender.request_key_frame();
                }
            }
            Event::TargetBitrate { sender, bitrate } => {
                if let Some(sender) = self.sender_mut(sender) {
                    sender.set_target(bitrate);
                }
            }
            _ => {}
        }
    }

    fn sender_mut(&mut self, id: SenderId) -> Option<&mut Sender> {
        let mut senders = self.list.iter_mut().map(|found| &mut found.sender);
        senders.find(|sender| sender.id == Some(id))
    }

    /// The transport is there.
    pub(crate) fn connected(&mut self) {
        self.is_connected = true;
        for transceiver in &mut self.list {
            transceiver.sender.connected();
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

    /// Starts what should feed the senders, and stops what should not.
    pub(crate) fn run_senders(&mut self, connection: &Arc<Connection>) {
        for transceiver in &mut self.list {
            transceiver.sender.run(connection);
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
            sender: Sender::new(init),
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
        self.sender.stop();
        self.receiver.stop();
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
