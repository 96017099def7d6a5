//! Endpoints of several shards, seen from outside. On Linux, which spreads peers over shards and has all of 127.0.0.0/8.
#![cfg(target_os = "linux")]

mod support;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use gannet::{
    BindError, ChannelInit, DataChannel, Endpoint, EndpointConfiguration, Message, PeerConnection,
    PeerConnectionState,
};
use support::relay::exchange_through_relay;
use support::{
    connected, connection, connection_on, connection_with, data_channel, echo, endpoint_with,
    exchange, soon, until,
};

fn sharded(shards: usize) -> Endpoint {
    endpoint_with(|configuration| configuration.shards = shards)
}

/// A peer's channel to a connection on the endpoint, which sends back what comes.
async fn echoing(peer: &PeerConnection, here: &Endpoint) -> (PeerConnection, DataChannel) {
    let ours = connection_on(here);
    let channel = peer
        .create_data_channel("echo", ChannelInit::default())
        .unwrap();
    exchange(peer, &ours).await;
    assert!(soon("the channel", channel.opened()).await);
    tokio::spawn(echo(data_channel(&ours).await));
    (ours, channel)
}

/// Sends numbered blocks of 16 KiB, and waits for all of them to come back in their order.
async fn talk(channel: &DataChannel, blocks: u8) {
    let block = |number| Message::Binary(Bytes::from(vec![number; 16 * 1024]));
    let sending = async {
        for number in 0..blocks {
            channel.send(block(number)).await.unwrap();
        }
    };
    let receiving = async {
        for number in 0..blocks {
            assert_eq!(soon("a block", channel.recv()).await, Some(block(number)));
        }
    };
    tokio::join!(sending, receiving);
}

async fn many_talk_and_end(shards: usize) {
    let here = sharded(shards);
    assert_eq!(here.local_addresses().count(), 1);
    let mut peers = Vec::new();
    for _ in 0..48 {
        let peer = connection();
        let (ours, channel) = echoing(&peer, &here).await;
        peers.push((peer, ours, channel));
    }
    let talking: Vec<_> = peers
        .iter()
        .map(|(_, _, channel)| {
            let channel = channel.clone();
            tokio::spawn(async move { talk(&channel, 16).await })
        })
        .collect();
    for talking in talking {
        talking.await.unwrap();
    }
    // A third is ended there, a third here; the others go on.
    for (index, (peer, ours, _)) in peers.iter().enumerate() {
        match index % 3 {
            0 => peer.close(),
            1 => ours.close(),
            _ => {}
        }
    }
    for (index, (peer, ours, channel)) in peers.iter().enumerate() {
        if index % 3 == 2 {
            talk(channel, 2).await;
            connected(peer, ours).await;
        } else {
            until("the end", || {
                [peer, ours].map(PeerConnection::connection_state)
                    == [PeerConnectionState::Closed; 2]
            })
            .await;
        }
    }
}

#[tokio::test]
async fn many_connections_on_four_shards_talk_and_end() {
    many_talk_and_end(4).await;
}

#[tokio::test]
async fn one_shard_is_as_none() {
    many_talk_and_end(1).await;
}

/// On its own threads, the endpoint needs no more of the caller's runtime than the calls do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_from_several_threads() {
    many_talk_and_end(3).await;
}

/// The peer has eight sockets, and so eight paths, which the kernel spreads over the shards; each restart begins with
/// checks on all of them.
#[tokio::test]
async fn a_peer_with_several_sockets_restarts_ice_under_data() {
    let here = sharded(4);
    let peer = connection_with(|configuration| {
        let addresses = (1..=8).map(|last| Ipv4Addr::new(127, 0, 0, last).into());
        configuration.sockets.addresses = addresses.collect();
    });
    let (ours, channel) = echoing(&peer, &here).await;
    let paths = || {
        let pairs = ours.stats().candidate_pairs.len();
        assert!(pairs <= 100, "{pairs}");
        pairs
    };
    until("all paths to be known", || paths() >= 8).await;
    for round in 0..4 {
        let talking = tokio::spawn({
            let channel = channel.clone();
            async move { talk(&channel, 100).await }
        });
        let (offerer, answerer) = match round % 2 {
            0 => (&peer, &ours),
            _ => (&ours, &peer),
        };
        offerer.restart_ice();
        exchange(offerer, answerer).await;
        talking.await.unwrap();
        talk(&channel, 8).await;
        connected(&peer, &ours).await;
    }
}

