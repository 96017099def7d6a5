//! Senders that are fed encoded frames.

use std::time::{Duration, Instant};

use gannet::codecs::{AudioCodec, EncodedFrame, VideoCodec, VideoEncoder, VideoEncoderConfig};
use gannet::media::{
    CodecProfile, EncodedFormat, EncodedTrackFrame, EncodedTrackWriter, Ended, MediaCodec, Source,
    TestPattern, Written,
};
use gannet::ortc::stats::MediaSourceStats;
use gannet::{
    Direction, EncodedFrames, EncodedState, EncodedTrack, MediaKind, PeerConnection, ReceivedFrame,
    ReplaceEncodedError, RtpSender, default_capabilities,
};

use crate::support::{connected, connection, exchange, pattern, picture, soon, track, until};

const FRAME: Duration = Duration::from_millis(20);

fn encoded_track(codec: VideoCodec) -> (EncodedTrackWriter, EncodedTrack) {
    EncodedTrack::new("encoded", EncodedFormat::video(codec), 64)
}

/// Pictures, encoded one after the other, each with its time.
struct Encoder {
    encoder: Box<dyn VideoEncoder>,
    pattern: TestPattern,
    time: Duration,
}

impl Encoder {
    fn new(codec: VideoCodec) -> Self {
        Self {
            encoder: codec.encoder(&VideoEncoderConfig::default()).unwrap(),
            pattern: TestPattern::new(160, 120, 50).unwrap(),
            time: Duration::ZERO,
        }
    }

    fn next(&mut self) -> EncodedFrame {
        loop {
            let picture = self.pattern.frame_at(self.time).unwrap();
            self.time += FRAME;
            if let Some(frame) = self.encoder.encode(&picture).unwrap() {
                return frame;
            }
        }
    }

    /// Writes the next frame as if it was captured now.
    fn write(&mut self, writer: &EncodedTrackWriter) -> Result<Written, Ended> {
        let frame = self.next();
        write(writer, frame)
    }
}

fn write(writer: &EncodedTrackWriter, frame: EncodedFrame) -> Result<Written, Ended> {
    writer.write(EncodedTrackFrame {
        frame,
        captured: Instant::now(),
        encoding: None,
    })
}

/// Two ends that are connected: who sends, his sender, and what the other end receives as it comes.
async fn sending() -> (PeerConnection, PeerConnection, RtpSender, EncodedFrames) {
    let (one, other) = (connection(), connection());
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    exchange(&one, &other).await;
    let frames = track(&other).await.receiver.encoded().unwrap();
    connected(&one, &other).await;
    (one, other, transceiver.sender(), frames)
}

async fn next(frames: &EncodedFrames) -> ReceivedFrame {
    soon("a frame", frames.recv()).await.expect("it goes on")
}

/// Every codec that was negotiated can be sent, whichever is preferred.
#[tokio::test]
async fn frames_arrive_as_they_were_written() {
    let (_one, _other, sender, frames) = sending().await;
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (writer, encoded) = encoded_track(codec);
        assert_eq!(sender.takes(&encoded.format()), Some(true));
        sender.replace_encoded(Some(encoded)).unwrap();
        assert_eq!(sender.encoded_state(), Some(EncodedState::Sending));
        assert!(writer.take_key_frame_request());
        let mut encoder = Encoder::new(codec);
        for index in 0..20 {
            let frame = encoder.next();
            assert_eq!(write(&writer, frame.clone()), Ok(Written::Queued));
            let received = next(&frames).await;
            assert_eq!(received.codec.name, codec.name());
            assert_eq!(received.frame.data, frame.data, "frame {index} of {codec}");
            assert_eq!(received.frame.keyframe, index == 0);
            tokio::time::sleep(FRAME).await;
        }
        let parameters = sender.parameters().unwrap();
        assert_eq!(parameters.primary_codec().unwrap().name, codec.name());
        assert!(writer.target_bitrate().is_some_and(|bits| bits > 50_000));
    }
}

