//! Feedback in its forms: with and without RTX, PLI or FIR, compound or reduced-size, REMB; and packets
//! that are forwarded.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::{LinkConfig, Pair, start, wall_clock_start};
use gannet_rtp::rtcp::{RtcpPacket, check_compound, packets};
use gannet_rtp::{RtpPacket, WallClock};
use gannet_rtp_payload::{
    NumberShift, PacketizationMode, PayloadFormat, PayloadHead, RunningNumbers,
};
use gannet_rtp_session::{
    BitrateLimits, CodecParameters, Delivery, EncodedFrame, Event, Feedback, ForwardedPacket,
    ReceiveParameters, RtpSession, SendError, SendParameters, SessionConfig, TransmitKind,
};
use gannet_wire::Serial32;

use self::peer::{Endpoint, VIDEO_SSRC, VP8, session, video_receiver, video_sender, vp8_frame};

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

/// What may leave now: packets, and RTCP datagrams.
fn drain(session: &mut RtpSession, now: Instant) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut media, mut control) = (Vec::new(), Vec::new());
    let mut buffer = Vec::new();
    while let Some(transmit) = session.poll_transmit(now, &mut buffer) {
        match transmit.kind {
            TransmitKind::Rtp => media.push(std::mem::take(&mut buffer)),
            TransmitKind::Rtcp => control.push(std::mem::take(&mut buffer)),
        }
    }
    (media, control)
}

/// Runs 20 s over a line with 3 % loss, with other parameters.
fn call(
    change_sender: impl FnOnce(&mut SendParameters),
    change_receiver: impl FnOnce(&mut ReceiveParameters),
) -> Pair<Endpoint, Endpoint> {
    let (mut sender, mut receiver) = (video_sender(), video_receiver());
    change_sender(&mut sender);
    change_receiver(&mut receiver);
    let a = Endpoint::new(1).with_camera(sender, Duration::from_secs(20));
    let b = Endpoint::new(2).with_video_receiver(receiver);
    let line = LinkConfig::new()
        .delay(Duration::from_millis(20))
        .loss(0.03);
    let mut pair = Pair::new(3, a, b).link(line);
    pair.run_for(Duration::from_secs(21));
    pair
}

#[test]
fn without_rtx_the_packet_itself_is_sent_again() {
    let pair = call(
        |sender| {
            sender.rtx_ssrc = None;
            sender.codec.rtx_payload_type = None;
        },
        |receiver| receiver.codecs[0].rtx_payload_type = None,
    );
    assert!(pair.b.video.frames.len() > 595);
    assert!(pair.b.longest_gap() < Duration::from_millis(300));
    let sent = pair.a.session.stats(pair.now()).outbound[0];
    assert!(sent.retransmitted_packets_sent > 30);
}

/// One that sends, one that receives, and the packets of a key frame in three packets.
fn key_frame_in_three() -> (RtpSession, RtpSession, Vec<Vec<u8>>) {
    let (mut a, mut b) = (session(1), session(2));
    let sender = a.add_sender(at(0), video_sender()).unwrap();
    b.add_receiver(at(0), video_receiver()).unwrap();
    let frame = EncodedFrame::new(vp8_frame(0, None, 3000), 0, true);
    a.send_frame(at(0), sender, frame).unwrap();
    let (packets, _) = drain(&mut a, at(0));
    assert_eq!(packets.len(), 3);
    (a, b, packets)
}

fn requests(datagrams: &[Vec<u8>]) -> (Vec<u16>, usize) {
    let (mut missing, mut pictures) = (Vec::new(), 0);
    for packet in datagrams.iter().flat_map(|datagram| packets(datagram)) {
        match packet.unwrap() {
            RtcpPacket::Nack(nack) => {
                missing.extend(nack.sequence_numbers().map(|number| number.0))
            }
            RtcpPacket::Pli(_) => pictures += 1,
            _ => {}
        }
    }
    (missing, pictures)
}

