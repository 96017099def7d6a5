//! Checks that we send, and their answers (RFC 8445, sections 6.1.4, 7.2 and 8.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gannet_stun::{Class, Message, Reliability, TransactionId, code};

use super::candidates::LocalCandidate;
use super::checklist::PairId;
use super::message::CheckRequest;
use super::{IceAgent, Path};
use crate::{
    Candidate, CandidateAddress, CandidatePairState as State, CandidateType, Event, Nomination,
    Protocol, Role, Transmit,
};

/// What is remembered of a check until its answer.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) pair: PairId,
    /// With USE-CANDIDATE.
    nominate: bool,
    /// The role at that time: a conflict is about this one.
    role: Role,
}

impl IceAgent {
    /// Whether checks may be sent at all.
    const fn may_check(&self) -> bool {
        self.current.remote.is_some() && !self.config.lite && !self.current.failed
    }

    /// The next pair to check: first the triggered ones, then by priority.
    fn next_check(&self) -> Option<PairId> {
        if !self.may_check() {
            return None;
        }
        self.current
            .triggered
            .front()
            .copied()
            .or_else(|| self.next_waiting())
    }

    /// Sends what is due: again what was not answered, or a new check if the pace allows.
    pub(super) fn transmit_check(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let start = buffer.len();
        loop {
            if let Some(sent) = self.current.checks.poll_transmit(now, buffer) {
                let id = sent.tag.pair;
                let Some(pair) = self.current.pair_mut(id) else {
                    buffer.truncate(start);
                    continue;
                };
                pair.counters.requests_sent += 1;
                let path = pair.path;
                match self.emit(path, buffer, start) {
                    Some(transmit) => return Some(transmit),
                    None => continue,
                }
            }
            let next = self.next_check()?;
            if !self.pacer.take(now) {
                return None;
            }
            self.current.triggered.retain(|queued| *queued != next);
            self.start_check(now, next);
        }
    }

