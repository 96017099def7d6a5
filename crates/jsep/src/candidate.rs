use std::fmt;

use gannet_sdp::FieldError;
use gannet_sdp::attribute::Candidate;

/// An ICE candidate as its text, the value of an `a=candidate` line, which was checked.
///
/// [`parts`](Self::parts) gives its fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IceCandidate {
    value: String,
}

impl IceCandidate {
    /// Takes a candidate as it is signalled: with or without `a=` and `candidate:` before it.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        Candidate::parse_signalled(text).map(|candidate| Self {
            value: candidate.to_string(),
        })
    }

    /// The fields.
    #[must_use]
    pub fn parts(&self) -> Option<Candidate<'_>> {
        // It was parsed when it was made.
        Candidate::parse_signalled(&self.value).ok()
    }

    /// The value of the `a=candidate` line: without the name.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl From<&Candidate<'_>> for IceCandidate {
    fn from(candidate: &Candidate<'_>) -> Self {
        Self {
            value: candidate.to_string(),
        }
    }
}

/// The form in which it is signalled: `candidate:` and the value.
impl fmt::Display for IceCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "candidate:{}", self.value)
    }
}

/// A candidate apart from a description: W3C's `RTCIceCandidateInit`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceCandidateInit {
    /// The candidate; empty for the end of the candidates.
    pub candidate: String,
    /// Which section, by its `mid`.
    pub sdp_mid: Option<String>,
    /// Which section, by its index.
    pub sdp_m_line_index: Option<u16>,
    /// Which generation of ICE.
    pub username_fragment: Option<String>,
}

/// What became of a remote candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateOutcome {
    /// It is for the transport in use: give it to the ICE agent.
    Candidate(IceCandidate),
    /// There are no more for the transport in use: tell the ICE agent.
    EndOfCandidates,
    /// It is kept for the transport that the answer will bring, in [`Changes`](crate::Changes).
    Kept,
    /// It is for a section without a transport of its own (rejected, or not bundled), or for RTCP
    /// apart from RTP.
    Ignored,
}
