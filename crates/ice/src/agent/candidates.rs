//! Candidates come and go, from the driver and from signalling.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_crypto::Rng;
use thiserror::Error;

use super::IceAgent;
use super::generation::Credentials;
use super::pacer::DEFAULT_PACING;
use crate::priority::local_preference;
use crate::{
    Candidate, CandidateAddress, CandidatePairState, CandidateTransport, CandidateType, Event,
    IceGatheringState, IceParameters, IceTransportState, Request, ResolveId, Role, TcpType,
    TransportPolicy, candidate_priority,
};

/// No agent may send faster (RFC 8445, section 14.2).
const MIN_PACING: Duration = Duration::from_millis(5);
/// A peer can not slow us down any further.
const MAX_PACING: Duration = Duration::from_secs(1);

/// A candidate of ours.
#[derive(Debug)]
pub(super) struct LocalCandidate {
    pub(super) candidate: Candidate,
    /// What the peer is told of it.
    pub(super) signalled_form: Candidate,
    /// The address of the socket that it is reached by.
    pub(super) base: SocketAddr,
    /// The relay that it is on.
    pub(super) relay: Option<usize>,
    /// The server that it was learned from.
    pub(super) server: Option<usize>,
    /// Whether the socket is still there.
    pub(super) is_open: bool,
    /// Whether it is one that pairs are formed of: reflexive ones are not, their base is.
    pub(super) can_send: bool,
    pub(super) signalled: bool,
}

/// Why the peer's credentials can not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetRemoteParametersError {
    /// Both sides are lite, and neither would send a check.
    #[error("both sides are ICE-lite: neither would check anything (RFC 8445, section 6.1.1)")]
    BothLite,
    /// The user name fragment is not one.
    #[error("the peer's user name fragment has {0} characters, expected 4 to 256 ICE characters")]
    UsernameFragment(usize),
    /// The password is not one.
    #[error("the peer's password has {0} characters, expected 22 to 256 ICE characters")]
    Password(usize),
    /// This generation has other ones already.
    #[error("the peer's credentials changed: this is a restart, call `restart` first")]
    NeedsRestart,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// Why a remote candidate was not taken. There is nothing that a caller must do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddRemoteCandidateError {
    /// As many as allowed are there already.
    #[error("the peer has sent {0} candidates already, as many as are allowed")]
    TooMany(usize),
    /// It is of another component; there is only component 1 here.
    #[error("the candidate is of component {0}, and this stream has only component 1")]
    Component(u16),
    /// It is of a generation that is over, or not there yet.
    #[error("the candidate is of another generation")]
    OtherGeneration,
    /// Its transport is one that we never send first on.
    #[error("nothing can be sent to candidates of this transport")]
    Transport,
    /// Its address can not be sent to.
    #[error("the candidate's address can not be sent to")]
    Address,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

impl IceAgent {
    /// Adds a UDP socket of the driver's, by its local address: a host candidate.
    ///
    /// Call it for each address that the socket is reachable by, never with an unspecified one
    /// (0.0.0.0): that is counted and ignored, and so is one that [`crate::Config::hosts`] refuses.
    pub fn add_local_host(&mut self, now: Instant, address: SocketAddr) {
        if self.state == IceTransportState::Closed {
            return;
        }
        self.begin_gathering();
        let known = |local: &LocalCandidate| {
            local.candidate.candidate_type == CandidateType::Host && local.base == address
        };
        if let Some(local) = self.local.iter().position(known) {
            self.reopen(now, local);
            return;
        }
        if !self.is_usable_host(address.ip()) {
            return;
        }
        let transport = CandidateTransport::Udp;
        let preference = local_preference(address.ip(), transport, self.local.len());
        let candidate = Candidate {
            foundation: self.foundation_of(CandidateType::Host, address.ip()),
            component: 1,
            transport,
            priority: candidate_priority(CandidateType::Host, preference),
            address: CandidateAddress::Ip(address.ip()),
            port: address.port(),
            candidate_type: CandidateType::Host,
            related_address: None,
            username_fragment: None,
        };
        let allowed = self.config.policy == TransportPolicy::All;
        let signalled_form = self.public_form(&candidate);
        let local = self.add_local(LocalCandidate {
            signalled_form,
            candidate,
            base: address,
            relay: None,
            server: None,
            is_open: true,
            can_send: allowed,
            signalled: allowed,
        });
        if let Some(local) = local {
            self.publish(local);
            self.queue_questions(local);
            self.pair_local(now, local);
        }
        self.update_state(now);
    }

    /// Whether an address of this machine may become a candidate; counts it if not.
    pub(super) fn is_usable_host(&mut self, ip: IpAddr) -> bool {
        if ip.is_unspecified() || !self.config.hosts.allows_address(ip) {
            self.stats.unusable_candidates += 1;
            return false;
        }
        true
    }

