//! One encoder, many viewers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gannet::codecs::{AudioCodec, AudioEncoderConfig, VideoCodec, VideoEncoderConfig};
use gannet::media::{
    AudioFormat, ReadyState, Source, TestPattern, Tone, Track, TrackWriter, VideoFrame,
};
use gannet::{
    Direction, EncodedFrames, EncodedTrack, Endpoint, MediaKind, MediaStreamTrack, PeerConnection,
    RtpReceiver, SharedEncoder, SharedEncoderConfig,
};

use crate::support::relay::exchange_through_relay;
use crate::support::{
    connected, connection, connection_on, endpoint, exchange, picture, pitch, soon, track, until,
};

const FRAME: Duration = Duration::from_millis(33);

/// A camera that the test itself works.
struct Camera {
    writer: TrackWriter<VideoFrame>,
    pattern: TestPattern,
    time: Duration,
}

impl Camera {
    fn new() -> (Self, Track<VideoFrame>) {
        let (writer, track) = Track::new("camera", 8);
        let camera = Self {
            writer,
            pattern: TestPattern::new(160, 120, 30).unwrap(),
            time: Duration::ZERO,
        };
        (camera, track)
    }

    /// Takes so many pictures, in real time.
    async fn take(&mut self, count: u32) {
        for _ in 0..count {
            let picture = self.pattern.frame_at(self.time).unwrap();
            self.time += FRAME;
            self.writer.write(picture).unwrap();
            tokio::time::sleep(FRAME).await;
        }
    }
}

fn shared(track: Track<VideoFrame>) -> SharedEncoder {
    SharedEncoder::video(track, VideoCodec::Vp8, SharedEncoderConfig::default()).unwrap()
}

struct Viewer {
    server: PeerConnection,
    _client: PeerConnection,
    receiver: RtpReceiver,
    frames: EncodedFrames,
}

impl Viewer {
    async fn join(encoder: &SharedEncoder, servers: &Endpoint) -> Self {
        let (server, client) = (connection_on(servers), connection());
        let transceiver = server.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
        let sender = transceiver.sender();
        sender.replace_encoded(Some(encoder.subscribe())).unwrap();
        exchange(&server, &client).await;
        let receiver = track(&client).await.receiver;
        let frames = receiver.encoded().unwrap();
        connected(&server, &client).await;
        Self {
            server,
            _client: client,
            receiver,
            frames,
        }
    }

    /// The next so many frames: whether each is a key frame, and its bytes.
    async fn see(&self, count: usize) -> Vec<(bool, Vec<u8>)> {
        let mut seen = Vec::new();
        while seen.len() < count {
            let received = soon("a frame", self.frames.recv()).await.unwrap();
            seen.push((received.frame.keyframe, received.frame.data.to_vec()));
        }
        seen
    }
}

#[tokio::test]
async fn thirty_viewers_see_what_was_encoded_once() {
    let (mut camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    // Nobody watches: nothing is encoded.
    camera.take(3).await;
    let servers = endpoint();
    let mut viewers = Vec::new();
    for _ in 0..30 {
        viewers.push(Viewer::join(&encoder, &servers).await);
    }
    until("the viewers", || encoder.stats().viewers == 30).await;
    assert_eq!(encoder.stats().frames_encoded, 0);
    camera.take(30).await;
    let first = viewers[0].see(30).await;
    assert_eq!(first.iter().filter(|(is_key, _)| *is_key).count(), 1);
    assert!(first[0].0, "it begins with a key frame");
    for viewer in &viewers[1..] {
        assert!(viewer.see(30).await == first, "all see the same");
    }
    let stats = encoder.stats();
    assert_eq!((stats.frames, stats.frames_encoded), (33, 30));
    assert_eq!(stats.key_frames_encoded, 1);

    // All lose track at once: one key frame is the answer.
    for viewer in &viewers {
        viewer.receiver.request_key_frame();
    }
    camera.take(15).await;
    for viewer in &viewers {
        let seen = viewer.see(15).await;
        assert_eq!(seen.iter().filter(|(is_key, _)| *is_key).count(), 1);
    }
    assert_eq!(encoder.stats().key_frames_encoded, 2);

    // What W3C counts is each sender's own; the work is counted by each who has its fruit.
    for viewer in &viewers {
        let report = viewer.server.stats();
        let outbound = &report.outbound_rtp[0];
        let stats = outbound.encoder.as_ref().unwrap();
        assert_eq!((stats.frames_encoded, stats.key_frames_encoded), (45, 2));
        assert_eq!(stats.frame_width, Some(160));
        assert_eq!(outbound.counters.frames_sent, 45);
        assert!(!stats.total_encode_time.is_zero());
        let target = u64::from(encoder.stats().target_bitrate);
        assert_eq!(outbound.counters.target_bitrate, target);
        assert_eq!(report.media_sources[0].track_identifier, "camera");
    }
}

#[tokio::test]
async fn who_joins_late_has_a_key_frame_soon() {
    let (mut camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    let servers = endpoint();
    let first = Viewer::join(&encoder, &servers).await;
    let taking = tokio::spawn(async move {
        camera.take(90).await;
        camera
    });
    assert!(first.see(5).await[0].0);
    for _ in 0..3 {
        let late = Viewer::join(&encoder, &servers).await;
        let before = std::time::Instant::now();
        assert!(late.see(1).await[0].0, "it begins with a key frame");
        let waited = before.elapsed();
        // 300 ms from the last one, and a picture; the machine may be busy.
        assert!(waited < Duration::from_secs(1), "{waited:?}");
    }
    taking.await.unwrap();
    assert!(encoder.stats().key_frames_encoded <= 4);
}

/// Half of what is sent to one viewer is lost on the way. He has gaps, the others have none, and their bit rate stays
/// above the floor.
#[tokio::test]
async fn a_bad_line_is_the_trouble_of_its_viewer() {
    let (mut camera, pictures) = Camera::new();
    let mut config = SharedEncoderConfig::default();
    config.min_bitrate = 250_000;
    let encoder = SharedEncoder::video(pictures, VideoCodec::Vp8, config).unwrap();
    let servers = endpoint();
    let good = Viewer::join(&encoder, &servers).await;
    let (server, client) = (connection(), connection());
    let transceiver = server.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    let sender = transceiver.sender();
    sender.replace_encoded(Some(encoder.subscribe())).unwrap();
    let is_bad = Arc::new(AtomicBool::new(false));
    let loses = Arc::clone(&is_bad);
    let path = move |number: u64| {
        let is_lost = number % 2 == 1 && loses.load(Ordering::Relaxed);
        (!is_lost).then_some(0)
    };
    exchange_through_relay(&server, &client, 1, path).await;
    let bad = track(&client).await.receiver.encoded().unwrap();
    until("the viewers", || encoder.stats().viewers == 2).await;
    is_bad.store(true, Ordering::Relaxed);
    let taking = tokio::spawn(async move {
        camera.take(150).await;
        camera
    });
    let seen = good.see(150).await;
    assert_eq!(seen.len(), 150);
    let _camera = taking.await.unwrap();
    let mut count = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(300), bad.recv()).await {
        count += 1;
    }
    assert!((1..150).contains(&count), "{count} frames");
    let stats = encoder.stats();
    assert_eq!(stats.frames_encoded, 150, "{stats:?}");
    assert!(stats.target_bitrate >= 250_000, "{stats:?}");
    // His requests are answered, and do not fill the line of the others.
    let key_frames = seen.iter().filter(|(is_key, _)| *is_key).count();
    assert!(key_frames <= 7, "{key_frames} key frames in five seconds");
}

/// Nobody waits for a viewer who reads nothing.
#[tokio::test]
async fn a_slow_viewer_loses_frames_of_his_own() {
    let (mut camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    let (slow, quick) = (encoder.subscribe(), encoder.subscribe());
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while quick.recv().await.is_some() {
            count += 1;
        }
        (count, quick.stats().frames_dropped)
    });
    camera.take(100).await;
    drop(camera);
    assert_eq!(soon("the end", reading).await.unwrap(), (100, 0));
    let stats = slow.stats();
    assert_eq!(stats.frames_written, 100);
    assert!(stats.frames_dropped >= 64, "{stats:?}");
    assert!(slow.try_recv().unwrap().frame.keyframe);
}

