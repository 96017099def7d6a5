//! What comes in: records, sorted by type.

use std::collections::VecDeque;
use std::time::Instant;

use gannet_wire::Reader;

use super::{Connection, Life};
use crate::alert::{Alert, AlertDescription};
use crate::config::{Role, Version};
use crate::error::{Failure, HandshakeError};
use crate::event::Event;
use crate::handshake::{APPLICATION_EPOCH, EPOCH_12, State};
use crate::inbox::{Arrival, Inbox};
use crate::message::{Ack, Fragment, HandshakeType, RecordNumber};
use crate::outbox::Acked;
use crate::record::{ContentType, Form, Header, Opened, Refusal};

/// What came too early.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Records that there are no keys for yet.
    records: VecDeque<Vec<u8>>,
    /// Application data from before the peer was verified.
    data: VecDeque<Vec<u8>>,
    len: usize,
    pub(crate) inbox: Inbox,
    /// Whether the peer has protected something: then plaintext alerts say nothing any more.
    is_protected: bool,
}

/// How many records are held, and how many bytes in all: a flight, or SCTP's first packets.
const MAX_HELD: usize = 16;
const MAX_HELD_BYTES: usize = 24 << 10;

impl Held {
    fn has_room(&self, len: usize) -> bool {
        self.records.len() + self.data.len() < MAX_HELD && self.len + len <= MAX_HELD_BYTES
    }

    fn put_record(&mut self, record: &[u8]) -> bool {
        let has_room = self.has_room(record.len());
        if has_room {
            self.len += record.len();
            self.records.push_back(record.to_vec());
        }
        has_room
    }

    fn put_data(&mut self, data: &[u8]) -> bool {
        let has_room = self.has_room(data.len());
        if has_room {
            self.len += data.len();
            self.data.push_back(data.to_vec());
        }
        has_room
    }
}

