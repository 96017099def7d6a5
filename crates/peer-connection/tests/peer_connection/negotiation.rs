//! Offers, answers, candidates, restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gannet::{
    ChannelInit, Direction, DtlsVersion, DtlsVersions, Event, IceCandidateInit, MediaKind, Message,
    NegotiationError, PeerConnection, PeerConnectionState, SessionDescription, SignalingState,
};

use crate::support::{
    connected, connection, connection_with, data_channel, exchange, pattern, picture, pitch, soon,
    tone, track, until,
};

/// Carries candidates to the peer as they come.
fn trickle(from: &PeerConnection, to: &PeerConnection) {
    let (from, to) = (from.clone(), to.clone());
    tokio::spawn(async move {
        while let Some(event) = from.next_event().await {
            if let Event::IceCandidate(candidate) = event {
                to.add_ice_candidate(candidate).await.unwrap();
            }
        }
    });
}

#[tokio::test]
async fn candidates_may_come_behind_the_descriptions() {
    let (one, other) = (connection(), connection());
    let channel = one
        .create_data_channel("late", ChannelInit::default())
        .unwrap();
    let offer = one.create_offer().await.unwrap();
    assert!(!offer.sdp.contains("a=candidate"));
    other.set_remote_description(offer.clone()).await.unwrap();
    let answer = other.create_answer().await.unwrap();
    assert!(!answer.sdp.contains("a=candidate"));
    one.set_local_description(offer).await.unwrap();
    one.set_remote_description(answer.clone()).await.unwrap();
    other.set_local_description(answer).await.unwrap();
    trickle(&one, &other);
    trickle(&other, &one);
    assert!(soon("the channel", channel.opened()).await);
}

#[tokio::test]
async fn video_is_added_and_directions_change_by_new_offers() {
    let (one, other) = (connection(), connection());
    let channel = one
        .create_data_channel("first", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    assert!(soon("the channel", channel.opened()).await);

    let sent = one.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(160, 120)),
    );
    exchange(&one, &other).await;
    let received = track(&other).await;
    assert_eq!(received.transceiver.mid(), sent.mid());
    let seen = received.receiver.track();
    assert!(picture(&seen).await.2.is_some());

    // The other way, and by an offer of the other side.
    sent.set_direction(Direction::SendRecv);
    received.transceiver.set_direction(Direction::SendRecv);
    received
        .transceiver
        .sender()
        .replace_track(Some(pattern(240, 180)));
    exchange(&other, &one).await;
    let back = sent.receiver().track();
    assert_eq!(sent.current_direction(), Some(Direction::SendRecv));
    assert_eq!(picture(&back).await.0, 240);
    assert_eq!(picture(&seen).await.0, 160);

    sent.set_direction(Direction::Inactive);
    exchange(&one, &other).await;
    assert_eq!(
        received.transceiver.current_direction(),
        Some(Direction::Inactive)
    );
    assert_eq!(received.receiver.parameters(), None);
    assert_eq!(sent.sender().parameters(), None);

    sent.set_direction(Direction::SendRecv);
    exchange(&one, &other).await;
    assert_eq!(
        received.transceiver.current_direction(),
        Some(Direction::SendRecv)
    );
    let again = received.receiver.track();
    assert!(picture(&again).await.2.is_some());
    assert_eq!(one.connection_state(), PeerConnectionState::Connected);
}

#[tokio::test]
async fn a_rejected_section_leaves_the_others_alone() {
    let one = connection_with(|configuration| {
        configuration
            .capabilities
            .codecs
            .retain(|codec| codec.name != "H264");
    });
    let other = connection_with(|configuration| {
        configuration
            .capabilities
            .codecs
            .retain(|codec| codec.kind == MediaKind::Audio || codec.name == "H264");
    });
    let video = one.add_transceiver(
        MediaKind::Video,
        Direction::SendRecv,
        Some(pattern(160, 120)),
    );
    one.add_transceiver(MediaKind::Audio, Direction::SendRecv, Some(tone(600.0)));
    exchange(&one, &other).await;
    let answer = other.local_description().unwrap().sdp;
    assert!(answer.contains("m=video 0 "), "{answer}");
    let rejected = track(&other).await;
    assert_eq!(rejected.transceiver.kind(), MediaKind::Video);
    assert!(
        soon("the end", rejected.receiver.track().recv())
            .await
            .is_none()
    );
    let event = track(&other).await;
    assert_eq!(event.transceiver.kind(), MediaKind::Audio);
    let pitch = pitch(&event.receiver.track()).await;
    assert!((pitch - 600.0).abs() <= 5.0, "{pitch} Hz");
    assert_eq!(video.sender().parameters(), None);
}

