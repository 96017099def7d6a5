//! The client of DTLS 1.2 behind the ServerHello (RFC 5246, section 7.3; RFC 8422).

use gannet_crypto::constant_time_eq;

use super::client::WaitServerHello;
use super::server12::{Handshake12, check_common};
use super::{
    EPOCH_12, State, certificate_verify, groups_of, own_chain, take_alpn, take_connection_id,
    take_record_size_limit, take_srtp, unexpected,
};
use crate::config::Version;
use crate::core::Core;
use crate::error::{Failure, HandshakeError};
use crate::message::{
    Certificate12, CertificateRequest12, ClientKeyExchange, HandshakeType, Message, ServerHello,
    ServerKeyExchange,
};
use crate::registry::group_from_code;
use crate::suite::CipherSuite;

/// A client between ServerHello and the server's Finished.
#[derive(Debug)]
pub(crate) struct Client12 {
    handshake: Handshake12,
    next: Next,
}

/// What comes next, and what came for our flight.
#[derive(Debug)]
enum Next {
    Certificate,
    ServerKeyExchange,
    RequestOrDone {
        server_share: Vec<u8>,
    },
    Done {
        server_share: Vec<u8>,
        algorithms: Vec<u16>,
    },
    Finished {
        expected: [u8; 12],
    },
}

/// Takes the ServerHello.
pub(super) fn start(
    hello: WaitServerHello,
    core: &mut Core,
    message: &Message,
    answer: &ServerHello<'_>,
    suite: CipherSuite,
) -> Result<State, Failure> {
    let extensions = &answer.extensions;
    check_common(
        extensions.extended_master_secret,
        extensions.renegotiation_info,
    )?;
    take_srtp(core, extensions.srtp_profile)?;
    take_alpn(core, extensions.alpn)?;
    take_record_size_limit(core, extensions.record_size_limit, Version::Dtls12)?;
    take_connection_id(core, extensions.connection_id);
    let mut handshake = Handshake12::new(core, suite, hello.random, answer.random);
    handshake
        .transcript
        .add(HandshakeType::ClientHello, hello.hello_seq, &hello.hello);
    handshake.add(message);
    Ok(State::Client12(Box::new(Client12 {
        handshake,
        next: Next::Certificate,
    })))
}

impl Client12 {
    pub(super) fn handle(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        self.next = match (self.next, message.kind) {
            (Next::Certificate, HandshakeType::Certificate) => {
                core.accept_certificate(&Certificate12::parse(&message.body)?.chain)?;
                Next::ServerKeyExchange
            }
            (Next::ServerKeyExchange, HandshakeType::ServerKeyExchange) => {
                let server_share = self.handshake.check_key_exchange(core, message)?;
                Next::RequestOrDone { server_share }
            }
            (Next::RequestOrDone { server_share }, HandshakeType::CertificateRequest) => {
                let request = CertificateRequest12::parse(&message.body)?;
                Next::Done {
                    server_share,
                    algorithms: request.signature_algorithms,
                }
            }
            (Next::RequestOrDone { server_share }, HandshakeType::ServerHelloDone) => {
                self.handshake.add(message);
                self.handshake.check_done(message)?;
                self.handshake.answer(core, &server_share, None)?
            }
            (
                Next::Done {
                    server_share,
                    algorithms,
                },
                HandshakeType::ServerHelloDone,
            ) => {
                self.handshake.add(message);
                self.handshake.check_done(message)?;
                self.handshake
                    .answer(core, &server_share, Some(&algorithms))?
            }
            (Next::Finished { expected }, HandshakeType::Finished) => {
                if !constant_time_eq(&expected, &message.body) {
                    return Err(HandshakeError::Verify("the server's Finished").into());
                }
                core.outbox.answered(core.now);
                core.finish_handshake();
                return Ok(State::Done);
            }
            (next, _) => return Err(unexpected(message, next.name())),
        };
        if message.kind != HandshakeType::ServerHelloDone {
            self.handshake.add(message);
        }
        Ok(State::Client12(self))
    }
}

impl Handshake12 {
    /// Verifies the server's share and keeps it.
    fn check_key_exchange(
        &self,
        core: &mut Core,
        message: &Message,
    ) -> Result<Vec<u8>, HandshakeError> {
        let exchange = ServerKeyExchange::parse(&message.body)?;
        let group = group_from_code(exchange.group)
            .filter(|group| groups_of(core, Version::Dtls12).any(|own| own == *group))
            .ok_or(HandshakeError::IllegalParameter(
                "the key exchange's group was not offered",
            ))?;
        core.group = Some(group);
        let signed = [&self.randoms[..], &exchange.parameters()?].concat();
        core.verify(
            exchange.scheme,
            &signed,
            exchange.signature,
            "the ServerKeyExchange",
        )?;
        Ok(exchange.public.to_vec())
    }

    fn check_done(&self, message: &Message) -> Result<(), HandshakeError> {
        if message.body.is_empty() {
            return Ok(());
        }
        Err(HandshakeError::IllegalParameter(
            "the ServerHelloDone is not empty",
        ))
    }

    /// Our flight: Certificate to Finished.
    fn answer(
        &mut self,
        core: &mut Core,
        server_share: &[u8],
        requested: Option<&[u16]>,
    ) -> Result<Next, HandshakeError> {
        core.begin_flight(true);
        if requested.is_some() {
            let chain = own_chain(core);
            let mut body = Vec::new();
            Certificate12 {
                chain: chain.iter().map(Vec::as_slice).collect(),
            }
            .write(&mut body)?;
            core.send(&mut self.transcript, 0, HandshakeType::Certificate, body);
        }
        let group = core
            .group
            .ok_or(HandshakeError::Internal("no group is negotiated"))?;
        let (share, premaster) =
            core.provider
                .answer_key_exchange(group, server_share, &mut core.rng)?;
        let mut body = Vec::new();
        ClientKeyExchange { public: &share }.write(&mut body)?;
        core.send(
            &mut self.transcript,
            0,
            HandshakeType::ClientKeyExchange,
            body,
        );
        self.derive_master(core, &premaster);
        if let Some(algorithms) = requested {
            let body = certificate_verify(core, algorithms, self.transcript.messages())?;
            core.send(
                &mut self.transcript,
                0,
                HandshakeType::CertificateVerify,
                body,
            );
        }
        self.install_keys(core, true)?;
        core.outbox.push_change_cipher_spec();
        let finished = self.finished(core, true)?.to_vec();
        core.send(
            &mut self.transcript,
            EPOCH_12,
            HandshakeType::Finished,
            finished,
        );
        self.export(core)?;
        Ok(Next::Finished {
            expected: self.finished(core, false)?,
        })
    }
}

impl Next {
    const fn name(&self) -> &'static str {
        match self {
            Self::Certificate => "Certificate",
            Self::ServerKeyExchange => "ServerKeyExchange",
            Self::RequestOrDone { .. } => "CertificateRequest or ServerHelloDone",
            Self::Done { .. } => "ServerHelloDone",
            Self::Finished { .. } => "Finished",
        }
    }
}
