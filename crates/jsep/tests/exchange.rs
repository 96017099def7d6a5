//! Two sides of ours: renegotiation, rollback, restarts, directions, and what becomes of sections.

mod peers;

use gannet_jsep::{
    CreateError, Description, DescriptionError, Direction, DtlsRole, IceRole, MediaKind, SdpType,
    SenderInit, SetLocalError, SetRemoteError, SignalingState,
};
use gannet_sdp::SessionDescription;
use gannet_sdp::attribute::{Extmap, Group};
use peers::*;

#[test]
fn audio_video_and_data() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    both(&mut a);
    a.open_data();
    assert!(a.negotiation_needed() && !b.negotiation_needed());
    both(&mut b);
    let (ours, theirs) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(ours.media.len(), 2);
    assert!(ours.media.iter().all(|media| media.direction == SEND_RECV));
    assert_eq!(ours.transport.as_ref().unwrap().dtls_role, DtlsRole::Server);
    assert_eq!(
        ours.transport.as_ref().unwrap().ice_role,
        IceRole::Controlling
    );
    assert_eq!(theirs.sctp.unwrap().mid, "2");
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
    assert_eq!(a.local_description().unwrap().kind, SdpType::Offer);
    assert_eq!(b.local_description().unwrap().kind, SdpType::Answer);
    assert!(a.pending_local_description().is_none());
    // Both used the tracks they had: nobody made a transceiver more.
    assert_eq!((a.transceivers().count(), b.transceivers().count()), (2, 2));
}

#[test]
fn nothing_at_all_and_data_alone() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    assert!(ours.transport.is_none() && ours.media.is_empty() && ours.sctp.is_none());
    b.open_data();
    assert!(b.negotiation_needed());
    let (ours, theirs) = exchange((&mut b, &tb), (&mut a, &ta));
    assert_eq!(ours.sctp.as_ref().unwrap().index, 0);
    assert_eq!(theirs.transport.unwrap().ice_role, IceRole::Controlled);
    assert!(a.has_data() && b.has_data());
}

#[test]
fn the_other_side_offers_next_and_payload_types_stay() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    a.add_track(MediaKind::Video, sender("x", 5, Some(6)));
    let (first, _) = exchange((&mut a, &ta), (&mut b, &tb));
    b.add_track(MediaKind::Audio, sender("y", 7, None));
    b.open_data();
    assert!(b.negotiation_needed());
    let (ours, theirs) = exchange((&mut b, &tb), (&mut a, &ta));
    assert_eq!(ours.media.len(), 2);
    assert_eq!(ours.media[0].mid, first.media[0].mid);
    let codecs = |media: &gannet_jsep::MediaPlan| -> Vec<_> {
        let send = media.send.as_ref().or(media.receive.as_ref()).unwrap();
        send.codecs
            .iter()
            .map(|codec| (codec.name.clone(), codec.payload_type))
            .collect()
    };
    assert_eq!(codecs(&first.media[0]), codecs(&theirs.media[0]));
    // The roles of a session stay, whoever offers.
    assert_eq!(
        theirs.transport.as_ref().unwrap().dtls_role,
        DtlsRole::Server
    );
    assert_eq!(
        theirs.transport.as_ref().unwrap().ice_role,
        IceRole::Controlling
    );
    assert!(!theirs.transport.unwrap().ice_restart);
    // The section's number and name is that of before, and versions grow.
    let origin = |sdp: &str| {
        let parsed = SessionDescription::parse(sdp).unwrap();
        let origin = parsed.origin().unwrap().unwrap();
        (origin.session_id.to_owned(), origin.session_version)
    };
    let (id, version) = origin(&b.local_description().unwrap().sdp);
    assert_eq!((id.as_str(), version), ("2", 2));
}