    /// Adds a candidate of ours and announces it.
    pub(super) fn add_local(&mut self, candidate: LocalCandidate) -> Option<usize> {
        let local = self.push_local(candidate)?;
        self.announce(local);
        Some(local)
    }

    /// Adds a candidate of ours. If the table is full, it is in place of one that is gone.
    pub(super) fn push_local(&mut self, candidate: LocalCandidate) -> Option<usize> {
        if self.local.len() < self.config.limits.local_candidates {
            self.local.push(candidate);
            return Some(self.local.len() - 1);
        }
        let pairs = &self.current.pairs;
        let is_used = |at| {
            pairs
                .iter()
                .any(|pair| pair.local == at || pair.seen_as == Some(at))
        };
        let mut slots = self.local.iter().enumerate();
        let slot = slots.position(|(at, old)| {
            let is_gone =
                !old.is_open || old.candidate.candidate_type == CandidateType::PeerReflexive;
            is_gone && !is_used(at)
        });
        match slot {
            Some(slot) => self.local[slot] = candidate,
            None => self.stats.over_limit += 1,
        }
        slot
    }

    /// What the peer is told of a host candidate: its public address, or a name that hides it.
    pub(super) fn public_form(&mut self, candidate: &Candidate) -> Candidate {
        let mut public = candidate.clone();
        let CandidateAddress::Ip(own) = candidate.address else {
            return public;
        };
        let mut mappings = self.config.nat_1to1.iter();
        if let Some((_, mapped)) = mappings.find(|(local, _)| *local == own) {
            public.address = CandidateAddress::Ip(*mapped);
        } else if self.config.hide_host_addresses {
            public.address = CandidateAddress::Name(random_name(&mut self.rng));
        }
        public
    }

    /// Asks the driver to answer for the name of a candidate.
    fn publish(&mut self, local: usize) {
        let local = &self.local[local];
        if let (CandidateAddress::Name(name), true) =
            (&local.signalled_form.address, local.signalled)
        {
            let (name, address) = (name.clone(), local.base.ip());
            self.push_event(Event::Request(Request::PublishName { name, address }));
        }
    }

    /// An address is there again.
    fn reopen(&mut self, now: Instant, local: usize) {
        if !std::mem::replace(&mut self.local[local].is_open, true) {
            self.announce(local);
            self.queue_questions(local);
            self.pair_local(now, local);
            self.update_state(now);
        }
    }

    /// An address of this machine is gone (its interface went down, or it changed): its pairs fail at
    /// once, and if one of them carried the data, another takes over.
    pub fn remove_local_address(&mut self, now: Instant, address: IpAddr) {
        let gone: Vec<usize> = (0..self.local.len())
            .filter(|at| self.local[*at].base.ip() == address)
            .collect();
        for at in &gone {
            self.local[*at].is_open = false;
        }
        // The path from before a restart is no path without its socket.
        self.previous.take_if(|previous| {
            let path = previous.lifeline.path;
            path.relay.is_none() && path.local.ip() == address
        });
        self.forget_mappings(address);
        self.abandon_relays(now, address);
        let pairs = self.current.pairs.iter();
        let lost: Vec<_> = pairs
            .filter(|pair| gone.contains(&pair.local))
            .map(|pair| pair.id)
            .collect();
        for id in lost {
            self.fail_pair(now, id);
            self.current.pairs.retain(|pair| pair.id != id);
        }
        self.update_state(now);
    }

    /// No more local addresses will come: gathering ends when everything asked for is answered.
    pub fn set_end_of_local_hosts(&mut self, now: Instant) {
        self.begin_gathering();
        self.end_of_local_hosts = true;
        self.check_gathering_end(now);
        self.update_state(now);
    }

    pub(super) fn begin_gathering(&mut self) {
        if self.gathering == IceGatheringState::New {
            self.gathering = IceGatheringState::Gathering;
            self.push_event(Event::GatheringStateChange(self.gathering));
            self.call_servers();
        }
    }

    /// Tells the user about a local candidate, with the generation that it is announced for.
    pub(super) fn announce(&mut self, local: usize) {
        let ufrag = self.current.local.parameters.username_fragment.clone();
        let Some(local) = self.local.get_mut(local) else {
            return;
        };
        local.signalled_form.username_fragment = Some(ufrag);
        if local.signalled && local.is_open {
            let candidate = local.signalled_form.clone();
            self.push_event(Event::LocalCandidate(candidate));
        }
    }

