//! Packets that come in: checks of the peer's (RFC 8445, section 7.3), answers, and data.

use std::time::Instant;

use gannet_stun::{Attribute, Class, Message, Method, TransactionId, code};

use super::checklist::PairId;
use super::message::{UNDERSTOOD, error_response, success_response};
use super::{IceAgent, Incoming, Path};
use crate::{
    Candidate, CandidateAddress, CandidatePairState as State, CandidateTransport, CandidateType,
    Protocol, Role, TcpType,
};

/// What a check says besides who sent it.
#[derive(Debug, Default)]
struct Asked {
    priority: Option<u32>,
    use_candidate: bool,
    nomination: Option<u32>,
    /// The role that the peer takes itself to have, with its tie-breaker.
    peer_role: Option<(Role, u64)>,
}

impl Asked {
    fn read(message: &Message<'_>) -> Self {
        let mut asked = Self::default();
        for attribute in message.decoded() {
            match attribute {
                Attribute::Priority(priority) => asked.priority = Some(priority),
                Attribute::UseCandidate => asked.use_candidate = true,
                Attribute::Nomination(number) => asked.nomination = Some(number),
                Attribute::IceControlling(tie) => asked.peer_role = Some((Role::Controlling, tie)),
                Attribute::IceControlled(tie) => asked.peer_role = Some((Role::Controlled, tie)),
                _ => {}
            }
        }
        asked
    }
}

impl IceAgent {
    /// Takes a packet that looks like STUN.
    pub(super) fn handle_stun(&mut self, now: Instant, path: Path, packet: &[u8]) -> Incoming {
        let Ok(message) = Message::parse(packet) else {
            self.stats.malformed += 1;
            return Incoming::Dropped;
        };
        if message.method() != Method::BINDING {
            self.stats.malformed += 1;
            return Incoming::Dropped;
        }
        let taken = match message.class() {
            Class::Request => self.handle_request(now, path, &message),
            Class::Success | Class::Error => {
                self.server_answered(now, path, &message)
                    || self.handle_response(now, path, &message)
            }
            // A keepalive (RFC 8445, section 11): nothing proves who sent it.
            Class::Indication => false,
        };
        self.update_state(now);
        if taken {
            Incoming::Consumed
        } else {
            Incoming::Dropped
        }
    }

    /// Whether a packet answers a question to a STUN server, which may be a TURN server too.
    pub(super) fn answers_question(&self, packet: &[u8]) -> bool {
        let id = packet.get(8..20).and_then(|id| id.try_into().ok());
        !self.asking.is_empty()
            && id.is_some_and(|id| self.asking.tag(&TransactionId(id)).is_some())
    }

    /// Handles a check. Gives whether it is the peer's.
    fn handle_request(&mut self, now: Instant, path: Path, message: &Message<'_>) -> bool {
        let Some(username) = message.username() else {
            self.stats.unauthenticated += 1;
            return false;
        };
        if self.is_for_previous(username) {
            return self.handle_previous_request(now, path, message);
        }
        if !self.is_for_current(username) || message.verify(&self.current.local.key).is_err() {
            self.stats.unauthenticated += 1;
            return false;
        }
        if self.current.failed {
            // To answer would give the peer a path that works one way only.
            return true;
        }
        if message.unknown_required(UNDERSTOOD).next().is_some() {
            let code = code::UNKNOWN_ATTRIBUTE;
            self.push_outgoing(path, error_response(message, code, &self.current.local));
            return true;
        }
        let asked = Asked::read(message);
        if self.role_conflict(&asked) {
            let code = code::ROLE_CONFLICT;
            self.push_outgoing(path, error_response(message, code, &self.current.local));
            return true;
        }
        let response = success_response(message, path.remote, &self.current.local);
        self.push_outgoing(path, response);
        if let Some(id) = self.pair_of_request(now, path, &asked) {
            self.request_accepted(now, id, &asked);
        }
        true
    }

    /// The user name is `ours:theirs`; theirs is not known before the peer's credentials are.
    fn is_for_current(&self, username: &str) -> bool {
        let Some((ours, theirs)) = username.split_once(':') else {
            return false;
        };
        let remote = self.remote_parameters();
        ours == self.current.local.parameters.username_fragment
            && remote.is_none_or(|remote| remote.username_fragment == theirs)
    }

    /// Whether the peer takes our role, and has the right to (RFC 8445, section 7.3.1.1). If it has the
    /// right, we change sides; if not, it must.
    fn role_conflict(&mut self, asked: &Asked) -> bool {
        let Some((peer_role, peer_tie)) = asked.peer_role else {
            return false;
        };
        // A lite agent's role is not its own to choose.
        if peer_role != self.role || self.config.lite {
            return false;
        }
        self.stats.role_conflicts += 1;
        let ours_is_larger = self.tie_breaker >= peer_tie;
        let peer_must_switch = match self.role {
            Role::Controlling => ours_is_larger,
            Role::Controlled => !ours_is_larger,
        };
        if !peer_must_switch {
            self.switch_role();
        }
        peer_must_switch
    }

