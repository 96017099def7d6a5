//! Every pair of NATs, with and without TURN: who can reach whom, and how fast.
//!
//! The table is a snapshot, `nat_matrix.txt`; set `UPDATE_SNAPSHOT` to write it anew.

mod peers;
#[path = "../../turn/tests/server/mod.rs"]
mod server;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use gannet_ice::*;
use gannet_netsim::{Cable, Firewall, Host, LinkConfig, Nat, Network, Router};
use peers::*;
use server::{PASSWORD, Server, ServerConfig, USERNAME};

const STUN: &str = "198.51.100.30:3478";
/// Where the firewall lets through: what goes there stands for TCP.
const TURN_TCP: &str = "198.51.100.31:443";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    FullCone,
    Restricted,
    PortRestricted,
    Symmetric,
    Blocked,
}

use Kind::*;

const KINDS: [Kind; 6] = [
    Open,
    FullCone,
    Restricted,
    PortRestricted,
    Symmetric,
    Blocked,
];

/// What theory says without a relay.
fn can_reach(a: Kind, b: Kind) -> bool {
    let hard = |kind| matches!(kind, PortRestricted | Symmetric);
    let blocked = a == Blocked || b == Blocked;
    let never_meet = (a == Symmetric && hard(b)) || (b == Symmetric && hard(a));
    !blocked && !never_meet
}

struct Scenario {
    net: Network,
    a: Host<Peer>,
    b: Host<Peer>,
    cables: Vec<Cable>,
}

fn config(role: Role, turn: bool) -> Config {
    let mut config = Config::new(role);
    config.servers.push(IceServer::Stun {
        address: ServerAddress::Ip(STUN.parse().unwrap()),
    });
    let servers = [(STUN, TurnTransport::Udp), (TURN_TCP, TurnTransport::Tcp)];
    for (address, transport) in servers.into_iter().filter(|_| turn) {
        config.servers.push(IceServer::Turn {
            address: ServerAddress::Ip(address.parse().unwrap()),
            transport,
            username: USERNAME.to_owned(),
            password: PASSWORD.to_owned(),
        });
    }
    config
}

impl Scenario {
    /// 5 ms from each host to its NAT, 20 ms from there to the middle of the internet.
    fn new(seed: u64, kinds: [Kind; 2], turn: bool, loss: f64) -> Self {
        let mut net = Network::new(seed).time_limit(secs(60));
        let internet = net.router("the internet");
        for address in [STUN, TURN_TCP] {
            let address: SocketAddr = address.parse().unwrap();
            let server = net.host("server", Server::new(address, ServerConfig::default()));
            net.attach(server, internet, address.ip(), LinkConfig::new());
        }
        let mut cables = Vec::new();
        let [a, b] = [(0, Role::Controlling), (1, Role::Controlled)].map(|(at, role)| {
            let number = at as u8 + 1;
            let peer = Peer::new(config(role, turn), seed * 2 + at as u64);
            let host = net.host(if at == 0 { "A" } else { "B" }, peer);
            // Datagrams stand for TCP behind the firewall, and TCP does not lose.
            let loss = if kinds[at] == Blocked { 0.0 } else { loss };
            let outside = LinkConfig::new().delay(ms(20)).loss(loss);
            let inside = LinkConfig::new().delay(ms(5));
            let address = [192, 0, 2, number];
            let ip = match nat(&mut net, kinds[at], address) {
                None => {
                    cables.push(net.attach(host, internet, address, outside));
                    address.into()
                }
                Some(nat) => {
                    net.attach(nat, internet, address, outside);
                    let private = [10, 0, number, 2];
                    cables.push(net.attach(host, nat, private, inside));
                    private.into()
                }
            };
            let now = net.now();
            net[host].open(now, ip);
            host
        });
        Self { net, a, b, cables }
    }

    /// Trickles until both are nominated, or the time is over: how long it took.
    fn run(&mut self, limit: Duration) -> Option<Duration> {
        let (a, b) = (self.a, self.b);
        let now = self.net.now();
        for (from, to) in [(a, b), (b, a)] {
            let parameters = self.net[from].agent.local_parameters().clone();
            self.net[to]
                .agent
                .set_remote_parameters(now, parameters)
                .unwrap();
        }
        let trickled = |net: &mut Network| {
            for (from, to) in [(a, b), (b, a)] {
                let (now, told) = (net.now(), net[from].told);
                let news = net[from].candidates[told..].to_vec();
                net[from].told += news.len();
                for candidate in news {
                    let _ = net[to].agent.add_remote_candidate(now, candidate);
                }
            }
            net[a].is_connected() && net[b].is_connected()
        };
        self.net.try_run_until(limit, trickled).ok()
    }
}

