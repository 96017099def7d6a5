//! The handshakes: each state is a type that owns what it needs, takes a message, and becomes the next
//! state.

mod client;
mod client12;
mod client13;
mod server;
mod server12;
mod server13;

use gannet_crypto::{Digest, HashAlgorithm, NamedGroup, Secret, constant_time_eq};

use crate::config::{Config, SrtpProfile, Version};
use crate::core::{Core, Traffic};
use crate::error::{ConfigError, Failure, HandshakeError};
use crate::key_schedule::{Exporter, KeySchedule, TrafficSecrets, finished13};
use crate::message::{CertificateVerify, HandshakeType, Message};
use crate::suite::CipherSuite;
use crate::transcript::Transcript;

/// The epoch of the handshake in DTLS 1.3.
pub(crate) const HANDSHAKE_EPOCH: u64 = 2;
/// The first epoch of application data in DTLS 1.3.
pub(crate) const APPLICATION_EPOCH: u64 = 3;
/// The protected epoch of DTLS 1.2.
pub(crate) const EPOCH_12: u64 = 1;

/// Where a handshake stands.
#[derive(Debug)]
pub(crate) enum State {
    ClientWaitServerHello(Box<client::WaitServerHello>),
    Client13(Box<client13::Client13>),
    Client12(Box<client12::Client12>),
    ServerWaitClientHello,
    Server13(Box<server13::Server13>),
    Server12(Box<server12::Server12>),
    /// Both Finished are through.
    Done,
    /// It failed; nothing more is handled.
    Failed,
}

impl State {
    /// Starts a client: its ClientHello is in the outbox.
    pub(crate) fn start_client(core: &mut Core) -> Result<Self, ConfigError> {
        Ok(Self::ClientWaitServerHello(Box::new(
            client::WaitServerHello::start(core)?,
        )))
    }

    /// Takes a message, in order, that came in an epoch where it may come.
    pub(crate) fn handle(self, core: &mut Core, message: &Message) -> Result<Self, Failure> {
        match self {
            Self::ClientWaitServerHello(state) => state.handle(core, message),
            Self::Client13(state) => state.handle(core, message),
            Self::Client12(state) => state.handle(core, message),
            Self::ServerWaitClientHello => server::handle_client_hello(core, message),
            Self::Server13(state) => state.handle(core, message),
            Self::Server12(state) => state.handle(core, message),
            Self::Done | Self::Failed => Ok(self),
        }
    }
}

fn unexpected(message: &Message, expected: &'static str) -> Failure {
    HandshakeError::UnexpectedMessage {
        found: message.kind.code(),
        expected,
    }
    .into()
}

/// What both sides of a DTLS 1.3 handshake carry from the ServerHello to the end.
#[derive(Debug)]
struct Handshake13 {
    hash: HashAlgorithm,
    client_random: [u8; 32],
    transcript: Transcript,
    schedule: KeySchedule,
    traffic: TrafficSecrets,
}

impl Handshake13 {
    /// Derives the handshake's secrets; `transcript` goes to the ServerHello.
    fn new(
        core: &Core,
        suite: CipherSuite,
        client_random: [u8; 32],
        transcript: Transcript,
        shared: &Secret,
    ) -> Self {
        let hash = suite.hash();
        let schedule = KeySchedule::new(&*core.provider, hash, shared);
        let traffic = schedule.handshake(&*core.provider, &transcript.current());
        core.log_key(
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            &client_random,
            &traffic.client,
        );
        core.log_key(
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            &client_random,
            &traffic.server,
        );
        Self {
            hash,
            client_random,
            transcript,
            schedule,
            traffic,
        }
    }

    fn add(&mut self, message: &Message) {
        self.transcript
            .add(message.kind, message.seq, &message.body);
    }

    /// The contents of a Finished that comes next.
    fn finished(&self, core: &Core, is_client: bool) -> Digest {
        let secret = if is_client {
            &self.traffic.client
        } else {
            &self.traffic.server
        };
        finished13(
            &*core.provider,
            self.hash,
            secret,
            &self.transcript.current(),
        )
    }

    fn check_finished(
        &self,
        core: &Core,
        is_client: bool,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        if !constant_time_eq(&self.finished(core, is_client), &message.body) {
            return Err(HandshakeError::Verify("the peer's Finished"));
        }
        Ok(())
    }

    /// What a CertificateVerify signs that comes next (RFC 8446, section 4.4.3).
    fn signed_content(&self, is_client: bool) -> Vec<u8> {
        let mut content = vec![0x20; 64];
        let side = if is_client { "client" } else { "server" };
        content.extend_from_slice(b"TLS 1.3, ");
        content.extend_from_slice(side.as_bytes());
        content.extend_from_slice(b" CertificateVerify\0");
        content.extend_from_slice(&self.transcript.current());
        content
    }

    fn check_certificate_verify(
        &self,
        core: &Core,
        is_client: bool,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        let verify = CertificateVerify::parse(&message.body)?;
        let content = self.signed_content(is_client);
        core.verify(
            verify.scheme,
            &content,
            verify.signature,
            "the peer's CertificateVerify",
        )
    }

