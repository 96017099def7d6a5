//! Files with real pictures and sounds, played.

use std::{io::Cursor, time::Duration};

use gannet_codecs::{AudioCodec, AudioEncoderConfig, AudioFormat, VideoCodec, VideoEncoderConfig};

use super::*;
use crate::{
    EncodedFrame, EncodedSource, MediaKind, OggOpusReader, OggOpusRecorder, Source, TestPattern,
    Tone, WebmCodec, WebmReader, WebmRecorder, frame_code,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `count` packets of a tone, each of 20 ms.
fn packets(count: u32) -> Vec<EncodedFrame> {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(48_000)).unwrap();
    let mut encoder = AudioCodec::Opus
        .encoder(&AudioEncoderConfig::default())
        .unwrap();
    (0..count)
        .flat_map(|index| {
            encoder
                .encode(&tone.frame_at(ms(20) * index).unwrap())
                .unwrap()
        })
        .collect()
}

/// `count` pictures, 25 a second, with their number in them.
fn pictures(codec: VideoCodec, count: u16) -> Vec<EncodedFrame> {
    let mut pattern = TestPattern::new(320, 240, 25).unwrap();
    let config = VideoEncoderConfig {
        frame_rate: 25,
        ..VideoEncoderConfig::default()
    };
    let mut encoder = codec.encoder(&config).unwrap();
    (0..count)
        .filter_map(|index| {
            let mut picture = pattern.frame_at(ms(40) * index.into()).unwrap();
            frame_code::write(picture.buffer_mut(), index);
            encoder.encode(&picture).unwrap()
        })
        .collect()
}

/// A second of both, the pictures 200 ms later than the sound.
fn file(codec: VideoCodec) -> Vec<u8> {
    let codecs = [WebmCodec::Opus, WebmCodec::from_name(codec.name()).unwrap()];
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &codecs).unwrap();
    for packet in packets(50) {
        recorder.write(0, &packet).unwrap();
    }
    for mut picture in pictures(codec, 20) {
        picture.timestamp += ms(200);
        recorder.write(1, &picture).unwrap();
    }
    recorder.finish().unwrap().into_inner()
}

fn level(samples: &[i16]) -> f64 {
    let power: f64 = samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    (power / samples.len().max(1) as f64).sqrt()
}

#[test]
fn pictures_are_shown_at_their_time() {
    for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264] {
        let mut player = VideoPlayer::open(Cursor::new(file(codec))).unwrap();
        let mut code_at = |millis| {
            let picture = player.frame_at(ms(millis))?;
            assert_eq!(picture.timestamp(), ms(millis));
            assert_eq!((picture.width(), picture.height()), (320, 240), "{codec}");
            frame_code::read(picture.buffer())
        };
        // The first one stands until it is time for the second.
        for (millis, code) in [
            (0, 0),
            (200, 0),
            (239, 0),
            (240, 1),
            (900, 17),
            (959, 18),
            (999, 19),
        ] {
            assert_eq!(code_at(millis), Some(code), "{codec} at {millis} ms");
        }
        assert_eq!(code_at(1_000), None, "{codec}");
    }
}

#[test]
fn a_loop_begins_again_with_both() {
    let file = file(VideoCodec::Vp8);
    let player = VideoPlayer::open(Cursor::new(file.clone())).unwrap();
    let mut player = player.looping().unwrap();
    let mut code_at = |millis| frame_code::read(player.frame_at(ms(millis)).unwrap().buffer());
    assert_eq!(code_at(980), Some(19));
    // The last picture stays until the first one's time has come again.
    assert_eq!(code_at(1_000), Some(19));
    assert_eq!(code_at(1_200), Some(0));
    // Several laps later.
    assert_eq!(code_at(7_250), Some(1));

    let player = EncodedPlayer::new(
        WebmReader::new(Cursor::new(file))
            .unwrap()
            .into_track(MediaKind::Audio)
            .unwrap(),
    );
    let mut player = player.looping().unwrap();
    let times: Vec<_> = (0..250)
        .flat_map(|index| player.frame_at(ms(10) * index).unwrap())
        .map(|frame| frame.timestamp)
        .collect();
    let expected: Vec<_> = (0..125).map(|index| ms(20) * index).collect();
    assert_eq!(times, expected);
}

