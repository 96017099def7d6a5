//! NATs and firewalls, as RFC 4787 sorts them.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::datagram::{Datagram, Middlebox};
use crate::pair::Verdict;

/// How much of the other end's address matters: for the mapping (RFC 4787, section 4.1) or for the
/// filter (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Nothing of it.
    EndpointIndependent,
    /// The IP address.
    AddressDependent,
    /// The IP address and the port.
    AddressAndPortDependent,
}

impl Dependence {
    fn same(self, one: SocketAddr, other: SocketAddr) -> bool {
        match self {
            Self::EndpointIndependent => true,
            Self::AddressDependent => one.ip() == other.ip(),
            Self::AddressAndPortDependent => one == other,
        }
    }
}

/// A NAT: a [`Middlebox`] with one outside address, which it must be attached with.
///
/// ```
/// use gannet_netsim::{LinkConfig, Nat, Network};
///
/// let mut net = Network::new(1);
/// let internet = net.router("the internet");
/// let nat = net.middlebox("home router", Nat::port_restricted([203, 0, 113, 1]));
/// net.attach(nat, internet, [203, 0, 113, 1], LinkConfig::new());
/// // Hosts are then attached to `nat`, with inside addresses.
/// ```
#[derive(Clone, Debug)]
pub struct Nat {
    outside: IpAddr,
    mapping: Dependence,
    filtering: Dependence,
    hairpinning: bool,
    timeout: Duration,
    next_port: u16,
    entries: Vec<Entry>,
}

const FIRST_PORT: u16 = 40_000;

#[derive(Clone, Debug)]
struct Entry {
    inside: SocketAddr,
    /// Whom the first packet went to: the mapping may depend on it.
    made_for: SocketAddr,
    port: u16,
    /// Whom packets went to: the filter may depend on them.
    contacts: Vec<SocketAddr>,
    used: Instant,
}

impl Nat {
    /// A NAT with these behaviours, with hairpinning, and with mappings that live for 2 minutes
    /// after the last packet to the outside.
    #[must_use]
    pub fn new(outside: impl Into<IpAddr>, mapping: Dependence, filtering: Dependence) -> Self {
        Self {
            outside: outside.into(),
            mapping,
            filtering,
            hairpinning: true,
            timeout: Duration::from_secs(120),
            next_port: FIRST_PORT,
            entries: Vec::new(),
        }
    }

    /// One mapping for all, open to all: a "full cone".
    #[must_use]
    pub fn full_cone(outside: impl Into<IpAddr>) -> Self {
        let any = Dependence::EndpointIndependent;
        Self::new(outside, any, any)
    }

    /// One mapping for all, open to addresses that were sent to: a "restricted cone".
    #[must_use]
    pub fn restricted(outside: impl Into<IpAddr>) -> Self {
        let any = Dependence::EndpointIndependent;
        Self::new(outside, any, Dependence::AddressDependent)
    }

    /// One mapping for all, open to addresses and ports that were sent to: a "port-restricted
    /// cone".
    #[must_use]
    pub fn port_restricted(outside: impl Into<IpAddr>) -> Self {
        let any = Dependence::EndpointIndependent;
        Self::new(outside, any, Dependence::AddressAndPortDependent)
    }

    /// A mapping for each address and port, open to that only: a "symmetric" NAT.
    #[must_use]
    pub fn symmetric(outside: impl Into<IpAddr>) -> Self {
        let all = Dependence::AddressAndPortDependent;
        Self::new(outside, all, all)
    }

    /// Whether hosts inside can reach each other by their outside addresses (RFC 4787, section 6).
    #[must_use]
    pub const fn hairpinning(mut self, hairpinning: bool) -> Self {
        self.hairpinning = hairpinning;
        self
    }

    /// How long a mapping lives after the last packet to the outside.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many mappings there are, some of which may have timed out.
    #[must_use]
    pub const fn mappings(&self) -> usize {
        self.entries.len()
    }

    /// Forgets all mappings, as a NAT does that is restarted: what is sent next gets other ports.
    pub fn forget(&mut self) {
        self.entries.clear();
    }

    fn forget_old(&mut self, now: Instant) {
        let timeout = self.timeout;
        self.entries
            .retain(|entry| now.saturating_duration_since(entry.used) < timeout);
    }

    /// Ports are given out one after the other, so that one that is gone does not soon come back.
    fn free_port(&mut self) -> u16 {
        loop {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.entries.iter().any(|entry| entry.port == port) {
                return port;
            }
        }
    }

    fn mapping_for(&mut self, now: Instant, inside: SocketAddr, to: SocketAddr) -> &mut Entry {
        let mapping = self.mapping;
        let known = self
            .entries
            .iter()
            .position(|entry| entry.inside == inside && mapping.same(entry.made_for, to));
        let at = known.unwrap_or_else(|| {
            let port = self.free_port();
            self.entries.push(Entry {
                inside,
                made_for: to,
                port,
                contacts: Vec::new(),
                used: now,
            });
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }
}

impl Middlebox for Nat {
    fn outbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        if datagram.to.ip() == self.outside && !self.hairpinning {
            return Verdict::Drop;
        }
        self.forget_old(now);
        let outside = self.outside;
        let entry = self.mapping_for(now, datagram.from, datagram.to);
        entry.used = now;
        if !entry.contacts.contains(&datagram.to) {
            entry.contacts.push(datagram.to);
        }
        datagram.from = SocketAddr::new(outside, entry.port);
        Verdict::Pass
    }

    fn inbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        self.forget_old(now);
        let filtering = self.filtering;
        let mut entries = self.entries.iter();
        let Some(entry) = entries.find(|entry| entry.port == datagram.to.port()) else {
            return Verdict::Drop;
        };
        let mut contacts = entry.contacts.iter();
        if !contacts.any(|contact| filtering.same(*contact, datagram.from)) {
            return Verdict::Drop;
        }
        datagram.to = entry.inside;
        Verdict::Pass
    }
}

