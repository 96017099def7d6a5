//! Files that FFmpeg wrote (`data/make.py`), and what FFmpeg reads in them.

use std::{io::Cursor, time::Duration};

use gannet_codecs::VideoCodec;
use gannet_media::{
    AudioPlayer, EncodedFrame, EncodedSource, MediaFile, MediaFileError, MediaFileForm, MediaKind,
    Mp4Reader, OggOpusReader, PlayerError, Source, VideoPlayer, WebmCodec, WebmReader,
};

const VP8: &[u8] = include_bytes!("data/vp8.webm");
const VP9: &[u8] = include_bytes!("data/vp9-live.webm");
const H264: &[u8] = include_bytes!("data/h264.mkv");
const AV1: &[u8] = include_bytes!("data/av1.webm");
/// Its pictures are shown in another order than they are decoded in.
const REORDERED: &[u8] = include_bytes!("data/reordered.mkv");
const MP4_REORDERED: &[u8] = include_bytes!("data/reordered.mp4");
const MP4_FRAGMENTED: &[u8] = include_bytes!("data/fragmented.mp4");
const MP4_VP9: &[u8] = include_bytes!("data/vp9.mp4");
const MP4_AAC: &[u8] = include_bytes!("data/aac.mp4");
const OGG: &[u8] = include_bytes!("data/sound.opus");

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Milliseconds, octets and key flag of the frames of a kind.
fn frames(file: &[u8], kind: MediaKind) -> Vec<(u128, usize, bool)> {
    let reader = WebmReader::new(Cursor::new(file)).unwrap();
    let mut track = reader.into_track(kind).unwrap();
    std::iter::from_fn(|| track.next_frame().unwrap())
        .map(|frame| {
            (
                frame.timestamp.as_millis(),
                frame.data.len(),
                frame.keyframe,
            )
        })
        .collect()
}

#[test]
fn heads() {
    for (file, codec, duration) in [
        (VP8, WebmCodec::Vp8, Some(ms(488))),
        (VP9, WebmCodec::Vp9, None),
        (H264, WebmCodec::H264, Some(ms(488))),
    ] {
        let reader = WebmReader::new(file).unwrap();
        assert_eq!(reader.duration(), duration, "{codec}");
        let [camera, voice] = reader.tracks() else {
            panic!("two tracks");
        };
        assert_eq!((camera.codec, camera.size), (Some(codec), Some((64, 48))));
        assert_eq!(camera.default_duration, Some(ms(40)));
        assert_eq!(
            (voice.codec, voice.channels),
            (Some(WebmCodec::Opus), Some(2))
        );
        assert_eq!(voice.codec_delay, Duration::from_micros(6_500));
    }
}

#[test]
fn frames_are_those_that_ffmpeg_reads() {
    // FFmpeg shows sound earlier by the codec's delay, which it rounds to 7 ms.
    let sound = [
        (0, 53, true),
        (21, 34, true),
        (41, 40, true),
        (61, 46, true),
    ];
    for file in [VP8, VP9, H264] {
        let heard = frames(file, MediaKind::Audio);
        assert_eq!(heard[..4], sound);
        assert_eq!(heard.len(), 25);
        let times: Vec<_> = frames(file, MediaKind::Video)
            .iter()
            .map(|frame| frame.0)
            .collect();
        assert_eq!(times, (0..12).map(|index| index * 40).collect::<Vec<_>>());
    }
    assert_eq!(
        frames(VP8, MediaKind::Video)[..3],
        [(0, 70, true), (40, 46, false), (80, 39, false)]
    );
    assert_eq!(
        frames(VP9, MediaKind::Video)[..3],
        [(0, 68, true), (40, 29, false), (80, 26, false)]
    );
    let pictures = frames(AV1, MediaKind::Video);
    assert_eq!(
        (pictures.len(), pictures[0].2, pictures[1].2),
        (3, true, false)
    );
}

