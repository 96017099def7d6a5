//! Decoder threads: received frames in, pictures and sound out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_codecs::{
    AudioCodec, AudioDecoder, EncodedFrame, Rotation, VideoCodec, VideoDecoder, from_ticks,
};
use gannet_media::{AudioFrame, Relay, VideoFrame};
use gannet_ortc::parameters::RtpCodecParameters;
use gannet_ortc::rtp::VideoOrientation;
use gannet_wire::{Extender32, Serial32};
use tokio::runtime::Handle;

use crate::inbox::{Delivery, Inbox};
use crate::receiving::ReceivedFrame;
use crate::stats::{Arrival, AudioDecoderMeter, VideoDecoderMeter};

/// The longest gap that is concealed; after more than that, sound starts anew.
const MAX_CONCEALED: Duration = Duration::from_millis(120);
/// A key frame is asked for no more often than this: one needs a round trip and some time to encode.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(300);

/// What a decoder thread works with.
#[derive(Debug)]
pub(crate) struct Decoding {
    /// Where its frames come from.
    pub(crate) inbox: Arc<Inbox<ReceivedFrame>>,
    /// The runtime that wakes it.
    pub(crate) runtime: Handle,
}

impl Decoding {
    /// Starts a thread that decodes pictures for the readers of `relay`; `request_key_frame` is called
    /// when it can not go on.
    pub(crate) fn video(
        self,
        relay: Relay<VideoFrame>,
        meter: Arc<VideoDecoderMeter>,
        request_key_frame: impl Fn() + Send + 'static,
    ) {
        start("gannet-decode-video", move || {
            self.decode_video(&relay, &meter, &request_key_frame)
        });
    }

    /// Starts a thread that decodes sound for the readers of `relay`.
    pub(crate) fn audio(self, relay: Relay<AudioFrame>, meter: Arc<AudioDecoderMeter>) {
        start("gannet-decode-audio", move || {
            self.decode_audio(&relay, &meter)
        });
    }

    fn next(&self) -> Option<Delivery<ReceivedFrame>> {
        self.runtime.block_on(self.inbox.recv())
    }

    fn decode_video(
        &self,
        relay: &Relay<VideoFrame>,
        meter: &VideoDecoderMeter,
        request_key_frame: &dyn Fn(),
    ) {
        let mut clock = MediaClock::default();
        let mut decoder: Option<Box<dyn VideoDecoder>> = None;
        let mut needs_keyframe = true;
        let mut requested: Option<Instant> = None;
        let mut request_key_frame = || {
            if requested.is_none_or(|at| at.elapsed() >= KEY_FRAME_PAUSE) {
                requested = Some(Instant::now());
                request_key_frame();
            }
        };
        while let Some(delivery) = self.next() {
            let Delivery::Item(frame) = delivery else {
                needs_keyframe = true;
                request_key_frame();
                continue;
            };
            if needs_keyframe && !frame.frame.keyframe {
                // The reader came late, or frames were dropped: the network has no reason to ask.
                request_key_frame();
                meter.dropped();
                continue;
            }
            let Some(decoder) = video_decoder(&mut decoder, &frame.codec) else {
                meter.dropped();
                continue;
            };
            let arrival = Arrival::of(&frame.frame);
            let time = clock.time(frame.frame.timestamp, frame.codec.clock_rate);
            let encoded = EncodedFrame::new(frame.frame.data, time, frame.frame.keyframe)
                .with_rotation(rotation(frame.frame.orientation));
            let from = Instant::now();
            match decoder.decode(&encoded) {
                Ok(picture) => {
                    needs_keyframe = false;
                    if let Some(picture) = picture {
                        let span = (from, Instant::now());
                        meter.decoded(arrival, span, &picture, decoder.implementation());
                        relay.write(&picture);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a video frame can not be decoded");
                    meter.dropped();
                    if error.needs_keyframe() {
                        needs_keyframe = true;
                        request_key_frame();
                    }
                }
            }
        }
    }

    fn decode_audio(&self, relay: &Relay<AudioFrame>, meter: &AudioDecoderMeter) {
        let mut clock = MediaClock::default();
        let mut decoder: Option<Box<dyn AudioDecoder>> = None;
        // Where the sound that was written ends.
        let mut end = Duration::ZERO;
        while let Some(delivery) = self.next() {
            let Delivery::Item(frame) = delivery else {
                continue;
            };
            let Some(decoder) = audio_decoder(&mut decoder, &frame.codec) else {
                continue;
            };
            let (arrival, from) = (Arrival::of(&frame.frame), Instant::now());
            let time = clock.time(frame.frame.timestamp, frame.codec.clock_rate);
            let gap = time.saturating_sub(end);
            let packet = EncodedFrame::new(frame.frame.data, time, true);
            let conceals = frame.frame.lost > 0 && end > Duration::ZERO && gap <= MAX_CONCEALED;
            if conceals && gap > Duration::ZERO {
                let sound = decoder.conceal(end, gap, Some(&packet));
                meter.concealed(&sound);
                relay.write(&sound);
            }
            match decoder.decode(&packet) {
                Ok(sound) => {
                    end = time + sound.duration();
                    meter.decoded(arrival, (from, Instant::now()), &sound);
                    relay.write(&sound);
                }
                Err(error) => tracing::debug!(%error, "an audio packet can not be decoded"),
            }
        }
    }
}

/// Starts a thread. If the system has none to give, its work is not done; that is logged.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) {
    let started = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    if let Err(error) = started {
        tracing::error!(%error, name, "a media thread can not be started");
    }
}

/// RTP timestamps as media time since the first frame.
#[derive(Debug, Default)]
struct MediaClock {
    extender: Extender32,
    origin: Option<u64>,
}

impl MediaClock {
    fn time(&mut self, timestamp: Serial32, clock_rate: u32) -> Duration {
        let extended = self.extender.extend(timestamp);
        let origin = *self.origin.get_or_insert(extended);
        from_ticks(extended.saturating_sub(origin), clock_rate)
    }
}

/// The decoder for a codec: the one that is there, if it is for that codec, or a new one.
fn video_decoder<'a>(
    current: &'a mut Option<Box<dyn VideoDecoder>>,
    codec: &RtpCodecParameters,
) -> Option<&'a mut Box<dyn VideoDecoder>> {
    let codec = VideoCodec::from_name(&codec.name)?;
    if current
        .as_ref()
        .is_none_or(|decoder| decoder.codec() != codec)
    {
        *current = codec
            .decoder()
            .inspect_err(|error| tracing::warn!(%error, "no decoder"))
            .ok();
    }
    current.as_mut()
}

fn rotation(orientation: Option<VideoOrientation>) -> Rotation {
    use gannet_ortc::rtp::Rotation as Turned;
    orientation.map_or(Rotation::Deg0, |orientation| match orientation.rotation {
        Turned::None => Rotation::Deg0,
        Turned::Clockwise90 => Rotation::Deg90,
        Turned::Half => Rotation::Deg180,
        Turned::Clockwise270 => Rotation::Deg270,
    })
}

fn audio_decoder<'a>(
    current: &'a mut Option<Box<dyn AudioDecoder>>,
    codec: &RtpCodecParameters,
) -> Option<&'a mut Box<dyn AudioDecoder>> {
    let codec = AudioCodec::from_name(&codec.name)?;
    if current
        .as_ref()
        .is_none_or(|decoder| decoder.codec() != codec)
    {
        *current = codec
            .decoder()
            .inspect_err(|error| tracing::warn!(%error, "no decoder"))
            .ok();
    }
    current.as_mut()
}
