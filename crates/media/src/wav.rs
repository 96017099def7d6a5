use std::{
    fmt,
    io::{Read, Seek, Write},
    time::Duration,
};

use gannet_codecs::{AudioFormat, AudioFrame, FrameError, from_ticks, to_ticks};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use thiserror::Error;

use crate::Source;

/// The most samples that a player holds: an hour in stereo at 48 kHz.
const MAX_SAMPLES: u32 = 48_000 * 2 * 3_600;

/// A WAV file could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WavError {
    /// It is no WAV file of PCM samples, or the reading or writing failed.
    #[error("WAV: {0}")]
    File(#[from] hound::Error),
    /// Its sample rate or channels are out of range.
    #[error("WAV: {0}")]
    Format(#[from] FrameError),
    /// It is too long to be held.
    #[error("WAV: {samples} samples, expected at most {limit}")]
    TooLong {
        /// Samples in the file, of all channels.
        samples: u32,
        /// The limit.
        limit: u32,
    },
    /// A frame of another format than the recording's.
    #[error("a frame of {given} in a recording of {expected}")]
    Changed {
        /// The frame's format.
        given: AudioFormat,
        /// The recording's format.
        expected: AudioFormat,
    },
}

/// Plays a WAV file (integers of 8 to 32 bits, or floats) in pieces of 20 ms.
#[derive(Clone)]
pub struct WavPlayer {
    samples: Vec<i16>,
    format: AudioFormat,
    is_looping: bool,
}

impl WavPlayer {
    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// When it is no WAV file of PCM samples, or too long.
    pub fn new(file: impl Read) -> Result<Self, WavError> {
        let reader = WavReader::new(file)?;
        let (spec, samples) = (reader.spec(), reader.len());
        if samples > MAX_SAMPLES {
            return Err(WavError::TooLong {
                samples,
                limit: MAX_SAMPLES,
            });
        }
        let format = AudioFormat {
            sample_rate: spec.sample_rate,
            channels: spec.channels,
        };
        AudioFrame::silence(0, format, Duration::ZERO)?;
        let mut samples = read_samples(reader, spec)?;
        samples.truncate(samples.len() - samples.len() % usize::from(spec.channels));
        Ok(Self {
            samples,
            format,
            is_looping: false,
        })
    }

    /// Begins again whenever the file has ended.
    #[must_use]
    pub fn looping(mut self) -> Self {
        self.is_looping = true;
        self
    }

    /// Sample rate and channels of the file.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// How long the file plays once.
    pub fn duration(&self) -> Duration {
        from_ticks(self.length() as u64, self.format.sample_rate)
    }

    fn length(&self) -> usize {
        self.samples.len() / usize::from(self.format.channels)
    }
}

fn read_samples(mut reader: WavReader<impl Read>, spec: WavSpec) -> Result<Vec<i16>, hound::Error> {
    match spec.sample_format {
        SampleFormat::Float => {
            let scale = f32::from(i16::MAX);
            reader
                .samples::<f32>()
                .map(|sample| Ok((sample? * scale) as i16))
                .collect()
        }
        SampleFormat::Int => {
            let bits = u32::from(spec.bits_per_sample);
            let to_16_bits = |sample: i32| match bits {
                0..=16 => sample << 16u32.saturating_sub(bits),
                _ => sample >> (bits - 16).min(16),
            };
            reader
                .samples::<i32>()
                .map(|sample| Ok(to_16_bits(sample?) as i16))
                .collect()
        }
    }
}

impl Source for WavPlayer {
    type Frame = AudioFrame;

    fn interval(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn frame_at(&mut self, time: Duration) -> Option<AudioFrame> {
        let rate = self.format.sample_rate;
        let channels = usize::from(self.format.channels);
        let first = to_ticks(time, rate);
        let count = (to_ticks(time + self.interval(), rate) - first) as usize;
        let length = self.length();
        if length == 0 || (!self.is_looping && first >= length as u64) {
            return None;
        }
        let mut position = (first % length as u64) as usize;
        let mut samples = Vec::with_capacity(count * channels);
        while samples.len() < count * channels {
            let missing = count - samples.len() / channels;
            let piece = missing.min(length - position);
            samples.extend_from_slice(&self.samples[position * channels..][..piece * channels]);
            position = 0;
            if !self.is_looping {
                break;
            }
        }
        samples.resize(count * channels, 0);
        AudioFrame::new(samples, self.format, from_ticks(first, rate)).ok()
    }
}

impl fmt::Debug for WavPlayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavPlayer")
            .field("format", &self.format)
            .field("duration", &self.duration())
            .field("is_looping", &self.is_looping)
            .finish()
    }
}

/// Writes sound into a WAV file of 16-bit samples. The first frame decides the format.
pub struct WavRecorder<W: Write + Seek> {
    state: State<W>,
}

