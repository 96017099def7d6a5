//! VP8 and VP9 by libvpx.

#![allow(
    unsafe_code,
    reason = "libvpx is a C library; each use says why it is sound"
)]

mod context;
mod decoder;
mod encoder;
mod frame_buffers;
#[cfg(test)]
mod tests;
mod vp9_frames;

pub(crate) use decoder::VpxDecoder;
pub(crate) use encoder::VpxEncoder;

use std::ffi::CStr;

use vpx_sys as sys;

use crate::VideoCodec;

/// Which of libvpx's formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Vp8,
    Vp9,
}

impl Format {
    const fn codec(self) -> VideoCodec {
        match self {
            Self::Vp8 => VideoCodec::Vp8,
            Self::Vp9 => VideoCodec::Vp9,
        }
    }

    const fn name(self) -> &'static str {
        self.codec().name()
    }

    fn encoder(self) -> *mut sys::vpx_codec_iface_t {
        // SAFETY: these return the address of a static and do nothing else.
        unsafe {
            match self {
                Self::Vp8 => sys::vpx_codec_vp8_cx(),
                Self::Vp9 => sys::vpx_codec_vp9_cx(),
            }
        }
    }

    fn decoder(self) -> *mut sys::vpx_codec_iface_t {
        // SAFETY: these return the address of a static and do nothing else.
        unsafe {
            match self {
                Self::Vp8 => sys::vpx_codec_vp8_dx(),
                Self::Vp9 => sys::vpx_codec_vp9_dx(),
            }
        }
    }
}

/// What libvpx says of an error code.
fn reason(error: sys::vpx_codec_err_t) -> String {
    // SAFETY: the function returns a static string for every code.
    let text = unsafe { CStr::from_ptr(sys::vpx_codec_err_to_string(error)) };
    text.to_string_lossy().into_owned()
}