/// Each datagram comes from another address than the one before it, of sixteen: all in one shard is one case in 10^9.
#[tokio::test]
async fn a_peer_whose_datagrams_come_to_all_shards_keeps_its_channel() {
    let here = sharded(4);
    let (peer, ours) = (connection(), connection_on(&here));
    let channel = peer
        .create_data_channel("wide", ChannelInit::default())
        .unwrap();
    exchange_through_relay(&peer, &ours, 16, |number| Some(number as usize % 16)).await;
    assert!(soon("the channel", channel.opened()).await);
    tokio::spawn(echo(data_channel(&ours).await));
    talk(&channel, 200).await;
    // The end is heard too.
    peer.close();
    until("the end", || {
        ours.connection_state() == PeerConnectionState::Closed
    })
    .await;
}

#[tokio::test]
async fn a_connection_may_have_shards_of_its_own() {
    let sharded = || connection_with(|configuration| configuration.sockets.shards = 2);
    let (one, other) = (sharded(), sharded());
    let channel = one
        .create_data_channel("own", ChannelInit::default())
        .unwrap();
    exchange(&one, &other).await;
    tokio::spawn(echo(data_channel(&other).await));
    talk(&channel, 32).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_lives_on_any_shard() {
    let here = sharded(4);
    let mut peers = Vec::new();
    for _ in 0..8 {
        let peer = connection();
        let (ours, channel) = echoing(&peer, &here).await;
        peers.push((peer, ours, channel));
    }
    let answers = |connection: &PeerConnection| {
        let pairs = connection.stats().candidate_pairs;
        pairs
            .iter()
            .map(|pair| pair.pair.counters.responses_received)
            .max()
    };
    let before: Vec<_> = peers.iter().map(|(_, ours, _)| answers(ours)).collect();
    // Consent is asked for by our timers alone, every 6 s at the latest (RFC 7675, section 5.1).
    for ((_, ours, channel), before) in peers.iter().zip(before) {
        until("an answer", || answers(ours) > before).await;
        talk(channel, 1).await;
    }
}

fn on_port(port: u16, shards: usize) -> Result<Endpoint, BindError> {
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration.port = port;
    configuration.shards = shards;
    Endpoint::bind(&configuration)
}

/// The sockets of one endpoint share their address with each other, and with nobody else.
#[tokio::test]
async fn a_port_that_shards_have_is_taken() {
    let here = sharded(4);
    let port = here.local_addresses().next().unwrap().port();
    for shards in [0, 1, 2, 4] {
        let refused = on_port(port, shards);
        assert!(matches!(refused, Err(BindError::Bind { .. })), "{shards}");
    }
    drop(here);
    soon("the port to be free again", async {
        while on_port(port, 4).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let alone = on_port(0, 1).unwrap();
    let port = alone.local_addresses().next().unwrap().port();
    assert!(matches!(on_port(port, 2), Err(BindError::Bind { .. })));
}

#[tokio::test]
async fn each_address_has_one_port_for_all_shards() {
    let here = endpoint_with(|configuration| {
        configuration.addresses = vec![
            Ipv4Addr::new(127, 0, 0, 1).into(),
            Ipv4Addr::new(127, 0, 0, 2).into(),
        ];
        configuration.shards = 3;
        configuration.tcp = true;
    });
    let addresses: Vec<SocketAddr> = here.local_addresses().collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.iter().all(|address| address.port() != 0));
    assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), 2);
    assert_eq!(here.tcp_addresses().count(), 2);
}

#[tokio::test]
async fn more_shards_than_there_may_be_are_refused() {
    let max = EndpointConfiguration::MAX_SHARDS;
    for shards in [max + 1, usize::MAX] {
        let refused = on_port(0, shards);
        assert!(matches!(refused, Err(BindError::TooManyShards(n)) if n == shards));
    }
    assert!(on_port(0, max).is_ok());
}
