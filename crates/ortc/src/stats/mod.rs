//! Statistics, as W3C's webrtc-stats has them: the same objects with the same members, in Rust's case and
//! with Rust's types.
//!
//! They are pulled: [`Session::stats`] collects what the layers have counted anyway. Where a layer has a
//! struct under W3C's names it is a member called `counters`. Two kinds of objects have no list of their
//! own, since each belongs to one other object: `remote-inbound-rtp` is `counters.remote` of
//! [`OutboundRtp`], `remote-outbound-rtp` that of [`InboundRtp`].
//!
//! What a session can not know is there and empty: it has no decoders, encoders or tracks. Whoever has them
//! completes the report, as the package `gannet` does: [`InboundRtp::decoder`], [`OutboundRtp::encoder`],
//! [`StatsReport::media_sources`], and the format parameters of [`CodecStats`].
//!
//! With the feature `serde` a report serializes as W3C's JSON: an object whose keys are the names of its
//! objects, and whose values are their dictionaries. Members that do not exist are left out. `timestamp`
//! and its like are milliseconds since the Unix epoch, by the wall clock that the session was given.
//!
//! # What is not there
//!
//! - `media-playout` and what only a playout clock knows: `framesRendered`, freezes, pauses, delays between frames,
//!   `estimatedPlayoutTimestamp`, `jitterBufferTargetDelay` and `jitterBufferMinimumDelay` (frames leave
//!   at once, no delay is aimed at), `silentConcealedSamples`, inserted and removed samples;
//! - `qpSum`, `powerEfficientDecoder`, `powerEfficientEncoder`, `scalabilityMode`: no codec says them;
//! - `hugeFramesSent` and `totalEncodedBytesTarget`: both are made of a target frame rate, and there is none;
//! - `qualityLimitationReason` and its like: nothing adapts pictures to the path;
//! - forward error correction and echo cancellation, of which there is none;
//! - `packetsReceived` of `remote-inbound-rtp`, and the round trips of `remote-outbound-rtp`;
//! - `availableIncomingBitrate`, discards on sending, `issuerCertificateId`, and the `url` of candidates
//!   other than relayed ones.
//!
//! `packetsDiscarded` counts packets that came twice, which W3C's does not. `concealedSamples` counts also
//! what Opus could restore from the packet behind the gap.

mod collect;
#[cfg(feature = "serde")]
mod json;
mod media;
mod objects;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Instant, SystemTime};

use gannet_ice::Candidate;

#[cfg(doc)]
use crate::Session;

pub use self::media::{
    AudioDecoderStats, AudioLevelStats, DecoderStats, EncoderStats, MediaSource, MediaSourceStats,
    VideoDecoderStats, VideoSourceStats,
};
pub use self::objects::{
    CandidatePair, CertificateStats, CodecStats, DataChannelStats, InboundRtp, LocalCandidate,
    OutboundRtp, PeerConnectionStats, RemoteCandidate, TransportStats,
};

/// The kinds of objects: W3C's `RTCStatsType`. Displays as W3C's string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatsType {
    /// `codec`
    Codec,
    /// `inbound-rtp`
    InboundRtp,
    /// `outbound-rtp`
    OutboundRtp,
    /// `remote-inbound-rtp`
    RemoteInboundRtp,
    /// `remote-outbound-rtp`
    RemoteOutboundRtp,
    /// `media-source`
    MediaSource,
    /// `peer-connection`
    PeerConnection,
    /// `data-channel`
    DataChannel,
    /// `transport`
    Transport,
    /// `candidate-pair`
    CandidatePair,
    /// `local-candidate`
    LocalCandidate,
    /// `remote-candidate`
    RemoteCandidate,
    /// `certificate`
    Certificate,
}

impl fmt::Display for StatsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Codec => "codec",
            Self::InboundRtp => "inbound-rtp",
            Self::OutboundRtp => "outbound-rtp",
            Self::RemoteInboundRtp => "remote-inbound-rtp",
            Self::RemoteOutboundRtp => "remote-outbound-rtp",
            Self::MediaSource => "media-source",
            Self::PeerConnection => "peer-connection",
            Self::DataChannel => "data-channel",
            Self::Transport => "transport",
            Self::CandidatePair => "candidate-pair",
            Self::LocalCandidate => "local-candidate",
            Self::RemoteCandidate => "remote-candidate",
            Self::Certificate => "certificate",
        })
    }
}

/// Names an object: the same object has the same name in all reports of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatsId {
    kind: StatsType,
    number: u64,
}

impl StatsId {
    /// A name. `identity` is what tells the object from others of its kind.
    #[must_use]
    pub fn new(kind: StatsType, identity: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let number = hasher.finish();
        Self { kind, number }
    }

    fn candidate(kind: StatsType, candidate: &Candidate) -> Self {
        Self::new(kind, (candidate.to_string(), &candidate.username_fragment))
    }

    /// The kind of the object.
    #[must_use]
    pub const fn kind(self) -> StatsType {
        self.kind
    }
}

/// The kind, a hyphen, and 16 hexadecimal digits.
impl fmt::Display for StatsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.kind, self.number)
    }
}

/// All statistics of a session: W3C's `RTCStatsReport`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatsReport {
    /// When it was made.
    pub timestamp: Instant,
    /// The same by the wall clock that the session was given. All times of the report can be told from these two.
    pub wall_clock: SystemTime,
    /// `peer-connection`
    pub peer_connection: PeerConnectionStats,
    /// `transport`: the one that everything goes over.
    pub transport: TransportStats,
    /// `codec`: those that are in use now.
    pub codecs: Vec<CodecStats>,
    /// `media-source`: the tracks that are being sent. A session knows none.
    pub media_sources: Vec<MediaSource>,
    /// `inbound-rtp`: the receivers that have heard a source.
    pub inbound_rtp: Vec<InboundRtp>,
    /// `outbound-rtp`: the senders.
    pub outbound_rtp: Vec<OutboundRtp>,
    /// `data-channel`: those that are not gone.
    pub data_channels: Vec<DataChannelStats>,
    /// `candidate-pair`: those of the current generation.
    pub candidate_pairs: Vec<CandidatePair>,
    /// `local-candidate`: also those that are gone.
    pub local_candidates: Vec<LocalCandidate>,
    /// `remote-candidate`: those of the current generation.
    pub remote_candidates: Vec<RemoteCandidate>,
    /// `certificate`: ours, and once it is verified the peer's.
    pub certificates: Vec<CertificateStats>,
}