#[tokio::test]
async fn it_ends_with_its_source_and_with_its_last_handle() {
    let ended = |track: &EncodedTrack| track.ready_state() == ReadyState::Ended;
    let (camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    let viewer = encoder.subscribe();
    drop(camera);
    until("the end", || ended(&viewer)).await;
    assert!(ended(&encoder.subscribe()));

    let (mut camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    let viewer = encoder.subscribe();
    let other = encoder.clone();
    drop(encoder);
    camera.take(1).await;
    assert!(!ended(&viewer));
    drop(other);
    assert!(soon("a frame", viewer.recv()).await.is_some());
    assert!(soon("the end", viewer.recv()).await.is_none());
    until("the end of the camera", || camera.writer.is_ended()).await;

    let (camera, pictures) = Camera::new();
    let encoder = shared(pictures);
    let viewer = encoder.subscribe();
    encoder.stop();
    assert!(ended(&viewer) && ended(&encoder.subscribe()));
    until("the end of the camera", || camera.writer.is_ended()).await;
}

#[tokio::test]
async fn sound_is_shared_too() {
    let tone = Tone::new(440.0, 0.5, AudioFormat::mono(48_000)).unwrap();
    let sound = gannet::play("tone", tone);
    let config = AudioEncoderConfig::default();
    let encoder = SharedEncoder::audio(sound, AudioCodec::Opus, &config).unwrap();
    let mut listeners = Vec::new();
    for _ in 0..2 {
        let (server, client) = (connection(), connection());
        let transceiver = server.add_transceiver(MediaKind::Audio, Direction::SendOnly, None);
        let sender = transceiver.sender();
        sender.replace_encoded(Some(encoder.subscribe())).unwrap();
        exchange(&server, &client).await;
        let heard: MediaStreamTrack = track(&client).await.receiver.track();
        listeners.push((server, client, heard));
    }
    for (_, _, heard) in &listeners {
        let pitch = pitch(heard).await;
        assert!((pitch - 440.0).abs() <= 5.0, "{pitch} Hz");
    }
    let stats = encoder.stats();
    assert!(stats.frames_encoded <= stats.frames, "{stats:?}");
}

/// Every codec has a profile that the peer agrees to, and a decoder that takes it.
#[tokio::test]
async fn h264_is_shared() {
    let pictures = gannet::play("pattern", TestPattern::new(160, 120, 30).unwrap());
    let config = SharedEncoderConfig::default();
    let encoder = SharedEncoder::video(pictures, VideoCodec::H264, config).unwrap();
    assert!(encoder.format().profile.is_some());
    let (server, client) = (connection(), connection());
    let transceiver = server.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    exchange(&server, &client).await;
    let sender = transceiver.sender();
    sender.replace_encoded(Some(encoder.subscribe())).unwrap();
    let seen = track(&client).await.receiver.track();
    assert!(picture(&seen).await.2.is_some());
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let (_camera, pictures) = Camera::new();
    let mut config = SharedEncoderConfig::default();
    config.encoder = VideoEncoderConfig {
        frame_rate: 0,
        ..VideoEncoderConfig::default()
    };
    assert!(SharedEncoder::video(pictures, VideoCodec::Vp8, config).is_err());
}
