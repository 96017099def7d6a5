//! A sans-IO TURN client (RFC 8656): an address on a server, through which peers can be reached.
//!
//! A [`Client`] is one allocation on one server over one transport. It owns no socket: the caller sends
//! what [`Client::poll_transmit`] gives to the server, and hands what comes from the server to
//! [`Client::handle_packet`]. Over TCP and TLS the same holds, message by message: what is sent goes out
//! as it is, and received bytes are cut into messages by [`gannet_stun::stream::Deframer`].
//!
//! Credentials are long-term ones (RFC 8489, section 9.2), with SHA-256 and anonymous user names where
//! the server has them; stale nonces, refreshes of the allocation, of permissions and of channels are
//! taken care of.
//!
//! Deliberately not here: sockets, TLS, DNS, TCP allocations (RFC 6062), mobility (RFC 8016) and OAuth
//! (RFC 7635). After a redirection (300) the caller makes another client, because it needs another socket
//! or connection for it.
//!
//! ```
//! use std::net::{IpAddr, SocketAddr};
//! use std::time::Instant;
//! use gannet_turn::{Client, Event, Incoming};
//!
//! fn drive(client: &mut Client, now: Instant, from_server: &[&[u8]], peer: IpAddr) {
//!     client.allocate(now);
//!     for packet in from_server {
//!         if let Incoming::Data { peer, data } = client.handle_packet(now, packet) {
//!             println!("{peer} says {:?}", &packet[data]);
//!         }
//!     }
//!     client.handle_timeout(now);
//!     let mut packet = Vec::new();
//!     while let Some(server) = client.poll_transmit(now, &mut packet) {
//!         // Send `packet` to `server`.
//!         packet.clear();
//!     }
//!     while let Some(event) = client.poll_event() {
//!         if let Event::Allocated { .. } = event {
//!             let _ = client.create_permission(now, peer);
//!         }
//!     }
//! }
//! ```
//!
//! # RFCs
//!
//! RFC 8656 sections 5 to 12 and 18 (the client's part), RFC 8489 sections 9.2 and 10.
//! `docs/rfc-conformance.md` has the table and the gaps.

mod allocation;
mod authentication;
mod client;
mod config;
mod data;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod peers;
mod requests;

pub use client::{Client, Event, Incoming, State};
pub use config::{AddressFamilies, AllocateError, Config, PeerError, Transport};