#[test]
fn they_are_played() {
    for (name, file) in [("VP8", VP8), ("VP9", VP9), ("H264", H264)] {
        let mut player = VideoPlayer::open(Cursor::new(file))
            .unwrap()
            .looping()
            .unwrap();
        assert_eq!(player.interval(), ms(40));
        let mut column = |index: u32| {
            let picture = player.frame_at(ms(40) * index).unwrap();
            i32::from(picture.buffer().y().row(24)[20])
        };
        // Each picture is brighter by 8 than the one before.
        for index in 0..12 {
            let (seen, made) = (column(index), 40 + 8 * index as i32);
            assert!(
                (seen - made).abs() < 12,
                "{name} {index}: {seen} for {made}"
            );
        }
        let mut player = AudioPlayer::open(Cursor::new(file)).unwrap();
        let peak = |piece: gannet_media::AudioFrame| {
            piece
                .samples()
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max()
                .unwrap()
        };
        for index in 3..20 {
            let peak = peak(player.frame_at(ms(20) * index).unwrap());
            assert!((5_000..12_000).contains(&peak), "{name} {index}: {peak}");
        }
    }
    let refused = VideoPlayer::open(Cursor::new(AV1)).unwrap_err();
    assert!(matches!(refused, PlayerError::NoDecoder { codec } if codec == "V_AV1"));
}

/// The brightness of a column of a picture, and what it was made with: each picture is brighter by 8 than the one before.
fn brightness(picture: &gannet_media::VideoFrame, index: usize) -> (i32, i32) {
    let seen = i32::from(picture.buffer().y().row(24)[20]);
    (seen, 40 + 8 * index as i32)
}

fn mp4_frames(file: &[u8], kind: MediaKind) -> Vec<EncodedFrame> {
    let reader = Mp4Reader::new(Cursor::new(file)).unwrap();
    let mut track = reader.into_track(kind).unwrap();
    let frames = std::iter::from_fn(|| track.next_frame().unwrap()).collect();
    track.rewind().unwrap();
    let again: Vec<_> = std::iter::from_fn(|| track.next_frame().unwrap()).collect();
    assert_eq!(again, frames);
    frames
}

#[test]
fn mp4_heads() {
    for (file, codec, video, audio, duration, delay) in [
        (
            MP4_REORDERED,
            "avc1",
            true,
            true,
            ms(480),
            Duration::from_micros(6_500),
        ),
        (
            MP4_VP9,
            "vp09",
            true,
            true,
            ms(480),
            Duration::from_micros(6_500),
        ),
        (
            MP4_AAC,
            "avc1",
            true,
            false,
            ms(480),
            Duration::from_nanos(21_333_333),
        ),
    ] {
        let mut reader = Mp4Reader::new(Cursor::new(file)).unwrap();
        assert_eq!(reader.duration().unwrap(), duration, "{codec}");
        assert_eq!(reader.track(MediaKind::Video).is_some(), video);
        assert_eq!(reader.track(MediaKind::Audio).is_some(), audio);
        let [camera, voice] = reader.tracks().collect::<Vec<_>>()[..] else {
            panic!("two tracks");
        };
        assert_eq!((&*camera.codec_id, camera.size), (codec, Some((64, 48))));
        assert_eq!(camera.default_duration, Some(ms(40)));
        assert_eq!(camera.is_reordered, codec == "avc1" && audio);
        assert_eq!((voice.channels, voice.delay), (Some(2), delay));
        assert_eq!(voice.codec_id, if audio { "Opus" } else { "mp4a" });
    }
    // Its head says nothing; FFmpeg finds 486.563 ms.
    let mut reader = Mp4Reader::new(Cursor::new(MP4_FRAGMENTED)).unwrap();
    assert_eq!(reader.duration().unwrap().as_millis(), 486);
    assert_eq!(reader.duration().unwrap().as_millis(), 486);
}

#[test]
fn mp4_frames_are_those_that_ffmpeg_reads() {
    let times = |frames: &[EncodedFrame]| -> Vec<u128> {
        frames
            .iter()
            .map(|frame| frame.timestamp.as_millis())
            .collect()
    };
    let sizes = |frames: &[EncodedFrame]| -> Vec<usize> {
        frames.iter().map(|frame| frame.data.len()).collect()
    };
    let keys = |frames: &[EncodedFrame]| -> Vec<usize> {
        let keys = frames
            .iter()
            .enumerate()
            .filter(|(_, frame)| frame.keyframe);
        keys.map(|(index, _)| index).collect()
    };
    let pictures = mp4_frames(MP4_REORDERED, MediaKind::Video);
    assert_eq!(
        times(&pictures),
        [0, 160, 80, 40, 120, 320, 240, 200, 280, 440, 360, 400]
    );
    assert_eq!(
        sizes(&pictures)[1..],
        [16, 12, 12, 12, 29, 14, 12, 12, 27, 14, 15]
    );
    assert_eq!(keys(&pictures), [0]);
    let pictures = mp4_frames(MP4_VP9, MediaKind::Video);
    assert_eq!(
        times(&pictures),
        (0..12).map(|index| index * 40).collect::<Vec<_>>()
    );
    assert_eq!(sizes(&pictures)[..3], [68, 29, 26]);
    let pictures = mp4_frames(MP4_FRAGMENTED, MediaKind::Video);
    assert_eq!(times(&pictures)[..4], [0, 46, 86, 126]);
    assert_eq!(sizes(&pictures)[1..5], [35, 38, 41, 46]);
    assert_eq!(keys(&pictures), [0, 5, 10]);
    for file in [MP4_REORDERED, MP4_VP9, MP4_FRAGMENTED] {
        let sound = mp4_frames(file, MediaKind::Audio);
        // FFmpeg shows it earlier by the delay.
        assert_eq!(
            times(&sound),
            (0..25).map(|index| index * 20).collect::<Vec<_>>()
        );
        assert_eq!(sizes(&sound)[..4], [53, 34, 40, 46]);
        assert_eq!(sizes(&sound)[24], 21);
        assert!(
            sound
                .iter()
                .all(|frame| frame.keyframe && frame.duration == Some(ms(20)))
        );
    }
}

