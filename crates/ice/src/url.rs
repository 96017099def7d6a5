//! The URLs of servers (RFC 7064, RFC 7065), as W3C's `RTCIceServer` has them.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::{IceServer, ServerAddress, TurnTransport};

/// The port of STUN and TURN over UDP and TCP.
const DEFAULT_PORT: u16 = 3478;
/// The port of TURN over TLS.
const DEFAULT_TLS_PORT: u16 = 5349;

/// Why a URL names no server that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IceUrlError {
    /// It begins otherwise.
    #[error("'{0}' is not a URL of a STUN or TURN server: expected 'stun:', 'turn:' or 'turns:'")]
    Scheme(String),
    /// There is no host where one should be.
    #[error(
        "'{0}' has no host behind its scheme: expected a name, an address or [an IPv6 address]"
    )]
    Host(String),
    /// The port is none.
    #[error("'{0}' is not a port from 1 to 65535")]
    Port(String),
    /// What follows the host and port is not `?transport=`, or its value does not go with the scheme.
    #[error(
        "'{0}' is not a transport of this scheme: expected 'transport=udp' (not over TLS) or 'transport=tcp'"
    )]
    Transport(String),
    /// A TURN server without a user name or a password.
    #[error("a TURN server needs a user name and a password")]
    NoCredentials,
}

impl IceServer {
    /// The server of a URL such as `stun:stun.example.org`, `turn:[2001:db8::1]:3478?transport=tcp` or
    /// `turns:turn.example.org`. User name and password are for TURN only.
    ///
    /// # Errors
    ///
    /// If the URL does not name a server that can be used: STUN over TLS and TURN over DTLS can not.
    pub fn from_url(url: &str, username: &str, password: &str) -> Result<Self, IceUrlError> {
        let scheme_error = || IceUrlError::Scheme(url.to_owned());
        let (scheme, rest) = url.split_once(':').ok_or_else(scheme_error)?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let transport = match scheme.to_ascii_lowercase().as_str() {
            "stun" => None,
            "turn" => Some(plain_transport(query)?),
            "turns" => Some(tls_transport(query)?),
            _ => return Err(scheme_error()),
        };
        let default_port = match transport {
            Some(TurnTransport::Tls) => DEFAULT_TLS_PORT,
            _ => DEFAULT_PORT,
        };
        let address = server_address(authority, default_port)?;
        let Some(transport) = transport else {
            return match query {
                None => Ok(Self::Stun { address }),
                Some(query) => Err(IceUrlError::Transport(query.to_owned())),
            };
        };
        if username.is_empty() || password.is_empty() {
            return Err(IceUrlError::NoCredentials);
        }
        Ok(Self::Turn {
            address,
            transport,
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }
}

fn plain_transport(query: Option<&str>) -> Result<TurnTransport, IceUrlError> {
    match query {
        None | Some("transport=udp") => Ok(TurnTransport::Udp),
        Some("transport=tcp") => Ok(TurnTransport::Tcp),
        Some(other) => Err(IceUrlError::Transport(other.to_owned())),
    }
}

fn tls_transport(query: Option<&str>) -> Result<TurnTransport, IceUrlError> {
    match query {
        None | Some("transport=tcp") => Ok(TurnTransport::Tls),
        Some(other) => Err(IceUrlError::Transport(other.to_owned())),
    }
}

fn server_address(authority: &str, default_port: u16) -> Result<ServerAddress, IceUrlError> {
    let host_error = || IceUrlError::Host(authority.to_owned());
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(host_error)?;
            let ip = host.parse().map(IpAddr::V6).map_err(|_| host_error())?;
            let port = match port {
                "" => default_port,
                _ => read_port(port.strip_prefix(':').ok_or_else(host_error)?)?,
            };
            return Ok(ServerAddress::Ip(SocketAddr::new(ip, port)));
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, read_port(port)?),
            None => (authority, default_port),
        },
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(ServerAddress::Ip(SocketAddr::new(ip, port)));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(is_name) {
        return Err(host_error());
    }
    Ok(ServerAddress::Name(host.to_owned(), port))
}

fn read_port(port: &str) -> Result<u16, IceUrlError> {
    match port.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(IceUrlError::Port(port.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(url: &str) -> Result<(ServerAddress, TurnTransport), IceUrlError> {
        match IceServer::from_url(url, "user", "password")? {
            IceServer::Turn {
                address, transport, ..
            } => Ok((address, transport)),
            IceServer::Stun { .. } => panic!("{url} is a TURN server"),
        }
    }

    #[test]
    fn urls_name_servers_with_their_default_ports() {
        let name = |port| ServerAddress::Name("example.org".to_owned(), port);
        for (url, address) in [
            ("stun:example.org", name(3478)),
            ("STUN:example.org:1", name(1)),
            (
                "stun:192.0.2.1",
                ServerAddress::Ip(([192, 0, 2, 1], 3478).into()),
            ),
        ] {
            let server = IceServer::from_url(url, "", "");
            assert_eq!(server, Ok(IceServer::Stun { address }), "{url}");
        }
        let v6 = ServerAddress::Ip("[2001:db8::1]:3478".parse().unwrap());
        for (url, address, transport) in [
            ("turn:example.org", name(3478), TurnTransport::Udp),
            (
                "turn:example.org?transport=udp",
                name(3478),
                TurnTransport::Udp,
            ),
            (
                "turn:example.org:99?transport=tcp",
                name(99),
                TurnTransport::Tcp,
            ),
            ("turns:example.org", name(5349), TurnTransport::Tls),
            (
                "turns:example.org:443?transport=tcp",
                name(443),
                TurnTransport::Tls,
            ),
            ("turn:[2001:db8::1]", v6, TurnTransport::Udp),
        ] {
            assert_eq!(turn(url), Ok((address, transport)), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let error = |url| turn(url).unwrap_err();
        for url in ["", "example.org", "http://example.org", "stuns:example.org"] {
            assert_eq!(error(url), IceUrlError::Scheme(url.to_owned()));
        }
        for url in [
            "turn:",
            "turn:a b",
            "turn://x",
            "turn:[::1",
            "turn:[::1]x",
            "turn:[x]",
        ] {
            assert!(matches!(error(url), IceUrlError::Host(_)), "{url}");
        }
        for url in ["turn:x:", "turn:x:0", "turn:x:65536", "turn:[::1]:y"] {
            assert!(matches!(error(url), IceUrlError::Port(_)), "{url}");
        }
        for url in [
            "turn:x?",
            "turn:x?transport=sctp",
            "turns:x?transport=udp",
            "stun:x?y",
        ] {
            assert!(matches!(error(url), IceUrlError::Transport(_)), "{url}");
        }
        let without = IceServer::from_url("turn:example.org", "user", "");
        assert_eq!(without, Err(IceUrlError::NoCredentials));
    }
}