#[test]
fn sound_is_the_tone_without_gaps() {
    let webm = file(VideoCodec::Vp8);
    let mut ogg = OggOpusRecorder::new(Vec::new(), 1).unwrap();
    packets(50)
        .iter()
        .for_each(|packet| ogg.write(packet).unwrap());
    let ogg = OggOpusReader::new(Cursor::new(ogg.finish().unwrap())).unwrap();
    let players: [(&str, Box<dyn Source<Frame = crate::AudioFrame>>); 2] = [
        (
            "webm",
            Box::new(AudioPlayer::open(Cursor::new(webm)).unwrap()),
        ),
        (
            "ogg",
            Box::new(AudioPlayer::new(ogg, AudioCodec::Opus).unwrap()),
        ),
    ];
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(48_000)).unwrap();
    for (name, mut player) in players {
        let pieces: Vec<_> = (0..49)
            .map(|index| {
                let piece = player.frame_at(ms(20) * index).unwrap();
                assert_eq!(piece.samples_per_channel(), 960);
                assert_eq!(piece.timestamp(), ms(20) * index);
                piece
            })
            .collect();
        // What was encoded is heard at its own time: the encoder's delay is taken off.
        for (index, piece) in pieces.iter().enumerate().skip(3) {
            let wanted = tone.frame_at(ms(20) * index as u32).unwrap();
            let difference: Vec<_> = piece
                .samples()
                .iter()
                .zip(wanted.samples())
                .map(|(heard, wanted)| heard.wrapping_sub(*wanted))
                .collect();
            let (difference, full) = (level(&difference), level(wanted.samples()));
            assert!(
                difference < full / 5.0,
                "{name} {index}: {difference} of {full}"
            );
        }
        // 6.5 ms less than a second are left of it; then it has ended.
        assert!(player.frame_at(ms(980)).is_some(), "{name}");
        assert!(player.frame_at(ms(1_000)).is_none(), "{name}");
    }
}

#[test]
fn a_gap_is_silent() {
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &[WebmCodec::Opus]).unwrap();
    for (index, mut packet) in packets(30).into_iter().enumerate() {
        if index >= 15 {
            packet.timestamp += ms(500);
        }
        recorder.write(0, &packet).unwrap();
    }
    let file = recorder.finish().unwrap().into_inner();
    let player = AudioPlayer::open(Cursor::new(file)).unwrap();
    let mut player = player.looping().unwrap();
    let levels: Vec<_> = (0..55)
        .map(|index| level(player.frame_at(ms(20) * index).unwrap().samples()))
        .collect();
    assert!(
        levels[3..14].iter().all(|level| *level > 5_000.0),
        "{levels:?}"
    );
    assert!(
        levels[15..39].iter().all(|level| *level < 1.0),
        "{levels:?}"
    );
    assert!(
        levels[42..54].iter().all(|level| *level > 5_000.0),
        "{levels:?}"
    );
}

/// Frames without end, all of the same time.
struct Flood(usize);

impl EncodedSource for Flood {
    type Error = std::io::Error;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, Self::Error> {
        Ok(Some(EncodedFrame::new(vec![0; self.0], ms(5), true)))
    }

    fn rewind(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn duration(&mut self) -> Result<Duration, Self::Error> {
        Ok(ms(5))
    }
}

#[test]
fn a_flood_of_frames_comes_bit_by_bit() {
    for (length, count) in [(1, 256), (1 << 20, 4)] {
        let mut player = EncodedPlayer::new(Flood(length));
        for index in 0..3 {
            assert_eq!(player.frame_at(ms(10) * index).unwrap().len(), count);
        }
    }
}

#[test]
fn what_cannot_be_played_says_why() {
    let mut recorder = WebmRecorder::live(Vec::new(), &[WebmCodec::Opus]).unwrap();
    recorder.write(0, &packets(1)[0]).unwrap();
    let file = recorder.finish().unwrap();
    let error = VideoPlayer::open(Cursor::new(file)).unwrap_err();
    assert_eq!(error.to_string(), "WebM: no readable video track");
    assert!(AudioPlayer::open(Cursor::new(b"RIFF")).is_err());
}
