//! G.722 (ITU-T G.722) at 64 kbit/s: 16 kHz sound in two sub-bands, each coded by ADPCM.
//!
//! Every octet stands for two samples: 2 bits of the upper band above 6 bits of the lower one.
//! Section numbers in this module are those of the recommendation.

mod band;
mod qmf;
mod tables;

use band::{Band, LOWER, UPPER};
use qmf::{Analysis, Synthesis};

/// Turns 16 kHz samples into octets.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    filter: Analysis,
    lower: Band,
    upper: Band,
}

/// Turns octets into 16 kHz samples.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    filter: Synthesis,
    lower: Band,
    upper: Band,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self {
            filter: Analysis::default(),
            lower: Band::new(LOWER),
            upper: Band::new(UPPER),
        }
    }
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self {
            filter: Synthesis::default(),
            lower: Band::new(LOWER),
            upper: Band::new(UPPER),
        }
    }
}

impl G722Encoder {
    /// Encodes two samples.
    pub fn encode_pair(&mut self, pair: [i16; 2]) -> u8 {
        let (low, high) = self.filter.split(pair);
        let low_code = self.lower.quantize_lower(low);
        self.lower.update_lower(low_code);
        let high_code = self.upper.quantize_upper(high);
        self.upper.update_upper(high_code);
        (high_code << 6) | low_code
    }
}

impl G722Decoder {
    /// Decodes two samples.
    pub fn decode_octet(&mut self, octet: u8) -> [i16; 2] {
        let (low_code, high_code) = (octet & 0x3F, octet >> 6);
        let low = self.lower.reconstruct_lower(low_code);
        self.lower.update_lower(low_code);
        let high = self.upper.reconstruct_upper(high_code);
        self.upper.update_upper(high_code);
        self.filter.join(low, high)
    }
}

#[cfg(test)]
mod tests;
