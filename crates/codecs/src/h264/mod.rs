//! H.264 by OpenH264: constrained baseline in Annex B form is written; what is read may have more.

mod decoder;
mod encoder;
mod nal;
mod order;

use crate::VideoCodec;

pub(crate) use decoder::H264Decoder;
pub(crate) use encoder::H264Encoder;

const NAME: &str = VideoCodec::H264.name();

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        EncodeError, I420Buffer, VideoEncoder, VideoEncoderConfig, VideoFrame, conformance,
    };

    fn encoder() -> H264Encoder {
        H264Encoder::new(&VideoEncoderConfig::default()).unwrap()
    }

    #[test]
    fn pictures_come_back() {
        conformance::round_trip(&mut encoder(), &mut H264Decoder::new().unwrap());
    }

    #[test]
    fn key_frames_come_when_asked_for() {
        conformance::keyframes(&mut encoder());
    }

    #[test]
    fn the_bit_rate_follows_without_a_key_frame() {
        conformance::bitrate(&mut encoder());
    }

    #[test]
    fn sizes_change_in_the_stream() {
        conformance::sizes(&mut encoder(), &mut H264Decoder::new().unwrap());
    }

    #[test]
    fn damage_is_an_error_and_a_key_frame_heals_it() {
        conformance::damage(&mut encoder(), &mut H264Decoder::new().unwrap());
    }

    #[test]
    fn a_key_frame_brings_its_parameter_sets_and_says_constrained_baseline() {
        let frame = conformance::picture(320, 240, 0);
        let encoded = encoder().encode(&frame).unwrap().unwrap();
        assert_eq!(encoded.data[..5], [0, 0, 0, 1, 0x67]);
        // profile_idc 66 with constraint_set1: what offers call 42e01f (RFC 6184, section 8.1).
        assert_eq!(encoded.data[5], 66);
        assert_ne!(encoded.data[6] & 0x40, 0);
        let kinds: Vec<u8> = nal::units(&encoded.data).map(nal::Unit::kind).collect();
        assert_eq!(kinds, [7, 8, 5]);
    }

    #[test]
    fn options_may_come_before_the_first_picture() {
        let mut encoder = encoder();
        encoder.set_bitrate(300_000).unwrap();
        encoder.set_frame_rate(15).unwrap();
        encoder.request_keyframe();
        assert!(
            encoder
                .encode(&conformance::picture(320, 240, 0))
                .unwrap()
                .unwrap()
                .keyframe
        );
        assert_eq!(encoder.bitrate(), 300_000);
        assert!(encoder.set_frame_rate(0).is_err());
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for (width, height) in [(15, 100), (4_000, 100), (3_000, 3_000)] {
            let frame = I420Buffer::new(width, height).unwrap();
            let error = encoder()
                .encode(&VideoFrame::new(frame, Duration::ZERO))
                .unwrap_err();
            assert_eq!(
                error,
                EncodeError::Dimensions {
                    codec: NAME,
                    width,
                    height
                }
            );
        }
    }
}
