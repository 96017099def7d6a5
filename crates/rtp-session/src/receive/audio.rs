//! The jitter buffer for audio: packets in order. One that follows the one before it goes out at once; a
//! gap is waited for, as long as late packets have been late so far, then it is reported and passed over.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_rtp::extension::AudioLevel;
use gannet_wire::Serial32;

use super::seen::SeenWindow;

/// The row is never longer than this many packets: 5 s of 20 ms.
pub(crate) const MAX_PACKETS: usize = 256;

/// The shortest wait for a gap.
const MIN_WAIT: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub(crate) struct AudioPacket {
    pub(crate) sequence: u64,
    pub(crate) timestamp: Serial32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) payload: Bytes,
    pub(crate) arrival: Instant,
    pub(crate) level: Option<AudioLevel>,
}

#[derive(Debug)]
pub(crate) struct AudioBuffer {
    /// The sequence number of the first slot.
    base: Option<u64>,
    slots: VecDeque<Option<AudioPacket>>,
    hole_since: Option<Instant>,
    /// When the last hole was given up, and where it ended: what comes later shows how long to wait.
    given_up: Option<(Instant, Duration)>,
    wait: Duration,
    lost: u32,
    handed_out: bool,
    /// What came already is no late packet when it comes again.
    seen: SeenWindow,
}

impl AudioBuffer {
    pub(crate) fn new() -> Self {
        Self {
            base: None,
            slots: VecDeque::new(),
            hole_since: None,
            given_up: None,
            wait: MIN_WAIT,
            lost: 0,
            handed_out: false,
            seen: SeenWindow::default(),
        }
    }

