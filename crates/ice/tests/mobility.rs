//! The network changes under a connection: NATs forget, addresses change, interfaces come and go.

mod peers;

use std::net::SocketAddr;
use std::time::Duration;

use gannet_ice::*;
use gannet_netsim::{Cable, Host, LinkConfig, Nat, Network, Router};
use peers::*;

use IceTransportState as S;

const PRIVATE: &str = "10.0.1.2";
const OUTSIDE: &str = "192.0.2.77";

/// A behind a port-restricted NAT, B on the internet.
struct BehindNat {
    net: Network,
    nat: Router,
    a: Host<Peer>,
    b: Host<Peer>,
}

impl BehindNat {
    fn connected(seed: u64, a_role: Role) -> Self {
        let mut net = Network::new(seed).time_limit(secs(600));
        let internet = net.router("the internet");
        let link = LinkConfig::new().delay(ms(10));
        let nat = net.middlebox("home router", Nat::port_restricted(ip(OUTSIDE)));
        net.attach(nat, internet, ip(OUTSIDE), link.clone());
        let a = net.host("A", Peer::new(Config::new(a_role), seed * 2 + 1));
        let b = net.host("B", Peer::new(Config::new(a_role.opposite()), seed * 2 + 2));
        net.attach(a, nat, ip(PRIVATE), link.clone());
        net.attach(b, internet, ip(B), link);
        let now = net.now();
        net[a].open(now, ip(PRIVATE));
        net[b].open(now, ip(B));
        signal(&mut net, a, b);
        net.run_until(|net| net[a].nominated().is_some() && net[b].nominated().is_some());
        net.run_for(secs(1));
        Self { net, nat, a, b }
    }

    /// Where B sends to.
    fn seen_by_b(&self) -> Option<SocketAddr> {
        self.net[self.b]
            .agent
            .selected_pair()?
            .remote
            .socket_address()
    }

    /// Both send 50 packets a second, and it is counted how long one of them hears nothing.
    fn longest_silence(&mut self, during: Duration) -> Duration {
        let (a, b) = (self.a, self.b);
        let end = self.net.now() + during;
        let mut heard = [self.net.now(); 2];
        let mut before = [0; 2];
        let mut longest = Duration::ZERO;
        while self.net.now() < end {
            self.net[a].send(b"\x80 from A");
            self.net[b].send(b"\x80 from B");
            self.net.run_for(ms(20));
            for (at, host) in [a, b].into_iter().enumerate() {
                let count = self.net[host].received.len();
                if count > before[at] {
                    heard[at] = self.net.now();
                }
                before[at] = count;
                longest = longest.max(self.net.now() - heard[at]);
            }
        }
        longest
    }
}

fn signal(net: &mut Network, a: Host<Peer>, b: Host<Peer>) {
    let now = net.now();
    for (from, to) in [(a, b), (b, a)] {
        let parameters = net[from].agent.local_parameters().clone();
        let candidates = net[from].candidates.clone();
        net[to]
            .agent
            .set_remote_parameters(now, parameters)
            .unwrap();
        for candidate in candidates {
            let _ = net[to].agent.add_remote_candidate(now, candidate);
        }
        net[to].agent.set_end_of_candidates(now);
    }
}

#[test]
fn a_nat_that_forgets_is_survived_by_either_role() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..10 {
            let mut world = BehindNat::connected(seed, role);
            let (a, b) = (world.a, world.b);
            let old = world.seen_by_b();
            world.net.run_for(ms(seed * 700));
            world.net.middlebox_mut::<Nat>(world.nat).forget();
            let silence = world.longest_silence(secs(20));
            assert!(silence <= secs(4), "{role:?}, seed {seed}: {silence:?}");
            assert_ne!(world.seen_by_b(), old);
            let states = [&world.net[a].states, &world.net[b].states];
            for states in states {
                assert!(!states.contains(&S::Disconnected), "{role:?}: {states:?}");
            }
            assert!(world.net[a].nominated().is_some() && world.net[b].nominated().is_some());
        }
    }
}

/// More often than there is room for peer-reflexive candidates.
#[test]
fn a_nat_that_forgets_a_hundred_times_is_survived() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut world = BehindNat::connected(13, role);
        for _ in 0..100 {
            world.net.run_for(secs(8));
            let old = world.seen_by_b();
            world.net.middlebox_mut::<Nat>(world.nat).forget();
            world.net.run_for(secs(8));
            assert_ne!(world.seen_by_b(), old, "{role:?}");
        }
        let limits = Limits::default();
        let known = world.net[world.b].agent.remote_candidates().count();
        assert!(known <= limits.peer_reflexive_candidates + 1);
        assert!(world.longest_silence(secs(5)) <= ms(200));
    }
}

#[test]
fn an_idle_nat_that_forgets_is_survived_too() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut world = BehindNat::connected(11, role);
        let old = world.seen_by_b();
        world.net.middlebox_mut::<Nat>(world.nat).forget();
        world.net.run_for(secs(60));
        assert_ne!(world.seen_by_b(), old);
        let silence = world.longest_silence(secs(5));
        assert!(silence <= ms(200), "{silence:?}");
    }
}