#[test]
fn mp4_is_played() {
    for (name, bytes) in [
        ("reordered", MP4_REORDERED),
        ("reordered.mkv", REORDERED),
        ("vp9", MP4_VP9),
        ("aac", MP4_AAC),
    ] {
        let file = MediaFile::from_bytes(bytes).unwrap();
        assert_eq!(file.form() == MediaFileForm::Mp4, name != "reordered.mkv");
        assert_eq!(file.is_reordered(), name.starts_with("reordered"), "{name}");
        let mut player = file.pictures(true).unwrap();
        assert_eq!(player.interval(), ms(40));
        // Two laps.
        for index in 0..24 {
            let picture = player.frame_at(ms(40) * index).unwrap();
            let (seen, made) = brightness(&picture, index as usize % 12);
            assert!(
                (seen - made).abs() < 12,
                "{name} {index}: {seen} for {made}"
            );
        }
    }
    let sound = MediaFile::from_bytes(MP4_FRAGMENTED).unwrap();
    let mut sound = sound.sound(false).unwrap();
    for index in 3..20 {
        let piece = sound.frame_at(ms(20) * index).unwrap();
        let peak = piece
            .samples()
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max();
        assert!(
            (5_000..12_000).contains(&peak.unwrap()),
            "{index}: {peak:?}"
        );
    }
    let silent = MediaFile::from_bytes(MP4_AAC).unwrap();
    assert_eq!(silent.left_out(), ["mp4a"]);
    let error = silent.sound(false).err().unwrap();
    assert_eq!(error.to_string(), "it has no audio");
    assert!(!matches!(
        MediaFile::from_bytes(*b"\0\0\0\x08ftyp"),
        Err(MediaFileError::Unknown)
    ));
}

#[test]
fn a_call_that_meets_b_pictures_shows_them_in_order_from_the_next_key_frame() {
    let frames = mp4_frames(MP4_REORDERED, MediaKind::Video);
    let mut decoder = VideoCodec::H264.decoder().unwrap();
    let mut decode = |frame: &EncodedFrame| decoder.decode(frame);
    // The first picture, and those before the first B picture, come at once.
    assert!(decode(&frames[0]).unwrap().is_some());
    assert!(decode(&frames[1]).unwrap().is_some());
    for frame in &frames[2..] {
        assert!(decode(frame).unwrap_err().needs_keyframe());
    }
    let mut shown = Vec::new();
    for frame in &frames {
        shown.extend(decode(frame).unwrap());
    }
    assert!(shown.len() >= 9, "{}", shown.len());
    shown.extend(decoder.drain());
    assert_eq!(shown.len(), 12);
    for (index, picture) in shown.iter().enumerate() {
        assert_eq!(picture.timestamp(), ms(40) * index as u32);
        let (seen, made) = brightness(picture, index);
        assert!((seen - made).abs() < 12, "{index}: {seen} for {made}");
    }
}

#[test]
fn ogg() {
    let mut reader = OggOpusReader::new(Cursor::new(OGG)).unwrap();
    assert_eq!(
        (reader.channels(), reader.delay()),
        (2, Duration::from_micros(6_500))
    );
    let packets: Vec<_> = std::iter::from_fn(|| reader.next_packet().unwrap())
        .map(|packet| (packet.timestamp.as_millis(), packet.data.len()))
        .collect();
    assert_eq!(packets.len(), 26);
    assert_eq!(packets[..4], [(0, 53), (20, 34), (40, 40), (60, 46)]);
}
