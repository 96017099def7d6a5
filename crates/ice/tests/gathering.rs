//! Gathering: filters, pools, servers that send us elsewhere, both families, pacing, and giving back.

mod peers;
#[path = "../../turn/tests/server/mod.rs"]
mod server;

use std::net::{IpAddr, SocketAddr};

use gannet_ice::*;
use gannet_netsim::{Host, LinkConfig, Nat, Network, Router};
use gannet_stun::{Method, code};
use peers::*;
use server::{PASSWORD, Server, ServerConfig, USERNAME};

use IceTransportState as S;

const TURN: &str = "198.51.100.30:3478";
const OTHER_TURN: &str = "198.51.100.40:3478";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn turn(address: &str, transport: TurnTransport) -> IceServer {
    IceServer::Turn {
        address: ServerAddress::Ip(addr(address)),
        transport,
        username: USERNAME.to_owned(),
        password: PASSWORD.to_owned(),
    }
}

fn stun(address: &str) -> IceServer {
    IceServer::Stun {
        address: ServerAddress::Ip(addr(address)),
    }
}

/// A and the servers, each with its ways, 10 ms apart from each other.
struct Site {
    net: Network,
    internet: Router,
    a: Host<Peer>,
    servers: Vec<Host<Server>>,
}

impl Site {
    fn new(config: Config, servers: &[(&str, ServerConfig)]) -> Self {
        let mut net = Network::new(1).time_limit(secs(600));
        let internet = net.router("the internet");
        let link = LinkConfig::new().delay(ms(5));
        let servers = servers.iter().map(|(address, config)| {
            let server = net.host("server", Server::new(addr(address), config.clone()));
            net.attach(server, internet, addr(address).ip(), link.clone());
            server
        });
        let servers = servers.collect();
        let a = net.host("A", Peer::new(config, 3));
        net.attach(a, internet, ip(A), link);
        let now = net.now();
        net[a].open(now, ip(A));
        Self {
            net,
            internet,
            a,
            servers,
        }
    }

    fn gather(&mut self) -> Vec<Candidate> {
        let a = self.a;
        self.net
            .run_until(|net| net[a].agent.gathering_state() == IceGatheringState::Complete);
        self.net[a].candidates.clone()
    }

    fn relayed(&mut self) -> Vec<IpAddr> {
        let candidates = self.gather().into_iter();
        let relayed = candidates.filter(|c| c.candidate_type == CandidateType::Relayed);
        relayed.map(|c| c.socket_address().unwrap().ip()).collect()
    }
}

fn refusing(code: u16, redirect: Option<&str>) -> ServerConfig {
    ServerConfig {
        refuse: Some((Method::ALLOCATE, code)),
        redirect: redirect.map(addr),
        ..ServerConfig::default()
    }
}

#[test]
fn a_server_that_sends_us_elsewhere_is_followed() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        let mut config = Config::new(Role::Controlling);
        config.servers.push(turn(TURN, transport));
        let redirects = refusing(code::TRY_ALTERNATE, Some(OTHER_TURN));
        let servers = [(TURN, redirects), (OTHER_TURN, ServerConfig::default())];
        let mut site = Site::new(config, &servers);
        assert_eq!(site.relayed(), [addr(OTHER_TURN).ip()], "{transport:?}");
        assert!(site.net[site.a].server_errors.is_empty());
    }
}

#[test]
fn servers_that_send_us_round_in_circles_are_left() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(turn(TURN, TurnTransport::Udp));
    let there = refusing(code::TRY_ALTERNATE, Some(OTHER_TURN));
    let back = refusing(code::TRY_ALTERNATE, Some(TURN));
    let mut site = Site::new(config, &[(TURN, there), (OTHER_TURN, back)]);
    assert!(site.relayed().is_empty());
    let errors = &site.net[site.a].server_errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let asked: Vec<_> = site
        .servers
        .iter()
        .map(|server| site.net[*server].requests)
        .collect();
    assert_eq!(asked, [4, 4], "twice each, without and with credentials");
}

