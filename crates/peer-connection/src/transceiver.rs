//! Transceivers, senders and receivers as their user holds them.

use std::sync::Arc;

use gannet_jsep::TransceiverId;
use gannet_media::{EncodedFormat, EncodedTrack, MediaStreamTrack, ReadyState};
use gannet_ortc::parameters::{Direction, MediaKind, RtpCodecCapability, RtpParameters};

use crate::connection::Connection;
use crate::error::ReplaceEncodedError;
use crate::feed::{EncodedState, Feed};
use crate::inbox::{Delivery, Inbox};
use crate::negotiated::parameters_for;
use crate::peer_connection::Owner;
use crate::receiving::ReceivedFrame;
use crate::transceivers::Transceiver;

/// A sender and a receiver that share a media section: W3C's `RTCRtpTransceiver`. It is a handle.
#[derive(Clone, Debug)]
pub struct RtpTransceiver {
    owner: Arc<Owner>,
    id: TransceiverId,
    kind: MediaKind,
}

impl RtpTransceiver {
    pub(crate) const fn new(owner: Arc<Owner>, id: TransceiverId, kind: MediaKind) -> Self {
        Self { owner, id, kind }
    }

    /// Audio or video.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The media identification, once there is one.
    #[must_use]
    pub fn mid(&self) -> Option<String> {
        self.negotiated(|transceiver| transceiver.mid().map(str::to_owned))
            .flatten()
    }

    /// The direction that we wish for.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.negotiated(gannet_jsep::Transceiver::direction)
    }

    /// The direction that was agreed on.
    #[must_use]
    pub fn current_direction(&self) -> Option<Direction> {
        self.negotiated(gannet_jsep::Transceiver::current_direction)
            .flatten()
    }

    /// Wishes for a direction, from the next description on. Without effect on a stopped transceiver.
    pub fn set_direction(&self, direction: Direction) {
        let set = self
            .owner
            .connection()
            .with(|core, _| core.jsep.set_direction(self.id, direction));
        if let Err(error) = set {
            tracing::debug!(%error, "no direction was set");
        }
    }

    /// The only codecs to use, in this order, from the next description on; none for all.
    pub fn set_codec_preferences(&self, codecs: Vec<RtpCodecCapability>) {
        let set = self
            .owner
            .connection()
            .with(|core, _| core.jsep.set_codec_preferences(self.id, codecs));
        if let Err(error) = set {
            tracing::debug!(%error, "no codec preferences were set");
        }
    }

    /// What sends.
    #[must_use]
    pub fn sender(&self) -> RtpSender {
        RtpSender {
            transceiver: self.clone(),
        }
    }

    /// What receives.
    #[must_use]
    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver {
            transceiver: self.clone(),
        }
    }

    fn place(&self) -> (&Arc<Connection>, TransceiverId, MediaKind) {
        (self.owner.connection(), self.id, self.kind)
    }

    fn negotiated<R>(&self, look: impl FnOnce(&gannet_jsep::Transceiver) -> R) -> Option<R> {
        self.owner
            .connection()
            .lock()
            .jsep
            .transceiver(self.id)
            .map(look)
    }

    fn objects<R>(&self, look: impl FnOnce(&Transceiver) -> R) -> Option<R> {
        self.owner
            .connection()
            .lock()
            .transceivers
            .find(self.id)
            .map(look)
    }
}

/// What sends a track: W3C's `RTCRtpSender`. It is a handle.
#[derive(Clone, Debug)]
pub struct RtpSender {
    transceiver: RtpTransceiver,
}

