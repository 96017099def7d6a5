//! What arrived, for transport-wide feedback to the sender.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_rtp::RtcpWriter;
use gannet_wire::{Extender16, Serial16};

/// So often feedback is sent while packets arrive. Half of what others use: with 100 ms the estimate of
/// the other end reacts a frame or two later.
pub(crate) const FEEDBACK_INTERVAL: Duration = Duration::from_millis(60);

/// At most so many packets are remembered.
const MAX_PACKETS: usize = 4096;

/// At most so many go into one message: with deltas of one or two bytes it stays within a datagram.
const MAX_STATUSES: usize = 400;

/// So many packets of the past are kept in case one before them comes late.
const KEEP: usize = 64;

/// Arrivals of the packets of a whole transport, by transport-wide sequence number.
#[derive(Debug, Default)]
pub(crate) struct FeedbackRecorder {
    extender: Extender16,
    origin: Option<Instant>,
    /// The number of the first entry.
    base: u64,
    /// In ticks of 250 us since the origin.
    arrivals: VecDeque<Option<i64>>,
    /// How many entries were reported already.
    reported: usize,
    /// The newest packet's source.
    media_ssrc: u32,
    next: Option<Instant>,
    count: u8,
}

impl FeedbackRecorder {
    pub(crate) fn record(&mut self, now: Instant, sequence: u16, ssrc: u32) {
        let origin = *self.origin.get_or_insert(now);
        let ticks = (now.saturating_duration_since(origin).as_micros() / 250) as i64;
        if self.begins_anew(sequence) {
            self.extender = Extender16::new();
            self.arrivals.clear();
        }
        let sequence = self.extender.extend(Serial16(sequence));
        self.media_ssrc = ssrc;
        self.next.get_or_insert(now + FEEDBACK_INTERVAL);
        if self.arrivals.is_empty() {
            self.base = sequence;
            self.reported = 0;
        }
        let Some(offset) = sequence.checked_sub(self.base) else {
            return;
        };
        if offset as usize >= self.reported + MAX_PACKETS {
            self.arrivals.clear();
            self.reported = 0;
            self.base = sequence;
        }
        let offset = (sequence - self.base) as usize;
        if self.arrivals.len() <= offset {
            self.arrivals.resize(offset + 1, None);
        }
        if let Some(place) = self.arrivals.get_mut(offset)
            && place.is_none()
        {
            *place = Some(ticks);
            self.reported = self.reported.min(offset);
        }
    }

    /// Whether a number is so far back that its packet can not be late.
    fn begins_anew(&self, sequence: u16) -> bool {
        let extended = self.extender.peek(Serial16(sequence));
        extended + (MAX_PACKETS as u64) < self.base
    }

    pub(crate) const fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Writes the next message, if one is due. Whether it did: there may be another one.
    pub(crate) fn write(&mut self, now: Instant, ssrc: u32, writer: &mut RtcpWriter<'_>) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        // Where nothing arrived for longer than a message can say, there is nothing to say.
        let unreported = self.arrivals.range(self.reported..);
        let silence = unreported.take_while(|arrival| arrival.is_none()).count();
        if silence >= MAX_STATUSES {
            self.reported += silence;
        }
        let base = Serial16((self.base + self.reported as u64) as u16);
        let arrivals = self
            .arrivals
            .range(self.reported..)
            .copied()
            .take(MAX_STATUSES);
        let covered = writer.transport_feedback(ssrc, self.media_ssrc, base, self.count, arrivals);
        if covered == 0 {
            self.next = None;
            self.forget();
            return false;
        }
        self.count = self.count.wrapping_add(1);
        self.reported += usize::from(covered);
        true
    }

    fn forget(&mut self) {
        // What is missing behind the last arrival was skipped: there is nothing behind it.
        let old = self.reported.saturating_sub(KEEP);
        self.arrivals.drain(..old);
        self.base += old as u64;
        self.reported -= old;
    }
}

#[cfg(test)]
mod tests {
    use gannet_rtp::rtcp::{RtcpPacket, packets};

    use super::*;

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn write(recorder: &mut FeedbackRecorder, now: u64) -> Vec<(u16, bool)> {
        let mut bytes = Vec::new();
        while recorder.write(at(now), 1, &mut RtcpWriter::new(&mut bytes)) {}
        packets(&bytes)
            .map(|packet| match packet {
                Ok(RtcpPacket::TransportFeedback(feedback)) => feedback,
                other => panic!("{other:?}"),
            })
            .flat_map(|feedback| feedback.statuses().collect::<Vec<_>>())
            .map(|status| (status.sequence.0, status.arrival.is_some()))
            .collect()
    }

    #[test]
    fn every_packet_is_reported_once() {
        let mut recorder = FeedbackRecorder::default();
        recorder.record(at(0), 65535, 9);
        recorder.record(at(1), 1, 9);
        assert_eq!(recorder.next_timeout(), Some(at(60)));
        assert_eq!(write(&mut recorder, 59), []);
        let expected = [(65535, true), (0, false), (1, true)];
        assert_eq!(write(&mut recorder, 60), expected);
        assert_eq!(recorder.next_timeout(), None);
        recorder.record(at(70), 3, 9);
        assert_eq!(write(&mut recorder, 200), [(2, false), (3, true)]);
    }

    #[test]
    fn a_late_packet_is_reported_with_what_follows_it() {
        let mut recorder = FeedbackRecorder::default();
        for sequence in [1, 2, 4] {
            recorder.record(at(0), sequence, 9);
        }
        write(&mut recorder, 60);
        recorder.record(at(61), 3, 9);
        assert_eq!(write(&mut recorder, 200), [(3, true), (4, true)]);
        recorder.record(at(201), 3, 9);
        assert_eq!(write(&mut recorder, 400), [], "a duplicate");
    }

    // Nothing was reported until the numbers had come back to where they were, and the sender took that for silence.
    #[test]
    fn numbers_that_begin_anew_are_reported() {
        let mut recorder = FeedbackRecorder::default();
        recorder.record(at(0), 30_000, 9);
        write(&mut recorder, 60);
        recorder.record(at(100), 1, 9);
        recorder.record(at(101), 3, 9);
        let expected = [(1, true), (2, false), (3, true)];
        assert_eq!(write(&mut recorder, 200), expected);
        // What is only late is not.
        recorder.record(at(300), 100, 9);
        write(&mut recorder, 400);
        recorder.record(at(500), 2, 9);
        assert_eq!(write(&mut recorder, 600), []);
    }

    #[test]
    fn memory_and_messages_are_bounded() {
        let mut recorder = FeedbackRecorder::default();
        for step in 0..60_000_u64 {
            recorder.record(at(step), (step * 7000) as u16, 9);
            assert!(recorder.arrivals.len() <= MAX_PACKETS + KEEP + MAX_STATUSES);
            let mut bytes = Vec::new();
            recorder.write(at(step), 1, &mut RtcpWriter::new(&mut bytes));
            assert!(bytes.len() < 1200, "{}", bytes.len());
        }
    }
}
