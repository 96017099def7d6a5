//! Files that are sent and received.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gannet::codecs::{AudioCodec, AudioEncoderConfig, VideoCodec, VideoEncoderConfig};
use gannet::media::{
    AudioFormat, EncodedFrame, EncodedSource, MediaFile, MediaKind, Source, TestPattern, Tone,
    WavRecorder, WebmCodec, WebmRecorder,
};

/// Pictures a second.
pub(crate) const RATE: u32 = 25;

/// A file of the test's own, which goes with it.
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    /// A path, and nothing there yet.
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gannet-{}-{number}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn with(name: &str, content: &[u8]) -> Self {
        let file = Self::new(name);
        std::fs::write(&file.0, content).unwrap();
        file
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Maybe nothing was written.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// So many seconds of sound and pictures; each second begins with a key frame.
pub(crate) fn webm(codec: VideoCodec, seconds: u32) -> Temporary {
    let codecs = [WebmCodec::Opus, WebmCodec::from_name(codec.name()).unwrap()];
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &codecs).unwrap();
    for (track, frames) in [(0, sound(seconds)), (1, pictures(codec, seconds))] {
        for frame in frames {
            recorder.write(track, &frame).unwrap();
        }
    }
    let file = recorder.finish().unwrap().into_inner();
    Temporary::with("sent.webm", &file)
}

fn sound(seconds: u32) -> Vec<EncodedFrame> {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(48_000)).unwrap();
    let mut encoder = AudioCodec::Opus
        .encoder(&AudioEncoderConfig::default())
        .unwrap();
    let mut frames = Vec::new();
    for index in 0..seconds * 50 {
        let piece = tone.frame_at(index * tone.interval()).unwrap();
        frames.extend(encoder.encode(&piece).unwrap());
    }
    frames
}

fn pictures(codec: VideoCodec, seconds: u32) -> Vec<EncodedFrame> {
    let mut pattern = TestPattern::new(320, 240, RATE).unwrap();
    let config = VideoEncoderConfig {
        bitrate: 400_000,
        frame_rate: RATE,
        ..VideoEncoderConfig::default()
    };
    let mut frames = Vec::new();
    for second in 0..seconds {
        let mut encoder = codec.encoder(&config).unwrap();
        for index in 0..RATE {
            let time = Duration::from_secs(1) * (second * RATE + index) / RATE;
            let picture = pattern.frame_at(time).unwrap();
            frames.extend(encoder.encode(&picture).unwrap());
        }
    }
    frames
}

/// A second of a tone, not encoded.
pub(crate) fn wav() -> Temporary {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::mono(48_000)).unwrap();
    let mut file = Cursor::new(Vec::new());
    let mut recorder = WavRecorder::new(&mut file);
    for index in 0..50 {
        let piece = tone.frame_at(index * tone.interval()).unwrap();
        recorder.write(&piece).unwrap();
    }
    recorder.finish().unwrap();
    Temporary::with("tone.wav", &file.into_inner())
}

/// The frames of a file: whether each is a key frame, and its bytes.
pub(crate) fn content(path: &Path, kind: MediaKind) -> Vec<(bool, Vec<u8>)> {
    let file = MediaFile::open(path).unwrap();
    let mut track = file.track(kind).unwrap();
    let frames = std::iter::from_fn(|| track.next_frame().unwrap());
    frames
        .map(|frame| (frame.keyframe, frame.data.to_vec()))
        .collect()
}
