//! What can go wrong for a user.

use gannet_jsep::{CandidateError, CreateError, SetLocalError, SetRemoteError};
use gannet_media::EncodedFormat;
use gannet_ortc::dtls::CertificateError;
use thiserror::Error;

use crate::BindError;

/// Why a connection can not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NewConnectionError {
    /// It was made outside a tokio runtime.
    #[error("a connection needs a tokio runtime around it")]
    NoRuntime,
    /// No provider of cryptography was given, and none is built in.
    #[error("no provider of cryptography was given, and none is built in")]
    NoProvider,
    /// Servers were given together with an endpoint that other connections may share: a TURN server knows
    /// its clients by their addresses, so that two of them can not share a socket.
    #[error("STUN and TURN servers need sockets of the connection's own, not a shared endpoint")]
    ServersOnSharedEndpoint,
    /// There are no sockets.
    #[error(transparent)]
    Endpoint(#[from] BindError),
    /// There is no certificate.
    #[error("a certificate can not be made")]
    Certificate(#[from] CertificateError),
}

/// Why a description or a candidate was not taken or made. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The peer's description makes no sense, or not now.
    #[error(transparent)]
    SetRemote(#[from] SetRemoteError),
    /// Our description is not the one that was created, or comes at a wrong time.
    #[error(transparent)]
    SetLocal(#[from] SetLocalError),
    /// No offer or answer can be made now.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The peer's candidate makes no sense.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
}

/// Why a sender does not take encoded frames. It keeps what it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplaceEncodedError {
    /// Sound was given to a sender of pictures, or the other way around.
    #[error("{0} is of another kind than the sender")]
    WrongKind(EncodedFormat),
    /// The peer did not agree to the codec, or not to the profile.
    #[error("the peer did not agree to receive {0}")]
    CodecNotNegotiated(EncodedFormat),
    /// The connection is closed, or the transceiver is stopped.
    #[error("the sender is stopped")]
    Stopped,
}
