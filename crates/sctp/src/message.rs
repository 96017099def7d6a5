//! What users send and receive.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A stream identifier (RFC 9260, section 3.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u16);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A payload protocol identifier (RFC 9260, section 3.3.1): SCTP carries it and does not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ppid(pub u32);

impl fmt::Display for Ppid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream that it came on.
    pub stream: StreamId,
    /// What the sender called it.
    pub ppid: Ppid,
    /// Whether it was sent unordered.
    pub unordered: bool,
    /// Its bytes.
    pub data: Bytes,
}

/// How a message is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOptions {
    /// Whether it is delivered behind the messages that were sent before it on the same stream.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: Reliability,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self {
            ordered: true,
            reliability: Reliability::Reliable,
        }
    }
}

/// How hard to try before a message is abandoned (RFC 3758, RFC 7496).
///
/// If the peer has no partial reliability, every message is reliable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it arrives or the association ends.
    #[default]
    Reliable,
    /// A fragment is sent again at most this many times (RFC 7496, section 3.1: "limited
    /// retransmissions"). 0 never sends again.
    MaxRetransmits(u16),
    /// Nothing is sent any more when this much time has passed since the message was queued
    /// (RFC 3758, section 4.1: "timed reliability").
    MaxLifetime(Duration),
}
