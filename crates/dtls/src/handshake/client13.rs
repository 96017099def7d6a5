//! The client of DTLS 1.3 behind the ServerHello.

use super::client::WaitServerHello;
use super::{
    APPLICATION_EPOCH, HANDSHAKE_EPOCH, Handshake13, State, certificate_verify, expect, own_chain,
    take_alpn, take_connection_id, take_record_size_limit, take_srtp, unexpected,
};
use crate::config::Version;
use crate::core::Core;
use crate::error::{Failure, HandshakeError};
use crate::message::{
    Certificate13, CertificateRequest13, EncryptedExtensions, ExtensionType, HandshakeType,
    Message, ServerHello, ServerKeyShare,
};
use crate::registry::group_from_code;
use crate::suite::CipherSuite;

/// A client between ServerHello and Finished.
#[derive(Debug)]
pub(crate) struct Client13 {
    handshake: Handshake13,
    request: Option<Request>,
    next: Next,
}

/// The server wants our certificate.
#[derive(Debug)]
struct Request {
    context: Vec<u8>,
    signature_algorithms: Vec<u16>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    EncryptedExtensions,
    CertificateRequestOrCertificate,
    Certificate,
    CertificateVerify,
    Finished,
}

/// Takes the ServerHello: the handshake is encrypted from here on.
pub(super) fn start(
    mut hello: WaitServerHello,
    core: &mut Core,
    message: &Message,
    answer: &ServerHello<'_>,
    suite: CipherSuite,
) -> Result<State, Failure> {
    let Some(ServerKeyShare::Share(share)) = answer.extensions.key_share else {
        return Err(HandshakeError::MissingExtension("key_share").into());
    };
    let exchange = hello.exchange.take();
    let exchange = exchange.ok_or(HandshakeError::Internal("there is no key exchange"))?;
    let component = exchange.component().map(|(group, _)| group);
    let group = group_from_code(share.group)
        .filter(|group| *group == exchange.group() || Some(*group) == component)
        .filter(|group| core.config.groups.contains(group))
        .ok_or(HandshakeError::IllegalParameter(
            "the key share's group was not offered",
        ))?;
    let transcript = hello.transcript13(core, suite, message)?;
    let shared = exchange
        .complete(group, share.exchange)
        .map_err(HandshakeError::from)?;
    let handshake = Handshake13::new(core, suite, hello.random, transcript, &shared);
    core.group = Some(group);
    take_connection_id(core, answer.extensions.connection_id);
    core.add_write13(HANDSHAKE_EPOCH, &handshake.traffic.client)?;
    core.add_read13(HANDSHAKE_EPOCH, &handshake.traffic.server)?;
    // The ClientHello is answered; what is lost of the server's flight, its own timer and our ACKs
    // bring back.
    core.outbox.answered(core.now);
    let client = Client13 {
        handshake,
        request: None,
        next: Next::EncryptedExtensions,
    };
    Ok(State::Client13(Box::new(client)))
}

impl Client13 {
    pub(super) fn handle(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        self.next = match (self.next, message.kind) {
            (Next::EncryptedExtensions, HandshakeType::EncryptedExtensions) => {
                handle_encrypted_extensions(core, message)?;
                Next::CertificateRequestOrCertificate
            }
            (Next::CertificateRequestOrCertificate, HandshakeType::CertificateRequest) => {
                self.handle_request(message)?;
                Next::Certificate
            }
            (
                Next::CertificateRequestOrCertificate | Next::Certificate,
                HandshakeType::Certificate,
            ) => {
                let certificate = Certificate13::parse(&message.body)?;
                core.accept_certificate(&certificate.chain)?;
                Next::CertificateVerify
            }
            (Next::CertificateVerify, HandshakeType::CertificateVerify) => {
                self.handshake
                    .check_certificate_verify(core, false, message)?;
                Next::Finished
            }
            (Next::Finished, HandshakeType::Finished) => return self.finish(core, message),
            (next, _) => return Err(unexpected(message, next.name())),
        };
        self.handshake.add(message);
        Ok(State::Client13(self))
    }

