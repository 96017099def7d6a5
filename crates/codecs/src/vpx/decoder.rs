use std::{mem::size_of, ptr, slice};

use vpx_sys as sys;

use super::{Format, context::Context, vp9_frames};
use crate::{DecodeError, EncodedFrame, I420Buffer, VideoCodec, VideoDecoder, VideoFrame};

/// The most pixels of a picture: a hostile header may ask for 268 million.
const MAX_PIXELS: u32 = 4_096 * 2_304;

/// A decoder that shows nothing before a key frame, and nothing after damage before the next one.
#[derive(Debug)]
pub(crate) struct VpxDecoder {
    format: Format,
    /// None while a key frame is needed: after an error libvpx's VP9 decoder may keep frame buffers
    /// for good and run out of them, so that each key frame after one gets a new context.
    context: Option<Context>,
}

impl VpxDecoder {
    pub(crate) fn new(format: Format) -> Result<Self, DecodeError> {
        let context = Context::decoder(format, 1);
        context.map_err(|reason| DecodeError::Backend {
            codec: format.name(),
            reason,
        })?;
        Ok(Self {
            format,
            context: None,
        })
    }

    fn corrupt(&mut self, reason: impl Into<String>) -> DecodeError {
        self.context = None;
        DecodeError::Corrupt {
            codec: self.format.name(),
            reason: reason.into(),
        }
    }

    /// What the frame's header says: whether it is a key frame, and within which size.
    fn peek(&mut self, data: &[u8]) -> Result<bool, DecodeError> {
        let mut info = sys::vpx_codec_stream_info_t {
            sz: size_of::<sys::vpx_codec_stream_info_t>() as u32,
            w: 0,
            h: 0,
            is_kf: 0,
        };
        // SAFETY: the interface is a static, the bytes are valid for their length, and `info` says
        // its own size.
        let code = unsafe {
            sys::vpx_codec_peek_stream_info(
                self.format.decoder(),
                data.as_ptr(),
                data.len() as u32,
                &mut info,
            )
        };
        let is_keyframe = info.is_kf != 0;
        if code != sys::VPX_CODEC_OK && is_keyframe {
            return Err(self.corrupt("the key frame's header is damaged"));
        }
        self.check_size(info.w, info.h)?;
        Ok(is_keyframe)
    }

    /// What all frames of a VP9 superframe say: the first one may hide larger ones.
    fn peek_superframe(&mut self, data: &[u8]) -> Result<bool, DecodeError> {
        let mut is_keyframe = None;
        for frame in vp9_frames::frames(data) {
            let is_key = self.peek(frame)?;
            is_keyframe.get_or_insert(is_key);
            if let Some((width, height)) = vp9_frames::size_beside_references(frame) {
                self.check_size(width, height)?;
            }
        }
        Ok(is_keyframe.unwrap_or(false))
    }

    fn check_size(&mut self, width: u32, height: u32) -> Result<(), DecodeError> {
        if width.saturating_mul(height) <= MAX_PIXELS {
            return Ok(());
        }
        self.context = None;
        Err(DecodeError::TooLarge {
            codec: self.format.name(),
            width,
            height,
            limit: MAX_PIXELS,
        })
    }

    /// The context for a frame: the running one, or a new one for a key frame.
    fn context(&mut self, is_keyframe: bool) -> Result<&mut Context, DecodeError> {
        let codec = self.format.name();
        match &mut self.context {
            Some(context) => Ok(context),
            None if !is_keyframe => Err(DecodeError::KeyframeNeeded { codec }),
            empty => {
                let context = Context::decoder(self.format, 1);
                let context = context.map_err(|reason| DecodeError::Backend { codec, reason })?;
                Ok(empty.insert(context))
            }
        }
    }
}

pub(super) fn decode(context: &mut Context, data: &[u8]) -> Result<Option<I420Buffer>, String> {
    // SAFETY: the context is an initialized decoder; the bytes are valid for their length and are
    // not kept after the call.
    let code = unsafe {
        sys::vpx_codec_decode(
            context.raw(),
            data.as_ptr(),
            data.len() as u32,
            ptr::null_mut(),
            0,
        )
    };
    context.check(code)?;
    let mut iterator = ptr::null();
    let mut last = None;
    // A VP9 superframe may show several pictures; the last is the newest.
    while let Some(image) = context.next_picture(&mut iterator) {
        last = Some(copy(image)?);
    }
    if context.is_corrupted() {
        return Err("it refers to data that is damaged or lost".into());
    }
    Ok(last)
}

impl VideoDecoder for VpxDecoder {
    fn codec(&self) -> VideoCodec {
        self.format.codec()
    }

    fn implementation(&self) -> &'static str {
        "libvpx"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, DecodeError> {
        // libvpx reads an empty frame as the end of the stream.
        if frame.data.is_empty() || u32::try_from(frame.data.len()).is_err() {
            return Err(self.corrupt(format!("a frame of {} bytes", frame.data.len())));
        }
        let is_keyframe = match self.format {
            Format::Vp8 => self.peek(&frame.data)?,
            Format::Vp9 => self.peek_superframe(&frame.data)?,
        };
        let decoded = decode(self.context(is_keyframe)?, &frame.data);
        let picture = decoded.map_err(|reason| self.corrupt(reason))?;
        Ok(picture
            .map(|buffer| VideoFrame::new(buffer, frame.timestamp).with_rotation(frame.rotation)))
    }
}

fn copy(image: &sys::vpx_image_t) -> Result<I420Buffer, String> {
    if image.fmt != sys::vpx_img_fmt_t::VPX_IMG_FMT_I420 {
        return Err(format!("pictures of {:?} are not supported", image.fmt));
    }
    let (width, height) = (image.d_w, image.d_h);
    let plane = |index: usize, rows: usize, row_bytes: usize| {
        let stride = usize::try_from(image.stride[index])
            .ok()
            .filter(|s| *s >= row_bytes)?;
        let length = stride * rows.checked_sub(1)? + row_bytes;
        // SAFETY: libvpx's picture holds `rows` rows of at least `row_bytes` bytes, `stride` apart,
        // and it lives as long as `image` is borrowed.
        let data = unsafe { slice::from_raw_parts(image.planes[index].cast_const(), length) };
        Some((data, stride))
    };
    let (columns, rows) = (width as usize, height as usize);
    let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
    let planes = (
        plane(0, rows, columns),
        plane(1, half_rows, half_columns),
        plane(2, half_rows, half_columns),
    );
    let (Some(y), Some(u), Some(v)) = planes else {
        return Err("a picture with an impossible stride".into());
    };
    I420Buffer::from_planes(width, height, [y.0, u.0, v.0], [y.1, u.1, v.1])
        .map_err(|error| error.to_string())
}
