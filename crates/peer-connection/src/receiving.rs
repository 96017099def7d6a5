//! What receives a stream, below the lock of its connection.

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_jsep::TransceiverId;
use gannet_media::{AudioFrame, Delivery, MediaStreamTrack, Relay, VideoFrame};
use gannet_ortc::Session;
use gannet_ortc::parameters::{
    MediaKind, RtpCodecParameters, RtpEncodingParameters, RtpParameters,
};
use gannet_ortc::rtp::{self, Frame, PayloadFormat, ReceivedPacket, ReceiverId};
use tokio::runtime::Handle;

use crate::connection::Connection;
use crate::decoding::Decoding;
use crate::forwarding::{LayerInfo, Meter, Stream, Work};
use crate::inbox::Inbox;
use crate::stats::DecoderMeter;

/// How many pictures wait for a reader: a late one is worth less than the next.
const VIDEO_QUEUE: usize = 3;
/// How many audio frames wait for a reader: 200 ms of Opus in its usual packets.
const AUDIO_QUEUE: usize = 10;
/// So many layers of a simulcast are received at most; browsers send three.
const MAX_LAYERS: usize = 8;
/// One layer is better than another if so much more comes of it, in per cent.
const BETTER: u64 = 125;

/// A received frame with its codec.
#[derive(Clone, Debug)]
pub struct ReceivedFrame {
    /// The frame as the codec made it, with what its packets say.
    pub frame: Frame,
    /// Its codec.
    pub codec: Arc<RtpCodecParameters>,
}

/// What receives, if the peer sends.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) parameters: Option<RtpParameters>,
    /// What comes: one layer, or those of a simulcast.
    layers: Vec<ReceivedLayer>,
    /// The layer whose frames are read.
    best: usize,
    pub(crate) inbox: Arc<Inbox<ReceivedFrame>>,
    codecs: Vec<Arc<RtpCodecParameters>>,
    /// Whether the program takes frames as they come.
    encoded: bool,
    /// Where its packets go, if they are forwarded.
    forwarded: Option<Arc<Stream>>,
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

/// A layer of a received stream.
#[derive(Debug)]
struct ReceivedLayer {
    rid: Option<String>,
    id: ReceiverId,
    meter: Meter,
    /// The length of its newest key frame, in bytes.
    key_frame: usize,
}

impl Receiver {
    pub(crate) fn new(track_id: String) -> Self {
        Self {
            parameters: None,
            layers: Vec::new(),
            best: 0,
            inbox: Arc::new(Inbox::new()),
            codecs: Vec::new(),
            encoded: false,
            forwarded: None,
            over: false,
            pictures: None,
            sound: None,
            track_id,
            meter: None,
            dropped_before: 0,
        }
    }

    /// Which of its layers a receiver of the session is.
    pub(crate) fn layer(&self, id: ReceiverId) -> Option<usize> {
        self.layers.iter().position(|layer| layer.id == id)
    }

    /// Its receivers of the session.
    pub(crate) fn layer_ids(&self) -> impl Iterator<Item = ReceiverId> {
        self.layers.iter().map(|layer| layer.id)
    }

    /// Whether the frames of a receiver of the session are those that are read.
    pub(crate) fn is_read(&self, id: ReceiverId) -> bool {
        self.layer(id) == Some(self.best)
    }

    pub(crate) fn apply(
        &mut self,
        now: Instant,
        session: &mut Session,
        wanted: Option<RtpParameters>,
    ) {
        let Some(parameters) = wanted else {
            self.retain_layers(now, session, &[]);
            self.parameters = None;
            return;
        };
        if self.parameters.as_ref() == Some(&parameters) && !self.layers.is_empty() {
            return;
        }
        let encodings = received_encodings(&parameters);
        self.retain_layers(now, session, encodings);
        for encoding in encodings {
            self.apply_layer(now, session, &parameters, encoding);
        }
        self.codecs = self.shared_codecs(&parameters);
        if let Some(stream) = &self.forwarded {
            stream.set_layers(&self.rids(), &self.codecs);
        }
        self.parameters = Some(parameters);
    }

