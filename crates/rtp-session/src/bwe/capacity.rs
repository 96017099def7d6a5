//! What the line carries at most, as far as congestion has shown it (draft-ietf-rmcat-gcc-02, section 5.5):
//! near it the target grows by little, far from it by a part of itself.

/// How much one overuse counts, and one probe that filled the line. A probe sees the line alone; what is
/// measured at an overuse depends on what was sent just then.
const OVERUSE_WEIGHT: f64 = 0.05;
const PROBE_WEIGHT: f64 = 0.5;

/// The variance of the measurements in kbit/s, as a part of their mean: 0.4 is a deviation of 20 kbit/s at
/// 1 Mbit/s, 2.5 one of 50 kbit/s. So far they lie apart on lines whose rate does not change.
const LEAST_VARIANCE: f64 = 0.4;
const MOST_VARIANCE: f64 = 2.5;

/// A measurement that lies more deviations away is one of another line.
const DEVIATIONS: f64 = 3.0;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// In kbit/s.
    mean: Option<f64>,
    variance: f64,
}

impl Capacity {
    pub(crate) const fn new() -> Self {
        Self {
            mean: None,
            variance: LEAST_VARIANCE,
        }
    }

    pub(crate) const fn is_known(&self) -> bool {
        self.mean.is_some()
    }

    /// So much arrived, in bits per second, while a queue grew.
    pub(crate) fn on_overuse(&mut self, measured: f64) {
        if self.distance(measured) < -DEVIATIONS {
            self.mean = None;
        }
        self.update(measured / 1000.0, OVERUSE_WEIGHT);
    }

    /// So much of a probe arrived, in bits per second, that was faster than the line.
    pub(crate) fn on_probe(&mut self, measured: f64) {
        if self.distance(measured).abs() > DEVIATIONS {
            self.mean = None;
        }
        self.update(measured / 1000.0, PROBE_WEIGHT);
    }

    /// So much arrives, in bits per second. If that is more than the line was thought to carry, nothing is
    /// known of it.
    pub(crate) fn on_throughput(&mut self, measured: f64) {
        if self.distance(measured) > DEVIATIONS {
            self.mean = None;
        }
    }

    /// How many deviations a rate lies above what the line carries; 0 if that is not known.
    fn distance(&self, rate: f64) -> f64 {
        self.mean.map_or(0.0, |mean| {
            (rate / 1000.0 - mean) / (self.variance * mean).sqrt().max(1.0)
        })
    }

    fn update(&mut self, sample: f64, weight: f64) {
        let mean = self
            .mean
            .map_or(sample, |mean| mean + weight * (sample - mean));
        let error = mean - sample;
        let variance = self.variance + weight * (error * error / mean.max(1.0) - self.variance);
        self.variance = variance.clamp(LEAST_VARIANCE, MOST_VARIANCE);
        self.mean = Some(mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 1 Mbit/s: three deviations of 20 kbit/s around it, more when measurements lie apart.
    #[test]
    fn it_is_forgotten_when_more_arrives() {
        let mut capacity = Capacity::new();
        assert!(!capacity.is_known());
        capacity.on_throughput(9e9);
        capacity.on_overuse(1_000_000.0);
        capacity.on_throughput(1_059_000.0);
        assert!(capacity.is_known());
        capacity.on_throughput(1_061_000.0);
        assert!(!capacity.is_known());
        for sample in [1_000_000.0, 1_100_000.0, 950_000.0, 1_080_000.0, 980_000.0] {
            capacity.on_overuse(sample);
        }
        capacity.on_throughput(1_080_000.0);
        assert!(capacity.is_known());
    }

    #[test]
    fn a_much_lower_measurement_is_one_of_another_line() {
        let mut capacity = Capacity::new();
        capacity.on_overuse(1_000_000.0);
        capacity.on_overuse(500_000.0);
        assert_eq!(capacity.mean, Some(500.0));
        capacity.on_probe(510_000.0);
        assert_eq!(capacity.mean, Some(505.0));
        capacity.on_probe(2_000_000.0);
        assert_eq!(capacity.mean, Some(2000.0));
        capacity.on_overuse(0.0);
        assert_eq!(capacity.mean, Some(0.0));
        capacity.on_throughput(2_000.0);
        assert!(capacity.is_known(), "less than a kbit/s away");
    }
}
