//! Two sides with what browsers have, and the texts of real ones.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;

use gannet_jsep::{
    Changes, Configuration, Description, Direction, Fingerprint, FormatParameters, IceParameters,
    Jsep, LocalTransport, MediaKind, RtcpFeedback, RtpCapabilities, RtpCodecCapability,
    RtpEncodingParameters, RtpHeaderExtensionCapability, SctpParameters, SenderInit,
};
use gannet_sdp::SessionDescription;

pub(crate) fn codec(
    kind: MediaKind,
    name: &str,
    clock_rate: u32,
    channels: u8,
    payload_type: u8,
    fmtp: &str,
) -> RtpCodecCapability {
    let parameters = fmtp.split(';').filter(|text| !text.is_empty()).map(|text| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    });
    let video = [
        ("goog-remb", ""),
        ("transport-cc", ""),
        ("ccm", "fir"),
        ("nack", ""),
        ("nack", "pli"),
    ];
    let audio = [("transport-cc", "")];
    let feedback: &[(&str, &str)] = match (kind, name) {
        (_, "rtx" | "red" | "ulpfec" | "telephone-event" | "CN") => &[],
        (MediaKind::Video, _) => &video,
        (MediaKind::Audio, _) => &audio,
    };
    RtpCodecCapability {
        name: name.into(),
        kind,
        clock_rate,
        channels,
        preferred_payload_type: payload_type,
        parameters: FormatParameters(parameters.collect()),
        rtcp_feedback: feedback
            .iter()
            .map(|(k, p)| RtcpFeedback::new(k, p))
            .collect(),
    }
}

pub(crate) fn capabilities() -> RtpCapabilities {
    use MediaKind::{Audio, Video};
    let h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let codecs = vec![
        codec(Audio, "opus", 48_000, 2, 111, "minptime=10;useinbandfec=1"),
        codec(Audio, "G722", 8000, 1, 9, ""),
        codec(Audio, "PCMU", 8000, 1, 0, ""),
        codec(Audio, "PCMA", 8000, 1, 8, ""),
        codec(Audio, "telephone-event", 8000, 1, 101, "0-15"),
        codec(Video, "VP8", 90_000, 1, 96, ""),
        codec(Video, "rtx", 90_000, 1, 97, "apt=96"),
        codec(Video, "H264", 90_000, 1, 98, h264),
        codec(Video, "rtx", 90_000, 1, 99, "apt=98"),
    ];
    let extension = |kind, uri: &str, preferred_id| RtpHeaderExtensionCapability {
        uri: uri.into(),
        kind,
        preferred_id,
    };
    let header_extensions = vec![
        extension(Audio, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1),
        extension(Audio, MID_URI, 4),
        extension(Audio, TWCC_URI, 3),
        extension(Video, MID_URI, 4),
        extension(Video, TWCC_URI, 3),
        extension(Video, RID_URI, 10),
        extension(
            Video,
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            11,
        ),
    ];
    RtpCapabilities {
        codecs,
        header_extensions,
    }
}

pub(crate) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub(crate) const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub(crate) const TWCC_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

pub(crate) fn jsep(session_id: u64) -> Jsep {
    Jsep::new(Configuration {
        session_id,
        cname: format!("cname{session_id}"),
        capabilities: capabilities(),
        sctp: SctpParameters {
            port: 5000,
            max_message_size: 262_144,
        },
    })
}

/// A transport with credentials made from a name of at least four letters.
pub(crate) fn transport(ufrag: &str) -> LocalTransport {
    LocalTransport {
        ice: IceParameters {
            username_fragment: ufrag.into(),
            password: format!("{ufrag}passwordpasswordpassword"),
            ice_lite: false,
        },
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: ufrag.as_bytes()[..4].repeat(8),
        }],
        candidates: Vec::new(),
        end_of_candidates: false,
        sctp_init: None,
    }
}

/// The same certificate with other credentials.
pub(crate) fn restarted(transport: &LocalTransport, ufrag: &str) -> LocalTransport {
    LocalTransport {
        ice: self::transport(ufrag).ice,
        ..transport.clone()
    }
}

pub(crate) fn sender(stream: &str, ssrc: u32, rtx: Option<u32>) -> SenderInit {
    SenderInit {
        streams: vec![stream.into()],
        track: format!("track{ssrc}"),
        encodings: vec![RtpEncodingParameters {
            ssrc: Some(ssrc),
            rtx_ssrc: rtx,
            ..Default::default()
        }],
    }
}

pub(crate) fn simulcast(rids: &[&str]) -> SenderInit {
    let encoding = |rid: &&str| RtpEncodingParameters {
        rid: Some((*rid).into()),
        ..Default::default()
    };
    SenderInit {
        encodings: rids.iter().map(encoding).collect(),
        ..Default::default()
    }
}

