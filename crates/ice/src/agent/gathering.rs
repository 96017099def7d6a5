//! Gathering with the help of servers (RFC 8445, section 5.1.1): server-reflexive and relayed candidates.
//!
//! Each UDP socket asks each server of its family, at the pace of all new transactions. A server that
//! fails is reported and forgotten; it never holds up the others.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use gannet_stun::{Class, Message, MessageWriter, Method, Reliability, Seal, TransactionId};
use gannet_turn::{Client, Event as TurnEvent, State as TurnState};

use super::candidates::LocalCandidate;
use super::checklist::PairId;
use super::{IceAgent, Incoming, Path};
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, ConnectionId, Event,
    IceGatheringState, IceServer, Protocol, Request, ServerAddress, Transmit, TransportPolicy,
    TurnTransport, candidate_priority,
};

/// A client on a TURN server.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) client: Client,
    /// The socket or connection to the server.
    base: SocketAddr,
    protocol: Protocol,
    server: usize,
    connection: Option<ConnectionId>,
}

/// A server, as far as it is known.
#[derive(Debug)]
pub(super) struct Server {
    config: IceServer,
    address: Option<SocketAddr>,
}

/// A Binding request to a STUN server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The socket that it goes out of.
    pub(super) base: SocketAddr,
    server: usize,
}

impl Server {
    pub(super) fn new(config: &IceServer) -> Self {
        Self {
            address: match config.address() {
                ServerAddress::Ip(address) => Some(*address),
                ServerAddress::Name(..) => None,
            },
            config: config.clone(),
        }
    }
}

impl IceAgent {
    /// Asks the driver for the addresses of servers, and for connections to those that need one.
    pub(super) fn call_servers(&mut self) {
        for at in 0..self.servers.len() {
            match self.servers[at].config.address().clone() {
                ServerAddress::Ip(_) => self.server_is_known(at),
                ServerAddress::Name(name, _) => {
                    let id = self.new_resolve_id();
                    self.resolving_servers.push((id, at));
                    self.push_event(Event::Request(Request::ResolveName { id, name }));
                }
            }
        }
    }

    /// An answer to the question for a server's address.
    pub(super) fn server_resolved(&mut self, now: Instant, server: usize, ip: Option<IpAddr>) {
        match (ip, self.servers[server].config.address()) {
            (Some(ip), &ServerAddress::Name(_, port)) => {
                self.servers[server].address = Some(SocketAddr::new(ip, port));
                self.server_is_known(server);
            }
            _ => self.server_failed(server, "its name has no address"),
        }
        self.check_gathering_end(now);
    }

    fn server_is_known(&mut self, server: usize) {
        if let Some(transport) = self.stream_transport(server) {
            let Some(address) = self.servers[server].address else {
                return;
            };
            let id = ConnectionId(self.next_connection);
            self.next_connection = self.next_connection.wrapping_add(1);
            self.connecting.push((id, server));
            let name = match self.servers[server].config.address() {
                ServerAddress::Ip(_) => None,
                ServerAddress::Name(name, _) => Some(name.clone()),
            };
            self.push_event(Event::Request(Request::ConnectServer {
                id,
                address,
                name,
                tls: transport == TurnTransport::Tls,
            }));
            return;
        }
        for local in 0..self.local.len() {
            self.queue_question(local, server);
        }
    }

    fn stream_transport(&self, server: usize) -> Option<TurnTransport> {
        match self.servers.get(server)?.config {
            IceServer::Turn { transport, .. } if transport.is_stream() => Some(transport),
            _ => None,
        }
    }

    /// A new socket asks all servers.
    pub(super) fn queue_questions(&mut self, local: usize) {
        for server in 0..self.servers.len() {
            self.queue_question(local, server);
        }
    }

    fn queue_question(&mut self, local: usize, server: usize) {
        let Some(local) = self.local.get(local) else {
            return;
        };
        let base = local.base;
        let is_socket = local.candidate.candidate_type == CandidateType::Host
            && local.candidate.transport == CandidateTransport::Udp
            && local.is_open;
        let address = self.servers[server].address;
        let fits = address.is_some_and(|address| {
            address.is_ipv4() == base.is_ipv4()
                && (!base.ip().is_loopback() || address.ip().is_loopback())
        });
        if is_socket && fits && self.stream_transport(server).is_none() {
            self.questions.push_back(Question { base, server });
        }
    }

