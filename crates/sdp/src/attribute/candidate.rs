use std::fmt::{self, Display};
use std::net::IpAddr;

use super::{AttributeName, AttributeValue};
use crate::FieldError;
use crate::fields::{Fields, is_ice_chars};

/// `a=candidate`: where the sender might be reached (RFC 8839, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Equal for candidates of the same type, base and server.
    pub foundation: &'a str,
    /// 1 for RTP and all that shares its port, 2 for RTCP.
    pub component: u16,
    /// UDP or TCP.
    pub transport: Transport<'a>,
    /// Higher is better.
    pub priority: u32,
    /// An IP address, or a name (`.local` for multicast DNS).
    pub address: &'a str,
    /// The port; 9 for an active TCP candidate.
    pub port: u16,
    /// How the address was found.
    pub kind: CandidateType<'a>,
    /// `raddr`: the address that this one was derived from.
    pub related_address: Option<&'a str>,
    /// `rport`: the port that this one was derived from.
    pub related_port: Option<u16>,
    /// Everything after that: names and values.
    pub extensions: Vec<(&'a str, &'a str)>,
}

impl<'a> Candidate<'a> {
    /// Parses a candidate as it is signalled apart from a description: with or without `a=` and
    /// `candidate:` before it.
    pub fn parse_signalled(text: &'a str) -> Result<Self, FieldError> {
        let text = text.trim();
        let text = text.strip_prefix("a=").unwrap_or(text);
        Self::parse(text.strip_prefix("candidate:").unwrap_or(text))
    }

    /// The address, if it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// The value of an extension.
    pub fn extension(&self, name: &str) -> Option<&'a str> {
        self.extensions
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// `tcptype` (RFC 6544, section 4.5).
    pub fn tcp_type(&self) -> Option<TcpType> {
        match self.extension("tcptype")? {
            "active" => Some(TcpType::Active),
            "passive" => Some(TcpType::Passive),
            "so" => Some(TcpType::SimultaneousOpen),
            _ => None,
        }
    }

    /// `ufrag`: which ICE generation the candidate belongs to (RFC 8840, section 8.1).
    pub fn ufrag(&self) -> Option<&'a str> {
        self.extension("ufrag")
    }

    /// `generation`, as libwebrtc counts restarts.
    pub fn generation(&self) -> Option<u32> {
        self.extension("generation")?.parse().ok()
    }

    /// `network-id`: which of the sender's interfaces it is.
    pub fn network_id(&self) -> Option<u32> {
        self.extension("network-id")?.parse().ok()
    }

    /// `network-cost`: 0 for a cable, 10 for WLAN, 900 for cellular.
    pub fn network_cost(&self) -> Option<u32> {
        self.extension("network-cost")?.parse().ok()
    }
}

impl<'a> AttributeValue<'a> for Candidate<'a> {
    const NAME: AttributeName = AttributeName::Candidate;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        const PORT: &str = "a port from 0 to 65535";
        let mut fields = Fields::new(text);
        let foundation = fields.word("foundation", "1 to 32 letters, digits, + or /")?;
        if foundation.len() > 32 || !is_ice_chars(foundation) {
            let expected = "1 to 32 letters, digits, + or /";
            return Err(FieldError::new("foundation", expected, foundation));
        }
        let component = fields.number("component-id", "a number from 1 to 256")?;
        if !(1..=256).contains(&component) {
            return Err(FieldError::new(
                "component-id",
                "a number from 1 to 256",
                text,
            ));
        }
        let transport = Transport::parse(fields.token("transport")?);
        let priority = fields.number("priority", "a number from 0 to 2^32 - 1")?;
        let address = fields.word("connection-address", "an address")?;
        let port = fields.number("port", PORT)?;
        match fields.optional() {
            Some("typ") => {}
            other => {
                return Err(FieldError::new(
                    "cand-type",
                    "\"typ\"",
                    other.unwrap_or_default(),
                ));
            }
        }
        let kind = CandidateType::parse(fields.token("candidate-types")?);
        let mut candidate = Self {
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            kind,
            related_address: None,
            related_port: None,
            extensions: Vec::new(),
        };
        while let Some(name) = fields.optional() {
            match name {
                "raddr" if candidate.extensions.is_empty() => {
                    candidate.related_address = Some(fields.word("rel-addr", "an address")?);
                }
                "rport" if candidate.extensions.is_empty() => {
                    candidate.related_port = Some(fields.number("rel-port", PORT)?);
                }
                name => candidate
                    .extensions
                    .push((name, fields.optional().unwrap_or_default())),
            }
        }
        Ok(candidate)
    }
}

