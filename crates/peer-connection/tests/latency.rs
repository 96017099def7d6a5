//! How much delay the stack adds to a picture that is sent, decoded, encoded again and sent back.
//!
//! The codecs' own time is measured with the same pictures and taken off.
#![allow(clippy::print_stdout, reason = "the numbers are worth seeing")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gannet::codecs::{VideoCodec, VideoEncoderConfig};
use gannet::media::{MediaFrame, Source, TestPattern, VideoFrame, frame_code};
use gannet::{Direction, MediaKind};
use support::{Watched, connection, exchange_and, soon};

/// What the stack may add, beyond the codecs' time.
const BUDGET: Duration = Duration::from_millis(20);
const FRAMES: usize = 150;
/// Until the bandwidth estimate and the codecs have settled.
const WARM_UP: usize = 45;

/// A numbered picture whose lower part is as hard to encode as a camera's, or harder.
#[derive(Clone)]
struct Camera {
    pattern: TestPattern,
    noise: bool,
}

impl Source for Camera {
    type Frame = VideoFrame;

    fn interval(&self) -> Duration {
        self.pattern.interval()
    }

    fn frame_at(&mut self, time: Duration) -> Option<VideoFrame> {
        let mut frame = self.pattern.frame_at(time)?;
        if self.noise {
            let mut random = u32::from(self.pattern.number_at(time)) + 1;
            for row in frame.buffer_mut().planes_mut()[0].rows().skip(120) {
                for sample in row {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *sample = sample.saturating_add((random >> 27) as u8);
                }
            }
        }
        Some(frame)
    }
}

fn camera(noise: bool) -> Camera {
    Camera {
        pattern: TestPattern::new(640, 480, 30).expect("a size"),
        noise,
    }
}

/// What `part` of the sorted times is below.
fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * part) as usize]
}

/// The time that two encodings and two decodings take, one after the other, for each of some pictures.
fn codec_times(codec: VideoCodec, camera: &Camera) -> Vec<Duration> {
    let coder = || {
        (
            codec.encoder(&VideoEncoderConfig::default()),
            codec.decoder(),
        )
    };
    let mut coders = [coder(), coder()]
        .map(|(encoder, decoder)| (encoder.expect("an encoder"), decoder.expect("a decoder")));
    let mut pattern = camera.clone();
    let mut times = Vec::new();
    for index in 0..60 {
        let mut picture = pattern
            .frame_at(pattern.interval() * index)
            .expect("it never ends");
        let started = Instant::now();
        for (encoder, decoder) in &mut coders {
            let encoded = encoder.encode(&picture).expect("it can be encoded");
            let Some(encoded) = encoded else { break };
            if let Some(decoded) = decoder.decode(&encoded).expect("it can be decoded") {
                picture = decoded;
            }
        }
        times.push(started.elapsed());
        // As in a call: the caches are cold and the clock may have slowed down.
        std::thread::sleep(Duration::from_millis(10));
    }
    times.split_off(10)
}

/// The time from when each picture was made to when it was read again.
async fn echo_times(codec: VideoCodec, camera: &Camera) -> Vec<Duration> {
    let made = Arc::new(Mutex::new(HashMap::new()));
    let note = {
        let (made, pattern) = (Arc::clone(&made), camera.pattern.clone());
        move |time| {
            made.lock()
                .unwrap()
                .insert(pattern.number_at(time), Instant::now());
        }
    };
    let (one, other) = (connection(), connection());
    let camera = gannet::play(
        "camera",
        Watched {
            source: camera.clone(),
            note,
        },
    );
    let video = one.add_transceiver(MediaKind::Video, Direction::SendRecv, Some(camera.into()));
    let mut codecs = gannet::default_capabilities().codecs;
    codecs.retain(|candidate| candidate.name.eq_ignore_ascii_case(codec.name()));
    video.set_codec_preferences(codecs);
    exchange_and(&one, &other, |transceiver| {
        let track = transceiver.receiver().track();
        transceiver.sender().replace_track(Some(track));
        transceiver.set_direction(Direction::SendRecv);
    })
    .await;

    let back = video.receiver().track();
    let mut times = Vec::new();
    while times.len() < WARM_UP + FRAMES {
        let Some(MediaFrame::Video(picture)) = soon("a picture", back.recv()).await else {
            panic!("the track ended");
        };
        let read = Instant::now();
        if let Some(number) = frame_code::read(picture.buffer())
            && let Some(made) = made.lock().unwrap().get(&number)
        {
            times.push(read.saturating_duration_since(*made));
        }
    }
    times.split_off(WARM_UP)
}

async fn measure(codec: VideoCodec, camera: Camera) {
    // Other programs on the machine come and go: one calm run in three is enough.
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let mut codec_times = codec_times(codec, &camera);
        let mut times = echo_times(codec, &camera).await;
        let codecs = quantile(&mut codec_times, 0.5);
        let [median, late] = [0.5, 0.95].map(|part| quantile(&mut times, part));
        let added = median.saturating_sub(codecs);
        println!(
            "{codec}: {median:?} median, {late:?} for 95 %, codecs {codecs:?}, added {added:?}"
        );
        best = best.min(added);
        if best <= BUDGET {
            return;
        }
    }
    panic!("{codec}: the stack adds {best:?}, more than {BUDGET:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_adds_little_delay_to_vp8() {
    measure(VideoCodec::Vp8, camera(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_adds_little_delay_to_h264() {
    measure(VideoCodec::H264, camera(false)).await;
}

/// Frames that are as large as the bandwidth allows: the pacers of both ends have something to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_echo_adds_little_delay_to_large_frames() {
    measure(VideoCodec::Vp8, camera(true)).await;
}
