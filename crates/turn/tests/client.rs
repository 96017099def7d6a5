//! A client, a server and a peer on a simulated network.

mod server;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_netsim::{Endpoint, Host, LinkConfig, Network};
use gannet_stun::{
    Attribute, AttributeType, Class, ErrorCode, IntegrityAlgorithm, IntegrityKey, Message,
    MessageWriter, Method, PasswordAlgorithm, PasswordAlgorithms, Seal, SecurityFeatures, code,
};
use gannet_turn::*;
use server::*;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const SERVER: &str = "198.51.100.3:3478";
const CLIENT: &str = "192.0.2.1:5000";
const PEER: &str = "203.0.113.5:6000";

struct ClientNode {
    client: Client,
    events: Vec<Event>,
    received: Vec<(SocketAddr, Vec<u8>)>,
    to_send: Vec<(SocketAddr, Vec<u8>)>,
}

impl ClientNode {
    fn drain(&mut self) {
        self.events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    fn failure(&self) -> Option<&AllocateError> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(error) => Some(error),
            _ => None,
        })
    }
}

impl Endpoint for ClientNode {
    fn handle_packet(&mut self, now: Instant, _: SocketAddr, _: SocketAddr, packet: &[u8]) {
        if let Incoming::Data { peer, data } = self.client.handle_packet(now, packet) {
            self.received.push((peer, packet[data].to_vec()));
        }
        self.drain();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        self.drain();
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        while let Some((peer, data)) = self.to_send.pop() {
            buf.extend_from_slice(&data);
            if let Some(server) = self.client.wrap(peer, buf, 0) {
                return Some((at(CLIENT), server));
            }
        }
        Some((at(CLIENT), self.client.poll_transmit(now, buf)?))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }
}

/// Says everything back.
#[derive(Default)]
struct Echo {
    heard: Vec<(SocketAddr, Vec<u8>)>,
    answers: Vec<(SocketAddr, Vec<u8>)>,
}

