use super::*;
use crate::CloseReason;

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
