//! Two connections in one process, over real sockets on loopback.

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../turn/tests/server/mod.rs"]
mod turn_server;

mod data_channels;
mod encoded;
mod files;
mod lifecycle;
mod media;
mod negotiation;
mod paths;
mod shared_encoder;
mod stats;
mod streams;
