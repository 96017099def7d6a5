//! Offers of real browsers, answered.

mod peers;

use gannet_jsep::{Direction, DtlsRole, IceRole, MediaKind};
use gannet_sdp::attribute::{
    AttributeName, Direction as Flow, Extmap, Group, MaxMessageSize, Rid, RidDirection, SctpPort,
    Setup, Simulcast,
};
use peers::*;

#[test]
fn chromium_with_everything() {
    let (side, answer, changes) = answered(&text("chromium-offer"), |side| {
        both(side);
        side.open_data();
    });
    assert_eq!(ports(&answer), [9, 9, 9]);
    assert_eq!(
        answer.first::<Group>().unwrap().unwrap().mids,
        ["0", "1", "2"]
    );
    assert!(answer.has(AttributeName::ExtmapAllowMixed));
    let [audio, video, data] = &answer.media[..] else {
        panic!("three")
    };
    // The payload types and the order are the offer's.
    assert_eq!(
        audio.formats().collect::<Vec<_>>(),
        ["111", "9", "0", "8", "126"]
    );
    assert_eq!(
        audio.fmtp(111).unwrap().parameters,
        "minptime=10;useinbandfec=1"
    );
    assert_eq!(
        video.formats().collect::<Vec<_>>(),
        ["96", "97", "108", "109"]
    );
    assert_eq!(video.fmtp(97).unwrap().parameters, "apt=96");
    assert_eq!(video.fmtp(109).unwrap().parameters, "apt=108");
    let h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    assert_eq!(video.fmtp(108).unwrap().parameters, h264);
    assert_eq!(video.rtcp_fb(96).count(), 5);
    assert_eq!(video.first::<Setup>().unwrap(), Some(Setup::Active));
    let ids: Vec<u16> = video
        .all::<Extmap>()
        .map(|extmap| extmap.unwrap().id)
        .collect();
    assert_eq!(ids, [3, 4, 10, 11]);
    assert!(video.has(AttributeName::RtcpMux) && video.has(AttributeName::RtcpRsize));
    assert_eq!(data.protocol(), "UDP/DTLS/SCTP");
    assert_eq!(data.first::<SctpPort>().unwrap(), Some(SctpPort(5000)));
    assert_eq!(
        data.first::<MaxMessageSize>().unwrap(),
        Some(MaxMessageSize(262_144))
    );

    let transport = changes.transport.unwrap();
    assert_eq!(transport.remote_ice.username_fragment, "HZ2J");
    assert_eq!(
        (transport.dtls_role, transport.ice_role),
        (DtlsRole::Client, IceRole::Controlled)
    );
    assert!(transport.remote_trickle && side.can_trickle() == Some(true));
    assert_eq!(transport.remote_fingerprints[0].algorithm, "sha-256");
    assert_eq!(changes.sctp.unwrap().remote.max_message_size, 262_144);
    let [audio, video] = &changes.media[..] else {
        panic!("two")
    };
    assert_eq!((audio.direction, video.direction), (SEND_RECV, SEND_RECV));
    let send = video.send.as_ref().unwrap();
    assert_eq!(send.rtx_payload_type(96), Some(97));
    assert_eq!(
        (send.mid.as_str(), send.extension_id(MID_URI)),
        ("1", Some(4))
    );
    assert!(send.rtcp.reduced_size);
    let receive = video.receive.as_ref().unwrap();
    assert_eq!(receive.encodings[0].ssrc, Some(3_128_569_629));
    assert_eq!(receive.encodings[0].rtx_ssrc, Some(3_550_349_241));
    assert_eq!(receive.rtcp.cname, "CKDtHqq4eFbaF3tw");
}

#[test]
fn firefox_with_everything() {
    let (_, answer, changes) = answered(&text("firefox-offer"), both);
    assert_eq!(ports(&answer), [9, 9, 9]);
    let [audio, video, _] = &answer.media[..] else {
        panic!("three")
    };
    assert_eq!(
        audio.formats().collect::<Vec<_>>(),
        ["109", "9", "0", "8", "101"]
    );
    assert_eq!(video.formats().collect::<Vec<_>>(), ["120", "124"]);
    // The fingerprint stands at the session there.
    assert_eq!(changes.transport.unwrap().remote_fingerprints.len(), 1);
    let receive = changes.media[1].receive.as_ref().unwrap();
    assert_eq!(receive.encodings[0].rtx_ssrc, Some(3_783_175_378));
    // Not in the offer, so not in the answer; but it is in its video section.
    assert!(!audio.has(AttributeName::RtcpRsize) && video.has(AttributeName::RtcpRsize));
}

