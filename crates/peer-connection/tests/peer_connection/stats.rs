//! What both ends of a call say of it.

use std::time::{Duration, Instant};

use gannet::media::{AudioFormat, Source, TestPattern, Tone, Track};
use gannet::ortc::stats::{
    AudioDecoderStats, AudioLevelStats, DecoderStats, InboundRtp, MediaSourceStats, OutboundRtp,
    VideoDecoderStats, VideoSourceStats,
};
use gannet::{
    ChannelInit, Direction, MediaKind, MediaStreamTrack, PeerConnection, RtpReceiver,
    RtpTransceiver, StatsReport,
};

use crate::support::{connected, connection, exchange, until};

/// The amplitude of the tone, and the energy of a second of it.
const AMPLITUDE: f64 = 0.2;
const POWER: f64 = AMPLITUDE * AMPLITUDE / 2.0;

/// A source that ends after so many frames.
struct Limited<S> {
    source: S,
    left: u32,
}

impl<S: Source> Source for Limited<S> {
    type Frame = S::Frame;

    fn interval(&self) -> Duration {
        self.source.interval()
    }

    fn frame_at(&mut self, time: Duration) -> Option<S::Frame> {
        self.left = self.left.checked_sub(1)?;
        self.source.frame_at(time)
    }
}

fn pictures(left: u32) -> MediaStreamTrack {
    let source = TestPattern::new(320, 240, 30).unwrap();
    gannet::play("camera", Limited { source, left }).into()
}

/// So many pieces of a tone in real time. Its queue is long: of what is lost on a busy machine, the energy
/// could not be told.
fn sound(left: u32) -> MediaStreamTrack {
    let mut tone = Tone::new(440.0, AMPLITUDE, AudioFormat::mono(48_000)).unwrap();
    let (writer, track) = Track::new("voice", 64);
    std::thread::spawn(move || {
        let started = Instant::now();
        for index in 0..left {
            let time = index * tone.interval();
            std::thread::sleep(time.saturating_sub(started.elapsed()));
            if writer.write(tone.frame_at(time).unwrap()).is_err() {
                return;
            }
        }
    });
    track.into()
}

/// Two connected ends; the first can send both kinds, and sends nothing yet.
struct Call {
    one: PeerConnection,
    other: PeerConnection,
    video: RtpTransceiver,
    audio: RtpTransceiver,
}

impl Call {
    async fn new() -> Self {
        let (one, other) = (connection(), connection());
        let video = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
        let audio = one.add_transceiver(MediaKind::Audio, Direction::SendOnly, None);
        exchange(&one, &other).await;
        connected(&one, &other).await;
        Self {
            one,
            other,
            video,
            audio,
        }
    }

    /// What receives one kind at the other end.
    fn receiver(&self, kind: MediaKind) -> RtpReceiver {
        let transceivers = self.other.transceivers();
        let found = transceivers.iter().find(|found| found.kind() == kind);
        found.unwrap().receiver()
    }

    fn decode(&self) -> [MediaStreamTrack; 2] {
        [MediaKind::Video, MediaKind::Audio].map(|kind| self.receiver(kind).track())
    }

    fn sent_video(&self) -> OutboundRtp {
        sent(&self.one.stats(), &self.video)
    }

    /// Waits until all pictures that were encoded have come, or were given up.
    async fn settle(&self) {
        until("all pictures", || {
            let sent = self.sent_video();
            let came = self.other.stats();
            let Some((stream, decoder)) = video_of(&came) else {
                return false;
            };
            let done = decoder.frames_decoded + stream.counters.frames_dropped;
            sent.encoder
                .is_some_and(|encoder| encoder.frames_encoded <= done)
        })
        .await;
    }
}

fn sent(report: &StatsReport, transceiver: &RtpTransceiver) -> OutboundRtp {
    let mut streams = report.outbound_rtp.iter();
    let found = streams.find(|stream| stream.mid == transceiver.mid());
    found.expect("it is sent").clone()
}

fn video_of(report: &StatsReport) -> Option<(&InboundRtp, &VideoDecoderStats)> {
    let mut streams = report.inbound_rtp.iter();
    streams.find_map(|stream| match &stream.decoder {
        Some(DecoderStats::Video(decoder)) => Some((stream, decoder)),
        _ => None,
    })
}

fn audio_of(report: &StatsReport) -> Option<(&InboundRtp, &AudioDecoderStats)> {
    let mut streams = report.inbound_rtp.iter();
    streams.find_map(|stream| match &stream.decoder {
        Some(DecoderStats::Audio(decoder)) => Some((stream, decoder)),
        _ => None,
    })
}

