//! What the threads of decoders and encoders count.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gannet_media::{AudioFrame, MediaKind, VideoFrame};
use gannet_ortc::rtp::Frame;
use gannet_ortc::stats::{
    AudioDecoderStats, AudioLevelStats, DecoderStats, EncoderStats, MediaSourceStats,
    VideoDecoderStats, VideoSourceStats,
};

use super::level::Level;
use crate::endpoint::lock;

/// What a decoder counts, of either kind.
#[derive(Clone, Debug)]
pub(crate) enum DecoderMeter {
    /// Of sound.
    Audio(Arc<AudioDecoderMeter>),
    /// Of pictures.
    Video(Arc<VideoDecoderMeter>),
}

impl DecoderMeter {
    /// What was counted so far.
    pub(crate) fn stats(&self, now: Instant) -> DecoderStats {
        match self {
            Self::Audio(meter) => DecoderStats::Audio(lock(&meter.counts).stats.clone()),
            Self::Video(meter) => {
                let counts = lock(&meter.counts);
                DecoderStats::Video(VideoDecoderStats {
                    frames_per_second: counts.rate.at(now),
                    ..counts.stats.clone()
                })
            }
        }
    }

    /// How many frames a decoder was given and did not decode.
    pub(crate) fn frames_dropped(&self) -> u64 {
        match self {
            Self::Audio(_) => 0,
            Self::Video(meter) => lock(&meter.counts).dropped,
        }
    }

    /// Begins at zero: what comes is another stream.
    pub(crate) fn reset(&self) {
        match self {
            Self::Audio(meter) => *lock(&meter.counts) = AudioDecoderCounts::default(),
            Self::Video(meter) => *lock(&meter.counts) = VideoDecoderCounts::default(),
        }
    }
}

/// How a frame came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    first: Instant,
    last: Instant,
    packets: u32,
    keyframe: bool,
}

impl Arrival {
    pub(crate) const fn of(frame: &Frame) -> Self {
        Self {
            first: frame.first_arrival,
            last: frame.last_arrival,
            packets: frame.packets,
            keyframe: frame.keyframe,
        }
    }
}

/// What a decoder of pictures counts.
#[derive(Debug, Default)]
pub(crate) struct VideoDecoderMeter {
    counts: Mutex<VideoDecoderCounts>,
}

#[derive(Debug, Default)]
struct VideoDecoderCounts {
    stats: VideoDecoderStats,
    dropped: u64,
    rate: FrameRate,
}

impl VideoDecoderMeter {
    /// A frame was not decoded, or could not be.
    pub(crate) fn dropped(&self) {
        lock(&self.counts).dropped += 1;
    }

    /// A frame became a picture between two moments.
    pub(crate) fn decoded(
        &self,
        arrival: Arrival,
        (from, to): (Instant, Instant),
        picture: &VideoFrame,
        implementation: &'static str,
    ) {
        let mut counts = lock(&self.counts);
        counts.rate.note(to);
        let stats = &mut counts.stats;
        stats.frames_decoded += 1;
        stats.key_frames_decoded += u64::from(arrival.keyframe);
        stats.frame_width = Some(picture.width());
        stats.frame_height = Some(picture.height());
        stats.total_decode_time += to.saturating_duration_since(from);
        stats.total_processing_delay += to.saturating_duration_since(arrival.first);
        if arrival.packets > 1 {
            stats.frames_assembled_from_multiple_packets += 1;
            stats.total_assembly_time += arrival.last.saturating_duration_since(arrival.first);
        }
        stats.decoder_implementation = Some(implementation);
    }
}

/// What a decoder of sound counts.
#[derive(Debug, Default)]
pub(crate) struct AudioDecoderMeter {
    counts: Mutex<AudioDecoderCounts>,
}

#[derive(Debug, Default)]
struct AudioDecoderCounts {
    stats: AudioDecoderStats,
    /// The last sound was made up.
    conceals: bool,
}

