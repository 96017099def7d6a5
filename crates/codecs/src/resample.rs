use std::f64::consts::PI;

/// Zero crossings of the sinc on each side of its middle. 16 give a transition band of about an
/// eighth of the lower rate at 70 dB, and half a millisecond of delay at 48 kHz to 32 kHz and up.
const ZERO_CROSSINGS: f64 = 16.0;
/// Kaiser's shape parameter for 70 dB in the stop band.
const KAISER_BETA: f64 = 7.0;
/// The most positions between two input samples for which a filter is kept. Ratios that need more
/// (44.1 kHz to 48 kHz needs 160) take the nearest of these, an error 60 dB down.
const MAX_PHASES: u64 = 1_024;

/// Changes the sample rate of one channel, piece by piece, by a windowed sinc per output position.
///
/// The first output sample lies exactly on the first input sample; the filter's look-ahead delays
/// only when samples come out.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    /// Input and output rate without their common factor.
    step: u64,
    steps_per_sample: u64,
    /// `taps` coefficients for each phase, one after the other.
    filters: Vec<f32>,
    phases: u64,
    taps: usize,
    /// Input samples that outputs still need.
    history: Vec<f32>,
    /// The place of the next output in `history`: its first tap, and the part of a sample after it.
    first_tap: usize,
    fraction: u64,
}

impl Resampler {
    pub(crate) fn new(input_rate: u32, output_rate: u32) -> Self {
        let divisor = gcd(input_rate, output_rate);
        let step = u64::from(input_rate / divisor);
        let steps_per_sample = u64::from(output_rate / divisor);
        let phases = steps_per_sample.min(MAX_PHASES);
        // A lower output rate widens the sinc, so that it cuts off at the output's band.
        let cutoff = (f64::from(output_rate) / f64::from(input_rate)).min(1.0);
        let half = (ZERO_CROSSINGS / cutoff).ceil() as usize;
        Self {
            step,
            steps_per_sample,
            filters: design(phases, half, cutoff),
            phases,
            taps: 2 * half,
            history: vec![0.0; half - 1],
            first_tap: 0,
            fraction: 0,
        }
    }

    /// Appends to `output` all samples that can be made now that `input` is here.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.history.extend_from_slice(input);
        while let Some(window) = self.history.get(self.first_tap..self.first_tap + self.taps) {
            let phase = (self.fraction * self.phases / self.steps_per_sample) as usize;
            let filter = &self.filters[phase * self.taps..][..self.taps];
            output.push(dot(window, filter));
            self.fraction += self.step;
            self.first_tap += (self.fraction / self.steps_per_sample) as usize;
            self.fraction %= self.steps_per_sample;
        }
        let used = self.first_tap.min(self.history.len());
        self.history.drain(..used);
        self.first_tap -= used;
    }
}

/// Eight sums side by side, which the compiler turns into vector instructions.
fn dot(samples: &[f32], filter: &[f32]) -> f32 {
    let (samples, samples_rest) = samples.as_chunks::<8>();
    let (filter, filter_rest) = filter.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (samples, taps) in samples.iter().zip(filter) {
        for ((sum, sample), tap) in sums.iter_mut().zip(samples).zip(taps) {
            *sum += sample * tap;
        }
    }
    let rest: f32 = samples_rest
        .iter()
        .zip(filter_rest)
        .map(|(sample, tap)| sample * tap)
        .sum();
    sums.iter().sum::<f32>() + rest
}

fn design(phases: u64, half: usize, cutoff: f64) -> Vec<f32> {
    let mut filters = Vec::with_capacity(phases as usize * 2 * half);
    for phase in 0..phases {
        let offset = phase as f64 / phases as f64;
        let taps = (0..2 * half).map(|tap| {
            // The output lies `offset` after the sample under tap `half - 1`.
            let distance = tap as f64 - (half as f64 - 1.0) - offset;
            cutoff * sinc(distance * cutoff) * kaiser(distance / half as f64)
        });
        let taps: Vec<f64> = taps.collect();
        // Each phase passes a constant unchanged.
        let gain: f64 = taps.iter().sum();
        filters.extend(taps.iter().map(|tap| (tap / gain) as f32));
    }
    filters
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

fn kaiser(x: f64) -> f64 {
    bessel_i0(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(KAISER_BETA)
}

/// The modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