impl Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} typ {}",
            self.foundation,
            self.component,
            self.transport,
            self.priority,
            self.address,
            self.port,
            self.kind
        )?;
        self.related_address
            .iter()
            .try_for_each(|address| write!(f, " raddr {address}"))?;
        self.related_port
            .iter()
            .try_for_each(|port| write!(f, " rport {port}"))?;
        self.extensions
            .iter()
            .try_for_each(|(name, value)| match *value {
                "" => write!(f, " {name}"),
                value => write!(f, " {name} {value}"),
            })
    }
}

/// What a candidate's packets travel over. The case of the text is kept: Firefox writes `UDP`,
/// Chromium `udp`.
#[derive(Debug, Clone, Copy, Eq)]
pub enum Transport<'a> {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
    /// Something else, or a known one that is not written in small letters.
    Other(&'a str),
}

impl<'a> Transport<'a> {
    fn parse(text: &'a str) -> Self {
        match text {
            "udp" => Self::Udp,
            "tcp" => Self::Tcp,
            other => Self::Other(other),
        }
    }

    /// Whether it is UDP, in whatever case it is written.
    pub fn is_udp(&self) -> bool {
        self.to_str().eq_ignore_ascii_case("udp")
    }

    /// Whether it is TCP, in whatever case it is written.
    pub fn is_tcp(&self) -> bool {
        self.to_str().eq_ignore_ascii_case("tcp")
    }

    /// As it is written.
    pub fn to_str(&self) -> &'a str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other(other) => other,
        }
    }
}

/// Names of transports are equal in any case.
impl PartialEq for Transport<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_str().eq_ignore_ascii_case(other.to_str())
    }
}

impl Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_str())
    }
}

/// How a candidate's address was found (RFC 8445, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateType<'a> {
    /// An address of the host itself.
    Host,
    /// What a STUN server saw.
    ServerReflexive,
    /// What a peer saw.
    PeerReflexive,
    /// An address of a TURN server.
    Relayed,
    /// A type of some extension.
    Other(&'a str),
}

impl<'a> CandidateType<'a> {
    fn parse(text: &'a str) -> Self {
        match text {
            "host" => Self::Host,
            "srflx" => Self::ServerReflexive,
            "prflx" => Self::PeerReflexive,
            "relay" => Self::Relayed,
            other => Self::Other(other),
        }
    }
}

impl Display for CandidateType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
            Self::Other(other) => other,
        })
    }
}

/// Who opens a TCP candidate's connection (RFC 6544, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpType {
    /// The sender of the candidate.
    Active,
    /// The receiver of the candidate.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl TcpType {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chromium_candidate() {
        let text = "4033382461 1 udp 2113937151 3b5e-9c.local 52344 typ host generation 0 ufrag HZ2J network-cost 999";
        let candidate = Candidate::parse(text).unwrap();
        assert_eq!((candidate.component, candidate.port), (1, 52344));
        assert_eq!(candidate.kind, CandidateType::Host);
        assert_eq!(candidate.ip(), None);
        assert_eq!(
            (candidate.generation(), candidate.ufrag()),
            (Some(0), Some("HZ2J"))
        );
        assert_eq!(
            (candidate.network_cost(), candidate.network_id()),
            (Some(999), None)
        );
        assert_eq!(candidate.to_string(), text);
    }

    #[test]
    fn a_tcp_candidate_with_related_address() {
        let text =
            "2 1 TCP 2105524479 2001:db8::7 9 typ srflx raddr 10.0.0.1 rport 4 tcptype active";
        let candidate = Candidate::parse_signalled(&format!("candidate:{text}"))
            .unwrap()
            .to_string();
        assert_eq!(candidate, text);
        let candidate = Candidate::parse(text).unwrap();
        assert!(candidate.transport.is_tcp() && candidate.transport == Transport::Tcp);
        assert_eq!(candidate.tcp_type(), Some(TcpType::Active));
        assert_eq!(
            (candidate.related_address, candidate.related_port),
            (Some("10.0.0.1"), Some(4))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", "foundation"),
            ("a_b 1 udp 1 1.2.3.4 5 typ host", "foundation"),
            ("1 0 udp 1 1.2.3.4 5 typ host", "component-id"),
            ("1 300 udp 1 1.2.3.4 5 typ host", "component-id"),
            ("1 1 udp 4294967296 1.2.3.4 5 typ host", "priority"),
            ("1 1 udp 1", "connection-address"),
            ("1 1 udp 1 1.2.3.4 65536 typ host", "port"),
            ("1 1 udp 1 1.2.3.4 5 type host", "cand-type"),
            ("1 1 udp 1 1.2.3.4 5 typ", "candidate-types"),
            ("1 1 udp 1 1.2.3.4 5 typ srflx raddr", "rel-addr"),
            (
                "1 1 udp 1 1.2.3.4 5 typ srflx raddr 1.1.1.1 rport x",
                "rel-port",
            ),
        ];
        for (text, field) in cases {
            assert_eq!(Candidate::parse(text).unwrap_err().field, field, "{text}");
        }
    }
}
