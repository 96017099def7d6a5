//! `GET /stats`: the statistics of all calls that go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use gannet::{PeerConnection, StatsReport};

use super::offer::Switchboard;

/// The calls that go on, by their numbers. There are at most as many as there are places.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    connections: BTreeMap<u64, PeerConnection>,
}

/// A call in the list; dropping it takes the call off.
#[derive(Debug)]
pub(super) struct Entry {
    calls: Calls,
    number: u64,
}

impl Calls {
    /// Adds a call.
    pub(super) fn enter(&self, connection: PeerConnection) -> Entry {
        let mut list = self.lock();
        list.last += 1;
        let number = list.last;
        list.connections.insert(number, connection);
        Entry {
            calls: self.clone(),
            number,
        }
    }

    fn connections(&self) -> BTreeMap<u64, PeerConnection> {
        self.lock().connections.clone()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let connection = self.calls.lock().connections.remove(&self.number);
        // It may be the last handle, which closes it: not under the lock.
        drop(connection);
    }
}

/// An object whose keys are the numbers of the calls, and whose values are W3C's reports.
pub(super) async fn show(State(switchboard): State<Switchboard>) -> impl IntoResponse {
    let connections = switchboard.calls().connections();
    let reports: BTreeMap<u64, StatsReport> = connections
        .iter()
        .map(|(number, connection)| (*number, connection.stats()))
        .collect();
    ([(CACHE_CONTROL, "no-store")], Json(reports))
}
