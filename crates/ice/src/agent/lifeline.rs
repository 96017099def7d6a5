//! Consent and signs of life on the path that carries the data (RFC 7675).
//!
//! Two things are asked of a selected path. *Consent*: may data be sent? A check every 5 s on average,
//! and 30 s without an answer end it. *Liveness*: is the peer there? Any authenticated STUN and any
//! data from it is a sign of life. After a pause a few probes ask, each a check that is sent once; if
//! they stay unanswered, the path is silent, which the user sees as `Disconnected`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_crypto::Rng;
use gannet_stun::{Class, Message, TransactionId, code};

use super::checklist::PairId;
use super::message::{CheckRequest, success_response};
use super::{IceAgent, Path};
use crate::{IceTransportState, Role, Timers, Transmit};

/// How many unanswered checks are remembered: those of a whole expiry period.
const MAX_ASKED: usize = 48;
/// The pace of probes until the path counts as silent.
const PROBE_INTERVAL: Duration = Duration::from_millis(300);
/// And afterwards.
const SLOW_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What is known about the path that carries the data.
#[derive(Debug)]
pub(super) struct Lifeline {
    pub(super) pair: PairId,
    pub(super) path: Path,
    /// The priority that goes into its checks.
    pub(super) priority: u32,
    /// The last sign of life.
    pub(super) heard: Instant,
    /// When the last request was sent that was answered: consent counts from here.
    pub(super) answered: Instant,
    next_consent: Instant,
    last_probe: Option<Instant>,
    asked: VecDeque<(TransactionId, Instant)>,
    revoked: bool,
}

impl Lifeline {
    pub(super) fn new(
        now: Instant,
        pair: PairId,
        path: Path,
        priority: u32,
        answered: Instant,
        timers: &Timers,
        rng: &mut Rng,
    ) -> Self {
        Self {
            pair,
            path,
            priority,
            heard: now,
            answered,
            next_consent: now + consent_period(timers, rng),
            last_probe: None,
            asked: VecDeque::new(),
            revoked: false,
        }
    }

    /// When data may no longer be sent.
    pub(super) fn expires(&self, timers: &Timers) -> Instant {
        if self.revoked {
            return self.answered;
        }
        self.answered + timers.consent_expiry
    }

    fn next_probe(&self, timers: &Timers, silent: bool) -> Instant {
        let interval = if silent {
            SLOW_PROBE_INTERVAL
        } else {
            PROBE_INTERVAL
        };
        let first = self.heard + timers.probe_after;
        match self.last_probe {
            Some(last) => first.max(last + interval),
            None => first,
        }
    }

    /// When the path counts as silent: later on a path so slow that probes could not be answered by then.
    pub(super) fn silent_at(&self, timers: &Timers, rtt: Option<Duration>) -> Instant {
        let patience = timers.probe_after + rtt.unwrap_or_default() * 2;
        self.heard + timers.disconnected_after.max(patience)
    }

    /// Whether a check is due; then it counts as sent.
    fn take_due(&mut self, now: Instant, timers: &Timers, silent: bool, rng: &mut Rng) -> bool {
        if now >= self.next_consent {
            self.next_consent = now + consent_period(timers, rng);
            return true;
        }
        if now >= self.next_probe(timers, silent) {
            self.last_probe = Some(now);
            return true;
        }
        false
    }

    fn remember(&mut self, now: Instant, id: TransactionId) {
        if self.asked.len() >= MAX_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((id, now));
    }

    fn timeout(&self, timers: &Timers, silent: bool) -> Instant {
        self.next_consent
            .min(self.next_probe(timers, silent))
            .min(self.expires(timers))
    }

    /// An authentic answer came: gives the round-trip time, or `None` if consent was taken back.
    fn answered(&mut self, now: Instant, message: &Message<'_>) -> Option<Duration> {
        let id = message.transaction_id();
        let at = self.asked.iter().position(|(asked, _)| *asked == id)?;
        let (_, sent) = self.asked.remove(at)?;
        self.heard = now;
        match message.class() {
            Class::Success => {
                self.answered = self.answered.max(sent);
                Some(now.saturating_duration_since(sent))
            }
            _ => {
                // RFC 7675, section 5.2.
                let code = message.error_code().map(|error| error.code);
                self.revoked |= code == Some(code::FORBIDDEN);
                None
            }
        }
    }

