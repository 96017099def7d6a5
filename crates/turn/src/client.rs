//! The client: what it holds, and its verbs.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, Rng};
use gannet_stun::{TransactionConfig, Transactions};

use crate::allocation::Allocation;
use crate::authentication::Authentication;
use crate::peers::{Grant, Peers, Permission};
use crate::requests::Asked;
use crate::{AllocateError, Config, PeerError};

/// What became of a packet from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "data in it is the peer's"]
pub enum Incoming {
    /// It was for the client.
    Consumed,
    /// A peer's datagram.
    Data {
        /// The peer.
        peer: SocketAddr,
        /// Where in the packet stands what it sent.
        data: Range<usize>,
    },
    /// It was malformed, or from a peer without permission, or unknown.
    Dropped,
}

/// What the user should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The allocation is there.
    Allocated {
        /// The relayed addresses: one, or one of each family.
        relayed: Vec<SocketAddr>,
        /// Our own address as the server sees it: a server-reflexive one.
        mapped: SocketAddr,
    },
    /// There is no allocation (any more). It comes once; afterwards the client is idle.
    Failed(AllocateError),
    /// Packets to and from this address pass.
    PermissionGranted(IpAddr),
    /// The server refuses this address, with this code.
    PermissionRefused(IpAddr, u16),
    /// Data to this peer goes by a channel from now on.
    ChannelBound(SocketAddr),
}

/// Where the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was asked for.
    New,
    /// The server was asked.
    Allocating,
    /// The allocation is there.
    Allocated,
    /// It is being given back.
    Closing,
    /// It is over: refused, lost, or given back.
    Closed,
}

/// How many events wait at most; the oldest of the less important ones give way.
const MAX_EVENTS: usize = 256;

/// A TURN client.
///
/// Its methods are of four kinds: getters ([`Self::state`], [`Self::relayed_addresses`]); what happened
/// outside (`handle_packet`, `handle_timeout`, `handle_disconnect`); commands ([`Self::allocate`],
/// [`Self::create_permission`], [`Self::bind_channel`], [`Self::wrap`], [`Self::close`]); and `poll_*`,
/// which say what it wants.
#[derive(Debug)]
pub struct Client {
    pub(crate) config: Config,
    pub(crate) provider: Arc<dyn CryptoProvider>,
    pub(crate) rng: Rng,
    pub(crate) state: State,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) allocation: Option<Allocation>,
    pub(crate) peers: Peers,
    pub(crate) requests: Transactions<Asked>,
    /// Packets that were thrown away.
    pub(crate) dropped: u64,
    events: VecDeque<Event>,
}

impl Client {
    /// A client that has not asked for anything.
    #[must_use]
    pub fn new(config: Config, provider: Arc<dyn CryptoProvider>, rng: Rng) -> Self {
        Self {
            requests: Transactions::new(TransactionConfig {
                max_transactions: config.max_peers.saturating_mul(2).saturating_add(4),
                ..config.transactions
            }),
            config,
            provider,
            rng,
            state: State::New,
            authentication: None,
            allocation: None,
            peers: Peers::default(),
            dropped: 0,
            events: VecDeque::new(),
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The server's address.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.config.server
    }

    /// What it was told at its birth.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The relayed addresses, while there is an allocation.
    #[must_use]
    pub fn relayed_addresses(&self) -> &[SocketAddr] {
        self.allocation
            .as_ref()
            .map_or(&[], |allocation| &allocation.relayed)
    }

    /// Whether packets to this address pass.
    #[must_use]
    pub fn has_permission(&self, peer: IpAddr) -> bool {
        self.peers.may_reach(peer)
    }

    /// How many packets were dropped: malformed, not authentic, or from peers without permission.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lets time pass: requests expire, grants are renewed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(expired) = self.requests.poll_expired(now) {
            self.request_expired(now, expired.tag);
        }
        self.renew(now);
    }

    /// The connection to the server broke, or the socket is gone: nothing can be sent any more.
    pub fn handle_disconnect(&mut self) {
        self.fail(AllocateError::Disconnected);
    }

    /// Asks for an allocation. Only the first call does anything.
    pub fn allocate(&mut self, now: Instant) {
        if self.state == State::New {
            self.state = State::Allocating;
            self.ask(now, Asked::allocate());
        }
    }

    /// Lets packets from and to `peer` pass. It is kept up until [`Self::remove_permission`].
    pub fn create_permission(&mut self, now: Instant, peer: IpAddr) -> Result<(), PeerError> {
        let allocation = self.allocation.as_ref().ok_or(PeerError::NoAllocation)?;
        if !allocation.has_family_of(peer) {
            return Err(PeerError::WrongFamily);
        }
        if self.peers.permission(peer).is_some() {
            return Ok(());
        }
        if self.peers.permissions.len() >= self.config.max_peers {
            return Err(PeerError::TooMany(self.config.max_peers));
        }
        self.peers.permissions.push(Permission {
            ip: peer,
            grant: Grant::Asked(false),
        });
        self.ask(now, Asked::permission(peer));
        Ok(())
    }

    /// Lets the permission for `peer`, and channels to it, run out.
    pub fn remove_permission(&mut self, peer: IpAddr) {
        self.peers
            .permissions
            .retain(|permission| permission.ip != peer);
        self.peers
            .channels
            .retain(|channel| channel.peer.ip() != peer);
    }

    /// Gives the allocation back.
    pub fn close(&mut self, now: Instant) {
        match self.state {
            State::Allocated => {
                self.state = State::Closing;
                self.requests.retain(|_, _| false);
                self.ask(now, Asked::refresh_to_zero());
            }
            State::New | State::Allocating => self.end(),
            State::Closing | State::Closed => {}
        }
    }

    /// Appends one message to `buffer`, to be sent to the server whose address it gives.
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<SocketAddr> {
        self.requests.poll_transmit(now, buffer)?;
        Some(self.config.server)
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] and [`Self::poll_transmit`] should be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let renewals = match self.state {
            State::Allocated => [
                self.peers.timeout(),
                self.allocation.as_ref().and_then(Allocation::timeout),
            ],
            _ => [None; 2],
        };
        let all = renewals.into_iter().chain([self.requests.poll_timeout()]);
        all.flatten().min()
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// It is over.
    pub(crate) fn fail(&mut self, error: AllocateError) {
        if self.state == State::Closed {
            return;
        }
        let was_closing = self.state == State::Closing;
        self.end();
        if !was_closing {
            self.push_event(Event::Failed(error));
        }
    }

    pub(crate) fn end(&mut self) {
        self.state = State::Closed;
        self.allocation = None;
        self.peers = Peers::default();
        self.requests.retain(|_, _| false);
    }
}
