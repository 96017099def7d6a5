use super::tables::{
    EXP2, LOWER_DECISIONS, LOWER_LEVELS_4, LOWER_LEVELS_6, LOWER_LOG_STEPS, UPPER_DECISION,
    UPPER_LEVELS, UPPER_LOG_STEPS,
};

/// What differs between the bands in the adaptation of the scale factor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    initial_scale: i32,
    log_limit: i32,
    exponent_offset: i32,
}

pub(super) const LOWER: Kind = Kind {
    initial_scale: 32,
    log_limit: 18_432,
    exponent_offset: 8,
};
pub(super) const UPPER: Kind = Kind {
    initial_scale: 8,
    log_limit: 22_528,
    exponent_offset: 10,
};

/// The largest value that either band's output may take: 15 bits.
const OUTPUT: std::ops::RangeInclusive<i32> = -16_384..=16_383;

/// One sub-band: the scale factor of its quantizer, and its predictor of two poles and six zeros.
#[derive(Clone, Debug)]
pub(super) struct Band {
    kind: Kind,
    /// The logarithm of the scale factor.
    log_scale: i32,
    /// The scale factor of the quantizer.
    scale: i32,
    /// The prediction of the next value, and the part of it that the zeros made.
    prediction: i32,
    zero_prediction: i32,
    /// The last two reconstructed values, and the last two partially reconstructed ones.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    /// The last six quantized differences, newest first.
    differences: [i32; 6],
    zeros: [i32; 6],
}

impl Band {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            log_scale: 0,
            scale: kind.initial_scale,
            prediction: 0,
            zero_prediction: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
        }
    }

    /// The 6-bit code of a value of the lower band (section 3.3).
    pub(super) fn quantize_lower(&self, value: i32) -> u8 {
        let difference = saturate(value - self.prediction);
        let magnitude = if difference < 0 {
            !difference
        } else {
            difference
        };
        let above = |level: &&i32| magnitude >= (**level * self.scale) >> 12;
        // The number of the interval, from 1 to 30.
        let interval = 1 + LOWER_DECISIONS[1..].iter().take_while(above).count() as u8;
        match (difference < 0, interval) {
            (false, interval) => 62 - interval,
            (true, interval @ 1..=2) => 64 - interval,
            (true, interval) => 34 - interval,
        }
    }

    /// The 2-bit code of a value of the upper band (section 3.3).
    pub(super) fn quantize_upper(&self, value: i32) -> u8 {
        let difference = saturate(value - self.prediction);
        let magnitude = if difference < 0 {
            !difference
        } else {
            difference
        };
        let is_large = magnitude >= (UPPER_DECISION * self.scale) >> 12;
        match (difference < 0, is_large) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        }
    }

    /// The value that a 6-bit code stands for, before the adaptation moves on (section 4.2).
    pub(super) fn reconstruct_lower(&self, code: u8) -> i32 {
        let difference = (self.scale * LOWER_LEVELS_6[usize::from(code & 0x3F)]) >> 15;
        (self.prediction + difference).clamp(*OUTPUT.start(), *OUTPUT.end())
    }

    /// The value that a 2-bit code stands for, before the adaptation moves on (section 4.2).
    pub(super) fn reconstruct_upper(&self, code: u8) -> i32 {
        let difference = (self.scale * UPPER_LEVELS[usize::from(code & 0x03)]) >> 15;
        (self.prediction + difference).clamp(*OUTPUT.start(), *OUTPUT.end())
    }

    pub(super) fn update_lower(&mut self, code: u8) {
        let coarse = usize::from(code >> 2) & 0x0F;
        let difference = (self.scale * LOWER_LEVELS_4[coarse]) >> 15;
        self.adapt_scale(LOWER_LOG_STEPS[coarse]);
        self.adapt_predictor(difference);
    }

    pub(super) fn update_upper(&mut self, code: u8) {
        let code = usize::from(code & 0x03);
        let difference = (self.scale * UPPER_LEVELS[code]) >> 15;
        self.adapt_scale(UPPER_LOG_STEPS[code]);
        self.adapt_predictor(difference);
    }

    /// Section 3.5: the scale factor grows with large codes and leaks back with small ones.
    fn adapt_scale(&mut self, step: i32) {
        let leaked = (self.log_scale * 127) >> 7;
        self.log_scale = (leaked + step).clamp(0, self.kind.log_limit);
        let mantissa = EXP2[(self.log_scale >> 6) as usize & 31];
        let shift = self.kind.exponent_offset - (self.log_scale >> 11);
        let scaled = if shift < 0 {
            mantissa << -shift
        } else {
            mantissa >> shift
        };
        self.scale = scaled << 2;
    }

    /// Section 3.6: the predictor follows the signal by the signs of what it got wrong.
    fn adapt_predictor(&mut self, difference: i32) {
        let partial = saturate(self.zero_prediction + difference);
        let reconstructed = saturate(self.prediction + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.predict();
    }

    fn adapt_poles(&mut self, partial: i32) {
        let agrees = |earlier: i32| (partial < 0) == (earlier < 0);
        let [first, second] = self.poles;

        let lean = saturate(first << 2);
        let lean = if agrees(self.partial[0]) { -lean } else { lean };
        let push = if agrees(self.partial[1]) { 128 } else { -128 };
        let leaked = (second * 32_512) >> 15;
        let second = ((lean.min(32_767) >> 7) + push + leaked).clamp(-12_288, 12_288);

        let push = if agrees(self.partial[0]) { 192 } else { -192 };
        let leaked = (first * 32_640) >> 15;
        let limit = saturate(15_360 - second);
        self.poles = [saturate(push + leaked).clamp(-limit, limit), second];
    }

    fn adapt_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, earlier) in self.zeros.iter_mut().zip(self.differences) {
            let agrees = (difference < 0) == (earlier < 0);
            let leaked = (*zero * 32_640) >> 15;
            *zero = saturate(leaked + if agrees { push } else { -push });
        }
    }

    fn predict(&mut self) {
        let term = |coefficient: i32, value: i32| (coefficient * saturate(value + value)) >> 15;
        let poles =
            term(self.poles[0], self.reconstructed[0]) + term(self.poles[1], self.reconstructed[1]);
        let zeros = self
            .zeros
            .iter()
            .zip(self.differences)
            .map(|(zero, past)| term(*zero, past));
        self.zero_prediction = saturate(zeros.sum());
        self.prediction = saturate(saturate(poles) + self.zero_prediction);
    }
}

/// Sixteen bits, as the recommendation's arithmetic has them.
pub(super) fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}
