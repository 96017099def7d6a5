//! One of our connections on a UDP socket, driven by the real clock.

#![allow(
    unreachable_pub,
    dead_code,
    reason = "each test binary uses a part of it"
)]

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, Rng, default_provider};
use gannet_dtls::{Certificate, Config, Connection, Event, Failure};

pub struct Endpoint {
    pub connection: Connection,
    pub socket: UdpSocket,
    pub received: Vec<u8>,
    pub events: Vec<Event>,
}

pub fn provider() -> Arc<dyn CryptoProvider> {
    default_provider()
}

impl Endpoint {
    /// `socket` is connected, or will be by the first datagram that it receives.
    pub fn new(config: Config, socket: UdpSocket) -> Self {
        let provider = provider();
        let rng = Rng::from_seed(provider.random_seed());
        let connection = Connection::new(Arc::new(config), provider, rng, Instant::now()).unwrap();
        Self {
            connection,
            socket,
            received: Vec::new(),
            events: Vec::new(),
        }
    }

    fn flush(&mut self) {
        let mut buf = Vec::new();
        while self
            .connection
            .poll_transmit(Instant::now(), &mut buf)
            .is_some()
        {
            self.socket.send(&buf).ok();
            buf.clear();
        }
    }

    /// Sends what is to be sent, waits for a datagram or a timer, and handles it.
    pub fn step(&mut self) {
        self.flush();
        let now = Instant::now();
        let wait = self
            .connection
            .poll_timeout()
            .map_or(Duration::from_millis(50), |at| {
                at.saturating_duration_since(now)
                    .min(Duration::from_millis(50))
            });
        self.socket
            .set_read_timeout(Some(wait.max(Duration::from_millis(1))))
            .unwrap();
        let mut datagram = [0; 4096];
        if let Ok((len, from)) = self.socket.recv_from(&mut datagram) {
            if self.socket.peer_addr().is_err() {
                self.socket.connect(from).unwrap();
            }
            let received = &mut self.received;
            self.connection
                .handle_packet(Instant::now(), &mut datagram[..len], |data| {
                    received.extend_from_slice(data);
                });
        }
        self.connection.handle_timeout(Instant::now());
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
    }

    /// Steps until `done`, for ten seconds at most.
    pub fn run_until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !done(self) {
            assert!(
                Instant::now() < end,
                "events {:?}, received {:?}, {:?}",
                self.events,
                String::from_utf8_lossy(&self.received),
                self.connection.stats()
            );
            assert_eq!(self.failure(), None);
            self.step();
        }
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.events.iter().find_map(|event| match event {
            Event::Failed(failure) => Some(failure),
            _ => None,
        })
    }

    pub fn send(&mut self, data: &[u8]) {
        self.flush();
        let mut buf = Vec::new();
        self.connection
            .seal(&mut buf, |buf| buf.extend_from_slice(data))
            .unwrap();
        self.socket.send(&buf).unwrap();
    }
}

/// A folder for this test's files.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs the `openssl` command.
pub fn openssl(arguments: &[&str]) {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A certificate made by OpenSSL, and one of ours, with their files in PEM.
pub fn load(certificate: &Path, key: &Path) -> Certificate {
    let read = |path| std::fs::read_to_string(path).unwrap();
    Certificate::from_pem(&*provider(), &read(certificate), &read(key)).unwrap()
}
