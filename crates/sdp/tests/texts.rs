//! Descriptions of real endpoints, byte for byte: Chromium 156, Firefox 153 and aiortc 1.16 were captured;
//! the files named `-manner-` were written in the manner of other endpoints.

use std::fs;
use std::path::Path;

use gannet_sdp::attribute::{
    Attribute, AttributeName, CandidateType, Direction, Extmap, Fingerprint, Group, IceOptions,
    IceUfrag, MaxMessageSize, Msid, Rid, RtcpXr, SctpInit, SctpPort, Sctpmap, Setup, Simulcast,
    SsrcGroup,
};
use gannet_sdp::fmtp::{H264, Profile, Rtx};
use gannet_sdp::{Section, SessionDescription};

fn texts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts");
    let mut texts: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    texts.sort();
    assert!(texts.len() > 30, "the texts are there");
    texts
}

fn text(name: &str) -> SessionDescription {
    let (_, text) = texts()
        .into_iter()
        .find(|(file, _)| file == name)
        .expect("a text");
    SessionDescription::parse(&text).unwrap()
}

fn sections(description: &SessionDescription) -> impl Iterator<Item = &Section> {
    let session: &Section = description;
    std::iter::once(session).chain(description.media.iter().map(|media| -> &Section { media }))
}

#[test]
fn each_is_written_as_it_was_read() {
    for (name, text) in texts() {
        let description =
            SessionDescription::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(description.to_string(), text, "{name}");
        let mut written = String::new();
        description.write(&mut written);
        assert_eq!(written, text, "{name}");
    }
}

