//! One encoder for many senders.

mod viewers;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gannet_codecs::{
    AudioCodec, AudioConverter, AudioEncoder, AudioEncoderConfig, EncodeError, FrameError,
    I420Buffer, VideoCodec, VideoEncoder, VideoEncoderConfig,
};
use gannet_media::{
    AudioFrame, EncodedFormat, EncodedTrack, EncodedTrackFrame, EncodingInfo, Track, VideoFrame,
};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::decoding::start;
use crate::encoding::bitrates;
use crate::endpoint::lock;

use self::viewers::{Plan, Viewers};

/// How a shared encoder of pictures works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedEncoderConfig {
    /// How the encoder starts. Its bit rate is what it aims at until a viewer's line is known.
    pub encoder: VideoEncoderConfig,
    /// The floor, in bits per second: a viewer whose line carries less brings nobody below it, and loses frames
    /// himself. 300,000 at first; 50,000 is the least that makes sense.
    pub min_bitrate: u32,
    /// No more than so many bits per second, whatever all lines carry. What a picture of its size is worth is a bound too.
    pub max_bitrate: u32,
}

impl Default for SharedEncoderConfig {
    fn default() -> Self {
        Self {
            encoder: VideoEncoderConfig::default(),
            min_bitrate: 300_000,
            max_bitrate: 10_000_000,
        }
    }
}

/// Why there is no shared encoder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SharedEncoderError {
    /// It was made outside a tokio runtime.
    #[error("a shared encoder needs a tokio runtime around it")]
    NoRuntime,
    /// The codec is not in this build, or a setting is out of range.
    #[error(transparent)]
    Encoder(#[from] EncodeError),
    /// The codec's sound has a format that nothing can be converted to.
    #[error(transparent)]
    Format(#[from] FrameError),
}

/// What a shared encoder has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedEncoderStats {
    /// Pictures, or pieces of sound, that the track had.
    pub frames: u64,
    /// Frames that were encoded, once each, however many watched. Of the others nobody wanted any, or the bit rate did
    /// not suffice for them.
    pub frames_encoded: u64,
    /// Of these, key frames.
    pub key_frames_encoded: u64,
    /// What it aims at, in bits per second; 0 before the first picture, and for sound.
    pub target_bitrate: u32,
    /// How many viewers want frames.
    pub viewers: usize,
}

/// Encodes a track once, on a thread of its own, for any number of senders of any connections.
///
/// [`subscribe`](Self::subscribe) gives an [`EncodedTrack`] for
/// [`RtpSender::replace_encoded`](crate::RtpSender::replace_encoded). A clone is a handle of the same encoder. When the
/// last handle is dropped, or the track ends, it ends, and with it the tracks of all viewers. While nobody watches,
/// it encodes nothing, and lets the pictures pass.
///
/// - **Key frames.** A viewer begins with one. Requests that come within 300 ms are answered by one key frame; one
///   viewer's requests bring one in a second at most.
/// - **Bit rate.** All get the same: what the viewer with the slowest line may have, of those whose line carries
///   [`min_bitrate`](SharedEncoderConfig::min_bitrate). Others lose frames and go on with a key frame; theirs are three
///   seconds apart.
/// - **A late viewer** loses what he does not take, at most 64 frames, and nobody waits for him.
///
/// ```no_run
/// use gannet::codecs::VideoCodec;
/// use gannet::media::{TestPattern, Track, VideoFrame};
/// use gannet::{PeerConnection, SharedEncoder, SharedEncoderConfig};
///
/// # fn example(connections: Vec<PeerConnection>) -> Result<(), Box<dyn std::error::Error>> {
/// let pictures = gannet::play("pattern", TestPattern::new(640, 480, 30)?);
/// let encoder = SharedEncoder::video(pictures, VideoCodec::Vp8, SharedEncoderConfig::default())?;
/// for transceiver in connections.iter().flat_map(PeerConnection::transceivers) {
///     transceiver.sender().replace_encoded(Some(encoder.subscribe()))?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SharedEncoder {
    handle: Arc<EncoderHandle>,
}

