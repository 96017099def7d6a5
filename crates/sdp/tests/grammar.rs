//! Descriptions made from the grammars: what is written is read again, and says the same.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use gannet_sdp::attribute::{
    Attribute, AttributeName, Candidate, CandidateType, Direction, Extmap, Fingerprint, Fmtp,
    Group, HashFunction, IceOptions, IcePacing, IcePwd, IceUfrag, ImageAttr, ImageList, ImageSet,
    MaxMessageSize, MaxPtime, Mid, Msid, Ptime, RemoteCandidate, RemoteCandidates, Rid,
    RidDirection, Rtcp, RtcpFb, Rtpmap, SctpPort, Sctpmap, Setup, Simulcast, SimulcastFormat, Size,
    Ssrc, SsrcGroup, TlsId, Transport,
};
use gannet_sdp::{Connection, MediaDescription, MediaLine, Origin, SessionDescription};

/// Texts that typed values borrow from live as long as the test.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn token() -> impl Strategy<Value = &'static str> {
    "[a-zA-Z0-9!#$%&'*+.^_`{|}~-]{1,12}".prop_map(leak)
}

fn ice(range: &'static str) -> impl Strategy<Value = &'static str> {
    proptest::string::string_regex(&format!("[a-zA-Z0-9+/]{range}"))
        .unwrap()
        .prop_map(leak)
}

fn rid_id() -> impl Strategy<Value = &'static str> {
    "[a-zA-Z0-9_-]{1,8}".prop_map(leak)
}

fn byte_string() -> impl Strategy<Value = &'static str> {
    "[!-~äß€][ -~äß€]{0,30}".prop_map(leak)
}

fn address() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|address| leak(address.to_string())),
        any::<std::net::Ipv6Addr>().prop_map(|address| leak(address.to_string())),
        "[a-f0-9-]{8,36}\\.local".prop_map(leak),
    ]
}

fn payload_type() -> impl Strategy<Value = u8> {
    0..=127_u8
}

fn direction() -> impl Strategy<Value = Direction> {
    any::<(bool, bool)>().prop_map(|(send, receive)| Direction::new(send, receive))
}

fn candidate() -> impl Strategy<Value = Candidate<'static>> {
    let kind = prop_oneof![
        Just(CandidateType::Host),
        Just(CandidateType::ServerReflexive),
        Just(CandidateType::PeerReflexive),
        Just(CandidateType::Relayed),
        Just(CandidateType::Other("new")),
    ];
    let transport = prop_oneof![
        Just(Transport::Udp),
        Just(Transport::Tcp),
        Just(Transport::Other("UDP"))
    ];
    let extensions = vec(("x[a-z]{1,6}".prop_map(leak), token()), 0..4);
    let fixed = (
        ice("{1,32}"),
        1..=256_u16,
        transport,
        any::<u32>(),
        address(),
        any::<u16>(),
        kind,
    );
    (
        fixed,
        option::of(address()),
        option::of(any::<u16>()),
        extensions,
    )
        .prop_map(|(fixed, related_address, related_port, extensions)| {
            let (foundation, component, transport, priority, address, port, kind) = fixed;
            Candidate {
                foundation,
                component,
                transport,
                priority,
                address,
                port,
                kind,
                related_address,
                related_port,
                extensions,
            }
        })
}

fn ice_and_dtls() -> impl Strategy<Value = Attribute<'static>> {
    let remote = (1..=256_u16, address(), any::<u16>()).prop_map(|(component, address, port)| {
        RemoteCandidate {
            component,
            address,
            port,
        }
    });
    let setup = prop_oneof![
        Just(Setup::Active),
        Just(Setup::Passive),
        Just(Setup::Actpass),
        Just(Setup::Holdconn)
    ];
    prop_oneof![
        candidate().prop_map(Attribute::Candidate),
        ice("{4,40}").prop_map(|text| Attribute::IceUfrag(IceUfrag(text))),
        ice("{22,60}").prop_map(|text| Attribute::IcePwd(IcePwd(text))),
        vec(ice("{1,8}"), 1..4).prop_map(|options| Attribute::IceOptions(IceOptions(options))),
        any::<u32>().prop_map(|pacing| Attribute::IcePacing(IcePacing(pacing))),
        vec(remote, 1..3).prop_map(|list| Attribute::RemoteCandidates(RemoteCandidates(list))),
        any::<[u8; 32]>().prop_map(|hash| {
            let value = leak(hash.map(|byte| format!("{byte:02X}")).join(":"));
            Attribute::Fingerprint(Fingerprint {
                hash: HashFunction::Sha256,
                value,
            })
        }),
        setup.prop_map(Attribute::Setup),
        "[a-zA-Z0-9+/_-]{20,40}".prop_map(|text| Attribute::TlsId(TlsId(leak(text)))),
        Just(Attribute::IceLite),
        Just(Attribute::EndOfCandidates),
    ]
}

