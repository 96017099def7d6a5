//! Requests and their answers.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use gannet_stun::{
    Attribute, AttributeType, ChannelNumber, Class, Message, MessageWriter, Method, Seal,
    TransactionId, code,
};

use crate::authentication::Authentication;
use crate::client::{Client, Event, State};
use crate::peers::{granted_channel, granted_permission, refused};
use crate::{AddressFamilies, AllocateError};

/// UDP in IP's protocol field (RFC 8656, section 18.8).
const UDP: u8 = 17;
/// How often one request is sent again with a new nonce.
const MAX_CHALLENGES: u8 = 4;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Allocate,
    Refresh,
    /// A refresh that gives the allocation back.
    Release,
    Permission(IpAddr),
    Channel(ChannelNumber, SocketAddr),
}

/// What is remembered of a request until its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    wish: Wish,
    /// Whether it was authenticated.
    authenticated: bool,
    challenges: u8,
}

impl Asked {
    const fn new(wish: Wish) -> Self {
        Self {
            wish,
            authenticated: false,
            challenges: 0,
        }
    }

    pub(crate) const fn allocate() -> Self {
        Self::new(Wish::Allocate)
    }

    pub(crate) const fn refresh() -> Self {
        Self::new(Wish::Refresh)
    }

    pub(crate) const fn refresh_to_zero() -> Self {
        Self::new(Wish::Release)
    }

    pub(crate) const fn permission(ip: IpAddr) -> Self {
        Self::new(Wish::Permission(ip))
    }

    pub(crate) const fn channel(number: ChannelNumber, peer: SocketAddr) -> Self {
        Self::new(Wish::Channel(number, peer))
    }
}

impl Client {
    /// Starts a request.
    pub(crate) fn ask(&mut self, now: Instant, asked: Asked) {
        let id = TransactionId::random(&mut self.rng);
        let asked = Asked {
            authenticated: self.authentication.is_some(),
            ..asked
        };
        let request = self.write_request(id, asked.wish);
        if request.is_empty() {
            self.fail(AllocateError::Challenge(
                "its realm or our user name is too long",
            ));
            return;
        }
        let reliability = self.config.transport.reliability();
        let rto = self.config.rto;
        let started = self
            .requests
            .start(now, id, request, reliability, rto, asked);
        if started.is_err() {
            self.request_expired(now, asked);
        }
    }

    fn write_request(&self, id: TransactionId, wish: Wish) -> Vec<u8> {
        let method = match wish {
            Wish::Allocate => Method::ALLOCATE,
            Wish::Refresh | Wish::Release => Method::REFRESH,
            Wish::Permission(_) => Method::CREATE_PERMISSION,
            Wish::Channel(..) => Method::CHANNEL_BIND,
        };
        let mut bytes = Vec::with_capacity(256);
        let mut writer = MessageWriter::new(&mut bytes, Class::Request, method, id);
        let lifetime = u32::try_from(self.config.lifetime.as_secs()).unwrap_or(u32::MAX);
        match wish {
            Wish::Allocate => {
                writer.attribute(&Attribute::RequestedTransport(UDP));
                writer.attribute(&Attribute::Lifetime(lifetime));
                self.write_families(&mut writer);
            }
            Wish::Refresh => {
                writer.attribute(&Attribute::Lifetime(lifetime));
            }
            Wish::Release => {
                writer.attribute(&Attribute::Lifetime(0));
            }
            Wish::Permission(ip) => {
                writer.attribute(&Attribute::XorPeerAddress(SocketAddr::new(ip, 0)));
            }
            Wish::Channel(number, peer) => {
                writer.attribute(&Attribute::ChannelNumber(number.number()));
                writer.attribute(&Attribute::XorPeerAddress(peer));
            }
        }
        let seal = match &self.authentication {
            Some(authentication) => {
                authentication.write(&mut writer, &self.config.username);
                authentication.seal()
            }
            None => Seal::NONE,
        };
        // A user name or realm that is too long leaves nothing, which the caller notices.
        let _ = writer.finish(seal.with_fingerprint());
        bytes
    }

    fn write_families(&self, writer: &mut MessageWriter<'_>) {
        use gannet_stun::AddressFamily::V6;
        match self.config.families {
            AddressFamilies::V4 => {}
            AddressFamilies::V6 => {
                writer.attribute(&Attribute::RequestedAddressFamily(V6));
            }
            AddressFamilies::Both => {
                writer.attribute(&Attribute::AdditionalAddressFamily(V6));
            }
        }
    }

    /// Handles an answer. Whatever is not the server's is dropped, as if it had never come.
    pub(crate) fn handle_response(&mut self, now: Instant, response: &Message<'_>) {
        let id = response.transaction_id();
        let Some(&asked) = self.requests.tag(&id) else {
            self.dropped += 1;
            return;
        };
        let error = response.error_code().map(|error| error.code);
        if let (Class::Error, Some(code::UNAUTHENTICATED | code::STALE_NONCE)) =
            (response.class(), error)
        {
            self.requests.complete(now, &id);
            self.challenged(now, asked, response);
            return;
        }
        let is_authentic = match &self.authentication {
            Some(authentication) if asked.authenticated => authentication.verify(response),
            // Before a challenge nothing can be verified; a redirection must be (RFC 8489, section 10).
            _ => error != Some(code::TRY_ALTERNATE),
        };
        if !is_authentic {
            self.dropped += 1;
            return;
        }
        self.requests.complete(now, &id);
        match response.class() {
            Class::Success => self.granted(now, asked.wish, response),
            _ => self.refused(now, asked.wish, response),
        }
    }

