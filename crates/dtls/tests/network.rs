//! Handshakes over bad networks: every version, suite, group, kind of certificate and role, over loss,
//! reordering, duplication and small MTUs. All complete, and what they cost is compared with tables.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use gannet_crypto::NamedGroup;
use gannet_dtls::{Certificate, CipherSuite, Config, Role, Timers, Version, Versions};
use gannet_netsim::LinkConfig;
use support::snapshot::{Table, check};
use support::{Kind, certificate, connect, exchange_data, fingerprint, pair};

const LOSSES: [f64; 5] = [0.0, 0.02, 0.1, 0.3, 0.5];
const MTUS: [usize; 4] = [250, 600, 1200, 1500];

/// The two versions with their suites and groups, and what else a hello can lead to.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    /// The client's and the server's.
    versions: [Versions; 2],
    suite: CipherSuite,
    groups: [&'static [NamedGroup]; 2],
    certificates: [Kind; 2],
}

const ONLY_12: Versions = Versions::Only(Version::Dtls12);
const ONLY_13: Versions = Versions::Only(Version::Dtls13);

const GROUPS: [&[NamedGroup]; 4] = [
    &[NamedGroup::X25519MlKem768],
    &[NamedGroup::X25519],
    &[NamedGroup::P256],
    &[NamedGroup::P384],
];

/// Which side has which kind of certificate: each kind in each role, beside P-256 on the other side.
fn certificates() -> Vec<[Kind; 2]> {
    let mut pairs: Vec<_> = Kind::ALL.map(|kind| [kind, Kind::P256]).to_vec();
    pairs.extend(Kind::ALL[1..].iter().map(|kind| [Kind::P256, *kind]));
    pairs
}

/// Every version, suite, group, kind of certificate and role that go together.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in CipherSuite::ALL {
        for group in GROUPS {
            for certificates in certificates() {
                cases.extend(case(suite, group, certificates));
            }
        }
    }
    cases.extend(negotiations());
    cases
}

fn case(suite: CipherSuite, group: &'static [NamedGroup], certificates: [Kind; 2]) -> Option<Case> {
    let version = suite.version();
    let name = match version {
        Version::Dtls12 => "1.2",
        Version::Dtls13 => "1.3",
    };
    let is_rsa = format!("{suite:?}").contains("EcdheRsa");
    let fits = version == Version::Dtls13
        || is_rsa == (certificates[1] == Kind::Rsa) && group[0] != NamedGroup::X25519MlKem768;
    fits.then_some(Case {
        name,
        versions: [Versions::Only(version); 2],
        suite,
        groups: [group; 2],
        certificates,
    })
}

/// Both versions offered, one side with less, and a share that the server has no use for.
fn negotiations() -> [Case; 4] {
    let both = Versions::Both;
    let (all, p256) = (
        &[NamedGroup::X25519MlKem768, NamedGroup::P256][..],
        &[NamedGroup::P256][..],
    );
    [
        ("1.3, both offered", [both; 2], all),
        ("1.3, with a HelloRetryRequest", [ONLY_13; 2], p256),
        ("1.2, the server's only one", [both, ONLY_12], all),
        ("1.2, the client's only one", [ONLY_12, both], all),
    ]
    .map(|(name, versions, server_groups)| Case {
        name,
        versions,
        suite: CipherSuite::Aes128GcmSha256,
        groups: [all, server_groups],
        certificates: [Kind::P256; 2],
    })
}

impl Case {
    fn configs(&self, mtu: usize) -> [Config; 2] {
        let certificates: [&Certificate; 2] = self.certificates.map(certificate);
        let timers = Timers {
            handshake: Duration::from_secs(120),
            ..Timers::default()
        };
        [Role::Client, Role::Server].map(|role| {
            let own = role as usize;
            let config = Config::new(role, certificates[own].clone())
                .remote_fingerprints(fingerprint(certificates[1 - own]))
                .versions(self.versions[own])
                .groups(self.groups[own])
                .mtu(mtu)
                .timers(timers);
            match self.versions == [Versions::Only(self.suite.version()); 2] {
                true => config.suites([self.suite]),
                false => config,
            }
        })
    }

    fn run(&self, seed: u64, mtu: usize, link: LinkConfig) -> Cost {
        let mut pair = pair(seed, self.configs(mtu), link);
        let time = connect(&mut pair);
        let cost = Cost {
            time,
            datagrams: pair.a.datagrams + pair.b.datagrams,
            bytes: pair.a.bytes + pair.b.bytes,
        };
        let longest = pair.a.longest.max(pair.b.longest);
        assert!(longest <= mtu, "seed {seed}, {self:?}: {longest} bytes");
        // What was lost on the way to "connected" must not keep coming.
        pair.set_link(LinkConfig::new().delay(Duration::from_millis(20)));
        exchange_data(&mut pair);
        cost
    }
}

