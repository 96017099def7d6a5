//! The typed lines that are not attributes: `o=`, `c=`, `b=`, `t=`, `m=` (RFC 8866, section 5).

use std::fmt::{self, Display};
use std::net::IpAddr;

use crate::FieldError;
use crate::fields::{Fields, number, token};

/// `o=`: who made the description, and which version of it this is (section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user's login, or `-`.
    pub username: &'a str,
    /// A number that is unique for the session: kept as text, since senders exceed 64 bits.
    pub session_id: &'a str,
    /// Grows by one with each changed description of a session.
    pub session_version: u64,
    /// `IN`.
    pub network_type: &'a str,
    /// `IP4` or `IP6`.
    pub address_type: &'a str,
    /// Where it was made. WebRTC endpoints write a meaningless address here.
    pub unicast_address: &'a str,
}

impl<'a> Origin<'a> {
    /// Parses the value of an `o=` line.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let username = fields.word("username", "a user name or \"-\"")?;
        let session_id = fields.word("sess-id", "a decimal number")?;
        if !session_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FieldError::new("sess-id", "a decimal number", session_id));
        }
        let origin = Self {
            username,
            session_id,
            session_version: fields.number("sess-version", "a decimal number below 2^64")?,
            network_type: fields.token("nettype")?,
            address_type: fields.token("addrtype")?,
            unicast_address: fields.word("unicast-address", "an address")?,
        };
        fields.finish("o=")?;
        Ok(origin)
    }
}

impl Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {}",
            self.username,
            self.session_id,
            self.session_version,
            self.network_type,
            self.address_type,
            self.unicast_address
        )
    }
}

/// `c=`: an address for media (section 5.7). ICE makes it meaningless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `IN`.
    pub network_type: &'a str,
    /// `IP4` or `IP6`.
    pub address_type: &'a str,
    /// The address, with `/ttl` and `/count` for multicast.
    pub address: &'a str,
}

impl<'a> Connection<'a> {
    /// `IN IP4 0.0.0.0`: what a WebRTC endpoint writes while it has no candidate.
    pub const UNSPECIFIED: Connection<'static> = Connection {
        network_type: "IN",
        address_type: "IP4",
        address: "0.0.0.0",
    };

    /// Parses the value of a `c=` line.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let connection = Self {
            network_type: fields.token("nettype")?,
            address_type: fields.token("addrtype")?,
            address: fields.word("connection-address", "an address")?,
        };
        fields.finish("c=")?;
        Ok(connection)
    }

    /// The address, if it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.split('/').next()?.parse().ok()
    }
}

impl Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.network_type, self.address_type, self.address
        )
    }
}

/// `b=`: a bandwidth (section 5.8): `AS`, `CT`, `TIAS` (RFC 3890), `RS`, `RR` (RFC 3556).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth<'a> {
    /// The kind of bandwidth.
    pub kind: &'a str,
    /// In kilobits a second for `AS` and `CT`, in bits a second for the others.
    pub value: u64,
}

impl<'a> Bandwidth<'a> {
    /// Parses the value of a `b=` line.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let Some((kind, value)) = text.split_once(':') else {
            return Err(FieldError::new(
                "b=",
                "a bandwidth type, a colon and a number",
                text,
            ));
        };
        Ok(Self {
            kind: token(kind, "bwtype")?,
            value: number(value.trim_end(), "bandwidth", "a decimal number below 2^64")?,
        })
    }

    /// The bandwidth in bits a second, if its kind is known.
    pub fn bits_per_second(&self) -> Option<u64> {
        match self.kind {
            "AS" | "CT" => Some(self.value.saturating_mul(1000)),
            "TIAS" | "RS" | "RR" => Some(self.value),
            _ => None,
        }
    }
}

impl Display for Bandwidth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// `t=`: when the session is (section 5.9); `0 0` for one that is now and has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Seconds since 1900, or zero.
    pub start: u64,
    /// Seconds since 1900, or zero.
    pub stop: u64,
}

impl Timing {
    /// Parses the value of a `t=` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let timing = Self {
            start: fields.number("start-time", "seconds since 1900, or 0")?,
            stop: fields.number("stop-time", "seconds since 1900, or 0")?,
        };
        fields.finish("t=")?;
        Ok(timing)
    }
}

impl Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.start, self.stop)
    }
}

/// `m=`: the kind of media, its port, its protocol and its formats (section 5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLine<'a> {
    /// `audio`, `video`, `application`, `text`, `image`, `message`, ...
    pub media: &'a str,
    /// 0 for a rejected section (or one that is bundle-only), 9 for one that ICE will give a port.
    pub port: u16,
    /// How many ports, if that is said.
    pub port_count: Option<u32>,
    /// For instance `UDP/TLS/RTP/SAVPF`.
    pub protocol: &'a str,
    /// For RTP, the payload types.
    pub formats: Vec<&'a str>,
}

impl<'a> MediaLine<'a> {
    /// Parses the value of an `m=` line.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let parts = MediaParts::parse(text)?;
        Ok(Self {
            media: parts.media,
            port: parts.port,
            port_count: parts.port_count,
            protocol: parts.protocol,
            formats: parts
                .formats
                .split(' ')
                .filter(|format| !format.is_empty())
                .collect(),
        })
    }
}

impl Display for MediaLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.media, self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.protocol)?;
        self.formats
            .iter()
            .try_for_each(|format| write!(f, " {format}"))
    }
}

/// The parts of an `m=` line with its formats unparted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaParts<'a> {
    pub(crate) media: &'a str,
    pub(crate) port: u16,
    pub(crate) port_count: Option<u32>,
    pub(crate) protocol: &'a str,
    pub(crate) formats: &'a str,
}

impl<'a> MediaParts<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, FieldError> {
        const PORT: &str = "a port from 0 to 65535";
        let mut fields = Fields::new(text);
        let media = fields.token("media")?;
        let port = fields.word("port", PORT)?;
        let (port, port_count) = match port.split_once('/') {
            Some((port, count)) => (
                port,
                Some(number(count, "number of ports", "a decimal number")?),
            ),
            None => (port, None),
        };
        let port = number(port, "port", PORT)?;
        let protocol = fields.word("proto", "tokens parted by slashes")?;
        if !protocol.split('/').all(crate::fields::is_token) {
            return Err(FieldError::new(
                "proto",
                "tokens parted by slashes",
                protocol,
            ));
        }
        let formats = fields.rest().unwrap_or_default();
        if formats.trim_end().is_empty() {
            return Err(FieldError::new("fmt", "at least one format", ""));
        }
        Ok(Self {
            media,
            port,
            port_count,
            protocol,
            formats,
        })
    }
}
