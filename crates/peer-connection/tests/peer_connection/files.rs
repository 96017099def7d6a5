//! Files that are played to a peer.

use std::io::Cursor;
use std::time::Duration;

use gannet::codecs::{AudioCodec, AudioEncoderConfig, VideoCodec, VideoEncoderConfig};
use gannet::media::{
    AudioFormat, EncodedFrame, EncodedSource, MediaFile, OggOpusReader, OggOpusRecorder,
    ReadyState, Source, TestPattern, Tone, WavRecorder, WebmCodec, WebmReader, WebmRecorder,
    frame_code,
};
use gannet::ortc::parameters::RtpCodecCapability;
use gannet::{
    Direction, EncodedFrames, EncodedState, MediaKind, PeerConnection, PlayedAs, RtpReceiver,
    RtpSender, default_capabilities, play_file,
};

use crate::support::{connection, exchange, picture, pitch, soon, track, until};

const FRAME: Duration = Duration::from_millis(40);

/// `count` packets of a tone, each of 20 ms.
fn packets(count: u32) -> Vec<EncodedFrame> {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::stereo(48_000)).unwrap();
    let mut encoder = AudioCodec::Opus
        .encoder(&AudioEncoderConfig::default())
        .unwrap();
    let pieces = (0..count).map(|index| tone.frame_at(index * tone.interval()).unwrap());
    let pieces: Vec<_> = pieces.collect();
    pieces
        .iter()
        .flat_map(|piece| encoder.encode(piece).unwrap())
        .collect()
}

/// `count` pictures, 25 a second, with their number in them.
fn pictures(codec: VideoCodec, count: u16) -> Vec<EncodedFrame> {
    let mut pattern = TestPattern::new(320, 240, 25).unwrap();
    let config = VideoEncoderConfig {
        bitrate: 500_000,
        frame_rate: 25,
        ..VideoEncoderConfig::default()
    };
    let mut encoder = codec.encoder(&config).unwrap();
    (0..count)
        .filter_map(|index| {
            let mut picture = pattern.frame_at(FRAME * index.into()).unwrap();
            frame_code::write(picture.buffer_mut(), index);
            encoder.encode(&picture).unwrap()
        })
        .collect()
}

/// A second of both kinds, recorded.
fn webm(codec: VideoCodec) -> Vec<u8> {
    webm_of(codec, 1)
}

fn webm_of(codec: VideoCodec, seconds: u16) -> Vec<u8> {
    let codecs = [WebmCodec::Opus, WebmCodec::from_name(codec.name()).unwrap()];
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &codecs).unwrap();
    let (packets, pictures) = (
        packets(50 * u32::from(seconds)),
        pictures(codec, 25 * seconds),
    );
    for (track, frames) in [(0, packets), (1, pictures)] {
        for frame in frames {
            recorder.write(track, &frame).unwrap();
        }
    }
    recorder.finish().unwrap().into_inner()
}

fn wav() -> Vec<u8> {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::mono(48_000)).unwrap();
    let mut file = Cursor::new(Vec::new());
    let mut recorder = WavRecorder::new(&mut file);
    for index in 0..50 {
        let piece = tone.frame_at(index * tone.interval()).unwrap();
        recorder.write(&piece).unwrap();
    }
    recorder.finish().unwrap();
    file.into_inner()
}

/// What a track of a file has.
fn content(source: &mut impl EncodedSource) -> Vec<EncodedFrame> {
    std::iter::from_fn(|| source.next_frame().unwrap()).collect()
}

/// Two ends: whose senders play, and what the other end receives; video first.
struct Call {
    one: PeerConnection,
    _other: PeerConnection,
    senders: Vec<RtpSender>,
    receivers: Vec<RtpReceiver>,
}

impl Call {
    async fn new(video: &[&str]) -> Self {
        Self::with(video, Some("opus")).await
    }

    /// Only these codecs are agreed on; no audio codec, no audio.
    async fn with(video: &[&str], audio: Option<&str>) -> Self {
        let (one, other) = (connection(), connection());
        let mut senders = Vec::new();
        let audio: Vec<&str> = audio.into_iter().collect();
        for (kind, names) in [(MediaKind::Video, video), (MediaKind::Audio, &audio[..])] {
            if names.is_empty() {
                continue;
            }
            let transceiver = one.add_transceiver(kind, Direction::SendOnly, None);
            transceiver.set_codec_preferences(codecs(names));
            senders.push(transceiver.sender());
        }
        exchange(&one, &other).await;
        let mut receivers = Vec::new();
        for _ in &senders {
            receivers.push(track(&other).await.receiver);
        }
        Self {
            one,
            _other: other,
            senders,
            receivers,
        }
    }
}

/// The codecs of these names, in their order.
fn codecs(names: &[&str]) -> Vec<RtpCodecCapability> {
    let all = default_capabilities().codecs;
    let of = |name: &&str| {
        let name = (*name).to_owned();
        let found = all
            .iter()
            .filter(move |codec| codec.name.eq_ignore_ascii_case(&name));
        found.cloned().collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

/// The next so many frames.
async fn received(frames: &EncodedFrames, count: usize) -> Vec<gannet::ReceivedFrame> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(soon("a frame", frames.recv()).await.unwrap());
    }
    all
}

