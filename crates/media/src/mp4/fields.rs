//! Boxes, and the fields in them (ISO/IEC 14496-12, section 4.2).

use std::fmt;

use super::Mp4ReadError;

/// Four characters that name a box, a handler, or a codec.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FourCc(pub(super) [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The boxes inside of another one.
#[derive(Clone, Debug)]
pub(super) struct Boxes<'a>(pub(super) &'a [u8]);

impl<'a> Boxes<'a> {
    /// The next box and its contents. What is too short for a box ends them: QuickTime puts a zero behind some.
    pub(super) fn next_box(&mut self) -> Result<Option<(FourCc, &'a [u8])>, Mp4ReadError> {
        const WHAT: &str = "a box in another";
        if self.0.len() < 8 {
            return Ok(None);
        }
        let mut fields = Fields::new(self.0, WHAT);
        let (size, kind) = (fields.u32()?, FourCc(fields.array()?));
        let size = match size {
            0 => self.0.len() as u64,
            1 => fields.u64()?,
            size => size.into(),
        };
        let head = self.0.len() - fields.rest().len();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let too_short = Mp4ReadError::TooShort { what: WHAT };
        let (this, after) = self.0.split_at_checked(size).ok_or(too_short)?;
        self.0 = after;
        match this.get(head..) {
            Some(contents) => Ok(Some((kind, contents))),
            None => Err(Mp4ReadError::OutOfRange {
                what: "a box's size",
            }),
        }
    }

    /// The contents of the first box of a kind.
    pub(super) fn find(mut self, wanted: &[u8; 4]) -> Result<Option<&'a [u8]>, Mp4ReadError> {
        while let Some((kind, contents)) = self.next_box()? {
            if kind.0 == *wanted {
                return Ok(Some(contents));
            }
        }
        Ok(None)
    }
}

/// The fields of a box, from the first to the last.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    data: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { data, what }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Mp4ReadError> {
        let what = self.what;
        let (first, rest) = self
            .data
            .split_first_chunk()
            .ok_or(Mp4ReadError::TooShort { what })?;
        self.data = rest;
        Ok(*first)
    }

    pub(super) fn skip(&mut self, octets: usize) -> Result<(), Mp4ReadError> {
        let what = self.what;
        self.data = self
            .data
            .get(octets..)
            .ok_or(Mp4ReadError::TooShort { what })?;
        Ok(())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Mp4ReadError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mp4ReadError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4ReadError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, Mp4ReadError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4ReadError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A number of 32 bits in version 0 of a box, of 64 in others.
    pub(super) fn number(&mut self, version: u8) -> Result<u64, Mp4ReadError> {
        if version == 0 {
            Ok(self.u32()?.into())
        } else {
            self.u64()
        }
    }

    /// The version and the flags with which a FullBox begins.
    pub(super) fn version_and_flags(&mut self) -> Result<(u8, u32), Mp4ReadError> {
        let both = self.u32()?;
        Ok(((both >> 24) as u8, both & 0x00FF_FFFF))
    }

    /// A table: its number of entries, then each of them.
    pub(super) fn table<T>(
        &mut self,
        octets: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, Mp4ReadError>,
    ) -> Result<Vec<T>, Mp4ReadError> {
        let what = self.what;
        let count = self.u32()? as usize;
        if count > self.data.len() / octets {
            return Err(Mp4ReadError::TooShort { what });
        }
        (0..count).map(|_| entry(self)).collect()
    }

    /// What was not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.data
    }
}
