//! Which packets are missing, and when to ask for them again (RFC 4585, section 6.2.1).

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::session::DEFAULT_ROUND_TRIP;

/// More missing packets than these are not asked for: then a key frame is cheaper.
const MAX_MISSING: usize = 1000;

/// The other end keeps packets for about so long. After a longer silence, what was lost is gone: only
/// small gaps are worth a request.
const MAX_SILENCE: Duration = Duration::from_millis(400);
const MAX_GAP_AFTER_SILENCE: u64 = 16;

/// A packet is asked for so often at most.
const MAX_TRIES: u8 = 10;

/// Packets may be taken for missing this much later when the path reorders.
const MAX_REORDER_DELAY: Duration = Duration::from_millis(40);

/// After which time a request counts as unanswered: a quarter of the round trip for jitter, and the sender
/// may hold a packet back for a tick of its pacer.
pub(super) fn retry_after(round_trip: Duration) -> Duration {
    (round_trip * 5 / 4 + Duration::from_millis(5)).max(Duration::from_millis(15))
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    noticed: Instant,
    /// When to ask (again).
    due: Instant,
    tries: u8,
    asked: Option<Instant>,
}

/// The missing packets of one source.
#[derive(Debug, Default)]
pub(crate) struct NackTracker {
    highest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    /// When the last new packet came.
    last_arrival: Option<Instant>,
    /// No later than the earliest `due`.
    next: Option<Instant>,
    /// How long a gap is given to close by itself. It grows when packets overtake each other.
    reorder_delay: Duration,
}

/// What the arrival of a packet showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// So many packets are missing that asking for each makes no sense.
    pub(crate) too_many: bool,
    /// How long the answer to the first request for this packet took.
    pub(crate) round_trip: Option<Duration>,
}

