//! An endpoint that has addresses.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Instant;

/// An endpoint with addresses, as [`Network`](crate::Network) drives it.
///
/// These are the verbs of a sans-IO core without `poll_event`, which belongs to the test. The crate
/// that owns an endpoint implements this for it in its tests.
pub trait Endpoint: Any {
    /// A datagram for one of this node's addresses has arrived.
    fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]);

    /// The time that [`poll_timeout`](Self::poll_timeout) asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends one datagram to `buf`, which is empty, and says from which of this node's addresses
    /// to which address it goes. `None` if there is none to send now.
    fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)>;

    /// When to be called again. `None` when idle.
    fn poll_timeout(&self) -> Option<Instant>;
}
