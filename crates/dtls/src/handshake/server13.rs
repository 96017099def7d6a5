//! The server of DTLS 1.3 from the ClientHello on.

use gannet_crypto::{HashAlgorithm, NamedGroup, constant_time_eq};
use gannet_wire::{ReadError, Reader};

use super::client::hello_hash;
use super::server::{choose_suite, common_groups};
use super::{
    APPLICATION_EPOCH, HANDSHAKE_EPOCH, Handshake13, State, certificate_verify, choose_alpn,
    choose_srtp, own_chain, own_record_size_limit, take_connection_id, take_record_size_limit,
    unexpected,
};
use crate::config::Version;
use crate::core::Core;
use crate::error::{Failure, HandshakeError};
use crate::message::{
    Certificate13, CertificateRequest13, ClientHello, DTLS_1_2, DTLS_1_3, EncryptedExtensions,
    HandshakeType, KeyShare, Message, ServerExtensions, ServerHello, ServerKeyShare,
};
use crate::registry::{group_code, scheme_codes};
use crate::suite::CipherSuite;
use crate::transcript::Transcript;

/// A server that waits for the client's last flight.
#[derive(Debug)]
pub(crate) struct Server13 {
    handshake: Handshake13,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Certificate,
    CertificateVerify,
    Finished,
}

/// Takes the ClientHello: asks for a better one, or answers with the whole flight.
pub(super) fn start(
    core: &mut Core,
    message: &Message,
    hello: &ClientHello<'_>,
) -> Result<State, Failure> {
    check_hello(hello)?;
    core.version = Some(Version::Dtls13);
    let suite = choose_suite(core, hello, Version::Dtls13, |_| true)?;
    let groups = common_groups(core, hello, Version::Dtls13);
    let shares = hello.extensions.key_shares.as_deref();
    let shares = shares.ok_or(HandshakeError::MissingExtension("key_share"))?;
    let share_of = |group: &NamedGroup| {
        let share = shares
            .iter()
            .find(|share| share.group == group_code(*group));
        share.map(|share| (*group, *share))
    };
    let best = *groups
        .first()
        .ok_or(HandshakeError::NothingInCommon("key exchange group"))?;
    let found = groups.iter().find_map(share_of);
    let cookie = hello
        .extensions
        .cookie
        .map(|bytes| Cookie::open(core, hello, bytes))
        .transpose()?;
    let needs_cookie = core.config.cookie_secret.is_some() && cookie.is_none();
    let (Some((group, share)), false) = (found, needs_cookie) else {
        if cookie.is_some() {
            let error = "the second ClientHello has no share of the group that was asked for";
            return Err(HandshakeError::IllegalParameter(error).into());
        }
        let group = found.is_none().then_some(best);
        let hash = hello_hash(core, suite, &message.body).to_vec();
        send_retry(core, hello, &Cookie { suite, group, hash })?;
        return Ok(State::ServerWaitClientHello);
    };
    let mut transcript = Transcript::new(&*core.provider, Version::Dtls13, suite.hash());
    if let Some(cookie) = cookie {
        cookie.check(suite, group)?;
        core.outbox.start_at(1);
        transcript.restart_with_hash(&*core.provider, &cookie.hash);
        let retry = retry_body(core, hello, &cookie)?;
        transcript.add(HandshakeType::ServerHello, 0, &retry);
    }
    transcript.add(message.kind, message.seq, &message.body);
    answer(
        core,
        hello,
        Choice {
            suite,
            group,
            share,
        },
        transcript,
    )
}

/// What a ClientHello of DTLS 1.3 must be (RFC 9147, section 5.3; RFC 8446, section 9.2).
fn check_hello(hello: &ClientHello<'_>) -> Result<(), HandshakeError> {
    if !hello.legacy_cookie.is_empty() {
        return Err(HandshakeError::IllegalParameter(
            "the ClientHello has a legacy_cookie",
        ));
    }
    if hello.compression_methods != [0] {
        return Err(HandshakeError::IllegalParameter(
            "the ClientHello offers compression",
        ));
    }
    let extensions = &hello.extensions;
    if extensions.signature_algorithms.is_empty() {
        return Err(HandshakeError::MissingExtension("signature_algorithms"));
    }
    if extensions.supported_groups.is_empty() {
        return Err(HandshakeError::MissingExtension("supported_groups"));
    }
    let shares = extensions.key_shares.as_deref().unwrap_or_default();
    let is_stray = |share: &KeyShare<'_>| !extensions.supported_groups.contains(&share.group);
    if shares.iter().any(is_stray) {
        return Err(HandshakeError::IllegalParameter(
            "a key share's group is not offered",
        ));
    }
    Ok(())
}

