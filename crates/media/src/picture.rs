//! The size of a picture, read from the headers of key frames.

use crate::{WebmCodec, bits::Bits, h264};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The size that a key frame declares. `None` when it is no key frame of that codec.
pub(crate) fn size(codec: WebmCodec, frame: &[u8]) -> Option<Size> {
    let size = match codec {
        WebmCodec::Vp8 => vp8(frame)?,
        WebmCodec::Vp9 => vp9(frame)?,
        WebmCodec::H264 => h264::ParameterSets::of(frame)?.size()?,
        WebmCodec::Av1 | WebmCodec::Opus => return None,
    };
    (size.width > 0 && size.height > 0).then_some(size)
}

/// RFC 6386, section 9.1: the frame tag, then the start code and the size of key frames.
fn vp8(frame: &[u8]) -> Option<Size> {
    let [tag, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *frame.first_chunk()? else {
        return None;
    };
    let is_key = tag & 1 == 0;
    // The upper two bits are for scaling.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    is_key.then(|| Size {
        width: side(w0, w1),
        height: side(h0, h1),
    })
}

/// The profile of a VP9 frame (VP9 bitstream specification, section 6.2).
pub(crate) fn vp9_profile(frame: &[u8]) -> Option<u8> {
    let mut bits = Bits::new(frame);
    if bits.read(2)? != 2 {
        return None;
    }
    let profile = bits.read(1)? | bits.read(1)? << 1;
    u8::try_from(profile).ok()
}

/// VP9 bitstream specification, section 6.2: `uncompressed_header`.
fn vp9(frame: &[u8]) -> Option<Size> {
    const RGB: u64 = 7;
    let mut bits = Bits::new(frame);
    if bits.read(2)? != 2 {
        return None;
    }
    let profile = bits.read(1)? | bits.read(1)? << 1;
    if profile == 3 {
        bits.read(1)?;
    }
    let (shows_existing, is_inter) = (bits.read(1)? == 1, bits.read(1)? == 1);
    if shows_existing || is_inter {
        return None;
    }
    // show_frame and error_resilient_mode, then the sync code.
    bits.read(2)?;
    if bits.read(24)? != 0x49_8342 {
        return None;
    }
    if profile >= 2 {
        bits.read(1)?;
    }
    if bits.read(3)? != RGB {
        bits.read(1)?;
        if profile % 2 == 1 {
            bits.read(3)?;
        }
    } else if profile % 2 == 1 {
        bits.read(1)?;
    }
    Some(Size {
        width: bits.read(16)? as u32 + 1,
        height: bits.read(16)? as u32 + 1,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gannet_codecs::{VideoCodec, VideoEncoderConfig};

    use super::*;
    use crate::{Source, TestPattern};

    #[test]
    fn what_encoders_write_is_read() {
        for (name, codec) in [
            (VideoCodec::Vp8, WebmCodec::Vp8),
            (VideoCodec::Vp9, WebmCodec::Vp9),
            (VideoCodec::H264, WebmCodec::H264),
        ] {
            for (width, height) in [(320, 240), (322, 182), (640, 360)] {
                let mut encoder = name.encoder(&VideoEncoderConfig::default()).unwrap();
                let mut pattern = TestPattern::new(width, height, 30).unwrap();
                let mut frame_at = |millis| {
                    let picture = pattern.frame_at(Duration::from_millis(millis)).unwrap();
                    encoder.encode(&picture).unwrap().unwrap()
                };
                let (key, other) = (frame_at(0), frame_at(33));
                assert_eq!(
                    size(codec, &key.data),
                    Some(Size { width, height }),
                    "{name}"
                );
                assert_eq!(size(codec, &other.data), None, "{name}");
                for length in 0..key.data.len().min(64) {
                    let _ = size(codec, &key.data[..length]);
                }
            }
        }
    }
}
