//! Two sessions on a simulated network, without SDP: audio, video and data.

mod call;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gannet_crypto::default_provider;
use gannet_netsim::LinkConfig;
use gannet_ortc::data::{ChannelInit, ChannelState, Message, OpenError};
use gannet_ortc::dtls::{Certificate, Version, Versions};
use gannet_ortc::parameters::{DtlsRole, MediaKind};
use gannet_ortc::rtp::EncodedFrame;
use gannet_ortc::{DtlsTransportState, Session};

use self::call::{Call, add_streams, lan, vp8_frame};

#[test]
fn audio_video_and_data_flow_without_sdp() {
    for version in [Version::Dtls13, Version::Dtls12] {
        let mut call = Call::new(1, Versions::Only(version), lan());
        let (audio, video) = add_streams(&mut call);
        let now = call.now();
        let (a, b) = (call.a, call.b);
        let init = ChannelInit {
            label: "chat".to_owned(),
            ..ChannelInit::default()
        };
        let channel = call.network[a]
            .session
            .channels_mut()
            .open(now, init)
            .unwrap();
        call.connect();
        assert_eq!(
            call.network[a].session.dtls_connection().unwrap().version(),
            Some(version)
        );

        for number in 0..60 {
            let now = call.now();
            let session = &mut call.network[a].session;
            session
                .rtp_mut()
                .send_frame(now, video, vp8_frame(number, number.is_multiple_of(30)))
                .unwrap();
            let packet = Bytes::from(number.to_be_bytes().to_vec());
            let sound = EncodedFrame::new(packet, number * 1600, true);
            session.rtp_mut().send_frame(now, audio, sound).unwrap();
            let text = Message::Text(format!("message {number}"));
            if session.channels_mut().state(channel) == ChannelState::Open {
                session.channels_mut().send(now, channel, text).unwrap();
            }
            call.network.run_for(Duration::from_millis(33));
        }
        call.network.run_for(Duration::from_secs(1));

        let side = &call.network[b];
        let frames = |payload_type| {
            side.frames
                .iter()
                .filter(move |frame| frame.payload_type == payload_type)
        };
        assert_eq!(frames(96).count(), 60);
        assert_eq!(frames(111).count(), 60);
        for (number, frame) in (0..).zip(frames(96)) {
            assert_eq!(
                frame.data,
                vp8_frame(number, number.is_multiple_of(30)).data
            );
        }
        assert!(side.messages.len() > 50, "{} messages", side.messages.len());
        assert_eq!(side.incoming.len(), 1);
        assert_eq!(side.session.counters().unprotect_failed, 0);
    }
}

/// The longest datagram that carries data is as long as the path takes, DTLS included, or little less.
#[test]
fn data_finds_the_packet_size_of_the_path() {
    for (mtu, most) in [(1400, 1400), (9000, 1452)] {
        let link = lan().mtu(mtu);
        let mut call = Call::probing(9, Versions::default(), link, Some(1452));
        let (a, b) = (call.a, call.b);
        let now = call.now();
        let channels = call.network[a].session.channels_mut();
        let channel = channels.open(now, ChannelInit::default()).unwrap();
        call.connect();
        let mut sent = 0;
        while sent < 400 {
            let now = call.now();
            let channels = call.network[a].session.channels_mut();
            if channels.state(channel) == ChannelState::Open
                && channels.buffered_amount(channel) < 500_000
            {
                let message = Message::Binary(vec![sent as u8; 50_000].into());
                channels.send(now, channel, message).unwrap();
                sent += 1;
            }
            call.network.run_for(Duration::from_millis(20));
        }
        call.network.run_for(Duration::from_secs(2));
        assert_eq!(call.network[b].messages.len(), 400);
        let session = &call.network[a].session;
        let overhead = session.dtls_connection().unwrap().max_overhead();
        let size = session
            .channels()
            .association()
            .unwrap()
            .stats()
            .packet_size
            + overhead;
        assert!((most - 40..=most).contains(&size), "{size} of {most}");
    }
}

