//! The connection: the five verbs, and the commands.

mod connection_ids;
mod key_update;
mod receive;
mod transmit;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, Rng, Secret};

use crate::alert::{Alert, AlertDescription};
use crate::config::{Config, Role, SrtpProfile, Version};
use crate::core::{Acks, Core, PeerIdentity};
use crate::error::{ConfigError, ExportError, Failure, SealError};
use crate::event::{Event, Stats, Transmit};
use crate::fingerprint::Fingerprint;
use crate::handshake::State;
use crate::message::HandshakeType;
use crate::outbox::Outbox;
use crate::record::{ContentType, RecordLayer, SealRefusal};
use crate::suite::CipherSuite;
use connection_ids::ConnectionIds;
use key_update::KeyUpdates;
use receive::Held;

/// One end of a DTLS connection. It owns no socket and no clock.
///
/// Its methods are of four kinds, and any interleaving of them is valid:
/// - *getters*: [`Self::role`], [`Self::version`], [`Self::srtp_profile`], [`Self::alpn`],
///   [`Self::remote_certificate`], [`Self::is_connected`], [`Self::max_overhead`], [`Self::stats`];
/// - *inputs*: [`Self::handle_packet`] and [`Self::handle_timeout`];
/// - *commands*: [`Self::set_remote_fingerprints`], [`Self::bind_cookies_to`], [`Self::seal`],
///   [`Self::export_keying_material`], [`Self::update_keys`], [`Self::issue_connection_ids`],
///   [`Self::request_connection_ids`], [`Self::use_next_connection_id`], [`Self::close`];
/// - *outputs*: [`Self::poll_transmit`], [`Self::poll_event`] and [`Self::poll_timeout`].
#[derive(Debug)]
pub struct Connection {
    pub(crate) core: Core,
    state: State,
    life: Life,
    pub(crate) held: Held,
    key_updates: KeyUpdates,
    connection_ids: ConnectionIds,
    /// The alert to be sent next, in the newest epoch.
    alert: Option<Alert>,
}

/// What the user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// The handshake is not over, or the peer is not verified.
    Connecting,
    Connected,
    /// Closed by somebody, or failed.
    Over,
}

impl Connection {
    /// A connection that starts at once: a client's first [`Self::poll_transmit`] has a ClientHello.
    pub fn new(
        config: Arc<Config>,
        provider: Arc<dyn CryptoProvider>,
        mut rng: Rng,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let cookie_secret = match &config.cookie_secret {
            Some(secret) => (*secret.0).clone(),
            None => Secret::copied(&rng.array::<32>()),
        };
        let fingerprints = config.remote_fingerprints.clone();
        let mut core = Core {
            provider,
            rng,
            now,
            records: RecordLayer::new(),
            outbox: Outbox::new(config.timers),
            acks: Acks::default(),
            peer: PeerIdentity {
                fingerprints,
                certificate: None,
            },
            version: None,
            suite: None,
            group: None,
            srtp_profile: None,
            alpn: None,
            exporter: None,
            traffic: None,
            cookie_secret,
            cookie_address: Vec::new(),
            is_done: false,
            handshake_deadline: None,
            events: VecDeque::new(),
            stats: Stats::default(),
            config,
        };
        let state = match core.config.role {
            Role::Client => State::start_client(&mut core)?,
            Role::Server => State::ServerWaitClientHello,
        };
        Ok(Self {
            core,
            state,
            life: Life::Connecting,
            held: Held::default(),
            key_updates: KeyUpdates::default(),
            connection_ids: ConnectionIds::default(),
            alert: None,
        })
    }

    /// Our side of the handshake.
    #[must_use]
    pub fn role(&self) -> Role {
        self.core.config.role
    }

