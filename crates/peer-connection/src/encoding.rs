//! Encoder threads: pictures and sound in, frames for the network out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use gannet_codecs::{
    AudioCodec, AudioConverter, AudioEncoderConfig, EncodedFrame, VideoCodec, VideoEncoder,
    VideoEncoderConfig, to_ticks,
};
use gannet_media::{MediaStreamTrack, Track};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::decoding::start;

/// The bit rates at which video makes sense.
const VIDEO_BITRATES: std::ops::RangeInclusive<u32> = 50_000..=10_000_000;
/// Where video starts before there is an estimate.
const START_VIDEO_BITRATE: u32 = 1_000_000;

/// What the connection tells a running encoder.
#[derive(Debug)]
pub(crate) struct EncoderControl {
    key_frame: AtomicBool,
    /// In bits per second; 0 while nothing is known.
    bitrate: AtomicU32,
    stopped: AtomicBool,
    stop: Notify,
}

impl EncoderControl {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            key_frame: AtomicBool::new(false),
            bitrate: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            stop: Notify::new(),
        })
    }

    /// The next picture is to be a key frame.
    pub(crate) fn request_key_frame(&self) {
        self.key_frame.store(true, Ordering::Relaxed);
    }

    /// Aims at `bits_per_second` from the next frame on.
    pub(crate) fn set_bitrate(&self, bits_per_second: u64) {
        let bits = u32::try_from(bits_per_second).unwrap_or(u32::MAX);
        self.bitrate.store(bits, Ordering::Relaxed);
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.stop.notify_one();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The bit rate to aim at, within what a codec makes sense at.
    fn target(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        match self.bitrate.load(Ordering::Relaxed) {
            0 => None,
            bits => Some(bits.clamp(*range.start(), *range.end())),
        }
    }
}

/// The codec of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendCodec {
    /// Sound.
    Audio(AudioCodec),
    /// Pictures.
    Video(VideoCodec),
}

/// What a sink is given: a frame and its timestamp in ticks of the codec's RTP clock.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) frame: EncodedFrame,
    pub(crate) ticks: u32,
    pub(crate) captured: Instant,
}

/// What an encoder thread works with. The sink answers whether anybody still wants frames.
pub(crate) struct Encoding<S> {
    pub(crate) track: Arc<MediaStreamTrack>,
    pub(crate) codec: SendCodec,
    pub(crate) control: Arc<EncoderControl>,
    pub(crate) runtime: Handle,
    pub(crate) sink: S,
}

impl<S: FnMut(Encoded) -> bool + Send + 'static> Encoding<S> {
    /// Starts the thread. It ends with the track, when it is stopped, or when nobody wants frames.
    pub(crate) fn start(mut self) {
        let track = Arc::clone(&self.track);
        match (self.codec, &*track) {
            (SendCodec::Video(codec), MediaStreamTrack::Video(_)) => {
                start("gannet-encode-video", move || {
                    self.encode_video(codec, &track)
                });
            }
            (SendCodec::Audio(codec), MediaStreamTrack::Audio(_)) => {
                start("gannet-encode-audio", move || {
                    self.encode_audio(codec, &track)
                });
            }
            _ => tracing::warn!("a track of the wrong kind was given to a sender"),
        }
    }

    fn encode_video(&mut self, codec: VideoCodec, track: &MediaStreamTrack) {
        let Some(track) = track.video() else { return };
        let bitrate = self
            .control
            .target(VIDEO_BITRATES)
            .unwrap_or(START_VIDEO_BITRATE);
        let config = VideoEncoderConfig {
            bitrate,
            ..VideoEncoderConfig::default()
        };
        let mut encoder = match codec.encoder(&config) {
            Ok(encoder) => encoder,
            Err(error) => return tracing::error!(%error, "no video encoder"),
        };
        while let Some(picture) = self.next(track) {
            let captured = Instant::now();
            self.obey(&mut *encoder);
            match encoder.encode(&picture) {
                Ok(Some(frame)) => {
                    let ticks = to_ticks(frame.timestamp, 90_000) as u32;
                    if !(self.sink)(Encoded {
                        frame,
                        ticks,
                        captured,
                    }) {
                        return;
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a picture can not be encoded"),
            }
        }
    }

    /// Does what the connection has asked for since the last picture.
    fn obey(&self, encoder: &mut dyn VideoEncoder) {
        if self.control.key_frame.swap(false, Ordering::Relaxed) {
            encoder.request_keyframe();
        }
        if let Some(target) = self.control.target(VIDEO_BITRATES)
            && target != encoder.bitrate()
            && let Err(error) = encoder.set_bitrate(target)
        {
            tracing::warn!(%error, target, "a video encoder refuses a bit rate");
        }
    }

    fn encode_audio(&mut self, codec: AudioCodec, track: &MediaStreamTrack) {
        let Some(track) = track.audio() else { return };
        let mut encoder = match codec.encoder(&AudioEncoderConfig::default()) {
            Ok(encoder) => encoder,
            Err(error) => return tracing::error!(%error, "no audio encoder"),
        };
        let mut converter = match AudioConverter::new(encoder.format()) {
            Ok(converter) => converter,
            Err(error) => return tracing::error!(%error, "no converter for an audio encoder"),
        };
        while let Some(sound) = self.next(track) {
            let captured = Instant::now();
            let converted = converter.convert(&sound);
            match encoder.encode(&converted) {
                Ok(packets) => {
                    for frame in packets {
                        let ticks = to_ticks(frame.timestamp, codec.rtp_clock_rate()) as u32;
                        if !(self.sink)(Encoded {
                            frame,
                            ticks,
                            captured,
                        }) {
                            return;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "sound can not be encoded"),
            }
        }
    }

    /// The next frame of a track; `None` when the thread should end.
    fn next<F>(&self, track: &Track<F>) -> Option<F> {
        if self.control.is_stopped() {
            return None;
        }
        self.runtime.block_on(async {
            tokio::select! {
                frame = track.recv() => frame,
                () = self.control.stop.notified() => None,
            }
        })
    }
}
