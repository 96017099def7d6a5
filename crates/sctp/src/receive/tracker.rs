//! Which TSNs have arrived, and when to say so.

use std::time::{Duration, Instant};

use gannet_wire::Serial32;

use crate::packet::GapBlock;
use crate::ranges::{self, Ranges};

/// What became of a TSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is new.
    New,
    /// It had arrived before.
    Duplicate,
    /// It is too far ahead to be reported in a SACK.
    TooFar,
}

/// How urgent the next SACK is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Nothing is to be acknowledged.
    #[default]
    None,
    /// When the delay is over, or with the next packet.
    Delayed,
    /// With the next `poll_transmit`.
    Now,
}

/// Tracks received TSNs (RFC 9260, section 6.2).
#[derive(Debug)]
pub(crate) struct TsnTracker {
    /// Everything up to here has arrived.
    cumulative: u64,
    /// What has arrived behind that.
    ahead: Ranges,
    duplicates: Vec<Serial32>,
    urgency: Urgency,
    /// Packets with data since the last SACK.
    unacknowledged_packets: u32,
    /// Whether data has arrived in the packet that is being handled.
    data_in_packet: bool,
    first_data_seen: bool,
}

/// How many duplicates a SACK reports.
const MAX_DUPLICATES: usize = 32;

impl TsnTracker {
    /// How far ahead of the cumulative TSN a chunk may be: gap blocks are 16-bit distances.
    pub(crate) const MAX_AHEAD: u64 = 65_000;

    pub(crate) fn new(initial_tsn: Serial32) -> Self {
        Self {
            cumulative: ranges::first(initial_tsn.0) - 1,
            ahead: Ranges::default(),
            duplicates: Vec::with_capacity(MAX_DUPLICATES),
            urgency: Urgency::None,
            unacknowledged_packets: 0,
            data_in_packet: false,
            first_data_seen: false,
        }
    }

    pub(crate) const fn cumulative(&self) -> u64 {
        self.cumulative
    }

    pub(crate) const fn cumulative_tsn(&self) -> Serial32 {
        Serial32(self.cumulative as u32)
    }

    /// The 64-bit form of a TSN.
    pub(crate) const fn unwrap(&self, tsn: Serial32) -> u64 {
        ranges::nearest(self.cumulative, tsn.0)
    }

    /// Whether something is missing in front of something that has arrived.
    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// The highest TSN that has arrived.
    pub(crate) fn highest(&self) -> u64 {
        self.ahead.last().unwrap_or(self.cumulative)
    }

    /// What would become of a TSN, without noting it.
    pub(crate) fn check(&self, tsn: u64) -> Arrival {
        if tsn <= self.cumulative || self.ahead.contains(tsn) {
            Arrival::Duplicate
        } else if tsn - self.cumulative > Self::MAX_AHEAD {
            Arrival::TooFar
        } else {
            Arrival::New
        }
    }

    /// Notes a duplicate. Section 6.2: it is acknowledged at once.
    pub(crate) fn duplicate(&mut self, tsn: Serial32) {
        self.data_in_packet = true;
        self.urgency = Urgency::Now;
        if self.duplicates.len() < MAX_DUPLICATES {
            self.duplicates.push(tsn);
        }
    }

    /// Notes data for which there was no room: the peer should hear of our window.
    pub(crate) fn refused(&mut self) {
        self.urgency = Urgency::Now;
    }

    /// Notes that a TSN has arrived, which [`Self::check`] has found new.
    pub(crate) fn received(&mut self, tsn: u64, immediate: bool) {
        self.data_in_packet = true;
        let had_gap = self.has_gap();
        if tsn == self.cumulative + 1 {
            self.cumulative = tsn;
            self.absorb();
        } else {
            self.ahead.insert(tsn, tsn, |_| {});
        }
        // Section 6.7: gaps, and their ends, are reported at once. Section 5.1: so is the first DATA.
        if immediate || had_gap || self.has_gap() || !self.first_data_seen {
            self.urgency = Urgency::Now;
        }
        self.first_data_seen = true;
    }

    /// Skips to `cumulative`; what is below counts as arrived (RFC 3758, section 3.6). Says whether that was
    /// news: a FORWARD TSN that is out of date may speak of a stream as it was before it started over.
    pub(crate) fn skip_to(&mut self, cumulative: u64) -> bool {
        self.urgency = Urgency::Now;
        let is_news = cumulative > self.cumulative;
        if is_news {
            self.cumulative = cumulative;
            self.ahead.remove_up_to(cumulative);
            self.absorb();
        }
        is_news
    }

    fn absorb(&mut self) {
        while let Some(end) = self.ahead.take_first(self.cumulative + 1) {
            self.cumulative = end;
        }
    }

    /// Ends a received packet: at least every second one with data is acknowledged (section 6.2). Says whether
    /// this one had data.
    pub(crate) fn end_of_packet(&mut self) -> bool {
        if !std::mem::take(&mut self.data_in_packet) {
            return false;
        }
        self.unacknowledged_packets += 1;
        self.urgency = self.urgency.max(if self.unacknowledged_packets >= 2 {
            Urgency::Now
        } else {
            Urgency::Delayed
        });
        true
    }

