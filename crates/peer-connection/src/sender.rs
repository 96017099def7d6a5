//! The sender of a transceiver, below the lock of its connection.

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_codecs::{AudioCodec, VideoCodec};
use gannet_jsep::SenderInit;
use gannet_media::{EncodedTrack, MediaCodec, MediaStreamTrack, ReadyState};
use gannet_ortc::Session;
use gannet_ortc::parameters::{MediaKind, RtpParameters};
use gannet_ortc::rtp::{EncodedFrame, SendError, SenderId};

use crate::connection::Connection;
use crate::encoding::{Encoded, EncoderControl, Encoding, Timeline};
use crate::feed::Feed;
use crate::forwarding::{Forwarder, Selection, Subscription};
use crate::negotiated::parameters_for;
use crate::stats::{EncoderMeter, SourceMeter};

/// What sends, or would if the peer wanted it.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) init: SenderInit,
    pub(crate) source: Option<Source>,
    /// How many tracks it has had.
    sources: u64,
    /// What was agreed on; `None` while nothing is to be sent.
    negotiated: Option<RtpParameters>,
    /// The same, with the codec that is sent in front.
    pub(crate) parameters: Option<RtpParameters>,
    pub(crate) id: Option<SenderId>,
    encoder: Option<Encoder>,
    /// Sends what another peer has encoded; while it has a stream there is no source.
    pub(crate) forwarder: Forwarder,
    /// In bits per second, once the session said.
    target: Option<u64>,
    /// Whether the transport is there.
    is_connected: bool,
    timeline: Arc<Timeline>,
    /// What its encoders count.
    pub(crate) meter: Arc<EncoderMeter>,
}

/// What a sender sends: what W3C's statistics call a media source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) media: SourceMedia,
    /// Which of the sender's tracks it is.
    pub(crate) number: u64,
    pub(crate) meter: Arc<SourceMeter>,
}

/// Frames that an encoder of the sender's own is needed for, or none.
#[derive(Debug)]
pub(crate) enum SourceMedia {
    Decoded(Arc<MediaStreamTrack>),
    Encoded(Feed),
}

impl SourceMedia {
    /// The track's identifier.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Decoded(track) => track.id(),
            Self::Encoded(feed) => feed.track().id(),
        }
    }

    /// Sound or pictures.
    pub(crate) fn kind(&self) -> gannet_media::MediaKind {
        match self {
            Self::Decoded(track) => track.kind(),
            Self::Encoded(feed) => feed.track().format().kind(),
        }
    }

    /// Whether frames may still come.
    pub(crate) fn ready_state(&self) -> ReadyState {
        match self {
            Self::Decoded(track) => track.ready_state(),
            Self::Encoded(feed) => feed.track().ready_state(),
        }
    }

    /// How many frames the track has had.
    pub(crate) fn frames_written(&self) -> u64 {
        match self {
            Self::Decoded(track) => track.stats().frames_written,
            Self::Encoded(feed) => feed.track().stats().frames_written,
        }
    }
}

/// A running encoder thread.
#[derive(Debug)]
struct Encoder {
    control: Arc<EncoderControl>,
    codec: MediaCodec,
    sender: SenderId,
}

impl Sender {
    pub(crate) fn new(init: SenderInit) -> Self {
        Self {
            init,
            source: None,
            sources: 0,
            negotiated: None,
            parameters: None,
            id: None,
            encoder: None,
            forwarder: Forwarder::default(),
            target: None,
            is_connected: false,
            timeline: Arc::default(),
            meter: Arc::default(),
        }
    }

    /// Takes another track, or none. What fed it before ends.
    pub(crate) fn set_track(
        &mut self,
        now: Instant,
        session: &mut Session,
        track: Option<MediaStreamTrack>,
    ) {
        let media = track.map(|track| SourceMedia::Decoded(Arc::new(track)));
        self.set_source(now, session, media);
    }

