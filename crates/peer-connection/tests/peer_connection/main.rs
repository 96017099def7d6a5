//! Two connections in one process, over real sockets on loopback.

#[path = "../support/mod.rs"]
mod support;

mod data_channels;
mod lifecycle;
mod media;
mod negotiation;
