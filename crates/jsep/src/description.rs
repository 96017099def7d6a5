use std::fmt;

/// What a description is for: W3C's `RTCSdpType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpType {
    /// A proposal.
    Offer,
    /// An answer that another one will replace.
    Pranswer,
    /// The answer, which ends the exchange.
    Answer,
    /// Back to the last stable state. Its text is empty.
    Rollback,
}

impl SdpType {
    /// W3C's name: `offer`, `pranswer`, `answer` or `rollback`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Pranswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        }
    }

    /// The type of a W3C name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Offer, Self::Pranswer, Self::Answer, Self::Rollback]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A type and a text: W3C's `RTCSessionDescription`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it is for.
    pub kind: SdpType,
    /// The SDP text; empty for a rollback.
    pub sdp: String,
}

impl Description {
    /// A description of a type.
    #[must_use]
    pub fn new(kind: SdpType, sdp: impl Into<String>) -> Self {
        Self {
            kind,
            sdp: sdp.into(),
        }
    }

    /// An offer.
    #[must_use]
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self::new(SdpType::Offer, sdp)
    }

    /// An answer.
    #[must_use]
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self::new(SdpType::Answer, sdp)
    }

    /// A rollback.
    #[must_use]
    pub fn rollback() -> Self {
        Self::new(SdpType::Rollback, "")
    }
}

/// Where an exchange of offer and answer stands: W3C's `RTCSignalingState`. Closing is the business of
/// the object that owns the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignalingState {
    /// No exchange is under way.
    Stable,
    /// We have offered.
    HaveLocalOffer,
    /// The other side has offered.
    HaveRemoteOffer,
    /// The other side has offered, and we have answered provisionally.
    HaveLocalPranswer,
    /// We have offered, and the other side has answered provisionally.
    HaveRemotePranswer,
}

impl SignalingState {
    /// W3C's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPranswer => "have-local-pranswer",
            Self::HaveRemotePranswer => "have-remote-pranswer",
        }
    }
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
