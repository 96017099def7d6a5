//! WebRTC data channels over an SCTP association (RFC 8831, RFC 8832).
//!
//! [`DataChannels`] owns a [`gannet_sctp::Association`] and is driven like it: packets and time go in,
//! packets and events come out. Channels can be opened before there is an association; messages of each
//! channel wait in a queue of their own, and a queue that nobody empties closes the SCTP window: nothing
//! is dropped.
//!
//! It is not a transport: below it belongs DTLS, or anything else that carries datagrams.
//!
//! ```
//! use std::time::Instant;
//! use gannet_crypto::Rng;
//! use gannet_datachannel::sctp::{Association, Config};
//! use gannet_datachannel::{ChannelInit, DataChannelConfig, DataChannels, Event, Message, Role};
//!
//! # #[allow(clippy::disallowed_methods, reason = "an example may look at the clock")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let provider = gannet_crypto::default_provider();
//! let mut side = |role, seed| {
//!     let rng = Rng::insecure_from_u64(seed);
//!     let association = Association::new(Config::default(), &provider, rng, now);
//!     let mut channels = DataChannels::new(DataChannelConfig::default());
//!     channels.start(now, association, role);
//!     channels
//! };
//! let (mut client, mut server) = (side(Role::Client, 1), side(Role::Server, 2));
//! let chat = client.open(now, ChannelInit { label: "chat".into(), ..Default::default() })?;
//!
//! let mut heard = None;
//! while heard.is_none() {
//!     // Here they pass their packets to each other; else a DTLS connection carries them.
//!     let mut buf = Vec::new();
//!     while client.poll_transmit(now, &mut buf).is_some() {
//!         server.handle_packet(now, &std::mem::take(&mut buf));
//!     }
//!     while server.poll_transmit(now, &mut buf).is_some() {
//!         client.handle_packet(now, &std::mem::take(&mut buf));
//!     }
//!     while let Some(event) = client.poll_event() {
//!         if event == Event::Opened(chat) {
//!             client.send(now, chat, Message::Text("ping".into()))?;
//!         }
//!     }
//!     while let Some(event) = server.poll_event() {
//!         if let Event::Message(channel) = event {
//!             heard = server.receive(channel);
//!         }
//!     }
//! }
//! assert_eq!(heard, Some(Message::Text("ping".into())));
//! # Ok(())
//! # }
//! ```

mod association_events;
mod channel;
mod channels;
pub mod dcep;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod init;
#[cfg(test)]
mod tests;

pub use channel::{ChannelStats, ChannelsStats};
pub use channels::DataChannels;
pub use error::{OpenError, SendError};
pub use event::Event;
pub use gannet_sctp as sctp;
pub use init::{ChannelId, ChannelInit, ChannelState, DataChannelConfig, Message, Priority, Role};