/// Dropping it ends the thread.
#[derive(Debug)]
struct EncoderHandle {
    shared: Arc<Shared>,
    format: EncodedFormat,
}

impl Drop for EncoderHandle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// What the handles and the thread have in common.
#[derive(Debug)]
struct Shared {
    viewers: Mutex<Viewers>,
    stop: Notify,
    frames: AtomicU64,
    frames_encoded: AtomicU64,
    key_frames_encoded: AtomicU64,
    target_bitrate: AtomicU32,
}

impl SharedEncoder {
    /// Encodes pictures. It must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If there is no runtime, the codec is not in this build, or a setting is out of range.
    pub fn video(
        track: Track<VideoFrame>,
        codec: VideoCodec,
        config: SharedEncoderConfig,
    ) -> Result<Self, SharedEncoderError> {
        let runtime = Handle::try_current().map_err(|_| SharedEncoderError::NoRuntime)?;
        let format = video_format(codec, &config.encoder)?;
        let encoder = codec.encoder(&config.encoder)?;
        let this = Self::new(track.id(), format, config.min_bitrate);
        let work = Work {
            shared: Arc::clone(&this.handle.shared),
            runtime,
        };
        start("gannet-shared-video", move || {
            work.encode_video(&track, encoder, &config);
        });
        Ok(this)
    }

    /// Encodes sound. It must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If there is no runtime, the codec is not in this build, or a setting is out of range.
    pub fn audio(
        track: Track<AudioFrame>,
        codec: AudioCodec,
        config: &AudioEncoderConfig,
    ) -> Result<Self, SharedEncoderError> {
        let runtime = Handle::try_current().map_err(|_| SharedEncoderError::NoRuntime)?;
        let encoder = codec.encoder(config)?;
        let converter = AudioConverter::new(encoder.format())?;
        let this = Self::new(track.id(), EncodedFormat::audio(codec), 0);
        let work = Work {
            shared: Arc::clone(&this.handle.shared),
            runtime,
        };
        start("gannet-shared-audio", move || {
            work.encode_audio(&track, encoder, converter);
        });
        Ok(this)
    }

    fn new(id: &str, format: EncodedFormat, floor: u32) -> Self {
        let shared = Arc::new(Shared {
            viewers: Mutex::new(Viewers::new(id.into(), format, floor)),
            stop: Notify::new(),
            frames: AtomicU64::new(0),
            frames_encoded: AtomicU64::new(0),
            key_frames_encoded: AtomicU64::new(0),
            target_bitrate: AtomicU32::new(0),
        });
        Self {
            handle: Arc::new(EncoderHandle { shared, format }),
        }
    }

    /// The frames, for one more viewer. If the encoder has ended, so has the track.
    #[must_use]
    pub fn subscribe(&self) -> EncodedTrack {
        lock(&self.handle.shared.viewers).add()
    }

    /// What the frames are.
    #[must_use]
    pub fn format(&self) -> EncodedFormat {
        self.handle.format
    }

    /// Ends it, and the tracks of all viewers.
    pub fn stop(&self) {
        self.handle.shared.stop();
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> SharedEncoderStats {
        let shared = &self.handle.shared;
        SharedEncoderStats {
            frames: shared.frames.load(Ordering::Relaxed),
            frames_encoded: shared.frames_encoded.load(Ordering::Relaxed),
            key_frames_encoded: shared.key_frames_encoded.load(Ordering::Relaxed),
            target_bitrate: shared.target_bitrate.load(Ordering::Relaxed),
            viewers: lock(&shared.viewers).watching(),
        }
    }
}

/// What an encoder makes; of H.264 the profile is not known before there is a frame.
fn video_format(
    codec: VideoCodec,
    config: &VideoEncoderConfig,
) -> Result<EncodedFormat, SharedEncoderError> {
    let mut encoder = codec.encoder(config)?;
    let picture = VideoFrame::new(I420Buffer::new(64, 48)?, Duration::ZERO);
    let frame = encoder.encode(&picture)?;
    Ok(frame.map_or(EncodedFormat::video(codec), |frame| {
        EncodedFormat::of_key_frame(codec, &frame.data)
    }))
}

impl Shared {
    fn stop(&self) {
        lock(&self.viewers).end();
        self.stop.notify_one();
    }

