//! The URLs of endpoints and sessions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};
use thiserror::Error;

/// An `http` or `https` URL with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    parts: Arc<Parts>,
}

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    uri: Uri,
    authority: Authority,
}

/// Why a text is no URL of an endpoint.
#[derive(Debug, Error)]
pub(crate) enum UrlError {
    #[error("'{0}' is no http or https URL")]
    Malformed(String),
    #[error("'{0}' is not secure, and what came before it was")]
    Insecure(String),
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().cloned().filter(|authority| {
            // Names and passwords belong into a header.
            !authority.host().is_empty() && !authority.as_str().contains('@')
        });
        match authority {
            Some(authority) if is_known => Ok(Self {
                parts: Arc::new(Parts { uri, authority }),
            }),
            _ => Err(malformed()),
        }
    }
}

impl Url {
    /// Resolves a reference that was found there (RFC 3986, section 5.2): a URL, or a path from the root or from where it was
    /// found. What is secure leads to nothing that is not.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let scheme = self.parts.uri.scheme_str().unwrap_or_default();
        let text = if reference.contains("://") {
            reference.to_owned()
        } else if reference.starts_with("//") {
            format!("{scheme}:{reference}")
        } else if reference.is_empty() {
            return Err(UrlError::Malformed(String::new()));
        } else {
            let path = resolve(self.parts.uri.path(), reference);
            format!("{scheme}://{}{path}", self.parts.authority)
        };
        let joined: Self = text.parse()?;
        if self.is_secure() && !joined.is_secure() {
            return Err(UrlError::Insecure(text));
        }
        Ok(joined)
    }

    /// Whether it is one of HTTPS.
    pub(crate) fn is_secure(&self) -> bool {
        self.parts.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// The host without brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.parts.authority.host();
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let port = match self.is_secure() {
            true => 443,
            false => 80,
        };
        (host, self.parts.authority.port_u16().unwrap_or(port))
    }

    /// Host and port as the header `Host` has them.
    pub(crate) fn authority(&self) -> &Authority {
        &self.parts.authority
    }

    /// Path and query, as a request has them.
    pub(crate) fn target(&self) -> &str {
        self.parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
    }
}

/// A path, seen from another one.
fn resolve(base: &str, reference: &str) -> String {
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let (path, query) = match reference.find('?') {
        Some(at) => reference.split_at(at),
        None => (reference, ""),
    };
    if path.is_empty() {
        return format!("{base}{query}");
    }
    let folder = base.rfind('/').map_or("", |at| &base[..at]);
    let mut parts: Vec<&str> = folder.split('/').skip(1).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}{query}", parts.join("/"))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.uri.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        for (text, host, port, target) in [
            ("http://example.net/whip/a", "example.net", 80, "/whip/a"),
            ("https://example.net:8443", "example.net", 8443, "/"),
            ("https://[::1]/a?b=c", "::1", 443, "/a?b=c"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.host_and_port(), (host, port), "{text}");
            assert_eq!(url.target(), target, "{text}");
        }
        for text in [
            "",
            "example.net/a",
            "ftp://example.net/a",
            "http:///a",
            "/a",
            "http://me:pw@example.net/",
        ] {
            let error = text.parse::<Url>().unwrap_err().to_string();
            assert_eq!(error, format!("'{text}' is no http or https URL"));
        }
    }

    #[test]
    fn references_are_resolved() {
        let url: Url = "http://example.net:8080/whip/a?x=y".parse().unwrap();
        for (reference, expected) in [
            ("/whip/a/1", "http://example.net:8080/whip/a/1"),
            ("a/1", "http://example.net:8080/whip/a/1"),
            ("./a/1?z", "http://example.net:8080/whip/a/1?z"),
            ("../s/1", "http://example.net:8080/s/1"),
            ("../../../s", "http://example.net:8080/s"),
            ("?s=1", "http://example.net:8080/whip/a?s=1"),
            ("//other.net/s", "http://other.net/s"),
            ("https://other.net/s", "https://other.net/s"),
        ] {
            assert_eq!(
                url.join(reference).unwrap().to_string(),
                expected,
                "{reference}"
            );
        }
        assert!(url.join("").is_err());
        assert!(url.join("ftp://other.net/").is_err());
        let secure: Url = "https://example.net/whip/a".parse().unwrap();
        let insecure = secure.join("http://example.net/s");
        assert!(matches!(insecure, Err(UrlError::Insecure(_))));
    }
}
