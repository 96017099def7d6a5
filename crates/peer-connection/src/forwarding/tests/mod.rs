//! Rewriting, under any order of arrival and any loss; the choice of layers.

mod leaks;
mod queues;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_ortc::dtls::Certificate;
use gannet_ortc::ice::Role;
use gannet_ortc::parameters::{
    FormatParameters, MediaKind, RtcpParameters, RtpCodecParameters, RtpEncodingParameters,
    RtpParameters,
};
use gannet_ortc::rtp::{ReceivedPacket, ReceiverId};
use gannet_ortc::{Session, SessionConfig};
use gannet_wire::{Extender16, Serial16, Serial32};

use super::choice::choose;
use super::layer::{Layer, Rate};
use super::packet::Packet;
use super::rewriter::Rewriter;

const KEY_FRAME_INTERVAL: u32 = 12;

fn codec(name: &str) -> Arc<RtpCodecParameters> {
    Arc::new(RtpCodecParameters {
        name: name.to_owned(),
        payload_type: 96,
        clock_rate: 90_000,
        channels: 1,
        parameters: FormatParameters::default(),
        rtcp_feedback: Vec::new(),
    })
}

/// A packet of a frame as its source sends it: three packets a frame, running numbers that begin anywhere.
#[derive(Clone, Debug)]
struct Sent {
    frame: u32,
    part: u32,
    sequence: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

const PARTS: u32 = 3;

/// What one source sends, in its order. The source is in the payload, behind the descriptor.
fn sent(rng: &mut Rng, source: u8, frames: u32) -> Vec<Sent> {
    let (sequence, timestamp) = (rng.u32() as u16, rng.u32());
    let (picture_id, tl0, key) = (rng.u32() as u16, rng.u32() as u8, rng.u32() as u8);
    let mut packets = Vec::new();
    for frame in 0..frames {
        let is_key = frame % KEY_FRAME_INTERVAL == 0;
        let id = (0x8000 | picture_id.wrapping_add(frame as u16)).to_be_bytes();
        let keys = key.wrapping_add((frame / KEY_FRAME_INTERVAL) as u8) & 0x1f;
        for part in 0..PARTS {
            let start = if part == 0 { 0x10 } else { 0 };
            let first = u8::from(!is_key || part > 0);
            let [a, b, c, d] = frame.to_be_bytes();
            let index = packets.len() as u16;
            packets.push(Sent {
                frame,
                part,
                sequence: sequence.wrapping_add(index),
                timestamp: timestamp.wrapping_add(frame * 3000),
                payload: vec![
                    0x80 | start,
                    0xf0,
                    id[0],
                    id[1],
                    tl0.wrapping_add(frame as u8),
                    keys,
                    first,
                    source,
                    a,
                    b,
                    c,
                    d,
                    part as u8,
                ],
            });
        }
    }
    packets
}

/// The order in which packets arrive: some late by up to `late` places, some lost.
fn arrivals(rng: &mut Rng, packets: Vec<Sent>, late: u32, loss: u32) -> Vec<Sent> {
    let mut keyed: Vec<(u32, Sent)> = Vec::new();
    for (place, packet) in (0..).zip(packets) {
        if rng.u32() % 100 < loss {
            continue;
        }
        keyed.push((place + rng.u32() % (late + 1), packet));
    }
    keyed.sort_by_key(|(place, _)| *place);
    keyed.into_iter().map(|(_, packet)| packet).collect()
}

/// What a viewer has got.
#[derive(Debug, Default)]
struct Viewer {
    rewriter: Rewriter,
    got: Vec<(Serial16, Serial32, Vec<u8>)>,
}

impl Viewer {
    /// As the forwarder does it for a layer that the viewer wants.
    fn take(&mut self, packet: &Packet, wanted: bool) {
        let run = self.rewriter.run();
        if packet.again_behind.is_some()
            && (run != Some(packet.run) || packet.again_behind != self.rewriter.first())
        {
            return;
        }
        if wanted && run != Some(packet.run) && packet.starts && packet.again_behind.is_none() {
            self.rewriter.begin(packet);
        }
        if let Some(rewritten) = self.rewriter.rewrite(packet) {
            let mut payload = packet.payload.to_vec();
            rewritten.head.apply(&mut payload);
            self.got
                .push((rewritten.sequence, rewritten.timestamp, payload));
            self.rewriter.note_sent(packet, &rewritten);
        }
    }
}

fn received(sent: &Sent, ssrc: u32, arrival: Instant) -> ReceivedPacket {
    ReceivedPacket {
        receiver: receiver(),
        ssrc,
        payload_type: 96,
        sequence_number: Serial16(sent.sequence),
        timestamp: Serial32(sent.timestamp),
        marker: sent.part == PARTS - 1,
        payload: Bytes::from(sent.payload.clone()),
        arrival,
        captured: None,
        audio_level: None,
        orientation: None,
    }
}

/// A session that nobody is connected to, and how it sends VP8 or receives it.
fn session() -> (Session, RtpParameters) {
    let provider = gannet_crypto::default_provider();
    let certificate = Certificate::generate(&*provider).unwrap();
    let config = SessionConfig::new(Role::Controlled, certificate);
    let (rng, now) = (Rng::insecure_from_u64(1), gannet_netsim::start());
    let clock = gannet_netsim::wall_clock_start();
    let parameters = RtpParameters {
        kind: MediaKind::Video,
        mid: String::new(),
        codecs: vec![codec("VP8").as_ref().clone()],
        header_extensions: Vec::new(),
        encodings: vec![RtpEncodingParameters {
            ssrc: Some(1),
            ..RtpEncodingParameters::default()
        }],
        rtcp: RtcpParameters::default(),
    };
    (Session::new(config, provider, rng, now, clock), parameters)
}

/// Some receiver of some session: only a session can name one.
fn receiver() -> ReceiverId {
    static RECEIVER: OnceLock<ReceiverId> = OnceLock::new();
    *RECEIVER.get_or_init(|| {
        let (mut session, parameters) = session();
        let now = gannet_netsim::start();
        session.add_receiver(now, &parameters).unwrap()
    })
}

/// Two sources, which a viewer gets one after the other, as two layers.
struct Scene {
    layers: [Layer; 2],
    viewer: Viewer,
    now: Instant,
}

impl Scene {
    /// A packet of a source arrives; the viewer is to get the source `wanted`.
    fn arrive(&mut self, source: u8, sent: &Sent, wanted: u8) {
        let layer = &mut self.layers[usize::from(source)];
        if self.viewer.rewriter.run().map(|run| run.layer) != Some(wanted) && wanted == source {
            layer.want();
        }
        let packet = received(sent, 100 + u32::from(source), self.now);
        let viewer = &mut self.viewer;
        layer.take(MediaKind::Video, packet, codec("VP8"), |packet| {
            viewer.take(&packet, wanted == source);
        });
        self.now += Duration::from_millis(7);
    }
}

/// What a viewer got, in the order of its numbers: the source, the place in what that has sent.
fn in_order(viewer: &Viewer) -> Vec<(u64, u8, usize, Serial32, &[u8])> {
    let mut extender = Extender16::new();
    let mut got: Vec<_> = viewer
        .got
        .iter()
        .map(|(sequence, timestamp, payload)| {
            let number = extender.extend(*sequence);
            let frame = u32::from_be_bytes(payload[8..12].try_into().unwrap());
            let place = (frame * PARTS + u32::from(payload[12])) as usize;
            (number, payload[7], place, *timestamp, payload.as_slice())
        })
        .collect();
    got.sort_unstable_by_key(|(number, ..)| *number);
    got
}

/// The numbers go on from each packet to the next as those of the source do, and by one step to another source.
fn check_continuity(got: &[(u64, u8, usize, Serial32, &[u8])], sent: &[Vec<Sent>; 2]) {
    let id = |payload: &[u8]| u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff;
    for pair in got.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let numbers = after.0 - before.0;
        let passed = before.3.distance_to(after.3);
        let pictures = id(after.4).wrapping_sub(id(before.4)) & 0x7fff;
        let bases = after.4[4].wrapping_sub(before.4[4]);
        let keys = after.4[5].wrapping_sub(before.4[5]) & 0x1f;
        assert_ne!(numbers, 0, "a number comes twice");
        let place = |got: &(u64, u8, usize, Serial32, &[u8])| &sent[usize::from(got.1)][got.2];
        let (sent_before, sent_after) = (place(before), place(after));
        if before.1 == after.1 {
            assert_eq!(numbers, (after.2 - before.2) as u64);
            let frames = sent_after.frame - sent_before.frame;
            assert_eq!(passed, frames as i32 * 3000);
            assert_eq!(u32::from(pictures), frames);
            assert_eq!(bases, frames as u8);
            let key_frames =
                sent_after.frame / KEY_FRAME_INTERVAL - sent_before.frame / KEY_FRAME_INTERVAL;
            assert_eq!(u32::from(keys), key_frames);
        } else {
            assert_eq!(numbers, 1, "a hole between two sources");
            assert!(
                (1..900_000).contains(&passed),
                "{passed} ticks between two sources"
            );
            assert_eq!((pictures, bases, keys), (1, 1, 1));
            assert_eq!(
                (sent_after.part, sent_after.frame % KEY_FRAME_INTERVAL),
                (0, 0)
            );
        }
    }
}

