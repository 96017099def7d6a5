//! Every pair of NATs, with and without TURN: who can reach whom, and how fast.
//!
//! The table is a snapshot, `nat_matrix.txt`; set `UPDATE_SNAPSHOT` to write it anew. A is the controlling
//! side. Both sides have each other's host candidates at the start; all others trickle, with no delay.

mod peers;
#[path = "../../turn/tests/server/mod.rs"]
mod server;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

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
    /// When which candidate was given to the other side.
    told: Vec<(Instant, Candidate)>,
}

/// How long it took until both sides could send data.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// Since both sides had the other's host candidates.
    in_all: Duration,
    /// Since the candidates that make up the path were signalled: its relayed ones come later.
    since_known: Duration,
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
        Self {
            net,
            a,
            b,
            cables,
            told: Vec::new(),
        }
    }

    /// Trickles until both can send data, or the time is over: how long it took.
    fn run(&mut self, limit: Duration) -> Option<Took> {
        let (a, b) = (self.a, self.b);
        let now = self.net.now();
        for (from, to) in [(a, b), (b, a)] {
            let parameters = self.net[from].agent.local_parameters().clone();
            self.net[to]
                .agent
                .set_remote_parameters(now, parameters)
                .unwrap();
        }
        let start = self.net.now();
        let told = &mut self.told;
        let trickled = |net: &mut Network| {
            for (from, to) in [(a, b), (b, a)] {
                let (now, before) = (net.now(), net[from].told);
                let news = net[from].candidates[before..].to_vec();
                net[from].told += news.len();
                for candidate in news {
                    told.push((now, candidate.clone()));
                    let _ = net[to].agent.add_remote_candidate(now, candidate);
                }
            }
            net[a].is_connected() && net[b].is_connected()
        };
        self.net.try_run_until(limit, trickled).ok()?;
        let now = self.net.now();
        Some(Took {
            in_all: now - start,
            since_known: now - self.known_since().unwrap_or(start),
        })
    }

    /// When the last candidate of the selected pairs was signalled. A peer-reflexive one never was.
    fn known_since(&self) -> Option<Instant> {
        let pairs = [self.a, self.b].map(|host| self.net[host].agent.selected_pair());
        let used = pairs.into_iter().flatten();
        let used: Vec<_> = used.flat_map(|pair| [pair.local, pair.remote]).collect();
        let told = self.told.iter().filter(|(_, candidate)| {
            let is_it = |used: &&Candidate| {
                used.socket_address() == candidate.socket_address()
                    && used.candidate_type == candidate.candidate_type
            };
            used.iter().find(is_it).is_some()
        });
        told.map(|(at, _)| *at).max()
    }
}

/// The round-trip time between the two: 20 ms from each to the internet's middle and, behind a box, 5 more.
fn round_trip(kinds: [Kind; 2]) -> Duration {
    let one_way: u64 = kinds
        .iter()
        .map(|kind| if *kind == Open { 20 } else { 25 })
        .sum();
    ms(2 * one_way)
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

/// A cell of the table.
#[derive(Clone, Copy, Debug)]
struct Cell {
    kinds: [Kind; 2],
    turn: bool,
    /// The share that a path loses one way.
    loss: f64,
}

/// A median and a maximum, in round trips of the path.
fn in_round_trips(mut times: Vec<Duration>, round_trip: Duration) -> (f64, f64) {
    times.sort_unstable();
    let of = |time: Option<&Duration>| time.map_or(0.0, |time| time.div_duration_f64(round_trip));
    (of(times.get(times.len() / 2)), of(times.last()))
}

impl Cell {
    /// Runs it over some seeds, and writes its row.
    fn row(self, seeds: u64) -> String {
        let Self { kinds, turn, loss } = self;
        let reachable = can_reach(kinds[0], kinds[1]);
        let expected = turn || reachable;
        let took: Vec<_> = (0..seeds)
            .filter_map(|seed| {
                // The path consists of two cables that lose.
                let cable_loss = 1.0 - (1.0 - loss).sqrt();
                let mut scenario = Scenario::new(seed, kinds, turn, cable_loss);
                let took = scenario.run(if expected { secs(30) } else { secs(12) });
                assert_eq!(took.is_some(), expected, "{self:?}, seed {seed}");
                took
            })
            .collect();
        let rtt = round_trip(kinds);
        let in_all = in_round_trips(took.iter().map(|took| took.in_all).collect(), rtt);
        let known = in_round_trips(took.iter().map(|took| took.since_known).collect(), rtt);
        if loss == 0.0 {
            assert!(!reachable || in_all.1 <= 2.0, "{self:?}: {in_all:?}");
            assert!(known.1 <= 2.0, "{self:?}: {known:?}");
        }
        let (turn, percent) = (if turn { "TURN" } else { "-" }, loss * 100.0);
        let connected = took.len();
        let [a, b] = kinds.map(|kind| format!("{kind:?}"));
        let mut row = format!("{a:14} {b:14} {turn:4} {percent:3} {connected:4}/{seeds}");
        if connected > 0 {
            let ((median, max), (known_median, known_max)) = (in_all, known);
            write!(
                row,
                "  {median:4.1} {max:5.1}   {known_median:4.1} {known_max:5.1}"
            )
            .unwrap();
        }
        row + "\n"
    }
}

fn matrix(seeds: u64) -> String {
    let mut cells = Vec::new();
    for a in KINDS {
        for b in KINDS {
            for turn in [false, true] {
                cells.extend([0.0, 0.1].map(|loss| Cell {
                    kinds: [a, b],
                    turn,
                    loss,
                }));
            }
        }
    }
    // Half of the cells on a thread of their own.
    let rows = std::thread::scope(|scope| {
        let halves = cells.chunks(cells.len().div_ceil(2));
        let halves: Vec<_> = halves
            .map(|half| scope.spawn(|| half.iter().map(|cell| cell.row(seeds)).collect::<String>()))
            .collect();
        halves
            .into_iter()
            .map(|half| half.join().unwrap())
            .collect::<String>()
    });
    let table = "A              B              TURN loss connected  RTTs: median, max; since the \
                 path's candidates were known: median, max\n";
    table.to_owned() + &rows
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
    assert!(scenario.run(secs(30)).unwrap().in_all < secs(1));
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
    peer.agent.handle_resolved(now, id, &[ip("198.51.100.30")]);
    let mut packet = Vec::new();
    let transmit = peer.agent.poll_transmit(now, &mut packet).unwrap();
    assert_eq!(transmit.remote, STUN.parse().unwrap());
    // And one whose name leads nowhere is given up.
    peer.agent.handle_resolved(now, id, &[]);
}
