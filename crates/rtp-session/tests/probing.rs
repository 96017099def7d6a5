//! What probes do beside measuring: when there are none, what they cost, and that nobody takes padding for
//! media.

mod peer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gannet_netsim::{Direction, LinkConfig, Pair, Verdict, start};
use gannet_rtp::{PacketKind, RtpHeader, RtpPacket, RtpWriter, classify};
use gannet_rtp_session::{BitrateLimits, Event, RtpSession, SendParameters};

use self::peer::{
    AUDIO_SSRC, Endpoint, RTX_SSRC, VIDEO_SSRC, audio_receiver, audio_sender, extensions, session,
    video_receiver, video_sender, vp8_frame,
};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

/// Packets of padding, and copies of packets that were not asked for: how many were sent, of how many bytes.
#[derive(Clone, Debug, Default)]
struct Padding(Arc<[AtomicU64; 2]>);

impl Padding {
    /// Watches what the first end of a pair sends over RTX. Where nothing is lost, all of that is padding.
    fn watch(&self, pair: Pair<Endpoint, Endpoint>) -> Pair<Endpoint, Endpoint> {
        let seen = self.clone();
        pair.intercept(move |direction, datagram| {
            if direction == Direction::AToB
                && classify(datagram) == PacketKind::Rtp
                && RtpPacket::parse(datagram).is_ok_and(|packet| packet.ssrc() == RTX_SSRC)
            {
                seen.0[0].fetch_add(1, Ordering::Relaxed);
                seen.0[1].fetch_add(datagram.len() as u64, Ordering::Relaxed);
            }
            Verdict::Pass
        })
    }

