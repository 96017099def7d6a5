//! Relays: allocations on TURN servers, and the paths through them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use gannet_stun::code;
use gannet_turn::{AddressFamilies, AllocateError, Client, Event as TurnEvent, State as TurnState};

use super::candidates::LocalCandidate;
use super::checklist::PairId;
use super::gathering::UNREACHABLE;
use super::{IceAgent, Incoming, Path};
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, ConnectionId, Event, IceServer,
    Protocol, Request, ServerAddress, Transmit, TurnTransport, candidate_priority,
};

/// How often a server may send us on, or let us try again from another port (RFC 8489, section 10).
const MAX_TRIES: u8 = 4;

/// A client on a TURN server.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) client: Client,
    /// The socket or connection to the server.
    base: SocketAddr,
    protocol: Protocol,
    server: usize,
    connection: Option<ConnectionId>,
    tries: u8,
}

/// Where an allocation is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) server: usize,
    pub(super) address: SocketAddr,
    /// How often this server has sent us elsewhere.
    pub(super) tries: u8,
}

/// A connection to a server that the driver was asked for.
#[derive(Debug)]
pub(super) struct Connecting {
    id: ConnectionId,
    server: usize,
    tries: u8,
}

impl IceAgent {
    /// Asks the driver for a connection to a server.
    pub(super) fn connect_to_server(
        &mut self,
        server: usize,
        addresses: Vec<SocketAddr>,
        tries: u8,
    ) {
        let id = self.new_connection_id();
        self.connecting.push(Connecting { id, server, tries });
        let entry = &self.servers[server];
        let name = match entry.config.address() {
            ServerAddress::Ip(_) => None,
            ServerAddress::Name(name, _) => Some(name.clone()),
        };
        let tls = entry.stream_transport() == Some(TurnTransport::Tls);
        self.push_event(Event::Request(Request::ConnectServer {
            id,
            addresses,
            name,
            tls,
        }));
    }

