//! What a connection tells its user.

use gannet_jsep::{IceCandidateInit, TransceiverId};
use gannet_ortc::data::ChannelId;
use gannet_ortc::ice::{IceGatheringState, IceTransportState};

use crate::{DataChannel, RtpReceiver, RtpTransceiver};

/// The state of a connection: W3C's `RTCPeerConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerConnectionState {
    /// Nothing has begun.
    New,
    /// ICE looks for a path, or DTLS shakes hands.
    Connecting,
    /// Media and data flow.
    Connected,
    /// The peer has not been heard for some seconds. It may come back.
    Disconnected,
    /// No path works, or the peer is not who its fingerprint says. Only an ICE restart may help.
    Failed,
    /// Closed, here or there.
    Closed,
}

/// Something that the user of a [`PeerConnection`](crate::PeerConnection) should hear.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The state of the whole changed.
    ConnectionStateChange(PeerConnectionState),
    /// The ICE transport's state changed.
    IceConnectionStateChange(IceTransportState),
    /// The gathering state changed; after `Complete` no more candidates come.
    IceGatheringStateChange(IceGatheringState),
    /// A local candidate to be signaled; an empty one says that there are no more.
    IceCandidate(IceCandidateInit),
    /// A STUN or TURN server could not help; the others may.
    IceCandidateError(IceCandidateError),
    /// The peer sends a stream.
    Track(TrackEvent),
    /// The peer opened a data channel: it is open.
    DataChannel(DataChannel),
}

/// What is wrong with a server: W3C's `RTCPeerConnectionIceErrorEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCandidateError {
    /// The server's name or address, and port.
    pub server: String,
    /// The STUN error code, or 701 if the server can not be reached.
    pub code: u16,
    /// What is wrong, in words.
    pub reason: String,
}

/// A stream that the peer sends: W3C's `RTCTrackEvent`.
#[derive(Debug)]
pub struct TrackEvent {
    /// What receives it.
    pub receiver: RtpReceiver,
    /// Its transceiver.
    pub transceiver: RtpTransceiver,
    /// The identifiers of the media streams that it belongs to.
    pub streams: Vec<String>,
}

/// An event in the queue. It holds no handle, or the connection would hold itself.
#[derive(Debug)]
pub(crate) enum PendingEvent {
    ConnectionStateChange(PeerConnectionState),
    IceConnectionStateChange(IceTransportState),
    IceGatheringStateChange(IceGatheringState),
    IceCandidate(IceCandidateInit),
    IceCandidateError(IceCandidateError),
    Track {
        transceiver: TransceiverId,
        streams: Vec<String>,
    },
    DataChannel(ChannelId),
}

impl PendingEvent {
    /// Whether the user can do without it: it tells what can be asked for too, or of trouble that shows.
    pub(crate) const fn is_dispensable(&self) -> bool {
        matches!(
            self,
            Self::ConnectionStateChange(_)
                | Self::IceConnectionStateChange(_)
                | Self::IceGatheringStateChange(_)
                | Self::IceCandidateError(_)
        )
    }
}
