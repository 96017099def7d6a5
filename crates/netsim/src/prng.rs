//! A small pseudo-random generator, so that the simulator depends on nothing.

/// xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64. One seed is one sequence.
///
/// It is fast and well distributed and not at all secret: for simulations and tests only.
#[derive(Clone, Debug)]
pub struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// A generator whose whole sequence is determined by `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut mixer = seed;
        let mut state = [0; 4];
        let mut i = 0;
        while i < state.len() {
            state[i] = split_mix(&mut mixer);
            i += 1;
        }
        Self { state }
    }

    /// A generator for one purpose of several that share a seed: their sequences are independent.
    #[must_use]
    pub const fn stream(seed: u64, stream: u64) -> Self {
        let mut mixer = stream.wrapping_mul(0xd134_2543_de82_ef95);
        Self::new(seed ^ split_mix(&mut mixer))
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number from 0 up to, and not including, `bound`. Zero for a bound of zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // Lemire's multiplication without its rejection step: off by at most bound / 2^64.
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from 0.0 up to, and not including, 1.0.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability. Always draws, so that sequences stay aligned.
    pub const fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = *state;
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_reference_numbers() {
        // The first outputs of the reference implementation for the seed 1234567.
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
        assert_eq!(split_mix(&mut state), 9_817_491_932_198_370_423);
    }

    #[test]
    fn xoshiro_gives_the_reference_numbers() {
        // The first outputs of the reference implementation for the state 1, 2, 3, 4.
        let mut prng = Prng {
            state: [1, 2, 3, 4],
        };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223];
        assert_eq!(expected.map(|_| prng.next_u64()), expected);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let mut first = Prng::stream(1, 0);
        let mut second = Prng::stream(1, 1);
        assert!((0..100).all(|_| first.next_u64() != second.next_u64()));
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_values() {
        let mut prng = Prng::new(3);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[prng.below(10) as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
        assert_eq!(prng.below(0), 0);
    }

    #[test]
    fn fills_odd_lengths() {
        let mut bytes = [0; 13];
        Prng::new(9).fill(&mut bytes);
        assert!(bytes.iter().filter(|byte| **byte != 0).count() > 8);
    }
}
