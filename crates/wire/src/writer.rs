//! Writing: a cursor that appends to a caller's buffer.

use std::ops::{Deref, DerefMut};

use thiserror::Error;

/// Why a structure could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// A field is longer than its length prefix can say.
    #[error("{what} is {len} bytes long, its length prefix ends at {max}")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest that its prefix allows, in bytes.
        max: usize,
    },
    /// A fixed buffer is too short.
    #[error("the buffer of {capacity} bytes is full")]
    Full {
        /// The buffer's size in bytes.
        capacity: usize,
    },
}

/// Where a [`Writer`] writes to: a `Vec<u8>` that grows, or a [`FixedBuffer`] that does not.
pub trait Buffer {
    /// How many bytes it holds.
    fn len(&self) -> usize;

    /// Whether it holds none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends all of `bytes`, or nothing and an error.
    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError>;

    /// Overwrites the bytes that start at `at`. Positions past the end are left alone.
    fn patch(&mut self, at: usize, bytes: &[u8]);
}

impl Buffer for Vec<u8> {
    #[inline]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn patch(&mut self, at: usize, bytes: &[u8]) {
        patch(self, at, bytes);
    }
}

/// A [`Buffer`] over a slice: it fills the slice from its start and refuses what does not fit.
#[derive(Debug)]
pub struct FixedBuffer<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> FixedBuffer<'a> {
    /// An empty buffer over `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    /// What was written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Buffer for FixedBuffer<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let capacity = self.bytes.len();
        let free = self
            .bytes
            .get_mut(self.len..)
            .and_then(|free| free.get_mut(..bytes.len()));
        let Some(free) = free else {
            return Err(WriteError::Full { capacity });
        };
        free.copy_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
        Ok(())
    }

    #[inline]
    fn patch(&mut self, at: usize, bytes: &[u8]) {
        patch(self.bytes, at, bytes);
    }
}

fn patch(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(room) = buffer
        .get_mut(at..)
        .and_then(|tail| tail.get_mut(..bytes.len()))
    {
        room.copy_from_slice(bytes);
    }
}

/// Appends big-endian fields to a caller's buffer.
///
/// Writing never fails in the middle: the first error is kept, everything after it is ignored, and
/// [`Writer::finish`] reports it.
#[derive(Debug)]
pub struct Writer<'a, B: Buffer + ?Sized = Vec<u8>> {
    buffer: &'a mut B,
    start: usize,
    error: Option<WriteError>,
}

impl<'a, B: Buffer + ?Sized> Writer<'a, B> {
    /// A writer that appends behind what `buffer` holds already.
    #[inline]
    pub fn new(buffer: &'a mut B) -> Self {
        let start = buffer.len();
        Self {
            buffer,
            start,
            error: None,
        }
    }

    /// How many bytes this writer has written.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Whether this writer has written nothing.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.buffer.put(bytes).err();
        }
    }

    /// Appends `count` zero bytes.
    #[inline]
    pub fn zeros(&mut self, count: usize) {
        const ZEROS: [u8; 32] = [0; 32];
        let mut left = count;
        while left > 0 && self.error.is_none() {
            let now = left.min(ZEROS.len());
            self.bytes(ZEROS.get(..now).unwrap_or_default());
            left = left.saturating_sub(now);
        }
    }

    /// Appends zero bytes until the length of what this writer wrote is a multiple of `alignment`.
    #[inline]
    pub fn pad_to(&mut self, alignment: usize) {
        self.zeros(
            self.len()
                .next_multiple_of(alignment.max(1))
                .saturating_sub(self.len()),
        );
    }

    /// Appends one byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Appends a 16-bit integer.
    #[inline]
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends the low 24 bits of `value`.
    #[inline]
    pub fn u24(&mut self, value: u32) {
        let [_, a, b, c] = value.to_be_bytes();
        self.bytes(&[a, b, c]);
    }

    /// Appends a 32-bit integer.
    #[inline]
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends the low 48 bits of `value`.
    #[inline]
    pub fn u48(&mut self, value: u64) {
        let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
        self.bytes(&[a, b, c, d, e, f]);
    }

    /// Appends a 64-bit integer.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Overwrites the byte at `at`, counted from where this writer started.
    #[inline]
    pub fn patch_u8(&mut self, at: usize, value: u8) {
        self.buffer.patch(self.start.saturating_add(at), &[value]);
    }

    /// Overwrites the 16-bit integer at `at`, counted from where this writer started.
    #[inline]
    pub fn patch_u16(&mut self, at: usize, value: u16) {
        self.buffer
            .patch(self.start.saturating_add(at), &value.to_be_bytes());
    }

    /// Overwrites the 32-bit integer at `at`, counted from where this writer started.
    #[inline]
    pub fn patch_u32(&mut self, at: usize, value: u32) {
        self.buffer
            .patch(self.start.saturating_add(at), &value.to_be_bytes());
    }

    /// Starts a field that an 8-bit length precedes; the length is filled in when the guard is dropped.
    #[inline]
    pub fn prefixed_u8(&mut self, what: &'static str) -> Prefixed<'_, 'a, B> {
        Prefixed::new(self, what, 1)
    }

    /// Starts a field that a 16-bit length precedes; the length is filled in when the guard is dropped.
    #[inline]
    pub fn prefixed_u16(&mut self, what: &'static str) -> Prefixed<'_, 'a, B> {
        Prefixed::new(self, what, 2)
    }

    /// Starts a field that a 24-bit length precedes; the length is filled in when the guard is dropped.
    #[inline]
    pub fn prefixed_u24(&mut self, what: &'static str) -> Prefixed<'_, 'a, B> {
        Prefixed::new(self, what, 3)
    }

    /// Ends the writing: how many bytes were written, or the first thing that went wrong.
    #[inline]
    pub fn finish(self) -> Result<usize, WriteError> {
        match self.error {
            None => Ok(self.len()),
            Some(error) => Err(error),
        }
    }
}

