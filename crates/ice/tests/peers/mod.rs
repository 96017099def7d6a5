//! Two agents on a simulated network, and the signalling between them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this"
)]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_ice::*;
use gannet_netsim::{Cable, Endpoint, Host, LinkConfig, Network, Router};

pub const A: &str = "192.0.2.1";
pub const B: &str = "198.51.100.2";
pub const PORT: u16 = 5000;

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn at(text: &str) -> SocketAddr {
    SocketAddr::new(ip(text), PORT)
}

/// An agent as a node of the network, with what happened to it.
pub struct Peer {
    pub agent: IceAgent,
    pub states: Vec<IceTransportState>,
    pub role_changes: usize,
    pub selected: Vec<SelectedPair>,
    pub candidates: Vec<Candidate>,
    /// How many of the candidates were given to the other side.
    pub told: usize,
    pub received: Vec<Vec<u8>>,
    pub requests: Vec<Request>,
    pub sent: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    data: Vec<Vec<u8>>,
    /// Drops off the network: sends and hears nothing.
    pub dead: bool,
    pub wakeups: usize,
    pub transmits: usize,
    /// The local ends of "TCP" connections to servers: their ports.
    tcp_ports: Vec<u16>,
    own_ip: Option<IpAddr>,
    /// The local end of a "TCP" connection with the peer.
    pub tcp_port: Option<u16>,
    pub server_errors: Vec<String>,
}

impl Peer {
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            agent: IceAgent::new(config, default_provider(), Rng::insecure_from_u64(seed)),
            states: Vec::new(),
            role_changes: 0,
            selected: Vec::new(),
            candidates: Vec::new(),
            told: 0,
            received: Vec::new(),
            requests: Vec::new(),
            sent: Vec::new(),
            data: Vec::new(),
            dead: false,
            wakeups: 0,
            transmits: 0,
            tcp_ports: Vec::new(),
            own_ip: None,
            tcp_port: None,
            server_errors: Vec::new(),
        }
    }

    pub fn drain_events(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::StateChange(state) => self.states.push(state),
                Event::LocalCandidate(candidate) => self.candidates.push(candidate),
                Event::SelectedPairChange(pair) => self.selected.push(pair),
                Event::RoleChange(_) => self.role_changes += 1,
                Event::ServerError { reason, .. } => self.server_errors.push(reason),
                Event::Request(request) => self.requests.push(request),
                _ => {}
            }
        }
    }

    /// Opens its socket on this address.
    pub fn open(&mut self, now: Instant, ip: IpAddr) {
        self.own_ip = Some(ip);
        self.agent.add_local_host(now, SocketAddr::new(ip, PORT));
        self.agent.set_end_of_local_hosts(now);
        self.drain_events();
        self.connect_servers(now);
    }

    /// A connection to a server is a pair of ports here, and is there at once.
    fn connect_servers(&mut self, now: Instant) {
        let Some(ip) = self.own_ip else { return };
        let connects = self.requests.extract_if(.., |request| {
            matches!(request, Request::ConnectServer { .. })
        });
        for request in connects.collect::<Vec<_>>() {
            if let Request::ConnectServer { id, addresses, .. } = request {
                let port = PORT + 1 + self.tcp_ports.len() as u16;
                self.tcp_ports.push(port);
                let local = SocketAddr::new(ip, port);
                self.agent
                    .handle_server_connected(now, id, local, addresses[0]);
            }
        }
    }

    pub fn send(&mut self, data: &[u8]) {
        self.data.push(data.to_vec());
    }

    pub fn is_connected(&self) -> bool {
        matches!(
            self.agent.state(),
            IceTransportState::Connected | IceTransportState::Completed
        )
    }

    pub fn nominated(&self) -> Option<CandidatePairStats> {
        let mut pairs = self.agent.pair_stats().into_iter();
        pairs.find(|pair| pair.nominated && pair.selected)
    }
}