/// A whole exchange; what it changes on both sides, the offerer's first.
pub(crate) fn exchange(
    offerer: (&mut Jsep, &LocalTransport),
    answerer: (&mut Jsep, &LocalTransport),
) -> (Changes, Changes) {
    let offer = offerer.0.create_offer(offerer.1).unwrap();
    well_formed(&offer);
    offerer.0.set_local(&offer).unwrap();
    answerer.0.set_remote(&offer).unwrap();
    let answer = answerer.0.create_answer(answerer.1).unwrap();
    well_formed(&answer);
    let theirs = answerer.0.set_local(&answer).unwrap();
    let ours = offerer.0.set_remote(&answer).unwrap();
    mirrored(&ours, &theirs);
    (ours, theirs)
}

/// What one side sends, the other receives.
pub(crate) fn mirrored(a: &Changes, b: &Changes) {
    assert_eq!(a.media.len(), b.media.len());
    for (a, b) in a.media.iter().zip(&b.media) {
        assert_eq!((a.index, &a.mid, a.kind), (b.index, &b.mid, b.kind));
        assert_eq!(a.direction, b.direction.reversed());
        for (send, receive) in [(&a.send, &b.receive), (&b.send, &a.receive)] {
            assert_eq!(send.is_some(), receive.is_some());
            let (Some(send), Some(receive)) = (send, receive) else {
                continue;
            };
            let payload_types = |parameters: &gannet_jsep::RtpParameters| {
                let mut all: Vec<_> = parameters
                    .codecs
                    .iter()
                    .map(|c| (c.payload_type, c.name.clone()))
                    .collect();
                all.sort();
                all
            };
            assert_eq!(payload_types(send), payload_types(receive));
            assert_eq!(send.header_extensions, receive.header_extensions);
            assert_eq!(send.rtcp.reduced_size, receive.rtcp.reduced_size);
            // A name is signalled with a source.
            if send.encodings[0].ssrc.is_some() {
                assert_eq!(send.rtcp.cname, receive.rtcp.cname);
            }
            let names = |parameters: &gannet_jsep::RtpParameters| -> Vec<_> {
                parameters
                    .encodings
                    .iter()
                    .map(|e| (e.ssrc, e.rtx_ssrc, e.rid.clone()))
                    .collect()
            };
            assert_eq!(names(send), names(receive));
        }
    }
    match (&a.transport, &b.transport) {
        (Some(a), Some(b)) => {
            assert_eq!((&a.local_ice, &a.remote_ice), (&b.remote_ice, &b.local_ice));
            assert_ne!(a.dtls_role, b.dtls_role);
            assert_ne!(a.ice_role, b.ice_role);
            assert_eq!(a.ice_restart, b.ice_restart);
        }
        (a, b) => assert!(a.is_none() && b.is_none()),
    }
    assert_eq!(
        a.sctp.as_ref().map(|s| s.local),
        b.sctp.as_ref().map(|s| s.remote)
    );
}

pub(crate) fn well_formed(description: &Description) {
    let parsed = SessionDescription::parse(&description.sdp).unwrap();
    parsed
        .check()
        .unwrap_or_else(|error| panic!("{error}\n{}", description.sdp));
    assert_eq!(parsed.to_string(), description.sdp);
}

/// The text of a real endpoint.
pub(crate) fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder
        .join("../sdp/tests/texts")
        .join(name)
        .with_extension("sdp");
    let own = folder.join("tests/texts").join(name).with_extension("sdp");
    fs::read_to_string(&own)
        .or_else(|_| fs::read_to_string(&path))
        .expect(name)
}

/// A fresh side that answers a text.
pub(crate) fn answered(
    sdp: &str,
    prepare: impl FnOnce(&mut Jsep),
) -> (Jsep, SessionDescription, Changes) {
    let mut side = jsep(7);
    prepare(&mut side);
    side.set_remote(&Description::offer(sdp)).unwrap();
    let answer = side.create_answer(&transport("mine")).unwrap();
    well_formed(&answer);
    let changes = side.set_local(&answer).unwrap();
    (
        side,
        SessionDescription::parse(&answer.sdp).unwrap(),
        changes,
    )
}

/// Sends and receives audio and video.
pub(crate) fn both(side: &mut Jsep) {
    side.add_track(MediaKind::Audio, sender("s", 1001, None));
    side.add_track(MediaKind::Video, sender("s", 2001, Some(2002)));
}

pub(crate) fn ports(sdp: &SessionDescription) -> Vec<u16> {
    sdp.media.iter().map(|media| media.port()).collect()
}

pub(crate) const SEND_RECV: Direction = Direction::SendRecv;
