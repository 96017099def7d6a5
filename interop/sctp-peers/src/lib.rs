//! Our SCTP association and other implementations behind one trait, so that a test or a benchmark can
//! put any two of them together over a simulated link.

mod dcsctp_peer;
mod ours;
mod rtc_sctp_peer;
mod sctp_proto_peer;

use std::time::Instant;

use bytes::Bytes;
use gannet_netsim::Peer;

pub use dcsctp_peer::DcSctp;
pub use ours::Ours;
pub use rtc_sctp_peer::RtcSctp;
pub use sctp_proto_peer::SctpProto;

/// What all implementations can do.
pub trait Sctp: Peer {
    /// Sends INIT.
    fn connect(&mut self, now: Instant);
    /// Whether the association is established.
    fn is_connected(&self) -> bool;
    /// Queues a binary message on stream 1, reliable and ordered; false if there is no room.
    fn send(&mut self, now: Instant, data: Bytes) -> bool;
    /// The next message that has arrived.
    fn receive(&mut self) -> Option<Bytes>;
    /// How many bytes wait to be sent.
    fn buffered(&mut self) -> usize;
    /// A line for people.
    fn state(&self) -> String {
        String::new()
    }
}

impl Peer for Box<dyn Sctp> {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        (**self).handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        (**self).handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        (**self).poll_transmit(now, buf)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }
}

/// The stream that everything is sent on.
pub const STREAM: u16 = 1;
/// Packets are this large at most.
pub const PACKET_SIZE: usize = 1188;
/// The receive window of all peers.
pub const WINDOW: usize = 8 * 1024 * 1024;
/// The largest message.
pub const MAX_MESSAGE: usize = 256 * 1024;
