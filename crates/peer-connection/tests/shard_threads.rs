//! An endpoint of several shards that is gone leaves no thread, no socket and no memory behind. A program of its own,
//! because it looks at the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the numbers are worth seeing")]

mod support;

use gannet::{ChannelInit, Endpoint, EndpointConfiguration, Message};
use support::process::{memory, sockets, threads};
use support::{
    connection, connection_on, data_channel, echo, endpoint_with, exchange, soon, until,
};

const SHARDS: usize = 4;

fn shard_threads() -> usize {
    threads("gannet-shard-")
}

/// Connections on an endpoint, some of which end while others live; the last handles are those of the connections.
async fn life_and_death() {
    let here = endpoint_with(|configuration| configuration.shards = SHARDS);
    assert_eq!(shard_threads(), SHARDS);
    let mut pairs = Vec::new();
    for number in 0..8 {
        let (peer, ours) = (connection(), connection_on(&here));
        let channel = peer
            .create_data_channel("data", ChannelInit::default())
            .unwrap();
        exchange(&peer, &ours).await;
        assert!(soon("the channel", channel.opened()).await);
        tokio::spawn(echo(data_channel(&ours).await));
        let message = Message::Text(number.to_string());
        channel.send(message.clone()).await.unwrap();
        assert_eq!(soon("it", channel.recv()).await, Some(message));
        if number % 2 == 0 {
            peer.close();
        }
        pairs.push((peer, ours, channel));
    }
    drop(here);
    assert_eq!(shard_threads(), SHARDS);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let before = sockets();
    assert_eq!(shard_threads(), 0);
    // One shard has no thread.
    for shards in [0, 1] {
        let _alone = endpoint_with(|configuration| configuration.shards = shards);
        assert_eq!(shard_threads(), 0);
    }
    // What can not be bound has none either.
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![taken.local_addr().unwrap().ip()];
    configuration.port = taken.local_addr().unwrap().port();
    configuration.shards = SHARDS;
    assert!(Endpoint::bind(&configuration).is_err());
    drop(taken);
    until("no thread", || shard_threads() == 0).await;
    // Where the streams can not be listened for, the threads are there already.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configuration.port = taken.local_addr().unwrap().port();
    configuration.tcp = true;
    assert!(Endpoint::bind(&configuration).is_err());
    drop(taken);
    until("the threads to end", || shard_threads() == 0).await;
    until("the sockets to close", || sockets() == before).await;

    for _ in 0..5 {
        life_and_death().await;
        until("the threads to end", || shard_threads() == 0).await;
        until("the sockets to close", || sockets() == before).await;
    }
    let warm = memory();
    for _ in 0..10 {
        life_and_death().await;
        until("the threads to end", || shard_threads() == 0).await;
    }
    until("the sockets to close", || sockets() == before).await;
    let grown = memory().saturating_sub(warm);
    println!("{grown} KiB more after 10 endpoints; {warm} KiB before");
    assert!(grown < 6 * 1024, "{grown} KiB more after 10 endpoints");
}
