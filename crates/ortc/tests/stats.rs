//! What a session says of itself is what the links between two sessions have counted.

mod call;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::{Direction, LinkConfig};
use gannet_ortc::data::{ChannelInit, ChannelState, Message};
use gannet_ortc::dtls::{Role, Version, Versions};
use gannet_ortc::rtp::EncodedFrame;
use gannet_ortc::stats::{InboundRtp, OutboundRtp, StatsId, StatsReport};

use self::call::{Call, add_streams, lan, vp8_frame};

const FRAMES: u32 = 60;

/// Two seconds of audio, video and messages from `a` to `b`, and what both say afterwards.
fn call(seed: u64, link: LinkConfig) -> (Call, [StatsReport; 2]) {
    let mut call = Call::new(seed, Versions::default(), link);
    let (audio, video) = add_streams(&mut call);
    let (a, b) = (call.a, call.b);
    let now = call.now();
    let init = ChannelInit {
        label: "chat".to_owned(),
        protocol: "words".to_owned(),
        ..ChannelInit::default()
    };
    let channels = call.network[a].session.channels_mut();
    let channel = channels.open(now, init).unwrap();
    call.connect();
    call.network
        .run_until(|network| network[a].session.channels().state(channel) == ChannelState::Open);
    for number in 0..FRAMES {
        let now = call.now();
        let keyframe = std::mem::take(&mut call.network[a].wants_key_frame);
        let session = &mut call.network[a].session;
        let picture = vp8_frame(number, keyframe);
        session.rtp_mut().send_frame(now, video, picture).unwrap();
        let sound = EncodedFrame::new(Bytes::from_static(&[7; 80]), number * 1600, true);
        session.rtp_mut().send_frame(now, audio, sound).unwrap();
        let text = Message::Text("ten bytes!".to_owned());
        session.channels_mut().send(now, channel, text).unwrap();
        call.network.run_for(Duration::from_millis(33));
    }
    call.network.run_for(Duration::from_secs(6));
    let now = call.now();
    let reports = [a, b].map(|host| call.network[host].session.stats(now));
    (call, reports)
}

fn outbound(report: &StatsReport, ssrc: u32) -> &OutboundRtp {
    let mut streams = report.outbound_rtp.iter();
    streams.find(|stream| stream.counters.ssrc == ssrc).unwrap()
}

fn inbound(report: &StatsReport, ssrc: u32) -> &InboundRtp {
    let mut streams = report.inbound_rtp.iter();
    let found = streams.find(|stream| stream.counters.ssrc == Some(ssrc));
    found.unwrap()
}

fn mime_type(report: &StatsReport, codec: Option<StatsId>) -> &str {
    let mut codecs = report.codecs.iter();
    let codec = codecs.find(|other| Some(other.id) == codec).unwrap();
    &codec.mime_type
}

fn ids(report: &StatsReport) -> Vec<StatsId> {
    let mut ids = vec![report.transport.id];
    ids.extend(report.codecs.iter().map(|codec| codec.id));
    ids.extend(report.inbound_rtp.iter().map(|stream| stream.id));
    ids.extend(report.outbound_rtp.iter().map(|stream| stream.id));
    ids.extend(report.data_channels.iter().map(|channel| channel.id));
    ids.extend(report.candidate_pairs.iter().map(|pair| pair.id));
    ids.extend(report.local_candidates.iter().map(|local| local.id));
    ids.extend(report.remote_candidates.iter().map(|remote| remote.id));
    ids.extend(report.certificates.iter().map(|certificate| certificate.id));
    ids
}

#[test]
fn the_transport_counts_what_the_link_does() {
    let (call, reports) = call(1, lan());
    for (host, cable, report) in [
        (call.a, call.cables[0], &reports[0]),
        (call.b, call.cables[1], &reports[1]),
    ] {
        let session = &call.network[host].session;
        let counters = session.counters();
        let out = call.network.link_stats(cable, Direction::AToB);
        let back = call.network.link_stats(cable, Direction::BToA);
        assert_eq!(
            (counters.packets_sent, counters.bytes_sent),
            (out.sent, out.sent_bytes)
        );
        assert_eq!(
            (counters.packets_received, counters.bytes_received),
            (back.delivered, back.delivered_bytes)
        );
        // What is no data is ICE's, which says the same.
        let transport = &report.transport;
        let pairs = || report.candidate_pairs.iter().map(|pair| pair.pair.counters);
        let checks: u64 = pairs()
            .map(|pair| pair.requests_sent + pair.responses_sent + pair.consent_requests_sent)
            .sum();
        assert_eq!(transport.packets_sent + checks, out.sent);
        let sum = |count: fn(gannet_ortc::ice::Counters) -> u64| pairs().map(count).sum::<u64>();
        assert_eq!(transport.packets_sent, sum(|pair| pair.packets_sent));
        assert_eq!(transport.bytes_sent, sum(|pair| pair.bytes_sent));
        assert_eq!(
            transport.packets_received,
            sum(|pair| pair.packets_received)
        );
        assert_eq!(transport.bytes_received, sum(|pair| pair.bytes_received));
    }
    let [a, b] = reports.map(|report| report.transport);
    assert_eq!(
        (a.packets_sent, a.bytes_sent),
        (b.packets_received, b.bytes_received)
    );
    assert_eq!(a.tls_version, Some(Version::Dtls13));
    assert_eq!(a.dtls_cipher.unwrap().name(), "TLS_AES_128_GCM_SHA256");
    assert_eq!(
        (a.dtls_role, b.dtls_role),
        (Some(Role::Server), Some(Role::Client))
    );
    assert_eq!(a.srtp_cipher.unwrap().to_string(), "SRTP_AEAD_AES_128_GCM");
    assert_eq!(b.srtp_cipher, a.srtp_cipher);
    assert_eq!(a.local_certificate_id, b.remote_certificate_id.unwrap());
}