#[tokio::test]
async fn what_the_peer_did_not_agree_to_is_refused() {
    let (one, other) = (connection(), connection());
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    let sender = transceiver.sender();
    let mut vp8 = default_capabilities().codecs;
    vp8.retain(|codec| codec.name.eq_ignore_ascii_case("VP8"));
    transceiver.set_codec_preferences(vp8);
    let opus = EncodedFormat::audio(AudioCodec::Opus);
    let (writer, sound) = EncodedTrack::new("sound", opus, 8);
    assert_eq!(
        sender.replace_encoded(Some(sound)),
        Err(ReplaceEncodedError::WrongKind(opus))
    );
    assert!(writer.is_ended(), "nobody reads what was refused");
    // Nothing was agreed on: it is taken, and then seen not to fit.
    let (early, encoded) = encoded_track(VideoCodec::H264);
    assert_eq!(sender.takes(&encoded.format()), None);
    assert_eq!(sender.encoded_state(), None);
    sender.replace_encoded(Some(encoded)).unwrap();
    assert_eq!(sender.encoded_state(), Some(EncodedState::Waiting));
    exchange(&one, &other).await;
    connected(&one, &other).await;
    assert_eq!(
        sender.encoded_state(),
        Some(EncodedState::CodecNotNegotiated)
    );
    assert!(!early.is_wanted());
    // From now on it is refused at once, and the sender keeps what it has.
    let h264 = EncodedFormat {
        profile: Some(CodecProfile::H264 {
            profile_idc: 100,
            constraints: 0,
        }),
        codec: MediaCodec::Video(VideoCodec::H264),
    };
    let (_, encoded) = EncodedTrack::new("high", h264, 8);
    assert_eq!(
        sender.replace_encoded(Some(encoded)),
        Err(ReplaceEncodedError::CodecNotNegotiated(h264))
    );
    assert!(!early.is_ended());
    let (writer, encoded) = encoded_track(VideoCodec::Vp8);
    sender.replace_encoded(Some(encoded)).unwrap();
    assert_eq!(sender.encoded_state(), Some(EncodedState::Sending));
    assert!(early.is_ended(), "it was replaced");
    drop(writer);
    until("the end of the track", || {
        sender.encoded_state() == Some(EncodedState::Ended)
    })
    .await;
    one.close();
    let (_, encoded) = encoded_track(VideoCodec::Vp8);
    assert_eq!(
        sender.replace_encoded(Some(encoded)),
        Err(ReplaceEncodedError::Stopped)
    );
}

/// Decoded, encoded, another codec, decoded: one stream, whose time and numbers go on.
#[tokio::test]
async fn a_track_is_replaced_in_mid_call() {
    let (_one, _other, sender, frames) = sending().await;
    let (mut last, mut codecs) = (None::<(u16, u32, u16)>, Vec::new());
    let mut follow = |received: &ReceivedFrame| {
        let frame = &received.frame;
        if let Some((number, time, packets)) = last {
            let gap = frame.sequence_number.0.wrapping_sub(number);
            assert_eq!(gap, packets, "no packet is missing between frames");
            let ticks = frame.timestamp.0.wrapping_sub(time);
            assert!((1..180_000).contains(&ticks), "{ticks} ticks");
        }
        let name = &received.codec.name;
        if codecs.last() != Some(name) {
            assert!(frame.keyframe, "{name} begins with a key frame");
            codecs.push(name.clone());
        }
        let packets = u16::try_from(frame.packets).unwrap();
        last = Some((frame.sequence_number.0, frame.timestamp.0, packets));
    };
    sender.replace_track(Some(pattern(160, 120)));
    for _ in 0..10 {
        follow(&next(&frames).await);
    }
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (writer, encoded) = encoded_track(codec);
        sender.replace_encoded(Some(encoded)).unwrap();
        let mut encoder = Encoder::new(codec);
        // Its time has nothing to do with that of the tracks before.
        encoder.time = Duration::from_secs(1000);
        for _ in 0..10 {
            encoder.write(&writer).unwrap();
            tokio::time::sleep(FRAME).await;
        }
        while tokio::time::timeout(Duration::from_millis(200), frames.recv())
            .await
            .is_ok_and(|received| {
                follow(&received.unwrap());
                true
            })
        {}
    }
    sender.replace_track(Some(pattern(160, 120)));
    for _ in 0..10 {
        follow(&next(&frames).await);
    }
    assert_eq!(codecs, ["VP8", "H264", "VP8"]);
    sender.replace_encoded(None).unwrap();
    assert_eq!(sender.encoded_state(), None);
}

