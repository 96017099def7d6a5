//! Data channels from end to end.

use std::time::Duration;

use bytes::Bytes;
use gannet::ortc::DtlsTransportState;
use gannet::{ChannelInit, ChannelState, DataChannel, Message, PeerConnection, SendMessageError};

use crate::support::{connected, connection, connection_with, data_channel, exchange, soon, until};

/// Two connections with a channel between them: the connections, the opener's end, the other end.
async fn channel(
    label: &str,
    init: ChannelInit,
) -> ((PeerConnection, PeerConnection), DataChannel, DataChannel) {
    let (one, other) = (connection(), connection());
    let ours = one.create_data_channel(label, init).unwrap();
    assert_eq!(ours.ready_state(), ChannelState::Connecting);
    exchange(&one, &other).await;
    let theirs = data_channel(&other).await;
    assert!(soon("the channel", ours.opened()).await);
    assert!(soon("the channel", theirs.opened()).await);
    ((one, other), ours, theirs)
}

fn text(text: &str) -> Message {
    Message::Text(text.to_owned())
}

/// 16 KiB that tell their number.
fn block(number: u32) -> Message {
    let bytes: Vec<u8> = number
        .to_be_bytes()
        .into_iter()
        .cycle()
        .take(16 * 1024)
        .collect();
    Message::Binary(bytes.into())
}

#[tokio::test]
async fn statistics_of_both_ends_agree() {
    let (connections, ours, theirs) = channel("chat", ChannelInit::default()).await;
    for number in 0..10 {
        ours.send(block(number)).await.unwrap();
        theirs.recv().await.unwrap();
    }
    let [one, other] = [&connections.0, &connections.1].map(PeerConnection::stats);
    let [sent, came] = [&one, &other].map(|report| report.data_channels[0].counters);
    assert_eq!((sent.messages_sent, sent.bytes_sent), (10, 10 * 16 * 1024));
    assert_eq!(
        (came.messages_received, came.bytes_received),
        (10, 10 * 16 * 1024)
    );
    assert!(one.transport.bytes_sent > sent.bytes_sent);
    assert!(other.transport.bytes_received > came.bytes_received);
    for (report, other) in [(&one, &other), (&other, &one)] {
        let transport = &report.transport;
        assert_eq!(transport.dtls_state, DtlsTransportState::Connected);
        assert_eq!(
            transport.remote_certificate_id,
            Some(other.transport.local_certificate_id)
        );
        let selected = transport.selected_candidate_pair_id;
        let mut pairs = report.candidate_pairs.iter();
        assert!(pairs.any(|pair| Some(pair.id) == selected && pair.pair.selected));
    }
}

#[tokio::test]
async fn text_and_bytes_go_both_ways_and_a_close_is_heard() {
    let init = ChannelInit {
        protocol: "json".to_owned(),
        ..ChannelInit::default()
    };
    let (connections, ours, theirs) = channel("chat", init).await;
    assert_eq!((theirs.label(), theirs.protocol()), ("chat", "json"));
    assert_eq!(ours.stream_id(), theirs.stream_id());
    let messages = [
        text("grüße"),
        text(""),
        Message::Binary(Bytes::from_static(&[0, 255])),
        block(7),
    ];
    for message in &messages {
        ours.send(message.clone()).await.unwrap();
        theirs.send(message.clone()).await.unwrap();
    }
    for message in &messages {
        assert_eq!(
            soon("a message", theirs.recv()).await.as_ref(),
            Some(message)
        );
        assert_eq!(soon("a message", ours.recv()).await.as_ref(), Some(message));
    }
    let stats = theirs.stats().unwrap();
    assert_eq!((stats.messages_received, stats.messages_sent), (4, 4));

    ours.send(text("the last words")).await.unwrap();
    ours.close();
    assert_eq!(
        soon("a message", theirs.recv()).await,
        Some(text("the last words"))
    );
    assert_eq!(soon("the end", theirs.recv()).await, None);
    assert_eq!(soon("the end", ours.recv()).await, None);
    until("the end", || ours.ready_state() == ChannelState::Closed).await;
    let refused = theirs.send(text("too late")).await;
    assert_eq!(
        refused,
        Err(SendMessageError::NotOpen(ChannelState::Closed))
    );
    drop(connections);
}