    /// Sends what gathering has to send: what relays want, questions that wait for an answer, and new
    /// questions if the pace allows.
    pub(super) fn transmit_gathering(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        loop {
            if let Some(transmit) = self.transmit_relays(now, buffer) {
                return Some(transmit);
            }
            if let Some(sent) = self.asking.poll_transmit(now, buffer) {
                let question = *sent.tag;
                let remote = self.servers[question.server].address?;
                return Some(Transmit {
                    local: question.base,
                    remote,
                    protocol: Protocol::Udp,
                });
            }
            if self.questions.is_empty() || !self.pacer.take(now) {
                return None;
            }
            let question = self.questions.pop_front()?;
            self.ask(now, question);
        }
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

    fn ask(&mut self, now: Instant, question: Question) {
        if matches!(self.servers[question.server].config, IceServer::Turn { .. }) {
            self.open_relay(now, question.server, question.base, Protocol::Udp, None);
            return;
        }
        let id = TransactionId::random(&mut self.rng);
        let mut request = Vec::with_capacity(32);
        let writer = MessageWriter::new(&mut request, Class::Request, Method::BINDING, id);
        let written = writer.finish(Seal::FINGERPRINT);
        debug_assert!(written.is_ok(), "{written:?}");
        let rto = self.config.timers.check_rto;
        let reliability = Reliability::Unreliable;
        let started = self
            .asking
            .start(now, id, request, reliability, rto, question);
        self.stats.over_limit += u64::from(started.is_err());
    }

    fn open_relay(
        &mut self,
        now: Instant,
        server: usize,
        base: SocketAddr,
        protocol: Protocol,
        connection: Option<ConnectionId>,
    ) {
        let entry = &self.servers[server];
        let (
            Some(address),
            IceServer::Turn {
                transport,
                username,
                password,
                ..
            },
        ) = (entry.address, &entry.config)
        else {
            return;
        };
        if self.relays.len() >= self.config.limits.relays {
            self.stats.over_limit += 1;
            return;
        }
        let mut config = gannet_turn::Config::new(address, *transport, username, password);
        config.transactions = super::SERVER_TRANSACTIONS;
        let mut client = Client::new(config, self.provider.clone(), self.rng.fork());
        client.allocate(now);
        self.relays.push(Relay {
            client,
            base,
            protocol,
            server,
            connection,
        });
    }

    /// The connection that [`Request::ConnectServer`] asked for is there, with this local address.
    /// Packets on it have the protocol [`Protocol::TurnTcp`] or [`Protocol::TurnTls`].
    pub fn handle_server_connected(&mut self, now: Instant, id: ConnectionId, local: SocketAddr) {
        let waiting = self
            .connecting
            .iter()
            .position(|(waiting, _)| *waiting == id);
        let Some(at) = waiting else { return };
        let (_, server) = self.connecting.swap_remove(at);
        let protocol = match self.stream_transport(server) {
            Some(TurnTransport::Tls) => Protocol::TurnTls,
            _ => Protocol::TurnTcp,
        };
        self.open_relay(now, server, local, protocol, Some(id));
    }

    /// The connection that [`Request::ConnectServer`] asked for can not be made, or broke.
    pub fn handle_server_disconnected(&mut self, now: Instant, id: ConnectionId) {
        let waiting = self
            .connecting
            .iter()
            .position(|(waiting, _)| *waiting == id);
        if let Some(at) = waiting {
            let (_, server) = self.connecting.swap_remove(at);
            self.server_failed(server, "no connection to it could be made");
        }
        let mut relays = self.relays.iter_mut();
        if let Some(relay) = relays.find(|relay| relay.connection == Some(id)) {
            relay.client.handle_disconnect();
        }
        self.hear_relays(now);
        self.check_gathering_end(now);
    }

    /// The answer of a STUN server. Gives false if it answers no question.
    pub(super) fn server_answered(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> bool {
        let id = message.transaction_id();
        let Some(&question) = self.asking.tag(&id) else {
            return false;
        };
        if self.servers[question.server].address != Some(path.remote) || question.base != path.local
        {
            return false;
        }
        self.asking.complete(now, &id);
        match message.mapped_address() {
            Some(mapped) if message.class() == Class::Success => {
                self.add_server_reflexive(question.base, mapped);
            }
            _ => self.server_failed(question.server, "it answered with an error"),
        }
        self.check_gathering_end(now);
        self.update_state(now);
        true
    }

    /// A message of a TURN server: what the relay brings is handled as if it had come by itself.
    pub(super) fn handle_relay_packet<'p>(
        &mut self,
        now: Instant,
        at: usize,
        packet: &'p [u8],
    ) -> Incoming<'p> {
        let incoming = self.relays[at].client.handle_packet(now, packet);
        self.hear_relays(now);
        match incoming {
            gannet_turn::Incoming::Data { peer, data } => {
                let own = self.relays[at].client.relayed_addresses();
                let own = own.iter().find(|own| own.is_ipv4() == peer.is_ipv4());
                let Some(&local) = own else {
                    return Incoming::Dropped;
                };
                self.handle_on_path(
                    now,
                    Path {
                        local,
                        remote: peer,
                        protocol: Protocol::Udp,
                        relay: Some(at),
                    },
                    data,
                )
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

    /// Lets time pass for gathering and for relays.
    pub(super) fn expire_gathering(&mut self, now: Instant) {
        while let Some(expired) = self.asking.poll_expired(now) {
            self.server_failed(expired.tag.server, "it did not answer");
        }
        for relay in &mut self.relays {
            relay.client.handle_timeout(now);
        }
        self.hear_relays(now);
        self.check_gathering_end(now);
    }

    pub(super) fn gathering_timeout(&self) -> Option<Instant> {
        let relays = self.relays.iter();
        let relays = relays.filter_map(|relay| relay.client.poll_timeout()).min();
        let questions = match self.questions.is_empty() {
            true => None,
            false => self.pacer.ready_at(),
        };
        [relays, questions, self.asking.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the relays have to tell.
    fn hear_relays(&mut self, now: Instant) {
        for at in 0..self.relays.len() {
            while let Some(event) = self.relays[at].client.poll_event() {
                match event {
                    TurnEvent::Allocated { relayed, mapped } => {
                        self.relay_allocated(now, at, &relayed, mapped);
                    }
                    TurnEvent::Failed(error) => {
                        self.relay_failed(now, at, &error.to_string());
                    }
                    TurnEvent::PermissionRefused(ip, _) => self.fail_relayed(now, at, Some(ip)),
                    _ => {}
                }
                self.check_gathering_end(now);
                self.update_state(now);
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
        let (base, protocol) = {
            let relay = &self.relays[at];
            (relay.base, relay.protocol)
        };
        if protocol == Protocol::Udp {
            self.add_server_reflexive(base, mapped);
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
                is_open: true,
                can_send: true,
                signalled: true,
            });
            if let Some(local) = added {
                self.pair_local(now, local);
            }
        }
    }

    fn add_server_reflexive(&mut self, base: SocketAddr, mapped: SocketAddr) {
        let known = |local: &LocalCandidate| {
            local.base == base
                && local.candidate.socket_address() == Some(mapped)
                && local.candidate.candidate_type != CandidateType::PeerReflexive
        };
        if self.local.iter().any(known) {
            return;
        }
        let preference = local_preference(mapped.ip(), CandidateTransport::Udp, self.local.len());
        let candidate = Candidate {
            foundation: self.foundation_of(CandidateType::ServerReflexive, base.ip()),
            component: 1,
            transport: CandidateTransport::Udp,
            priority: candidate_priority(CandidateType::ServerReflexive, preference),
            address: CandidateAddress::Ip(mapped.ip()),
            port: mapped.port(),
            candidate_type: CandidateType::ServerReflexive,
            related_address: Some(self.may_show(base)),
            username_fragment: None,
        };
        self.add_local(LocalCandidate {
            signalled_form: candidate.clone(),
            candidate,
            base,
            relay: None,
            is_open: true,
            can_send: false,
            signalled: self.config.policy == TransportPolicy::All,
        });
    }

    /// A related address, or nothing if addresses of this machine must not be seen.
    fn may_show(&self, address: SocketAddr) -> SocketAddr {
        let hide = self.config.hide_host_addresses || self.config.policy == TransportPolicy::Relay;
        match (hide, address.is_ipv4()) {
            (false, _) => address,
            (true, true) => SocketAddr::from(([0; 4], 0)),
            (true, false) => SocketAddr::from(([0_u16; 8], 0)),
        }
    }

    fn relay_failed(&mut self, now: Instant, at: usize, reason: &str) {
        let server = self.relays[at].server;
        for local in self
            .local
            .iter_mut()
            .filter(|local| local.relay == Some(at))
        {
            local.is_open = false;
        }
        self.fail_relayed(now, at, None);
        self.server_failed(server, reason);
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

    fn server_failed(&mut self, server: usize, reason: &str) {
        let address = self.servers[server].config.address().clone();
        self.push_event(Event::ServerError {
            server: address,
            reason: reason.to_owned(),
        });
    }

    /// Gathering is over when the driver has no more addresses, and nobody is waited for.
    pub(super) fn check_gathering_end(&mut self, now: Instant) {
        let relays_wait = self
            .relays
            .iter()
            .any(|relay| matches!(relay.client.state(), TurnState::New | TurnState::Allocating));
        if self.gathering == IceGatheringState::Gathering
            && self.end_of_local_hosts
            && self.questions.is_empty()
            && self.asking.is_empty()
            && self.resolving_servers.is_empty()
            && self.connecting.is_empty()
            && !relays_wait
        {
            self.gathering = IceGatheringState::Complete;
            self.push_event(Event::GatheringStateChange(self.gathering));
            self.update_state(now);
        }
    }
}
