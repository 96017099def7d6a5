//! Bits of a bitstream header, the highest of each octet first.

/// A reader of bits.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// The next `count` bits, at most 32.
    pub(crate) fn read(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            let octet = *self.data.get(self.position / 8)?;
            value = value << 1 | u64::from(octet >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(value)
    }

    /// An Exp-Golomb code, ue(v) (H.264, section 9.1), below 2^32.
    pub(crate) fn exp_golomb(&mut self) -> Option<u64> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read(zeros)?)
    }

    /// A signed Exp-Golomb code, se(v).
    pub(crate) fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = self.exp_golomb()? as i64;
        Some(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes() {
        // 1 010 011 00100 00101, H.264's table 9-2: 0, 1, 2, 3, 4.
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&data);
        for expected in 0..5 {
            assert_eq!(bits.exp_golomb(), Some(expected));
        }
        let mut bits = Bits::new(&data);
        for expected in [0, 1, -1, 2, -2] {
            assert_eq!(bits.signed_exp_golomb(), Some(expected));
        }
        assert_eq!(Bits::new(&[0; 16]).exp_golomb(), None);
        assert_eq!(Bits::new(&[0, 0]).exp_golomb(), None);
    }
}
