//! The DTLS transport: from "both sides' parameters are known" to SRTP keys and a channel for data.

use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, Rng};
use gannet_dtls::{
    Certificate, Config, Connection, Event, Failure, Fingerprint, KeyLog, Role, SrtpProfile,
    Timers, Transmit, Versions,
};
use gannet_srtp::{KeyingMaterial, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};

/// The label of the exporter that SRTP's keys come from (RFC 5764, section 4.2).
const SRTP_LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// How many datagrams wait for [`DtlsTransport::start`]: a ClientHello with a post-quantum key share has
/// two or three, and comes again.
const MAX_EARLY: usize = 8;

/// How many sources each side may have in the life of a session, those of RTP and of RTCP counted apart. What
/// was sent or received of a source is never forgotten, for its packets could be replayed then; at less than 220
/// bytes each, a peer that fills both tables costs 7 MB.
const MAX_SRTP_STREAMS: usize = 16_384;

/// The state of a DTLS transport: `RTCDtlsTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsTransportState {
    /// Not started, or waits for ICE.
    New,
    /// In its handshake.
    Connecting,
    /// The peer is who its fingerprint says; data flows.
    Connected,
    /// Closed, by us or by the peer.
    Closed,
    /// The handshake failed, or the peer is somebody else.
    Failed,
}

/// What all connections of one configuration share.
#[derive(Clone, Debug)]
pub(crate) struct DtlsSettings {
    pub(crate) certificate: Certificate,
    pub(crate) versions: Versions,
    pub(crate) srtp_profiles: Vec<Profile>,
    pub(crate) mtu: usize,
    pub(crate) timers: Timers,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
}

/// SRTP's contexts, one for each direction.
#[derive(Debug)]
pub(crate) struct Srtp {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// What became of a step of the transport.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Connected; the SRTP contexts are there if a profile was agreed on.
    Connected(Option<Box<Srtp>>),
    /// The peer said goodbye.
    Closed,
    /// It failed.
    Failed(DtlsFailure),
}

/// Why a DTLS transport failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DtlsFailure {
    /// The handshake or the connection failed.
    #[error("DTLS failed: {0}")]
    Connection(Failure),
    /// A connection can not be made with this configuration.
    #[error("DTLS can not start: {0}")]
    Configuration(String),
    /// SRTP's keys could not be made.
    #[error("SRTP's keys can not be made: {0}")]
    Keys(String),
}

/// A connection in waiting, then a connection.
#[derive(Debug)]
pub(crate) struct DtlsTransport {
    settings: DtlsSettings,
    provider: Arc<dyn CryptoProvider>,
    rng: Rng,
    state: DtlsTransportState,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The parameters of the other side are not known yet, or ICE has no path. What comes early waits.
    Waiting {
        start: Option<Start>,
        early: Vec<Vec<u8>>,
    },
    /// The handshake, and what follows it.
    Running(Box<Connection>),
    /// It could not start.
    Dead,
}

#[derive(Debug)]
struct Start {
    role: Role,
    fingerprints: Vec<Fingerprint>,
}

impl DtlsTransport {
    pub(crate) fn new(settings: DtlsSettings, provider: Arc<dyn CryptoProvider>, rng: Rng) -> Self {
        Self {
            settings,
            provider,
            rng,
            state: DtlsTransportState::New,
            phase: Phase::Waiting {
                start: None,
                early: Vec::new(),
            },
        }
    }

    pub(crate) const fn state(&self) -> DtlsTransportState {
        self.state
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.settings.certificate
    }

