//! A sender that goes on with another codec.

use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::{start, wall_clock_start};
use gannet_rtp::WallClock;
use gannet_rtp_payload::PayloadFormat;
use gannet_rtp_session::{
    CodecParameters, EncodedFrame, Feedback, MediaKind, RtpSession, SendParameters, SessionConfig,
    TransmitKind,
};

fn parameters(payload_type: u8, format: PayloadFormat) -> SendParameters {
    let codec = CodecParameters {
        payload_type,
        format,
        clock_rate: 90_000,
        rtx_payload_type: None,
    };
    let mut parameters = SendParameters::new(MediaKind::Video, 7, codec);
    parameters.feedback = Feedback::ALL;
    parameters
}

/// What the pacer still has keeps the payload type of the codec that made it; the numbers go on.
#[test]
fn queued_packets_stay_what_they_are() {
    let clock = WallClock::new(start(), wall_clock_start());
    let mut session = RtpSession::new(SessionConfig::new(clock, 1, "cname"));
    let mut now = start();
    let vp8 = parameters(96, PayloadFormat::Vp8);
    let sender = session.add_sender(now, vp8).unwrap();
    let frame = |first, len| EncodedFrame::new(Bytes::from(vec![first; len]), 0, true);
    session.send_frame(now, sender, frame(0, 50_000)).unwrap();
    let mut first = Vec::new();
    session.poll_transmit(now, &mut first).unwrap();
    let vp9 = parameters(98, PayloadFormat::Vp9);
    session.set_sender(now, sender, vp9).unwrap();
    // A frame marker, and no key frame.
    session.send_frame(now, sender, frame(0x86, 3_000)).unwrap();

    let mut sent = vec![first];
    for _ in 0..1000 {
        let mut packet = Vec::new();
        match session.poll_transmit(now, &mut packet) {
            Some(transmit) if transmit.kind == TransmitKind::Rtp => sent.push(packet),
            Some(_) => {}
            None => now += Duration::from_millis(1),
        }
    }
    let types: Vec<u8> = sent.iter().map(|packet| packet[1] & 0x7f).collect();
    let change = types.iter().position(|found| *found == 98).unwrap();
    // 50,000 octets take more than forty packets, 3,000 take three.
    assert!(change > 40, "{types:?}");
    assert!(types[..change].iter().all(|found| *found == 96));
    assert_eq!(types[change..], [98; 3]);
    for pair in sent.windows(2) {
        let number = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(number(&pair[1]), number(&pair[0]).wrapping_add(1));
    }
}
