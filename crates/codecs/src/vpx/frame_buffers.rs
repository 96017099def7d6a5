//! The memory of VP9's pictures, with a bound.
//!
//! A header that was looked at beforehand is not all that may ask for a size: a picture that is not a key frame
//! may be up to 16 times as large on each side as one that it refers to, and frames stand behind others without an
//! index. Whatever it was, libvpx asks here.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use vpx_sys as sys;

/// A picture of 4,096 x 2,304 pixels has 18 MB with its borders, one of 16,384 x 576 has 23 MB.
const MAX_BYTES: usize = 32 << 20;

/// libvpx refers to 8 pictures, and holds some that are decoded or shown.
const MAX_BUFFERS: usize = 16;

/// Buffers that are used again. libvpx holds pointers to them until its context is destroyed.
#[derive(Debug, Default)]
pub(super) struct FrameBuffers {
    buffers: Vec<Buffer>,
}

#[derive(Debug)]
struct Buffer {
    data: Vec<u8>,
    is_used: bool,
}

impl FrameBuffers {
    /// Where the next picture goes, and the buffer's number; `None` if it is too large, or there are too many.
    fn take(&mut self, size: usize) -> Option<(usize, &mut [u8])> {
        if size > MAX_BYTES {
            return None;
        }
        let free = self.buffers.iter().position(|buffer| !buffer.is_used);
        let number = free.unwrap_or(self.buffers.len());
        if number == MAX_BUFFERS {
            return None;
        }
        if free.is_none() {
            self.buffers.push(Buffer {
                data: Vec::new(),
                is_used: false,
            });
        }
        let buffer = self.buffers.get_mut(number)?;
        if buffer.data.len() < size {
            // libvpx wants zeros in what it has not had before.
            buffer.data = vec![0; size];
        }
        buffer.is_used = true;
        Some((number, &mut buffer.data))
    }

    fn give_back(&mut self, number: usize) {
        if let Some(buffer) = self.buffers.get_mut(number) {
            buffer.is_used = false;
        }
    }
}

/// libvpx's `vpx_get_frame_buffer_cb_fn_t`; `pool` is a [`FrameBuffers`].
pub(super) unsafe extern "C" fn get(
    pool: *mut c_void,
    min_size: sys::size_t,
    place: *mut sys::vpx_codec_frame_buffer_t,
) -> c_int {
    // SAFETY: whoever registers this gives a pool that outlives the context, which calls it from the one thread
    // that decodes; `place` is libvpx's own.
    let (pool, place) = unsafe { (&mut *pool.cast::<FrameBuffers>(), &mut *place) };
    let size = usize::try_from(min_size).unwrap_or(usize::MAX);
    let Some((number, data)) = pool.take(size) else {
        return -1;
    };
    place.data = data.as_mut_ptr();
    place.size = data.len() as _;
    // Not null: that would be no buffer.
    place.priv_ = ptr::without_provenance_mut(number + 1);
    0
}

/// libvpx's `vpx_release_frame_buffer_cb_fn_t`; `pool` is a [`FrameBuffers`].
pub(super) unsafe extern "C" fn release(
    pool: *mut c_void,
    place: *mut sys::vpx_codec_frame_buffer_t,
) -> c_int {
    // SAFETY: as for `get`.
    let (pool, place) = unsafe { (&mut *pool.cast::<FrameBuffers>(), &mut *place) };
    if let Some(number) = place.priv_.addr().checked_sub(1) {
        pool.give_back(number);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_bounded_and_used_again() {
        let mut pool = FrameBuffers::default();
        assert!(pool.take(MAX_BYTES + 1).is_none());
        for number in 0..MAX_BUFFERS {
            assert_eq!(pool.take(100).map(|(number, _)| number), Some(number));
        }
        assert!(pool.take(100).is_none());
        pool.give_back(3);
        let (number, data) = pool.take(200).unwrap();
        assert_eq!((number, data.len()), (3, 200));
        pool.give_back(3);
        assert_eq!(pool.take(50).map(|(_, data)| data.len()), Some(200));
    }
}
