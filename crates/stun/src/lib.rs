//! STUN (RFC 8489): messages, attributes, integrity, ChannelData framing and client transactions.
//!
//! - [`Message`] is a view over received bytes. One checked constructor, [`Message::parse`], walks over
//!   the attributes and checks the fingerprint; everything afterwards reads in place and allocates
//!   nothing.
//! - [`MessageWriter`] appends a message to a caller's buffer; [`Seal`] says which integrity and
//!   whether a fingerprint ends it.
//! - [`IntegrityKey`] is a credential whose HMAC key schedules are done once: short-term
//!   (a password) or long-term (user name, realm and password; MD5 or SHA-256).
//! - [`Attribute`] types every attribute that RFC 8489, 8656 (TURN), 6062, 5780 and 8445 (ICE) register.
//! - [`ChannelData`] is TURN's other message, and [`stream`] finds both in a byte stream.
//! - [`Transactions`] retransmits requests and matches responses, without a socket or a clock.
//!
//! Deliberately not here: a server, a TURN or ICE client (they are crates of their own), DNS
//! discovery, and the OpaqueString profile (RFC 8265): user names, realms and passwords are taken as
//! the caller prepared them, which for ASCII is always right.
//!
//! A panic is a bug of this crate: bytes from the network yield a typed error at worst.
//!
//! ```
//! use std::sync::Arc;
//! use gannet_crypto::{CryptoProvider, Rng};
//! use gannet_stun::{Attribute, Class, IntegrityKey, Message, MessageWriter, Method, Seal, TransactionId};
//!
//! # fn run(provider: &Arc<dyn CryptoProvider>) -> Result<(), Box<dyn std::error::Error>> {
//! let mut rng = Rng::from_seed(provider.random_seed());
//! let key = IntegrityKey::short_term(provider, "VOkJxbRl1RmTxUk/WvJxBt");
//!
//! let mut packet = Vec::new();
//! let id = TransactionId::random(&mut rng);
//! let mut writer = MessageWriter::new(&mut packet, Class::Request, Method::BINDING, id);
//! writer.attribute(&Attribute::Username("evtj:h6vY"));
//! writer.finish(Seal::sha1(&key).with_fingerprint())?;
//!
//! let message = Message::parse(&packet)?;
//! assert_eq!(message.username(), Some("evtj:h6vY"));
//! message.verify(&key)?;
//! # Ok(())
//! # }
//! ```
//!
//! # RFCs
//!
//! RFC 8489 sections 5, 6.2, 7, 9 (the client's part), 14 and 18; RFC 8656 sections 12.4 and 18;
//! RFC 5780 section 7; RFC 6062 section 6.2; RFC 8445 section 16.1. The table in
//! `docs/rfc-conformance.md` has the details and the gaps.

mod address;
mod attribute;
mod attribute_type;
mod channel_data;
mod error_code;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod integrity;
mod message;
mod method;
mod nonce;
mod password_algorithm;
mod rto;
pub mod stream;
mod transaction;
mod writer;

#[cfg(test)]
mod vectors;

pub use address::AddressFamily;
pub use attribute::{Attribute, RawAttribute, UnknownAttributes};
pub use attribute_type::AttributeType;
pub use channel_data::{ChannelData, ChannelDataError, ChannelNumber};
pub use error_code::{ErrorCode, code};
pub use integrity::{IntegrityAlgorithm, IntegrityError, IntegrityKey, user_hash};
pub use message::{Attributes, Message, ParseError, is_stun};
pub use method::{Class, Method, TransactionId};
pub use nonce::SecurityFeatures;
pub use password_algorithm::{PasswordAlgorithm, PasswordAlgorithms};
pub use rto::RtoEstimator;
pub use transaction::{
    Completed, Expired, Reliability, Retransmission, StartError, TransactionConfig, Transactions,
};
pub use writer::{MessageWriter, Seal};

/// The magic cookie (RFC 8489, section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// The length of the header in bytes (RFC 8489, section 5).
pub const HEADER_LEN: usize = 20;
