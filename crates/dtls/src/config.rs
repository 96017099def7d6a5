//! What a connection is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gannet_crypto::NamedGroup;

use crate::certificate::Certificate;
use crate::fingerprint::Fingerprint;
use crate::suite::CipherSuite;

/// Which side of the handshake we are: the client speaks first (`a=setup:active`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends the ClientHello.
    Client,
    /// Waits for the ClientHello.
    Server,
}

/// A version of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// DTLS 1.2 (RFC 6347), 0xfefd on the wire.
    Dtls12,
    /// DTLS 1.3 (RFC 9147), 0xfefc on the wire.
    Dtls13,
}

/// Which versions may be negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Versions {
    /// DTLS 1.3 if the peer has it, else 1.2.
    #[default]
    Both,
    /// One version and no other.
    Only(Version),
}

impl Versions {
    /// Whether `version` may be negotiated.
    #[must_use]
    pub fn allow(self, version: Version) -> bool {
        self == Self::Both || self == Self::Only(version)
    }
}

/// An SRTP protection profile's number in the DTLS-SRTP registry (RFC 5764, section 4.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SrtpProfile(pub u16);

impl SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764).
    pub const AES128_CM_HMAC_SHA1_80: Self = Self(0x0001);
    /// SRTP_AES128_CM_HMAC_SHA1_32 (RFC 5764).
    pub const AES128_CM_HMAC_SHA1_32: Self = Self(0x0002);
    /// SRTP_AEAD_AES_128_GCM (RFC 7714).
    pub const AEAD_AES_128_GCM: Self = Self(0x0007);
    /// SRTP_AEAD_AES_256_GCM (RFC 7714).
    pub const AEAD_AES_256_GCM: Self = Self(0x0008);
}

impl fmt::Debug for SrtpProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AES128_CM_HMAC_SHA1_80 => f.write_str("SRTP_AES128_CM_HMAC_SHA1_80"),
            Self::AES128_CM_HMAC_SHA1_32 => f.write_str("SRTP_AES128_CM_HMAC_SHA1_32"),
            Self::AEAD_AES_128_GCM => f.write_str("SRTP_AEAD_AES_128_GCM"),
            Self::AEAD_AES_256_GCM => f.write_str("SRTP_AEAD_AES_256_GCM"),
            Self(other) => write!(f, "SrtpProfile({other:#06x})"),
        }
    }
}

/// When lost flights are sent again, and when we give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// How long to wait for an answer to a flight before it is sent again for the first time. Each
    /// further wait is twice as long.
    ///
    /// If the round-trip time is known (from ICE), 1.5 times that is right (RFC 9147,
    /// section 5.8.2). The default is 100 ms: most calls have a shorter round trip, and for the others a
    /// flight sent in vain costs two datagrams.
    pub initial_retransmit: Duration,
    /// The longest wait. The default is 1 s: a user waits for the call, and a flight a second harms no
    /// network. At 50 % loss each way, the slowest of 60 handshakes takes a third of the time that it
    /// takes with 3 s (`docs/dtls.md`).
    pub max_retransmit: Duration,
    /// How long a handshake may take from its first message on. The default is 30 s.
    pub handshake: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            initial_retransmit: Duration::from_millis(100),
            max_retransmit: Duration::from_secs(1),
            handshake: Duration::from_secs(30),
        }
    }
}

/// Who receives the secrets of a connection, so that a capture of it can be read by debugging tools.
pub trait KeyLog: fmt::Debug + Send + Sync {
    /// One line in the format of `SSLKEYLOGFILE`, without a line end.
    fn log(&self, line: &str);
}

/// What a connection is told before it starts. One `Config` can serve many connections.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) role: Role,
    pub(crate) certificate: Certificate,
    pub(crate) versions: Versions,
    pub(crate) groups: Vec<NamedGroup>,
    pub(crate) suites: Vec<CipherSuite>,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) require_srtp: bool,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) mtu: usize,
    pub(crate) timers: Timers,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) connection_id: Option<Vec<u8>>,
    pub(crate) cookie_secret: Option<CookieSecret>,
    pub(crate) remote_fingerprints: Option<Vec<Fingerprint>>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
}

/// The secret that a server's cookies are made with.
#[derive(Clone)]
pub(crate) struct CookieSecret(pub(crate) Arc<gannet_crypto::Secret>);

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret")
    }
}

impl Config {
    /// The smallest MTU that [`Config::mtu`] takes, in bytes.
    pub const MIN_MTU: usize = 200;

