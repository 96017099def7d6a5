//! When each connection wants to be woken.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;

/// The wake-ups of the connections of one shard, at most one for each.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// By time, and by the connection's id where times are equal.
    wakes: BTreeMap<(Instant, u64), Arc<Connection>>,
    /// When each connection is woken, by its id.
    times: HashMap<u64, Instant>,
}

impl Timers {
    /// Wakes `connection` at `at`, and at no other time.
    pub(super) fn set(&mut self, at: Instant, connection: &Arc<Connection>) {
        let id = connection.id();
        if let Some(before) = self.times.insert(id, at) {
            self.wakes.remove(&(before, id));
        }
        self.wakes.insert((at, id), Arc::clone(connection));
    }

    /// Does not wake the connection with this id.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(at) = self.times.remove(&id) {
            self.wakes.remove(&(at, id));
        }
    }

    /// The time of the first wake-up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.wakes.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first connection whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Arc<Connection>> {
        if self.next()? > now {
            return None;
        }
        let ((_, id), connection) = self.wakes.pop_first()?;
        self.times.remove(&id);
        Some(connection)
    }
}
