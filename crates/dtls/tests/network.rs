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

fn run(seed: u64, versions: [Versions; 2], mtu: usize, group: NamedGroup, loss: f64) -> Duration {
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
    let elapsed = connect(&mut pair);
    assert!(
        pair.a.longest <= mtu && pair.b.longest <= mtu,
        "seed {seed}"
    );
    // What was lost on the way to "connected" must not keep coming.
    pair.set_link(LinkConfig::new().delay(Duration::from_millis(20)));
    exchange_data(&mut pair);
    elapsed
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
