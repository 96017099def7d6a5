//! What a connection tells its user.

use gannet_crypto::NamedGroup;

use crate::config::{SrtpProfile, Version};
use crate::error::Failure;
use crate::suite::CipherSuite;

/// What [`Connection::poll_event`](crate::Connection::poll_event) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over and the peer's certificate is the one that its fingerprints vouch for:
    /// data can be sent, keying material can be exported.
    Connected {
        /// The version.
        version: Version,
        /// The cipher suite.
        suite: CipherSuite,
        /// The key exchange group.
        group: NamedGroup,
        /// The SRTP profile, if one was agreed on.
        srtp_profile: Option<SrtpProfile>,
    },
    /// DTLS 1.3: the peer wants so many connection IDs, which
    /// [`Connection::issue_connection_ids`](crate::Connection::issue_connection_ids) gives it.
    ConnectionIdsRequested {
        /// How many.
        count: u8,
    },
    /// The peer closed the connection.
    Closed,
    /// The connection failed; nothing more will come of it.
    Failed(Failure),
}

/// A datagram that [`Connection::poll_transmit`](crate::Connection::poll_transmit) appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Its length in bytes.
    pub len: usize,
}

/// What a connection counted. Noise is only counted, never reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams sent by [`Connection::poll_transmit`](crate::Connection::poll_transmit).
    pub datagrams_sent: u64,
    /// Flights that were sent again, whole or in part.
    pub retransmits: u64,
    /// Application data records sealed.
    pub records_sealed: u64,
    /// Records opened, of any type but plaintext.
    pub records_opened: u64,
    /// Records dropped because they are malformed or have no place here.
    pub malformed: u64,
    /// Records dropped because they are not authentic.
    pub unauthentic: u64,
    /// Records dropped because they came before.
    pub replayed: u64,
    /// Records dropped because we have no keys for them, or had no more room to hold them.
    pub undecryptable: u64,
    /// Handshake fragments dropped because their place was taken or too far ahead.
    pub fragments_refused: u64,
}
