//! A STUN and TURN server, as small as tests can do with: a node of a simulated network, or
//! ([`sockets`]) a program.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this"
)]

pub mod sockets;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, default_provider};
use gannet_netsim::Endpoint;
use gannet_stun::*;

pub const USERNAME: &str = "gannet";
pub const PASSWORD: &str = "over the sea";
pub const REALM: &str = "example.org";

/// What a server does out of the ordinary.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub lifetime: Duration,
    /// A nonce is good for so many requests.
    pub nonce_uses: u32,
    /// Offers PASSWORD-ALGORITHMS and anonymous user names.
    pub modern: bool,
    /// Refuses this method with this code.
    pub refuse: Option<(Method, u16)>,
    /// Refuses by redirecting there.
    pub redirect: Option<SocketAddr>,
    pub relay_v6: Option<IpAddr>,
    /// Answers only Binding requests.
    pub stun_only: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(600),
            nonce_uses: u32::MAX,
            modern: false,
            refuse: None,
            redirect: None,
            relay_v6: None,
            stun_only: false,
        }
    }
}

#[derive(Debug)]
struct Allocation {
    client: SocketAddr,
    relayed: Vec<SocketAddr>,
    expires: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    channels: Vec<(ChannelNumber, SocketAddr, Instant)>,
}

/// The server.
pub struct Server {
    pub address: SocketAddr,
    pub config: ServerConfig,
    provider: Arc<dyn CryptoProvider>,
    allocations: Vec<Allocation>,
    outgoing: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Gives the port of the next relayed address.
    pub ports: Box<dyn FnMut() -> u16 + Send>,
    nonce: u32,
    uses: u32,
    /// Counts what the tests ask about.
    pub requests: u32,
    pub sent_by_channel: u32,
    pub sent_by_indication: u32,
}