fn rtp() -> impl Strategy<Value = Attribute<'static>> {
    let parameters =
        option::of(1..=8_u8).prop_map(|channels| channels.map(|c| leak(c.to_string())));
    let rtpmap = (payload_type(), token(), any::<u32>(), parameters);
    let connection = option::of(address()).prop_map(|address| {
        address.map(|address| Connection {
            network_type: "IN",
            address_type: "IP4",
            address,
        })
    });
    let extmap = (
        1..=u16::MAX,
        option::of(direction()),
        "urn:[a-z:0-9]{1,20}",
        option::of(token()),
    );
    prop_oneof![
        rtpmap.prop_map(|(pt, name, clock, p)| Attribute::Rtpmap(Rtpmap::new(pt, name, clock, p))),
        (payload_type(), byte_string()).prop_map(|(pt, parameters)| {
            Attribute::Fmtp(Fmtp::new(leak(pt.to_string()), parameters))
        }),
        (option::of(payload_type()), token(), option::of(token())).prop_map(
            |(payload_type, id, parameter)| {
                Attribute::RtcpFb(RtcpFb {
                    payload_type,
                    id,
                    parameter,
                })
            }
        ),
        (any::<u16>(), connection)
            .prop_map(|(port, connection)| Attribute::Rtcp(Rtcp { port, connection })),
        extmap.prop_map(|(id, direction, uri, attributes)| {
            Attribute::Extmap(Extmap {
                id,
                direction,
                uri: leak(uri),
                attributes,
            })
        }),
        any::<u32>().prop_map(|time| Attribute::Ptime(Ptime(time))),
        any::<u32>().prop_map(|time| Attribute::MaxPtime(MaxPtime(time))),
        (any::<u32>(), token(), option::of(byte_string())).prop_map(|(ssrc, attribute, value)| {
            Attribute::Ssrc(Ssrc {
                ssrc,
                attribute,
                value,
            })
        }),
        (token(), vec(any::<u32>(), 0..4))
            .prop_map(|(semantics, ssrcs)| Attribute::SsrcGroup(SsrcGroup { semantics, ssrcs })),
        Just(Attribute::RtcpMux),
        Just(Attribute::RtcpRsize),
    ]
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        (1..10_000_u32).prop_map(Size::One),
        vec(1..10_000_u32, 2..4).prop_map(Size::List),
        (1..10_000_u32, option::of(1..100_u32), 1..10_000_u32)
            .prop_map(|(from, step, to)| Size::Range { from, step, to }),
    ]
}

fn image_list() -> impl Strategy<Value = ImageList<'static>> {
    let others = vec(
        prop_oneof![
            Just(("q", "0.6")),
            Just(("par", "[1.2-1.3]")),
            Just(("sar", "[1.1,1.3]"))
        ],
        0..3,
    );
    let set = (size(), size(), others).prop_map(|(x, y, others)| ImageSet { x, y, others });
    prop_oneof![
        Just(ImageList::Any),
        vec(set, 1..3).prop_map(ImageList::Sets)
    ]
}

