//! When each connection wants to be woken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;

/// The wake-ups of all connections, at most one for each: the time that it is armed for.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// By time, and by the connection's id where times are equal.
    wakes: BTreeMap<(Instant, u64), Arc<Connection>>,
}

impl Timers {
    /// Wakes `connection` at `at`.
    pub(super) fn insert(&mut self, at: Instant, connection: &Arc<Connection>) {
        self.wakes
            .insert((at, connection.id()), Arc::clone(connection));
    }

    /// Does not wake `connection` at `at`.
    pub(super) fn remove(&mut self, at: Instant, connection: &Connection) {
        self.wakes.remove(&(at, connection.id()));
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
        self.wakes.pop_first().map(|(_, connection)| connection)
    }
}