    /// Candidates of one type and base address share a foundation (RFC 8445, section 5.1.1.3).
    pub(super) fn foundation_of(&self, kind: CandidateType, base: IpAddr) -> String {
        let twin = self
            .local
            .iter()
            .find(|local| local.candidate.candidate_type == kind && local.base.ip() == base);
        match twin {
            Some(local) => local.candidate.foundation.clone(),
            None => (self.local.len() + 1).to_string(),
        }
    }

    /// Sets the peer's credentials. The same ones again change nothing; other ones need a
    /// [`Self::restart`] before.
    pub fn set_remote_parameters(
        &mut self,
        now: Instant,
        parameters: IceParameters,
    ) -> Result<(), SetRemoteParametersError> {
        if self.state == IceTransportState::Closed {
            return Err(SetRemoteParametersError::Closed);
        }
        check_parameters(&parameters)?;
        if self.config.lite && parameters.ice_lite {
            return Err(SetRemoteParametersError::BothLite);
        }
        if let Some(remote) = &self.current.remote {
            if remote.parameters == parameters {
                return Ok(());
            }
            return Err(SetRemoteParametersError::NeedsRestart);
        }
        // Only a full agent can control when the other is lite (RFC 8445, section 6.1.1).
        if parameters.ice_lite {
            self.set_role(Role::Controlling);
        } else if self.config.lite {
            self.set_role(Role::Controlled);
        }
        let ufrag = &parameters.username_fragment;
        let stale = |candidate: &Candidate| {
            let of = candidate.username_fragment.as_ref();
            of.is_some_and(|of| of != ufrag)
        };
        self.current
            .unresolved
            .retain(|(_, candidate)| !stale(candidate));
        let stale: Vec<bool> = self.current.remote_candidates.iter().map(stale).collect();
        self.current
            .pairs
            .retain(|pair| !stale.get(pair.remote).copied().unwrap_or(true));
        self.current.remote = Some(Credentials::new(parameters, &self.provider));
        self.update_state(now);
        Ok(())
    }

