//! Pairs and the checklist (RFC 8445, section 6.1.2).

use std::time::{Duration, Instant};

use super::{IceAgent, Path};
use crate::{
    CandidatePairState as State, CandidateTransport, CandidateType, Counters, Protocol, Role,
    TcpType, pair_priority,
};

/// Names a pair for as long as its generation lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PairId(pub(super) u32);

/// A candidate pair. Its local candidate is one that packets can be sent from: a host or a relayed one.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) id: PairId,
    /// Index into the agent's candidates.
    pub(super) local: usize,
    /// Index into the generation's candidates.
    pub(super) remote: usize,
    /// The local candidate that the peer sees, if that is another one (RFC 8445, section 7.2.5.3.1).
    pub(super) seen_as: Option<usize>,
    pub(super) path: Path,
    pub(super) priority: u64,
    /// How good it is: a direct path is never given up for a relayed one.
    pub(super) class: PathClass,
    pub(super) state: State,
    /// A check from us was answered: data may be sent.
    pub(super) valid: bool,
    /// An authenticated check or answer has come on it: data from there is the peer's.
    pub(super) heard: Option<Instant>,
    /// When the last request was sent that was answered: consent counts from here.
    pub(super) answered: Option<Instant>,
    /// The peer nominated it before it was valid.
    pub(super) nominate_when_valid: bool,
    pub(super) nominated: bool,
    /// Its consent has expired: it must not be used again (RFC 7675, section 5.1).
    pub(super) consent_lost: bool,
    /// When the peer asked for it last.
    pub(super) peer_nominated: Option<Instant>,
    pub(super) counters: Counters,
}

impl Pair {
    pub(super) const fn is_authenticated(&self) -> bool {
        self.heard.is_some()
    }

    /// The local candidate to tell the user about.
    pub(super) fn reported_local(&self) -> usize {
        self.seen_as.unwrap_or(self.local)
    }

    /// Whether it works and was asked lately: data may be sent on it at once. Older knowledge is worth a
    /// check, not consent (RFC 7675, section 5.1).
    pub(super) fn is_fresh(&self, now: Instant, expiry: Duration) -> bool {
        let answered = self.answered.filter(|_| self.valid);
        answered.is_some_and(|at| now.saturating_duration_since(at) < expiry / 2)
    }

    pub(super) const fn is_pending(&self) -> bool {
        matches!(
            self.state,
            State::Frozen | State::Waiting | State::InProgress
        )
    }
}

/// The kinds of paths, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathClass {
    /// Through a relay.
    Relayed,
    /// TCP between the peers.
    Tcp,
    /// Through a NAT.
    Reflexive,
    /// Between two addresses that are hosts' or may be.
    Direct,
}

impl PathClass {
    fn of(transport: CandidateTransport, local: CandidateType, remote: CandidateType) -> Self {
        use CandidateType::{Relayed, ServerReflexive};
        if local == Relayed || remote == Relayed {
            Self::Relayed
        } else if transport != CandidateTransport::Udp {
            Self::Tcp
        } else if local == ServerReflexive || remote == ServerReflexive {
            Self::Reflexive
        } else {
            Self::Direct
        }
    }
}

impl IceAgent {
    /// Pairs a local candidate with all remote ones.
    pub(super) fn pair_local(&mut self, now: Instant, local: usize) {
        for remote in 0..self.current.remote_candidates.len() {
            self.add_pair(now, local, remote);
        }
    }

    /// Pairs a remote candidate with all local ones.
    pub(super) fn pair_remote(&mut self, now: Instant, remote: usize) {
        for local in 0..self.local.len() {
            self.add_pair(now, local, remote);
        }
    }

    /// Forms a pair, unless the two do not fit or the path has one already (RFC 8445, sections 6.1.2.2
    /// and 6.1.2.4). Gives the pair of that path.
    pub(super) fn add_pair(&mut self, now: Instant, local: usize, remote: usize) -> Option<PairId> {
        let ours = self.local.get(local)?;
        let theirs = self.current.remote_candidates.get(remote)?;
        let address = theirs.socket_address()?;
        let path = Path {
            local: ours.base,
            remote: address,
            protocol: protocol_of(ours.candidate.transport),
            relay: ours.relay,
        };
        if !ours.is_open || !ours.can_send || !fits(path) {
            return None;
        }
        if !meet(ours.candidate.transport, theirs.transport) {
            return None;
        }
        if let Some(pair) = self.current.pairs.iter().find(|pair| pair.path == path) {
            return Some(pair.id);
        }
        let priority = pair_priority(self.role, ours.candidate.priority, theirs.priority);
        if !self.is_reachable(now, path) || !self.make_room_for(priority) {
            self.stats.over_limit += 1;
            return None;
        }
        let (ours, theirs) = (&self.local[local], &self.current.remote_candidates[remote]);
        let id = PairId(self.current.next_pair);
        self.current.next_pair += 1;
        let pair = Pair {
            id,
            local,
            remote,
            seen_as: None,
            path,
            priority,
            class: PathClass::of(
                theirs.transport,
                ours.candidate.candidate_type,
                theirs.candidate_type,
            ),
            state: self.first_state(local, remote),
            valid: false,
            heard: None,
            answered: None,
            nominate_when_valid: false,
            nominated: false,
            consent_lost: false,
            peer_nominated: None,
            counters: Counters::default(),
        };
        let at = self
            .current
            .pairs
            .partition_point(|other| other.priority >= priority);
        self.current.pairs.insert(at, pair);
        Some(id)
    }

