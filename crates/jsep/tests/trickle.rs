//! Candidates apart from descriptions.

mod peers;

use gannet_jsep::{
    CandidateError, CandidateOutcome, Description, IceCandidate, IceCandidateInit, Jsep, MediaKind,
};
use gannet_sdp::SessionDescription;
use gannet_sdp::attribute::{AttributeName, Candidate};
use peers::*;

const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host";

fn init(candidate: &str, mid: Option<&str>, index: Option<u16>) -> IceCandidateInit {
    IceCandidateInit {
        candidate: candidate.into(),
        sdp_mid: mid.map(Into::into),
        sdp_m_line_index: index,
        username_fragment: None,
    }
}

fn connected() -> (Jsep, Jsep) {
    let (mut a, mut b) = (jsep(1), jsep(2));
    both(&mut a);
    exchange((&mut a, &transport("aaaa")), (&mut b, &transport("bbbb")));
    (a, b)
}

#[test]
fn ours_goes_into_the_description_and_to_the_other_side() {
    let (mut a, mut b) = connected();
    let candidate = IceCandidate::new(HOST).unwrap();
    let init = a.add_local_candidate(&candidate).unwrap();
    assert_eq!(
        (init.sdp_mid.as_deref(), init.sdp_m_line_index),
        (Some("0"), Some(0))
    );
    assert_eq!(init.username_fragment.as_deref(), Some("aaaa"));
    let local = SessionDescription::parse(&a.local_description().unwrap().sdp).unwrap();
    assert_eq!(local.media[0].all::<Candidate>().count(), 1);
    let outcome = b.add_remote_candidate(&init).unwrap();
    assert_eq!(outcome, CandidateOutcome::Candidate(candidate.clone()));
    // Twice is once.
    b.add_remote_candidate(&init).unwrap();
    let remote = SessionDescription::parse(&b.remote_description().unwrap().sdp).unwrap();
    assert_eq!(remote.media[0].all::<Candidate>().count(), 1);
    let end = a.end_local_candidates().unwrap();
    assert_eq!(end.candidate, "");
    assert_eq!(
        b.add_remote_candidate(&end),
        Ok(CandidateOutcome::EndOfCandidates)
    );
    let remote = SessionDescription::parse(&b.remote_description().unwrap().sdp).unwrap();
    assert!(remote.media[0].has(AttributeName::EndOfCandidates));
    // Before any description there is nothing to put it into.
    assert!(jsep(1).add_local_candidate(&candidate).is_none());
}

#[test]
fn what_comes_before_the_answer_comes_with_it() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    a.add_track(MediaKind::Audio, sender("x", 1, None));
    let offer = a.create_offer(&transport("aaaa")).unwrap();
    b.set_remote(&offer).unwrap();
    assert_eq!(
        b.add_remote_candidate(&init(HOST, None, Some(0))),
        Ok(CandidateOutcome::Kept)
    );
    assert_eq!(
        b.add_remote_candidate(&init("", Some("0"), None)),
        Ok(CandidateOutcome::Kept)
    );
    let answer = b.create_answer(&transport("bbbb")).unwrap();
    let changes = b.set_local(&answer).unwrap().transport.unwrap();
    assert_eq!(changes.remote_candidates[0].to_string(), HOST);
    assert!(changes.remote_end_of_candidates);
}

#[test]
fn a_candidate_of_an_old_generation_is_refused() {
    let (_, mut b) = connected();
    let old = IceCandidateInit {
        username_fragment: Some("zzzz".into()),
        ..init(HOST, Some("0"), None)
    };
    assert_eq!(
        b.add_remote_candidate(&old),
        Err(CandidateError::UnknownUfrag("zzzz".into()))
    );
    let said = init(&format!("{HOST} ufrag yyyy"), Some("0"), None);
    assert_eq!(
        b.add_remote_candidate(&said),
        Err(CandidateError::UnknownUfrag("yyyy".into()))
    );
    let right = init(&format!("{HOST} ufrag aaaa"), Some("0"), None);
    assert!(matches!(
        b.add_remote_candidate(&right),
        Ok(CandidateOutcome::Candidate(_))
    ));
}