/// 90 frames of two packets each, and data, over a path of two links that loses 9.75 % both ways.
fn call_through_loss(seed: u64) -> Call {
    let bad = LinkConfig::new()
        .delay(Duration::from_millis(20))
        .jitter(Duration::from_millis(5))
        .loss(0.05);
    let mut call = Call::new(seed, Versions::Both, bad);
    let (_, video) = add_streams(&mut call);
    let (a, b) = (call.a, call.b);
    call.connect();
    let now = call.now();
    let channel = call.network[a]
        .session
        .channels_mut()
        .open(now, ChannelInit::default());
    let channel = channel.unwrap();
    call.network
        .run_until(|network| network[a].session.channels().state(channel) == ChannelState::Open);
    let now = call.now();
    let data = Bytes::from((0..200_000_u32).map(|byte| byte as u8).collect::<Vec<_>>());
    call.network[a]
        .session
        .channels_mut()
        .send(now, channel, Message::Binary(data.clone()))
        .unwrap();
    for number in 0..90 {
        let now = call.now();
        // An encoder makes a key frame when it is asked for one.
        let keyframe = std::mem::take(&mut call.network[a].wants_key_frame);
        let frame = vp8_frame(number, keyframe);
        let session = &mut call.network[a].session;
        session.rtp_mut().send_frame(now, video, frame).unwrap();
        call.network.run_for(Duration::from_millis(33));
    }
    call.network
        .run_until(|network| !network[b].messages.is_empty());
    assert_eq!(call.network[b].messages, [Message::Binary(data)]);
    call.network.run_for(Duration::from_secs(3));
    call
}

/// The frames that did not come out, of 90.
fn missing_frames(call: &Call) -> Vec<u32> {
    let frames = &call.network[call.b].frames;
    let came = |number: u32| {
        frames
            .iter()
            .any(|frame| frame.data[1..5] == number.to_be_bytes())
    };
    (0..90).filter(|number| !came(*number)).collect()
}

/// How many seeds miss so many frames.
fn missing_over(seeds: std::ops::Range<u64>) -> BTreeMap<usize, usize> {
    let mut seeds_by_count = BTreeMap::new();
    for seed in seeds {
        let missing = missing_frames(&call_through_loss(seed));
        *seeds_by_count.entry(missing.len()).or_default() += 1;
    }
    seeds_by_count
}

/// What is lost for good: three or four frames where the first one is lost as a whole (0.95 % of the calls)
/// and a key frame instead is faster than its second copy; some ten where five requests for one packet and the
/// sixth failed, which is 0.07 % of the calls. Each request fails with 1 - 0.9025², and 17.6 packets of a call
/// are lost. The last packet, behind which nothing shows that it is missing, is sent twice again: it stays lost
/// in 0.09 % of the calls.
#[test]
fn a_session_connects_and_carries_everything_through_loss() {
    let seeds_by_count = missing_over(0..100);
    let worst = *seeds_by_count.last_key_value().unwrap().0;
    assert!(worst <= 10, "{seeds_by_count:?}");
    let missing: usize = seeds_by_count
        .iter()
        .map(|(count, seeds)| count * seeds)
        .sum();
    assert!(missing <= 15, "{missing} of 9,000: {seeds_by_count:?}");
}

/// Prints how many of a thousand seeds miss how many frames.
#[test]
#[ignore = "takes ten seconds"]
#[allow(clippy::print_stdout, reason = "the table is the result")]
fn a_thousand_sessions_through_loss() {
    let seeds_by_count = missing_over(0..1000);
    println!("{seeds_by_count:?}");
    let missing: usize = seeds_by_count
        .iter()
        .map(|(count, seeds)| count * seeds)
        .sum();
    assert!(missing <= 60, "{missing} of 90,000: {seeds_by_count:?}");
}

