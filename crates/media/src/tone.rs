use std::{f64::consts::TAU, time::Duration};

use gannet_codecs::{AudioFormat, AudioFrame, FrameError, from_ticks, to_ticks};

use crate::Source;

/// A sine without end, in pieces of 20 ms, alike in every channel.
///
/// The sound of a media time is always the same, so that pieces join without a click.
#[derive(Clone, Debug)]
pub struct Tone {
    hertz: f64,
    amplitude: f64,
    format: AudioFormat,
}

impl Tone {
    /// A tone of `hertz` at `level` (0.0 to 1.0 of full scale).
    ///
    /// # Errors
    ///
    /// When no frame can have that format.
    pub fn new(hertz: f64, level: f64, format: AudioFormat) -> Result<Self, FrameError> {
        AudioFrame::silence(0, format, Duration::ZERO)?;
        let amplitude = level.clamp(0.0, 1.0) * f64::from(i16::MAX);
        Ok(Self {
            hertz,
            amplitude,
            format,
        })
    }
}

impl Source for Tone {
    type Frame = AudioFrame;

    fn interval(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn frame_at(&mut self, time: Duration) -> Option<AudioFrame> {
        let rate = self.format.sample_rate;
        let first = to_ticks(time, rate);
        let count = to_ticks(time + self.interval(), rate) - first;
        let samples: Vec<i16> = (first..first + count)
            .flat_map(|index| {
                let phase = (self.hertz * index as f64 / f64::from(rate)).fract();
                let sample = (self.amplitude * (TAU * phase).sin()).round() as i16;
                std::iter::repeat_n(sample, usize::from(self.format.channels))
            })
            .collect();
        AudioFrame::new(samples, self.format, from_ticks(first, rate)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_without_a_click() {
        let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(44_100)).unwrap();
        let mut time = Duration::ZERO;
        let mut samples = Vec::new();
        for _ in 0..50 {
            let frame = tone.frame_at(time).unwrap();
            assert_eq!(
                frame.timestamp(),
                from_ticks(samples.len() as u64 / 2, 44_100)
            );
            samples.extend_from_slice(frame.samples());
            time += tone.interval();
        }
        assert_eq!(samples.len(), 2 * 44_100);
        let steepest = (TAU * 440.0 / 44_100.0 * 16_384.0).ceil() as i32 + 1;
        for pair in samples.chunks(2).collect::<Vec<_>>().windows(2) {
            assert_eq!(pair[0][0], pair[0][1]);
            assert!((i32::from(pair[0][0]) - i32::from(pair[1][0])).abs() <= steepest);
        }
        let crossings = samples.chunks(2).collect::<Vec<_>>();
        let rises = crossings
            .windows(2)
            .filter(|p| p[0][0] < 0 && p[1][0] >= 0)
            .count();
        assert!((439..=440).contains(&rises), "{rises} periods in a second");
    }

    #[test]
    fn impossible_formats_are_refused() {
        assert!(Tone::new(440.0, 0.5, AudioFormat::mono(0)).is_err());
    }
}
