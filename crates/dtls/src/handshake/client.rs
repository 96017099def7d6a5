//! The client until the ServerHello, which settles the version.

use gannet_crypto::{KeyExchange, NamedGroup};

use super::{State, client12, client13, groups_of, suites_of, unexpected};
use crate::config::{Config, Version};
use crate::core::Core;
use crate::error::{ConfigError, Failure, HandshakeError};
use crate::message::{
    ClientExtensions, ClientHello, DTLS_1_2, DTLS_1_3, HandshakeType, HelloVerifyRequest, KeyShare,
    Message, ServerExtensions, ServerHello, ServerKeyShare,
};
use crate::registry::{group_code, group_from_code, scheme_codes};
use crate::suite::CipherSuite;
use crate::transcript::Transcript;

/// A ClientHello is out.
#[derive(Debug)]
pub(crate) struct WaitServerHello {
    pub(super) random: [u8; 32],
    /// The body and the number of the last ClientHello.
    pub(super) hello: Vec<u8>,
    pub(super) hello_seq: u16,
    /// DTLS 1.3's key share.
    pub(super) exchange: Option<Box<dyn KeyExchange>>,
    cookie: Option<Vec<u8>>,
    legacy_cookie: Vec<u8>,
    /// After a HelloRetryRequest: its suite, and the transcript up to it.
    retry: Option<(CipherSuite, Transcript)>,
}

impl WaitServerHello {
    pub(super) fn start(core: &mut Core) -> Result<Self, ConfigError> {
        check_offer(core, Version::Dtls12)?;
        check_offer(core, Version::Dtls13)?;
        let random = core.rng.array();
        let group = groups_of(core, Version::Dtls13).next();
        let group = group.filter(|_| core.config.versions.allow(Version::Dtls13));
        let provider = core.provider.clone();
        let exchange = group
            .map(|group| provider.start_key_exchange(group, &mut core.rng))
            .transpose()?;
        let mut state = Self {
            random,
            hello: Vec::new(),
            hello_seq: 0,
            exchange,
            cookie: None,
            legacy_cookie: Vec::new(),
            retry: None,
        };
        state.hello = state.write_hello(core)?;
        core.begin_flight(true);
        core.handshake_deadline = Some(core.now + core.config.timers.handshake);
        core.outbox
            .push(0, HandshakeType::ClientHello, state.hello.clone());
        Ok(state)
    }

    fn send_again(&mut self, core: &mut Core) -> Result<(), HandshakeError> {
        self.hello = self.write_hello(core)?;
        core.begin_flight(true);
        self.hello_seq = core
            .outbox
            .push(0, HandshakeType::ClientHello, self.hello.clone());
        Ok(())
    }

    pub(super) fn handle(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        match message.kind {
            HandshakeType::HelloVerifyRequest => {
                self.handle_verify_request(core, message)?;
                Ok(State::ClientWaitServerHello(self))
            }
            HandshakeType::ServerHello => self.handle_server_hello(core, message),
            _ => Err(unexpected(message, "ServerHello")),
        }
    }

    /// DTLS 1.2's cookie: the same hello again, with it (RFC 6347, section 4.2.1).
    fn handle_verify_request(&mut self, core: &mut Core, message: &Message) -> Result<(), Failure> {
        if !core.config.versions.allow(Version::Dtls12)
            || !self.legacy_cookie.is_empty()
            || self.retry.is_some()
        {
            return Err(unexpected(message, "ServerHello"));
        }
        self.legacy_cookie = HelloVerifyRequest::parse(&message.body)?.cookie.to_vec();
        Ok(self.send_again(core)?)
    }

    fn handle_server_hello(
        mut self: Box<Self>,
        core: &mut Core,
        message: &Message,
    ) -> Result<State, Failure> {
        let hello = ServerHello::parse(&message.body)?;
        if hello.legacy_version != DTLS_1_2 {
            return Err(HandshakeError::ProtocolVersion.into());
        }
        if !hello.session_id.is_empty() && hello.extensions.selected_version.is_some() {
            return Err(HandshakeError::IllegalParameter("a session ID is echoed").into());
        }
        if hello.compression_method != 0 {
            return Err(HandshakeError::IllegalParameter("compression was not offered").into());
        }
        let version = self.settle_version(core, &hello)?;
        let suite = CipherSuite::from_code(hello.cipher_suite)
            .filter(|suite| suites_of(&core.config, version).any(|own| own == *suite))
            .ok_or(HandshakeError::IllegalParameter(
                "the cipher suite was not offered",
            ))?;
        check_extensions(&core.config, &hello.extensions, version)?;
        if hello.is_retry() {
            self.handle_retry(core, message, &hello, suite)?;
            return Ok(State::ClientWaitServerHello(self));
        }
        core.records.hello_is_over();
        core.version = Some(version);
        core.suite = Some(suite);
        match version {
            Version::Dtls13 => client13::start(*self, core, message, &hello, suite),
            Version::Dtls12 => client12::start(*self, core, message, &hello, suite),
        }
    }

