//! The sockets that connections share, and the tasks that drive them.
//!
//! An [`Endpoint`] is a set of UDP sockets, one for each local address, with a single task for all of
//! them and for all connections on them. The task receives a batch, finds the connection of each
//! datagram, hands the datagrams over under that connection's lock, and sends what the connection has
//! to say. A user's call does its work under the same lock and sends at once, without the task.
//!
//! That task with its sockets is a shard. An endpoint can have several: each has a socket for each local address, a thread,
//! the routes of the datagrams that the kernel gives to it, and the timers of the connections whose home it is. All
//! run the same loop; they share only the table of username fragments. Any shard may hand datagrams to any
//! connection; the connection's home, which its lock guards, says which one wakes it and sends for it.
//!
//! TCP listeners are there on request, for peers whose UDP is blocked: each accepted stream is handed to
//! the connection that its first check names, and is driven there.

mod accept;
mod arrival;
mod batch;
mod demux;
mod fragments;
mod home;
mod interfaces;
mod shard;
mod socket;
mod stage;
mod task;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod timers;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use thiserror::Error;
use tokio::runtime::Handle as Runtime;
use tokio::task::AbortHandle;

pub(crate) use self::batch::{Batch, Route};
use self::fragments::Fragments;
pub(crate) use self::home::Home;
pub use self::interfaces::local_addresses;
use self::shard::{Request, Shard};
use self::socket::Socket;
use self::stage::Stage;
use self::task::Task;
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
    /// None of the addresses could be bound, and this is the last one's reason; or this one could be bound for some of the
    /// shards only, or could not be listened on.
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
    /// There are to be more shards than [`EndpointConfiguration::MAX_SHARDS`].
    #[error("an endpoint has {max} shards at most, not {0}", max = EndpointConfiguration::MAX_SHARDS)]
    TooManyShards(usize),
    /// This system has no `SO_REUSEPORT`, by which several shards have one address.
    #[error("on this system, sockets can not share an address: there can be only one shard")]
    OneShardOnly,
    /// A socket could not be watched, or a shard has no thread.
    #[error("a shard can not be started")]
    Shard(#[source] io::Error),
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
    /// How many threads serve the connections on the sockets, up to [`Self::MAX_SHARDS`]. With 0 or 1 it is a task on the caller's
    /// runtime. With more, each is a thread of its own, `gannet-shard-0` and so on, with a socket of its own (`SO_REUSEPORT`)
    /// on each address; the kernel spreads the peers over them by their addresses (Linux; other systems may give all to
    /// one). For servers that have more than one processor's worth of connections: more shards than processors
    /// gain nothing.
    pub shards: usize,
}

impl EndpointConfiguration {
    /// The most shards of an endpoint.
    pub const MAX_SHARDS: usize = 64;
}

/// A set of UDP sockets that any number of connections share.
///
/// Each datagram goes to the connection that its two addresses lead to; up to 32 remote addresses do so for a connection, in each
/// shard, once checks from them have proved authentic. Checks go where the username fragment leads that they name.
///
/// It is a handle: clones are the same endpoint. The sockets are closed when the last clone and the
/// last connection on it are gone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    handle: Arc<Handle>,
}

