//! What a session, its senders and its receivers are told.

use std::time::Duration;

use gannet_rtp::extension::InvalidIdentifier;
use gannet_rtp::{ExtensionMap, WallClock};
use gannet_rtp_payload::PayloadFormat;
use thiserror::Error;

/// A sender of a session. It stays valid until the sender is removed, and is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderId(pub(crate) u32);

/// A receiver of a session. It stays valid until the receiver is removed, and is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiverId(pub(crate) u32);

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Small packets that must not wait: they bypass the pacer, and gaps are concealed by the decoder.
    Audio,
    /// Frames of several packets that refer to each other.
    Video,
}

/// What a session is told once.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// One moment on the caller's clock and on the wall clock: sender reports carry NTP times.
    pub clock: WallClock,
    /// A random number. All of the session's random choices follow from it.
    pub seed: u64,
    /// The canonical name of this endpoint (RFC 7022 says how to choose one).
    pub cname: String,
    /// Whether feedback may go without a report in front of it (`a=rtcp-rsize`, RFC 5506).
    pub reduced_size: bool,
    /// The longest RTCP datagram in bytes, before encryption.
    pub max_rtcp_size: usize,
    /// The mean time between reports. Each interval is 0.5 to 1.5 times as long (RFC 3550, section 6.2).
    pub report_interval: Duration,
    /// The bounds of the bandwidth estimate.
    pub bitrate: BitrateLimits,
}

impl SessionConfig {
    /// The configuration that suits a WebRTC peer.
    #[must_use]
    pub fn new(clock: WallClock, seed: u64, cname: impl Into<String>) -> Self {
        Self {
            clock,
            seed,
            cname: cname.into(),
            reduced_size: true,
            max_rtcp_size: 1200,
            report_interval: Duration::from_secs(1),
            bitrate: BitrateLimits::default(),
        }
    }
}

/// Bounds of the bandwidth estimate, in bits per second over the whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitrateLimits {
    /// Never below this, unless the maximum is.
    pub min: u64,
    /// Where it starts.
    pub start: u64,
    /// Never above this.
    pub max: u64,
}

impl Default for BitrateLimits {
    fn default() -> Self {
        Self {
            min: 50_000,
            start: 1_000_000,
            max: 20_000_000,
        }
    }
}

/// One codec that was negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecParameters {
    /// Its payload type, 0 to 127.
    pub payload_type: u8,
    /// How its frames are put into packets.
    pub format: PayloadFormat,
    /// Ticks of its timestamps per second.
    pub clock_rate: u32,
    /// The payload type of its retransmissions (RFC 4588, `apt`).
    pub rtx_payload_type: Option<u8>,
}

/// The feedback messages that were negotiated (RFC 4585, `a=rtcp-fb`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`
    pub nack: bool,
    /// `nack pli`
    pub pli: bool,
    /// `ccm fir`
    pub fir: bool,
    /// `transport-cc`
    pub transport_cc: bool,
    /// `goog-remb`
    pub remb: bool,
}

impl Feedback {
    /// All of them.
    pub const ALL: Self = Self {
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: true,
    };
}

/// What a sender is told.
#[derive(Clone, Debug)]
pub struct SendParameters {
    /// Audio or video.
    pub kind: MediaKind,
    /// Its synchronization source.
    pub ssrc: u32,
    /// The source of its retransmissions, if they have one of their own (RFC 4588, SSRC multiplexing).
    pub rtx_ssrc: Option<u32>,
    /// What it sends.
    pub codec: CodecParameters,
    /// Its media section, for the MID header extension.
    pub mid: Option<String>,
    /// Its stream of a simulcast, for the RID header extension.
    pub rid: Option<String>,
    /// The identifiers of header extensions.
    pub extensions: ExtensionMap,
    /// The feedback that the receiver sends.
    pub feedback: Feedback,
    /// The longest RTP packet in bytes, header included, before encryption.
    pub max_packet_size: usize,
    /// Its share of the bandwidth ends here, in bits per second.
    pub max_bitrate: Option<u64>,
}

impl SendParameters {
    /// A sender without anything optional.
    #[must_use]
    pub fn new(kind: MediaKind, ssrc: u32, codec: CodecParameters) -> Self {
        Self {
            kind,
            ssrc,
            rtx_ssrc: None,
            codec,
            mid: None,
            rid: None,
            extensions: ExtensionMap::new(),
            feedback: Feedback::default(),
            max_packet_size: 1200,
            max_bitrate: None,
        }
    }
}

/// What a receiver hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Whole frames in decode order.
    #[default]
    Frames,
    /// Packets as they arrive, for forwarding. Losses are still asked for again.
    Packets,
    /// Both: each packet as it arrives, and what becomes of it in its frame.
    PacketsAndFrames,
}

impl Delivery {
    pub(crate) const fn has_frames(self) -> bool {
        matches!(self, Self::Frames | Self::PacketsAndFrames)
    }

    pub(crate) const fn has_packets(self) -> bool {
        matches!(self, Self::Packets | Self::PacketsAndFrames)
    }
}

/// What a receiver is told.
#[derive(Clone, Debug)]
pub struct ReceiveParameters {
    /// Audio or video.
    pub kind: MediaKind,
    /// What it may receive.
    pub codecs: Vec<CodecParameters>,
    /// The identifiers of header extensions.
    pub extensions: ExtensionMap,
    /// Its media section.
    pub mid: Option<String>,
    /// Its stream of a simulcast. Without one, it takes packets of any stream of its media section.
    pub rid: Option<String>,
    /// Its source, and the source of its retransmissions, where signalling says them. Otherwise it takes
    /// the first source that is routed to it.
    pub ssrc: Option<u32>,
    /// The source of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// The feedback that it may send.
    pub feedback: Feedback,
    /// Frames, packets, or both.
    pub delivery: Delivery,
    /// How long a frame may be waited for while its lost packets are asked for again.
    pub max_wait: Duration,
}

impl ReceiveParameters {
    /// A receiver without anything optional.
    #[must_use]
    pub fn new(kind: MediaKind, codecs: Vec<CodecParameters>) -> Self {
        Self {
            kind,
            codecs,
            extensions: ExtensionMap::new(),
            mid: None,
            rid: None,
            ssrc: None,
            rtx_ssrc: None,
            feedback: Feedback::default(),
            delivery: Delivery::Frames,
            max_wait: match kind {
                MediaKind::Audio => Duration::from_millis(120),
                MediaKind::Video => Duration::from_millis(1000),
            },
        }
    }
}

/// Why a sender or receiver was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// Another one of the session uses the source.
    #[error("SSRC {0:#010x} is in use")]
    SsrcTaken(u32),
    /// A payload type is above 127, or two codecs have the same.
    #[error("payload type {0} is used twice or above 127")]
    PayloadType(u8),
    /// A clock rate is 0.
    #[error("the clock rate of payload type {0} is 0")]
    ClockRate(u8),
    /// There is no codec.
    #[error("there is no codec")]
    NoCodec,
    /// The MID or the RID cannot be written into a header extension.
    #[error(transparent)]
    Identifier(#[from] InvalidIdentifier),
    /// Packets are too short for a header and some payload.
    #[error("packets of {0} bytes are too short, at least 100 are needed")]
    PacketSize(usize),
    /// There are as many as a session can have.
    #[error("a session has at most {0} senders and as many receivers")]
    TooMany(usize),
    /// No such sender or receiver: it was removed.
    #[error("the sender or receiver was removed")]
    Removed,
}
