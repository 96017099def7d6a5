use super::{band::saturate, tables::QMF};

/// The last 24 values, in pairs, oldest first.
#[derive(Clone, Debug, Default)]
struct Line([[i32; 2]; 12]);

impl Line {
    fn push(&mut self, pair: [i32; 2]) {
        self.0.rotate_left(1);
        self.0[11] = pair;
    }

    /// The sums over the first and over the second values of all pairs.
    fn filter(&self) -> (i32, i32) {
        let pairs = self.0.iter();
        pairs
            .zip(QMF.iter().zip(QMF.iter().rev()))
            .fold((0, 0), |sums, (pair, taps)| {
                (sums.0 + pair[0] * taps.0, sums.1 + pair[1] * taps.1)
            })
    }
}

/// The transmit filter: splits 16 kHz sound into two bands of 8 kHz (section 3.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Analysis(Line);

impl Analysis {
    pub(super) fn split(&mut self, pair: [i16; 2]) -> (i32, i32) {
        self.0.push(pair.map(i32::from));
        let (first, second) = self.0.filter();
        ((second + first) >> 14, (second - first) >> 14)
    }
}

/// The receive filter: joins the bands (section 4.4).
#[derive(Clone, Debug, Default)]
pub(super) struct Synthesis(Line);

impl Synthesis {
    pub(super) fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.0.push([low + high, low - high]);
        let (first, second) = self.0.filter();
        [second, first].map(|sum| saturate(sum >> 11) as i16)
    }
}
