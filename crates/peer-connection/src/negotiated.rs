//! Which of the codecs that were agreed on carries frames that are encoded already.

use gannet_media::{CodecProfile, EncodedFormat};
use gannet_ortc::parameters::{RtpCodecParameters, RtpParameters};

/// The parameters with the codec for such frames in front; `None` if the peer did not agree to one.
pub(crate) fn parameters_for(
    agreed: &RtpParameters,
    format: &EncodedFormat,
) -> Option<RtpParameters> {
    let fits = |codec: &RtpCodecParameters| fit(codec, format);
    let ranked = agreed.codecs.iter().enumerate();
    let ranked = ranked.filter_map(|(index, codec)| Some((fits(codec)?, index)));
    // The closest; of several, the one that the peer prefers.
    let (_, chosen) = ranked.min()?;
    let mut parameters = agreed.clone();
    parameters.codecs[..=chosen].rotate_right(1);
    Some(parameters)
}

/// How close a codec is to what its decoder would be given: 0 is the same, `None` would not do.
fn fit(codec: &RtpCodecParameters, format: &EncodedFormat) -> Option<u8> {
    if !codec.is(format.codec.name()) || codec.clock_rate != format.codec.clock_rate() {
        return None;
    }
    match format.profile {
        _ if codec.is("H264") => {
            // NAL units of any length must be cut (RFC 6184, section 6.2).
            if codec.parameters.value("packetization-mode") != Some("1") {
                return None;
            }
            let Some(CodecProfile::H264 {
                profile_idc,
                constraints,
            }) = format.profile
            else {
                return Some(0);
            };
            H264Profile::of(profile_idc, constraints)?.fits(H264Profile::agreed(codec)?)
        }
        Some(CodecProfile::Vp9(profile)) => {
            let agreed = codec.parameters.value("profile-id").unwrap_or("0");
            (agreed.parse() == Ok(profile)).then_some(0)
        }
        _ => Some(0),
    }
}

/// The profiles of H.264 that endpoints agree on (RFC 6184, section 8.1, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
}

impl H264Profile {
    const fn of(profile_idc: u8, constraints: u8) -> Option<Self> {
        Some(match (profile_idc, constraints) {
            (66, flags) if flags & 0x40 != 0 => Self::ConstrainedBaseline,
            (77, flags) if flags & 0x80 != 0 => Self::ConstrainedBaseline,
            (88, flags) if flags & 0xC0 == 0xC0 => Self::ConstrainedBaseline,
            (66, _) => Self::Baseline,
            (88, flags) if flags & 0x80 != 0 => Self::Baseline,
            (77, _) => Self::Main,
            (100, flags) if flags & 0x0C == 0x0C => Self::ConstrainedHigh,
            (100, _) => Self::High,
            _ => return None,
        })
    }

    fn agreed(codec: &RtpCodecParameters) -> Option<Self> {
        // Baseline at level 1 if nothing is said.
        let id = codec.parameters.value("profile-level-id");
        let id = u32::from_str_radix(id.unwrap_or("42000a"), 16).ok()?;
        let [0, profile_idc, constraints, _level] = id.to_be_bytes() else {
            return None;
        };
        Self::of(profile_idc, constraints)
    }

