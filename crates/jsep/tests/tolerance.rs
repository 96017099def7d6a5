//! Offers that are not as one would wish: what can be used is used, what can't be is rejected, and what
//! is wrong is named.

mod peers;

use gannet_jsep::{Description, Direction, DtlsRole, MediaKind};
use gannet_sdp::attribute::{AttributeName, Direction as Flow, Group, Setup};
use peers::*;

const SESSION: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn credentials(ufrag: &str) -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{ufrag}passwordpasswordpassword\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=rtcp-mux\r\n"
    )
}

fn audio(mid: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{}a=mid:{mid}\r\na=rtpmap:111 opus/48000/2\r\n",
        credentials("uuuu")
    )
}

fn video(mid: &str, codec: &str) -> String {
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{}a=mid:{mid}\r\na=rtpmap:96 {codec}/90000\r\n",
        credentials("uuuu")
    )
}

fn offer(sections: &[&str]) -> String {
    format!("{SESSION}{}", sections.concat())
}

fn refused(sdp: &str) -> String {
    let mut side = jsep(3);
    let error = side.set_remote(&Description::offer(sdp)).unwrap_err();
    assert!(side.remote_description().is_none() && side.transceivers().count() == 0);
    error.to_string()
}

#[test]
fn a_rejected_section_without_a_transport() {
    let dead = "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n";
    let sdp = offer(&["a=group:BUNDLE 1\r\n", dead, &video("1", "VP8")]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [0, 9]);
    assert_eq!(answer.first::<Group>().unwrap().unwrap().mids, ["1"]);
    assert_eq!(changes.media.len(), 1);
}

#[test]
fn a_section_with_no_codec_of_ours() {
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &audio("0"), &video("1", "VP9")]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [9, 0]);
    assert_eq!(answer.media[1].formats().collect::<Vec<_>>(), ["96"]);
    assert_eq!(changes.stopped.len(), 1);
    // The first one of the group may be the one.
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &video("0", "VP9"), &audio("1")]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [0, 9]);
    assert_eq!(changes.transport.unwrap().index, 1);
    // All of them: there is nothing left to connect.
    let (_, answer, changes) = answered(&offer(&[&video("0", "VP9")]), both);
    assert_eq!(ports(&answer), [0]);
    assert!(changes.transport.is_none() && !answer.has(AttributeName::Group));
}

#[test]
fn no_direction_is_both_directions() {
    let (_, answer, changes) = answered(&offer(&[&audio("0")]), both);
    assert_eq!(answer.media[0].direction(), Some(Flow::Sendrecv));
    assert_eq!(changes.media[0].direction, SEND_RECV);
    // The session may say it for all.
    let sdp = offer(&["a=sendonly\r\n", &audio("0")]);
    let (_, _, changes) = answered(&sdp, both);
    assert_eq!(changes.media[0].direction, Direction::RecvOnly);
}

#[test]
fn lines_about_payload_types_that_are_not_there() {
    let extra =
        "a=fmtp:100 x=1\r\na=rtpmap:101 VP8/90000\r\na=rtcp-fb:102 nack\r\na=fmtp:abc x\r\n";
    let sdp = offer(&[&audio("0"), extra]);
    let (_, answer, _) = answered(&sdp, both);
    assert_eq!(answer.media[0].formats().collect::<Vec<_>>(), ["111"]);
    // A payload type that nothing explains is left out, but a static one needs no explanation.
    let sdp = sdp.replace("SAVPF 111", "SAVPF 77 0 111");
    let (_, answer, _) = answered(&sdp, both);
    assert_eq!(answer.media[0].formats().collect::<Vec<_>>(), ["0", "111"]);
}

#[test]
fn kinds_and_protocols_that_nobody_knows() {
    let text = "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:t\r\na=rtpmap:98 t140/1000\r\n";
    let odd = "m=audio 9 X-NEW/PROTO 1 2\r\na=mid:o\r\n";
    let image = "m=image 54111 udptl t38\r\na=mid:i\r\n";
    let sdp = offer(&["a=group:BUNDLE 0 t o i\r\n", text, odd, image, &audio("0")]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [0, 0, 0, 9]);
    assert_eq!(answer.media[2].formats().collect::<Vec<_>>(), ["t38"]);
    assert_eq!(changes.media.len(), 1);
}

#[test]
fn other_names_of_the_profile() {
    for protocol in [
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "RTP/AVP",
        "TCP/TLS/RTP/SAVPF",
    ] {
        let sdp = offer(&[&audio("0").replace("UDP/TLS/RTP/SAVPF", protocol)]);
        let (_, answer, _) = answered(&sdp, both);
        assert_eq!(
            (ports(&answer), answer.media[0].protocol()),
            (vec![9], protocol)
        );
    }
}

#[test]
fn bundle_only_sections_take_the_transport_of_the_first() {
    let only =
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\n";
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &audio("0"), only]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [9, 9]);
    assert_eq!(changes.media.len(), 2);
    // Even if the first is of no use otherwise.
    let opaque = audio("0").replace("opus", "speex");
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &opaque, only]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(ports(&answer), [0, 9]);
    assert_eq!(
        changes.transport.unwrap().remote_ice.username_fragment,
        "uuuu"
    );
}

