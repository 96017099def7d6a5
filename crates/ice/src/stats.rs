//! Statistics, named as W3C's webrtc-stats names them.

use std::time::{Duration, Instant};

use crate::{Candidate, ServerAddress, TurnTransport};

/// W3C's `RTCStatsIceCandidatePairState` (RFC 8445, section 6.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidatePairState {
    /// Waits for another pair of its foundation.
    Frozen,
    /// Will be checked.
    Waiting,
    /// Is being checked.
    InProgress,
    /// No answer, or an error.
    Failed,
    /// Works.
    Succeeded,
}

/// W3C's `RTCIceCandidateStats` of a local candidate. Address, port, protocol, type, priority, foundation
/// and related address are those of the candidate itself.
#[derive(Clone, Debug)]
pub struct CandidateStats {
    /// The candidate, with its own address, whatever the peer is told.
    pub candidate: Candidate,
    /// Whether it is still there: not W3C's `deleted`.
    pub is_open: bool,
    /// The server that it was learned from (W3C's `url`).
    pub server: Option<ServerAddress>,
    /// How the server is spoken to, of a relayed one (W3C's `relayProtocol`).
    pub relay_protocol: Option<TurnTransport>,
}

/// W3C's `RTCIceCandidatePairStats`.
#[derive(Clone, Debug)]
pub struct CandidatePairStats {
    /// The local candidate.
    pub local: Candidate,
    /// The remote candidate.
    pub remote: Candidate,
    /// The state.
    pub state: CandidatePairState,
    /// Whether it was nominated.
    pub nominated: bool,
    /// Whether it carries the data.
    pub selected: bool,
    /// Its priority.
    pub priority: u64,
    /// Counters.
    pub counters: Counters,
}

/// The counters of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Data packets sent, without STUN.
    pub packets_sent: u64,
    /// Data packets received, without STUN.
    pub packets_received: u64,
    /// Payload bytes sent, without STUN.
    pub bytes_sent: u64,
    /// Payload bytes received, without STUN.
    pub bytes_received: u64,
    /// When the last data packet was sent.
    pub last_packet_sent: Option<Instant>,
    /// When the last data packet was received.
    pub last_packet_received: Option<Instant>,
    /// Checks received, with valid integrity.
    pub requests_received: u64,
    /// Checks sent, retransmissions included, without consent checks.
    pub requests_sent: u64,
    /// Answers received, with valid integrity.
    pub responses_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Consent checks sent (RFC 7675).
    pub consent_requests_sent: u64,
    /// The sum of all measured round-trip times.
    pub total_round_trip_time: Duration,
    /// The last measured round-trip time.
    pub current_round_trip_time: Option<Duration>,
}

/// The counters of the agent itself: what was dropped, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentStats {
    /// How often the selected pair changed (W3C's `selectedCandidatePairChanges`).
    pub selected_candidate_pair_changes: u64,
    /// Packets that looked like STUN and were malformed.
    pub malformed: u64,
    /// STUN without integrity, or with wrong integrity or user name.
    pub unauthenticated: u64,
    /// Responses that answer nothing that is asked.
    pub unmatched_responses: u64,
    /// Data from addresses that never proved to be the peer's.
    pub unexpected_data: u64,
    /// Candidates, pairs, responses or events beyond the limits.
    pub over_limit: u64,
    /// Remote candidates that can not be used.
    pub unusable_candidates: u64,
    /// Role conflicts seen.
    pub role_conflicts: u64,
}
