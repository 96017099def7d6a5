use std::{fmt, time::Duration};

#[cfg(feature = "h264")]
use crate::h264::{H264Decoder, H264Encoder};
#[cfg(feature = "vp8")]
use crate::vpx::{Format, VpxDecoder, VpxEncoder};
use crate::{
    AudioDecoder, AudioEncoder, DecodeError, EncodeError, UnsupportedCodec, VideoDecoder,
    VideoEncoder,
    waveform::{WaveformDecoder, WaveformEncoder},
};

/// What the pictures show, which says how to spend bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContentHint {
    /// A camera: motion matters.
    #[default]
    Motion,
    /// A shared screen: sharp edges matter, most of the picture stands still.
    Detail,
}

/// How a video encoder starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoEncoderConfig {
    /// Bits per second to aim at.
    pub bitrate: u32,
    /// Pictures per second to expect.
    pub frame_rate: u32,
    /// What the pictures show.
    pub content: ContentHint,
    /// Threads that the codec may use inside one picture. 0 chooses by the picture's size.
    pub threads: u32,
}

impl Default for VideoEncoderConfig {
    /// 1 Mbit/s, 30 pictures a second, a camera, threads by size.
    fn default() -> Self {
        Self {
            bitrate: 1_000_000,
            frame_rate: 30,
            content: ContentHint::Motion,
            threads: 0,
        }
    }
}

/// How an audio encoder starts.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioEncoderConfig {
    /// Bits per second to aim at, for codecs that can choose.
    pub bitrate: u32,
    /// How much sound goes into a packet. Opus takes 10, 20, 40 or 60 ms, the others any multiple
    /// of 10 ms up to 120.
    pub packet_duration: Duration,
    /// Channels to encode, for codecs that can choose: 1 or 2.
    pub channels: u16,
    /// Opus: carry a coarse copy of each packet in the next one.
    pub inband_fec: bool,
    /// Opus: send almost nothing while it is silent.
    pub dtx: bool,
}

impl Default for AudioEncoderConfig {
    /// 64 kbit/s, 20 ms, stereo, with in-band FEC, without DTX.
    fn default() -> Self {
        Self {
            bitrate: 64_000,
            packet_duration: Duration::from_millis(20),
            channels: 2,
            inband_fec: true,
            dtx: false,
        }
    }
}

/// The video formats that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// VP8 (RFC 6386).
    Vp8,
    /// VP9, profile 0.
    Vp9,
    /// H.264, constrained baseline, in Annex B form.
    H264,
}

/// The audio formats that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// Opus (RFC 6716), 48 kHz.
    Opus,
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s, 16 kHz.
    G722,
}

impl VideoCodec {
    /// Every codec, in the order in which to prefer them.
    pub const ALL: [Self; 3] = [Self::Vp8, Self::H264, Self::Vp9];

