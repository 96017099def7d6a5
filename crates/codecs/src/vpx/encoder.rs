use std::{
    ffi::{c_int, c_long, c_uint, c_ulong},
    mem::MaybeUninit,
    ptr, slice,
};

use bytes::Bytes;
use vpx_sys::{self as sys, vp8e_enc_control_id as control};

use super::{Format, context::Context, reason};
use crate::{
    ContentHint, EncodeError, EncodedFrame, VideoCodec, VideoEncoder, VideoEncoderConfig,
    VideoFrame, to_ticks,
};

/// The clock in which libvpx is told the time.
const CLOCK_RATE: u32 = 90_000;
/// A key frame at the latest after this many pictures: as good as never, receivers ask for them.
const KEYFRAME_INTERVAL: u32 = 3_000;
/// What rate control may keep: a second of bits, starting at half, aiming at 60 %.
const BUFFER_MILLIS: [u32; 3] = [1_000, 500, 600];
/// Bit rates that libvpx's integer arithmetic holds.
const BITRATES: std::ops::RangeInclusive<u32> = 10_000..=500_000_000;

/// An encoder whose context is made for the size of the first picture, and anew for another size.
#[derive(Debug)]
pub(crate) struct VpxEncoder {
    format: Format,
    config: VideoEncoderConfig,
    stream: Option<Stream>,
    keyframe_requested: bool,
    /// The time of the last picture, in ticks of [`CLOCK_RATE`].
    last_ticks: Option<i64>,
}

#[derive(Debug)]
struct Stream {
    context: Context,
    size: (u32, u32),
}

impl VpxEncoder {
    pub(crate) fn new(format: Format, config: &VideoEncoderConfig) -> Result<Self, EncodeError> {
        let encoder = Self {
            format,
            config: config.clone(),
            stream: None,
            keyframe_requested: false,
            last_ticks: None,
        };
        encoder.check_frame_rate(config.frame_rate)?;
        Ok(encoder)
    }

    fn check_frame_rate(&self, frames_per_second: u32) -> Result<(), EncodeError> {
        if (1..=240).contains(&frames_per_second) {
            return Ok(());
        }
        let value = u64::from(frames_per_second);
        Err(EncodeError::Setting {
            codec: self.format.name(),
            what: "frame rate",
            value,
        })
    }

    fn backend(&self, reason: String) -> EncodeError {
        EncodeError::Backend {
            codec: self.format.name(),
            reason,
        }
    }

    /// Ticks that grow with every picture, whatever the timestamps do.
    fn next_ticks(&self, frame: &VideoFrame) -> i64 {
        let ticks = to_ticks(frame.timestamp(), CLOCK_RATE).min(i64::MAX as u64 / 2) as i64;
        match self.last_ticks {
            Some(last) if ticks <= last => last + i64::from(self.frame_ticks()),
            _ => ticks,
        }
    }

    fn frame_ticks(&self) -> u32 {
        CLOCK_RATE / self.config.frame_rate
    }

    fn stream_for(&mut self, size: (u32, u32)) -> Result<&mut Stream, EncodeError> {
        if self
            .stream
            .as_ref()
            .is_none_or(|stream| stream.size != size)
        {
            self.stream = None;
            let stream = Stream::new(self.format, &self.config, size);
            self.stream = Some(stream.map_err(|reason| self.backend(reason))?);
            self.last_ticks = None;
        }
        Ok(self.stream.as_mut().expect("it was made above"))
    }
}

impl VideoEncoder for VpxEncoder {
    fn codec(&self) -> VideoCodec {
        self.format.codec()
    }

    fn implementation(&self) -> &'static str {
        "libvpx"
    }

    fn encode(&mut self, frame: &VideoFrame) -> Result<Option<EncodedFrame>, EncodeError> {
        let size = (frame.width(), frame.height());
        self.stream_for(size)?;
        let ticks = self.next_ticks(frame);
        let (duration, force_keyframe) = (self.frame_ticks(), self.keyframe_requested);
        let result = self
            .stream_for(size)?
            .encode(frame, ticks, duration, force_keyframe);
        self.last_ticks = Some(ticks);
        let encoded = result.map_err(|reason| self.backend(reason))?;
        if encoded.as_ref().is_some_and(|(_, keyframe)| *keyframe) {
            self.keyframe_requested = false;
        }
        Ok(encoded.map(|(data, keyframe)| {
            EncodedFrame::new(data, frame.timestamp(), keyframe).with_rotation(frame.rotation())
        }))
    }

    fn request_keyframe(&mut self) {
        self.keyframe_requested = true;
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        let config = VideoEncoderConfig {
            bitrate: bits_per_second,
            ..self.config.clone()
        };
        if let Some(stream) = &mut self.stream {
            let result = stream.configure(self.format, &config);
            result.map_err(|reason| self.backend(reason))?;
        }
        self.config = config;
        Ok(())
    }

    fn set_frame_rate(&mut self, frames_per_second: u32) -> Result<(), EncodeError> {
        // Rate control follows the timestamps; the rate says how long the last picture lasts.
        self.check_frame_rate(frames_per_second)?;
        self.config.frame_rate = frames_per_second;
        Ok(())
    }

    fn bitrate(&self) -> u32 {
        self.config.bitrate
    }
}

