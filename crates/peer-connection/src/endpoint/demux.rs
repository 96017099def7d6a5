//! Which connection a datagram belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::Route;
use crate::connection::Connection;

/// The most remote addresses that lead to one connection at a time: more than any honest peer has
/// paths, and a bound for one that has our password.
const MAX_ROUTES: usize = 32;

/// The most username fragments of one connection: those before the last ICE restarts lead to it for as
/// long as checks for them may be under way.
const MAX_FRAGMENTS: usize = 4;

/// The routes and username fragments of all connections.
///
/// A STUN check is looked up by the username fragment that it names (RFC 8445, section 7.3). Only after
/// the connection has found one authentic do its addresses lead there by themselves; everything else is
/// looked up by them. So two connections can not share both sockets.
#[derive(Debug, Default)]
pub(super) struct Demux {
    routes: HashMap<Route, Arc<Connection>>,
    fragments: HashMap<String, Arc<Connection>>,
    /// What each connection holds in the other two tables, by the connection's id.
    holdings: HashMap<u64, Holding>,
    /// The connection that gets what leads to none.
    sole: Option<Arc<Connection>>,
}

#[derive(Debug, Default)]
struct Holding {
    routes: std::collections::VecDeque<Route>,
    fragments: std::collections::VecDeque<String>,
}

impl Demux {
    /// Lets `fragment` lead to `connection`.
    pub(super) fn register(&mut self, connection: &Arc<Connection>, fragment: String) {
        let holding = self.holdings.entry(connection.id()).or_default();
        if holding.fragments.len() == MAX_FRAGMENTS
            && let Some(oldest) = holding.fragments.pop_front()
        {
            self.fragments.remove(&oldest);
        }
        holding.fragments.push_back(fragment.clone());
        self.fragments.insert(fragment, Arc::clone(connection));
    }

    /// Lets a route lead to `connection`; the oldest one makes room.
    pub(super) fn learn(&mut self, route: Route, connection: &Arc<Connection>) {
        let Some(holding) = self.holdings.get_mut(&connection.id()) else {
            return;
        };
        if holding.routes.len() == MAX_ROUTES
            && let Some(oldest) = holding.routes.pop_front()
        {
            self.routes.remove(&oldest);
        }
        holding.routes.retain(|held| *held != route);
        holding.routes.push_back(route);
        let before = self.routes.insert(route, Arc::clone(connection));
        if let Some(before) = before.filter(|before| before.id() != connection.id())
            && let Some(holding) = self.holdings.get_mut(&before.id())
        {
            holding.routes.retain(|held| *held != route);
        }
    }

    /// The connection that a route leads to.
    pub(super) fn by_route(&self, route: &Route) -> Option<&Arc<Connection>> {
        self.routes.get(route)
    }

    /// The connection that a username fragment leads to.
    pub(super) fn by_fragment(&self, fragment: &str) -> Option<&Arc<Connection>> {
        self.fragments.get(fragment)
    }

    /// Lets everything that leads nowhere lead to `connection`.
    pub(super) fn dedicate(&mut self, connection: Arc<Connection>) {
        self.sole = Some(connection);
    }

    /// The only connection that there will ever be, if somebody said so.
    pub(super) const fn sole(&self) -> Option<&Arc<Connection>> {
        self.sole.as_ref()
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, connection: &Connection) {
        self.sole.take_if(|sole| sole.id() == connection.id());
        let Some(holding) = self.holdings.remove(&connection.id()) else {
            return;
        };
        for route in holding.routes {
            self.routes.remove(&route);
        }
        for fragment in holding.fragments {
            self.fragments.remove(&fragment);
        }
    }
}
