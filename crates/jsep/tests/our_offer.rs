//! Our offer, as a text that does not change unnoticed, and the answers that browsers and aiortc gave
//! to it.

mod peers;

use gannet_jsep::{
    Changes, Description, Direction, DtlsRole, IceCandidate, IceRole, Jsep, MediaKind,
};
use peers::*;

/// Audio, video, and data, with a candidate.
fn offerer() -> (Jsep, Description) {
    let mut side = jsep(4_611_686_018_427_387_904);
    both(&mut side);
    side.open_data();
    let mut local = transport("gannet");
    local.candidates =
        vec![IceCandidate::new("candidate:1 1 udp 2130706431 10.9.9.1 40000 typ host").unwrap()];
    let offer = side.create_offer(&local).unwrap();
    well_formed(&offer);
    side.set_local(&offer).unwrap();
    (side, offer)
}

#[test]
fn it_is_this_text() {
    let (_, offer) = offerer();
    if let Ok(path) = std::env::var("GANNET_WRITE_OFFER") {
        std::fs::write(path, &offer.sdp).unwrap();
    }
    assert_eq!(offer.sdp, text("our-offer"));
}

fn answered_by(name: &str) -> Changes {
    let (mut side, _) = offerer();
    let changes = side.set_remote(&Description::answer(text(name))).unwrap();
    assert!(!side.negotiation_needed());
    let transport = changes.transport.as_ref().unwrap();
    assert_eq!(transport.ice_role, IceRole::Controlling);
    assert_eq!(transport.dtls_role, DtlsRole::Server);
    assert!(!transport.ice_restart && !transport.dtls_restart);
    assert!(!transport.remote_ice.username_fragment.is_empty());
    assert_eq!(changes.media.len(), 2);
    assert!(changes.sctp.as_ref().unwrap().remote.max_message_size >= 65_536);
    changes
}

#[test]
fn chromium_answers_it() {
    let changes = answered_by("chromium-answer-to-us");
    let [audio, video] = &changes.media[..] else {
        panic!("two")
    };
    assert_eq!(
        (audio.direction, video.direction),
        (Direction::SendRecv, Direction::SendRecv)
    );
    let send = video.send.as_ref().unwrap();
    let names: Vec<_> = send
        .codecs
        .iter()
        .map(|c| (c.name.as_str(), c.payload_type))
        .collect();
    assert_eq!(names, [("VP8", 96), ("rtx", 97), ("H264", 98), ("rtx", 99)]);
    assert!(send.codecs[0].has_feedback("nack", "pli"));
    assert_eq!(send.encodings[0].ssrc, Some(2001));
    assert_eq!(send.extension_id(MID_URI), Some(4));
    assert_eq!(send.rtcp.cname, "cname4611686018427387904");
    let receive = video.receive.as_ref().unwrap();
    assert!(receive.encodings[0].ssrc.is_some() && receive.encodings[0].rtx_ssrc.is_some());
    assert_eq!(changes.tracks_added.len(), 2);
    assert!(!changes.transport.unwrap().remote_candidates.is_empty());
}

#[test]
fn firefox_answers_it() {
    let changes = answered_by("firefox-answer-to-us");
    let video = &changes.media[1];
    assert_eq!(video.kind, MediaKind::Video);
    // This Firefox has no H.264.
    let names: Vec<_> = video
        .send
        .as_ref()
        .unwrap()
        .codecs
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["VP8", "rtx"]);
    assert_eq!(changes.tracks_added.len(), 2);
}

#[test]
fn aiortc_answers_it() {
    let changes = answered_by("aiortc-answer-to-us");
    assert_eq!(
        changes
            .transport
            .as_ref()
            .unwrap()
            .remote_fingerprints
            .len(),
        3
    );
    assert_eq!(
        changes.media[1]
            .send
            .as_ref()
            .unwrap()
            .primary_codec()
            .unwrap()
            .name,
        "VP8"
    );
}