    /// Asks for a SACK at once, whatever has arrived.
    pub(crate) fn acknowledge_now(&mut self) {
        self.urgency = Urgency::Now;
    }

    pub(crate) const fn sack_is_due(&self) -> bool {
        matches!(self.urgency, Urgency::Now)
    }

    /// Whether a SACK would say something that the last one did not.
    pub(crate) const fn sack_is_useful(&self) -> bool {
        !matches!(self.urgency, Urgency::None)
    }

    /// When the delayed SACK is due, if the timer is not running yet.
    pub(crate) fn delayed_until(&self, now: Instant, delay: Duration) -> Option<Instant> {
        (self.urgency == Urgency::Delayed).then(|| now + delay)
    }

    /// The gap blocks of a SACK, at most `max`.
    pub(crate) fn gap_blocks(&self, max: usize, blocks: &mut Vec<GapBlock>) {
        blocks.clear();
        let runs = self.ahead.runs().iter().take(max);
        blocks.extend(runs.map(|run| GapBlock {
            start: (run.start - self.cumulative) as u16,
            end: (run.end - self.cumulative) as u16,
        }));
    }

    pub(crate) fn duplicates(&self) -> &[Serial32] {
        &self.duplicates
    }

    /// Notes that a SACK is on its way.
    pub(crate) fn sack_sent(&mut self) {
        self.duplicates.clear();
        self.urgency = Urgency::None;
        self.unacknowledged_packets = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(tracker: &mut TsnTracker, tsn: u32) -> Arrival {
        let unwrapped = tracker.unwrap(Serial32(tsn));
        let arrival = tracker.check(unwrapped);
        match arrival {
            Arrival::New => tracker.received(unwrapped, false),
            Arrival::Duplicate => tracker.duplicate(Serial32(tsn)),
            Arrival::TooFar => {}
        }
        tracker.end_of_packet();
        arrival
    }

    fn blocks(tracker: &TsnTracker) -> Vec<(u16, u16)> {
        let mut blocks = Vec::new();
        tracker.gap_blocks(10, &mut blocks);
        blocks
            .iter()
            .map(|block| (block.start, block.end))
            .collect()
    }

    #[test]
    fn every_second_packet_is_acknowledged_at_once() {
        let mut tracker = TsnTracker::new(Serial32(u32::MAX));
        receive(&mut tracker, u32::MAX);
        assert!(tracker.sack_is_due(), "the first DATA");
        tracker.sack_sent();
        receive(&mut tracker, 0);
        assert!(!tracker.sack_is_due());
        assert!(tracker.sack_is_useful());
        receive(&mut tracker, 1);
        assert!(tracker.sack_is_due());
        assert_eq!(tracker.cumulative_tsn(), Serial32(1));
    }

    #[test]
    fn gaps_are_reported_until_they_close() {
        let mut tracker = TsnTracker::new(Serial32(10));
        receive(&mut tracker, 10);
        tracker.sack_sent();
        receive(&mut tracker, 12);
        receive(&mut tracker, 14);
        assert!(tracker.sack_is_due());
        assert_eq!(blocks(&tracker), [(2, 2), (4, 4)]);
        tracker.sack_sent();
        receive(&mut tracker, 13);
        assert!(tracker.sack_is_due());
        assert_eq!(blocks(&tracker), [(2, 4)]);
        tracker.sack_sent();
        receive(&mut tracker, 11);
        assert!(tracker.sack_is_due());
        assert_eq!(tracker.cumulative_tsn(), Serial32(14));
        assert!(blocks(&tracker).is_empty());
    }

    #[test]
    fn duplicates_are_reported_up_to_a_bound() {
        let mut tracker = TsnTracker::new(Serial32(1));
        receive(&mut tracker, 1);
        tracker.sack_sent();
        for _ in 0..100 {
            assert_eq!(receive(&mut tracker, 1), Arrival::Duplicate);
        }
        assert!(tracker.sack_is_due());
        assert_eq!(tracker.duplicates().len(), MAX_DUPLICATES);
        tracker.sack_sent();
        assert!(tracker.duplicates().is_empty());
    }

    #[test]
    fn a_jump_beyond_what_a_sack_can_say_is_not_taken() {
        let mut tracker = TsnTracker::new(Serial32(1));
        assert_eq!(receive(&mut tracker, 65_001), Arrival::TooFar);
        assert_eq!(receive(&mut tracker, 65_000), Arrival::New);
        assert_eq!(receive(&mut tracker, 0x7fff_ffff), Arrival::TooFar);
        assert_eq!(receive(&mut tracker, 0x8000_0002), Arrival::Duplicate);
    }

    #[test]
    fn skipping_absorbs_what_has_arrived() {
        let mut tracker = TsnTracker::new(Serial32(1));
        receive(&mut tracker, 3);
        receive(&mut tracker, 6);
        tracker.skip_to(tracker.unwrap(Serial32(2)));
        assert_eq!(tracker.cumulative_tsn(), Serial32(3));
        assert_eq!(blocks(&tracker), [(3, 3)]);
        tracker.skip_to(tracker.unwrap(Serial32(1)));
        assert_eq!(tracker.cumulative_tsn(), Serial32(3));
    }
}