/// A field with a length prefix that is being written. It is a [`Writer`]; dropping it writes the
/// length.
#[derive(Debug)]
#[must_use = "dropping it at once writes an empty field"]
pub struct Prefixed<'w, 'a, B: Buffer + ?Sized = Vec<u8>> {
    writer: &'w mut Writer<'a, B>,
    what: &'static str,
    prefix_at: usize,
    prefix_len: usize,
}

impl<'w, 'a, B: Buffer + ?Sized> Prefixed<'w, 'a, B> {
    fn new(writer: &'w mut Writer<'a, B>, what: &'static str, prefix_len: usize) -> Self {
        let prefix_at = writer.buffer.len();
        writer.zeros(prefix_len);
        Self {
            writer,
            what,
            prefix_at,
            prefix_len,
        }
    }
}

impl<'a, B: Buffer + ?Sized> Deref for Prefixed<'_, 'a, B> {
    type Target = Writer<'a, B>;

    fn deref(&self) -> &Self::Target {
        self.writer
    }
}

impl<B: Buffer + ?Sized> DerefMut for Prefixed<'_, '_, B> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.writer
    }
}

impl<B: Buffer + ?Sized> Drop for Prefixed<'_, '_, B> {
    fn drop(&mut self) {
        if self.writer.error.is_some() {
            return;
        }
        let body_at = self.prefix_at.saturating_add(self.prefix_len);
        let len = self.writer.buffer.len().saturating_sub(body_at);
        let max = (1_usize << (8 * self.prefix_len)) - 1;
        if len > max {
            self.writer.error = Some(WriteError::TooLong {
                what: self.what,
                len,
                max,
            });
            return;
        }
        let be = (len as u64).to_be_bytes();
        let prefix = be
            .get(be.len().saturating_sub(self.prefix_len)..)
            .unwrap_or_default();
        self.writer.buffer.patch(self.prefix_at, prefix);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Reader;

    #[test]
    fn prefixes_nest() {
        let mut bytes = vec![0xaa];
        let mut writer = Writer::new(&mut bytes);
        {
            let mut outer = writer.prefixed_u24("outer");
            outer.u8(1);
            let mut inner = outer.prefixed_u8("inner");
            inner.u16(0x0203);
        }
        assert_eq!(writer.finish(), Ok(7));
        assert_eq!(bytes, [0xaa, 0, 0, 4, 1, 2, 2, 3]);
    }

    #[test]
    fn a_field_longer_than_its_prefix_is_reported_by_finish() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.prefixed_u8("label").zeros(256);
        writer.u8(9);
        assert_eq!(
            writer.finish(),
            Err(WriteError::TooLong {
                what: "label",
                len: 256,
                max: 255
            })
        );
    }

    #[test]
    fn a_fixed_buffer_refuses_what_does_not_fit() {
        let mut room = [0; 4];
        let mut fixed = FixedBuffer::new(&mut room);
        let mut writer = Writer::new(&mut fixed);
        writer.u24(0x01_0203);
        assert_eq!(writer.len(), 3);
        writer.u16(4);
        writer.u8(5);
        assert_eq!(writer.finish(), Err(WriteError::Full { capacity: 4 }));
        assert_eq!(fixed.written(), [1, 2, 3]);
    }

    #[test]
    fn padding_counts_from_where_the_writer_started() {
        let mut bytes = vec![0xff; 3];
        let mut writer = Writer::new(&mut bytes);
        writer.u8(1);
        writer.pad_to(4);
        writer.pad_to(4);
        writer.patch_u8(1, 7);
        assert_eq!(writer.finish(), Ok(4));
        assert_eq!(bytes, [0xff, 0xff, 0xff, 1, 7, 0, 0]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            a: u8, b: u16, c in 0_u32..1 << 24, d: u32, e in 0_u64..1 << 48, f: u64,
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut bytes = Vec::new();
            let mut writer = Writer::new(&mut bytes);
            writer.u8(a);
            writer.u16(b);
            writer.u24(c);
            writer.u32(d);
            writer.u48(e);
            writer.u64(f);
            writer.prefixed_u16("body").bytes(&body);
            let written = writer.finish().unwrap();
            prop_assert_eq!(written, bytes.len());

            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u8("a").unwrap(), a);
            prop_assert_eq!(reader.u16("b").unwrap(), b);
            prop_assert_eq!(reader.u24("c").unwrap(), c);
            prop_assert_eq!(reader.u32("d").unwrap(), d);
            prop_assert_eq!(reader.u48("e").unwrap(), e);
            prop_assert_eq!(reader.u64("f").unwrap(), f);
            prop_assert_eq!(reader.prefixed_u16("body").unwrap().rest(), &body[..]);
            reader.finish("all").unwrap();
        }
    }
}