#[test]
fn a_mismatch_over_tcp_is_tried_again_from_another_port() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(turn(TURN, TurnTransport::Tcp));
    let mut site = Site::new(config, &[(TURN, refusing(code::ALLOCATION_MISMATCH, None))]);
    site.net.run_for(ms(35));
    // The next try finds it in a better mood.
    let server = site.servers[0];
    site.net[server].config.refuse = None;
    assert_eq!(site.relayed(), [addr(TURN).ip()]);
    // The connection that was refused is not left open.
    let requests = &site.net[site.a].requests;
    let [Request::DisconnectServer { .. }] = &requests[..] else {
        panic!("{requests:?}");
    };
}

#[test]
fn a_full_server_is_reported_and_does_not_stop_the_others() {
    for refusal in [code::ALLOCATION_QUOTA_REACHED, code::INSUFFICIENT_CAPACITY] {
        let mut config = Config::new(Role::Controlling);
        config.servers.push(turn(TURN, TurnTransport::Udp));
        config.servers.push(turn(OTHER_TURN, TurnTransport::Tcp));
        let servers = [
            (TURN, refusing(refusal, None)),
            (OTHER_TURN, ServerConfig::default()),
        ];
        let mut site = Site::new(config, &servers);
        assert_eq!(site.relayed(), [addr(OTHER_TURN).ip()]);
        let errors = &site.net[site.a].server_errors;
        assert!(errors[0].contains(&refusal.to_string()), "{errors:?}");
    }
}

#[test]
fn a_server_with_both_families_gives_a_relayed_candidate_of_each() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(turn(TURN, TurnTransport::Udp));
    let v6: IpAddr = "2001:db8::30".parse().unwrap();
    let both = ServerConfig {
        relay_v6: Some(v6),
        ..ServerConfig::default()
    };
    let mut site = Site::new(config, &[(TURN, both)]);
    assert_eq!(site.relayed(), [addr(TURN).ip(), v6]);
    let stats = site.net[site.a].agent.local_candidate_stats();
    let relayed = stats
        .iter()
        .find(|stats| stats.relay_protocol.is_some())
        .unwrap();
    assert_eq!(relayed.relay_protocol, Some(TurnTransport::Udp));
    assert_eq!(relayed.server, Some(ServerAddress::Ip(addr(TURN))));
    assert!(stats[0].server.is_none() && stats[0].is_open);
}

/// A candidate pool: an agent that gathers long before anybody calls.
#[test]
fn a_pooled_agent_keeps_its_mappings_and_connects_at_once() {
    let link = LinkConfig::new().delay(ms(10));
    let mut net = Network::new(9).time_limit(secs(600));
    let internet = net.router("the internet");
    let server = net.host("server", Server::new(addr(TURN), ServerConfig::default()));
    net.attach(server, internet, addr(TURN).ip(), LinkConfig::new());
    // Mappings live as short as they do in the field.
    let hosts = [(1, "203.0.113.1"), (2, "203.0.113.2")].map(|(n, outside)| {
        let nat = Nat::port_restricted(ip(outside)).timeout(secs(30));
        let nat = net.middlebox("home router", nat);
        net.attach(nat, internet, ip(outside), link.clone());
        // The role is not known yet.
        let mut config = Config::new(Role::Controlled);
        config.servers.push(stun(TURN));
        let host = net.host("peer", Peer::new(config, n));
        let private = IpAddr::from([10, 0, n as u8, 2]);
        net.attach(host, nat, private, link.clone());
        let now = net.now();
        net[host].open(now, private);
        host
    });
    let [a, b] = hosts;
    net.run_for(secs(1800));
    for host in hosts {
        assert_eq!(
            net[host].agent.gathering_state(),
            IceGatheringState::Complete
        );
        assert_eq!(
            net[host].candidates.len(),
            2,
            "host and reflexive, told once"
        );
        assert_eq!(net[host].agent.state(), S::New);
    }
    let now = net.now();
    net[a].agent.set_role(Role::Controlling);
    for (from, to) in [(a, b), (b, a)] {
        let parameters = net[from].agent.local_parameters().clone();
        net[to]
            .agent
            .set_remote_parameters(now, parameters)
            .unwrap();
        let candidates: Vec<_> = net[from].agent.local_candidates().cloned().collect();
        for candidate in candidates {
            let _ = net[to].agent.add_remote_candidate(now, candidate);
        }
    }
    net.run_until(|net| net[a].is_connected() && net[b].is_connected());
    assert!(
        net.now() - now <= ms(160),
        "two round trips: {:?}",
        net.now() - now
    );
    // With a nominated pair, consent checks do it, and nothing is asked of the server any more.
    net.run_until(|net| net[a].nominated().is_some() && net[b].nominated().is_some());
    net.run_for(secs(1));
    let sent = net[a].transmits;
    net.run_for(secs(60));
    assert!(net[a].transmits - sent < 60, "{}", net[a].transmits - sent);
}