#[test]
fn streams_and_channels_say_what_came_of_them() {
    let (_, [a, b]) = call(2, lan());
    let frames = u64::from(FRAMES);
    for (ssrc, packets, mid, codec) in [
        (1000, frames, "0", "audio/opus"),
        (2000, 2 * frames, "1", "video/VP8"),
    ] {
        let (sent, came) = (outbound(&a, ssrc), inbound(&b, ssrc));
        assert_eq!(sent.counters.packets_sent, packets);
        assert_eq!(came.counters.packets_received, packets);
        assert_eq!(came.counters.bytes_received, sent.counters.bytes_sent);
        let headers = sent.counters.header_bytes_sent;
        assert_eq!(came.counters.header_bytes_received, headers);
        assert_eq!(sent.counters.frames_sent, frames);
        assert_eq!(came.counters.frames_received, frames);
        assert_eq!(came.counters.packets_lost, 0);
        assert_eq!(sent.mid.as_deref(), Some(mid));
        assert_eq!(came.mid.as_deref(), Some(mid));
        assert_eq!(mime_type(&a, sent.codec_id), codec);
        assert_eq!(mime_type(&b, came.codec_id), codec);
        // `remote-inbound-rtp` and `remote-outbound-rtp`.
        let remote = sent.counters.remote.unwrap();
        assert_eq!(remote.packets_lost, 0);
        let round_trip = remote.round_trip_time.unwrap().as_millis();
        assert!((20..22).contains(&round_trip), "{round_trip} ms");
        assert_eq!(came.counters.remote.unwrap().packets_sent, packets);
    }
    let [sent, came] = [&a, &b].map(|report| &report.data_channels[0]);
    assert_eq!((&*came.label, &*came.protocol), ("chat", "words"));
    assert_eq!(sent.data_channel_identifier, came.data_channel_identifier);
    assert_eq!(sent.state, ChannelState::Open);
    assert_eq!(sent.counters.messages_sent, frames);
    assert_eq!(came.counters.messages_received, frames);
    assert_eq!(came.counters.bytes_received, 10 * frames);
    // Who only receives has no estimate.
    let bitrate = |report: &StatsReport| report.candidate_pairs[0].available_outgoing_bitrate;
    assert!(bitrate(&a).unwrap() > 100_000);
    assert_eq!(bitrate(&b), None);
}

#[test]
fn losses_are_those_of_the_links() {
    let (call, [a, b]) = call(3, lan().loss(0.04));
    let lost: u64 = [
        (call.cables[0], Direction::AToB),
        (call.cables[1], Direction::BToA),
    ]
    .map(|(cable, direction)| call.network.link_stats(cable, direction).lost)
    .iter()
    .sum();
    let sent = call.network[call.a].session.counters().packets_sent;
    let came = call.network[call.b].session.counters().packets_received;
    assert!(lost > 5);
    assert_eq!(sent - came, lost);
    let (sent, came) = (&outbound(&a, 2000).counters, &inbound(&b, 2000).counters);
    let lost = sent.packets_sent - came.packets_received;
    assert_eq!(came.packets_lost, i64::try_from(lost).unwrap());
    let again = (
        sent.retransmitted_packets_sent,
        came.retransmitted_packets_received,
    );
    assert!(lost > 0 && again.0 >= lost && again.1 >= lost, "{again:?}");
    assert!(came.nack_count > 0 && sent.nack_count > 0);
}

#[test]
fn names_are_unique_stable_and_lead_somewhere() {
    let (mut call, reports) = call(4, lan());
    call.network.run_for(Duration::from_secs(1));
    let now = call.now();
    let later = [call.a, call.b].map(|host| call.network[host].session.stats(now));
    for (report, later) in reports.iter().zip(&later) {
        let all = ids(report);
        let known: BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(known.len(), all.len(), "{all:?}");
        assert_eq!(ids(later), all);
        let transport = &report.transport;
        let mut references = vec![
            transport.local_certificate_id,
            transport.remote_certificate_id.unwrap(),
            transport.selected_candidate_pair_id.unwrap(),
        ];
        for pair in &report.candidate_pairs {
            references.extend([
                pair.local_candidate_id,
                pair.remote_candidate_id,
                pair.transport_id,
            ]);
        }
        let strays: Vec<_> = references.iter().filter(|id| !known.contains(id)).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
    let name = reports[0].candidate_pairs[0].id.to_string();
    assert!(
        name.starts_with("candidate-pair-") && name.len() == 31,
        "{name}"
    );
}

/// Nothing is connected, and nothing was heard.
#[test]
fn a_new_session_says_little() {
    let call = Call::new(5, Versions::default(), lan());
    let report = call.network[call.a].session.stats(call.now());
    assert_eq!(report.transport.packets_sent, 0);
    assert_eq!(report.transport.tls_version, None);
    assert_eq!(report.transport.remote_certificate_id, None);
    assert_eq!(report.certificates.len(), 1);
    assert!(report.inbound_rtp.is_empty() && report.codecs.is_empty());
    assert_eq!(report.local_candidates.len(), 1);
}