    fn handle_request(&mut self, message: &Message) -> Result<(), Failure> {
        let request = CertificateRequest13::parse(&message.body)?;
        // In the handshake itself it is empty (RFC 8446, section 4.3.2).
        if !request.context.is_empty() {
            let error = "the CertificateRequest has a context";
            return Err(HandshakeError::IllegalParameter(error).into());
        }
        self.request = Some(Request {
            context: request.context.to_vec(),
            signature_algorithms: request.signature_algorithms,
        });
        Ok(())
    }

    /// The server's Finished came: our last flight.
    fn finish(mut self: Box<Self>, core: &mut Core, message: &Message) -> Result<State, Failure> {
        expect(message, HandshakeType::Finished, "Finished")?;
        self.handshake.check_finished(core, false, message)?;
        self.handshake.add(message);
        let Self {
            mut handshake,
            request,
            ..
        } = *self;
        handshake.derive_application(core, true);
        core.begin_flight(true);
        if let Some(request) = request {
            send_certificate(core, &mut handshake, &request)?;
        }
        let finished = handshake.finished(core, true).to_vec();
        core.send(
            &mut handshake.transcript,
            HANDSHAKE_EPOCH,
            HandshakeType::Finished,
            finished,
        );
        install_application(core)?;
        core.finish_handshake();
        Ok(State::Done)
    }
}

/// Adds the first application epoch in both directions.
fn install_application(core: &mut Core) -> Result<(), HandshakeError> {
    let missing = HandshakeError::Internal("there are no application secrets");
    let traffic = core.traffic.as_ref().ok_or(missing)?;
    let (send, receive) = (traffic.send.clone(), traffic.receive.clone());
    core.add_write13(APPLICATION_EPOCH, &send)?;
    core.add_read13(APPLICATION_EPOCH, &receive)
}

fn send_certificate(
    core: &mut Core,
    handshake: &mut Handshake13,
    request: &Request,
) -> Result<(), HandshakeError> {
    let chain = own_chain(core);
    let chain = chain.iter().map(Vec::as_slice).collect();
    let mut body = Vec::new();
    Certificate13 {
        context: &request.context,
        chain,
    }
    .write(&mut body)?;
    core.send(
        &mut handshake.transcript,
        HANDSHAKE_EPOCH,
        HandshakeType::Certificate,
        body,
    );
    let content = handshake.signed_content(true);
    let body = certificate_verify(core, &request.signature_algorithms, &content)?;
    core.send(
        &mut handshake.transcript,
        HANDSHAKE_EPOCH,
        HandshakeType::CertificateVerify,
        body,
    );
    Ok(())
}

fn handle_encrypted_extensions(core: &mut Core, message: &Message) -> Result<(), HandshakeError> {
    let answer = EncryptedExtensions::parse(&message.body)?.extensions;
    let config = &core.config;
    let unasked = [
        (
            answer.srtp_profile.is_some() && config.srtp_profiles.is_empty(),
            ExtensionType::UseSrtp,
        ),
        (
            answer.alpn.is_some() && config.alpn.is_empty(),
            ExtensionType::Alpn,
        ),
        (
            answer.record_size_limit.is_some() && config.record_size_limit.is_none(),
            ExtensionType::RecordSizeLimit,
        ),
    ];
    if let Some((_, kind)) = unasked.into_iter().find(|(is_unasked, _)| *is_unasked) {
        return Err(HandshakeError::UnsupportedExtension(kind.code()));
    }
    take_srtp(core, answer.srtp_profile)?;
    take_alpn(core, answer.alpn)?;
    take_record_size_limit(core, answer.record_size_limit, Version::Dtls13)
}

impl Next {
    const fn name(self) -> &'static str {
        match self {
            Self::EncryptedExtensions => "EncryptedExtensions",
            Self::CertificateRequestOrCertificate => "CertificateRequest or Certificate",
            Self::Certificate => "Certificate",
            Self::CertificateVerify => "CertificateVerify",
            Self::Finished => "Finished",
        }
    }
}
