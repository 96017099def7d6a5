//! Networks: routes, several addresses, boxes between inside and outside, and changes under way.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_netsim::{
    Cable, Datagram, Direction, Endpoint, Host, LinkConfig, Middlebox, Network, Router, Stuck,
    Verdict,
};

const MS: Duration = Duration::from_millis(1);

/// Sends what it is told to, and keeps what it gets.
#[derive(Debug, Default)]
struct Node {
    outbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    inbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl Node {
    fn send(&mut self, from: &str, to: &str) {
        self.outbox
            .push((address(from), address(to), b"hello".to_vec()));
    }
}

impl Endpoint for Node {
    fn handle_packet(&mut self, _now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        self.inbox.push((from, to, packet.to_vec()));
    }
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_transmit(
        &mut self,
        _now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let (from, to, payload) = self.outbox.pop()?;
        buf.extend(payload);
        Some((from, to))
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Fires at a fixed time: another type of endpoint in the same network.
#[derive(Debug)]
struct Alarm(Option<Instant>);

impl Endpoint for Alarm {
    fn handle_packet(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {}
    fn handle_timeout(&mut self, _now: Instant) {
        self.0 = None;
    }
    fn poll_transmit(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        None
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.0
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}

fn delay(ms: u32) -> LinkConfig {
    LinkConfig::new().delay(MS * ms)
}

struct Town {
    net: Network,
    internet: Router,
    alice: Host<Node>,
    bob: Host<Node>,
    alice_cable: Cable,
}

fn town() -> Town {
    let mut net = Network::new(1);
    let internet = net.router("the internet");
    let alice = net.host("Alice", Node::default());
    let bob = net.host("Bob", Node::default());
    let alice_cable = net.attach(alice, internet, [192, 0, 2, 1], delay(10));
    net.attach(bob, internet, [198, 51, 100, 1], delay(3));
    Town {
        net,
        internet,
        alice,
        bob,
        alice_cable,
    }
}

#[test]
fn datagrams_cross_a_router() {
    let Town {
        mut net,
        alice,
        bob,
        ..
    } = town();
    net[alice].send("192.0.2.1:1000", "198.51.100.1:2000");
    let took = net.run_until(|net| !net[bob].inbox.is_empty());
    assert_eq!(took, 13 * MS);
    let expected = (
        address("192.0.2.1:1000"),
        address("198.51.100.1:2000"),
        b"hello".to_vec(),
    );
    assert_eq!(net[bob].inbox, [expected]);
    assert_eq!(net.name(bob), "Bob");
}

#[test]
fn the_shortest_way_is_taken() {
    let mut net = Network::new(1);
    let routers = ["r0", "r1", "r2", "r3"].map(|name| net.router(name));
    let [a, b] = ["a", "b"].map(|name| net.host(name, Node::default()));
    net.attach(a, routers[0], ip("2001:db8::1"), delay(1));
    net.attach(b, routers[3], ip("2001:db8::2"), delay(1));
    let first = net.connect(routers[0], routers[1], delay(1));
    net.connect(routers[1], routers[2], delay(1));
    net.connect(routers[2], routers[3], delay(1));
    net[a].send("[2001:db8::1]:1", "[2001:db8::2]:1");
    assert_eq!(net.run_until(|net| net[b].inbox.len() == 1), 5 * MS);

    net.connect(routers[0], routers[3], delay(1));
    net[a].send("[2001:db8::1]:1", "[2001:db8::2]:1");
    assert_eq!(net.run_until(|net| net[b].inbox.len() == 2), 3 * MS);
    assert_eq!(net.link_stats(first, Direction::AToB).sent, 1);
    assert_eq!(net.link_stats(first, Direction::BToA).sent, 0);
}

#[test]
fn each_source_address_has_its_cable() {
    let Town {
        mut net,
        internet,
        alice,
        bob,
        alice_cable,
    } = town();
    let lte = net.attach(alice, internet, [203, 0, 113, 9], delay(40));
    net.set_up(alice_cable, false);
    net[alice].send("192.0.2.1:1", "198.51.100.1:1");
    net[alice].send("203.0.113.9:1", "198.51.100.1:1");
    net.run_until_idle();
    assert_eq!(net[bob].inbox.len(), 1);
    assert_eq!(net[bob].inbox[0].0, address("203.0.113.9:1"));
    assert_eq!(net.elapsed(), 43 * MS);
    assert_eq!(net.link_stats(alice_cable, Direction::AToB).down, 1);
    assert_eq!(net.link_stats(lte, Direction::AToB).delivered, 1);
}

#[test]
fn addresses_come_and_go() {
    let Town {
        mut net,
        alice,
        bob,
        alice_cable,
        ..
    } = town();
    net[bob].send("198.51.100.1:1", "192.0.2.1:1");
    net.run_for(5 * MS);
    net.remove_address(alice, [192, 0, 2, 1]);
    net.add_address(alice, alice_cable, [192, 0, 2, 7]);
    net.run_until_idle();
    assert_eq!(
        net[alice].inbox,
        [],
        "the address went while the datagram was under way"
    );
    net[bob].send("198.51.100.1:1", "192.0.2.1:1");
    net[alice].send("192.0.2.1:1", "198.51.100.1:1");
    net.run_until_idle();
    assert_eq!((net.stats().no_route, net.stats().foreign_source), (2, 1));
    net[bob].send("198.51.100.1:1", "192.0.2.7:1");
    net.run_until(|net| net[alice].inbox.len() == 1);
}

#[test]
#[should_panic(expected = "Bob does not have the address 192.0.2.1")]
fn only_an_address_that_is_there_can_be_taken_away() {
    let Town { mut net, bob, .. } = town();
    net.remove_address(bob, [192, 0, 2, 1]);
}

#[test]
fn different_endpoints_and_their_timeouts() {
    let Town { mut net, alice, .. } = town();
    let at = net.now() + 70 * MS;
    let alarm = net.host("alarm", Alarm(Some(at)));
    assert_eq!(net.run_until(|net| net[alarm].0.is_none()), 70 * MS);
    let stuck = net.try_run_until(MS, |net| net[alice].inbox.len() == 1);
    assert_eq!(
        stuck,
        Err(Stuck::Idle {
            after: Duration::ZERO
        })
    );
    assert!(!net.step());
}

#[test]
#[should_panic(expected = "timeout of alarm: due since")]
fn a_livelock_names_the_host() {
    struct Stubborn;
    impl Endpoint for Stubborn {
        fn handle_packet(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_transmit(
            &mut self,
            _: Instant,
            _: &mut Vec<u8>,
        ) -> Option<(SocketAddr, SocketAddr)> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            Some(gannet_netsim::start())
        }
    }
    let mut net = Network::new(1).step_limit(100);
    net.host("alarm", Stubborn);
    net.run_until_idle();
}

/// Translates between one inside and one outside address, and refuses one outside port.
struct OneToOne {
    inside: IpAddr,
    outside: IpAddr,
}

impl Middlebox for OneToOne {
    fn outbound(&mut self, _now: Instant, datagram: &mut Datagram) -> Verdict {
        datagram.from.set_ip(self.outside);
        Verdict::Pass
    }
    fn inbound(&mut self, _now: Instant, datagram: &mut Datagram) -> Verdict {
        datagram.to.set_ip(self.inside);
        if datagram.to.port() == 666 {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    }
}

fn behind_a_box(town: &mut Town) -> (Host<Node>, Host<Node>) {
    let addresses = OneToOne {
        inside: ip("10.0.0.2"),
        outside: ip("203.0.113.5"),
    };
    let home = town.net.middlebox("home", addresses);
    town.net
        .attach(home, town.internet, [203, 0, 113, 5], delay(20));
    let carol = town.net.host("Carol", Node::default());
    let dave = town.net.host("Dave", Node::default());
    town.net.attach(carol, home, [10, 0, 0, 2], delay(1));
    town.net.attach(dave, home, [10, 0, 0, 3], delay(1));
    (carol, dave)
}

#[test]
fn a_middlebox_rewrites_both_ways() {
    let mut town = town();
    let (carol, dave) = behind_a_box(&mut town);
    let Town { mut net, bob, .. } = town;
    net[carol].send("10.0.0.2:5", "198.51.100.1:6");
    net.run_until(|net| net[bob].inbox.len() == 1);
    assert_eq!(net[bob].inbox[0].0, address("203.0.113.5:5"));
    net[bob].send("198.51.100.1:6", "203.0.113.5:5");
    net.run_until(|net| net[carol].inbox.len() == 1);
    assert_eq!(net[carol].inbox[0].1, address("10.0.0.2:5"));

    // What it refuses, and inside addresses seen from outside, go nowhere.
    net[bob].send("198.51.100.1:6", "203.0.113.5:666");
    net[bob].send("198.51.100.1:6", "10.0.0.2:5");
    net.run_until_idle();
    assert_eq!((net.stats().blocked, net.stats().no_route), (1, 1));

    // Inside, neighbours see each other as they are; through the outside address they are turned
    // round.
    net[dave].send("10.0.0.3:9", "10.0.0.2:9");
    net.run_until(|net| net[carol].inbox.len() == 2);
    assert_eq!(net[carol].inbox[1].0, address("10.0.0.3:9"));
    net[dave].send("10.0.0.3:9", "203.0.113.5:9");
    let took = net.run_until(|net| net[carol].inbox.len() == 3);
    assert_eq!(net[carol].inbox[2].0, address("203.0.113.5:9"));
    assert_eq!(took, 2 * MS);
}

#[test]
fn private_addresses_may_repeat() {
    let mut town = town();
    let (carol, _) = behind_a_box(&mut town);
    let addresses = OneToOne {
        inside: ip("10.0.0.2"),
        outside: ip("203.0.113.6"),
    };
    let office = town.net.middlebox("office", addresses);
    town.net
        .attach(office, town.internet, [203, 0, 113, 6], delay(20));
    let erin = town.net.host("Erin", Node::default());
    let switch = town.net.router("switch");
    town.net.connect(office, switch, delay(1));
    town.net.attach(erin, switch, [10, 0, 0, 2], delay(1));
    let mut net = town.net;

    net[carol].send("10.0.0.2:5", "203.0.113.6:6");
    assert_eq!(net.run_until(|net| net[erin].inbox.len() == 1), 43 * MS);
    assert_eq!(net[erin].inbox[0].0, address("203.0.113.5:5"));
}

#[test]
fn a_box_behind_a_box() {
    let mut town = town();
    let outer_addresses = OneToOne {
        inside: ip("10.0.0.2"),
        outside: ip("203.0.113.5"),
    };
    let outer = town.net.middlebox("provider", outer_addresses);
    town.net
        .attach(outer, town.internet, [203, 0, 113, 5], delay(1));
    let inner_addresses = OneToOne {
        inside: ip("192.168.0.2"),
        outside: ip("10.0.0.2"),
    };
    let inner = town.net.middlebox("home", inner_addresses);
    town.net.attach(inner, outer, [10, 0, 0, 2], delay(1));
    let carol = town.net.host("Carol", Node::default());
    town.net.attach(carol, inner, [192, 168, 0, 2], delay(1));
    let Town { mut net, bob, .. } = town;

    net[carol].send("192.168.0.2:5", "198.51.100.1:6");
    net.run_until(|net| net[bob].inbox.len() == 1);
    assert_eq!(net[bob].inbox[0].0, address("203.0.113.5:5"));
    net[bob].send("198.51.100.1:6", "203.0.113.5:5");
    net.run_until(|net| net[carol].inbox.len() == 1);
}

#[test]
fn interceptors_and_captures_see_what_hosts_send() {
    let Town {
        net,
        alice,
        bob,
        alice_cable,
        ..
    } = town();
    let mut net = net.record().intercept(|datagram| {
        if datagram.to.port() == 1 {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    });
    net[alice].send("192.0.2.1:1", "198.51.100.1:1");
    net[alice].send("192.0.2.1:1", "198.51.100.1:2");
    net.run_until_idle();
    assert_eq!(net[bob].inbox.len(), 1);
    assert_eq!(net.stats().intercepted, 1);
    let pcap = net.pcap().expect("it was asked for");
    assert_eq!(pcap.as_bytes().len(), 24 + 16 + 20 + 8 + 5);

    // A datagram that no host has sent.
    let now = net.now();
    let forged = Datagram::new(address("1.2.3.4:5"), address("198.51.100.1:3"), vec![1]);
    net.cable_mut(alice_cable, Direction::AToB)
        .send(now, forged);
    net.run_until(|net| net[bob].inbox.len() == 2);
}

#[test]
fn changed_cables_and_time_limits() {
    let Town {
        mut net,
        alice,
        bob,
        alice_cable,
        ..
    } = town();
    net.set_link(alice_cable, delay(500));
    net[alice].send("192.0.2.1:1", "198.51.100.1:1");
    let late = net.try_run_until(100 * MS, |net| net[bob].inbox.len() == 1);
    assert_eq!(late, Err(Stuck::TimedOut { after: 100 * MS }));
    net.run_for(403 * MS);
    assert_eq!(net[bob].inbox.len(), 1);
    assert_eq!(
        net.cable(alice_cable, Direction::AToB).config(),
        &delay(500)
    );
    assert!(format!("{net:?}").contains("Alice to the internet: LinkStats { sent: 1"));
}