/// The NAT gives another mapping while an agent waits in the pool.
#[test]
fn a_pooled_mapping_that_changes_is_replaced() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(stun(TURN));
    let mut site = Site::new(config, &[(TURN, ServerConfig::default())]);
    let outside = ip("203.0.113.1");
    let nat = site.net.middlebox("home router", Nat::full_cone(outside));
    site.net
        .attach(nat, site.internet, outside, LinkConfig::new());
    let private = ip("10.0.0.2");
    site.net.attach(site.a, nat, private, LinkConfig::new());
    let now = site.net.now();
    let a = site.a;
    site.net[a]
        .agent
        .add_local_host(now, SocketAddr::new(private, PORT));
    site.gather();
    let reflexive = |net: &Network| {
        let mut candidates = net[a].agent.local_candidates();
        let found = candidates.find(|c| c.candidate_type == CandidateType::ServerReflexive);
        found.and_then(Candidate::socket_address)
    };
    let before = reflexive(&site.net).unwrap();
    let announced = site.net[a].candidates.len();
    site.net.middlebox_mut::<Nat>(nat).forget();
    site.net.run_for(secs(16));
    let after = reflexive(&site.net).unwrap();
    assert_ne!(before, after);
    assert_eq!(after.ip(), outside);
    assert_eq!(
        site.net[a].candidates.len(),
        announced,
        "the end of candidates was said"
    );
}

#[test]
fn addresses_that_the_user_does_not_want_are_not_used() {
    let mut config = Config::new(Role::Controlling);
    config.hosts.addresses = Some(Filter::new(|ip: &IpAddr| !ip.is_loopback()));
    config.remote_addresses = Some(Filter::new(|ip: &IpAddr| *ip != crate::ip(B)));
    let mut peer = Peer::new(config, 1);
    let now = gannet_netsim::start();
    peer.agent.add_local_host(now, addr("127.0.0.1:5000"));
    peer.agent
        .add_local_tcp_listener(now, addr("127.0.0.1:5001"));
    peer.agent.add_local_host(now, addr("0.0.0.0:5000"));
    assert_eq!(peer.agent.local_candidates().count(), 0);
    assert_eq!(peer.agent.stats().unusable_candidates, 3);
    peer.agent.add_local_host(now, at(A));
    assert_eq!(peer.agent.local_candidates().count(), 1);
    let mut remote: Candidate = "1 1 udp 1 198.51.100.2 1000 typ host".parse().unwrap();
    let refused = peer.agent.add_remote_candidate(now, remote.clone());
    assert_eq!(refused, Err(AddRemoteCandidateError::Address));
    remote.address = CandidateAddress::Ip(ip("198.51.100.3"));
    assert_eq!(peer.agent.add_remote_candidate(now, remote), Ok(()));
}

#[test]
fn the_slower_pace_counts() {
    let pace = |own: u64, remote: Option<Option<u64>>| {
        let mut config = Config::new(Role::Controlling);
        config.timers.pacing = ms(own);
        let mut peer = Peer::new(config, 1);
        if let Some(remote) = remote {
            peer.agent.set_remote_pacing(remote.map(ms));
        }
        peer.agent.pacing()
    };
    assert_eq!(pace(50, None), ms(50));
    // Faster than the default only if both want it.
    assert_eq!(pace(10, None), ms(50));
    assert_eq!(pace(10, Some(None)), ms(50));
    assert_eq!(pace(10, Some(Some(20))), ms(20));
    assert_eq!(pace(10, Some(Some(5))), ms(10));
    // Never faster than 5 ms, and never slower than the user or 1 s.
    assert_eq!(pace(1, Some(Some(0))), ms(5));
    assert_eq!(pace(50, Some(Some(4_000_000_000))), secs(1));
    assert_eq!(pace(200, Some(Some(20))), ms(200));
}