#[test]
fn directions_change() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let video = a.add_track(MediaKind::Video, sender("x", 5, None));
    b.add_track(MediaKind::Video, sender("y", 7, None));
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(ours.media[0].direction, SEND_RECV);
    for (wished, expected) in [
        (Direction::RecvOnly, Direction::RecvOnly),
        (Direction::Inactive, Direction::Inactive),
        (Direction::SendOnly, Direction::SendOnly),
        (Direction::SendRecv, Direction::SendRecv),
    ] {
        a.set_direction(video, wished).unwrap();
        assert!(a.negotiation_needed());
        let (ours, theirs) = exchange((&mut a, &ta), (&mut b, &tb));
        assert_eq!(ours.media[0].direction, expected);
        assert_eq!(
            a.transceiver(video).unwrap().current_direction(),
            Some(expected)
        );
        assert_eq!(theirs.media[0].receive.is_some(), expected.sends());
        assert!(!a.negotiation_needed());
    }
    a.remove_track(video).unwrap();
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(ours.media[0].direction, Direction::RecvOnly);
}

#[test]
fn the_answerer_limits_the_direction_and_is_told_of_the_track() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let video = a.add_track(MediaKind::Video, sender("x", 5, None));
    let offer = a.create_offer(&ta).unwrap();
    a.set_local(&offer).unwrap();
    let changes = b.set_remote(&offer).unwrap();
    assert_eq!(changes.created.len(), 1);
    assert_eq!(changes.tracks_added[0].streams, ["x"]);
    let id = changes.created[0];
    b.set_direction(id, Direction::Inactive).unwrap();
    let answer = b.create_answer(&tb).unwrap();
    let changes = b.set_local(&answer).unwrap();
    assert_eq!(changes.tracks_removed, [id]);
    assert_eq!(changes.media[0].direction, Direction::Inactive);
    a.set_remote(&answer).unwrap();
    assert_eq!(
        a.transceiver(video).unwrap().current_direction(),
        Some(Direction::Inactive)
    );
    // It wants to receive later, and offers that.
    b.set_direction(id, Direction::RecvOnly).unwrap();
    assert!(b.negotiation_needed());
    let (ours, theirs) = exchange((&mut b, &tb), (&mut a, &ta));
    assert!(ours.media[0].receive.is_some() && theirs.media[0].send.is_some());
    assert_eq!(ours.tracks_added.len(), 1);
}

#[test]
fn a_stopped_section_is_rejected_and_used_again() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    both(&mut a);
    both(&mut b);
    exchange((&mut a, &ta), (&mut b, &tb));
    let audio = a.transceivers().next().unwrap().id();
    a.stop(audio).unwrap();
    assert!(a.stop(audio).is_err() && a.negotiation_needed());
    let (ours, theirs) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(ours.stopped, [audio]);
    assert_eq!(theirs.stopped.len(), 1);
    assert_eq!(ours.media.len(), 1);
    // The transport is now carried by the second section.
    assert_eq!(ours.transport.as_ref().unwrap().index, 1);
    let local = SessionDescription::parse(&a.local_description().unwrap().sdp).unwrap();
    assert_eq!(local.media[0].port(), 0);
    assert_eq!(local.first::<Group>().unwrap().unwrap().mids, ["1"]);
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
    // A new transceiver takes the place, even of another kind, under a new name.
    b.add_track(MediaKind::Video, sender("z", 77, None));
    let (ours, _) = exchange((&mut b, &tb), (&mut a, &ta));
    let local = SessionDescription::parse(&b.local_description().unwrap().sdp).unwrap();
    assert_eq!(local.media.len(), 2);
    assert_eq!(
        (local.media[0].media(), local.media[0].mid().unwrap()),
        ("video", Some("2"))
    );
    assert_eq!(ours.media.len(), 2);
    assert_eq!(a.transceivers().filter(|t| !t.is_stopped()).count(), 2);
}

#[test]
fn what_was_never_offered_stops_at_once() {
    let mut a = jsep(1);
    let id = a.add_transceiver(MediaKind::Audio, Direction::SendRecv, SenderInit::default());
    a.stop(id).unwrap();
    assert!(!a.negotiation_needed());
    let offer = a.create_offer(&transport("aaaa")).unwrap();
    assert!(
        SessionDescription::parse(&offer.sdp)
            .unwrap()
            .media
            .is_empty()
    );
}