    fn has_asked(&self, path: Path, message: &Message<'_>) -> bool {
        let id = message.transaction_id();
        self.path == path && self.asked.iter().any(|(asked, _)| *asked == id)
    }
}

/// 0.8 to 1.2 times the basic period (RFC 7675, section 5.1).
fn consent_period(timers: &Timers, rng: &mut Rng) -> Duration {
    let base = timers.consent_interval;
    base * 4 / 5 + base * u32::try_from(rng.below(401)).unwrap_or_default() / 1000
}

impl IceAgent {
    /// Sends a consent check or a probe that is due, on the selected path or the one before a restart.
    pub(super) fn transmit_lifeline(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if self.config.lite {
            return None;
        }
        let start = buffer.len();
        let timers = self.config.timers;
        let silent = self.current.silent;
        if let (Some(lifeline), Some(remote)) = (&mut self.current.lifeline, &self.current.remote)
            && lifeline.take_due(now, &timers, silent, &mut self.rng)
        {
            let mut pairs = self.current.pairs.iter();
            let selected = pairs.find(|pair| pair.id == lifeline.pair);
            let nominated = selected.is_some_and(|pair| pair.nominated);
            let id = TransactionId::random(&mut self.rng);
            lifeline.remember(now, id);
            let (pair, path) = (lifeline.pair, lifeline.path);
            CheckRequest {
                id,
                local: &self.current.local,
                remote,
                priority: lifeline.priority,
                role: self.role,
                tie_breaker: self.tie_breaker,
                // Said again, for a peer that missed it.
                use_candidate: nominated && self.role == Role::Controlling,
                nomination: None,
            }
            .write(buffer);
            if let Some(pair) = self.current.pair_mut(pair) {
                pair.counters.consent_requests_sent += 1;
            }
            return self.emit(path, buffer, start);
        }
        self.transmit_previous(now, buffer)
    }

    /// The same for the path of the generation before a restart.
    fn transmit_previous(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let start = buffer.len();
        let timers = self.config.timers;
        let previous = self.previous.as_mut()?;
        let lifeline = &mut previous.lifeline;
        if !lifeline.take_due(now, &timers, false, &mut self.rng) {
            return None;
        }
        let id = TransactionId::random(&mut self.rng);
        lifeline.remember(now, id);
        let path = lifeline.path;
        CheckRequest {
            id,
            local: &previous.local,
            remote: &previous.remote,
            priority: lifeline.priority,
            role: self.role,
            tie_breaker: self.tie_breaker,
            use_candidate: false,
            nomination: None,
        }
        .write(buffer);
        self.emit(path, buffer, start)
    }

