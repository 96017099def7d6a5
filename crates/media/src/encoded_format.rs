use std::fmt;

use gannet_codecs::{AudioCodec, VideoCodec};

use crate::{MediaKind, h264, picture};

/// A codec of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaCodec {
    /// Of sound.
    Audio(AudioCodec),
    /// Of pictures.
    Video(VideoCodec),
}

impl MediaCodec {
    /// Sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
        }
    }

    /// The codec, if it is one of sound.
    pub const fn audio(self) -> Option<AudioCodec> {
        match self {
            Self::Audio(codec) => Some(codec),
            Self::Video(_) => None,
        }
    }

    /// The codec, if it is one of pictures.
    pub const fn video(self) -> Option<VideoCodec> {
        match self {
            Self::Video(codec) => Some(codec),
            Self::Audio(_) => None,
        }
    }

    /// The encoding name of its RTP payload format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio(codec) => codec.name(),
            Self::Video(codec) => codec.name(),
        }
    }

    /// The rate of its RTP clock, in hertz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Audio(codec) => codec.rtp_clock_rate(),
            Self::Video(_) => 90_000,
        }
    }
}

impl fmt::Display for MediaCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a decoder must be able to do beyond the codec's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecProfile {
    /// `profile_idc` of H.264, and the octet of constraint flags behind it (RFC 6184, section 8.1).
    H264 {
        /// 66 for Baseline, 77 for Main, 100 for High.
        profile_idc: u8,
        /// `constraint_set0_flag` is the highest bit.
        constraints: u8,
    },
    /// The profile of VP9, 0 to 3.
    Vp9(u8),
}

/// What the frames of an [`EncodedTrack`](crate::EncodedTrack) are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncodedFormat {
    /// The codec.
    pub codec: MediaCodec,
    /// Its profile, if the codec has any and it is known.
    pub profile: Option<CodecProfile>,
}

impl EncodedFormat {
    /// A codec of sound.
    pub const fn audio(codec: AudioCodec) -> Self {
        Self {
            codec: MediaCodec::Audio(codec),
            profile: None,
        }
    }

    /// A codec of pictures, of a profile that is not known.
    pub const fn video(codec: VideoCodec) -> Self {
        Self {
            codec: MediaCodec::Video(codec),
            profile: None,
        }
    }

    /// A codec of pictures, with the profile that a key frame says. The encoders of `gannet-codecs` and
    /// [`WebmReader`](crate::WebmReader) make such frames; H.264 is in Annex B form.
    pub fn of_key_frame(codec: VideoCodec, frame: &[u8]) -> Self {
        let profile = match codec {
            VideoCodec::Vp8 => None,
            VideoCodec::Vp9 => picture::vp9_profile(frame).map(CodecProfile::Vp9),
            VideoCodec::H264 => {
                h264::h264_profile(frame).map(|(profile_idc, constraints)| CodecProfile::H264 {
                    profile_idc,
                    constraints,
                })
            }
        };
        Self {
            codec: MediaCodec::Video(codec),
            profile,
        }
    }

    /// Sound or pictures.
    pub const fn kind(&self) -> MediaKind {
        self.codec.kind()
    }
}

impl fmt::Display for EncodedFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec.fmt(f)?;
        match self.profile {
            Some(CodecProfile::H264 {
                profile_idc,
                constraints,
            }) => write!(f, " of profile {profile_idc:02x}{constraints:02x}"),
            Some(CodecProfile::Vp9(profile)) => write!(f, " of profile {profile}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gannet_codecs::{I420Buffer, VideoEncoderConfig, VideoFrame};

    use super::*;

    fn format_of_our_own(codec: VideoCodec) -> EncodedFormat {
        let mut encoder = codec.encoder(&VideoEncoderConfig::default()).unwrap();
        let picture = VideoFrame::new(I420Buffer::new(64, 48).unwrap(), Duration::ZERO);
        let frame = encoder.encode(&picture).unwrap().unwrap();
        EncodedFormat::of_key_frame(codec, &frame.data)
    }

    #[test]
    fn key_frames_say_their_profile() {
        assert_eq!(format_of_our_own(VideoCodec::Vp8).to_string(), "VP8");
        let vp9 = format_of_our_own(VideoCodec::Vp9);
        assert_eq!(vp9.profile, Some(CodecProfile::Vp9(0)));
        // Constrained Baseline: Baseline, and within Main too.
        let Some(CodecProfile::H264 {
            profile_idc: 66,
            constraints,
        }) = format_of_our_own(VideoCodec::H264).profile
        else {
            panic!("it is Baseline");
        };
        assert_eq!(constraints & 0x40, 0x40);
        assert_eq!(
            EncodedFormat::of_key_frame(VideoCodec::Vp9, &[0b1011_0000]).profile,
            Some(CodecProfile::Vp9(3))
        );
    }

    #[test]
    fn what_is_no_key_frame_says_nothing() {
        for codec in VideoCodec::ALL {
            for data in [&[][..], &[0], &[0, 0, 1, 0x67], &[0, 0, 1, 0x67, 66]] {
                let format = EncodedFormat::of_key_frame(codec, data);
                assert_eq!(format, EncodedFormat::video(codec), "{codec} {data:?}");
            }
        }
    }
}