/// What a handshake cost, both sides together, until both were connected.
struct Cost {
    time: Duration,
    datagrams: u64,
    bytes: u64,
}

/// A link that loses, reorders and duplicates.
fn bad_link(loss: f64) -> LinkConfig {
    LinkConfig::new()
        .delay(Duration::from_millis(20))
        .jitter(Duration::from_millis(10))
        .reorder(0.1, Duration::from_millis(15))
        .duplicate(0.05)
        .loss(loss)
}

/// Runs each case `seeds` times over the networks in turn, and sums up by version, loss and MTU.
fn sweep(seeds: usize) -> Table {
    let networks: Vec<_> = LOSSES
        .iter()
        .flat_map(|loss| MTUS.map(|mtu| (*loss, mtu)))
        .collect();
    let mut rows: BTreeMap<_, Vec<Cost>> = BTreeMap::new();
    for (number, case) in cases().iter().enumerate() {
        // Few cases stand for the rows of negotiations, which are not to be of two or three runs.
        let is_alone = case.name.len() > "1.3".len();
        let runs = if is_alone { seeds.max(160) } else { seeds };
        for seed in 0..runs {
            let (loss, mtu) = networks[(seed * 7 + number) % networks.len()];
            let row = rows
                .entry((case.name, (loss * 100.0) as u32, mtu))
                .or_default();
            row.push(case.run((number * 10_000 + seed) as u64, mtu, bad_link(loss)));
        }
    }
    let mut table = Table::new(
        "version | loss % | MTU",
        "runs, mean ms, 95 % ms, longest ms, datagrams, bytes",
    );
    for ((name, loss, mtu), costs) in rows {
        table.row(format!("{name} | {loss} | {mtu}"), summary(costs));
    }
    table
}

fn summary(mut costs: Vec<Cost>) -> Vec<u64> {
    costs.sort_by_key(|cost| cost.time);
    let count = costs.len();
    let ms = |at: usize| costs[at.min(count - 1)].time.as_millis() as u64;
    let mean = |of: fn(&Cost) -> u64| costs.iter().map(of).sum::<u64>() / count as u64;
    vec![
        count as u64,
        mean(|cost| cost.time.as_millis() as u64),
        ms(count * 95 / 100),
        ms(count),
        mean(|cost| cost.datagrams),
        mean(|cost| cost.bytes),
    ]
}

/// A network without faults and a round-trip time of 20 ms, one way being half of a round trip.
#[test]
fn what_handshakes_cost_where_nothing_is_lost() {
    let mut table = Table::new(
        "version | group | certificates",
        "round trips * 10, datagrams, bytes",
    );
    let is_first = |case: &Case| {
        matches!(
            case.suite,
            CipherSuite::Aes128GcmSha256
                | CipherSuite::EcdheEcdsaAes128GcmSha256
                | CipherSuite::EcdheRsaAes128GcmSha256
        )
    };
    for case in cases().iter().filter(|case| is_first(case)) {
        let cost = case.run(1, 1200, support::good_link());
        let [client, server] = case.certificates;
        let mut name = String::new();
        write!(
            name,
            "{} | {:?} | {client:?}, {server:?}",
            case.name, case.groups[0][0]
        )
        .unwrap();
        let round_trips = cost.time.as_millis() as u64 / 2;
        table.row(name, vec![round_trips, cost.datagrams, cost.bytes]);
    }
    // Lengths of ECDSA signatures differ by a few bytes from run to run.
    check("good-network", &table, &[0.0, 0.0, 0.02]);
}

/// A part of the matrix below, with fewer runs: the length of a signature, which is random, can change how
/// a message is cut, and with it what gets lost.
#[test]
fn handshakes_complete_over_bad_networks() {
    check(
        "bad-networks-short",
        &sweep(4),
        &[0.0, 0.5, 1.0, 1.0, 0.3, 0.3],
    );
}

/// The whole matrix, 1,000 runs for each case:
/// `cargo test --release -p gannet-dtls --test network -- --ignored`.
#[test]
#[ignore = "it takes minutes"]
fn every_case_completes_1000_times() {
    check(
        "bad-networks",
        &sweep(1000),
        &[0.0, 0.1, 0.2, 0.5, 0.1, 0.1],
    );
}
