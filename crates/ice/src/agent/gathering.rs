//! Gathering with the help of servers (RFC 8445, section 5.1.1).
//!
//! Each UDP socket asks each server of its family, at the pace of all new transactions. A server that
//! fails is reported and forgotten; it never holds up the others. While no pair is nominated, the
//! mappings that STUN servers have shown are kept open: a NAT forgets them otherwise, and an agent that
//! gathers long before it is needed (a candidate pool) would announce addresses that lead nowhere.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_stun::{Class, Message, MessageWriter, Method, Reliability, Seal, TransactionId};
use gannet_turn::State as TurnState;

use super::candidates::LocalCandidate;
use super::relays::Target;
use super::{IceAgent, Path};
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, Event, IceGatheringState,
    IceServer, IceTransportState, Protocol, Request, ServerAddress, Transmit, TransportPolicy,
    TurnTransport, candidate_priority,
};

/// How many addresses of one server's name are looked at.
const MAX_ADDRESSES: usize = 8;

/// W3C's code in `icecandidateerror` for a server that can not be reached.
pub(super) const UNREACHABLE: u16 = 701;

/// A server, as far as it is known.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: IceServer,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Server {
    pub(super) fn new(config: &IceServer) -> Self {
        Self {
            addresses: match config.address() {
                ServerAddress::Ip(address) => vec![*address],
                ServerAddress::Name(..) => Vec::new(),
            },
            config: config.clone(),
        }
    }

    /// What carries the messages, if that is a stream.
    pub(super) const fn stream_transport(&self) -> Option<TurnTransport> {
        match self.config {
            IceServer::Turn { transport, .. } if transport.is_stream() => Some(transport),
            _ => None,
        }
    }

    /// The address that a socket can reach: of its family, and not from a loopback one to elsewhere.
    fn address_for(&self, base: SocketAddr) -> Option<SocketAddr> {
        let fits = |address: &&SocketAddr| {
            address.is_ipv4() == base.is_ipv4()
                && (!base.ip().is_loopback() || address.ip().is_loopback())
        };
        self.addresses.iter().find(fits).copied()
    }
}

/// Something to ask a server for, over UDP: a Binding, or an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The socket that it goes out of.
    pub(super) base: SocketAddr,
    server: usize,
    address: SocketAddr,
    /// It only keeps a mapping open, and nothing waits for its answer.
    keeps_alive: bool,
}

/// A mapping that a server has shown.
#[derive(Debug)]
pub(super) struct Mapping {
    question: Question,
    next: Instant,
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

    /// An answer to the question for a server's addresses.
    pub(super) fn server_resolved(&mut self, now: Instant, server: usize, ips: &[IpAddr]) {
        match self.servers[server].config.address() {
            &ServerAddress::Name(_, port) if !ips.is_empty() => {
                let ips = ips.iter().take(MAX_ADDRESSES);
                let addresses = ips.map(|ip| SocketAddr::new(*ip, port)).collect();
                self.servers[server].addresses = addresses;
                self.server_is_known(server);
            }
            _ => self.server_failed(server, UNREACHABLE, "its name has no address"),
        }
        self.check_gathering_end(now);
    }