/// Consent checks keep the mapping open: nothing else is sent for an hour.
#[test]
fn an_idle_connection_keeps_its_mapping() {
    let mut world = BehindNat::connected(12, Role::Controlled);
    let nat = world.net.middlebox_mut::<Nat>(world.nat);
    *nat = Nat::port_restricted(ip(OUTSIDE)).timeout(secs(30));
    world.net.run_for(secs(30));
    let seen = world.seen_by_b();
    world.net.run_for(secs(3600));
    assert_eq!(world.seen_by_b(), seen);
    assert!(world.net[world.b].is_connected());
}

/// A has moved to another address, and its driver says so.
#[test]
fn an_address_that_changes_is_followed() {
    for role in [Role::Controlling, Role::Controlled] {
        let (a, b) = (Config::new(role), Config::new(role.opposite()));
        let mut world = World::new(3, a, b, &LinkConfig::new().delay(ms(10)));
        world.signal();
        world.run_until_nominated();
        world.net.run_for(secs(1));
        let (a, b, cable) = (world.a, world.b, world.cable_a);
        let other = "192.0.2.200";
        world.net.remove_address(a, ip(A));
        world.net.add_address(a, cable, ip(other));
        let now = world.net.now();
        world.net[a].agent.remove_local_address(now, ip(A));
        world.net[a].agent.add_local_host(now, at(other));
        world.net[a].drain_events();
        // What A announces now reaches B later than A's checks do.
        world.net.run_until(|net| {
            let remote = net[b].agent.selected_pair().map(|pair| pair.remote);
            let followed = remote.is_some_and(|remote| remote.socket_address() == Some(at(other)));
            net[a].nominated().is_some() && followed
        });
        let took = world.net.now() - now;
        assert!(took <= secs(6), "{role:?}: {took:?}");
        world.trickle(a, b);
        world.net.run_for(secs(10));
        world.assert_data_flows();
        assert_eq!(world.states(), (S::Completed, S::Completed));
    }
}

/// A laptop with Wi-Fi and a cable, as seen by B: the Wi-Fi is better and dies without a word.
fn wifi_and_cable(seed: u64, a_role: Role) -> (World, Cable) {
    let (a, b) = (Config::new(a_role), Config::new(a_role.opposite()));
    let mut world = World::new(seed, a, b, &LinkConfig::new().delay(ms(5)));
    let (a, internet) = (world.a, world.internet);
    let cable = LinkConfig::new().delay(ms(30));
    world.net.attach(a, internet, ip("203.0.113.9"), cable);
    let now = world.net.now();
    world.net[a].agent.add_local_host(now, at("203.0.113.9"));
    world.net[a].drain_events();
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(5));
    let wifi = world.cable_a;
    (world, wifi)
}

#[test]
fn when_the_wifi_dies_under_load_the_cable_takes_over() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..5 {
            let (mut world, wifi) = wifi_and_cable(seed, role);
            let (a, b) = (world.a, world.b);
            world.net.set_up(wifi, false);
            let died = world.net.now();
            let heard = [world.net[a].received.len(), world.net[b].received.len()];
            while world.net[a].received.len() == heard[0] || world.net[b].received.len() == heard[1]
            {
                world.net[a].send(b"\x80 from A");
                world.net[b].send(b"\x80 from B");
                world.net.run_for(ms(20));
                let took = world.net.now() - died;
                assert!(took < secs(7), "{role:?}, seed {seed}: {took:?}");
            }
            for host in [a, b] {
                assert!(!world.net[host].states.contains(&S::Failed));
            }
            // And back: the Wi-Fi comes again, with the next restart or failure it may be used.
            world.net.set_up(wifi, true);
            world.net.run_for(secs(60));
            world.assert_data_flows();
            assert_eq!(world.states(), (S::Completed, S::Completed));
        }
    }
}

/// An interface that comes and goes, again and again: tables stay bounded, and the call goes on.
#[test]
fn an_interface_that_flaps_does_no_harm() {
    let (mut world, _) = wifi_and_cable(7, Role::Controlling);
    let (a, b) = (world.a, world.b);
    for _ in 0..100 {
        let now = world.net.now();
        world.net[a].agent.remove_local_address(now, ip(A));
        world.net[a].drain_events();
        world.net.run_for(secs(3));
        let now = world.net.now();
        world.net[a].agent.add_local_host(now, at(A));
        world.net[a].drain_events();
        world.net.run_for(secs(3));
        assert!(world.net[a].is_connected() && world.net[b].is_connected());
    }
    assert!(world.net[a].agent.local_candidates().count() <= 2);
    assert!(world.net[a].agent.pair_stats().len() <= 2);
    assert!(world.net[b].agent.pair_stats().len() <= 2);
    world.assert_data_flows();
}
