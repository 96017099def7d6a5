use std::time::Duration;

use crate::{AudioFormat, AudioFrame, FrameError, from_ticks, resample::Resampler};

/// How far a frame's timestamp may be from where the last frame ended before the converter starts
/// anew: a jump, not a rounding.
const MAX_DRIFT: Duration = Duration::from_millis(40);

/// Makes audio frames of one format from frames of any.
///
/// A stream goes through one converter, because a change of rate needs the samples before and after
/// each one: a frame may come out some samples shorter than it went in, and the next one makes up
/// for it. Timestamps stay true to the samples.
///
/// Fewer channels are the mean of those that fold into them (channel `i` into `i` modulo the count);
/// more channels repeat them.
///
/// ```
/// use std::time::Duration;
///
/// use gannet_codecs::{AudioConverter, AudioFormat, AudioFrame};
///
/// let mut converter = AudioConverter::new(AudioFormat::mono(16_000))?;
/// let frame = AudioFrame::silence(960, AudioFormat::stereo(48_000), Duration::ZERO)?;
/// assert_eq!(converter.convert(&frame).format(), AudioFormat::mono(16_000));
/// # Ok::<(), gannet_codecs::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AudioConverter {
    target: AudioFormat,
    stream: Option<Stream>,
}

/// What is known of the stream that is being converted.
#[derive(Clone, Debug)]
struct Stream {
    source: AudioFormat,
    resamplers: Vec<Resampler>,
    started: Duration,
    samples_in: u64,
    samples_out: u64,
}

impl AudioConverter {
    /// A converter to `target`.
    ///
    /// # Errors
    ///
    /// When no frame can have that format.
    pub fn new(target: AudioFormat) -> Result<Self, FrameError> {
        Ok(Self {
            target: target.check()?,
            stream: None,
        })
    }

    /// The format of the frames that it makes.
    pub fn target(&self) -> AudioFormat {
        self.target
    }

    /// Converts the next frame of the stream. One that has the format already is only shared.
    ///
    /// A frame of another format than the last, or one that does not begin near the last one's
    /// end, begins a new stream.
    pub fn convert(&mut self, frame: &AudioFrame) -> AudioFrame {
        if frame.format() == self.target {
            self.stream = None;
            return frame.clone();
        }
        let mut stream = match self.stream.take() {
            Some(stream) if stream.is_continued_by(frame) => stream,
            _ => Stream::new(frame, self.target),
        };
        let converted = stream.convert(frame, self.target);
        self.stream = Some(stream);
        converted
    }
}

impl Stream {
    fn new(first: &AudioFrame, target: AudioFormat) -> Self {
        let source = first.format();
        let resampled_channels = usize::from(source.channels.min(target.channels));
        let resamplers = if source.sample_rate == target.sample_rate {
            Vec::new()
        } else {
            vec![Resampler::new(source.sample_rate, target.sample_rate); resampled_channels]
        };
        Self {
            source,
            resamplers,
            started: first.timestamp(),
            samples_in: 0,
            samples_out: 0,
        }
    }

    fn is_continued_by(&self, frame: &AudioFrame) -> bool {
        let expected = self.started + from_ticks(self.samples_in, self.source.sample_rate);
        self.source == frame.format() && expected.abs_diff(frame.timestamp()) <= MAX_DRIFT
    }

    fn convert(&mut self, frame: &AudioFrame, target: AudioFormat) -> AudioFrame {
        let channels = split(frame.samples(), self.source.channels);
        let mut channels = fold(channels, usize::from(target.channels));
        for (resampler, channel) in self.resamplers.iter_mut().zip(&mut channels) {
            let mut resampled = Vec::with_capacity(channel.len() * 2);
            resampler.process(channel, &mut resampled);
            *channel = resampled;
        }
        let timestamp = self.started + from_ticks(self.samples_out, target.sample_rate);
        self.samples_in += frame.samples_per_channel() as u64;
        self.samples_out += channels[0].len() as u64;
        let samples = interleave(&channels, usize::from(target.channels));
        AudioFrame::new(samples, target, timestamp)
            .expect("the target was checked, and every sample group is whole")
    }
}

fn split(samples: &[i16], channels: u16) -> Vec<Vec<f32>> {
    let channels = usize::from(channels);
    let channel = |index| {
        samples
            .iter()
            .skip(index)
            .step_by(channels)
            .map(|s| f32::from(*s))
    };
    (0..channels)
        .map(|index| channel(index).collect())
        .collect()
}

/// Folds channels into at most `count`.
fn fold(mut channels: Vec<Vec<f32>>, count: usize) -> Vec<Vec<f32>> {
    if channels.len() <= count {
        return channels;
    }
    let extra = channels.split_off(count);
    let total = count + extra.len();
    for (index, channel) in channels.iter_mut().enumerate() {
        for other in extra.iter().skip(index).step_by(count) {
            channel
                .iter_mut()
                .zip(other)
                .for_each(|(sum, sample)| *sum += sample);
        }
        let folded = (total - index).div_ceil(count) as f32;
        channel.iter_mut().for_each(|sum| *sum /= folded);
    }
    channels
}