enum State<W: Write + Seek> {
    Waiting(Option<W>),
    Writing {
        writer: WavWriter<W>,
        format: AudioFormat,
    },
}

impl<W: Write + Seek> WavRecorder<W> {
    /// A recorder into a file.
    pub fn new(file: W) -> Self {
        Self {
            state: State::Waiting(Some(file)),
        }
    }

    /// Adds a frame.
    ///
    /// # Errors
    ///
    /// When its format is not the first one's, or the writing fails.
    pub fn write(&mut self, frame: &AudioFrame) -> Result<(), WavError> {
        if let State::Waiting(file) = &mut self.state {
            let Some(file) = file.take() else {
                return Ok(());
            };
            let spec = WavSpec {
                channels: frame.channels(),
                sample_rate: frame.sample_rate(),
                bits_per_sample: 16,
                sample_format: SampleFormat::Int,
            };
            let writer = WavWriter::new(file, spec)?;
            self.state = State::Writing {
                writer,
                format: frame.format(),
            };
        }
        if let State::Writing { writer, format } = &mut self.state {
            if frame.format() != *format {
                return Err(WavError::Changed {
                    given: frame.format(),
                    expected: *format,
                });
            }
            for sample in frame.samples() {
                writer.write_sample(*sample)?;
            }
        }
        Ok(())
    }

    /// Completes the file. One that never saw a frame stays empty.
    ///
    /// # Errors
    ///
    /// When the writing fails.
    pub fn finish(self) -> Result<(), WavError> {
        match self.state {
            State::Waiting(_) => Ok(()),
            State::Writing { writer, .. } => Ok(writer.finalize()?),
        }
    }
}

impl<W: Write + Seek> fmt::Debug for WavRecorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavRecorder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Tone;

    fn record(frames: &[AudioFrame]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut recorder = WavRecorder::new(&mut file);
        frames
            .iter()
            .for_each(|frame| recorder.write(frame).unwrap());
        recorder.finish().unwrap();
        file.into_inner()
    }

    fn tone(pieces: u32) -> Vec<AudioFrame> {
        let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(8_000)).unwrap();
        (0..pieces)
            .map(|index| tone.frame_at(tone.interval() * index).unwrap())
            .collect()
    }

    #[test]
    fn what_was_recorded_is_played() {
        let frames = tone(5);
        let mut player = WavPlayer::new(&record(&frames)[..]).unwrap();
        assert_eq!(player.duration(), Duration::from_millis(100));
        for frame in &frames {
            assert_eq!(player.frame_at(frame.timestamp()).as_ref(), Some(frame));
        }
        assert_eq!(player.frame_at(player.duration()), None);
    }

    #[test]
    fn the_end_is_filled_with_silence_or_the_beginning() {
        let frames = tone(2);
        let mut player = WavPlayer::new(&record(&frames)[..]).unwrap();
        let late = Duration::from_millis(30);
        let last = player.frame_at(late).unwrap();
        assert_eq!(last.samples()[..160], frames[1].samples()[160..]);
        assert!(last.samples()[160..].iter().all(|sample| *sample == 0));
        let looped = player
            .looping()
            .frame_at(late + Duration::from_millis(400))
            .unwrap();
        assert_eq!(looped.samples()[..160], frames[1].samples()[160..]);
        assert_eq!(looped.samples()[160..], frames[0].samples()[..160]);
    }

    #[test]
    fn other_sample_formats_become_16_bits() {
        for (bits, format, full) in [
            (8, SampleFormat::Int, 127),
            (24, SampleFormat::Int, 0x7F_FFFF),
        ] {
            let mut file = Cursor::new(Vec::new());
            let spec = WavSpec {
                channels: 1,
                sample_rate: 8_000,
                bits_per_sample: bits,
                sample_format: format,
            };
            let mut writer = WavWriter::new(&mut file, spec).unwrap();
            for sample in [0, full, -full] {
                writer.write_sample::<i32>(sample).unwrap();
            }
            writer.finalize().unwrap();
            let mut player = WavPlayer::new(&file.into_inner()[..]).unwrap();
            let heard = player.frame_at(Duration::ZERO).unwrap();
            assert!(
                heard.samples()[1] > 32_000 && heard.samples()[2] < -32_000,
                "{bits} bits"
            );
        }
    }

    #[test]
    fn no_wav_is_an_error() {
        assert!(WavPlayer::new(&b"RIFFxxxxJUNK"[..]).is_err());
        let whole = record(&tone(2));
        for length in 0..44 {
            let _ = WavPlayer::new(&whole[..length]);
        }
        let mut recorder = WavRecorder::new(Cursor::new(Vec::new()));
        recorder.write(&tone(1)[0]).unwrap();
        let mono = AudioFrame::silence(1, AudioFormat::mono(8_000), Duration::ZERO).unwrap();
        assert!(matches!(
            recorder.write(&mono),
            Err(WavError::Changed { .. })
        ));
    }
}