struct Choice<'a> {
    suite: CipherSuite,
    group: NamedGroup,
    share: KeyShare<'a>,
}

/// ServerHello to Finished.
fn answer(
    core: &mut Core,
    hello: &ClientHello<'_>,
    choice: Choice<'_>,
    mut transcript: Transcript,
) -> Result<State, Failure> {
    let Choice {
        suite,
        group,
        share,
    } = choice;
    core.suite = Some(suite);
    core.group = Some(group);
    let extensions = &hello.extensions;
    choose_srtp(core, &extensions.srtp_profiles)?;
    choose_alpn(core, &extensions.alpn)?;
    take_record_size_limit(core, extensions.record_size_limit, Version::Dtls13)?;
    core.records.hello_is_over();
    core.begin_flight(true);
    core.handshake_deadline = Some(core.now + core.config.timers.handshake);

    let answered = core
        .provider
        .answer_key_exchange(group, share.exchange, &mut core.rng);
    let (own_share, shared) = answered.map_err(HandshakeError::from)?;
    let own_cid = extensions
        .connection_id
        .and(core.config.connection_id.clone());
    let server_hello = ServerHello {
        legacy_version: DTLS_1_2,
        random: core.rng.array(),
        session_id: &[],
        cipher_suite: suite.code(),
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(DTLS_1_3),
            key_share: Some(ServerKeyShare::Share(KeyShare {
                group: group_code(group),
                exchange: &own_share,
            })),
            connection_id: own_cid.as_deref(),
            ..ServerExtensions::default()
        },
    };
    let mut body = Vec::new();
    server_hello
        .write(&mut body)
        .map_err(HandshakeError::from)?;
    core.send(&mut transcript, 0, HandshakeType::ServerHello, body);

    let handshake = Handshake13::new(core, suite, hello.random, transcript, &shared);
    take_connection_id(core, extensions.connection_id);
    core.add_write13(HANDSHAKE_EPOCH, &handshake.traffic.server)?;
    core.add_read13(HANDSHAKE_EPOCH, &handshake.traffic.client)?;
    Ok(send_encrypted(core, hello, handshake)?)
}

/// EncryptedExtensions to Finished.
fn send_encrypted(
    core: &mut Core,
    hello: &ClientHello<'_>,
    mut handshake: Handshake13,
) -> Result<State, HandshakeError> {
    let epoch = HANDSHAKE_EPOCH;
    let alpn = core.alpn.clone();
    let mut body = Vec::new();
    let extensions = ServerExtensions {
        srtp_profile: core.srtp_profile.map(|profile| profile.0),
        alpn: alpn.as_deref(),
        record_size_limit: own_record_size_limit(core, hello.extensions.record_size_limit),
        ..ServerExtensions::default()
    };
    EncryptedExtensions { extensions }.write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        epoch,
        HandshakeType::EncryptedExtensions,
        body,
    );

    let mut body = Vec::new();
    CertificateRequest13 {
        context: &[],
        signature_algorithms: scheme_codes(),
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        epoch,
        HandshakeType::CertificateRequest,
        body,
    );

    let chain = own_chain(core);
    let mut body = Vec::new();
    Certificate13 {
        context: &[],
        chain: chain.iter().map(Vec::as_slice).collect(),
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        epoch,
        HandshakeType::Certificate,
        body,
    );

    let content = handshake.signed_content(false);
    let body = certificate_verify(core, &hello.extensions.signature_algorithms, &content)?;
    core.send(
        &mut handshake.transcript,
        epoch,
        HandshakeType::CertificateVerify,
        body,
    );

    let finished = handshake.finished(core, false).to_vec();
    core.send(
        &mut handshake.transcript,
        epoch,
        HandshakeType::Finished,
        finished,
    );

    handshake.derive_application(core, false);
    let missing = HandshakeError::Internal("there are no application secrets");
    let send = core.traffic.as_ref().ok_or(missing)?.send.clone();
    core.add_write13(APPLICATION_EPOCH, &send)?;
    Ok(State::Server13(Box::new(Server13 {
        handshake,
        next: Next::Certificate,
    })))
}

impl Server13 {
    pub(super) fn handle(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        self.next = match (self.next, message.kind) {
            (Next::Certificate, HandshakeType::Certificate) => {
                // The client has our flight.
                core.outbox.answered(core.now);
                let certificate = Certificate13::parse(&message.body)?;
                if !certificate.context.is_empty() {
                    let error = "the Certificate has a context";
                    return Err(HandshakeError::IllegalParameter(error).into());
                }
                core.accept_certificate(&certificate.chain)?;
                Next::CertificateVerify
            }
            (Next::CertificateVerify, HandshakeType::CertificateVerify) => {
                self.handshake
                    .check_certificate_verify(core, true, message)?;
                Next::Finished
            }
            (Next::Finished, HandshakeType::Finished) => {
                self.handshake.check_finished(core, true, message)?;
                install_application_read(core)?;
                core.finish_handshake();
                return Ok(State::Done);
            }
            (next, _) => return Err(unexpected(message, next.name())),
        };
        self.handshake.add(message);
        Ok(State::Server13(self))
    }
}

