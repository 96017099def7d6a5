//! What a client is told, and what can go wrong.

use std::net::SocketAddr;
use std::time::Duration;

use gannet_stun::{Reliability, TransactionConfig};
use thiserror::Error;

/// What carries the messages between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP, or DTLS over it.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    pub(crate) const fn reliability(self) -> Reliability {
        match self {
            Self::Udp => Reliability::Unreliable,
            Self::Tcp | Self::Tls => Reliability::Reliable,
        }
    }

    /// Whether messages go through a byte stream.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// Which relayed addresses to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamilies {
    /// One IPv4 address.
    #[default]
    V4,
    /// One IPv6 address.
    V6,
    /// One of each, if the server can (RFC 8656, section 7.1).
    Both,
}

/// What a client is told at its birth.
#[derive(Clone)]
pub struct Config {
    /// The server's address.
    pub server: SocketAddr,
    /// What carries the messages.
    pub transport: Transport,
    /// The user name, as OpaqueString (RFC 8265) leaves it.
    pub username: String,
    /// The password, as OpaqueString (RFC 8265) leaves it.
    pub password: String,
    /// Which relayed addresses to ask for.
    pub families: AddressFamilies,
    /// The lifetime to ask for. The server decides.
    pub lifetime: Duration,
    /// The first retransmission timeout over UDP.
    pub rto: Duration,
    /// How requests are repeated. Its bound on transactions is computed from `max_peers`.
    pub transactions: TransactionConfig,
    /// How many peers may have a permission, and how many of them a channel.
    pub max_peers: usize,
}

impl Config {
    /// A client for an IPv4 address for 10 minutes at a time.
    #[must_use]
    pub fn new(server: SocketAddr, transport: Transport, username: &str, password: &str) -> Self {
        Self {
            server,
            transport,
            username: username.to_owned(),
            password: password.to_owned(),
            families: AddressFamilies::default(),
            lifetime: Duration::from_secs(600),
            rto: Duration::from_millis(500),
            transactions: TransactionConfig::default(),
            max_peers: 64,
        }
    }
}

/// Never prints the password.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("transport", &self.transport)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why there is no allocation (any more).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AllocateError {
    /// The server did not answer.
    #[error("the TURN server did not answer")]
    Timeout,
    /// The server does not accept the user name and password.
    #[error("the TURN server does not accept the user name and password (401 {0})")]
    Unauthenticated(String),
    /// The server asks for an algorithm that is not known here, or contradicts itself.
    #[error("the TURN server's challenge can not be answered: {0}")]
    Challenge(&'static str),
    /// The server wants the client to go elsewhere (RFC 8489, section 10).
    #[error("the TURN server redirects to {0}")]
    Redirected(SocketAddr),
    /// The server refused, with this code.
    #[error("the TURN server refused: {code} {reason}")]
    Refused {
        /// The code; see [`gannet_stun::code`].
        code: u16,
        /// What the server says about it.
        reason: String,
    },
    /// The server's answer has no relayed address of a family that was asked for.
    #[error("the TURN server's answer has no relayed address of a family that was asked for")]
    NoRelayedAddress,
    /// The server no longer knows the allocation, or it ran out.
    #[error("the allocation is gone")]
    Lost,
    /// The connection to the server broke.
    #[error("the connection to the TURN server broke")]
    Disconnected,
}

/// Why a peer can not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PeerError {
    /// There is no allocation.
    #[error("there is no allocation")]
    NoAllocation,
    /// The allocation has no address of the peer's family.
    #[error("the allocation has no relayed address of the peer's family")]
    WrongFamily,
    /// As many peers as allowed have a permission already.
    #[error("{0} peers have a permission already, as many as are allowed")]
    TooMany(usize),
}
