use std::time::Duration;

use bytes::Bytes;

use super::{
    Format, VpxDecoder, VpxEncoder,
    context::Context,
    decoder,
    vp9_frames::tests::{INTER, superframe, written},
};
use crate::{
    DecodeError, EncodedFrame, I420Buffer, VideoDecoder, VideoEncoder, VideoEncoderConfig,
    VideoFrame, conformance,
};

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

/// A key frame of VP9 with nothing in it but a size.
fn bare_key_frame(side: u32) -> Vec<u8> {
    // Shown; the sync code; colour space 1; twice the side; a compressed header of no bytes.
    let mut frame = written(&[
        (2, 2),
        (0, 4),
        (1, 1),
        (0, 1),
        (0x49_8342, 24),
        (1, 4),
        (side - 1, 16),
        (side - 1, 16),
    ]);
    frame.resize(60, 0);
    frame
}

fn small_key_frame() -> Bytes {
    let picture = VideoFrame::new(I420Buffer::new(64, 64).unwrap(), Duration::ZERO);
    let frame = encoder(Format::Vp9).encode(&picture).unwrap();
    frame.unwrap().data
}

// Some hundred bytes made libvpx fill 780 MB: only the first frame was looked at.
#[test]
fn a_superframe_that_hides_a_large_frame_is_refused() {
    let small = small_key_frame();
    let large = bare_key_frame(16_384);
    let grown = written(&[&INTER[..], &[(16_383, 16), (16_383, 16), (0, 32), (0, 32)]].concat());
    for large in [large, grown] {
        let mut decoder = VpxDecoder::new(Format::Vp9).unwrap();
        let whole = EncodedFrame::new(superframe(&[&small, &small]), Duration::ZERO, true);
        assert!(decoder.decode(&whole).unwrap().is_some());
        let frame = EncodedFrame::new(superframe(&[&small, &large]), Duration::ZERO, true);
        let error = decoder.decode(&frame).unwrap_err();
        let is_refused = matches!(
            error,
            DecodeError::TooLarge {
                width: 16_384,
                height: 16_384,
                ..
            }
        );
        assert!(is_refused, "{error}");
        // The next key frame is shown.
        let small = EncodedFrame::new(small.clone(), Duration::ZERO, true);
        assert!(decoder.decode(&small).unwrap().is_some());
    }
}

// Frames may stand behind each other without an index too, and nobody but libvpx knows where they begin.
#[test]
fn no_picture_of_vp9_takes_more_memory_than_the_largest() {
    let mut context = Context::decoder(Format::Vp9, 1).unwrap();
    let data = bare_key_frame(8_192);
    let error = decoder::decode(&mut context, &data).unwrap_err();
    assert!(error.contains("frame buffer"), "{error}");
    assert!(decoder::decode(&mut context, &small_key_frame()).is_ok());
}
