use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// A media time in ticks of a clock of `clock_rate` hertz, rounded to the nearest tick.
///
/// Together with [`from_ticks`] this is exact for clocks below 500 MHz: ticks that became a
/// `Duration` come back as the same ticks. A rate of 0 counts no ticks.
///
/// ```
/// use gannet_codecs::{from_ticks, to_ticks};
///
/// let time = from_ticks(90_001, 90_000);
/// assert_eq!(to_ticks(time, 90_000), 90_001);
/// ```
pub fn to_ticks(time: Duration, clock_rate: u32) -> u64 {
    let scaled = time.as_nanos() * u128::from(clock_rate);
    u64::try_from((scaled + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND).unwrap_or(u64::MAX)
}

/// The media time of a number of ticks of a clock of `clock_rate` hertz, to the nearest nanosecond.
///
/// A rate of 0 yields zero.
pub fn from_ticks(ticks: u64, clock_rate: u32) -> Duration {
    if clock_rate == 0 {
        return Duration::ZERO;
    }
    let rate = u128::from(clock_rate);
    let nanos = (u128::from(ticks) * NANOS_PER_SECOND + rate / 2) / rate;
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    Duration::from_secs(seconds) + Duration::from_nanos((nanos % NANOS_PER_SECOND) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_are_exact() {
        assert_eq!(to_ticks(Duration::from_secs(3), 90_000), 270_000);
        assert_eq!(from_ticks(960, 48_000), Duration::from_millis(20));
        assert_eq!(from_ticks(1, 0), Duration::ZERO);
        assert_eq!(to_ticks(Duration::MAX, u32::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn ticks_survive_the_way_through_a_duration(
            ticks in 0..=u64::from(u32::MAX) * 1_000,
            rate in prop_oneof![Just(90_000u32), Just(48_000), Just(44_100), 1_000u32..400_000_000],
        ) {
            prop_assert_eq!(to_ticks(from_ticks(ticks, rate), rate), ticks);
        }
    }
}
