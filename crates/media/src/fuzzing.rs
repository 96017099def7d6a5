//! Bodies of the fuzz targets.

use std::{io::Cursor, time::Duration};

use gannet_codecs::AudioCodec;

use crate::{
    AudioPlayer, EncodedFrame, EncodedPlayer, EncodedSource, MediaKind, Mp4Reader, OggOpusReader,
    OggOpusRecorder, Source, WavPlayer, WebmReader, WebmRecorder,
};

/// Reads hostile bytes as a WAV file and plays it.
pub fn wav(data: &[u8]) {
    let Ok(player) = WavPlayer::new(data) else {
        return;
    };
    let mut player = player.looping();
    for millis in [0, 20, 999, 1_000_000] {
        if let Some(frame) = player.frame_at(Duration::from_millis(millis)) {
            assert_eq!(frame.format(), player.format());
        }
    }
}

/// Reads hostile bytes as a WebM file, twice alike, and records and plays what it had.
pub fn webm(data: &[u8]) {
    let Ok(mut reader) = WebmReader::new(Cursor::new(data)) else {
        return;
    };
    let mut frames = Vec::new();
    let outcome = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(matches!(reader.next_frame(), Ok(None)));
    assert!(frames.len() <= data.len());
    reader.rewind().expect("memory can seek");
    for frame in &frames {
        assert_eq!(reader.next_frame().ok().flatten().as_ref(), Some(frame));
    }
    assert_eq!(reader.next_frame().is_ok(), outcome);
    let codecs: Vec<_> = reader
        .tracks()
        .iter()
        .filter_map(|track| track.codec)
        .collect();
    let numbers: Vec<_> = reader
        .tracks()
        .iter()
        .filter(|track| track.codec.is_some())
        .collect();
    if let Ok(mut recorder) = WebmRecorder::file(Cursor::new(Vec::new()), &codecs) {
        for frame in &frames {
            let index = numbers.iter().position(|track| track.number == frame.track);
            let _ = recorder.write(index.expect("a known track"), &frame.frame);
        }
        let written = recorder.finish().expect("memory takes it").into_inner();
        check_recording(&written);
    }
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let reader = WebmReader::new(Cursor::new(data)).expect("it was read before");
        if let Ok(track) = reader.into_track(kind) {
            play(track);
        }
    }
}

/// Times in what we write grow, and it ends as it should.
fn check_recording(file: &[u8]) {
    if file.is_empty() {
        return;
    }
    let mut reader = WebmReader::new(file).expect("we wrote it");
    let mut last = [None; 33];
    while let Some(frame) = reader.next_frame().expect("we wrote it") {
        let last = &mut last[frame.track as usize];
        assert!(*last < Some(frame.frame.timestamp));
        *last = Some(frame.frame.timestamp);
    }
    assert!(!reader.is_truncated());
}

fn play(source: impl EncodedSource) {
    let mut player = EncodedPlayer::new(source);
    for millis in [0, 10, 20, 1_000, 1_000_000] {
        let _ = player.frame_at(Duration::from_millis(millis));
    }
    if let Ok(mut player) = player.looping() {
        for millis in [1_000_010, 1_000_020, 2_000_000] {
            let _ = player.frame_at(Duration::from_millis(millis));
        }
    }
}

/// Reads hostile bytes as an MP4 file, each track twice alike, and plays it.
pub fn mp4(data: &[u8]) {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let Ok(reader) = Mp4Reader::new(Cursor::new(data)) else {
            return;
        };
        let Ok(mut track) = reader.into_track(kind) else {
            continue;
        };
        let mut frames = Vec::new();
        // A table can have many samples in the same octets: those of a thousand say enough.
        while let Some(frame) = track.next_frame().ok().flatten() {
            frames.push(frame);
            if frames.len() == 1_000 {
                break;
            }
        }
        track.rewind().expect("memory can seek");
        for frame in &frames {
            assert_eq!(track.next_frame().ok().flatten().as_ref(), Some(frame));
        }
        if track.duration().is_ok() {
            play(track);
        }
    }
}

/// Reads hostile bytes as an Ogg Opus file, plays it, and records what it had.
pub fn ogg_opus(data: &[u8]) {
    let Ok(mut reader) = OggOpusReader::new(Cursor::new(data)) else {
        return;
    };
    let mut packets: Vec<EncodedFrame> = Vec::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        packets.push(packet);
    }
    assert!(packets.len() <= data.len());
    if reader.rewind().is_ok() {
        play(reader);
    }
    let mut recorder = OggOpusRecorder::new(Vec::new(), 7).expect("memory takes it");
    for packet in &packets {
        let step = packets[0].timestamp..packets[0].timestamp + Duration::from_secs(60);
        if step.contains(&packet.timestamp) {
            recorder.write(packet).expect("it was read");
        }
    }
    let written = recorder.finish().expect("memory takes it");
    let mut reader = OggOpusReader::new(&written[..]).expect("we wrote it");
    while reader.next_packet().expect("we wrote it").is_some() {}
    if let Ok(reader) = OggOpusReader::new(Cursor::new(data))
        && let Ok(mut player) = AudioPlayer::new(reader, AudioCodec::Opus)
    {
        for millis in [0, 20, 40, 500] {
            let _ = player.frame_at(Duration::from_millis(millis));
        }
    }
}