    /// Whether a decoder of another profile decodes this one, and how close it is.
    fn fits(self, decoder: Self) -> Option<u8> {
        let contains = match decoder {
            Self::ConstrainedBaseline => false,
            Self::Baseline | Self::Main | Self::ConstrainedHigh => {
                self == Self::ConstrainedBaseline
            }
            Self::High => self != Self::Baseline,
        };
        if self == decoder {
            Some(0)
        } else {
            contains.then_some(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use gannet_codecs::{AudioCodec, VideoCodec};
    use gannet_ortc::parameters::{FormatParameters, MediaKind, RtcpParameters};

    use super::*;

    fn agreed(codecs: &[(&str, &str)]) -> RtpParameters {
        let codec = |(index, (name, line)): (usize, &(&str, &str))| {
            let pairs = line.split(';').filter_map(|pair| pair.split_once('='));
            let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            RtpCodecParameters {
                name: (*name).to_owned(),
                payload_type: 96 + index as u8,
                clock_rate: 90_000,
                channels: 1,
                parameters: FormatParameters(owned.collect()),
                rtcp_feedback: Vec::new(),
            }
        };
        RtpParameters {
            kind: MediaKind::Video,
            mid: String::new(),
            codecs: codecs.iter().enumerate().map(codec).collect(),
            header_extensions: Vec::new(),
            encodings: Vec::new(),
            rtcp: RtcpParameters::default(),
        }
    }

    fn chosen(codecs: &[(&str, &str)], format: EncodedFormat) -> Option<u8> {
        let agreed = agreed(codecs);
        let parameters = parameters_for(&agreed, &format)?;
        assert_eq!(parameters.codecs.len(), agreed.codecs.len());
        Some(parameters.primary_codec()?.payload_type)
    }

    fn h264(profile_idc: u8, constraints: u8) -> EncodedFormat {
        EncodedFormat {
            profile: Some(CodecProfile::H264 {
                profile_idc,
                constraints,
            }),
            ..EncodedFormat::video(VideoCodec::H264)
        }
    }

    #[test]
    fn a_codec_is_found_by_its_name_and_the_others_keep_their_order() {
        let codecs = [("VP8", ""), ("rtx", "apt=96"), ("vp9", ""), ("AV1", "")];
        assert_eq!(
            chosen(&codecs, EncodedFormat::video(VideoCodec::Vp8)),
            Some(96)
        );
        let parameters =
            parameters_for(&agreed(&codecs), &EncodedFormat::video(VideoCodec::Vp9)).unwrap();
        let order: Vec<u8> = parameters
            .codecs
            .iter()
            .map(|codec| codec.payload_type)
            .collect();
        assert_eq!(order, [98, 96, 97, 99]);
        assert_eq!(
            chosen(&codecs, EncodedFormat::video(VideoCodec::H264)),
            None
        );
        assert_eq!(
            chosen(&codecs, EncodedFormat::audio(AudioCodec::Opus)),
            None
        );
    }

    #[test]
    fn profiles_of_vp9_must_be_equal() {
        let codecs = [("VP9", "profile-id=2"), ("VP9", "")];
        let vp9 = |profile| EncodedFormat {
            profile: Some(CodecProfile::Vp9(profile)),
            ..EncodedFormat::video(VideoCodec::Vp9)
        };
        assert_eq!(chosen(&codecs, vp9(0)), Some(97));
        assert_eq!(chosen(&codecs, vp9(2)), Some(96));
        assert_eq!(chosen(&codecs, vp9(1)), None);
    }

    #[test]
    fn h264_goes_to_whoever_decodes_its_profile() {
        const MODE: &str = "packetization-mode=1;profile-level-id=";
        let line = |profile: &str| format!("{MODE}{profile}");
        let (constrained, baseline) = (line("42e01f"), line("42001f"));
        let (main, high) = (line("4d001f"), line("64001f"));
        let all = [
            ("H264", "packetization-mode=0;profile-level-id=42e01f"),
            ("H264", &*high),
            ("H264", &*main),
            ("H264", &*baseline),
            ("H264", &*constrained),
        ];
        // The same first, else one that contains it.
        for (stream, expected) in [
            (h264(66, 0xC0), Some(100)),
            (h264(66, 0), Some(99)),
            (h264(77, 0), Some(98)),
            (h264(100, 0), Some(97)),
            (h264(100, 0x0C), Some(97)),
            (h264(110, 0), None),
        ] {
            assert_eq!(chosen(&all, stream), expected, "{stream}");
        }
        let alone = [("H264", &*baseline)];
        assert_eq!(chosen(&alone, h264(66, 0xC0)), Some(96));
        assert_eq!(chosen(&alone, h264(77, 0)), None);
        assert_eq!(chosen(&alone, h264(100, 0)), None);
        assert_eq!(chosen(&[("H264", &*constrained)], h264(66, 0)), None);
        // Without a mode NAL units can not be cut, and without a profile only Baseline is promised.
        assert_eq!(chosen(&all[..1], h264(66, 0xC0)), None);
        let silent = [("H264", "packetization-mode=1")];
        assert_eq!(chosen(&silent, h264(66, 0)), Some(96));
        assert_eq!(chosen(&silent, h264(77, 0)), None);
        assert_eq!(
            chosen(&silent, EncodedFormat::video(VideoCodec::H264)),
            Some(96)
        );
        for wrong in ["zz", "1", "ffffffff", ""] {
            let line = line(wrong);
            assert_eq!(chosen(&[("H264", &*line)], h264(66, 0xC0)), None, "{wrong}");
        }
    }
}
