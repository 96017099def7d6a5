//! Elements from a stream of octets, one after the other.

use std::io::{self, Read, Seek, SeekFrom};

use super::{
    WebmReadError,
    ebml::{Id, vint_length, vint_value},
};

/// So much is set aside for an element's data before any of it was read.
const FIRST_CAPACITY: u64 = 64 << 10;

/// Reads headers and data, and counts octets.
#[derive(Debug)]
pub(super) struct Scanner<R> {
    input: R,
    position: u64,
    is_at_end: bool,
}

impl<R: Read> Scanner<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            position: 0,
            is_at_end: false,
        }
    }

    /// Octets read so far; after a seek, where that went.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the input was at its end when more was wanted.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The next element's identifier and size, `None` for an unknown one; `None` at the end of the input.
    pub(super) fn header(&mut self) -> Result<Option<(Id, Option<u64>)>, WebmReadError> {
        const WHAT: &str = "element header";
        let mut first = [0; 1];
        if self.read_some(&mut first)? == 0 {
            self.is_at_end = true;
            return Ok(None);
        }
        let length = vint_length(first[0]).filter(|length| *length <= 4);
        let length = length.ok_or(WebmReadError::Number { what: WHAT })?;
        let mut octets = [0; 4];
        octets[0] = first[0];
        self.read_all(&mut octets[1..length], WHAT)?;
        let id = octets[..length]
            .iter()
            .fold(0, |id, octet| id << 8 | u32::from(*octet));
        let mut octets = [0; 8];
        self.read_all(&mut octets[..1], WHAT)?;
        let length = vint_length(octets[0]).ok_or(WebmReadError::Number { what: WHAT })?;
        self.read_all(&mut octets[1..length], WHAT)?;
        Ok(Some((Id(id), vint_value(&octets[..length]))))
    }

    /// The data of an element of a known size up to `limit`.
    pub(super) fn data(
        &mut self,
        size: Option<u64>,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, WebmReadError> {
        let size = size.unwrap_or(u64::MAX);
        if size > limit {
            return Err(WebmReadError::TooLarge { what, size, limit });
        }
        let mut data = Vec::with_capacity(size.min(FIRST_CAPACITY) as usize);
        let read = (&mut self.input).take(size).read_to_end(&mut data)?;
        self.advance(read as u64, size, what)?;
        Ok(data)
    }

    /// Passes over the data of an element of a known size.
    pub(super) fn skip(
        &mut self,
        size: Option<u64>,
        what: &'static str,
    ) -> Result<(), WebmReadError> {
        let size = size.ok_or(WebmReadError::Number { what })?;
        let skipped = io::copy(&mut (&mut self.input).take(size), &mut io::sink())?;
        self.advance(skipped, size, what)
    }

    fn advance(&mut self, read: u64, wanted: u64, what: &'static str) -> Result<(), WebmReadError> {
        self.position += read;
        if read < wanted {
            self.is_at_end = true;
            return Err(WebmReadError::TooShort { what });
        }
        Ok(())
    }

    fn read_all(&mut self, octets: &mut [u8], what: &'static str) -> Result<(), WebmReadError> {
        let mut read = 0;
        while read < octets.len() {
            match self.read_some(&mut octets[read..])? {
                0 => {
                    self.is_at_end = true;
                    return Err(WebmReadError::TooShort { what });
                }
                more => read += more,
            }
        }
        Ok(())
    }

    fn read_some(&mut self, octets: &mut [u8]) -> Result<usize, WebmReadError> {
        loop {
            match self.input.read(octets) {
                Ok(read) => {
                    self.position += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<R: Seek> Scanner<R> {
    /// Goes to where [`position`](Self::position) was once.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<()> {
        let by = i128::from(position) - i128::from(self.position);
        let by = i64::try_from(by).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.input.seek(SeekFrom::Current(by))?;
        self.position = position;
        self.is_at_end = false;
        Ok(())
    }
}
