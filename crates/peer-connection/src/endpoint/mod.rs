//! The sockets that connections share, and the one task that drives them.
//!
//! An [`Endpoint`] is a set of UDP sockets, one for each local address, with a single task for all of
//! them and for all connections on them. The task receives a batch, finds the connection of each
//! datagram, hands the datagrams over under that connection's lock, and sends what the connection has
//! to say. A user's call does its work under the same lock and sends at once, without the task.
//!
//! TCP listeners are there on request, for peers whose UDP is blocked: each accepted stream is handed to
//! the connection that its first check names, and is driven there.

mod accept;
mod arrival;
mod batch;
mod demux;
mod interfaces;
mod socket;
mod task;
mod timers;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use self::accept::Accepted;
pub(crate) use self::batch::{Batch, Route};
pub use self::interfaces::local_addresses;
use self::socket::Socket;
use crate::connection::{Connection, Core};

/// Why an [`Endpoint`] could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// No local address passed the filter.
    #[error(
        "there is no local address to bind to: no interface is up that the configuration allows"
    )]
    NoAddress,
    /// The list of network interfaces could not be had.
    #[error("the network interfaces can not be listed")]
    Interfaces(#[source] io::Error),
    /// None of the addresses could be bound; this is the last one's reason.
    #[error("{address} can not be bound")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was called outside a tokio runtime.
    #[error("an endpoint needs a tokio runtime around it")]
    NoRuntime,
}

/// Which sockets an [`Endpoint`] opens.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EndpointConfiguration {
    /// The UDP port of every socket, or 0 for one that the system chooses for each.
    pub port: u16,
    /// The addresses to bind to. Empty: those of all interfaces that are up, without loopback (unless
    /// there is nothing else) and without IPv6 link-local ones.
    pub addresses: Vec<IpAddr>,
    /// Whether the loopback addresses are bound too when `addresses` is empty.
    pub loopback: bool,
    /// Whether peers may connect by TCP too (passive candidates of RFC 6544), to the same addresses and,
    /// unless the system chose it and it is taken, the same port: for those whose UDP is blocked.
    pub tcp: bool,
}

/// A set of UDP sockets that any number of connections share.
///
/// It is a handle: clones are the same endpoint. The sockets are closed when the last clone and the
/// last connection on it are gone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    handle: Arc<Handle>,
}

impl Endpoint {
    /// Opens the sockets and starts their task on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If no address can be bound, or if there is no runtime.
    pub fn bind(configuration: &EndpointConfiguration) -> Result<Self, BindError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let sockets = interfaces::bind_all(configuration)?;
        let listeners = match configuration.tcp {
            true => {
                let any_port = configuration.port == 0;
                accept::listen_all(sockets.iter().map(Socket::local), any_port)?
            }
            false => Vec::new(),
        };
        let shared = Arc::new(Shared {
            sockets,
            tcp_addresses: listeners.iter().map(|(address, _)| *address).collect(),
            requests: Mutex::default(),
            wake: Notify::new(),
        });
        runtime.spawn(task::Task::new(Arc::clone(&shared)).run());
        let accepting = listeners.into_iter().map(|(address, listener)| {
            let accepting = accept::accept(Arc::downgrade(&shared), address, listener);
            runtime.spawn(accepting).abort_handle()
        });
        let accepting = accepting.collect();
        Ok(Self {
            handle: Arc::new(Handle { shared, accepting }),
        })
    }

    /// The addresses of its sockets.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.handle.shared.sockets.iter().map(Socket::local)
    }

    /// The addresses that peers may connect to by TCP.
    pub fn tcp_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.handle.shared.tcp_addresses.iter().copied()
    }

    /// Puts a connection on the endpoint: from now on it gets the datagrams that name its local
    /// username fragment.
    pub(crate) fn register(&self, connection: &Arc<Connection>, username_fragment: &str) {
        self.handle.shared.request(Request::Register {
            connection: Arc::clone(connection),
            username_fragment: username_fragment.to_owned(),
        });
    }

    /// Says that no other connection will ever be on the endpoint: it gets all datagrams that name no
    /// connection, such as those of STUN and TURN servers.
    pub(crate) fn dedicate(&self, connection: &Arc<Connection>) {
        let connection = Arc::clone(connection);
        self.handle.shared.request(Request::Dedicate(connection));
    }

    /// Takes a connection off the endpoint.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        self.handle
            .shared
            .request(Request::Remove(Arc::clone(connection)));
    }

    /// Sends what the connection has to say, and sees to it that its timer is heard. The caller holds
    /// the connection's lock.
    pub(crate) fn flush(&self, now: Instant, connection: &Arc<Connection>, core: &mut Core) {
        let shared = &self.handle.shared;
        let blocked = shared.flush(now, core);
        if (blocked || core.timer_moved()) && core.wants_attention() {
            shared.request(Request::Attend(Arc::clone(connection)));
        }
    }
}

/// Ends the task when the last endpoint handle is gone.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    accepting: Vec<AbortHandle>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.request(Request::Close);
        for accepting in &self.accepting {
            accepting.abort();
        }
    }
}

/// What users ask of the task.
#[derive(Debug)]
enum Request {
    /// Hand datagrams to this connection that name this username fragment.
    Register {
        connection: Arc<Connection>,
        username_fragment: String,
    },
    /// Hand datagrams to this connection that name no other.
    Dedicate(Arc<Connection>),
    /// Hand this stream to the connection that its first frame names.
    Adopt(Accepted),
    /// Forget the connection.
    Remove(Arc<Connection>),
    /// Look at the connection's timer, and send what it could not send.
    Attend(Arc<Connection>),
    /// End.
    Close,
}

/// What the task and the handles share.
#[derive(Debug)]
struct Shared {
    sockets: Vec<Socket>,
    tcp_addresses: Vec<SocketAddr>,
    requests: Mutex<Vec<Request>>,
    wake: Notify,
}

impl Shared {
    fn request(&self, request: Request) {
        lock(&self.requests).push(request);
        self.wake.notify_one();
    }

    fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.requests))
    }

    fn socket(&self, local: SocketAddr) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.local() == local)
    }

    /// Sends what the connection has to say. True if a socket is full: then the rest waits inside the
    /// connection until this is called again.
    fn flush(&self, now: Instant, core: &mut Core) -> bool {
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

/// Locks a mutex whose contents stay valid even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
