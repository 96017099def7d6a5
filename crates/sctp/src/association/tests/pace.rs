//! How fast data leaves after something that says nothing of the path.

use super::*;
use crate::congestion::Algorithm;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Model, Algorithm::Cubic, Algorithm::NewReno];

/// Two ends on a path of 100 Mbit/s and 40 ms that have found out what it carries.
fn warm(algorithm: Algorithm) -> Ends {
    let config = Config {
        congestion: algorithm,
        heartbeat_interval: Duration::ZERO,
        ..Config::default()
    };
    let link = LinkConfig::new()
        .delay(20 * MS)
        .rate(100_000_000)
        .queue(500_000);
    let mut pair = connected(3, &config, link)
        .step_limit(u64::MAX)
        .time_limit(Duration::from_secs(100_000));
    transfer(&mut pair, 100);
    pair
}

/// Sends messages of 100 kB, and waits until they have arrived.
fn transfer(pair: &mut Ends, count: u64) -> Duration {
    let now = pair.now();
    let want = pair.b.messages.len() + count as usize;
    for i in 0..count {
        pair.a.send(now, 1, pattern(i, 100_000));
    }
    pair.run_until(|_, b| b.messages.len() == want)
}

// Ten seconds of a few bytes now and then, which say nothing of what the path carries.
#[test]
fn an_application_that_has_little_to_send_does_not_narrow_the_path() {
    for algorithm in ALGORITHMS {
        let mut pair = warm(algorithm);
        let before = transfer(&mut pair, 100);
        for i in 0..200 {
            let now = pair.now();
            pair.a.send(now, 1, pattern(i, 100));
            pair.run_for(50 * MS);
        }
        let after = transfer(&mut pair, 100);
        assert!(
            after < before + before / 4,
            "{algorithm:?}: {before:?}, then {after:?}"
        );
    }
}

// A computer sleeps for an hour while an answer is on its way, and hears it before its timers.
#[test]
fn an_hour_of_sleep_is_no_round_trip() {
    for algorithm in ALGORITHMS {
        let mut pair = warm(algorithm);
        let now = pair.now();
        pair.a.send(now, 1, pattern(1, 100));
        let sent = transmit(&mut pair.a, now).unwrap();
        pair.b.association.handle_packet(now, &sent);
        let delayed = now + 200 * MS;
        pair.b.association.handle_timeout(delayed);
        let answer = transmit(&mut pair.b, delayed).unwrap();
        let slept = Duration::from_secs(3600);
        pair.a.association.handle_packet(now + slept, &answer);
        pair.run_for(slept);
        let took = transfer(&mut pair, 50);
        assert!(took < Duration::from_secs(5), "{algorithm:?}: {took:?}");
        let srtt = pair.a.association.stats().srtt;
        assert!(srtt < Some(100 * MS), "{algorithm:?}: {srtt:?}");
    }
}

// Times of arrival may come from another clock than ours, and be wrong.
#[test]
fn an_answer_from_before_its_question_is_no_round_trip() {
    for algorithm in ALGORITHMS {
        let mut pair = warm(algorithm);
        let before = transfer(&mut pair, 100);
        let min_rtt = pair.a.association.stats().min_rtt;
        let now = pair.now();
        pair.a.send(now, 1, pattern(1, 100));
        let sent = transmit(&mut pair.a, now).unwrap();
        pair.b.association.handle_packet(now, &sent);
        pair.b.association.handle_timeout(now + 200 * MS);
        let answer = transmit(&mut pair.b, now + 200 * MS).unwrap();
        pair.a.association.handle_packet(now - 5 * MS, &answer);
        assert_eq!(pair.a.association.stats().min_rtt, min_rtt);
        let after = transfer(&mut pair, 100);
        assert!(
            after < before + before / 4,
            "{algorithm:?}: {before:?}, then {after:?}"
        );
    }
}

// From a cable to a network that delays, and delays some packets more than others: what is late by less than a round
// trip is not lost, as soon as the round trip of before is forgotten.
#[test]
fn a_path_that_gets_longer_is_not_measured_by_the_one_before() {
    for algorithm in ALGORITHMS {
        let config = Config {
            congestion: algorithm,
            ..Config::default()
        };
        let link = LinkConfig::new().rate(50_000_000).queue(1_000_000);
        let mut pair = connected(1, &config, link.clone()).step_limit(u64::MAX);
        transfer(&mut pair, 10);
        pair.set_link(link.delay(50 * MS).reorder(0.1, 60 * MS));
        for _ in 0..25 {
            transfer(&mut pair, 2);
            pair.run_for(Duration::from_secs(1));
        }
        transfer(&mut pair, 50);
        let took = transfer(&mut pair, 50);
        assert!(took < Duration::from_secs(8), "{algorithm:?}: {took:?}");
    }
}
