//! The body of the fuzz target.

/// Any bytes as a message of multicast DNS: all that is read from the network here, and not in a core.
pub fn mdns(message: &[u8]) {
    crate::mdns::fuzz(message);
}
