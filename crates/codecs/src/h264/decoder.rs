//! What decodes.

use std::fmt;

use openh264::{
    OpenH264API,
    decoder::{DecodeOptions, DecodedYUV, Decoder, DecoderConfig, Flush},
    formats::YUVSource,
};

use super::{NAME, nal, order::Order};
use crate::{
    DecodeError, EncodedFrame, I420Buffer, Rotation, VideoCodec, VideoDecoder, VideoFrame,
};

/// The most bytes of an access unit that are looked at: level 5.2's largest picture uncompressed.
const MAX_ACCESS_UNIT: usize = 36_864 * 384;

/// A decoder that shows nothing before an IDR picture, and nothing after damage before the next.
///
/// It begins in one of two ways. A call's gives each frame's picture at once. A file's gives the pictures in the order in
/// which they are shown, for which OpenH264 holds some back; a call's becomes one, with the next IDR picture, when it meets a B slice:
/// asked for its pictures at once, OpenH264 would run out of memory for them.
pub(crate) struct H264Decoder {
    decoder: Decoder,
    needs_keyframe: bool,
    rotation: Rotation,
    /// The times of the pictures, if they are held back until their turn.
    order: Option<Order>,
}

impl H264Decoder {
    /// A call's.
    pub(crate) fn new() -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: start()?,
            needs_keyframe: true,
            rotation: Rotation::default(),
            order: None,
        })
    }

    /// A file's.
    pub(crate) fn in_order() -> Result<Self, DecodeError> {
        Ok(Self {
            order: Some(Order::default()),
            ..Self::new()?
        })
    }

    fn corrupt(&mut self, reason: impl Into<String>) -> DecodeError {
        self.needs_keyframe = true;
        DecodeError::Corrupt {
            codec: NAME,
            reason: reason.into(),
        }
    }

    /// Looks at what kind of frame it is; whether it can be decoded.
    fn prepare(&mut self, frame: &EncodedFrame) -> Result<(), DecodeError> {
        let (mut is_idr, mut starts, mut is_reordered) = (false, false, false);
        for unit in nal::units(&frame.data) {
            is_idr |= unit.is_idr();
            // Parameter sets alone show nothing, but are wanted all the same.
            starts |= unit.is_idr() || unit.is_sequence_parameter_set();
            is_reordered |= unit.is_b_slice();
        }
        if is_reordered && self.order.is_none() {
            *self = Self::in_order()?;
        }
        if self.needs_keyframe && !starts {
            return Err(DecodeError::KeyframeNeeded { codec: NAME });
        }
        if let Some(order) = &mut self.order {
            order.decoded(frame.timestamp, is_idr);
        }
        Ok(())
    }
}

impl VideoDecoder for H264Decoder {
    fn codec(&self) -> VideoCodec {
        VideoCodec::H264
    }

    fn implementation(&self) -> &'static str {
        "OpenH264"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, DecodeError> {
        if frame.data.is_empty() || frame.data.len() > MAX_ACCESS_UNIT {
            return Err(self.corrupt(format!("an access unit of {} bytes", frame.data.len())));
        }
        self.prepare(frame)?;
        self.rotation = frame.rotation;
        let flush = if self.order.is_none() {
            Flush::Flush
        } else {
            Flush::NoFlush
        };
        let options = DecodeOptions::new().flush_after_decode(flush);
        let picture = match self.decoder.decode_with_options(&frame.data, options) {
            Ok(Some(decoded)) => copy(&decoded).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        let picture = picture.map_err(|reason| self.corrupt(reason))?;
        self.needs_keyframe &= picture.is_none() && self.order.is_none();
        Ok(picture.and_then(|buffer| {
            let time = match &mut self.order {
                Some(order) => order.shown()?,
                None => frame.timestamp,
            };
            Some(VideoFrame::new(buffer, time).with_rotation(self.rotation))
        }))
    }

    fn drain(&mut self) -> Vec<VideoFrame> {
        let Some(order) = &mut self.order else {
            return Vec::new();
        };
        let rotation = self.rotation;
        let left = self.decoder.flush_remaining().unwrap_or_default();
        let left = left.iter().filter_map(|decoded: &DecodedYUV<'_>| {
            let (time, buffer) = (order.shown()?, copy(decoded).ok()?);
            Some(VideoFrame::new(buffer, time).with_rotation(rotation))
        });
        let left = left.collect();
        self.needs_keyframe = true;
        left
    }
}
fn start() -> Result<Decoder, DecodeError> {
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
    decoder.map_err(|error| DecodeError::Backend {
        codec: NAME,
        reason: error.to_string(),
    })
}

impl fmt::Debug for H264Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H264Decoder")
            .field("needs_keyframe", &self.needs_keyframe)
            .finish_non_exhaustive()
    }
}

fn copy(decoded: &impl YUVSource) -> Result<I420Buffer, String> {
    let (width, height) = decoded.dimensions();
    let (stride_y, stride_u, stride_v) = decoded.strides();
    let planes = [decoded.y(), decoded.u(), decoded.v()];
    I420Buffer::from_planes(
        width as u32,
        height as u32,
        planes,
        [stride_y, stride_u, stride_v],
    )
    .map_err(|error| error.to_string())
}
