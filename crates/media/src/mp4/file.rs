//! The boxes of a file that are in no other, and bytes at any place of it.

use std::io::{self, Read, Seek, SeekFrom};

use super::{Mp4ReadError, fields::FourCc};

/// The most boxes in a row that have nothing for a reader.
const MAX_BOXES: u64 = 4_096;
/// So much is set aside for what is read before any of it came.
const FIRST_CAPACITY: u64 = 64 << 10;

/// Whether a file begins like this: with a box of a kind that can be the first. Old QuickTime files have no file type.
pub(crate) fn is_beginning(head: &[u8]) -> bool {
    matches!(
        head.get(4..8),
        Some(b"ftyp" | b"styp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip")
    )
}

/// A file, and where its next box is.
#[derive(Debug)]
pub(super) struct BoxFile<R> {
    input: R,
    next: u64,
    length: u64,
    /// How many samples fragments may still have: no more than the file has bytes, or a small file could have them for hours.
    samples_left: u64,
}

/// A box of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileBox {
    pub(super) kind: FourCc,
    /// Where its header begins.
    pub(super) start: u64,
    /// Where its contents begin.
    contents: u64,
    /// Where it says that it ends; the file may end before.
    end: u64,
}

impl<R: Read + Seek> BoxFile<R> {
    pub(super) fn new(mut input: R) -> Result<Self, Mp4ReadError> {
        let length = input.seek(SeekFrom::End(0))?;
        Ok(Self {
            input,
            next: 0,
            length,
            samples_left: length,
        })
    }

    /// Where the next box begins.
    pub(super) const fn position(&self) -> u64 {
        self.next
    }

    /// Goes to where a box begins, to read all fragments from there.
    pub(super) const fn go_to(&mut self, start: u64) {
        self.next = start;
        self.samples_left = self.length;
    }

    /// Counts the samples of a fragment.
    pub(super) fn take_samples(&mut self, count: usize) -> Result<(), Mp4ReadError> {
        let left = self.samples_left.checked_sub(count as u64);
        self.samples_left = left.ok_or(Mp4ReadError::TooLarge {
            what: "a number of samples in all fragments",
            size: self.length.saturating_add(1),
            limit: self.length,
        })?;
        Ok(())
    }

    /// The next box of a kind, which is to be among the next [`MAX_BOXES`]; `None` at the end.
    pub(super) fn find(&mut self, kind: &[u8; 4]) -> Result<Option<FileBox>, Mp4ReadError> {
        for _ in 0..MAX_BOXES {
            match self.next_box()? {
                Some(found) if found.kind.0 != *kind => {}
                found => return Ok(found),
            }
        }
        Err(Mp4ReadError::TooLarge {
            what: "a number of boxes that are nothing to a reader",
            size: MAX_BOXES + 1,
            limit: MAX_BOXES,
        })
    }

    /// The next box; `None` at the end, and where a header was cut off.
    pub(super) fn next_box(&mut self) -> Result<Option<FileBox>, Mp4ReadError> {
        let start = self.next;
        let (Some(size), Some(kind)) = (self.array_at(start)?, self.array_at(start + 4)?) else {
            return Ok(None);
        };
        let (head, size) = match u32::from_be_bytes(size) {
            0 => (8, self.length - start),
            1 => match self.array_at(start + 8)? {
                Some(size) => (16, u64::from_be_bytes(size)),
                None => return Ok(None),
            },
            size => (8, size.into()),
        };
        let what = "a box's size";
        if size < head {
            return Err(Mp4ReadError::OutOfRange { what });
        }
        let end = start.checked_add(size);
        let end = end.ok_or(Mp4ReadError::OutOfRange { what })?;
        self.next = end;
        Ok(Some(FileBox {
            kind: FourCc(kind),
            start,
            contents: start + head,
            end,
        }))
    }

    /// What is in a box of `limit` bytes at most.
    pub(super) fn contents(
        &mut self,
        of: FileBox,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, Mp4ReadError> {
        let size = of.end - of.contents;
        if size > limit {
            return Err(Mp4ReadError::TooLarge { what, size, limit });
        }
        let contents = self.read_at(of.contents, size)?;
        contents.ok_or(Mp4ReadError::TooShort { what })
    }

    /// So many bytes from a place on; `None` when the file ends before.
    pub(super) fn read_at(&mut self, offset: u64, size: u64) -> io::Result<Option<Vec<u8>>> {
        if !self.seek(offset, size)? {
            return Ok(None);
        }
        let mut data = Vec::with_capacity(size.min(FIRST_CAPACITY) as usize);
        let read = (&mut self.input).take(size).read_to_end(&mut data)?;
        Ok((read as u64 == size).then_some(data))
    }

    fn array_at<const N: usize>(&mut self, offset: u64) -> io::Result<Option<[u8; N]>> {
        if !self.seek(offset, N as u64)? {
            return Ok(None);
        }
        let mut octets = [0; N];
        self.input.read_exact(&mut octets)?;
        Ok(Some(octets))
    }

    /// Goes to a place that has so many bytes from there on; whether there is one.
    fn seek(&mut self, offset: u64, size: u64) -> io::Result<bool> {
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Ok(false);
        }
        // What a buffer has is not thrown away by a relative step.
        let here = self.input.stream_position()?;
        match i64::try_from(i128::from(offset) - i128::from(here)) {
            Ok(step) => self.input.seek_relative(step)?,
            Err(_) => drop(self.input.seek(SeekFrom::Start(offset))?),
        }
        Ok(true)
    }
}
