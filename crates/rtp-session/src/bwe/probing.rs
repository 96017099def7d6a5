//! When to probe, and how fast: at the start, when the configured maximum was raised, while the source does
//! not use what it may, and after a sharp drop.
//!
//! One probe is under way at a time. Its result, or that there is none, is known before the next one begins:
//! two at once would measure each other.

use std::time::{Duration, Instant};

use super::cluster::Measured;

/// The first probe of a session aims so high, because where the estimate starts is a guess. Once congestion
/// has shown what the line carries, it is none, and one step is what every other probe takes.
const FIRST_STEP: u64 = 3;

/// Every other probe aims at so many times the estimate, or what the probe before it measured: the second
/// one of a session at six times the start.
const STEP: u64 = 2;

/// A probe that measured so much of what it aimed at, in per cent, is followed by another one at once.
const FURTHER: u64 = 70;

/// That one waits for a calm moment so long.
const FURTHER_PATIENCE: Duration = Duration::from_secs(5);

/// At most so many follow each other: 3 times 2^7 is more than any line beside any start.
const MAX_STEPS: u8 = 8;

/// A first probe that measured nothing (packets were lost) is repeated so often, after this pause.
const MAX_ATTEMPTS: u8 = 3;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Who raises the maximum again and again gets no more probes than these.
const RAISE_PAUSE: Duration = Duration::from_secs(2);

/// A source that does not use what it may is followed by a probe each so often. 20 ms at twice the estimate
/// each 5 s are 0.8 % of it.
const LIMITED_PAUSE: Duration = Duration::from_secs(5);

/// An estimate below this part of what it was, in per cent, has dropped sharply.
const DROP: u64 = 66;

/// What it was is remembered for one to two of these.
const DROP_MEMORY: Duration = Duration::from_secs(5);

/// The line must have been calm for so long before a probe asks whether it is what it was; a congestion
/// control that competes needs as long to show itself. A probe that says no is repeated after the pause,
/// twice as long at first: that is what a line costs which stays narrow.
const CALM_AFTER_DROP: Duration = Duration::from_secs(1);
const DROP_PAUSE: Duration = Duration::from_secs(2);
const MAX_DROP_PAUSE: Duration = Duration::from_secs(5);

/// After this time the line is what it is now.
const DROP_LIFETIME: Duration = Duration::from_secs(120);

/// A probe after a drop aims at no more than this part of what the estimate was, in per cent: what was
/// enough to congest the line then need not be enough to find out.
const AFTER_DROP: u64 = 85;

/// A probe aims at least so much above the estimate, in per cent, or is not worth it.
const LEAST: u64 = 110;

/// What the rest of the estimator knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// In bits per second.
    pub(crate) estimate: u64,
    /// No probe is faster than this.
    pub(crate) ceiling: u64,
    /// There is neither overuse, nor a queue, nor heavy loss.
    pub(crate) calm: bool,
    /// The source sends much less than it may.
    pub(crate) limited: bool,
}

/// Why a probe was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Start,
    Raised,
    Limited,
    Dropped,
}

/// What to make of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing.
    Ignore,
    /// The estimate is at least this, in bits per second.
    Raise(f64),
    /// The estimate is this: what it was is a guess, or was not used.
    Set(f64),
}

#[derive(Clone, Copy, Debug)]
struct Drop {
    /// What the estimate was, in bits per second.
    goal: u64,
    since: Instant,
    pause: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct ProbeController {
    /// The start is probed, as often as this.
    attempts: u8,
    started: bool,
    /// The estimate has fallen: it is not a guess any more.
    congested: bool,
    raised: bool,
    drop: Option<Drop>,
    /// The highest estimates of this while and of the one before.
    highest: [u64; 2],
    highest_since: Option<Instant>,
    calm_since: Option<Instant>,
    /// What the probe that was made last was made for, and how many followed each other.
    reason: Option<Reason>,
    steps: u8,
    /// Where the next probe of the row is to aim.
    further: Option<u64>,
    last: Option<Instant>,
}

impl ProbeController {
    /// The configured maximum is higher now.
    pub(crate) const fn on_raised(&mut self) {
        self.raised = true;
    }

    /// What the line is like now. Called with each feedback.
    pub(crate) fn on_situation(&mut self, now: Instant, situation: &Situation) {
        if situation.calm {
            self.calm_since.get_or_insert(now);
        } else {
            self.calm_since = None;
        }
        let awaited = |_: &mut u64| self.last.is_none_or(|last| last + FURTHER_PATIENCE <= now);
        self.further.take_if(awaited);
        let since = *self.highest_since.get_or_insert(now);
        if since + DROP_MEMORY <= now {
            self.highest = [0, self.highest[0]];
            self.highest_since = Some(now);
        }
        let estimate = situation.estimate;
        self.highest[0] = self.highest[0].max(estimate);
        let highest = self.highest[0].max(self.highest[1]);
        if estimate < part(highest, DROP) {
            self.congested = true;
            self.drop.get_or_insert(Drop {
                goal: highest,
                since: now,
                pause: DROP_PAUSE,
            });
        }
        self.drop = self.drop.filter(|drop| {
            estimate < part(drop.goal, AFTER_DROP) && drop.since + DROP_LIFETIME > now
        });
    }

