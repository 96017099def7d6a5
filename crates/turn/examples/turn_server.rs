//! The tests' STUN and TURN server on a real socket: `turn_server ADDRESS:PORT`.
//!
//! It knows one user, and keeps no log: good for trying a client, and for nothing else.
#![allow(clippy::print_stdout, reason = "a program")]

#[path = "../tests/server/mod.rs"]
mod server;

use std::time::Duration;

use server::sockets::SocketServer;
use server::{PASSWORD, ServerConfig, USERNAME};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.ok_or("usage: turn_server ADDRESS:PORT")?;
    let mut server = SocketServer::bind(address.parse()?, ServerConfig::default())?;
    println!(
        "turn:{} as {USERNAME:?} with {PASSWORD:?}",
        server.address()
    );
    loop {
        server.serve(Duration::from_secs(1))?;
    }
}
