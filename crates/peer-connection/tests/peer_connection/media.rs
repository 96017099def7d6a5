//! Pictures and sound from end to end.

use std::time::Duration;

use gannet::codecs::{EncodedFrame, VideoCodec};
use gannet::media::frame_code;
use gannet::ortc::parameters::RtpCodecCapability;
use gannet::{
    Direction, MediaKind, MediaStreamTrack, PeerConnection, RtpTransceiver, default_capabilities,
};

use crate::support::{
    connected, connection, exchange, exchange_and, pattern, picture, pitch, soon, tone, track,
};

/// The codecs of one name.
fn codecs(name: &str) -> Vec<RtpCodecCapability> {
    let mut codecs = default_capabilities().codecs;
    codecs.retain(|codec| codec.name.eq_ignore_ascii_case(name));
    codecs
}

/// Two connections, the first of which sends the track.
async fn sending(
    track: MediaStreamTrack,
    kind: MediaKind,
) -> (PeerConnection, PeerConnection, RtpTransceiver) {
    let (one, other) = (connection(), connection());
    let transceiver = one.add_transceiver(kind, Direction::SendOnly, Some(track));
    (one, other, transceiver)
}

async fn video_arrives(codec: &str) {
    let (one, other, transceiver) = sending(pattern(320, 240), MediaKind::Video).await;
    transceiver.set_codec_preferences(codecs(codec));
    exchange(&one, &other).await;
    let event = track(&other).await;
    let received = event.receiver.track();
    let parameters = event.receiver.parameters().unwrap();
    assert_eq!(parameters.primary_codec().unwrap().name, codec);
    let mut last = None;
    for _ in 0..20 {
        let (width, height, number, time) = picture(&received).await;
        assert_eq!((width, height), (320, 240));
        let seen = Some((number.expect("the code survives"), time));
        assert!(last < seen, "{last:?} before {seen:?}");
        last = seen;
    }
}

#[tokio::test]
async fn vp8_arrives() {
    video_arrives("VP8").await;
}

#[tokio::test]
async fn vp9_arrives() {
    video_arrives("VP9").await;
}

/// Nobody who does not ask for it gets it.
#[tokio::test]
async fn vp8_is_preferred() {
    let (one, other, transceiver) = sending(pattern(160, 120), MediaKind::Video).await;
    exchange(&one, &other).await;
    let parameters = transceiver.sender().parameters().unwrap();
    let names: Vec<_> = parameters
        .codecs
        .iter()
        .map(|codec| &*codec.name)
        .filter(|name| !name.eq_ignore_ascii_case("rtx"))
        .collect();
    assert_eq!(names, ["VP8", "H264", "H264", "VP9"]);
}

#[tokio::test]
async fn h264_arrives() {
    video_arrives("H264").await;
}

#[tokio::test]
async fn opus_arrives_at_its_pitch() {
    let (one, other, _) = sending(tone(440.0), MediaKind::Audio).await;
    exchange(&one, &other).await;
    let received = track(&other).await.receiver.track();
    let pitch = pitch(&received).await;
    assert!((pitch - 440.0).abs() <= 5.0, "{pitch} Hz");
}

#[tokio::test]
async fn a_track_is_replaced_without_negotiation() {
    let (one, other, transceiver) = sending(pattern(320, 240), MediaKind::Video).await;
    exchange(&one, &other).await;
    let received = track(&other).await.receiver.track();
    let mut last = Duration::ZERO;
    for _ in 0..30 {
        last = picture(&received).await.3;
    }
    for (width, height) in [(160, 120), (240, 180)] {
        transceiver
            .sender()
            .replace_track(Some(pattern(width, height)));
        loop {
            let (seen_width, seen_height, number, time) = picture(&received).await;
            assert!(time > last, "{time:?} after {last:?}");
            assert!(
                time < last + Duration::from_secs(2),
                "{time:?} after {last:?}"
            );
            last = time;
            if (seen_width, seen_height) == (width, height) {
                assert!(
                    number.unwrap() < 60,
                    "the new track is played from its beginning"
                );
                break;
            }
        }
    }
    transceiver.sender().replace_track(None);
    let quiet = tokio::time::timeout(Duration::from_millis(300), async {
        while received.recv().await.is_some() {}
    });
    assert!(quiet.await.is_err(), "the track lives");
    assert!(received.video().unwrap().try_recv().is_none());
}

