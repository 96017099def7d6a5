//! Candidates, and their text form (RFC 8839, section 5.1).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// W3C's `RTCIceCandidateType` (RFC 8445, section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateType {
    /// An address of this machine.
    Host,
    /// What a STUN server saw.
    ServerReflexive,
    /// What the peer saw.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl CandidateType {
    /// W3C's word for it, which is that of candidate attributes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

/// W3C's `RTCIceTcpCandidateType` (RFC 6544, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpType {
    /// Connects.
    Active,
    /// Listens.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl TcpType {
    /// W3C's word for it, which is that of candidate attributes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }
}

/// What carries the packets between two candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateTransport {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp(TcpType),
}

/// An address, or a name that hides it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CandidateAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A name, mostly a random one that ends in `.local`.
    Name(String),
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A candidate (RFC 8445, section 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Candidates of one type, base address, server and protocol share it: 1 to 32 characters.
    pub foundation: String,
    /// The component: 1 in all of WebRTC, where RTCP has none of its own.
    pub component: u16,
    /// What carries the packets.
    pub transport: CandidateTransport,
    /// 1 to 2^31 - 1.
    pub priority: u32,
    /// The address.
    pub address: CandidateAddress,
    /// The port.
    pub port: u16,
    /// The type.
    pub candidate_type: CandidateType,
    /// For diagnosis: the base of a reflexive candidate, the mapped address of a relayed one.
    pub related_address: Option<SocketAddr>,
    /// The generation that it belongs to, by the user name fragment of its sender.
    pub username_fragment: Option<String>,
}

impl Candidate {
    /// The address and port, unless the address is a name.
    #[must_use]
    pub const fn socket_address(&self) -> Option<SocketAddr> {
        match &self.address {
            CandidateAddress::Ip(ip) => Some(SocketAddr::new(*ip, self.port)),
            CandidateAddress::Name(_) => None,
        }
    }
}

/// Why a text is not a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseCandidateError {
    /// A field is not there.
    #[error("the candidate has no {0}")]
    Missing(&'static str),
    /// A field is there and is not what it should be.
    #[error("the candidate's {field} is {value:?}, expected {expected}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is there.
        value: String,
        /// What should be.
        expected: &'static str,
    },
}

fn invalid(field: &'static str, value: &str, expected: &'static str) -> ParseCandidateError {
    ParseCandidateError::Invalid {
        field,
        value: value.chars().take(64).collect(),
        expected,
    }
}

/// `candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type> ...`, as the
/// value of SDP's attribute and of W3C's `RTCIceCandidate` have it.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            CandidateTransport::Udp => "udp",
            CandidateTransport::Tcp(_) => "tcp",
        };
        write!(
            f,
            "candidate:{} {} {transport} {} {} {} typ {}",
            self.foundation,
            self.component,
            self.priority,
            self.address,
            self.port,
            self.candidate_type.name()
        )?;
        if let Some(related) = self.related_address {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        if let CandidateTransport::Tcp(tcp_type) = self.transport {
            write!(f, " tcptype {}", tcp_type.name())?;
        }
        if let Some(ufrag) = &self.username_fragment {
            write!(f, " ufrag {ufrag}")?;
        }
        Ok(())
    }
}

/// With or without the `candidate:` in front. Extensions that are not known are skipped.
impl FromStr for Candidate {
    type Err = ParseCandidateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        let mut fields = text.split_ascii_whitespace();
        let mut field = |name| fields.next().ok_or(ParseCandidateError::Missing(name));

        let foundation = field("foundation")?;
        if foundation.len() > 32 {
            return Err(invalid("foundation", foundation, "1 to 32 characters"));
        }
        let component = number(field("component")?, "component")?;
        let transport = field("transport")?;
        let priority = number(field("priority")?, "priority")?;
        let address = parse_address(field("address")?)?;
        let port = number(field("port")?, "port")?;
        let typ = field("type")?;
        if typ != "typ" {
            return Err(invalid("type", typ, "the word typ"));
        }
        let candidate_type = parse_type(field("type")?)?;
        let extensions = Extensions::parse(fields)?;
        Ok(Self {
            foundation: foundation.to_owned(),
            component,
            transport: parse_transport(transport, extensions.tcp_type)?,
            priority,
            address,
            port,
            candidate_type,
            related_address: extensions.related_address(),
            username_fragment: extensions.ufrag.map(str::to_owned),
        })
    }
}

#[derive(Default)]
struct Extensions<'a> {
    related_ip: Option<IpAddr>,
    related_port: Option<u16>,
    tcp_type: Option<TcpType>,
    ufrag: Option<&'a str>,
}

impl<'a> Extensions<'a> {
    fn parse(mut fields: impl Iterator<Item = &'a str>) -> Result<Self, ParseCandidateError> {
        let mut extensions = Self::default();
        while let Some(name) = fields.next() {
            let value = fields
                .next()
                .ok_or(ParseCandidateError::Missing("extension value"))?;
            match name {
                // Some peers hide it by a name or by nothing: it is for diagnosis only.
                "raddr" => extensions.related_ip = value.parse().ok(),
                "rport" => extensions.related_port = value.parse().ok(),
                "tcptype" => extensions.tcp_type = Some(parse_tcp_type(value)?),
                "ufrag" => extensions.ufrag = Some(value),
                _ => {}
            }
        }
        Ok(extensions)
    }

