//! Network address translation, and a firewall.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::datagram::{Datagram, Middlebox};
use crate::pair::Verdict;

/// What a decision of a NAT depends on, besides the inside address and port (RFC 4787, sections 4.1
/// and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dependence {
    /// Nothing else.
    EndpointIndependent,
    /// The address outside.
    AddressDependent,
    /// The address and the port outside.
    AddressAndPortDependent,
}

/// How a [`Nat`] behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatConfig {
    mapping: Dependence,
    filtering: Dependence,
    hairpinning: bool,
    timeout: Duration,
}

impl NatConfig {
    /// One mapping for each inside port, and anybody may send to it.
    #[must_use]
    pub const fn full_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::EndpointIndependent,
        )
    }

    /// One mapping for each inside port, open to addresses that were sent to.
    #[must_use]
    pub const fn restricted_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::AddressDependent,
        )
    }

    /// One mapping for each inside port, open to addresses and ports that were sent to.
    #[must_use]
    pub const fn port_restricted_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::AddressAndPortDependent,
        )
    }

    /// A new mapping for each address and port outside, open to that one only.
    #[must_use]
    pub const fn symmetric() -> Self {
        Self::new(
            Dependence::AddressAndPortDependent,
            Dependence::AddressAndPortDependent,
        )
    }

    /// Any combination. Without hairpinning, and with mappings that last two minutes (RFC 4787,
    /// REQ-5).
    #[must_use]
    pub const fn new(mapping: Dependence, filtering: Dependence) -> Self {
        Self {
            mapping,
            filtering,
            hairpinning: false,
            timeout: Duration::from_secs(120),
        }
    }

    /// Whether hosts inside reach each other by their outside addresses (RFC 4787, section 6).
    #[must_use]
    pub const fn hairpinning(mut self, hairpinning: bool) -> Self {
        self.hairpinning = hairpinning;
        self
    }

    /// How long a mapping, and a permission to send to it, lasts after the last datagram from
    /// inside.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A NAT with one outside address, as a [`Middlebox`] ([`Network::nat`](crate::Network::nat)).
///
/// Only datagrams from inside refresh a mapping (RFC 4787, REQ-6). Outside ports are given out one
/// after the other; a mapping that is gone never comes back with the same port by chance.
#[derive(Clone, Debug)]
pub struct Nat {
    config: NatConfig,
    outside: IpAddr,
    mappings: HashMap<MappingKey, u16>,
    ports: HashMap<u16, Mapping>,
    next_port: u16,
}

/// The inside, and what of the outside the mapping depends on.
type MappingKey = (SocketAddr, Option<IpAddr>, Option<u16>);

#[derive(Clone, Debug)]
struct Mapping {
    key: MappingKey,
    last_sent: Instant,
    /// Who was sent to, and when last.
    permissions: HashMap<SocketAddr, Instant>,
}

const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 59_999;

impl Nat {
    /// A NAT that shows this address outside.
    #[must_use]
    pub fn new(config: NatConfig, outside: impl Into<IpAddr>) -> Self {
        Self {
            config,
            outside: outside.into(),
            mappings: HashMap::new(),
            ports: HashMap::new(),
            next_port: FIRST_PORT,
        }
    }

    /// Forgets all mappings, as a NAT does that is restarted: what is sent next gets other ports.
    pub fn forget(&mut self) {
        self.mappings.clear();
        self.ports.clear();
    }

    /// How many mappings there are, those included that nobody has used for too long.
    #[must_use]
    pub fn mappings(&self) -> usize {
        self.ports.len()
    }

    fn key(&self, inside: SocketAddr, remote: SocketAddr) -> MappingKey {
        match self.config.mapping {
            Dependence::EndpointIndependent => (inside, None, None),
            Dependence::AddressDependent => (inside, Some(remote.ip()), None),
            Dependence::AddressAndPortDependent => (inside, Some(remote.ip()), Some(remote.port())),
        }
    }

    /// The outside port for a datagram, from a mapping that is alive or a new one. `None` if there
    /// is no port left.
    fn port(&mut self, now: Instant, key: MappingKey) -> Option<u16> {
        if let Some(port) = self.mappings.get(&key) {
            let alive = self
                .ports
                .get(port)
                .is_some_and(|mapping| self.is_fresh(now, mapping.last_sent));
            if alive {
                return Some(*port);
            }
            self.ports.remove(port);
            self.mappings.remove(&key);
        }
        if self.ports.len() > usize::from(LAST_PORT - FIRST_PORT) {
            self.remove_expired(now);
        }
        let port = self.free_port()?;
        self.mappings.insert(key, port);
        let permissions = HashMap::new();
        self.ports.insert(
            port,
            Mapping {
                key,
                last_sent: now,
                permissions,
            },
        );
        Some(port)
    }

    fn free_port(&mut self) -> Option<u16> {
        for _ in FIRST_PORT..=LAST_PORT {
            let port = self.next_port;
            self.next_port = if port == LAST_PORT {
                FIRST_PORT
            } else {
                port + 1
            };
            if !self.ports.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }

    fn remove_expired(&mut self, now: Instant) {
        let timeout = self.config.timeout;
        self.ports
            .retain(|_, mapping| now.saturating_duration_since(mapping.last_sent) < timeout);
        let ports = &self.ports;
        self.mappings.retain(|_, port| ports.contains_key(port));
    }

    fn is_fresh(&self, now: Instant, at: Instant) -> bool {
        now.saturating_duration_since(at) < self.config.timeout
    }

    /// Whether a mapping lets in what comes from `remote`.
    fn permits(&self, now: Instant, mapping: &Mapping, remote: SocketAddr) -> bool {
        let mut sent_to = mapping
            .permissions
            .iter()
            .filter(|(_, at)| self.is_fresh(now, **at));
        match self.config.filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => sent_to.any(|(known, _)| known.ip() == remote.ip()),
            Dependence::AddressAndPortDependent => sent_to.any(|(known, _)| *known == remote),
        }
    }
}

impl Middlebox for Nat {
    fn outbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        let key = self.key(datagram.from, datagram.to);
        let Some(port) = self.port(now, key) else {
            return Verdict::Drop;
        };
        if let Some(mapping) = self.ports.get_mut(&port) {
            mapping.last_sent = now;
            mapping.permissions.insert(datagram.to, now);
        }
        datagram.from = SocketAddr::new(self.outside, port);
        Verdict::Pass
    }

    fn inbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        let hairpin = datagram.from.ip() == self.outside;
        let mapping = self.ports.get(&datagram.to.port());
        match mapping.filter(|mapping| self.is_fresh(now, mapping.last_sent)) {
            Some(mapping)
                if (self.config.hairpinning || !hairpin)
                    && self.permits(now, mapping, datagram.from) =>
            {
                (datagram.to, ..) = mapping.key;
                Verdict::Pass
            }
            _ => Verdict::Drop,
        }
    }
}

/// A firewall that lets no datagram through, in either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlocksUdp;

impl Middlebox for BlocksUdp {
    fn outbound(&mut self, _now: Instant, _datagram: &mut Datagram) -> Verdict {
        Verdict::Drop
    }

    fn inbound(&mut self, _now: Instant, _datagram: &mut Datagram) -> Verdict {
        Verdict::Drop
    }
}