fn nat(net: &mut Network, kind: Kind, outside: [u8; 4]) -> Option<Router> {
    Some(match kind {
        Open => return None,
        FullCone => net.middlebox("full cone", Nat::full_cone(outside)),
        Restricted => net.middlebox("restricted", Nat::restricted(outside)),
        PortRestricted => net.middlebox("port-restricted", Nat::port_restricted(outside)),
        Symmetric => net.middlebox("symmetric", Nat::symmetric(outside)),
        Blocked => net.middlebox("firewall", Firewall::new(outside, [443])),
    })
}

/// Runs one cell of the table over some seeds: how many connected, and the median time in ms.
fn cell(kinds: [Kind; 2], turn: bool, loss: f64, seeds: u64) -> (u64, u128) {
    let expected = turn || can_reach(kinds[0], kinds[1]);
    let mut times: Vec<_> = (0..seeds)
        .filter_map(|seed| {
            let mut scenario = Scenario::new(seed, kinds, turn, loss);
            let took = scenario.run(if expected { secs(30) } else { secs(12) });
            assert_eq!(
                took.is_some(),
                expected,
                "{kinds:?}, TURN {turn}, loss {loss}, seed {seed}"
            );
            Some(took?.as_millis())
        })
        .collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    (times.len() as u64, median)
}

fn matrix(seeds: u64) -> String {
    let mut table = String::from("A, B, TURN, loss %: connected of all, median ms\n");
    for (at, a) in KINDS.into_iter().enumerate() {
        for b in KINDS.into_iter().skip(at) {
            for turn in [false, true] {
                for loss in [0.0, 0.05] {
                    let (connected, median) = cell([a, b], turn, loss, seeds);
                    // Lost both ways: the path's loss is that of two cables.
                    let percent = (loss * 200.0) as u32;
                    let turn = if turn { "TURN" } else { "-" };
                    writeln!(
                        table,
                        "{a:?}, {b:?}, {turn}, {percent}: {connected}/{seeds}, {median}"
                    )
                    .unwrap();
                }
            }
        }
    }
    table
}

#[test]
fn who_can_reach_whom() {
    let table = matrix(100);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nat_matrix.txt");
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let snapshot = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(table, snapshot, "the table changed; see UPDATE_SNAPSHOT");
}

#[test]
fn the_reverse_is_the_same() {
    for a in KINDS {
        for b in KINDS {
            cell([b, a], false, 0.0, 1);
            cell([b, a], true, 0.0, 1);
        }
    }
}

#[test]
fn a_relayed_call_lasts_and_uses_channels() {
    let mut scenario = Scenario::new(1, [Symmetric, Symmetric], true, 0.0);
    scenario.run(secs(30)).unwrap();
    let (a, b) = (scenario.a, scenario.b);
    scenario.net.run_for(secs(1500));
    assert!(scenario.net[a].is_connected() && scenario.net[b].is_connected());
    let before = scenario.net[b].received.len();
    for _ in 0..10 {
        scenario.net[a].send(&[0x80; 1200]);
        scenario.net.run_for(ms(200));
    }
    assert_eq!(scenario.net[b].received.len() - before, 10);
    assert_eq!(scenario.net[b].received[before], [0x80; 1200]);
    let states = &scenario.net[a].states;
    assert!(
        !states.contains(&IceTransportState::Disconnected),
        "{states:?}"
    );
    let pair = scenario.net[a].nominated().unwrap();
    let kinds = [pair.local.candidate_type, pair.remote.candidate_type];
    assert!(kinds.contains(&CandidateType::Relayed), "{kinds:?}");
    let _ = &scenario.cables;
}

