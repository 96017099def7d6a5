//! A peer that lies fills nothing without limit.

use gannet_wire::{Serial16, Serial32};

use super::*;
use crate::packet::{
    Data, DuplicateTsns, Fragment, GapBlock, GapBlocks, IData, IForwardTsn, PacketBuilder, Sack,
    SkippedMessage, SkippedMessages, WriteChunk,
};

/// A packet for an end, as its peer would write it.
pub(super) fn packet_for(end: &End, chunk: &impl WriteChunk) -> Vec<u8> {
    let mut buf = Vec::new();
    let header = end
        .association
        .core
        .header(end.association.core.identity.tag);
    let mut encoded = Vec::new();
    chunk.write(&mut encoded);
    let mut builder = PacketBuilder::new(&mut buf, header, 65_000);
    builder.push_encoded(&encoded);
    builder.finish(false);
    buf
}

fn small() -> Config {
    Config {
        interleaving: false,
        receive_window: 64 * 1024,
        max_incoming_message_size: 16 * 1024,
        ..Config::default()
    }
}

fn held(end: &End) -> usize {
    let stats = end.association.stats();
    end.association.config().receive_window - stats.local_window
}

#[test]
fn checksums_are_left_out_when_both_agree() {
    let config = Config {
        zero_checksum: true,
        ..Config::default()
    };
    let mut pair = connected(1, &config, quick_link());
    assert!(pair.a.association.stats().zero_checksum);
    let now = pair.now();
    pair.a.send(now, 1, "x");
    let packet = transmit(&mut pair.a, now).unwrap();
    assert_eq!(Packet::parse(&packet).unwrap().checksum, 0);
    pair.b.association.handle_packet(now, &packet);
    pair.b.collect();
    assert_eq!(pair.b.received(), [b"x"]);
    // One end alone does not suffice.
    let a = End::new(config, 1);
    let b = End::new(Config::default(), 2);
    let mut pair = Pair::new(2, a, b).link(quick_link());
    let now = pair.now();
    pair.a.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    assert!(!pair.a.association.stats().zero_checksum);
    assert!(!pair.b.association.stats().zero_checksum);
}

