//! TCP candidates (RFC 6544). The driver listens and connects; a connection is a path like any other.
//!
//! A passive candidate waits: the pair is formed when a check comes in on an accepted connection. For a
//! passive candidate of the peer's the driver is asked to connect, and for a simultaneous-open one to
//! connect from each simultaneous-open candidate of ours.

use std::net::SocketAddr;
use std::time::Instant;

use super::candidates::LocalCandidate;
use super::{IceAgent, Path};
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, ConnectionId, Event,
    IceTransportState, Protocol, Request, TcpType, TransportPolicy, candidate_priority,
};

/// What an active candidate is announced with: it has no port before it connects (RFC 6544, section 4.5).
const DISCARD_PORT: u16 = 9;
/// How many connections to the peer may be tried.
const MAX_CONNECTIONS: usize = 16;

/// A connection to the peer that the driver was asked for.
#[derive(Debug)]
pub(super) struct PeerConnecting {
    id: ConnectionId,
    address: SocketAddr,
    /// Our simultaneous-open candidate; if there is none, the connection makes an active one.
    own: Option<usize>,
}

impl PeerConnecting {
    /// What it connects to.
    const fn remote_type(&self) -> TcpType {
        match self.own {
            Some(_) => TcpType::SimultaneousOpen,
            None => TcpType::Passive,
        }
    }
}

impl IceAgent {
    /// Adds a listening TCP socket of the driver's, by its local address: a passive host candidate.
    ///
    /// Packets on accepted connections have the protocol [`Protocol::Tcp`], this local address, and the
    /// frames of [`crate::FrameReader`].
    pub fn add_local_tcp_listener(&mut self, now: Instant, address: SocketAddr) {
        self.add_local_tcp(now, TcpType::Passive, address);
    }

    /// Adds an address from which the driver can open TCP connections while the peer opens the same
    /// connection from its side: a simultaneous-open host candidate (RFC 6544, section 4.1).
    pub fn add_local_tcp_simultaneous_open(&mut self, now: Instant, address: SocketAddr) {
        let Some(own) = self.add_local_tcp(now, TcpType::SimultaneousOpen, address) else {
            return;
        };
        for remote in 0..self.current.remote_candidates.len() {
            self.open_simultaneously(own, remote);
        }
    }

    fn add_local_tcp(
        &mut self,
        now: Instant,
        tcp_type: TcpType,
        address: SocketAddr,
    ) -> Option<usize> {
        if self.state == IceTransportState::Closed {
            return None;
        }
        self.begin_gathering();
        let transport = CandidateTransport::Tcp(tcp_type);
        let known = |local: &LocalCandidate| {
            local.candidate.transport == transport && local.base == address
        };
        if self.local.iter().any(known) || !self.is_usable_host(address.ip()) {
            return None;
        }
        let added = self.add_tcp(transport, address, address.port());
        self.update_state(now);
        added
    }

    fn add_tcp(
        &mut self,
        transport: CandidateTransport,
        base: SocketAddr,
        announced_port: u16,
    ) -> Option<usize> {
        let preference = local_preference(base.ip(), transport, self.local.len());
        let candidate = Candidate {
            foundation: self.foundation_of(CandidateType::Host, base.ip()),
            component: 1,
            transport,
            // Below all of UDP's host candidates by the local preference (RFC 6544, section 4.2).
            priority: candidate_priority(CandidateType::Host, preference),
            address: CandidateAddress::Ip(base.ip()),
            port: base.port(),
            candidate_type: CandidateType::Host,
            related_address: None,
            username_fragment: None,
        };
        let allowed = self.config.policy == TransportPolicy::All;
        let mut signalled_form = self.public_form(&candidate);
        signalled_form.port = announced_port;
        self.add_local(LocalCandidate {
            signalled_form,
            candidate,
            base,
            relay: None,
            server: None,
            is_open: true,
            can_send: allowed,
            signalled: allowed,
        })
    }

    /// A candidate of the peer's that can be connected to: the driver should do it.
    pub(super) fn connect_to_candidate(&mut self, remote: usize) {
        let candidates = &self.current.remote_candidates;
        let transport = candidates.get(remote).map(|candidate| candidate.transport);
        match transport {
            Some(CandidateTransport::Tcp(TcpType::Passive)) => self.connect_to_peer(None, remote),
            Some(CandidateTransport::Tcp(TcpType::SimultaneousOpen)) => {
                for own in 0..self.local.len() {
                    self.open_simultaneously(own, remote);
                }
            }
            _ => {}
        }
    }

    /// Connects two candidates, if both are simultaneous-open ones of one family.
    fn open_simultaneously(&mut self, own: usize, remote: usize) {
        let so = CandidateTransport::Tcp(TcpType::SimultaneousOpen);
        let (ours, theirs) = (&self.local[own], &self.current.remote_candidates[remote]);
        let fits = ours.candidate.transport == so
            && theirs.transport == so
            && ours.is_open
            && theirs
                .socket_address()
                .is_some_and(|to| to.is_ipv4() == ours.base.is_ipv4());
        if fits {
            self.connect_to_peer(Some(own), remote);
        }
    }

    fn connect_to_peer(&mut self, own: Option<usize>, remote: usize) {
        let candidate = self.current.remote_candidates.get(remote);
        let Some(address) = candidate.and_then(Candidate::socket_address) else {
            return;
        };
        if self.peer_connections >= MAX_CONNECTIONS || self.config.policy != TransportPolicy::All {
            self.stats.over_limit += 1;
            return;
        }
        self.peer_connections += 1;
        let id = self.new_connection_id();
        let local = own.and_then(|own| Some(self.local.get(own)?.base));
        self.connecting_peers
            .push(PeerConnecting { id, address, own });
        self.push_event(Event::Request(Request::ConnectPeer { id, address, local }));
    }

    /// The connection that [`Request::ConnectPeer`] asked for is there, with this local address.
    pub fn handle_peer_connected(&mut self, now: Instant, id: ConnectionId, local: SocketAddr) {
        let mut waiting = self.connecting_peers.iter();
        let Some(at) = waiting.position(|waiting| waiting.id == id) else {
            return;
        };
        let connected = self.connecting_peers.swap_remove(at);
        let active = CandidateTransport::Tcp(TcpType::Active);
        let own = match connected.own {
            Some(own) => Some(own),
            None => self.add_tcp(active, local, DISCARD_PORT),
        };
        let mut remotes = self.current.remote_candidates.iter();
        let remote = remotes.position(|remote| {
            remote.socket_address() == Some(connected.address)
                && remote.transport == CandidateTransport::Tcp(connected.remote_type())
        });
        if let (Some(own), Some(remote)) = (own, remote) {
            self.add_pair(now, own, remote);
        }
        self.update_state(now);
    }

    /// The connection that [`Request::ConnectPeer`] asked for can not be made.
    pub fn handle_peer_refused(&mut self, now: Instant, id: ConnectionId) {
        self.connecting_peers.retain(|waiting| waiting.id != id);
        self.update_state(now);
    }

    /// A TCP connection with the peer broke: its pair fails at once.
    pub fn handle_peer_disconnected(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let path = Path {
            local,
            remote,
            protocol: Protocol::Tcp,
            relay: None,
        };
        let id = self.current.pairs.iter().find(|pair| pair.path == path);
        if let Some(id) = id.map(|pair| pair.id) {
            self.fail_pair(now, id);
            self.current.pairs.retain(|pair| pair.id != id);
        }
        self.update_state(now);
    }
}