impl Endpoint for Echo {
    fn handle_packet(&mut self, _: Instant, from: SocketAddr, _: SocketAddr, packet: &[u8]) {
        self.heard.push((from, packet.to_vec()));
        self.answers.push((from, packet.to_vec()));
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
        let (to, bytes) = self.answers.pop()?;
        buf.extend_from_slice(&bytes);
        Some((at(PEER), to))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

struct World {
    net: Network,
    client: Host<ClientNode>,
    server: Host<Server>,
    echo: Host<Echo>,
}

impl World {
    fn new(seed: u64, server: ServerConfig, change: impl FnOnce(&mut Config), loss: f64) -> Self {
        let mut net = Network::new(seed).time_limit(secs(4000));
        let internet = net.router("the internet");
        let mut config = Config::new(at(SERVER), Transport::Udp, USERNAME, PASSWORD);
        change(&mut config);
        let client = Client::new(config, default_provider(), Rng::insecure_from_u64(seed));
        let client = net.host(
            "client",
            ClientNode {
                client,
                events: Vec::new(),
                received: Vec::new(),
                to_send: Vec::new(),
            },
        );
        let server = net.host("server", Server::new(at(SERVER), server));
        let echo = net.host("echo", Echo::default());
        let link = LinkConfig::new()
            .delay(Duration::from_millis(10))
            .loss(loss);
        net.attach(client, internet, at(CLIENT).ip(), link);
        net.attach(server, internet, at(SERVER).ip(), LinkConfig::new());
        net.attach(echo, internet, at(PEER).ip(), LinkConfig::new());
        let now = net.now();
        net[client].client.allocate(now);
        Self {
            net,
            client,
            server,
            echo,
        }
    }

    fn allocated(server: ServerConfig) -> Self {
        let mut world = Self::new(1, server, |_| {}, 0.0);
        world.run_until_allocated();
        world
    }

    fn run_until_allocated(&mut self) -> Duration {
        let client = self.client;
        self.net
            .run_until(|net| net[client].client.state() == State::Allocated)
    }

    fn permit(&mut self) {
        let (client, now) = (self.client, self.net.now());
        let peer = at(PEER).ip();
        self.net[client]
            .client
            .create_permission(now, peer)
            .unwrap();
        self.net
            .run_until(|net| net[client].client.has_permission(peer));
    }

    fn send(&mut self, data: &[u8]) -> bool {
        let client = self.client;
        let before = self.net[client].received.len();
        self.net[client].to_send.push((at(PEER), data.to_vec()));
        self.net.run_for(secs(1));
        let received = &self.net[client].received[before..];
        received
            .iter()
            .any(|(peer, echo)| *peer == at(PEER) && echo == data)
    }

    fn failure(&mut self) -> AllocateError {
        let client = self.client;
        self.net.run_until(|net| net[client].failure().is_some());
        self.net[client].failure().unwrap().clone()
    }
}

#[test]
fn an_allocation_takes_two_round_trips() {
    for modern in [false, true] {
        let config = ServerConfig {
            modern,
            ..ServerConfig::default()
        };
        let mut world = World::new(1, config, |_| {}, 0.0);
        let took = world.run_until_allocated();
        assert_eq!(took, Duration::from_millis(40));
        let expected = Event::Allocated {
            relayed: vec![at("198.51.100.3:49152")],
            mapped: at(CLIENT),
        };
        assert_eq!(world.net[world.client].events, [expected]);
    }
}

#[test]
fn data_goes_by_indication_and_then_by_channel() {
    let mut world = World::allocated(ServerConfig::default());
    assert!(!world.send(b"too early"));
    world.permit();
    for len in [0, 1, 3, 1200] {
        assert!(world.send(&vec![7; len]), "{len} bytes");
    }
    let server = &world.net[world.server];
    assert_eq!((server.sent_by_channel, server.sent_by_indication), (0, 5));
    let now = world.net.now();
    let client = world.client;
    world.net[client]
        .client
        .bind_channel(now, at(PEER))
        .unwrap();
    world.net[client]
        .client
        .bind_channel(now, at(PEER))
        .unwrap();
    world.net.run_for(secs(1));
    assert_eq!(
        world.net[client].events.last(),
        Some(&Event::ChannelBound(at(PEER)))
    );
    for len in [0, 1, 3, 1200] {
        assert!(world.send(&vec![8; len]), "{len} bytes");
    }
    assert_eq!(world.net[world.server].sent_by_channel, 4);
    // The peer sees the relayed address.
    assert_eq!(world.net[world.echo].heard[0].0, at("198.51.100.3:49152"));
}

#[test]
fn everything_is_kept_up_for_an_hour_with_stale_nonces_and_loss() {
    for seed in 0..5 {
        let config = ServerConfig {
            nonce_uses: 3,
            lifetime: secs(300),
            ..ServerConfig::default()
        };
        let mut world = World::new(seed, config, |_| {}, 0.05);
        world.run_until_allocated();
        world.permit();
        let now = world.net.now();
        let client = world.client;
        world.net[client]
            .client
            .bind_channel(now, at(PEER))
            .unwrap();
        world.net.run_for(secs(3600));
        assert_eq!(world.net[client].failure(), None, "seed {seed}");
        assert!((0..10).any(|n| world.send(&[n])), "seed {seed}");
        assert!(world.net[world.server].sent_by_channel > 0);
    }
}

#[test]
fn a_wrong_password_fails_at_once() {
    let wrong = |config: &mut Config| config.password = "under the sea".to_owned();
    let mut world = World::new(1, ServerConfig::default(), wrong, 0.0);
    let error = world.failure();
    assert!(
        matches!(error, AllocateError::Unauthenticated(_)),
        "{error}"
    );
    assert_eq!(world.net[world.server].requests, 2);
    assert_eq!(world.net[world.client].client.poll_timeout(), None);
}

#[test]
fn refusals_are_reported_with_their_code() {
    for refused in [
        code::FORBIDDEN,
        code::UNSUPPORTED_TRANSPORT_PROTOCOL,
        code::ALLOCATION_QUOTA_REACHED,
        code::INSUFFICIENT_CAPACITY,
        code::ADDRESS_FAMILY_NOT_SUPPORTED,
    ] {
        let config = ServerConfig {
            refuse: Some((Method::ALLOCATE, refused)),
            ..ServerConfig::default()
        };
        let mut world = World::new(1, config, |_| {}, 0.0);
        match world.failure() {
            AllocateError::Refused { code, .. } => assert_eq!(code, refused),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_redirection_is_reported() {
    let elsewhere = at("198.51.100.77:3478");
    let config = ServerConfig {
        refuse: Some((Method::ALLOCATE, code::TRY_ALTERNATE)),
        redirect: Some(elsewhere),
        ..ServerConfig::default()
    };
    let mut world = World::new(1, config, |_| {}, 0.0);
    assert_eq!(world.failure(), AllocateError::Redirected(elsewhere));
}

#[test]
fn no_answer_is_a_timeout() {
    let config = ServerConfig {
        stun_only: true,
        ..ServerConfig::default()
    };
    let mut world = World::new(1, config, |_| {}, 0.0);
    assert_eq!(world.failure(), AllocateError::Timeout);
    assert_eq!(world.net.elapsed(), Duration::from_millis(39_500));
}

#[test]
fn a_server_that_forgets_ends_the_allocation() {
    let mut world = World::allocated(ServerConfig::default());
    let server = world.server;
    world.net[server].forget();
    assert_eq!(world.failure(), AllocateError::Lost);
    assert!(world.net.elapsed() < secs(600));
}

#[test]
fn a_refused_permission_is_reported() {
    let config = ServerConfig {
        refuse: Some((Method::CREATE_PERMISSION, code::FORBIDDEN)),
        ..ServerConfig::default()
    };
    let mut world = World::allocated(config);
    let (client, now) = (world.client, world.net.now());
    let peer = at(PEER).ip();
    world.net[client]
        .client
        .create_permission(now, peer)
        .unwrap();
    world.net.run_for(secs(1));
    let expected = Event::PermissionRefused(peer, code::FORBIDDEN);
    assert_eq!(world.net[client].events.last(), Some(&expected));
    assert!(!world.net[client].client.has_permission(peer));
    let v6 = "2001:db8::1".parse().unwrap();
    let refused = world.net[client].client.create_permission(now, v6);
    assert_eq!(refused, Err(PeerError::WrongFamily));
}

#[test]
fn one_address_of_each_family() {
    let config = ServerConfig {
        relay_v6: Some("2001:db8::3".parse().unwrap()),
        ..ServerConfig::default()
    };
    for (families, count) in [
        (AddressFamilies::V4, 1),
        (AddressFamilies::V6, 1),
        (AddressFamilies::Both, 2),
    ] {
        let mut world = World::new(1, config.clone(), |c| c.families = families, 0.0);
        world.run_until_allocated();
        let relayed = world.net[world.client].client.relayed_addresses();
        assert_eq!(relayed.len(), count, "{families:?}");
        assert_eq!(relayed[0].is_ipv4(), families != AddressFamilies::V6);
    }
    // A server without IPv6 has nothing to give.
    let v6 = |config: &mut Config| config.families = AddressFamilies::V6;
    let mut world = World::new(1, ServerConfig::default(), v6, 0.0);
    assert_eq!(world.failure(), AllocateError::NoRelayedAddress);
}

#[test]
fn closing_gives_the_allocation_back() {
    let mut world = World::allocated(ServerConfig::default());
    assert_eq!(world.net[world.server].allocations(), 1);
    let (client, now) = (world.client, world.net.now());
    world.net[client].client.close(now);
    world.net.run_until_idle();
    assert_eq!(world.net[world.server].allocations(), 0);
    assert_eq!(world.net[client].client.state(), State::Closed);
    assert_eq!(world.net[client].failure(), None);
}

#[test]
fn tables_are_bounded_and_strangers_are_not_heard() {
    let mut world = World::allocated(ServerConfig::default());
    let (client, now) = (world.client, world.net.now());
    let mut refused = 0;
    for n in 0..1000_u32 {
        let ip = std::net::IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        let result = world.net[client].client.create_permission(now, ip);
        refused += usize::from(result.is_err());
    }
    assert_eq!(refused, 1000 - 64);

    let mut world = World::allocated(ServerConfig::default());
    let (client, now) = (world.client, world.net.now());
    let indication = {
        use gannet_stun::*;
        let mut bytes = Vec::new();
        let id = TransactionId([1; 12]);
        let mut writer = MessageWriter::new(&mut bytes, Class::Indication, Method::DATA, id);
        writer.attribute(&Attribute::XorPeerAddress(at(PEER)));
        writer.attribute(&Attribute::Data(b"hello"));
        writer.finish(Seal::NONE).unwrap();
        bytes
    };
    let client = &mut world.net[client].client;
    for packet in [
        &indication[..],
        b"\x40\x00\x00\x01a",
        b"\x40",
        b"",
        b"\x00\x01",
    ] {
        assert_eq!(client.handle_packet(now, packet), Incoming::Dropped);
    }
    assert_eq!(client.dropped(), 5);
}

#[test]
fn over_a_stream_a_request_is_sent_once_and_data_is_padded() {
    let mut config = Config::new(at(SERVER), Transport::Tcp, USERNAME, PASSWORD);
    config.lifetime = secs(600);
    let mut client = Client::new(config, default_provider(), Rng::insecure_from_u64(1));
    let mut now = gannet_netsim::start();
    client.allocate(now);
    let mut sent = 0;
    while let Some(at) = client.poll_timeout() {
        now = at;
        while client.poll_transmit(now, &mut Vec::new()).is_some() {
            sent += 1;
        }
        client.handle_timeout(now);
    }
    assert_eq!(sent, 1);
    assert_eq!(
        client.poll_event(),
        Some(Event::Failed(AllocateError::Timeout))
    );
}

/// SHA-256, then MD5 (RFC 8489, section 14.11).
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// A challenge to the client's last request, and what the client sends then.
fn challenge(client: &mut Client, now: Instant, code: u16, list: bool) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    client.poll_transmit(now, &mut request)?;
    let id = Message::parse(&request).unwrap().transaction_id();
    let features = SecurityFeatures {
        password_algorithms: list,
        username_anonymity: list,
    };
    let nonce = match list {
        true => format!("{}first", features.cookie()),
        false => "second".to_owned(),
    };
    let mut answer = Vec::new();
    let mut writer = MessageWriter::new(&mut answer, Class::Error, Method::ALLOCATE, id);
    writer.attribute(&Attribute::ErrorCode(ErrorCode::new(code)));
    writer.attribute(&Attribute::Realm(REALM));
    writer.attribute(&Attribute::Nonce(&nonce));
    if list {
        let algorithms = PasswordAlgorithms::from_bytes(&ALGORITHMS).unwrap();
        writer.attribute(&Attribute::PasswordAlgorithms(algorithms));
    }
    writer.finish(Seal::NONE).unwrap();
    let _ = client.handle_packet(now, &answer);
    let mut next = Vec::new();
    client.poll_transmit(now, &mut next)?;
    Some(next)
}

// Somebody on the path takes PASSWORD-ALGORITHMS out: RFC 8489, section 9.2.5, lets nothing but SHA-256 follow it.
#[test]
fn what_a_server_has_offered_can_not_be_taken_back() {
    let now = gannet_netsim::start();
    let provider = default_provider();
    let algorithm = PasswordAlgorithm::Sha256;
    let key = IntegrityKey::long_term(&provider, USERNAME, REALM, PASSWORD, algorithm).unwrap();
    for code in [code::STALE_NONCE, code::UNAUTHENTICATED] {
        let config = Config::new(at(SERVER), Transport::Udp, USERNAME, PASSWORD);
        let mut client = Client::new(config, provider.clone(), Rng::insecure_from_u64(1));
        client.allocate(now);
        let first = challenge(&mut client, now, code::UNAUTHENTICATED, true).unwrap();
        let first = Message::parse(&first).unwrap();
        assert!(first.verify_with(&key, IntegrityAlgorithm::Sha256).is_ok());
        // That request is on its way: its answer is forged. The client sends it again in between.
        let later = now + secs(1);
        let second = challenge(&mut client, later, code, false);
        if code == code::STALE_NONCE {
            let second = second.unwrap();
            let second = Message::parse(&second).unwrap();
            assert_eq!(second.nonce(), Some("second"));
            assert!(second.verify_with(&key, IntegrityAlgorithm::Sha256).is_ok());
            assert!(second.verify_with(&key, IntegrityAlgorithm::Sha1).is_err());
            assert_eq!(second.username(), None);
            assert!(second.find(AttributeType::PASSWORD_ALGORITHMS).is_some());
        } else {
            assert_eq!(second, None);
            assert!(matches!(
                client.poll_event(),
                Some(Event::Failed(AllocateError::Challenge(_)))
            ));
        }
    }
}
