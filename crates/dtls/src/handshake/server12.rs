//! The server of DTLS 1.2 from the ClientHello on, and what both sides of 1.2 share (RFC 5246,
//! section 7.3; RFC 8422; RFC 7627; RFC 5746).

use gannet_crypto::{KeyExchange, Secret, constant_time_eq};

use super::server::{choose_suite, common_groups};
use super::{
    EPOCH_12, State, choose_alpn, choose_srtp, own_chain, own_record_size_limit,
    take_connection_id, take_record_size_limit, unexpected,
};
use crate::config::Version;
use crate::core::Core;
use crate::error::{Failure, HandshakeError};
use crate::key_schedule::{Exporter, extended_master_secret, finished12, keys12};
use crate::message::{
    Certificate12, CertificateRequest12, CertificateVerify, ClientHello, ClientKeyExchange,
    DTLS_1_2, HandshakeType, Message, ServerExtensions, ServerHello, ServerKeyExchange,
};
use crate::record::Protection;
use crate::registry::{group_code, scheme_code, scheme_codes};
use crate::suite::CipherSuite;
use crate::transcript::Transcript;
use crate::x509::{KeyKind, PublicKey};

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, section 3.3).
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// What both sides carry from the ServerHello to the end.
#[derive(Debug)]
pub(super) struct Handshake12 {
    suite: CipherSuite,
    /// The client's random, then the server's.
    pub(super) randoms: [u8; 64],
    pub(super) transcript: Transcript,
    master_secret: Option<Secret>,
}

impl Handshake12 {
    pub(super) fn new(
        core: &Core,
        suite: CipherSuite,
        client_random: [u8; 32],
        server_random: [u8; 32],
    ) -> Self {
        let mut randoms = [0; 64];
        randoms[..32].copy_from_slice(&client_random);
        randoms[32..].copy_from_slice(&server_random);
        let transcript = Transcript::new(&*core.provider, Version::Dtls12, suite.hash());
        Self {
            suite,
            randoms,
            transcript,
            master_secret: None,
        }
    }

    pub(super) fn add(&mut self, message: &Message) {
        self.transcript
            .add(message.kind, message.seq, &message.body);
    }

    /// Derives the master secret; the transcript goes to the ClientKeyExchange.
    pub(super) fn derive_master(&mut self, core: &Core, premaster: &Secret) {
        let session_hash = self.transcript.current();
        let hash = self.suite.hash();
        let master = extended_master_secret(&*core.provider, hash, premaster, &session_hash);
        let mut client_random = [0; 32];
        client_random.copy_from_slice(&self.randoms[..32]);
        core.log_key("CLIENT_RANDOM", &client_random, &master);
        self.master_secret = Some(master);
    }

    fn master_secret(&self) -> Result<&Secret, HandshakeError> {
        self.master_secret
            .as_ref()
            .ok_or(HandshakeError::Internal("there is no master secret"))
    }

    /// Adds the protected epoch in both directions.
    pub(super) fn install_keys(
        &self,
        core: &mut Core,
        is_client: bool,
    ) -> Result<(), HandshakeError> {
        let master = self.master_secret()?;
        let (client, server) = keys12(&*core.provider, self.suite, master, &self.randoms)?;
        let (send, receive) = if is_client {
            (client, server)
        } else {
            (server, client)
        };
        core.records.add_write(EPOCH_12, Protection::Dtls12(send));
        core.records.add_read(EPOCH_12, Protection::Dtls12(receive));
        Ok(())
    }

    /// The contents of a Finished that comes next.
    pub(super) fn finished(
        &self,
        core: &Core,
        is_client: bool,
    ) -> Result<[u8; 12], HandshakeError> {
        let hash = self.suite.hash();
        let transcript = self.transcript.current();
        Ok(finished12(
            &*core.provider,
            hash,
            self.master_secret()?,
            is_client,
            &transcript,
        ))
    }

    pub(super) fn export(&self, core: &mut Core) -> Result<(), HandshakeError> {
        let (hash, randoms) = (self.suite.hash(), self.randoms);
        let master_secret = self.master_secret()?.clone();
        core.exporter = Some(Exporter::Dtls12 {
            hash,
            master_secret,
            randoms,
        });
        Ok(())
    }
}

