use gannet_wire::Serial32;

use super::bounds::packet_for;
use super::*;
use crate::CloseReason;
use crate::packet::{Fragment, IData};

fn closed(end: &End) -> Option<CloseReason> {
    end.association.close_reason().cloned()
}

#[test]
fn a_shutdown_delivers_everything_first() {
    for seed in 0..60 {
        let link = quick_link().loss([0.0, 0.1, 0.3][seed as usize % 3]);
        let mut pair = connected(seed, &Config::default(), link);
        let now = pair.now();
        for i in 0..10 {
            pair.a.send(now, 1, pattern(i, 5000));
            pair.b.send(now, 1, pattern(i, 5000));
        }
        pair.a.association.shutdown(now);
        if seed % 2 == 0 {
            pair.b.association.shutdown(now);
        }
        pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
        assert_eq!(pair.b.messages.len(), 10, "seed {seed}");
        assert_eq!(pair.a.messages.len(), 10, "seed {seed}");
        assert_eq!(closed(&pair.a), Some(CloseReason::Shutdown), "seed {seed}");
        assert_eq!(
            pair.a.events.last(),
            Some(&Event::Closed(CloseReason::Shutdown))
        );
    }
}

#[test]
fn a_shutdown_before_the_association_is_there_waits_for_it() {
    let mut pair = strangers(1, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.association.connect(now);
    pair.a.send(now, 1, "last words");
    pair.a.association.shutdown(now);
    pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
    assert_eq!(pair.b.received(), [b"last words"]);
}

#[test]
fn nothing_is_taken_after_a_shutdown() {
    let mut pair = connected(2, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.association.shutdown(now);
    let refused = pair.a.association.send(
        now,
        StreamId(1),
        Ppid(0),
        Bytes::from_static(b"x"),
        SendOptions::default(),
    );
    assert_eq!(refused, Err(crate::SendError::Closed));
}

#[test]
fn a_shutdown_that_nobody_answers_ends() {
    let config = Config {
        max_retransmissions: 4,
        ..Config::default()
    };
    let mut pair = connected(3, &config, quick_link());
    pair.set_up(false);
    let now = pair.now();
    pair.a.association.shutdown(now);
    pair.run_until(|a, _| closed(a).is_some());
    assert_eq!(closed(&pair.a), Some(CloseReason::PeerUnreachable(5)));
}

#[test]
fn an_abort_ends_both_at_once() {
    let mut pair = connected(4, &Config::default(), quick_link());
    let now = pair.now();
    pair.a.send(now, 1, pattern(1, 100_000));
    pair.a.association.abort("enough");
    assert_eq!(closed(&pair.a), Some(CloseReason::Aborted));
    let took = pair.run_until(|_, b| closed(b).is_some());
    assert_eq!(took, 10 * MS);
}

// Messages that arrived before the end can still be read.
#[test]
fn what_has_arrived_outlives_the_association() {
    let mut pair = connected(5, &Config::default(), quick_link());
    pair.b.reads = false;
    let now = pair.now();
    pair.a.send(now, 1, "kept");
    pair.a.association.shutdown(now);
    pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
    assert_eq!(pair.b.association.poll_message().unwrap().data, "kept");
}

// Section 8.4: an end that is gone says so.
#[test]
fn data_for_a_closed_association_is_answered_with_abort() {
    let mut pair = connected(6, &Config::default(), quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.b.association.abort("gone");
    // The ABORT is lost.
    transmit(&mut pair.b, now).unwrap();
    pair.a.send(now, 1, "anybody there?");
    pair.run_until(|a, _| closed(a).is_some());
    assert!(matches!(
        closed(&pair.a),
        Some(CloseReason::AbortedByPeer(_))
    ));
}

// What is too old to be sent does not hold up the end.
#[test]
fn a_shutdown_does_not_wait_for_messages_that_have_expired() {
    let options = SendOptions {
        reliability: Reliability::MaxLifetime(50 * MS),
        ..SendOptions::default()
    };
    for by_peer in [false, true] {
        let mut pair = connected(7, &Config::default(), quick_link());
        pair.run_for(Duration::from_secs(1));
        let now = pair.now();
        pair.a.send_with(now, 1, "too late", options);
        if by_peer {
            pair.b.association.shutdown(now);
            let shutdown = transmit(&mut pair.b, now).unwrap();
            pair.a.association.handle_packet(now, &shutdown);
        } else {
            pair.a.association.shutdown(now);
        }
        // Nothing can be sent until it has expired.
        let later = now + Duration::from_secs(1);
        let next = transmit(&mut pair.a, later).map(|packet| chunks(&packet));
        let expected = if by_peer {
            "SHUTDOWN-ACK"
        } else {
            "SHUTDOWN cum="
        };
        assert!(
            next.is_some_and(|chunks| chunks[0].starts_with(expected)),
            "{expected}"
        );
        assert_eq!(transmit(&mut pair.a, later), None);
        pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
        assert_eq!(closed(&pair.a), Some(CloseReason::Shutdown));
    }
}

// A packet with a long SACK has no room for more than that.
#[test]
fn a_shutdown_beside_a_full_sack_fits_into_the_packet() {
    let mut pair = connected(8, &Config::default(), quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.b.association.shutdown(now);
    transmit(&mut pair.b, now).unwrap();
    let first = pair.a.association.core.identity.initial_tsn;
    for i in 0..400_u32 {
        let data = IData {
            tsn: first.plus(1 + 2 * i),
            stream: StreamId(1),
            mid: Serial32(i),
            ppid: Ppid(53),
            fsn: 0,
            fragment: Fragment::default(),
            payload: &[1],
        };
        let packet = packet_for(&pair.b, &data);
        pair.b.association.handle_packet(now, &packet);
    }
    let mut said = Vec::new();
    while let Some(packet) = transmit(&mut pair.b, now) {
        assert!(packet.len() <= pair.b.association.config().max_packet_size);
        said.extend(chunks(&packet));
    }
    assert!(said.iter().any(|chunk| chunk.starts_with("SACK")));
    assert!(said.iter().any(|chunk| chunk.starts_with("SHUTDOWN")));
}

#[test]
fn a_peer_that_starts_over_does_not_stop_a_shutdown() {
    let mut pair = connected(9, &Config::default(), quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.a.association.shutdown(now);
    // The peer has gone, and comes back before it could hear of that.
    transmit(&mut pair.a, now).unwrap();
    pair.b = End::new(Config::default(), 99);
    pair.b.association.connect(now);
    pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
    assert_eq!(closed(&pair.a), Some(CloseReason::Shutdown));
    assert!(pair.a.has(&Event::Restarted));
}

// RFC 6525 has no state in which a request is not answered.
#[test]
fn requests_are_answered_while_the_last_messages_leave() {
    let link = quick_link().rate(200_000).queue(50_000);
    let mut pair = connected(10, &Config::default(), link);
    let now = pair.now();
    pair.a.send(now, 1, pattern(1, 250_000));
    pair.a.association.shutdown(now);
    pair.b.association.reset_streams(&[StreamId(1)]).unwrap();
    pair.run_until(|_, b| b.has(&Event::OutgoingStreamsReset(vec![StreamId(1)])));
    assert!(pair.b.messages.is_empty());
    pair.run_until(|a, b| closed(a).is_some() && closed(b).is_some());
    assert_eq!(pair.b.messages.len(), 1);
}

// Section 9.2: each packet with data is answered at once, and the wait for the peer begins anew.
#[test]
fn data_for_an_end_that_has_shut_down_is_answered_with_shutdown_at_once() {
    let mut pair = connected(11, &Config::default(), quick_link());
    pair.a.send(pair.now(), 1, "first");
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.b.association.shutdown(now);
    transmit(&mut pair.b, now).unwrap();
    let timeout = pair.b.association.poll_timeout().unwrap();
    // Just before the peer would be asked again.
    let later = timeout - MS;
    pair.a.send(later, 1, "late");
    let data = transmit(&mut pair.a, later).unwrap();
    pair.b.association.handle_packet(later, &data);
    let answer = chunks(&transmit(&mut pair.b, later).unwrap());
    assert!(answer[0].starts_with("SACK"), "{answer:?}");
    assert!(answer[1].starts_with("SHUTDOWN cum="), "{answer:?}");
    assert!(pair.b.association.poll_timeout().unwrap() > timeout);
}

// A request that has no answer yet when the end begins is of no interest any more.
#[test]
fn a_request_that_nobody_answers_does_not_hurry_the_end() {
    let config = Config {
        max_retransmissions: 4,
        ..Config::default()
    };
    let mut pair = connected(12, &config, quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.a.association.reset_streams(&[StreamId(1)]).unwrap();
    // The request and what follows is lost.
    transmit(&mut pair.a, now).unwrap();
    pair.set_up(false);
    pair.a.association.shutdown(now);
    let took = pair.run_until(|a, _| closed(a).is_some());
    // T2-shutdown alone: 0.4, 0.8, 1.6, 3.2 and 6.4 s.
    assert!(took > Duration::from_secs(12), "{took:?}");
}