#[test]
fn the_beginning_of_a_stream_is_asked_for_if_it_is_lost() {
    let (mut a, mut b, packets) = key_frame_in_three();
    for packet in &packets[1..] {
        b.handle_rtp(at(40), packet);
    }
    let (_, feedback) = drain(&mut b, at(40));
    let (missing, pictures) = requests(&feedback);
    // Whether there is a beginning to be had is not known: both are tried.
    assert_eq!((missing.len(), pictures), (17, 1));
    for datagram in &feedback {
        a.handle_rtcp(at(80), datagram);
    }
    let (answer, _) = drain(&mut a, at(80));
    assert_eq!(answer.len(), 1, "nothing else was ever sent");
    b.handle_rtp(at(120), &answer[0]);
    let frames = std::iter::from_fn(|| b.poll_event())
        .filter(|event| matches!(event, Event::Frame(frame) if frame.keyframe && frame.lost == 0));
    assert_eq!(frames.count(), 1);
    // What was never sent is not asked for any more.
    b.handle_timeout(at(400));
    let (_, feedback) = drain(&mut b, at(400));
    assert_eq!(requests(&feedback), (vec![], 0));
}

#[test]
fn the_last_packet_before_a_pause_is_sent_again_until_it_arrives() {
    let (mut a, mut b, packets) = key_frame_in_three();
    b.handle_rtp(at(40), &packets[0]);
    assert_eq!(
        b.poll_event().map(|event| event_name(&event)),
        Some("SourceStarted")
    );
    // Nothing shows `b` that two packets are missing. 100 ms are taken for the round trip.
    assert_eq!(a.poll_timeout(), Some(at(325)));
    a.handle_timeout(at(325));
    let (again, _) = drain(&mut a, at(325));
    assert_eq!(again.len(), 1);
    b.handle_rtp(at(365), &again[0]);
    let (_, feedback) = drain(&mut b, at(365));
    assert_eq!(requests(&feedback).0.len(), 1, "the one before it");
    feedback
        .iter()
        .for_each(|datagram| a.handle_rtcp(at(405), datagram));
    let (again, _) = drain(&mut a, at(405));
    b.handle_rtp(at(445), &again[0]);
    assert_eq!(
        b.poll_event().map(|event| event_name(&event)),
        Some("Frame")
    );
    // Now feedback says that it arrived.
    b.handle_timeout(at(500));
    let (_, feedback) = drain(&mut b, at(500));
    feedback
        .iter()
        .for_each(|datagram| a.handle_rtcp(at(540), datagram));
    for now in 541..3000 {
        a.handle_timeout(at(now));
        assert_eq!(drain(&mut a, at(now)).0.len(), 0, "at {now} ms");
    }
}

fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Frame(_) => "Frame",
        Event::SourceStarted { .. } => "SourceStarted",
        _ => "other",
    }
}

/// A key frame is asked for when retransmissions fail again and again, and before the wait is over.
#[test]
fn a_hole_is_left_to_retransmissions_for_five_tries() {
    let (mut a, mut b, packets) = key_frame_in_three();
    for packet in &packets {
        b.handle_rtp(at(0), packet);
    }
    let sender = a.stats(at(0)).outbound[0].sender;
    let frame = EncodedFrame::new(vp8_frame(1, Some(0), 3000), 3000, false);
    a.send_frame(at(33), sender, frame).unwrap();
    let (packets, _) = drain(&mut a, at(33));
    b.handle_rtp(at(33), &packets[0]);
    b.handle_rtp(at(33), &packets[2]);
    let (mut tries, mut asked) = (Vec::new(), Vec::new());
    for now in 33..1033 {
        b.handle_timeout(at(now));
        let (missing, pictures) = requests(&drain(&mut b, at(now)).1);
        tries.extend((!missing.is_empty()).then_some(now - 33));
        asked.extend((pictures > 0).then_some(now - 33));
    }
    // 100 ms are taken for the round trip until it is known.
    assert_eq!(tries[..6], [0, 130, 260, 390, 520, 650]);
    assert_eq!(asked, [650, 950]);
}

