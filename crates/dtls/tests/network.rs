//! Handshakes over bad networks: loss, reordering, duplication, corruption, small MTUs. All complete.

mod support;

use std::time::Duration;

use gannet_crypto::NamedGroup;
use gannet_dtls::{Config, Version, Versions};
use gannet_netsim::LinkConfig;
use support::{configs, connect, exchange_data, pair};

/// A link that loses, reorders and duplicates.
fn bad_link(loss: f64) -> LinkConfig {
    LinkConfig::new()
        .delay(Duration::from_millis(20))
        .jitter(Duration::from_millis(10))
        .reorder(0.1, Duration::from_millis(15))
        .duplicate(0.05)
        .loss(loss)
}

fn versions() -> [[Versions; 2]; 4] {
    let (only12, only13) = (
        Versions::Only(Version::Dtls12),
        Versions::Only(Version::Dtls13),
    );
    [
        [Versions::Both, Versions::Both],
        [Versions::Both, only12],
        [only12, Versions::Both],
        [only13, only13],
    ]
}

/// What a handshake cost.
struct Cost {
    time: Duration,
    datagrams: u64,
    bytes: u64,
}

fn run(seed: u64, versions: [Versions; 2], mtu: usize, group: NamedGroup, loss: f64) -> Cost {
    let timers = gannet_dtls::Timers {
        handshake: Duration::from_secs(120),
        ..Default::default()
    };
    let [client, server] = configs();
    let set = |config: Config, versions| config.versions(versions).mtu(mtu).timers(timers);
    let configs = [
        set(client, versions[0]).groups([group, NamedGroup::P256]),
        set(server, versions[1]).groups([group, NamedGroup::P256]),
    ];
    let mut pair = pair(seed, configs, bad_link(loss));
    let time = connect(&mut pair);
    let (datagrams, bytes) = (
        pair.a.datagrams + pair.b.datagrams,
        pair.a.bytes + pair.b.bytes,
    );
    assert!(
        pair.a.longest <= mtu && pair.b.longest <= mtu,
        "seed {seed}"
    );
    // What was lost on the way to "connected" must not keep coming.
    pair.set_link(LinkConfig::new().delay(Duration::from_millis(20)));
    exchange_data(&mut pair);
    Cost {
        time,
        datagrams,
        bytes,
    }
}

#[test]
fn handshakes_complete_over_bad_links() {
    let groups = [
        NamedGroup::X25519MlKem768,
        NamedGroup::X25519,
        NamedGroup::P384,
    ];
    let mut seed = 0;
    for versions in versions() {
        for (i, mtu) in [250, 600, 1200, 1500].into_iter().enumerate() {
            for loss in [0.0, 0.1, 0.3, 0.5] {
                seed += 1;
                run(seed, versions, mtu, groups[(i + seed as usize) % 3], loss);
            }
        }
    }
}

/// The whole matrix, printed as the table in `docs/dtls.md`:
/// `cargo test --release -p gannet-dtls --test network -- --ignored --nocapture`, with the number of
/// seeds in the environment variable `SEEDS`.
#[test]
#[ignore = "it takes minutes"]
#[allow(clippy::print_stdout, reason = "it prints a table")]
fn the_whole_matrix() {
    let seeds: u64 = std::env::var("SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(100);
    let names = [
        "1.3 (both offered)",
        "1.2 (server's)",
        "1.2 (client's)",
        "1.3 (only)",
    ];
    println!("| version | MTU | loss | mean ms | 95 % ms | longest ms | datagrams | bytes |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, versions) in names.into_iter().zip(versions()) {
        for mtu in [250, 1200] {
            for loss in [0.0, 0.02, 0.1, 0.3, 0.5] {
                let group = NamedGroup::X25519MlKem768;
                let costs: Vec<Cost> = (0..seeds)
                    .map(|seed| run(seed, versions, mtu, group, loss))
                    .collect();
                print_row(&format!("{name} | {mtu} | {loss}"), &costs);
            }
        }
    }
}

#[allow(clippy::print_stdout, reason = "it prints a table")]
fn print_row(name: &str, costs: &[Cost]) {
    let count = costs.len() as u64;
    let mut times: Vec<u128> = costs.iter().map(|cost| cost.time.as_millis()).collect();
    times.sort_unstable();
    let mean = times.iter().sum::<u128>() / u128::from(count);
    let (most, longest) = (times[times.len() * 95 / 100], times[times.len() - 1]);
    let datagrams = costs.iter().map(|cost| cost.datagrams).sum::<u64>() / count;
    let bytes = costs.iter().map(|cost| cost.bytes).sum::<u64>() / count;
    println!("| {name} | {mean} | {most} | {longest} | {datagrams} | {bytes} |");
}