    fn packets(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    fn bytes(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }
}

fn limits(start: u64, max: u64) -> BitrateLimits {
    BitrateLimits {
        min: 50_000,
        start,
        max,
    }
}

/// A camera that makes `fixed` bits per second whatever it is told, or what it is told.
fn call(
    parameters: SendParameters,
    bounds: BitrateLimits,
    fixed: Option<u64>,
) -> Pair<Endpoint, Endpoint> {
    let mut a = Endpoint::new(1);
    a.session.set_bitrate_limits(start(), bounds);
    let mut a = a.with_camera(parameters, 3600 * SECOND);
    a.camera.as_mut().unwrap().fixed = fixed;
    let b = Endpoint::new(2).with_video_receiver(video_receiver());
    Pair::new(1, a, b)
}

fn target(pair: &Pair<Endpoint, Endpoint>) -> u64 {
    let stats = pair.a.session.stats(pair.now());
    stats.transport.available_outgoing_bitrate
}

fn without_rtx() -> SendParameters {
    let mut parameters = video_sender();
    parameters.rtx_ssrc = None;
    parameters.codec.rtx_payload_type = None;
    parameters
}

#[test]
fn a_source_that_uses_little_learns_what_it_may_and_pays_little_for_it() {
    let padding = Padding::default();
    let pair = call(video_sender(), limits(300_000, 20_000_000), Some(300_000));
    let line = LinkConfig::new()
        .delay(ms(20))
        .rate(4_000_000)
        .queue(150_000);
    let mut pair = padding.watch(pair.link(line));
    pair.run_for(30 * SECOND);
    let target = target(&pair);
    assert!((3_400_000..4_200_000).contains(&target), "{target}");
    // The start, then 20 ms at the line's rate, or twice that, every five seconds.
    let bitrate = padding.bytes() * 8 / 30;
    assert!(padding.packets() > 20);
    assert!(bitrate < 60_000, "{bitrate}");
    // The encoder was told, and nobody took the padding for media.
    let camera = pair.a.camera.as_ref().unwrap();
    assert!(camera.bitrate > 3_400_000);
    let sent = pair.a.session.stats(pair.now()).outbound[0];
    assert_eq!(sent.retransmitted_packets_sent, 0);
    assert_eq!(sent.nack_count, 0);
    let received = pair.b.session.stats(pair.now()).inbound[0];
    assert_eq!((received.packets_lost, received.nack_count), (0, 0));
    assert_eq!(received.frames_dropped, 0);
    let media = u64::from(camera.frames);
    assert!(pair.b.video.frames.len() as u64 + 3 > media);
}

#[test]
fn padding_that_is_lost_is_no_lost_media() {
    let pair = call(video_sender(), limits(300_000, 20_000_000), Some(300_000));
    let mut pair = pair
        .a_to_b(LinkConfig::new().delay(ms(20)).rate(4_000_000).loss(0.03))
        .b_to_a(LinkConfig::new().delay(ms(20)));
    pair.run_for(60 * SECOND);
    let sent = pair.a.session.stats(pair.now()).outbound[0];
    let received = pair.b.session.stats(pair.now()).inbound[0];
    let lost = received.packets_lost as f64 / sent.packets_sent as f64;
    assert!((0.02..0.04).contains(&lost), "{lost}");
    // What was asked for is what was lost, and it was sent again in time.
    let again = sent.retransmitted_packets_sent as f64 / sent.packets_sent as f64;
    assert!((0.02..0.05).contains(&again), "{again}");
    assert!(pair.b.longest_gap() < ms(200), "{:?}", pair.b.longest_gap());
    assert!(target(&pair) > 3_000_000, "{}", target(&pair));
}

#[test]
fn a_session_of_audio_alone_stays_silent() {
    let padding = Padding::default();
    let a = Endpoint::new(1).with_microphone(audio_sender(), 30 * SECOND);
    let b = Endpoint::new(2).with_audio_receiver(audio_receiver());
    let pair = Pair::new(1, a, b).link(LinkConfig::new().delay(ms(20)));
    let mut pair = padding.watch(pair);
    pair.run_for(30 * SECOND);
    assert_eq!(padding.packets(), 0);
    let now = pair.now();
    let sent = pair.stats(Direction::AToB).sent;
    pair.run_until_idle();
    assert!(pair.now() - now < 10 * SECOND);
    // Reports, and no more.
    assert!(pair.stats(Direction::AToB).sent < sent + 10);
    assert_eq!(pair.a.session.poll_timeout(), None);
}

#[test]
fn a_camera_that_stops_is_not_probed_for() {
    let padding = Padding::default();
    let mut a = Endpoint::new(1).with_camera(video_sender(), 7 * SECOND);
    a.camera.as_mut().unwrap().fixed = Some(200_000);
    let a = a.with_microphone(audio_sender(), 60 * SECOND);
    let b = Endpoint::new(2)
        .with_video_receiver(video_receiver())
        .with_audio_receiver(audio_receiver());
    let line = LinkConfig::new().delay(ms(20)).rate(5_000_000);
    let mut pair = padding.watch(Pair::new(1, a, b).link(line));
    pair.run_for(ms(8000));
    let before = padding.packets();
    assert!(before > 0);
    pair.run_for(52 * SECOND);
    assert_eq!(padding.packets(), before);
}

#[test]
fn without_rtx_nack_or_transport_feedback_nothing_is_padded() {
    let mut without_nack = video_sender();
    without_nack.feedback.nack = false;
    let mut without_feedback = video_sender();
    without_feedback.feedback.transport_cc = false;
    for (name, parameters) in [
        ("RTX", without_rtx()),
        ("NACK", without_nack),
        ("feedback", without_feedback),
    ] {
        let padding = Padding::default();
        let pair = call(parameters, limits(300_000, 20_000_000), Some(200_000));
        let mut pair = padding.watch(pair.link(LinkConfig::new().delay(ms(20))));
        pair.run_for(20 * SECOND);
        assert_eq!(padding.packets(), 0, "without {name}");
        let frames = pair.a.camera.as_ref().unwrap().frames;
        let sent = pair.a.session.stats(pair.now()).outbound[0].packets_sent;
        // A frame of 833 bytes is one packet, the first one is larger.
        assert!(sent < u64::from(frames) + 5, "without {name}: {sent}");
    }
}

/// When each frame came out.
fn frame_times(parameters: SendParameters) -> (Vec<Instant>, Vec<Instant>, u64) {
    let padding = Padding::default();
    let mut a = Endpoint::new(1).with_camera(parameters, 20 * SECOND);
    a.camera.as_mut().unwrap().fixed = Some(900_000);
    let a = a.with_microphone(audio_sender(), 20 * SECOND);
    let b = Endpoint::new(2)
        .with_video_receiver(video_receiver())
        .with_audio_receiver(audio_receiver());
    let pair = Pair::new(1, a, b).link(LinkConfig::new().delay(ms(20)));
    let mut pair = padding.watch(pair);
    pair.run_for(21 * SECOND);
    let times = |frames: &[(Instant, gannet_rtp_session::Frame)]| {
        frames.iter().map(|(at, _)| *at).collect::<Vec<_>>()
    };
    let (video, audio) = (&pair.b.video.frames, &pair.b.audio.frames);
    (times(video), times(audio), padding.packets())
}

#[test]
fn media_never_waits_for_padding() {
    let (video, audio, padded) = frame_times(video_sender());
    let (video_alone, audio_alone, none) = frame_times(without_rtx());
    assert!(padded > 100 && none == 0, "{padded}, {none}");
    assert_eq!(audio, audio_alone);
    assert_eq!(video.len(), video_alone.len());
    for (with, without) in video.iter().zip(&video_alone) {
        // The estimate grows sooner, and what waits leaves earlier.
        assert!(with <= without, "{:?} later", *with - *without);
    }
}

/// The longest queue of a line of so many bits per second, in ms, while a source uses half of it.
fn longest_queue(rate: u64, parameters: SendParameters) -> u64 {
    let pair = call(parameters, limits(rate, 20_000_000), Some(rate / 2));
    let line = LinkConfig::new()
        .delay(ms(20))
        .rate(rate)
        .queue((rate / 8 * 3 / 10) as usize);
    let mut pair = pair.a_to_b(line).b_to_a(LinkConfig::new().delay(ms(20)));
    // The first frame is four times as large as others. No probe comes before feedback on it.
    pair.run_for(ms(150));
    let mut longest = 0;
    while pair.elapsed() < 30 * SECOND {
        pair.run_for(ms(1));
        longest = longest.max(pair.one_way(Direction::AToB).queued_bytes() as u64);
    }
    assert_eq!(pair.stats(Direction::AToB).dropped(), 0, "{rate}");
    longest * 8000 / rate
}

// The line has 300 ms of buffer, the estimate begins at what it carries, and probes at three times that. Measured:
// 25 to 43 ms more than without probes.
#[test]
fn a_probe_makes_no_long_queue() {
    for rate in [200_000, 500_000, 1_000_000, 3_000_000, 8_000_000] {
        let (with, without) = (
            longest_queue(rate, video_sender()),
            longest_queue(rate, without_rtx()),
        );
        assert!(with <= without + 50, "{rate}: {with} ms, not {without} ms");
    }
}

#[test]
fn a_raised_maximum_is_probed_for_and_none_is_exceeded() {
    let pair = call(video_sender(), limits(300_000, 1_500_000), None);
    let mut pair = pair.link(LinkConfig::new().delay(ms(20)).rate(8_000_000));
    pair.run_for(10 * SECOND);
    assert_eq!(target(&pair), 1_500_000);
    let now = pair.now();
    let raised = limits(300_000, 6_000_000);
    pair.a.session.set_bitrate_limits(now, raised);
    pair.run_for(SECOND);
    assert_eq!(target(&pair), 6_000_000);
    let targets = &pair.a.camera.as_ref().unwrap().targets;
    let highest = targets.iter().map(|(_, bitrate)| *bitrate).max();
    assert!((5_900_000..=6_000_000).contains(&highest.unwrap()));
}

#[test]
fn nothing_is_probed_that_no_sender_can_use() {
    let padding = Padding::default();
    let mut parameters = video_sender();
    parameters.max_bitrate = Some(600_000);
    let pair = call(
        parameters.clone(),
        limits(300_000, 20_000_000),
        Some(200_000),
    );
    let mut pair = padding.watch(pair.link(LinkConfig::new().delay(ms(20))));
    pair.run_for(30 * SECOND);
    let before = (target(&pair), padding.packets());
    assert!((850_000..=900_000).contains(&before.0), "{before:?}");
    pair.run_for(30 * SECOND);
    assert_eq!((target(&pair), padding.packets()), before);
    // Now it can use more.
    parameters.max_bitrate = Some(3_000_000);
    let (now, sender) = (pair.now(), pair.a.camera.as_ref().unwrap().sender);
    let changed = pair.a.session.set_sender(now, sender, parameters);
    changed.unwrap();
    pair.run_for(2 * SECOND);
    assert!(target(&pair) > 3_500_000, "{}", target(&pair));
}

/// A packet as others send them to probe: nothing but padding.
fn padding_only(ssrc: u32, payload_type: u8, sequence: u16, timestamp: u32, len: u8) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type,
        sequence_number: sequence.into(),
        timestamp: timestamp.into(),
        ssrc,
    };
    let mut bytes = Vec::new();
    RtpWriter::new(&mut bytes, &header).padded_payload(&[], len);
    bytes
}

