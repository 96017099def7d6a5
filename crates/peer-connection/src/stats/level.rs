//! How loud sound is.

use gannet_media::AudioFrame;
use gannet_ortc::stats::AudioLevelStats;

/// What webrtc-stats counts of a stretch of sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level<'a> {
    sound: &'a AudioFrame,
    /// The mean of the squares of its samples, where full scale is 1.
    mean_square: f64,
}

impl<'a> Level<'a> {
    /// Looks at every sample once.
    pub(super) fn of(sound: &'a AudioFrame) -> Self {
        let count = sound.samples_per_channel().max(1) as f64;
        let sum: u64 = sound
            .samples()
            .chunks_exact(usize::from(sound.channels()).max(1))
            .map(|sample| u64::from(loudest(sample)).pow(2))
            .sum();
        let full = f64::from(i16::MAX).powi(2);
        Self {
            sound,
            mean_square: sum as f64 / full / count,
        }
    }

    /// Adds it to what was heard before.
    pub(super) fn add_to(self, stats: &mut AudioLevelStats) {
        let duration = self.sound.duration();
        // The most negative sample is louder than full scale, by one.
        stats.audio_level = self.mean_square.sqrt().min(1.0);
        stats.total_audio_energy += self.mean_square * duration.as_secs_f64();
        stats.total_samples_duration += duration;
    }
}

/// The channel with the highest energy counts.
fn loudest(sample: &[i16]) -> u16 {
    let channels = sample.iter().map(|channel| channel.unsigned_abs());
    channels.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gannet_media::{AudioFormat, Source, Tone};

    use super::*;

    fn heard(samples: Vec<i16>, channels: u16) -> AudioLevelStats {
        let format = AudioFormat {
            sample_rate: 100,
            channels,
        };
        let sound = AudioFrame::new(samples, format, Duration::ZERO).unwrap();
        let mut stats = AudioLevelStats::default();
        Level::of(&sound).add_to(&mut stats);
        stats
    }

    /// The example of webrtc-stats, with 10 ms at an RMS of 0.5, and as much at 0.1.
    #[test]
    fn the_energy_is_that_of_the_example() {
        let half = i16::MAX / 2;
        let format = AudioFormat::mono(100);
        let mut stats = AudioLevelStats::default();
        for sample in [-half, i16::MAX / 10] {
            let sound = AudioFrame::new(vec![sample], format, Duration::ZERO).unwrap();
            Level::of(&sound).add_to(&mut stats);
        }
        assert!(
            (stats.total_audio_energy - 0.0026).abs() < 1e-6,
            "{stats:?}"
        );
        assert!((stats.audio_level - 0.1).abs() < 1e-4, "{stats:?}");
        assert_eq!(stats.total_samples_duration, Duration::from_millis(20));
    }

    #[test]
    fn of_two_channels_the_louder_one_counts() {
        let stats = heard(vec![i16::MAX, 0, 0, -i16::MAX], 2);
        assert_eq!(stats.audio_level, 1.0);
        assert_eq!(stats.total_samples_duration, Duration::from_millis(20));
        assert_eq!(heard(vec![i16::MIN], 1).audio_level, 1.0);
    }

    #[test]
    fn silence_and_nothing_have_no_energy() {
        for samples in [vec![0; 4], vec![]] {
            let stats = heard(samples, 1);
            assert_eq!((stats.audio_level, stats.total_audio_energy), (0.0, 0.0));
        }
    }

    #[test]
    fn a_sine_has_half_the_square_of_its_amplitude() {
        let mut tone = Tone::new(440.0, 0.2, AudioFormat::stereo(48_000)).unwrap();
        let mut stats = AudioLevelStats::default();
        for index in 0..50 {
            let sound = tone.frame_at(Duration::from_millis(20 * index)).unwrap();
            Level::of(&sound).add_to(&mut stats);
        }
        assert_eq!(stats.total_samples_duration, Duration::from_secs(1));
        assert!((stats.total_audio_energy - 0.02).abs() < 1e-5, "{stats:?}");
    }
}
