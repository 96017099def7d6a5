//! A sans-IO SCTP association over any datagram transport.
//!
//! An [`Association`] is one end of RFC 9260's protocol with one peer over one path, as WebRTC needs it
//! over DTLS (RFC 8261): packets and time go in, packets, events and messages come out. It reads no clock,
//! opens no socket and draws randomness from a seeded generator only.
//!
//! - Setup with a sealed cookie and no state before it comes back; both ends may connect at once.
//! - Ordered and unordered messages, reliable or partially reliable (RFC 3758, RFC 7496), interleaved
//!   where both ends can (RFC 8260), with schedulers between streams.
//! - Loss is found by time (RFC 8985, applied to TSNs) and by tail-loss probes; the window is controlled by
//!   one of several [controllers](congestion), paced, and validated.
//! - Streams are reset and added (RFC 6525). Checksums are left out over DTLS if both agree (RFC 9653).
//! - The path's MTU is found (RFC 8899). Where signaling carries both ends' INIT, no handshake is needed
//!   (draft-hancke-tsvwg-snap). Packets can be logged for Wireshark.
//! - A slow reader closes the window, and nothing is dropped; everything that a peer can fill is bounded.
//!
//! Deliberately not here: multihoming and addresses (the layer below has the path), AUTH and ASCONF, ECN.
//! What is there of each RFC, section by section, is in `docs/rfc-conformance.md`.
//!
//! ```
//! use std::time::Instant;
//! use gannet_crypto::Rng;
//! use gannet_sctp::{Association, Config, Ppid, SendOptions, StreamId};
//!
//! # #[allow(clippy::disallowed_methods, reason = "an example may look at the clock")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let provider = gannet_crypto::default_provider();
//! let end = |seed| {
//!     Association::new(Config::default(), &provider, Rng::insecure_from_u64(seed), now)
//! };
//! let (mut a, mut b) = (end(1), end(2));
//! a.connect(now);
//! a.send(now, StreamId(0), Ppid(51), "hello".into(), SendOptions::default())?;
//!
//! let message = loop {
//!     // Here the ends pass their packets to each other; else a DTLS connection carries them. Between
//!     // packets, `poll_timeout` says when to call `handle_timeout`.
//!     let mut packet = Vec::new();
//!     while a.poll_transmit(now, &mut packet).is_some() {
//!         b.handle_packet(now, &std::mem::take(&mut packet));
//!     }
//!     while b.poll_transmit(now, &mut packet).is_some() {
//!         a.handle_packet(now, &std::mem::take(&mut packet));
//!     }
//!     if let Some(message) = b.poll_message() {
//!         break message;
//!     }
//! };
//! assert_eq!(message.data, "hello");
//! # Ok(())
//! # }
//! ```

mod association;
mod config;
pub mod congestion;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod message;
pub mod packet;
mod packet_log;
mod ranges;
mod receive;
mod send;
mod stats;
mod stream_table;
mod timer;

pub use association::{Association, AssociationState, Transmit};
pub use config::{Config, SchedulerKind};
pub use error::{ConnectError, ReconfigError, SendError};
pub use event::{CloseReason, Event};
pub use message::{Message, Ppid, Reliability, SendOptions, StreamId};
pub use packet_log::PacketLog;
pub use stats::Stats;