    fn plan(&self, now: Instant) -> Option<Plan> {
        self.frames.fetch_add(1, Ordering::Relaxed);
        lock(&self.viewers).plan(now)
    }

    fn write(&self, frame: &EncodedTrackFrame) {
        self.frames_encoded.fetch_add(1, Ordering::Relaxed);
        let key_frames = u64::from(frame.frame.keyframe);
        self.key_frames_encoded
            .fetch_add(key_frames, Ordering::Relaxed);
        lock(&self.viewers).write(frame.captured, frame);
    }
}

/// What the thread works with. When it ends, so do the tracks of the viewers.
struct Work {
    shared: Arc<Shared>,
    runtime: Handle,
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.shared.viewers).end();
    }
}

impl Work {
    fn encode_video(
        &self,
        track: &Track<VideoFrame>,
        mut encoder: Box<dyn VideoEncoder>,
        config: &SharedEncoderConfig,
    ) {
        while let Some(picture) = self.next(track) {
            let captured = Instant::now();
            let Some(plan) = self.shared.plan(captured) else {
                continue;
            };
            self.obey(&mut *encoder, plan, &picture, config);
            let from = Instant::now();
            match encoder.encode(&picture) {
                Ok(Some(frame)) => {
                    let encoding = EncodingInfo {
                        width: picture.width(),
                        height: picture.height(),
                        encode_time: from.elapsed(),
                        bitrate: encoder.bitrate(),
                        implementation: encoder.implementation(),
                    };
                    self.shared.write(&EncodedTrackFrame {
                        frame,
                        captured,
                        encoding: Some(encoding),
                    });
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a picture can not be encoded"),
            }
        }
    }

    /// Does what the viewers want.
    fn obey(
        &self,
        encoder: &mut dyn VideoEncoder,
        plan: Plan,
        picture: &VideoFrame,
        config: &SharedEncoderConfig,
    ) {
        if plan.key_frame {
            encoder.request_keyframe();
        }
        if let Some(wanted) = plan.bitrate {
            let worth = bitrates(picture.width(), picture.height());
            let most = config.max_bitrate.min(*worth.end()).max(*worth.start());
            // The floor is the user's: it may be above what the picture is worth.
            let least = config.min_bitrate.clamp(*worth.start(), most);
            let target = wanted.clamp(least, most);
            if target != encoder.bitrate()
                && let Err(error) = encoder.set_bitrate(target)
            {
                tracing::warn!(%error, target, "a video encoder refuses a bit rate");
            }
        }
        self.shared
            .target_bitrate
            .store(encoder.bitrate(), Ordering::Relaxed);
    }

    fn encode_audio(
        &self,
        track: &Track<AudioFrame>,
        mut encoder: Box<dyn AudioEncoder>,
        mut converter: AudioConverter,
    ) {
        while let Some(sound) = self.next(track) {
            let captured = Instant::now();
            if self.shared.plan(captured).is_none() {
                continue;
            }
            match encoder.encode(&converter.convert(&sound)) {
                Ok(packets) => {
                    for frame in packets {
                        self.shared.write(&EncodedTrackFrame {
                            frame,
                            captured,
                            encoding: None,
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "sound can not be encoded"),
            }
        }
    }

    /// The next frame of the track; `None` when the thread should end.
    fn next<F>(&self, track: &Track<F>) -> Option<F> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.shared.stop.notified() => None,
                frame = track.recv() => frame,
            }
        })
    }
}
