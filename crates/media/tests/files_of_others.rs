//! Files that FFmpeg wrote (`data/make.py`), and what FFmpeg reads in them.

use std::{io::Cursor, time::Duration};

use gannet_media::{
    AudioPlayer, EncodedSource, MediaKind, OggOpusReader, PlayerError, Source, VideoPlayer,
    WebmCodec, WebmReader,
};

const VP8: &[u8] = include_bytes!("data/vp8.webm");
const VP9: &[u8] = include_bytes!("data/vp9-live.webm");
const H264: &[u8] = include_bytes!("data/h264.mkv");
const AV1: &[u8] = include_bytes!("data/av1.webm");
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
