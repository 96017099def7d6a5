//! When the media of a source was captured, by the clock of this side.
//!
//! Sender reports say it by the wall clock of their sender (RFC 3550, section 6.4.1). What lies between that clock and
//! ours is taken to be the shortest that a report seemed to be on its way: the same for all streams that it
//! belongs to, and changed slowly, so that streams which were captured together stay together.

use std::time::{Duration, Instant};

use gannet_rtp::{NtpTime, WallClock};

/// So many clocks are known at a time: a peer has one, a middlebox that passes on the reports of others has many.
const MAX_CLOCKS: usize = 16;
/// Reports that differ by less come by the same clock. More is no delay that anybody talks through.
const SAME_CLOCK: i64 = 2 << 32;
/// The shortest delay is that of the last one or two such times.
const WINDOW: Duration = Duration::from_secs(10);
/// By which part of the time that passes a difference changes at most. Clocks run apart by a tenth of it or less. What
/// was captured together is translated up to two reports apart, each 1.5 s after the other: 3 ms are not noticed, and
/// `tests/lip_sync.rs` measured 13 ms with five times as much. That a late first report is made good in minutes is
/// nothing to anybody, as all streams are late alike.
const SLEW: u32 = 1000;
/// Media is not older than this when it comes, nor comes so long before its time: the timestamps have nothing to do
/// with the report then.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The clock of a source, as long as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockId(u32);

/// The clocks that sources of a session report by.
#[derive(Debug)]
pub(crate) struct SourceClocks {
    own: WallClock,
    clocks: Vec<SourceClock>,
    next: u32,
}

#[derive(Debug)]
struct SourceClock {
    id: ClockId,
    /// What is added to its times, in units of NTP's.
    offset: i64,
    /// When it told the time last.
    heard: Instant,
    /// The smallest offset that was seen in the window that began then, and in the one before.
    smallest: i64,
    before: i64,
    began: Instant,
}

impl SourceClocks {
    pub(crate) const fn new(own: WallClock) -> Self {
        Self {
            own,
            clocks: Vec::new(),
            next: 0,
        }
    }

    /// A report has come that was written at `ntp`. The clock by which that was; `None` for a sender that has none.
    pub(crate) fn reported(&mut self, arrival: Instant, ntp: NtpTime) -> Option<ClockId> {
        if ntp == NtpTime(0) {
            return None;
        }
        let sample = self.own.ntp(arrival).0.wrapping_sub(ntp.0).cast_signed();
        let mut clocks = self.clocks.iter_mut();
        let known = clocks.find(|clock| clock.distance(sample) < SAME_CLOCK.unsigned_abs());
        if let Some(clock) = known {
            clock.update(arrival, sample);
            return Some(clock.id);
        }
        let id = ClockId(self.next);
        self.next = self.next.wrapping_add(1);
        if self.clocks.len() >= MAX_CLOCKS {
            let clocks = self.clocks.iter().enumerate();
            let oldest = clocks.min_by_key(|(_, clock)| clock.heard);
            oldest
                .map(|(index, _)| index)
                .map(|index| self.clocks.swap_remove(index));
        }
        self.clocks.push(SourceClock {
            id,
            offset: sample,
            heard: arrival,
            smallest: sample,
            before: sample,
            began: arrival,
        });
        Some(id)
    }

    /// When that was captured by our clock which came at `arrival`, and was captured at `ntp` by another clock.
    pub(crate) fn captured(
        &self,
        arrival: Instant,
        clock: ClockId,
        ntp: NtpTime,
    ) -> Option<Instant> {
        let clock = self.clocks.iter().find(|known| known.id == clock)?;
        let here = NtpTime(ntp.0.wrapping_add_signed(clock.offset));
        let captured = self.own.instant_at(here)?;
        let age = arrival.max(captured) - arrival.min(captured);
        (age <= MAX_AGE).then_some(captured)
    }
}

impl SourceClock {
    const fn distance(&self, sample: i64) -> u64 {
        self.offset.wrapping_sub(sample).unsigned_abs()
    }