    /// The estimate fell because of an overuse.
    pub(crate) const fn on_decrease(&mut self) {
        self.congested = true;
        self.further = None;
    }

    /// Where a probe that is to begin now aims, in bits per second. Not called while one is under way.
    pub(crate) fn next_aim(&mut self, now: Instant, situation: &Situation) -> Option<u64> {
        if !situation.calm {
            return None;
        }
        let (reason, aim) = match self.further.take().zip(self.reason) {
            Some((aim, reason)) => (reason, aim),
            None => self.next_reason(now, situation)?,
        };
        let aim = aim.min(self.limit(reason, situation));
        if aim < part(situation.estimate, LEAST) {
            // It is there already.
            self.started |= reason == Reason::Start;
            return None;
        }
        self.steps += 1;
        self.reason = Some(reason);
        self.last = Some(now);
        Some(aim)
    }

    /// A probe aims no higher than this.
    fn limit(&self, reason: Reason, situation: &Situation) -> u64 {
        let drop = self.drop.filter(|_| reason == Reason::Dropped);
        drop.map_or(situation.ceiling, |drop| {
            part(drop.goal, AFTER_DROP).min(situation.ceiling)
        })
    }

    fn next_reason(&mut self, now: Instant, situation: &Situation) -> Option<(Reason, u64)> {
        self.steps = 0;
        let step = situation.estimate.saturating_mul(STEP);
        if !self.started {
            let first = if self.congested { STEP } else { FIRST_STEP };
            let aim = situation.estimate.saturating_mul(first);
            let due = self.paused_for(now, RETRY_PAUSE);
            // Whatever the maximum was before: nothing was probed with it.
            self.raised = false;
            return due.then_some((Reason::Start, aim));
        }
        if self.raised && self.paused_for(now, RAISE_PAUSE) {
            self.raised = false;
            return Some((Reason::Raised, step));
        }
        if let Some(drop) = self.drop
            && self.paused_for(now, drop.pause)
            && self
                .calm_since
                .is_some_and(|since| since + CALM_AFTER_DROP <= now)
        {
            return Some((Reason::Dropped, step));
        }
        (situation.limited && self.paused_for(now, LIMITED_PAUSE))
            .then_some((Reason::Limited, step))
    }

    fn paused_for(&self, now: Instant, pause: Duration) -> bool {
        self.last.is_none_or(|last| last + pause <= now)
    }

    /// The probe is over.
    pub(crate) fn on_result(
        &mut self,
        now: Instant,
        aim: u64,
        measured: Option<Measured>,
        situation: &Situation,
    ) -> Verdict {
        self.last = Some(now);
        let Some(reason) = self.reason else {
            return Verdict::Ignore;
        };
        if reason == Reason::Start {
            self.attempts += 1;
            self.started = measured.is_some() || self.attempts >= MAX_ATTEMPTS;
        }
        let bitrate = measured.map_or(0.0, |measured| measured.bitrate);
        let reached = bitrate as u64;
        if reached >= part(aim, FURTHER)
            && self.steps < MAX_STEPS
            && aim < self.limit(reason, situation)
        {
            self.further = Some(reached.saturating_mul(STEP));
        }
        let saturated = measured.is_none_or(|measured| measured.saturated);
        match (reason, measured) {
            (_, None) => self.on_failure(reason),
            // A burst takes more than its share from those who use the line now: that it got through does
            // not say that they are gone.
            (Reason::Dropped, Some(_)) if saturated => {
                self.further = None;
                self.on_failure(reason)
            }
            (Reason::Start, Some(_)) if saturated && !self.congested => Verdict::Set(bitrate),
            (Reason::Limited, Some(_)) if saturated => Verdict::Set(bitrate),
            (_, Some(_)) => Verdict::Raise(bitrate),
        }
    }

    /// The probe was not sent to its end.
    pub(crate) fn on_abort(&mut self) {
        if self.reason == Some(Reason::Start) {
            self.attempts += 1;
            self.started = self.attempts >= MAX_ATTEMPTS;
        }
    }

    fn on_failure(&mut self, reason: Reason) -> Verdict {
        if let Some(drop) = self.drop.as_mut().filter(|_| reason == Reason::Dropped) {
            drop.pause = (drop.pause * 2).min(MAX_DROP_PAUSE);
        }
        Verdict::Ignore
    }
}

/// So many per cent of a bitrate.
const fn part(bitrate: u64, per_cent: u64) -> u64 {
    (bitrate / 100).saturating_mul(per_cent)
}

#[cfg(test)]
mod tests;
