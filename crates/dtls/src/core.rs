//! What all handshake states work on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, NamedGroup, Rng, Secret, SignatureScheme};

use crate::config::{Config, SrtpProfile, Version};
use crate::error::{Failure, HandshakeError};
use crate::event::{Event, Stats};
use crate::fingerprint::{Fingerprint, vouch_for};
use crate::key_schedule::Exporter;
use crate::message::{HandshakeType, RecordNumber};
use crate::outbox::Outbox;
use crate::record::{Keys13, Protection, RecordLayer};
use crate::registry;
use crate::suite::CipherSuite;
use crate::transcript::Transcript;
use crate::x509::PublicKey;

/// What all handshake states work on: everything but the state itself.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) provider: Arc<dyn CryptoProvider>,
    pub(crate) rng: Rng,
    /// The time of the input that is being handled.
    pub(crate) now: Instant,
    pub(crate) records: RecordLayer,
    pub(crate) outbox: Outbox,
    pub(crate) acks: Acks,
    pub(crate) peer: PeerIdentity,
    pub(crate) version: Option<Version>,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) srtp_profile: Option<SrtpProfile>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) exporter: Option<Exporter>,
    /// DTLS 1.3: the newest application traffic secrets, ours and the peer's.
    pub(crate) traffic: Option<Traffic>,
    /// What cookies are signed with, and the address that they are bound to.
    pub(crate) cookie_secret: Secret,
    pub(crate) cookie_address: Vec<u8>,
    /// Whether both Finished messages are through.
    pub(crate) is_done: bool,
    /// When the handshake must be over.
    pub(crate) handshake_deadline: Option<Instant>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) stats: Stats,
}

/// The newest application traffic secrets of DTLS 1.3.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) send: Secret,
    pub(crate) receive: Secret,
}

/// Who the peer says it is, and who it should be.
#[derive(Debug, Default)]
pub(crate) struct PeerIdentity {
    pub(crate) fingerprints: Option<Vec<Fingerprint>>,
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Which records of the peer's current flight came, for the ACK.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    numbers: VecDeque<RecordNumber>,
    /// When one is sent, if the rest of the flight has not come by then.
    pub(crate) deadline: Option<Instant>,
    /// Whether one is to be sent now.
    pub(crate) is_due: bool,
}

impl Acks {
    /// How many record numbers are remembered: a flight at the smallest MTU, sent twice.
    pub(crate) const MAX: usize = 64;

    pub(crate) fn add(&mut self, number: RecordNumber) {
        if self.numbers.contains(&number) {
            return;
        }
        if self.numbers.len() >= Self::MAX {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
    }

    /// A new flight of the peer begins.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.deadline = None;
        self.is_due = false;
    }

    /// The newest numbers that fit into one datagram and one record, in increasing order.
    pub(crate) fn sorted(&self, mtu: usize, max_plaintext: usize) -> Vec<RecordNumber> {
        const OVERHEAD: usize = 64;
        const LENGTH: usize = 2;
        let fitting = mtu
            .saturating_sub(OVERHEAD)
            .min(max_plaintext.saturating_sub(LENGTH))
            / 16;
        let mut numbers: Vec<_> = self.numbers.iter().rev().take(fitting).copied().collect();
        numbers.sort_unstable();
        numbers
    }
}

impl Core {
    /// Whether it is verified that the peer's certificate is the right one.
    pub(crate) fn is_peer_verified(&self) -> bool {
        self.peer.fingerprints.is_some() && self.peer.certificate.is_some()
    }

    /// Keeps the peer's certificate, and checks it if its fingerprints are known by now.
    pub(crate) fn accept_certificate(&mut self, chain: &[&[u8]]) -> Result<(), Failure> {
        let certificate = chain.first().ok_or(HandshakeError::NoCertificate)?;
        PublicKey::of_certificate(certificate).map_err(HandshakeError::from)?;
        self.peer.certificate = Some(certificate.to_vec());
        self.check_fingerprints()
    }

