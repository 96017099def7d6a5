//! Our association against the others, in both roles, over good and bad links.

use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::{LinkConfig, Pair};
use gannet_sctp::Config;
use gannet_sctp_peers::{DcSctp, Ours, RtcSctp, Sctp, SctpProto};

type Boxed = Box<dyn Sctp>;
type Make = fn() -> Boxed;

fn peers() -> Vec<(&'static str, Make)> {
    vec![
        ("dcsctp", || Box::new(DcSctp::new(false))),
        ("dcsctp with I-DATA", || Box::new(DcSctp::new(true))),
        ("sctp-proto", || Box::new(SctpProto::new())),
        ("rtc-sctp", || Box::new(RtcSctp::new())),
    ]
}

fn pattern(seed: usize, len: usize) -> Bytes {
    (0..len)
        .map(|i| (i * 31 + seed * 7 + (i >> 8)) as u8)
        .collect::<Vec<u8>>()
        .into()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    We,
    They,
    Both,
}

fn exchange(name: &str, peer: Make, who: Who, loss: f64, seed: u64) {
    let ours: Boxed = Box::new(Ours::new(seed, Config::default()));
    let link = LinkConfig::new()
        .delay(Duration::from_millis(20))
        .loss(loss);
    let mut pair = Pair::new(seed, ours, peer())
        .link(link)
        .time_limit(Duration::from_secs(300));
    let now = pair.now();
    if who != Who::They {
        pair.a.connect(now);
    }
    if who != Who::We {
        pair.b.connect(now);
    }
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    let sizes = [1, 2, 3, 1000, 1160, 1161, 20_000, 100_000, 5];
    let now = pair.now();
    for (i, size) in sizes.into_iter().enumerate() {
        assert!(pair.a.send(now, pattern(i, size)), "{name}");
        assert!(pair.b.send(now, pattern(i, size)), "{name}");
    }
    let (mut here, mut there) = (Vec::new(), Vec::new());
    pair.run_until(|a, b| {
        here.extend(std::iter::from_fn(|| a.receive()));
        there.extend(std::iter::from_fn(|| b.receive()));
        here.len() == sizes.len() && there.len() == sizes.len()
    });
    for (i, size) in sizes.into_iter().enumerate() {
        assert_eq!(
            here[i],
            pattern(i, size),
            "{name} -> us, {who:?}, loss {loss}"
        );
        assert_eq!(
            there[i],
            pattern(i, size),
            "us -> {name}, {who:?}, loss {loss}"
        );
    }
}

#[test]
fn messages_go_both_ways_in_both_roles() {
    for (name, peer) in peers() {
        for who in [Who::We, Who::They] {
            for (loss, seeds) in [(0.0, 1), (0.05, 5)] {
                for seed in 0..seeds {
                    exchange(name, peer, who, loss, seed);
                }
            }
        }
    }
}

// sctp-proto and rtc-sctp have an endpoint for clients and one for servers: they do not collide.
#[test]
fn both_ends_connect() {
    for seed in 0..5 {
        exchange(
            "dcsctp",
            || Box::new(DcSctp::new(false)),
            Who::Both,
            0.05,
            seed,
        );
        exchange(
            "dcsctp with I-DATA",
            || Box::new(DcSctp::new(true)),
            Who::Both,
            0.05,
            seed,
        );
    }
}