fn camera(report: &StatsReport) -> VideoSourceStats {
    let mut sources = report.media_sources.iter();
    let found = sources.find_map(|source| match source.stats {
        MediaSourceStats::Video(stats) => Some(stats),
        MediaSourceStats::Audio(_) => None,
    });
    found.expect("there is a camera")
}

fn microphone(report: &StatsReport) -> AudioLevelStats {
    let mut sources = report.media_sources.iter();
    let found = sources.find_map(|source| match source.stats {
        MediaSourceStats::Audio(stats) => Some(stats),
        MediaSourceStats::Video(_) => None,
    });
    found.expect("there is a microphone")
}

/// The mean power between two moments, as webrtc-stats has it computed.
fn power(before: &AudioLevelStats, after: &AudioLevelStats) -> f64 {
    let energy = after.total_audio_energy - before.total_audio_energy;
    let duration = after.total_samples_duration - before.total_samples_duration;
    energy / duration.as_secs_f64()
}

fn assert_power(power: f64) {
    let error = (power / POWER - 1.0).abs();
    assert!(error < 0.01, "{power} is not {POWER}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_encodes_the_other_decodes() {
    let call = Call::new().await;
    let _readers = call.decode();
    call.video.sender().replace_track(Some(pictures(60)));
    until("all pictures of the source", || {
        camera(&call.one.stats()).frames == 60
    })
    .await;
    // The last picture is on its way to the encoder.
    tokio::time::sleep(Duration::from_millis(200)).await;
    call.settle().await;
    let [one, other] = [call.one.stats(), call.other.stats()];

    let stream = sent(&one, &call.video);
    let encoder = stream.encoder.clone().unwrap();
    let source = camera(&one);
    assert_eq!((source.width, source.height), (Some(320), Some(240)));
    assert!(source.frames_per_second.is_some());
    assert!(encoder.frames_encoded > 30 && encoder.frames_encoded <= source.frames);
    assert_eq!(encoder.frames_encoded, stream.counters.frames_sent);
    assert_eq!(encoder.key_frames_encoded, stream.counters.key_frames_sent);
    let size = (encoder.frame_width, encoder.frame_height);
    assert_eq!(size, (Some(320), Some(240)));
    assert_eq!(encoder.encoder_implementation, Some("libvpx"));
    assert!(encoder.total_encode_time > Duration::ZERO);
    assert!((50_000..=10_000_000).contains(&stream.counters.target_bitrate));

    let (stream, decoder) = video_of(&other).unwrap();
    let counters = &stream.counters;
    assert!(decoder.frames_decoded <= encoder.frames_encoded);
    let dropped = counters.frames_dropped;
    assert!(decoder.frames_decoded + dropped >= encoder.frames_encoded);
    assert!(decoder.frames_decoded <= counters.frames_received);
    assert!((1..=encoder.key_frames_encoded).contains(&decoder.key_frames_decoded));
    let size = (decoder.frame_width, decoder.frame_height);
    assert_eq!(size, (Some(320), Some(240)));
    assert_eq!(decoder.decoder_implementation, Some("libvpx"));
    assert!(decoder.total_decode_time > Duration::ZERO);
    assert!(decoder.total_processing_delay > decoder.total_decode_time);
    // A key frame does not fit into one packet.
    let assembled = decoder.frames_assembled_from_multiple_packets;
    assert!((1..=decoder.frames_decoded).contains(&assembled));
    let buffer = counters.jitter_buffer.unwrap();
    assert_eq!(buffer.jitter_buffer_emitted_count, counters.frames_received);
    assert!(buffer.jitter_buffer_delay >= decoder.total_assembly_time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_those_of_the_source() {
    let call = Call::new().await;
    let _readers = call.decode();
    call.video.sender().replace_track(Some(pictures(u32::MAX)));
    until("a second and a half", || {
        video_of(&call.other.stats()).is_some_and(|(_, decoder)| decoder.frames_decoded >= 45)
    })
    .await;
    let near = |rate: f64| (25.0..=31.0).contains(&rate);
    // On a busy machine a second may be short of pictures, but not each.
    until("a second of 30 pictures", || {
        let [one, other] = [call.one.stats(), call.other.stats()];
        let encoder = sent(&one, &call.video).encoder;
        let rates = [
            camera(&one).frames_per_second,
            encoder.map(|encoder| encoder.frames_per_second),
            video_of(&other).map(|(_, decoder)| decoder.frames_per_second),
        ];
        rates.iter().all(|rate| rate.is_some_and(near))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_energy_of_a_tone_is_that_of_its_sine() {
    let call = Call::new().await;
    let _readers = call.decode();
    call.audio.sender().replace_track(Some(sound(150)));
    let heard = || audio_of(&call.other.stats()).map(|(_, decoder)| decoder.clone());
    let duration = |decoder: AudioDecoderStats| decoder.level.total_samples_duration;
    let has_heard = |least: Duration| heard().is_some_and(|decoder| duration(decoder) >= least);
    // Opus needs some time to become loud.
    until("a first second", || has_heard(Duration::from_secs(1))).await;
    let before = heard().unwrap();
    until("two seconds and a half", || {
        has_heard(Duration::from_millis(2500))
    })
    .await;
    let one = call.one.stats();
    let other = call.other.stats();
    let (stream, after) = audio_of(&other).unwrap();

    let spoken = microphone(&one);
    assert_power(power(&AudioLevelStats::default(), &spoken));
    assert!((spoken.audio_level / POWER.sqrt() - 1.0).abs() < 0.02);
    assert!(spoken.total_samples_duration <= Duration::from_secs(3));

    assert_power(power(&before.level, &after.level));
    assert!((after.level.audio_level / POWER.sqrt() - 1.0).abs() < 0.05);
    let samples = after.level.total_samples_duration.as_secs_f64() * 48_000.0;
    assert_eq!(after.total_samples_received, samples.round() as u64);
    let emitted = after.jitter_buffer.jitter_buffer_emitted_count;
    assert_eq!(
        emitted + after.concealed_samples,
        after.total_samples_received
    );
    assert!(after.total_processing_delay > after.jitter_buffer.jitter_buffer_delay);
    if stream.counters.packets_lost == 0 {
        assert_eq!((after.concealed_samples, after.concealment_events), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_counted_stays_when_a_track_stops() {
    let call = Call::new().await;
    let readers = call.decode();
    call.video.sender().replace_track(Some(pictures(20)));
    until("all pictures of the source", || {
        camera(&call.one.stats()).frames == 20
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    call.settle().await;
    let first = call.one.stats().media_sources[0].id;
    let (before_sent, before) = (call.sent_video(), call.other.stats());
    assert_eq!(before_sent.media_source_id, Some(first));
    call.video.sender().replace_track(None);
    readers.iter().for_each(MediaStreamTrack::stop);
    drop(readers);
    let (after_sent, after) = (call.sent_video(), call.other.stats());
    let totals = |stream: &OutboundRtp| {
        let encoder = stream.encoder.clone().unwrap();
        (
            encoder.frames_encoded,
            encoder.key_frames_encoded,
            encoder.total_encode_time,
            encoder.frame_width,
        )
    };
    assert_eq!(totals(&after_sent), totals(&before_sent));
    assert_eq!(after_sent.id, before_sent.id);
    assert_eq!(after_sent.media_source_id, None);
    assert!(call.one.stats().media_sources.is_empty());
    let decoded = |report: &StatsReport| {
        let (stream, decoder) = video_of(report).unwrap();
        (stream.id, decoder.frames_decoded, decoder.total_decode_time)
    };
    assert_eq!(decoded(&after), decoded(&before));

    // Another track is another source of the same stream.
    call.video.sender().replace_track(Some(pictures(u32::MAX)));
    let encoded = totals(&after_sent).0;
    until("more pictures", || totals(&call.sent_video()).0 > encoded).await;
    let second = call.sent_video();
    assert_eq!(second.id, before_sent.id);
    assert!(second.media_source_id.is_some_and(|second| second != first));
    let seen = decoded(&after).1;
    until("their decoding, without readers", || {
        decoded(&call.other.stats()).1 > seen
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_comes_again_is_counted_from_zero() {
    let call = Call::new().await;
    let _readers = call.decode();
    call.video.sender().replace_track(Some(pictures(u32::MAX)));
    let decoded = || {
        let report = call.other.stats();
        video_of(&report).map(|(stream, decoder)| (stream.id, decoder.frames_decoded))
    };
    until("a second of pictures", || {
        decoded().is_some_and(|(_, frames)| frames > 30)
    })
    .await;
    let (first, _) = decoded().unwrap();
    assert_eq!(call.sent_video().active, Some(true));
    call.video.set_direction(Direction::Inactive);
    exchange(&call.one, &call.other).await;
    assert_eq!(decoded(), None);
    assert_eq!(call.sent_video().active, Some(false));
    call.video.set_direction(Direction::SendOnly);
    exchange(&call.one, &call.other).await;
    until("pictures again", || {
        decoded().is_some_and(|(_, frames)| frames > 0)
    })
    .await;
    let report = call.other.stats();
    let (stream, decoder) = video_of(&report).unwrap();
    assert_ne!(stream.id, first);
    assert!(decoder.frames_decoded <= stream.counters.frames_received);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_absent() {
    let call = Call::new().await;
    call.video.sender().replace_track(Some(pictures(u32::MAX)));
    call.audio.sender().replace_track(Some(sound(u32::MAX)));
    until("both streams", || call.other.stats().inbound_rtp.len() == 2).await;
    let [one, other] = [call.one.stats(), call.other.stats()];
    // Nobody decodes, and nobody at the other end sends.
    assert!(
        other
            .inbound_rtp
            .iter()
            .all(|stream| stream.decoder.is_none())
    );
    assert!(
        other
            .inbound_rtp
            .iter()
            .all(|stream| stream.track_identifier.is_some())
    );
    assert!(other.media_sources.is_empty());
    assert_eq!(sent(&one, &call.audio).encoder, None);
    assert_eq!(sent(&one, &call.audio).counters.target_bitrate, 0);
    for report in [&one, &other] {
        let line = |mime_type: &str| {
            let mut codecs = report.codecs.iter();
            let codec = codecs.find(|codec| codec.mime_type == mime_type).unwrap();
            (codec.channels, codec.sdp_fmtp_line.clone())
        };
        assert_eq!(line("video/VP8"), (None, None));
        let (channels, opus) = line("audio/opus");
        assert_eq!(channels, Some(2));
        assert!(opus.unwrap().contains("useinbandfec=1"));
    }
}

#[tokio::test]
async fn channels_are_counted_for_good() {
    let (one, other) = (connection(), connection());
    let channel = one
        .create_data_channel("brief", ChannelInit::default())
        .unwrap();
    let counts = |connection: &PeerConnection| {
        let stats = connection.stats().peer_connection;
        (stats.data_channels_opened, stats.data_channels_closed)
    };
    assert_eq!(counts(&one), (0, 0));
    exchange(&one, &other).await;
    until("a channel", || {
        counts(&one) == (1, 0) && counts(&other) == (1, 0)
    })
    .await;
    channel.close();
    until("its end", || {
        counts(&one) == (1, 1) && counts(&other) == (1, 1)
    })
    .await;
}

/// Every name that is mentioned is that of an object, and all kinds of objects are there.
#[cfg(feature = "serde")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_is_whole() {
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    let call = Call::new().await;
    let _readers = call.decode();
    let _channel = call.one.create_data_channel("chat", ChannelInit::default());
    exchange(&call.one, &call.other).await;
    call.video.sender().replace_track(Some(pictures(u32::MAX)));
    call.audio.sender().replace_track(Some(sound(u32::MAX)));
    let has_both = |report: &StatsReport| video_of(report).is_some() && audio_of(report).is_some();
    until("reports of both ends", || {
        let [one, other] = [call.one.stats(), call.other.stats()];
        one.outbound_rtp
            .iter()
            .all(|stream| stream.counters.remote.is_some())
            && other
                .inbound_rtp
                .iter()
                .all(|stream| stream.counters.remote.is_some())
            && has_both(&other)
            && one.data_channels.len() == 1
    })
    .await;
    let mut kinds = BTreeSet::new();
    for connection in [&call.one, &call.other] {
        let report = serde_json::to_value(connection.stats()).unwrap();
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let objects = report.as_object().unwrap();
        for (name, object) in objects {
            assert_eq!(object["id"], **name);
            let kind = object["type"].as_str().unwrap();
            assert!(name.starts_with(kind), "{name} is a {kind}");
            kinds.insert(kind.to_owned());
            let age = now.as_secs_f64() * 1000.0 - object["timestamp"].as_f64().unwrap();
            assert!((-1000.0..60_000.0).contains(&age), "{object}");
            for (member, value) in object.as_object().unwrap() {
                assert!(!value.is_null() && !value.is_object(), "{member}: {value}");
                let refers = member.ends_with("Id") && member != "id";
                if refers {
                    assert!(objects.contains_key(value.as_str().unwrap()), "{member}");
                }
            }
        }
    }
    let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "candidate-pair",
            "certificate",
            "codec",
            "data-channel",
            "inbound-rtp",
            "local-candidate",
            "media-source",
            "outbound-rtp",
            "peer-connection",
            "remote-candidate",
            "remote-inbound-rtp",
            "remote-outbound-rtp",
            "transport",
        ]
    );
}
