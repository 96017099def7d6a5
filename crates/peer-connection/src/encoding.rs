//! Encoder threads: pictures and sound in, frames for the network out.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gannet_codecs::{
    AudioCodec, AudioConverter, AudioEncoderConfig, EncodedFrame, VideoCodec, VideoEncoder,
    VideoEncoderConfig, to_ticks,
};
use gannet_media::{MediaCodec, MediaStreamTrack, Track, VideoFrame};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::decoding::start;
use crate::endpoint::lock;
use crate::stats::{EncodedPicture, EncoderMeter, SourceMeter};

/// The bit rates at which video makes sense.
const VIDEO_BITRATES: RangeInclusive<u32> = 50_000..=10_000_000;
/// How many bits a pixel may take in a second: 0.2 a picture at 30 pictures. A line often carries more than a picture is
/// worth; Chromium stops at 5.5 for 640x480 by itself.
const BITS_PER_PIXEL: u32 = 6;
/// The smallest pictures may take so much.
const LEAST_MAXIMUM: u32 = 300_000;
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

    /// Whether its thread is to end: what it still has is not to be sent.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The bit rate to aim at, within what a codec makes sense at.
    fn target(&self, range: RangeInclusive<u32>) -> Option<u32> {
        match self.bitrate.load(Ordering::Relaxed) {
            0 => None,
            bits => Some(bits.clamp(*range.start(), *range.end())),
        }
    }
}

/// The RTP time of a sender. It goes on when another track or another encoder takes over.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// When the newest frame was captured, and its ticks.
    newest: Mutex<Option<(Instant, u32)>>,
}

/// The part of a [`Timeline`] that one encoder makes.
#[derive(Debug)]
pub(crate) struct Continued {
    timeline: Arc<Timeline>,
    clock_rate: u32,
    /// What is added to a frame's own ticks, once it is known.
    offset: Option<u32>,
}

impl Timeline {
    /// Something else was sent meanwhile, up to these ticks: the next encoder goes on behind it.
    pub(crate) fn skip_to(&self, at: Instant, ticks: u32) {
        *lock(&self.newest) = Some((at, ticks));
    }

    /// What the next encoder stamps its frames with.
    pub(crate) fn continued(self: &Arc<Self>, clock_rate: u32) -> Continued {
        Continued {
            timeline: Arc::clone(self),
            clock_rate,
            offset: None,
        }
    }
}

impl Continued {
    /// The RTP ticks of a frame with this time in its track.
    pub(crate) fn ticks(&mut self, time: Duration, captured: Instant) -> u32 {
        let own = to_ticks(time, self.clock_rate) as u32;
        let mut newest = lock(&self.timeline.newest);
        let offset = *self.offset.get_or_insert_with(|| match *newest {
            None => 0,
            Some((at, ticks)) => {
                let pause =
                    to_ticks(captured.saturating_duration_since(at), self.clock_rate) as u32;
                ticks.wrapping_add(pause.max(1)).wrapping_sub(own)
            }
        });
        let ticks = own.wrapping_add(offset);
        *newest = Some((captured, ticks));
        ticks
    }
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
    pub(crate) codec: MediaCodec,
    pub(crate) control: Arc<EncoderControl>,
    pub(crate) runtime: Handle,
    pub(crate) timeline: Continued,
    /// What the track had.
    pub(crate) source: Arc<SourceMeter>,
    /// What became of it.
    pub(crate) meter: Arc<EncoderMeter>,
    pub(crate) sink: S,
}

impl<S: FnMut(Encoded) -> bool + Send + 'static> Encoding<S> {
    /// Starts the thread. It ends with the track, when it is stopped, or when nobody wants frames.
    pub(crate) fn start(mut self) {
        let track = Arc::clone(&self.track);
        match (self.codec, &*track) {
            (MediaCodec::Video(codec), MediaStreamTrack::Video(_)) => {
                start("gannet-encode-video", move || {
                    self.encode_video(codec, &track)
                });
            }
            (MediaCodec::Audio(codec), MediaStreamTrack::Audio(_)) => {
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
            self.source
                .saw(captured, (picture.width(), picture.height()));
            self.obey(&mut *encoder, &picture);
            let from = Instant::now();
            match encoder.encode(&picture) {
                Ok(Some(frame)) => {
                    let encoded = EncodedPicture {
                        from,
                        to: Instant::now(),
                        keyframe: frame.keyframe,
                        bitrate: encoder.bitrate(),
                        implementation: encoder.implementation(),
                    };
                    let size = (picture.width(), picture.height());
                    self.meter.encoded(size, encoded);
                    let ticks = self.timeline.ticks(frame.timestamp, captured);
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
    fn obey(&self, encoder: &mut dyn VideoEncoder, picture: &VideoFrame) {
        if self.control.key_frame.swap(false, Ordering::Relaxed) {
            encoder.request_keyframe();
        }
        let bitrates = bitrates(picture.width(), picture.height());
        if let Some(target) = self.control.target(bitrates)
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
            self.source.heard(&sound);
            let converted = converter.convert(&sound);
            match encoder.encode(&converted) {
                Ok(packets) => {
                    for frame in packets {
                        let ticks = self.timeline.ticks(frame.timestamp, captured);
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

/// The bit rates at which pictures of this size make sense.
pub(crate) fn bitrates(width: u32, height: u32) -> RangeInclusive<u32> {
    let pixels = width.saturating_mul(height);
    let most = pixels.saturating_mul(BITS_PER_PIXEL);
    *VIDEO_BITRATES.start()..=most.clamp(LEAST_MAXIMUM, *VIDEO_BITRATES.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_rate_is_no_higher_than_the_picture_is_worth() {
        assert_eq!(bitrates(160, 120), 50_000..=300_000);
        assert_eq!(bitrates(640, 480), 50_000..=1_843_200);
        assert_eq!(bitrates(1280, 720), 50_000..=5_529_600);
        assert_eq!(bitrates(u32::MAX, u32::MAX), VIDEO_BITRATES);
        let control = EncoderControl::new();
        assert_eq!(control.target(bitrates(640, 480)), None);
        control.set_bitrate(9_000_000);
        assert_eq!(control.target(bitrates(640, 480)), Some(1_843_200));
        control.set_bitrate(1);
        assert_eq!(control.target(bitrates(640, 480)), Some(50_000));
    }

    #[test]
    fn time_goes_on_when_an_encoder_takes_over() {
        let timeline = Arc::new(Timeline::default());
        let start = Instant::now();
        let mut first = timeline.continued(90_000);
        assert_eq!(first.ticks(Duration::from_secs(3), start), 270_000);
        assert_eq!(
            first.ticks(Duration::from_secs(4), start + Duration::from_secs(1)),
            360_000
        );
        // Its time begins at zero, half a second later.
        let mut second = timeline.continued(90_000);
        assert_eq!(
            second.ticks(Duration::ZERO, start + Duration::from_millis(1500)),
            405_000
        );
        assert_eq!(
            second.ticks(Duration::from_secs(1), start + Duration::from_millis(2500)),
            495_000
        );
        // At the same moment, and from far ahead: still it goes on.
        let mut third = timeline.continued(90_000);
        assert_eq!(third.ticks(Duration::from_secs(99_999), start), 495_001);
    }
}
