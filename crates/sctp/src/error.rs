//! What a caller can do wrong.

use thiserror::Error;

use crate::StreamId;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// SCTP has no empty messages (RFC 9260, section 3.3.1).
    #[error("an SCTP message has at least one byte")]
    Empty,
    /// It is larger than the peer takes.
    #[error("the message is {len} bytes long, the limit is {max}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The largest that can be sent, in bytes.
        max: usize,
    },
    /// The association has fewer streams.
    #[error("stream {stream} does not exist: there are {count} outgoing streams")]
    InvalidStream {
        /// The stream.
        stream: StreamId,
        /// How many there are.
        count: u16,
    },
    /// The stream is being reset.
    #[error("stream {0} is being reset")]
    StreamResetting(StreamId),
    /// The send buffer is full; `Event::Writable` says when there is room.
    #[error("the send buffer is full: {buffered} of {limit} bytes")]
    BufferFull {
        /// How many bytes wait.
        buffered: usize,
        /// How many may wait.
        limit: usize,
    },
    /// The association is shutting down or over.
    #[error("the association is closing or closed")]
    Closed,
}

/// Why an association can not begin with what signaling has carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It is not an INIT chunk that could lead to an association.
    #[error("the peer's parameters are no valid INIT chunk")]
    Malformed,
    /// The association is past its beginning.
    #[error("the association has begun already")]
    AlreadyBegun,
}

/// Why streams can not be reset or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReconfigError {
    /// The peer does not have RE-CONFIG (RFC 6525).
    #[error("the peer does not support stream reconfiguration")]
    NotSupported,
    /// The association is not established.
    #[error("the association is not established")]
    NotConnected,
    /// The association has fewer streams.
    #[error("stream {0} does not exist")]
    InvalidStream(StreamId),
    /// There would be more than 65,535 streams.
    #[error("there can not be more than 65,535 streams")]
    TooManyStreams,
}