impl Endpoint for Peer {
    fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        if self.dead {
            return;
        }
        let protocol = match to.port() {
            port if self.tcp_ports.contains(&port) => Protocol::TurnTcp,
            port if self.tcp_port == Some(port) => Protocol::Tcp,
            _ => Protocol::Udp,
        };
        if let Incoming::Data(range) = self.agent.handle_packet(now, to, from, protocol, packet) {
            self.received.push(packet[range].to_vec());
        }
        self.drain_events();
        self.connect_servers(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.wakeups += 1;
        self.agent.handle_timeout(now);
        self.drain_events();
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        if self.dead {
            return None;
        }
        while let Some(data) = self.data.pop() {
            buf.extend_from_slice(&data);
            if let Some(transmit) = self.agent.transmit_data(now, buf, 0) {
                return Some((transmit.local, transmit.remote));
            }
            buf.clear();
        }
        let transmit = self.agent.poll_transmit(now, buf);
        self.drain_events();
        let transmit = transmit?;
        self.transmits += 1;
        Some((transmit.local, transmit.remote))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.dead {
            return None;
        }
        self.agent.poll_timeout()
    }
}

/// Two peers on one internet.
pub struct World {
    pub net: Network,
    pub internet: Router,
    pub a: Host<Peer>,
    pub b: Host<Peer>,
    pub cable_a: Cable,
    pub cable_b: Cable,
}

impl World {
    /// A is at [`A`], B at [`B`]; each has a cable with this configuration.
    pub fn new(seed: u64, a: Config, b: Config, link: &LinkConfig) -> Self {
        let mut net = Network::new(seed).time_limit(secs(600));
        let internet = net.router("the internet");
        let a = net.host("A", Peer::new(a, seed * 2 + 1));
        let b = net.host("B", Peer::new(b, seed * 2 + 2));
        let cable_a = net.attach(a, internet, ip(A), link.clone());
        let cable_b = net.attach(b, internet, ip(B), link.clone());
        let now = net.now();
        net[a].agent.add_local_host(now, at(A));
        net[b].agent.add_local_host(now, at(B));
        net[a].agent.set_end_of_local_hosts(now);
        net[b].agent.set_end_of_local_hosts(now);
        let mut world = Self {
            net,
            internet,
            a,
            b,
            cable_a,
            cable_b,
        };
        world.net[a].drain_events();
        world.net[b].drain_events();
        world
    }

    /// A controls, both are full, and 10 ms lie between each of them and the internet's middle.
    pub fn simple(seed: u64) -> Self {
        let link = LinkConfig::new().delay(ms(10));
        Self::new(
            seed,
            Config::new(Role::Controlling),
            Config::new(Role::Controlled),
            &link,
        )
    }

    pub fn parameters(&mut self, from: Host<Peer>, to: Host<Peer>) {
        let parameters = self.net[from].agent.local_parameters().clone();
        let now = self.net.now();
        self.net[to]
            .agent
            .set_remote_parameters(now, parameters)
            .unwrap();
    }

    /// Carries over what `from` has gathered since.
    pub fn trickle(&mut self, from: Host<Peer>, to: Host<Peer>) {
        let now = self.net.now();
        let told = self.net[from].told;
        let news = self.net[from].candidates[told..].to_vec();
        self.net[from].told += news.len();
        for candidate in news {
            let _ = self.net[to].agent.add_remote_candidate(now, candidate);
        }
    }

    pub fn end_of_candidates(&mut self) {
        let now = self.net.now();
        self.net[self.a].agent.set_end_of_candidates(now);
        self.net[self.b].agent.set_end_of_candidates(now);
    }

    /// Everything at once, both ways.
    pub fn signal(&mut self) {
        let (a, b) = (self.a, self.b);
        self.parameters(a, b);
        self.parameters(b, a);
        self.trickle(a, b);
        self.trickle(b, a);
        self.end_of_candidates();
    }

    pub fn run_until_connected(&mut self) -> Duration {
        let (a, b) = (self.a, self.b);
        self.net
            .run_until(|net| net[a].is_connected() && net[b].is_connected())
    }

    pub fn run_until_nominated(&mut self) -> Duration {
        let (a, b) = (self.a, self.b);
        self.net
            .run_until(|net| net[a].nominated().is_some() && net[b].nominated().is_some())
    }

    /// Both can send to each other.
    pub fn assert_data_flows(&mut self) {
        let (a, b) = (self.a, self.b);
        let before = (self.net[a].received.len(), self.net[b].received.len());
        for _ in 0..20 {
            self.net[a].send(b"\x80 from A");
            self.net[b].send(b"\x80 from B");
            self.net.run_for(ms(100));
        }
        assert!(self.net[a].received.len() > before.0, "A heard nothing");
        assert!(self.net[b].received.len() > before.1, "B heard nothing");
    }

    pub fn states(&self) -> (IceTransportState, IceTransportState) {
        (
            self.net[self.a].agent.state(),
            self.net[self.b].agent.state(),
        )
    }
}
