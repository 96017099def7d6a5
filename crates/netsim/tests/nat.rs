//! Address translation: which datagrams get through which kind of NAT.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gannet_netsim::{Dependence, Endpoint, Firewall, Host, LinkConfig, Nat, Network, Router};

/// Sends what it is told to, and remembers who sent what to which of its ports.
#[derive(Debug, Default)]
struct Node {
    outbox: Vec<(SocketAddr, SocketAddr)>,
    senders: Vec<SocketAddr>,
}

impl Endpoint for Node {
    fn handle_packet(&mut self, _now: Instant, from: SocketAddr, _to: SocketAddr, _packet: &[u8]) {
        self.senders.push(from);
    }
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_transmit(
        &mut self,
        _now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        buf.push(1);
        self.outbox.pop()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Two hosts behind a NAT, and two outside of it.
struct World {
    net: Network,
    nat: Router,
    inside: Host<Node>,
    neighbour: Host<Node>,
    server: Host<Node>,
    stranger: Host<Node>,
}

const INSIDE: &str = "10.0.0.2:1000";
const NEIGHBOUR: &str = "10.0.0.3:1000";
const SERVER: &str = "192.0.2.1:3478";
const STRANGER: &str = "192.0.2.2:3478";

const OUTSIDE: [u8; 4] = [203, 0, 113, 1];

fn world(nat: Nat) -> World {
    let mut net = Network::new(1);
    let internet = net.router("the internet");
    let nat = net.middlebox("home", nat);
    net.attach(nat, internet, OUTSIDE, LinkConfig::new());
    let [inside, neighbour, server, stranger] =
        ["inside", "neighbour", "server", "stranger"].map(|name| net.host(name, Node::default()));
    net.attach(inside, nat, [10, 0, 0, 2], LinkConfig::new());
    net.attach(neighbour, nat, [10, 0, 0, 3], LinkConfig::new());
    net.attach(server, internet, [192, 0, 2, 1], LinkConfig::new());
    net.attach(stranger, internet, [192, 0, 2, 2], LinkConfig::new());
    World {
        net,
        nat,
        inside,
        neighbour,
        server,
        stranger,
    }
}

impl World {
    /// Sends one datagram, and returns how its receiver sees the sender. `None` if it does not
    /// arrive.
    fn send(&mut self, from: &str, to: SocketAddr) -> Option<SocketAddr> {
        let from: SocketAddr = from.parse().expect("an address");
        let hosts = [self.inside, self.neighbour, self.server, self.stranger];
        let sender = match from.ip().to_string().as_str() {
            "10.0.0.2" => self.inside,
            "10.0.0.3" => self.neighbour,
            "192.0.2.1" => self.server,
            _ => self.stranger,
        };
        self.net[sender].outbox.push((from, to));
        self.net.run_until_idle();
        hosts
            .into_iter()
            .find_map(|host| self.net[host].senders.pop())
    }
}

fn to(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

#[test]
fn who_may_send_back() {
    // To the mapping for the server: the server, its other port, a stranger.
    for (config, expected) in [
        (Nat::full_cone(OUTSIDE), [true, true, true]),
        (Nat::restricted(OUTSIDE), [true, true, false]),
        (Nat::port_restricted(OUTSIDE), [true, false, false]),
        (Nat::symmetric(OUTSIDE), [true, false, false]),
    ] {
        let kind = format!("{config:?}");
        let mut world = world(config);
        let outside = world.send(INSIDE, to(SERVER)).expect("nothing stops it");
        assert_eq!(outside.ip(), to("203.0.113.1:0").ip());
        let senders = [SERVER, "192.0.2.1:9", STRANGER];
        let arrived = senders.map(|sender| world.send(sender, outside).is_some());
        assert_eq!(arrived, expected, "{kind}");
        // Once it was sent to, the stranger gets through, to the port that it has seen.
        let seen = world.send(INSIDE, to(STRANGER)).expect("nothing stops it");
        assert!(world.send(STRANGER, seen).is_some());
        assert_eq!(world.net[world.inside].senders, []);
    }
}

#[test]
fn how_many_mappings_there_are() {
    for (mapping, expected) in [
        (Dependence::EndpointIndependent, [true, true]),
        (Dependence::AddressDependent, [true, false]),
        (Dependence::AddressAndPortDependent, [false, false]),
    ] {
        let mut world = world(Nat::new(OUTSIDE, mapping, Dependence::EndpointIndependent));
        let first = world.send(INSIDE, to(SERVER));
        assert_eq!(
            world.send(INSIDE, to(SERVER)),
            first,
            "the same way, the same mapping"
        );
        let same = [
            world.send(INSIDE, to("192.0.2.1:9")),
            world.send(INSIDE, to(STRANGER)),
        ];
        assert_eq!(same.map(|other| other == first), expected, "{mapping:?}");
        assert_ne!(
            world.send("10.0.0.2:1001", to(SERVER)),
            first,
            "each port has its own"
        );
        assert_ne!(
            world.send(NEIGHBOUR, to(SERVER)),
            first,
            "each host has its own"
        );
    }
}

#[test]
fn mappings_and_permissions_time_out() {
    let minute = Duration::from_secs(60);
    let mut world = world(Nat::restricted(OUTSIDE).timeout(minute));
    let outside = world.send(INSIDE, to(SERVER)).expect("nothing stops it");
    world.net.run_for(minute - Duration::from_millis(1));
    assert!(world.send(SERVER, outside).is_some());
    // What comes from outside does not keep it alive.
    world.net.run_for(Duration::from_millis(1));
    assert!(world.send(SERVER, outside).is_none());
    let again = world.send(INSIDE, to(SERVER)).expect("nothing stops it");
    assert_ne!(again, outside);
}

#[test]
fn a_restarted_nat_has_forgotten_everything() {
    let mut world = world(Nat::full_cone(OUTSIDE));
    let outside = world.send(INSIDE, to(SERVER)).expect("nothing stops it");
    let nat = world.nat;
    assert_eq!(world.net.middlebox_mut::<Nat>(nat).mappings(), 1);
    world.net.middlebox_mut::<Nat>(nat).forget();
    assert!(world.send(SERVER, outside).is_none());
    let again = world.send(INSIDE, to(SERVER));
    assert!(again.is_some() && again != Some(outside));
}

#[test]
fn hairpinning_if_it_is_asked_for() {
    for hairpinning in [false, true] {
        let mut world = world(Nat::full_cone(OUTSIDE).hairpinning(hairpinning));
        let neighbour = world.send(NEIGHBOUR, to(SERVER)).expect("nothing stops it");
        let seen = world.send(INSIDE, neighbour);
        assert_eq!(seen.is_some(), hairpinning);
        assert!(seen.is_none_or(|seen| seen.ip() == neighbour.ip()));
        // Directly they always see each other.
        assert_eq!(world.send(INSIDE, to(NEIGHBOUR)), Some(to(INSIDE)));
    }
}

#[test]
fn two_symmetric_nats_cannot_be_punched_but_cones_can() {
    type Kind = fn([u8; 4]) -> Nat;
    let kinds: [(Kind, bool); 2] = [(Nat::port_restricted, true), (Nat::symmetric, false)];
    for (kind, expected) in kinds {
        let mut net = Network::new(1);
        let internet = net.router("the internet");
        let server = net.host("server", Node::default());
        net.attach(server, internet, [192, 0, 2, 1], LinkConfig::new());
        let hosts = [1_u8, 2].map(|i| {
            let outside = [203, 0, 113, i];
            let home = net.middlebox("home", kind(outside));
            net.attach(home, internet, outside, LinkConfig::new());
            let host = net.host("host", Node::default());
            net.attach(host, home, [10, 0, 0, i], LinkConfig::new());
            host
        });
        // Each learns its address from the server, and they send to what the other has learned.
        let own = [to("10.0.0.1:5"), to("10.0.0.2:5")];
        let learned = [0, 1].map(|i| {
            net[hosts[i]].outbox.push((own[i], to(SERVER)));
            net.run_until_idle();
            net[server].senders.pop().expect("nothing stops it")
        });
        for _ in 0..2 {
            net[hosts[0]].outbox.push((own[0], learned[1]));
            net[hosts[1]].outbox.push((own[1], learned[0]));
            net.run_until_idle();
        }
        let met = hosts.map(|host| !net[host].senders.is_empty());
        assert_eq!(met, [expected; 2]);
    }
}

#[test]
fn a_firewall_lets_nothing_through() {
    let mut net = Network::new(1);
    let internet = net.router("the internet");
    let firewall = net.middlebox("office", Firewall::new(OUTSIDE, []));
    net.attach(firewall, internet, [203, 0, 113, 1], LinkConfig::new());
    let inside = net.host("inside", Node::default());
    net.attach(inside, firewall, [10, 0, 0, 2], LinkConfig::new());
    let server = net.host("server", Node::default());
    net.attach(server, internet, [192, 0, 2, 1], LinkConfig::new());
    net[inside].outbox.push((to(INSIDE), to(SERVER)));
    net[server].outbox.push((to(SERVER), to("203.0.113.1:5")));
    net.run_until_idle();
    assert_eq!(
        (net[server].senders.len(), net[inside].senders.len()),
        (0, 0)
    );
    assert_eq!(net.stats().blocked, 2);
}
