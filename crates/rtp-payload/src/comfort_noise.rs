//! Comfort noise (RFC 3389).

use gannet_wire::{ReadError, Reader};

/// A description of background noise (RFC 3389, section 3): its level, and optionally its spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComfortNoise<'a> {
    /// The level in -dBov, 0 to 127.
    pub level: u8,
    /// The quantized reflection coefficients of an all-pole model, as many as its order; often
    /// none.
    pub reflection_coefficients: &'a [u8],
}

const LEVEL: u8 = 0x7f;

impl<'a> ComfortNoise<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// If it is empty.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(payload);
        Ok(Self {
            level: reader.u8("noise level")? & LEVEL,
            reflection_coefficients: reader.rest(),
        })
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.level & LEVEL);
        out.extend_from_slice(self.reflection_coefficients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let noise = ComfortNoise {
            level: 70,
            reflection_coefficients: &[127, 3],
        };
        let mut bytes = Vec::new();
        noise.write(&mut bytes);
        assert_eq!(bytes, [70, 127, 3]);
        assert_eq!(ComfortNoise::parse(&bytes), Ok(noise));
        assert_eq!(
            ComfortNoise::parse(&[0xc6]).map(|noise| noise.level),
            Ok(70)
        );
        assert!(ComfortNoise::parse(&[]).is_err());
    }
}
