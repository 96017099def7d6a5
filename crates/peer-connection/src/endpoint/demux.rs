//! Which connection a datagram belongs to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::batch::Route;
use super::fragments::Fragments;
use crate::connection::Connection;

/// The most remote addresses that lead to one connection at a time, in each shard: more than any honest peer has
/// paths, and a bound for one that has our password.
const MAX_ROUTES: usize = 32;

/// The routes of the connections whose datagrams come to one shard.
///
/// A STUN check is looked up by the username fragment that it names (RFC 8445, section 7.3). Only after
/// the connection has found one authentic do its addresses lead there by themselves; everything else is
/// looked up by them. So two connections can not share both sockets.
///
/// The kernel gives all datagrams with the same two addresses to the same shard, so that no shard needs to know the routes of another.
#[derive(Debug, Default)]
pub(super) struct Demux {
    routes: HashMap<Route, Known>,
    /// The routes of each connection, by the connection's id; the oldest first.
    held: HashMap<u64, VecDeque<Route>>,
    /// The connection that gets what leads to none.
    sole: Option<Arc<Connection>>,
}

/// Where a route leads.
#[derive(Debug)]
struct Known {
    connection: Arc<Connection>,
    /// The username fragment that its last new check named.
    fragment: Option<String>,
}

/// Where a datagram leads.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) connection: Arc<Connection>,
    /// What is to be learnt once the datagram proves to be authentic.
    pub(super) lesson: Option<Lesson>,
}

/// That a route leads to the connection.
#[derive(Debug)]
pub(super) struct Lesson {
    fragment: Option<String>,
}

impl Demux {
    /// The connection that a datagram is for, which is a check if it names a username fragment. The name counts more than the
    /// route, which may be that of a peer that is gone without a word.
    pub(super) fn find(
        &self,
        fragments: &Fragments,
        route: &Route,
        name: Option<&str>,
    ) -> Option<Found> {
        let known = self.routes.get(route);
        let is_new =
            |name: &&str| known.is_none_or(|known| known.fragment.as_deref() != Some(name));
        if let Some(name) = name.filter(is_new)
            && let Some(connection) = fragments.find(name)
        {
            let fragment = Some(name.to_owned());
            let lesson = Some(Lesson { fragment });
            return Some(Found { connection, lesson });
        }
        let (connection, lesson) = match known {
            Some(known) => (&known.connection, None),
            None => (self.sole.as_ref()?, Some(Lesson { fragment: None })),
        };
        Some(Found {
            connection: Arc::clone(connection),
            lesson,
        })
    }

    /// Lets a route lead to `connection`; its oldest one makes room.
    pub(super) fn learn(&mut self, route: Route, lesson: Lesson, connection: &Arc<Connection>) {
        let known = Known {
            connection: Arc::clone(connection),
            fragment: lesson.fragment,
        };
        if let Some(before) = self.routes.insert(route, known) {
            self.let_go(before.connection.id(), route);
        }
        let held = self.held.entry(connection.id()).or_default();
        held.push_back(route);
        if held.len() > MAX_ROUTES
            && let Some(oldest) = held.pop_front()
        {
            self.routes.remove(&oldest);
        }
    }

    /// The connection with this id does not have the route any more.
    fn let_go(&mut self, id: u64, route: Route) {
        if let Some(held) = self.held.get_mut(&id) {
            held.retain(|held| *held != route);
            if held.is_empty() {
                self.held.remove(&id);
            }
        }
    }

    /// Lets everything that leads nowhere lead to `connection`.
    pub(super) fn dedicate(&mut self, connection: Arc<Connection>) {
        self.sole = Some(connection);
    }

    /// Forgets the connection with this id.
    pub(super) fn remove(&mut self, id: u64) {
        self.sole.take_if(|sole| sole.id() == id);
        for route in self.held.remove(&id).unwrap_or_default() {
            self.routes.remove(&route);
        }
    }
}
