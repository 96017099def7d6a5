//! Which connection a connectivity check is for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use crate::connection::Connection;

/// The most username fragments of one connection: those before the last ICE restarts lead to it for as
/// long as checks for them may be under way.
const MAX_FRAGMENTS: usize = 4;

/// The username fragments of all connections on an endpoint, which all its shards share.
///
/// The kernel gives a peer's first check to any shard. It is read for checks from addresses that do not lead
/// to the connection that they name, and for the first frame of a TCP stream; no other packet costs a look.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    connections: HashMap<String, Weak<Connection>>,
    /// What each connection has in the other table, by the connection's id; the oldest first.
    held: HashMap<u64, VecDeque<String>>,
}

impl Fragments {
    /// Lets `fragment` lead to `connection`.
    pub(super) fn register(&self, connection: &Arc<Connection>, fragment: &str) {
        let mut table = self.write();
        let held = table.held.entry(connection.id()).or_default();
        held.push_back(fragment.to_owned());
        let oldest = (held.len() > MAX_FRAGMENTS).then(|| held.pop_front());
        if let Some(oldest) = oldest.flatten() {
            table.connections.remove(&oldest);
        }
        let connection = Arc::downgrade(connection);
        table.connections.insert(fragment.to_owned(), connection);
    }

    /// The connection that a username fragment leads to.
    pub(super) fn find(&self, fragment: &str) -> Option<Arc<Connection>> {
        self.read().connections.get(fragment)?.upgrade()
    }

    /// Forgets a connection.
    pub(super) fn remove(&self, connection: &Connection) {
        let mut table = self.write();
        for fragment in table.held.remove(&connection.id()).unwrap_or_default() {
            table.connections.remove(&fragment);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
