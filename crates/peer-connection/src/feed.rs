//! Encoded frames on their way from their track to the network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_codecs::Rotation;
use gannet_media::{EncodedTrack, EncodedTrackFrame, ReadyState};
use gannet_ortc::rtp::{EncodedFrame, SendError, SenderId, VideoOrientation};

use crate::connection::Connection;
use crate::encoding::Continued;
use crate::stats::{EncodedPicture, EncoderMeter, SourceMeter};

/// What becomes of the encoded frames that a sender was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodedState {
    /// Nothing was agreed on yet, the connection is not there, or sending is paused.
    Waiting,
    /// They are sent.
    Sending,
    /// What was agreed on does not have their codec, or not their profile: nothing is sent.
    CodecNotNegotiated,
    /// The track has ended.
    Ended,
}

/// The encoded frames of a sender. Dropping it ends their track.
#[derive(Debug)]
pub(crate) struct Feed {
    track: Arc<EncodedTrack>,
    /// A task hands the frames on.
    has_task: bool,
    /// The peer has agreed to the codec; `None` while nothing was agreed on.
    is_negotiated: Option<bool>,
    is_wanted: AtomicBool,
    /// The frames come from an encoder that others share.
    is_encoding: Arc<AtomicBool>,
}

impl Feed {
    pub(crate) fn new(track: EncodedTrack) -> Self {
        track.set_wanted(false);
        Self {
            track: Arc::new(track),
            has_task: false,
            is_negotiated: None,
            is_wanted: AtomicBool::new(false),
            is_encoding: Arc::default(),
        }
    }

    pub(crate) fn track(&self) -> &EncodedTrack {
        &self.track
    }

    /// Whether an encoder makes its frames now.
    pub(crate) fn is_encoding(&self) -> bool {
        self.is_encoding.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> EncodedState {
        if self.track.ready_state() == ReadyState::Ended {
            EncodedState::Ended
        } else if self.is_negotiated == Some(false) {
            EncodedState::CodecNotNegotiated
        } else if self.is_wanted.load(Ordering::Relaxed) {
            EncodedState::Sending
        } else {
            EncodedState::Waiting
        }
    }

    /// What a description has said about the codec.
    pub(crate) fn set_negotiated(&mut self, is_negotiated: bool) {
        if !is_negotiated && self.is_negotiated != Some(false) {
            let format = self.track.format();
            tracing::warn!(%format, "encoded frames are not sent: the peer did not agree to their codec");
        }
        self.is_negotiated = Some(is_negotiated);
    }

    /// Whether frames can be sent; they are not if the codec is the wrong one.
    pub(crate) fn set_wanted(&self, is_wanted: bool) {
        let is_wanted = is_wanted && self.is_negotiated == Some(true);
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
        self.track.set_wanted(is_wanted);
    }

    pub(crate) const fn needs_task(&self) -> bool {
        !self.has_task
    }

    /// Starts the task that hands frames to the session. It ends with the track or the connection.
    pub(crate) fn start(
        &mut self,
        connection: &Arc<Connection>,
        sender: SenderId,
        timeline: Continued,
        source: &Arc<SourceMeter>,
        meter: &Arc<EncoderMeter>,
    ) {
        self.has_task = true;
        let pump = Pump {
            track: Arc::clone(&self.track),
            connection: Arc::downgrade(connection),
            sender,
            timeline,
            source: Arc::clone(source),
            meter: Arc::clone(meter),
            is_encoding: Arc::clone(&self.is_encoding),
        };
        connection.runtime().spawn(pump.run());
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.track.stop();
    }
}

/// What the task works with.
struct Pump {
    track: Arc<EncodedTrack>,
    connection: Weak<Connection>,
    sender: SenderId,
    timeline: Continued,
    source: Arc<SourceMeter>,
    meter: Arc<EncoderMeter>,
    is_encoding: Arc<AtomicBool>,
}

impl Pump {
    async fn run(mut self) {
        while let Some(frame) = self.track.recv().await {
            let Some(connection) = self.connection.upgrade() else {
                break;
            };
            match self.send(&connection, &frame) {
                Ok(()) => self.count(&frame),
                Err(SendError::Removed) => break,
                Err(error) => {
                    tracing::debug!(%error, "an encoded frame was not sent");
                    // Those that refer to it would be sent in vain.
                    self.track.skip_to_key_frame();
                }
            }
            drop(connection);
            // A full queue must not keep the thread from others.
            tokio::task::consume_budget().await;
        }
        self.track.stop();
    }

    fn send(
        &mut self,
        connection: &Arc<Connection>,
        from: &EncodedTrackFrame,
    ) -> Result<(), SendError> {
        connection.with(|core, now| {
            // Under the lock: after another track has taken over, and maybe another codec, nothing of this one comes.
            if core.is_over() || self.track.is_stopped() {
                return Err(SendError::Removed);
            }
            let ticks = self.timeline.ticks(from.frame.timestamp, from.captured);
            let data = from.frame.data.clone();
            let mut frame = EncodedFrame::new(data, ticks, from.frame.keyframe);
            frame.captured = Some(from.captured);
            frame.orientation = orientation(from.frame.rotation);
            core.session.rtp_mut().send_frame(now, self.sender, frame)
        })
    }

    fn count(&self, frame: &EncodedTrackFrame) {
        let now = Instant::now();
        match frame.encoding {
            Some(encoding) => {
                self.is_encoding.store(true, Ordering::Relaxed);
                let size = (encoding.width, encoding.height);
                self.source.saw(now, size);
                let from = now.checked_sub(encoding.encode_time).unwrap_or(now);
                let encoded = EncodedPicture {
                    from,
                    to: now,
                    keyframe: frame.frame.keyframe,
                    bitrate: encoding.bitrate,
                    implementation: encoding.implementation,
                };
                self.meter.encoded(size, encoded);
            }
            None => self.source.passed(now),
        }
    }
}

/// How receivers are to turn a picture, if they are.
fn orientation(rotation: Rotation) -> Option<VideoOrientation> {
    use gannet_ortc::rtp::Rotation as Turned;
    let rotation = match rotation {
        Rotation::Deg0 => return None,
        Rotation::Deg90 => Turned::Clockwise90,
        Rotation::Deg180 => Turned::Half,
        Rotation::Deg270 => Turned::Clockwise270,
    };
    Some(VideoOrientation {
        rotation,
        ..VideoOrientation::default()
    })
}