/// When the first check is sent again, with this many pairs: later, the more there are.
#[test]
fn retransmissions_wait_until_all_pairs_were_checked_once() {
    for (pairs, at_least) in [(1, 500), (10, 500), (20, 1_000), (60, 3_000)] {
        let mut peer = Peer::new(Config::new(Role::Controlling), 1);
        let mut now = gannet_netsim::start();
        peer.agent.add_local_host(now, at(A));
        let parameters = IceParameters {
            username_fragment: "abcd".to_owned(),
            password: "abcdefghijklmnopqrstuvwx".to_owned(),
            ice_lite: false,
        };
        peer.agent.set_remote_parameters(now, parameters).unwrap();
        for n in 0..pairs {
            let text = format!("{n} 1 udp {} 203.0.113.{n} 1000 typ host", 1000 - n);
            let candidate = text.parse().unwrap();
            peer.agent.add_remote_candidate(now, candidate).unwrap();
        }
        let start = now;
        let mut packet = Vec::new();
        let first = peer.agent.poll_transmit(now, &mut packet).unwrap().remote;
        let again = loop {
            now += ms(10);
            packet.clear();
            match peer.agent.poll_transmit(now, &mut packet) {
                Some(transmit) if transmit.remote == first => break now - start,
                _ => {}
            }
        };
        assert!(
            again >= ms(at_least) && again <= ms(at_least + 100),
            "{pairs}: {again:?}"
        );
    }
}

/// Datagrams stand for the frames of a TCP connection here.
#[test]
fn both_sides_open_a_tcp_connection_at_once() {
    let mut configs = [Role::Controlling, Role::Controlled].map(Config::new);
    for config in &mut configs {
        config.tcp = true;
    }
    let [a, b] = configs;
    let mut world = World::new(4, a, b, &LinkConfig::new().delay(ms(10)));
    let hosts = [world.a, world.b];
    let own = [SocketAddr::new(ip(A), 7000), SocketAddr::new(ip(B), 7001)];
    let now = world.net.now();
    for (host, own) in hosts.into_iter().zip(own) {
        let peer = &mut world.net[host];
        peer.tcp_port = Some(own.port());
        peer.agent.add_local_tcp_simultaneous_open(now, own);
        peer.drain_events();
        let announced = peer.candidates.last().unwrap().to_string();
        assert!(
            announced.ends_with(&format!(
                "{} typ host tcptype so ufrag {}",
                own.port(),
                peer.agent.local_parameters().username_fragment
            )),
            "{announced}"
        );
        // Only that is signalled.
        peer.told = 1;
    }
    let [a, b] = hosts;
    world.parameters(a, b);
    world.parameters(b, a);
    world.trickle(a, b);
    world.trickle(b, a);
    for (host, (own, other)) in hosts.into_iter().zip([(own[0], own[1]), (own[1], own[0])]) {
        world.net[host].drain_events();
        let Some(Request::ConnectPeer { id, address, local }) = world.net[host].requests.pop()
        else {
            panic!("no request to connect");
        };
        assert_eq!((address, local), (other, Some(own)));
        world.net[host].agent.handle_peer_connected(now, id, own);
    }
    world.run_until_nominated();
    let so = CandidateTransport::Tcp(TcpType::SimultaneousOpen);
    for host in hosts {
        let pair = world.net[host].nominated().unwrap();
        assert_eq!((pair.local.transport, pair.remote.transport), (so, so));
    }
    world.assert_data_flows();
}

