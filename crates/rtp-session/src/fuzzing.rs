//! Bodies of the fuzz targets.

use std::time::{Duration, Instant, SystemTime};

use gannet_rtp::extension::{ExtensionKind, ExtensionMap, TransportSequence};
use gannet_rtp::{PacketKind, RtcpWriter, RtpPacket, WallClock, classify};
use gannet_rtp_payload::PayloadFormat;
use gannet_wire::Serial16;

use crate::{
    BitrateLimits, CodecParameters, Delivery, EncodedFrame, Event, Feedback, MAX_EVENTS, MediaKind,
    ReceiveParameters, RtpSession, SendParameters, SenderId, SessionConfig, TransmitKind,
};

const VIDEO: CodecParameters = CodecParameters {
    payload_type: 96,
    format: PayloadFormat::Vp8,
    clock_rate: 90_000,
    rtx_payload_type: Some(97),
};

const AUDIO: CodecParameters = CodecParameters {
    payload_type: 111,
    format: PayloadFormat::Opus,
    clock_rate: 48_000,
    rtx_payload_type: None,
};

/// Packets and commands, with time between them. Each command is a byte; packets are preceded by their
/// length. The numbers of the packets that were sent are low, so that feedback meets them; one command answers them.
pub fn rtp_session_packets(mut input: &[u8]) {
    let (mut session, senders) = new_session();
    let origin = start();
    let mut now = origin;
    let mut buffer = Vec::new();
    let mut frames = 0_u32;
    let mut sent = Vec::new();
    while let Some((command, rest)) = input.split_first() {
        input = rest;
        match command >> 4 {
            0..8 => {
                let len = usize::from(command & 0x7f).min(input.len());
                let (packet, rest) = input.split_at(len);
                input = rest;
                match classify(packet) {
                    PacketKind::Rtcp => session.handle_rtcp(now, packet),
                    _ => session.handle_rtp(now, packet),
                }
            }
            8..10 => now += Duration::from_millis(u64::from(command & 0x1f)),
            10 => now += Duration::from_millis(u64::from(command & 0x0f) * 100),
            11 => {
                let sender = senders[usize::from(command & 1)];
                let key = command & 2 != 0;
                let mut data = vec![if key { 0x10 } else { 0x11 }];
                data.resize(1 + 400 * usize::from(command >> 2 & 3), frames as u8);
                let frame = EncodedFrame::new(data.into(), frames * 3000, key);
                // What does not fit is refused.
                let _ = session.send_frame(now, sender, frame);
                frames += 1;
            }
            12 => session.handle_timeout(now),
            13 => while session.poll_event().is_some() {},
            14 => {
                let (arrivals, rest) = input.split_at(input.len().min(usize::from(command & 0x0f)));
                input = rest;
                answer(&mut session, now - origin, now, &mut sent, arrivals);
            }
            _ => transmit(&mut session, now, &mut buffer, &mut sent),
        }
        if let Some(next) = session.poll_timeout().filter(|_| command & 1 == 0)
            && next < now + Duration::from_millis(200)
        {
            now = now.max(next);
            session.handle_timeout(now);
            transmit(&mut session, now, &mut buffer, &mut sent);
        }
    }
    check_end(session, now);
}

#[allow(
    clippy::disallowed_methods,
    reason = "any instant will do, and it is used as an origin only"
)]
fn start() -> Instant {
    Instant::now()
}