impl AudioDecoderMeter {
    /// Lost sound was made up.
    pub(crate) fn concealed(&self, sound: &AudioFrame) {
        let (level, samples) = (Level::of(sound), sound.samples_per_channel() as u64);
        let mut counts = lock(&self.counts);
        let goes_on = std::mem::replace(&mut counts.conceals, true);
        let stats = &mut counts.stats;
        stats.total_samples_received += samples;
        stats.concealed_samples += samples;
        stats.concealment_events += u64::from(!goes_on);
        level.add_to(&mut stats.level);
    }

    /// A packet became sound between two moments.
    pub(crate) fn decoded(
        &self,
        arrival: Arrival,
        (from, to): (Instant, Instant),
        sound: &AudioFrame,
    ) {
        let (level, samples) = (Level::of(sound), sound.samples_per_channel() as u32);
        let mut counts = lock(&self.counts);
        counts.conceals = false;
        let stats = &mut counts.stats;
        stats.total_samples_received += u64::from(samples);
        // The samples of a packet leave together: nothing plays them here.
        let each = |delay: Duration| delay.saturating_mul(samples);
        let waited = from.saturating_duration_since(arrival.first);
        stats.jitter_buffer.jitter_buffer_delay += each(waited);
        stats.jitter_buffer.jitter_buffer_emitted_count += u64::from(samples);
        stats.total_processing_delay += each(to.saturating_duration_since(arrival.first));
        level.add_to(&mut stats.level);
    }
}

/// What the encoders of one sender of pictures count, one after the other.
#[derive(Debug, Default)]
pub(crate) struct EncoderMeter {
    counts: Mutex<EncoderCounts>,
}

#[derive(Debug, Default)]
struct EncoderCounts {
    stats: EncoderStats,
    bitrate: Option<u32>,
    rate: FrameRate,
}

/// What an encoder did with a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncodedPicture {
    /// When it had the picture.
    pub(crate) from: Instant,
    /// When it was done.
    pub(crate) to: Instant,
    pub(crate) keyframe: bool,
    /// What it aims at, in bits per second.
    pub(crate) bitrate: u32,
    pub(crate) implementation: &'static str,
}

impl EncoderMeter {
    /// A picture of this width and height became a frame.
    pub(crate) fn encoded(&self, size: (u32, u32), encoded: EncodedPicture) {
        let mut counts = lock(&self.counts);
        counts.rate.note(encoded.to);
        counts.bitrate = Some(encoded.bitrate);
        let stats = &mut counts.stats;
        stats.frames_encoded += 1;
        stats.key_frames_encoded += u64::from(encoded.keyframe);
        stats.frame_width = Some(size.0);
        stats.frame_height = Some(size.1);
        stats.total_encode_time += encoded.to.saturating_duration_since(encoded.from);
        stats.encoder_implementation = Some(encoded.implementation);
    }

    /// What was counted so far; `None` if nothing was encoded.
    pub(crate) fn stats(&self, now: Instant) -> Option<EncoderStats> {
        let counts = lock(&self.counts);
        counts.bitrate?;
        Some(EncoderStats {
            frames_per_second: counts.rate.at(now),
            ..counts.stats.clone()
        })
    }

    /// What the last encoder aimed at, in bits per second.
    pub(crate) fn target_bitrate(&self) -> Option<u32> {
        lock(&self.counts).bitrate
    }
}

/// What an encoder counts of the track that it reads.
#[derive(Debug)]
pub(crate) struct SourceMeter {
    since: Instant,
    counts: Mutex<SourceCounts>,
}

#[derive(Debug, Default)]
struct SourceCounts {
    level: AudioLevelStats,
    size: Option<(u32, u32)>,
    rate: FrameRate,
}

impl SourceMeter {
    /// For a track that is a source since a moment.
    pub(crate) fn new(since: Instant) -> Self {
        Self {
            since,
            counts: Mutex::default(),
        }
    }

