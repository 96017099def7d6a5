//! What leaves: flights, ACKs, alerts.

use std::time::Instant;

use super::{Connection, Life, Transmit};
use crate::config::Version;
use crate::message::Ack;
use crate::record::ContentType;

impl Connection {
    /// Appends the next datagram to `buf`, if there is one to be sent.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.core.now = now;
        let start = buf.len();
        if self.life != Life::Over {
            self.start_post_handshake();
            self.put_ack(buf);
            let core = &mut self.core;
            core.outbox
                .poll_transmit(now, &mut core.records, core.config.mtu, start, buf);
        }
        if buf.len() == start
            && let Some(alert) = self.alert.take()
        {
            let epoch = self.core.records.write_epoch();
            let bytes = alert.to_bytes();
            let put = |buf: &mut Vec<u8>| buf.extend_from_slice(&bytes);
            // An alert that can not be sent is lost, as any alert may be.
            self.core
                .records
                .seal(epoch, ContentType::Alert, buf, put)
                .ok();
        }
        let len = buf.len() - start;
        if len == 0 {
            return None;
        }
        self.core.stats.datagrams_sent += 1;
        Some(Transmit { len })
    }

    /// Appends the ACK that is due.
    fn put_ack(&mut self, buf: &mut Vec<u8>) {
        if !std::mem::take(&mut self.core.acks.is_due) {
            return;
        }
        self.core.acks.deadline = None;
        let core = &self.core;
        let numbers = core
            .acks
            .sorted(core.config.mtu, core.records.max_plaintext());
        let epoch = self.core.records.write_epoch();
        let put = |buf: &mut Vec<u8>| Ack::write(&numbers, buf);
        self.core
            .records
            .seal(epoch, ContentType::Ack, buf, put)
            .ok();
    }

    /// The rest of a flight did not come in time: the peer shall know what is missing (RFC 9147,
    /// section 7.1).
    pub(super) fn handle_ack_timeout(&mut self, now: Instant) {
        let acks = &mut self.core.acks;
        if acks.deadline.is_some_and(|deadline| deadline <= now) {
            acks.deadline = None;
            acks.is_due = true;
        }
    }

    /// A part of a flight came, and the rest should follow soon.
    pub(super) fn expect_rest_of_flight(&mut self) {
        let may_be_13 = self.core.config.versions.allow(Version::Dtls13)
            && self.core.version != Some(Version::Dtls12);
        if may_be_13 && !self.core.acks.is_due && self.core.acks.deadline.is_none() {
            self.core.acks.deadline = Some(self.core.now + self.core.outbox.ack_delay());
        }
    }
}