    /// A configuration with everything at its default: both versions, all suites and groups, no
    /// SRTP profile, no ALPN, 1,200-byte datagrams, no cookies.
    #[must_use]
    pub fn new(role: Role, certificate: Certificate) -> Self {
        Self {
            role,
            certificate,
            versions: Versions::default(),
            groups: vec![
                NamedGroup::X25519MlKem768,
                NamedGroup::X25519,
                NamedGroup::P256,
                NamedGroup::P384,
            ],
            suites: CipherSuite::ALL.to_vec(),
            srtp_profiles: Vec::new(),
            require_srtp: false,
            alpn: Vec::new(),
            mtu: 1200,
            timers: Timers::default(),
            record_size_limit: None,
            connection_id: None,
            cookie_secret: None,
            remote_fingerprints: None,
            key_log: None,
        }
    }

    /// Which versions may be negotiated.
    #[must_use]
    pub fn versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    /// The key exchange groups, best first. A client sends a share of the first one.
    #[must_use]
    pub fn groups(mut self, groups: impl Into<Vec<NamedGroup>>) -> Self {
        self.groups = groups.into();
        self
    }

    /// The cipher suites of both versions, best first.
    #[must_use]
    pub fn suites(mut self, suites: impl Into<Vec<CipherSuite>>) -> Self {
        self.suites = suites.into();
        self
    }

    /// The SRTP profiles that the `use_srtp` extension negotiates, best first; none means that it is
    /// not used. A server chooses the first of its own that the client has.
    #[must_use]
    pub fn srtp_profiles(mut self, profiles: impl Into<Vec<SrtpProfile>>) -> Self {
        self.srtp_profiles = profiles.into();
        self
    }

    /// Whether the handshake fails when no SRTP profile was agreed on. The default is no: then
    /// [`Connection::srtp_profile`](crate::Connection::srtp_profile) is `None`.
    #[must_use]
    pub fn require_srtp(mut self, require: bool) -> Self {
        self.require_srtp = require;
        self
    }

    /// The application protocols (ALPN, RFC 7301), best first; none means that it is not used. Names
    /// are 1 to 255 bytes long; others are left out.
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.alpn = protocols
            .into_iter()
            .filter(|name| (1..=255).contains(&name.len()))
            .collect();
        self
    }

    /// The longest datagram to send, in bytes of UDP payload; at least [`Config::MIN_MTU`].
    #[must_use]
    pub fn mtu(mut self, mtu: usize) -> Self {
        self.mtu = mtu.clamp(Self::MIN_MTU, usize::from(u16::MAX));
        self
    }

    /// When lost flights are sent again, and when we give up: each after a millisecond at least, and a day at most.
    #[must_use]
    pub fn timers(mut self, timers: Timers) -> Self {
        const LEAST: Duration = Duration::from_millis(1);
        const MOST: Duration = Duration::from_secs(24 * 60 * 60);
        self.timers = Timers {
            initial_retransmit: timers.initial_retransmit.clamp(LEAST, MOST),
            max_retransmit: timers.max_retransmit.clamp(LEAST, MOST),
            handshake: timers.handshake.clamp(LEAST, MOST),
        };
        self
    }

    /// The longest plaintext that the peer may put into a record (RFC 8449), 64 to 16,384 bytes. The
    /// default asks for no limit.
    #[must_use]
    pub fn record_size_limit(mut self, limit: u16) -> Self {
        self.record_size_limit = Some(limit.clamp(64, 1 << 14));
        self
    }

    /// The connection ID that the peer shall put into its records to us (RFC 9146, RFC 9147), up to 32
    /// bytes, of which it keeps the first; an empty one only says that we can put the peer's into ours.
    /// The default does not negotiate connection IDs.
    #[must_use]
    pub fn connection_id(mut self, id: impl Into<Vec<u8>>) -> Self {
        let mut id = id.into();
        id.truncate(32);
        self.connection_id = Some(id);
        self
    }

    /// Servers: before anything else, make the client prove with a cookie that it receives what we send
    /// to its address (RFC 9147, section 5.1). The secret signs the cookies, which no state is kept for;
    /// connections that share it accept each other's. With ICE underneath this is not needed.
    #[must_use]
    pub fn cookies(mut self, secret: gannet_crypto::Secret) -> Self {
        self.cookie_secret = Some(CookieSecret(Arc::new(secret)));
        self
    }

    /// The fingerprints that vouch for the peer's certificate. They can also be given later, by
    /// [`Connection::set_remote_fingerprints`](crate::Connection::set_remote_fingerprints); until then
    /// a connection does its handshake, but does not connect.
    #[must_use]
    pub fn remote_fingerprints(mut self, fingerprints: impl Into<Vec<Fingerprint>>) -> Self {
        self.remote_fingerprints = Some(fingerprints.into());
        self
    }

    /// Who receives the secrets, for debugging. Whoever reads them reads the connection.
    #[must_use]
    pub fn key_log(mut self, sink: Arc<dyn KeyLog>) -> Self {
        self.key_log = Some(sink);
        self
    }
}