    /// 401 or 438 (RFC 8489, section 9.2.5).
    fn challenged(&mut self, now: Instant, asked: Asked, response: &Message<'_>) {
        let known = self.authentication.as_ref();
        let answer = Authentication::from_challenge(response, known, &self.config, &self.provider);
        let error = response.error_code();
        let is_stale = error.is_some_and(|error| error.code == code::STALE_NONCE);
        match answer {
            Err(what) => self.fail(AllocateError::Challenge(what)),
            Ok(answer) => {
                let refused = asked.authenticated
                    && !is_stale
                    && known.is_some_and(|known| known.is_same_identity(&answer));
                if refused || asked.challenges >= MAX_CHALLENGES {
                    let reason = error.map_or("", |error| error.reason).to_owned();
                    self.fail(AllocateError::Unauthenticated(reason));
                    return;
                }
                self.authentication = Some(answer);
                let challenges = asked.challenges + 1;
                self.ask(
                    now,
                    Asked {
                        challenges,
                        ..asked
                    },
                );
            }
        }
    }

    fn granted(&mut self, now: Instant, wish: Wish, response: &Message<'_>) {
        match wish {
            Wish::Allocate => self.allocated(now, response),
            Wish::Refresh => self.refreshed(now, response),
            Wish::Release => self.end(),
            Wish::Permission(ip) => {
                if let Some(permission) = self.peers.permission(ip) {
                    let is_new = !permission.grant.is_usable();
                    permission.grant = granted_permission(now);
                    if is_new {
                        self.push_event(Event::PermissionGranted(ip));
                    }
                }
            }
            Wish::Channel(number, peer) => {
                // Binding a channel grants the permission too (RFC 8656, section 12).
                if let Some(permission) = self.peers.permission(peer.ip()) {
                    permission.grant = granted_permission(now);
                }
                if let Some(channel) = self.peers.channel(number) {
                    let is_new = !channel.grant.is_usable();
                    channel.grant = granted_channel(now);
                    if is_new {
                        self.push_event(Event::ChannelBound(peer));
                    }
                }
            }
        }
    }

    fn refused(&mut self, now: Instant, wish: Wish, response: &Message<'_>) {
        let Some(error) = response.error_code() else {
            self.request_expired(now, Asked::new(wish));
            return;
        };
        let reason = || AllocateError::Refused {
            code: error.code,
            reason: error.reason.chars().take(128).collect(),
        };
        match wish {
            Wish::Allocate => {
                let alternate = response.find_decoded(AttributeType::ALTERNATE_SERVER);
                match (error.code, alternate) {
                    (code::TRY_ALTERNATE, Some(Attribute::AlternateServer(server))) => {
                        self.fail(AllocateError::Redirected(server));
                    }
                    _ => self.fail(reason()),
                }
            }
            // The server knows nothing of the allocation: RFC 8656, section 8.3.
            Wish::Refresh if error.code == code::ALLOCATION_MISMATCH => {
                self.fail(AllocateError::Lost);
            }
            Wish::Refresh => self.fail(reason()),
            Wish::Release => self.end(),
            Wish::Permission(_) | Wish::Channel(..) if error.code == code::ALLOCATION_MISMATCH => {
                self.fail(AllocateError::Lost);
            }
            Wish::Permission(ip) => self.permission_refused(now, ip, error.code),
            Wish::Channel(number, _) => {
                // Send indications do as well.
                self.peers
                    .channels
                    .retain(|channel| channel.number != number);
            }
        }
    }

    fn permission_refused(&mut self, now: Instant, ip: IpAddr, code: u16) {
        if let Some(permission) = self.peers.permission(ip) {
            permission.grant = refused(now);
            // What is forbidden stays so.
            if matches!(code, code::FORBIDDEN | code::PEER_ADDRESS_FAMILY_MISMATCH) {
                self.peers
                    .permissions
                    .retain(|permission| permission.ip != ip);
            }
        }
        self.push_event(Event::PermissionRefused(ip, code));
    }

    /// A request was never answered.
    pub(crate) fn request_expired(&mut self, now: Instant, asked: Asked) {
        match asked.wish {
            Wish::Allocate => self.fail(AllocateError::Timeout),
            Wish::Refresh if self.state == State::Allocated => self.fail(AllocateError::Lost),
            Wish::Refresh | Wish::Release => self.end(),
            Wish::Permission(ip) => {
                if let Some(permission) = self.peers.permission(ip) {
                    permission.grant = refused(now);
                }
            }
            Wish::Channel(number, _) => {
                if let Some(channel) = self.peers.channel(number) {
                    channel.grant = refused(now);
                }
            }
        }
    }
}