#[test]
fn a_relay_only_agent_shows_and_uses_nothing_else() {
    let mut scenario = Scenario::new(2, [Open, Open], true, 0.0);
    let a = scenario.a;
    let mut config = config(Role::Controlling, true);
    config.policy = TransportPolicy::Relay;
    scenario.net[a] = Peer::new(config, 77);
    let now = scenario.net.now();
    scenario.net[a].open(now, ip("192.0.2.1"));
    scenario.run(secs(30)).unwrap();
    for candidate in &scenario.net[a].candidates {
        assert_eq!(candidate.candidate_type, CandidateType::Relayed);
        assert!(candidate.related_address.unwrap().ip().is_unspecified());
    }
    let remote = scenario.net[scenario.b]
        .selected
        .last()
        .unwrap()
        .remote
        .clone();
    assert!(
        !remote
            .socket_address()
            .unwrap()
            .ip()
            .to_string()
            .starts_with("192.0.2.")
    );
}

#[test]
fn a_dead_server_does_not_hold_up_gathering() {
    let mut scenario = Scenario::new(3, [FullCone, Open], true, 0.0);
    let a = scenario.a;
    let mut config = config(Role::Controlling, true);
    for servers in 0..2 {
        config.servers.push(IceServer::Stun {
            address: ServerAddress::Ip(SocketAddr::from(([203, 0, 113, 200 + servers], 3478))),
        });
    }
    config.servers.push(IceServer::Turn {
        address: ServerAddress::Ip("203.0.113.210:3478".parse().unwrap()),
        transport: TurnTransport::Udp,
        username: String::new(),
        password: String::new(),
    });
    scenario.net[a] = Peer::new(config, 78);
    let now = scenario.net.now();
    scenario.net[a].open(now, ip("10.0.1.2"));
    assert!(scenario.run(secs(30)).unwrap() < secs(1));
    scenario.net.run_for(secs(11));
    assert_eq!(
        scenario.net[a].agent.gathering_state(),
        IceGatheringState::Complete
    );
    let errors = &scenario.net[a].server_errors;
    assert_eq!(errors.len(), 3, "{errors:?}");
    let kinds: Vec<_> = scenario.net[a]
        .candidates
        .iter()
        .map(|c| c.candidate_type)
        .collect();
    assert!(kinds.contains(&CandidateType::ServerReflexive), "{kinds:?}");
    assert!(kinds.contains(&CandidateType::Relayed), "{kinds:?}");
}

#[test]
fn hidden_addresses_are_announced_by_names() {
    let mut config = config(Role::Controlling, false);
    config.hide_host_addresses = true;
    let mut peer = Peer::new(config, 5);
    peer.open(gannet_netsim::start(), ip("10.0.1.2"));
    let CandidateAddress::Name(name) = &peer.candidates[0].address else {
        panic!("{:?}", peer.candidates[0]);
    };
    assert!(name.ends_with(".local") && name.len() == 42, "{name}");
    let expected = Request::PublishName {
        name: name.clone(),
        address: ip("10.0.1.2"),
    };
    assert!(peer.requests.contains(&expected));
}

#[test]
fn a_one_to_one_nat_announces_its_outside() {
    let mut config = Config::new(Role::Controlling);
    config.nat_1to1.push((ip("10.0.1.2"), ip("203.0.113.5")));
    let mut peer = Peer::new(config, 5);
    peer.open(gannet_netsim::start(), ip("10.0.1.2"));
    assert_eq!(peer.candidates[0].socket_address(), Some(at("203.0.113.5")));
}

#[test]
fn servers_with_names_are_resolved_first() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(IceServer::Stun {
        address: ServerAddress::Name("stun.example.org".to_owned(), 3478),
    });
    let mut peer = Peer::new(config, 6);
    let now = gannet_netsim::start();
    peer.open(now, ip("10.0.1.2"));
    let Request::ResolveName { id, .. } = peer.requests[0].clone() else {
        panic!("{:?}", peer.requests);
    };
    assert_eq!(peer.agent.gathering_state(), IceGatheringState::Gathering);
    peer.agent
        .handle_resolved(now, id, Some(ip("198.51.100.30")));
    let mut packet = Vec::new();
    let transmit = peer.agent.poll_transmit(now, &mut packet).unwrap();
    assert_eq!(transmit.remote, STUN.parse().unwrap());
    // And one whose name leads nowhere is given up.
    peer.agent.handle_resolved(now, id, None);
}
