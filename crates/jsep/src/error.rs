use gannet_sdp::ParseError;
use thiserror::Error;

use crate::{SdpType, SignalingState, TransceiverId};

/// A description that can't be used: it is the other side's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The text is no session description, or a line that is needed is malformed.
    #[error(transparent)]
    Sdp(#[from] ParseError),
    /// A section that would be used lacks an attribute that WebRTC can't do without.
    #[error("line {line}: the media section has no {attribute}, nor has the session")]
    Missing {
        /// The line of the section's `m=`.
        line: usize,
        /// What is missing.
        attribute: &'static str,
    },
    /// An attribute has a value that makes no sense where it stands.
    #[error("line {line}: {attribute}: expected {expected}, found {found:?}")]
    Value {
        /// The line of the section's `m=`.
        line: usize,
        /// The attribute.
        attribute: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An answer, or a later offer, has not the sections that it must have (RFC 3264, sections 6
    /// and 8).
    #[error("expected {expected} media sections, found {found}")]
    SectionCount {
        /// How many there have to be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A section is not the one that stands at its place in the offer or in the description before.
    #[error("line {line}: expected the section {expected:?}, found {found:?}")]
    SectionMismatch {
        /// The line of the section's `m=`.
        line: usize,
        /// What stands at the place: its kind and its protocol, or its mid.
        expected: String,
        /// What was found.
        found: String,
    },
    /// Two sections have the same `mid`.
    #[error("line {line}: another section has the mid {mid:?} too")]
    DuplicateMid {
        /// The line of the second section's `m=`.
        line: usize,
        /// The `mid`.
        mid: String,
    },
    /// The credentials changed without a restart in the offer, or a restart was not answered by new
    /// ones (RFC 8839, section 4.4).
    #[error("line {line}: {reason}")]
    IceRestart {
        /// The line of the section's `m=`.
        line: usize,
        /// Which of the two.
        reason: &'static str,
    },
    /// The fingerprint changed and the credentials did not (RFC 8842, section 5).
    #[error("line {line}: the DTLS fingerprint changed without an ICE restart")]
    DtlsRestart {
        /// The line of the section's `m=`.
        line: usize,
    },
    /// There are more sections than any peer has use for.
    #[error("line {line}: more than {limit} media sections")]
    TooManySections {
        /// The line of the first one too many.
        line: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// Why a remote description was not applied. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetRemoteError {
    /// The type does not fit the state: W3C's `InvalidStateError`.
    #[error("a remote {kind} can't be applied in the state {state}")]
    State {
        /// The type of the description.
        kind: SdpType,
        /// The state.
        state: SignalingState,
    },
    /// The description can't be used.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// Why a local description was not applied. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetLocalError {
    /// The type does not fit the state: W3C's `InvalidStateError`.
    #[error("a local {kind} can't be applied in the state {state}")]
    State {
        /// The type of the description.
        kind: SdpType,
        /// The state.
        state: SignalingState,
    },
    /// The text is not what was created last: W3C's `InvalidModificationError`.
    #[error("the {kind} is not the one that was created last")]
    Modified {
        /// The type of the description.
        kind: SdpType,
    },
    /// The two descriptions do not fit together.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// Why no offer or answer was created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is nothing to answer, or an offer can't be made now: W3C's `InvalidStateError`.
    #[error("no {kind} can be created in the state {state}")]
    State {
        /// What was asked for.
        kind: SdpType,
        /// The state.
        state: SignalingState,
    },
    /// ICE restarts, and the local credentials are still the old ones.
    #[error("ICE restarts: the local transport needs a new username fragment and password")]
    CredentialsNeeded,
    /// The offer does not restart ICE, and the local credentials are not those that are in use.
    #[error("ICE does not restart: the local transport needs the credentials that are in use")]
    CredentialsChanged,
    /// The offer can't be answered.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// Why a remote candidate was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// There is no remote description: W3C's `InvalidStateError`.
    #[error("a candidate came before any remote description")]
    NoRemoteDescription,
    /// Neither a `mid` nor an index was given: W3C's `TypeError`.
    #[error("a candidate needs an sdpMid or an sdpMLineIndex")]
    NoSection,
    /// There is no such section: W3C's `OperationError`.
    #[error("the remote description has no section {0:?}")]
    UnknownSection(String),
    /// The candidate is of another generation: W3C's `OperationError`.
    #[error("the candidate belongs to the username fragment {0:?}, which is not the remote one")]
    UnknownUfrag(String),
    /// The text is no candidate: W3C's `OperationError`.
    #[error("candidate: {0}")]
    Malformed(#[from] gannet_sdp::FieldError),
    /// The remote description has as many candidates as are kept.
    #[error("the remote description has {0} candidates already")]
    TooMany(usize),
}

/// There is no such transceiver, or it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no transceiver {0}, or it is stopped")]
pub struct TransceiverError(pub TransceiverId);
