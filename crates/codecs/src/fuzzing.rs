//! Bodies of the fuzz targets.

use std::time::Duration;

use crate::{AudioCodec, DecodeError, EncodedFrame, VideoCodec};

/// Decodes hostile bytes: one that chooses a codec, then frames, each after two bytes of length.
pub fn decode(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let frames = frames(rest);
    match choice % 6 {
        0 => video(VideoCodec::Vp8, &frames),
        1 => video(VideoCodec::H264, &frames),
        2 => audio(AudioCodec::Opus, &frames),
        3 => audio(AudioCodec::G722, &frames),
        4 => audio(AudioCodec::Pcma, &frames),
        _ => video(VideoCodec::Vp9, &frames),
    }
}

fn frames(mut data: &[u8]) -> Vec<EncodedFrame> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        frames.push(EncodedFrame::new(frame.to_vec(), Duration::ZERO, false));
        data = rest;
    }
    frames
}

fn video(codec: VideoCodec, frames: &[EncodedFrame]) {
    let Ok(mut decoder) = codec.decoder() else {
        return;
    };
    for frame in frames {
        match decoder.decode(frame) {
            Ok(Some(picture)) => assert!(picture.buffer().planes()[2].rows().count() > 0),
            Ok(None) => {}
            Err(error) => assert!(!matches!(error, DecodeError::Unsupported(_))),
        }
    }
}

fn audio(codec: AudioCodec, frames: &[EncodedFrame]) {
    let Ok(mut decoder) = codec.decoder() else {
        return;
    };
    for frame in frames {
        if let Ok(sound) = decoder.decode(frame) {
            assert_eq!(sound.format(), decoder.format());
        }
        let made_up = decoder.conceal(Duration::ZERO, Duration::from_millis(20), Some(frame));
        assert_eq!(made_up.duration(), Duration::from_millis(20));
    }
}
