//! When datagrams arrived.

use std::time::{Duration, Instant, SystemTime};

/// The longest that a datagram is taken to have waited in the kernel. An age beyond it says that the wall clock was set.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Turns the kernel's times of arrival, which are on the wall clock, into the time that the cores are told.
///
/// What waits while the task is busy has one time of reading and many times of arrival; a peer that measures the path
/// by the spacing of its packets (transport-wide congestion control) is to be told the latter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    pub(super) now: Instant,
    /// The wall clock at `now`, since the Unix epoch.
    wall: Duration,
}

impl Arrivals {
    /// For a batch that has just been read.
    pub(super) fn of_now() -> Self {
        // In this order: if something comes in between, datagrams seem to have come late. That they seem to have come before
        // what they answer was sent would be worse.
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            wall: wall.unwrap_or_default(),
            now: Instant::now(),
        }
    }

    /// When a datagram arrived that the kernel saw at `timestamp` on the wall clock; the time of reading where the
    /// kernel does not say, or what it says cannot be.
    pub(super) fn time(&self, timestamp: Option<Duration>) -> Instant {
        let age = timestamp.and_then(|timestamp| self.wall.checked_sub(timestamp));
        age.filter(|age| *age <= MAX_AGE)
            .and_then(|age| self.now.checked_sub(age))
            .unwrap_or(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_has_the_time_at_which_the_kernel_saw_it() {
        let arrivals = Arrivals::of_now();
        let now = arrivals.now;
        let ago = |age: Duration| arrivals.time(Some(arrivals.wall - age));
        assert_eq!(ago(Duration::ZERO), now);
        assert_eq!(
            ago(Duration::from_micros(300)),
            now - Duration::from_micros(300)
        );
        assert_eq!(ago(MAX_AGE), now - MAX_AGE);
    }

    #[test]
    fn without_a_believable_time_it_is_the_time_of_reading() {
        let arrivals = Arrivals::of_now();
        let now = arrivals.now;
        let later = arrivals.wall + Duration::from_millis(1);
        let long_ago = arrivals.wall - MAX_AGE - Duration::from_millis(1);
        for timestamp in [None, Some(later), Some(long_ago)] {
            assert_eq!(arrivals.time(timestamp), now);
        }
    }
}