    /// Removes the layers that do not come any more.
    fn retain_layers(
        &mut self,
        now: Instant,
        session: &mut Session,
        encodings: &[RtpEncodingParameters],
    ) {
        let had_any = !self.layers.is_empty();
        self.layers.retain(|layer| {
            let stays = encodings.iter().any(|encoding| encoding.rid == layer.rid);
            if !stays {
                session.rtp_mut().remove_receiver(now, layer.id);
            }
            stays
        });
        if self.layers.is_empty() {
            self.best = 0;
            if had_any {
                self.forget_counts();
            }
        }
        self.best = self.best.min(self.layers.len().saturating_sub(1));
    }

    fn apply_layer(
        &mut self,
        now: Instant,
        session: &mut Session,
        parameters: &RtpParameters,
        encoding: &RtpEncodingParameters,
    ) {
        let mut parameters = parameters.clone();
        parameters.encodings = vec![encoding.clone()];
        let known = self.layers.iter().find(|layer| layer.rid == encoding.rid);
        let applied = match known {
            Some(layer) => session
                .set_receiver(now, layer.id, &parameters)
                .map(|()| None),
            None => session.add_receiver(now, &parameters).map(Some),
        };
        match applied {
            Ok(None) => {}
            Ok(Some(id)) => {
                deliver(now, session, id, self.delivery());
                self.layers.push(ReceivedLayer {
                    rid: encoding.rid.clone(),
                    id,
                    meter: Meter::new(),
                    key_frame: 0,
                });
            }
            Err(error) => tracing::warn!(%error, "a stream can not be received"),
        }
    }

    /// The codecs of the parameters; those that stay are the same ones as before.
    fn shared_codecs(&self, parameters: &RtpParameters) -> Vec<Arc<RtpCodecParameters>> {
        let shared = |codec: &RtpCodecParameters| {
            let known = self.codecs.iter().find(|known| ***known == *codec);
            known.map_or_else(|| Arc::new(codec.clone()), Arc::clone)
        };
        parameters.codecs.iter().map(shared).collect()
    }

    fn codec(&self, payload_type: u8) -> Option<&Arc<RtpCodecParameters>> {
        let mut codecs = self.codecs.iter();
        codecs.find(|codec| codec.payload_type == payload_type)
    }

    fn rids(&self) -> Vec<Option<String>> {
        self.layers.iter().map(|layer| layer.rid.clone()).collect()
    }

    /// Takes a frame of one of its layers. A layer that is better than the one that is read needs a key frame first: it is
    /// returned then.
    pub(crate) fn take(&mut self, frame: Frame) -> Option<ReceiverId> {
        let (index, id) = (self.layer(frame.receiver)?, frame.receiver);
        let layer = &mut self.layers[index];
        layer.meter.count(frame.last_arrival, frame.data.len());
        if frame.keyframe {
            layer.key_frame = frame.data.len();
        }
        if !self.has_readers() {
            return None;
        }
        if index != self.best {
            if !self.is_better(index, frame.last_arrival) {
                return None;
            }
            if !frame.keyframe {
                return Some(id);
            }
            self.best = index;
        }
        if let Some(codec) = self.codec(frame.payload_type).map(Arc::clone) {
            self.inbox.push(ReceivedFrame { frame, codec });
        }
        None
    }

    /// Whether a layer is better than the one that is read: more comes of it, or as long as that is not known, its key
    /// frames are larger; or nothing comes of the other any more.
    fn is_better(&self, index: usize, now: Instant) -> bool {
        let (Some(this), Some(other)) = (self.layers.get(index), self.layers.get(self.best)) else {
            return true;
        };
        let (rate, other_rate) = (this.meter.rate(now), other.meter.rate(now));
        if !other_rate.active {
            return true;
        }
        match rate.bitrate > 0 && other_rate.bitrate > 0 {
            true => rate.bitrate / 100 > other_rate.bitrate / 100 * BETTER / 100,
            false => this.key_frame > other.key_frame,
        }
    }

    /// Takes a packet that is to be forwarded. Work is left when it is the first one that waits.
    pub(crate) fn take_packet(&self, packet: ReceivedPacket) -> Option<Work> {
        let stream = self.forwarded.as_ref()?;
        let layer = self.layer(packet.receiver)?;
        let codec = self.codec(packet.payload_type)?;
        // Events and comfort noise have no payload type at the other end of a sender with one codec.
        let auxiliary = matches!(
            PayloadFormat::from_encoding_name(&codec.name),
            None | Some(PayloadFormat::ComfortNoise | PayloadFormat::TelephoneEvent)
        );
        if auxiliary {
            return None;
        }
        let waits = stream.push(layer, packet, codec);
        waits.then(|| Work::Deliver(Arc::clone(stream)))
    }