fn media(ssrc: u32, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: true,
        payload_type,
        sequence_number: sequence.into(),
        timestamp: timestamp.into(),
        ssrc,
    };
    let mut bytes = Vec::new();
    RtpWriter::new(&mut bytes, &header).payload(payload);
    bytes
}

fn frames(session: &mut RtpSession) -> Vec<(u16, u32, usize)> {
    std::iter::from_fn(|| session.poll_event())
        .filter_map(|event| match event {
            Event::Frame(frame) => Some((frame.sequence_number.0, frame.lost, frame.data.len())),
            _ => None,
        })
        .collect()
}

// Chromium pads on the RTX source if there is one, with 224 or 255 bytes a packet, and may do so before any
// media; else on the media's own source, behind whole frames.
#[test]
fn packets_of_nothing_but_padding_are_no_media() {
    let mut b = session(2);
    let mut parameters = video_receiver();
    parameters.ssrc = Some(VIDEO_SSRC);
    parameters.rtx_ssrc = Some(RTX_SSRC);
    b.add_receiver(at(0), parameters).unwrap();
    for sequence in 0..10 {
        b.handle_rtp(at(0), &padding_only(RTX_SSRC, 97, sequence, 0, 255));
    }
    // One byte for the descriptor of VP8, that says where a frame begins.
    let frame = |number: u32| {
        let data = vp8_frame(number, (number > 0).then(|| number - 1), 100);
        [&[0x10][..], &data].concat()
    };
    b.handle_rtp(at(10), &media(VIDEO_SSRC, 96, 100, 0, &frame(0)));
    for sequence in 101..=103 {
        b.handle_rtp(at(11), &padding_only(VIDEO_SSRC, 96, sequence, 0, 224));
        let rtx = padding_only(RTX_SSRC, 97, sequence, 0, 224);
        b.handle_rtp(at(11), &rtx);
    }
    b.handle_rtp(at(43), &media(VIDEO_SSRC, 96, 104, 3000, &frame(1)));
    // A frame that ends with the next one's timestamp, not with a marker, has padding behind it.
    b.handle_rtp(at(76), &media(VIDEO_SSRC, 96, 105, 6000, &frame(2)));
    assert_eq!(
        frames(&mut b),
        [(100, 0, 100), (104, 0, 100), (105, 0, 100)]
    );
    let stats = b.stats(at(76));
    let received = stats.inbound[0];
    assert_eq!((received.packets_lost, received.nack_count), (0, 0));
    assert_eq!(received.packets_discarded, 0);
    assert_eq!(received.retransmitted_packets_received, 0);
    assert_eq!(received.frames_dropped, 0);
    assert_eq!(stats.transport.malformed_rtp, 0);
}