fn new_session() -> (RtpSession, [SenderId; 2]) {
    let now = start();
    let clock = WallClock::new(now, SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
    let mut session = RtpSession::new(SessionConfig::new(clock, 1, "fuzz"));
    let extensions = extensions();
    let mut receive = |kind, codec, mid: &str, delivery, remb: bool| {
        let mut parameters = ReceiveParameters::new(kind, vec![codec]);
        parameters.mid = Some(mid.into());
        parameters.extensions = extensions.clone();
        parameters.delivery = delivery;
        parameters.feedback = Feedback {
            transport_cc: !remb,
            ..Feedback::ALL
        };
        session
            .add_receiver(now, parameters)
            .expect("the parameters are right");
    };
    receive(MediaKind::Video, VIDEO, "v", Delivery::Frames, false);
    receive(MediaKind::Video, VIDEO, "p", Delivery::Packets, true);
    receive(MediaKind::Audio, AUDIO, "a", Delivery::Frames, false);
    receive(
        MediaKind::Video,
        VIDEO,
        "b",
        Delivery::PacketsAndFrames,
        false,
    );
    let mut send = |kind, ssrc, codec| {
        let mut parameters = SendParameters::new(kind, ssrc, codec);
        parameters.extensions = extensions.clone();
        parameters.feedback = Feedback::ALL;
        parameters.rtx_ssrc = codec.rtx_payload_type.map(|_| ssrc + 1);
        session
            .add_sender(now, parameters)
            .expect("the parameters are right")
    };
    let senders = [
        send(MediaKind::Video, 1, VIDEO),
        send(MediaKind::Audio, 3, AUDIO),
    ];
    (session, senders)
}

fn extensions() -> ExtensionMap {
    let mut extensions = ExtensionMap::new();
    for (id, kind) in (1..).zip([
        ExtensionKind::AudioLevel,
        ExtensionKind::AbsoluteSendTime,
        ExtensionKind::TransportSequence,
        ExtensionKind::Mid,
        ExtensionKind::Rid,
        ExtensionKind::RepairedRid,
    ]) {
        extensions
            .insert(id, kind)
            .expect("each identifier is used once");
    }
    extensions
}

/// Feedback on what was sent: each packet arrived so many ticks after the one before it, over and over, or, for
/// the highest byte, not at all. The estimate stays within its bounds.
fn answer(
    session: &mut RtpSession,
    elapsed: Duration,
    now: Instant,
    sent: &mut Vec<u16>,
    steps: &[u8],
) {
    let Some(first) = sent.first().copied() else {
        return;
    };
    let mut arrival = elapsed.as_micros() as i64 / 250;
    let mut steps = steps.iter().cycle();
    let arrivals = sent.drain(..).take(300).map(|_| {
        let step = steps.next().copied().unwrap_or(10);
        // Some of them backwards.
        arrival += i64::from(step.cast_signed());
        (step != u8::MAX).then_some(arrival.max(0))
    });
    let arrivals: Vec<Option<i64>> = arrivals.collect();
    let mut datagram = Vec::new();
    RtcpWriter::new(&mut datagram).transport_feedback(
        9,
        1,
        Serial16(first),
        0,
        arrivals.iter().copied(),
    );
    session.handle_rtcp(now, &datagram);
    let bitrate = session.stats(now).transport.available_outgoing_bitrate;
    let limits = BitrateLimits::default();
    assert!((limits.min..=limits.max).contains(&bitrate), "{bitrate}");
}

/// What leaves is well-formed, and not without end.
fn transmit(session: &mut RtpSession, now: Instant, buffer: &mut Vec<u8>, sent: &mut Vec<u16>) {
    for _ in 0..10_000 {
        buffer.clear();
        let Some(transmit) = session.poll_transmit(now, buffer) else {
            return;
        };
        assert_eq!(transmit.len, buffer.len());
        assert!(transmit.len <= 1200);
        match transmit.kind {
            TransmitKind::Rtp => {
                let packet = RtpPacket::parse(buffer).expect("it is an RTP packet");
                let number = packet.extension::<TransportSequence>(&extensions());
                sent.extend(number.map(|number| number.0));
            }
            TransmitKind::Rtcp => {
                gannet_rtp::rtcp::check_compound(buffer, true).expect("it is an RTCP packet");
            }
        }
    }
    panic!("the session sends without end");
}

/// Whatever happened: timeouts make progress, events are bounded, and after the end there is nothing to do.
fn check_end(mut session: RtpSession, mut now: Instant) {
    let (mut buffer, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        let Some(next) = session.poll_timeout() else {
            break;
        };
        now = now.max(next);
        session.handle_timeout(now);
        transmit(&mut session, now, &mut buffer, &mut sent);
        let after = session.poll_timeout();
        assert!(
            after.is_none_or(|after| after > now),
            "the timeout makes no progress"
        );
    }
    let count = std::iter::from_fn(|| session.poll_event())
        .filter(|event| !matches!(event, Event::KeyFrameRequested(_)))
        .count();
    assert!(count <= MAX_EVENTS);
    let _ = session.stats(now);
    session.close(now);
    transmit(&mut session, now, &mut buffer, &mut sent);
    assert_eq!(session.poll_timeout(), None, "the end");
    session.handle_timeout(now + Duration::from_secs(10));
}