#[test]
fn without_a_group_the_first_transport_is_used() {
    let other = video("1", "VP8").replace("uuuu", "vvvv");
    let (_, answer, changes) = answered(&offer(&[&audio("0"), &other]), both);
    assert_eq!(ports(&answer), [9, 0]);
    assert!(!answer.has(AttributeName::Group));
    assert_eq!(changes.media.len(), 1);
    // The same credentials are the same transport.
    let (_, answer, changes) = answered(&offer(&[&audio("0"), &video("1", "VP8")]), both);
    assert_eq!(ports(&answer), [9, 9]);
    assert_eq!(changes.media.len(), 2);
    // Two groups: the second one has to go.
    let groups = "a=group:BUNDLE 0\r\na=group:BUNDLE 1\r\n";
    let (_, answer, _) = answered(&offer(&[groups, &audio("0"), &other]), both);
    assert_eq!(ports(&answer), [9, 0]);
}

#[test]
fn sections_without_names() {
    let sdp = offer(&[&audio("0").replace("a=mid:0\r\n", "")]);
    let (mut side, answer, changes) = answered(&sdp, both);
    assert_eq!(
        (ports(&answer), answer.media[0].mid().unwrap()),
        (vec![9], None)
    );
    assert_eq!(changes.media[0].mid, "");
    assert!(side.transceivers().next().unwrap().mid().is_some());
    // The next offer of the same side finds its transceiver by the place.
    side.set_remote(&Description::offer(sdp)).unwrap();
    assert_eq!(side.transceivers().count(), 2);
}

#[test]
fn an_offer_in_the_manner_of_freeswitch() {
    let (_, answer, changes) = answered(&text("freeswitch-manner-offer"), both);
    assert_eq!(ports(&answer), [9]);
    assert_eq!(answer.media[0].formats().collect::<Vec<_>>(), ["8", "101"]);
    assert_eq!(changes.media[0].ptime, Some(20));
    assert_eq!(changes.transport.unwrap().remote_candidates.len(), 1);
}

#[test]
fn bandwidths_limit_what_is_sent() {
    for (line, bits) in [("b=TIAS:500000\r\n", 500_000), ("b=AS:1000\r\n", 934_000)] {
        let sdp = offer(&[&video("0", "VP8").replace("a=mid", &format!("{line}a=mid"))]);
        // `b=` stands before the attributes in a well-formed text; here it does not, and is read.
        let (_, _, changes) = answered(&sdp, both);
        assert_eq!(changes.media[0].max_bitrate, Some(bits));
    }
}

#[test]
fn without_rtcp_mux_there_is_no_way() {
    let sdp = offer(&[&audio("0").replace("a=rtcp-mux\r\n", "")]);
    assert_eq!(ports(&answered(&sdp, both).1), [0]);
    // In a group, the first section may say it for all.
    let bare = video("1", "VP8").replace("a=rtcp-mux\r\n", "");
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &audio("0"), &bare]);
    assert_eq!(ports(&answered(&sdp, both).1), [9, 9]);
}

#[test]
fn a_second_data_section_is_one_too_many() {
    let data = |mid: &str| {
        format!(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{}a=mid:{mid}\r\na=sctp-port:5000\r\n",
            credentials("uuuu")
        )
    };
    let sdp = offer(&["a=group:BUNDLE 0 1\r\n", &data("0"), &data("1")]);
    let (_, answer, changes) = answered(&sdp, |_| {});
    assert_eq!(ports(&answer), [9, 0]);
    // What is not said is 64 KiB.
    assert_eq!(changes.sctp.unwrap().remote.max_message_size, 65_536);
    let portless = data("0").replace("a=sctp-port:5000\r\n", "");
    assert_eq!(ports(&answered(&offer(&[&portless]), |_| {}).1), [0]);
}

#[test]
fn setup_that_is_not_said_means_active() {
    let sdp = offer(&[&audio("0").replace("a=setup:actpass\r\n", "")]);
    let (_, answer, changes) = answered(&sdp, both);
    assert_eq!(
        answer.media[0].first::<Setup>().unwrap(),
        Some(Setup::Passive)
    );
    assert_eq!(changes.transport.unwrap().dtls_role, DtlsRole::Server);
}

