//! What the task of a shard, the other tasks and the users' calls share.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;

use super::batch::Batch;
use super::lock;
use super::socket::Socket;
use crate::connection::{Connection, Core};

/// What is asked of a shard's task.
#[derive(Debug)]
pub(super) enum Request {
    /// Hand datagrams to this connection that lead to no other.
    Dedicate(Arc<Connection>),
    /// Look at the connection's timer, and send what it could not send.
    Attend(Arc<Connection>),
    /// The connection has moved to another shard, unless it is back: do not wake it any more.
    Release(Arc<Connection>),
    /// Forget the connection with this id.
    Remove(u64),
    /// End.
    Close,
}

/// A socket for each local address, and the requests to the task that reads them.
#[derive(Debug)]
pub(super) struct Shard {
    sockets: Vec<Socket>,
    requests: Mutex<Vec<Request>>,
    /// There are requests.
    pub(super) wake: Notify,
}

impl Shard {
    pub(super) fn new(sockets: Vec<Socket>) -> Self {
        Self {
            sockets,
            requests: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(super) fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    pub(super) fn request(&self, request: Request) {
        lock(&self.requests).push(request);
        self.wake.notify_one();
    }

    pub(super) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.requests))
    }

    fn socket(&self, local: SocketAddr) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.local() == local)
    }

    /// Sends what the connection has to say. True if a socket is full: then the rest waits inside the
    /// connection until this is called again.
    pub(super) fn flush(&self, now: Instant, core: &mut Core) -> bool {
        let mut batch = core.take_batch();
        let blocked = self.drain(now, core, &mut batch);
        core.put_batch(batch);
        blocked
    }

    fn drain(&self, now: Instant, core: &mut Core, batch: &mut Batch) -> bool {
        loop {
            if batch.is_closed() {
                if !self.send(batch) {
                    return true;
                }
                batch.advance();
            }
            match core.poll_transmit(now, batch.buffer()) {
                Some(route) => {
                    let max_segments = self.socket(route.local).map_or(1, Socket::max_segments);
                    batch.push(route, max_segments);
                }
                None if batch.is_empty() => return false,
                None => batch.close(),
            }
        }
    }

    /// Sends the batch; false if the socket is full. Any other trouble loses it, as a network may.
    fn send(&self, batch: &Batch) -> bool {
        let Some((route, bytes, segment)) = batch.contents() else {
            return true;
        };
        let Some(socket) = self.socket(route.local) else {
            return true;
        };
        match socket.try_send(route.remote, bytes, segment) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!(%error, remote = %route.remote, "datagrams were not sent");
                true
            }
        }
    }
}
