use std::sync::Mutex;

use super::*;

fn lossy(reliability: Reliability, ordered: bool) -> SendOptions {
    SendOptions {
        ordered,
        reliability,
    }
}

fn abandoned(end: &End) -> usize {
    let is_abandoned = |event: &&Event| matches!(event, Event::MessageAbandoned { .. });
    end.events.iter().filter(is_abandoned).count()
}

#[test]
fn what_is_given_up_is_reported_and_the_rest_arrives_in_order() {
    for seed in 0..40 {
        let interleaving = seed % 2 == 0;
        let config = Config {
            interleaving,
            ..Config::default()
        };
        let link = LinkConfig::new().delay(20 * MS).loss(0.15);
        let mut pair = connected(seed, &config, link);
        let options = lossy(Reliability::MaxRetransmits(0), seed % 4 < 2);
        for i in 0..100_u64 {
            let now = pair.now();
            let len = 8 + (i as usize * 531) % 4000;
            let mut data = pattern(i, len);
            data[..8].copy_from_slice(&i.to_be_bytes());
            pair.a.send_with(now, 1, data, options);
            pair.run_for(5 * MS);
        }
        pair.run_for(Duration::from_secs(5));
        let now = pair.now();
        pair.a.send(now, 1, "the end");
        pair.run_until(|_, b| b.received().last() == Some(&&b"the end"[..]));
        let gone = abandoned(&pair.a);
        let arrived = pair.b.messages.len() - 1;
        assert!(gone > 5, "seed {seed}: {gone}");
        // A message can arrive and count as given up, when its acknowledgement is lost.
        assert!(arrived + gone >= 100, "seed {seed}: {arrived} + {gone}");
        assert!(arrived < 100);
        let mut last = None;
        for message in &pair.b.messages[..arrived] {
            let number = u64::from_be_bytes(*message.data.first_chunk().unwrap());
            let len = 8 + (number as usize * 531) % 4000;
            assert_eq!(message.data[8..], pattern(number, len)[8..]);
            if options.ordered {
                assert!(last < Some(number), "seed {seed}");
            }
            last = Some(number);
        }
    }
}

#[test]
fn limited_retransmissions_are_used() {
    let mut pair = connected(1, &Config::default(), quick_link());
    let mut count = 0;
    pair = pair.intercept(move |direction, packet| {
        let is_data = direction == Direction::AToB && packet.len() > 100;
        count += u32::from(is_data);
        if is_data && (count == 1 || (3..=10).contains(&count)) {
            return gannet_netsim::Verdict::Drop;
        }
        gannet_netsim::Verdict::Pass
    });
    let options = lossy(Reliability::MaxRetransmits(1), true);
    for text in [b'a', b'b'] {
        let now = pair.now();
        pair.a.send_with(now, 1, vec![text; 200], options);
        pair.run_for(Duration::from_secs(4));
    }
    // The first was sent again; the second was lost twice.
    assert_eq!(pair.b.messages.len(), 1);
    assert_eq!(pair.b.messages[0].data[0], b'a');
    assert_eq!(abandoned(&pair.a), 1);
    assert_eq!(pair.a.association.stats().messages_abandoned, 1);
}

#[test]
fn a_message_that_is_too_old_is_not_sent() {
    let link = LinkConfig::new().delay(10 * MS).rate(400_000).queue(20_000);
    let mut pair = connected(2, &Config::default(), link);
    let options = lossy(Reliability::MaxLifetime(200 * MS), true);
    let now = pair.now();
    for _ in 0..40 {
        pair.a.send_with(now, 1, pattern(1, 5000), options);
    }
    pair.run_for(Duration::from_secs(10));
    // 50 kB/s for 0.2 s are two messages; the queue on the way holds a few more.
    let arrived = pair.b.messages.len();
    assert!((1..12).contains(&arrived), "{arrived}");
    assert!(abandoned(&pair.a) >= 40 - arrived);
    assert_eq!(pair.a.association.total_buffered_amount(), 0);
    let now = pair.now();
    pair.a.send(now, 1, "still here");
    pair.run_until(|_, b| b.received().last() == Some(&&b"still here"[..]));
}

#[test]
fn a_large_message_can_be_given_up_half_way() {
    for interleaving in [false, true] {
        let config = Config {
            interleaving,
            ..Config::default()
        };
        let link = LinkConfig::new()
            .delay(10 * MS)
            .rate(1_000_000)
            .queue(30_000);
        let mut pair = connected(3, &config, link);
        let now = pair.now();
        let options = lossy(Reliability::MaxLifetime(300 * MS), true);
        pair.a.send_with(now, 1, pattern(1, 200_000), options);
        pair.a.send(now, 1, "next");
        pair.run_until(|_, b| !b.messages.is_empty());
        assert_eq!(pair.b.received(), [b"next"]);
        assert!(
            pair.elapsed() < Duration::from_secs(3),
            "{:?}",
            pair.elapsed()
        );
        assert_eq!(abandoned(&pair.a), 1);
    }
}

#[test]
fn without_the_extension_everything_is_reliable() {
    let config = Config {
        partial_reliability: false,
        ..Config::default()
    };
    let mut pair = connected(4, &config, quick_link().loss(0.3));
    let options = lossy(Reliability::MaxRetransmits(0), true);
    let now = pair.now();
    for _ in 0..50 {
        pair.a.send_with(now, 1, pattern(1, 1000), options);
    }
    pair.run_until(|_, b| b.messages.len() == 50);
    assert_eq!(abandoned(&pair.a), 0);
}

// RFC 3758, section 3.6: a FORWARD TSN that is behind says nothing, least of all of a stream that has started over.
#[test]
fn a_late_forward_tsn_skips_nothing_of_a_stream_that_was_reset() {
    for interleaving in [false, true] {
        let config = Config {
            interleaving,
            ..Config::default()
        };
        let mut pair = connected(9, &config, quick_link());
        let options = lossy(Reliability::MaxRetransmits(0), true);
        let now = pair.now();
        for _ in 0..5 {
            pair.a.send_with(now, 1, "gone", options);
        }
        // All of them are lost.
        while transmit(&mut pair.a, now).is_some() {}
        let late = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&late);
        pair = pair.intercept(move |direction, packet| {
            let text = chunks(packet).concat();
            if direction == Direction::AToB && text.contains("FORWARD-TSN") {
                *seen.lock().unwrap() = packet.to_vec();
            }
            gannet_netsim::Verdict::Pass
        });
        pair.run_for(Duration::from_secs(5));
        pair.a.association.reset_streams(&[StreamId(1)]).unwrap();
        pair.run_until(|a, _| a.has(&Event::OutgoingStreamsReset(vec![StreamId(1)])));
        let now = pair.now();
        let late = late.lock().unwrap().clone();
        assert!(!late.is_empty());
        pair.b.association.handle_packet(now, &late);
        pair.a.send(now, 1, "new");
        pair.run_for(Duration::from_secs(5));
        assert_eq!(
            pair.b.received().last(),
            Some(&&b"new"[..]),
            "{interleaving}"
        );
    }
}
