//! How connections end, and many of them at once.

use std::time::Duration;

use gannet::{
    ChannelInit, ChannelState, Configuration, Direction, Event, MediaKind, Message,
    NegotiationError, NewConnectionError, PeerConnection, PeerConnectionState,
};

use crate::support::{
    connected, connection, connection_with, data_channel, endpoint, exchange, pattern, picture,
    soon, tone, track, until,
};

/// Waits for the event that says that a connection is closed, and for the end of its events.
async fn closed(connection: &PeerConnection) {
    soon("the goodbye", async {
        let mut states = Vec::new();
        while let Some(event) = connection.next_event().await {
            if let Event::ConnectionStateChange(state) = event {
                states.push(state);
            }
        }
        assert_eq!(states.last(), Some(&PeerConnectionState::Closed));
    })
    .await;
}

#[tokio::test]
async fn dropping_all_handles_of_one_side_closes_the_other() {
    let (one, other) = (connection(), connection());
    let channel = one
        .create_data_channel("short", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    let theirs = data_channel(&other).await;
    assert!(soon("the channel", channel.opened()).await);
    channel.send(Message::Text("bye".to_owned())).await.unwrap();
    until("the last message", || {
        theirs
            .stats()
            .is_some_and(|stats| stats.messages_received == 1)
    })
    .await;
    drop(one);
    // The channel holds the connection.
    assert_eq!(channel.ready_state(), ChannelState::Open);
    drop(channel);
    tokio::time::timeout(Duration::from_secs(2), closed(&other))
        .await
        .expect("soon");
    assert_eq!(
        theirs.recv().await,
        Some(Message::Text("bye".to_owned())),
        "what came is kept"
    );
    assert_eq!(theirs.recv().await, None);
    assert_eq!(other.connection_state(), PeerConnectionState::Closed);
}

#[tokio::test]
async fn closing_wakes_everybody_who_waits() {
    let (one, other) = (connection(), connection());
    let ours = one
        .create_data_channel("quiet", ChannelInit::default())
        .unwrap();
    let unopened = connection();
    let never = unopened
        .create_data_channel("never", ChannelInit::default())
        .unwrap();
    one.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(160, 120)),
    );
    one.add_transceiver(MediaKind::Audio, Direction::SendOnly, Some(tone(440.0)));
    exchange(&one, &other).await;
    let video = track(&other).await;
    let audio = track(&other).await;
    let theirs = data_channel(&other).await;
    assert!(soon("the channel", ours.opened()).await);
    let pictures = video.receiver.track();
    assert!(picture(&pictures).await.2.is_some());
    let packets = audio.receiver.encoded().unwrap();
    let more_packets = audio.receiver.encoded().unwrap();
    let events = |connection: &PeerConnection| {
        let connection = connection.clone();
        tokio::spawn(async move { while connection.next_event().await.is_some() {} })
    };
    let waiters = [
        events(&one),
        events(&other),
        events(&other),
        events(&unopened),
        tokio::spawn(async move { assert!(ours.recv().await.is_none()) }),
        tokio::spawn(async move { assert!(theirs.recv().await.is_none()) }),
        tokio::spawn(async move { assert!(!never.opened().await) }),
        tokio::spawn(async move { while pictures.recv().await.is_some() {} }),
        tokio::spawn(async move { while packets.recv().await.is_some() {} }),
        tokio::spawn(async move { while more_packets.recv().await.is_some() {} }),
    ];
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    other.close();
    unopened.close();
    for (index, waiter) in waiters.into_iter().enumerate() {
        soon(&format!("waiter {index}"), waiter).await.unwrap();
    }
    assert_eq!(other.connection_state(), PeerConnectionState::Closed);
    assert_eq!(one.connection_state(), PeerConnectionState::Closed);
    assert!(
        soon("the end", video.receiver.track().recv())
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_closed_connection_negotiates_no_more() {
    let (one, other) = (connection(), connection());
    one.create_data_channel("any", ChannelInit::default())
        .unwrap();
    let offer = one.create_offer().await.unwrap();
    other.close();
    let refused = other.set_remote_description(offer.clone()).await;
    assert_eq!(refused, Err(NegotiationError::Closed));
    one.close();
    assert_eq!(one.create_offer().await, Err(NegotiationError::Closed));
    assert_eq!(
        one.set_local_description(offer).await,
        Err(NegotiationError::Closed)
    );
    one.restart_ice();
    soon("the gathering", one.gathering_complete()).await;
    let channel = one.create_data_channel("late", ChannelInit::default());
    assert!(channel.is_err());
}

#[tokio::test]
async fn fifty_connections_share_one_endpoint() {
    let here = endpoint();
    let mut pairs = Vec::new();
    for number in 0..50 {
        let one = connection_with(|configuration| configuration.endpoint = Some(here.clone()));
        let other = connection();
        let channel = one
            .create_data_channel(&number.to_string(), ChannelInit::default())
            .unwrap();
        exchange(&one, &other).await;
        pairs.push((one, other, channel));
    }
    assert_eq!(here.local_addresses().count(), 1);
    for (number, (one, other, channel)) in pairs.iter().enumerate() {
        connected(one, other).await;
        let theirs = data_channel(other).await;
        assert_eq!(theirs.label(), number.to_string());
        assert!(soon("the channel", channel.opened()).await);
        channel
            .send(Message::Text(format!("to {number}")))
            .await
            .unwrap();
        assert_eq!(
            soon("it", theirs.recv()).await,
            Some(Message::Text(format!("to {number}")))
        );
    }
    // Half of them go; the others stay.
    let stay = pairs.split_off(25);
    let gone: Vec<_> = pairs.into_iter().map(|(_, other, _)| other).collect();
    for other in &gone {
        closed(other).await;
    }
    for (one, _, channel) in &stay {
        assert_eq!(one.connection_state(), PeerConnectionState::Connected);
        channel
            .send(Message::Text("still here".to_owned()))
            .await
            .unwrap();
    }
}

/// A peer that vanished without a word is followed by another one on the same sockets.
#[tokio::test]
async fn a_new_peer_may_have_the_addresses_of_an_old_one() {
    let (here, there) = (endpoint(), endpoint());
    let mut old = Vec::new();
    for _ in 0..3 {
        let one = connection_with(|configuration| configuration.endpoint = Some(here.clone()));
        let other = connection_with(|configuration| configuration.endpoint = Some(there.clone()));
        let channel = one
            .create_data_channel("again", ChannelInit::default())
            .unwrap();
        exchange(&one, &other).await;
        assert!(soon("the channel", channel.opened()).await);
        old.push((one, other, channel));
    }
}

#[test]
fn a_connection_needs_a_runtime() {
    let refused = PeerConnection::new(Configuration::default());
    assert!(matches!(refused, Err(NewConnectionError::NoRuntime)));
}
