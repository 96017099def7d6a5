//! Sans-IO DTLS 1.2 and 1.3 endpoints
//!
//! This crate speaks DTLS 1.3 (RFC 9147) and DTLS 1.2 (RFC 6347) as WebRTC needs them: client and
//! server, mutually authenticated by certificate fingerprints, with `use_srtp` and the exporter for
//! SRTP's keys.

mod alert;
mod certificate;
mod config;
mod connection;
mod core;
mod error;
mod event;
mod fingerprint;
mod handshake;
mod inbox;
mod key_schedule;
mod message;
mod outbox;
mod pem;
mod ranges;
mod record;
mod registry;
mod suite;
#[cfg(test)]
mod tests;
mod transcript;
mod x509;

pub use alert::AlertDescription;
#[cfg(feature = "rcgen")]
pub use certificate::KeyAlgorithm;
pub use certificate::{Certificate, CertificateError};
pub use config::{Config, KeyLog, Role, SrtpProfile, Timers, Version, Versions};
pub use connection::Connection;
pub use error::{ConfigError, ExportError, Failure, HandshakeError, SealError};
pub use event::{Event, Stats, Transmit};
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use suite::CipherSuite;
pub use x509::X509Error;

/// Whether a datagram whose first byte this is belongs to DTLS (RFC 9443, section 3; RFC 7983).
#[must_use]
pub const fn is_dtls(first_byte: u8) -> bool {
    matches!(first_byte, 20..=63)
}