    /// The track had sound.
    pub(crate) fn heard(&self, sound: &AudioFrame) {
        let level = Level::of(sound);
        level.add_to(&mut lock(&self.counts).level);
    }

    /// The track had a picture of this width and height.
    pub(crate) fn saw(&self, now: Instant, size: (u32, u32)) {
        let mut counts = lock(&self.counts);
        counts.size = Some(size);
        counts.rate.note(now);
    }

    /// The track had an encoded picture of a size that nobody looked for.
    pub(crate) fn passed(&self, now: Instant) {
        lock(&self.counts).rate.note(now);
    }

    /// What was counted so far, here and by a track that so many frames were written to.
    pub(crate) fn stats(&self, now: Instant, kind: MediaKind, frames: u64) -> MediaSourceStats {
        let counts = lock(&self.counts);
        let old = now.saturating_duration_since(self.since) >= FrameRate::WINDOW;
        match kind {
            MediaKind::Audio => MediaSourceStats::Audio(counts.level),
            MediaKind::Video => MediaSourceStats::Video(VideoSourceStats {
                width: counts.size.map(|(width, _)| width),
                height: counts.size.map(|(_, height)| height),
                frames,
                frames_per_second: old.then(|| counts.rate.at(now)),
            }),
        }
    }
}

/// Counts the frames of the last second.
#[derive(Debug, Default)]
struct FrameRate {
    times: VecDeque<Instant>,
}

impl FrameRate {
    const WINDOW: Duration = Duration::from_secs(1);

    /// More frames than that in a second are not told: the peer decides how many come.
    const MAX: usize = 256;

    fn note(&mut self, now: Instant) {
        let is_old = |time: &Instant| now.saturating_duration_since(*time) >= Self::WINDOW;
        while self.times.front().is_some_and(is_old) || self.times.len() >= Self::MAX {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }

    fn at(&self, now: Instant) -> f64 {
        let is_new = |time: &&Instant| now.saturating_duration_since(**time) < Self::WINDOW;
        self.times.iter().filter(is_new).count() as f64
    }
}

#[cfg(test)]
mod tests {
    use gannet_codecs::I420Buffer;
    use gannet_media::AudioFormat;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrival(first: Instant, packets: u32, keyframe: bool) -> Arrival {
        Arrival {
            first,
            last: first + 4 * MS,
            packets,
            keyframe,
        }
    }

    fn picture(width: u32, height: u32) -> VideoFrame {
        VideoFrame::new(I420Buffer::new(width, height).unwrap(), Duration::ZERO)
    }

    #[test]
    fn a_rate_is_that_of_the_last_second_and_bounded() {
        let start = Instant::now();
        let mut rate = FrameRate::default();
        for index in 0..90 {
            rate.note(start + index * Duration::from_secs(1) / 30);
        }
        let last = start + 89 * Duration::from_secs(1) / 30;
        assert_eq!(rate.at(last), 30.0);
        assert_eq!(rate.at(last + 500 * MS), 15.0);
        assert_eq!(rate.at(last + 1000 * MS), 0.0);
        for _ in 0..10_000 {
            rate.note(last);
        }
        assert_eq!(rate.at(last), FrameRate::MAX as f64);
        assert_eq!(rate.times.len(), FrameRate::MAX);
    }

