//! The connection: the five verbs, and the commands.

use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, Rng};

use crate::config::{Config, Role, SrtpProfile, Version};
use crate::error::{ConfigError, ExportError, SealError};
use crate::event::{Event, Stats, Transmit};
use crate::fingerprint::Fingerprint;

/// One end of a DTLS connection. It owns no socket and no clock.
///
/// Its methods are of four kinds, and any interleaving of them is valid:
/// - *getters*: [`Self::version`], [`Self::srtp_profile`], [`Self::alpn`], [`Self::remote_certificate`],
///   [`Self::is_connected`], [`Self::max_overhead`], [`Self::stats`];
/// - *inputs*: [`Self::handle_packet`] and [`Self::handle_timeout`];
/// - *commands*: [`Self::set_remote_fingerprints`], [`Self::seal`], [`Self::export_keying_material`],
///   [`Self::update_keys`], [`Self::close`];
/// - *outputs*: [`Self::poll_transmit`], [`Self::poll_event`] and [`Self::poll_timeout`].
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    provider: Arc<dyn CryptoProvider>,
}

impl Connection {
    /// A connection that starts at once: a client's first [`Self::poll_transmit`] has a ClientHello.
    pub fn new(
        config: Arc<Config>,
        provider: Arc<dyn CryptoProvider>,
        _rng: Rng,
        _now: Instant,
    ) -> Result<Self, ConfigError> {
        Ok(Self { config, provider })
    }

    /// Our side of the handshake.
    #[must_use]
    pub fn role(&self) -> Role {
        self.config.role
    }

    /// Whether data can be sent: the handshake is over, the peer is verified, nobody closed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        false
    }

    /// The version, once it is negotiated.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        None
    }

    /// The SRTP profile that was agreed on, once connected.
    #[must_use]
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        None
    }

    /// The application protocol that was agreed on, once connected.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        None
    }

    /// The peer's certificate in DER, as soon as it came; it is verified once connected.
    #[must_use]
    pub fn remote_certificate(&self) -> Option<&[u8]> {
        None
    }

    /// How many bytes a record adds to its plaintext, at most.
    #[must_use]
    pub fn max_overhead(&self) -> usize {
        37
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Takes in a datagram. It is decrypted in place; `on_data` is called with the plaintext of each
    /// application data record. Nothing is allocated for those. What is not a datagram of this connection
    /// is counted and dropped.
    ///
    /// Records that came too early to be read (before the handshake's last message, or before the
    /// peer's fingerprints were set) are held, up to a bound, and delivered by the call that finds them
    /// readable. An empty datagram is nothing but such a call.
    pub fn handle_packet(
        &mut self,
        _now: Instant,
        _datagram: &mut [u8],
        _on_data: impl FnMut(&[u8]),
    ) {
    }

    /// Lets time pass: call it when [`Self::poll_timeout`]'s time has come. Early calls do nothing.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// Says which fingerprints vouch for the peer's certificate. If that came already, it is checked now.
    /// The handshake may be over by then; nothing that the peer sent is let through before.
    ///
    /// Once a set was given, a later one is compared with the same certificate; on a mismatch the
    /// connection fails.
    pub fn set_remote_fingerprints(&mut self, _now: Instant, _fingerprints: &[Fingerprint]) {}

    /// Appends one record of application data to `buf`: `write` appends the plaintext, which is
    /// encrypted where it lies. If it appends nothing, or on an error, `buf` stays as it was.
    pub fn seal<R>(
        &mut self,
        buf: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, SealError> {
        let _ = (&self.provider, write, buf);
        Err(SealError::NotConnected)
    }

    /// Fills `out` with keying material (RFC 5705; RFC 8446, section 7.5).
    pub fn export_keying_material(
        &self,
        _label: &[u8],
        _context: Option<&[u8]>,
        _out: &mut [u8],
    ) -> Result<(), ExportError> {
        Err(ExportError::NotConnected)
    }

    /// DTLS 1.3: changes our sending keys, and asks the peer to change its own. It happens by itself
    /// before the keys are worn out. Does nothing in DTLS 1.2 or when not connected.
    pub fn update_keys(&mut self, _now: Instant) {}

    /// Says goodbye (close_notify): nothing more is sent after what is pending.
    pub fn close(&mut self) {}

    /// Appends the next datagram to `buf`, if there is one to be sent.
    pub fn poll_transmit(&mut self, _now: Instant, _buf: &mut Vec<u8>) -> Option<Transmit> {
        None
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When [`Self::handle_timeout`] is to be called; `None` while there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
