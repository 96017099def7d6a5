//! What a peer may send that means harm, or is broken: it is counted and bounded, and nothing panics.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::{Prng, start};
use gannet_rtp::rtcp::{Dlrr, FirEntry, ReportBlock};
use gannet_rtp::{NtpTime, RtcpWriter, RtpHeader, RtpPacket, RtpWriter};
use gannet_rtp_session::{EncodedFrame, Event, MAX_EVENTS, RtpSession, SendError, TransmitKind};

use self::peer::{
    Endpoint, RTX_SSRC, VIDEO_SSRC, audio_receiver, session, video_receiver, video_sender,
    vp8_frame,
};

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

fn rtp(ssrc: u32, payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: sequence.is_multiple_of(3),
        payload_type,
        sequence_number: sequence.into(),
        timestamp: (u32::from(sequence) / 3 * 3000).into(),
        ssrc,
    };
    let mut bytes = Vec::new();
    RtpWriter::new(&mut bytes, &header).payload(payload);
    bytes
}

fn rtcp(write: impl FnOnce(&mut RtcpWriter<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut RtcpWriter::new(&mut bytes));
    bytes
}

/// All datagrams that may leave now, by kind.
fn sent(session: &mut RtpSession, now: Instant) -> (usize, usize) {
    let (mut media, mut control) = (0, 0);
    let mut buffer = Vec::new();
    while let Some(transmit) = session.poll_transmit(now, &mut buffer) {
        match transmit.kind {
            TransmitKind::Rtp => media += 1,
            TransmitKind::Rtcp => control += 1,
        }
        buffer.clear();
        assert!(media + control < 10_000);
    }
    (media, control)
}

fn busy_sender() -> RtpSession {
    let mut session = session(1);
    let sender = session.add_sender(start(), video_sender()).unwrap();
    for number in 0..10 {
        let frame = EncodedFrame::new(vp8_frame(number, None, 5000), number * 3000, true);
        session.send_frame(at(0), sender, frame).unwrap();
    }
    for ms in 0..1000 {
        sent(&mut session, at(ms));
    }
    while session.poll_event().is_some() {}
    session
}