#[test]
fn states_and_the_wrong_order() {
    use SignalingState::*;
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    both(&mut a);
    assert_eq!(
        a.create_answer(&ta).unwrap_err(),
        CreateError::State {
            kind: SdpType::Answer,
            state: Stable
        }
    );
    let offer = a.create_offer(&ta).unwrap();
    assert_eq!(
        a.set_local(&Description::answer(offer.sdp.clone()))
            .unwrap_err(),
        SetLocalError::State {
            kind: SdpType::Answer,
            state: Stable
        }
    );
    assert_eq!(
        a.set_remote(&Description::answer(offer.sdp.clone()))
            .unwrap_err()
            .to_string(),
        "a remote answer can't be applied in the state stable"
    );
    assert!(matches!(
        a.set_local(&Description::rollback()),
        Err(SetLocalError::State {
            kind: SdpType::Rollback,
            ..
        })
    ));
    let changed = Description::offer(offer.sdp.replace("a=rtcp-rsize\r\n", ""));
    let kind = SdpType::Offer;
    assert_eq!(
        a.set_local(&changed).unwrap_err(),
        SetLocalError::Modified { kind }
    );
    a.set_local(&offer).unwrap();
    assert_eq!(a.signaling_state(), HaveLocalOffer);
    b.set_remote(&offer).unwrap();
    assert_eq!(b.signaling_state(), HaveRemoteOffer);
    assert!(matches!(
        b.create_offer(&tb),
        Err(CreateError::State { .. })
    ));
    let answer = b.create_answer(&tb).unwrap();
    let pranswer = Description::new(SdpType::Pranswer, answer.sdp);
    let provisional = b.set_local(&pranswer).unwrap();
    assert_eq!(b.signaling_state(), HaveLocalPranswer);
    let ours = a.set_remote(&pranswer).unwrap();
    assert_eq!(a.signaling_state(), HaveRemotePranswer);
    mirrored(&ours, &provisional);
    assert!(a.pending_remote_description().is_some());
    assert!(a.current_remote_description().is_none());
    assert!(matches!(
        a.set_remote(&offer),
        Err(SetRemoteError::State {
            kind: SdpType::Offer,
            state: HaveRemotePranswer
        })
    ));
    // The final answer may differ.
    let audio = b.transceivers().next().unwrap().id();
    b.set_direction(audio, Direction::Inactive).unwrap();
    let answer = b.create_answer(&tb).unwrap();
    b.set_local(&answer).unwrap();
    let ours = a.set_remote(&answer).unwrap();
    assert_eq!((a.signaling_state(), b.signaling_state()), (Stable, Stable));
    assert_eq!(ours.media[0].direction, Direction::Inactive);
    assert!(!ours.transport.unwrap().ice_restart);
}

#[test]
fn a_rollback_takes_everything_back() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    both(&mut a);
    exchange((&mut a, &ta), (&mut b, &tb));
    let before = (
        a.local_description().cloned(),
        b.remote_description().cloned(),
    );
    // A new section is offered and taken back on both sides.
    let extra = a.add_track(MediaKind::Video, sender("x", 9, None));
    a.open_data();
    let offer = a.create_offer(&ta).unwrap();
    a.set_local(&offer).unwrap();
    assert_eq!(a.transceiver(extra).unwrap().mid(), Some("2"));
    let made = b.set_remote(&offer).unwrap();
    assert_eq!((made.created.len(), made.tracks_added.len()), (1, 1));
    let undone = b.set_remote(&Description::rollback()).unwrap();
    assert_eq!(undone.removed, made.created);
    assert_eq!(undone.tracks_removed, made.created);
    assert_eq!(undone.signaling_state, SignalingState::Stable);
    a.set_local(&Description::rollback()).unwrap();
    assert_eq!(a.transceiver(extra).unwrap().mid(), None);
    assert_eq!(
        (
            a.local_description().cloned(),
            b.remote_description().cloned()
        ),
        before
    );
    assert!(a.negotiation_needed(), "the track still waits");
    // And it can be offered again.
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(ours.media.len(), 3);
    assert!(ours.sctp.is_some());
}

