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
//! The driver below is whole but for its operating system, which stands behind the trait `System`. It is
//! run whenever a packet comes, a request is fulfilled, or the time is there that it gives.
//!
//! ```
//! use std::net::{IpAddr, SocketAddr};
//! use std::time::Instant;
//!
//! use gannet_ice::{
//!     Candidate, ConnectionId, Event, IceAgent, Incoming, Protocol, Request, ResolveId, Transmit,
//! };
//!
//! /// What the operating system has found out since the last time.
//! enum News {
//!     /// A datagram, a frame of an ICE-TCP connection ([`gannet_ice::FrameReader`]), or a message of a
//!     /// connection to a TURN server (`gannet_stun::stream::Deframer`).
//!     Packet { local: SocketAddr, remote: SocketAddr, protocol: Protocol, packet: Vec<u8> },
//!     Resolved(ResolveId, Vec<IpAddr>),
//!     ServerConnected { id: ConnectionId, local: SocketAddr, remote: SocketAddr },
//!     /// It could not be connected to, or the connection broke.
//!     ServerDisconnected(ConnectionId),
//!     PeerConnected { id: ConnectionId, local: SocketAddr },
//!     PeerRefused(ConnectionId),
//!     PeerDisconnected { local: SocketAddr, remote: SocketAddr },
//!     InterfaceUp(SocketAddr),
//!     InterfaceDown(IpAddr),
//! }
//!
//! trait System {
//!     fn news(&mut self) -> Option<News>;
//!     /// Sends on the socket or connection whose local address is `transmit.local`.
//!     fn send(&mut self, transmit: Transmit, packet: &[u8]);
//!     fn resolve(&mut self, id: ResolveId, name: &str);
//!     fn publish(&mut self, name: &str, address: IpAddr);
//!     fn connect_peer(&mut self, id: ConnectionId, to: SocketAddr, from: Option<SocketAddr>);
//!     /// Races the addresses; `tls` is the name that the certificate must have.
//!     fn connect_server(&mut self, id: ConnectionId, to: &[SocketAddr], tls: Option<&str>);
//!     fn disconnect_server(&mut self, id: ConnectionId);
//!     fn signal(&mut self, candidate: &Candidate);
//!     fn received(&mut self, data: &[u8]);
//! }
//!
//! /// Does all that is to be done now, and says when to come again.
//! fn drive(agent: &mut IceAgent, system: &mut impl System, now: Instant) -> Option<Instant> {
//!     while let Some(news) = system.news() {
//!         match news {
//!             News::Packet { local, remote, protocol, packet } => {
//!                 // What is not ICE's is a part of the packet: hand it to DTLS or SRTP.
//!                 match agent.handle_packet(now, local, remote, protocol, &packet) {
//!                     Incoming::Data(range) => system.received(&packet[range]),
//!                     Incoming::Consumed | Incoming::Dropped => {}
//!                 }
//!             }
//!             News::Resolved(id, addresses) => agent.handle_resolved(now, id, &addresses),
//!             News::ServerConnected { id, local, remote } => {
//!                 agent.handle_server_connected(now, id, local, remote);
//!             }
//!             News::ServerDisconnected(id) => agent.handle_server_disconnected(now, id),
//!             News::PeerConnected { id, local } => agent.handle_peer_connected(now, id, local),
//!             News::PeerRefused(id) => agent.handle_peer_refused(now, id),
//!             News::PeerDisconnected { local, remote } => {
//!                 agent.handle_peer_disconnected(now, local, remote);
//!             }
//!             News::InterfaceUp(address) => agent.add_local_host(now, address),
//!             News::InterfaceDown(address) => agent.remove_local_address(now, address),
//!         }
//!     }
//!     agent.handle_timeout(now);
//!     // Events before packets: what a request asks for may be needed to send.
//!     while let Some(event) = agent.poll_event() {
//!         match event {
//!             Event::LocalCandidate(candidate) => system.signal(&candidate),
//!             Event::Request(Request::ResolveName { id, name }) => system.resolve(id, &name),
//!             Event::Request(Request::PublishName { name, address }) => {
//!                 system.publish(&name, address);
//!             }
//!             Event::Request(Request::ConnectPeer { id, address, local }) => {
//!                 system.connect_peer(id, address, local);
//!             }
//!             Event::Request(Request::ConnectServer { id, addresses, name, tls }) => {
//!                 let name = name.unwrap_or_else(|| addresses[0].ip().to_string());
//!                 system.connect_server(id, &addresses, tls.then_some(&*name));
//!             }
//!             Event::Request(Request::DisconnectServer { id }) => system.disconnect_server(id),
//!             // The rest is news for the user: states, the selected pair, servers that failed.
//!             _ => {}
//!         }
//!     }
//!     let mut packet = Vec::new();
//!     while let Some(transmit) = agent.poll_transmit(now, &mut packet) {
//!         system.send(transmit, &packet);
//!         packet.clear();
//!     }
//!     agent.poll_timeout()
//! }
//! ```
//!
//! An answer to a request may come at any time, even at once, and even never; one that nobody waits for
//! (any more) changes nothing. Application data goes out by [`IceAgent::transmit_data`], which says on which
//! path, and wraps the data if that path is a relay. Which of many agents an incoming packet is for, a driver
//! finds by the packet's addresses or, for a first check, by [`username_fragment_of`]; a packet is the peer's
//! beyond doubt if the agent does not drop it.
//!
//! Before it opens sockets, a driver asks [`HostPolicy`] which interfaces, addresses and ports it may use. A
//! candidate pool is made of agents that were given their sockets early: they keep what they have gathered
//! good until they are needed.
//!
//! # RFCs
//!
//! RFC 8445 (full and lite), RFC 8838 (trickle), RFC 8863 (patience), RFC 7675 (consent), RFC 8839
//! section 5.1 (candidate text), RFC 6544 (TCP), RFC 8421 (IPv6 first). `docs/rfc-conformance.md` has the table and the gaps.

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
