//! Bit by bit, for the extensions that are not made of bytes.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

/// Reads bits from the most significant one on.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bits are left.
    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_sub(self.at)
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte << (self.at % 8) & 0x80 != 0;
        self.at = self.at.wrapping_add(1);
        Some(bit)
    }

    /// A number of `count` bits, up to 32.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// A number of up to 8 bits.
    pub(crate) fn small(&mut self, count: u32) -> Option<u8> {
        self.bits(count).map(|value| (value & 0xff) as u8)
    }

    /// A number below `n` in the non-symmetric form of the AV1 RTP specification, section A.8.1.
    pub(crate) fn non_symmetric(&mut self, n: u32) -> Option<u32> {
        let width = 32_u32.wrapping_sub(n.leading_zeros());
        let threshold = 1_u32.checked_shl(width)?.checked_sub(n)?;
        let value = self.bits(width.checked_sub(1)?)?;
        if value < threshold {
            return Some(value);
        }
        let extra = u32::from(self.bit()?);
        (value << 1).checked_sub(threshold)?.checked_add(extra)
    }
}

/// Writes bits from the most significant one on, behind what a buffer holds.
#[derive(Debug)]
pub(crate) struct BitWriter<'b> {
    out: &'b mut Vec<u8>,
    /// How many bits of the last byte are free.
    free: u32,
}

impl<'b> BitWriter<'b> {
    pub(crate) const fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out, free: 0 }
    }

    pub(crate) fn bit(&mut self, bit: bool) {
        if self.free == 0 {
            self.out.push(0);
            self.free = 8;
        }
        self.free = self.free.wrapping_sub(1);
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << self.free;
        }
    }

    pub(crate) fn bits(&mut self, count: u32, value: u32) {
        for shift in (0..count).rev() {
            self.bit(value >> shift & 1 != 0);
        }
    }

    pub(crate) fn non_symmetric(&mut self, n: u32, value: u32) {
        let width = 32_u32.wrapping_sub(n.leading_zeros());
        let threshold = 1_u32.checked_shl(width).unwrap_or(0).wrapping_sub(n);
        if value < threshold {
            self.bits(width.saturating_sub(1), value);
        } else {
            self.bits(width, value.wrapping_add(threshold));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The table of the AV1 RTP specification, section A.8.1, for n = 5.
    #[test]
    fn non_symmetric_numbers() {
        let expected = ["00", "01", "10", "110", "111"];
        for (value, bits) in (0..).zip(expected) {
            let mut bytes = Vec::new();
            BitWriter::new(&mut bytes).non_symmetric(5, value);
            let written = format!("{:08b}", bytes[0]);
            assert!(written.starts_with(bits));
            assert_eq!(BitReader::new(&bytes).non_symmetric(5), Some(value));
        }
    }

    #[test]
    fn the_end_is_the_end() {
        let mut reader = BitReader::new(&[0b1010_0000]);
        assert_eq!(reader.bits(3), Some(0b101));
        assert_eq!(reader.remaining(), 5);
        assert_eq!(reader.bits(6), None);
    }
}