fn install_application_read(core: &mut Core) -> Result<(), HandshakeError> {
    let missing = HandshakeError::Internal("there are no application secrets");
    let receive = core.traffic.as_ref().ok_or(missing)?.receive.clone();
    core.add_read13(APPLICATION_EPOCH, &receive)
}

impl Next {
    const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "Certificate",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
        }
    }
}

/// What a HelloRetryRequest's cookie carries, so that no state is kept for it (RFC 9147,
/// section 5.1): the choices made, and the hash of the first ClientHello.
struct Cookie {
    suite: CipherSuite,
    /// The group that a share is asked for.
    group: Option<NamedGroup>,
    hash: Vec<u8>,
}

impl Cookie {
    const MAC_LEN: usize = 32;

    fn seal(&self, core: &Core, hello: &ClientHello<'_>) -> Vec<u8> {
        let group = self.group.map_or(0, group_code);
        let mut bytes = Vec::new();
        bytes.extend(self.suite.code().to_be_bytes());
        bytes.extend(group.to_be_bytes());
        bytes.extend(&self.hash);
        bytes.extend_from_slice(&mac(core, hello, &bytes));
        bytes
    }

    /// Reads a cookie; a forged one is an error (RFC 9147, section 5.1).
    fn open(core: &Core, hello: &ClientHello<'_>, bytes: &[u8]) -> Result<Self, HandshakeError> {
        let forged = HandshakeError::IllegalParameter("the cookie is not one of ours");
        let at = bytes.len().saturating_sub(Self::MAC_LEN);
        let (contents, tag) = bytes.split_at(at);
        if !constant_time_eq(&mac(core, hello, contents), tag) {
            return Err(forged);
        }
        let (suite, group, hash) = Self::read(contents).map_err(|_| forged.clone())?;
        let suite = CipherSuite::from_code(suite).ok_or(forged)?;
        Ok(Self {
            suite,
            group: crate::registry::group_from_code(group),
            hash: hash.to_vec(),
        })
    }

    fn read(contents: &[u8]) -> Result<(u16, u16, &[u8]), ReadError> {
        let mut reader = Reader::new(contents);
        Ok((reader.u16("suite")?, reader.u16("group")?, reader.rest()))
    }

    /// The second hello must lead to the same choices as the first.
    fn check(&self, suite: CipherSuite, group: NamedGroup) -> Result<(), HandshakeError> {
        if self.suite != suite || self.group.is_some_and(|asked| asked != group) {
            return Err(HandshakeError::IllegalParameter(
                "the second ClientHello offers something else than the first",
            ));
        }
        Ok(())
    }
}

fn mac(core: &Core, hello: &ClientHello<'_>, contents: &[u8]) -> gannet_crypto::Digest {
    let hmac = core
        .provider
        .hmac(HashAlgorithm::Sha256, &core.cookie_secret);
    let address_len = [core.cookie_address.len() as u8];
    hmac.sign(&[
        b"dtls 1.3",
        &address_len,
        &core.cookie_address,
        &hello.random,
        contents,
    ])
}

fn retry_body(
    core: &Core,
    hello: &ClientHello<'_>,
    cookie: &Cookie,
) -> Result<Vec<u8>, HandshakeError> {
    let sealed = cookie.seal(core, hello);
    let retry = ServerHello {
        legacy_version: DTLS_1_2,
        random: ServerHello::RETRY_RANDOM,
        session_id: &[],
        cipher_suite: cookie.suite.code(),
        compression_method: 0,
        extensions: ServerExtensions {
            selected_version: Some(DTLS_1_3),
            key_share: cookie
                .group
                .map(|group| ServerKeyShare::Group(group_code(group))),
            cookie: Some(&sealed),
            ..ServerExtensions::default()
        },
    };
    let mut body = Vec::new();
    retry.write(&mut body)?;
    Ok(body)
}

/// Sends a HelloRetryRequest. No timer runs: the client's does.
fn send_retry(
    core: &mut Core,
    hello: &ClientHello<'_>,
    cookie: &Cookie,
) -> Result<(), HandshakeError> {
    let body = retry_body(core, hello, cookie)?;
    core.begin_flight(false);
    core.outbox.push(0, HandshakeType::ServerHello, body);
    Ok(())
}
