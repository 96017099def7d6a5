//! What is promised of messages, resets, restarts and the end, over bad links and many seeds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::CloseReason;

fn config(seed: u64) -> Config {
    Config {
        interleaving: seed.is_multiple_of(2),
        max_init_retransmissions: 30,
        ..Config::default()
    }
}

fn bad_link(seed: u64) -> LinkConfig {
    LinkConfig::new()
        .delay([5, 20, 60][seed as usize % 3] * MS)
        .jitter(2 * MS)
        .loss([0.02, 0.1, 0.25][seed as usize / 3 % 3])
        .duplicate(0.02)
        .reorder(0.05, 10 * MS)
}

/// The data chunks of a packet: TSN and payload.
fn data_chunks(packet: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let Ok(packet) = Packet::parse(packet) else {
        return Vec::new();
    };
    packet
        .chunks()
        .filter_map(|raw| match Chunk::parse(raw.ok()?).ok()? {
            Chunk::Data(data) => Some((data.tsn.0, data.payload.to_vec())),
            Chunk::IData(data) => Some((data.tsn.0, data.payload.to_vec())),
            _ => None,
        })
        .collect()
}

// RFC 7496, section 3.2.1 of RFC 6458: at most so many retransmissions, whoever sends them: fast
// retransmission, timeouts, and probes.
#[test]
fn no_chunk_is_sent_more_often_than_its_policy_allows() {
    for seed in 0..60 {
        let max = [0, 1, 3][seed as usize % 3];
        let counts: Arc<Mutex<HashMap<u32, u32>>> = Arc::default();
        let counted = counts.clone();
        let mut pair =
            connected(seed, &config(seed), bad_link(seed)).intercept(move |direction, packet| {
                if direction == Direction::AToB {
                    for (tsn, _) in data_chunks(packet) {
                        *counted.lock().unwrap().entry(tsn).or_default() += 1;
                    }
                }
                gannet_netsim::Verdict::Pass
            });
        let options = SendOptions {
            ordered: seed % 5 < 3,
            reliability: Reliability::MaxRetransmits(max),
        };
        for i in 0..60 {
            let now = pair.now();
            pair.a
                .send_with(now, 1, pattern(i, 1 + i as usize * 53), options);
            pair.run_for((seed % 4) as u32 * 4 * MS);
        }
        pair.run_for(Duration::from_secs(30));
        let most = counts.lock().unwrap().values().max().copied().unwrap();
        assert!(
            most <= u32::from(max) + 1,
            "seed {seed}: {most} of {max} + 1"
        );
        // Nothing hangs: a reliable message goes through afterwards.
        let now = pair.now();
        pair.a.send(now, 1, "the end");
        pair.run_until(|_, b| b.received().last() == Some(&&b"the end"[..]));
    }
}

// RFC 7496, section 3.1: nothing is sent of a message that is older than its lifetime.
#[test]
fn nothing_is_sent_after_its_lifetime() {
    for seed in 0..60 {
        let clock = Arc::new(AtomicU64::new(0));
        let late = Arc::new(AtomicU64::new(0));
        let (now_ms, too_late) = (clock.clone(), late.clone());
        let link = bad_link(seed).rate(400_000).queue(12_000);
        let mut pair = connected(seed, &config(seed), link).intercept(move |direction, packet| {
            if direction == Direction::AToB {
                for (_, payload) in data_chunks(packet) {
                    let expires = payload.first_chunk().map(|at| u64::from_be_bytes(*at));
                    let now = now_ms.load(Ordering::Relaxed);
                    too_late.fetch_add(u64::from(expires < Some(now)), Ordering::Relaxed);
                }
            }
            gannet_netsim::Verdict::Pass
        });
        let lifetime = [20, 100, 400][seed as usize / 2 % 3];
        let options = SendOptions {
            ordered: seed % 5 < 3,
            reliability: Reliability::MaxLifetime(lifetime * MS),
        };
        for i in 0..1500 {
            let elapsed = pair.elapsed().as_millis() as u64;
            clock.store(elapsed, Ordering::Relaxed);
            if i % 3 == 0 && i < 600 {
                let mut data = pattern(i, 900);
                data[..8].copy_from_slice(&(elapsed + u64::from(lifetime)).to_be_bytes());
                let now = pair.now();
                pair.a.send_with(now, 1, data, options);
            }
            pair.run_for(5 * MS);
        }
        assert_eq!(late.load(Ordering::Relaxed), 0, "seed {seed}");
        let gone = pair.a.association.stats().messages_abandoned;
        let arrived = pair.b.messages.len() as u64;
        assert!(
            gone > 0 && arrived + gone >= 200,
            "seed {seed}: {arrived} {gone}"
        );
    }
}

