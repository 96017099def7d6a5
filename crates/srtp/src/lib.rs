//! SRTP and SRTCP: what keeps RTP and RTCP packets secret and authentic.
//!
//! A [`Sender`] protects packets with one master key, a [`Receiver`] takes the protection off again; a
//! session has one of each, with the two keys that a DTLS handshake exports ([`KeyingMaterial`]).
//! Both work in place on the caller's buffer, keep a little state for each stream (SSRC), in tables
//! that are bounded, and allocate nothing for a packet of a stream that they know. They know no
//! clock, no socket, and of RTP only where a header ends.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use gannet_srtp::{KeyingMaterial, Profile, Receiver, Sender};
//!
//! let profile = Profile::from_dtls_id(0x0007).ok_or("an unknown profile")?;
//! // Both ends export the same bytes from their handshake (RFC 5764, section 4.2).
//! let exported = vec![0x5a; profile.exported_len()];
//! let keys = KeyingMaterial::split(profile, &exported)?;
//!
//! let crypto = gannet_crypto::default_provider();
//! let mut client = Sender::new(&*crypto, &keys.client_write, Default::default())?;
//! let mut server = Receiver::new(&*crypto, &keys.client_write, Default::default())?;
//!
//! let mut packet = vec![0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 42];
//! packet.extend(b"speech");
//! client.protect_rtp(&mut packet, 0)?;
//! let len = server.unprotect_rtp(&mut packet)?;
//! assert_eq!(&packet[12..len], b"speech");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is here
//!
//! - RFC 3711 with AES in counter mode and HMAC-SHA1, RFC 6188's AES-256 in counter mode, and RFC
//!   7714's AES-GCM: see [`Profile`]. Key derivation (without a key derivation rate), roll-over counter
//!   estimation, replay windows, the limits of a key's life, master key identifiers.
//! - RFC 5764, section 4: profile numbers and how exported bytes are split into keys.
//! - RFC 9335 (cryptex): header extensions and CSRCs are encrypted too.
//!
//! Deliberately not here: AES-f8, key derivation rates and `<From, To>` (RFC 3711), selective header
//! extension encryption (RFC 6904), and telling RTP from RTCP from DTLS (RFC 7983), which is the
//! business of whoever owns the socket.
//!
//! # Panics
//!
//! Bad packets are errors. A panic is a bug.

mod cipher;
mod config;
mod derivation;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod index;
mod key;
mod keys;
mod layout;
#[cfg(all(test, feature = "aws-lc-rs"))]
mod lifetime;
mod profile;
mod receiver;
#[cfg(all(test, feature = "aws-lc-rs"))]
mod rfc7714;
mod sender;
mod streams;
#[cfg(test)]
mod testing;
mod window;

pub use config::{Cryptex, ReceiverConfig, SenderConfig};
pub use error::{AddKeyError, MalformedPacket, ProtectError, UnprotectError};
pub use key::{KeyingMaterial, MasterKey, WrongKeyLength};
pub use profile::Profile;
pub use receiver::Receiver;
pub use sender::Sender;
