//! Connections that are gone leave no thread, no socket and no memory behind. A program of its own,
//! because it looks at the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the numbers are worth seeing")]

mod support;

use gannet::codecs::VideoCodec;
use gannet::media::{MediaFile, TestPattern};
use gannet::{
    ChannelInit, Direction, MediaKind, PeerConnection, SharedEncoder, SharedEncoderConfig,
    play_file,
};
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

/// Two viewers of one encoder, and one of a file.
async fn what_is_encoded_already_leaves_nothing() {
    let pictures = gannet::play("camera", TestPattern::new(160, 120, 30).unwrap());
    let config = SharedEncoderConfig::default();
    let encoder = SharedEncoder::video(pictures, VideoCodec::Vp8, config).unwrap();
    let file = MediaFile::from_bytes(include_bytes!("../../media/tests/data/vp8.webm").as_slice());
    let file = file.unwrap();
    let mut calls = Vec::new();
    for index in 0..3 {
        let (one, other) = (connection(), connection());
        let sender = one
            .add_transceiver(MediaKind::Video, Direction::SendOnly, None)
            .sender();
        exchange(&one, &other).await;
        if index < 2 {
            sender.replace_encoded(Some(encoder.subscribe())).unwrap();
        } else {
            play_file(&file, true, std::slice::from_ref(&sender)).unwrap();
        }
        let frames = track(&other).await.receiver.encoded().unwrap();
        assert!(soon("a frame", frames.recv()).await.is_some());
        calls.push((one, other, sender));
    }
    // The camera, its encoder, the file: viewers have no thread of their own.
    assert_eq!(media_threads(), 3);
    let (one, _other, sender) = calls.pop().unwrap();
    sender.replace_track(None);
    until("the file to end", || media_threads() == 2).await;
    drop((one, sender));
    // Everybody leaves; the encoder waits for others.
    calls.clear();
    until("the viewers to go", || encoder.stats().viewers == 0).await;
    assert_eq!(media_threads(), 2);
    drop(encoder);
    until("the encoder to end", || media_threads() == 0).await;
    // The connection is dropped, and with it the file ends.
    let (one, other) = (connection(), connection());
    let transceiver = one.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    exchange(&one, &other).await;
    play_file(&file, true, &[transceiver.sender()]).unwrap();
    // A thread gives itself its name.
    until("the file to begin", || media_threads() == 1).await;
    drop((one, transceiver));
    until("the file to end", || media_threads() == 0).await;
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

    what_is_encoded_already_leaves_nothing().await;
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