#[test]
fn without_nack_every_loss_costs_a_key_frame() {
    let without = Feedback {
        nack: false,
        pli: false,
        ..Feedback::ALL
    };
    let pair = call(
        |sender| sender.feedback = without,
        |receiver| receiver.feedback = without,
    );
    let (sent, received) = (
        pair.a.session.stats(pair.now()),
        pair.b.session.stats(pair.now()),
    );
    assert_eq!(sent.outbound[0].nack_count + sent.outbound[0].pli_count, 0);
    assert!(sent.outbound[0].fir_count > 5, "{:?}", sent.outbound[0]);
    assert!(received.inbound[0].frames_dropped > 10);
    assert!(
        pair.b.video.frames.len() > 100,
        "{}",
        pair.b.video.frames.len()
    );
}

#[test]
fn a_receiver_without_transport_feedback_sends_remb() {
    let remb = Feedback {
        transport_cc: false,
        ..Feedback::ALL
    };
    let (mut sender, mut receiver) = (video_sender(), video_receiver());
    (sender.feedback, receiver.feedback) = (remb, remb);
    let a = Endpoint::new(1).with_camera(sender, Duration::from_secs(30));
    let b = Endpoint::new(2).with_video_receiver(receiver);
    let narrow = LinkConfig::new()
        .delay(Duration::from_millis(20))
        .rate(600_000)
        .queue(60_000);
    let mut pair = Pair::new(3, a, b).a_to_b(narrow).b_to_a(LinkConfig::new());
    pair.run_for(Duration::from_secs(31));
    let bitrate = pair.a.camera.as_ref().unwrap().bitrate;
    assert!((200_000..700_000).contains(&bitrate), "{bitrate}");
}

#[test]
fn feedback_is_compound_where_it_must_be() {
    for reduced_size in [false, true] {
        let clock = WallClock::new(start(), wall_clock_start());
        let mut config = SessionConfig::new(clock, 1, "cname");
        config.reduced_size = reduced_size;
        let mut receiver = RtpSession::new(config);
        receiver.add_receiver(start(), video_receiver()).unwrap();
        let mut sender = session(2);
        let id = sender.add_sender(start(), video_sender()).unwrap();
        let frame = EncodedFrame::new(vp8_frame(1, None, 20_000), 0, true);
        sender.send_frame(start(), id, frame).unwrap();
        let mut count = 0;
        for ms in 0..200 {
            for packet in drain(&mut sender, at(ms)).0 {
                count += 1;
                if count != 5 {
                    receiver.handle_rtp(at(ms), &packet);
                }
            }
            receiver.handle_timeout(at(ms));
            for datagram in drain(&mut receiver, at(ms)).1 {
                let strict = check_compound(&datagram, false);
                assert!(reduced_size || strict.is_ok(), "{strict:?}");
                let first = packets(&datagram).next().unwrap().unwrap();
                if matches!(first, RtcpPacket::TransportFeedback(_)) {
                    assert!(reduced_size);
                }
            }
        }
        assert!(count > 10);
        assert!(receiver.stats(at(200)).inbound[0].nack_count > 0);
    }
}

/// A driver that was late hands over packets with the times at which they came, though the session heard of a later
/// time already.
#[test]
fn packets_are_reported_at_their_own_times_even_when_the_session_is_ahead() {
    let mut sender = session(1);
    let id = sender.add_sender(start(), video_sender()).unwrap();
    let mut receiver = session(2);
    receiver.add_receiver(start(), video_receiver()).unwrap();
    let frame = EncodedFrame::new(vp8_frame(1, None, 2_000), 0, true);
    sender.send_frame(start(), id, frame).unwrap();
    let (media, _) = drain(&mut sender, at(100));
    assert_eq!(media.len(), 2);
    receiver.handle_rtp(at(100), &media[0]);
    receiver.handle_timeout(at(150));
    receiver.handle_rtp(at(110), &media[1]);
    receiver.handle_timeout(at(200));
    let (_, control) = drain(&mut receiver, at(200));
    let feedback = control
        .iter()
        .flat_map(|datagram| packets(datagram))
        .find_map(|packet| match packet {
            Ok(RtcpPacket::TransportFeedback(feedback)) => Some(feedback),
            _ => None,
        })
        .expect("transport-wide feedback");
    let arrivals: Vec<_> = feedback
        .statuses()
        .map(|status| status.arrival.expect("it arrived"))
        .collect();
    assert_eq!(arrivals[1] - arrivals[0], 40, "10 ms, in ticks of 250 us");
}

