use super::{Format, VpxDecoder, VpxEncoder};
use crate::{VideoEncoderConfig, conformance};

const FORMATS: [Format; 2] = [Format::Vp8, Format::Vp9];

fn encoder(format: Format) -> VpxEncoder {
    VpxEncoder::new(format, &VideoEncoderConfig::default()).unwrap()
}

#[test]
fn pictures_come_back() {
    for format in FORMATS {
        conformance::round_trip(&mut encoder(format), &mut VpxDecoder::new(format).unwrap());
    }
}

#[test]
fn key_frames_come_when_asked_for() {
    for format in FORMATS {
        conformance::keyframes(&mut encoder(format));
    }
}

#[test]
fn the_bit_rate_follows_without_a_key_frame() {
    for format in FORMATS {
        conformance::bitrate(&mut encoder(format));
    }
}

#[test]
fn sizes_change_in_the_stream() {
    for format in FORMATS {
        conformance::sizes(&mut encoder(format), &mut VpxDecoder::new(format).unwrap());
    }
}

#[test]
fn damage_is_an_error_and_a_key_frame_heals_it() {
    for format in FORMATS {
        conformance::damage(&mut encoder(format), &mut VpxDecoder::new(format).unwrap());
    }
}

#[test]
fn a_header_that_asks_for_too_much_is_refused() {
    use std::time::Duration;

    use crate::{DecodeError, EncodedFrame, VideoDecoder};

    // RFC 6386, section 9.1: a key frame's tag, start code, and 16383x16383.
    let data = [
        0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0, 0,
    ];
    let frame = EncodedFrame::new(data.to_vec(), Duration::ZERO, true);
    let error = VpxDecoder::new(Format::Vp8)
        .unwrap()
        .decode(&frame)
        .unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::TooLarge {
                width: 16_383,
                height: 16_383,
                ..
            }
        ),
        "{error}"
    );
}