impl RtpSender {
    /// Audio or video.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        self.transceiver.kind
    }

    /// Its connection, whose it is, and its kind.
    pub(crate) fn place(&self) -> (&Arc<Connection>, TransceiverId, MediaKind) {
        self.transceiver.place()
    }

    /// Sends another track from now on, or none. No negotiation is needed.
    pub fn replace_track(&self, track: Option<MediaStreamTrack>) {
        let RtpTransceiver { owner, id, .. } = &self.transceiver;
        let connection = owner.connection();
        connection.with(|core, now| {
            if let Some(transceiver) = core.transceivers.find_mut(*id) {
                transceiver.sender.set_track(now, &mut core.session, track);
            }
            core.transceivers.run_senders(connection);
        });
    }

    /// Sends frames that are encoded already from now on, in place of a track; `None` sends nothing. No negotiation
    /// is needed, if the codec was among those that the peer agreed to: of all of them that one is then sent. The
    /// RTP time goes on.
    ///
    /// Frames are wanted from the track once the connection is there, beginning with a key frame; key frame
    /// requests of the peer and the bit rate that the line carries go back to it. A frame that finds the queue to the
    /// network full is lost with all that refer to it: the next one sent is a key frame.
    ///
    /// Before anything was agreed on every codec is taken; [`Self::encoded_state`] says what became of it.
    ///
    /// # Errors
    ///
    /// If the track is of another kind, the peer did not agree to its codec, or the transceiver is stopped. The
    /// sender keeps what it had.
    pub fn replace_encoded(&self, track: Option<EncodedTrack>) -> Result<(), ReplaceEncodedError> {
        let RtpTransceiver { owner, id, kind } = &self.transceiver;
        let Some(track) = track else {
            self.replace_track(None);
            return Ok(());
        };
        let format = track.format();
        if format.kind().as_str() != kind.as_str() {
            return Err(ReplaceEncodedError::WrongKind(format));
        }
        let connection = owner.connection();
        connection.with(|core, now| {
            if core.is_over() {
                return Err(ReplaceEncodedError::Stopped);
            }
            let Some(transceiver) = core.transceivers.find_mut(*id) else {
                return Err(ReplaceEncodedError::Stopped);
            };
            if transceiver.receiver.over {
                return Err(ReplaceEncodedError::Stopped);
            }
            let sender = &mut transceiver.sender;
            let negotiated = sender.negotiated();
            if negotiated.is_some_and(|agreed| parameters_for(agreed, &format).is_none()) {
                return Err(ReplaceEncodedError::CodecNotNegotiated(format));
            }
            sender.set_encoded(now, &mut core.session, track);
            core.transceivers.run_senders(connection);
            Ok(())
        })
    }

    /// Whether the peer has agreed to receive this; `None` while nothing was agreed on, or nothing is to be sent.
    #[must_use]
    pub fn takes(&self, format: &EncodedFormat) -> Option<bool> {
        let takes = |objects: &Transceiver| {
            let agreed = objects.sender.negotiated()?;
            let is_kind = format.kind().as_str() == agreed.kind.as_str();
            Some(is_kind && parameters_for(agreed, format).is_some())
        };
        self.transceiver.objects(takes).flatten()
    }

    /// What becomes of the encoded frames; `None` for a sender that was given none.
    #[must_use]
    pub fn encoded_state(&self) -> Option<EncodedState> {
        let state = |objects: &Transceiver| objects.sender.feed().map(Feed::state);
        self.transceiver.objects(state).flatten()
    }

    /// Whether frames of its track, or of its encoded frames, may still come; `None` for a sender without them. It is W3C's
    /// `track.readyState`. The last frame is on its way to the network when it says [`ReadyState::Ended`].
    #[must_use]
    pub fn ready_state(&self) -> Option<ReadyState> {
        let state = |objects: &Transceiver| {
            let source = objects.sender.source.as_ref()?;
            Some(source.media.ready_state())
        };
        self.transceiver.objects(state).flatten()
    }

    /// How it sends, once that was agreed on. The codec that it sends comes first.
    #[must_use]
    pub fn parameters(&self) -> Option<RtpParameters> {
        self.transceiver
            .objects(|objects| objects.sender.parameters.clone())
            .flatten()
    }
}