    /// When there is something to send or to expire.
    pub(super) fn checks_timeout(&self) -> Option<Instant> {
        let new = match self.next_check() {
            // Before the first check, "at once" is some time in the past.
            Some(_) => self.pacer.ready_at().or(self.current.checking_since),
            None => None,
        };
        [new, self.current.checks.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    fn start_check(&mut self, now: Instant, id: PairId) {
        let nominating = self.current.nominating;
        let nominate = nominating.is_some_and(|(nominating, _)| nominating == id);
        let transaction = TransactionId::random(&mut self.rng);
        let Some(request) = self.check_request(id, transaction, nominate) else {
            return;
        };
        let check = Check {
            pair: id,
            nominate,
            role: self.role,
        };
        let rto = self.check_rto();
        let is_tcp = self
            .current
            .pair(id)
            .is_some_and(|pair| pair.path.protocol == Protocol::Tcp);
        let reliability = match is_tcp {
            true => Reliability::Reliable,
            false => Reliability::Unreliable,
        };
        let started = self
            .current
            .checks
            .start(now, transaction, request, reliability, rto, check);
        if started.is_err() {
            self.stats.over_limit += 1;
            self.current
                .nominating
                .take_if(|(nominating, _)| *nominating == id);
            return;
        }
        if let Some(pair) = self.current.pair_mut(id)
            && pair.state != State::Succeeded
        {
            pair.state = State::InProgress;
        }
    }

    /// The first timeout of a check. With many pairs it grows, so that each is checked once before one
    /// is checked again (RFC 8445, section 14.3). The RFC's formula has the number of pairs twice, which
    /// makes 500 s of 100 pairs; once does what it is for, and is never below 500 ms.
    fn check_rto(&self) -> Duration {
        let pairs = self.current.pairs.iter();
        let waiting = pairs.filter(|pair| matches!(pair.state, State::Waiting | State::InProgress));
        let many = u32::try_from(waiting.count()).unwrap_or(u32::MAX);
        let grown = self.pacer.pacing().saturating_mul(many);
        self.config.timers.check_rto.max(grown)
    }

    /// The bytes of a check on a pair.
    pub(super) fn check_request(
        &mut self,
        id: PairId,
        transaction: TransactionId,
        nominate: bool,
    ) -> Option<Vec<u8>> {
        let renominate = nominate && self.config.nomination == Nomination::Renomination;
        let pair = self.current.pair(id)?;
        let own_priority = self.local.get(pair.local)?.candidate.priority;
        let mut bytes = Vec::with_capacity(160);
        CheckRequest {
            id: transaction,
            local: &self.current.local,
            remote: self.current.remote.as_ref()?,
            priority: peer_reflexive_priority(own_priority),
            role: self.role,
            tie_breaker: self.tie_breaker,
            use_candidate: nominate && self.role == Role::Controlling,
            nomination: renominate.then_some(self.current.nominations),
        }
        .write(&mut bytes);
        Some(bytes)
    }

    /// Handles an answer. Gives whether it is the peer's.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> bool {
        let id = message.transaction_id();
        if self.current.checks.tag(&id).is_none() {
            return self.handle_lifeline_response(now, path, message);
        }
        let Some(remote) = &self.current.remote else {
            return false;
        };
        if message.verify(&remote.key).is_err() {
            self.stats.unauthenticated += 1;
            return false;
        }
        let Some(done) = self.current.checks.complete(now, &id) else {
            return false;
        };
        // Consent counts from when it was asked for (RFC 7675, section 5.1).
        let sent = now.checked_sub(done.rtt.unwrap_or_default()).unwrap_or(now);
        let check = done.tag;
        let Some(pair) = self.current.pair_mut(check.pair) else {
            return true;
        };
        pair.counters.responses_received += 1;
        pair.heard = Some(now);
        if let Some(rtt) = done.rtt {
            pair.counters.current_round_trip_time = Some(rtt);
            pair.counters.total_round_trip_time += rtt;
        }
        // An answer from or to another address is a failure (RFC 8445, section 7.2.5.2.1).
        if pair.path != path {
            self.fail_pair(now, check.pair);
            return true;
        }
        match (message.class(), message.mapped_address()) {
            (Class::Success, Some(mapped)) => self.check_succeeded(now, sent, &check, mapped),
            (Class::Success, None) => self.fail_pair(now, check.pair),
            _ => self.check_refused(now, &check, message.error_code().map(|error| error.code)),
        }
        true
    }

    /// RFC 8445, section 7.2.5.3. `sent` is when the check was.
    fn check_succeeded(&mut self, now: Instant, sent: Instant, check: &Check, mapped: SocketAddr) {
        let id = check.pair;
        let seen_as = self.seen_as(id, mapped);
        let Some(pair) = self.current.pair_mut(id) else {
            return;
        };
        pair.state = State::Succeeded;
        pair.valid = true;
        pair.answered = Some(sent);
        pair.seen_as = seen_as;
        let nominated_by_peer = std::mem::take(&mut pair.nominate_when_valid);
        if let Some(lifeline) = &mut self.current.lifeline
            && lifeline.pair == id
        {
            lifeline.answered = sent;
        }
        self.heard_on(now, id);
        self.current.triggered.retain(|queued| *queued != id);
        self.current.first_valid.get_or_insert(now);
        self.thaw_like(id);
        self.pair_is_valid(now, id);
        if check.nominate && self.role == Role::Controlling {
            self.current.nominating = None;
            self.nominate(now, id);
        } else if nominated_by_peer && self.role == Role::Controlled {
            self.nominate(now, id);
        }
        self.consider_nomination(now);
    }

    /// The candidate that the peer sees when we send on this pair: the pair's own, another one that is
    /// known, or a new peer-reflexive one (RFC 8445, section 7.2.5.3.1).
    fn seen_as(&mut self, id: PairId, mapped: SocketAddr) -> Option<usize> {
        let local = self.current.pair(id)?.local;
        let ours = self.local.get(local)?;
        if ours.candidate.socket_address() == Some(mapped) {
            return None;
        }
        let (base, transport) = (ours.base, ours.candidate.transport);
        let known = self.local.iter().position(|other| {
            other.candidate.socket_address() == Some(mapped) && other.base == base
        });
        if known.is_some() {
            return known;
        }
        let candidate = Candidate {
            foundation: self.foundation_of(CandidateType::PeerReflexive, base.ip()),
            component: 1,
            transport,
            priority: peer_reflexive_priority(ours.candidate.priority),
            address: CandidateAddress::Ip(mapped.ip()),
            port: mapped.port(),
            candidate_type: CandidateType::PeerReflexive,
            related_address: Some(base),
            username_fragment: None,
        };
        self.push_local(LocalCandidate {
            signalled_form: candidate.clone(),
            candidate,
            base,
            relay: None,
            server: None,
            is_open: true,
            can_send: false,
            signalled: false,
        })
    }

    /// An error answered a check.
    fn check_refused(&mut self, now: Instant, check: &Check, error: Option<u16>) {
        if error != Some(code::ROLE_CONFLICT) {
            self.fail_pair(now, check.pair);
            return;
        }
        // RFC 8445, section 7.2.5.1: change sides, unless that has happened since, and ask again.
        self.stats.role_conflicts += 1;
        if check.role == self.role {
            self.switch_role();
            self.tie_breaker = self.rng.u64();
        }
        if let Some(pair) = self.current.pair_mut(check.pair)
            && pair.state != State::Succeeded
        {
            pair.state = State::Waiting;
        }
        self.trigger(check.pair);
    }

    pub(super) fn switch_role(&mut self) {
        self.set_role(self.role.opposite());
        self.push_event(Event::RoleChange(self.role));
    }

    /// Queues a pair for a check before all ordinary ones.
    pub(super) fn trigger(&mut self, id: PairId) {
        if !self.current.triggered.contains(&id) {
            self.current.triggered.push_back(id);
        }
    }

    /// Checks whose time is over: their pairs fail, unless another check of theirs is still out.
    pub(super) fn expire_checks(&mut self, now: Instant) {
        while let Some(expired) = self.current.checks.poll_expired(now) {
            let id = expired.tag.pair;
            let others = self
                .current
                .checks
                .iter()
                .any(|(_, check)| check.pair == id);
            let queued = self.current.triggered.contains(&id);
            let Some(pair) = self.current.pair(id) else {
                continue;
            };
            let unanswered = pair.state == State::InProgress || expired.tag.nominate;
            if unanswered && !others && !queued {
                self.fail_pair(now, id);
            }
        }
    }
}

/// The priority that a peer-reflexive candidate would have that is learned from a check on a local
/// candidate with `own` priority (RFC 8445, section 7.1.1).
const fn peer_reflexive_priority(own: u32) -> u32 {
    (110 << 24) | (own & 0x00ff_ffff)
}