#[tokio::test]
async fn a_wrong_offer_is_refused_and_a_right_one_taken_after_it() {
    let (one, other) = (connection(), connection());
    one.create_data_channel("right", ChannelInit::default())
        .unwrap();
    let good = one.create_offer().await.unwrap().sdp;
    let unsafe_offer = good.replace("a=fingerprint", "a=x-fingerprint");
    for wrong in ["", "v=0", "hello", &unsafe_offer] {
        let refused = other
            .set_remote_description(SessionDescription::offer(wrong))
            .await;
        assert!(
            matches!(refused, Err(NegotiationError::SetRemote(_))),
            "{wrong:?}: {refused:?}"
        );
        assert!(!refused.unwrap_err().to_string().is_empty());
        assert_eq!(other.signaling_state(), SignalingState::Stable);
    }
    let refused = other
        .set_remote_description(SessionDescription::answer(good))
        .await;
    assert!(matches!(refused, Err(NegotiationError::SetRemote(_))));
    assert!(matches!(
        other.create_answer().await,
        Err(NegotiationError::Create(_))
    ));
    let candidate = IceCandidateInit {
        candidate: "candidate:no".to_owned(),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: None,
        username_fragment: None,
    };
    let refused = other.add_ice_candidate(candidate).await;
    assert!(
        matches!(refused, Err(NegotiationError::Candidate(_))),
        "{refused:?}"
    );
    exchange(&one, &other).await;
    connected(&one, &other).await;
    assert_eq!(data_channel(&other).await.label(), "right");
}

#[tokio::test]
async fn ice_restarts_under_data() {
    let (one, other) = (connection(), connection());
    let ours = one
        .create_data_channel("steady", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    let theirs = data_channel(&other).await;
    assert!(soon("the channel", ours.opened()).await);
    let (stop, echoed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    tokio::spawn(async move {
        while let Some(message) = theirs.recv().await {
            theirs.send(message).await.unwrap();
        }
    });
    let talk = tokio::spawn({
        let (stop, echoed) = (Arc::clone(&stop), Arc::clone(&echoed));
        async move {
            while !stop.load(Ordering::Relaxed) {
                let number = echoed.fetch_add(1, Ordering::Relaxed).to_string();
                ours.send(Message::Text(number.clone())).await.unwrap();
                assert_eq!(ours.recv().await, Some(Message::Text(number)));
            }
        }
    });
    let fragment = |connection: &PeerConnection| {
        connection.inspect(|session| session.ice().local_parameters().username_fragment.clone())
    };
    let before = (fragment(&one), fragment(&other));
    for offerer_is_one in [true, false] {
        let (offerer, answerer) = if offerer_is_one {
            (&one, &other)
        } else {
            (&other, &one)
        };
        let talked = echoed.load(Ordering::Relaxed);
        offerer.restart_ice();
        exchange(offerer, answerer).await;
        until("talk after the restart", || {
            echoed.load(Ordering::Relaxed) > talked + 50
        })
        .await;
        connected(&one, &other).await;
    }
    assert!(before.0 != fragment(&one) && before.1 != fragment(&other));
    stop.store(true, Ordering::Relaxed);
    soon("the talk to end", talk).await.unwrap();
}

#[tokio::test]
async fn dtls_1_2_is_spoken_with_those_who_have_no_more() {
    for (versions, expected) in [
        (DtlsVersions::Only(DtlsVersion::Dtls12), DtlsVersion::Dtls12),
        (DtlsVersions::Both, DtlsVersion::Dtls13),
    ] {
        let one = connection_with(|configuration| configuration.dtls_versions = versions);
        let other = connection();
        let channel = one
            .create_data_channel("old", ChannelInit::default())
            .unwrap();
        one.add_transceiver(MediaKind::Audio, Direction::SendOnly, Some(tone(500.0)));
        exchange(&one, &other).await;
        assert!(soon("the channel", channel.opened()).await);
        let version = other.inspect(|session| session.dtls_connection().unwrap().version());
        assert_eq!(version, Some(expected));
        let pitch = pitch(&track(&other).await.receiver.track()).await;
        assert!((pitch - 500.0).abs() <= 5.0, "{pitch} Hz");
    }
}