#[test]
fn each_captured_offer_is_answered() {
    for name in [
        "chromium-av-data-offer-gathered",
        "chromium-data-offer",
        "chromium-ice-restart-offer",
        "chromium-max-bundle-offer",
        "chromium-max-compat-offer",
        "chromium-recvonly-offer",
        "chromium-recycled-offer",
        "chromium-simulcast-offer",
        "chromium-six-offer",
        "chromium-stopped-audio-offer",
        "chromium-trials-av-data-offer-gathered",
        "firefox-av-data-offer-gathered",
        "firefox-data-offer",
        "firefox-ice-restart-offer",
        "firefox-max-bundle-offer",
        "firefox-max-compat-offer",
        "firefox-recvonly-offer",
        "firefox-recycled-offer",
        "firefox-simulcast-offer",
        "firefox-six-offer",
        "firefox-stopped-audio-offer",
        "aiortc-av-data-offer",
        "safari-manner-offer",
        "pion-manner-offer",
        "ffmpeg-manner-whip-offer",
        "ice-lite-manner-offer",
        "firefox-legacy-data-offer",
    ] {
        let offer = text(name);
        let (side, answer, changes) = answered(&offer, both);
        let offered = gannet_sdp::SessionDescription::parse(&offer).unwrap();
        assert_eq!(answer.media.len(), offered.media.len(), "{name}");
        let transport = changes.transport.expect(name);
        assert!(!transport.remote_ice.username_fragment.is_empty(), "{name}");
        for (answered, offered) in answer.media.iter().zip(&offered.media) {
            assert_eq!(answered.mid().unwrap(), offered.mid().unwrap(), "{name}");
            assert_eq!(answered.protocol(), offered.protocol(), "{name}");
            let all: Vec<&str> = offered.formats().collect();
            assert!(
                answered.formats().all(|format| all.contains(&format)),
                "{name}"
            );
            let dead = offered.port() == 0 && !offered.has(AttributeName::BundleOnly);
            if name != "ice-lite-manner-offer" {
                assert_eq!(answered.port() == 0, dead, "{name}");
            }
            assert!(!answered.has(AttributeName::BundleOnly), "{name}");
        }
        assert_eq!(side.signaling_state(), gannet_jsep::SignalingState::Stable);
    }
}

#[test]
fn candidates_in_an_offer_are_those_of_the_transport() {
    let (_, _, changes) = answered(&text("firefox-av-data-offer-gathered"), both);
    let transport = changes.transport.unwrap();
    assert!(transport.remote_end_of_candidates);
    assert!(!transport.remote_candidates.is_empty());
    // Component 2 is RTCP's, which shares component 1.
    assert!(
        transport
            .remote_candidates
            .iter()
            .all(|c| c.parts().unwrap().component == 1)
    );
}

#[test]
fn a_browser_that_only_receives() {
    for name in ["chromium-recvonly-offer", "firefox-recvonly-offer"] {
        let (_, answer, changes) = answered(&text(name), both);
        assert_eq!(answer.media[0].direction(), Some(Flow::Sendonly), "{name}");
        let first = &changes.media[0];
        assert_eq!(
            (first.kind, first.direction),
            (MediaKind::Video, Direction::SendOnly)
        );
        assert!(first.receive.is_none() && changes.tracks_added.is_empty());
    }
}

#[test]
fn a_browser_that_sends_simulcast() {
    for name in ["chromium-simulcast-offer", "firefox-simulcast-offer"] {
        let (_, answer, changes) = answered(&text(name), |_| {});
        let video = &answer.media[0];
        let rids: Vec<_> = video.all::<Rid>().map(|rid| rid.unwrap()).collect();
        assert!(
            rids.iter().all(|rid| rid.direction == RidDirection::Recv),
            "{name}"
        );
        let simulcast = video.first::<Simulcast>().unwrap().unwrap();
        assert_eq!(simulcast.recv.len(), 3, "{name}");
        let receive = changes.media[0].receive.as_ref().unwrap();
        let names: Vec<_> = receive
            .encodings
            .iter()
            .map(|e| e.rid.as_deref().unwrap())
            .collect();
        assert_eq!(names, ["q", "h", "f"], "{name}");
        assert!(receive.extension_id(RID_URI).is_some());
    }
}

#[test]
fn a_browser_that_wants_simulcast_gets_what_we_have() {
    let (_, answer, changes) = answered(&text("pion-manner-offer"), |side| {
        side.add_track(MediaKind::Video, simulcast(&["h", "q", "x"]));
    });
    let simulcast = answer.media[0].first::<Simulcast>().unwrap().unwrap();
    assert_eq!(simulcast.to_string(), "send q;h");
    let send = changes.media[0].send.as_ref().unwrap();
    let names: Vec<_> = send
        .encodings
        .iter()
        .map(|e| e.rid.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["h", "q"]);
}

#[test]
fn the_roles_that_an_offer_leaves() {
    // ffmpeg is the DTLS server, and an ICE-lite server is controlled.
    let (_, answer, changes) = answered(&text("ffmpeg-manner-whip-offer"), |_| {});
    assert_eq!(
        answer.media[0].first::<Setup>().unwrap(),
        Some(Setup::Active)
    );
    assert_eq!(changes.transport.unwrap().dtls_role, DtlsRole::Client);
    let active = text("ffmpeg-manner-whip-offer").replace("setup:passive", "setup:active");
    let (_, answer, changes) = answered(&active, |_| {});
    assert_eq!(
        answer.media[0].first::<Setup>().unwrap(),
        Some(Setup::Passive)
    );
    assert_eq!(changes.transport.unwrap().dtls_role, DtlsRole::Server);
    let (_, _, changes) = answered(&text("ice-lite-manner-offer"), both);
    let transport = changes.transport.unwrap();
    assert!(transport.remote_ice.ice_lite);
    assert_eq!(transport.ice_role, IceRole::Controlling);
    assert_eq!(transport.remote_fingerprints[0].algorithm, "sha-512");
}

#[test]
fn data_in_the_old_form_is_answered_in_kind() {
    for name in ["firefox-legacy-data-offer", "safari-manner-offer"] {
        let (_, answer, changes) = answered(&text(name), |_| {});
        let data = answer.media.last().unwrap();
        assert_eq!(data.protocol(), "DTLS/SCTP");
        assert_eq!(data.formats().collect::<Vec<_>>(), ["5000"]);
        assert!(data.has(AttributeName::Sctpmap) && !data.has(AttributeName::SctpPort));
        assert_eq!(changes.sctp.unwrap().remote.port, 5000);
    }
}
