//! What an association tells its user.

use thiserror::Error;

use crate::StreamId;

/// Something that the user of an [`Association`](crate::Association) should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is established: both ends can send.
    Connected,
    /// The peer restarted the association (RFC 9260, section 5.2.4.1): what was in flight may be
    /// lost, all streams start over.
    Restarted,
    /// Messages wait: take them with `poll_message`. Said once until they all have been taken.
    Readable,
    /// What waits to be sent on a stream has fallen to its low threshold.
    BufferedAmountLow(StreamId),
    /// `send` was refused because the send buffer was full; now there is room.
    Writable,
    /// A message was given up by its partial-reliability policy before all of it was acknowledged.
    MessageAbandoned {
        /// Its stream.
        stream: StreamId,
        /// Its length in bytes.
        len: usize,
    },
    /// The peer has reset its outgoing streams: nothing comes on them until they are used anew.
    /// Empty means all streams.
    IncomingStreamsReset(Vec<StreamId>),
    /// The peer refused to reset streams that it sends on.
    IncomingStreamsResetFailed(Vec<StreamId>),
    /// Our outgoing streams are reset: the peer has agreed, or asked for it.
    OutgoingStreamsReset(Vec<StreamId>),
    /// The peer refused to let us reset our outgoing streams.
    OutgoingStreamsResetFailed(Vec<StreamId>),
    /// The peer took the streams that we added; the number is the new total.
    StreamsAdded(u16),
    /// The peer refused to take more streams.
    StreamsAddFailed,
    /// The association is over. It is the last event.
    Closed(CloseReason),
}

/// Why an association ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both ends agreed, everything was delivered (RFC 9260, section 9.2).
    #[error("shut down")]
    Shutdown,
    /// We aborted it by `abort`.
    #[error("aborted here")]
    Aborted,
    /// The peer sent ABORT; the text lists its error causes.
    #[error("aborted by the peer: {0}")]
    AbortedByPeer(String),
    /// INIT or COOKIE ECHO was not answered.
    #[error("no answer to {0} INIT or COOKIE ECHO chunks")]
    ConnectTimeout(u32),
    /// The peer does not answer any more (RFC 9260, section 8.1).
    #[error("the peer did not answer {0} times in a row")]
    PeerUnreachable(u32),
    /// The peer broke the protocol; the text says how. We have sent ABORT.
    #[error("the peer broke the protocol: {0}")]
    ProtocolViolation(&'static str),
}
