use super::*;
use crate::CloseReason;
use crate::congestion::Algorithm;
use crate::packet::{COMMON_HEADER_LEN, PacketBuilder, kind};

#[test]
fn one_end_connects_to_the_other() {
    let mut pair = strangers(1, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.association.connect(now);
    let took = pair.run_until(|a, b| a.is_connected() && b.is_connected());
    assert_eq!(took, 40 * MS, "two round trips");
    assert_eq!(pair.a.events, [Event::Connected]);
    assert_eq!(pair.b.events, [Event::Connected]);
}

#[test]
fn both_ends_connect_at_once() {
    let pair = connected(2, &Config::default(), quick_link());
    assert_eq!(pair.a.events, [Event::Connected]);
    assert_eq!(pair.b.events, [Event::Connected]);
}

// A answers an INIT before it connects itself: both are one association.
#[test]
fn an_end_that_has_answered_connects_too() {
    for delay in 0..60 {
        let mut pair = strangers(delay, &Config::default(), quick_link());
        let now = pair.now();
        pair.a.send(now, 0, "early");
        pair.a.association.connect(now);
        pair.run_for(delay as u32 * MS);
        let now = pair.now();
        pair.b.association.connect(now);
        pair.b.send(now, 0, "late");
        pair.run_until(|a, b| !a.messages.is_empty() && !b.messages.is_empty());
        assert!(pair.a.has(&Event::Connected) && pair.b.has(&Event::Connected));
        assert!(!pair.a.has(&Event::Restarted) && !pair.b.has(&Event::Restarted));
    }
}

#[test]
fn the_handshake_survives_loss() {
    for seed in 0..100 {
        let link = quick_link().loss(0.3).duplicate(0.1).reorder(0.2, 30 * MS);
        let mut pair = connected(seed, &Config::default(), link);
        let now = pair.now();
        pair.a.send(now, 1, "hello");
        pair.run_until(|_, b| !b.messages.is_empty());
        assert_eq!(pair.b.received(), [b"hello"]);
    }
}

#[test]
fn data_goes_with_the_cookie() {
    let mut pair = strangers(3, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.send(now, 1, "first");
    pair.a.association.connect(now);
    let took = pair.run_until(|_, b| !b.messages.is_empty());
    assert_eq!(took, 30 * MS);
}

#[test]
fn a_silent_peer_is_given_up() {
    let config = Config {
        max_init_retransmissions: 3,
        ..Config::default()
    };
    let mut pair = strangers(4, &config, LinkConfig::new().loss(1.0));
    let now = pair.now();
    pair.a.association.connect(now);
    pair.run_until(|a, _| a.association.state() == AssociationState::Closed);
    // 1 + 2 + 4 + 8 seconds.
    assert_eq!(pair.elapsed(), Duration::from_secs(15));
    assert_eq!(
        pair.a.events,
        [Event::Closed(CloseReason::ConnectTimeout(4))]
    );
    assert_eq!(pair.a.association.poll_timeout(), None);
}

/// INIT and what answers it, as packets: A -> INIT -> Z, A <- INIT ACK <- Z, A -> COOKIE ECHO.
fn handshake(config: &Config) -> (End, End, Vec<u8>) {
    let now = gannet_netsim::start();
    let (mut a, mut z) = (End::new(config.clone(), 1), End::new(config.clone(), 2));
    a.association.connect(now);
    let init = transmit(&mut a, now).unwrap();
    z.association.handle_packet(now, &init);
    let init_ack = transmit(&mut z, now).unwrap();
    a.association.handle_packet(now, &init_ack);
    let echo = transmit(&mut a, now).unwrap();
    (a, z, echo)
}

#[test]
fn nothing_is_remembered_before_the_cookie_comes_back() {
    let (_, z, _) = handshake(&Config::default());
    assert_eq!(z.association.state(), AssociationState::New);
    assert_eq!(z.association.poll_timeout(), None);
}

#[test]
fn a_forged_cookie_is_ignored() {
    let (_, mut z, echo) = handshake(&Config::default());
    let now = gannet_netsim::start();
    let mut forged = echo.clone();
    forged[COMMON_HEADER_LEN + 10] ^= 1;
    let crc = crate::packet::checksum(&forged).to_le_bytes();
    forged[8..12].copy_from_slice(&crc);
    z.association.handle_packet(now, &forged);
    assert_eq!(z.association.state(), AssociationState::New);
    assert_eq!(transmit(&mut z, now), None);
    z.association.handle_packet(now, &echo);
    assert_eq!(z.association.state(), AssociationState::Connected);
}

// Sections 5.1.5 and 5.2.6: a cookie that took too long is reported, and the peer starts over.
#[test]
fn a_stale_cookie_is_reported_and_renewed() {
    let (mut a, mut z, echo) = handshake(&Config::default());
    let later = gannet_netsim::start() + Duration::from_secs(61);
    z.association.handle_packet(later, &echo);
    let error = transmit(&mut z, later).unwrap();
    assert_eq!(chunks(&error), ["ERROR [stale cookie by 1000000 us]"]);
    a.association.handle_packet(later, &error);
    let mut pair = Pair::new(1, a, z).link(quick_link());
    pair.run_for(Duration::from_secs(90));
    assert!(pair.a.is_connected());
}

#[test]
fn a_repeated_cookie_is_acknowledged_again() {
    let (mut a, mut z, echo) = handshake(&Config::default());
    let now = gannet_netsim::start();
    z.association.handle_packet(now, &echo);
    assert_eq!(chunks(&transmit(&mut z, now).unwrap())[0], "COOKIE-ACK");
    z.association.handle_packet(now, &echo);
    let ack = transmit(&mut z, now).unwrap();
    assert_eq!(chunks(&ack)[0], "COOKIE-ACK");
    a.association.handle_packet(now, &ack);
    assert!(a.is_connected());
    z.collect();
    assert_eq!(z.events, [Event::Connected]);
}

// Section 5.2.4.1: a peer that lost its memory connects anew.
#[test]
fn a_peer_that_starts_over_restarts_the_association() {
    let mut pair = connected(5, &Config::default(), quick_link());
    let now = pair.now();
    pair.b.send(now, 1, "before");
    pair.run_for(Duration::from_secs(1));
    pair.a = End::new(Config::default(), 99);
    let now = pair.now();
    pair.a.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.has(&Event::Restarted));
    let now = pair.now();
    pair.b.send(now, 1, "after");
    pair.run_until(|a, _| !a.messages.is_empty());
    assert_eq!(pair.a.received(), [b"after"]);
    let now = pair.now();
    pair.a.send(now, 1, "back");
    pair.run_until(|_, b| !b.messages.is_empty());
}

#[test]
fn packets_that_are_not_ours_are_dropped() {
    let mut pair = connected(6, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.send(now, 1, "x");
    let good = transmit(&mut pair.a, now).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        let crc = crate::packet::checksum(&packet).to_le_bytes();
        if let Some(field) = packet.get_mut(8..12) {
            field.copy_from_slice(&crc);
        }
        packet
    };
    let mut corrupt = good.clone();
    corrupt[20] ^= 1;
    let bad = [
        corrupt,
        with(&|packet| packet[1] ^= 1),
        with(&|packet| packet[3] ^= 1),
        with(&|packet| packet[5] ^= 1),
        with(&|packet| packet.truncate(11)),
        with(&|packet| packet[15] = 0),
    ];
    for (dropped, packet) in bad.iter().enumerate() {
        pair.b.association.handle_packet(now, packet);
        assert_eq!(
            pair.b.association.stats().packets_dropped,
            dropped as u64 + 1
        );
    }
    pair.b.association.handle_packet(now, &good);
    pair.b.collect();
    assert_eq!(pair.b.received(), [b"x"]);
}

// Section 8.5.1: ABORT and SHUTDOWN COMPLETE with the T bit carry our own tag's counterpart.
#[test]
fn an_abort_needs_the_right_tag() {
    let mut pair = connected(7, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.association.abort("bye");
    let abort = transmit(&mut pair.a, now).unwrap();
    assert_eq!(chunks(&abort), ["ABORT [user-initiated abort: bye]"]);
    let mut reflected = abort.clone();
    reflected[COMMON_HEADER_LEN + 1] = 1;
    let crc = crate::packet::checksum(&reflected).to_le_bytes();
    reflected[8..12].copy_from_slice(&crc);
    pair.b.association.handle_packet(now, &reflected);
    assert!(pair.b.is_connected(), "our tag with the T bit");
    pair.b.association.handle_packet(now, &abort);
    assert_eq!(
        pair.b.association.close_reason(),
        Some(&CloseReason::AbortedByPeer(
            "[user-initiated abort: bye]".into()
        ))
    );
}

fn raw_packet(to: &End, chunk: &[u8]) -> Vec<u8> {
    let tag = to.association.core.identity.tag;
    let mut buf = Vec::new();
    let header = to.association.core.header(tag);
    let mut builder = PacketBuilder::new(&mut buf, header, 1500);
    builder.push_encoded(chunk);
    builder.finish(false);
    buf
}

// Section 3.2: the two highest bits of an unknown type.
#[test]
fn unknown_chunks_are_skipped_or_reported() {
    let mut pair = connected(8, &Config::default(), quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    let heartbeat = [4, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4];
    for (kind, reported, continued) in [
        (0x3f, false, false),
        (0x7f, true, false),
        (0xbf, false, true),
        (0xff, true, true),
    ] {
        let mut bytes = vec![kind, 0, 0, 4];
        bytes.extend(heartbeat);
        let packet = raw_packet(&pair.b, &bytes);
        pair.b.association.handle_packet(now, &packet);
        let answer = transmit(&mut pair.b, now)
            .map(|packet| chunks(&packet))
            .unwrap_or_default();
        let report = format!("ERROR [unrecognized chunk type {kind}]");
        assert_eq!(answer.contains(&report), reported, "{kind:#x}");
        assert_eq!(
            answer.contains(&"HEARTBEAT-ACK len=4".into()),
            continued,
            "{kind:#x}"
        );
    }
}

#[test]
fn a_flood_of_inits_is_answered_within_bounds() {
    let now = gannet_netsim::start();
    let (mut a, mut z) = (
        End::new(Config::default(), 1),
        End::new(Config::default(), 2),
    );
    a.association.connect(now);
    let init = transmit(&mut a, now).unwrap();
    for _ in 0..10_000 {
        z.association.handle_packet(now, &init);
    }
    let mut answers = 0;
    while transmit(&mut z, now).is_some() {
        answers += 1;
    }
    assert_eq!(answers, crate::association::core::Replies::MAX);
    assert_eq!(z.association.state(), AssociationState::New);
}

#[test]
fn an_idle_path_is_checked_and_a_dead_one_given_up() {
    let config = Config {
        heartbeat_interval: Duration::from_secs(5),
        max_retransmissions: 3,
        ..Config::default()
    };
    let mut pair = connected(9, &config, quick_link());
    pair.run_for(Duration::from_secs(60));
    assert!(pair.a.is_connected() && pair.b.is_connected());
    let sent = pair.a.association.stats().packets_sent;
    assert!((15..40).contains(&sent), "{sent}");
    assert!(pair.a.association.stats().srtt.is_some());
    pair.set_up(false);
    pair.run_until(|a, b| !a.is_connected() && !b.is_connected());
    assert_eq!(
        pair.a.association.close_reason(),
        Some(&CloseReason::PeerUnreachable(4))
    );
}

/// The end that only receives has no round-trip times but those of its heartbeats, and their answers come from behind a
/// queue that is longer than the first RTO.
#[test]
fn answers_that_come_late_keep_the_association_up() {
    let config = Config {
        congestion: Algorithm::NewReno,
        ..Config::default()
    };
    let mut pair = connected(9, &config, quick_link());
    let slow = quick_link().rate(1_000_000).queue(300_000);
    pair.set_link(slow);
    let message = Bytes::from(vec![7; 16 * 1024]);
    for _ in 0..1000 {
        let now = pair.now();
        while pair.a.association.total_buffered_amount() < 1_000_000 {
            let options = SendOptions::default();
            pair.a
                .association
                .send(now, StreamId(1), Ppid(53), message.clone(), options)
                .unwrap();
        }
        pair.run_for(200 * MS);
        pair.b.messages.clear();
    }
    assert!(pair.a.is_connected() && pair.b.is_connected());
    let waited = pair.b.association.stats().srtt.unwrap();
    assert!(waited > 1000 * MS, "{waited:?}");
}

#[test]
fn init_travels_alone() {
    let mut pair = connected(10, &Config::default(), quick_link());
    let now = pair.now();
    let mut init = vec![kind::INIT, 0, 0, 20];
    init.extend([0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    init.extend([0x0b, 0, 0, 4]);
    let mut buf = Vec::new();
    let header = pair.b.association.core.header(0);
    let mut builder = PacketBuilder::new(&mut buf, header, 1500);
    builder.push_encoded(&init);
    builder.finish(false);
    let dropped = pair.b.association.stats().packets_dropped;
    pair.b.association.handle_packet(now, &buf);
    assert_eq!(pair.b.association.stats().packets_dropped, dropped + 1);
}

#[test]
fn data_stands_in_for_a_lost_cookie_ack() {
    let (mut a, mut z, echo) = handshake(&Config::default());
    let now = gannet_netsim::start();
    z.association.handle_packet(now, &echo);
    // COOKIE ACK is lost.
    transmit(&mut z, now).unwrap();
    z.send(now, 1, "go");
    let data = transmit(&mut z, now).unwrap();
    a.association.handle_packet(now, &data);
    a.collect();
    assert!(a.is_connected());
    assert_eq!(a.received(), [b"go"]);
}

// What went with COOKIE ECHO is not lost with it when another association comes of it.
#[test]
fn early_data_survives_a_new_beginning() {
    let config = Config::default();
    for stale in [false, true] {
        let now = gannet_netsim::start();
        let (mut a, mut z) = (End::new(config.clone(), 1), End::new(config.clone(), 2));
        a.send(now, 1, "one");
        a.send(now, 1, pattern(1, 3000));
        a.association.connect(now);
        let init = transmit(&mut a, now).unwrap();
        z.association.handle_packet(now, &init);
        let init_ack = transmit(&mut z, now).unwrap();
        a.association.handle_packet(now, &init_ack);
        let echo = transmit(&mut a, now).unwrap();
        assert!(chunks(&echo).len() > 1);
        a.collect();
        let mut start = now;
        if stale {
            start = now + Duration::from_secs(61);
            z.association.handle_packet(start, &echo);
            let error = transmit(&mut z, start).unwrap();
            a.association.handle_packet(start, &error);
        } else {
            // The peer has lost its memory, and connects by itself.
            z = End::new(config.clone(), 99);
            z.association.connect(now);
        }
        let mut pair = Pair::new(1, a, z).link(quick_link());
        pair.run_for(start.saturating_duration_since(now));
        let now = pair.now();
        pair.a.send(now, 1, "three");
        pair.run_until(|_, b| b.messages.len() == 3);
        let expected = pattern(1, 3000);
        assert_eq!(pair.b.received(), [b"one", &expected[..], b"three"]);
    }
}

#[test]
fn times_without_end_are_cut() {
    let forever = Duration::MAX;
    let config = Config {
        rto_initial: forever,
        rto_max: forever,
        heartbeat_interval: forever,
        cookie_lifetime: forever,
        ..Config::default()
    };
    let mut pair = strangers(11, &config, quick_link());
    let now = pair.now();
    pair.a.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    let now = pair.now();
    pair.a.send(now, 1, "x");
    pair.a.association.shutdown(now);
    pair.run_until(|a, b| a.association.close_reason().is_some() && !b.is_connected());
    assert_eq!(pair.b.received(), [b"x"]);
}

// Section 5.1.1: whoever wants more streams than the peer takes gets those that it takes.
#[test]
fn what_waits_on_streams_that_the_peer_does_not_take_is_given_up() {
    let few = Config {
        inbound_streams: 10,
        ..Config::default()
    };
    for by_signaling in [false, true] {
        let a = End::new(Config::default(), 1);
        let b = End::new(few.clone(), 2);
        let mut pair = Pair::new(12, a, b).link(quick_link());
        let now = pair.now();
        pair.a.send(now, 10, "nowhere");
        pair.a.send(now, 9, "there");
        if by_signaling {
            let (a, b) = (&mut pair.a.association, &mut pair.b.association);
            let (ours, theirs) = (a.local_init(), b.local_init());
            a.connect_without_handshake(now, &theirs).unwrap();
            b.connect_without_handshake(now, &ours).unwrap();
        } else {
            pair.a.association.connect(now);
        }
        pair.run_until(|_, b| !b.messages.is_empty());
        pair.run_for(Duration::from_secs(1));
        assert_eq!(pair.b.received(), [b"there"]);
        pair.a.collect();
        let abandoned = Event::MessageAbandoned {
            stream: StreamId(10),
            len: 7,
        };
        assert!(pair.a.has(&abandoned), "{:?}", pair.a.events);
        assert_eq!(pair.a.association.total_buffered_amount(), 0);
    }
}