#[test]
fn what_a_candidate_can_do_wrong() {
    let (_, mut b) = connected();
    let mut fresh = jsep(3);
    let at = |mid| init(HOST, mid, None);
    assert_eq!(
        fresh.add_remote_candidate(&at(None)),
        Err(CandidateError::NoRemoteDescription)
    );
    assert_eq!(
        b.add_remote_candidate(&at(None)),
        Err(CandidateError::NoSection)
    );
    let unknown = b.add_remote_candidate(&at(Some("9")));
    assert_eq!(unknown, Err(CandidateError::UnknownSection("9".into())));
    let far = b.add_remote_candidate(&init(HOST, None, Some(7)));
    assert_eq!(far, Err(CandidateError::UnknownSection("7".into())));
    let malformed = b.add_remote_candidate(&init("candidate:nonsense", Some("0"), None));
    assert!(matches!(malformed, Err(CandidateError::Malformed(_))));
    let rtcp = init(&HOST.replace(" 1 udp", " 2 udp"), Some("0"), None);
    assert_eq!(b.add_remote_candidate(&rtcp), Ok(CandidateOutcome::Ignored));
    // The end of all candidates needs no section.
    assert_eq!(
        b.add_remote_candidate(&init("", None, None)),
        Ok(CandidateOutcome::EndOfCandidates)
    );
    for port in 0..64 {
        let next = init(&HOST.replace("5000", &port.to_string()), Some("0"), None);
        assert!(b.add_remote_candidate(&next).is_ok());
    }
    assert_eq!(
        b.add_remote_candidate(&at(Some("0"))),
        Err(CandidateError::TooMany(64))
    );
}

#[test]
fn a_rejected_section_takes_none() {
    let (mut a, mut b) = connected();
    let first = a.transceivers().next().unwrap().id();
    a.stop(first).unwrap();
    exchange((&mut a, &transport("aaaa")), (&mut b, &transport("bbbb")));
    assert_eq!(
        b.add_remote_candidate(&init(HOST, None, Some(0))),
        Ok(CandidateOutcome::Ignored)
    );
    assert!(matches!(
        b.add_remote_candidate(&init(HOST, None, Some(1))),
        Ok(CandidateOutcome::Candidate(_))
    ));
}

#[test]
fn candidates_that_are_there_already_are_written_into_the_first_section() {
    let mut a = jsep(1);
    both(&mut a);
    let mut local = transport("aaaa");
    local.candidates = vec![
        IceCandidate::new(HOST).unwrap(),
        IceCandidate::new("2 1 udp 100 2001:db8::1 6000 typ host").unwrap(),
        IceCandidate::new("3 1 udp 99 203.0.113.9 7000 typ relay raddr 0.0.0.0 rport 0").unwrap(),
        IceCandidate::new("4 1 tcp 90 192.0.2.1 9 typ host tcptype active").unwrap(),
    ];
    local.end_of_candidates = true;
    let offer = a.create_offer(&local).unwrap();
    well_formed(&offer);
    let parsed = SessionDescription::parse(&offer.sdp).unwrap();
    let [audio, video] = &parsed.media[..] else {
        panic!("two")
    };
    // The default candidate is the one that most peers can reach.
    assert_eq!(audio.port(), 7000);
    assert_eq!(audio.connection().unwrap().unwrap().address, "203.0.113.9");
    assert_eq!(audio.all::<Candidate>().count(), 4);
    assert!(audio.has(AttributeName::EndOfCandidates));
    assert_eq!((video.port(), video.all::<Candidate>().count()), (9, 0));
    let mut b = jsep(2);
    b.set_remote(&Description::offer(offer.sdp)).unwrap();
}
