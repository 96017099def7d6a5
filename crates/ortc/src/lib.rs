//! Sans-IO ORTC objects over one bundled transport: ICE, DTLS, SRTP, SCTP with data channels, and RTP
//! streams, without SDP.
//!
//! A [`Session`] owns the layers and lets each follow what the one below has reached: ICE finds a path,
//! DTLS shakes hands over it, its exporter gives SRTP its keys, and SCTP connects inside it. The layers
//! are the session's parts ([`Session::ice_mut`], [`Session::channels_mut`], [`Session::rtp_mut`]), with
//! their own commands and documentation. What each side has to know of the other are plain values, the
//! dictionaries in [`parameters`]; `gannet-jsep` makes them from session descriptions.
//!
//! It owns no socket, clock or thread. One session is one transport: everything is bundled, RTCP goes
//! with RTP.
//!
//! # Driving it
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::Instant;
//!
//! use gannet_ortc::ice::Protocol;
//! use gannet_ortc::{Event, Session};
//! # struct Socket; impl Socket {
//! #   fn send(&self, _: SocketAddr, _: &[u8]) {}
//! #   fn receive(&self) -> Option<(SocketAddr, Vec<u8>)> { None } }
//!
//! fn drive(session: &mut Session, socket: &Socket, local: SocketAddr, now: Instant) {
//!     // Bytes in; they are decrypted where they lie.
//!     while let Some((remote, mut packet)) = socket.receive() {
//!         session.handle_packet(now, local, remote, Protocol::Udp, &mut packet);
//!     }
//!     // Time passes; the next wake-up is `session.poll_timeout()`.
//!     session.handle_timeout(now);
//!     // Bytes out.
//!     let mut packet = Vec::new();
//!     while let Some(transmit) = session.poll_transmit(now, &mut packet) {
//!         socket.send(transmit.remote, &packet);
//!         packet.clear();
//!     }
//!     // News.
//!     while let Some(event) = session.poll_event() {
//!         match event {
//!             Event::Rtp(_frames_and_key_frame_requests) => {}
//!             Event::Data(_channels_and_messages) => {}
//!             Event::Ice(_candidates_and_states) => {}
//!             _ => {}
//!         }
//!     }
//! }
//! ```
//!
//! # RFCs
//!
//! RFC 7983 (telling protocols apart), RFC 5764 (SRTP's keys), RFC 8261 and 8841 (SCTP over DTLS),
//! RFC 8843 (one bundle). The layers' own are in their crates.

mod dtls_transport;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod parameters;
pub mod rtp;
mod session;
pub mod stats;

pub use dtls_transport::{DtlsFailure, DtlsTransportState};
pub use session::{Event, Session, SessionConfig, SessionCounters};

/// The data channels' objects and values.
pub use gannet_datachannel as data;
/// The DTLS transport's values.
pub use gannet_dtls as dtls;
/// The ICE transport's values.
pub use gannet_ice as ice;
/// The SCTP association's values.
pub use gannet_sctp as sctp;
/// SRTP's profiles.
pub use gannet_srtp as srtp;