#[test]
fn reports_come_at_irregular_times_with_all_that_they_need() {
    let mut session = session(1);
    let sender = session.add_sender(start(), video_sender()).unwrap();
    let mut times = Vec::new();
    for ms in 0..20_000 {
        if ms % 100 == 0 {
            let frame = EncodedFrame::new(vp8_frame(1, None, 100), ms as u32 * 90, true);
            session.send_frame(at(ms), sender, frame).unwrap();
        }
        session.handle_timeout(at(ms));
        for datagram in drain(&mut session, at(ms)).1 {
            check_compound(&datagram, false).unwrap();
            let all: Vec<_> = packets(&datagram).map(Result::unwrap).collect();
            let [RtcpPacket::SenderReport(report), RtcpPacket::Sdes(sdes), ..] = &all[..] else {
                panic!("{all:?}");
            };
            assert_eq!(report.ssrc, VIDEO_SSRC);
            assert_eq!(sdes.chunks().next().unwrap().cname(), Some(&b"peer-1"[..]));
            times.push((ms, report.info));
        }
    }
    // RFC 3550, section 6.3.1: 0.5 to 1.5 times the mean of one second.
    let intervals = times.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(
        intervals
            .clone()
            .all(|interval| (500..=1501).contains(&interval))
    );
    assert!(intervals.clone().min() != intervals.max());
    // The RTP time runs with the NTP time.
    for pair in times.windows(2) {
        let ticks = pair[0].1.timestamp.distance_to(pair[1].1.timestamp);
        let expected = (pair[1].0 - pair[0].0) as i32 * 90;
        assert!((ticks - expected).abs() <= 1, "{ticks} {expected}");
    }
}

#[test]
fn bandwidth_is_shared_by_encoders() {
    let mut session = session(1);
    let add = |session: &mut RtpSession, ssrc, max| {
        let mut parameters = video_sender();
        (parameters.ssrc, parameters.rtx_ssrc, parameters.max_bitrate) = (ssrc, None, max);
        session.add_sender(start(), parameters).unwrap()
    };
    let small = add(&mut session, 1, Some(100_000));
    let large = add(&mut session, 2, None);
    let told = |session: &mut RtpSession, who| {
        let events = std::iter::from_fn(|| session.poll_event());
        let told = events.filter_map(|event| match event {
            Event::TargetBitrate { sender, bitrate } if sender == who => Some(bitrate),
            _ => None,
        });
        told.last()
    };
    assert_eq!(told(&mut session, large), Some(900_000));
    let limits = BitrateLimits {
        min: 100_000,
        start: 120_000,
        max: 2_000_000,
    };
    session.set_bitrate_limits(start(), limits);
    assert_eq!(told(&mut session, small), Some(60_000));
    session.remove_sender(start(), large);
    assert_eq!(told(&mut session, small), Some(100_000));
}