#[test]
fn unused_sections_do_not_need_what_used_ones_do() {
    let bare = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";
    let (_, answer, _) = answered(&offer(&[&audio("0"), bare]), both);
    assert_eq!(ports(&answer), [9, 0]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let good = offer(&[&audio("0")]);
    let cases = [
        (
            "a=ice-ufrag:uuuu\r\n",
            "",
            "line 5: the media section has no ice-ufrag, nor has the session",
        ),
        (
            "a=ice-pwd",
            "a=x-pwd",
            "line 5: the media section has no ice-pwd, nor has the session",
        ),
        (
            "a=fingerprint",
            "a=x",
            "line 5: the media section has no fingerprint, nor has the session",
        ),
        (
            "actpass",
            "holdconn",
            "line 5: setup: expected active, passive or actpass, found \"holdconn\"",
        ),
        (
            "a=setup:actpass",
            "a=setup:maybe",
            "line 9: role: expected active, passive, actpass or holdconn, found \"maybe\"",
        ),
        (
            "opus/48000/2",
            "opus",
            "line 12: rtpmap: expected encoding/clock rate, found \"opus\"",
        ),
        (
            "m=audio 9",
            "m=audio nine",
            "line 5: port: expected a port from 0 to 65535, found \"nine\"",
        ),
        (
            "v=0",
            "hello",
            "line 1: line: expected v=0, found \"hello\"",
        ),
        (
            "a=mid:0\r\n",
            "a=mid:0\r\na=candidate:x\r\n",
            "line 12: component-id: expected a number from 1 to 256, found \"\"",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(refused(&good.replace(from, to)), expected);
    }
    let twice = offer(&[&audio("0"), &audio("0")]);
    assert_eq!(
        refused(&twice),
        "line 13: another section has the mid \"0\" too"
    );
    let many = offer(&["m=x 0 y z\r\n".repeat(257).as_str()]);
    assert_eq!(refused(&many), "line 261: more than 256 media sections");
}

#[test]
fn what_a_peer_sends_is_kept_within_bounds() {
    let many: String = (0..1000)
        .map(|n| format!("a=candidate:1 1 udp 1 10.0.0.1 {n} typ host\r\na=ssrc:{n} cname:x\r\na=rid:r{n} send\r\n"))
        .collect();
    let (_, _, changes) = answered(&offer(&[&video("0", "VP8"), &many]), both);
    assert_eq!(changes.transport.unwrap().remote_candidates.len(), 64);
    assert_eq!(
        changes.media[0].receive.as_ref().unwrap().encodings.len(),
        16
    );
    assert_eq!(changes.media[0].kind, MediaKind::Video);
}

/// Found by fuzzing: the name that a nameless section got was that of another section.
#[test]
fn a_name_that_we_give_is_not_given_twice() {
    let nameless = audio("x").replace("a=mid:x\r\n", "");
    let sdp = offer(&[&nameless, &video("0", "VP8")]);
    let (mut side, _, _) = answered(&sdp, both);
    let offer = side.create_offer(&transport("mine")).unwrap();
    side.set_local(&offer).unwrap();
    let parsed = gannet_sdp::SessionDescription::parse(&offer.sdp).unwrap();
    let mids: Vec<_> = parsed
        .media
        .iter()
        .map(|media| media.mid().unwrap().unwrap())
        .collect();
    assert_eq!(mids, ["1", "0"]);
}

/// Lines that are said again and again, each of which concerns all codecs or all sections: an offer of a
/// megabyte must not cost a thousand times that.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn an_offer_that_repeats_itself_costs_little() {
    let codecs: String = (0..128)
        .map(|payload_type| format!("a=rtpmap:{payload_type} VP8/90000\r\n"))
        .collect();
    let all: Vec<_> = (0..128)
        .map(|payload_type| payload_type.to_string())
        .collect();
    let all = all.join(" ");
    let video = format!(
        "m=video 9 UDP/TLS/RTP/SAVPF {all}\r\n{}a=mid:0\r\n{codecs}{}",
        credentials("uuuu"),
        "a=rtcp-fb:* nack pli\r\n".repeat(50_000)
    );
    let extensions: String = (0..50_000)
        .map(|line| format!("a=extmap:{} u\r\n", line % 254 + 1))
        .collect();
    let sections: String = (0..200).map(|mid| audio(&mid.to_string())).collect();
    let streams: String = (0..60_000)
        .map(|line| format!("a=msid:{line} -\r\n"))
        .collect();
    for (what, sdp) in [
        ("streams", offer(&[&audio("0"), &streams])),
        ("feedback", offer(&[&video])),
        ("extensions", offer(&[&extensions, &sections])),
    ] {
        let mut side = jsep(3);
        let started = std::time::Instant::now();
        side.set_remote(&Description::offer(&sdp)).unwrap();
        let took = started.elapsed();
        assert!(took.as_secs() < 2, "{what}: {took:?}");
    }
}

/// Fingerprints are compared with those that were agreed on, each with each.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn thousands_of_fingerprints_cost_little() {
    let fingerprints = |first: u32| -> String {
        let line = |number: u32| {
            let [a, b, c, d] = number.to_be_bytes();
            let end = ["00"; 16].join(":");
            format!("a=fingerprint:sha-1 {a:02X}:{b:02X}:{c:02X}:{d:02X}:{end}\r\n")
        };
        (first..first + 24_000).map(line).collect()
    };
    let sections = |first: u32| {
        let own = audio("0");
        let (before, behind) = own.split_once("a=fingerprint").unwrap();
        let (_, behind) = behind.split_once("\r\n").unwrap();
        offer(&[&fingerprints(first), before, behind])
    };
    let started = std::time::Instant::now();
    let (mut side, ..) = answered(&sections(0), both);
    let other = side.set_remote(&Description::offer(sections(100_000)));
    let took = started.elapsed();
    assert!(other.is_err(), "another certificate, and no restart");
    assert!(took.as_secs() < 2, "{took:?}");
}