    /// Adds a candidate that the peer has signalled; it may come before the credentials.
    ///
    /// An error means that it was counted and ignored: nothing needs to be done about it.
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
    ) -> Result<(), AddRemoteCandidateError> {
        if let Err(error) = self.check_remote_candidate(&candidate) {
            match error {
                AddRemoteCandidateError::TooMany(_) => self.stats.over_limit += 1,
                _ => self.stats.unusable_candidates += 1,
            }
            return Err(error);
        }
        match &candidate.address {
            CandidateAddress::Ip(_) => self.take_remote_candidate(now, candidate),
            CandidateAddress::Name(name) => {
                let id = self.new_resolve_id();
                let name = name.clone();
                self.current.unresolved.push((id, candidate));
                self.push_event(Event::Request(Request::ResolveName { id, name }));
            }
        }
        Ok(())
    }

    pub(super) fn new_resolve_id(&mut self) -> ResolveId {
        let id = ResolveId(self.next_resolve);
        self.next_resolve = self.next_resolve.wrapping_add(1);
        id
    }

    fn check_remote_candidate(&self, candidate: &Candidate) -> Result<(), AddRemoteCandidateError> {
        use AddRemoteCandidateError as E;
        if self.state == IceTransportState::Closed {
            return Err(E::Closed);
        }
        if candidate.component != 1 {
            return Err(E::Component(candidate.component));
        }
        // An active one connects to us.
        let is_usable = match candidate.transport {
            CandidateTransport::Udp => true,
            CandidateTransport::Tcp(tcp) => tcp != TcpType::Active && self.config.tcp,
        };
        if !is_usable {
            return Err(E::Transport);
        }
        let remote = self
            .remote_parameters()
            .map(|remote| &remote.username_fragment);
        if let (Some(theirs), Some(ufrag)) = (remote, &candidate.username_fragment)
            && theirs != ufrag
        {
            return Err(E::OtherGeneration);
        }
        let ip_is_wrong = match candidate.address {
            CandidateAddress::Ip(ip) => !self.is_acceptable(ip),
            CandidateAddress::Name(_) => false,
        };
        if ip_is_wrong || candidate.port == 0 {
            return Err(E::Address);
        }
        let signalled = self.current.remote_candidates.len() - self.current.peer_reflexive
            + self.current.unresolved.len();
        if signalled >= self.config.limits.remote_candidates {
            return Err(E::TooMany(signalled));
        }
        Ok(())
    }

    /// The answer to [`Request::ResolveName`], the preferred address first; none if there is no such
    /// name. A server is asked at one address of each family, a peer is looked for at the first address
    /// that may be used.
    pub fn handle_resolved(&mut self, now: Instant, id: ResolveId, addresses: &[IpAddr]) {
        let servers = &mut self.resolving_servers;
        if let Some(at) = servers.iter().position(|(waiting, _)| *waiting == id) {
            let (_, server) = servers.swap_remove(at);
            self.server_resolved(now, server, addresses);
            return;
        }
        let unresolved = &mut self.current.unresolved;
        let Some(at) = unresolved.iter().position(|(waiting, _)| *waiting == id) else {
            return;
        };
        let (_, mut candidate) = unresolved.swap_remove(at);
        match addresses.iter().find(|ip| self.is_acceptable(**ip)) {
            Some(ip) => {
                candidate.address = CandidateAddress::Ip(*ip);
                self.take_remote_candidate(now, candidate);
            }
            None => {
                self.stats.unusable_candidates += 1;
                self.update_state(now);
            }
        }
    }

    fn is_acceptable(&self, ip: IpAddr) -> bool {
        !ip.is_unspecified()
            && !ip.is_multicast()
            && (self.config.remote_addresses.as_ref()).is_none_or(|filter| filter.allows(&ip))
    }

    /// Takes in a candidate with an address. If checks from there came first, what was peer-reflexive
    /// is now what the peer says it is (RFC 8445, section 7.3.1.3).
    fn take_remote_candidate(&mut self, now: Instant, candidate: Candidate) {
        let address = candidate.socket_address();
        let known = self.current.remote_candidates.iter().position(|other| {
            other.socket_address() == address && other.transport == candidate.transport
        });
        match known {
            Some(at) => {
                let other = &mut self.current.remote_candidates[at];
                if other.candidate_type == CandidateType::PeerReflexive {
                    // The priority stays what the check said: pairs keep their order.
                    other.candidate_type = candidate.candidate_type;
                    other.foundation = candidate.foundation;
                    other.related_address = candidate.related_address;
                    self.current.peer_reflexive -= 1;
                }
            }
            None => {
                self.current.remote_candidates.push(candidate);
                let remote = self.current.remote_candidates.len() - 1;
                match self.current.remote_candidates[remote].transport {
                    CandidateTransport::Udp => self.pair_remote(now, remote),
                    CandidateTransport::Tcp(_) => self.connect_to_candidate(remote),
                }
            }
        }
        self.update_state(now);
    }

    /// Says what Ta the peer proposes (RFC 8839, section 5.5), `None` if it says nothing, which means
    /// 50 ms. The slower of both proposals counts (RFC 8445, section 14.2).
    pub fn set_remote_pacing(&mut self, pacing: Option<Duration>) {
        let remote = pacing.unwrap_or(DEFAULT_PACING).min(MAX_PACING);
        self.pacer
            .set_pacing(self.config.timers.pacing.max(remote).max(MIN_PACING));
    }

    /// The peer will send no more candidates of this generation.
    pub fn set_end_of_candidates(&mut self, now: Instant) {
        self.current.end_of_candidates = true;
        self.update_state(now);
    }

    /// Changes the role, as offer and answer decide it. Conflicts change it too.
    pub fn set_role(&mut self, role: Role) {
        if self.role != role {
            self.role = role;
            self.current.nominating = None;
            self.reprioritize();
        }
    }

    /// Closes the agent: it sends and takes nothing any more.
    pub fn close(&mut self) {
        if self.state == IceTransportState::Closed {
            return;
        }
        self.state = IceTransportState::Closed;
        self.outgoing.clear();
        self.previous = None;
        self.push_event(Event::StateChange(self.state));
    }

    /// Takes a pair out of use.
    pub(super) fn fail_pair(&mut self, now: Instant, id: super::checklist::PairId) {
        self.forget_checks_of(id);
        if let Some(pair) = self.current.pair_mut(id) {
            pair.state = CandidatePairState::Failed;
            pair.valid = false;
            pair.nominated = false;
        }
        if self.current.selected_id() == Some(id) {
            self.lose_selected(now);
        }
    }
}

/// A random name under `.local`: a UUID of version 4, as the mDNS draft wants it.
fn random_name(rng: &mut Rng) -> String {
    let n = u128::from_be_bytes(rng.array());
    let n = n & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{n:032x}");
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}.local")
}

fn check_parameters(parameters: &IceParameters) -> Result<(), SetRemoteParametersError> {
    let is_ice_char = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    let check = |text: &str, min: usize| {
        (min..=256).contains(&text.len()) && text.chars().all(|c| is_ice_char(c) || is_tolerated(c))
    };
    let ufrag = &parameters.username_fragment;
    if !check(ufrag, 4) {
        return Err(SetRemoteParametersError::UsernameFragment(ufrag.len()));
    }
    if !check(&parameters.password, 22) {
        return Err(SetRemoteParametersError::Password(
            parameters.password.len(),
        ));
    }
    Ok(())
}

/// Characters that the grammar does not have and peers in the field use all the same.
const fn is_tolerated(c: char) -> bool {
    matches!(c, '-' | '_' | '=')
}
