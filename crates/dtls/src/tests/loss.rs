//! Scenes on paths that lose, delay and cut.

use super::*;
use crate::message::{Ack, RecordNumber};
use crate::record::ContentType;

#[test]
fn a_handshake_without_an_answer_ends_in_time() {
    let mut wire = Wire::new(configs(Version::Dtls13));
    let start = wire.now;
    let mut transmissions = 0;
    loop {
        transmissions += wire.take(Role::Client).len();
        let Some(at) = wire.client.poll_timeout() else {
            break;
        };
        wire.now = at.max(wire.now);
        let now = wire.now;
        wire.client.handle_timeout(now);
    }
    assert_eq!(wire.failure(Role::Client), Some(Failure::Timeout));
    assert_eq!(wire.now - start, Duration::from_secs(30));
    // Some thirty flights, of two datagrams at first, and of three when they got smaller.
    assert!((60..100).contains(&transmissions), "{transmissions}");
}

// A wait of nothing would never end, and for ever is later than any clock goes.
#[test]
fn waits_of_nothing_and_for_ever_are_brought_into_bounds() {
    for (wait, rounds) in [(Duration::ZERO, 5), (Duration::MAX, 1)] {
        let timers = crate::Timers {
            initial_retransmit: wait,
            max_retransmit: wait,
            handshake: Duration::MAX,
        };
        let configs = configs(Version::Dtls13).map(|config| config.timers(timers));
        let mut wire = Wire::new(configs);
        for _ in 0..rounds {
            assert!(!wire.take(Role::Client).is_empty());
            let at = wire.client.poll_timeout().unwrap();
            assert!(at > wire.now, "{wait:?}");
            wire.now = at;
            wire.client.handle_timeout(at);
        }
    }
}

#[test]
fn a_lost_key_update_is_sent_again() {
    let mut wire = Wire::connected(Version::Dtls13);
    let now = wire.now;
    wire.client.update_keys(now);
    assert_eq!(wire.take(Role::Client).len(), 1);
    wire.wait(Duration::from_secs(1));
    // The KeyUpdate arrives, its ACK is lost.
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    assert!(!wire.take(Role::Server).is_empty());
    assert_eq!(wire.client.core.records.write_epoch(), 3);
    wire.wait(Duration::from_secs(1));
    wire.run();
    assert_eq!(wire.client.core.records.write_epoch(), 4);
    let data = seal(&mut wire.client, b"data");
    wire.give(Role::Server, &data);
    assert_eq!(wire.received[1], [b"data"]);
}

// RFC 9147, section 7: the peer's ACKs come in its newest epoch, which has nothing to do with ours. A peer that has
// no data to send need not follow an update.
#[test]
fn keys_are_updated_again_though_the_peer_keeps_its_own() {
    let mut wire = Wire::connected(Version::Dtls13);
    for epoch in 3..6 {
        let now = wire.now;
        wire.client.update_keys(now);
        assert_eq!(wire.take(Role::Client).len(), 1);
        let sequence = wire.client.core.records.sealed_in_epoch() - 1;
        let number = RecordNumber { epoch, sequence };
        let mut ack = Vec::new();
        let write = |buf: &mut Vec<u8>| Ack::write(&[number], buf);
        let records = &mut wire.server.core.records;
        records.seal(3, ContentType::Ack, &mut ack, write).unwrap();
        wire.give(Role::Client, &ack);
        assert_eq!(wire.client.core.records.write_epoch(), epoch + 1);
    }
}

// RFC 8449: the peer's limit is one for ACKs, too.
#[test]
fn acks_fit_into_the_smallest_records() {
    let configs = configs(Version::Dtls13).map(|config| config.record_size_limit(64));
    let mut wire = Wire::new(configs);
    for _ in 0..20 {
        wire.run();
        wire.wait(Duration::from_millis(10));
    }
    assert!(wire.client.is_connected() && wire.server.is_connected());
    assert_eq!(
        wire.client.poll_timeout(),
        None,
        "the last flight is acknowledged"
    );
}

// The client's last flight is lost: its data comes first, and is held until the flight comes.
#[test]
fn data_that_overtakes_the_last_flight_is_held() {
    for version in [Version::Dtls13] {
        let mut wire = Wire::new(configs(version));
        for datagram in wire.take(Role::Client) {
            wire.give(Role::Server, &datagram);
        }
        for datagram in wire.take(Role::Server) {
            wire.give(Role::Client, &datagram);
        }
        let flight = wire.take(Role::Client);
        assert!(wire.client.is_connected());
        let data = seal(&mut wire.client, b"fast");
        wire.give(Role::Server, &data);
        assert_eq!(wire.received[1].len(), 0);
        for datagram in flight {
            wire.give(Role::Server, &datagram);
        }
        assert_eq!(wire.received[1], [b"fast"]);
    }
}