    /// Which version the server chose.
    fn settle_version(
        &self,
        core: &Core,
        hello: &ServerHello<'_>,
    ) -> Result<Version, HandshakeError> {
        let versions = core.config.versions;
        match hello.extensions.selected_version {
            Some(DTLS_1_3) if versions.allow(Version::Dtls13) => Ok(Version::Dtls13),
            None if versions.allow(Version::Dtls12) && !hello.is_retry() => {
                if versions.allow(Version::Dtls13) && hello.is_downgrade() {
                    return Err(HandshakeError::IllegalParameter(
                        "the server has DTLS 1.3, but somebody made it choose an older version",
                    ));
                }
                if self.retry.is_some() {
                    return Err(HandshakeError::ProtocolVersion);
                }
                Ok(Version::Dtls12)
            }
            Some(_) | None => Err(HandshakeError::ProtocolVersion),
        }
    }

    /// HelloRetryRequest (RFC 8446, section 4.1.4).
    fn handle_retry(
        &mut self,
        core: &mut Core,
        message: &Message,
        hello: &ServerHello<'_>,
        suite: CipherSuite,
    ) -> Result<(), Failure> {
        if self.retry.is_some() || !self.legacy_cookie.is_empty() {
            return Err(unexpected(message, "ServerHello"));
        }
        self.cookie = hello.extensions.cookie.map(<[u8]>::to_vec);
        let group = match hello.extensions.key_share {
            Some(ServerKeyShare::Group(code)) => Some(self.retry_group(core, code)?),
            _ => None,
        };
        if group.is_none() && self.cookie.is_none() {
            let error = "the HelloRetryRequest asks for nothing new";
            return Err(HandshakeError::IllegalParameter(error).into());
        }
        if let Some(group) = group {
            let exchange = core.provider.start_key_exchange(group, &mut core.rng);
            self.exchange = Some(exchange.map_err(HandshakeError::from)?);
        }
        let provider = &*core.provider;
        let mut transcript = Transcript::new(provider, Version::Dtls13, suite.hash());
        transcript.restart_with_hash(provider, &hello_hash(core, suite, &self.hello));
        transcript.add(message.kind, message.seq, &message.body);
        self.retry = Some((suite, transcript));
        Ok(self.send_again(core)?)
    }

    /// The group that the server wants a share of: one that was offered, and that it has none of.
    fn retry_group(&self, core: &Core, code: u16) -> Result<NamedGroup, HandshakeError> {
        let has_share = |group: NamedGroup| {
            self.exchange.as_ref().is_some_and(|exchange| {
                exchange.group() == group
                    || exchange
                        .component()
                        .is_some_and(|(component, _)| component == group)
            })
        };
        group_from_code(code)
            .filter(|group| groups_of(core, Version::Dtls13).any(|own| own == *group))
            .filter(|group| !has_share(*group))
            .ok_or(HandshakeError::IllegalParameter(
                "the HelloRetryRequest's group was not offered, or has a share already",
            ))
    }

    /// The transcript of DTLS 1.3 up to this ServerHello.
    pub(super) fn transcript13(
        &mut self,
        core: &Core,
        suite: CipherSuite,
        message: &Message,
    ) -> Result<Transcript, HandshakeError> {
        let mut transcript = match self.retry.take() {
            None => Transcript::new(&*core.provider, Version::Dtls13, suite.hash()),
            Some((retried, transcript)) if retried == suite => transcript,
            Some(_) => {
                return Err(HandshakeError::IllegalParameter(
                    "the ServerHello has another suite than the HelloRetryRequest",
                ));
            }
        };
        transcript.add(HandshakeType::ClientHello, self.hello_seq, &self.hello);
        transcript.add(message.kind, message.seq, &message.body);
        Ok(transcript)
    }

