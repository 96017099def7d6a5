//! What an agent is told at its birth.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Filter, HostPolicy, IceServer};

/// The side of the agent (RFC 8445, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nominates the pair: usually the one that made the offer.
    Controlling,
    /// Follows the nomination.
    Controlled,
}

impl Role {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// The credentials of one side (W3C's `RTCIceParameters`; RFC 8839, section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceParameters {
    /// 4 to 256 characters.
    pub username_fragment: String,
    /// 22 to 256 characters.
    pub password: String,
    /// Whether this side is a lite implementation.
    pub ice_lite: bool,
}

/// Never prints the password.
impl std::fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceParameters")
            .field("username_fragment", &self.username_fragment)
            .field("ice_lite", &self.ice_lite)
            .finish_non_exhaustive()
    }
}

/// Which candidates may be used (W3C's `RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportPolicy {
    /// All of them.
    #[default]
    All,
    /// Only relayed ones.
    Relay,
}

/// How the controlling side nominates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nomination {
    /// Once, as soon as no better pair can be expected (RFC 8445, section 8.1.1). If that pair dies,
    /// another one is nominated.
    #[default]
    Regular,
    /// As `Regular`, with a counter that lets the peer follow every change
    /// (draft-thatcher-ice-renomination; the peer must have `renomination` among its options).
    Renomination,
}

/// Durations. The defaults are the RFCs' where they have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Ta, the pace of new checks and server requests: at least 5 ms (RFC 8445, section 14.2). Less than
    /// 50 ms counts only if the peer agrees ([`crate::IceAgent::set_remote_pacing`]).
    pub pacing: Duration,
    /// How many checks may go out back to back before the pace counts. The average rate stays
    /// below one in `pacing`.
    pub burst: u32,
    /// The least first retransmission timeout of checks and server requests: at least 500 ms on the
    /// open Internet. It grows with their number (RFC 8445, section 14.3).
    pub check_rto: Duration,
    /// How often a check is sent at most.
    pub check_attempts: u32,
    /// The basic period of consent checks, randomized between 0.8 and 1.2 times
    /// (RFC 7675, section 5.1: at least 5 s).
    pub consent_interval: Duration,
    /// Without an answer for this long, consent is gone and the agent has failed (RFC 7675).
    pub consent_expiry: Duration,
    /// Without a sign of life for this long, a probe is sent.
    pub probe_after: Duration,
    /// Without a sign of life for this long, in spite of probes, the state is `Disconnected`. The
    /// default leaves a packet that was under way 200 ms, so that the user knows within 5 s.
    pub disconnected_after: Duration,
    /// How long the agent has patience at least before it says that no pair works (RFC 8863).
    pub patience: Duration,
    /// How long the controlling side waits for a better pair once a reflexive one works.
    pub reflexive_wait: Duration,
    /// How long the controlling side waits for a better pair once a relayed one works.
    pub relayed_wait: Duration,
    /// How often a NAT's mapping of a reflexive candidate is kept open while no pair is nominated: at
    /// least 15 s (RFC 8445, section 5.1.1.4).
    pub keepalive_interval: Duration,
    /// How long after completion unused relays are kept, if they are to be freed at all
    /// (RFC 8445, section 8.3: at least 3 s).
    pub free_after: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            pacing: Duration::from_millis(50),
            burst: 5,
            check_rto: Duration::from_millis(500),
            check_attempts: 7,
            consent_interval: Duration::from_secs(5),
            consent_expiry: Duration::from_secs(30),
            probe_after: Duration::from_millis(3_300),
            disconnected_after: Duration::from_millis(4_800),
            patience: Duration::from_millis(39_500),
            reflexive_wait: Duration::from_millis(200),
            relayed_wait: Duration::from_millis(500),
            keepalive_interval: Duration::from_secs(15),
            free_after: Duration::from_secs(3),
        }
    }
}

/// How much a peer can make the agent hold. What comes beyond is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Local candidates of all kinds.
    pub local_candidates: usize,
    /// Candidates from signalling.
    pub remote_candidates: usize,
    /// Peer-reflexive candidates, learned from authenticated checks.
    pub peer_reflexive_candidates: usize,
    /// Pairs in the checklist (RFC 8445, section 6.1.2.5).
    pub pairs: usize,
    /// Allocations on TURN servers: one for each socket and server.
    pub relays: usize,
    /// Responses that wait to be sent.
    pub responses: usize,
    /// Events that wait to be taken.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            local_candidates: 64,
            remote_candidates: 128,
            peer_reflexive_candidates: 32,
            pairs: 100,
            relays: 16,
            responses: 64,
            events: 512,
        }
    }
}

/// What an agent is told at its birth.
#[derive(Clone, Debug)]
pub struct Config {
    /// The role to start with; a conflict with the peer may change it.
    pub role: Role,
    /// Whether to be a lite implementation: only answers checks, has only host candidates.
    pub lite: bool,
    /// Which candidates may be used.
    pub policy: TransportPolicy,
    /// How the controlling side nominates.
    pub nomination: Nomination,
    /// Durations.
    pub timers: Timers,
    /// Bounds.
    pub limits: Limits,
    /// Servers for server-reflexive and relayed candidates.
    pub servers: Vec<IceServer>,
    /// Which of this machine's addresses and ports may be used.
    pub hosts: HostPolicy,
    /// Asks for TCP connections to the peer's passive and simultaneous-open candidates.
    pub tcp: bool,
    /// Announces host candidates by random `.local` names, which the driver publishes by mDNS
    /// (draft-ietf-mmusic-mdns-ice-candidates).
    pub hide_host_addresses: bool,
    /// Public addresses that a 1:1 NAT has for local ones: announced in their place.
    pub nat_1to1: Vec<(IpAddr, IpAddr)>,
    /// Which addresses of the peer's may be used at all; all of them if there is none.
    pub remote_addresses: Option<Filter<IpAddr>>,
    /// Gives relays back that the nominated pair does not use, some time after completion. They are
    /// then missing if that pair dies.
    pub free_unused_relays: bool,
}

impl Config {
    /// A full agent with this role and all defaults.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            lite: false,
            policy: TransportPolicy::default(),
            nomination: Nomination::default(),
            timers: Timers::default(),
            limits: Limits::default(),
            servers: Vec::new(),
            hosts: HostPolicy::default(),
            tcp: false,
            hide_host_addresses: false,
            nat_1to1: Vec::new(),
            remote_addresses: None,
            free_unused_relays: false,
        }
    }
}
