//! KeyUpdate (RFC 9147, section 8): DTLS 1.3 changes its keys.

use std::time::Instant;

use super::{Connection, Life};
use crate::config::Version;
use crate::error::{Failure, HandshakeError};
use crate::key_schedule::next_traffic_secret;
use crate::message::{HandshakeType, KeyUpdate, Message};
use crate::record::REKEY_AFTER;

/// Our own key updates.
#[derive(Debug, Default)]
pub(super) struct KeyUpdates {
    /// One shall be sent as soon as no flight is out; the peer shall follow or not.
    wanted: Option<KeyUpdate>,
    /// One is out; with its ACK our keys change.
    is_out: bool,
}

impl Connection {
    /// DTLS 1.3: changes our sending keys, and asks the peer to change its own. It happens by itself
    /// before the keys are worn out. Does nothing in DTLS 1.2 or when not connected.
    pub fn update_keys(&mut self, now: Instant) {
        self.core.now = now;
        self.want_key_update(true);
    }

    /// Asks for an update when the keys have sealed much (RFC 9147, section 4.5.3).
    pub(super) fn update_keys_in_time(&mut self) {
        if self.core.records.sealed_in_epoch() >= REKEY_AFTER {
            self.want_key_update(true);
        }
    }

    fn want_key_update(&mut self, update_requested: bool) {
        let is_13 = self.core.version == Some(Version::Dtls13);
        if is_13 && self.life == Life::Connected && !self.key_updates.is_out {
            self.key_updates.wanted = Some(KeyUpdate { update_requested });
        }
    }

    /// Sends what is wanted behind the handshake, if nothing else is out: an update first.
    pub(super) fn start_post_handshake(&mut self) {
        if self.core.outbox.is_busy() {
            return;
        }
        let Some(update) = self.key_updates.wanted.take() else {
            self.start_connection_id_messages();
            return;
        };
        let mut body = Vec::new();
        update.write(&mut body);
        self.core.outbox.begin(true);
        self.core.outbox.push(
            self.core.records.write_epoch(),
            HandshakeType::KeyUpdate,
            body,
        );
        self.key_updates.is_out = true;
    }

    /// The peer has all of our flight: after a KeyUpdate, the new keys are used from here on.
    pub(super) fn handle_flight_acked(&mut self) -> Result<(), Failure> {
        self.core.outbox.answered(self.core.now);
        if !std::mem::take(&mut self.key_updates.is_out) {
            return Ok(());
        }
        let missing = HandshakeError::Internal("there are no application secrets");
        let (Some(traffic), Some(suite)) = (&mut self.core.traffic, self.core.suite) else {
            return Err(missing.into());
        };
        traffic.send = next_traffic_secret(&*self.core.provider, suite.hash(), &traffic.send);
        let secret = traffic.send.clone();
        let epoch = self.core.records.write_epoch() + 1;
        Ok(self.core.add_write13(epoch, &secret)?)
    }

    /// A handshake message came behind the handshake.
    pub(super) fn handle_post_handshake(&mut self, message: &Message) -> Result<(), Failure> {
        match message.kind {
            HandshakeType::KeyUpdate if self.core.version == Some(Version::Dtls13) => {
                self.handle_key_update(KeyUpdate::parse(&message.body)?)
            }
            HandshakeType::NewConnectionId | HandshakeType::RequestConnectionId => {
                self.handle_connection_ids(message)
            }
            // We resume no sessions.
            HandshakeType::NewSessionTicket => Ok(()),
            _ => {
                let found = message.kind.code();
                let expected = "a message that may come behind the handshake";
                Err(HandshakeError::UnexpectedMessage { found, expected }.into())
            }
        }
    }

    /// The peer's keys change; the old ones stay for what is under way.
    fn handle_key_update(&mut self, update: KeyUpdate) -> Result<(), Failure> {
        let missing = HandshakeError::Internal("there are no application secrets");
        let (Some(traffic), Some(suite)) = (&mut self.core.traffic, self.core.suite) else {
            return Err(missing.into());
        };
        let provider = &*self.core.provider;
        traffic.receive = next_traffic_secret(provider, suite.hash(), &traffic.receive);
        let secret = traffic.receive.clone();
        let epoch = self.core.records.read_epoch() + 1;
        self.core.add_read13(epoch, &secret)?;
        if update.update_requested && self.key_updates.wanted.is_none() {
            self.want_key_update(false);
        }
        Ok(())
    }
}
