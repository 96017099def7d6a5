//! What encodes.

#![allow(
    unsafe_code,
    reason = "options of a running encoder are only in OpenH264's C interface"
)]

use std::{ffi::c_void, fmt, ptr};

use bytes::Bytes;
use openh264::{
    OpenH264API, Timestamp,
    encoder::{
        BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod,
        Profile, RateControlMode, UsageType,
    },
    formats::YUVSlices,
};
use openh264_sys2 as sys;

use super::NAME;
use crate::{
    ContentHint, EncodeError, EncodedFrame, I420Buffer, VideoCodec, VideoEncoder,
    VideoEncoderConfig, VideoFrame,
};

/// An IDR picture at the latest after this many: as good as never, receivers ask for them.
const KEYFRAME_INTERVAL: u32 = 3_000;
/// The sides that OpenH264 encodes: 16 pixels up to level 5.2.
const SIDES: (u32, u32) = (16, 3_840);
const SHORTER_SIDE: u32 = 2_160;
/// The bit rates that OpenH264 holds.
const BITRATES: std::ops::RangeInclusive<u32> = 10_000..=240_000_000;

/// An encoder that is made for the size of the first picture, and anew for another size.
pub(crate) struct H264Encoder {
    config: VideoEncoderConfig,
    stream: Option<Stream>,
    keyframe_requested: bool,
    /// The time of the last picture, in milliseconds.
    last_millis: Option<u64>,
}

struct Stream {
    encoder: Encoder,
    size: (u32, u32),
    bitrate: u32,
    max_bitrate: u32,
    is_running: bool,
}

impl H264Encoder {
    pub(crate) fn new(config: &VideoEncoderConfig) -> Result<Self, EncodeError> {
        check_frame_rate(config.frame_rate)?;
        Ok(Self {
            config: config.clone(),
            stream: None,
            keyframe_requested: false,
            last_millis: None,
        })
    }

    fn stream_for(&mut self, size: (u32, u32)) -> Result<&mut Stream, EncodeError> {
        if self
            .stream
            .as_ref()
            .is_none_or(|stream| stream.size != size)
        {
            self.stream = None;
            self.stream = Some(Stream::new(&self.config, size)?);
            self.last_millis = None;
        }
        Ok(self.stream.as_mut().expect("it was made above"))
    }

    /// Milliseconds that grow with every picture, whatever the timestamps do.
    fn next_millis(&self, frame: &VideoFrame) -> u64 {
        let millis = u64::try_from(frame.timestamp().as_millis()).unwrap_or(0);
        let millis = millis.min(u64::MAX / 4);
        match self.last_millis {
            Some(last) if millis <= last => last + u64::from(1_000 / self.config.frame_rate),
            _ => millis,
        }
    }
}

impl VideoEncoder for H264Encoder {
    fn codec(&self) -> VideoCodec {
        VideoCodec::H264
    }

    fn implementation(&self) -> &'static str {
        "OpenH264"
    }

    fn encode(&mut self, frame: &VideoFrame) -> Result<Option<EncodedFrame>, EncodeError> {
        let size = (frame.width(), frame.height());
        check_size(size)?;
        let force_keyframe = self.keyframe_requested;
        self.stream_for(size)?;
        let millis = self.next_millis(frame);
        self.last_millis = Some(millis);
        let stream = self.stream_for(size)?;
        let Some((data, keyframe)) = stream.encode(frame, millis, force_keyframe)? else {
            return Ok(None);
        };
        self.keyframe_requested &= !keyframe;
        let encoded = EncodedFrame::new(data, frame.timestamp(), keyframe);
        Ok(Some(encoded.with_rotation(frame.rotation())))
    }

    fn request_keyframe(&mut self) {
        self.keyframe_requested = true;
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        if let Some(stream) = &mut self.stream {
            stream.set_bitrate(bits_per_second)?;
        }
        self.config.bitrate = bits_per_second;
        Ok(())
    }

    fn set_frame_rate(&mut self, frames_per_second: u32) -> Result<(), EncodeError> {
        check_frame_rate(frames_per_second)?;
        if let Some(stream) = &mut self.stream {
            let mut rate = frames_per_second as f32;
            stream.set_option(sys::ENCODER_OPTION_FRAME_RATE, &mut rate)?;
        }
        self.config.frame_rate = frames_per_second;
        Ok(())
    }

    fn bitrate(&self) -> u32 {
        self.config.bitrate
    }
}

