//! Fragments of descriptions, of type `application/trickle-ice-sdpfrag` (RFC 8840, section 9): candidates, or another
//! generation of ICE.

use gannet::{IceCandidateInit, SessionDescription as Description};
use gannet_sdp::attribute::{
    Attribute, AttributeName, Candidate, Group, IceOptions, IcePwd, IceUfrag, Mid,
};
use gannet_sdp::{
    AttributeLine, MediaDescription, MediaLine, Origin, ParseError, Section, SessionDescription,
};
use thiserror::Error;

/// More candidates than a peer has addresses.
const MAX_CANDIDATES: usize = 64;

/// Why a fragment is not taken.
#[derive(Debug, Error)]
pub(crate) enum FragmentError {
    #[error("the body is no SDP fragment: {0}")]
    Malformed(#[from] ParseError),
    #[error("the fragment has an ice-ufrag or an ice-pwd, and not the other one")]
    HalfCredentials,
    #[error("the fragment has more than {MAX_CANDIDATES} candidates")]
    TooMany,
}

/// What a fragment says.
#[derive(Debug, Default)]
pub(crate) struct Fragment {
    /// Username fragment and password.
    pub(super) credentials: Option<(String, String)>,
    /// The section of the candidates.
    pub(super) mid: Option<String>,
    /// The candidates, as they are signalled.
    pub(super) candidates: Vec<String>,
    /// Whether there are no more of them.
    pub(super) is_last: bool,
}

impl Fragment {
    /// Reads a fragment.
    pub(super) fn parse(text: &str) -> Result<Self, FragmentError> {
        // It is a description without its first lines (RFC 8840, section 9.2), by which errors count none of them.
        const HEAD: &str = "v=0\no=- 0 0 IN IP4 0.0.0.0\ns=-\nt=0 0\n";
        let earlier = |mut error: ParseError| {
            error.line = error.line.saturating_sub(HEAD.lines().count());
            error
        };
        let parsed = SessionDescription::parse(&format!("{HEAD}{text}")).map_err(earlier)?;
        parsed.check().map_err(earlier)?;
        let mut fragment = Self::default();
        fragment.take(&parsed)?;
        for media in &parsed.media {
            if fragment.mid.is_none() {
                fragment.mid = media.mid().map_err(earlier)?.map(str::to_owned);
            }
            fragment.take(media)?;
        }
        Ok(fragment)
    }

    fn take(&mut self, section: &Section) -> Result<(), FragmentError> {
        let ufrag = section.first::<IceUfrag<'_>>()?;
        let password = section.first::<IcePwd<'_>>()?;
        match (ufrag, password) {
            (Some(ufrag), Some(password)) => {
                let credentials = (ufrag.0.to_owned(), password.0.to_owned());
                self.credentials.get_or_insert(credentials);
            }
            (None, None) => {}
            _ => return Err(FragmentError::HalfCredentials),
        }
        for line in section.named(AttributeName::Candidate) {
            if self.candidates.len() == MAX_CANDIDATES {
                return Err(FragmentError::TooMany);
            }
            self.candidates.extend(signalled(&line));
        }
        self.is_last |= section.has(AttributeName::EndOfCandidates);
        Ok(())
    }

    /// The candidates and their end, as a connection takes them.
    pub(super) fn signals(&self) -> impl Iterator<Item = IceCandidateInit> {
        let end = self.is_last.then(String::new);
        let candidates = self.candidates.iter().cloned().chain(end);
        candidates.map(|candidate| IceCandidateInit {
            candidate,
            sdp_mid: self.mid.clone(),
            sdp_m_line_index: self.mid.is_none().then_some(0),
            username_fragment: self.credentials.as_ref().map(|(ufrag, _)| ufrag.clone()),
        })
    }