/// A firewall that lets inside hosts talk to some ports outside, and nothing else: what is left
/// where UDP is blocked, if datagrams to those ports stand for the segments of TCP connections.
///
/// It shows its own address outside, as a NAT does.
#[derive(Clone, Debug)]
pub struct Firewall {
    nat: Nat,
    ports: Vec<u16>,
}

impl Firewall {
    /// A firewall that lets through what goes to these ports, and what comes back.
    #[must_use]
    pub fn new(outside: impl Into<IpAddr>, ports: impl Into<Vec<u16>>) -> Self {
        Self {
            nat: Nat::symmetric(outside),
            ports: ports.into(),
        }
    }
}

impl Middlebox for Firewall {
    fn outbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        if !self.ports.contains(&datagram.to.port()) {
            return Verdict::Drop;
        }
        self.nat.outbound(now, datagram)
    }

    fn inbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict {
        self.nat.inbound(now, datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: [u8; 4] = [203, 0, 113, 1];

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Sends from the inside: the address that the outside sees.
    fn out(nat: &mut Nat, now: Instant, to: &str) -> Option<SocketAddr> {
        let mut datagram = Datagram::new(at("10.0.0.2:5000"), at(to), vec![]);
        let verdict = nat.outbound(now, &mut datagram);
        (verdict == Verdict::Pass).then_some(datagram.from)
    }

    fn comes_in(nat: &mut Nat, now: Instant, from: &str, to: SocketAddr) -> bool {
        let mut datagram = Datagram::new(at(from), to, vec![]);
        let delivered = nat.inbound(now, &mut datagram) == Verdict::Pass;
        assert!(!delivered || datagram.to == at("10.0.0.2:5000"));
        delivered
    }

    #[test]
    fn who_may_come_in() {
        // To a mapping made by one packet to 192.0.2.1:7.
        let cases = [
            (Nat::full_cone(OUTSIDE), [true, true, true]),
            (Nat::restricted(OUTSIDE), [true, true, false]),
            (Nat::port_restricted(OUTSIDE), [true, false, false]),
            (Nat::symmetric(OUTSIDE), [true, false, false]),
        ];
        for (mut nat, expected) in cases {
            let now = crate::start();
            let seen = out(&mut nat, now, "192.0.2.1:7").unwrap();
            let from = ["192.0.2.1:7", "192.0.2.1:8", "192.0.2.2:7"];
            let came = from.map(|from| comes_in(&mut nat, now, from, seen));
            assert_eq!(came, expected, "{nat:?}");
            assert!(!comes_in(&mut nat, now, "192.0.2.1:7", at("203.0.113.1:1")));
        }
    }

    #[test]
    fn which_mapping_is_used() {
        let now = crate::start();
        let mut cone = Nat::port_restricted(OUTSIDE);
        assert_eq!(
            out(&mut cone, now, "192.0.2.1:7"),
            out(&mut cone, now, "192.0.2.2:8")
        );
        let mut symmetric = Nat::symmetric(OUTSIDE);
        let first = out(&mut symmetric, now, "192.0.2.1:7");
        assert_ne!(first, out(&mut symmetric, now, "192.0.2.1:8"));
        assert_eq!(first, out(&mut symmetric, now, "192.0.2.1:7"));
        assert_eq!(symmetric.mappings(), 2);
    }

    #[test]
    fn mappings_time_out() {
        let now = crate::start();
        let mut nat = Nat::full_cone(OUTSIDE).timeout(Duration::from_secs(30));
        let seen = out(&mut nat, now, "192.0.2.1:7").unwrap();
        assert!(comes_in(
            &mut nat,
            now + Duration::from_secs(29),
            "192.0.2.1:7",
            seen
        ));
        assert!(!comes_in(
            &mut nat,
            now + Duration::from_secs(30),
            "192.0.2.1:7",
            seen
        ));
        let later = out(&mut nat, now + Duration::from_secs(31), "192.0.2.1:7");
        assert_ne!(later, Some(seen));
    }

    #[test]
    fn hairpinning_is_a_choice() {
        let now = crate::start();
        let mut nat = Nat::full_cone(OUTSIDE).hairpinning(false);
        assert_eq!(out(&mut nat, now, "203.0.113.1:40000"), None);
        assert!(out(&mut nat.hairpinning(true), now, "203.0.113.1:40000").is_some());
    }

    #[test]
    fn a_firewall_lets_its_ports_through() {
        let now = crate::start();
        let mut firewall = Firewall::new(OUTSIDE, [443]);
        let mut send = |to| {
            let mut datagram = Datagram::new(at("10.0.0.2:5000"), at(to), vec![]);
            firewall.outbound(now, &mut datagram)
        };
        assert_eq!(send("192.0.2.1:443"), Verdict::Pass);
        assert_eq!(send("192.0.2.1:3478"), Verdict::Drop);
    }
}