impl Stream {
    fn new(config: &VideoEncoderConfig, size: (u32, u32)) -> Result<Self, EncodeError> {
        let bitrate = clamp_bitrate(config.bitrate);
        let usage = match config.content {
            ContentHint::Motion => UsageType::CameraVideoRealTime,
            ContentHint::Detail => UsageType::ScreenContentRealTime,
        };
        let settings = EncoderConfig::new()
            .bitrate(BitRate::from_bps(bitrate))
            .max_frame_rate(FrameRate::from_hz(config.frame_rate as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .skip_frames(true)
            // A cut in the film is not worth an IDR picture's burst of bits.
            .scene_change_detect(false)
            .usage_type(usage)
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEYFRAME_INTERVAL))
            .num_threads(config.threads.clamp(1, 4) as u16);
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), settings);
        let encoder = encoder.map_err(|error| backend(error.to_string()))?;
        Ok(Self {
            encoder,
            size,
            bitrate,
            max_bitrate: bitrate,
            is_running: false,
        })
    }

    fn encode(
        &mut self,
        frame: &VideoFrame,
        millis: u64,
        force_keyframe: bool,
    ) -> Result<Option<(Bytes, bool)>, EncodeError> {
        if force_keyframe && self.is_running {
            self.encoder.force_intra_frame();
        }
        let source = even_slices(frame.buffer());
        let result = self
            .encoder
            .encode_at(&source, Timestamp::from_millis(millis));
        let stream = result.map_err(|error| backend(error.to_string()))?;
        let frame_type = stream.frame_type();
        let data = stream.to_vec();
        self.is_running = true;
        if data.is_empty() || matches!(frame_type, FrameType::Skip | FrameType::Invalid) {
            return Ok(None);
        }
        Ok(Some((Bytes::from(data), frame_type == FrameType::IDR)))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        let bitrate = clamp_bitrate(bits_per_second);
        if bitrate > self.max_bitrate {
            self.set_rate(
                sys::ENCODER_OPTION_MAX_BITRATE,
                sys::SPATIAL_LAYER_0,
                bitrate,
            )?;
            self.max_bitrate = bitrate;
        }
        self.set_rate(sys::ENCODER_OPTION_BITRATE, sys::SPATIAL_LAYER_ALL, bitrate)?;
        self.bitrate = bitrate;
        Ok(())
    }

    fn set_rate(
        &mut self,
        option: sys::ENCODER_OPTION,
        layer: sys::LAYER_NUM,
        bitrate: u32,
    ) -> Result<(), EncodeError> {
        let mut info = sys::SBitrateInfo {
            iLayer: layer,
            iBitrate: bitrate as i32,
        };
        self.set_option(option, &mut info)
    }

    /// Sets an option of the running encoder. `value` must be of the type that the option takes.
    fn set_option<T>(
        &mut self,
        option: sys::ENCODER_OPTION,
        value: &mut T,
    ) -> Result<(), EncodeError> {
        let value: *mut c_void = ptr::from_mut(value).cast();
        // SAFETY: the encoder is alive; each caller passes the type that `codec_app_def.h` names
        // for its option, and OpenH264 copies it. None of the options is one that the wrapper
        // keeps for itself.
        let code = unsafe { self.encoder.raw_api().set_option(option, value) };
        match code {
            0 => Ok(()),
            code => Err(backend(format!(
                "option {option} was refused with code {code}"
            ))),
        }
    }
}

impl fmt::Debug for H264Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.stream.as_ref().map(|stream| stream.size);
        f.debug_struct("H264Encoder")
            .field("config", &self.config)
            .field("size", &size)
            .finish()
    }
}

/// The picture without a last odd column and row, which 4:2:0 cropping cannot say.
fn even_slices(buffer: &I420Buffer) -> YUVSlices<'_> {
    let [y, u, v] = buffer.planes();
    let (width, height) = (y.width & !1, y.height & !1);
    let planes = (
        &y.data[..height * y.stride],
        &u.data[..height / 2 * u.stride],
        &v.data[..height / 2 * v.stride],
    );
    YUVSlices::new(planes, (width, height), (y.stride, u.stride, v.stride))
}

fn clamp_bitrate(bits_per_second: u32) -> u32 {
    bits_per_second.clamp(*BITRATES.start(), *BITRATES.end())
}

fn check_size((width, height): (u32, u32)) -> Result<(), EncodeError> {
    let (longer, shorter) = (width.max(height), width.min(height));
    if shorter < SIDES.0 || longer > SIDES.1 || shorter > SHORTER_SIDE {
        return Err(EncodeError::Dimensions {
            codec: NAME,
            width,
            height,
        });
    }
    Ok(())
}

fn check_frame_rate(frames_per_second: u32) -> Result<(), EncodeError> {
    if (1..=240).contains(&frames_per_second) {
        return Ok(());
    }
    let value = u64::from(frames_per_second);
    Err(EncodeError::Setting {
        codec: NAME,
        what: "frame rate",
        value,
    })
}

fn backend(reason: String) -> EncodeError {
    EncodeError::Backend {
        codec: NAME,
        reason,
    }
}
