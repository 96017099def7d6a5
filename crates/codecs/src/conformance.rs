//! What every video codec must do, as tests over the traits.

use std::time::Duration;

use crate::{
    DecodeError, EncodedFrame, I420Buffer, VideoDecoder, VideoEncoder, VideoFrame, from_ticks,
    geometry::luma_psnr,
};

/// A picture with smooth shading and a bright block that moves with `index`.
pub(crate) fn picture(width: u32, height: u32, index: u64) -> VideoFrame {
    let mut buffer = I420Buffer::new(width, height).unwrap();
    let [mut y, mut u, mut v] = buffer.planes_mut();
    let (left, top) = (
        (index * 4) as usize % y.width,
        (index * 3) as usize % y.height,
    );
    for (row_index, row) in y.rows().enumerate() {
        for (column, luma) in row.iter_mut().enumerate() {
            let shade = 40.0
                + 60.0 * ((column as f64 / 23.0).sin() + (row_index as f64 / 31.0).cos() + 1.0);
            let in_block =
                (left..left + 32).contains(&column) && (top..top + 32).contains(&row_index);
            *luma = if in_block { 230 } else { shade as u8 };
        }
    }
    u.fill(100);
    v.fill(150);
    VideoFrame::new(buffer, from_ticks(index, 30))
}

/// A picture that no codec can foresee.
fn noise(width: u32, height: u32, index: u64) -> VideoFrame {
    let mut state = index.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut buffer = I420Buffer::new(width, height).unwrap();
    for row in buffer.planes_mut()[0].rows() {
        for luma in row {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *luma = 64 + (state >> 57) as u8;
        }
    }
    VideoFrame::new(buffer, from_ticks(index, 30))
}

/// Thirty pictures come back in order, at once, and look the same.
pub(crate) fn round_trip(encoder: &mut dyn VideoEncoder, decoder: &mut dyn VideoDecoder) {
    for index in 0..30 {
        let sent = picture(320, 240, index);
        let encoded = encoder
            .encode(&sent)
            .unwrap()
            .expect("nothing to skip at this rate");
        assert_eq!(encoded.keyframe, index == 0);
        let seen = decoder.decode(&encoded).unwrap().expect("no delay");
        assert_eq!(seen.timestamp(), sent.timestamp());
        let psnr = luma_psnr(sent.buffer(), seen.buffer()).unwrap();
        assert!(
            psnr > 32.0,
            "{} picture {index}: {psnr:.1} dB",
            encoder.codec()
        );
        let chroma = [seen.buffer().u().row(60)[80], seen.buffer().v().row(60)[80]];
        assert!(
            chroma[0].abs_diff(100) < 6 && chroma[1].abs_diff(150) < 6,
            "{chroma:?}"
        );
    }
}

pub(crate) fn keyframes(encoder: &mut dyn VideoEncoder) {
    for index in 0..20 {
        if index == 7 {
            encoder.request_keyframe();
        }
        let encoded = encoder.encode(&picture(320, 240, index)).unwrap().unwrap();
        assert_eq!(
            encoded.keyframe,
            index == 0 || index == 7,
            "picture {index}"
        );
    }
    // A stream that starts over at time zero goes on.
    assert!(encoder.encode(&picture(320, 240, 0)).unwrap().is_some());
}

/// Noise at one rate, then at a quarter, then at double.
pub(crate) fn bitrate(encoder: &mut dyn VideoEncoder) {
    let mut index = 0;
    let mut measure = |encoder: &mut dyn VideoEncoder, bits_per_second: u32| {
        encoder.set_bitrate(bits_per_second).unwrap();
        assert_eq!(encoder.bitrate(), bits_per_second);
        let mut bits = 0;
        for step in 0..90 {
            let encoded = encoder.encode(&noise(320, 240, index)).unwrap();
            let keyframe = encoded.as_ref().is_some_and(|encoded| encoded.keyframe);
            assert_eq!(keyframe, index == 0, "picture {index}");
            index += 1;
            // The first second is for rate control to settle.
            if step >= 30 {
                bits += encoded.map_or(0, |encoded| encoded.data.len() * 8);
            }
        }
        bits as f64 / 2.0
    };
    for wanted in [1_000_000, 250_000, 2_000_000] {
        let got = measure(encoder, wanted);
        let ratio = got / f64::from(wanted);
        assert!(
            (0.5..1.4).contains(&ratio),
            "{}: {got} of {wanted}",
            encoder.codec()
        );
    }
}

pub(crate) fn sizes(encoder: &mut dyn VideoEncoder, decoder: &mut dyn VideoDecoder) {
    for (round, (width, height)) in [
        (320, 240),
        (640, 480),
        (160, 120),
        (322, 182),
        (321, 241),
        (240, 320),
    ]
    .into_iter()
    .enumerate()
    {
        for index in 0..3 {
            let sent = picture(width, height, round as u64 * 3 + index);
            let encoded = encoder.encode(&sent).unwrap().unwrap();
            assert_eq!(
                encoded.keyframe,
                index == 0,
                "{width}x{height} picture {index}"
            );
            let seen = decoder.decode(&encoded).unwrap().unwrap();
            // H.264 cannot say odd sides, and may lose the last line.
            assert!(width - seen.width() <= 1 && height - seen.height() <= 1);
        }
    }
}

pub(crate) fn damage(encoder: &mut dyn VideoEncoder, decoder: &mut dyn VideoDecoder) {
    let frames: Vec<EncodedFrame> = (0..24)
        .filter_map(|index| {
            if index % 8 == 0 {
                encoder.request_keyframe();
            }
            encoder.encode(&picture(160, 120, index)).unwrap()
        })
        .collect();
    assert!(matches!(
        decoder.decode(&frames[1]),
        Err(DecodeError::KeyframeNeeded { .. })
    ));
    let hostile = |data: Vec<u8>| EncodedFrame::new(data, Duration::ZERO, false);
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    assert!(decoder.decode(&hostile(Vec::new())).is_err());
    for round in 0..300 {
        let frame = &frames[random() as usize % frames.len()];
        let mut data = frame.data.to_vec();
        match round % 4 {
            0 => data.truncate(random() as usize % data.len()),
            1 => data.iter_mut().for_each(|byte| *byte = random() as u8),
            _ => {
                for _ in 0..=random() % 8 {
                    let at = random() as usize % data.len();
                    data[at] ^= random() as u8;
                }
            }
        }
        // Anything may come out, but it comes out.
        let _ = decoder.decode(&hostile(data));
    }
    // After all that the next key frame brings the picture back.
    for frame in &frames {
        let seen = decoder.decode(frame).unwrap().expect("no delay");
        assert_eq!(seen.timestamp(), frame.timestamp);
    }
}