/// What both hellos must say: extended master secret, and no renegotiation.
pub(super) fn check_common(
    extended_master_secret: bool,
    renegotiation_info: Option<&[u8]>,
) -> Result<(), HandshakeError> {
    if !extended_master_secret {
        return Err(HandshakeError::MissingExtension("extended_master_secret"));
    }
    if renegotiation_info.is_some_and(|info| !info.is_empty()) {
        return Err(HandshakeError::IllegalParameter(
            "the peer wants to renegotiate",
        ));
    }
    Ok(())
}

/// A server that waits for the client's flight.
#[derive(Debug)]
pub(crate) struct Server12 {
    handshake: Handshake12,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Certificate { exchange: Box<dyn KeyExchange> },
    ClientKeyExchange { exchange: Box<dyn KeyExchange> },
    CertificateVerify,
    Finished,
}

/// Takes the ClientHello and answers with the flight from ServerHello to ServerHelloDone.
pub(super) fn start(
    core: &mut Core,
    message: &Message,
    hello: &ClientHello<'_>,
) -> Result<State, Failure> {
    let extensions = &hello.extensions;
    check_common(
        extensions.extended_master_secret,
        extensions.renegotiation_info,
    )?;
    if !hello.compression_methods.contains(&0) {
        let error = "the ClientHello offers nothing but compression";
        return Err(HandshakeError::IllegalParameter(error).into());
    }
    core.version = Some(Version::Dtls12);
    let own = PublicKey::of_certificate(core.config.certificate.der());
    let is_rsa = own.map_err(HandshakeError::from)?.kind == KeyKind::Rsa;
    let suite = choose_suite(core, hello, Version::Dtls12, |suite| {
        suite.is_rsa() == is_rsa
    })?;
    let group = *common_groups(core, hello, Version::Dtls12)
        .first()
        .ok_or(HandshakeError::NothingInCommon("key exchange group"))?;
    core.suite = Some(suite);
    core.group = Some(group);
    choose_srtp(core, &extensions.srtp_profiles)?;
    choose_alpn(core, &extensions.alpn)?;
    take_record_size_limit(core, extensions.record_size_limit, Version::Dtls12)?;
    core.records.hello_is_over();
    if message.seq > 0 {
        core.outbox.start_at(1);
    }
    core.begin_flight(true);
    core.handshake_deadline = Some(core.now + core.config.timers.handshake);

    let server_random = server_random(core);
    let mut handshake = Handshake12::new(core, suite, hello.random, server_random);
    handshake.add(message);
    send_hello(core, hello, &mut handshake, server_random)?;
    take_connection_id(core, extensions.connection_id);
    let exchange = core.provider.start_key_exchange(group, &mut core.rng);
    let exchange = exchange.map_err(HandshakeError::from)?;
    send_key_exchange(core, hello, &mut handshake, &*exchange)?;
    let next = Next::Certificate { exchange };
    Ok(State::Server12(Box::new(Server12 { handshake, next })))
}

/// A random that says so if we would have had DTLS 1.3 (RFC 8446, section 4.1.3).
fn server_random(core: &mut Core) -> [u8; 32] {
    let mut random: [u8; 32] = core.rng.array();
    if core.config.versions.allow(Version::Dtls13) {
        random[24..].copy_from_slice(&ServerHello::DOWNGRADE_12);
    }
    random
}

/// ServerHello and Certificate.
fn send_hello(
    core: &mut Core,
    hello: &ClientHello<'_>,
    handshake: &mut Handshake12,
    random: [u8; 32],
) -> Result<(), HandshakeError> {
    let offered = &hello.extensions;
    let renegotiation =
        offered.renegotiation_info.is_some() || hello.cipher_suites.contains(&RENEGOTIATION_SCSV);
    let own_cid = offered.connection_id.and(core.config.connection_id.clone());
    let alpn = core.alpn.clone();
    let mut body = Vec::new();
    ServerHello {
        legacy_version: DTLS_1_2,
        random,
        session_id: &[],
        cipher_suite: handshake.suite.code(),
        compression_method: 0,
        extensions: ServerExtensions {
            extended_master_secret: true,
            renegotiation_info: renegotiation.then_some(&[]),
            ec_point_formats: offered.ec_point_formats.is_some(),
            srtp_profile: core.srtp_profile.map(|profile| profile.0),
            alpn: alpn.as_deref(),
            record_size_limit: own_record_size_limit(core, offered.record_size_limit),
            connection_id: own_cid.as_deref(),
            ..ServerExtensions::default()
        },
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        0,
        HandshakeType::ServerHello,
        body,
    );

    let chain = own_chain(core);
    let mut body = Vec::new();
    Certificate12 {
        chain: chain.iter().map(Vec::as_slice).collect(),
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        0,
        HandshakeType::Certificate,
        body,
    );
    Ok(())
}