#[test]
fn a_rollback_keeps_what_a_track_was_added_to() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    a.add_track(MediaKind::Audio, sender("x", 9, None));
    let offer = a.create_offer(&transport("aaaa")).unwrap();
    let made = b.set_remote(&offer).unwrap().created;
    assert_eq!(
        b.add_track(MediaKind::Audio, sender("y", 10, None)),
        made[0]
    );
    let undone = b.set_local(&Description::rollback()).unwrap();
    assert!(undone.removed.is_empty());
    assert!(b.negotiation_needed());
    assert_eq!(b.transceiver(made[0]).unwrap().mid(), None);
}

#[test]
fn when_two_offers_meet_the_polite_side_gives_way() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    both(&mut a);
    both(&mut b);
    let from_a = a.create_offer(&ta).unwrap();
    let from_b = b.create_offer(&tb).unwrap();
    a.set_local(&from_a).unwrap();
    b.set_local(&from_b).unwrap();
    // B rolls its own back and answers.
    b.set_remote(&from_a).unwrap();
    assert_eq!(b.signaling_state(), SignalingState::HaveRemoteOffer);
    assert!(b.pending_local_description().is_none());
    let answer = b.create_answer(&tb).unwrap();
    let theirs = b.set_local(&answer).unwrap();
    let ours = a.set_remote(&answer).unwrap();
    mirrored(&ours, &theirs);
    assert_eq!(
        b.transceivers().count(),
        2,
        "the tracks found their sections"
    );
    assert!(!b.negotiation_needed());
}

#[test]
fn ice_restarts() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    a.open_data();
    exchange((&mut a, &ta), (&mut b, &tb));
    a.restart_ice();
    assert!(a.negotiation_needed());
    assert_eq!(
        a.create_offer(&ta).unwrap_err(),
        CreateError::CredentialsNeeded
    );
    let (ta, old) = (restarted(&ta, "aaa2"), tb.clone());
    let offer = a.create_offer(&ta).unwrap();
    a.set_local(&offer).unwrap();
    assert!(b.set_remote(&offer).unwrap().remote_ice_restart);
    assert_eq!(
        b.create_answer(&old).unwrap_err(),
        CreateError::CredentialsNeeded
    );
    let tb = restarted(&tb, "bbb2");
    let answer = b.create_answer(&tb).unwrap();
    let theirs = b.set_local(&answer).unwrap();
    let ours = a.set_remote(&answer).unwrap();
    mirrored(&ours, &theirs);
    let transport = ours.transport.unwrap();
    assert!(transport.ice_restart && !transport.dtls_restart);
    assert_eq!(transport.remote_ice.username_fragment, "bbb2");
    assert!(!a.negotiation_needed());
    // The next exchange is none.
    let (ours, _) = exchange((&mut b, &tb), (&mut a, &ta));
    assert!(!ours.transport.unwrap().ice_restart);
}

