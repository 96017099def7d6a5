//! The bodies of the fuzz targets.

use gannet_sdp::SessionDescription;

use crate::{
    Configuration, Description, Fingerprint, IceCandidateInit, IceParameters, Jsep, LocalTransport,
    MediaKind, RtpCapabilities, RtpCodecCapability, SctpParameters,
};

/// Any text into a fresh answerer: an answer that can be read and applied, or a typed error.
pub fn remote_offer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut side = answerer();
    let Ok(_) = side.set_remote(&Description::offer(text)) else {
        return;
    };
    let _ = side.add_remote_candidate(&IceCandidateInit {
        candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host".into(),
        sdp_m_line_index: Some(0),
        ..Default::default()
    });
    let mut local = transport("mine");
    let answer = side
        .create_answer(&local)
        .expect("an offer that was applied can be answered");
    let parsed = SessionDescription::parse(&answer.sdp).expect("an answer can be read");
    let offered = SessionDescription::parse(text).expect("it was applied");
    assert_eq!(parsed.media.len(), offered.media.len());
    let agreed = side
        .set_local(&answer)
        .expect("our own answer can be applied");
    for media in &agreed.media {
        assert_eq!(media.send.is_some(), media.direction.sends());
        assert_eq!(media.receive.is_some(), media.direction.receives());
    }
    // And everything can be offered again, by us and by the other side.
    let again = side
        .set_remote(&Description::offer(text))
        .expect("the same offer again");
    assert!(!again.remote_ice_restart);
    side.set_remote(&Description::rollback())
        .expect("a rollback");
    side.restart_ice();
    local.ice = transport("mine2").ice;
    let offer = side
        .create_offer(&local)
        .expect("an offer in the stable state");
    SessionDescription::parse(&offer.sdp).expect("an offer can be read");
    side.set_local(&offer)
        .expect("our own offer can be applied");
    let _ = side.set_remote(&Description::answer(text));
}

fn transport(ufrag: &str) -> LocalTransport {
    LocalTransport {
        sctp_init: None,
        ice: IceParameters {
            username_fragment: ufrag.into(),
            password: "passwordpasswordpassword".into(),
            ice_lite: false,
        },
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: vec![0xab; 32],
        }],
        candidates: Vec::new(),
        end_of_candidates: false,
    }
}

fn answerer() -> Jsep {
    let codec = |kind, name: &str, clock_rate, channels, preferred_payload_type, fmtp: &str| {
        RtpCodecCapability {
            name: name.into(),
            kind,
            clock_rate,
            channels,
            preferred_payload_type,
            parameters: crate::codec::format_parameters(fmtp),
            rtcp_feedback: Vec::new(),
        }
    };
    use MediaKind::{Audio, Video};
    let codecs = vec![
        codec(Audio, "opus", 48_000, 2, 111, "minptime=10"),
        codec(Audio, "red", 48_000, 2, 63, "111/111"),
        codec(Audio, "PCMU", 8000, 1, 0, ""),
        codec(Video, "VP8", 90_000, 1, 96, ""),
        codec(Video, "rtx", 90_000, 1, 97, "apt=96"),
        codec(
            Video,
            "H264",
            90_000,
            1,
            98,
            "packetization-mode=1;profile-level-id=42e01f",
        ),
        codec(Video, "VP9", 90_000, 1, 99, "profile-id=0"),
    ];
    let header_extensions = Vec::new();
    let mut side = Jsep::new(Configuration {
        session_id: 1,
        cname: "c".into(),
        capabilities: RtpCapabilities {
            codecs,
            header_extensions,
        },
        sctp: SctpParameters::default(),
    });
    side.add_track(Audio, Default::default());
    side.add_track(Video, Default::default());
    side
}
