//! Loss detection by time: RACK and the tail-loss probe (RFC 8985), applied to TSNs.

use std::time::{Duration, Instant};

/// What RACK remembers.
#[derive(Debug, Default)]
pub(crate) struct Rack {
    /// When the most recently sent chunk that was delivered was sent, and its place in the order of
    /// transmissions.
    newest: Option<(Instant, u64)>,
    /// That chunk's round-trip time.
    rtt: Duration,
    /// Whether chunks have arrived out of order.
    reordering_seen: bool,
    /// The reordering window in quarters of the least round-trip time.
    window_quarters: u32,
    /// Round trips until the window shrinks again.
    persist: u32,
    /// `delivered` at the start of the round trip in which the window was last widened.
    round_end: u64,
    /// The highest TSN that was delivered.
    highest_acked: u64,
}

/// Section 6.2, step 4: after 16 recoveries without reordering the window is small again.
const PERSIST: u32 = 16;

impl Rack {
    /// Takes a chunk that was delivered (steps 1 to 3). `min_rtt` weeds out acknowledgements of the
    /// first transmission of a chunk that was sent again.
    pub(crate) fn on_acked(
        &mut self,
        now: Instant,
        tsn: u64,
        sent_at: Instant,
        order: u64,
        retransmitted: bool,
        min_rtt: Duration,
    ) {
        // What arrived before it was sent has a time of another clock, which says nothing.
        let Some(rtt) = now.checked_duration_since(sent_at) else {
            return;
        };
        if retransmitted && rtt < min_rtt {
            return;
        }
        if tsn < self.highest_acked && !retransmitted {
            self.reordering_seen = true;
        }
        self.highest_acked = self.highest_acked.max(tsn);
        if self.newest.is_none_or(|newest| (sent_at, order) > newest) {
            self.newest = Some((sent_at, order));
            self.rtt = rtt;
        }
    }

    /// Duplicates were reported: what we sent again had only been late, so wait longer (step 4).
    pub(crate) fn on_spurious(&mut self, delivered: u64, now_delivered: u64) {
        if delivered > self.round_end || self.round_end == 0 {
            self.window_quarters = (self.window_quarters.max(1) + 1).min(64);
            self.round_end = now_delivered;
        }
        self.persist = PERSIST;
    }

    /// Recovery is over.
    pub(crate) const fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.window_quarters = 1;
        }
    }

    /// How long a chunk may be overtaken before it counts as lost.
    ///
    /// `eager` says that recovery is on or many chunks were overtaken: without any sign of reordering
    /// the window is then nothing (section 6.2, step 4).
    fn window(&self, eager: bool, min_rtt: Duration, srtt: Duration) -> Duration {
        if !self.reordering_seen && eager {
            return Duration::ZERO;
        }
        (min_rtt * self.window_quarters.max(1) / 4).min(srtt)
    }

    /// Whether a chunk that was sent at `sent_at` is lost at `now` (step 5). If it has been overtaken
    /// but is not lost yet, the time when it will be.
    pub(crate) fn verdict(
        &self,
        now: Instant,
        sent_at: Instant,
        order: u64,
        eager: bool,
        min_rtt: Duration,
        srtt: Duration,
    ) -> Verdict {
        if self.newest.is_none_or(|newest| (sent_at, order) >= newest) {
            return Verdict::NotOvertaken;
        }
        let lost_at = sent_at + self.rtt + self.window(eager, min_rtt, srtt);
        if now >= lost_at {
            Verdict::Lost
        } else {
            Verdict::LostAt(lost_at)
        }
    }
}

/// What RACK says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing that was sent later has arrived.
    NotOvertaken,
    /// It will be lost then, unless it arrives.
    LostAt(Instant),
    /// It is lost.
    Lost,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_overtaken_is_lost_after_the_window() {
        let start = Instant::now();
        let mut rack = Rack::default();
        let verdict =
            |rack: &Rack, now, eager| rack.verdict(now, start, 1, eager, 100 * MS, 100 * MS);
        assert_eq!(
            verdict(&rack, start + 500 * MS, false),
            Verdict::NotOvertaken
        );
        rack.on_acked(start + 105 * MS, 2, start + 5 * MS, 2, false, 100 * MS);
        assert_eq!(
            verdict(&rack, start + 105 * MS, false),
            Verdict::LostAt(start + 125 * MS)
        );
        assert_eq!(verdict(&rack, start + 125 * MS, false), Verdict::Lost);
        assert_eq!(verdict(&rack, start + 105 * MS, true), Verdict::Lost);
    }

    #[test]
    fn reordering_and_duplicates_widen_the_window() {
        let start = Instant::now();
        let mut rack = Rack::default();
        rack.on_acked(start + 105 * MS, 3, start + 5 * MS, 3, false, 100 * MS);
        rack.on_acked(start + 105 * MS, 2, start + 4 * MS, 2, false, 100 * MS);
        let verdict =
            |rack: &Rack| rack.verdict(start + 105 * MS, start, 1, true, 100 * MS, 100 * MS);
        assert_eq!(verdict(&rack), Verdict::LostAt(start + 125 * MS));
        rack.on_spurious(10, 20);
        assert_eq!(verdict(&rack), Verdict::LostAt(start + 150 * MS));
        rack.on_spurious(15, 30);
        assert_eq!(
            verdict(&rack),
            Verdict::LostAt(start + 150 * MS),
            "once a round trip"
        );
        for _ in 0..PERSIST {
            rack.on_recovered();
        }
        assert_eq!(verdict(&rack), Verdict::LostAt(start + 125 * MS));
    }

    #[test]
    fn an_ack_that_is_too_early_for_the_second_transmission_says_nothing() {
        let start = Instant::now();
        let mut rack = Rack::default();
        rack.on_acked(start + 10 * MS, 5, start, 9, true, 100 * MS);
        assert_eq!(
            rack.verdict(start + 20 * MS, start - MS, 1, true, MS, MS),
            Verdict::NotOvertaken
        );
    }
}