impl NackTracker {
    /// A packet arrived, by itself or as a retransmission.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        sequence: u64,
        retransmitted: bool,
    ) -> Noticed {
        let mut noticed = Noticed::default();
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return noticed;
        };
        if sequence <= highest {
            if let Some(entry) = self.missing.remove(&sequence) {
                noticed.round_trip = self.filled(now, entry, retransmitted);
            }
            return noticed;
        }
        let gap = sequence - highest - 1;
        self.highest = Some(sequence);
        let outage = gap > MAX_GAP_AFTER_SILENCE
            && self
                .last_arrival
                .is_some_and(|last| last + MAX_SILENCE < now);
        self.last_arrival = Some(now);
        if outage || gap as usize > MAX_MISSING - self.missing.len() {
            self.missing.clear();
            self.next = None;
            noticed.too_many = true;
            return noticed;
        }
        self.note_missing(now, highest + 1..sequence);
        noticed
    }

    /// The packets from `sequence` to the first one that arrived are wanted too.
    pub(crate) fn want_from(&mut self, now: Instant, sequence: u64) {
        let first = self.highest.unwrap_or(sequence);
        self.note_missing(now, sequence..first);
    }

    fn note_missing(&mut self, now: Instant, sequences: Range<u64>) {
        if sequences.is_empty() {
            return;
        }
        let due = now + self.reorder_delay;
        let entry = Missing {
            noticed: now,
            due,
            tries: 0,
            asked: None,
        };
        self.missing
            .extend(sequences.map(|missing| (missing, entry)));
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }

    fn filled(&mut self, now: Instant, entry: Missing, retransmitted: bool) -> Option<Duration> {
        if !retransmitted {
            // It was not lost, others overtook it: wait a little longer next time.
            let late = now.saturating_duration_since(entry.noticed);
            let wanted = (late + late / 4).min(MAX_REORDER_DELAY);
            if late < MAX_REORDER_DELAY {
                self.reorder_delay = self.reorder_delay.max(wanted);
            }
            return None;
        }
        self.reorder_delay = self.reorder_delay * 15 / 16;
        let asked = entry.asked.filter(|_| entry.tries == 1)?;
        Some(now.saturating_duration_since(asked))
    }

    /// Packets before `sequence` are not needed any more.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        if self
            .missing
            .first_key_value()
            .is_some_and(|(first, _)| *first < sequence)
        {
            self.missing = self.missing.split_off(&sequence);
        }
    }

    /// Whether this packet is missing, and was asked for long enough ago to be the answer.
    pub(crate) fn was_asked(&self, now: Instant, sequence: u64) -> bool {
        self.missing
            .get(&sequence)
            .and_then(|entry| entry.asked)
            .is_some_and(|asked| now.saturating_duration_since(asked) > MAX_REORDER_DELAY / 4)
    }

    pub(crate) fn reset(&mut self) {
        self.highest = None;
        self.last_arrival = None;
        self.missing.clear();
        self.next = None;
    }

    /// When to call [`Self::collect`].
    pub(crate) const fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Appends the packets that are to be asked for now.
    pub(crate) fn collect(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        out: &mut Vec<u64>,
    ) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let retry = retry_after(round_trip.unwrap_or(DEFAULT_ROUND_TRIP));
        self.next = None;
        let next = &mut self.next;
        self.missing.retain(|sequence, entry| {
            if entry.due <= now {
                if entry.tries == MAX_TRIES {
                    return false;
                }
                entry.tries += 1;
                entry.asked = Some(now);
                entry.due = now + retry;
                out.push(*sequence);
            }
            *next = Some(next.map_or(entry.due, |earliest| earliest.min(entry.due)));
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(40));

    fn ms(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn due(tracker: &mut NackTracker, now: Instant) -> Vec<u64> {
        let mut out = Vec::new();
        tracker.collect(now, RTT, &mut out);
        out
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_again_after_a_round_trip() {
        let mut tracker = NackTracker::default();
        tracker.on_packet(ms(0), 10, false);
        tracker.on_packet(ms(1), 13, false);
        assert_eq!(tracker.next_timeout(), Some(ms(1)));
        assert_eq!(due(&mut tracker, ms(1)), [11, 12]);
        assert_eq!(due(&mut tracker, ms(40)), []);
        let noticed = tracker.on_packet(ms(42), 11, true);
        assert_eq!(noticed.round_trip, Some(Duration::from_millis(41)));
        assert_eq!(tracker.next_timeout(), Some(ms(56)));
        assert_eq!(due(&mut tracker, ms(56)), [12]);
        assert_eq!(
            tracker.on_packet(ms(90), 12, true).round_trip,
            None,
            "second try"
        );
        assert_eq!(due(&mut tracker, ms(200)), []);
        assert_eq!(tracker.next_timeout(), None);
    }

    #[test]
    fn what_came_before_the_first_packet_can_be_asked_for() {
        let mut tracker = NackTracker::default();
        tracker.want_from(ms(0), 5);
        assert_eq!(due(&mut tracker, ms(0)), [], "no packet, no number");
        tracker.on_packet(ms(0), 10, false);
        tracker.want_from(ms(0), 10);
        assert_eq!(tracker.next_timeout(), None);
        tracker.want_from(ms(0), 8);
        assert_eq!(due(&mut tracker, ms(0)), [8, 9]);
        tracker.forget_before(9);
        assert_eq!(due(&mut tracker, ms(60)), [9]);
    }

    #[test]
    fn a_path_that_reorders_is_given_time() {
        let mut tracker = NackTracker::default();
        tracker.on_packet(ms(0), 1, false);
        tracker.on_packet(ms(0), 3, false);
        tracker.on_packet(ms(8), 2, false);
        tracker.on_packet(ms(20), 5, false);
        assert_eq!(due(&mut tracker, ms(29)), []);
        assert_eq!(due(&mut tracker, ms(30)), [4]);
    }

    #[test]
    fn after_an_outage_nothing_is_asked_for() {
        let mut tracker = NackTracker::default();
        tracker.on_packet(ms(0), 1, false);
        tracker.on_packet(ms(10), 2, false);
        assert!(tracker.on_packet(ms(1000), 50, false).too_many);
        assert_eq!(due(&mut tracker, ms(1000)), []);
        assert!(!tracker.on_packet(ms(2000), 60, false).too_many);
        assert_eq!(due(&mut tracker, ms(2000)).len(), 9);
    }

    #[test]
    fn tries_and_entries_are_bounded() {
        let mut tracker = NackTracker::default();
        tracker.on_packet(ms(0), 1, false);
        tracker.on_packet(ms(0), 3, false);
        let asked = (0..10_000)
            .filter(|&at| due(&mut tracker, ms(at)) == [2])
            .count();
        assert_eq!(asked, usize::from(MAX_TRIES));
        assert!(!tracker.was_asked(ms(10_000), 2));
        assert!(tracker.on_packet(ms(0), 2000, false).too_many);
        assert!(tracker.missing.is_empty());
        for step in 1..=600 {
            tracker.on_packet(ms(0), 2000 + 3 * step, false);
            assert!(tracker.missing.len() <= MAX_MISSING);
        }
        tracker.forget_before(u64::MAX);
        assert_eq!(due(&mut tracker, ms(60_000)), []);
    }
}