impl Connection {
    /// Takes in a datagram. It is decrypted in place; `on_data` is called with the plaintext of each
    /// application data record. Nothing is allocated for those. What is not a datagram of this connection
    /// is counted and dropped.
    ///
    /// Records that came too early to be read (before the handshake's last message, or before the
    /// peer's fingerprints were set) are held, up to a bound, and delivered by the call that finds them
    /// readable. An empty datagram is nothing but such a call.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        mut on_data: impl FnMut(&[u8]),
    ) {
        self.core.now = now;
        self.release_data(&mut on_data);
        let epoch_before = self.core.records.read_epoch();
        let mut rest = datagram;
        while !rest.is_empty() && self.life != Life::Over {
            let Ok(Some(header)) = Header::parse(rest, self.core.records.local_cid_len()) else {
                self.core.stats.malformed += 1;
                break;
            };
            let (record, behind) = rest.split_at_mut(header.record_len());
            rest = behind;
            self.handle_record(&header, record, true, &mut on_data);
        }
        if self.core.records.read_epoch() != epoch_before {
            self.retry_records(&mut on_data);
        }
        self.release_data(&mut on_data);
    }

    /// New keys are there: the records that waited for them.
    fn retry_records(&mut self, on_data: &mut impl FnMut(&[u8])) {
        // Twice, because what the first round brings may make the second readable.
        for _ in 0..2 {
            for mut record in std::mem::take(&mut self.held.records) {
                // The one before may have ended it all, and what is held with it.
                if self.life == Life::Over {
                    return;
                }
                self.held.len -= record.len();
                let header = Header::parse(&record, self.core.records.local_cid_len());
                if let Ok(Some(header)) = header {
                    self.handle_record(&header, &mut record, true, on_data);
                }
            }
        }
    }

    fn release_data(&mut self, on_data: &mut impl FnMut(&[u8])) {
        if self.life == Life::Connected && !self.held.data.is_empty() {
            for data in std::mem::take(&mut self.held.data) {
                self.held.len -= data.len();
                on_data(&data);
            }
        }
    }

    fn handle_record(
        &mut self,
        header: &Header,
        record: &mut [u8],
        may_hold: bool,
        on_data: &mut impl FnMut(&[u8]),
    ) {
        if !self.has_keys_for(header) {
            let is_held =
                may_hold && self.may_become_readable(header) && self.held.put_record(record);
            if is_held && matches!(header.form, Form::Unified { .. }) && !self.core.is_done {
                self.expect_rest_of_flight();
            }
            self.core.stats.undecryptable += u64::from(!is_held);
            return;
        }
        match self.core.records.open(header, record) {
            Ok(opened) => self.handle_opened(opened, on_data),
            Err(Refusal::Malformed) => self.core.stats.malformed += 1,
            Err(Refusal::NoKeys) => self.core.stats.undecryptable += 1,
            Err(Refusal::Replayed) => self.core.stats.replayed += 1,
            Err(Refusal::Unauthentic) => {
                self.core.stats.unauthentic += 1;
                if self.core.records.is_forgery_limit_reached() {
                    self.fail(Failure::ForgeryLimit);
                }
            }
        }
    }

    fn has_keys_for(&self, header: &Header) -> bool {
        self.core.records.has_keys_for(header)
    }

    /// Whether keys for such a record may come yet.
    fn may_become_readable(&self, header: &Header) -> bool {
        let version = self.core.version;
        let before_end = !self.core.is_done;
        match header.form {
            Form::Unified { .. } => version != Some(Version::Dtls12) && before_end,
            Form::Full { epoch, .. } => {
                u64::from(epoch) == EPOCH_12 && version != Some(Version::Dtls13) && before_end
            }
        }
    }

    fn handle_opened(&mut self, opened: Opened<'_>, on_data: &mut impl FnMut(&[u8])) {
        let Opened {
            number,
            kind,
            payload,
        } = opened;
        self.core.stats.records_opened += u64::from(number.epoch > 0);
        self.held.is_protected |= number.epoch > 0;
        let result = match kind {
            ContentType::ApplicationData if number.epoch == 0 => {
                self.core.stats.malformed += 1;
                Ok(())
            }
            ContentType::ApplicationData => {
                self.handle_data(payload, on_data);
                Ok(())
            }
            ContentType::Handshake => self.handle_handshake(number, payload),
            ContentType::Alert => self.handle_alert(number, payload),
            ContentType::Ack => self.handle_ack(number, payload),
            // DTLS 1.2: the epoch in the record says it all. It can be no other type here.
            ContentType::ChangeCipherSpec | ContentType::Tls12Cid => Ok(()),
        };
        if let Err(failure) = result {
            self.fail(failure);
        }
    }

    fn handle_data(&mut self, payload: &[u8], on_data: &mut impl FnMut(&[u8])) {
        if self.life == Life::Connected {
            self.release_data(on_data);
            on_data(payload);
        } else if !self.held.put_data(payload) {
            self.core.stats.undecryptable += 1;
        }
    }

    fn handle_alert(&mut self, number: RecordNumber, payload: &[u8]) -> Result<(), Failure> {
        let Ok(alert) = Alert::parse(payload) else {
            self.core.stats.malformed += 1;
            return Ok(());
        };
        // Anybody can send a plaintext alert; once the peer has shown its keys, it need not.
        if number.epoch == 0 && (self.held.is_protected || !self.has_begun()) {
            self.core.stats.unauthentic += 1;
            return Ok(());
        }
        let is_13 = self.core.version == Some(Version::Dtls13);
        match alert.description {
            AlertDescription::CloseNotify if number.epoch > 0 => {
                self.end(Some(AlertDescription::CloseNotify));
                self.core.events.push_back(Event::Closed);
                Ok(())
            }
            AlertDescription::CloseNotify | AlertDescription::UserCanceled => Ok(()),
            // In DTLS 1.3 all others are fatal, whatever they say (RFC 8446, section 6).
            description if alert.fatal || is_13 => Err(Failure::PeerAlert(description)),
            _ => Ok(()),
        }
        .inspect_err(|_| self.core.outbox.stop())
    }

    /// Whether we have sent anything that an alert could answer.
    fn has_begun(&self) -> bool {
        self.core.config.role == Role::Client || self.core.version.is_some()
    }

    fn handle_ack(&mut self, number: RecordNumber, payload: &[u8]) -> Result<(), Failure> {
        let Ok(ack) = Ack::parse(payload) else {
            self.core.stats.malformed += 1;
            return Ok(());
        };
        // A plaintext ACK may be forged. It can make us send again, but not stop.
        if number.epoch == 0 {
            if !self.held.is_protected && self.core.outbox.resend(self.core.now) {
                self.core.stats.retransmits += 1;
            }
            return Ok(());
        }
        // Behind the handshake the peer's newest epoch says nothing of ours (RFC 9147, section 7).
        let is_any_epoch = self.core.is_done && number.epoch >= APPLICATION_EPOCH;
        let numbers: Vec<_> = ack
            .numbers()
            .filter(|acked| is_any_epoch || acked.epoch <= number.epoch)
            .collect();
        match self.core.outbox.handle_ack(numbers.iter().copied()) {
            Acked::All => self.handle_flight_acked(),
            Acked::Some => {
                self.core.stats.retransmits += 1;
                Ok(())
            }
            Acked::Nothing => {
                if numbers.is_empty() && self.core.outbox.resend(self.core.now) {
                    self.core.stats.retransmits += 1;
                }
                Ok(())
            }
        }
    }

    fn handle_handshake(&mut self, number: RecordNumber, payload: &[u8]) -> Result<(), Failure> {
        let mut reader = Reader::new(payload);
        let (mut has_old, mut is_complete) = (false, true);
        while !reader.is_empty() {
            let Ok(fragment) = Fragment::parse(&mut reader) else {
                self.core.stats.malformed += 1;
                is_complete = false;
                break;
            };
            self.start_inbox(&fragment, number);
            let is_old = fragment.seq.wrapping_sub(self.held.inbox.next()) >= 1 << 15;
            if is_old {
                has_old = true;
            } else if !self.may_come_in(number.epoch, fragment.kind)
                || self.held.inbox.insert(&fragment, number.epoch) == Arrival::Refused
            {
                self.core.stats.fragments_refused += 1;
                is_complete = false;
            }
        }
        if is_complete {
            self.core.acks.add(number);
        }
        let was_done = self.core.is_done;
        let handled = self.handle_messages(number)?;
        self.answer_record(number, has_old && !handled, handled && was_done);
        Ok(())
    }

    /// Servers without state: a second ClientHello may be the first thing that they hear.
    fn start_inbox(&mut self, fragment: &Fragment<'_>, number: RecordNumber) {
        if !matches!(self.state, State::ServerWaitClientHello) {
            return;
        }
        let has_cookies = self.core.config.cookie_secret.is_some();
        if has_cookies && fragment.kind == HandshakeType::ClientHello && fragment.seq == 1 {
            self.held.inbox.start_at(1);
        }
        self.core.records.continue_plaintext_from(number.sequence);
    }

    /// Whether a message that is not handled yet may come in this epoch.
    fn may_come_in(&self, epoch: u64, kind: HandshakeType) -> bool {
        let newest = self.core.records.read_epoch();
        match self.core.version {
            None => epoch == 0,
            // Nothing comes behind the handshake: we never renegotiate.
            Some(Version::Dtls12) if self.core.is_done => false,
            Some(Version::Dtls12) => {
                epoch
                    == if kind == HandshakeType::Finished {
                        EPOCH_12
                    } else {
                        0
                    }
            }
            Some(Version::Dtls13) if newest >= APPLICATION_EPOCH => epoch >= APPLICATION_EPOCH,
            // A HelloRetryRequest settles the version, but nothing is protected yet.
            Some(Version::Dtls13) => epoch == newest,
        }
    }

    /// Handles the messages that are complete and in order. Returns whether there were any.
    fn handle_messages(&mut self, number: RecordNumber) -> Result<bool, Failure> {
        let mut any = false;
        while self.life != Life::Over {
            let Some((message, epoch)) = self.held.inbox.pop() else {
                break;
            };
            any = true;
            // Further messages in the same record, or held ones, may have come before the keys changed.
            if !self.may_come_in(epoch, message.kind) {
                let found = message.kind.code();
                let expected = "a message in the newest epoch";
                return Err(HandshakeError::UnexpectedMessage { found, expected }.into());
            }
            if self.core.is_done {
                self.handle_post_handshake(&message)?;
                continue;
            }
            let state = std::mem::replace(&mut self.state, State::Failed);
            self.state = state.handle(&mut self.core, &message)?;
            if self.core.is_done {
                self.handle_handshake_done(number);
            }
        }
        Ok(any)
    }

    fn handle_handshake_done(&mut self, number: RecordNumber) {
        // The client's last flight has no other answer than an ACK (RFC 9147, section 5.8.1).
        if self.core.version == Some(Version::Dtls13) && self.core.config.role == Role::Server {
            self.core.acks.add(number);
            self.core.acks.is_due = true;
        }
        self.connect_if_ready();
    }

    /// What a handshake record calls for beside its messages: an ACK, or our flight again.
    fn answer_record(&mut self, number: RecordNumber, is_repeated: bool, is_post_handshake: bool) {
        let is_13 = self.core.version == Some(Version::Dtls13);
        if is_post_handshake && is_13 {
            self.core.acks.is_due = true;
            return;
        }
        if is_repeated {
            let is_client = self.core.config.role == Role::Client;
            if self.core.is_done
                && is_13
                && number.epoch > 0
                && !(is_client && number.epoch < APPLICATION_EPOCH)
            {
                // The peer did not get our ACK.
                self.core.acks.is_due = true;
            } else if self.core.outbox.resend(self.core.now) {
                self.core.stats.retransmits += 1;
            } else if !self.core.outbox.is_busy() {
                self.expect_rest_of_flight();
            }
            return;
        }
        let is_incomplete = !self.core.is_done && !self.core.outbox.is_busy();
        if is_13 && is_incomplete {
            self.expect_rest_of_flight();
        }
    }
}
