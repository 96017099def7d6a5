//! Clocks: NTP time, the caller's wall clock, and RTP timestamps.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::time::{Duration, Instant, SystemTime};

use gannet_wire::{Extender32, Serial32};

/// From the NTP epoch (1900) to the Unix epoch (1970), in seconds.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A point in time as NTP writes it: 32 bits of seconds since 1900 and 32 bits of fraction (RFC 3550,
/// section 4). The seconds wrap in 2036.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NtpTime(
    /// Seconds in the high half, fraction in the low half.
    pub u64,
);

impl NtpTime {
    /// The NTP time of a system time. Times before 1970 are those of 1970.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds << 32 | fraction)
    }

    /// The system time, taken to lie between 1970 and 2106.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        let seconds = (self.0 >> 32).wrapping_sub(NTP_TO_UNIX) & 0xffff_ffff;
        let nanos = (self.0 & 0xffff_ffff).wrapping_mul(1_000_000_000) >> 32;
        let since = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos));
        SystemTime::UNIX_EPOCH
            .checked_add(since)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The middle 32 bits, which reports carry: 16 of seconds, 16 of fraction.
    #[inline]
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16 & 0xffff_ffff) as u32
    }

    /// How much later `self` is than `earlier`; zero if it is not. Differences are below 2^31 s.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let ticks = self.0.wrapping_sub(earlier.0);
        if ticks >> 63 != 0 {
            return Duration::ZERO;
        }
        let nanos = (ticks & 0xffff_ffff).wrapping_mul(1_000_000_000) >> 32;
        Duration::from_secs(ticks >> 32).saturating_add(Duration::from_nanos(nanos))
    }
}

/// A duration in units of 1/65536 s, as DLSR and round-trip computations use it (RFC 3550, section
/// 6.4.1). It saturates at 18 hours.
#[must_use]
pub(crate) fn to_short_duration(duration: Duration) -> u32 {
    let whole = duration.as_secs().min(0xffff) << 16;
    let fraction = (u64::from(duration.subsec_nanos()) << 16) / 1_000_000_000;
    u32::try_from(whole | fraction).unwrap_or(u32::MAX)
}

/// The duration of units of 1/65536 s.
#[must_use]
pub(crate) const fn from_short_duration(units: u32) -> Duration {
    Duration::from_nanos((units as u64).wrapping_mul(1_000_000_000) >> 16)
}

/// Ties the caller's monotonic clock to the wall clock: one moment, read on both.
///
/// A core asks no clock; it is told this pair once, and derives NTP times from `now`.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    instant: Instant,
    time: SystemTime,
}

impl WallClock {
    /// The moment that is `instant` and `time`.
    #[must_use]
    pub const fn new(instant: Instant, time: SystemTime) -> Self {
        Self { instant, time }
    }

    /// The moment on the caller's clock.
    #[must_use]
    pub const fn instant(&self) -> Instant {
        self.instant
    }

    /// The wall-clock time of `now`.
    #[must_use]
    pub fn system_time(&self, now: Instant) -> SystemTime {
        let later = now.saturating_duration_since(self.instant);
        let earlier = self.instant.saturating_duration_since(now);
        let time = self.time.checked_add(later).unwrap_or(self.time);
        time.checked_sub(earlier).unwrap_or(time)
    }

    /// The NTP time of `now`.
    #[must_use]
    pub fn ntp(&self, now: Instant) -> NtpTime {
        NtpTime::from_system_time(self.system_time(now))
    }

    /// The moment on the caller's clock that has this NTP time, within 68 years of the pair; `None` if that clock does
    /// not reach so far.
    #[must_use]
    pub fn instant_at(&self, ntp: NtpTime) -> Option<Instant> {
        let anchor = NtpTime::from_system_time(self.time);
        let later = self.instant.checked_add(ntp.since(anchor))?;
        later.checked_sub(anchor.since(ntp))
    }
}

/// Maps the RTP timestamps of one source to its NTP time, by its sender reports (RFC 3550, section
/// 6.4.1). Sources of one endpoint that are mapped so can be played in sync.
#[derive(Clone, Copy, Debug)]
pub struct RtpClock {
    clock_rate: u32,
    extender: Extender32,
    /// The latest pair: NTP time, and extended RTP timestamp.
    report: Option<(NtpTime, u64)>,
}

