//! What one peer sends, forwarded to others, over real sockets on loopback.

#[path = "../support/mod.rs"]
mod support;

mod frames;

mod ends;
mod lip_sync;
mod reading;
mod requests;
mod simulcast;
mod switching;
mod viewers;
