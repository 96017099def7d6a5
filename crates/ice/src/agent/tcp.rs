//! TCP candidates (RFC 6544). The driver listens and connects; a connection is a path like any other.
//!
//! A passive candidate waits: the pair is formed when a check comes in on an accepted connection. For a
//! passive candidate of the peer's the driver is asked to connect, once from each family of addresses.
//! Simultaneous open is not tried: no peer in the field does it.

use std::net::SocketAddr;
use std::time::Instant;

use super::candidates::LocalCandidate;
use super::{IceAgent, Path};
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, ConnectionId, Event, Protocol,
    Request, TcpType, TransportPolicy, candidate_priority,
};

/// What an active candidate is announced with: it has no port before it connects (RFC 6544, section 4.5).
const DISCARD_PORT: u16 = 9;
/// How many connections to the peer may be tried.
const MAX_CONNECTIONS: usize = 16;

impl IceAgent {
    /// Adds a listening TCP socket of the driver's, by its local address: a passive host candidate.
    ///
    /// Packets on accepted connections have the protocol [`Protocol::Tcp`], this local address, and the
    /// frames of [`crate::FrameReader`].
    pub fn add_local_tcp_listener(&mut self, now: Instant, address: SocketAddr) {
        if self.state == crate::IceTransportState::Closed || address.ip().is_unspecified() {
            return;
        }
        self.begin_gathering();
        let transport = CandidateTransport::Tcp(TcpType::Passive);
        let known = |local: &LocalCandidate| {
            local.candidate.transport == transport && local.base == address
        };
        if !self.local.iter().any(known) {
            self.add_tcp(transport, address, address.port());
        }
        self.update_state(now);
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
            is_open: true,
            can_send: allowed,
            signalled: allowed,
        })
    }

    /// A passive candidate of the peer's: the driver should connect there.
    pub(super) fn connect_to_peer(&mut self, remote: usize) {
        let candidate = self.current.remote_candidates.get(remote);
        let Some(address) = candidate.and_then(Candidate::socket_address) else {
            return;
        };
        if self.peer_connections >= MAX_CONNECTIONS || self.config.policy != TransportPolicy::All {
            self.stats.over_limit += 1;
            return;
        }
        self.peer_connections += 1;
        let id = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.connecting_peers.push((id, address));
        self.push_event(Event::Request(Request::ConnectPeer { id, address }));
    }

    /// The connection that [`Request::ConnectPeer`] asked for is there, with this local address.
    pub fn handle_peer_connected(&mut self, now: Instant, id: ConnectionId, local: SocketAddr) {
        let mut waiting = self.connecting_peers.iter();
        let Some(at) = waiting.position(|(waiting, _)| *waiting == id) else {
            return;
        };
        let (_, address) = self.connecting_peers.swap_remove(at);
        let transport = CandidateTransport::Tcp(TcpType::Active);
        let Some(local) = self.add_tcp(transport, local, DISCARD_PORT) else {
            return;
        };
        let mut remotes = self.current.remote_candidates.iter();
        let remote = remotes.position(|remote| {
            remote.socket_address() == Some(address)
                && remote.transport == CandidateTransport::Tcp(TcpType::Passive)
        });
        if let Some(remote) = remote {
            self.add_pair(now, local, remote);
        }
        self.update_state(now);
    }

    /// The connection that [`Request::ConnectPeer`] asked for can not be made.
    pub fn handle_peer_refused(&mut self, now: Instant, id: ConnectionId) {
        self.connecting_peers.retain(|(waiting, _)| *waiting != id);
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