    /// Whether data can be sent: the handshake is over, the peer is verified, nobody closed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.life == Life::Connected
    }

    /// The version, once it is negotiated.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.core.version
    }

    /// The cipher suite, once it is negotiated.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.core.suite
    }

    /// The SRTP profile that was agreed on, once connected.
    #[must_use]
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.core.srtp_profile.filter(|_| self.is_connected())
    }

    /// The application protocol that was agreed on, once connected.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.core.alpn.as_deref().filter(|_| self.is_connected())
    }

    /// The peer's certificate in DER, as soon as it came; it is verified once connected.
    #[must_use]
    pub fn remote_certificate(&self) -> Option<&[u8]> {
        self.core.peer.certificate.as_deref()
    }

    /// How many bytes a record adds to its plaintext: exactly, once connected; before, at most.
    #[must_use]
    pub fn max_overhead(&self) -> usize {
        /// The full header, an explicit nonce and a tag; with connection IDs, one of the greatest
        /// length and the inner content type.
        const MOST: usize = 13 + 8 + 16;
        const MOST_WITH_CID: usize = MOST + 255 + 1;
        match (self.is_connected(), &self.core.config.connection_id) {
            (true, _) => self.core.records.overhead(self.core.records.write_epoch()),
            (false, None) => MOST,
            (false, Some(_)) => MOST_WITH_CID,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.stats
    }

    /// Servers with [`Config::cookies`]: the client's address, in any unambiguous form of up to 255
    /// bytes, which cookies are bound to. To be called before the first datagram.
    pub fn bind_cookies_to(&mut self, address: &[u8]) {
        self.core.cookie_address = address.to_vec();
        self.core.cookie_address.truncate(255);
    }

    /// Lets time pass: call it when [`Self::poll_timeout`]'s time has come. Early calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.now = now;
        if self
            .core
            .handshake_deadline
            .is_some_and(|deadline| deadline <= now)
        {
            self.fail(Failure::Timeout);
            return;
        }
        let is_given_up = self.core.is_done
            && self.core.outbox.transmissions() >= MAX_TRANSMISSIONS
            && self.core.outbox.sends(HandshakeType::Finished);
        let is_patient = self.core.is_done;
        if self.core.outbox.handle_timeout(now, is_patient) {
            if is_given_up {
                self.core.outbox.stop();
            } else {
                self.core.stats.retransmits += 1;
            }
        }
        self.handle_ack_timeout(now);
    }

    /// Says which fingerprints vouch for the peer's certificate. If that came already, it is checked now.
    /// The handshake may be over by then; nothing that the peer sent is let through before.
    ///
    /// A later call replaces the fingerprints; if the peer's certificate does not match them, the
    /// connection fails. An empty list matches nothing.
    pub fn set_remote_fingerprints(&mut self, now: Instant, fingerprints: &[Fingerprint]) {
        self.core.now = now;
        self.core.peer.fingerprints = Some(fingerprints.to_vec());
        match self.core.check_fingerprints() {
            Ok(()) => self.connect_if_ready(),
            Err(failure) => self.fail(failure),
        }
    }

    /// Appends one record of application data to `buf`: `write` appends the plaintext, which is
    /// encrypted where it lies. If it appends nothing, or on an error, `buf` stays as it was.
    ///
    /// What [`Self::poll_transmit`] has should leave first: right behind a handshake it is our last flight,
    /// and a peer may drop data that overtakes it.
    pub fn seal<R>(
        &mut self,
        buf: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, SealError> {
        match self.life {
            Life::Connected => {}
            Life::Connecting => return Err(SealError::NotConnected),
            Life::Over => return Err(SealError::Closed),
        }
        let epoch = self.core.records.write_epoch();
        let sealed = self
            .core
            .records
            .seal(epoch, ContentType::ApplicationData, buf, write);
        let (result, number) = sealed.map_err(|refusal| match refusal {
            SealRefusal::NoKeys => SealError::NotConnected,
            SealRefusal::TooLong { len, max } => SealError::TooLong { len, max },
            SealRefusal::Exhausted => SealError::Exhausted,
        })?;
        if number.is_some() {
            self.core.stats.records_sealed += 1;
            self.update_keys_in_time();
        }
        Ok(result)
    }

    /// Fills `out` with keying material (RFC 5705; RFC 8446, section 7.5). `context` is at most 65,535
    /// bytes long; in DTLS 1.2, no context is something else than an empty one.
    pub fn export_keying_material(
        &self,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let exporter = self.core.exporter.as_ref().filter(|_| self.is_connected());
        let exporter = exporter.ok_or(ExportError::NotConnected)?;
        let (len, max) = (out.len(), exporter.max_len());
        if len > max {
            return Err(ExportError::TooLong { len, max });
        }
        exporter.export(&*self.core.provider, label, context, out);
        Ok(())
    }

    /// Says goodbye (close_notify): nothing more is sent after what is pending, nothing more is received.
    pub fn close(&mut self) {
        if self.life != Life::Over {
            self.end(Some(AlertDescription::CloseNotify));
        }
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called; `None` while there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let core = &self.core;
        [
            core.outbox.deadline(),
            core.acks.deadline,
            core.handshake_deadline,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The handshake went on, or the fingerprints came: maybe that is all.
    fn connect_if_ready(&mut self) {
        let is_ready = self.core.is_done && self.core.is_peer_verified();
        let (true, Life::Connecting) = (is_ready, self.life) else {
            return;
        };
        let (Some(version), Some(suite), Some(group)) =
            (self.core.version, self.core.suite, self.core.group)
        else {
            return;
        };
        self.life = Life::Connected;
        let srtp_profile = self.core.srtp_profile;
        self.core.events.push_back(Event::Connected {
            version,
            suite,
            group,
            srtp_profile,
        });
    }

    fn fail(&mut self, failure: Failure) {
        if self.life == Life::Over {
            return;
        }
        self.end(failure.alert());
        self.state = State::Failed;
        self.core.events.push_back(Event::Failed(failure));
    }

    /// Nothing more happens but one last alert.
    fn end(&mut self, alert: Option<AlertDescription>) {
        self.life = Life::Over;
        self.core.outbox.stop();
        self.core.acks.clear();
        self.core.handshake_deadline = None;
        self.held = Held::default();
        self.alert = alert.map(Alert::new);
    }
}

/// How often a client's last flight is sent again: with back-off for half a minute, which is all the time that
/// the server has for the handshake. What comes behind the handshake is never given up: its number would be
/// missing for ever.
const MAX_TRANSMISSIONS: u32 = 30;
