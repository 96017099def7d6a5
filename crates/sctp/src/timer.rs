//! The timers of an association.

use std::time::Instant;

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// INIT is repeated (T1-init).
    Init,
    /// COOKIE ECHO is repeated (T1-cookie).
    Cookie,
    /// SHUTDOWN or SHUTDOWN ACK is repeated (T2-shutdown).
    Shutdown,
    /// The shutdown takes too long (T5-shutdown-guard).
    ShutdownGuard,
    /// Data is not acknowledged (T3-rtx).
    Retransmission,
    /// A chunk that was overtaken counts as lost (RFC 8985, section 6.2).
    Reordering,
    /// The last chunks are not acknowledged (RFC 8985, section 7.2).
    TailLossProbe,
    /// A packet may leave.
    Pacing,
    /// A SACK was delayed for long enough.
    DelayedSack,
    /// The path is idle.
    Heartbeat,
    /// A RE-CONFIG request is repeated.
    ReConfig,
    /// The next path MTU probe, or the end of one.
    MtuProbe,
}

impl Timer {
    const COUNT: usize = 12;

    /// All of them, in the order in which they are handled when several are due.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Init,
        Self::Cookie,
        Self::Shutdown,
        Self::ShutdownGuard,
        Self::Reordering,
        Self::TailLossProbe,
        Self::Retransmission,
        Self::Pacing,
        Self::DelayedSack,
        Self::Heartbeat,
        Self::ReConfig,
        Self::MtuProbe,
    ];
}

/// When each timer is due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers([Option<Instant>; Timer::COUNT]);

impl Timers {
    pub(crate) const fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(crate) const fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) const fn get(&self, timer: Timer) -> Option<Instant> {
        self.0[timer as usize]
    }

    pub(crate) const fn is_running(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    /// Stops a timer if it is due, and says whether it was.
    pub(crate) fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.get(timer).is_some_and(|at| at <= now);
        if due {
            self.stop(timer);
        }
        due
    }

    pub(crate) const fn stop_all(&mut self) {
        self.0 = [None; Timer::COUNT];
    }

    /// When the first one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_timer_is_next() {
        let now = Instant::now();
        let mut timers = Timers::default();
        assert_eq!(timers.next(), None);
        for (i, timer) in Timer::ALL.into_iter().enumerate() {
            timers.set(timer, now + Duration::from_secs(20 - i as u64));
        }
        assert_eq!(timers.next(), timers.get(Timer::MtuProbe));
        assert!(!timers.take_due(Timer::MtuProbe, now));
        assert!(timers.take_due(Timer::MtuProbe, now + Duration::from_secs(20)));
        assert!(!timers.is_running(Timer::MtuProbe));
        timers.stop_all();
        assert_eq!(timers.next(), None);
    }
}