/// The bytes of a handshake differ from run to run: certificates, signatures and ML-KEM's keys draw
/// from the operating system. When what is sent, and what becomes of it, is up to the seed.
#[test]
fn one_seed_makes_the_same_decisions() {
    let run = || {
        let call = call_through_loss(7);
        let side = &call.network[call.b];
        let frames: Vec<_> = side
            .frames
            .iter()
            .map(|frame| {
                (
                    frame.sequence_number,
                    frame.first_arrival,
                    frame.last_arrival,
                )
            })
            .collect();
        let stats = [call.a, call.b].map(|host| {
            let session = &call.network[host].session;
            let stats = session.counters();
            let streams = format!("{:?}", session.rtp().stats(call.now()));
            (stats.packets_sent, stats.packets_received, streams)
        });
        (frames, stats)
    };
    assert_eq!(run(), run());
}

#[test]
fn nothing_flows_to_somebody_with_another_certificate() {
    let mut call = Call::new(3, Versions::Both, lan());
    let provider = default_provider();
    let other = Certificate::generate(&*provider)
        .unwrap()
        .fingerprints(&*provider);
    let (a, b) = (call.a, call.b);
    let now = call.now();
    call.network[a]
        .session
        .start_dtls(now, DtlsRole::Server, other);
    call.network.run_for(Duration::from_secs(3));
    assert_eq!(
        call.network[a].session.dtls_state(),
        DtlsTransportState::Failed
    );
    assert_ne!(
        call.network[b].session.dtls_state(),
        DtlsTransportState::Connected
    );
    assert!(call.network[a].session.channels().association().is_none());
}

#[test]
fn a_closed_session_says_goodbye_and_sleeps() {
    let mut call = Call::new(4, Versions::Both, lan());
    add_streams(&mut call);
    call.connect();
    let (a, b) = (call.a, call.b);
    let now = call.now();
    call.network[a].session.close(now);
    call.network.run_for(Duration::from_secs(1));
    assert_eq!(call.network[a].session.poll_timeout(), None);
    assert_eq!(
        call.network[b].session.dtls_state(),
        DtlsTransportState::Closed
    );
}

/// Wake-ups that lie in the past would make a driver spin.
#[test]
fn a_handled_timeout_is_never_asked_for_again_at_once() {
    let mut call = Call::new(5, Versions::Both, lan());
    add_streams(&mut call);
    call.connect();
    let (a, b) = (call.a, call.b);
    let now = call.now();
    call.network[b].session.close(now);
    let mut buffer = Vec::new();
    for step in 0..2000 {
        call.network.run_for(Duration::from_millis(20));
        let now = call.now();
        let session = &mut call.network[a].session;
        session.handle_timeout(now);
        while session.poll_transmit(now, &mut buffer).is_some() {}
        while session.poll_event().is_some() {}
        let next = session.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "step {step}: {:?}",
            next.map(|at| now - at)
        );
    }
}

/// What is sent while there is no path is lost, and keeps nobody awake.
#[test]
fn a_session_without_a_path_sleeps_between_its_frames() {
    let mut call = Call::new(6, Versions::Both, lan());
    let (_, video) = add_streams(&mut call);
    call.connect();
    let (a, b) = (call.a, call.b);
    let address = call.network[b].address.ip();
    call.network.remove_address(b, address);
    call.network
        .run_until(|network| network[a].session.ice().selected_pair().is_none());
    for number in 0..100 {
        call.network.run_for(Duration::from_millis(33));
        let now = call.now();
        let session = &mut call.network[a].session;
        let frame = vp8_frame(number, number == 0);
        session.rtp_mut().send_frame(now, video, frame).unwrap();
        session.handle_timeout(now);
        assert_eq!(session.poll_transmit(now, &mut Vec::new()), None);
        let next = session.poll_timeout().unwrap();
        assert!(next > now, "frame {number} is due for ever");
    }
}

#[test]
fn a_session_can_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Session>();
}

