//! Two connections over a simulated network.

#![allow(
    unreachable_pub,
    dead_code,
    reason = "each test binary uses a part of it"
)]

pub mod snapshot;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, Rng, default_provider};
use gannet_dtls::{Certificate, Config, Connection, Event, Fingerprint, Role};
use gannet_netsim::{LinkConfig, Pair, Peer};

/// One end: a connection, what it received, and what it told.
#[derive(Debug)]
pub struct End {
    pub connection: Connection,
    pub received: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    /// What to send, as one record each, as soon as it is connected.
    pub to_send: Vec<Vec<u8>>,
    pub datagrams: u64,
    pub bytes: u64,
    pub longest: usize,
}

impl End {
    pub fn new(connection: Connection) -> Self {
        let (received, events, to_send) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            connection,
            received,
            events,
            to_send,
            datagrams: 0,
            bytes: 0,
            longest: 0,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// The failure, if it failed.
    pub fn failure(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(failure) => Some(failure.to_string()),
            _ => None,
        })
    }

    fn drain(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
    }
}

impl Peer for End {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let received = &mut self.received;
        self.connection
            .handle_packet(now, &mut packet.to_vec(), |data| {
                received.push(data.to_vec())
            });
        self.drain();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.drain();
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        let start = buf.len();
        if self.connection.poll_transmit(now, buf).is_none() {
            if !self.is_connected() || self.to_send.is_empty() {
                return false;
            }
            let data = self.to_send.remove(0);
            let write = |buf: &mut Vec<u8>| buf.extend_from_slice(&data);
            self.connection.seal(buf, write).unwrap();
        }
        self.datagrams += 1;
        self.bytes += (buf.len() - start) as u64;
        self.longest = self.longest.max(buf.len() - start);
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
}

pub fn provider() -> Arc<dyn CryptoProvider> {
    static PROVIDER: OnceLock<Arc<dyn CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(default_provider).clone()
}

/// Two certificates, made once: the client's and the server's.
pub fn certificates() -> &'static [Certificate; 2] {
    static CERTIFICATES: OnceLock<[Certificate; 2]> = OnceLock::new();
    CERTIFICATES.get_or_init(|| [(); 2].map(|()| Certificate::generate(&*provider()).unwrap()))
}

/// The kinds of certificates that there are, as files that OpenSSL made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    P256,
    P384,
    Ed25519,
    Rsa,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Ed25519, Self::Rsa];
}

/// The certificate of a kind.
pub fn certificate(kind: Kind) -> &'static Certificate {
    static CERTIFICATES: OnceLock<[Certificate; 4]> = OnceLock::new();
    let load = |pem: &str| Certificate::from_pem(&*provider(), pem, pem).unwrap();
    let all = CERTIFICATES.get_or_init(|| {
        [
            load(include_str!("../data/p256.pem")),
            load(include_str!("../data/p384.pem")),
            load(include_str!("../data/ed25519.pem")),
            load(include_str!("../data/rsa.pem")),
        ]
    });
    &all[kind as usize]
}

pub fn fingerprint(certificate: &Certificate) -> Vec<Fingerprint> {
    certificate.fingerprints(&*provider())[..1].to_vec()
}

/// A configuration of each side that trusts the other.
pub fn configs() -> [Config; 2] {
    let [client, server] = certificates().clone();
    [
        Config::new(Role::Client, client.clone()).remote_fingerprints(fingerprint(&server)),
        Config::new(Role::Server, server).remote_fingerprints(fingerprint(&client)),
    ]
}

pub fn connection(config: Config, seed: u64) -> Connection {
    let rng = Rng::insecure_from_u64(seed);
    Connection::new(Arc::new(config), provider(), rng, gannet_netsim::start()).unwrap()
}

/// A client (`a`) and a server (`b`) over a link.
pub fn pair(seed: u64, [client, server]: [Config; 2], link: LinkConfig) -> Pair<End, End> {
    let client = End::new(connection(client, seed));
    let server = End::new(connection(server, seed ^ 0xffff));
    Pair::new(seed, client, server).link(link)
}

pub fn good_link() -> LinkConfig {
    LinkConfig::new().delay(Duration::from_millis(10))
}

/// Runs until both ends are connected.
pub fn connect(pair: &mut Pair<End, End>) -> Duration {
    pair.run_until(|client, server| {
        let failures = (client.failure(), server.failure());
        assert!(failures == (None, None), "{failures:?}");
        client.is_connected() && server.is_connected()
    })
}

/// Sends a record each way and checks what comes out.
pub fn exchange_data(pair: &mut Pair<End, End>) {
    pair.a.to_send.push(b"from the client".to_vec());
    pair.b.to_send.push(b"from the server".to_vec());
    pair.run_until(|client, server| !client.received.is_empty() && !server.received.is_empty());
    assert_eq!(pair.a.received, [b"from the server"]);
    assert_eq!(pair.b.received, [b"from the client"]);
}
