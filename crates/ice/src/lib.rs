//! A sans-IO ICE agent (RFC 8445): it finds a path between two peers, keeps it alive, and knows when it
//! is gone.
//!
//! An [`IceAgent`] owns no socket, no clock and no thread. The caller (a *driver*) opens sockets and
//! tells the agent their addresses ([`IceAgent::add_local_host`]), carries candidates and credentials
//! over its signalling, feeds packets and time, and sends what the agent wants sent. What only an
//! operating system can do is asked for by [`Event::Request`]: resolve a name, publish one, connect TCP.
//!
//! One agent is one data stream with one component, which is all that WebRTC needs (BUNDLE and
//! RTP/RTCP multiplexing). Several streams are several agents.
//!
//! Deliberately not here: sockets, DNS, mDNS packets, TLS, and SDP. A candidate has the text form of
//! RFC 8839 because that is its common name.
//!
//! # Driving it
//!
//! ```
//! use std::time::Instant;
//! use gannet_ice::{Event, IceAgent, Incoming, Protocol};
//! # use std::net::SocketAddr;
//! # struct Socket; impl Socket {
//! #   fn send(&self, _: SocketAddr, _: &[u8]) {}
//! #   fn receive(&self) -> Option<(SocketAddr, Vec<u8>)> { None } }
//!
//! fn drive(agent: &mut IceAgent, socket: &Socket, local: SocketAddr, now: Instant) {
//!     // Bytes in. What is not ICE's comes back: hand it to DTLS or SRTP.
//!     while let Some((remote, packet)) = socket.receive() {
//!         match agent.handle_packet(now, local, remote, Protocol::Udp, &packet) {
//!             Incoming::Data(range) => drop(&packet[range]),
//!             Incoming::Consumed | Incoming::Dropped => {}
//!         }
//!     }
//!     // Time passes; the next wake-up is `agent.poll_timeout()`.
//!     agent.handle_timeout(now);
//!     // Bytes out.
//!     let mut packet = Vec::new();
//!     while let Some(transmit) = agent.poll_transmit(now, &mut packet) {
//!         socket.send(transmit.remote, &packet);
//!         packet.clear();
//!     }
//!     // News.
//!     while let Some(event) = agent.poll_event() {
//!         match event {
//!             Event::LocalCandidate(candidate) => { /* tell the peer */ let _ = candidate; }
//!             Event::StateChange(state) => { /* tell the user */ let _ = state; }
//!             _ => {}
//!         }
//!     }
//! }
//! ```
//!
//! Application data goes out by [`IceAgent::transmit_data`], which says on which path (and wraps the
//! data if that path is a relay). Which of many agents an incoming packet is for, a driver finds by the
//! packet's addresses or, for a first check, by [`username_fragment_of`].
//!
//! # RFCs
//!
//! RFC 8445 (full and lite), RFC 8838 (trickle), RFC 8863 (patience), RFC 7675 (consent), RFC 8839
//! section 5.1 (candidate text). `docs/rfc-conformance.md` has the table and the gaps.

mod agent;
mod candidate;
mod config;
mod event;
mod filter;
mod framing;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod priority;
mod server;
mod stats;
mod url;

pub use agent::{
    AddRemoteCandidateError, IceAgent, Incoming, SelectedPair, SetRemoteParametersError,
    username_fragment_of,
};
pub use candidate::{
    Candidate, CandidateAddress, CandidateTransport, CandidateType, ParseCandidateError, TcpType,
};
pub use config::{Config, IceParameters, Limits, Nomination, Role, Timers, TransportPolicy};
pub use event::{
    ConnectionId, Event, IceGatheringState, IceTransportState, Protocol, Request, ResolveId,
    Transmit,
};
pub use filter::{Filter, HostPolicy};
pub use framing::{FrameReader, write_frame};
pub use priority::{candidate_priority, pair_priority};
pub use server::{IceServer, ServerAddress, TurnTransport};
pub use stats::{AgentStats, CandidatePairState, CandidatePairStats, CandidateStats, Counters};
pub use url::IceUrlError;
