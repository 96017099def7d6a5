//! Streams end, and nothing is left of them.

use gannet::{ForwardError, ForwardingState, PeerConnectionState};

use crate::frames::{publisher, viewer};
use crate::support::{connection_on, endpoint, until};

/// When the source goes, its viewers go quiet, and can be given another one.
#[tokio::test]
async fn a_source_ends() {
    let endpoint = endpoint();
    let source = publisher(&endpoint, 1, 1500).await;
    let viewer = viewer(&endpoint).await;
    viewer
        .sender
        .replace_forwarded(Some(&source.stream))
        .unwrap();
    viewer.watch(10).await;
    source.connection.close();
    assert!(source.stream.is_over());
    assert_eq!(source.stream.layers(), []);
    assert_eq!(
        viewer.sender.forwarding().unwrap().state,
        ForwardingState::Over
    );
    let refused = viewer.sender.replace_forwarded(Some(&source.stream));
    assert_eq!(refused, Err(ForwardError::Over));
    let second = publisher(&endpoint, 2, 1500).await;
    viewer
        .sender
        .replace_forwarded(Some(&second.stream))
        .unwrap();
    viewer.next_of(2).await;
    viewer.watch(10).await;
}

/// Neither handles of the stream nor viewers keep the source open, nor the stream its viewers.
#[tokio::test]
async fn nothing_keeps_the_others() {
    let endpoint = endpoint();
    let mut source = publisher(&endpoint, 1, 1500).await;
    let viewers = [viewer(&endpoint).await, viewer(&endpoint).await];
    for viewer in &viewers {
        viewer
            .sender
            .replace_forwarded(Some(&source.stream))
            .unwrap();
        viewer.watch(5).await;
    }
    let [first, second] = viewers;
    // The viewer's connection is gone for its peer.
    drop((first.sender, first.near));
    until("the goodbye", || {
        first.far.connection_state() == PeerConnectionState::Closed
    })
    .await;
    second.watch(10).await;
    // So is the source's, although its stream is held.
    let stream = source.stream.clone();
    source.connection = connection_on(&endpoint);
    until("the stream to end", || stream.is_over()).await;
    assert_eq!(
        second.sender.forwarding().unwrap().state,
        ForwardingState::Over
    );
}
