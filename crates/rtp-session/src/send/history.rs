//! What was sent, in case it is asked for again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_wire::Serial16;

use super::QueuedPacket;

/// So many packets are kept: 1 s at 10 Mbit/s.
pub(crate) const MAX_PACKETS: usize = 1024;

/// They are kept for so long: nobody waits longer for a frame.
const MAX_AGE: Duration = Duration::from_secs(2);

/// What fills a probe is looked for among so many.
const MAX_CANDIDATES: usize = 64;

#[derive(Debug)]
struct Sent {
    packet: QueuedPacket,
    resent: Option<Instant>,
    /// A copy of it has filled a probe.
    padded: bool,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    /// By sequence number, modulo the length.
    slots: Vec<Option<Sent>>,
    /// Oldest first.
    order: VecDeque<(Instant, Serial16)>,
}

impl History {
    pub(crate) fn push(&mut self, now: Instant, packet: QueuedPacket) {
        if self.slots.is_empty() {
            self.slots.resize_with(MAX_PACKETS, || None);
        }
        let sequence = packet.sequence;
        self.order.push_back((now, sequence));
        if let Some(slot) = self.slots.get_mut(Self::place(sequence)) {
            *slot = Some(Sent {
                packet,
                resent: None,
                padded: false,
            });
        }
        while let Some((sent, sequence)) = self.order.front().copied() {
            if sent + MAX_AGE > now && self.order.len() <= MAX_PACKETS {
                break;
            }
            self.order.pop_front();
            self.forget(sequence);
        }
    }

    fn forget(&mut self, sequence: Serial16) {
        if let Some(slot) = self.slots.get_mut(Self::place(sequence))
            && slot
                .as_ref()
                .is_some_and(|sent| sent.packet.sequence == sequence)
        {
            *slot = None;
        }
    }

    fn place(sequence: Serial16) -> usize {
        usize::from(sequence.0) % MAX_PACKETS
    }

    pub(crate) fn get(&self, sequence: Serial16) -> Option<&QueuedPacket> {
        let sent = self.slots.get(Self::place(sequence))?.as_ref()?;
        (sent.packet.sequence == sequence).then_some(&sent.packet)
    }

    /// Whether this packet is to be sent again: it is there, and its last copy has had time to arrive. It
    /// counts as sent again then.
    pub(crate) fn take_request(
        &mut self,
        now: Instant,
        sequence: Serial16,
        pause: Duration,
    ) -> bool {
        let slot = self.slots.get_mut(Self::place(sequence));
        let Some(sent) = slot
            .and_then(Option::as_mut)
            .filter(|sent| sent.packet.sequence == sequence)
        else {
            return false;
        };
        if sent.resent.is_some_and(|resent| resent + pause > now) {
            return false;
        }
        sent.resent = Some(now);
        true
    }
}

impl History {
    /// A packet whose copy may fill a probe, of at most `len` bytes of payload and not much less: one of the
    /// newest, once. Not the last one of a frame, which is what the others left over. That it is sent once
    /// more so does not count when the other end asks for it.
    pub(crate) fn take_padding(&mut self, len: usize) -> Option<Serial16> {
        let (slots, order) = (&mut self.slots, &self.order);
        let newest = order.iter().rev().take(MAX_CANDIDATES);
        for (_, sequence) in newest {
            let slot = slots.get_mut(Self::place(*sequence));
            let Some(sent) = slot.and_then(Option::as_mut) else {
                continue;
            };
            let packet = &sent.packet;
            let fits = (len / 2..=len).contains(&packet.payload.len());
            if packet.sequence == *sequence && fits && !packet.marker && !sent.padded {
                sent.padded = true;
                return Some(*sequence);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gannet_rtp_payload::PayloadHead;
    use gannet_wire::Serial32;

    use super::*;
    use crate::parameters::SenderId;

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn push(history: &mut History, now: u64, sequence: u16) {
        let packet = QueuedPacket {
            sender: SenderId(0),
            payload_type: 96,
            sequence: Serial16(sequence),
            timestamp: Serial32(0),
            marker: false,
            payload: Bytes::new(),
            head: PayloadHead::default(),
            level: None,
            orientation: None,
            queued: at(now),
        };
        history.push(at(now), packet);
    }

    #[test]
    fn packets_and_time_are_bounded() {
        let mut history = History::default();
        for sequence in 0..3000_u16 {
            push(&mut history, 0, sequence);
            assert!(history.order.len() <= MAX_PACKETS);
        }
        assert!(history.get(Serial16(1975)).is_none());
        assert!(history.get(Serial16(1976)).is_some());
        push(&mut history, 2000, 3000);
        assert_eq!(history.slots.iter().flatten().count(), 1);
        assert!(history.get(Serial16(3000)).is_some());
        assert!(history.get(Serial16(3000 + MAX_PACKETS as u16)).is_none());
    }

    #[test]
    fn a_copy_under_way_is_not_sent_again() {
        let mut history = History::default();
        push(&mut history, 0, 7);
        let pause = Duration::from_millis(40);
        let mut take = |now| history.take_request(at(now), Serial16(7), pause);
        assert!(take(50));
        assert!(!take(89));
        assert!(take(90));
        assert!(!history.take_request(at(90), Serial16(8), pause));
    }

    #[test]
    fn a_copy_that_fills_a_probe_leaves_requests_alone() {
        let mut history = History::default();
        let put = |history: &mut History, sequence: u16, len: usize, marker: bool| {
            push(history, 0, sequence);
            let place = History::place(Serial16(sequence));
            let packet = &mut history.slots[place].as_mut().unwrap().packet;
            packet.payload = vec![0; len].into();
            packet.marker = marker;
        };
        put(&mut history, 1, 700, false);
        put(&mut history, 2, 1000, false);
        put(&mut history, 3, 300, false);
        put(&mut history, 4, 1000, true);
        put(&mut history, 5, 1000, false);
        let pause = Duration::from_millis(40);
        assert!(history.take_request(at(50), Serial16(5), pause));
        // The newest of about this length, each once, and not the end of a frame.
        let padding: Vec<_> = std::iter::from_fn(|| history.take_padding(1000)).collect();
        assert_eq!(padding, [5, 2, 1].map(Serial16));
        assert_eq!(history.take_padding(200), None);
        assert_eq!(history.take_padding(350), Some(Serial16(3)));
        // Whoever asks for it gets it, as if it had not been sent again.
        assert!(history.take_request(at(51), Serial16(2), pause));
        assert!(!history.take_request(at(89), Serial16(5), pause));
        assert!(history.take_request(at(90), Serial16(5), pause));
        // What is looked through has an end.
        for sequence in 6..=6 + MAX_CANDIDATES as u16 {
            put(&mut history, sequence, 50, false);
        }
        put(&mut history, 3000, 50, true);
        assert_eq!(history.take_padding(1000), None);
    }
}