    /// An answer that is not to a check of the checklist. Gives whether it is the peer's.
    pub(super) fn handle_lifeline_response(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> bool {
        if let (Some(lifeline), Some(remote)) = (&mut self.current.lifeline, &self.current.remote)
            && lifeline.has_asked(path, message)
        {
            if message.verify(&remote.key).is_err() {
                self.stats.unauthenticated += 1;
                return false;
            }
            let rtt = lifeline.answered(now, message);
            let (id, answered) = (lifeline.pair, lifeline.answered);
            self.current.silent = false;
            if let Some(pair) = self.current.pair_mut(id) {
                pair.heard = Some(now);
                pair.counters.responses_received += 1;
                if let Some(rtt) = rtt {
                    pair.answered = Some(answered);
                    pair.counters.current_round_trip_time = Some(rtt);
                    pair.counters.total_round_trip_time += rtt;
                }
            }
            self.watch_selected(now);
            return true;
        }
        if let Some(previous) = &mut self.previous
            && previous.lifeline.has_asked(path, message)
            && message.verify(&previous.remote.key).is_ok()
        {
            previous.lifeline.answered(now, message);
            return true;
        }
        self.stats.unmatched_responses += 1;
        false
    }

    /// Whether a check is meant for the generation before the restart.
    pub(super) fn is_for_previous(&self, username: &str) -> bool {
        let (Some(previous), Some((ours, _))) = (&self.previous, username.split_once(':')) else {
            return false;
        };
        previous.local.parameters.username_fragment == ours
    }

    /// Answers a check of the generation before the restart, so that the peer keeps its consent. Gives
    /// whether it is the peer's.
    pub(super) fn handle_previous_request(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> bool {
        let Some(previous) = &mut self.previous else {
            return false;
        };
        if message.verify(&previous.local.key).is_err() {
            self.stats.unauthenticated += 1;
            return false;
        }
        if previous.lifeline.path == path {
            previous.lifeline.heard = now;
        }
        let response = success_response(message, path.remote, &previous.local);
        self.push_outgoing(path, response);
        true
    }

    /// A sign of life on a pair.
    pub(super) fn heard_on(&mut self, now: Instant, id: PairId) {
        if let Some(pair) = self.current.pair_mut(id) {
            pair.heard = Some(now);
        }
        if let Some(lifeline) = &mut self.current.lifeline
            && lifeline.pair == id
        {
            lifeline.heard = now;
            self.current.silent = false;
        }
    }

    /// Looks whether the selected path has lost consent or fallen silent.
    pub(super) fn watch_selected(&mut self, now: Instant) {
        let timers = self.config.timers;
        let Some(lifeline) = &self.current.lifeline else {
            return;
        };
        let id = lifeline.pair;
        // A lite agent asks for no consent: it is the peer's checks that tell it.
        let expires = if self.config.lite {
            lifeline.heard + timers.consent_expiry
        } else {
            lifeline.expires(&timers)
        };
        let rtt = self
            .current
            .pair(id)
            .and_then(|p| p.counters.current_round_trip_time);
        let is_silent = now >= lifeline.silent_at(&timers, rtt);
        if now >= expires {
            if let Some(pair) = self.current.pair_mut(id) {
                pair.consent_lost = true;
            }
            self.fail_pair(now, id);
            // The other pairs have been checked since this one fell silent: it is over.
            self.current.failed = self.current.lifeline.is_none();
            return;
        }
        if is_silent && !self.current.silent {
            self.current.silent = true;
            self.check_alternatives();
        }
        self.current.silent = is_silent;
    }

    pub(super) fn expire_previous(&mut self, now: Instant) {
        let timers = &self.config.timers;
        let expires = self.previous_expires(timers);
        if expires.is_some_and(|at| at <= now) {
            self.previous = None;
        }
    }

    /// A lite agent asks for no consent: what it hears counts instead.
    fn previous_expires(&self, timers: &Timers) -> Option<Instant> {
        let lifeline = &self.previous.as_ref()?.lifeline;
        Some(match self.config.lite {
            true => lifeline.heard + timers.consent_expiry,
            false => lifeline.expires(timers),
        })
    }

    pub(super) fn lifeline_timeout(&self) -> Option<Instant> {
        let timers = &self.config.timers;
        let silent = self.current.silent;
        let current = self.current.lifeline.as_ref().map(|lifeline| {
            if self.config.lite {
                return self.lite_timeout(lifeline);
            }
            let timeout = lifeline.timeout(timers, silent);
            if silent {
                return timeout;
            }
            let pair = self.current.pair(lifeline.pair);
            let rtt = pair.and_then(|pair| pair.counters.current_round_trip_time);
            timeout.min(lifeline.silent_at(timers, rtt))
        });
        let previous = self.previous.as_ref();
        let previous = match self.config.lite {
            true => self.previous_expires(timers),
            false => previous.map(|previous| previous.lifeline.timeout(timers, false)),
        };
        [current, previous].into_iter().flatten().min()
    }

    fn lite_timeout(&self, lifeline: &Lifeline) -> Instant {
        let timers = &self.config.timers;
        if self.current.silent {
            lifeline.heard + timers.consent_expiry
        } else {
            lifeline.silent_at(timers, None)
        }
    }

    /// The path for data, if there is consent to send on it.
    pub(super) fn route_data(&mut self, now: Instant, len: usize) -> Option<Path> {
        if self.state == IceTransportState::Closed {
            return None;
        }
        let timers = &self.config.timers;
        let lite = self.config.lite;
        let may_send =
            |lifeline: &&Lifeline| (lite && !lifeline.revoked) || now < lifeline.expires(timers);
        if let Some(lifeline) = self.current.lifeline.as_ref().filter(may_send) {
            let (id, path) = (lifeline.pair, lifeline.path);
            if let Some(pair) = self.current.pair_mut(id) {
                pair.counters.packets_sent += 1;
                pair.counters.bytes_sent += len as u64;
                pair.counters.last_packet_sent = Some(now);
            }
            return Some(path);
        }
        let previous = self.previous.as_ref().map(|previous| &previous.lifeline);
        Some(previous.filter(may_send)?.path)
    }
}