    /// The first packet that is still of use.
    pub(crate) fn base(&self) -> u64 {
        self.base.unwrap_or(0)
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Stores a packet. Whether it came in time and for the first time.
    pub(crate) fn insert(&mut self, now: Instant, packet: AudioPacket, max_wait: Duration) -> bool {
        if !self.seen.insert(packet.sequence) {
            return false;
        }
        let base = *self.base.get_or_insert(packet.sequence);
        if packet.sequence < base {
            return self.insert_before(now, packet, max_wait);
        }
        let mut offset = (packet.sequence - base) as usize;
        if offset >= MAX_PACKETS {
            let gap = (packet.sequence - base).min(1 << 20) as u32;
            self.lost = self.lost.saturating_add(gap);
            self.slots.clear();
            self.base = Some(packet.sequence);
            offset = 0;
        }
        if self.slots.len() <= offset {
            self.slots.resize(offset + 1, None);
        }
        let place = &mut self.slots[offset];
        if place.is_some() {
            return false;
        }
        *place = Some(packet);
        true
    }

    /// A packet from before the row: late, or from before the first one.
    fn insert_before(&mut self, now: Instant, packet: AudioPacket, max_wait: Duration) -> bool {
        let missing = self.base() - packet.sequence;
        if !self.handed_out && missing as usize + self.slots.len() <= MAX_PACKETS {
            for _ in 1..missing {
                self.slots.push_front(None);
            }
            self.base = Some(packet.sequence);
            self.slots.push_front(Some(packet));
            return true;
        }
        if let Some((at, waited)) = self.given_up {
            let late = waited + now.saturating_duration_since(at);
            if late < max_wait {
                self.wait = self.wait.max(late + late / 4).min(max_wait);
            }
        }
        false
    }

    /// The next packet, and how many were lost before it.
    pub(crate) fn next_packet(
        &mut self,
        now: Instant,
        max_wait: Duration,
    ) -> Option<(AudioPacket, u32)> {
        let wait = self.wait.min(max_wait);
        if matches!(self.slots.front(), Some(None)) {
            let since = *self.hole_since.get_or_insert(now);
            if since + wait > now {
                return None;
            }
            let gap = self.slots.iter().take_while(|slot| slot.is_none()).count();
            self.slots.drain(..gap);
            self.base = self.base.map(|base| base + gap as u64);
            self.lost = self.lost.saturating_add(gap as u32);
            self.given_up = Some((now, now.saturating_duration_since(since)));
        }
        self.hole_since = None;
        let packet = self.slots.pop_front()??;
        self.base = Some(packet.sequence + 1);
        self.handed_out = true;
        // It forgets in about ten seconds of 20 ms packets.
        self.wait = (self.wait - self.wait / 512).max(MIN_WAIT);
        if matches!(self.slots.front(), Some(None)) {
            self.hole_since = Some(now);
        }
        Some((packet, std::mem::take(&mut self.lost)))
    }

    /// What was handed out last was no sound: what was lost before it counts with the next packet.
    pub(crate) const fn lost_before_padding(&mut self, lost: u32) {
        self.lost = self.lost.saturating_add(lost);
    }

    /// When the gap that is waited for is given up.
    pub(crate) fn next_timeout(&self, max_wait: Duration) -> Option<Instant> {
        self.hole_since.map(|since| since + self.wait.min(max_wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_millis(120);

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn put(buffer: &mut AudioBuffer, now: u64, sequence: u64) -> bool {
        let packet = AudioPacket {
            sequence,
            timestamp: Serial32(sequence as u32 * 960),
            marker: false,
            payload_type: 111,
            payload: Bytes::new(),
            arrival: at(now),
            level: None,
        };
        buffer.insert(at(now), packet, MAX)
    }

    fn out(buffer: &mut AudioBuffer, now: u64) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| buffer.next_packet(at(now), MAX))
            .map(|(packet, lost)| (packet.sequence, lost))
            .collect()
    }

    #[test]
    fn in_order_it_adds_no_delay() {
        let mut buffer = AudioBuffer::new();
        for sequence in 5..9 {
            assert!(put(&mut buffer, sequence * 20, sequence));
            assert_eq!(out(&mut buffer, sequence * 20), [(sequence, 0)]);
        }
        assert_eq!(buffer.next_timeout(MAX), None);
    }

    #[test]
    fn a_gap_is_waited_for_and_then_reported() {
        let mut buffer = AudioBuffer::new();
        put(&mut buffer, 0, 1);
        put(&mut buffer, 20, 4);
        assert_eq!(out(&mut buffer, 20), [(1, 0)]);
        assert_eq!(buffer.next_timeout(MAX), Some(at(40)));
        assert_eq!(out(&mut buffer, 39), []);
        assert_eq!(out(&mut buffer, 40), [(4, 2)]);
        assert_eq!(buffer.next_timeout(MAX), None);
        // It came after all, 30 ms late: next time it is waited for.
        assert!(!put(&mut buffer, 50, 2));
        put(&mut buffer, 60, 6);
        assert_eq!(out(&mut buffer, 60), []);
        assert_eq!(out(&mut buffer, 90), []);
        put(&mut buffer, 91, 5);
        assert_eq!(out(&mut buffer, 91), [(5, 0), (6, 0)]);
    }

    #[test]
    fn duplicates_and_the_first_packets_in_disorder() {
        let mut buffer = AudioBuffer::new();
        assert!(put(&mut buffer, 0, 11));
        assert!(put(&mut buffer, 0, 9));
        assert!(!put(&mut buffer, 0, 11));
        assert_eq!(out(&mut buffer, 0), [(9, 0)]);
        assert!(!put(&mut buffer, 0, 9));
        assert_eq!(out(&mut buffer, 20), [(11, 1)]);
    }

    // A packet that was duplicated on the way counted as one that had been given up too early.
    #[test]
    fn a_duplicate_does_not_make_gaps_longer() {
        let mut buffer = AudioBuffer::new();
        put(&mut buffer, 0, 1);
        put(&mut buffer, 20, 3);
        assert_eq!(out(&mut buffer, 20), [(1, 0)]);
        assert_eq!(out(&mut buffer, 40), [(3, 1)]);
        assert!(!put(&mut buffer, 100, 3));
        assert!(!put(&mut buffer, 100, 1));
        put(&mut buffer, 100, 5);
        assert_eq!(out(&mut buffer, 100), []);
        assert_eq!(out(&mut buffer, 120), [(5, 1)]);
        assert!(!put(&mut buffer, 130, 4));
        put(&mut buffer, 140, 7);
        assert_eq!(out(&mut buffer, 140), []);
        assert_eq!(out(&mut buffer, 170), []);
    }

    #[test]
    fn the_row_is_bounded() {
        let mut buffer = AudioBuffer::new();
        put(&mut buffer, 0, 1);
        put(&mut buffer, 0, 3);
        put(&mut buffer, 0, 1_000_000);
        assert!(buffer.slots.len() <= MAX_PACKETS);
        assert_eq!(out(&mut buffer, 0), [(1_000_000, 999_999)]);
    }
}
