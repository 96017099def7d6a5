//! One source, many viewers.

use gannet::ortc::parameters::RtpCodecCapability;
use gannet::{Direction, ForwardError, ForwardingState, MediaKind, default_capabilities};

use crate::frames::{publisher, read, viewer};
use crate::support::peer::Peer;
use crate::support::{
    connected, connection, connection_on, endpoint, endpoint_with, exchange, exchange_and, pattern,
    picture, pitch, tone, track, until,
};

/// Twenty see all frames from a key frame on, byte for byte, one of them over a path that loses a tenth; who comes late gets
/// a key frame. The source is asked for few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_viewers_see_each_frame() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 7, 3000).await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(viewer(&endpoint).await);
    }
    let lossy = Peer::new(None).await;
    let near = connection_on(&endpoint);
    let sender = near
        .add_transceiver(MediaKind::Video, Direction::SendOnly, None)
        .sender();
    lossy.answer(&near).await;
    let mut count = 0;
    lossy.state().loses_incoming = Box::new(move |_| {
        count += 1;
        count % 10 == 3
    });
    source.peer.state().key_frames_wanted.clear();
    sender.replace_forwarded(Some(&source.stream)).unwrap();
    for viewer in &viewers {
        viewer
            .sender
            .replace_forwarded(Some(&source.stream))
            .unwrap();
    }
    let watching = viewers.iter().map(|viewer| viewer.watch(60));
    let mut last = 0;
    for watched in watching {
        let seen = watched.await;
        // No other key frame was needed: all have followed from the first one on.
        assert!(
            seen.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1),
            "{seen:?}"
        );
        last = last.max(seen[0].1);
    }
    let late = viewer(&endpoint).await;
    late.sender.replace_forwarded(Some(&source.stream)).unwrap();
    let seen = late.watch(30).await;
    assert!(seen[0].1 > last + 30, "{seen:?}");

    // The lossy one has got all that it began with, by retransmissions from here.
    until("the lossy viewer", || lossy.state().frames.len() > 100).await;
    let numbers: Vec<u32> = lossy
        .state()
        .frames
        .iter()
        .map(|frame| read(&frame.data).1)
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{numbers:?}"
    );
    let stats = near.stats();
    let outbound = &stats.outbound_rtp[0];
    assert!(
        outbound.counters.retransmitted_packets_sent >= 10,
        "{outbound:?}"
    );
    // Nothing was asked of the source for it.
    let inbound = &source.connection.stats().inbound_rtp[0];
    assert!((1..=4).contains(&inbound.counters.pli_count), "{inbound:?}");
}

/// The statistics of a forwarded stream are those of a stream that is sent.
#[tokio::test]
async fn a_forwarded_stream_is_outbound_rtp() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 3000).await;
    let viewer = viewer(&endpoint).await;
    assert_eq!(viewer.sender.forwarding(), None);
    viewer
        .sender
        .replace_forwarded(Some(&source.stream))
        .unwrap();
    viewer.watch(30).await;
    let report = viewer.near.stats();
    let [outbound] = report.outbound_rtp.as_slice() else {
        panic!("{:?}", report.outbound_rtp);
    };
    assert_eq!(
        (outbound.active, outbound.media_source_id),
        (Some(true), None)
    );
    assert_eq!(
        (&outbound.encoder, &report.media_sources[..]),
        (&None, &[][..])
    );
    let counters = outbound.counters;
    assert!(
        counters.frames_sent >= 30 && counters.key_frames_sent >= 1,
        "{counters:?}"
    );
    assert!(
        counters.packets_sent >= 90 && counters.bytes_sent >= 90_000,
        "{counters:?}"
    );
    assert_eq!(counters.packets_discarded_on_send, 0);
    let ssrc = viewer.far.stats().inbound_rtp[0].counters.ssrc;
    assert_eq!(ssrc, Some(counters.ssrc));
    assert_ne!(ssrc, source.connection.stats().inbound_rtp[0].counters.ssrc);
    let forwarding = viewer.sender.forwarding().unwrap();
    assert_eq!(forwarding.state, ForwardingState::Sending);
    assert_eq!((forwarding.layer, forwarding.packets_dropped), (None, 0));
    let layers = source.stream.layers();
    assert!(layers.len() == 1 && layers[0].active, "{layers:?}");
}