    fn write_hello(&self, core: &Core) -> Result<Vec<u8>, gannet_wire::WriteError> {
        let config = &core.config;
        let mut shares = Vec::new();
        if let Some(exchange) = &self.exchange {
            shares.push(KeyShare {
                group: group_code(exchange.group()),
                exchange: exchange.share(),
            });
            // One key pair, offered twice: a server without the hybrid group needs no retry.
            let offered = |group| groups_of(core, Version::Dtls13).any(|own| own == group);
            if let Some((group, exchange)) =
                exchange.component().filter(|(group, _)| offered(*group))
            {
                shares.push(KeyShare {
                    group: group_code(group),
                    exchange,
                });
            }
        }
        let (has12, has13) = (
            config.versions.allow(Version::Dtls12),
            config.versions.allow(Version::Dtls13),
        );
        let suites = suites_of(config, Version::Dtls13).chain(suites_of(config, Version::Dtls12));
        let version = if has13 {
            Version::Dtls13
        } else {
            Version::Dtls12
        };
        let hello = ClientHello {
            legacy_version: DTLS_1_2,
            random: self.random,
            session_id: &[],
            legacy_cookie: &self.legacy_cookie,
            cipher_suites: suites.map(CipherSuite::code).collect(),
            compression_methods: &[0],
            extensions: ClientExtensions {
                supported_versions: offered_versions(has12, has13),
                supported_groups: groups_of(core, version).map(group_code).collect(),
                signature_algorithms: scheme_codes(),
                key_shares: has13.then_some(shares),
                cookie: self.cookie.as_deref(),
                extended_master_secret: has12,
                renegotiation_info: has12.then_some(&[]),
                ec_point_formats: has12.then_some(&[0]),
                srtp_profiles: config
                    .srtp_profiles
                    .iter()
                    .map(|profile| profile.0)
                    .collect(),
                alpn: config.alpn.iter().map(Vec::as_slice).collect(),
                record_size_limit: config.record_size_limit,
                connection_id: config.connection_id.as_deref(),
            },
        };
        let mut body = Vec::new();
        hello.write(&mut body)?;
        Ok(body)
    }
}

fn offered_versions(has12: bool, has13: bool) -> Vec<u16> {
    match (has12, has13) {
        (true, true) => vec![DTLS_1_3, DTLS_1_2],
        (false, true) => vec![DTLS_1_3],
        _ => Vec::new(),
    }
}

/// The hash that stands for a first ClientHello.
pub(super) fn hello_hash(core: &Core, suite: CipherSuite, hello: &[u8]) -> gannet_crypto::Digest {
    let mut transcript = Transcript::new(&*core.provider, Version::Dtls13, suite.hash());
    transcript.add(HandshakeType::ClientHello, 0, hello);
    transcript.current()
}

/// Whether everything is there that a version needs, if it is allowed.
fn check_offer(core: &Core, version: Version) -> Result<(), ConfigError> {
    if !core.config.versions.allow(version) {
        return Ok(());
    }
    if suites_of(&core.config, version).next().is_none() {
        return Err(ConfigError::NoSuite(version));
    }
    if groups_of(core, version).next().is_none() {
        return Err(ConfigError::NoGroup(version));
    }
    Ok(())
}

/// Nothing may come that was not asked for, or that belongs to the other version.
fn check_extensions(
    config: &Config,
    extensions: &ServerExtensions<'_>,
    version: Version,
) -> Result<(), HandshakeError> {
    use crate::message::ExtensionType as T;
    let is_12 = version == Version::Dtls12;
    let unasked = [
        (
            extensions.srtp_profile.is_some(),
            config.srtp_profiles.is_empty() || !is_12,
            T::UseSrtp,
        ),
        (
            extensions.alpn.is_some(),
            config.alpn.is_empty() || !is_12,
            T::Alpn,
        ),
        (
            extensions.record_size_limit.is_some(),
            config.record_size_limit.is_none() || !is_12,
            T::RecordSizeLimit,
        ),
        (
            extensions.connection_id.is_some(),
            config.connection_id.is_none(),
            T::ConnectionId,
        ),
        (
            extensions.extended_master_secret,
            !is_12,
            T::ExtendedMasterSecret,
        ),
        (
            extensions.renegotiation_info.is_some(),
            !is_12,
            T::RenegotiationInfo,
        ),
        (extensions.key_share.is_some(), is_12, T::KeyShare),
        (extensions.cookie.is_some(), is_12, T::Cookie),
    ];
    match unasked
        .into_iter()
        .find(|(came, is_wrong, _)| *came && *is_wrong)
    {
        Some((.., kind)) => Err(HandshakeError::UnsupportedExtension(kind.code())),
        None => Ok(()),
    }
}