    /// Takes encoded frames. What fed it before ends.
    pub(crate) fn set_encoded(&mut self, now: Instant, session: &mut Session, track: EncodedTrack) {
        let media = SourceMedia::Encoded(Feed::new(track));
        self.set_source(now, session, Some(media));
    }

    fn set_source(&mut self, now: Instant, session: &mut Session, media: Option<SourceMedia>) {
        self.set_forwarded(now, session, None);
        self.stop_encoder();
        self.source = media.map(|media| {
            self.sources += 1;
            Source {
                media,
                number: self.sources,
                meter: Arc::new(SourceMeter::new(now)),
            }
        });
        self.configure(now, session);
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
            self.stop_encoder();
            self.source = None;
        }
        self.forwarder.set(forwarded);
        if had && !has {
            self.end_forwarding(now, session);
        }
    }

    /// What is encoded next has the first codec again, and goes on behind what was forwarded.
    fn end_forwarding(&mut self, now: Instant, session: &mut Session) {
        self.parameters = None;
        self.configure(now, session);
        let position = self.id.and_then(|id| session.rtp().send_position(id));
        if let Some(position) = position
            && let Some((at, newest)) = position.newest
        {
            let ticks = newest.0.wrapping_sub(position.timestamp_offset);
            self.timeline.skip_to(at, ticks);
        }
    }

    /// The encoded frames that it sends, if it does.
    pub(crate) fn feed(&self) -> Option<&Feed> {
        match &self.source.as_ref()?.media {
            SourceMedia::Encoded(feed) => Some(feed),
            SourceMedia::Decoded(_) => None,
        }
    }

    /// Whether an encoder works for it, or did until its track ended: its own, or one that it shares.
    pub(crate) fn is_encoding(&self) -> bool {
        self.encoder.is_some() || self.feed().is_some_and(Feed::is_encoding)
    }

    /// What was agreed on, if anything is to be sent.
    pub(crate) const fn negotiated(&self) -> Option<&RtpParameters> {
        self.negotiated.as_ref()
    }

    /// Does what a description has agreed on.
    pub(crate) fn apply(
        &mut self,
        now: Instant,
        session: &mut Session,
        wanted: Option<RtpParameters>,
    ) {
        self.negotiated = wanted.map(|mut parameters| {
            parameters.encodings.clone_from(&self.init.encodings);
            parameters
        });
        if let Some(negotiated) = &self.negotiated {
            self.forwarder.renegotiated(negotiated);
        }
        self.configure(now, session);
    }

    /// Tells the session how to send what the source has.
    fn configure(&mut self, now: Instant, session: &mut Session) {
        let Some(negotiated) = &self.negotiated else {
            // It pauses. Its source stays: under the same keys no sequence number may come again.
            self.parameters = None;
            return;
        };
        let mut chosen = None;
        if let Some(source) = &mut self.source
            && let SourceMedia::Encoded(feed) = &mut source.media
        {
            chosen = parameters_for(negotiated, &feed.track().format());
            feed.set_negotiated(chosen.is_some());
        }
        let parameters = chosen.unwrap_or_else(|| negotiated.clone());
        let parameters = self.forwarder.preferring(parameters);
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

    /// The peer can not go on without a key frame.
    pub(crate) fn request_key_frame(&self) {
        if let Some(encoder) = &self.encoder {
            encoder.control.request_key_frame();
        }
        if let Some(feed) = self.feed() {
            feed.track().request_key_frame();
        }
    }

    /// The line carries so many bits a second.
    pub(crate) fn set_target(&mut self, bits_per_second: u64) {
        self.target = Some(bits_per_second);
        self.forwarder.set_estimate(bits_per_second);
        if let Some(encoder) = &self.encoder {
            encoder.control.set_bitrate(bits_per_second);
        }
        if let Some(feed) = self.feed() {
            feed.track().set_target_bitrate(bits_per_second);
        }
    }

    /// The transport is there: what can not wait may come.
    pub(crate) fn connected(&mut self) {
        self.is_connected = true;
        self.update_wish();
    }

    /// Starts what should feed it, and stops what should not.
    pub(crate) fn run(&mut self, connection: &Arc<Connection>) {
        match &self.source {
            Some(Source {
                media: SourceMedia::Encoded(_),
                ..
            }) => self.run_feed(connection),
            _ => self.run_encoder(connection),
        }
    }

    fn run_feed(&mut self, connection: &Arc<Connection>) {
        if let Some(Source { media, meter, .. }) = &mut self.source
            && let SourceMedia::Encoded(feed) = media
            && let Some(sender) = self.id
            && feed.needs_task()
        {
            let clock_rate = feed.track().format().codec.clock_rate();
            let timeline = self.timeline.continued(clock_rate);
            if let Some(target) = self.target {
                feed.track().set_target_bitrate(target);
            }
            feed.start(connection, sender, timeline, meter, &self.meter);
        }
        self.update_wish();
    }

    /// Tells the source of encoded frames whether they are wanted now.
    fn update_wish(&self) {
        if let Some(feed) = self.feed() {
            let is_active = self.parameters.is_some() && self.id.is_some();
            feed.set_wanted(self.is_connected && is_active);
        }
    }

    /// The codec that the peer wants and we have.
    fn codec(&self) -> Option<MediaCodec> {
        let parameters = self.parameters.as_ref()?;
        let name = &parameters.primary_codec()?.name;
        match parameters.kind {
            MediaKind::Audio => AudioCodec::from_name(name).map(MediaCodec::Audio),
            MediaKind::Video => VideoCodec::from_name(name).map(MediaCodec::Video),
        }
    }

    fn run_encoder(&mut self, connection: &Arc<Connection>) {
        let (Some(sender), Some(codec), Some(source)) = (self.id, self.codec(), &self.source)
        else {
            self.stop_encoder();
            return;
        };
        let SourceMedia::Decoded(track) = &source.media else {
            return;
        };
        let fits = |encoder: &Encoder| encoder.codec == codec && encoder.sender == sender;
        if self.encoder.as_ref().is_some_and(fits) {
            return;
        }
        let control = EncoderControl::new();
        if let Some(target) = self.target {
            control.set_bitrate(target);
        }
        let encoding = Encoding {
            track: Arc::clone(track),
            codec,
            control: Arc::clone(&control),
            runtime: connection.runtime().clone(),
            timeline: self.timeline.continued(codec.clock_rate()),
            source: Arc::clone(&source.meter),
            meter: Arc::clone(&self.meter),
            sink: sink(Arc::downgrade(connection), Arc::clone(&control), sender),
        };
        self.stop_encoder();
        encoding.start();
        self.encoder = Some(Encoder {
            control,
            codec,
            sender,
        });
    }

    /// Ends its thread or task, and its track: nobody else reads that.
    pub(crate) fn stop(&mut self) {
        self.stop_encoder();
        self.source = None;
        self.forwarder.set(None);
    }

    /// Ends the encoder; the next [`Self::run`] may start another.
    fn stop_encoder(&mut self) {
        if let Some(encoder) = self.encoder.take() {
            encoder.control.stop();
        }
    }
}

/// Hands encoded frames to the session.
fn sink(
    connection: Weak<Connection>,
    control: Arc<EncoderControl>,
    sender: SenderId,
) -> impl FnMut(Encoded) -> bool + Send {
    move |encoded| {
        let Some(connection) = connection.upgrade() else {
            return false;
        };
        let mut frame =
            EncodedFrame::new(encoded.frame.data, encoded.ticks, encoded.frame.keyframe);
        frame.captured = Some(encoded.captured);
        let sent = connection.with(|core, now| {
            // Under the lock: after another track has taken over, and maybe another codec, nothing of this one comes.
            if core.is_over() || control.is_stopped() {
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