    /// The offer that the peer would have made if it could: the one that it made, with what the fragment says of ICE. `None` if
    /// the offer has no such section.
    pub(super) fn restart(&self, offer: &str) -> Result<Option<Description>, ParseError> {
        let mut offer = SessionDescription::parse(offer)?;
        next_version(&mut offer)?;
        forget_ice(&mut offer);
        for media in &mut offer.media {
            forget_ice(media);
        }
        if let Some((ufrag, password)) = &self.credentials {
            offer.push(&IceUfrag(ufrag)).push(&IcePwd(password));
        }
        let named = |media: &&mut MediaDescription| {
            let mid = media.mid().ok().flatten();
            self.mid.is_none() || mid == self.mid.as_deref()
        };
        let Some(media) = offer.media.iter_mut().find(named) else {
            return Ok(None);
        };
        for candidate in &self.candidates {
            media.push_raw(candidate);
        }
        if self.is_last {
            media.push_flag(AttributeName::EndOfCandidates);
        }
        Ok(Some(Description::offer(offer.to_string())))
    }
}

/// A candidate, if it is one that we can use: those for RTCP apart from RTP are left out.
fn signalled(line: &AttributeLine<'_>) -> Option<String> {
    let Ok(Attribute::Candidate(candidate)) = line.typed() else {
        return None;
    };
    let Candidate { component: 1, .. } = candidate else {
        return None;
    };
    Some(format!("candidate:{candidate}"))
}

/// Each description of a session has a higher version than the one before (RFC 8829, section 5.2.2).
fn next_version(offer: &mut SessionDescription) -> Result<(), ParseError> {
    let before = offer.clone();
    if let Some(origin) = before.origin()? {
        offer.set_origin(&Origin {
            session_version: origin.session_version.saturating_add(1),
            ..origin
        });
    }
    Ok(())
}

fn forget_ice(section: &mut Section) {
    for name in [
        AttributeName::IceUfrag,
        AttributeName::IcePwd,
        AttributeName::Candidate,
        AttributeName::EndOfCandidates,
    ] {
        section.remove(name);
    }
}

/// What a description says of ICE, as a fragment.
pub(super) fn of_description(description: &str) -> Result<String, ParseError> {
    let description = SessionDescription::parse(description)?;
    let mut text = String::new();
    let mut line = |attribute: &dyn std::fmt::Display| text += &format!("a={attribute}\r\n");
    let first = description.media.first();
    let options = description.first::<IceOptions<'_>>()?;
    let options = match (options, first) {
        (None, Some(first)) => first.first::<IceOptions<'_>>()?,
        (options, _) => options,
    };
    if description.has(AttributeName::IceLite) {
        line(&AttributeName::IceLite);
    }
    if let Some(options) = options {
        line(&Attribute::IceOptions(options));
    }
    if let Some(group) = description.first::<Group<'_>>()? {
        line(&Attribute::Group(group));
    }
    let Some(first) = first else {
        return Ok(text);
    };
    let mut section = MediaDescription::new(&MediaLine {
        port: 9,
        ..first.media_line()
    });
    if let Some(mid) = first.mid()? {
        section.push(&Mid(mid));
    }
    for name in [AttributeName::IceUfrag, AttributeName::IcePwd] {
        let mut found = first.named(name).chain(description.named(name));
        if let Some(found) = found.next() {
            section.push_attribute(&found.typed()?);
        }
    }
    for candidate in first.named(AttributeName::Candidate) {
        section.push_attribute(&candidate.typed()?);
    }
    section.push_flag(AttributeName::EndOfCandidates);
    section.write(&mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRICKLED: &str = "a=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        a=mid:0\r\n\
        a=ice-ufrag:EsAw\r\n\
        a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:473322822 2 udp 1518280447 192.0.2.1 10 typ host\r\n\
        a=end-of-candidates\r\n";

    const OFFER: &str = "v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:old1\r\na=ice-pwd:old1old1old1old1old1old1\r\n\
        a=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\na=mid:0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:old1\r\na=ice-pwd:old1old1old1old1old1old1\r\na=mid:1\r\n";

    #[test]
    fn the_drafts_example_is_read() {
        let fragment = Fragment::parse(TRICKLED).unwrap();
        let signals: Vec<_> = fragment.signals().collect();
        assert_eq!(signals.len(), 3);
        for signal in &signals {
            assert_eq!(signal.sdp_mid.as_deref(), Some("0"));
            assert_eq!(signal.username_fragment.as_deref(), Some("EsAw"));
        }
        assert!(
            signals[0]
                .candidate
                .starts_with("candidate:1387637174 1 udp")
        );
        assert!(signals[1].candidate.contains("tcptype active"));
        assert_eq!(signals[2].candidate, "");
    }

    #[test]
    fn what_is_none_is_refused_and_the_line_named() {
        for (text, reason) in [
            ("Dear Sir\r\n", "line 1: "),
            ("a=mid:0\r\na=candidate:nonsense\r\n", "line 2: "),
            ("m=audio\r\n", "line 1: "),
        ] {
            let error = Fragment::parse(text).unwrap_err().to_string();
            let expected = format!("the body is no SDP fragment: {reason}");
            assert!(error.starts_with(&expected), "{error}");
        }
        let half = Fragment::parse("a=ice-ufrag:EsAw\r\n").unwrap_err();
        assert!(matches!(half, FragmentError::HalfCredentials));
        let candidate = "a=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\n";
        assert!(Fragment::parse(&candidate.repeat(64)).is_ok());
        let many = Fragment::parse(&candidate.repeat(65)).unwrap_err();
        assert!(matches!(many, FragmentError::TooMany));
    }

    #[test]
    fn a_restart_is_the_offer_with_other_ice() {
        let fragment = Fragment::parse(TRICKLED).unwrap();
        let offer = fragment.restart(OFFER).unwrap().unwrap().sdp;
        assert!(offer.contains("o=- 7 3 IN IP4 127.0.0.1\r\n"), "{offer}");
        assert!(
            !offer.contains("old1") && !offer.contains("192.0.2.9"),
            "{offer}"
        );
        let (head, sections) = offer.split_once("m=audio").unwrap();
        assert!(head.ends_with("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"));
        let (audio, video) = sections.split_once("m=video").unwrap();
        assert_eq!(audio.matches("a=candidate:").count(), 2);
        assert!(audio.ends_with("a=end-of-candidates\r\n"));
        assert!(!video.contains("candidate"));
    }

    #[test]
    fn a_description_is_cut_down_to_ice() {
        let fragment = of_description(OFFER).unwrap();
        let expected = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:old1\r\n\
            a=ice-pwd:old1old1old1old1old1old1\r\na=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(fragment, expected);
        assert_eq!(Fragment::parse(&fragment).unwrap().candidates.len(), 1);
    }
}