impl Stream {
    fn new(format: Format, config: &VideoEncoderConfig, size: (u32, u32)) -> Result<Self, String> {
        let settings = settings(format, config, size)?;
        let mut context = Context::encoder(format, &settings)?;
        for (control, value) in controls(format, config, size) {
            context.set(control, value)?;
        }
        Ok(Self { context, size })
    }

    /// Takes over a changed configuration, without a key frame.
    fn configure(&mut self, format: Format, config: &VideoEncoderConfig) -> Result<(), String> {
        let settings = settings(format, config, self.size)?;
        // SAFETY: the context is an initialized encoder; libvpx copies the configuration.
        let code = unsafe { sys::vpx_codec_enc_config_set(self.context.raw(), &settings) };
        self.context.check(code)
    }

    /// Encodes a picture of this stream's size: its bytes, and whether it is a key frame.
    fn encode(
        &mut self,
        frame: &VideoFrame,
        ticks: i64,
        duration: u32,
        force_keyframe: bool,
    ) -> Result<Option<(Bytes, bool)>, String> {
        let image = wrap(frame)?;
        let flags = if force_keyframe {
            sys::VPX_EFLAG_FORCE_KF
        } else {
            0
        };
        // SAFETY: the context is an initialized encoder for pictures of this size. The image points
        // into `frame`, which outlives the call; with no lag the encoder copies what it keeps.
        let code = unsafe {
            sys::vpx_codec_encode(
                self.context.raw(),
                &image,
                ticks,
                c_ulong::from(duration),
                c_long::from(flags),
                c_ulong::from(sys::VPX_DL_REALTIME),
            )
        };
        self.context.check(code)?;
        Ok(self.take_packets())
    }

    fn take_packets(&mut self) -> Option<(Bytes, bool)> {
        let mut iterator = ptr::null();
        let mut data = Vec::new();
        let mut keyframe = false;
        while let Some(packet) = self.context.next_packet(&mut iterator) {
            if packet.kind != sys::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: a packet of this kind holds a frame, whose buffer has `sz` bytes and lives as
            // long as the packet is borrowed.
            let bytes = unsafe {
                let frame = &packet.data.frame;
                keyframe |= frame.flags & sys::VPX_FRAME_IS_KEY != 0;
                slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize)
            };
            data.extend_from_slice(bytes);
        }
        (!data.is_empty()).then(|| (Bytes::from(data), keyframe))
    }
}

/// A picture as libvpx sees it, without a copy.
fn wrap(frame: &VideoFrame) -> Result<sys::vpx_image_t, String> {
    let mut image = MaybeUninit::<sys::vpx_image_t>::zeroed();
    let planes = frame.buffer().planes();
    let first = planes[0].data.as_ptr().cast_mut();
    let format = sys::vpx_img_fmt_t::VPX_IMG_FMT_I420;
    // SAFETY: given a buffer, vpx_img_wrap only fills in `image` (zeroes are valid for every field,
    // and all are set) and answers null when the size is beyond it.
    let mut image = unsafe {
        let wrapped = sys::vpx_img_wrap(
            image.as_mut_ptr(),
            format,
            frame.width(),
            frame.height(),
            1,
            first,
        );
        if wrapped.is_null() {
            return Err("the picture cannot be wrapped".into());
        }
        image.assume_init()
    };
    for (index, plane) in planes.iter().enumerate() {
        // The encoder only reads; its C interface has no const for it.
        image.planes[index] = plane.data.as_ptr().cast_mut();
        image.stride[index] = plane.stride as c_int;
    }
    Ok(image)
}

