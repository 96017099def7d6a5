//! Which pair carries the data (RFC 8445, section 8).
//!
//! Before nomination it is the best pair that works, so that data flows after one round trip. The
//! controlling side nominates as soon as no better pair can be expected. If the nominated pair falls
//! silent, the others are checked again, and one that answers takes over.

use std::time::{Duration, Instant};

use super::IceAgent;
use super::checklist::{Pair, PairId, PathClass};
use super::lifeline::Lifeline;
use crate::{CandidatePairState as State, Event, Nomination, Role};

/// A peer that sends USE-CANDIDATE with every check (RFC 5245's aggressive nomination) means the best of
/// those pairs. One that has not repeated it for this long means another pair.
const NOMINATION_LASTS: Duration = Duration::from_secs(1);

/// A nominating check that is not answered by then is followed by another one: its pair works, so it was
/// lost, and its own retransmissions come later and later.
const NOMINATION_REPEATS: Duration = Duration::from_secs(1);

impl IceAgent {
    /// Makes a pair the one that carries the data.
    fn select(&mut self, now: Instant, id: PairId) {
        if self.current.selected_id() == Some(id) {
            return;
        }
        let Some(pair) = self.current.pair(id) else {
            return;
        };
        let priority = self
            .local
            .get(pair.local)
            .map_or(0, |l| l.candidate.priority);
        let answered = pair.answered.unwrap_or(now);
        let lifeline = Lifeline::new(
            now,
            id,
            pair.path,
            (110 << 24) | (priority & 0x00ff_ffff),
            answered,
            &self.config.timers,
            &mut self.rng,
        );
        if self.is_replaced_by(now, id)
            && let Some(old) = self.current.selected_id()
            && let Some(old) = self.current.pair_mut(old)
        {
            old.valid = false;
            old.nominated = false;
            old.state = State::Frozen;
        }
        self.current.was_connected = true;
        self.current.lifeline = Some(lifeline);
        self.current.silent = false;
        self.current.failed = false;
        self.previous = None;
        self.stats.selected_candidate_pair_changes += 1;
        self.bind_channel_of(now, id);
        if let Some(selected) = self.selected_pair() {
            self.push_event(Event::SelectedPairChange(selected));
        }
    }

    /// Whether a pair that works should carry the data in place of a selected one that does not seem to:
    /// that one is silent, or it has not been heard lately and the other is no worse. That is what it
    /// looks like if a NAT between the peers has forgotten its mapping.
    fn is_replaced_by(&self, now: Instant, id: PairId) -> bool {
        let selected = self
            .current
            .selected_pair()
            .zip(self.current.lifeline.as_ref());
        let Some(((selected, lifeline), other)) = selected.zip(self.current.pair(id)) else {
            return false;
        };
        let waited = now.saturating_duration_since(lifeline.heard);
        let is_late = waited >= self.config.timers.probe_after / 2;
        self.current.silent || (is_late && other.class >= selected.class && selected.id != id)
    }

    /// A pair turned out to work.
    pub(super) fn pair_is_valid(&mut self, now: Instant, id: PairId) {
        let Some(pair) = self.current.pair(id) else {
            return;
        };
        let take = match self.current.selected_pair() {
            None => true,
            Some(_) if self.is_replaced_by(now, id) => true,
            Some(selected) => !selected.nominated && pair.priority > selected.priority,
        };
        if take {
            self.select(now, id);
        }
    }

    /// A pair is nominated, by us or by the peer, and works.
    pub(super) fn nominate(&mut self, now: Instant, id: PairId) {
        for pair in &mut self.current.pairs {
            pair.nominated = pair.id == id;
        }
        self.select(now, id);
        self.conclude(now);
    }

    /// Stops what is no longer worth checking; it stays in reserve.
    fn conclude(&mut self, now: Instant) {
        let Some(selected) = self.current.selected_pair() else {
            return;
        };
        let (id, class) = (selected.id, selected.class);
        let mut stopped = Vec::new();
        for pair in &mut self.current.pairs {
            if pair.id != id && pair.class <= class && pair.state == State::InProgress {
                pair.state = State::Frozen;
                stopped.push(pair.id);
            }
        }
        let checks = self.current.checks.iter();
        let running: Vec<_> = checks
            .filter(|(_, check)| stopped.contains(&check.pair))
            .map(|(transaction, _)| *transaction)
            .collect();
        for transaction in running {
            self.current.checks.stop_retransmitting(now, &transaction);
        }
    }

