//! Reading: a cursor over received bytes.

use thiserror::Error;

/// Why bytes could not be read. Offsets and counts are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The bytes end before the field does.
    #[error("{what} at byte {at} is truncated: needs {needed} bytes, {available} are left")]
    Truncated {
        /// The field that was being read.
        what: &'static str,
        /// Where it starts, counted from the start of the outermost reader.
        at: usize,
        /// How many bytes it needs.
        needed: usize,
        /// How many were left.
        available: usize,
    },
    /// Bytes are left behind the last field.
    #[error("{count} bytes are left over behind {what}, at byte {at}")]
    Trailing {
        /// The structure that should have ended.
        what: &'static str,
        /// Where the extra bytes start, counted from the start of the outermost reader.
        at: usize,
        /// How many there are.
        count: usize,
    },
}

/// A cursor over received bytes. All integers are big-endian ("network byte order").
///
/// It is a cheap value: clone it to look ahead.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

macro_rules! read_integers {
    ($($(#[$doc:meta])* $name:ident -> $int:ty;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, what: &'static str) -> Result<$int, ReadError> {
            Ok(<$int>::from_be_bytes(self.take_array(what)?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader over all of `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are left.
    #[inline]
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no byte is left.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The offset of the next byte, counted from the start of the outermost reader.
    #[inline]
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The bytes that are left, without taking them.
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes the next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], ReadError> {
        let Some((head, tail)) = self.bytes.split_at_checked(len) else {
            return Err(self.truncated(len, what));
        };
        self.bytes = tail;
        self.at = self.at.wrapping_add(len);
        Ok(head)
    }

    /// Takes the next `N` bytes as an array.
    #[inline]
    pub fn take_array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ReadError> {
        let Some((head, tail)) = self.bytes.split_first_chunk::<N>() else {
            return Err(self.truncated(N, what));
        };
        self.bytes = tail;
        self.at = self.at.wrapping_add(N);
        Ok(*head)
    }

    /// Takes all bytes that are left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes;
        self.at = self.at.wrapping_add(rest.len());
        self.bytes = &[];
        rest
    }

    read_integers! {
        /// Takes one byte.
        u8 -> u8;
        /// Takes a 16-bit integer.
        u16 -> u16;
        /// Takes a 32-bit integer.
        u32 -> u32;
        /// Takes a 64-bit integer.
        u64 -> u64;
    }

    /// Takes a 24-bit integer.
    #[inline]
    pub fn u24(&mut self, what: &'static str) -> Result<u32, ReadError> {
        let [a, b, c] = self.take_array(what)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Takes a 48-bit integer.
    #[inline]
    pub fn u48(&mut self, what: &'static str) -> Result<u64, ReadError> {
        let [a, b, c, d, e, f] = self.take_array(what)?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Takes the next `len` bytes as a reader of their own, which counts positions from the same start.
    #[inline]
    pub fn sub(&mut self, len: usize, what: &'static str) -> Result<Self, ReadError> {
        let at = self.at;
        Ok(Self {
            bytes: self.take(len, what)?,
            at,
        })
    }

    /// Takes a byte string that an 8-bit length precedes, as a reader of its own.
    #[inline]
    pub fn prefixed_u8(&mut self, what: &'static str) -> Result<Self, ReadError> {
        let len = self.u8(what)?;
        self.sub(usize::from(len), what)
    }

    /// Takes a byte string that a 16-bit length precedes, as a reader of its own.
    #[inline]
    pub fn prefixed_u16(&mut self, what: &'static str) -> Result<Self, ReadError> {
        let len = self.u16(what)?;
        self.sub(usize::from(len), what)
    }

    /// Takes a byte string that a 24-bit length precedes, as a reader of its own.
    #[inline]
    pub fn prefixed_u24(&mut self, what: &'static str) -> Result<Self, ReadError> {
        let len = self.u24(what)?;
        self.sub(usize::try_from(len).unwrap_or(usize::MAX), what)
    }

    /// Checks that nothing is left behind `what`.
    #[inline]
    pub const fn finish(&self, what: &'static str) -> Result<(), ReadError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        Err(ReadError::Trailing {
            what,
            at: self.at,
            count: self.bytes.len(),
        })
    }

    #[cold]
    const fn truncated(&self, needed: usize, what: &'static str) -> ReadError {
        ReadError::Truncated {
            what,
            at: self.at,
            needed,
            available: self.bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_big_endian() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(0x0203));
        assert_eq!(reader.u24("c"), Ok(0x04_0506));
        assert_eq!(reader.u48("d"), Ok(0x0708_090a_0b0c));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&[0, 0, 1, 0]).u32("e"), Ok(256));
        assert_eq!(Reader::new(&[0, 0, 0, 0, 0, 0, 1, 0]).u64("f"), Ok(256));
    }

    #[test]
    fn truncation_names_the_field_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        reader.u8("kind").unwrap();
        let error = reader.u32("cookie").unwrap_err();
        assert_eq!(
            error,
            ReadError::Truncated {
                what: "cookie",
                at: 1,
                needed: 4,
                available: 2
            }
        );
        assert_eq!(
            error.to_string(),
            "cookie at byte 1 is truncated: needs 4 bytes, 2 are left"
        );
        assert_eq!(reader.remaining(), 2);
    }

    #[test]
    fn a_sub_reader_counts_positions_from_the_outermost_start() {
        let mut reader = Reader::new(&[0xff, 0, 2, 1, 2, 9]);
        reader.u8("kind").unwrap();
        let mut inner = reader.prefixed_u16("list").unwrap();
        assert_eq!(inner.position(), 3);
        inner.u8("entry").unwrap();
        let error = inner.u16("entry").unwrap_err();
        assert_eq!(
            error,
            ReadError::Truncated {
                what: "entry",
                at: 4,
                needed: 2,
                available: 1
            }
        );
        assert_eq!(
            reader.finish("packet"),
            Err(ReadError::Trailing {
                what: "packet",
                at: 5,
                count: 1
            })
        );
    }

    #[test]
    fn a_length_past_the_end_is_truncation() {
        for bytes in [&[5, 1][..], &[0, 5, 1], &[0, 0, 5, 1]] {
            let mut reader = Reader::new(bytes);
            let result = match bytes.len() {
                2 => reader.prefixed_u8("field"),
                3 => reader.prefixed_u16("field"),
                _ => reader.prefixed_u24("field"),
            };
            assert!(matches!(
                result,
                Err(ReadError::Truncated {
                    needed: 5,
                    available: 1,
                    ..
                })
            ));
        }
    }
}