    /// The connection, once its handshake has begun.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Running(connection) => Some(connection),
            Phase::Waiting { .. } | Phase::Dead => None,
        }
    }

    fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.phase {
            Phase::Running(connection) => Some(connection),
            Phase::Waiting { .. } | Phase::Dead => None,
        }
    }

    /// Says what the other side is. The handshake begins with [`Self::path_found`]. If it began already,
    /// the fingerprints are compared with the certificate that came.
    pub(crate) fn start(&mut self, now: Instant, role: Role, fingerprints: Vec<Fingerprint>) {
        match &mut self.phase {
            Phase::Waiting { start, .. } => *start = Some(Start { role, fingerprints }),
            Phase::Running(connection) => connection.set_remote_fingerprints(now, &fingerprints),
            Phase::Dead => {}
        }
    }

    /// ICE has a path: the handshake begins, if the other side is known. True if it began.
    pub(crate) fn path_found(&mut self, now: Instant) -> Result<bool, DtlsFailure> {
        let Phase::Waiting { start, early } = &mut self.phase else {
            return Ok(false);
        };
        let Some(Start { role, fingerprints }) = start.take() else {
            return Ok(false);
        };
        let early = std::mem::take(early);
        let connection = match self.connect(now, role, fingerprints) {
            Ok(connection) => connection,
            Err(failure) => {
                self.phase = Phase::Dead;
                self.state = DtlsTransportState::Failed;
                return Err(failure);
            }
        };
        self.phase = Phase::Running(Box::new(connection));
        self.state = DtlsTransportState::Connecting;
        for mut datagram in early {
            // Nothing can be application data before the handshake.
            self.handle_packet(now, &mut datagram, |_| {});
        }
        Ok(true)
    }

    fn connect(
        &mut self,
        now: Instant,
        role: Role,
        fingerprints: Vec<Fingerprint>,
    ) -> Result<Connection, DtlsFailure> {
        let settings = &self.settings;
        let profiles = settings
            .srtp_profiles
            .iter()
            .filter_map(|profile| profile.dtls_id());
        let mut config = Config::new(role, settings.certificate.clone())
            .versions(settings.versions)
            .srtp_profiles(profiles.map(SrtpProfile).collect::<Vec<_>>())
            .mtu(settings.mtu)
            .timers(settings.timers)
            .remote_fingerprints(fingerprints);
        if let Some(sink) = &settings.key_log {
            config = config.key_log(Arc::clone(sink));
        }
        Connection::new(
            Arc::new(config),
            Arc::clone(&self.provider),
            self.rng.fork(),
            now,
        )
        .map_err(|error| DtlsFailure::Configuration(error.to_string()))
    }

    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        on_data: impl FnMut(&[u8]),
    ) {
        match &mut self.phase {
            Phase::Running(connection) => connection.handle_packet(now, datagram, on_data),
            Phase::Waiting { early, .. } if early.len() < MAX_EARLY => {
                early.push(datagram.to_vec())
            }
            Phase::Waiting { .. } | Phase::Dead => {}
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(connection) = self.connection_mut() {
            connection.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.connection()?.poll_timeout()
    }

    pub(crate) fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.connection_mut()?.poll_transmit(now, buf)
    }

    /// Whether application data can be sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.state == DtlsTransportState::Connected
    }

    /// Appends a record of application data, as `write` writes it; `None` if there is nothing to write.
    pub(crate) fn seal<R>(
        &mut self,
        buf: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Option<R>,
    ) -> Option<R> {
        self.connection_mut()?.seal(buf, write).ok().flatten()
    }

    pub(crate) fn close(&mut self) {
        if let Some(connection) = self.connection_mut() {
            connection.close();
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Dead) {
            running @ Phase::Running(_) => running,
            Phase::Waiting { .. } | Phase::Dead => Phase::Dead,
        };
        self.state = DtlsTransportState::Closed;
    }

    /// What happened since the last call.
    pub(crate) fn poll_progress(&mut self) -> Option<Progress> {
        let event = self.connection_mut()?.poll_event()?;
        Some(match event {
            Event::Connected { srtp_profile, .. } => {
                let keyed = srtp_profile
                    .map(|profile| self.make_srtp(profile))
                    .transpose();
                match keyed {
                    Ok(srtp) => {
                        self.state = DtlsTransportState::Connected;
                        Progress::Connected(srtp)
                    }
                    Err(failure) => self.fail(failure),
                }
            }
            Event::Closed => {
                self.state = DtlsTransportState::Closed;
                Progress::Closed
            }
            Event::Failed(failure) => self.fail(DtlsFailure::Connection(failure)),
            _ => return None,
        })
    }

    fn fail(&mut self, failure: DtlsFailure) -> Progress {
        self.state = DtlsTransportState::Failed;
        Progress::Failed(failure)
    }

    /// SRTP's contexts from the keys that the handshake exports (RFC 5764, section 4.2): the client's
    /// write key is what the client sends with.
    fn make_srtp(&self, profile: SrtpProfile) -> Result<Box<Srtp>, DtlsFailure> {
        let keys_error = |error: &dyn std::error::Error| DtlsFailure::Keys(error.to_string());
        let Some(connection) = self.connection() else {
            return Err(DtlsFailure::Keys("there is no connection".to_owned()));
        };
        let Some(profile) = Profile::from_dtls_id(profile.0) else {
            return Err(DtlsFailure::Keys(format!("{profile:?} is not known")));
        };
        let mut exported = zeroize::Zeroizing::new(vec![0; profile.exported_len()]);
        connection
            .export_keying_material(SRTP_LABEL, None, &mut exported)
            .map_err(|error| keys_error(&error))?;
        let keys = KeyingMaterial::split(profile, &exported).map_err(|error| keys_error(&error))?;
        let (ours, theirs) = match connection.role() {
            Role::Client => (&keys.client_write, &keys.server_write),
            Role::Server => (&keys.server_write, &keys.client_write),
        };
        let provider = &*self.provider;
        Ok(Box::new(Srtp {
            sender: Sender::new(
                provider,
                ours,
                SenderConfig {
                    max_streams: MAX_SRTP_STREAMS,
                    ..SenderConfig::default()
                },
            )
            .map_err(|error| keys_error(&error))?,
            receiver: Receiver::new(
                provider,
                theirs,
                ReceiverConfig {
                    max_streams: MAX_SRTP_STREAMS,
                    ..ReceiverConfig::default()
                },
            )
            .map_err(|error| keys_error(&error))?,
        }))
    }
}