/// All that is not numbered is as it was.
fn check_payloads(got: &[(u64, u8, usize, Serial32, &[u8])], sent: &[Vec<Sent>; 2]) {
    for (_, source, place, _, payload) in got {
        let original = &sent[usize::from(*source)][*place].payload;
        assert_eq!((payload[0], payload[1]), (original[0], original[1]));
        assert_eq!(payload[5] & 0xe0, original[5] & 0xe0);
        assert_eq!(payload[6..], original[6..]);
    }
}

/// Whatever the order of arrival and the loss: the viewer gets each packet that came of a source from a key frame on, once,
/// in its place; nothing is missing that the source has not lost.
#[test]
fn any_order_and_loss_leave_one_stream() {
    let mut switched = 0;
    for seed in 0..600 {
        let rng = &mut Rng::insecure_from_u64(seed);
        let late = [0, 3, 30][(seed % 3) as usize];
        let loss = [0, 5, 20][(seed / 3 % 3) as usize];
        let sent = [sent(rng, 0, 60), sent(rng, 1, 60)];
        let mut scene = Scene {
            layers: [Layer::new(0, None, 0), Layer::new(1, None, 0)],
            viewer: Viewer::default(),
            now: gannet_netsim::start(),
        };
        let coming = [0, 1].map(|source: usize| arrivals(rng, sent[source].clone(), late, loss));
        let switch = rng.below(coming[0].len() as u64) as usize;
        let mut arrived = [BTreeSet::new(), BTreeSet::new()];
        for index in 0..coming[0].len().max(coming[1].len()) {
            for source in [0, 1] {
                if let Some(packet) = coming[usize::from(source)].get(index) {
                    arrived[usize::from(source)]
                        .insert((packet.frame * PARTS + packet.part) as usize);
                    scene.arrive(source, packet, u8::from(index >= switch));
                }
            }
        }
        let got = in_order(&scene.viewer);
        check_payloads(&got, &sent);
        check_continuity(&got, &sent);
        let mut places = BTreeMap::<u8, Vec<usize>>::new();
        for (_, source, place, ..) in &got {
            places.entry(*source).or_default().push(*place);
        }
        switched += usize::from(places.len() == 2);
        for (source, places) in places {
            let (first, last) = (places[0], places[places.len() - 1]);
            assert_eq!(
                first as u32 % (PARTS * KEY_FRAME_INTERVAL),
                0,
                "it begins with a key frame"
            );
            let expected = arrived[usize::from(source)].range(first..=last).copied();
            assert!(
                places.iter().copied().eq(expected),
                "seed {seed}, source {source}"
            );
            // The second source is not left again.
            if source == 1 {
                assert_eq!(arrived[1].last(), Some(&last), "seed {seed}");
            }
        }
    }
    assert!(
        switched > 400,
        "{switched} of 600 viewers have seen both sources"
    );
}