#[test]
fn each_line_is_what_its_grammar_asks_for() {
    for (name, text) in texts() {
        let checked = SessionDescription::parse(&text).unwrap().check();
        checked.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// The typed form says all that the line says.
#[test]
fn each_typed_attribute_writes_its_line() {
    for (name, text) in texts() {
        let description = SessionDescription::parse(&text).unwrap();
        for attribute in sections(&description).flat_map(|section| section.attributes()) {
            let typed = attribute.typed().unwrap();
            let line = match attribute.value() {
                // Chromium's space before the semantic, and pion's after an empty parameter.
                Some(value) => format!("{}:{}", attribute.name(), value.trim()),
                None => attribute.name().to_owned(),
            };
            assert_eq!(
                typed.to_string().trim_end(),
                line,
                "{name}, line {}",
                attribute.line()
            );
        }
    }
}

/// What browsers write is typed, to the last line.
#[test]
fn nothing_that_browsers_write_is_unknown() {
    for (name, text) in texts() {
        if !name.starts_with("chromium") && !name.starts_with("firefox") {
            continue;
        }
        let description = SessionDescription::parse(&text).unwrap();
        for attribute in sections(&description).flat_map(|section| section.attributes()) {
            let typed = attribute.typed().unwrap();
            assert!(
                !matches!(typed, Attribute::Unknown { .. }),
                "{name}: {}",
                attribute.name()
            );
        }
    }
}

#[test]
fn what_a_chromium_offer_says() {
    let offer = text("chromium-offer");
    let origin = offer.origin().unwrap().unwrap();
    assert_eq!(
        (origin.session_id, origin.session_version),
        ("1582719345700878811", 2)
    );
    let group = offer.first::<Group>().unwrap().unwrap();
    assert_eq!(
        (group.semantics, &group.mids[..]),
        ("BUNDLE", &["0", "1", "2"][..])
    );
    assert!(offer.has(AttributeName::ExtmapAllowMixed));

    let [audio, video, data] = &offer.media[..] else {
        panic!("three sections")
    };
    assert_eq!((audio.media(), audio.port(), audio.line()), ("audio", 9, 8));
    assert_eq!(audio.protocol(), "UDP/TLS/RTP/SAVPF");
    assert_eq!(
        audio.payload_types().collect::<Vec<_>>(),
        [111, 63, 9, 0, 8, 13, 110, 126]
    );
    assert_eq!(audio.mid().unwrap(), Some("0"));
    assert_eq!(audio.direction(), Some(Direction::Sendrecv));
    assert_eq!(audio.first::<IceUfrag>().unwrap().unwrap().0, "HZ2J");
    assert_eq!(audio.first::<Setup>().unwrap(), Some(Setup::Actpass));
    assert_eq!(
        audio.first::<Fingerprint>().unwrap().unwrap().bytes().len(),
        32
    );
    assert_eq!(
        audio.first::<RtcpXr>().unwrap().unwrap().format("rcvr-rtt"),
        Some("all")
    );
    assert_eq!(audio.rtpmap(111).unwrap().channels(), 2);
    assert_eq!(audio.all::<Extmap>().count(), 4);
    assert_eq!(audio.connection().unwrap().unwrap().address, "0.0.0.0");

    let h264 = H264::parse(video.fmtp(108).unwrap().parameters).unwrap();
    assert_eq!(
        h264.profile_level_id.profile(),
        Profile::ConstrainedBaseline
    );
    assert_eq!(
        Rtx::parse(video.fmtp(109).unwrap().parameters).unwrap().apt,
        108
    );
    let feedback: Vec<_> = video.rtcp_fb(96).map(|fb| (fb.id, fb.parameter)).collect();
    assert_eq!(
        feedback,
        [
            ("goog-remb", None),
            ("transport-cc", None),
            ("ccm", Some("fir")),
            ("nack", None),
            ("nack", Some("pli"))
        ]
    );
    let fid = video.first::<SsrcGroup>().unwrap().unwrap();
    assert_eq!(
        (fid.semantics, &fid.ssrcs[..]),
        ("FID", &[3_128_569_629, 3_550_349_241][..])
    );
    assert_eq!(video.first::<Msid>().unwrap().unwrap().id, "-");

    assert_eq!(data.formats().collect::<Vec<_>>(), ["webrtc-datachannel"]);
    assert_eq!(data.first::<SctpPort>().unwrap(), Some(SctpPort(5000)));
    assert_eq!(
        data.first::<MaxMessageSize>().unwrap(),
        Some(MaxMessageSize(262_144))
    );
}

#[test]
fn what_others_say() {
    let firefox = text("firefox-offer");
    assert!(
        firefox
            .first::<IceOptions>()
            .unwrap()
            .unwrap()
            .contains("trickle")
    );
    let extmap: Extmap = firefox.media[0].all().nth(1).unwrap().unwrap();
    assert_eq!(extmap.direction, Some(Direction::Recvonly));

    let simulcast = text("firefox-simulcast-offer");
    let sent = simulcast.media[0]
        .first::<Simulcast>()
        .unwrap()
        .unwrap()
        .send;
    let rids: Vec<_> = simulcast.media[0]
        .all::<Rid>()
        .map(|rid| rid.unwrap().id)
        .collect();
    assert_eq!(
        sent.iter().map(|stream| stream[0].rid).collect::<Vec<_>>(),
        rids
    );

    let lite = text("ice-lite-manner-offer");
    assert!(lite.has(AttributeName::IceLite) && lite.has(AttributeName::Cryptex));
    // Feedback for all formats holds for each.
    assert_eq!(lite.media[1].rtcp_fb(101).count(), 3);
    assert_eq!(lite.media[1].rtcp_fb(102).count(), 2);
    let bandwidths: Vec<_> = lite.media[1].bandwidths().map(Result::unwrap).collect();
    assert_eq!(bandwidths[0].bits_per_second(), Some(3_000_000));

    let safari = text("safari-manner-offer");
    let relayed: Vec<_> = safari.media[0]
        .all::<gannet_sdp::attribute::Candidate>()
        .map(|candidate| candidate.unwrap().kind)
        .collect();
    let host = CandidateType::Host;
    assert_eq!(relayed, [host, CandidateType::ServerReflexive, host]);
    let map = safari.media[2].first::<Sctpmap>().unwrap().unwrap();
    assert_eq!((map.port, map.streams), (5000, Some(1024)));

    let snap = text("chromium-trials-av-data-offer-gathered");
    assert!(snap.media[2].first::<SctpInit>().unwrap().is_some());

    let old = text("every-line-type");
    assert_eq!(old.media[0].port_count(), Some(2));
    assert_eq!(old.timings().count(), 2);
    assert_eq!(old.values('r').count(), 2);
    assert_eq!(old.values('e').next(), Some("j.doe@example.com (Jane Doe)"));
    assert_eq!(old.media[2].payload_types().count(), 0);
}