    /// A peer behind a relay must be let through first. The pair is checked when that is granted.
    fn is_reachable(&mut self, now: Instant, path: Path) -> bool {
        let Some(relay) = path.relay.and_then(|at| self.relays.get_mut(at)) else {
            return path.relay.is_none();
        };
        relay
            .client
            .create_permission(now, path.remote.ip())
            .is_ok()
    }

    /// Frozen while another pair of the same foundation is on its way (RFC 8445, section 6.1.2.6).
    fn first_state(&self, local: usize, remote: usize) -> State {
        let twin = self.current.pairs.iter().any(|pair| {
            self.same_foundation((pair.local, pair.remote), (local, remote))
                && matches!(pair.state, State::Waiting | State::InProgress)
        });
        if twin { State::Frozen } else { State::Waiting }
    }

    fn same_foundation(&self, a: (usize, usize), b: (usize, usize)) -> bool {
        let local = |index: usize| self.local.get(index).map(|l| &l.candidate.foundation);
        let remote = |index: usize| {
            let candidate = self.current.remote_candidates.get(index);
            candidate.map(|candidate| &candidate.foundation)
        };
        local(a.0) == local(b.0) && remote(a.1) == remote(b.1)
    }

    /// Whether a pair of this priority may be added: if the list is full, the lowest pair that has
    /// shown nothing gives way to a better one (RFC 8445, section 6.1.2.5).
    fn make_room_for(&mut self, priority: u64) -> bool {
        if self.current.pairs.len() < self.config.limits.pairs {
            return true;
        }
        let selected = self.current.selected_id();
        let victim = self
            .current
            .pairs
            .iter()
            .rposition(|pair| pair.heard.is_none() && !pair.valid && Some(pair.id) != selected);
        match victim {
            Some(at) if self.current.pairs[at].priority < priority => {
                let pair = self.current.pairs.remove(at);
                self.forget_checks_of(pair.id);
                self.stats.over_limit += 1;
                true
            }
            _ => false,
        }
    }

    pub(super) fn forget_checks_of(&mut self, id: PairId) {
        self.current.checks.retain(|_, check| check.pair != id);
        self.current.triggered.retain(|queued| *queued != id);
        self.current
            .nominating
            .take_if(|(nominating, _)| *nominating == id);
    }

    /// Thaws the pairs that share the foundation of one that works (RFC 8445, section 7.2.5.3.3).
    pub(super) fn thaw_like(&mut self, id: PairId) {
        let Some(pair) = self.current.pair(id) else {
            return;
        };
        let like = (pair.local, pair.remote);
        for at in 0..self.current.pairs.len() {
            let other = &self.current.pairs[at];
            let thaw = other.state == State::Frozen
                && self.same_foundation((other.local, other.remote), like);
            if thaw {
                self.current.pairs[at].state = State::Waiting;
            }
        }
    }

    /// The next pair for an ordinary check: the highest that waits, or else the highest frozen one.
    ///
    /// RFC 8445, section 6.1.4.2 leaves a pair frozen while another of its foundation is in progress,
    /// which can take 40 s if nobody answers; here the pace alone holds it back.
    pub(super) fn next_waiting(&self) -> Option<PairId> {
        let find = |state| {
            let mut pairs = self.current.pairs.iter();
            pairs.find(|pair| pair.state == state && self.is_worth_checking(pair))
        };
        Some(find(State::Waiting).or_else(|| find(State::Frozen))?.id)
    }

    /// After nomination only pairs of a better class are still of interest, unless the selected one has
    /// fallen silent.
    fn is_worth_checking(&self, pair: &Pair) -> bool {
        if let Some(relay) = pair.path.relay.and_then(|at| self.relays.get(at))
            && !relay.client.has_permission(pair.path.remote.ip())
        {
            return false;
        }
        match self.current.selected_pair() {
            Some(selected) if selected.nominated && !self.current.silent => {
                pair.class > selected.class
            }
            _ => true,
        }
    }

    /// Computes all priorities again after the role changed.
    pub(super) fn reprioritize(&mut self) {
        let role: Role = self.role;
        for pair in &mut self.current.pairs {
            let local = self.local.get(pair.local);
            let remote = self.current.remote_candidates.get(pair.remote);
            if let (Some(local), Some(remote)) = (local, remote) {
                pair.priority = pair_priority(role, local.candidate.priority, remote.priority);
            }
        }
        self.current
            .pairs
            .sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    }
}

const fn protocol_of(transport: CandidateTransport) -> Protocol {
    match transport {
        CandidateTransport::Udp => Protocol::Udp,
        CandidateTransport::Tcp(_) => Protocol::Tcp,
    }
}

/// UDP goes with UDP, and who connects with who listens (RFC 6544, section 6.2).
const fn meet(ours: CandidateTransport, theirs: CandidateTransport) -> bool {
    use CandidateTransport::{Tcp, Udp};
    matches!(
        (ours, theirs),
        (Udp, Udp)
            | (Tcp(TcpType::Active), Tcp(TcpType::Passive))
            | (Tcp(TcpType::Passive), Tcp(TcpType::Active))
            | (
                Tcp(TcpType::SimultaneousOpen),
                Tcp(TcpType::SimultaneousOpen)
            )
    )
}

/// Whether packets can go between the two: one family, and link-local addresses only among themselves
/// (RFC 8445, section 6.1.2.2).
fn fits(path: Path) -> bool {
    use std::net::IpAddr;
    match (path.local.ip(), path.remote.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => true,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.is_unicast_link_local() == b.is_unicast_link_local(),
        _ => false,
    }
}