/// ServerKeyExchange, CertificateRequest and ServerHelloDone.
fn send_key_exchange(
    core: &mut Core,
    hello: &ClientHello<'_>,
    handshake: &mut Handshake12,
    exchange: &dyn KeyExchange,
) -> Result<(), HandshakeError> {
    let scheme = core.choose_scheme(&hello.extensions.signature_algorithms)?;
    let mut message = ServerKeyExchange {
        group: group_code(exchange.group()),
        public: exchange.share(),
        scheme: scheme_code(scheme),
        signature: &[],
    };
    let signed = [&handshake.randoms[..], &message.parameters()?].concat();
    let signature = core.sign(scheme, &signed)?;
    message.signature = &signature;
    let mut body = Vec::new();
    message.write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        0,
        HandshakeType::ServerKeyExchange,
        body,
    );

    let mut body = Vec::new();
    CertificateRequest12 {
        signature_algorithms: scheme_codes(),
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        0,
        HandshakeType::CertificateRequest,
        body,
    );
    core.send(
        &mut handshake.transcript,
        0,
        HandshakeType::ServerHelloDone,
        Vec::new(),
    );
    Ok(())
}

impl Server12 {
    pub(super) fn handle(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        self.next = match (self.next, message.kind) {
            (Next::Certificate { exchange }, HandshakeType::Certificate) => {
                // The client has our flight.
                core.outbox.answered(core.now);
                core.accept_certificate(&Certificate12::parse(&message.body)?.chain)?;
                Next::ClientKeyExchange { exchange }
            }
            (Next::ClientKeyExchange { exchange }, HandshakeType::ClientKeyExchange) => {
                let share = ClientKeyExchange::parse(&message.body)?.public;
                let group = exchange.group();
                let premaster = exchange
                    .complete(group, share)
                    .map_err(HandshakeError::from)?;
                // The master secret covers this message, and with it the client's Finished can be read.
                self.handshake.add(message);
                self.handshake.derive_master(core, &premaster);
                self.handshake.install_keys(core, false)?;
                Next::CertificateVerify
            }
            (Next::CertificateVerify, HandshakeType::CertificateVerify) => {
                let verify = CertificateVerify::parse(&message.body)?;
                let signed = self.handshake.transcript.messages();
                let what = "the client's CertificateVerify";
                core.verify(verify.scheme, signed, verify.signature, what)?;
                Next::Finished
            }
            (Next::Finished, HandshakeType::Finished) => {
                return finish(self.handshake, core, message);
            }
            (next, _) => return Err(unexpected(message, next.name())),
        };
        if message.kind != HandshakeType::ClientKeyExchange {
            self.handshake.add(message);
        }
        Ok(State::Server12(self))
    }
}

/// The client's Finished came: ours. It is sent again only when the client's comes again.
fn finish(
    mut handshake: Handshake12,
    core: &mut Core,
    message: &Message,
) -> Result<State, Failure> {
    if !constant_time_eq(&handshake.finished(core, true)?, &message.body) {
        return Err(HandshakeError::Verify("the client's Finished").into());
    }
    handshake.add(message);
    core.begin_flight(false);
    core.outbox.push_change_cipher_spec();
    let finished = handshake.finished(core, false)?.to_vec();
    let transcript = &mut handshake.transcript;
    core.send(transcript, EPOCH_12, HandshakeType::Finished, finished);
    handshake.export(core)?;
    core.finish_handshake();
    Ok(State::Done)
}

impl Next {
    const fn name(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "Certificate",
            Self::ClientKeyExchange { .. } => "ClientKeyExchange",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
        }
    }
}