    /// Hands on packets from now on.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        session: &mut Session,
        source: Weak<Connection>,
        (id, kind): (TransceiverId, MediaKind),
    ) -> Option<Arc<Stream>> {
        if self.over {
            return None;
        }
        if let Some(stream) = &self.forwarded {
            return Some(Arc::clone(stream));
        }
        let stream = Stream::new(source, id, kind);
        stream.set_layers(&self.rids(), &self.codecs);
        self.forwarded = Some(Arc::clone(&stream));
        self.set_delivery(now, session);
        Some(stream)
    }

    /// What the session is to hand out.
    const fn delivery(&self) -> rtp::Delivery {
        match (self.forwarded.is_some(), self.has_readers()) {
            (false, _) => rtp::Delivery::Frames,
            (true, false) => rtp::Delivery::Packets,
            (true, true) => rtp::Delivery::PacketsAndFrames,
        }
    }

    fn set_delivery(&self, now: Instant, session: &mut Session) {
        for layer in &self.layers {
            deliver(now, session, layer.id, self.delivery());
        }
    }

    /// Whether anybody takes its frames.
    const fn has_readers(&self) -> bool {
        self.encoded || self.is_decoded()
    }

    /// The layers as their user sees them.
    pub(crate) fn layers(&self, now: Instant) -> Vec<LayerInfo> {
        match &self.forwarded {
            Some(stream) => stream.layers(now),
            None => {
                let layers = self.layers.iter();
                layers
                    .map(|layer| LayerInfo::new(layer.rid.clone(), layer.meter.rate(now), None))
                    .collect()
            }
        }
    }

    /// Asks for a key frame of the layer that is read, or of all that are forwarded.
    pub(crate) fn request_key_frame(&self, now: Instant, session: &mut Session) {
        for (index, layer) in self.layers.iter().enumerate() {
            if index == self.best || self.forwarded.is_some() {
                session.rtp_mut().request_key_frame(now, layer.id);
            }
        }
    }

    /// Asks for key frames of these layers.
    pub(crate) fn request_key_frames(&self, now: Instant, session: &mut Session, layers: &[usize]) {
        for layer in layers.iter().filter_map(|index| self.layers.get(*index)) {
            session.rtp_mut().request_key_frame(now, layer.id);
        }
    }

    /// A reader of its decoded frames; the first one starts the decoder.
    pub(crate) fn track(
        &mut self,
        (now, session): (Instant, &mut Session),
        kind: MediaKind,
        runtime: &Handle,
        request_key_frame: impl Fn() + Send + 'static,
    ) -> Option<MediaStreamTrack> {
        if self.over {
            return None;
        }
        let decoding = Decoding {
            inbox: Arc::clone(&self.inbox),
            runtime: runtime.clone(),
        };
        let id = self.track_id.as_str();
        let track = match kind {
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
        };
        self.set_delivery(now, session);
        Some(track)
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
    pub(crate) fn stop(&mut self) {
        self.over = true;
        self.inbox.close();
        self.pictures = None;
        self.sound = None;
        if let Some(stream) = self.forwarded.take() {
            stream.end();
        }
    }

    const fn is_decoded(&self) -> bool {
        self.pictures.is_some() || self.sound.is_some()
    }

    /// Gives its frames to the program as they come, unless a decoder has them.
    pub(crate) fn encoded(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Option<Arc<Inbox<ReceivedFrame>>> {
        if self.is_decoded() {
            return None;
        }
        self.encoded = true;
        self.set_delivery(now, session);
        Some(Arc::clone(&self.inbox))
    }
}

/// The layers of a simulcast; without one, the first source that was named.
fn received_encodings(parameters: &RtpParameters) -> &[RtpEncodingParameters] {
    let encodings = parameters.encodings.as_slice();
    let simulcast = encodings.iter().all(|encoding| encoding.rid.is_some());
    let count = if simulcast { MAX_LAYERS } else { 1 };
    encodings.get(..count).unwrap_or(encodings)
}

fn deliver(now: Instant, session: &mut Session, id: ReceiverId, delivery: rtp::Delivery) {
    if let Err(error) = session.set_delivery(now, id, delivery) {
        tracing::warn!(%error, ?delivery, "a stream is not handed out as it should be");
    }
}