    /// Compares the peer's certificate with its fingerprints, if both are there.
    pub(crate) fn check_fingerprints(&self) -> Result<(), Failure> {
        match (&self.peer.fingerprints, &self.peer.certificate) {
            (Some(fingerprints), Some(certificate))
                if !vouch_for(fingerprints, &*self.provider, certificate) =>
            {
                Err(Failure::FingerprintMismatch)
            }
            _ => Ok(()),
        }
    }

    /// The scheme that we sign with, for a peer that takes these.
    pub(crate) fn choose_scheme(&self, offered: &[u16]) -> Result<SignatureScheme, HandshakeError> {
        let is_13 = self.version == Some(Version::Dtls13);
        let schemes = self
            .config
            .certificate
            .signing_key()
            .schemes()
            .iter()
            .copied();
        let mut schemes = schemes.filter(|scheme| !(is_13 && registry::is_pkcs1(*scheme)));
        schemes
            .find(|scheme| offered.contains(&registry::scheme_code(*scheme)))
            .ok_or(HandshakeError::NothingInCommon("signature scheme"))
    }

    /// Signs with our certificate's key.
    pub(crate) fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, HandshakeError> {
        Ok(self
            .config
            .certificate
            .signing_key()
            .sign(scheme, message)?)
    }

    /// Verifies a signature with the key in the peer's certificate.
    pub(crate) fn verify(
        &self,
        scheme: u16,
        message: &[u8],
        signature: &[u8],
        what: &'static str,
    ) -> Result<(), HandshakeError> {
        let certificate = self
            .peer
            .certificate
            .as_deref()
            .ok_or(HandshakeError::NoCertificate)?;
        let key = PublicKey::of_certificate(certificate)?;
        let is_13 = self.version == Some(Version::Dtls13);
        let scheme = registry::scheme_from_code(scheme)
            .map(|scheme| match is_13 {
                true => scheme,
                false => registry::scheme_in_12(scheme, key.kind),
            })
            .filter(|scheme| key.kind.signs(*scheme) && !(is_13 && registry::is_pkcs1(*scheme)))
            .ok_or(HandshakeError::IllegalParameter(
                "a signature's scheme was not offered, or is not one of the certificate's key",
            ))?;
        self.provider
            .verify(scheme, key.bytes, message, signature)
            .map_err(|_| HandshakeError::Verify(what))
    }

    /// Adds a message to the flight and to the transcript.
    pub(crate) fn send(
        &mut self,
        transcript: &mut Transcript,
        epoch: u64,
        kind: HandshakeType,
        body: Vec<u8>,
    ) {
        transcript.add(kind, self.outbox.next_seq(), &body);
        self.outbox.push(epoch, kind, body);
    }

    /// Begins our next flight; what the peer sent before is answered by it.
    pub(crate) fn begin_flight(&mut self, is_timed: bool) {
        self.outbox.answered(self.now);
        self.outbox.begin(is_timed);
        self.acks.clear();
    }

    /// Adds an epoch of DTLS 1.3 that we send in.
    pub(crate) fn add_write13(&mut self, epoch: u64, secret: &[u8]) -> Result<(), HandshakeError> {
        let keys = Keys13::new(&*self.provider, self.suite13()?, secret)?;
        self.records.add_write(epoch, Protection::Dtls13(keys));
        Ok(())
    }

    /// Adds an epoch of DTLS 1.3 that we receive in.
    pub(crate) fn add_read13(&mut self, epoch: u64, secret: &[u8]) -> Result<(), HandshakeError> {
        let keys = Keys13::new(&*self.provider, self.suite13()?, secret)?;
        self.records.add_read(epoch, Protection::Dtls13(keys));
        Ok(())
    }

    fn suite13(&self) -> Result<CipherSuite, HandshakeError> {
        self.suite
            .ok_or(HandshakeError::Internal("no suite is negotiated"))
    }

    /// Hands a secret to the key log.
    pub(crate) fn log_key(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        let Some(log) = &self.config.key_log else {
            return;
        };
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        log.log(&format!("{label} {} {}", hex(client_random), hex(secret)));
    }

    /// Both sides' Finished are through.
    pub(crate) fn finish_handshake(&mut self) {
        self.is_done = true;
        self.handshake_deadline = None;
    }
}