    /// The pair that a check came in on; where needed, with a new peer-reflexive candidate
    /// (RFC 8445, sections 7.3.1.3 and 7.3.1.4).
    fn pair_of_request(&mut self, now: Instant, path: Path, asked: &Asked) -> Option<PairId> {
        if let Some(pair) = self.current.pairs.iter().find(|pair| pair.path == path) {
            return Some(pair.id);
        }
        let is_tcp = path.protocol == Protocol::Tcp;
        let local = self.local.iter().position(|local| {
            local.base == path.local
                && local.can_send
                && local.is_open
                && (local.candidate.transport != CandidateTransport::Udp) == is_tcp
        })?;
        let candidates = &self.current.remote_candidates;
        let known = candidates.iter().position(|candidate| {
            candidate.socket_address() == Some(path.remote)
                && (candidate.transport != CandidateTransport::Udp) == is_tcp
        });
        let remote = match known {
            Some(remote) => remote,
            None => self.add_peer_reflexive(now, path, asked)?,
        };
        self.add_pair(now, local, remote)
    }

    fn add_peer_reflexive(&mut self, now: Instant, path: Path, asked: &Asked) -> Option<usize> {
        let filter = self.config.remote_addresses.as_ref();
        if filter.is_some_and(|filter| !filter.allows(&path.remote.ip())) {
            self.stats.unusable_candidates += 1;
            return None;
        }
        let candidates = &self.current.remote_candidates;
        let at = match self.current.peer_reflexive >= self.config.limits.peer_reflexive_candidates {
            false => candidates.len(),
            true => self.forget_peer_reflexive(now)?,
        };
        let candidate = Candidate {
            // Its foundation is like no other one.
            foundation: format!("prflx{at}"),
            component: 1,
            transport: match path.protocol {
                Protocol::Tcp => CandidateTransport::Tcp(TcpType::Active),
                _ => CandidateTransport::Udp,
            },
            priority: asked.priority.unwrap_or_default(),
            address: CandidateAddress::Ip(path.remote.ip()),
            port: path.remote.port(),
            candidate_type: CandidateType::PeerReflexive,
            related_address: None,
            username_fragment: None,
        };
        match self.current.remote_candidates.get_mut(at) {
            Some(slot) => *slot = candidate,
            None => {
                self.current.peer_reflexive += 1;
                self.current.remote_candidates.push(candidate);
            }
        }
        Some(at)
    }

    /// Makes room for a peer-reflexive candidate: gives the place of one that was not heard for long. A
    /// peer behind a NAT that forgets again and again leaves such ones behind.
    fn forget_peer_reflexive(&mut self, now: Instant) -> Option<usize> {
        let selected = self.current.selected_id();
        let long = self.config.timers.consent_expiry / 2;
        let is_old = |heard: Instant| now.saturating_duration_since(heard) >= long;
        let mut candidates = self.current.remote_candidates.iter().enumerate();
        let slot = candidates.position(|(at, candidate)| {
            let mut pairs = self.current.pairs.iter().filter(|pair| pair.remote == at);
            candidate.candidate_type == CandidateType::PeerReflexive
                && pairs.all(|pair| Some(pair.id) != selected && pair.heard.is_none_or(is_old))
        });
        let Some(slot) = slot else {
            self.stats.over_limit += 1;
            return None;
        };
        let pairs = self.current.pairs.iter();
        let gone: Vec<_> = pairs
            .filter(|pair| pair.remote == slot)
            .map(|pair| pair.id)
            .collect();
        for id in gone {
            self.forget_checks_of(id);
            self.current.pairs.retain(|pair| pair.id != id);
        }
        Some(slot)
    }

    /// RFC 8445, sections 7.3.1.4 and 7.3.1.5.
    fn request_accepted(&mut self, now: Instant, id: PairId, asked: &Asked) {
        self.heard_on(now, id);
        let expiry = self.config.timers.consent_expiry;
        let Some(pair) = self.current.pair_mut(id) else {
            return;
        };
        pair.counters.requests_received += 1;
        pair.counters.responses_sent += 1;
        let (state, consent_lost) = (pair.state, pair.consent_lost);
        let is_fresh = pair.is_fresh(now, expiry);
        if asked.use_candidate && self.role == Role::Controlled {
            self.peer_nominates(now, id, asked.nomination);
        }
        if self.config.lite || consent_lost {
            return;
        }
        if state == State::Succeeded && is_fresh {
            self.pair_is_valid(now, id);
        } else {
            self.check_back(now, id, state);
        }
    }

    /// A triggered check. What is in progress is not sent again, but its answer still counts.
    fn check_back(&mut self, now: Instant, id: PairId, state: State) {
        if state == State::InProgress {
            let checks = self.current.checks.iter();
            let running: Vec<_> = checks
                .filter(|(_, check)| check.pair == id)
                .map(|(transaction, _)| *transaction)
                .collect();
            for transaction in running {
                self.current.checks.stop_retransmitting(now, &transaction);
            }
        }
        if let Some(pair) = self.current.pair_mut(id) {
            pair.state = State::Waiting;
        }
        self.trigger(id);
    }

    /// Counts data, if it comes from an address that has proved to be the peer's.
    pub(super) fn handle_data(&mut self, now: Instant, path: Path, len: usize) -> bool {
        let is_selected = match &mut self.current.lifeline {
            Some(lifeline) if lifeline.path == path => {
                lifeline.heard = now;
                true
            }
            _ => false,
        };
        let mut pairs = self.current.pairs.iter_mut();
        let known = pairs.find(|pair| pair.path == path && pair.is_authenticated());
        if let Some(pair) = known {
            pair.counters.packets_received += 1;
            pair.counters.bytes_received += len as u64;
            pair.counters.last_packet_received = Some(now);
            if is_selected && self.current.silent {
                self.current.silent = false;
                self.update_state(now);
            }
            return true;
        }
        match &mut self.previous {
            Some(previous) if previous.lifeline.path == path => {
                previous.lifeline.heard = now;
                true
            }
            _ => false,
        }
    }
}
