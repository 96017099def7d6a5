//! Sines, and how much of one is in a sound (Goertzel). For tests.

use std::{f64::consts::TAU, time::Duration};

use crate::{AudioFormat, AudioFrame};

pub(crate) fn sine(hertz: f64, amplitude: f64, format: AudioFormat, count: usize) -> AudioFrame {
    let step = TAU * hertz / f64::from(format.sample_rate);
    let wave = (0..count).map(|i| (amplitude * (step * i as f64).sin()).round() as i16);
    let samples: Vec<i16> = wave
        .flat_map(|sample| std::iter::repeat_n(sample, usize::from(format.channels)))
        .collect();
    AudioFrame::new(samples, format, Duration::ZERO).unwrap()
}

/// The amplitude of the sine of `hertz` in mono `samples`.
pub(crate) fn level_at(samples: &[i16], sample_rate: u32, hertz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / f64::from(sample_rate)).cos();
    let count = samples.len() as f64;
    let (mut last, mut before) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * index as f64 / count).cos();
        let next = f64::from(*sample) * window + coefficient * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - coefficient * last * before;
    4.0 * power.max(0.0).sqrt() / count
}
