//! What goes in besides descriptions, and what comes out of them.

use std::fmt;

use gannet_ortc::parameters::{
    Direction, Fingerprint, IceParameters, IceRole, MediaKind, RtpCapabilities,
    RtpEncodingParameters, RtpParameters, SctpParameters,
};

use crate::{IceCandidate, SignalingState};

/// What holds for a whole exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// A random number below 2^63: the session's name in `o=`.
    pub session_id: u64,
    /// The canonical name of our sources (RFC 7022).
    pub cname: String,
    /// What we can send and receive, the most preferred first.
    ///
    /// Codecs that refer to others (`apt` of RTX, the payload types of RED) refer to their preferred
    /// payload types.
    pub capabilities: RtpCapabilities,
    /// Our side of SCTP.
    pub sctp: SctpParameters,
}

/// Our side of the transport, as it stands when a description is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTransport {
    /// Our ICE credentials.
    pub ice: IceParameters,
    /// The hashes of our certificates.
    pub fingerprints: Vec<Fingerprint>,
    /// The candidates that have been gathered.
    pub candidates: Vec<IceCandidate>,
    /// Whether there will be no more.
    pub end_of_candidates: bool,
    /// Our INIT chunk, if SCTP may begin without its handshake (`a=sctp-init`, draft-hancke-tsvwg-snap). An
    /// offer says it; an answer does where the offer did, and later descriptions repeat it.
    pub sctp_init: Option<Vec<u8>>,
}

/// Who begins the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// We send the ClientHello: `a=setup:active`.
    Client,
    /// We wait for it: `a=setup:passive`.
    Server,
}

impl From<DtlsRole> for gannet_ortc::parameters::DtlsRole {
    fn from(role: DtlsRole) -> Self {
        match role {
            DtlsRole::Client => Self::Client,
            DtlsRole::Server => Self::Server,
        }
    }
}

/// Names a transceiver for as long as the exchange exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransceiverId(pub(crate) u32);

impl fmt::Display for TransceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a sender sends, as far as descriptions say it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SenderInit {
    /// The identifiers of the media streams that the track belongs to.
    pub streams: Vec<String>,
    /// The track's identifier, which goes into `a=msid` for the peers that look for it.
    pub track: String,
    /// The encodings with their SSRCs. More than one, each with a `rid`, is simulcast. Without any
    /// there is one, and its SSRC is not signalled.
    pub encodings: Vec<RtpEncodingParameters>,
}

/// What a description changes. The transport, the media and SCTP are there after an answer, provisional
/// or not, of either side; they say how things stand now, whether they have changed or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The state after it.
    pub signaling_state: SignalingState,
    /// The other side asks for an ICE restart: an answer needs new local credentials.
    pub remote_ice_restart: bool,
    /// The bundled transport. None after an offer, and if every section is rejected.
    pub transport: Option<TransportPlan>,
    /// The audio and video sections that live, in their order.
    pub media: Vec<MediaPlan>,
    /// The data section, if it lives.
    pub sctp: Option<SctpPlan>,
    /// Transceivers that a remote offer has made.
    pub created: Vec<TransceiverId>,
    /// Transceivers that are stopped now, because their section was rejected.
    pub stopped: Vec<TransceiverId>,
    /// Transceivers that a rollback has taken away.
    pub removed: Vec<TransceiverId>,
    /// Remote tracks that begin (W3C's `track` event).
    pub tracks_added: Vec<RemoteTrack>,
    /// Remote tracks that have ended or pause.
    pub tracks_removed: Vec<TransceiverId>,
}

impl Changes {
    pub(crate) fn new(signaling_state: SignalingState) -> Self {
        Self {
            signaling_state,
            remote_ice_restart: false,
            transport: None,
            media: Vec::new(),
            sctp: None,
            created: Vec::new(),
            stopped: Vec::new(),
            removed: Vec::new(),
            tracks_added: Vec::new(),
            tracks_removed: Vec::new(),
        }
    }
}

/// A remote track that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTrack {
    /// Whose receiver it belongs to.
    pub transceiver: TransceiverId,
    /// The identifiers of the media streams that it belongs to.
    pub streams: Vec<String>,
}

/// The bundled transport, as it was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportPlan {
    /// The `mid` of the section that carries the transport's attributes; empty if there is none.
    pub mid: String,
    /// The index of that section.
    pub index: usize,
    /// Our ICE role when the session begins. Conflicts are ICE's own business.
    pub ice_role: IceRole,
    /// Our credentials, as they were written.
    pub local_ice: IceParameters,
    /// The other side's credentials.
    pub remote_ice: IceParameters,
    /// The other side's candidates that are known.
    pub remote_candidates: Vec<IceCandidate>,
    /// Whether there will be no more.
    pub remote_end_of_candidates: bool,
    /// Whether the other side can take candidates apart from descriptions.
    pub remote_trickle: bool,
    /// Whether ICE restarts: the credentials of both sides are new, and the session is not.
    pub ice_restart: bool,
    /// Our DTLS role.
    pub dtls_role: DtlsRole,
    /// The fingerprints that the other side's certificate may have.
    pub remote_fingerprints: Vec<Fingerprint>,
    /// Whether DTLS begins anew over the restarted ICE: the other side's fingerprint is another one.
    pub dtls_restart: bool,
}

/// An audio or video section, as it was agreed on.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPlan {
    /// Whose section it is.
    pub transceiver: TransceiverId,
    /// The `mid`; empty if the other side does not use any.
    pub mid: String,
    /// The index of the section.
    pub index: usize,
    /// Audio or video.
    pub kind: MediaKind,
    /// Which way media flows.
    pub direction: Direction,
    /// How to send, if we do: the other side's payload types, parameters and extension ids.
    pub send: Option<RtpParameters>,
    /// How to receive, if we do.
    pub receive: Option<RtpParameters>,
    /// Bits a second that the other side is willing to receive, if it says so.
    pub max_bitrate: Option<u64>,
    /// Milliseconds of audio that the other side likes in a packet, if it says so.
    pub ptime: Option<u32>,
}

/// The data section, as it was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctpPlan {
    /// The `mid`; empty if the other side does not use any.
    pub mid: String,
    /// The index of the section.
    pub index: usize,
    /// Our side.
    pub local: SctpParameters,
    /// The other side.
    pub remote: SctpParameters,
    /// The other side's INIT chunk, if both sides have said theirs: SCTP begins without its handshake.
    pub remote_init: Option<Vec<u8>>,
}