/// Interleaves `count` channels; those beyond the given ones repeat them.
fn interleave(channels: &[Vec<f32>], count: usize) -> Vec<i16> {
    let length = channels[0].len();
    let mut samples = vec![0; length * count];
    for (index, group) in samples.chunks_mut(count).enumerate() {
        for (channel, sample) in group.iter_mut().enumerate() {
            *sample = channels[channel % channels.len()][index].round() as i16;
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tone::{level_at, sine};

    fn convert_in_pieces(frame: &AudioFrame, piece: usize, target: AudioFormat) -> Vec<AudioFrame> {
        let mut converter = AudioConverter::new(target).unwrap();
        let channels = usize::from(frame.channels());
        let mut start = 0;
        let pieces = frame.samples().chunks(piece * channels).map(|samples| {
            let timestamp = from_ticks(start, frame.sample_rate());
            start += (samples.len() / channels) as u64;
            converter.convert(&AudioFrame::new(samples, frame.format(), timestamp).unwrap())
        });
        pieces.collect()
    }

    #[test]
    fn a_tone_keeps_pitch_and_level_through_every_rate() {
        for (from, to) in [
            (48_000, 8_000),
            (48_000, 16_000),
            (44_100, 48_000),
            (8_000, 48_000),
            (48_000, 44_100),
        ] {
            let tone = sine(440.0, 10_000.0, AudioFormat::mono(from), from as usize);
            let frames = convert_in_pieces(&tone, 441, AudioFormat::mono(to));
            let heard: Vec<i16> = frames.iter().flat_map(|f| f.samples().to_vec()).collect();
            assert!(
                heard.len().abs_diff(to as usize) < to as usize / 100,
                "{from} to {to}"
            );
            let middle = &heard[heard.len() / 4..heard.len() * 3 / 4];
            let level = level_at(middle, to, 440.0);
            assert!(
                (9_900.0..10_100.0).contains(&level),
                "{from} to {to}: {level}"
            );
            assert!(level_at(middle, to, 523.0) < 60.0, "{from} to {to}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_say_is_gone() {
        let tone = sine(6_000.0, 10_000.0, AudioFormat::mono(48_000), 48_000);
        let frames = convert_in_pieces(&tone, 960, AudioFormat::mono(8_000));
        let heard: Vec<i16> = frames.iter().flat_map(|f| f.samples().to_vec()).collect();
        assert!(level_at(&heard[800..7_200], 8_000, 2_000.0) < 20.0);
    }

    #[test]
    fn timestamps_count_samples_and_jump_with_the_stream() {
        let tone = sine(440.0, 10_000.0, AudioFormat::stereo(44_100), 44_100);
        let frames = convert_in_pieces(&tone, 882, AudioFormat::stereo(48_000));
        let mut count = 0;
        for frame in &frames {
            assert_eq!(frame.timestamp(), from_ticks(count, 48_000));
            count += frame.samples_per_channel() as u64;
        }
        let mut converter = AudioConverter::new(AudioFormat::mono(8_000)).unwrap();
        let frame = AudioFrame::silence(960, AudioFormat::mono(48_000), Duration::ZERO).unwrap();
        converter.convert(&frame);
        let late = converter.convert(&frame.with_timestamp(Duration::from_secs(9)));
        assert_eq!(late.timestamp(), Duration::from_secs(9));
    }

    #[test]
    fn channels_fold_and_repeat() {
        let stereo = AudioFrame::new(
            vec![100, 300, -50, -50],
            AudioFormat::stereo(8_000),
            Duration::ZERO,
        );
        let mut to_mono = AudioConverter::new(AudioFormat::mono(8_000)).unwrap();
        let mono = to_mono.convert(&stereo.unwrap());
        assert_eq!(mono.samples(), [200, -50]);
        let mut to_stereo = AudioConverter::new(AudioFormat::stereo(8_000)).unwrap();
        assert_eq!(to_stereo.convert(&mono).samples(), [200, 200, -50, -50]);
        let three = AudioFormat {
            sample_rate: 8_000,
            channels: 3,
        };
        let surround = AudioFrame::new(vec![10, 20, 30], three, Duration::ZERO).unwrap();
        assert_eq!(to_stereo.convert(&surround).samples(), [20, 20]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn pieces_do_not_change_the_sound(
            samples in proptest::collection::vec(any::<i16>(), 2_000),
            piece in 1usize..1_500,
            (from, to) in prop_oneof![
                Just((48_000u32, 16_000u32)), Just((44_100, 48_000)), Just((8_000, 48_000)),
                (4_000u32..50_000, 4_000u32..50_000),
            ],
        ) {
            let frame = AudioFrame::new(samples, AudioFormat::mono(from), Duration::ZERO).unwrap();
            let target = AudioFormat::mono(to);
            let whole = convert_in_pieces(&frame, 2_000, target);
            let pieces = convert_in_pieces(&frame, piece, target);
            let joined: Vec<i16> = pieces.iter().flat_map(|f| f.samples().to_vec()).collect();
            prop_assert_eq!(whole[0].samples(), &joined[..]);
        }
    }
}
