//! The constants of G.722, tables 11 to 21.

/// Decision levels of the lower band's 6-bit quantizer, in units of its scale factor.
pub(super) const LOWER_DECISIONS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// The decision level of the upper band's 2-bit quantizer.
pub(super) const UPPER_DECISION: i32 = 564;

/// Reconstruction levels of the lower band with all 6 bits.
pub(super) const LOWER_LEVELS_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// Reconstruction levels of the lower band with the upper 4 bits: these drive the adaptation, so
/// that a decoder of a lower rate stays in step.
pub(super) const LOWER_LEVELS_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];

/// Reconstruction levels of the upper band.
pub(super) const UPPER_LEVELS: [i32; 4] = [-7408, -1616, 7408, 1616];

/// What each 4-bit code adds to the logarithm of the lower band's scale factor.
pub(super) const LOWER_LOG_STEPS: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];

/// What each 2-bit code adds to the logarithm of the upper band's scale factor.
pub(super) const UPPER_LOG_STEPS: [i32; 4] = [798, -214, 798, -214];

/// 2048 times two to the power of n/32.
pub(super) const EXP2: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The quadrature mirror filter, the first half of its 24 symmetric coefficients.
pub(super) const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