    fn related_address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.related_ip?, self.related_port?))
    }
}

fn number<T: FromStr>(value: &str, field: &'static str) -> Result<T, ParseCandidateError> {
    value
        .parse()
        .map_err(|_| invalid(field, value, "a number in its range"))
}

fn parse_address(value: &str) -> Result<CandidateAddress, ParseCandidateError> {
    if let Ok(ip) = value.parse() {
        return Ok(CandidateAddress::Ip(ip));
    }
    let is_name = value.len() <= 253
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if !is_name || !value.contains('.') {
        return Err(invalid("address", value, "an IP address or a host name"));
    }
    Ok(CandidateAddress::Name(value.to_owned()))
}

fn parse_type(value: &str) -> Result<CandidateType, ParseCandidateError> {
    Ok(match value {
        "host" => CandidateType::Host,
        "srflx" => CandidateType::ServerReflexive,
        "prflx" => CandidateType::PeerReflexive,
        "relay" => CandidateType::Relayed,
        _ => return Err(invalid("type", value, "host, srflx, prflx or relay")),
    })
}

fn parse_tcp_type(value: &str) -> Result<TcpType, ParseCandidateError> {
    Ok(match value {
        "active" => TcpType::Active,
        "passive" => TcpType::Passive,
        "so" => TcpType::SimultaneousOpen,
        _ => return Err(invalid("tcptype", value, "active, passive or so")),
    })
}

fn parse_transport(
    value: &str,
    tcp_type: Option<TcpType>,
) -> Result<CandidateTransport, ParseCandidateError> {
    if value.eq_ignore_ascii_case("udp") {
        return Ok(CandidateTransport::Udp);
    }
    if value.eq_ignore_ascii_case("tcp") {
        let tcp_type = tcp_type.ok_or(ParseCandidateError::Missing("tcptype"))?;
        return Ok(CandidateTransport::Tcp(tcp_type));
    }
    Err(invalid("transport", value, "udp or tcp"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From offers of Chromium and Firefox, and RFC 6544.
    #[test]
    fn candidates_from_the_field() {
        let texts = [
            "candidate:842163049 1 udp 1677729535 198.51.100.7 61764 typ srflx raddr 0.0.0.0 rport 0",
            "candidate:2880323124 1 udp 2122260223 0c5a1a17-2d4c-4bd9-8e55-3c4ed3b07e69.local 50000 typ host ufrag LbQe",
            "candidate:0 1 udp 2122252543 192.0.2.1 41237 typ host",
            "candidate:1 1 tcp 2105524479 2001:db8::1 9 typ host tcptype active",
        ];
        for text in texts {
            let candidate: Candidate = text.parse().unwrap();
            assert_eq!(candidate.to_string(), text);
        }
        let chromium = "candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host \
                        generation 0 ufrag xyzw network-id 1 network-cost 10";
        let candidate: Candidate = chromium.parse().unwrap();
        assert_eq!(candidate.username_fragment.as_deref(), Some("xyzw"));
        assert_eq!(candidate.priority, 2_122_260_223);
        let firefox = "a=candidate:0 1 UDP 2122252543 192.0.2.1 41237 typ host";
        assert_eq!(firefox.parse::<Candidate>().unwrap().port, 41_237);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", "no foundation"),
            ("candidate:1 1 udp 5 192.0.2.1", "no port"),
            (
                "candidate:1 1 udp 5 192.0.2.1 9 type host",
                "expected the word typ",
            ),
            (
                "candidate:1 x udp 5 192.0.2.1 9 typ host",
                "component is \"x\"",
            ),
            (
                "candidate:1 1 sctp 5 192.0.2.1 9 typ host",
                "expected udp or tcp",
            ),
            ("candidate:1 1 tcp 5 192.0.2.1 9 typ host", "no tcptype"),
            (
                "candidate:1 1 udp 5 nonsense 9 typ host",
                "an IP address or a host name",
            ),
            (
                "candidate:1 1 udp 5 192.0.2.1 70000 typ host",
                "port is \"70000\"",
            ),
            (
                "candidate:1 1 udp 5 192.0.2.1 9 typ hosts",
                "host, srflx, prflx or relay",
            ),
        ];
        for (text, message) in cases {
            let error = text.parse::<Candidate>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(
            ip: IpAddr, port: u16, priority: u32, related: Option<(IpAddr, u16)>,
            ufrag in proptest::option::of("[a-zA-Z0-9+/]{4,20}"), foundation in "[a-zA-Z0-9+/]{1,32}",
        ) {
            let candidate = Candidate {
                foundation,
                component: 1,
                transport: CandidateTransport::Udp,
                priority,
                address: CandidateAddress::Ip(ip),
                port,
                candidate_type: CandidateType::ServerReflexive,
                related_address: related.map(SocketAddr::from),
                username_fragment: ufrag,
            };
            prop_assert_eq!(candidate.to_string().parse::<Candidate>(), Ok(candidate));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text: String) {
            let _ = text.parse::<Candidate>();
        }
    }
}
