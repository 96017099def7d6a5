/// The range of pitch periods that are looked for: 66 to 400 Hz.
const PITCH_HERTZ: (u32, u32) = (66, 400);
/// After this much made-up sound it is silent: 60 ms, as G.711's appendix I does.
const FADE_MILLIS: u32 = 60;

/// Makes up lost sound for codecs that cannot: repeats the last pitch period and fades it out.
///
/// In the manner of G.711's appendix I: the period is found by correlation in the last sound, its
/// repetition is faded to silence, and the first sound after the gap is blended in.
#[derive(Clone, Debug)]
pub(crate) struct Concealer {
    sample_rate: u32,
    /// The last sound, three of the longest periods.
    history: Vec<i16>,
    /// While concealing: the period, and how many samples were made up.
    gap: Option<Gap>,
}

#[derive(Clone, Debug)]
struct Gap {
    period: Vec<i16>,
    made_up: usize,
}

impl Concealer {
    pub(crate) fn new(sample_rate: u32) -> Self {
        let longest = (sample_rate / PITCH_HERTZ.0) as usize;
        Self {
            sample_rate,
            history: vec![0; 3 * longest],
            gap: None,
        }
    }

    /// Notes sound that arrived; after a gap its beginning is blended with the made-up one.
    pub(crate) fn heard(&mut self, samples: &mut [i16]) {
        if let Some(gap) = self.gap.take() {
            let blend = (self.sample_rate as usize / 250).min(samples.len());
            let made_up = self.made_up(&gap, blend);
            for (index, (sample, other)) in samples.iter_mut().zip(made_up).enumerate() {
                let weight = (index + 1) as f32 / (blend + 1) as f32;
                let blended = f32::from(*sample) * weight + f32::from(other) * (1.0 - weight);
                *sample = blended.round() as i16;
            }
        }
        self.remember(samples);
    }

    /// Makes up the next `count` samples.
    pub(crate) fn conceal(&mut self, count: usize) -> Vec<i16> {
        let mut gap = match self.gap.take() {
            Some(gap) => gap,
            None => Gap {
                period: self.last_period(),
                made_up: 0,
            },
        };
        let samples = self.made_up(&gap, count);
        gap.made_up += count;
        self.gap = Some(gap);
        samples
    }

    fn made_up(&self, gap: &Gap, count: usize) -> Vec<i16> {
        let fade = (self.sample_rate * FADE_MILLIS / 1_000) as f32;
        let positions = gap.made_up..gap.made_up + count;
        let sample = |position: usize| {
            let gain = (1.0 - position as f32 / fade).max(0.0);
            (f32::from(gap.period[position % gap.period.len()]) * gain) as i16
        };
        positions.map(sample).collect()
    }

    fn remember(&mut self, samples: &[i16]) {
        let keep = self.history.len();
        let new = &samples[samples.len().saturating_sub(keep)..];
        self.history.drain(..new.len());
        self.history.extend_from_slice(new);
    }

    /// The end of the history that continues it best: the lag of the highest normalized correlation.
    fn last_period(&self) -> Vec<i16> {
        let shortest = (self.sample_rate / PITCH_HERTZ.1) as usize;
        let longest = (self.sample_rate / PITCH_HERTZ.0) as usize;
        let mut best = (longest, 0.0f32);
        for lag in shortest..=longest {
            let score = self.correlation(lag, longest);
            if score > best.1 {
                best = (lag, score);
            }
        }
        self.history[self.history.len() - best.0..].to_vec()
    }

    /// How alike the last `length` samples and those `lag` earlier are, -1 to 1.
    fn correlation(&self, lag: usize, length: usize) -> f32 {
        let end = self.history.len();
        let recent = &self.history[end - length..];
        let earlier = &self.history[end - length - lag..end - lag];
        let (mut product, mut recent_power, mut earlier_power) = (0.0f32, 1.0f32, 1.0f32);
        for (a, b) in recent.iter().zip(earlier) {
            let (a, b) = (f32::from(*a), f32::from(*b));
            product += a * b;
            recent_power += a * a;
            earlier_power += b * b;
        }
        product / (recent_power * earlier_power).sqrt()
    }
}