#[tokio::test]
async fn frames_are_had_as_they_come() {
    let (one, other, _) = sending(pattern(320, 240), MediaKind::Video).await;
    exchange(&one, &other).await;
    let receiver = track(&other).await.receiver;
    let frames = receiver.encoded().unwrap();
    let mut decoder = VideoCodec::Vp8.decoder().unwrap();
    for index in 0..10 {
        let received = soon("a frame", frames.recv()).await.unwrap();
        assert_eq!(received.codec.name, "VP8");
        assert!(
            index > 0 || received.frame.keyframe,
            "the first frame is a key frame"
        );
        let frame = EncodedFrame::new(received.frame.data, Duration::ZERO, received.frame.keyframe);
        let picture = decoder.decode(&frame).unwrap().unwrap();
        assert!(frame_code::read(picture.buffer()).is_some());
    }
    assert_eq!(frames.dropped(), 0);
}

/// By itself the encoder makes one at its beginning, and then none for a hundred seconds.
#[tokio::test]
async fn a_key_frame_comes_on_request() {
    let (one, other, _) = sending(pattern(160, 120), MediaKind::Video).await;
    exchange(&one, &other).await;
    let receiver = track(&other).await.receiver;
    let frames = receiver.encoded().unwrap();
    assert!(soon("a frame", frames.recv()).await.unwrap().frame.keyframe);
    for _ in 0..30 {
        assert!(!soon("a frame", frames.recv()).await.unwrap().frame.keyframe);
    }
    receiver.request_key_frame();
    let key_frame = async { while !frames.recv().await.unwrap().frame.keyframe {} };
    soon("a key frame", key_frame).await;
}

#[tokio::test]
async fn a_decoded_stream_is_not_given_as_it_comes() {
    let (one, other, _) = sending(pattern(160, 120), MediaKind::Video).await;
    exchange(&one, &other).await;
    let receiver = track(&other).await.receiver;
    let _track = receiver.track();
    assert!(receiver.encoded().is_none());
}

/// A reader that comes late asks for a key frame.
#[tokio::test]
async fn a_late_reader_sees_pictures_too() {
    let (one, other, _) = sending(pattern(320, 240), MediaKind::Video).await;
    exchange(&one, &other).await;
    let receiver = track(&other).await.receiver;
    connected(&one, &other).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let first = receiver.track();
    assert!(picture(&first).await.2.is_some());
    let second = receiver.track();
    assert!(picture(&second).await.2.is_some());
    drop(first);
    assert!(picture(&second).await.2.is_some());
}

#[tokio::test]
async fn what_comes_is_sent_back() {
    let (one, other) = (connection(), connection());
    let video = one.add_transceiver(
        MediaKind::Video,
        Direction::SendRecv,
        Some(pattern(160, 120)),
    );
    let audio = one.add_transceiver(MediaKind::Audio, Direction::SendRecv, Some(tone(1000.0)));
    exchange_and(&one, &other, |transceiver| {
        let track = transceiver.receiver().track();
        transceiver.sender().replace_track(Some(track));
        transceiver.set_direction(Direction::SendRecv);
    })
    .await;
    let (seen, heard) = (video.receiver().track(), audio.receiver().track());
    assert!(picture(&seen).await.2.is_some());
    let pitch = pitch(&heard).await;
    assert!((pitch - 1000.0).abs() <= 5.0, "{pitch} Hz");
}