    fn update(&mut self, arrival: Instant, sample: i64) {
        if arrival >= self.began + WINDOW {
            self.before = self.smallest;
            self.smallest = sample;
            self.began = arrival;
        }
        self.smallest = self.smallest.min(sample);
        let passed = arrival.saturating_duration_since(self.heard).min(WINDOW);
        let most = (((passed / SLEW).as_nanos() as i64) << 32) / 1_000_000_000;
        let aim = self.smallest.min(self.before);
        let step = aim.wrapping_sub(self.offset).clamp(-most, most);
        self.offset = self.offset.wrapping_add(step);
        self.heard = self.heard.max(arrival);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The clock of a source, an hour ahead of ours.
    struct Scene {
        clocks: SourceClocks,
        start: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let start = gannet_netsim::start();
            let own = WallClock::new(start, gannet_netsim::wall_clock_start());
            Self {
                clocks: SourceClocks::new(own),
                start,
            }
        }

        fn ntp(&self, ms: u64, ahead: u64) -> NtpTime {
            let at = self.start + Duration::from_millis(ms);
            NtpTime(self.clocks.own.ntp(at).0.wrapping_add(ahead << 32))
        }

        /// A report of the time `ms` that is `delay` ms on its way.
        fn report(&mut self, ms: u64, delay: u64, ahead: u64) -> ClockId {
            let arrival = self.start + Duration::from_millis(ms + delay);
            let ntp = self.ntp(ms, ahead);
            self.clocks.reported(arrival, ntp).unwrap()
        }

        /// How late the time `ms` is taken to be, in milliseconds.
        fn late(&self, clock: ClockId, ms: u64) -> Option<f64> {
            let real = self.start + Duration::from_millis(ms);
            let ntp = self.ntp(ms, 3600);
            let captured = self.clocks.captured(real, clock, ntp)?;
            let later = captured.saturating_duration_since(real).as_secs_f64();
            Some((later - real.saturating_duration_since(captured).as_secs_f64()) * 1000.0)
        }
    }

    #[test]
    fn a_late_first_report_is_made_good_slowly() {
        let mut scene = Scene::new();
        let clock = scene.report(0, 230, 3600);
        let mut before = scene.late(clock, 0).unwrap();
        assert!((before - 230.0).abs() < 0.01, "{before}");
        for second in 1..260 {
            let (sound, pictures) = (second * 1000, second * 1000 + 400);
            assert_eq!(scene.report(sound, 20, 3600), clock);
            assert_eq!(scene.report(pictures, 250, 3600), clock);
            let late = scene.late(clock, pictures).unwrap();
            assert!(late <= before && before - late < 1.5, "{before} {late}");
            before = late;
        }
        assert!((before - 20.0).abs() < 0.01, "{before}");
    }

    // A path that has become longer is believed when nothing came by a shorter one for a while.
    #[test]
    fn a_longer_path_is_noticed_and_a_late_report_is_not() {
        let mut scene = Scene::new();
        let mut clock = scene.report(0, 20, 3600);
        for second in 1..8 {
            clock = scene.report(second * 1000, 20 + 300 * (second % 2), 3600);
        }
        assert!((scene.late(clock, 8000).unwrap() - 20.0).abs() < 0.01);
        for second in 8..100 {
            clock = scene.report(second * 1000, 80, 3600);
        }
        assert!((scene.late(clock, 100_000).unwrap() - 80.0).abs() < 0.01);
    }

    #[test]
    fn another_clock_is_another_clock() {
        let mut scene = Scene::new();
        let clock = scene.report(0, 20, 3600);
        let other = scene.report(0, 20, 7200);
        assert_ne!(clock, other);
        assert_eq!(scene.report(1000, 20, 3600), clock);
        assert!((scene.late(clock, 1000).unwrap() - 20.0).abs() < 0.01);
        // An hour from when it came, and no capture of what came then.
        assert_eq!(scene.late(other, 1000), None);
        let nobody = scene.clocks.reported(scene.start, NtpTime(0));
        assert_eq!(nobody, None);
    }

    #[test]
    fn clocks_are_bounded_and_the_oldest_goes() {
        let mut scene = Scene::new();
        let clocks: Vec<ClockId> = (0..40)
            .map(|index| scene.report(index, 0, 3600 + 10 * index))
            .collect();
        assert_eq!(scene.clocks.clocks.len(), MAX_CLOCKS);
        let start = scene.start;
        let known = |clock: &ClockId| scene.clocks.clocks.iter().any(|known| known.id == *clock);
        assert!(clocks[40 - MAX_CLOCKS..].iter().all(known));
        assert_eq!(scene.late(clocks[0], 0), None);
        assert!(
            scene
                .clocks
                .captured(start + SECOND, clocks[39], scene.ntp(0, 3990))
                .is_some()
        );
    }
}
