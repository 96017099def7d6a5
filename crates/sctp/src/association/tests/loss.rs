//! How loss is found and answered, where the simple cases end.

use super::*;
use crate::packet::{DuplicateTsns, GapBlocks, PacketBuilder, Sack};

/// Cuts the gap blocks of a SACK, as peers do that report few.
fn cut_gap_blocks(packet: &mut Vec<u8>, most: usize) {
    let Ok(parsed) = Packet::parse(packet) else {
        return;
    };
    let mut rebuilt = Vec::new();
    let mut builder = PacketBuilder::new(&mut rebuilt, parsed.header, 65_536);
    for raw in parsed.chunks().map_while(Result::ok) {
        let Ok(Chunk::Sack(sack)) = Chunk::parse(raw) else {
            builder.push_encoded(raw.bytes);
            continue;
        };
        let blocks: Vec<_> = sack.gap_blocks.iter().take(most).collect();
        builder.push(&Sack {
            gap_blocks: GapBlocks::new(&blocks),
            duplicates: DuplicateTsns::new(&[]),
            ..sack
        });
    }
    builder.finish(false);
    *packet = rebuilt;
}

// dcsctp reports 20 gaps, however many there are: what it does not report may have arrived.
#[test]
fn what_a_full_sack_does_not_say_is_not_sent_again() {
    let link = LinkConfig::new()
        .delay(50 * MS)
        .rate(50_000_000)
        .queue(600_000)
        .loss(0.1);
    let mut pair = connected(3, &Config::default(), link.clone().loss(0.0))
        .a_to_b(link)
        .intercept(|direction, packet| {
            if direction == Direction::BToA {
                cut_gap_blocks(packet, 20);
            }
            gannet_netsim::Verdict::Pass
        })
        .step_limit(u64::MAX);
    let now = pair.now();
    for i in 0..40 {
        pair.a.send(now, 1, pattern(i, 200_000));
    }
    pair.run_until(|_, b| b.messages.len() == 40);
    let (sent, arrived) = (pair.a.association.stats(), pair.b.association.stats());
    assert!(
        arrived.chunks_duplicate * 50 < arrived.chunks_received,
        "{} of {} twice",
        arrived.chunks_duplicate,
        arrived.chunks_received
    );
    assert_eq!(sent.timeouts, 0);
}

/// A path of 300 ms whose round-trip time both ends know.
fn long_path(seed: u64) -> Ends {
    let config = Config {
        sack_delay: Duration::ZERO,
        ..Config::default()
    };
    let mut pair = connected(seed, &config, LinkConfig::new().delay(150 * MS));
    for i in 0..20 {
        let now = pair.now();
        pair.a.send(now, 1, pattern(i, 2000));
        pair.run_until(|_, b| b.messages.len() as u64 == i + 1);
        pair.run_for(400 * MS);
    }
    pair
}

// RFC 9260, section 7.2.4: when the first outstanding chunk is sent again, T3-rtx starts anew. It would run
// out while the retransmission is on its way.
#[test]
fn a_fast_retransmission_has_all_the_time_of_a_timeout() {
    let mut pair = long_path(4);
    let rto = pair.a.association.stats().rto;
    assert!(rto < 600 * MS, "{rto:?}");
    let mut count = 0;
    pair = pair.intercept(move |direction, packet| {
        if direction == Direction::AToB && packet.len() > 500 {
            count += 1;
            if count == 1 {
                return gannet_netsim::Verdict::Drop;
            }
        }
        gannet_netsim::Verdict::Pass
    });
    let now = pair.now();
    pair.a.send(now, 1, pattern(9, 8000));
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.b.messages.len(), 21);
    let stats = pair.a.association.stats();
    assert_eq!((stats.fast_recoveries, stats.timeouts), (1, 0));
}

// A burst takes everything that is in flight, and the first probes: later ones find out, without a timeout.
#[test]
fn probes_go_on_through_a_burst_of_loss() {
    let mut pair = connected(5, &Config::default(), LinkConfig::new().delay(5 * MS));
    for i in 0..8 {
        let now = pair.now();
        pair.a.send(now, 1, pattern(i, 3000));
        pair.run_for(100 * MS);
    }
    let mut count = 0;
    pair = pair.intercept(move |direction, packet| {
        if direction == Direction::AToB && packet.len() > 500 {
            count += 1;
            if count <= 8 {
                return gannet_netsim::Verdict::Drop;
            }
        }
        gannet_netsim::Verdict::Pass
    });
    let now = pair.now();
    pair.a.send(now, 1, pattern(9, 4000));
    let took = pair.run_until(|_, b| b.messages.len() == 9);
    let stats = pair.a.association.stats();
    assert_eq!(stats.timeouts, 0, "{stats:?}");
    assert!(stats.tail_loss_probes >= 3, "{stats:?}");
    assert!(took < 400 * MS, "{took:?}");
}

// On a path that is dead the probes end, and T3-rtx is backed off.
#[test]
fn a_dead_path_is_not_probed_for_ever() {
    let mut pair = connected(6, &Config::default(), LinkConfig::new().delay(5 * MS));
    let now = pair.now();
    pair.a.send(now, 1, pattern(1, 4000));
    pair.run_until(|_, b| b.messages.len() == 1);
    pair.set_up(false);
    let now = pair.now();
    pair.a.send(now, 1, pattern(2, 8000));
    let before = pair.a.association.stats().packets_sent;
    pair.run_for(Duration::from_secs(5));
    let early = pair.a.association.stats().packets_sent - before;
    pair.run_for(Duration::from_secs(15));
    let late = pair.a.association.stats().packets_sent - before - early;
    assert!(early < 70, "{early}");
    assert!(late <= 4, "{late}");
    pair.set_up(true);
    pair.run_until(|_, b| b.messages.len() == 2);
}
