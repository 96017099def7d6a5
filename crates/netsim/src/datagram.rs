//! A datagram with its addresses, and boxes that look into it on its way.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Instant;

use crate::link::Packet;
use crate::pair::Verdict;

/// A UDP datagram on its way through a [`Network`](crate::Network).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where it comes from, as seen where it is now.
    pub from: SocketAddr,
    /// Where it goes to, as seen where it is now.
    pub to: SocketAddr,
    /// What it carries.
    pub payload: Vec<u8>,
    /// How many more routers it may cross.
    pub(crate) time_to_live: u8,
}

impl Datagram {
    /// A datagram that may cross 32 routers.
    #[must_use]
    pub const fn new(from: SocketAddr, to: SocketAddr, payload: Vec<u8>) -> Self {
        Self {
            from,
            to,
            payload,
            time_to_live: 32,
        }
    }
}

impl Packet for Datagram {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.payload
    }

    fn size(&self) -> usize {
        self.payload.len()
    }
}

/// A box between an inside and an outside, which may rewrite or drop what crosses it: a NAT, a
/// firewall ([`Network::middlebox`](crate::Network::middlebox)).
///
/// The network does the routing: the box is asked only about datagrams that cross from one side to
/// the other. When [`outbound`](Self::outbound) leaves a destination that is the box's own outside
/// address, the datagram is turned round and shown to [`inbound`](Self::inbound) (hairpinning).
pub trait Middlebox: Any {
    /// A datagram goes from the inside to the outside.
    fn outbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict;

    /// A datagram comes from the outside to one of the box's own addresses. What the box makes of
    /// its destination decides where on the inside it goes.
    fn inbound(&mut self, now: Instant, datagram: &mut Datagram) -> Verdict;
}