/// Real pictures and real sound, from one peer to another through a connection with each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_forward_to_each_other() {
    let endpoint = endpoint_with(|configuration| configuration.shards = 2);
    let mut ends = Vec::new();
    for pitch in [440.0, 660.0] {
        let (far, near) = (connection(), connection_on(&endpoint));
        let video = far.add_transceiver(
            MediaKind::Video,
            Direction::SendRecv,
            Some(pattern(160, 120)),
        );
        let audio = far.add_transceiver(MediaKind::Audio, Direction::SendRecv, Some(tone(pitch)));
        exchange_and(&far, &near, |transceiver| {
            transceiver.set_direction(Direction::SendRecv);
        })
        .await;
        connected(&far, &near).await;
        ends.push((
            far,
            near,
            video.receiver().track(),
            audio.receiver().track(),
        ));
    }
    for (from, to) in [(0, 1), (1, 0)] {
        let pairs = ends[from]
            .1
            .transceivers()
            .into_iter()
            .zip(ends[to].1.transceivers());
        for (receiving, sending) in pairs {
            let stream = receiving.receiver().forward().unwrap();
            sending.sender().replace_forwarded(Some(&stream)).unwrap();
        }
    }
    for ((_, _, video, audio), hertz) in ends.iter().zip([660.0, 440.0]) {
        let mut last = None;
        for _ in 0..60 {
            let (_, _, number, time) = picture(video).await;
            let seen = Some((number.expect("the code survives"), time));
            assert!(last < seen, "{last:?} before {seen:?}");
            last = seen;
        }
        let heard = pitch(audio).await;
        assert!((heard - hertz).abs() <= 5.0, "{heard} Hz");
    }
}

/// A connection may forward to its own peer.
#[tokio::test]
async fn what_comes_is_forwarded_back() {
    let (one, other) = (connection(), connection());
    let transceiver = one.add_transceiver(
        MediaKind::Video,
        Direction::SendRecv,
        Some(pattern(160, 120)),
    );
    exchange_and(&one, &other, |echo| {
        echo.set_direction(Direction::SendRecv);
        // Before anything was agreed on.
        let stream = echo.receiver().forward().unwrap();
        echo.sender().replace_forwarded(Some(&stream)).unwrap();
    })
    .await;
    let seen = transceiver.receiver().track();
    for _ in 0..20 {
        assert!(picture(&seen).await.2.is_some());
    }
}

fn codecs(name: &str) -> Vec<RtpCodecCapability> {
    let mut codecs = default_capabilities().codecs;
    codecs.retain(|codec| codec.name.eq_ignore_ascii_case(name) || codec.name == "rtx");
    codecs
}

/// A viewer that can not have any codec of the stream is refused; one that lacks the codec that comes gets nothing, and is
/// told so.
#[tokio::test]
async fn a_viewer_without_the_codec_gets_nothing() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 3000).await;
    let (near, far) = (connection_on(&endpoint), connection());
    let transceiver = near.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    transceiver.set_codec_preferences(codecs("H264"));
    let audio = near.add_transceiver(MediaKind::Audio, Direction::SendOnly, None);
    // Nothing is agreed on: the stream is taken, and nothing comes of it.
    let sender = transceiver.sender();
    sender.replace_forwarded(Some(&source.stream)).unwrap();
    exchange(&near, &far).await;
    connected(&near, &far).await;
    until("a state", || {
        sender.forwarding().unwrap().state == ForwardingState::NoCodec
    })
    .await;
    let sent = near.stats().outbound_rtp[0].counters.packets_sent;
    assert_eq!(sent, 0);
    sender.replace_forwarded(None).unwrap();
    assert_eq!(sender.forwarding(), None);

    // The peer of the source may send H.264 too.
    sender.replace_forwarded(Some(&source.stream)).unwrap();
    let only = publisher_of_vp8(&endpoint).await;
    let refused = sender.replace_forwarded(Some(&only));
    assert_eq!(refused, Err(ForwardError::NoCodec));
    let refused = audio.sender().replace_forwarded(Some(&source.stream));
    let (stream, sender) = (MediaKind::Video, MediaKind::Audio);
    assert_eq!(refused, Err(ForwardError::Kind { stream, sender }));
    near.close();
    let refused = transceiver.sender().replace_forwarded(Some(&source.stream));
    assert_eq!(refused, Err(ForwardError::Closed));
}

async fn publisher_of_vp8(endpoint: &gannet::Endpoint) -> gannet::ForwardedStream {
    let (far, near) = (connection(), connection_on(endpoint));
    let transceiver = far.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(160, 120)),
    );
    transceiver.set_codec_preferences(codecs("VP8"));
    exchange(&far, &near).await;
    let stream = track(&near).await.receiver.forward().unwrap();
    // Both live as long as the test does.
    std::mem::forget((far, near));
    stream
}
