//! INIT through signaling (draft-hancke-tsvwg-snap), and the packet log.

use super::*;
use crate::{ConnectError, PacketLog};

/// Both INITs have been exchanged.
fn snapped(seed: u64, a: &Config, b: &Config) -> Ends {
    let mut pair = Pair::new(
        seed,
        End::new(a.clone(), seed * 2 + 1),
        End::new(b.clone(), seed * 2 + 2),
    )
    .link(quick_link());
    let now = pair.now();
    let inits = [
        pair.a.association.local_init(),
        pair.b.association.local_init(),
    ];
    let a = pair.a.association.connect_without_handshake(now, &inits[1]);
    a.unwrap();
    let b = pair.b.association.connect_without_handshake(now, &inits[0]);
    b.unwrap();
    pair.a.collect();
    pair.b.collect();
    pair
}

#[test]
fn data_goes_in_the_first_packet() {
    let mut pair = snapped(1, &Config::default(), &Config::default());
    assert!(pair.a.has(&Event::Connected) && pair.b.has(&Event::Connected));
    let now = pair.now();
    pair.a.send(now, 1, "from a");
    pair.b.send(now, 1, "from b");
    let took = pair.run_until(|a, b| a.messages.len() == 1 && b.messages.len() == 1);
    assert_eq!(took, 10 * MS, "half a round trip");
    assert_eq!(pair.a.received(), [b"from b"]);
    pair.a.association.shutdown(pair.now());
    pair.run_until(|a, b| {
        a.association.state() == AssociationState::Closed
            && b.association.state() == AssociationState::Closed
    });
}

#[test]
fn what_both_can_is_agreed_on() {
    let plain = Config {
        interleaving: false,
        outbound_streams: 10,
        inbound_streams: 20,
        ..Config::default()
    };
    let mut pair = snapped(2, &Config::default(), &plain);
    assert!(!pair.a.association.stats().interleaving);
    assert_eq!(pair.a.association.outbound_streams(), 20);
    assert_eq!(pair.b.association.inbound_streams(), 20);
    assert_eq!(pair.a.association.inbound_streams(), 10);
    let now = pair.now();
    for i in 0..20 {
        pair.a.send(now, i as u16, pattern(i, 50_000));
    }
    pair.run_until(|_, b| b.messages.len() == 20);
}

#[test]
fn what_is_no_init_is_refused() {
    let now = gannet_netsim::start();
    let mut end = End::new(Config::default(), 1);
    let good = End::new(Config::default(), 2).association.local_init();
    let mut no_tag = good.clone();
    no_tag[4..8].fill(0);
    let mut ack = good.clone();
    ack[0] = 2;
    let mut longer = good.clone();
    longer.extend([0; 4]);
    for bad in [&good[..10], &[], &no_tag, &ack, &longer] {
        let refused = end.association.connect_without_handshake(now, bad);
        assert_eq!(refused, Err(ConnectError::Malformed), "{bad:?}");
        assert_eq!(end.association.state(), AssociationState::New);
    }
    end.association
        .connect_without_handshake(now, &good)
        .unwrap();
    let again = end.association.connect_without_handshake(now, &good);
    assert_eq!(again, Err(ConnectError::AlreadyBegun));
}

// The peer does not know the attribute: then its handshake, or ours, says the same as we have announced.
#[test]
fn an_end_that_has_announced_itself_can_still_shake_hands() {
    let mut pair = strangers(3, &Config::default(), quick_link());
    let announced = pair.a.association.local_init();
    let now = pair.now();
    pair.b.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    assert_eq!(pair.a.association.local_init(), announced);
}

#[test]
fn packets_are_logged_until_the_log_is_taken() {
    let mut pair = strangers(4, &Config::default(), quick_link());
    let now = pair.now();
    let log = PacketLog::new(now, Duration::from_secs(1), 1 << 20);
    pair.a.association.start_packet_log(log);
    pair.a.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    let now = pair.now();
    pair.a.send(now, 1, "hello");
    pair.run_until(|_, b| b.messages.len() == 1);
    let log = pair.a.association.take_packet_log().unwrap();
    let logged = records(log.bytes());
    let (sent, received) = (
        pair.a.association.stats().packets_sent,
        pair.a.association.stats().packets_received,
    );
    assert_eq!(logged.len() as u64, sent + received);
    assert_eq!(
        Chunk::parse(first_chunk(logged[0]))
            .unwrap()
            .to_string()
            .split(' ')
            .next(),
        Some("INIT")
    );
    pair.a.send(pair.now(), 1, "not logged");
    pair.run_until(|_, b| b.messages.len() == 2);
    assert_eq!(pair.a.association.take_packet_log(), None);
}

fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    file = &file[24..];
    while !file.is_empty() {
        let len = u32::from_le_bytes(file[8..12].try_into().unwrap()) as usize;
        records.push(&file[16..16 + len]);
        file = &file[16 + len..];
    }
    records
}

fn first_chunk(packet: &[u8]) -> crate::packet::RawChunk<'_> {
    Packet::parse(packet)
        .unwrap()
        .chunks()
        .next()
        .unwrap()
        .unwrap()
}
