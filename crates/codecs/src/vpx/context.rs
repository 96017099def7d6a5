use std::{
    ffi::{CStr, c_int},
    fmt,
    mem::MaybeUninit,
    ptr,
};

use vpx_sys as sys;

use super::{
    Format,
    frame_buffers::{self, FrameBuffers},
    reason,
};

/// A codec context of libvpx: initialized for as long as it lives, destroyed when it is dropped.
pub(super) struct Context {
    /// Boxed, so that its address stays the same while libvpx might know it.
    raw: Box<sys::vpx_codec_ctx_t>,
    /// Of a VP9 decoder; from `Box::into_raw`, and null otherwise.
    frame_buffers: *mut FrameBuffers,
}

// SAFETY: a context is used by one thread at a time (every use takes `&mut`), holds no thread-local
// state, and libvpx allows it to move between threads.
unsafe impl Send for Context {}

impl Context {
    pub(super) fn encoder(
        format: Format,
        config: &sys::vpx_codec_enc_cfg_t,
    ) -> Result<Self, String> {
        Self::init(|raw| {
            // SAFETY: `raw` is a zeroed context, which is what init wants; the interface is a
            // static; libvpx copies the configuration.
            unsafe {
                sys::vpx_codec_enc_init_ver(
                    raw,
                    format.encoder(),
                    config,
                    0,
                    sys::VPX_ENCODER_ABI_VERSION as c_int,
                )
            }
        })
    }

    pub(super) fn decoder(format: Format, threads: u32) -> Result<Self, String> {
        let config = sys::vpx_codec_dec_cfg_t {
            threads,
            w: 0,
            h: 0,
        };
        let mut context = Self::init(|raw| {
            // SAFETY: as for the encoder.
            unsafe {
                sys::vpx_codec_dec_init_ver(
                    raw,
                    format.decoder(),
                    &config,
                    0,
                    sys::VPX_DECODER_ABI_VERSION as c_int,
                )
            }
        })?;
        if format == Format::Vp9 {
            context.bound_frame_buffers()?;
        }
        Ok(context)
    }

    fn bound_frame_buffers(&mut self) -> Result<(), String> {
        self.frame_buffers = Box::into_raw(Box::default());
        let pool = self.frame_buffers.cast();
        // SAFETY: the context is an initialized decoder that has decoded nothing. The pool lives until the context is
        // destroyed, and nobody else uses it.
        let code = unsafe {
            sys::vpx_codec_set_frame_buffer_functions(
                self.raw(),
                Some(frame_buffers::get),
                Some(frame_buffers::release),
                pool,
            )
        };
        self.check(code)
    }

    fn init(
        init: impl FnOnce(*mut sys::vpx_codec_ctx_t) -> sys::vpx_codec_err_t,
    ) -> Result<Self, String> {
        // SAFETY: all-zero bytes are a valid context: null pointers, and 0 is the error code OK.
        let mut raw =
            Box::new(unsafe { MaybeUninit::<sys::vpx_codec_ctx_t>::zeroed().assume_init() });
        match init(&mut *raw) {
            sys::VPX_CODEC_OK => Ok(Self {
                raw,
                frame_buffers: ptr::null_mut(),
            }),
            // libvpx destroys what it had begun when init fails.
            error => Err(reason(error)),
        }
    }

    pub(super) fn raw(&mut self) -> *mut sys::vpx_codec_ctx_t {
        &mut *self.raw
    }

    /// Turns a return code into a result, with libvpx's explanation.
    pub(super) fn check(&mut self, code: sys::vpx_codec_err_t) -> Result<(), String> {
        if code == sys::VPX_CODEC_OK {
            return Ok(());
        }
        // SAFETY: the context is initialized; the string is null, or lives as long as the context
        // and is copied here.
        let detail = unsafe {
            let text = sys::vpx_codec_error_detail(self.raw());
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        };
        Err(match detail {
            Some(detail) => format!("{}: {detail}", reason(code)),
            None => reason(code),
        })
    }

    /// Sets one of the controls that take an integer.
    pub(super) fn set(
        &mut self,
        control: sys::vp8e_enc_control_id,
        value: c_int,
    ) -> Result<(), String> {
        // SAFETY: the context is initialized, and every control that this crate names takes an
        // `int` or `unsigned int`, which are passed alike.
        let code = unsafe { sys::vpx_codec_control_(self.raw(), control as c_int, value) };
        self.check(code)
    }

    /// The next packet of the encoder, which lives until the context is used again.
    pub(super) fn next_packet(
        &mut self,
        iterator: &mut sys::vpx_codec_iter_t,
    ) -> Option<&sys::vpx_codec_cx_pkt_t> {
        // SAFETY: the context is an initialized encoder; the iterator is null or came from this
        // function; a packet lives until the next call of encode, and its lifetime here keeps the
        // context borrowed.
        unsafe { sys::vpx_codec_get_cx_data(self.raw(), iterator).as_ref() }
    }

    /// The next picture of the decoder, which lives until the context is used again.
    pub(super) fn next_picture(
        &mut self,
        iterator: &mut sys::vpx_codec_iter_t,
    ) -> Option<&sys::vpx_image_t> {
        // SAFETY: the context is an initialized decoder; the rest as for `next_packet`.
        unsafe { sys::vpx_codec_get_frame(self.raw(), iterator).as_ref() }
    }

    /// Whether the decoder's last picture was made from damaged data or lost references.
    pub(super) fn is_corrupted(&mut self) -> bool {
        let mut corrupted: c_int = 0;
        let control = sys::vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int;
        // SAFETY: the context is an initialized decoder and this control writes one int.
        let code =
            unsafe { sys::vpx_codec_control_(self.raw(), control, ptr::from_mut(&mut corrupted)) };
        code == sys::VPX_CODEC_OK && corrupted != 0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is initialized and not used afterwards.
        unsafe { sys::vpx_codec_destroy(self.raw()) };
        if !self.frame_buffers.is_null() {
            // SAFETY: it came from `Box::into_raw`, and the context that used it is gone.
            drop(unsafe { Box::from_raw(self.frame_buffers) });
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
