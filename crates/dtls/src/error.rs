//! What can go wrong, split by whose fault it is.

use gannet_crypto::{InvalidKey, KeyExchangeError, UnsupportedAlgorithm};
use gannet_wire::{ReadError, WriteError};
use thiserror::Error;

use crate::alert::AlertDescription;
use crate::x509::X509Error;

/// Why a connection could not be created: the caller's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No suite is left for a version that is allowed.
    #[error("no cipher suite is configured for {0:?}")]
    NoSuite(crate::Version),
    /// The provider has none of the configured groups that a version can use.
    #[error("the provider has none of the configured key exchange groups that {0:?} can use")]
    NoGroup(crate::Version),
    /// The provider could not start a key exchange.
    #[error(transparent)]
    KeyExchange(#[from] KeyExchangeError),
    /// The ClientHello could not be written: a list in it is too long.
    #[error("the ClientHello can not be written: {0}")]
    Write(#[from] WriteError),
}

/// Why application data could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The handshake is not over, or the peer is not verified yet.
    #[error("the connection is not connected yet")]
    NotConnected,
    /// The connection was closed, by us or by the peer, or has failed.
    #[error("the connection is closed")]
    Closed,
    /// The plaintext does not fit into a record.
    #[error("the data has {len} bytes, a record takes at most {max}")]
    TooLong {
        /// The plaintext's length in bytes.
        len: usize,
        /// The longest possible in bytes.
        max: usize,
    },
    /// All record numbers are used up (2^48 in DTLS 1.2).
    #[error("the record numbers of this connection are used up")]
    Exhausted,
}

/// Why connection IDs could not be issued or requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionIdError {
    /// The connection is not connected.
    #[error("the connection is not connected")]
    NotConnected,
    /// It is not DTLS 1.3, or the side whose records they are for has none.
    #[error("connection IDs for this direction were not negotiated")]
    NotNegotiated,
    /// An ID is not as long as the one that was negotiated.
    #[error("a connection ID has {len} bytes, and must have {expected}")]
    Length {
        /// Its length in bytes.
        len: usize,
        /// The length that it must have.
        expected: usize,
    },
    /// The peer has not answered the last message yet, or there is nothing to be sent.
    #[error("the last message about connection IDs is still on its way")]
    Outstanding,
    /// They do not fit into a message.
    #[error("so many connection IDs do not fit into a message")]
    TooMany,
}

/// Why keying material could not be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The handshake is not over, or the peer is not verified yet.
    #[error("the connection is not connected yet")]
    NotConnected,
    /// More output was asked for than the key derivation can give.
    #[error("{len} bytes of keying material were asked for, at most {max} can be had")]
    TooLong {
        /// How much was asked for, in bytes.
        len: usize,
        /// The most possible, in bytes.
        max: usize,
    },
}

/// Why a connection failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The handshake took too long.
    #[error("the handshake took too long: the peer did not answer any more")]
    Timeout,
    /// The peer broke it off.
    #[error("the peer broke the connection off: {0}")]
    PeerAlert(AlertDescription),
    /// The peer broke a rule, or has nothing in common with us.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The peer's certificate is not the one that its fingerprints vouch for.
    #[error("the peer's certificate does not match its fingerprints")]
    FingerprintMismatch,
    /// So many forged records came that the keys must not be used any longer (RFC 9147, section 4.5.3).
    #[error("too many forged records came for these keys")]
    ForgeryLimit,
}

impl Failure {
    /// The alert that tells the peer.
    pub(crate) const fn alert(&self) -> Option<AlertDescription> {
        match self {
            Self::Timeout | Self::PeerAlert(_) => None,
            Self::Handshake(error) => Some(error.alert()),
            Self::FingerprintMismatch => Some(AlertDescription::BadCertificate),
            Self::ForgeryLimit => Some(AlertDescription::InternalError),
        }
    }
}

/// What the peer did wrong in a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A message is malformed.
    #[error("{message} is malformed: {error}")]
    Malformed {
        /// The message.
        message: &'static str,
        /// What is wrong.
        error: ReadError,
    },
    /// A message came that has no place here.
    #[error("message type {found} came, expected {expected}")]
    UnexpectedMessage {
        /// The handshake type that came.
        found: u8,
        /// What was expected.
        expected: &'static str,
    },
    /// We have nothing in common with the peer.
    #[error("no {0} in common with the peer")]
    NothingInCommon(&'static str),
    /// Both have a list of application protocols, and nothing in it is in common.
    #[error("no application protocol in common with the peer")]
    NoApplicationProtocol,
    /// No version is in common.
    #[error("no DTLS version in common with the peer")]
    ProtocolVersion,
    /// A value has no place where it stands.
    #[error("{0}")]
    IllegalParameter(&'static str),
    /// An extension that must be there is not.
    #[error("the extension {0} is missing")]
    MissingExtension(&'static str),
    /// An extension came that we did not ask for.
    #[error("extension {0} came unasked")]
    UnsupportedExtension(u16),
    /// The peer has no certificate.
    #[error("the peer has no certificate")]
    NoCertificate,
    /// The peer's certificate can not be used.
    #[error(transparent)]
    Certificate(#[from] X509Error),
    /// A signature or a Finished does not verify.
    #[error("{0} does not verify")]
    Verify(&'static str),
    /// The key exchange failed.
    #[error("the key exchange failed: {0}")]
    KeyExchange(#[from] KeyExchangeError),
    /// Something failed on our side.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl HandshakeError {
    /// The alert that tells the peer (RFC 8446, section 6.2).
    pub(crate) const fn alert(&self) -> AlertDescription {
        use AlertDescription as A;
        match self {
            Self::Malformed { .. } => A::DecodeError,
            Self::UnexpectedMessage { .. } => A::UnexpectedMessage,
            Self::NothingInCommon(_) => A::HandshakeFailure,
            Self::ProtocolVersion => A::ProtocolVersion,
            Self::NoApplicationProtocol => A::NoApplicationProtocol,
            Self::IllegalParameter(_) | Self::KeyExchange(_) => A::IllegalParameter,
            Self::MissingExtension(_) => A::MissingExtension,
            Self::UnsupportedExtension(_) => A::UnsupportedExtension,
            Self::NoCertificate => A::CertificateRequired,
            Self::Certificate(_) => A::UnsupportedCertificate,
            Self::Verify(_) => A::DecryptError,
            Self::Internal(_) => A::InternalError,
        }
    }

    pub(crate) const fn malformed(message: &'static str) -> impl FnOnce(ReadError) -> Self {
        move |error| Self::Malformed { message, error }
    }
}

impl From<WriteError> for HandshakeError {
    fn from(_: WriteError) -> Self {
        Self::Internal("a message of ours is too long to be written")
    }
}

impl From<InvalidKey> for HandshakeError {
    fn from(error: InvalidKey) -> Self {
        Self::Internal(error.reason)
    }
}

impl From<UnsupportedAlgorithm> for HandshakeError {
    fn from(error: UnsupportedAlgorithm) -> Self {
        Self::Internal(error.algorithm)
    }
}
