//! Which packet leaves next: media in its turn, and while a probe is sent also what waits, then padding.

use std::time::Instant;

use super::RtpSession;
use crate::send::{Departure, Next};

impl RtpSession {
    /// Feedback came: perhaps it is time for a probe. An idle session, one without video, and one whose
    /// retransmissions have no stream of their own have nothing to fill one with.
    pub(super) fn probe_if_due(&mut self) {
        self.find_padding_sender();
        if self.padding_sender.is_some() {
            self.send_side.begin_probe(self.now);
        }
    }

    /// Whose padding may be sent: the same as before, as long as it may.
    fn find_padding_sender(&mut self) {
        let now = self.now;
        let known = self.padding_sender.and_then(|id| self.senders.get(&id));
        if known.is_some_and(|sender| sender.can_pad(now)) {
            return;
        }
        let mut senders = self.senders.values();
        let found = senders.find(|sender| sender.can_pad(now));
        self.padding_sender = found.map(|sender| sender.id);
    }

    pub(super) fn next_packet(&mut self, now: Instant) -> Option<Next> {
        self.pacer.pop(now).or_else(|| self.next_of_probe(now))
    }

    /// What a probe sends that is behind its schedule.
    fn next_of_probe(&mut self, now: Instant) -> Option<Next> {
        let len = self.send_side.probe_due(now)?;
        if let Some(next) = self.pacer.pop_waiting() {
            return Some(next);
        }
        self.find_padding_sender();
        match self.padding_sender {
            Some(sender) => Some(Next::Padding(sender, len)),
            None => {
                self.send_side.abort_probe();
                None
            }
        }
    }

    /// Writes a packet that may leave now. Whether there was one: what is to be sent again may be gone.
    pub(super) fn write_packet(&mut self, next: Next, buf: &mut Vec<u8>) -> bool {
        let now = self.now;
        let start = buf.len();
        let id = match &next {
            Next::Media(packet) => packet.sender,
            Next::Retransmission(sender, _) | Next::Padding(sender, _) => *sender,
        };
        let Some(sender) = self.senders.get_mut(&id) else {
            return false;
        };
        self.targets.stale |= !sender.has_sent();
        let numbered = sender.uses_transport_sequence();
        let departure = Departure {
            ntp: self.config.clock.ntp(now),
            transport_sequence: numbered.then(|| self.send_side.next_sequence()),
        };
        let retransmission = matches!(next, Next::Retransmission(..));
        let padding = matches!(next, Next::Padding(..));
        let written = match next {
            Next::Media(packet) => {
                sender.write_media(now, packet, departure, buf);
                true
            }
            Next::Retransmission(_, sequence) => {
                sender.write_retransmission(now, sequence, departure, buf)
            }
            Next::Padding(_, len) => sender.write_padding(len, departure, buf),
        };
        if !written {
            return false;
        }
        self.note_sender(id);
        let len = buf.len() - start;
        if padding {
            // It takes nothing from the pacer: media does not wait because of it.
            self.send_side.on_padding_sent(now, len);
            return true;
        }
        self.pacer.sent(now, len, retransmission);
        if numbered {
            self.send_side.on_sent(now, len);
        }
        true
    }

    /// What the senders have use for, if each of them has a maximum: half as much again, because headers,
    /// audio and retransmissions come on top.
    pub(super) fn demand(&self) -> Option<u64> {
        let video = self.senders.values().filter(|sender| sender.is_video());
        let mut maxima = video.map(|sender| sender.parameters.max_bitrate);
        let first = maxima.next()??;
        let sum = maxima.try_fold(first, |sum, maximum| Some(sum.saturating_add(maximum?)))?;
        Some(sum.saturating_add(sum / 2))
    }
}
