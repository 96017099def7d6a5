//! A driver for an ICE agent on threads and blocking sockets, and what its tests share. The program `drive`
//! is the driver with its signalling on the standard streams.
#![allow(
    clippy::disallowed_methods,
    reason = "a driver owns the clock and the threads"
)]

pub mod driver;
pub mod stream;
