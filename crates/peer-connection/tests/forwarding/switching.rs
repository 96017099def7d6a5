//! A viewer sees one source, and then another.

use std::time::{Duration, Instant};

use gannet::{Direction, MediaKind};

use crate::frames::{publisher, read, viewer};
use crate::support::peer::Peer;
use crate::support::{connection_on, endpoint, pattern, soon, until};

/// Sequence numbers, timestamps and picture identifiers go on, and the new source begins with a key frame.
#[tokio::test]
async fn the_viewer_notices_nothing_but_the_picture() {
    let endpoint = endpoint();
    let sources = [
        publisher(&endpoint, 1, 2500).await,
        publisher(&endpoint, 2, 1500).await,
    ];
    let (peer, near) = (Peer::new(None).await, connection_on(&endpoint));
    let sender = near
        .add_transceiver(MediaKind::Video, Direction::SendOnly, None)
        .sender();
    peer.answer(&near).await;
    let started = Instant::now();
    for turn in 0..6 {
        let source = &sources[turn % 2];
        let before = peer.state().frames.len();
        sender.replace_forwarded(Some(&source.stream)).unwrap();
        until("frames of the other source", || {
            let state = peer.state();
            let wanted = |frame: &&gannet::ortc::rtp::Frame| {
                usize::from(read(&frame.data).0) == turn % 2 + 1
            };
            state.frames[before..].iter().filter(wanted).count() > 15
        })
        .await;
    }
    let frames = std::mem::take(&mut peer.state().frames);
    let mut sequence = frames[0].sequence_number;
    let (mut switches, mut last) = (0, None);
    for (frame, before) in frames
        .iter()
        .zip([None].into_iter().chain(frames.iter().map(Some)))
    {
        let (source, number, key) = read(&frame.data);
        assert_eq!(frame.sequence_number, sequence, "a hole");
        assert_eq!((frame.lost, frame.keyframe), (0, key));
        sequence = sequence.plus(frame.packets as u16);
        let passed = before.map_or(3000, |before| before.timestamp.distance_to(frame.timestamp));
        if last.is_some_and(|(other, _)| other != source) {
            switches += 1;
            assert!(key, "a source that begins without a key frame");
            assert!((1..90_000).contains(&passed), "{passed} ticks");
        } else if let Some((_, before)) = last {
            assert_eq!((number, passed), (before + 1, 3000));
        }
        last = Some((source, number));
    }
    assert_eq!(switches, 5);
    let span = frames[0]
        .timestamp
        .distance_to(frames[frames.len() - 1].timestamp);
    let span = Duration::from_millis(span as u64 / 90);
    assert!(
        span <= started.elapsed() && span * 2 > started.elapsed(),
        "{span:?} in {:?}",
        started.elapsed()
    );
}

/// From a stream to a track of one's own and back: numbers and time go on.
#[tokio::test]
async fn a_track_and_a_stream_take_turns() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 1500).await;
    let (peer, near) = (Peer::new(None).await, connection_on(&endpoint));
    let sender = near
        .add_transceiver(
            MediaKind::Video,
            Direction::SendOnly,
            Some(pattern(160, 120)),
        )
        .sender();
    peer.answer(&near).await;
    let is_forwarded = |data: &[u8]| data.get(1) == Some(&1) && data.len() >= 1500;
    for turn in 0..4 {
        assert_eq!(sender.forwarding().is_some(), turn % 2 == 1);
        let before = peer.state().frames.len();
        until("frames", || {
            let state = peer.state();
            let frames = state.frames[before..].iter();
            frames
                .filter(|frame| is_forwarded(&frame.data) == (turn % 2 == 1))
                .count()
                > 10
        })
        .await;
        match turn % 2 {
            0 => sender.replace_forwarded(Some(&source.stream)).unwrap(),
            _ => sender.replace_track(Some(pattern(160, 120))),
        }
    }
    let frames = std::mem::take(&mut peer.state().frames);
    for pair in frames.windows(2) {
        let numbers = pair[0].sequence_number.distance_to(pair[1].sequence_number);
        let passed = pair[0].timestamp.distance_to(pair[1].timestamp);
        assert_eq!(numbers as u32, pair[0].packets);
        assert!((1..90_000).contains(&passed), "{passed} ticks");
    }
    // The last one is a track.
    assert_eq!(sender.forwarding(), None);
}

/// Many viewers ask for key frames at once: the source hears it once.
#[tokio::test]
async fn requests_are_joined() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 1500).await;
    let mut viewers = Vec::new();
    for _ in 0..8 {
        viewers.push(viewer(&endpoint).await);
    }
    for viewer in &viewers {
        viewer
            .sender
            .replace_forwarded(Some(&source.stream))
            .unwrap();
    }
    for viewer in &viewers {
        viewer.watch(20).await;
    }
    let plis = || source.connection.stats().inbound_rtp[0].counters.pli_count;
    let before = plis();
    for viewer in &viewers {
        viewer.far.transceivers()[0].receiver().request_key_frame();
    }
    for viewer in &viewers {
        soon("a key frame", async {
            while !viewer.next().await.keyframe {}
        })
        .await;
    }
    assert!(
        (1..=2).contains(&(plis() - before)),
        "{} requests",
        plis() - before
    );
}
