//! ICE restart (RFC 8445, section 9): new credentials, new checks, and data on the old path meanwhile.

use std::time::Instant;

use super::IceAgent;
use super::generation::{Generation, Previous};
use crate::{IceParameters, IceTransportState};

impl IceAgent {
    /// Begins a new generation and gives its credentials, to be signalled.
    ///
    /// The peer's new credentials and candidates are expected next. Data goes on over the old path until
    /// a new one works. Our candidates are announced again.
    pub fn restart(&mut self, now: Instant) -> IceParameters {
        if self.state == IceTransportState::Closed {
            return self.current.local.parameters.clone();
        }
        let fresh = Generation::new(&self.config, &self.provider, &mut self.rng);
        let old = std::mem::replace(&mut self.current, fresh);
        // If a restart follows a restart, the path that carries data is still the one before both.
        if let (Some(lifeline), Some(remote)) = (old.lifeline, old.remote) {
            self.previous = Some(Box::new(Previous {
                local: old.local,
                remote,
                lifeline,
            }));
        }
        // Connections for candidates of the old generation are of no use any more.
        self.connecting_peers.clear();
        self.peer_connections = 0;
        for local in 0..self.local.len() {
            self.announce(local);
        }
        self.update_state(now);
        self.current.local.parameters.clone()
    }
}
