//! New connection IDs while connected (RFC 9147, section 9).

use std::time::Instant;

use super::{Connection, Life};
use crate::config::Version;
use crate::error::{ConnectionIdError, Failure, HandshakeError};
use crate::event::Event;
use crate::message::{HandshakeType, Message, NewConnectionId, RequestConnectionId};

/// Our own NewConnectionId and RequestConnectionId, each of which waits until no flight is out.
#[derive(Debug, Default)]
pub(super) struct ConnectionIds {
    /// The body of a NewConnectionId.
    new: Option<Vec<u8>>,
    request: Option<RequestConnectionId>,
    /// A request was sent, and no NewConnectionId has come since.
    is_request_open: bool,
}

impl Connection {
    /// DTLS 1.3: gives the peer more connection IDs for its records to us: to be used at once, the
    /// first of them, or when it likes. All of them, and those from before, are taken from now on: the
    /// newest nine.
    ///
    /// # Errors
    ///
    /// When connection IDs were not negotiated, or their lengths are not that of the negotiated one, or the
    /// last ones are still on their way.
    pub fn issue_connection_ids(
        &mut self,
        now: Instant,
        ids: &[&[u8]],
        at_once: bool,
    ) -> Result<(), ConnectionIdError> {
        self.core.now = now;
        let expected = self.core.records.local_cid_len();
        self.check_connection_ids(expected > 0)?;
        if let Some(wrong) = ids.iter().find(|id| id.len() != expected) {
            let len = wrong.len();
            return Err(ConnectionIdError::Length { len, expected });
        }
        let is_out = self.core.outbox.sends(HandshakeType::NewConnectionId);
        if is_out || self.connection_ids.new.is_some() || (at_once && ids.is_empty()) {
            return Err(ConnectionIdError::Outstanding);
        }
        let mut body = Vec::new();
        let message = NewConnectionId {
            cids: ids.to_vec(),
            is_immediate: at_once,
        };
        message
            .write(&mut body)
            .map_err(|_| ConnectionIdError::TooMany)?;
        for id in ids {
            self.core.records.add_local_cid(id);
        }
        self.connection_ids.new = Some(body);
        Ok(())
    }

    /// DTLS 1.3: asks the peer for so many spare connection IDs for our records to it, before
    /// [`Self::use_next_connection_id`] is called on a new path.
    ///
    /// # Errors
    ///
    /// When connection IDs were not negotiated, or the last request is not answered yet.
    pub fn request_connection_ids(
        &mut self,
        now: Instant,
        count: u8,
    ) -> Result<(), ConnectionIdError> {
        self.core.now = now;
        self.check_connection_ids(self.core.records.has_remote_cid())?;
        if self.connection_ids.is_request_open {
            return Err(ConnectionIdError::Outstanding);
        }
        self.connection_ids.request = Some(RequestConnectionId { num_cids: count });
        self.connection_ids.is_request_open = true;
        Ok(())
    }

    /// Puts the next spare connection ID into our records, and forgets the one before; returns whether
    /// there was one. Whoever sends on a new path should, so that the paths can not be linked. It may
    /// change [`Self::max_overhead`].
    pub fn use_next_connection_id(&mut self) -> bool {
        self.core.records.use_next_remote_cid()
    }

    fn check_connection_ids(&self, are_there: bool) -> Result<(), ConnectionIdError> {
        if self.life != Life::Connected {
            return Err(ConnectionIdError::NotConnected);
        }
        if self.core.version != Some(Version::Dtls13) || !are_there {
            return Err(ConnectionIdError::NotNegotiated);
        }
        Ok(())
    }

    /// Adds what waits to an outbox that is empty.
    pub(super) fn start_connection_id_messages(&mut self) {
        let epoch = self.core.records.write_epoch();
        let (kind, body) = if let Some(body) = self.connection_ids.new.take() {
            (HandshakeType::NewConnectionId, body)
        } else if let Some(request) = self.connection_ids.request.take() {
            let mut body = Vec::new();
            request.write(&mut body);
            (HandshakeType::RequestConnectionId, body)
        } else {
            return;
        };
        self.core.outbox.begin(true);
        self.core.outbox.push(epoch, kind, body);
    }

    /// The peer has new IDs for us, or wants some. Whoever did not negotiate them must do neither.
    pub(super) fn handle_connection_ids(&mut self, message: &Message) -> Result<(), Failure> {
        let records = &mut self.core.records;
        let is_allowed = self.core.version == Some(Version::Dtls13)
            && match message.kind {
                HandshakeType::NewConnectionId => records.has_remote_cid(),
                _ => records.local_cid_len() > 0,
            };
        if !is_allowed {
            let found = message.kind.code();
            let expected = "no message about connection IDs, which were not negotiated";
            return Err(HandshakeError::UnexpectedMessage { found, expected }.into());
        }
        if message.kind == HandshakeType::RequestConnectionId {
            let count = RequestConnectionId::parse(&message.body)?.num_cids;
            let event = Event::ConnectionIdsRequested { count };
            // One that waits to be heard is enough.
            self.core
                .events
                .retain(|event| !matches!(event, Event::ConnectionIdsRequested { .. }));
            self.core.events.push_back(event);
            return Ok(());
        }
        let new = NewConnectionId::parse(&message.body)?;
        self.connection_ids.is_request_open = false;
        if new.is_immediate {
            records.forget_spare_remote_cids();
        }
        for cid in new.cids {
            records.add_spare_remote_cid(cid);
        }
        if new.is_immediate {
            records.use_next_remote_cid();
        }
        Ok(())
    }
}
