//! What a channel is.

use bytes::Bytes;
use gannet_sctp::Reliability;

/// Our DTLS role: it says which stream ids are ours (RFC 8832, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The DTLS client opens channels on even ids.
    Client,
    /// The DTLS server opens channels on odd ids.
    Server,
}

/// Names a channel for as long as the [`DataChannels`](crate::DataChannels) live. It is not the
/// stream id, which is known later and used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u32);

/// A channel's priority (RFC 8831, section 6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// 128.
    BelowNormal,
    /// 256.
    #[default]
    Normal,
    /// 512.
    High,
    /// 1024.
    ExtraHigh,
}

impl Priority {
    /// As a number on the wire, and as a weight.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::BelowNormal => 128,
            Self::Normal => 256,
            Self::High => 512,
            Self::ExtraHigh => 1024,
        }
    }

    /// The priority whose range a number is in (RFC 8831, section 6.4).
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0..=128 => Self::BelowNormal,
            129..=256 => Self::Normal,
            257..=512 => Self::High,
            _ => Self::ExtraHigh,
        }
    }
}

/// How to open a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInit {
    /// Its label, at most 65,535 bytes.
    pub label: String,
    /// Its subprotocol, at most 65,535 bytes.
    pub protocol: String,
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: Reliability,
    /// Its priority.
    pub priority: Priority,
    /// The stream id, if both ends agreed on it by other means (`negotiated` in W3C's dictionary);
    /// then nothing is said in the channel itself.
    pub negotiated: Option<u16>,
}

impl Default for ChannelInit {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            priority: Priority::Normal,
            negotiated: None,
        }
    }
}

/// The state of a channel, as W3C names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// The association is not established yet.
    Connecting,
    /// Messages flow.
    Open,
    /// `close` was called here or there; what was sent before is still being delivered.
    Closing,
    /// Over.
    Closed,
}

/// A user message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text: UTF-8, checked.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }

    /// Whether it has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Limits of the channel table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelConfig {
    /// How many channels may exist at the same time, ours and the peer's. Default 1,024. When the
    /// peer opens more, its stream is reset.
    pub max_channels: usize,
}

impl Default for DataChannelConfig {
    fn default() -> Self {
        Self { max_channels: 1024 }
    }
}