    #[test]
    fn a_decoder_of_pictures_sums_up() {
        let start = Instant::now();
        let meter = Arc::new(VideoDecoderMeter::default());
        let either = DecoderMeter::Video(Arc::clone(&meter));
        let span = (start + 10 * MS, start + 13 * MS);
        meter.decoded(arrival(start, 3, true), span, &picture(64, 48), "it");
        meter.decoded(arrival(start, 1, false), span, &picture(32, 24), "it");
        meter.dropped();
        let expected = VideoDecoderStats {
            frames_decoded: 2,
            key_frames_decoded: 1,
            frame_width: Some(32),
            frame_height: Some(24),
            frames_per_second: 2.0,
            total_decode_time: 6 * MS,
            total_processing_delay: 26 * MS,
            frames_assembled_from_multiple_packets: 1,
            total_assembly_time: 4 * MS,
            decoder_implementation: Some("it"),
        };
        let now = start + 20 * MS;
        assert_eq!(either.stats(now), DecoderStats::Video(expected));
        assert_eq!(either.frames_dropped(), 1);
        either.reset();
        let empty = DecoderStats::Video(VideoDecoderStats::default());
        assert_eq!((either.stats(now), either.frames_dropped()), (empty, 0));
    }

    #[test]
    fn a_decoder_of_sound_counts_samples() {
        let start = Instant::now();
        let meter = Arc::new(AudioDecoderMeter::default());
        let format = AudioFormat::stereo(48_000);
        let sound = AudioFrame::silence(960, format, Duration::ZERO).unwrap();
        let span = (start + 10 * MS, start + 11 * MS);
        meter.decoded(arrival(start, 1, true), span, &sound);
        meter.concealed(&sound);
        meter.concealed(&sound);
        meter.decoded(arrival(start, 1, true), span, &sound);
        meter.concealed(&sound);
        let DecoderStats::Audio(stats) = DecoderMeter::Audio(meter).stats(start) else {
            panic!("it is of sound");
        };
        assert_eq!(stats.total_samples_received, 5 * 960);
        assert_eq!(stats.concealed_samples, 3 * 960);
        assert_eq!(stats.concealment_events, 2);
        let buffer = stats.jitter_buffer;
        assert_eq!(buffer.jitter_buffer_emitted_count, 2 * 960);
        assert_eq!(buffer.jitter_buffer_delay, 2 * 960 * 10 * MS);
        assert_eq!(stats.total_processing_delay, 2 * 960 * 11 * MS);
        assert_eq!(stats.level.total_samples_duration, 100 * MS);
    }

    #[test]
    fn a_source_has_no_rate_in_its_first_second() {
        let start = Instant::now();
        let meter = SourceMeter::new(start);
        let (writer, track) = gannet_media::Track::new("camera", 1);
        let written = || track.stats().frames_written;
        let stats = |now| match meter.stats(now, MediaKind::Video, written()) {
            MediaSourceStats::Video(stats) => stats,
            MediaSourceStats::Audio(_) => panic!("it is of pictures"),
        };
        assert_eq!(stats(start), VideoSourceStats::default());
        for _ in 0..2 {
            // The second pushes the first out: nobody saw that, but the source had it.
            writer.write(picture(64, 48)).unwrap();
        }
        meter.saw(start + 500 * MS, (64, 48));
        let seen = stats(start + 999 * MS);
        assert_eq!((seen.width, seen.height), (Some(64), Some(48)));
        assert_eq!((seen.frames, seen.frames_per_second), (2, None));
        assert_eq!(stats(start + 1000 * MS).frames_per_second, Some(1.0));
    }

    #[test]
    fn an_encoder_that_did_nothing_says_nothing() {
        let now = Instant::now();
        let meter = EncoderMeter::default();
        assert_eq!((meter.stats(now), meter.target_bitrate()), (None, None));
        let encoded = EncodedPicture {
            from: now,
            to: now + 2 * MS,
            keyframe: true,
            bitrate: 300_000,
            implementation: "it",
        };
        meter.encoded((64, 48), encoded);
        let expected = EncoderStats {
            frames_encoded: 1,
            key_frames_encoded: 1,
            frame_width: Some(64),
            frame_height: Some(48),
            frames_per_second: 1.0,
            total_encode_time: 2 * MS,
            encoder_implementation: Some("it"),
        };
        assert_eq!(meter.stats(now + 2 * MS), Some(expected));
        assert_eq!(meter.target_bitrate(), Some(300_000));
    }
}
