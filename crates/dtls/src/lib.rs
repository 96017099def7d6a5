//! Sans-IO DTLS 1.2 and 1.3 endpoints.
//!
//! This crate speaks DTLS 1.3 (RFC 9147) and DTLS 1.2 (RFC 6347) as WebRTC needs them: client and
//! server, mutually authenticated by certificate fingerprints, with `use_srtp` and the exporter for
//! SRTP's keys, over a network that loses, reorders and duplicates. A [`Connection`] owns no socket
//! and no clock: it is told the time, and its datagrams go through the caller's buffers.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use gannet_crypto::{Rng, default_provider};
//! use gannet_dtls::{Certificate, Config, Connection, Event, Role, SrtpProfile};
//!
//! let provider = default_provider();
//! let [ours, theirs] = [Certificate::generate(&*provider)?, Certificate::generate(&*provider)?];
//! let end = |role, own: &Certificate, peer: &Certificate| {
//!     let config = Config::new(role, own.clone())
//!         .srtp_profiles([SrtpProfile::AEAD_AES_128_GCM])
//!         .remote_fingerprints(peer.fingerprints(&*provider));
//!     let rng = Rng::from_seed(provider.random_seed());
//!     Connection::new(Arc::new(config), provider.clone(), rng, Instant::now())
//! };
//! let mut client = end(Role::Client, &ours, &theirs)?;
//! let mut server = end(Role::Server, &theirs, &ours)?;
//!
//! // The driving loop; here the network is a variable, and nothing is lost.
//! let mut datagram = Vec::new();
//! while !(client.is_connected() && server.is_connected()) {
//!     let now = Instant::now();
//!     while client.poll_transmit(now, &mut datagram).is_some() {
//!         server.handle_packet(now, &mut datagram, |_data| {});
//!         datagram.clear();
//!     }
//!     while server.poll_transmit(now, &mut datagram).is_some() {
//!         client.handle_packet(now, &mut datagram, |_data| {});
//!         datagram.clear();
//!     }
//!     // Where datagrams get lost, `poll_timeout` says when to call `handle_timeout`.
//! }
//! assert!(matches!(client.poll_event(), Some(Event::Connected { .. })));
//!
//! // Data is encrypted where it is written.
//! client.seal(&mut datagram, |record| record.extend_from_slice(b"hello"))?;
//! let mut received = Vec::new();
//! server.handle_packet(Instant::now(), &mut datagram, |data| received.extend_from_slice(data));
//! assert_eq!(received, b"hello");
//!
//! let mut keys = [0; 56];
//! client.export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut keys)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//!
//! - DTLS 1.3 and 1.2 in one endpoint: a client offers both, a server serves both. Downgrades by
//!   somebody on the path are noticed.
//! - X25519MLKEM768, X25519, P-256, P-384; ECDSA, Ed25519 and RSA certificates; AES-GCM and
//!   ChaCha20-Poly1305.
//! - Trust comes from fingerprints (RFC 8122) and from nothing else: names, dates and issuers of
//!   certificates are not looked at. Until the peer's fingerprints are known and match, no data goes in
//!   or out and no key is exported, even if the handshake itself is over.
//! - Flights are cut to the MTU, sent again with back-off, and in 1.3 acknowledged record by record.
//!
//! # What it deliberately is not
//!
//! No session resumption, no pre-shared keys, no early data, no renegotiation, no compression; no
//! cipher that is not an AEAD; no DTLS 1.0; no certificate path validation. It does not find out the
//! path's MTU and has no congestion control: a handshake is a handful of datagrams.
//!
//! # Panics and noise
//!
//! Nothing that comes from the network panics or is an `Err`: what is malformed, forged, repeated or
//! too early is counted in [`Stats`] and dropped. A peer that breaks the protocol with authentic
//! messages, or in the plaintext of the hellos, ends the connection with [`Event::Failed`].
//!
//! # RFCs
//!
//! 9147 (DTLS 1.3; gap: early data), 8446 (TLS 1.3 as far as
//! 9147 uses it), 6347 (DTLS 1.2), 5246, 5288, 5289, 7905, 8422 (its handshake and suites), 7627
//! (extended master secret, required), 5746 (no renegotiation), 5705 (exporter), 5764 (`use_srtp`; no
//! MKI), 7301 (ALPN), 8449 (record size limit), 9146 (connection IDs for 1.2), 8122 (fingerprints).

mod alert;
mod certificate;
mod config;
mod connection;
mod core;
mod error;
mod event;
mod fingerprint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[allow(missing_docs, reason = "it is for the fuzz targets alone")]
pub mod fuzzing;
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
pub use error::{ConfigError, ConnectionIdError, ExportError, Failure, HandshakeError, SealError};
pub use event::{Event, Stats, Transmit};
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use pem::encode_base64;
pub use suite::CipherSuite;
pub use x509::X509Error;

/// Whether a datagram whose first byte this is belongs to DTLS (RFC 7983, section 7).
#[must_use]
pub const fn is_dtls(first_byte: u8) -> bool {
    matches!(first_byte, 20..=63)
}
