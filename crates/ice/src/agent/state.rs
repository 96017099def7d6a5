//! The state that the user sees (W3C's `RTCIceTransportState`), derived from all the rest.

use std::time::Instant;

use super::IceAgent;
use crate::{Event, IceGatheringState, IceTransportState as S};

impl IceAgent {
    /// Computes the state again, and tells the user if it changed.
    pub(super) fn update_state(&mut self, now: Instant) {
        if self.state == S::Closed {
            return;
        }
        let ready = self.current.remote.is_some() && !self.current.pairs.is_empty();
        if ready || (self.current.remote.is_some() && self.current.end_of_candidates) {
            self.current.checking_since.get_or_insert(now);
        }
        self.give_up_after_patience(now);
        let state = self.derive_state();
        if state != self.state {
            self.completed_since = (state == S::Completed).then_some(now);
            self.state = state;
            self.push_event(Event::StateChange(state));
        }
    }

    fn derive_state(&self) -> S {
        let current = &self.current;
        if let Some(selected) = current.selected_pair() {
            return if current.silent {
                S::Disconnected
            } else if selected.nominated && self.is_concluded() {
                S::Completed
            } else {
                S::Connected
            };
        }
        if self.previous.is_some() {
            return S::Connected;
        }
        if current.failed {
            S::Failed
        } else if current.was_connected {
            S::Disconnected
        } else if current.checking_since.is_some() {
            S::Checking
        } else {
            S::New
        }
    }

    /// Nothing is left to check that could change the outcome.
    fn is_concluded(&self) -> bool {
        let current = &self.current;
        self.gathering == IceGatheringState::Complete
            && current.end_of_candidates
            && current.unresolved.is_empty()
            && current.nominating.is_none()
    }

    /// When the agent gives up, if nothing works until then (RFC 8863).
    pub(super) fn patience_timeout(&self) -> Option<Instant> {
        let current = &self.current;
        if current.lifeline.is_some() || current.failed {
            return None;
        }
        Some(current.checking_since? + self.config.timers.patience)
    }

    /// RFC 8863, section 4: however quickly all pairs fail, checks of the peer's may still come, so only
    /// time ends the hope. And a pair that is still being checked is waited for.
    fn give_up_after_patience(&mut self, now: Instant) {
        if self.patience_timeout().is_some_and(|at| now >= at) {
            self.current.failed = true;
        }
    }
}