/// The queue to the network is full: nothing is sent until a key frame, which is asked for.
#[tokio::test]
async fn what_is_refused_is_followed_by_a_key_frame() {
    let (one, _other, sender, frames) = sending().await;
    let (writer, encoded) = encoded_track(VideoCodec::Vp8);
    sender.replace_encoded(Some(encoded)).unwrap();
    let mut encoder = Encoder::new(VideoCodec::Vp8);
    let key_frame = encoder.next();
    write(&writer, key_frame.clone()).unwrap();
    assert!(next(&frames).await.frame.keyframe);
    writer.take_key_frame_request();
    // More packets than any queue has room for.
    let mut huge = encoder.next();
    huge.data = [&huge.data[..], &vec![0; 6_000_000]].concat().into();
    write(&writer, huge).unwrap();
    until("a request", || writer.take_key_frame_request()).await;
    assert!(writer.needs_key_frame());
    for _ in 0..5 {
        assert_eq!(encoder.write(&writer), Ok(Written::Skipped));
    }
    let quiet = tokio::time::timeout(Duration::from_millis(100), frames.recv());
    assert!(quiet.await.is_err(), "nothing could be decoded");
    write(&writer, key_frame).unwrap();
    assert!(next(&frames).await.frame.keyframe);
    assert_eq!(one.stats().outbound_rtp[0].counters.frames_sent, 2);
}

/// Nothing is wanted before the connection is there, and nothing while sending pauses.
#[tokio::test]
async fn frames_are_wanted_when_they_can_be_sent() {
    let (one, other) = (connection(), connection());
    let (writer, encoded) = encoded_track(VideoCodec::Vp8);
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    transceiver.sender().replace_encoded(Some(encoded)).unwrap();
    assert!(!writer.is_wanted());
    let mut encoder = Encoder::new(VideoCodec::Vp8);
    assert_eq!(encoder.write(&writer), Ok(Written::Skipped));
    exchange(&one, &other).await;
    until("the connection", || writer.is_wanted()).await;
    assert!(writer.take_key_frame_request());
    assert_eq!(
        encoder.write(&writer),
        Ok(Written::Skipped),
        "it needs a key frame"
    );
    transceiver.set_direction(Direction::Inactive);
    exchange(&one, &other).await;
    assert!(!writer.is_wanted());
    let state = transceiver.sender().encoded_state();
    assert_eq!(state, Some(EncodedState::Waiting));
    transceiver.set_direction(Direction::SendOnly);
    exchange(&one, &other).await;
    assert!(writer.is_wanted() && writer.take_key_frame_request());
    one.close();
    assert!(writer.is_ended());
}

/// A viewer that decodes sees pictures, and asks for a key frame when it needs one.
#[tokio::test]
async fn what_the_peer_asks_for_comes_back() {
    let (one, other) = (connection(), connection());
    let (writer, encoded) = encoded_track(VideoCodec::Vp8);
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    transceiver.sender().replace_encoded(Some(encoded)).unwrap();
    exchange(&one, &other).await;
    let receiver = track(&other).await.receiver;
    let received = receiver.track();
    until("the connection", || writer.is_wanted()).await;
    let feeding = std::thread::spawn(move || {
        let mut encoder = Encoder::new(VideoCodec::Vp8);
        let mut requests = 0;
        while {
            if writer.take_key_frame_request() {
                requests += 1;
                encoder.encoder.request_keyframe();
            }
            encoder.write(&writer).is_ok()
        } {
            std::thread::sleep(FRAME);
        }
        requests
    });
    for _ in 0..10 {
        let (width, height, number, _) = picture(&received).await;
        assert_eq!((width, height, number.is_some()), (160, 120, true));
    }
    let before = one.stats().outbound_rtp[0].counters.pli_count;
    receiver.request_key_frame();
    until("a request", || {
        one.stats().outbound_rtp[0].counters.pli_count > before
    })
    .await;
    for _ in 0..10 {
        picture(&received).await;
    }
    let report = one.stats();
    let [source] = &report.media_sources[..] else {
        panic!("one source: {report:?}");
    };
    assert_eq!(source.track_identifier, "encoded");
    let MediaSourceStats::Video(stats) = &source.stats else {
        panic!("it is of pictures");
    };
    assert!(stats.frames >= 20 && stats.width.is_none(), "{stats:?}");
    // Nothing here encodes.
    assert_eq!(report.outbound_rtp[0].encoder, None);
    assert_eq!(report.outbound_rtp[0].media_source_id, Some(source.id));
    one.close();
    assert!(feeding.join().unwrap() >= 2);
}
