//! Recordings that are read again, and files of others.

mod files;
mod hostile;
mod recordings;

use std::{io::Cursor, time::Duration};

use gannet_codecs::EncodedFrame;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An Opus packet of 20 ms.
fn sound(millis: u64, mark: u8) -> EncodedFrame {
    EncodedFrame::new(vec![31 << 3, mark], ms(millis), true)
}

/// What looks like a VP8 frame of 320x240.
fn picture(millis: u64, is_key: bool, mark: u8) -> EncodedFrame {
    let data = if is_key {
        vec![0x10, 0, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xF0, 0, mark]
    } else {
        vec![0x11, 0, 0, mark]
    };
    EncodedFrame::new(data, ms(millis), is_key)
}

fn read_all<R: std::io::Read>(reader: &mut WebmReader<R>) -> Vec<WebmFrame> {
    std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

/// Time in milliseconds and the last octet of each frame of a track.
fn marks(frames: &[WebmFrame], track: u64) -> Vec<(u64, u8)> {
    let of_track = frames.iter().filter(|frame| frame.track == track);
    of_track
        .map(|WebmFrame { frame, .. }| {
            let time = frame.timestamp.as_millis() as u64;
            (time, *frame.data.last().unwrap())
        })
        .collect()
}

/// Records frames into a file.
fn record(codecs: &[WebmCodec], frames: &[(usize, EncodedFrame)]) -> Vec<u8> {
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), codecs).unwrap();
    for (track, frame) in frames {
        recorder.write(*track, frame).unwrap();
    }
    recorder.finish().unwrap().into_inner()
}

/// Three seconds of a call: sound from the start, pictures from 300 ms, a key frame each second.
fn call() -> Vec<(usize, EncodedFrame)> {
    let sounds = (0..150).map(|index| (0, sound(index * 20, index as u8)));
    let pictures = (0..81).map(|index| {
        let time = 300 + index * 100 / 3;
        (1, picture(time, index % 30 == 0, index as u8))
    });
    let mut frames: Vec<_> = sounds.chain(pictures).collect();
    frames.sort_by_key(|(_, frame)| frame.timestamp);
    frames
}

const CALL: [WebmCodec; 2] = [WebmCodec::Opus, WebmCodec::Vp8];
