//! The headers that WHIP gives a meaning to.

use std::fmt;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONTENT_TYPE, IF_MATCH,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use gannet::crypto::constant_time_eq;
use gannet::ortc::ice::IceServer;

use super::session::Generation;

/// What a description has as its `Content-Type`.
pub(super) const SDP: &str = "application/sdp";
/// What a fragment has (RFC 8840, section 9).
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// What publishers have to know. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// Takes a token as it is written in a header (`token68` of RFC 9110, section 11.2; RFC 6750, section 2.1).
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let letters = text.trim_end_matches('=');
        let fits = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        };
        if letters.is_empty() || !letters.bytes().all(fits) {
            return Err("a token has letters, digits, and any of -._~+/".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a request has it. Only its length can be told from how long that takes.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.split_at_checked(BEARER.len()));
        given.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(BEARER) && constant_time_eq(token, self.0.as_bytes())
        })
    }
}

const BEARER: &[u8] = b"Bearer ";

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// A STUN or TURN server as clients are told of it, in a `Link` header.
#[derive(Clone)]
pub(super) struct IceServerLink(HeaderValue);

impl IceServerLink {
    /// Reads `URL` or `URL,USERNAME,PASSWORD`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ',');
        let url = parts.next().unwrap_or_default();
        let credentials = parts.next().zip(parts.next());
        let (username, password) = credentials.unwrap_or_default();
        IceServer::from_url(url, username, password).map_err(|error| error.to_string())?;
        let mut link = format!("<{url}>; rel=\"ice-server\"");
        if credentials.is_some() {
            link += &format!(
                "; username={}; credential={}; credential-type=\"password\"",
                quoted(username),
                quoted(password)
            );
        }
        let mut link = HeaderValue::from_str(&link)
            .map_err(|_| "a server has no control characters in it".to_owned())?;
        link.set_sensitive(true);
        Ok(Self(link))
    }

    /// The header.
    pub(super) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A quoted string (RFC 9110, section 5.6.4).
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Never prints the password.
impl fmt::Debug for IceServerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceServerLink(..)")
    }
}

/// Whether the body is said to be of a type; parameters do not count.
pub(super) fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next());
    essence.is_some_and(|given| given.trim().eq_ignore_ascii_case(expected))
}

/// Which generation of ICE a request is for; `None` if it does not say.
pub(super) fn generation(headers: &HeaderMap) -> Option<Generation> {
    let mut tags = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(IF_MATCH) {
        is_there = true;
        for tag in value.to_str().unwrap_or_default().split(',') {
            match tag.trim() {
                // The draft's example has it in quotes.
                "*" | "\"*\"" => return Some(Generation::Any),
                // A weak tag never matches (RFC 9110, section 13.1.1).
                tag => {
                    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                    tags.extend(opaque.map(str::to_owned));
                }
            }
        }
    }
    is_there.then_some(Generation::Tagged(tags))
}

/// Pages of all origins may use the endpoints: what protects them is the token, and the names of sessions that nobody guesses; no
/// cookie has a meaning here.
pub(super) async fn allow_all_origins(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            ACCESS_CONTROL_ALLOW_METHODS,
            "OPTIONS, GET, POST, PATCH, DELETE",
        ),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, If-Match",
        ),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After",
        ),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_token_is_that_token() {
        let token = Token::parse("s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        for right in ["Bearer s3cret", "bearer s3cret"] {
            assert!(token.is_in(&headers(AUTHORIZATION, right)), "{right}");
        }
        for wrong in [
            "Bearer s3cre",
            "Bearer s3creT",
            "Bearer s3crets",
            "Basic s3cret",
            "s3cret",
            "Bearer",
            "",
        ] {
            assert!(!token.is_in(&headers(AUTHORIZATION, wrong)), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
        for wrong in ["", "=", "with space", "naïve"] {
            assert!(Token::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn servers_are_told_as_links() {
        let link = |text| IceServerLink::parse(text).map(|link| link.value());
        assert_eq!(
            link("stun:stun.example.net").unwrap(),
            "<stun:stun.example.net>; rel=\"ice-server\""
        );
        assert_eq!(
            link("turn:turn.example.net?transport=udp,user,pa\"ss,word").unwrap(),
            "<turn:turn.example.net?transport=udp>; rel=\"ice-server\"; username=\"user\"; \
             credential=\"pa\\\"ss,word\"; credential-type=\"password\""
        );
        for wrong in ["http://example.net", "", "stun:a\nb"] {
            assert!(link(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn if_match_names_generations() {
        let of = |value| generation(&headers(IF_MATCH, value));
        let tagged = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned());
            Some(Generation::Tagged(tags.collect()))
        };
        assert_eq!(generation(&HeaderMap::new()), None);
        assert_eq!(of("*"), Some(Generation::Any));
        assert_eq!(of("\"*\""), Some(Generation::Any));
        assert_eq!(of("\"a\", \"b\""), tagged(&["a", "b"]));
        assert_eq!(of("W/\"a\""), tagged(&[]));
        assert_eq!(of("a"), tagged(&[]));
    }

    #[test]
    fn parameters_of_a_type_do_not_count() {
        for right in ["application/sdp", "Application/SDP; charset=utf-8"] {
            assert!(is_of_type(&headers(CONTENT_TYPE, right), SDP));
        }
        for wrong in ["application/sdpx", "text/plain", ""] {
            assert!(!is_of_type(&headers(CONTENT_TYPE, wrong), SDP));
        }
        assert!(!is_of_type(&HeaderMap::new(), SDP));
    }
}
