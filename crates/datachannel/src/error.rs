//! What a caller can do wrong.

use thiserror::Error;

use crate::ChannelState;

/// Why a channel can not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The label or the protocol is too long for DCEP (RFC 8832, section 5.1).
    #[error("{what} is {len} bytes long, the limit is 65,535")]
    TooLong {
        /// "label" or "protocol".
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// The negotiated id is not a valid stream id.
    #[error("stream id {id} does not exist: the limit is {count}")]
    InvalidId {
        /// The id.
        id: u16,
        /// How many stream ids there are.
        count: u16,
    },
    /// The negotiated id is taken.
    #[error("stream id {0} is in use")]
    IdInUse(u16),
    /// No stream id is free, or there are as many channels as the configuration allows.
    #[error("there are {0} channels, no more can be opened")]
    TooManyChannels(usize),
    /// The association is over.
    #[error("the association is closed")]
    Disconnected,
}

/// Why a message can not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The channel is not open.
    #[error("the channel is not open, it is {0:?}")]
    NotOpen(ChannelState),
    /// The message is larger than the peer takes.
    #[error("the message is {len} bytes long, the limit is {max}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The largest that can be sent, in bytes.
        max: usize,
    },
    /// The send buffer is full; `BufferedAmountLow` says when there is room.
    #[error("the send buffer is full: {buffered} of {limit} bytes")]
    BufferFull {
        /// How many bytes wait.
        buffered: usize,
        /// How many may wait.
        limit: usize,
    },
}
