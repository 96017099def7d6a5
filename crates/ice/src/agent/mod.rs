//! The agent: what it holds, and its verbs. What they do is in the modules below, by phase.

mod candidates;
mod checklist;
mod checks;
mod gathering;
mod generation;
mod lifeline;
mod message;
mod pacer;
mod relays;
mod requests;
mod restart;
mod selection;
mod state;
mod tcp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, Rng};
use gannet_stun::{TransactionConfig, Transactions};

use self::candidates::LocalCandidate;
pub use self::candidates::{AddRemoteCandidateError, SetRemoteParametersError};
use self::gathering::{Mapping, Question, Server};
use self::generation::{Generation, Previous};
pub use self::message::username_fragment_of;
use self::pacer::{DEFAULT_PACING, Pacer};
use self::relays::{Connecting, Relay};
use self::tcp::PeerConnecting;
use crate::{
    AgentStats, Candidate, CandidatePairStats, CandidateStats, Config, Event, IceGatheringState,
    IceParameters, IceTransportState, Protocol, ResolveId, Role, Transmit,
};

/// How servers are asked: 5 times in 9.5 s. RFC 8489 asks 7 times in 39.5 s, and gathering would not be
/// complete before.
const SERVER_TRANSACTIONS: TransactionConfig = TransactionConfig {
    max_requests: 5,
    last_wait: 4,
    reliable_timeout: Duration::from_millis(9_500),
    max_transactions: 256,
};

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "data in it is for DTLS, SRTP or whatever runs over ICE"]
pub enum Incoming {
    /// It was STUN or TURN of the peer's or of a server, and the agent took it. A check or an answer is
    /// the peer's if its integrity is right.
    Consumed,
    /// It is application data from an address that has proved to be the peer's, and stands in this part
    /// of the packet: all of it, unless it came through a relay.
    Data(Range<usize>),
    /// It is neither, and was counted.
    Dropped,
}

/// The pair that carries the data (W3C's `RTCIceCandidatePair`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedPair {
    /// Our candidate.
    pub local: Candidate,
    /// The peer's candidate.
    pub remote: Candidate,
}

/// Where packets go: the socket and the address at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Path {
    /// The base of the local candidate: a socket's address, or a relayed one.
    local: SocketAddr,
    remote: SocketAddr,
    protocol: Protocol,
    /// The relay that it goes through.
    relay: Option<usize>,
}

/// A packet that waits to be sent.
#[derive(Debug)]
struct Outgoing {
    path: Path,
    bytes: Vec<u8>,
}

/// An ICE agent.
///
/// Its methods are of four kinds:
/// - getters, such as [`Self::state`] and [`Self::selected_pair`], change nothing;
/// - `handle_packet`, `handle_timeout` and `handle_resolved` tell it what happened outside;
/// - commands, such as [`Self::add_remote_candidate`] and [`Self::restart`], tell it what the user wants;
/// - `poll_transmit`, `poll_event` and `poll_timeout` say what it wants.
///
/// They may be called in any order and as often as the caller likes.
#[derive(Debug)]
pub struct IceAgent {
    config: Config,
    provider: Arc<dyn CryptoProvider>,
    rng: Rng,
    role: Role,
    tie_breaker: u64,
    state: IceTransportState,
    gathering: IceGatheringState,
    local: Vec<LocalCandidate>,
    current: Generation,
    /// The generation before a restart carries the data until the current one can.
    previous: Option<Box<Previous>>,
    pacer: Pacer,
    servers: Vec<Server>,
    relays: Vec<Relay>,
    /// Questions to servers that wait for the pace, and those that wait for an answer.
    questions: VecDeque<Question>,
    asking: Transactions<Question>,
    resolving_servers: Vec<(ResolveId, usize)>,
    mappings: Vec<Mapping>,
    connecting: Vec<Connecting>,
    connecting_peers: Vec<PeerConnecting>,
    peer_connections: usize,
    next_connection: u32,
    end_of_local_hosts: bool,
    completed_since: Option<Instant>,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<Event>,
    next_resolve: u32,
    stats: AgentStats,
}

