//! A seeded network in virtual time, for tests of sans-IO protocol endpoints.
//!
//! - [`Pair`] connects two point-to-point endpoints ([`Peer`]: DTLS, SCTP, anything without
//!   addresses) by two links and runs them, jumping from wake-up to wake-up.
//! - [`Network`] connects any number of endpoints that have addresses ([`Endpoint`]: ICE, TURN) by
//!   links and routers.
//! - [`Link`] is one direction of a link alone: delay, jitter, reordering, duplication, corruption,
//!   random and burst loss, rate with a drop-tail queue, MTU, up and down.
//!
//! One seed is one run: nothing here reads a clock, waits, or draws from anything but its seed.
//! Endpoints are told [`start`] and later instants. It is a tool for tests: misuse panics, and so
//! does a run that does not end ([`Pair::step_limit`]).
//!
//! ```
//! use std::time::{Duration, Instant};
//! use gannet_netsim::{LinkConfig, Pair, Peer};
//!
//! /// Says its name until it hears from the other.
//! struct Greeter { name: &'static str, heard: Option<String>, next: Option<Instant> }
//!
//! impl Greeter {
//!     fn new(name: &'static str) -> Self {
//!         Self { name, heard: None, next: Some(gannet_netsim::start()) }
//!     }
//! }
//!
//! impl Peer for Greeter {
//!     fn handle_packet(&mut self, _now: Instant, packet: &[u8]) {
//!         self.heard = Some(String::from_utf8_lossy(packet).into_owned());
//!     }
//!     fn handle_timeout(&mut self, _now: Instant) {}
//!     fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
//!         let due = self.next.is_some_and(|next| next <= now);
//!         if due {
//!             buf.extend_from_slice(self.name.as_bytes());
//!             self.next = Some(now + Duration::from_millis(100));
//!         }
//!         due
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.next
//!     }
//! }
//!
//! let bad_line = LinkConfig::new().delay(Duration::from_millis(30)).loss(0.5);
//! let mut pair = Pair::new(1, Greeter::new("Ann"), Greeter::new("Bob")).link(bad_line);
//!
//! pair.run_until(|ann, bob| ann.heard.is_some() && bob.heard.is_some());
//!
//! assert_eq!(pair.b.heard.as_deref(), Some("Ann"));
//! assert!(pair.elapsed() >= Duration::from_millis(30));
//! ```

mod clock;
mod config;
mod datagram;
mod endpoint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod link;
mod nat;
mod network;
mod pair;
mod pcap;
mod prng;
mod routes;
mod words;

pub use clock::{start, wall_clock_start};
pub use config::{GilbertElliott, LinkConfig};
pub use datagram::{Datagram, Middlebox};
pub use endpoint::Endpoint;
pub use link::{Link, LinkStats, Packet};
pub use nat::{Dependence, Firewall, Nat};
pub use network::{Cable, Host, Network, NetworkStats, Node, Router};
pub use pair::{Direction, Pair, Peer, Stuck, Verdict};
pub use pcap::Pcap;
pub use prng::Prng;
pub use words::ConfigError;
