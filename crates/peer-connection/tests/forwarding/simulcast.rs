//! Simulcast: each viewer gets one layer.

use gannet::ForwardedStream;
use gannet::ortc::rtp::Frame;
use tokio::task::JoinHandle;

use crate::frames::{film, read, viewer};
use crate::support::peer::Peer;
use crate::support::{connection, connection_on, endpoint, soon, track, until};

const RIDS: [&str; 3] = ["q", "h", "f"];
/// The length of a frame of each layer: about 70, 240 and 960 kbit/s.
const LENGTHS: [usize; 3] = [300, 1000, 4000];

struct Camera {
    _peer: Peer,
    films: Vec<JoinHandle<()>>,
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.films.iter().for_each(JoinHandle::abort);
    }
}

/// A peer whose layers are filmed; each is a source of its own to the viewers: 0, 1 and 2.
async fn camera(connection: &gannet::PeerConnection) -> Camera {
    let peer = Peer::new(Some(&RIDS)).await;
    peer.call(connection).await;
    let senders = peer.state().senders.clone();
    assert_eq!(senders.len(), RIDS.len(), "the simulcast was agreed on");
    let films = (0..).zip(&senders).map(|(index, (rid, sender))| {
        assert_eq!(rid.as_deref(), Some(RIDS[usize::from(index)]));
        film(&peer, index, *sender, LENGTHS[usize::from(index)])
    });
    let films = films.collect();
    Camera { _peer: peer, films }
}

fn layer(stream: &ForwardedStream, rid: &str) -> ForwardedStream {
    stream.layer(rid).expect("it is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_viewer_has_its_layer() {
    let endpoint = endpoint();
    let connection = connection_on(&endpoint);
    let camera = camera(&connection).await;
    let receiver = track(&connection).await.receiver;
    let stream = receiver.forward().unwrap();
    until("all layers", || {
        let layers = stream.layers();
        layers.len() == 3 && layers.iter().all(|layer| layer.active && layer.bitrate > 0)
    })
    .await;
    let layers = receiver.layers();
    let rids: Vec<_> = layers
        .iter()
        .map(|layer| layer.rid.as_deref().unwrap())
        .collect();
    assert_eq!(rids, RIDS);
    assert!(layers.is_sorted_by_key(|layer| layer.bitrate), "{layers:?}");
    assert!(stream.layer("x").is_none());
    for (source, rid) in (0..).zip(RIDS) {
        let viewer = viewer(&endpoint).await;
        viewer
            .sender
            .replace_forwarded(Some(&layer(&stream, rid)))
            .unwrap();
        let seen = viewer.watch(20).await;
        assert!(seen.iter().all(|(from, _)| *from == source), "{seen:?}");
        let forwarding = viewer.sender.forwarding().unwrap();
        assert_eq!(forwarding.layer.as_deref(), Some(rid));
    }
    drop(camera);
}

/// From layer to layer: the old one goes on until the key frame of the new one is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_gets_the_best_layer_that_comes() {
    let endpoint = endpoint();
    let connection = connection_on(&endpoint);
    let camera = camera(&connection).await;
    let stream = track(&connection).await.receiver.forward().unwrap();
    let viewer = viewer(&endpoint).await;
    viewer.sender.replace_forwarded(Some(&stream)).unwrap();
    let mut before: Option<Frame> = None;
    let mut check = |frame: Frame| {
        if let Some(before) = &before {
            let next = before.sequence_number.plus(before.packets as u16);
            assert_eq!(frame.sequence_number, next);
            let passed = before.timestamp.distance_to(frame.timestamp);
            // It takes one and a half seconds until a layer counts as paused.
            assert!((1..180_000).contains(&passed), "{passed} ticks");
        }
        let source = read(&frame.data).0;
        before = Some(frame);
        source
    };
    // The line carries all of them.
    soon("the best layer", async {
        while check(viewer.next().await) != 2 {}
    })
    .await;
    // It pauses, as a camera does that has not bandwidth for it.
    camera.films[2].abort();
    soon("the next best", async {
        while check(viewer.next().await) != 1 {}
    })
    .await;
    let forwarding = viewer.sender.forwarding().unwrap();
    assert_eq!(forwarding.layer.as_deref(), Some("h"));
    assert_eq!(forwarding.packets_dropped, 0);
    for _ in 0..10 {
        assert_eq!(check(viewer.next().await), 1);
    }
}

/// Who reads frames gets those of the best layer that comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_best_layer_is_read() {
    let connection = connection();
    let camera = camera(&connection).await;
    let receiver = track(&connection).await.receiver;
    let frames = receiver.encoded().unwrap();
    let (mut last, mut seen) = (None, Vec::new());
    let next = async |last: &mut Option<(u8, u32)>| {
        let frame = soon("a frame", frames.recv()).await.unwrap().frame;
        let (source, number, key) = read(&frame.data);
        let follows = *last == Some((source, number.wrapping_sub(1)));
        assert!(key || follows, "{number} of {source} after {last:?}");
        *last = Some((source, number));
        source
    };
    soon("the best layer", async {
        while next(&mut last).await != 2 {}
    })
    .await;
    for _ in 0..60 {
        seen.push(next(&mut last).await);
    }
    assert!(seen.iter().all(|source| *source == 2), "{seen:?}");
    let layers = receiver.layers();
    assert!(
        layers.len() == 3 && layers.iter().all(|layer| layer.active),
        "{layers:?}"
    );
    camera.films[2].abort();
    soon("the next best", async {
        while next(&mut last).await != 1 {}
    })
    .await;
}