#[tokio::test]
async fn a_megabyte_arrives_in_order() {
    let (_connections, ours, theirs) = channel("bulk", ChannelInit::default()).await;
    let sent = async {
        for number in 0..64 {
            ours.send(block(number)).await.unwrap();
        }
    };
    let received = async {
        for number in 0..64 {
            assert_eq!(theirs.recv().await, Some(block(number)));
        }
    };
    soon("a megabyte", async { tokio::join!(sent, received) }).await;
    until("the last acknowledgement", || ours.buffered_amount() == 0).await;
}

/// 40 MiB are more than the sender's buffer and the receiver's window hold together: the sender waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_nothing_and_slows_the_sender() {
    const BLOCKS: u32 = 40 * 64;
    let (_connections, ours, theirs) = channel("slow", ChannelInit::default()).await;
    let sender = tokio::spawn(async move {
        for number in 0..BLOCKS {
            ours.send(block(number)).await.unwrap();
        }
        ours
    });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!sender.is_finished(), "the sender was not stopped");
    soon("everything", async {
        for number in 0..BLOCKS {
            assert_eq!(theirs.recv().await, Some(block(number)));
        }
    })
    .await;
    soon("the sender", sender).await.unwrap();
}

#[tokio::test]
async fn channels_are_opened_by_both_and_after_the_connection() {
    let (one, other) = (connection(), connection());
    let first = one
        .create_data_channel("first", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    connected(&one, &other).await;
    assert_eq!(data_channel(&other).await.label(), "first");
    let back = other
        .create_data_channel("back", ChannelInit::default())
        .unwrap();
    assert!(soon("the channel", back.opened()).await);
    let heard = data_channel(&one).await;
    assert_eq!(heard.label(), "back");
    back.send(text("hello")).await.unwrap();
    assert_eq!(soon("a message", heard.recv()).await, Some(text("hello")));
    assert_ne!(first.stream_id(), back.stream_id());
}

#[tokio::test]
async fn agreed_channels_and_unordered_ones_work() {
    let (one, other) = (connection(), connection());
    let agreed = ChannelInit {
        negotiated: Some(5),
        ..ChannelInit::default()
    };
    let ours = one.create_data_channel("agreed", agreed.clone()).unwrap();
    let theirs = other.create_data_channel("agreed", agreed).unwrap();
    let loose = ChannelInit {
        ordered: false,
        ..ChannelInit::default()
    };
    let loose = one.create_data_channel("loose", loose).unwrap();
    exchange(&one, &other).await;
    assert!(soon("the channel", ours.opened()).await);
    assert!(soon("the channel", theirs.opened()).await);
    theirs.send(text("by agreement")).await.unwrap();
    assert_eq!(
        soon("a message", ours.recv()).await,
        Some(text("by agreement"))
    );
    let received = data_channel(&other).await;
    assert!(!received.init().ordered);
    assert!(soon("the channel", loose.opened()).await);
    loose.send(text("in any order")).await.unwrap();
    assert_eq!(
        soon("a message", received.recv()).await,
        Some(text("in any order"))
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let (_connections, ours, _theirs) = channel("large", ChannelInit::default()).await;
    let large = Message::Binary(vec![0; 262_145].into());
    let refused = ours.send(large).await;
    assert_eq!(
        refused,
        Err(SendMessageError::TooLarge {
            len: 262_145,
            max: 262_144
        })
    );
}

// draft-hancke-tsvwg-snap: who is asked to offers SCTP without its handshake, and anybody answers.
#[tokio::test]
async fn channels_open_without_sctp_handshake_where_it_is_offered() {
    for offers in [true, false] {
        let one = connection_with(|configuration| configuration.offer_sctp_init = offers);
        let other = connection();
        let ours = one
            .create_data_channel("quick", ChannelInit::default())
            .unwrap();
        exchange(&one, &other).await;
        for description in [one.local_description(), other.local_description()] {
            let sdp = description.unwrap().sdp;
            assert_eq!(sdp.contains("a=sctp-init:"), offers, "{sdp}");
        }
        let theirs = data_channel(&other).await;
        assert!(soon("the channel", ours.opened()).await);
        ours.send(text("hello")).await.unwrap();
        assert_eq!(soon("hello", theirs.recv()).await, Some(text("hello")));
    }
}
