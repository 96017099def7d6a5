use std::{fmt, sync::Arc, time::Duration};

use crate::{FrameError, from_ticks};

/// A sample rate and a channel count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Interleaved channels: 1 is mono, 2 is left and right.
    pub channels: u16,
}

impl AudioFormat {
    /// The most channels a frame can have.
    pub const MAX_CHANNELS: u16 = 8;
    /// The highest sample rate a frame can have.
    pub const MAX_SAMPLE_RATE: u32 = 384_000;

    /// One channel.
    pub const fn mono(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            channels: 1,
        }
    }

    /// Left and right.
    pub const fn stereo(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            channels: 2,
        }
    }

    pub(crate) fn check(self) -> Result<Self, FrameError> {
        let Self {
            sample_rate,
            channels,
        } = self;
        let rate_holds = (1..=Self::MAX_SAMPLE_RATE).contains(&sample_rate);
        if !rate_holds || !(1..=Self::MAX_CHANNELS).contains(&channels) {
            return Err(FrameError::Format {
                sample_rate,
                channels,
            });
        }
        Ok(self)
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz x {}", self.sample_rate, self.channels)
    }
}

/// A stretch of sound: interleaved signed 16-bit samples, and when it begins.
///
/// A clone shares the samples.
#[derive(Clone, PartialEq, Eq)]
pub struct AudioFrame {
    samples: Arc<[i16]>,
    format: AudioFormat,
    timestamp: Duration,
}

impl AudioFrame {
    /// A frame of interleaved `samples` that begins at the media time `timestamp`.
    ///
    /// # Errors
    ///
    /// When the format is out of range, or the samples do not divide by its channels.
    pub fn new(
        samples: impl Into<Arc<[i16]>>,
        format: AudioFormat,
        timestamp: Duration,
    ) -> Result<Self, FrameError> {
        let samples = samples.into();
        let format = format.check()?;
        if !samples.len().is_multiple_of(usize::from(format.channels)) {
            return Err(FrameError::Interleaving {
                samples: samples.len(),
                channels: format.channels,
            });
        }
        Ok(Self {
            samples,
            format,
            timestamp,
        })
    }

    /// `samples_per_channel` samples of silence.
    ///
    /// # Errors
    ///
    /// When the format is out of range.
    pub fn silence(
        samples_per_channel: usize,
        format: AudioFormat,
        timestamp: Duration,
    ) -> Result<Self, FrameError> {
        let count = samples_per_channel.saturating_mul(usize::from(format.check()?.channels));
        Self::new(vec![0; count], format, timestamp)
    }

    /// The interleaved samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Sample rate and channels.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Samples per second and channel.
    pub fn sample_rate(&self) -> u32 {
        self.format.sample_rate
    }

    /// Interleaved channels.
    pub fn channels(&self) -> u16 {
        self.format.channels
    }

    /// How many samples each channel has.
    pub fn samples_per_channel(&self) -> usize {
        self.samples.len() / usize::from(self.format.channels)
    }

    /// How long the frame sounds.
    pub fn duration(&self) -> Duration {
        from_ticks(self.samples_per_channel() as u64, self.format.sample_rate)
    }

    /// The media time at which the frame begins.
    pub fn timestamp(&self) -> Duration {
        self.timestamp
    }

    /// The same sound at another time.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Duration) -> Self {
        self.timestamp = timestamp;
        self
    }
}

impl fmt::Debug for AudioFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioFrame")
            .field("samples_per_channel", &self.samples_per_channel())
            .field("format", &self.format)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_knows_its_length() {
        let frame =
            AudioFrame::silence(960, AudioFormat::stereo(48_000), Duration::from_secs(1)).unwrap();
        assert_eq!(frame.samples().len(), 1920);
        assert_eq!(frame.samples_per_channel(), 960);
        assert_eq!(frame.duration(), Duration::from_millis(20));
        assert_eq!(
            frame.clone().with_timestamp(Duration::ZERO).samples(),
            frame.samples()
        );
    }

    #[test]
    fn impossible_frames_are_refused() {
        let odd = AudioFrame::new(vec![0; 3], AudioFormat::stereo(48_000), Duration::ZERO);
        assert_eq!(
            odd.unwrap_err(),
            FrameError::Interleaving {
                samples: 3,
                channels: 2
            }
        );
        for format in [
            AudioFormat {
                sample_rate: 0,
                channels: 1,
            },
            AudioFormat {
                sample_rate: 48_000,
                channels: 0,
            },
            AudioFormat {
                sample_rate: 48_000,
                channels: 9,
            },
            AudioFormat {
                sample_rate: 384_001,
                channels: 1,
            },
        ] {
            assert!(
                AudioFrame::silence(1, format, Duration::ZERO).is_err(),
                "{format}"
            );
        }
    }
}
