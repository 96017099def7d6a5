//! Sound and pictures of one peer, which are on their way to the forwarder for different times.

use std::time::{Duration, Instant, SystemTime};

use gannet::ortc::rtp::EncodedFrame;
use gannet::{Direction, EncodedFrames, MediaKind};

use crate::frames::{frame, read};
use crate::support::peer::Peer;
use crate::support::{
    connected, connection, connection_on, endpoint, exchange, soon, track, until,
};

/// Each sound is as long, each picture twice.
const SOUND: Duration = Duration::from_millis(20);
/// What delays sound, pictures, and the reports on both, every other time.
const SOUND_DELAY: Duration = Duration::from_millis(20);
const PICTURE_DELAY: Duration = Duration::from_millis(250);

/// A peer that sends sound and pictures; when they were captured follows from their numbers and the time that is returned.
async fn film(peer: &Peer) -> SystemTime {
    let [(_, sound), (_, pictures)] = peer.state().senders.clone().try_into().unwrap();
    let ssrc = peer.state().session.rtp().sender(sound).unwrap().ssrc;
    let mut reports = 0;
    peer.state().delays_outgoing = Box::new(move |datagram| {
        // Sender reports, and packets of media, in the clear part of their headers.
        let is_sound = match datagram[1] {
            200 => {
                reports += 1;
                reports % 2 == 0
            }
            _ => datagram[8..12] == ssrc.to_be_bytes(),
        };
        if is_sound { SOUND_DELAY } else { PICTURE_DELAY }
    });
    let (start, began) = (Instant::now(), SystemTime::now());
    let peer = peer.clone();
    tokio::spawn(async move {
        for number in 0_u32.. {
            let captured = start + number * SOUND;
            tokio::time::sleep_until(captured.into()).await;
            peer.with(|state, now| {
                let wanted = &mut state.key_frames_wanted;
                let key = number % 2 == 0 && (number == 0 || !wanted.is_empty());
                let rtp = state.session.rtp_mut();
                let data = number.to_be_bytes().to_vec().into();
                let mut heard = EncodedFrame::new(data, number * 960, true);
                heard.captured = Some(captured);
                let _ = rtp.send_frame(now, sound, heard);
                if number % 2 == 0 {
                    let mut seen =
                        EncodedFrame::new(frame(1, number, key, 500).into(), number * 1800, key);
                    seen.captured = Some(captured);
                    let _ = rtp.send_frame(now, pictures, seen);
                }
                if key {
                    wanted.clear();
                }
            });
        }
    });
    began
}

/// How much later than it was captured the next frame is said to have been, in milliseconds.
async fn late(
    frames: &EncodedFrames,
    began: SystemTime,
    number: impl Fn(&[u8]) -> u32,
) -> Option<f64> {
    let frame = soon("a frame", frames.recv()).await.unwrap().frame;
    let captured = began + number(&frame.data) * SOUND;
    let late = frame.ntp?.to_system_time().duration_since(captured);
    let seconds = late.map_or_else(
        |early| -early.duration().as_secs_f64(),
        |late| late.as_secs_f64(),
    );
    Some(seconds * 1000.0)
}

/// What a receiver computes from sender reports differs by less than 5 ms from the truth: sound and pictures that were
/// captured together are shown together, not 230 ms apart as they came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_pictures_stay_together() {
    let endpoint = endpoint();
    let (peer, source) = (
        Peer::with_sound(Some(&[]), true).await,
        connection_on(&endpoint),
    );
    peer.call(&source).await;
    let (near, far) = (connection_on(&endpoint), connection());
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let incoming = track(&source).await.receiver;
        let sender = near
            .add_transceiver(kind, Direction::SendOnly, None)
            .sender();
        let stream = incoming.forward().unwrap();
        assert_eq!(stream.kind(), kind);
        sender.replace_forwarded(Some(&stream)).unwrap();
    }
    exchange(&near, &far).await;
    connected(&near, &far).await;
    let sound = track(&far).await.receiver.encoded().unwrap();
    let pictures = track(&far).await.receiver.encoded().unwrap();
    let began = film(&peer).await;

    // Both ends have reported, and what they have reported has gone around.
    until("reports", || {
        let reports = far.stats().inbound_rtp;
        let heard = |stream: &gannet::ortc::stats::InboundRtp| {
            stream
                .counters
                .remote
                .is_some_and(|remote| remote.reports_sent >= 4)
        };
        reports.len() == 2 && reports.iter().all(heard)
    })
    .await;
    let number = |data: &[u8]| u32::from_be_bytes(data.try_into().unwrap());
    let (mut heard, mut seen) = (0.0, 0.0);
    // What has waited in the inboxes is of before.
    for _ in 0..200 {
        heard = late(&sound, began, number).await.expect("a time");
    }
    for _ in 0..100 {
        seen = late(&pictures, began, |data| read(data).1)
            .await
            .expect("a time");
    }
    let apart: f64 = heard - seen;
    assert!(apart.abs() < 5.0, "sound {heard} ms, pictures {seen} ms");
    // They are late by what a report is at most.
    assert!((15.0..300.0).contains(&seen), "{seen} ms");
}
