use std::{io::Cursor, time::Duration};

use gannet_codecs::{AudioFormat, VideoCodec};

use super::*;
use crate::{CodecProfile, EncodedSource, Source, Tone, WavRecorder};

const VP8: &[u8] = include_bytes!("../../tests/data/vp8.webm");
const VP9: &[u8] = include_bytes!("../../tests/data/vp9-live.webm");
const H264: &[u8] = include_bytes!("../../tests/data/h264.mkv");
const AV1: &[u8] = include_bytes!("../../tests/data/av1.webm");
const OGG: &[u8] = include_bytes!("../../tests/data/sound.opus");

fn wav() -> Vec<u8> {
    let format = AudioFormat::mono(48_000);
    let mut file = Cursor::new(Vec::new());
    let mut recorder = WavRecorder::new(&mut file);
    let mut tone = Tone::new(440.0, 0.5, format).unwrap();
    for index in 0..10 {
        let time = index * tone.interval();
        recorder.write(&tone.frame_at(time).unwrap()).unwrap();
    }
    recorder.finish().unwrap();
    file.into_inner()
}

#[test]
fn forms_are_told_apart_by_their_content() {
    for (bytes, form, video) in [
        (VP8, MediaFileForm::Webm, Some(VideoCodec::Vp8)),
        (VP9, MediaFileForm::Webm, Some(VideoCodec::Vp9)),
        (H264, MediaFileForm::Webm, Some(VideoCodec::H264)),
        (OGG, MediaFileForm::OggOpus, None),
    ] {
        let file = MediaFile::from_bytes(bytes).unwrap();
        assert_eq!(file.form(), form);
        let format = file.format(MediaKind::Video);
        assert_eq!(
            format.map(|format| format.codec),
            video.map(MediaCodec::Video)
        );
        assert_eq!(file.has(MediaKind::Video), video.is_some());
        let opus = Some(EncodedFormat::audio(AudioCodec::Opus));
        assert_eq!(file.format(MediaKind::Audio), opus);
        assert!(file.sound(true).unwrap().frame_at(Duration::ZERO).is_some());
        assert_eq!(file.pictures(true).is_ok(), video.is_some());
        let mut packets = file.encoded(MediaKind::Audio, true).unwrap();
        assert!(!packets.frame_at(Duration::ZERO).unwrap().is_empty());
    }
    let wav = MediaFile::from_bytes(wav()).unwrap();
    assert_eq!(wav.form(), MediaFileForm::Wav);
    assert!(wav.has(MediaKind::Audio) && !wav.has(MediaKind::Video));
    assert_eq!(wav.format(MediaKind::Audio), None);
    assert!(wav.sound(false).unwrap().frame_at(Duration::ZERO).is_some());
    assert!(wav.encoded(MediaKind::Audio, false).is_err());
    assert!(wav.pictures(false).is_err());
}

#[test]
fn profiles_are_those_of_the_first_key_frame() {
    let profile = |bytes: &'static [u8]| {
        let file = MediaFile::from_bytes(bytes).unwrap();
        file.format(MediaKind::Video).unwrap().profile
    };
    assert_eq!(profile(VP8), None);
    assert_eq!(profile(VP9), Some(CodecProfile::Vp9(0)));
    assert!(matches!(profile(H264), Some(CodecProfile::H264 { .. })));
}

#[test]
fn what_can_not_be_played_is_said() {
    for bytes in [&[][..], b"RIFF", b"Hello, world", b"RIFF\0\0\0\0AVI "] {
        let error = MediaFile::from_bytes(bytes).unwrap_err();
        assert!(matches!(error, MediaFileError::Unknown), "{error}");
    }
    // The beginning is right, and nothing else.
    for bytes in [&b"RIFF\0\0\0\0WAVE"[..], b"OggS", &VP8[..40], &OGG[..40]] {
        let error = MediaFile::from_bytes(bytes).unwrap_err();
        assert!(!matches!(error, MediaFileError::Unknown), "{error}");
    }
    let error = MediaFile::open("/nowhere/at/all").unwrap_err();
    assert!(matches!(error, MediaFileError::Io(_)), "{error}");
    // Nothing here decodes AV1; of a file with nothing else that is all there is to say.
    let file = MediaFile::from_bytes(AV1);
    match file {
        Ok(file) => assert!(file.has(MediaKind::Audio) && !file.has(MediaKind::Video)),
        Err(error) => {
            let said = error.to_string();
            assert_eq!(said, "none of its tracks can be played: V_AV1");
        }
    }
}

#[test]
fn a_track_can_be_read_again() {
    for (bytes, kind) in [
        (VP8, MediaKind::Video),
        (VP8, MediaKind::Audio),
        (OGG, MediaKind::Audio),
    ] {
        let file = MediaFile::from_bytes(bytes).unwrap();
        let mut track = file.track(kind).unwrap();
        assert!(track.duration().unwrap() > Duration::from_millis(300));
        let read = |track: &mut MediaFileTrack| {
            std::iter::from_fn(|| track.next_frame().unwrap()).collect::<Vec<_>>()
        };
        let first = read(&mut track);
        track.rewind().unwrap();
        assert!(first.len() > 5 && read(&mut track) == first);
    }
}