    /// The encoding name of its RTP payload format, as in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
        }
    }

    /// The codec of an encoding name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Whether this build can encode and decode it.
    pub const fn is_supported(self) -> bool {
        match self {
            Self::Vp8 | Self::Vp9 => cfg!(feature = "vp8"),
            Self::H264 => cfg!(feature = "h264"),
        }
    }

    /// A new encoder.
    ///
    /// # Errors
    ///
    /// When the codec's feature is off, or a setting is out of range.
    pub fn encoder(
        self,
        config: &VideoEncoderConfig,
    ) -> Result<Box<dyn VideoEncoder>, EncodeError> {
        match (self, config) {
            #[cfg(feature = "vp8")]
            (Self::Vp8, config) => Ok(Box::new(VpxEncoder::new(Format::Vp8, config)?)),
            #[cfg(feature = "vp8")]
            (Self::Vp9, config) => Ok(Box::new(VpxEncoder::new(Format::Vp9, config)?)),
            #[cfg(feature = "h264")]
            (Self::H264, config) => Ok(Box::new(H264Encoder::new(config)?)),
            #[allow(
                unreachable_patterns,
                reason = "which arms exist depends on the features"
            )]
            (codec, _) => Err(codec.unsupported().into()),
        }
    }

    /// A new decoder for a call: each frame's picture comes at once.
    ///
    /// H.264 whose pictures are shown in another order than they are decoded in, which calls do not have, cannot be shown
    /// so: at the first frame that says so the decoder asks for a key frame, and from there is as
    /// [`decoder_in_order`](Self::decoder_in_order) has it.
    ///
    /// # Errors
    ///
    /// When the codec's feature is off, or the library cannot start.
    pub fn decoder(self) -> Result<Box<dyn VideoDecoder>, DecodeError> {
        match self {
            #[cfg(feature = "vp8")]
            Self::Vp8 => Ok(Box::new(VpxDecoder::new(Format::Vp8)?)),
            #[cfg(feature = "vp8")]
            Self::Vp9 => Ok(Box::new(VpxDecoder::new(Format::Vp9)?)),
            #[cfg(feature = "h264")]
            Self::H264 => Ok(Box::new(H264Decoder::new()?)),
            #[allow(
                unreachable_patterns,
                reason = "which arms exist depends on the features"
            )]
            _ => Err(self.unsupported().into()),
        }
    }

    /// A new decoder for files: pictures come in the order in which they are shown, some of them some frames after their own,
    /// the last ones by [`VideoDecoder::drain`].
    ///
    /// # Errors
    ///
    /// When the codec's feature is off, or the library cannot start.
    pub fn decoder_in_order(self) -> Result<Box<dyn VideoDecoder>, DecodeError> {
        match self {
            #[cfg(feature = "h264")]
            Self::H264 => Ok(Box::new(H264Decoder::in_order()?)),
            _ => self.decoder(),
        }
    }

    const fn unsupported(self) -> UnsupportedCodec {
        let feature = match self {
            Self::Vp8 | Self::Vp9 => "vp8",
            Self::H264 => "h264",
        };
        UnsupportedCodec {
            codec: self.name(),
            feature,
        }
    }
}

impl AudioCodec {
    /// Every codec, in the order in which to prefer them.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];

    /// The encoding name of its RTP payload format, as in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }

    /// The codec of an encoding name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The RTP clock rate. G.722 says 8000 though it samples at 16000 (RFC 3551, section 4.5.2).
    pub const fn rtp_clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }

    /// Whether this build can encode and decode it.
    pub const fn is_supported(self) -> bool {
        match self {
            Self::Opus => cfg!(feature = "opus"),
            Self::Pcmu | Self::Pcma | Self::G722 => true,
        }
    }

    /// A new encoder.
    ///
    /// # Errors
    ///
    /// When the codec's feature is off, or a setting is out of range.
    pub fn encoder(
        self,
        config: &AudioEncoderConfig,
    ) -> Result<Box<dyn AudioEncoder>, EncodeError> {
        match self {
            #[cfg(feature = "opus")]
            Self::Opus => Ok(Box::new(crate::opus::OpusEncoder::new(config)?)),
            #[cfg(not(feature = "opus"))]
            Self::Opus => Err(self.unsupported().into()),
            Self::Pcmu | Self::Pcma | Self::G722 => {
                Ok(Box::new(WaveformEncoder::new(self, config)?))
            }
        }
    }

    /// A new decoder.
    ///
    /// # Errors
    ///
    /// When the codec's feature is off, or the library cannot start.
    pub fn decoder(self) -> Result<Box<dyn AudioDecoder>, DecodeError> {
        match self {
            #[cfg(feature = "opus")]
            Self::Opus => Ok(Box::new(crate::opus::OpusDecoder::new()?)),
            #[cfg(not(feature = "opus"))]
            Self::Opus => Err(self.unsupported().into()),
            Self::Pcmu | Self::Pcma | Self::G722 => Ok(Box::new(WaveformDecoder::new(self))),
        }
    }

    #[cfg(not(feature = "opus"))]
    const fn unsupported(self) -> UnsupportedCodec {
        UnsupportedCodec {
            codec: self.name(),
            feature: "opus",
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(VideoCodec::from_name("vp8"), Some(VideoCodec::Vp8));
        assert_eq!(VideoCodec::from_name("rtx"), None);
        assert_eq!(AudioCodec::from_name("OPUS"), Some(AudioCodec::Opus));
        for codec in AudioCodec::ALL {
            assert_eq!(AudioCodec::from_name(codec.name()), Some(codec));
        }
    }
}
