//! Two connections and a wire between them that tests can reach into.

mod lies;
mod loss;
mod malice;
mod scenes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, Rng, default_provider};

use crate::{
    Certificate, Config, Connection, ConnectionIdError, Event, Failure, Role, Version, Versions,
};

fn provider() -> Arc<dyn CryptoProvider> {
    default_provider()
}

/// A client and a server, and what they heard.
struct Wire {
    client: Connection,
    server: Connection,
    now: Instant,
    /// What each side received, the client first.
    received: [Vec<Vec<u8>>; 2],
    events: [Vec<Event>; 2],
}

/// Both sides' certificates and configurations; each trusts the other.
fn configs(version: Version) -> [Config; 2] {
    let provider = provider();
    let [client, server] = [(); 2].map(|()| Certificate::generate(&*provider).unwrap());
    let trust = |certificate: &Certificate| certificate.fingerprints(&*provider);
    let versions = Versions::Only(version);
    [
        Config::new(Role::Client, client.clone())
            .remote_fingerprints(trust(&server))
            .versions(versions),
        Config::new(Role::Server, server)
            .remote_fingerprints(trust(&client))
            .versions(versions),
    ]
}

const BOTH: [Version; 2] = [Version::Dtls12, Version::Dtls13];

impl Wire {
    fn new([client, server]: [Config; 2]) -> Self {
        let now = gannet_netsim::start();
        let connection = |config, seed| {
            let rng = Rng::insecure_from_u64(seed);
            Connection::new(Arc::new(config), provider(), rng, now).unwrap()
        };
        Self {
            client: connection(client, 1),
            server: connection(server, 2),
            now,
            received: Default::default(),
            events: Default::default(),
        }
    }

    fn connected(version: Version) -> Self {
        let mut wire = Self::new(configs(version));
        wire.run();
        assert!(
            wire.client.is_connected() && wire.server.is_connected(),
            "{:?}",
            wire.events
        );
        wire
    }

    fn side(&mut self, role: Role) -> &mut Connection {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// All datagrams that a side has to send now.
    fn take(&mut self, role: Role) -> Vec<Vec<u8>> {
        let now = self.now;
        let side = self.side(role);
        let mut datagrams = Vec::new();
        loop {
            let mut buf = Vec::new();
            if side.poll_transmit(now, &mut buf).is_none() {
                return datagrams;
            }
            datagrams.push(buf);
        }
    }

    fn give(&mut self, role: Role, datagram: &[u8]) {
        let now = self.now;
        let mut received = Vec::new();
        let side = self.side(role);
        side.handle_packet(now, &mut datagram.to_vec(), |data| {
            received.push(data.to_vec())
        });
        let mut events = Vec::new();
        while let Some(event) = side.poll_event() {
            events.push(event);
        }
        self.received[role as usize].extend(received);
        self.events[role as usize].extend(events);
    }

    /// Carries datagrams until nobody has one. `alter` sees each with its receiver.
    fn run_with(&mut self, mut alter: impl FnMut(Role, &mut Vec<u8>)) {
        loop {
            let mut any = false;
            for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                for mut datagram in self.take(from) {
                    any = true;
                    alter(to, &mut datagram);
                    self.give(to, &datagram);
                }
            }
            if !any {
                return;
            }
        }
    }

    fn run(&mut self) {
        self.run_with(|_, _| {});
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
    }

    fn failure(&mut self, role: Role) -> Option<Failure> {
        let side = match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        };
        let events = &mut self.events[role as usize];
        events.extend(std::iter::from_fn(|| side.poll_event()));
        events.iter().find_map(|event| match event {
            Event::Failed(failure) => Some(failure.clone()),
            _ => None,
        })
    }
}

fn seal(connection: &mut Connection, data: &[u8]) -> Vec<u8> {
    let mut buf = Vec::new();
    connection
        .seal(&mut buf, |buf| buf.extend_from_slice(data))
        .unwrap();
    buf
}