#[test]
fn unused_relays_are_given_back_if_wanted() {
    for free in [false, true] {
        let mut config = Config::new(Role::Controlling);
        config.servers.push(turn(TURN, TurnTransport::Udp));
        config.free_unused_relays = free;
        let mut site = Site::new(config, &[(TURN, ServerConfig::default())]);
        let mut b = Peer::new(Config::new(Role::Controlled), 8);
        b.open(site.net.now(), ip("203.0.113.2"));
        let b = site.net.host("B", b);
        let link = LinkConfig::new().delay(ms(5));
        site.net.attach(b, site.internet, ip("203.0.113.2"), link);
        site.gather();
        let (a, now) = (site.a, site.net.now());
        for (from, to) in [(a, b), (b, a)] {
            let parameters = site.net[from].agent.local_parameters().clone();
            let candidates = site.net[from].candidates.clone();
            let to = &mut site.net[to].agent;
            to.set_remote_parameters(now, parameters).unwrap();
            for candidate in candidates {
                let _ = to.add_remote_candidate(now, candidate);
            }
            to.set_end_of_candidates(now);
        }
        site.net
            .run_until(|net| net[a].agent.state() == S::Completed);
        let server = site.servers[0];
        assert_eq!(site.net[server].allocations(), 1);
        site.net.run_for(secs(2));
        assert_eq!(site.net[server].allocations(), 1);
        site.net.run_for(secs(2));
        assert_eq!(site.net[server].allocations(), usize::from(!free));
        site.net.run_for(secs(60));
        assert_eq!(site.net[a].agent.state(), S::Completed);
    }
}

/// A laptop that loses its network a hundred times has as many candidates afterwards as before.
#[test]
fn an_interface_that_flaps_gathers_anew_each_time() {
    let mut config = Config::new(Role::Controlling);
    config.servers.push(turn(TURN, TurnTransport::Udp));
    config.servers.push(stun(OTHER_TURN));
    let servers = [
        (TURN, ServerConfig::default()),
        (OTHER_TURN, ServerConfig::default()),
    ];
    let mut site = Site::new(config, &servers);
    let outside = ip("203.0.113.1");
    let nat = site.net.middlebox("home router", Nat::full_cone(outside));
    site.net
        .attach(nat, site.internet, outside, LinkConfig::new());
    let private = ip("10.0.0.2");
    site.net.attach(site.a, nat, private, LinkConfig::new());
    site.gather();
    let a = site.a;
    for round in 0..100 {
        let now = site.net.now();
        site.net[a].agent.remove_local_address(now, ip(A));
        site.net[a].agent.remove_local_address(now, private);
        site.net[a].drain_events();
        assert_eq!(site.net[a].agent.local_candidates().count(), 0, "{round}");
        // Another mapping each time.
        site.net.middlebox_mut::<Nat>(nat).forget();
        site.net.run_for(secs(1));
        let now = site.net.now();
        site.net[a]
            .agent
            .add_local_host(now, SocketAddr::new(private, PORT));
        site.net[a].drain_events();
        site.net.run_for(secs(2));
        let kinds = site.net[a]
            .agent
            .local_candidates()
            .map(|c| c.candidate_type);
        let kinds: Vec<_> = kinds.collect();
        for kind in [
            CandidateType::Host,
            CandidateType::ServerReflexive,
            CandidateType::Relayed,
        ] {
            assert!(kinds.contains(&kind), "{round}: {kinds:?}");
        }
    }
    let limits = Limits::default();
    let all = site.net[a].agent.local_candidate_stats().len();
    assert!(all <= limits.local_candidates, "{all}");
}

/// A connection that no relay can be had of is not left open.
#[test]
fn a_connection_beyond_the_relays_is_given_back() {
    let mut config = Config::new(Role::Controlling);
    config.limits.relays = 1;
    config.servers.push(turn(TURN, TurnTransport::Tcp));
    config.servers.push(turn(OTHER_TURN, TurnTransport::Tcp));
    let mut agent = Peer::new(config, 3).agent;
    let now = gannet_netsim::start();
    agent.add_local_host(now, at(A));
    let mut wanted = Vec::new();
    while let Some(event) = agent.poll_event() {
        if let Event::Request(Request::ConnectServer { id, addresses, .. }) = event {
            wanted.push((id, addresses[0]));
        }
    }
    assert_eq!(wanted.len(), 2);
    for (port, (id, server)) in (6000..).zip(&wanted) {
        let local = SocketAddr::new(ip(A), port);
        agent.handle_server_connected(now, *id, local, *server);
    }
    let events = std::iter::from_fn(|| agent.poll_event());
    let is_given_back = |event| matches!(event, Event::Request(Request::DisconnectServer { id }) if id == wanted[1].0);
    assert!(events.into_iter().any(is_given_back));
}