impl Endpoint {
    /// Opens the sockets and starts what drives them: a task on the current tokio runtime, or a thread for each of
    /// several shards.
    ///
    /// # Errors
    ///
    /// If no address can be bound, an address can not be bound for every shard, a shard can not be started, or there
    /// is no runtime.
    pub fn bind(configuration: &EndpointConfiguration) -> Result<Self, BindError> {
        let runtime = Runtime::try_current().map_err(|_| BindError::NoRuntime)?;
        let count = configuration.shards.max(1);
        if count > EndpointConfiguration::MAX_SHARDS {
            return Err(BindError::TooManyShards(count));
        }
        let groups = interfaces::bind_all(configuration, count)?;
        let stages = Stage::for_shards(count, runtime.clone()).map_err(BindError::Shard)?;
        let mut shards = Vec::with_capacity(count);
        for (stage, sockets) in stages.iter().zip(groups) {
            let _inside = stage.enter();
            let sockets: io::Result<Vec<_>> = sockets.into_iter().map(Socket::new).collect();
            shards.push(Shard::new(sockets.map_err(BindError::Shard)?));
        }
        let listeners = match configuration.tcp {
            true => {
                let any_port = configuration.port == 0;
                let addresses = shards[0].sockets().iter().map(Socket::local);
                accept::listen_all(addresses, any_port)?
            }
            false => Vec::new(),
        };
        let shared = Arc::new(Shared {
            shards,
            fragments: Fragments::default(),
            tcp_addresses: listeners.iter().map(|(address, _)| *address).collect(),
            next_home: AtomicUsize::new(0),
        });
        for (index, stage) in stages.into_iter().enumerate() {
            stage.run(Task::new(Arc::clone(&shared), index));
        }
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
        // All shards have the same.
        let shards = self.handle.shared.shards.first();
        shards
            .into_iter()
            .flat_map(Shard::sockets)
            .map(Socket::local)
    }

    /// The addresses that peers may connect to by TCP.
    pub fn tcp_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.handle.shared.tcp_addresses.iter().copied()
    }

    /// Chooses who looks after a new connection, until its peer is heard.
    pub(crate) fn settle(&self, home: &mut Home) {
        let shared = &self.handle.shared;
        let turn = shared.next_home.fetch_add(1, Ordering::Relaxed);
        home.settle(turn % shared.shards.len());
    }

    /// Puts a connection on the endpoint: from now on it gets the datagrams that name its local
    /// username fragment.
    pub(crate) fn register(&self, connection: &Arc<Connection>, username_fragment: &str) {
        let fragments = &self.handle.shared.fragments;
        fragments.register(connection, username_fragment);
    }

    /// Says that no other connection will ever be on the endpoint: it gets all datagrams that name no
    /// connection, such as those of STUN and TURN servers.
    pub(crate) fn dedicate(&self, connection: &Arc<Connection>) {
        for shard in &self.handle.shared.shards {
            shard.request(Request::Dedicate(Arc::clone(connection)));
        }
    }

    /// Takes a connection off the endpoint. The caller does not hold its lock.
    pub(crate) fn remove(&self, connection: &Arc<Connection>) {
        // Before the requests: whoever still touches it behind them, such as its users, has nothing armed or asked for.
        connection.lock().home.leave();
        let shared = &self.handle.shared;
        shared.fragments.remove(connection);
        for shard in &shared.shards {
            shard.request(Request::Remove(connection.id()));
        }
    }

    /// Sends what the connection has to say, and sees to it that its timer is heard. The caller holds
    /// the connection's lock.
    pub(crate) fn flush(&self, now: Instant, connection: &Arc<Connection>, core: &mut Core) {
        self.handle.shared.flush(now, connection, core);
    }
}

/// Ends the tasks when the last endpoint handle is gone.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    accepting: Vec<AbortHandle>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        for shard in &self.shared.shards {
            shard.request(Request::Close);
        }
        for accepting in &self.accepting {
            accepting.abort();
        }
    }
}

/// What the tasks and the handles share.
#[derive(Debug)]
struct Shared {
    /// One at least.
    shards: Vec<Shard>,
    fragments: Fragments,
    tcp_addresses: Vec<SocketAddr>,
    /// Counts the connections.
    next_home: AtomicUsize,
}

impl Shared {
    /// Sends what the connection has to say, through its home; asks the home for what only that can do.
    fn flush(&self, now: Instant, connection: &Arc<Connection>, core: &mut Core) {
        let blocked = self.shards[core.home.shard()].flush(now, core);
        if (blocked || core.timer_moved())
            && let Some(home) = core.home.ask()
        {
            self.shards[home].request(Request::Attend(Arc::clone(connection)));
        }
    }
}

/// Locks a mutex whose contents stay valid even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