/// A source that begins anew, with numbers of its own, is taken up where a decoder can begin.
#[test]
fn a_source_that_begins_anew_goes_on() {
    let rng = &mut Rng::insecure_from_u64(7);
    let (first, second) = (sent(rng, 0, 20), sent(rng, 1, 20));
    let mut layer = Layer::new(0, None, 0);
    let mut viewer = Viewer::default();
    let mut now = gannet_netsim::start();
    // The second one is heard in the middle of a group of pictures.
    for (ssrc, packet) in first
        .iter()
        .map(|sent| (1, sent))
        .chain(second[10..].iter().map(|sent| (2, sent)))
    {
        layer.want();
        layer.take(
            MediaKind::Video,
            received(packet, ssrc, now),
            codec("VP8"),
            |packet| {
                viewer.take(&packet, true);
            },
        );
        now += Duration::from_millis(7);
    }
    let got = in_order(&viewer);
    check_continuity(&got, &[first.clone(), second.clone()]);
    let key = (KEY_FRAME_INTERVAL * PARTS) as usize;
    assert_eq!(got.len(), first.len() + second.len() - key);
}

/// Without a key frame nothing is sent, and one is asked for once in a while, however many need it.
#[test]
fn key_frames_are_asked_for_together() {
    let rng = &mut Rng::insecure_from_u64(3);
    let sent = sent(rng, 0, 2 * KEY_FRAME_INTERVAL);
    let mut layer = Layer::new(0, None, 0);
    let start = gannet_netsim::start();
    let at = |ms| start + Duration::from_millis(ms);
    assert!(!layer.take_request(at(0)), "nobody has asked");
    layer.want();
    layer.want();
    assert!(layer.take_request(at(0)));
    for ms in [0, 100, 299] {
        layer.want();
        assert!(!layer.take_request(at(ms)), "one is on its way");
    }
    assert!(layer.take_request(at(300)));
    // It comes: nobody needs one any more, until somebody asks.
    let mut starts = 0;
    for packet in &sent {
        let packet = received(packet, 1, at(310));
        layer.take(MediaKind::Video, packet, codec("VP8"), |packet| {
            starts += usize::from(packet.starts)
        });
    }
    assert_eq!(starts, 2);
    assert!(!layer.take_request(at(2000)));
    layer.want();
    assert!(layer.take_request(at(2000)));
}