/// A conference of many hours: participants come and go, each with sources of its own.
#[test]
fn two_thousand_streams_come_and_go() {
    let mut call = Call::new(11, Versions::Both, lan());
    call.connect();
    let (a, b) = (call.a, call.b);
    let mut parameters = call::parameters(MediaKind::Audio, 0);
    for number in 0..2000 {
        parameters.encodings[0].ssrc = Some(10_000 + number);
        let now = call.now();
        let receiver = call.network[b].session.add_receiver(now, &parameters);
        let session = &mut call.network[a].session;
        let sender = session.add_sender(now, &parameters).unwrap();
        let sound = EncodedFrame::new(Bytes::from_static(b"sound"), 0, true);
        session.rtp_mut().send_frame(now, sender, sound).unwrap();
        call.network.run_for(Duration::from_millis(20));
        let now = call.now();
        call.network[a].session.rtp_mut().remove_sender(now, sender);
        let session = &mut call.network[b].session;
        session.rtp_mut().remove_receiver(now, receiver.unwrap());
    }
    call.network.run_for(Duration::from_secs(1));
    assert_eq!(call.network[a].session.counters().protect_failed, 0);
    assert_eq!(call.network[b].session.counters().unprotect_failed, 0);
    assert_eq!(call.network[b].frames.len(), 2000);
}

/// What runs over DTLS ends with it: nobody waits for messages that can not come any more.
#[test]
fn data_channels_end_with_dtls() {
    let mut call = Call::new(12, Versions::Both, lan());
    let (a, b) = (call.a, call.b);
    let now = call.now();
    let session = &mut call.network[a].session;
    let channels = session.channels_mut();
    let channel = channels.open(now, ChannelInit::default()).unwrap();
    call.connect();
    call.network.run_for(Duration::from_secs(1));
    let there = call.network[b].incoming[0];
    let state = |call: &Call| call.network[b].session.channels().state(there);
    assert_eq!(state(&call), ChannelState::Open);
    let now = call.now();
    call.network[a].session.close(now);
    call.network.run_for(Duration::from_millis(100));
    assert_eq!(state(&call), ChannelState::Closed);
    let channels = call.network[a].session.channels();
    assert_eq!(channels.state(channel), ChannelState::Closed);

    // A handshake that fails leaves none behind that wait for it.
    let mut call = Call::new(13, Versions::Both, lan());
    let provider = default_provider();
    let other = Certificate::generate(&*provider).unwrap();
    let a = call.a;
    let now = call.now();
    let session = &mut call.network[a].session;
    session.start_dtls(now, DtlsRole::Server, other.fingerprints(&*provider));
    let channels = session.channels_mut();
    let channel = channels.open(now, ChannelInit::default()).unwrap();
    call.network.run_for(Duration::from_secs(3));
    let session = &mut call.network[a].session;
    assert_eq!(session.dtls_state(), DtlsTransportState::Failed);
    assert_eq!(session.channels().state(channel), ChannelState::Closed);
    assert_eq!(
        session.channels_mut().open(now, ChannelInit::default()),
        Err(OpenError::Disconnected)
    );
}

/// Nobody is sent media who has said goodbye: ICE would let it flow until consent ends.
#[test]
fn media_ends_with_dtls() {
    let mut call = Call::new(14, Versions::Both, lan());
    let (audio, _) = add_streams(&mut call);
    call.connect();
    let (a, b) = (call.a, call.b);
    let now = call.now();
    call.network[b].session.close(now);
    call.network.run_for(Duration::from_millis(100));
    let session = &mut call.network[a].session;
    assert_eq!(session.dtls_state(), DtlsTransportState::Closed);
    assert!(session.ice().selected_pair().is_some());
    let before = session.counters().data_packets_sent;
    for number in 0..50 {
        let now = call.now();
        let sound = EncodedFrame::new(Bytes::from_static(b"sound"), number * 960, true);
        let session = &mut call.network[a].session;
        session.rtp_mut().send_frame(now, audio, sound).unwrap();
        call.network.run_for(Duration::from_millis(20));
    }
    let session = &mut call.network[a].session;
    assert_eq!(session.counters().data_packets_sent, before);
    let now = call.now();
    let next = call.network[a].session.poll_timeout();
    assert!(next.is_none_or(|next| next > now));
}
