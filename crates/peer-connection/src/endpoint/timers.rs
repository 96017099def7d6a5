//! When each connection wants to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;

/// A heap of wake-ups. A connection has at most one that counts: the time that it is armed for. Older
/// entries are recognised and skipped when their time comes.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    /// Entries of the same time leave in the order they came, which also makes the order total.
    order: u64,
    connection: Arc<Connection>,
}

impl Timers {
    /// Wakes `connection` at `at`.
    pub(super) fn push(&mut self, at: Instant, connection: Arc<Connection>) {
        self.order += 1;
        self.heap.push(Reverse(Entry {
            at,
            order: self.order,
            connection,
        }));
    }

    /// The time of the first entry.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the first entry whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Arc<Connection>)> {
        if self.next()? > now {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse(entry)| (entry.at, entry.connection))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
