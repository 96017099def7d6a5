//! To which receiver packets go.

mod peer;

use std::time::Duration;

use gannet_netsim::start;
use gannet_rtp::extension::{ExtensionMap, Mid, RepairedRid, Rid};
use gannet_rtp::{RtpHeader, RtpWriter};
use gannet_rtp_session::{
    CodecParameters, Delivery, Event, MediaKind, ParameterError, ReceiveParameters, ReceiverId,
    RtpSession, SendParameters,
};

use self::peer::{OPUS, VP8, extensions, session};

#[derive(Clone, Copy, Default)]
struct Packet<'a> {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    mid: Option<&'a str>,
    rid: Option<&'a str>,
    repaired: Option<&'a str>,
    payload: &'a [u8],
}

impl Packet<'_> {
    fn bytes(&self, map: &ExtensionMap) -> Vec<u8> {
        let header = RtpHeader {
            marker: true,
            payload_type: self.payload_type,
            sequence_number: self.sequence.into(),
            timestamp: (u32::from(self.sequence) * 960).into(),
            ssrc: self.ssrc,
        };
        let mut bytes = Vec::new();
        let mut writer = RtpWriter::new(&mut bytes, &header);
        self.mid
            .map(|mid| writer.extension(map, &Mid::new(mid).unwrap()));
        self.rid
            .map(|rid| writer.extension(map, &Rid::new(rid).unwrap()));
        self.repaired
            .map(|rid| writer.extension(map, &RepairedRid::new(rid).unwrap()));
        let payload = if self.payload.is_empty() {
            &[1, 2, 3]
        } else {
            self.payload
        };
        writer.payload(payload);
        bytes
    }
}

fn receiver(kind: MediaKind, codec: CodecParameters, mid: Option<&str>) -> ReceiveParameters {
    let mut parameters = ReceiveParameters::new(kind, vec![codec]);
    parameters.mid = mid.map(Into::into);
    parameters.extensions = extensions();
    parameters.delivery = Delivery::Packets;
    parameters
}

fn add(session: &mut RtpSession, parameters: ReceiveParameters) -> ReceiverId {
    session.add_receiver(start(), parameters).unwrap()
}

/// Who gets it, if anybody.
fn goes_to(session: &mut RtpSession, at: u64, packet: Packet<'_>) -> Option<ReceiverId> {
    let now = start() + Duration::from_millis(at);
    session.handle_rtp(now, &packet.bytes(&extensions()));
    let mut found = None;
    while let Some(event) = session.poll_event() {
        if let Event::Packet(packet) = event {
            assert!(found.replace(packet.receiver).is_none());
        }
    }
    found
}

#[test]
fn by_mid_and_then_by_ssrc() {
    let mut session = session(1);
    let first = add(&mut session, receiver(MediaKind::Audio, OPUS, Some("a")));
    let second = add(&mut session, receiver(MediaKind::Audio, OPUS, Some("b")));
    let plain = Packet {
        ssrc: 7,
        payload_type: 111,
        sequence: 1,
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, plain), None, "two could take it");
    let named = Packet {
        mid: Some("b"),
        ..plain
    };
    assert_eq!(goes_to(&mut session, 0, named), Some(second));
    let next = Packet {
        sequence: 2,
        ..plain
    };
    assert_eq!(
        goes_to(&mut session, 0, next),
        Some(second),
        "the source is known now"
    );
    let unknown = Packet {
        ssrc: 8,
        mid: Some("c"),
        ..plain
    };
    assert_eq!(goes_to(&mut session, 0, unknown), None);
    let other = Packet {
        ssrc: 9,
        mid: Some("a"),
        ..plain
    };
    assert_eq!(goes_to(&mut session, 0, other), Some(first));
    assert_eq!(session.stats(start()).transport.unroutable, 2);
}

#[test]
fn by_a_payload_type_that_only_one_has() {
    let mut session = session(1);
    add(&mut session, receiver(MediaKind::Audio, OPUS, Some("a")));
    let video = add(&mut session, receiver(MediaKind::Video, VP8, None));
    let packet = Packet {
        ssrc: 7,
        payload_type: 96,
        sequence: 1,
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, packet), Some(video));
    let unknown = Packet {
        payload_type: 50,
        ssrc: 8,
        ..packet
    };
    assert_eq!(goes_to(&mut session, 0, unknown), None);
}

#[test]
fn by_an_ssrc_that_was_signalled() {
    let mut session = session(1);
    let mut parameters = receiver(MediaKind::Video, VP8, None);
    parameters.ssrc = Some(7);
    let first = add(&mut session, parameters.clone());
    parameters.ssrc = Some(8);
    let second = add(&mut session, parameters.clone());
    let packet = Packet {
        ssrc: 8,
        payload_type: 96,
        sequence: 1,
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, packet), Some(second));
    let packet = Packet { ssrc: 7, ..packet };
    assert_eq!(goes_to(&mut session, 0, packet), Some(first));
    let error = session
        .add_receiver(start(), parameters.clone())
        .unwrap_err();
    assert_eq!(error, ParameterError::SsrcTaken(8));
    session.remove_receiver(start(), second);
    assert!(session.add_receiver(start(), parameters).is_ok());
}