    fn server_is_known(&mut self, server: usize) {
        if self.servers[server].stream_transport().is_some() {
            let addresses = self.servers[server].addresses.clone();
            self.connect_to_server(server, addresses, 0);
            return;
        }
        for local in 0..self.local.len() {
            self.queue_question(local, server);
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
        let server_entry = &self.servers[server];
        if !is_socket || server_entry.stream_transport().is_some() {
            return;
        }
        if let Some(address) = server_entry.address_for(base) {
            self.questions.push_back(Question {
                base,
                server,
                address,
                keeps_alive: false,
            });
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
                return Some(Transmit {
                    local: sent.tag.base,
                    remote: sent.tag.address,
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

    /// The first timeout of a question, which grows with their number (RFC 8445, section 14.3).
    pub(super) fn question_rto(&self) -> Duration {
        let many = self.questions.len() + self.asking.len() + self.relays.len();
        let many = u32::try_from(many).unwrap_or(u32::MAX);
        let grown = self.pacer.pacing().saturating_mul(many);
        self.config.timers.check_rto.max(grown)
    }

    fn ask(&mut self, now: Instant, question: Question) {
        let wants_relay = matches!(self.servers[question.server].config, IceServer::Turn { .. });
        if wants_relay && !question.keeps_alive {
            let target = Target {
                server: question.server,
                address: question.address,
                tries: 0,
            };
            self.open_relay(now, target, question.base, Protocol::Udp, None);
            return;
        }
        let id = TransactionId::random(&mut self.rng);
        let mut request = Vec::with_capacity(32);
        let writer = MessageWriter::new(&mut request, Class::Request, Method::BINDING, id);
        let written = writer.finish(Seal::FINGERPRINT);
        debug_assert!(written.is_ok(), "{written:?}");
        let rto = self.question_rto();
        let reliability = Reliability::Unreliable;
        let started = self
            .asking
            .start(now, id, request, reliability, rto, question);
        self.stats.over_limit += u64::from(started.is_err());
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
        if question.address != path.remote || question.base != path.local {
            return false;
        }
        self.asking.complete(now, &id);
        match message.mapped_address() {
            Some(mapped) if message.class() == Class::Success => {
                self.add_server_reflexive(question.base, Some(question.server), mapped);
                self.keep_open(now, question.base, question.server, question.address);
            }
            _ if question.keeps_alive => {}
            _ => {
                let code = message.error_code().map_or(UNREACHABLE, |error| error.code);
                self.server_failed(question.server, code, "it answered with an error");
            }
        }
        self.check_gathering_end(now);
        self.update_state(now);
        true
    }

    /// Remembers to ask again before a NAT forgets.
    pub(super) fn keep_open(
        &mut self,
        now: Instant,
        base: SocketAddr,
        server: usize,
        address: SocketAddr,
    ) {
        let next = now + self.config.timers.keepalive_interval;
        let same = |mapping: &&mut Mapping| {
            (mapping.question.base, mapping.question.address) == (base, address)
        };
        match self.mappings.iter_mut().find(same) {
            Some(mapping) => mapping.next = next,
            None => self.mappings.push(Mapping {
                question: Question {
                    base,
                    server,
                    address,
                    keeps_alive: true,
                },
                next,
            }),
        }
    }

    /// Whether mappings must be kept open: checks may still come to them.
    fn needs_mappings(&self) -> bool {
        let selected = self.current.selected_pair();
        !self.current.failed && selected.is_none_or(|pair| !pair.nominated)
    }

    fn queue_keepalives(&mut self, now: Instant) {
        if !self.needs_mappings() {
            return;
        }
        let interval = self.config.timers.keepalive_interval;
        for mapping in self.mappings.iter_mut() {
            if mapping.next > now {
                continue;
            }
            mapping.next = now + interval;
            // A driver that does not send gathers no more than one of each.
            if !self.questions.contains(&mapping.question) {
                self.questions.push_back(mapping.question);
            }
        }
    }

    /// Forgets the mappings of a socket that is gone.
    pub(super) fn forget_mappings(&mut self, ip: IpAddr) {
        self.mappings
            .retain(|mapping| mapping.question.base.ip() != ip);
        self.questions.retain(|question| question.base.ip() != ip);
    }

    /// Lets time pass for gathering and for relays.
    pub(super) fn expire_gathering(&mut self, now: Instant) {
        while let Some(expired) = self.asking.poll_expired(now) {
            if !expired.tag.keeps_alive {
                self.server_failed(expired.tag.server, UNREACHABLE, "it did not answer");
            }
        }
        self.queue_keepalives(now);
        self.expire_relays(now);
        self.check_gathering_end(now);
    }

    pub(super) fn gathering_timeout(&self) -> Option<Instant> {
        let questions = match self.questions.is_empty() {
            true => None,
            false => self.pacer.ready_at(),
        };
        let keepalives = self.mappings.iter().map(|mapping| mapping.next).min();
        let keepalives = keepalives.filter(|_| self.needs_mappings());
        [
            self.relays_timeout(),
            questions,
            keepalives,
            self.asking.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A server has seen a socket of ours at another address. If that changed, it is in place of the old.
    pub(super) fn add_server_reflexive(
        &mut self,
        base: SocketAddr,
        server: Option<usize>,
        mapped: SocketAddr,
    ) {
        let is_reflexive = |local: &LocalCandidate| {
            local.base == base && local.candidate.candidate_type != CandidateType::PeerReflexive
        };
        let known = |local: &LocalCandidate| {
            is_reflexive(local) && local.is_open && local.candidate.socket_address() == Some(mapped)
        };
        for old in self.local.iter_mut().filter(|local| {
            is_reflexive(local)
                && local.candidate.candidate_type == CandidateType::ServerReflexive
                && local.server == server
                && local.candidate.socket_address() != Some(mapped)
        }) {
            old.is_open = false;
        }
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
        let added = self.push_local(LocalCandidate {
            signalled_form: candidate.clone(),
            candidate,
            base,
            relay: None,
            server,
            is_open: true,
            can_send: false,
            signalled: self.config.policy == TransportPolicy::All,
        });
        // After the end of candidates was signalled, the peer learns of it by the checks from there.
        if let Some(local) = added
            && self.gathering != IceGatheringState::Complete
        {
            self.announce(local);
        }
    }

    /// A related address, or nothing if addresses of this machine must not be seen.
    pub(super) fn may_show(&self, address: SocketAddr) -> SocketAddr {
        let hide = self.config.hide_host_addresses || self.config.policy == TransportPolicy::Relay;
        match (hide, address.is_ipv4()) {
            (false, _) => address,
            (true, true) => SocketAddr::from(([0; 4], 0)),
            (true, false) => SocketAddr::from(([0_u16; 8], 0)),
        }
    }

    pub(super) fn server_failed(&mut self, server: usize, code: u16, reason: &str) {
        let address = self.servers[server].config.address().clone();
        self.push_event(Event::ServerError {
            server: address,
            code,
            reason: reason.to_owned(),
        });
    }

    /// Gathering is over when the driver has no more addresses, and nobody is waited for.
    pub(super) fn check_gathering_end(&mut self, now: Instant) {
        let relays_wait = self
            .relays
            .iter()
            .any(|relay| matches!(relay.client.state(), TurnState::New | TurnState::Allocating));
        let unanswered = self
            .asking
            .iter()
            .any(|(_, question)| !question.keeps_alive);
        if self.gathering == IceGatheringState::Gathering
            && self.state != IceTransportState::Closed
            && self.end_of_local_hosts
            && self.questions.iter().all(|question| question.keeps_alive)
            && !unanswered
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