#[test]
fn h264_begins_with_its_parameter_sets() {
    let packet = |sequence, timestamp, payload: &[u8]| ReceivedPacket {
        sequence_number: Serial16(sequence),
        timestamp: Serial32(timestamp),
        payload: Bytes::copy_from_slice(payload),
        ..received(
            &sent(&mut Rng::insecure_from_u64(1), 0, 1)[0],
            1,
            gannet_netsim::start(),
        )
    };
    let mut layer = Layer::new(0, None, 0);
    let mut starts = Vec::new();
    for (sequence, timestamp, payload) in [
        (1, 0, &[0x65, 0x88, 1][..]),
        (2, 3000, &[0x67, 0x42, 0xc0, 0x1f]),
        (3, 3000, &[0x67, 0x42, 0xc0, 0x1f]),
        (4, 3000, &[0x68, 0xce, 0x3c, 0x80]),
        (5, 3000, &[0x65, 0x88, 1]),
        (6, 6000, &[0x41, 0x9a, 1]),
        (7, 9000, &[]),
    ] {
        let received = packet(sequence, timestamp, payload);
        layer.take(MediaKind::Video, received, codec("H264"), |packet| {
            if packet.starts {
                starts.push(packet.sequence - (1 << 16));
            }
        });
    }
    assert_eq!(starts, [2]);
}

#[test]
fn the_layer_is_what_the_line_carries() {
    let rate = |kilobits: u64| Rate {
        bitrate: kilobits * 1000,
        active: kilobits > 0,
    };
    let layers = [rate(1500), rate(150), rate(500)];
    let now = gannet_netsim::start() + Duration::from_secs(10);
    let long_ago = Some(gannet_netsim::start());
    let choose = |current, changed, kilobits: u64| {
        choose(now, &layers, current, changed, Some(kilobits * 1000))
    };
    assert_eq!(choose(None, None, 100), Some(1), "the least if none fits");
    assert_eq!(choose(None, None, 700), Some(2));
    assert_eq!(choose(None, None, 3000), Some(0));
    // One more needs headroom; the one that is there does not.
    assert_eq!(choose(Some(2), long_ago, 1600), Some(2));
    assert_eq!(choose(Some(2), long_ago, 1800), Some(0));
    assert_eq!(choose(Some(0), long_ago, 1600), Some(0));
    assert_eq!(choose(Some(0), long_ago, 1400), Some(2));
    // Up only after a while, down at once.
    let just_now = Some(now);
    assert_eq!(choose(Some(2), just_now, 3000), Some(2));
    assert_eq!(choose(Some(0), just_now, 600), Some(2));
    // What has paused is left, and what was not measured is not tried.
    let paused = [rate(0), rate(150), rate(500)];
    let far = Some(9_000_000);
    assert_eq!(
        super::choice::choose(now, &paused, Some(0), just_now, far),
        Some(2)
    );
    let new = [
        Rate {
            bitrate: 0,
            active: true,
        },
        rate(150),
    ];
    assert_eq!(
        super::choice::choose(now, &new, Some(1), long_ago, far),
        Some(1)
    );
    assert_eq!(
        super::choice::choose(now, &[rate(0), rate(0)], Some(1), None, far),
        None
    );
}

#[test]
fn a_layer_measures_what_comes() {
    let mut layer = Layer::new(0, None, 0);
    let start = gannet_netsim::start();
    let sent = &sent(&mut Rng::insecure_from_u64(1), 0, 1)[0];
    assert_eq!(layer.rate(start), Rate::default());
    for index in 0..200_u16 {
        let now = start + Duration::from_millis(10) * u32::from(index);
        let packet = ReceivedPacket {
            sequence_number: Serial16(index),
            payload: Bytes::from(vec![0x10; 1000]),
            ..received(sent, 1, now)
        };
        layer.take(MediaKind::Video, packet, codec("VP8"), |_| {});
    }
    let rate = layer.rate(start + Duration::from_secs(2));
    assert!(
        rate.active && (780_000..820_000).contains(&rate.bitrate),
        "{rate:?}"
    );
    assert_eq!(layer.rate(start + Duration::from_secs(4)), Rate::default());
}