/// Bytes, and whether each is a key frame.
fn bytes(frames: &[EncodedFrame]) -> Vec<(bool, &[u8])> {
    frames
        .iter()
        .map(|frame| (frame.keyframe, &frame.data[..]))
        .collect()
}

async fn what_was_recorded_is_recorded_again(codec: VideoCodec) {
    let original = webm(codec);
    let file = MediaFile::from_bytes(&original[..]).unwrap();
    // The file's codec is not the one that is preferred.
    let call = Call::new(&["VP8", "H264", codec.name()]).await;
    let inboxes: Vec<_> = call
        .receivers
        .iter()
        .map(|receiver| receiver.encoded().unwrap())
        .collect();
    let playback = play_file(&file, false, &call.senders).unwrap();
    assert_eq!(playback.video, Some(PlayedAs::Encoded));
    assert_eq!(playback.audio, Some(PlayedAs::Encoded));
    let counts = [25, 50];
    let (seen, heard) = tokio::join!(
        received(&inboxes[0], counts[0]),
        received(&inboxes[1], counts[1])
    );

    // The peer records it.
    let webm_codec = WebmCodec::from_name(codec.name()).unwrap();
    let mut recorder =
        WebmRecorder::file(Cursor::new(Vec::new()), &[WebmCodec::Opus, webm_codec]).unwrap();
    for (track, clock, frames) in [(1, 90_000, &seen), (0, 48_000, &heard)] {
        let first = frames[0].frame.timestamp.0;
        for frame in frames {
            let ticks = u64::from(frame.frame.timestamp.0.wrapping_sub(first));
            let time = gannet::codecs::from_ticks(ticks, clock);
            let data = frame.frame.data.clone();
            let encoded = EncodedFrame::new(data, time, frame.frame.keyframe);
            recorder.write(track, &encoded).unwrap();
        }
    }
    let copy = recorder.finish().unwrap().into_inner();
    for (kind, wire) in [
        (gannet::media::MediaKind::Video, &seen),
        (gannet::media::MediaKind::Audio, &heard),
    ] {
        let read = |file: &[u8]| {
            let reader = WebmReader::new(Cursor::new(file.to_vec())).unwrap();
            content(&mut reader.into_track(kind).unwrap())
        };
        let (before, after) = (read(&original), read(&copy));
        assert!(bytes(&before) == bytes(&after), "{kind:?} of {codec}");
        let times = |frames: &[EncodedFrame]| {
            let all = frames.iter().map(|frame| frame.timestamp);
            all.collect::<Vec<_>>()
        };
        assert_eq!(times(&before), times(&after), "{kind:?} of {codec}");
        assert!(wire.iter().all(|frame| frame.frame.lost == 0));
    }

    // In step: what belongs together was sent together.
    let spans = [&seen, &heard].map(|frames| {
        let arrival = |frame: Option<&gannet::ReceivedFrame>| frame.unwrap().frame.first_arrival;
        (arrival(frames.first()), arrival(frames.last()))
    });
    let apart = |a: std::time::Instant, b: std::time::Instant| {
        a.saturating_duration_since(b) + b.saturating_duration_since(a)
    };
    let slack = Duration::from_millis(150);
    assert!(apart(spans[0].0, spans[1].0) < slack);
    assert!(apart(spans[0].1, spans[1].1) < slack + FRAME);
    let lasted = spans[0].1 - spans[0].0;
    assert!(
        lasted > Duration::from_millis(800),
        "{lasted:?}: not in real time"
    );
    for sender in &call.senders {
        until("the end", || {
            sender.encoded_state() == Some(EncodedState::Ended)
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_of_vp8_arrives_frame_for_frame() {
    what_was_recorded_is_recorded_again(VideoCodec::Vp8).await;
}

#[tokio::test]
async fn a_file_of_vp9_arrives_frame_for_frame() {
    what_was_recorded_is_recorded_again(VideoCodec::Vp9).await;
}

#[tokio::test]
async fn a_file_of_h264_arrives_frame_for_frame() {
    what_was_recorded_is_recorded_again(VideoCodec::H264).await;
}

#[tokio::test]
async fn a_file_of_ogg_opus_arrives_packet_for_packet() {
    let mut recorder = OggOpusRecorder::new(Vec::new(), 1).unwrap();
    let packets = packets(50);
    for packet in &packets {
        recorder.write(packet).unwrap();
    }
    let original = recorder.finish().unwrap();
    let file = MediaFile::from_bytes(&original[..]).unwrap();
    let call = Call::with(&[], Some("opus")).await;
    let frames = call.receivers[0].encoded().unwrap();
    let playback = play_file(&file, false, &call.senders).unwrap();
    assert_eq!(
        (playback.audio, playback.video),
        (Some(PlayedAs::Encoded), None)
    );
    let heard = received(&frames, packets.len()).await;
    let mut recorder = OggOpusRecorder::new(Vec::new(), 1).unwrap();
    for (index, frame) in heard.iter().enumerate() {
        let time = Duration::from_millis(20) * index as u32;
        let data = frame.frame.data.clone();
        recorder
            .write(&EncodedFrame::new(data, time, true))
            .unwrap();
    }
    let copy = recorder.finish().unwrap();
    let read = |file: &[u8]| content(&mut OggOpusReader::new(Cursor::new(file.to_vec())).unwrap());
    assert_eq!(read(&copy), read(&original));
    assert!(copy == original, "octet for octet");
}

/// The file goes round, the RTP time goes on, and each round begins with a key frame.
#[tokio::test]
async fn a_file_is_played_in_a_loop() {
    let file = MediaFile::from_bytes(webm(VideoCodec::Vp8)).unwrap();
    let call = Call::new(&["VP8"]).await;
    let frames = call.receivers[0].encoded().unwrap();
    play_file(&file, true, &call.senders).unwrap();
    let seen = received(&frames, 60).await;
    let rounds: Vec<_> = seen.chunks(25).collect();
    for round in &rounds[1..] {
        for (again, first) in round.iter().zip(rounds[0]) {
            assert_eq!(again.frame.data, first.frame.data);
        }
    }
    let steps: Vec<u32> = seen
        .windows(2)
        .map(|pair| {
            pair[1]
                .frame
                .timestamp
                .0
                .wrapping_sub(pair[0].frame.timestamp.0)
        })
        .collect();
    let is_even = |ticks: &u32| (3_000..=5_000).contains(ticks);
    assert!(steps.iter().all(is_even), "{steps:?}");
    // Somebody replaces the sound: the pictures go on.
    call.senders[1].replace_track(None);
    received(&frames, 10).await;
    call.one.close();
}

/// The peer takes another codec: decoded and encoded again, it is the same to the eye and the ear.
#[tokio::test]
async fn what_the_peer_does_not_take_is_encoded_again() {
    let file = MediaFile::from_bytes(webm_of(VideoCodec::Vp9, 4)).unwrap();
    let call = Call::with(&["H264"], Some("PCMU")).await;
    let (seen, heard) = (call.receivers[0].track(), call.receivers[1].track());
    let playback = play_file(&file, false, &call.senders).unwrap();
    assert_eq!(playback.video, Some(PlayedAs::Decoded));
    assert_eq!(playback.audio, Some(PlayedAs::Decoded));
    let (width, height, number, _) = picture(&seen).await;
    assert_eq!((width, height), (320, 240));
    assert!(number.is_some_and(|number| number < 100));
    let pitch = pitch(&heard).await;
    assert!((pitch - 440.0).abs() <= 5.0, "{pitch} Hz");
}

/// Whether its frames are sent as they are or encoded.
#[tokio::test]
async fn a_sender_says_when_its_file_is_over() {
    for file in [webm(VideoCodec::Vp8), wav()] {
        let file = MediaFile::from_bytes(file).unwrap();
        let call = Call::new(&["VP8"]).await;
        let sender = &call.senders[1];
        assert_eq!(sender.ready_state(), None);
        let started = std::time::Instant::now();
        play_file(&file, false, &call.senders).unwrap();
        assert_eq!(sender.ready_state(), Some(ReadyState::Live));
        until("the end", || {
            sender.ready_state() == Some(ReadyState::Ended)
        })
        .await;
        assert!(started.elapsed() > Duration::from_millis(800));
        sender.replace_track(None);
        assert_eq!(sender.ready_state(), None);
    }
}

/// A file of decoded sound is encoded; its sender has nothing to do with encoded frames.
#[tokio::test]
async fn wav_is_played_too() {
    let file = MediaFile::from_bytes(wav()).unwrap();
    let call = Call::new(&["VP8"]).await;
    let heard = call.receivers[1].track();
    let playback = play_file(&file, true, &call.senders).unwrap();
    assert_eq!(
        (playback.audio, playback.video),
        (Some(PlayedAs::Decoded), None)
    );
    let pitch = pitch(&heard).await;
    assert!((pitch - 440.0).abs() <= 5.0, "{pitch} Hz");
    assert_eq!(call.senders[1].encoded_state(), None);
}

/// Calls show pictures in the order in which they come. Nothing is agreed on yet: nothing else stands against sending them.
#[tokio::test]
async fn pictures_in_another_order_are_not_sent_as_they_are() {
    const REORDERED: &[u8] = include_bytes!("../../../media/tests/data/reordered.mp4");
    const IN_ORDER: &[u8] = include_bytes!("../../../media/tests/data/fragmented.mp4");
    let one = connection();
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    for (bytes, played) in [
        (REORDERED, PlayedAs::Decoded),
        (IN_ORDER, PlayedAs::Encoded),
    ] {
        let file = MediaFile::from_bytes(bytes).unwrap();
        let playback = play_file(&file, false, &[transceiver.sender()]).unwrap();
        assert_eq!(playback.video, Some(played));
    }
    one.close();
}
