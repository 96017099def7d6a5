//! Key frames of a source that sends nothing.

use std::time::Duration;

use gannet::ForwardingState;

use crate::frames::{film, publisher, viewer};
use crate::support::{endpoint, until};

/// Who joins while a request is on its way is not forgotten, although nothing comes that would remind of him; the source is
/// asked less often the longer it is silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_source_is_asked_for_each_viewer() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 1000).await;
    let viewers = [viewer(&endpoint).await, viewer(&endpoint).await];
    until("a layer", || source.stream.layers()[0].active).await;
    source.film.abort();
    until("a pause", || !source.stream.layers()[0].active).await;
    source.peer.state().key_frames_wanted.clear();
    let asked = || source.peer.state().key_frames_wanted.len();
    let [first, second] = &viewers;
    first
        .sender
        .replace_forwarded(Some(&source.stream))
        .unwrap();
    until("a request", || asked() == 1).await;
    second
        .sender
        .replace_forwarded(Some(&source.stream))
        .unwrap();
    assert_eq!(asked(), 1);
    until("another request", || asked() == 2).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let requests = asked();
    assert!((4..=7).contains(&requests), "{requests}");

    // It goes on, and with it both.
    let sender = source.peer.state().senders[0].1;
    let film = film(&source.peer, 2, sender, 1000);
    for viewer in &viewers {
        viewer.watch(10).await;
        let state = viewer.sender.forwarding().unwrap().state;
        assert_eq!(state, ForwardingState::Sending);
    }
    let requests = asked();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(asked() <= requests, "nobody waits any more");
    film.abort();
}