#[test]
fn a_restart_is_answered_by_a_restart_and_dtls_needs_one() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    a.open_data();
    exchange((&mut a, &ta), (&mut b, &tb));
    let before = a.clone();

    // New credentials that nobody asked for.
    let offer = a.create_offer(&ta).unwrap();
    a.set_local(&offer).unwrap();
    b.set_remote(&offer).unwrap();
    let renewed = restarted(&tb, "bbb2");
    assert_eq!(
        b.create_answer(&renewed).unwrap_err(),
        CreateError::CredentialsChanged
    );
    let answer = b.create_answer(&tb).unwrap().sdp.replace("bbbb", "bbb2");
    let error = a.set_remote(&Description::answer(answer)).unwrap_err();
    assert!(
        matches!(
            &error,
            SetRemoteError::Description(DescriptionError::IceRestart { line: 8, .. })
        ),
        "{error}"
    );
    assert_eq!(
        a.signaling_state(),
        SignalingState::HaveLocalOffer,
        "nothing has changed"
    );

    // Old ones where new ones are due.
    let (mut a, mut other) = (before, b);
    other.set_remote(&Description::rollback()).unwrap();
    a.restart_ice();
    let offer = a.create_offer(&restarted(&ta, "aaa3")).unwrap();
    a.set_local(&offer).unwrap();
    other.set_remote(&offer).unwrap();
    let answer = other.create_answer(&restarted(&tb, "bbb3")).unwrap();
    let stale = answer.sdp.replace("bbb3", "bbbb");
    let error = a.set_remote(&Description::answer(stale)).unwrap_err();
    assert!(error.to_string().contains("old credentials"), "{error}");

    // Another certificate without a restart, and with one.
    let replaced = answer.sdp.replace("62:62:62:62", "63:63:63:63");
    let dtls = a
        .clone()
        .set_remote(&Description::answer(replaced))
        .unwrap()
        .transport
        .unwrap();
    assert!(dtls.dtls_restart && dtls.ice_restart);
    let mut mallory = jsep(1);
    mallory.open_data();
    let offer = mallory.create_offer(&transport("mmmm")).unwrap();
    other.set_remote(&Description::rollback()).unwrap();
    let same_ice = offer
        .sdp
        .replace("mmmmpassword", "aaaapassword")
        .replace("mmmm", "aaaa");
    let error = other.set_remote(&Description::offer(same_ice)).unwrap_err();
    assert!(
        matches!(
            error,
            SetRemoteError::Description(DescriptionError::DtlsRestart { .. })
        ),
        "{error}"
    );
}

#[test]
fn an_answer_has_the_sections_of_its_offer() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    both(&mut a);
    let offer = a.create_offer(&transport("aaaa")).unwrap();
    a.set_local(&offer).unwrap();
    b.set_remote(&offer).unwrap();
    let answer = b.create_answer(&transport("bbbb")).unwrap();
    let refuse = |sdp: String| a.clone().set_remote(&Description::answer(sdp)).unwrap_err();
    let cut = answer.sdp.split("m=video").next().unwrap().to_owned();
    assert_eq!(
        refuse(cut).to_string(),
        "expected 2 media sections, found 1"
    );
    let other = refuse(answer.sdp.replace("m=video", "m=audio"));
    assert!(
        other.to_string().contains("expected the section \"video"),
        "{other}"
    );
    let other = refuse(answer.sdp.replace("a=mid:1", "a=mid:7"));
    assert!(
        other
            .to_string()
            .contains("expected the section \"1\", found \"7\""),
        "{other}"
    );
    let other = refuse(answer.sdp.replace("a=mid:1", "a=mid:0"));
    assert!(
        other.to_string().contains("has the mid \"0\" too"),
        "{other}"
    );
    let other = refuse(answer.sdp.replace("a=setup:active", "a=setup:actpass"));
    assert!(
        other
            .to_string()
            .contains("setup: expected active or passive"),
        "{other}"
    );
    let other = refuse(answer.sdp.replace("a=ice-ufrag:bbbb\r\n", ""));
    assert!(other.to_string().contains("has no ice-ufrag"), "{other}");
}

#[test]
fn a_later_offer_keeps_its_sections() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let ta = transport("aaaa");
    both(&mut a);
    exchange((&mut a, &ta), (&mut b, &transport("bbbb")));
    let offer = a.create_offer(&ta).unwrap();
    let cut = offer.sdp.split("m=video").next().unwrap().to_owned();
    let error = b.set_remote(&Description::offer(cut)).unwrap_err();
    assert_eq!(error.to_string(), "expected 2 media sections, found 1");
    let renamed = offer.sdp.replace("a=mid:1", "a=mid:8");
    let error = b.set_remote(&Description::offer(renamed)).unwrap_err();
    assert!(matches!(
        error,
        SetRemoteError::Description(DescriptionError::SectionMismatch { .. })
    ));
}

