//! Packets for forwarding and frames for a reader, from one receiver.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::start;
use gannet_rtp_session::{Delivery, EncodedFrame, Event, RtpSession, TransmitKind};

use self::peer::{read_vp8_frame, session, video_receiver, video_sender, vp8_frame};

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

fn drain(session: &mut RtpSession, now: Instant) -> Vec<(TransmitKind, Vec<u8>)> {
    let (mut datagrams, mut buffer) = (Vec::new(), Vec::new());
    session.handle_timeout(now);
    while let Some(transmit) = session.poll_transmit(now, &mut buffer) {
        datagrams.push((transmit.kind, std::mem::take(&mut buffer)));
    }
    datagrams
}

/// A film of 150 frames of 3 packets, one packet in 20 of which is lost at first. What is handed out changes at the
/// frames 50 and 100. The numbers of the packets, each with that of its frame, and of the frames that came.
fn film(deliveries: [Delivery; 3]) -> (Vec<u16>, Vec<u32>) {
    let mut source = session(1);
    let camera = source.add_sender(start(), video_sender()).unwrap();
    let mut receiving = session(2);
    let mut parameters = video_receiver();
    parameters.delivery = deliveries[0];
    let receiver = receiving.add_receiver(start(), parameters).unwrap();
    let (mut packets, mut frames, mut count, mut wanted) = (Vec::new(), Vec::new(), 0, true);
    for ms in 0..150 * 33 + 300 {
        let now = at(ms);
        if ms % 33 == 0 && ms / 33 < 150 {
            let number = (ms / 33) as u32;
            if number.is_multiple_of(50) {
                let mut parameters = receiving.receiver(receiver).unwrap().clone();
                parameters.delivery = deliveries[number as usize / 50];
                receiving.set_receiver(now, receiver, parameters).unwrap();
            }
            let key = std::mem::take(&mut wanted);
            let frame = vp8_frame(number, (!key).then(|| number.wrapping_sub(1)), 3000);
            let frame = EncodedFrame::new(frame, number * 2970, key);
            source.send_frame(now, camera, frame).unwrap();
        }
        for (kind, datagram) in drain(&mut source, now) {
            count += 1;
            match kind {
                TransmitKind::Rtp if count % 20 == 7 => {}
                TransmitKind::Rtp => receiving.handle_rtp(now, &datagram),
                TransmitKind::Rtcp => receiving.handle_rtcp(now, &datagram),
            }
        }
        for (_, datagram) in drain(&mut receiving, now) {
            source.handle_rtcp(now, &datagram);
        }
        while let Some(event) = source.poll_event() {
            wanted |= matches!(event, Event::KeyFrameRequested(_));
        }
        while let Some(event) = receiving.poll_event() {
            match event {
                Event::Packet(packet) => packets.push(packet.sequence_number.0),
                Event::Frame(frame) => frames.push(read_vp8_frame(&frame.data).0),
                _ => {}
            }
        }
    }
    packets.sort_unstable();
    (packets, frames)
}

#[test]
fn both_are_complete() {
    let (packets, frames) = film([Delivery::PacketsAndFrames; 3]);
    assert!(frames.iter().copied().eq(0..150), "{frames:?}");
    assert_eq!(packets.len(), 450);
    assert!(packets.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

// What is read goes on without a gap when packets are wanted too, and when they are not wanted any more.
#[test]
fn frames_go_on_when_packets_come_and_go() {
    let both = Delivery::PacketsAndFrames;
    let (packets, frames) = film([Delivery::Frames, both, Delivery::Frames]);
    assert!(frames.iter().copied().eq(0..150), "{frames:?}");
    assert!((147..=153).contains(&packets.len()), "{}", packets.len());
}

// And packets when frames are: those begin with a key frame, which comes soon.
#[test]
fn packets_go_on_when_frames_come_and_go() {
    let both = Delivery::PacketsAndFrames;
    let (packets, frames) = film([Delivery::Packets, both, Delivery::Packets]);
    assert_eq!(packets.len(), 450);
    assert!(packets.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let first = frames[0];
    assert!((50..55).contains(&first), "{first}");
    assert!(
        frames
            .iter()
            .copied()
            .eq(first..first + frames.len() as u32)
    );
    assert!(frames.len() > 40, "{}", frames.len());
}
