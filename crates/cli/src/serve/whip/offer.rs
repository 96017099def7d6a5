//! What an offer must be like, and what is added to an answer.

use gannet::Direction;
use gannet_sdp::attribute::{self, AttributeName};
use gannet_sdp::{MediaDescription, ParseError, SessionDescription};
use thiserror::Error;

use super::session::Role;

/// Why an offer is not answered.
#[derive(Debug, Error)]
pub(crate) enum OfferError {
    #[error("the offer is no session description: {0}")]
    Malformed(#[from] ParseError),
    #[error("the offer has no media sections")]
    Empty,
    #[error("line {line}: only sections of audio and video are taken, not of '{kind}'")]
    Kind { line: usize, kind: String },
    #[error("line {line}: there can be only one section of {kind}")]
    Twice { line: usize, kind: String },
    #[error("line {line}: the section is {found}, it should be {expected} or sendrecv")]
    Direction {
        line: usize,
        found: &'static str,
        expected: &'static str,
    },
    #[error(
        "the section of {kind} can not be taken: no codec of it is known, or it is not bundled"
    )]
    Rejected { kind: String },
}

/// Checks that it is what a publisher or a viewer should offer: one section of audio, one of video, or both, each in the
/// right direction (draft-ietf-wish-whip-16, section "Single MediaStream"; WHEP with the directions turned).
pub(super) fn check(offer: &str, role: Role) -> Result<(), OfferError> {
    let offer = SessionDescription::parse(offer)?;
    offer.check()?;
    if offer.media.is_empty() {
        return Err(OfferError::Empty);
    }
    for (index, media) in offer.media.iter().enumerate() {
        let (line, kind) = (media.line(), media.media());
        if !matches!(kind, "audio" | "video") {
            let kind = kind.to_owned();
            return Err(OfferError::Kind { line, kind });
        }
        let mut before = offer.media.iter().take(index);
        if before.any(|other| other.media() == kind) {
            let kind = kind.to_owned();
            return Err(OfferError::Twice { line, kind });
        }
        check_direction(&offer, media, role)?;
    }
    Ok(())
}

fn check_direction(
    offer: &SessionDescription,
    media: &MediaDescription,
    role: Role,
) -> Result<(), OfferError> {
    use attribute::Direction as Offered;
    let direction = media.direction().or(offer.direction());
    let direction = direction.unwrap_or(Offered::Sendrecv);
    // The other way round than what we do.
    let expected = match role.direction() {
        Direction::SendOnly => Offered::Recvonly,
        _ => Offered::Sendonly,
    };
    if direction == expected || direction == Offered::Sendrecv {
        return Ok(());
    }
    Err(OfferError::Direction {
        line: media.line(),
        found: direction.name().as_str(),
        expected: expected.name().as_str(),
    })
}

/// Completes an answer: RTCP shares the port of RTP, which both sides have to say (RFC 8858, section 3). An answer that rejects
/// a section is none: nobody shall think that all of it is sent.
pub(super) fn complete(answer: &str) -> Result<String, OfferError> {
    let mut answer = SessionDescription::parse(answer)?;
    for media in &mut answer.media {
        if media.port() == 0 {
            let kind = media.media().to_owned();
            return Err(OfferError::Rejected { kind });
        }
        media.push_flag(AttributeName::RtcpMuxOnly);
    }
    Ok(answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(sections: &[(&str, &str)]) -> String {
        let mut text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
        for (kind, direction) in sections {
            text += &format!("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\n");
            if !direction.is_empty() {
                text += &format!("a={direction}\r\n");
            }
        }
        text
    }

    fn refusal(sections: &[(&str, &str)], role: Role) -> String {
        check(&offer(sections), role).unwrap_err().to_string()
    }

    #[test]
    fn publishers_send_and_viewers_receive() {
        for (role, right, wrong) in [
            (Role::Publisher, "sendonly", "recvonly"),
            (Role::Viewer, "recvonly", "sendonly"),
        ] {
            for direction in [right, "sendrecv", ""] {
                let sections = [("audio", direction), ("video", direction)];
                check(&offer(&sections), role).unwrap();
            }
            for direction in [wrong, "inactive"] {
                let expected =
                    format!("line 7: the section is {direction}, it should be {right} or sendrecv");
                let sections = [("audio", right), ("video", direction)];
                assert_eq!(refusal(&sections, role), expected);
            }
        }
    }

    #[test]
    fn there_is_one_of_each_kind_and_nothing_else() {
        let role = Role::Publisher;
        assert_eq!(refusal(&[], role), "the offer has no media sections");
        let twice = [("video", "sendonly"), ("video", "sendonly")];
        let expected = "line 7: there can be only one section of video";
        assert_eq!(refusal(&twice, role), expected);
        let data = [("application", "sendonly")];
        let expected = "line 5: only sections of audio and video are taken, not of 'application'";
        assert_eq!(refusal(&data, role), expected);
        let text = check("Dear Sir", role).unwrap_err();
        assert!(matches!(text, OfferError::Malformed(_)), "{text}");
    }

    #[test]
    fn an_answer_is_whole_or_none() {
        let answer = offer(&[("audio", "recvonly")]);
        let completed = complete(&answer).unwrap();
        assert_eq!(completed, answer.clone() + "a=rtcp-mux-only\r\n");
        let rejected = answer.replace("m=audio 9", "m=audio 0");
        let refusal = complete(&rejected).unwrap_err();
        assert!(matches!(refusal, OfferError::Rejected { kind } if kind == "audio"));
    }
}