#[test]
fn resets_in_the_middle_of_traffic_lose_nothing() {
    for seed in 0..60 {
        let mut pair = connected(seed, &config(seed), bad_link(seed));
        let mut sent = [0_u64; 3];
        for round in 0..5 {
            let now = pair.now();
            for stream in 0..3_u16 {
                for _ in 0..4 {
                    let number = &mut sent[usize::from(stream)];
                    let len = 1 + (*number as usize * 797) % 4000;
                    pair.a.send(now, stream, pattern(*number, len));
                    *number += 1;
                }
            }
            // One stream starts over while the others go on.
            let id = StreamId(round % 3);
            pair.run_for((seed % 5) as u32 * 10 * MS);
            pair.a.association.reset_streams(&[id]).unwrap();
            pair.a.events.clear();
            let done = Event::OutgoingStreamsReset(vec![id]);
            pair.run_until(|a, _| a.has(&done));
        }
        let all = sent.iter().sum::<u64>() as usize;
        pair.run_until(|_, b| b.messages.len() == all);
        let mut next = [0_u64; 3];
        for message in &pair.b.messages {
            let number = &mut next[usize::from(message.stream.0)];
            let len = 1 + (*number as usize * 797) % 4000;
            assert!(message.data == pattern(*number, len), "seed {seed}");
            *number += 1;
        }
    }
}

#[test]
fn a_restart_in_the_middle_of_traffic_loses_nothing_that_was_acknowledged() {
    for seed in 0..60 {
        let mut pair = connected(seed, &config(seed), bad_link(seed));
        let now = pair.now();
        for i in 0..10 {
            pair.a.send(now, 1, pattern(i, 2000));
        }
        let acknowledged = |end: &End| match &end.association.state {
            super::super::State::Open(tcb) => {
                end.association.total_buffered_amount() == 0 && tcb.sender.all_acknowledged()
            }
            _ => false,
        };
        pair.run_until(|a, _| acknowledged(a));
        let now = pair.now();
        for i in 10..30 {
            pair.a.send(now, 1, pattern(i, 2000));
        }
        pair.run_for((seed % 6) as u32 * 20 * MS);
        // A loses its memory; what it hears from before is noise to it.
        pair.a = End::new(config(seed), seed + 1_000_000);
        let now = pair.now();
        pair.a.association.connect(now);
        pair.run_until(|a, b| a.is_connected() && b.has(&Event::Restarted));
        let before = pair.b.messages.len();
        assert!((10..=30).contains(&before), "seed {seed}: {before}");
        let now = pair.now();
        for i in 0..10 {
            pair.a.send(now, 1, pattern(100 + i, 2000));
            pair.b.send(now, 1, pattern(i, 2000));
        }
        pair.run_until(|a, b| b.messages.len() == before + 10 && a.messages.len() == 10);
        let numbers = (0..before as u64).chain(100..110);
        for (message, number) in pair.b.messages.iter().zip(numbers) {
            assert!(
                message.data == pattern(number, 2000),
                "seed {seed}: {number}"
            );
        }
    }
}

#[test]
fn a_shutdown_in_the_middle_of_traffic_loses_nothing() {
    for seed in 0..60 {
        let config = Config {
            max_retransmissions: 50,
            ..config(seed)
        };
        let mut pair = connected(seed, &config, bad_link(seed));
        let now = pair.now();
        for i in 0..40 {
            pair.a.send(now, (i % 4) as u16, pattern(i, 3000));
            pair.b.send(now, (i % 4) as u16, pattern(i, 1000));
        }
        pair.run_for((seed % 6) as u32 * 15 * MS);
        pair.a.association.shutdown(pair.now());
        if seed % 7 == 0 {
            pair.b.association.shutdown(pair.now());
        }
        pair.run_until(|a, b| {
            let closed = |end: &End| end.association.close_reason() == Some(&CloseReason::Shutdown);
            closed(a) && closed(b)
        });
        assert_eq!(pair.b.messages.len(), 40, "seed {seed}");
        assert_eq!(pair.a.messages.len(), 40, "seed {seed}");
    }
}
