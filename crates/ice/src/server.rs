//! Servers that help to find a path.

use std::fmt;
use std::net::SocketAddr;

pub use gannet_turn::Transport as TurnTransport;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// At this address.
    Ip(SocketAddr),
    /// At the addresses of this name; the driver is asked for one.
    Name(String, u16),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// A STUN or TURN server (W3C's `RTCIceServer`, one per URL).
#[derive(Clone, PartialEq, Eq)]
pub enum IceServer {
    /// `stun:`, over UDP.
    Stun {
        /// Where it is.
        address: ServerAddress,
    },
    /// `turn:` or `turns:`.
    Turn {
        /// Where it is.
        address: ServerAddress,
        /// What carries the messages.
        transport: TurnTransport,
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
}

impl IceServer {
    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> &ServerAddress {
        match self {
            Self::Stun { address } | Self::Turn { address, .. } => address,
        }
    }
}

/// Never prints the password.
impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stun { address } => write!(f, "Stun({address:?})"),
            Self::Turn {
                address, transport, ..
            } => write!(f, "Turn({address:?}, {transport:?})"),
        }
    }
}