impl IceAgent {
    /// An agent with fresh credentials and no candidates.
    #[must_use]
    pub fn new(config: Config, provider: Arc<dyn CryptoProvider>, mut rng: Rng) -> Self {
        let tie_breaker = rng.u64();
        let current = Generation::new(&config, &provider, &mut rng);
        Self {
            role: config.role,
            pacer: Pacer::new(
                config.timers.pacing.max(DEFAULT_PACING),
                config.timers.burst,
            ),
            servers: config.servers.iter().map(Server::new).collect(),
            config,
            provider,
            rng,
            tie_breaker,
            state: IceTransportState::New,
            gathering: IceGatheringState::New,
            local: Vec::new(),
            current,
            previous: None,
            relays: Vec::new(),
            questions: VecDeque::new(),
            asking: Transactions::new(SERVER_TRANSACTIONS),
            resolving_servers: Vec::new(),
            mappings: Vec::new(),
            connecting: Vec::new(),
            connecting_peers: Vec::new(),
            peer_connections: 0,
            next_connection: 0,
            end_of_local_hosts: false,
            completed_since: None,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            next_resolve: 0,
            stats: AgentStats::default(),
        }
    }

    /// The role now; conflicts may have changed it.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> IceTransportState {
        self.state
    }

    /// The gathering state.
    #[must_use]
    pub const fn gathering_state(&self) -> IceGatheringState {
        self.gathering
    }

    /// Our credentials, to be signalled.
    #[must_use]
    pub const fn local_parameters(&self) -> &IceParameters {
        &self.current.local.parameters
    }

    /// The peer's credentials, if they are known.
    #[must_use]
    pub fn remote_parameters(&self) -> Option<&IceParameters> {
        Some(&self.current.remote.as_ref()?.parameters)
    }

    /// What it was told at its birth.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Ta as both sides have agreed on it: the time between new checks.
    #[must_use]
    pub const fn pacing(&self) -> Duration {
        self.pacer.pacing()
    }

    /// Our candidates that are there to be signalled.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.local
            .iter()
            .filter(|local| local.signalled && local.is_open)
            .map(|local| &local.signalled_form)
    }

    /// The peer's candidates of this generation, peer-reflexive ones included.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.current.remote_candidates.iter()
    }

    /// The pair that carries the data, if there is one.
    ///
    /// It is the nominated pair or, before nomination, the best of those that work.
    #[must_use]
    pub fn selected_pair(&self) -> Option<SelectedPair> {
        let pair = self.current.selected_pair()?;
        Some(SelectedPair {
            local: self.local.get(pair.reported_local())?.candidate.clone(),
            remote: self.current.remote_candidates.get(pair.remote)?.clone(),
        })
    }

    /// The agent's own counters.
    #[must_use]
    pub const fn stats(&self) -> &AgentStats {
        &self.stats
    }

    /// The statistics of all candidates of ours, those that are gone included.
    #[must_use]
    pub fn local_candidate_stats(&self) -> Vec<CandidateStats> {
        let stats = |local: &LocalCandidate| {
            let server = local.server.and_then(|at| self.servers.get(at));
            CandidateStats {
                candidate: local.candidate.clone(),
                is_open: local.is_open,
                server: server.map(|server| server.config.address().clone()),
                relay_protocol: local
                    .relay
                    .and_then(|at| self.relays.get(at))
                    .map(|relay| relay.client.config().transport),
            }
        };
        self.local.iter().map(stats).collect()
    }

    /// The statistics of all pairs.
    #[must_use]
    pub fn pair_stats(&self) -> Vec<CandidatePairStats> {
        let selected = self.current.selected_id();
        self.current
            .pairs
            .iter()
            .filter_map(|pair| {
                Some(CandidatePairStats {
                    local: self.local.get(pair.reported_local())?.candidate.clone(),
                    remote: self.current.remote_candidates.get(pair.remote)?.clone(),
                    state: pair.state,
                    nominated: pair.nominated,
                    selected: Some(pair.id) == selected,
                    priority: pair.priority,
                    counters: pair.counters,
                })
            })
            .collect()
    }

    /// Whether `remote` has proved to be the peer's: then DTLS or SRTP from there may be looked at.
    #[must_use]
    pub fn is_authenticated(&self, remote: SocketAddr) -> bool {
        let current = self.current.pairs.iter();
        let mut current = current.filter(|pair| pair.path.remote == remote);
        current.any(|pair| pair.is_authenticated())
            || self
                .previous
                .as_ref()
                .is_some_and(|previous| previous.lifeline.path.remote == remote)
    }

    /// Takes a packet that came in on the socket `local` from `remote`.
    ///
    /// What is not STUN comes back as data if `remote` has proved to be the peer's.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        protocol: Protocol,
        packet: &[u8],
    ) -> Incoming {
        let path = Path {
            local,
            remote,
            protocol,
            relay: None,
        };
        if self.state == IceTransportState::Closed {
            return Incoming::Dropped;
        }
        if let Some(relay) = self.relay_of(path)
            && !self.answers_question(packet)
        {
            return self.handle_relay_packet(now, relay, packet);
        }
        self.handle_on_path(now, path, packet, 0..packet.len())
    }

    /// What came on a path: the whole packet, or the part of it that a relay has wrapped.
    fn handle_on_path(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
        part: Range<usize>,
    ) -> Incoming {
        let data = packet.get(part.clone()).unwrap_or_default();
        if gannet_stun::is_stun(data) {
            return self.handle_stun(now, path, data);
        }
        if self.handle_data(now, path, data.len()) {
            return Incoming::Data(part);
        }
        self.stats.unexpected_data += 1;
        Incoming::Dropped
    }

    /// Lets time pass: transactions expire, consent expires, states change.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == IceTransportState::Closed {
            return;
        }
        self.expire_gathering(now);
        self.expire_checks(now);
        self.expire_previous(now);
        self.watch_selected(now);
        self.consider_nomination(now);
        self.update_state(now);
    }

    /// Appends one datagram to `buffer` and says where it goes.
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        if self.state == IceTransportState::Closed {
            self.release_relays(now);
            return self.transmit_relays(now, buffer);
        }
        let start = buffer.len();
        while let Some(outgoing) = self.outgoing.pop_front() {
            buffer.extend_from_slice(&outgoing.bytes);
            if let Some(transmit) = self.emit(outgoing.path, buffer, start) {
                return Some(transmit);
            }
        }
        self.transmit_lifeline(now, buffer)
            .or_else(|| self.transmit_check(now, buffer))
            .or_else(|| self.transmit_gathering(now, buffer))
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] and [`Self::poll_transmit`] should be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == IceTransportState::Closed {
            return None;
        }
        [
            self.checks_timeout(),
            self.gathering_timeout(),
            self.lifeline_timeout(),
            self.nomination_timeout(),
            self.patience_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Says on which path application data goes that stands in `buffer` from `start` on, and counts it.
    ///
    /// If the path is a relay, the data is wrapped in place. `None` means that no pair works (yet, or
    /// any more), and the data should not be sent.
    pub fn transmit_data(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Option<Transmit> {
        let len = buffer.len().saturating_sub(start);
        let path = self.route_data(now, len)?;
        self.emit(path, buffer, start)
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() >= self.config.limits.events {
            self.events.pop_front();
            self.stats.over_limit += 1;
        }
        self.events.push_back(event);
    }

    fn push_outgoing(&mut self, path: Path, bytes: Vec<u8>) {
        if self.outgoing.len() >= self.config.limits.responses {
            self.stats.over_limit += 1;
            return;
        }
        self.outgoing.push_back(Outgoing { path, bytes });
    }
}