#[test]
fn padding_between_packets_of_audio_is_no_sound_and_no_loss() {
    let mut b = session(2);
    b.add_receiver(at(0), audio_receiver()).unwrap();
    let packet = |sequence| {
        media(
            AUDIO_SSRC,
            111,
            sequence,
            u32::from(sequence) * 960,
            &[7; 50],
        )
    };
    b.handle_rtp(at(0), &packet(1));
    b.handle_rtp(at(1), &padding_only(AUDIO_SSRC, 111, 2, 960, 100));
    b.handle_rtp(at(20), &packet(3));
    // One packet is lost, before padding.
    b.handle_rtp(at(40), &padding_only(AUDIO_SSRC, 111, 5, 960, 100));
    b.handle_rtp(at(60), &packet(6));
    b.handle_timeout(at(100));
    assert_eq!(frames(&mut b), [(1, 0, 50), (3, 0, 50), (6, 1, 50)]);
}

// What fills a probe: copies of packets over RTX, with their numbers in front, or packets without payload.
#[test]
fn padding_is_well_formed() {
    let packets = Arc::new(Mutex::new(Vec::new()));
    let seen = packets.clone();
    let pair = call(video_sender(), limits(300_000, 20_000_000), Some(2_000_000));
    let mut pair =
        pair.link(LinkConfig::new().delay(ms(20)))
            .intercept(move |direction, datagram| {
                if direction == Direction::AToB && classify(datagram) == PacketKind::Rtp {
                    seen.lock().unwrap().push(datagram.clone());
                }
                Verdict::Pass
            });
    pair.run_for(3 * SECOND);
    let packets = packets.lock().unwrap();
    let (mut copies, mut empty, mut next) = (0, 0, None);
    let mut media = std::collections::HashMap::new();
    let map = extensions();
    for datagram in packets.iter() {
        assert!(datagram.len() <= 1200);
        let packet = RtpPacket::parse(datagram).unwrap();
        let number = packet.extension::<gannet_rtp::extension::TransportSequence>(&map);
        assert!(number.is_some());
        if packet.ssrc() == VIDEO_SSRC {
            assert_eq!(packet.padding_len(), 0);
            let known = (packet.timestamp(), packet.payload().to_vec());
            media.insert(packet.sequence_number(), known);
            continue;
        }
        assert_eq!((packet.ssrc(), packet.payload_type()), (RTX_SSRC, 97));
        let sequence = packet.sequence_number();
        assert!(next.is_none_or(|next| next == sequence), "{sequence:?}");
        next = Some(sequence.next());
        if let Some((original, payload)) = packet.payload().split_first_chunk::<2>() {
            let original = u16::from_be_bytes(*original).into();
            let (timestamp, copied) = &media[&original];
            assert_eq!((packet.timestamp(), payload), (*timestamp, &copied[..]));
            assert!(!packet.marker());
            copies += 1;
        } else {
            assert!(packet.payload().is_empty() && packet.padding_len() >= 20);
            empty += 1;
        }
    }
    assert!(copies > 20 && empty > 5, "{copies}, {empty}");
}