#[test]
fn streams_of_a_simulcast_by_rid_and_their_repairs_by_repaired_rid() {
    let mut session = session(1);
    let mut high = receiver(MediaKind::Video, VP8, Some("v"));
    let mut low = high.clone();
    (high.rid, low.rid) = (Some("h".into()), Some("l".into()));
    let (high, low) = (add(&mut session, high), add(&mut session, low));
    let packet = Packet {
        payload_type: 96,
        sequence: 1,
        mid: Some("v"),
        ..Packet::default()
    };
    assert_eq!(
        goes_to(&mut session, 0, Packet { ssrc: 1, ..packet }),
        None,
        "no RID yet"
    );
    let with = |ssrc, rid| Packet {
        ssrc,
        rid: Some(rid),
        ..packet
    };
    assert_eq!(goes_to(&mut session, 0, with(1, "l")), Some(low));
    assert_eq!(goes_to(&mut session, 0, with(2, "h")), Some(high));
    assert_eq!(
        goes_to(
            &mut session,
            0,
            Packet {
                sequence: 2,
                ..with(1, "l")
            }
        ),
        Some(low)
    );
    // Packet 3 of the low stream is lost, and comes as RTX: number 3, then its payload.
    assert_eq!(
        goes_to(
            &mut session,
            0,
            Packet {
                sequence: 4,
                ..with(1, "l")
            }
        ),
        Some(low)
    );
    let rtx = Packet {
        ssrc: 3,
        payload_type: 97,
        sequence: 1000,
        mid: Some("v"),
        repaired: Some("l"),
        payload: &[0, 3, 9, 9, 9],
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, rtx), Some(low));
    assert_eq!(
        goes_to(
            &mut session,
            0,
            Packet {
                sequence: 1001,
                ..rtx
            }
        ),
        None,
        "twice"
    );
    assert_eq!(
        session.stats(start()).inbound[1].retransmitted_packets_received,
        2
    );
}

#[test]
fn a_new_source_takes_over_when_the_old_one_is_silent() {
    let mut session = session(1);
    let id = add(&mut session, receiver(MediaKind::Audio, OPUS, Some("a")));
    let packet = Packet {
        ssrc: 1,
        payload_type: 111,
        sequence: 1,
        mid: Some("a"),
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, packet), Some(id));
    let other = Packet { ssrc: 2, ..packet };
    assert_eq!(goes_to(&mut session, 400, other), None);
    assert_eq!(goes_to(&mut session, 501, other), Some(id));
    let back = Packet {
        sequence: 2,
        ..packet
    };
    assert_eq!(goes_to(&mut session, 600, back), None);
}

#[test]
fn a_thousand_sources_do_not_fill_the_table() {
    let mut session = session(1);
    let mut parameters = receiver(MediaKind::Audio, OPUS, None);
    parameters.ssrc = Some(5);
    let id = add(&mut session, parameters);
    add(&mut session, receiver(MediaKind::Video, VP8, None));
    for ssrc in 100..3000 {
        let packet = Packet {
            ssrc,
            payload_type: 97,
            payload: &[0, 1, 2],
            ..Packet::default()
        };
        goes_to(&mut session, 0, packet);
    }
    let packet = Packet {
        ssrc: 5,
        payload_type: 111,
        sequence: 1,
        ..Packet::default()
    };
    assert_eq!(goes_to(&mut session, 0, packet), Some(id));
}

#[test]
fn wrong_parameters_are_refused() {
    let mut session = session(1);
    let now = start();
    let mut refused = |parameters| session.add_receiver(now, parameters).unwrap_err();
    let empty = ReceiveParameters::new(MediaKind::Audio, vec![]);
    assert_eq!(refused(empty), ParameterError::NoCodec);
    let twice = ReceiveParameters::new(MediaKind::Audio, vec![OPUS, OPUS]);
    assert_eq!(refused(twice), ParameterError::PayloadType(111));
    let still = CodecParameters {
        clock_rate: 0,
        ..OPUS
    };
    let still = ReceiveParameters::new(MediaKind::Audio, vec![still]);
    assert_eq!(refused(still), ParameterError::ClockRate(111));
    let error = refused(receiver(MediaKind::Audio, OPUS, Some("a b")));
    assert!(matches!(error, ParameterError::Identifier(_)), "{error}");

    let sender = SendParameters::new(MediaKind::Audio, 1, OPUS);
    assert!(session.add_sender(now, sender.clone()).is_ok());
    let error = session.add_sender(now, sender.clone()).unwrap_err();
    assert_eq!(error.to_string(), "SSRC 0x00000001 is in use");
    let mut short = sender;
    (short.ssrc, short.max_packet_size) = (2, 99);
    assert_eq!(
        session.add_sender(now, short),
        Err(ParameterError::PacketSize(99))
    );
}