    /// The peer, which controls, wants this pair (RFC 8445, section 7.3.1.5).
    pub(super) fn peer_nominates(&mut self, now: Instant, id: PairId, number: Option<u32>) {
        if number.is_some() && number < self.current.peer_nomination {
            return;
        }
        self.current.peer_nomination = number.or(self.current.peer_nomination);
        let outranked = number.is_none() && self.outranked(now, id);
        let lite = self.config.lite;
        let expiry = self.config.timers.consent_expiry;
        let Some(pair) = self.current.pair_mut(id) else {
            return;
        };
        pair.peer_nominated = Some(now);
        if outranked {
            return;
        }
        if lite {
            // A lite agent does not check: the peer's check is all that it needs.
            pair.state = State::Succeeded;
            pair.valid = true;
            pair.answered = Some(now);
        }
        if pair.is_fresh(now, expiry) {
            self.nominate(now, id);
        } else {
            pair.nominate_when_valid = true;
        }
    }

    /// Whether a better pair is nominated, works, and was asked for just now.
    fn outranked(&self, now: Instant, id: PairId) -> bool {
        let Some((selected, pair)) = self.current.selected_pair().zip(self.current.pair(id)) else {
            return false;
        };
        let asked_lately = |pair: &Pair| {
            let asked = pair.peer_nominated;
            asked.is_some_and(|at| now.saturating_duration_since(at) < NOMINATION_LASTS)
        };
        selected.id != id
            && selected.nominated
            && !self.current.silent
            && selected.priority > pair.priority
            && asked_lately(selected)
    }

    /// Decides whether it is time to nominate.
    pub(super) fn consider_nomination(&mut self, now: Instant) {
        let Some((id, at)) = self.next_nomination() else {
            return;
        };
        if now < at {
            return;
        }
        self.current.nominating = Some((id, now));
        if self.config.nomination == Nomination::Renomination {
            self.current.nominations += 1;
        }
        self.trigger(id);
    }

    /// The pair that should be nominated, and when.
    fn next_nomination(&self) -> Option<(PairId, Instant)> {
        if self.role != Role::Controlling || self.config.lite || self.current.failed {
            return None;
        }
        if let Some((id, since)) = self.current.nominating {
            return Some((id, since + NOMINATION_REPEATS));
        }
        let first_valid = self.current.first_valid?;
        let selected = self.current.selected_pair();
        let silent = self.current.silent;
        let is_wanted = |pair: &&Pair| match selected {
            _ if !pair.valid => false,
            Some(selected) if silent => pair.id != selected.id,
            Some(selected) if selected.nominated => pair.class > selected.class,
            _ => true,
        };
        let pair = self.current.pairs.iter().find(is_wanted)?;
        let better_may_come = self
            .current
            .pairs
            .iter()
            .any(|other| other.is_pending() && other.class > pair.class);
        let wait = match pair.class {
            _ if !better_may_come => Duration::ZERO,
            PathClass::Direct => Duration::ZERO,
            PathClass::Reflexive | PathClass::Tcp => self.config.timers.reflexive_wait,
            PathClass::Relayed => self.config.timers.relayed_wait,
        };
        Some((pair.id, first_valid + wait))
    }

    pub(super) fn nomination_timeout(&self) -> Option<Instant> {
        Some(self.next_nomination()?.1)
    }

    /// The selected pair is silent: all others are checked again.
    pub(super) fn check_alternatives(&mut self) {
        let selected = self.current.selected_id();
        for pair in &mut self.current.pairs {
            if Some(pair.id) != selected && !pair.consent_lost {
                pair.state = State::Waiting;
                pair.valid = false;
            }
        }
    }

    /// The selected pair can no longer be used: the next best takes over. If there is none, all that are
    /// left are checked again, and the time for that starts anew.
    pub(super) fn lose_selected(&mut self, now: Instant) {
        self.current.lifeline = None;
        self.current.silent = false;
        let expiry = self.config.timers.consent_expiry;
        let mut pairs = self.current.pairs.iter();
        let best = pairs.find(|pair| pair.is_fresh(now, expiry));
        if let Some(id) = best.map(|pair| pair.id) {
            self.select(now, id);
            return;
        }
        self.current.first_valid = None;
        self.current.checking_since = Some(now);
        self.check_alternatives();
    }
}