    /// Goes on to the application's secrets; the transcript goes to the server's Finished.
    fn derive_application(&self, core: &mut Core, is_client: bool) {
        let transcript = self.transcript.current();
        let (traffic, exporter) = self.schedule.application(&*core.provider, &transcript);
        core.log_key(
            "CLIENT_TRAFFIC_SECRET_0",
            &self.client_random,
            &traffic.client,
        );
        core.log_key(
            "SERVER_TRAFFIC_SECRET_0",
            &self.client_random,
            &traffic.server,
        );
        core.log_key("EXPORTER_SECRET", &self.client_random, &exporter);
        core.exporter = Some(Exporter::Dtls13 {
            hash: self.hash,
            secret: exporter,
        });
        let TrafficSecrets { client, server } = traffic;
        let (send, receive) = if is_client {
            (client, server)
        } else {
            (server, client)
        };
        core.traffic = Some(Traffic { send, receive });
    }
}

/// The numbers of the suites of a version, in our order of preference.
fn suites_of(config: &Config, version: Version) -> impl Iterator<Item = CipherSuite> {
    let allowed = config.versions.allow(version);
    config
        .suites
        .iter()
        .copied()
        .filter(move |suite| allowed && suite.version() == version)
}

/// The groups that we have, in our order of preference. DTLS 1.2 has no hybrid ones.
fn groups_of(core: &Core, version: Version) -> impl Iterator<Item = NamedGroup> {
    let is_usable = move |group: &NamedGroup| {
        core.provider.groups().contains(group)
            && (version == Version::Dtls13 || *group != NamedGroup::X25519MlKem768)
    };
    core.config.groups.iter().copied().filter(is_usable)
}

/// Servers: the first of our SRTP profiles that the client has.
fn choose_srtp(core: &mut Core, offered: &[u16]) -> Result<(), HandshakeError> {
    let ours = core.config.srtp_profiles.iter().copied();
    core.srtp_profile = ours
        .into_iter()
        .find(|profile| offered.contains(&profile.0));
    require_srtp(core)
}

/// Clients: takes the profile that the server chose.
fn take_srtp(core: &mut Core, chosen: Option<u16>) -> Result<(), HandshakeError> {
    core.srtp_profile = chosen.map(SrtpProfile);
    if chosen.is_some_and(|chosen| !core.config.srtp_profiles.contains(&SrtpProfile(chosen))) {
        return Err(HandshakeError::IllegalParameter(
            "the SRTP profile was not offered",
        ));
    }
    require_srtp(core)
}

fn require_srtp(core: &Core) -> Result<(), HandshakeError> {
    if core.config.require_srtp && core.srtp_profile.is_none() {
        return Err(HandshakeError::NothingInCommon("SRTP profile"));
    }
    Ok(())
}

/// Servers: the first of our application protocols that the client has. If both have a list and nothing
/// is in common, the handshake fails (RFC 7301, section 3.2).
fn choose_alpn(core: &mut Core, offered: &[&[u8]]) -> Result<(), HandshakeError> {
    let ours = core.config.alpn.iter();
    core.alpn = ours
        .into_iter()
        .find(|name| offered.contains(&name.as_slice()))
        .cloned();
    if core.alpn.is_none() && !offered.is_empty() && !core.config.alpn.is_empty() {
        return Err(HandshakeError::NoApplicationProtocol);
    }
    Ok(())
}

/// Clients: takes the protocol that the server chose.
fn take_alpn(core: &mut Core, chosen: Option<&[u8]>) -> Result<(), HandshakeError> {
    core.alpn = chosen.map(<[u8]>::to_vec);
    if core
        .alpn
        .as_ref()
        .is_some_and(|chosen| !core.config.alpn.contains(chosen))
    {
        return Err(HandshakeError::IllegalParameter(
            "the application protocol was not offered",
        ));
    }
    Ok(())
}

/// Takes the peer's record size limit (RFC 8449, section 4). In DTLS 1.3 it counts the byte of the
/// content type.
fn take_record_size_limit(
    core: &mut Core,
    limit: Option<u16>,
    version: Version,
) -> Result<(), HandshakeError> {
    let Some(limit) = limit else {
        return Ok(());
    };
    if limit < 64 {
        return Err(HandshakeError::IllegalParameter(
            "the record_size_limit is below 64",
        ));
    }
    let inner_type = usize::from(version == Version::Dtls13);
    core.records
        .set_max_plaintext(usize::from(limit) - inner_type);
    Ok(())
}

/// Servers: the answer to a client's record size limit.
fn own_record_size_limit(core: &Core, offered: Option<u16>) -> Option<u16> {
    offered.map(|_| core.config.record_size_limit.unwrap_or(1 << 14))
}

/// Takes both connection IDs, if both sides have the extension (RFC 9146, section 3).
fn take_connection_id(core: &mut Core, remote: Option<&[u8]>) {
    if let (Some(local), Some(remote)) = (&core.config.connection_id, remote) {
        core.records
            .set_connection_ids(local.clone(), remote.to_vec());
    }
}

/// The body of our Certificate's chain.
fn own_chain(core: &Core) -> Vec<Vec<u8>> {
    core.config.certificate.chain().to_vec()
}

/// The body of a CertificateVerify.
fn certificate_verify(
    core: &Core,
    offered: &[u16],
    content: &[u8],
) -> Result<Vec<u8>, HandshakeError> {
    let scheme = core.choose_scheme(offered)?;
    let signature = core.sign(scheme, content)?;
    let mut body = Vec::new();
    let scheme = crate::registry::scheme_code(scheme);
    CertificateVerify {
        scheme,
        signature: &signature,
    }
    .write(&mut body)?;
    Ok(body)
}

/// A kind of message that must come now.
fn expect(message: &Message, kind: HandshakeType, name: &'static str) -> Result<(), Failure> {
    if message.kind == kind {
        Ok(())
    } else {
        Err(unexpected(message, name))
    }
}
