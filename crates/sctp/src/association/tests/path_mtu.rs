//! Path MTU discovery, over links that drop what is too large.

use super::*;

fn probing() -> Config {
    Config {
        max_probed_packet_size: Some(1400),
        ..Config::default()
    }
}

fn link(mtu: usize) -> LinkConfig {
    LinkConfig::new()
        .delay(20 * MS)
        .rate(20_000_000)
        .queue(100_000)
        .mtu(mtu)
}

/// Sends messages, and waits until they have arrived as they were sent.
fn transfer(pair: &mut Ends, count: u64) -> Duration {
    let now = pair.now();
    let before = pair.b.messages.len();
    for i in 0..count {
        pair.a.send(now, 1, pattern(i, 100_000));
    }
    let want = before + count as usize;
    let took = pair.run_until(|_, b| b.messages.len() == want);
    for (i, message) in pair.b.messages[before..].iter().enumerate() {
        assert!(message.data == pattern(i as u64, 100_000), "message {i}");
    }
    took
}

#[test]
fn a_large_path_is_used() {
    let mut pair = connected(1, &probing(), link(1500));
    transfer(&mut pair, 20);
    let stats = pair.a.association.stats();
    assert_eq!(stats.packet_size, 1400);
    assert_eq!(stats.mtu_probes, 2, "1,188, then 1,400");
    assert_eq!(stats.timeouts, 0);
    let largest = pair.stats(Direction::AToB).sent_bytes / pair.stats(Direction::AToB).sent;
    assert!(largest > 1300, "{largest} bytes a packet");
}

#[test]
fn the_size_between_is_found_while_data_flows() {
    let mut pair = connected(2, &probing(), link(1300));
    for _ in 0..15 {
        transfer(&mut pair, 20);
    }
    let stats = pair.a.association.stats();
    assert!((1280..=1300).contains(&stats.packet_size), "{stats:?}");
    assert_eq!(stats.timeouts, 0, "only probes were lost");
    assert!(
        pair.stats(Direction::AToB).too_big <= u64::from(3 * 4_u32),
        "three for each size"
    );
}

// The path carries less than the layer above believes, in both directions.
#[test]
fn a_small_path_connects_and_carries_data() {
    for mtu in [508, 600, 1000] {
        let mut pair = strangers(3, &probing(), link(mtu));
        let now = pair.now();
        pair.a.association.connect(now);
        pair.b.association.connect(now);
        let took = transfer(&mut pair, 10);
        assert!(took < Duration::from_secs(10), "{mtu}: {took:?}");
        for _ in 0..12 {
            transfer(&mut pair, 10);
        }
        let stats = pair.a.association.stats();
        assert!(stats.packet_size <= mtu, "{mtu}: {stats:?}");
        assert!(stats.packet_size + 36 > mtu, "{mtu}: {stats:?}");
    }
}

// Without discovery such a path carries nothing: the test above tests something.
#[test]
fn without_discovery_a_small_path_is_a_black_hole() {
    let mut pair = connected(4, &Config::default(), link(1000));
    let now = pair.now();
    pair.a.send(now, 1, pattern(0, 100_000));
    pair.run_for(Duration::from_secs(10));
    assert!(pair.b.messages.is_empty());
}

#[test]
fn a_path_that_shrinks_and_grows_in_mid_transfer_loses_nothing() {
    let mut pair = connected(5, &probing(), link(1500));
    transfer(&mut pair, 20);
    assert_eq!(pair.a.association.stats().packet_size, 1400);
    let now = pair.now();
    for i in 0..60 {
        pair.a.send(now, 1, pattern(i, 100_000));
    }
    pair.run_for(300 * MS);
    // A tunnel is in the way: everything large is lost without a word.
    pair.set_link(link(1200));
    let before = pair.b.messages.len();
    assert!(before < 80, "the transfer is still on");
    let took = pair.run_until(|_, b| b.messages.len() == 80);
    assert!(took < Duration::from_secs(6), "{took:?}");
    let stats = pair.a.association.stats();
    assert!(stats.packet_size <= 1200, "{stats:?}");
    for (i, message) in pair.b.messages[20..].iter().enumerate() {
        assert!(message.data == pattern(i as u64, 100_000), "message {i}");
    }
    // Ten minutes later the path is looked at again.
    pair.set_link(link(1500));
    pair.run_for(Duration::from_secs(620));
    transfer(&mut pair, 20);
    assert_eq!(pair.a.association.stats().packet_size, 1400);
}

// The path shrinks below what two fragments of a message fill together, and small messages still get through: those
// show again and again that the fragments are lost, and must not keep the timeout away that would say why.
#[test]
fn a_path_that_shrinks_is_noticed_while_small_messages_get_through() {
    let mut pair = connected(8, &probing(), link(1500));
    transfer(&mut pair, 20);
    pair.set_link(link(1200));
    let now = pair.now();
    pair.a.send(now, 2, pattern(1, 3000));
    for i in 0..250 {
        let now = pair.now();
        pair.a.send(now, 1, pattern(i, 100));
        pair.run_for(20 * MS);
    }
    let is_large = |message: &Message| message.data.len() == 3000;
    assert!(pair.b.messages.iter().any(is_large));
    let stats = pair.a.association.stats();
    assert!(stats.packet_size <= 1200, "{stats:?}");
}

// Data in both directions, of which one is small.
#[test]
fn each_direction_finds_its_own() {
    let mut pair = connected(6, &probing(), link(1500)).b_to_a(link(900));
    let now = pair.now();
    for i in 0..30 {
        pair.a.send(now, 1, pattern(i, 100_000));
        pair.b.send(now, 1, pattern(i, 50_000));
    }
    pair.run_until(|a, b| b.messages.len() == 30 && a.messages.len() == 30);
    assert_eq!(pair.a.association.stats().packet_size, 1400);
    assert!(pair.b.association.stats().packet_size <= 900);
}

#[test]
fn discovery_starts_over_on_another_path() {
    let mut pair = connected(7, &probing(), link(1500));
    transfer(&mut pair, 10);
    assert_eq!(pair.a.association.stats().packet_size, 1400);
    pair.a.association.set_max_packet_size(1100);
    assert_eq!(pair.a.association.stats().packet_size, 1100);
    transfer(&mut pair, 10);
    assert_eq!(pair.a.association.stats().packet_size, 1400);
}