impl Server {
    pub fn new(address: SocketAddr, config: ServerConfig) -> Self {
        Self {
            address,
            config,
            provider: default_provider(),
            allocations: Vec::new(),
            outgoing: VecDeque::new(),
            ports: {
                let mut ports = 49_152..;
                Box::new(move || ports.next().unwrap())
            },
            nonce: 0,
            uses: 0,
            requests: 0,
            sent_by_channel: 0,
            sent_by_indication: 0,
        }
    }

    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// The relayed addresses of all allocations.
    pub fn relayed_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let allocations = self.allocations.iter();
        allocations.flat_map(|allocation| allocation.relayed.iter().copied())
    }

    /// Forgets everything, as after a crash.
    pub fn forget(&mut self) {
        self.allocations.clear();
    }

    fn nonce(&self) -> String {
        let features = SecurityFeatures {
            password_algorithms: self.config.modern,
            username_anonymity: self.config.modern,
        };
        let cookie = if self.config.modern {
            features.cookie()
        } else {
            String::new()
        };
        format!("{cookie}{:08}", self.nonce)
    }

    fn key(&self) -> IntegrityKey {
        let algorithm = match self.config.modern {
            true => PasswordAlgorithm::Sha256,
            false => PasswordAlgorithm::Md5,
        };
        let key = IntegrityKey::long_term(&self.provider, USERNAME, REALM, PASSWORD, algorithm);
        key.unwrap()
    }

    fn respond(
        &mut self,
        to: SocketAddr,
        request: &Message<'_>,
        class: Class,
        seal: bool,
        attributes: &[Attribute<'_>],
    ) {
        let mut bytes = Vec::new();
        let id = request.transaction_id();
        let mut writer = MessageWriter::new(&mut bytes, class, request.method(), id);
        for attribute in attributes {
            writer.attribute(attribute);
        }
        let key = self.key();
        let seal = match (seal, self.config.modern) {
            (false, _) => Seal::NONE,
            (true, false) => Seal::sha1(&key),
            (true, true) => Seal::sha256(&key),
        };
        writer.finish(seal.with_fingerprint()).unwrap();
        self.outgoing.push_back((self.address, to, bytes));
    }

    fn challenge(&mut self, to: SocketAddr, request: &Message<'_>, code: u16) {
        let nonce = self.nonce();
        // SHA-256, then MD5.
        let list = [0, 2, 0, 0, 0, 1, 0, 0];
        let mut attributes = vec![
            Attribute::ErrorCode(ErrorCode::new(code)),
            Attribute::Realm(REALM),
            Attribute::Nonce(&nonce),
        ];
        if self.config.modern {
            let list = PasswordAlgorithms::from_bytes(&list).unwrap();
            attributes.push(Attribute::PasswordAlgorithms(list));
        }
        self.respond(to, request, Class::Error, false, &attributes);
    }

    fn handle_request(&mut self, now: Instant, from: SocketAddr, request: &Message<'_>) {
        if request.method() == Method::BINDING {
            let mapped = [Attribute::XorMappedAddress(from)];
            self.respond(from, request, Class::Success, false, &mapped);
            return;
        }
        if self.config.stun_only {
            return;
        }
        self.requests += 1;
        if !request.has_integrity() || request.verify(&self.key()).is_err() {
            self.challenge(from, request, code::UNAUTHENTICATED);
            return;
        }
        let by_hash = request.find(AttributeType::USERHASH).is_some();
        assert_eq!(
            by_hash, self.config.modern,
            "the name comes as the nonce asks"
        );
        self.uses += 1;
        if self.uses >= self.config.nonce_uses {
            self.uses = 0;
            self.nonce += 1;
        }
        if request.nonce() != Some(&self.nonce()) {
            self.challenge(from, request, code::STALE_NONCE);
            return;
        }
        if let Some((method, code)) = self.config.refuse
            && method == request.method()
        {
            let mut attributes = vec![Attribute::ErrorCode(ErrorCode::new(code))];
            attributes.extend(self.config.redirect.map(Attribute::AlternateServer));
            self.respond(from, request, Class::Error, true, &attributes);
            return;
        }
        if request.method() == Method::ALLOCATE {
            self.allocate(now, from, request);
        } else {
            self.change(now, from, request);
        }
    }

    fn allocate(&mut self, now: Instant, client: SocketAddr, request: &Message<'_>) {
        if self.allocations.iter().any(|a| a.client == client) {
            let error = [Attribute::ErrorCode(ErrorCode::new(
                code::ALLOCATION_MISMATCH,
            ))];
            self.respond(client, request, Class::Error, true, &error);
            return;
        }
        let mut relayed = Vec::new();
        let port = (self.ports)();
        let only_v6 = request
            .find(AttributeType::REQUESTED_ADDRESS_FAMILY)
            .is_some();
        if !only_v6 {
            relayed.push(SocketAddr::new(self.address.ip(), port));
        }
        let both = request
            .find(AttributeType::ADDITIONAL_ADDRESS_FAMILY)
            .is_some();
        if let (true, Some(ip)) = (only_v6 || both, self.config.relay_v6) {
            relayed.push(SocketAddr::new(ip, port));
        }
        let lifetime = self.config.lifetime;
        let mut attributes = vec![
            Attribute::XorMappedAddress(client),
            Attribute::Lifetime(lifetime.as_secs() as u32),
        ];
        attributes.extend(relayed.iter().copied().map(Attribute::XorRelayedAddress));
        self.allocations.push(Allocation {
            client,
            relayed,
            expires: now + lifetime,
            permissions: Vec::new(),
            channels: Vec::new(),
        });
        self.respond(client, request, Class::Success, true, &attributes);
    }

    fn change(&mut self, now: Instant, client: SocketAddr, request: &Message<'_>) {
        let lifetime = self.config.lifetime;
        let Some(at) = self.allocations.iter().position(|a| a.client == client) else {
            let error = [Attribute::ErrorCode(ErrorCode::new(
                code::ALLOCATION_MISMATCH,
            ))];
            self.respond(client, request, Class::Error, true, &error);
            return;
        };
        let allocation = &mut self.allocations[at];
        let mut answer = Vec::new();
        let mut channel = None;
        for attribute in request.decoded() {
            match attribute {
                Attribute::Lifetime(0) => allocation.expires = now,
                Attribute::Lifetime(_) => {
                    allocation.expires = now + lifetime;
                    answer.push(Attribute::Lifetime(lifetime.as_secs() as u32));
                }
                Attribute::ChannelNumber(number) => channel = ChannelNumber::new(number),
                Attribute::XorPeerAddress(peer) => {
                    allocation.permissions.retain(|(ip, _)| *ip != peer.ip());
                    let until = now + Duration::from_secs(300);
                    allocation.permissions.push((peer.ip(), until));
                    if let Some(channel) = channel {
                        allocation
                            .channels
                            .retain(|(number, _, _)| *number != channel);
                        let until = now + Duration::from_secs(600);
                        allocation.channels.push((channel, peer, until));
                    }
                }
                _ => {}
            }
        }
        self.respond(client, request, Class::Success, true, &answer);
        self.allocations.retain(|a| a.expires > now);
    }

    fn relay(&mut self, now: Instant, client: SocketAddr, peer: SocketAddr, data: &[u8]) {
        let Some(allocation) = self.allocations.iter().find(|a| a.client == client) else {
            return;
        };
        let mut permissions = allocation.permissions.iter();
        if !permissions.any(|(ip, until)| *ip == peer.ip() && *until > now) {
            return;
        }
        let own = allocation
            .relayed
            .iter()
            .find(|own| own.is_ipv4() == peer.is_ipv4());
        if let Some(own) = own {
            self.outgoing.push_back((*own, peer, data.to_vec()));
        }
    }

    fn handle_from_client(&mut self, now: Instant, client: SocketAddr, packet: &[u8]) {
        if let Ok(data) = ChannelData::parse(packet) {
            self.sent_by_channel += 1;
            let allocation = self.allocations.iter().find(|a| a.client == client);
            let channel = allocation.and_then(|allocation| {
                let mut channels = allocation.channels.iter();
                channels.find(|(number, _, until)| *number == data.channel && *until > now)
            });
            if let Some(&(_, peer, _)) = channel {
                self.relay(now, client, peer, data.data);
            }
            return;
        }
        let Ok(message) = Message::parse(packet) else {
            return;
        };
        match (message.class(), message.method()) {
            (Class::Request, _) => self.handle_request(now, client, &message),
            (Class::Indication, Method::SEND) => {
                self.sent_by_indication += 1;
                let (mut to, mut data) = (None, None);
                for attribute in message.decoded() {
                    match attribute {
                        Attribute::XorPeerAddress(peer) => to = Some(peer),
                        Attribute::Data(bytes) => data = Some(bytes),
                        _ => {}
                    }
                }
                if let (Some(to), Some(data)) = (to, data) {
                    self.relay(now, client, to, data);
                }
            }
            _ => {}
        }
    }

    fn handle_from_peer(&mut self, now: Instant, peer: SocketAddr, own: SocketAddr, data: &[u8]) {
        let mut allocations = self.allocations.iter();
        let Some(allocation) = allocations.find(|a| a.relayed.contains(&own)) else {
            return;
        };
        let mut permissions = allocation.permissions.iter();
        if !permissions.any(|(ip, until)| *ip == peer.ip() && *until > now) {
            return;
        }
        let mut channels = allocation.channels.iter();
        let mut bytes = Vec::new();
        match channels.find(|(_, to, until)| *to == peer && *until > now) {
            Some(&(channel, _, _)) => {
                ChannelData { channel, data }
                    .write(&mut bytes, false)
                    .unwrap();
            }
            None => {
                let id = TransactionId([7; 12]);
                let mut writer =
                    MessageWriter::new(&mut bytes, Class::Indication, Method::DATA, id);
                writer.attribute(&Attribute::XorPeerAddress(peer));
                writer.attribute(&Attribute::Data(data));
                writer.finish(Seal::NONE).unwrap();
            }
        }
        let client = allocation.client;
        self.outgoing.push_back((self.address, client, bytes));
    }
}

impl Endpoint for Server {
    fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        self.allocations.retain(|a| a.expires > now);
        if to == self.address {
            self.handle_from_client(now, from, packet);
        } else {
            self.handle_from_peer(now, from, to, packet);
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(
        &mut self,
        _now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let (from, to, bytes) = self.outgoing.pop_front()?;
        buf.extend_from_slice(&bytes);
        Some((from, to))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
