//! What goes between the agent and its driver.

use std::net::{IpAddr, SocketAddr};

use crate::{Candidate, Role, SelectedPair, ServerAddress};

/// How a packet travels on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A UDP datagram.
    Udp,
    /// A frame on an ICE-TCP connection: the driver adds and removes the length of RFC 4571.
    Tcp,
    /// A message on a TCP connection to a TURN server, as it is.
    TurnTcp,
    /// A message on a TLS connection to a TURN server, as it is.
    TurnTls,
}

/// Where the datagram goes that was just appended to the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The socket to send it from, by its local address (a candidate's base).
    pub local: SocketAddr,
    /// Where to.
    pub remote: SocketAddr,
    /// By which protocol.
    pub protocol: Protocol,
}

/// W3C's `RTCIceTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceTransportState {
    /// Waits for the peer's credentials or candidates.
    New,
    /// Checks candidate pairs, and none works yet.
    Checking,
    /// A pair works; better ones may come.
    Connected,
    /// A pair is nominated, and checking is over.
    Completed,
    /// The peer has not been heard lately. It may come back.
    Disconnected,
    /// No pair works, or consent has expired. Only a restart helps.
    Failed,
    /// Closed by the caller.
    Closed,
}

/// W3C's `RTCIceGatheringState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceGatheringState {
    /// Nothing asked for yet.
    New,
    /// Candidates may still come.
    Gathering,
    /// No more will come: signal the end of candidates.
    Complete,
}

/// Joins an answer to its [`Request::ResolveName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResolveId(pub(crate) u32);

/// Joins a connection to its [`Request::ConnectServer`] or [`Request::ConnectPeer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u32);

/// What only the driver can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Find the addresses of `name`, by mDNS if it ends in `.local`, by DNS otherwise; answer with
    /// [`crate::IceAgent::handle_resolved`].
    ResolveName {
        /// To be given back.
        id: ResolveId,
        /// The name.
        name: String,
    },
    /// Answer mDNS questions for `name` with `address`.
    PublishName {
        /// The name, ending in `.local`.
        name: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// Connect to the peer by TCP; answer with [`crate::IceAgent::handle_peer_connected`] or
    /// [`crate::IceAgent::handle_peer_refused`].
    ConnectPeer {
        /// To be given back.
        id: ConnectionId,
        /// The peer's address.
        address: SocketAddr,
        /// Bind the connection to this address first: the peer connects to it at the same time
        /// (RFC 6544, appendix A). If there is none, any local address does.
        local: Option<SocketAddr>,
    },
    /// Connect to a TURN server; answer with [`crate::IceAgent::handle_server_connected`] or
    /// [`crate::IceAgent::handle_server_disconnected`].
    ConnectServer {
        /// To be given back.
        id: ConnectionId,
        /// The server's addresses, the preferred first: one connection is wanted, to whichever
        /// answers first when they are tried one after the other at short intervals (RFC 8305).
        addresses: Vec<SocketAddr>,
        /// The name that its certificate must have; if there is none, its address.
        name: Option<String>,
        /// TLS over TCP, or TCP alone.
        tls: bool,
    },
    /// Close the connection to a TURN server: its allocation is refused, lost or given back.
    DisconnectServer {
        /// The one of [`Self::ConnectServer`].
        id: ConnectionId,
    },
}

/// What the user should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The state changed.
    StateChange(IceTransportState),
    /// The gathering state changed; after `Complete`, signal the end of candidates.
    GatheringStateChange(IceGatheringState),
    /// A local candidate to be signalled.
    LocalCandidate(Candidate),
    /// Another pair carries the data from now on.
    SelectedPairChange(SelectedPair),
    /// A conflict with the peer was resolved by changing sides.
    RoleChange(Role),
    /// A server could not help (W3C's `icecandidateerror`).
    ServerError {
        /// Which one.
        server: ServerAddress,
        /// The STUN error code, or 701 if it can not be reached, as W3C has it.
        code: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// The driver should do something.
    Request(Request),
}