fn kilobits(bits_per_second: u32) -> c_uint {
    bits_per_second.clamp(*BITRATES.start(), *BITRATES.end()) / 1_000
}

/// Constant bit rate, no lag, and no error that waits for a second pass.
fn settings(
    format: Format,
    config: &VideoEncoderConfig,
    (width, height): (u32, u32),
) -> Result<sys::vpx_codec_enc_cfg_t, String> {
    let mut settings = MaybeUninit::<sys::vpx_codec_enc_cfg_t>::zeroed();
    // SAFETY: the interface is a static, and on success the whole structure is written.
    let mut settings = unsafe {
        match sys::vpx_codec_enc_config_default(format.encoder(), settings.as_mut_ptr(), 0) {
            sys::VPX_CODEC_OK => settings.assume_init(),
            error => return Err(reason(error)),
        }
    };
    settings.g_w = width;
    settings.g_h = height;
    settings.g_timebase = sys::vpx_rational {
        num: 1,
        den: CLOCK_RATE as c_int,
    };
    settings.g_threads = threads(config, width * height);
    settings.g_lag_in_frames = 0;
    settings.g_pass = sys::vpx_enc_pass::VPX_RC_ONE_PASS;
    settings.g_error_resilient = 0;
    settings.rc_end_usage = sys::vpx_rc_mode::VPX_CBR;
    settings.rc_target_bitrate = kilobits(config.bitrate);
    // A picture is skipped when the buffer is below 30 %: better than a growing queue.
    settings.rc_dropframe_thresh = 30;
    settings.rc_resize_allowed = 0;
    settings.rc_undershoot_pct = 100;
    settings.rc_overshoot_pct = 15;
    [
        settings.rc_buf_sz,
        settings.rc_buf_initial_sz,
        settings.rc_buf_optimal_sz,
    ] = BUFFER_MILLIS;
    settings.rc_min_quantizer = 2;
    settings.rc_max_quantizer = 56;
    settings.kf_mode = sys::vpx_kf_mode::VPX_KF_AUTO;
    settings.kf_min_dist = 0;
    settings.kf_max_dist = KEYFRAME_INTERVAL;
    Ok(settings)
}

fn threads(config: &VideoEncoderConfig, pixels: u32) -> c_uint {
    match config.threads {
        0 if pixels > 1_280 * 720 => 4,
        0 if pixels > 640 * 480 => 2,
        0 => 1,
        threads => threads.min(16),
    }
}

fn controls(
    format: Format,
    config: &VideoEncoderConfig,
    (width, height): (u32, u32),
) -> Vec<(control, c_int)> {
    let pixels = width * height;
    let is_detail = c_int::from(config.content == ContentHint::Detail);
    // A key frame may take half of the optimal buffer, in percent of one picture's share.
    let key_share = (BUFFER_MILLIS[2] / 2 * config.frame_rate / 10).max(300) as c_int;
    let mut controls = vec![
        (control::VP8E_SET_CPUUSED, cpu_used(format, pixels)),
        (control::VP8E_SET_STATIC_THRESHOLD, 1),
        (control::VP8E_SET_MAX_INTRA_BITRATE_PCT, key_share),
    ];
    match format {
        Format::Vp8 => {
            controls.push((control::VP8E_SET_NOISE_SENSITIVITY, 0));
            controls.push((control::VP8E_SET_SCREEN_CONTENT_MODE, is_detail));
        }
        Format::Vp9 => {
            // Cyclic refresh spreads quality over time, as real-time CBR wants.
            controls.push((control::VP9E_SET_AQ_MODE, 3));
            controls.push((control::VP9E_SET_ROW_MT, 1));
            controls.push((
                control::VP9E_SET_TILE_COLUMNS,
                if width >= 1_280 { 2 } else { 0 },
            ));
            controls.push((control::VP9E_SET_TUNE_CONTENT, is_detail));
        }
    }
    controls
}

/// Speed by size. On one core of the machine that it was tuned on, VP8 at -6 encodes 1280x720 at
/// about 200 pictures a second and at -12 at 250; VP9 at 7 encodes 107 and at 9 160.
fn cpu_used(format: Format, pixels: u32) -> c_int {
    match (format, pixels) {
        (Format::Vp8, 0..=307_200) => -6,
        (Format::Vp8, 307_201..=921_600) => -8,
        (Format::Vp8, _) => -12,
        (Format::Vp9, 0..=307_200) => 7,
        (Format::Vp9, 307_201..=921_600) => 8,
        (Format::Vp9, _) => 9,
    }
}
