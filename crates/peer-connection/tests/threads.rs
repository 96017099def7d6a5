//! Connections that are gone leave no thread, no socket and no memory behind. A program of its own,
//! because it looks at the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the numbers are worth seeing")]

mod support;

use gannet::{ChannelInit, Direction, MediaKind, PeerConnection};
use support::process::{memory, sockets, threads};
use support::{connected, connection, exchange, pattern, picture, pitch, soon, tone, track, until};

/// The threads that encode, decode, play and change.
fn media_threads() -> usize {
    threads("gannet-")
}

/// A call with everything: the sender, the receiver.
async fn call() -> (PeerConnection, PeerConnection) {
    let (one, other) = (connection(), connection());
    one.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(320, 240)),
    );
    one.add_transceiver(MediaKind::Audio, Direction::SendOnly, Some(tone(440.0)));
    exchange(&one, &other).await;
    (one, other)
}

async fn data_only() {
    let (one, other) = (connection(), connection());
    let channel = one
        .create_data_channel("data", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    connected(&one, &other).await;
    assert!(soon("the channel", channel.opened()).await);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let before = (media_threads(), sockets());
    assert_eq!(before.0, 0);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let (one, other) = call().await;
        let (video, audio) = (track(&other).await.receiver, track(&other).await.receiver);
        let (seen, heard) = (video.track(), audio.track());
        assert!(picture(&seen).await.2.is_some());
        pitch(&heard).await;
        calls.push((one, other, seen, heard));
    }
    // A player, an encoder and a decoder for each of two streams.
    assert_eq!(media_threads(), 3 * 6);
    // One side is dropped, with tracks still held; then one is closed and kept.
    let mut kept = Vec::new();
    for (index, (one, other, seen, heard)) in calls.into_iter().enumerate() {
        if index == 0 {
            other.close();
            kept.push((one, other, seen, heard));
        }
    }
    until("the threads to end", || media_threads() == 0).await;
    drop(kept);
    until("the sockets to close", || sockets() == before.1).await;

    // Memory is flat once the allocator has what it needs.
    for _ in 0..20 {
        data_only().await;
    }
    let warm = memory();
    for _ in 0..60 {
        data_only().await;
    }
    until("the sockets to close", || sockets() == before.1).await;
    let grown = memory().saturating_sub(warm);
    println!("{grown} KiB more after 60 connections; {warm} KiB before");
    assert!(grown < 6 * 1024, "{grown} KiB more after 60 connections");
}
