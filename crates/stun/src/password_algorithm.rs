//! PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS (RFC 8489, sections 14.11, 14.12 and 18.5).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Algorithm 1           | Algorithm 1 Parameters Length |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Algorithm 1 Parameters (variable)          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use gannet_wire::{ReadError, Reader, Writer};

/// How a key comes from a long-term password (RFC 8489, section 18.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordAlgorithm {
    /// MD5 (0x0001): a 16-byte key.
    Md5,
    /// SHA-256 (0x0002): a 32-byte key.
    Sha256,
    /// A number that this crate does not know.
    Unknown(u16),
}

impl PasswordAlgorithm {
    pub(crate) const fn from_number(number: u16) -> Self {
        match number {
            0x0001 => Self::Md5,
            0x0002 => Self::Sha256,
            number => Self::Unknown(number),
        }
    }

    const fn number(self) -> u16 {
        match self {
            Self::Md5 => 0x0001,
            Self::Sha256 => 0x0002,
            Self::Unknown(number) => number,
        }
    }

    /// Reads one entry with its parameters, which neither known algorithm has.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let number = reader.u16("password algorithm")?;
        let len = usize::from(reader.u16("password algorithm parameters length")?);
        reader.take(len, "password algorithm parameters")?;
        let padding = len.next_multiple_of(4).saturating_sub(len);
        reader.take(padding.min(reader.remaining()), "padding")?;
        Ok(Self::from_number(number))
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        writer.u16(self.number());
        writer.u16(0);
    }
}

/// The list that a server offers, in its order; echoed by the client as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordAlgorithms<'a>(&'a [u8]);

impl<'a> PasswordAlgorithms<'a> {
    /// A list from its value on the wire, if that is well formed.
    pub fn from_bytes(value: &'a [u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(value);
        while !reader.is_empty() {
            PasswordAlgorithm::read(&mut reader)?;
        }
        Ok(Self(value))
    }

    /// The value as it is on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The algorithms, best first.
    pub fn iter(&self) -> impl Iterator<Item = PasswordAlgorithm> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || PasswordAlgorithm::read(&mut reader).ok())
    }

    /// The first that this crate knows (RFC 8489, section 9.2.5).
    #[must_use]
    pub fn first_known(&self) -> Option<PasswordAlgorithm> {
        self.iter()
            .find(|algorithm| !matches!(algorithm, PasswordAlgorithm::Unknown(_)))
    }
}