impl RtpClock {
    /// A clock of `clock_rate` ticks a second; 0 is taken as 1.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: if clock_rate == 0 { 1 } else { clock_rate },
            extender: Extender32::new(),
            report: None,
        }
    }

    /// Ticks a second.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Takes the pair of a sender report.
    pub const fn update(&mut self, ntp: NtpTime, timestamp: Serial32) {
        let extended = self.extender.extend(timestamp);
        self.report = Some((ntp, extended));
    }

    /// When the source sampled the media with this timestamp, by its own NTP clock; `None` before its
    /// first sender report.
    #[must_use]
    pub fn ntp(&self, timestamp: Serial32) -> Option<NtpTime> {
        let (ntp, reported) = self.report?;
        let ticks = i128::from(self.extender.peek(timestamp)).wrapping_sub(i128::from(reported));
        let units = ticks
            .wrapping_mul(1 << 32)
            .checked_div(i128::from(self.clock_rate))?;
        Some(NtpTime(
            ntp.0.wrapping_add_signed(i64::try_from(units).ok()?),
        ))
    }

    /// How many ticks `duration` takes, wrapping.
    #[must_use]
    pub fn ticks(&self, duration: Duration) -> u32 {
        let rate = u128::from(self.clock_rate);
        let ticks = duration.as_nanos().wrapping_mul(rate) / 1_000_000_000;
        (ticks & 0xffff_ffff) as u32
    }

    /// How long `ticks` take.
    #[must_use]
    pub fn duration(&self, ticks: u32) -> Duration {
        let nanos = u64::from(ticks).wrapping_mul(1_000_000_000);
        Duration::from_nanos(nanos.checked_div(u64::from(self.clock_rate)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_and_system_time() {
        // RFC 3550, section 6.4.1, figure 2: 10 Nov 1995 11:33:25.125 UTC is 0xb44d_b705:2000_0000.
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(816_003_205_125);
        let ntp = NtpTime::from_system_time(time);
        assert_eq!(ntp, NtpTime(0xb44d_b705_2000_0000));
        assert_eq!(ntp.middle(), 0xb705_2000);
        assert_eq!(ntp.to_system_time(), time);
    }

    #[test]
    fn after_2036_the_seconds_wrap() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(2_100_000_000);
        assert_eq!(NtpTime::from_system_time(time).to_system_time(), time);
    }

    // RFC 3550, section 6.4.1, figure 2: 5.25 s of DLSR are 0x0005:4000.
    #[test]
    fn short_durations() {
        assert_eq!(to_short_duration(Duration::from_millis(5250)), 0x0005_4000);
        assert_eq!(
            from_short_duration(0x0005_4000),
            Duration::from_millis(5250)
        );
        assert!(to_short_duration(Duration::from_secs(1 << 40)) >= 0xffff_0000);
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "a test may start from any instant"
    )]
    fn a_wall_clock_runs_both_ways() {
        let start = Instant::now();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let clock = WallClock::new(start + Duration::from_secs(10), time);
        let second = Duration::from_secs(1);
        assert_eq!(clock.system_time(start + 11 * second), time + second);
        assert_eq!(clock.system_time(start + 9 * second), time - second);
        for at in [start + 9 * second, start + 11 * second] {
            let back = clock.instant_at(clock.ntp(at)).unwrap();
            assert!(back.max(at) - back.min(at) < Duration::from_nanos(3));
        }
    }

    #[test]
    fn timestamps_map_to_the_source_clock() {
        let mut clock = RtpClock::new(90_000);
        assert_eq!(clock.ntp(Serial32(0)), None);
        clock.update(NtpTime(100 << 32), Serial32(u32::MAX - 44_999));
        let half = 1 << 31;
        assert_eq!(clock.ntp(Serial32(0)), Some(NtpTime((100 << 32) + half)));
        assert_eq!(
            clock.ntp(Serial32(u32::MAX - 89_999)),
            Some(NtpTime((100 << 32) - half))
        );
        assert_eq!(clock.ticks(Duration::from_millis(500)), 45_000);
        assert_eq!(clock.duration(45_000), Duration::from_millis(500));
    }

    #[test]
    fn differences() {
        let a = NtpTime(5 << 32);
        let b = NtpTime((6 << 32) + (1 << 31));
        assert_eq!(b.since(a), Duration::from_millis(1500));
        assert_eq!(a.since(b), Duration::ZERO);
    }
}
