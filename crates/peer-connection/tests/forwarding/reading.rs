//! A receiver that is forwarded and read at once.

use gannet::{Direction, EncodedFrames, MediaKind};

use crate::frames::{film, publisher, read, viewer};
use crate::support::peer::Peer;
use crate::support::{
    connection, connection_on, endpoint, exchange, pattern, picture, soon, track,
};

/// The numbers of the next frames.
async fn numbers(frames: &EncodedFrames, count: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let frame = soon("a frame", frames.recv()).await.unwrap().frame;
        let (_, number, key) = read(&frame.data);
        assert!(key || numbers.last().is_none_or(|last| last + 1 == number));
        numbers.push(number);
    }
    numbers
}

/// Who begins to read what is being forwarded gets whole frames from a key frame on, and the viewers see no difference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forwarded_is_read() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 3000).await;
    let viewer = viewer(&endpoint).await;
    viewer
        .sender
        .replace_forwarded(Some(&source.stream))
        .unwrap();
    let before = viewer.watch(20).await;
    let receiver = source.connection.transceivers()[0].receiver();
    let frames = receiver.encoded().unwrap();
    let first = soon("a frame", frames.recv()).await.unwrap().frame;
    assert!(first.keyframe && read(&first.data).1 > before[19].1);
    let seen = numbers(&frames, 40).await;
    let first = read(&first.data).1;
    assert!(seen.iter().copied().eq(first + 1..first + 41), "{seen:?}");
    let viewed = viewer.watch(40).await;
    let expected = before[19].1 + 1..before[19].1 + 41;
    assert!(
        viewed.iter().map(|(_, number)| *number).eq(expected),
        "{viewed:?}"
    );
}

/// Who reads loses nothing when the stream is forwarded too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_is_forwarded() {
    let endpoint = endpoint();
    let (peer, near) = (Peer::new(Some(&[])).await, connection_on(&endpoint));
    peer.call(&near).await;
    let receiver = track(&near).await.receiver;
    let frames = receiver.encoded().unwrap();
    let sender = peer.state().senders[0].1;
    let film = film(&peer, 1, sender, 3000);
    let before = numbers(&frames, 20).await;
    let viewer = viewer(&endpoint).await;
    let stream = receiver.forward().unwrap();
    viewer.sender.replace_forwarded(Some(&stream)).unwrap();
    viewer.watch(30).await;
    let after = numbers(&frames, 30).await;
    assert_eq!(before[19] + 1, after[0]);
    film.abort();
}

/// Pictures are decoded while their packets go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forwarded_is_decoded() {
    let endpoint = endpoint();
    let (camera, near) = (connection(), connection_on(&endpoint));
    camera.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(160, 120)),
    );
    exchange(&camera, &near).await;
    let receiver = track(&near).await.receiver;
    let stream = receiver.forward().unwrap();
    let (out, far) = (connection_on(&endpoint), connection());
    let sender = out
        .add_transceiver(MediaKind::Video, Direction::SendOnly, None)
        .sender();
    sender.replace_forwarded(Some(&stream)).unwrap();
    exchange(&out, &far).await;
    let (here, there) = (receiver.track(), track(&far).await.receiver.track());
    for _ in 0..20 {
        assert!(picture(&here).await.2.is_some());
        assert!(picture(&there).await.2.is_some());
    }
    // And not as frames: a decoder has those.
    assert!(receiver.encoded().is_none());
}