#[test]
fn codec_preferences_choose_and_order() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let video = a.add_track(MediaKind::Video, sender("x", 5, None));
    let all = capabilities().codecs;
    let h264: Vec<_> = all[7..9].to_vec();
    a.set_codec_preferences(video, h264).unwrap();
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    let names = |changes: &gannet_jsep::Changes| -> Vec<_> {
        let send = changes.media[0].send.as_ref().unwrap();
        send.codecs.iter().map(|codec| codec.name.clone()).collect()
    };
    assert_eq!(names(&ours), ["H264", "rtx"]);
    a.set_codec_preferences(video, Vec::new()).unwrap();
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    // What was agreed on first stays first.
    assert_eq!(names(&ours), ["H264", "rtx", "VP8", "rtx"]);
    // The answerer's wish counts for what it receives.
    let id = b.transceivers().next().unwrap().id();
    b.set_codec_preferences(id, all[5..7].to_vec()).unwrap();
    let (ours, theirs) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(names(&ours), ["VP8", "rtx"]);
    assert_eq!(
        theirs.media[0].receive.as_ref().unwrap().codecs[1].associated_payload_type(),
        Some(96)
    );
}

#[test]
fn simulcast_both_ways() {
    let (mut a, mut b) = (jsep(1), jsep(2));
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    a.add_track(MediaKind::Video, simulcast(&["q", "h", "f"]));
    let (ours, theirs) = exchange((&mut a, &ta), (&mut b, &tb));
    let rids = |parameters: &Option<gannet_jsep::RtpParameters>| -> Vec<_> {
        let encodings = &parameters.as_ref().unwrap().encodings;
        encodings
            .iter()
            .map(|encoding| encoding.rid.clone().unwrap())
            .collect()
    };
    assert_eq!(rids(&ours.media[0].send), ["q", "h", "f"]);
    assert_eq!(rids(&theirs.media[0].receive), ["q", "h", "f"]);
    // It stays in the next exchange.
    let (ours, _) = exchange((&mut a, &ta), (&mut b, &tb));
    assert_eq!(rids(&ours.media[0].send), ["q", "h", "f"]);
    // An answer that knows nothing of it gets the first encoding alone.
    let offer = a.create_offer(&ta).unwrap();
    a.set_local(&offer).unwrap();
    b.set_remote(&offer).unwrap();
    let answer = b.create_answer(&tb).unwrap();
    let plain: String = answer
        .sdp
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("a=rid") && !line.starts_with("a=simulcast"))
        .collect();
    let ours = a.set_remote(&Description::answer(plain)).unwrap();
    assert_eq!(ours.media[0].send.as_ref().unwrap().encodings.len(), 1);
}

#[test]
fn extensions_have_one_id_in_the_whole_transport() {
    let mut a = jsep(1);
    both(&mut a);
    a.add_track(MediaKind::Video, sender("x", 5, None));
    let offer = a.create_offer(&transport("aaaa")).unwrap();
    let parsed = SessionDescription::parse(&offer.sdp).unwrap();
    let mut ids = std::collections::HashMap::new();
    for extmap in parsed.media.iter().flat_map(|media| media.all::<Extmap>()) {
        let extmap = extmap.unwrap();
        assert_eq!(*ids.entry(extmap.uri).or_insert(extmap.id), extmap.id);
    }
    let distinct: std::collections::HashSet<_> = ids.values().collect();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn values_are_small_and_can_be_sent() {
    fn can_be_sent<T: Send + Sync + 'static>() {}
    can_be_sent::<gannet_jsep::Jsep>();
    can_be_sent::<gannet_jsep::Changes>();
    assert!(size_of::<SetRemoteError>() <= 96);
}