    pub(super) fn new_connection_id(&mut self) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        id
    }

    /// The connection that [`Request::ConnectServer`] asked for is there, between these addresses.
    /// Packets on it have the protocol [`Protocol::TurnTcp`] or [`Protocol::TurnTls`].
    pub fn handle_server_connected(
        &mut self,
        now: Instant,
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let mut waiting = self.connecting.iter();
        let Some(at) = waiting.position(|waiting| waiting.id == id) else {
            return;
        };
        let Connecting { server, tries, .. } = self.connecting.swap_remove(at);
        let protocol = match self.servers[server].stream_transport() {
            Some(TurnTransport::Tls) => Protocol::TurnTls,
            _ => Protocol::TurnTcp,
        };
        let target = Target {
            server,
            address: remote,
            tries,
        };
        self.open_relay(now, target, local, protocol, Some(id));
        self.check_gathering_end(now);
    }

    /// The connection that [`Request::ConnectServer`] asked for can not be made, or broke.
    pub fn handle_server_disconnected(&mut self, now: Instant, id: ConnectionId) {
        let mut waiting = self.connecting.iter();
        if let Some(at) = waiting.position(|waiting| waiting.id == id) {
            let server = self.connecting.swap_remove(at).server;
            self.server_failed(server, UNREACHABLE, "no connection to it could be made");
        }
        let mut relays = self.relays.iter_mut();
        if let Some(relay) = relays.find(|relay| relay.connection == Some(id)) {
            relay.connection = None;
            relay.client.handle_disconnect();
        }
        self.hear_relays(now);
        self.check_gathering_end(now);
    }

    pub(super) fn open_relay(
        &mut self,
        now: Instant,
        target: Target,
        base: SocketAddr,
        protocol: Protocol,
        connection: Option<ConnectionId>,
    ) {
        let IceServer::Turn {
            transport,
            username,
            password,
            ..
        } = &self.servers[target.server].config
        else {
            return;
        };
        let mut config = gannet_turn::Config::new(target.address, *transport, username, password);
        let Some(slot) = self.relay_slot() else {
            self.stats.over_limit += 1;
            if let Some(id) = connection {
                self.push_event(Event::Request(Request::DisconnectServer { id }));
            }
            return;
        };
        config.transactions = super::SERVER_TRANSACTIONS;
        config.rto = self.question_rto();
        // A server without IPv6 ignores the wish for it (RFC 8656, section 7.2).
        config.families = AddressFamilies::Both;
        let mut client = Client::new(config, self.provider.clone(), self.rng.fork());
        client.allocate(now);
        let relay = Relay {
            client,
            base,
            protocol,
            server: target.server,
            connection,
            tries: target.tries,
        };
        match self.relays.get_mut(slot) {
            Some(old) => *old = relay,
            None => self.relays.push(relay),
        }
    }

    /// Where a new relay can be put: beyond the end or, if there are enough, where one is over.
    fn relay_slot(&mut self) -> Option<usize> {
        if self.relays.len() < self.config.limits.relays {
            return Some(self.relays.len());
        }
        let old = self
            .previous
            .as_ref()
            .and_then(|old| old.lifeline.path.relay);
        let slot = (0..self.relays.len()).find(|at| {
            let mut pairs = self.current.pairs.iter();
            self.relays[*at].client.state() == TurnState::Closed
                && old != Some(*at)
                && pairs.all(|pair| pair.path.relay != Some(*at))
        })?;
        for local in self
            .local
            .iter_mut()
            .filter(|local| local.relay == Some(slot))
        {
            local.relay = None;
        }
        self.outgoing
            .retain(|outgoing| outgoing.path.relay != Some(slot));
        Some(slot)
    }

    /// The socket of this address is gone, and so are the relays that were spoken to from there.
    pub(super) fn abandon_relays(&mut self, now: Instant, address: IpAddr) {
        for at in 0..self.relays.len() {
            let relay = &mut self.relays[at];
            if relay.base.ip() == address && relay.client.state() != TurnState::Closed {
                relay.client.handle_disconnect();
                // That it failed is no news: the user knows why.
                while relay.client.poll_event().is_some() {}
                self.close_relayed(now, at);
            }
        }
        self.hear_relays(now);
        self.check_gathering_end(now);
    }

    pub(super) fn transmit_relays(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        self.relays.iter_mut().find_map(|relay| {
            let remote = relay.client.poll_transmit(now, buffer)?;
            Some(Transmit {
                local: relay.base,
                remote,
                protocol: relay.protocol,
            })
        })
    }

    /// A message of a TURN server: what the relay brings is handled as if it had come by itself.
    pub(super) fn handle_relay_packet(
        &mut self,
        now: Instant,
        at: usize,
        packet: &[u8],
    ) -> Incoming {
        let incoming = self.relays[at].client.handle_packet(now, packet);
        self.hear_relays(now);
        match incoming {
            gannet_turn::Incoming::Data { peer, data } => {
                let own = self.relays[at].client.relayed_addresses();
                let own = own.iter().find(|own| own.is_ipv4() == peer.is_ipv4());
                let Some(&local) = own else {
                    return Incoming::Dropped;
                };
                let path = Path {
                    local,
                    remote: peer,
                    protocol: Protocol::Udp,
                    relay: Some(at),
                };
                self.handle_on_path(now, path, packet, data)
            }
            gannet_turn::Incoming::Consumed => Incoming::Consumed,
            gannet_turn::Incoming::Dropped => Incoming::Dropped,
        }
    }

    /// The relay that a packet comes from.
    pub(super) fn relay_of(&self, path: Path) -> Option<usize> {
        self.relays.iter().position(|relay| {
            relay.base == path.local
                && relay.protocol == path.protocol
                && relay.client.server() == path.remote
                && relay.client.state() != TurnState::Closed
        })
    }

    /// Wraps what stands in `buffer` from `start` on for its path, and says where it goes.
    pub(super) fn emit(
        &mut self,
        path: Path,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Option<Transmit> {
        let Some(at) = path.relay else {
            return Some(Transmit {
                local: path.local,
                remote: path.remote,
                protocol: path.protocol,
            });
        };
        let relay = self.relays.get_mut(at)?;
        let server = relay.client.wrap(path.remote, buffer, start)?;
        Some(Transmit {
            local: relay.base,
            remote: server,
            protocol: relay.protocol,
        })
    }

    /// A relayed path that carries data has a channel.
    pub(super) fn bind_channel_of(&mut self, now: Instant, id: PairId) {
        let Some(path) = self.current.pair(id).map(|pair| pair.path) else {
            return;
        };
        if let Some(relay) = path.relay.and_then(|at| self.relays.get_mut(at)) {
            // Without a channel, data goes in indications.
            let _ = relay.client.bind_channel(now, path.remote);
        }
    }

    /// Gives all allocations back. The requests for it are what a closed agent still sends, once.
    pub(super) fn release_relays(&mut self, now: Instant) {
        for relay in &mut self.relays {
            relay.client.close(now);
        }
    }

    pub(super) fn expire_relays(&mut self, now: Instant) {
        for relay in &mut self.relays {
            relay.client.handle_timeout(now);
        }
        if self.free_at().is_some_and(|at| at <= now) {
            self.free_relays(now);
        }
        self.hear_relays(now);
    }

    pub(super) fn relays_timeout(&self) -> Option<Instant> {
        let relays = self.relays.iter();
        let relays = relays.filter_map(|relay| relay.client.poll_timeout());
        relays.chain(self.free_at()).min()
    }

    /// Relays that the nominated pair does not go through.
    fn spare_relays(&self) -> impl Iterator<Item = usize> {
        let used = self
            .current
            .selected_pair()
            .and_then(|pair| pair.path.relay);
        let relays = self.relays.iter().enumerate();
        let spare = relays.filter(move |(at, relay)| {
            Some(*at) != used && relay.client.state() == TurnState::Allocated
        });
        spare.map(|(at, _)| at)
    }

    /// When unused relays are given back (RFC 8445, section 8.3).
    fn free_at(&self) -> Option<Instant> {
        let since = self.completed_since?;
        let wanted = self.config.free_unused_relays && self.spare_relays().next().is_some();
        wanted.then(|| since + self.config.timers.free_after)
    }

    fn free_relays(&mut self, now: Instant) {
        let spare: Vec<_> = self.spare_relays().collect();
        for at in spare {
            self.relays[at].client.close(now);
            self.close_relayed(now, at);
        }
    }

    /// What the relays have to tell.
    fn hear_relays(&mut self, now: Instant) {
        for at in 0..self.relays.len() {
            while let Some(event) = self.relays[at].client.poll_event() {
                match event {
                    TurnEvent::Allocated { relayed, mapped } => {
                        self.relay_allocated(now, at, &relayed, mapped);
                    }
                    TurnEvent::Failed(error) => self.relay_failed(now, at, &error),
                    TurnEvent::PermissionRefused(ip, _) => self.fail_relayed(now, at, Some(ip)),
                    _ => {}
                }
                self.check_gathering_end(now);
                self.update_state(now);
            }
            let relay = &mut self.relays[at];
            if relay.client.state() == TurnState::Closed
                && let Some(id) = relay.connection.take()
            {
                self.push_event(Event::Request(Request::DisconnectServer { id }));
            }
        }
    }

    fn relay_allocated(
        &mut self,
        now: Instant,
        at: usize,
        relayed: &[SocketAddr],
        mapped: SocketAddr,
    ) {
        let (base, protocol, server) = {
            let relay = &self.relays[at];
            (relay.base, relay.protocol, relay.server)
        };
        if protocol == Protocol::Udp {
            self.add_server_reflexive(base, Some(server), mapped);
            let address = self.relays[at].client.server();
            self.keep_open(now, base, server, address);
        }
        // UDP before TCP before TLS (RFC 8445, section 5.1.2.2 leaves it to us).
        let penalty = match protocol {
            Protocol::Udp => 0,
            Protocol::TurnTcp | Protocol::Tcp => 0x1000,
            Protocol::TurnTls => 0x2000,
        };
        for &address in relayed {
            let preference =
                local_preference(address.ip(), CandidateTransport::Udp, self.local.len());
            let candidate = Candidate {
                foundation: self.foundation_of(CandidateType::Relayed, address.ip()),
                component: 1,
                transport: CandidateTransport::Udp,
                priority: candidate_priority(
                    CandidateType::Relayed,
                    preference.saturating_sub(penalty),
                ),
                address: CandidateAddress::Ip(address.ip()),
                port: address.port(),
                candidate_type: CandidateType::Relayed,
                related_address: Some(self.may_show(mapped)),
                username_fragment: None,
            };
            let added = self.add_local(LocalCandidate {
                signalled_form: candidate.clone(),
                candidate,
                base: address,
                relay: Some(at),
                server: Some(server),
                is_open: true,
                can_send: true,
                signalled: true,
            });
            if let Some(local) = added {
                self.pair_local(now, local);
            }
        }
    }

    fn relay_failed(&mut self, now: Instant, at: usize, error: &AllocateError) {
        self.close_relayed(now, at);
        let (server, address) = (self.relays[at].server, self.relays[at].client.server());
        let is_stream = self.servers[server].stream_transport().is_some();
        let (code, elsewhere) = match error {
            AllocateError::Redirected(to) => (code::TRY_ALTERNATE, Some(*to)),
            // The server knows our address and port from before; a new connection has another port. For
            // UDP that is the driver's business (RFC 8656, section 7.4).
            &AllocateError::Refused { code, .. } => {
                let again = is_stream && code == code::ALLOCATION_MISMATCH;
                (code, again.then_some(address))
            }
            AllocateError::Unauthenticated(_) => (code::UNAUTHENTICATED, None),
            _ => (UNREACHABLE, None),
        };
        let tries = self.relays[at].tries + 1;
        match elsewhere {
            Some(to) if tries < MAX_TRIES && to.is_ipv4() == address.is_ipv4() => {
                self.try_elsewhere(now, at, to, tries);
            }
            _ => self.server_failed(server, code, &error.to_string()),
        }
    }

    fn try_elsewhere(&mut self, now: Instant, at: usize, address: SocketAddr, tries: u8) {
        let (server, base) = (self.relays[at].server, self.relays[at].base);
        if self.servers[server].stream_transport().is_some() {
            self.connect_to_server(server, vec![address], tries);
            return;
        }
        let target = Target {
            server,
            address,
            tries,
        };
        self.open_relay(now, target, base, Protocol::Udp, None);
    }

    /// A relay is no more: its candidates and pairs go.
    fn close_relayed(&mut self, now: Instant, at: usize) {
        let of_relay = |local: &&mut LocalCandidate| local.relay == Some(at);
        for local in self.local.iter_mut().filter(of_relay) {
            local.is_open = false;
        }
        self.fail_relayed(now, at, None);
        self.current
            .pairs
            .retain(|pair| pair.path.relay != Some(at));
    }

    /// Fails the pairs of a relay: those to one peer, or all.
    fn fail_relayed(&mut self, now: Instant, at: usize, peer: Option<IpAddr>) {
        let pairs = self.current.pairs.iter();
        let lost: Vec<_> = pairs
            .filter(|pair| pair.path.relay == Some(at))
            .filter(|pair| peer.is_none_or(|peer| pair.path.remote.ip() == peer))
            .map(|pair| pair.id)
            .collect();
        for id in lost {
            self.fail_pair(now, id);
        }
    }
}