/// What receives a stream: W3C's `RTCRtpReceiver`. It is a handle.
#[derive(Clone, Debug)]
pub struct RtpReceiver {
    transceiver: RtpTransceiver,
}

impl RtpReceiver {
    /// Its connection, whose it is, and its kind.
    pub(crate) fn place(&self) -> (&Arc<Connection>, TransceiverId, MediaKind) {
        self.transceiver.place()
    }

    /// A reader of the decoded stream. The first one starts a decoder on a thread of its own; each reader
    /// gets all frames from then on, and loses the oldest if it is slow. Of a simulcast it is the best layer that comes. The
    /// stream may be [forwarded](Self::forward) at the same time.
    #[must_use]
    pub fn track(&self) -> MediaStreamTrack {
        let RtpTransceiver { owner, id, kind } = &self.transceiver;
        let connection = owner.connection();
        let weak = Arc::downgrade(connection);
        let id = *id;
        let request_key_frame = move || {
            if let Some(connection) = weak.upgrade() {
                ask_for_key_frame(&connection, id);
            }
        };
        let track = connection.with(|core, now| {
            let place = (now, &mut core.session);
            let receiver = &mut core.transceivers.find_mut(id)?.receiver;
            receiver.track(place, *kind, connection.runtime(), request_key_frame)
        });
        // The connection is closed, the section was rejected, or a rollback took the transceiver away: nothing will come.
        track.unwrap_or_else(|| ended(*kind))
    }

    /// Asks the peer for a picture that can be decoded without others (RFC 4585, section 6.3.1), as whoever stores or
    /// forwards [`encoded`](Self::encoded) frames needs when he begins in the middle, or when a viewer joins. A decoder asks by itself.
    /// Requests are throttled.
    pub fn request_key_frame(&self) {
        let RtpTransceiver { owner, id, .. } = &self.transceiver;
        ask_for_key_frame(owner.connection(), *id);
    }

    /// The stream as it comes, frame by frame, for programs that store it; `None` if it is being decoded. It may be
    /// [forwarded](Self::forward) at the same time.
    #[must_use]
    pub fn encoded(&self) -> Option<EncodedFrames> {
        let RtpTransceiver { owner, id, .. } = &self.transceiver;
        let inbox = owner.connection().with(|core, now| {
            let receiver = &mut core.transceivers.find_mut(*id)?.receiver;
            receiver.encoded(now, &mut core.session)
        })?;
        Some(EncodedFrames { inbox })
    }

    /// How it receives, once that was agreed on.
    #[must_use]
    pub fn parameters(&self) -> Option<RtpParameters> {
        self.transceiver
            .objects(|objects| objects.receiver.parameters.clone())
            .flatten()
    }
}

fn ask_for_key_frame(connection: &Arc<Connection>, id: TransceiverId) {
    connection.with(|core, now| {
        if let Some(found) = core.transceivers.find(id) {
            found.receiver.request_key_frame(now, &mut core.session);
        }
    });
}

/// A track that brings nothing.
fn ended(kind: MediaKind) -> MediaStreamTrack {
    match kind {
        MediaKind::Audio => gannet_media::Track::<gannet_media::AudioFrame>::new("", 1)
            .1
            .into(),
        MediaKind::Video => gannet_media::Track::<gannet_media::VideoFrame>::new("", 1)
            .1
            .into(),
    }
}

/// A received stream, frame by frame, as the peer's encoder made it.
#[derive(Debug)]
pub struct EncodedFrames {
    inbox: Arc<Inbox<ReceivedFrame>>,
}

impl EncodedFrames {
    /// Waits for the next frame; `None` when the connection is closed. Frames that nobody takes are
    /// dropped when many wait, which [`Self::dropped`] counts.
    pub async fn recv(&self) -> Option<ReceivedFrame> {
        loop {
            match self.inbox.recv().await? {
                Delivery::Item(frame) => return Some(frame),
                Delivery::Overflow => {}
            }
        }
    }

    /// How many frames were dropped because nobody took them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }
}