// The client's last flight has no other answer than the server's ACK.
#[test]
fn a_lost_ack_is_sent_again() {
    let mut wire = Wire::new(configs(Version::Dtls13));
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    for datagram in wire.take(Role::Server) {
        wire.give(Role::Client, &datagram);
    }
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    assert!(wire.server.is_connected());
    assert_eq!(wire.take(Role::Server).len(), 1, "the ACK, which is lost");
    assert!(wire.client.poll_timeout().is_some());
    wire.wait(Duration::from_millis(100));
    wire.run();
    assert_eq!(wire.client.stats().retransmits, 1);
    assert_eq!(
        (wire.client.poll_timeout(), wire.server.poll_timeout()),
        (None, None)
    );
}

// DTLS 1.2's server has the last flight. It has no timer: the client asks by sending its own again.
#[test]
fn a_lost_last_flight_is_sent_again() {
    let mut wire = Wire::new(configs(Version::Dtls12));
    for _ in 0..2 {
        for datagram in wire.take(Role::Client) {
            wire.give(Role::Server, &datagram);
        }
        if !wire.server.is_connected() {
            for datagram in wire.take(Role::Server) {
                wire.give(Role::Client, &datagram);
            }
        }
    }
    assert!(wire.server.is_connected() && !wire.client.is_connected());
    assert_eq!(
        wire.take(Role::Server).len(),
        1,
        "the flight, which is lost"
    );
    assert_eq!(wire.server.poll_timeout(), None);
    wire.wait(Duration::from_millis(100));
    wire.run();
    assert!(wire.client.is_connected());
    assert_eq!(wire.client.poll_timeout(), None);
}

// The path drops what is longer than 576 bytes with its headers, and nobody says so (RFC 9147,
// section 4.4).
#[test]
fn datagrams_get_smaller_when_nothing_is_heard() {
    for version in BOTH {
        let mut wire = Wire::new(configs(version));
        let mut dropped = 0;
        for _ in 0..100 {
            wire.run_with(|_, datagram| {
                if datagram.len() > 548 {
                    dropped += 1;
                    datagram.clear();
                }
            });
            wire.wait(Duration::from_millis(50));
        }
        assert!(dropped > 0);
        assert!(wire.client.is_connected() && wire.server.is_connected());
    }
}

/// How many records lie in datagrams.
fn count_records(datagrams: &[Vec<u8>]) -> usize {
    let mut count = 0;
    for datagram in datagrams {
        let mut rest = &datagram[..];
        while !rest.is_empty() {
            let header = crate::record::Header::parse(rest, 0).unwrap().unwrap();
            rest = &rest[header.record_len()..];
            count += 1;
        }
    }
    count
}

// RFC 9147, section 5.8.3: no more than ten records in a transmission.
#[test]
fn a_large_flight_leaves_in_parts() {
    let configs = configs(Version::Dtls13).map(|config| config.mtu(Config::MIN_MTU));
    let mut wire = Wire::new(configs);
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    let first = wire.take(Role::Server);
    assert_eq!(count_records(&first), 10);
    // Without an ACK, the rest follows a little later.
    let pause = wire.server.poll_timeout().unwrap() - wire.now;
    assert_eq!(pause, Duration::from_millis(10));
    wire.wait(pause);
    let rest = wire.take(Role::Server);
    assert!(!rest.is_empty());
    for datagram in first.iter().chain(&rest) {
        wire.give(Role::Client, datagram);
    }
    wire.run();
    assert!(wire.client.is_connected() && wire.server.is_connected());
    assert_eq!(wire.server.stats().retransmits, 0, "nothing was sent twice");
}

// Messages behind the handshake have numbers, and the peer waits for each: the path may be gone for long, but a
// message that is given up would hold up all key updates behind it, and the keys wear out.
#[test]
fn a_key_update_outlives_a_path_that_is_gone_for_long() {
    let mut wire = Wire::connected(Version::Dtls13);
    let now = wire.now;
    wire.client.update_keys(now);
    let gone_until = now + Duration::from_secs(600);
    let mut sent = 0;
    while wire.now < gone_until {
        sent += wire.take(Role::Client).len();
        wire.now = wire.client.poll_timeout().unwrap();
        let now = wire.now;
        wire.client.handle_timeout(now);
    }
    assert!((30..60).contains(&sent), "{sent}");
    wire.run();
    assert_eq!(wire.client.core.records.write_epoch(), 4);
    assert_eq!(wire.server.core.records.write_epoch(), 4);
    assert_eq!(wire.client.poll_timeout(), None);
}