#[test]
fn packets_are_forwarded_with_their_numbers_and_can_be_sent_again() {
    let mut source = session(1);
    let camera = source.add_sender(start(), video_sender()).unwrap();
    let mut middle = session(2);
    let mut parameters = video_receiver();
    parameters.delivery = Delivery::Packets;
    middle.add_receiver(start(), parameters).unwrap();
    let out = middle.add_sender(start(), video_sender()).unwrap();
    let mut last = Endpoint::new(3).with_video_receiver(video_receiver());
    for number in 0..30_u32 {
        let now = at(u64::from(number) * 33);
        let frame = vp8_frame(number, number.checked_sub(1), 3000);
        let frame = EncodedFrame::new(frame, number * 3000, number == 0);
        source.send_frame(now, camera, frame).unwrap();
        for ms in 0..33 {
            let now = now + Duration::from_millis(ms);
            for packet in drain(&mut source, now).0 {
                middle.handle_rtp(now, &packet);
            }
            while let Some(event) = middle.poll_event() {
                if let Event::Packet(packet) = event {
                    let forwarded = ForwardedPacket {
                        payload: packet.payload,
                        head: PayloadHead::default(),
                        starts_key_frame: false,
                        sequence_number: Some(packet.sequence_number.plus(7000)),
                        timestamp: packet.timestamp,
                        captured: packet.captured,
                        marker: packet.marker,
                        audio_level: None,
                        orientation: None,
                    };
                    middle.send_packet(now, out, forwarded).unwrap();
                }
            }
            middle.handle_timeout(now);
            for (index, packet) in drain(&mut middle, now).0.into_iter().enumerate() {
                // Now and then one is lost on the second leg.
                if number % 7 != 3 || index > 0 || ms > 10 {
                    gannet_netsim::Peer::handle_packet(&mut last, now, &packet);
                }
            }
            gannet_netsim::Peer::handle_timeout(&mut last, now);
            for datagram in drain(&mut last.session, now).1 {
                middle.handle_rtcp(now, &datagram);
            }
        }
    }
    assert_eq!(last.video.frames.len(), 30);
    let stats = middle.stats(at(1000)).outbound[0];
    assert!(stats.retransmitted_packets_sent >= 3, "{stats:?}");
}

/// A late packet takes the place that the caller kept for it; its first bytes are those that the caller gives,
/// when it is sent again too; the others go on behind the newest.
#[test]
fn a_forwarded_packet_keeps_its_place_and_its_head() {
    let mut session = session(1);
    let out = session.add_sender(start(), video_sender()).unwrap();
    let first = session.send_position(out).unwrap();
    assert_eq!(first.newest, None);
    let payload: bytes::Bytes = [0x90, 0x80, 17, 0x10, 1, 2].to_vec().into();
    let shift = NumberShift {
        picture_id: 5,
        ..NumberShift::default()
    };
    let packet = |step: u16, timestamp: u32| ForwardedPacket {
        payload: payload.clone(),
        head: RunningNumbers::read(PayloadFormat::Vp8, &payload).shifted(shift),
        sequence_number: Some(first.next_sequence_number.plus(step)),
        timestamp: Serial32(timestamp),
        captured: None,
        marker: true,
        starts_key_frame: step == 0,
        audio_level: None,
        orientation: None,
    };
    for (step, timestamp) in [(0, 1000), (2, 7000), (1, 4000)] {
        session
            .send_packet(start(), out, packet(step, timestamp))
            .unwrap();
    }
    let position = session.send_position(out).unwrap();
    assert_eq!(
        position.next_sequence_number,
        first.next_sequence_number.plus(3)
    );
    assert_eq!(position.newest, Some((start(), Serial32(7000))));
    let sent = drain(&mut session, start()).0;
    let steps = sent.iter().map(|datagram| {
        let packet = RtpPacket::parse(datagram).unwrap();
        assert_eq!(packet.payload(), [0x90, 0x80, 22, 0x10, 1, 2]);
        first
            .next_sequence_number
            .distance_to(packet.sequence_number())
    });
    assert!(steps.eq([0, 2, 1]));
    // The payload of the others is as it was.
    assert_eq!(payload[2], 17);
    let stats = session.stats(at(10)).outbound[0];
    assert_eq!((stats.frames_sent, stats.key_frames_sent), (3, 1));

    let long = ForwardedPacket {
        payload: vec![0x10; 1300].into(),
        head: PayloadHead::default(),
        ..packet(3, 0)
    };
    session.send_packet(at(10), out, long.clone()).unwrap();
    let too_long = ForwardedPacket {
        payload: vec![0x10; 1301].into(),
        ..long
    };
    let refused = session.send_packet(at(10), out, too_long);
    let (len, max) = (1301, 1300);
    assert_eq!(refused, Err(SendError::TooLong { len, max }));
}

