//! Virtual time: where it starts.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// The instant at which every simulation starts.
///
/// It is taken from the operating system once per process, because there is no other way to make
/// an [`Instant`]; nothing ever depends on its value, only on distances from it. Endpoints that
/// want to know the time when they are built are given this one.
#[must_use]
pub fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    #[allow(
        clippy::disallowed_methods,
        reason = "an Instant cannot be made from nothing; only distances from this one are used"
    )]
    *START.get_or_init(Instant::now)
}

/// The wall clock that belongs to [`start`]: noon of 1 January 2026, UTC, in every run.
#[must_use]
pub fn wall_clock_start() -> SystemTime {
    const NOON: Duration = Duration::from_secs(1_767_268_800);
    SystemTime::UNIX_EPOCH + NOON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_starts_once() {
        assert_eq!(start(), start());
    }

    #[test]
    fn the_wall_clock_starts_at_noon() {
        let since_epoch = wall_clock_start()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("2026 is after 1970");
        assert_eq!(since_epoch.as_secs() % 86_400, 43_200);
    }
}