fn streams() -> impl Strategy<Value = Attribute<'static>> {
    let format =
        || (rid_id(), any::<bool>()).prop_map(|(rid, paused)| SimulcastFormat { rid, paused });
    let list = move || vec(vec(format(), 1..3), 1..4);
    let simulcast = prop_oneof![
        list().prop_map(|send| Simulcast { send, recv: vec![] }),
        list().prop_map(|recv| Simulcast { send: vec![], recv }),
        (list(), list()).prop_map(|(send, recv)| Simulcast { send, recv }),
    ];
    let restriction = (
        "max-[a-z]{2,5}".prop_map(leak),
        option::of("[0-9]{1,4}".prop_map(leak)),
    );
    let way = prop_oneof![Just(RidDirection::Send), Just(RidDirection::Recv)];
    let rid = (
        rid_id(),
        way,
        vec(payload_type(), 0..3),
        vec(restriction, 0..3),
    );
    let image = (
        option::of(payload_type()),
        image_list(),
        option::of(image_list()),
    );
    prop_oneof![
        token().prop_map(|mid| Attribute::Mid(Mid(mid))),
        (token(), vec(token(), 0..4))
            .prop_map(|(semantics, mids)| Attribute::Group(Group { semantics, mids })),
        (token(), option::of(token()))
            .prop_map(|(id, appdata)| Attribute::Msid(Msid { id, appdata })),
        simulcast.prop_map(Attribute::Simulcast),
        rid.prop_map(|(id, direction, payload_types, restrictions)| {
            Attribute::Rid(Rid {
                id,
                direction,
                payload_types,
                restrictions,
            })
        }),
        image.prop_map(|(payload_type, send, recv)| {
            Attribute::ImageAttr(ImageAttr {
                payload_type,
                send: Some(send),
                recv,
            })
        }),
        any::<u16>().prop_map(|port| Attribute::SctpPort(SctpPort(port))),
        any::<u64>().prop_map(|size| Attribute::MaxMessageSize(MaxMessageSize(size))),
        (any::<u16>(), token(), option::of(any::<u32>())).prop_map(
            |(port, application, streams)| {
                Attribute::Sctpmap(Sctpmap {
                    port,
                    application,
                    streams,
                })
            }
        ),
        ("x-[a-z]{1,8}", option::of(byte_string())).prop_map(|(name, value)| Attribute::Unknown {
            name: leak(name),
            value
        }),
        Just(Attribute::BundleOnly),
        Just(Attribute::Sendonly),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute<'static>> {
    prop_oneof![ice_and_dtls(), rtp(), streams()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Built, written, read: the same lines, the same typed values in the same order, the same text.
    #[test]
    fn what_is_built_is_read_again(
        session in vec(attribute(), 0..6),
        media in vec((token(), any::<u16>(), vec(token(), 1..5), vec(attribute(), 0..12)), 0..4),
        version in any::<u64>(),
        crlf in any::<bool>(),
    ) {
        let origin = Origin {
            username: "-", session_id: "7", session_version: version,
            network_type: "IN", address_type: "IP4", unicast_address: "0.0.0.0",
        };
        let mut built = SessionDescription::new(&origin);
        for attribute in &session {
            built.push_attribute(attribute);
        }
        for (kind, port, formats, attributes) in &media {
            let line = MediaLine {
                media: kind, port: *port, port_count: None,
                protocol: "UDP/TLS/RTP/SAVPF", formats: formats.clone(),
            };
            let mut section = MediaDescription::new(&line);
            for attribute in attributes {
                section.push_attribute(attribute);
            }
            built.push_media(section);
        }
        let text = built.to_string();
        let sent = if crlf { text.clone() } else { text.replace("\r\n", "\n") };
        let parsed = SessionDescription::parse(&sent).unwrap();
        prop_assert_eq!(&parsed, &built);
        prop_assert_eq!(parsed.to_string(), text);
        prop_assert_eq!(parsed.check(), Ok(()));
        prop_assert_eq!(parsed.origin().unwrap(), Some(origin));
        let typed: Vec<_> = parsed.attributes().map(|a| a.typed().unwrap()).collect();
        prop_assert_eq!(typed, session);
        for (parsed, (kind, port, formats, attributes)) in parsed.media.iter().zip(&media) {
            prop_assert_eq!((parsed.media(), parsed.port()), (*kind, *port));
            prop_assert_eq!(&parsed.formats().collect::<Vec<_>>(), formats);
            let typed: Vec<_> = parsed.attributes().map(|a| a.typed().unwrap()).collect();
            prop_assert_eq!(&typed, attributes);
        }
    }

    /// Any text is read or refused, and what is read is written as it was.
    #[test]
    fn any_lines_are_read_or_refused(
        lines in vec(prop_oneof![
            "[a-z]=[ -~]{0,40}",
            "a=(candidate|rtpmap|fmtp|imageattr|simulcast|rid|extmap|ssrc|group|rtcp):[ -~]{0,40}",
            "m=[a-z]{1,5} [0-9]{1,6} [A-Z/]{1,8} [0-9 ]{0,8}",
        ], 0..20),
    ) {
        let text = format!("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(parsed) = SessionDescription::parse(&text) {
            // A blank line can only stand at the end, where it is none.
            let written = parsed.to_string();
            prop_assert_eq!(written.trim_end(), text.trim_end());
            let _ = parsed.check();
        }
    }
}

#[test]
fn each_name_is_found_by_its_text() {
    for name in AttributeName::ALL {
        assert_eq!(AttributeName::from_name(name.as_str()), Some(*name));
        assert_eq!(
            AttributeName::from_name(&name.as_str().to_uppercase()),
            None
        );
    }
    assert_eq!(AttributeName::from_name("x-unknown"), None);
}