#[test]
fn what_finds_no_room_is_counted() {
    let mut session = session(1);
    let out = session.add_sender(start(), video_sender()).unwrap();
    let packet = ForwardedPacket {
        payload: vec![0x10; 10].into(),
        head: PayloadHead::default(),
        sequence_number: None,
        timestamp: Serial32(0),
        captured: None,
        marker: true,
        starts_key_frame: false,
        audio_level: None,
        orientation: None,
    };
    let refused = (0..5000)
        .filter(|_| session.send_packet(start(), out, packet.clone()).is_err())
        .count();
    assert_eq!(refused, 5000 - 4096);
    let stats = session.stats(start()).outbound[0];
    assert_eq!(stats.packets_discarded_on_send, refused as u64);
}

#[test]
fn h264_with_parameter_sets_goes_through_loss() {
    let h264 = CodecParameters {
        payload_type: 102,
        format: PayloadFormat::H264(PacketizationMode::NonInterleaved),
        ..VP8
    };
    let (mut sending, mut receiving) = (video_sender(), video_receiver());
    (sending.codec, receiving.codecs) = (h264, vec![h264]);
    let mut sender = session(1);
    let id = sender.add_sender(start(), sending).unwrap();
    let mut receiver = session(2);
    receiver.add_receiver(start(), receiving).unwrap();
    // Behind the unit's type, a slice says that it is the first of its picture.
    let unit = |head: u8, len: usize| [&[0, 0, 0, 1, head, 0x88][..], &vec![0x55; len]].concat();
    let frame = |key: bool| match key {
        true => [unit(0x67, 10), unit(0x68, 5), unit(0x65, 4000)].concat(),
        false => unit(0x41, 2500),
    };
    let (mut sent, mut received, mut count) = (Vec::new(), Vec::new(), 0);
    for ms in 0..3000_u64 {
        let now = at(ms);
        if ms % 33 == 0 && ms < 2900 {
            let key = sent.is_empty();
            let data = frame(key);
            sent.push(data.clone());
            let frame = EncodedFrame::new(data.into(), (ms * 90) as u32, key);
            sender.send_frame(now, id, frame).unwrap();
        }
        sender.handle_timeout(now);
        for packet in drain(&mut sender, now).0 {
            count += 1;
            if count % 9 != 4 {
                receiver.handle_rtp(now, &packet);
            }
        }
        receiver.handle_timeout(now);
        for datagram in drain(&mut receiver, now).1 {
            sender.handle_rtcp(now, &datagram);
        }
        while let Some(event) = receiver.poll_event() {
            if let Event::Frame(frame) = event {
                assert_eq!(frame.keyframe, received.is_empty());
                received.push(frame.data.to_vec());
            }
        }
    }
    assert_eq!(received.len(), sent.len());
    assert!(received == sent);
}

// Three requests a second went to a source that had stopped, without end.
#[test]
fn who_sends_nothing_more_is_not_asked_for_key_frames_for_ever() {
    let mut receiver = session(2);
    let id = receiver.add_receiver(at(0), video_receiver()).unwrap();
    let mut sender = session(1);
    let source = sender.add_sender(at(0), video_sender()).unwrap();
    let frame = EncodedFrame::new(vp8_frame(1, Some(0), 300), 0, false);
    sender.send_frame(at(0), source, frame).unwrap();
    for packet in drain(&mut sender, at(0)).0 {
        receiver.handle_rtp(at(0), &packet);
    }
    let mut now = at(0);
    let end = at(60_000);
    while let Some(next) = receiver.poll_timeout().filter(|next| *next < end) {
        now = next;
        receiver.handle_timeout(now);
        drain(&mut receiver, now);
    }
    let count = receiver.stats(now).inbound[0].pli_count;
    assert!((10..25).contains(&count), "{count}");
    assert!(now < at(10_000));
    // The user still may.
    receiver.request_key_frame(end, id);
    assert_eq!(receiver.stats(end).inbound[0].pli_count, count + 1);
    // What comes next asks again.
    let frame = EncodedFrame::new(vp8_frame(2, Some(1), 300), 3000, false);
    sender.send_frame(end, source, frame).unwrap();
    let later = end + Duration::from_secs(1);
    for packet in drain(&mut sender, end).0 {
        receiver.handle_rtp(later, &packet);
    }
    assert_eq!(receiver.stats(later).inbound[0].pli_count, count + 2);
}