#[test]
fn a_flood_of_nacks_is_answered_within_limits() {
    let mut session = busy_sender();
    let before = session.stats(at(1000)).outbound[0];
    assert_eq!(before.retransmitted_packets_sent, 0);
    let mut buffer = Vec::new();
    let sender = before.sender;
    let frame = EncodedFrame::new(vp8_frame(10, None, 50), 30_000, true);
    session.send_frame(at(1000), sender, frame).unwrap();
    session.poll_transmit(at(1000), &mut buffer).unwrap();
    let newest = RtpPacket::parse(&buffer).unwrap().sequence_number();
    let all = (0..200).rev().map(|ago| newest.minus(ago));
    let nack = rtcp(|writer| {
        writer.nack(9, VIDEO_SSRC, all, 16_000);
    });
    for step in 0..1000 {
        session.handle_rtcp(at(1000 + step), &nack);
        sent(&mut session, at(1000 + step));
    }
    let stats = session.stats(at(2000)).outbound[0];
    assert_eq!(stats.nack_count, 1000);
    // One second at 40 % of 2.5 Mbit/s, and at most a second's worth that had been saved.
    let bytes = stats.retransmitted_bytes_sent;
    assert!((50_000..260_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_flood_of_requests_asks_the_encoder_rarely() {
    let mut session = busy_sender();
    let mut asked = 0;
    for step in 0..1000 {
        let fir = [FirEntry {
            ssrc: VIDEO_SSRC,
            sequence: step as u8,
        }];
        let packet = rtcp(|writer| {
            writer.pli(9, VIDEO_SSRC);
            writer.fir(9, &fir);
            writer.pli(9, 77);
        });
        session.handle_rtcp(at(1000 + step), &packet);
        while let Some(event) = session.poll_event() {
            asked += usize::from(matches!(event, Event::KeyFrameRequested(_)));
        }
    }
    assert!((5..8).contains(&asked), "{asked}");
    // The same command again is the same command.
    let fir = rtcp(|writer| {
        writer.fir(
            9,
            &[FirEntry {
                ssrc: VIDEO_SSRC,
                sequence: 200,
            }],
        )
    });
    session.handle_rtcp(at(5000), &fir);
    session.handle_rtcp(at(6000), &fir);
    assert_eq!(session.stats(at(6000)).outbound[0].fir_count, 1001);
    assert!(session.poll_event().is_some());
    assert!(session.poll_event().is_none());
    // That of another source is another one.
    let entry = FirEntry {
        ssrc: VIDEO_SSRC,
        sequence: 200,
    };
    session.handle_rtcp(at(7000), &rtcp(|writer| writer.fir(10, &[entry])));
    assert!(session.poll_event().is_some());
}

#[test]
fn lies_about_time_and_loss_are_not_believed() {
    let mut session = busy_sender();
    let block = ReportBlock {
        ssrc: VIDEO_SSRC,
        fraction_lost: 255,
        cumulative_lost: i32::MAX,
        highest_sequence: u32::MAX,
        jitter: u32::MAX,
        last_sr: 1,
        delay_since_last_sr: u32::MAX,
    };
    for step in 0..100 {
        let packet = rtcp(|writer| {
            writer.receiver_report(
                9,
                &[
                    block,
                    ReportBlock {
                        highest_sequence: step * 7_777_777,
                        ..block
                    },
                ],
            );
            writer.delay_since_last_rr(
                9,
                &[Dlrr {
                    ssrc: VIDEO_SSRC,
                    last_rr: 5,
                    delay: 0,
                }],
            );
            writer.receiver_reference_time(step, NtpTime(u64::MAX));
            writer.remb(9, 0, &[VIDEO_SSRC]);
        });
        session.handle_rtcp(at(1000 + u64::from(step)), &packet);
    }
    let stats = session.stats(at(1100));
    assert_eq!(stats.transport.round_trip_time, None);
    assert_eq!(
        stats.transport.available_outgoing_bitrate, 50_000,
        "the least that was set"
    );
}

#[test]
fn events_that_nobody_takes_are_bounded() {
    let mut session = session(1);
    session.add_receiver(start(), audio_receiver()).unwrap();
    session.add_receiver(start(), video_receiver()).unwrap();
    for sequence in 0..30_000_u32 {
        session.handle_rtp(
            at(u64::from(sequence)),
            &rtp(5, 111, sequence as u16, &[1; 20]),
        );
        let frame = vp8_frame(sequence, sequence.checked_sub(1), 60);
        let packet = [&[0x10][..], &frame].concat();
        let mut bytes = rtp(6, 96, sequence as u16, &packet);
        bytes[1] |= 0x80;
        session.handle_rtp(at(u64::from(sequence)), &bytes);
    }
    let (mut count, mut last) = (0, None);
    while let Some(event) = session.poll_event() {
        count += 1;
        if let Event::Frame(frame) = event
            && frame.payload_type == 96
        {
            let (number, reference) = peer::read_vp8_frame(&frame.data);
            assert_eq!(reference, last, "no frame without what it refers to");
            last = Some(number);
        }
    }
    assert_eq!(count, MAX_EVENTS);
    // Behind the gap nothing can be decoded: a key frame was asked for.
    assert!(session.stats(at(30_000)).inbound[1].pli_count > 0);
}

// Sources that begin and end were not counted.
#[test]
fn sources_that_begin_again_and_again_are_bounded() {
    let mut session = session(1);
    session.add_receiver(start(), audio_receiver()).unwrap();
    let bye = rtcp(|writer| writer.bye(&[5], b""));
    for sequence in 0..10_000 {
        session.handle_rtp(at(0), &rtp(5, 111, sequence, &[]));
        session.handle_rtcp(at(0), &bye);
    }
    let dropped = session.stats(at(0)).transport.events_dropped;
    let count = std::iter::from_fn(|| session.poll_event()).count();
    assert_eq!(count, MAX_EVENTS);
    assert!(dropped > 5000, "{dropped}");
}

#[test]
fn an_encoder_that_makes_too_much_is_stopped() {
    let mut session = session(1);
    let sender = session.add_sender(start(), video_sender()).unwrap();
    let frame = || EncodedFrame::new(vp8_frame(0, None, 100_000), 0, true);
    let mut results = (0..100).map(|_| session.send_frame(at(0), sender, frame()));
    let full = results.find(Result::is_err);
    assert!(
        matches!(full, Some(Err(SendError::QueueFull(count))) if count > 3000),
        "{full:?}"
    );
    let mut events = std::iter::from_fn(|| session.poll_event());
    assert!(events.any(|event| matches!(event, Event::KeyFrameRequested(_))));
    session.remove_sender(at(1), sender);
    assert_eq!(session.stats(at(1)).transport.pacer_queue, 0);
    assert_eq!(
        session.send_frame(at(1), sender, frame()),
        Err(SendError::Removed)
    );
}

#[test]
fn noise_is_counted_and_dropped() {
    let mut end = Endpoint::new(1)
        .with_camera(video_sender(), Duration::ZERO)
        .with_video_receiver(video_receiver())
        .with_audio_receiver(audio_receiver());
    let mut random = Prng::new(5);
    let mut now = 0;
    for round in 0..30_000_u32 {
        now += random.below(30);
        let mut bytes = match random.below(4) {
            0 => rtp(
                RTX_SSRC,
                97,
                random.next_u64() as u16,
                &[0, 1, 0x10, 0x10, 0, 0],
            ),
            1 => rtp(
                round % 50,
                [96, 111, 97][round as usize % 3],
                random.next_u64() as u16,
                &[0x10; 30],
            ),
            2 => rtp(
                7,
                96,
                (round + random.below(40) as u32) as u16,
                &[0x10, 0x11, 0, 0, 9],
            ),
            _ => rtcp(|writer| {
                let arrivals = (0..20).map(|index| Some(index * 3000));
                let base = (random.next_u64() as u16).into();
                writer.transport_feedback(1, VIDEO_SSRC, base, 0, arrivals);
                writer.bye(&[7, round % 50], b"");
            }),
        };
        if random.chance(0.3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        bytes.truncate(random.below(200) as usize + 4);
        if random.chance(0.5) {
            end.session.handle_rtp(at(now), &bytes);
        } else {
            end.session.handle_rtcp(at(now), &bytes);
        }
        while end.session.poll_event().is_some() {}
        if random.chance(0.2) {
            end.session.handle_timeout(at(now));
            sent(&mut end.session, at(now));
        }
    }
    let stats = end.session.stats(at(now));
    assert!(stats.transport.malformed_rtp > 1000);
    assert!(stats.transport.malformed_rtcp > 1000);
    assert!(stats.transport.unroutable > 0);
}

#[test]
fn it_can_be_sent_to_another_thread_and_its_values_are_small() {
    fn sendable<T: Send + std::fmt::Debug>() {}
    sendable::<RtpSession>();
    sendable::<Event>();
    assert!(size_of::<Event>() <= 24, "{}", size_of::<Event>());
    assert!(
        size_of::<RtpSession>() <= 2048,
        "{}",
        size_of::<RtpSession>()
    );
    assert!(!format!("{:?}", session(1)).is_empty());
}

/// A few bytes of feedback speak of 65,535 packets: most of them were never sent, and cost nothing.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn feedback_on_packets_that_were_never_sent_is_cheap() {
    let mut session = busy_sender();
    sent(&mut session, at(0));
    // No packet arrived: runs of 8,191 of them.
    let mut feedback = vec![0x8f, 205, 0, 0, 0, 0, 0, 1];
    feedback.extend(VIDEO_SSRC.to_be_bytes());
    feedback.extend([0, 0, 0xff, 0xff, 0, 0, 0, 0]);
    for _ in 0..8 {
        feedback.extend([0x1f, 0xff]);
    }
    feedback.extend([0, 7, 0, 0]);
    let words = feedback.len() / 4 - 1;
    feedback[3] = words as u8;
    let datagram = feedback.repeat(1200 / feedback.len());
    let started = Instant::now();
    for number in 0..500 {
        session.handle_rtcp(at(10 + number), &datagram);
    }
    assert_eq!(session.stats(at(600)).transport.malformed_rtcp, 0);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}