#[test]
fn tiny_fragments_are_held_within_bounds() {
    let mut pair = connected(3, &small(), quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    let first = pair.a.association.core.identity.initial_tsn;
    // Every second TSN, one byte each, none of them whole, without end.
    for i in 0..200_000_u32 {
        let data = Data {
            tsn: first.plus(1 + 2 * i),
            stream: StreamId(i as u16 % 100),
            ssn: Serial16(0),
            ppid: Ppid(53),
            fragment: Fragment::default(),
            payload: &[1],
        };
        let packet = packet_for(&pair.b, &data);
        pair.b.association.handle_packet(now, &packet);
    }
    assert!(pair.b.is_connected());
    assert_eq!(held(&pair.b), 64 * 1024, "the window is closed");
    assert!(pair.b.association.stats().chunks_received < 500);
    assert!(pair.b.association.stats().chunks_dropped > 199_000);
}

#[test]
fn unread_messages_are_held_within_bounds() {
    let mut pair = connected(4, &small(), quick_link());
    pair.b.reads = false;
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    let first = pair.a.association.core.identity.initial_tsn;
    let complete = Fragment {
        beginning: true,
        end: true,
        unordered: true,
        immediate: false,
    };
    for i in 0..10_000_u32 {
        let data = Data {
            tsn: first.plus(i),
            stream: StreamId(1),
            ssn: Serial16(0),
            ppid: Ppid(53),
            fragment: complete,
            payload: &[7; 1000],
        };
        let packet = packet_for(&pair.b, &data);
        pair.b.association.handle_packet(now, &packet);
    }
    let received = pair.b.association.stats().chunks_received;
    assert!((50..70).contains(&received), "{received}");
}

#[test]
fn many_streams_cost_little_each() {
    let config = Config {
        interleaving: true,
        ..small()
    };
    let mut pair = connected(5, &config, quick_link());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    let first = pair.a.association.core.identity.initial_tsn;
    for i in 0..u32::from(u16::MAX) {
        // The second message of each stream: all of them wait for the first.
        let data = IData {
            tsn: first.plus(i),
            stream: StreamId(i as u16),
            mid: Serial32(1),
            ppid: Ppid(53),
            fsn: 0,
            fragment: Fragment {
                beginning: true,
                end: true,
                ..Fragment::default()
            },
            payload: &[1],
        };
        let packet = packet_for(&pair.b, &data);
        pair.b.association.handle_packet(now, &packet);
    }
    assert!(pair.b.association.stats().chunks_received < 1100);
    assert!(pair.b.messages.is_empty());
}

#[test]
fn gap_blocks_that_lie_do_no_harm() {
    let mut pair = connected(6, &small(), quick_link());
    let now = pair.now();
    for _ in 0..3 {
        pair.a.send(now, 1, pattern(1, 5000));
    }
    while transmit(&mut pair.a, now).is_some() {}
    let cumulative = pair.a.association.core.identity.initial_tsn.minus(1);
    let blocks = [
        (0, 0),
        (5, 2),
        (1, 1),
        (2, 65_535),
        (3, 4),
        (60_000, 65_535),
    ]
    .map(|(start, end)| GapBlock { start, end });
    let duplicates = [Serial32(0), cumulative, Serial32(u32::MAX)];
    let sack = Sack {
        cumulative_tsn_ack: cumulative,
        a_rwnd: u32::MAX,
        gap_blocks: GapBlocks::new(&blocks),
        duplicates: DuplicateTsns::new(&duplicates),
    };
    for _ in 0..100 {
        let packet = packet_for(&pair.a, &sack);
        pair.a.association.handle_packet(now, &packet);
    }
    // The first chunk was reported behind a gap that can not be: nothing of that is believed for good.
    pair.run_until(|_, b| b.messages.len() == 3);
    for message in &pair.b.messages {
        assert_eq!(message.data, pattern(1, 5000));
    }
}

// RFC 9260, section 6.2: a receiver may drop what it has only reported by gap blocks.
#[test]
fn a_peer_that_reneges_gets_its_data_again() {
    let mut pair = connected(7, &small(), quick_link());
    let now = pair.now();
    pair.a.send(now, 1, pattern(1, 5000));
    let mut packets = Vec::new();
    while let Some(packet) = transmit(&mut pair.a, now) {
        packets.push(packet);
    }
    let cumulative = pair.a.association.core.identity.initial_tsn.minus(1);
    let say = |pair: &mut Ends, cumulative: Serial32, blocks: &[GapBlock]| {
        let sack = Sack {
            cumulative_tsn_ack: cumulative,
            a_rwnd: 60_000,
            gap_blocks: GapBlocks::new(blocks),
            duplicates: DuplicateTsns::new(&[]),
        };
        let packet = packet_for(&pair.a, &sack);
        pair.a.association.handle_packet(now, &packet);
    };
    // All but the first have arrived; then the first has, and the others are gone.
    say(&mut pair, cumulative, &[GapBlock { start: 2, end: 5 }]);
    assert!(pair.a.association.stats().bytes_in_flight < 2500);
    say(&mut pair, cumulative.plus(1), &[]);
    pair.b.association.handle_packet(now, &packets[0]);
    pair.run_until(|_, b| !b.messages.is_empty());
    assert_eq!(pair.b.messages[0].data, pattern(1, 5000));
}

// A peer that uses a number twice must not confuse what is held with what was.
#[test]
fn a_number_that_is_used_twice_is_counted_once() {
    let config = Config {
        interleaving: true,
        ..small()
    };
    let whole = Fragment {
        beginning: true,
        end: true,
        ..Fragment::default()
    };
    for (lens, fragment) in [
        ([1, 1000], whole),
        ([1000, 1], whole),
        ([1000, 1], Fragment::default()),
    ] {
        let mut pair = connected(8, &config, quick_link());
        let now = pair.now();
        let first = pair.a.association.core.identity.initial_tsn;
        let chunks = [(2, lens[0], fragment), (2, lens[1], fragment)];
        let skipped = [(0, 1, whole), (1, 1, whole)];
        for (tsn, (mid, len, fragment)) in (0..).zip(chunks.into_iter().chain(skipped)) {
            let data = IData {
                tsn: first.plus(tsn),
                stream: StreamId(1),
                mid: Serial32(mid),
                ppid: Ppid(53),
                fsn: 0,
                fragment,
                payload: &[7; 1000][..len],
            };
            let packet = packet_for(&pair.b, &data);
            pair.b.association.handle_packet(now, &packet);
        }
        let skipped = [SkippedMessage {
            stream: StreamId(1),
            unordered: false,
            mid: Serial32(2),
        }];
        let forward = IForwardTsn {
            new_cumulative_tsn: first.plus(4),
            messages: SkippedMessages::Owned(&skipped),
        };
        let packet = packet_for(&pair.b, &forward);
        pair.b.association.handle_packet(now, &packet);
        pair.b.collect();
        assert_eq!(held(&pair.b), 0, "{lens:?}");
    }
}
