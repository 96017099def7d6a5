//! What only the inside shows: where the homes of connections are. On Linux, which spreads peers over shards.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::batch::Route;
use super::demux::{Demux, Found};
use super::fragments::Fragments;
use super::shard::Request;
use crate::support::relay::exchange_through_relay;
use crate::support::{
    connected, connection, connection_on, data_channel, echo, endpoint_with, exchange, soon, until,
};
use crate::{ChannelInit, DataChannel, Endpoint, Message, PeerConnection};

const SHARDS: usize = 4;

fn sharded() -> Endpoint {
    endpoint_with(|configuration| configuration.shards = SHARDS)
}

fn home(connection: &PeerConnection) -> usize {
    connection.connection().lock().home.shard()
}

/// A peer with its own socket, a connection on the endpoint that sends back what comes, and the peer's end of their channel.
async fn echoing(here: &Endpoint) -> (PeerConnection, PeerConnection, DataChannel) {
    let (peer, ours) = (connection(), connection_on(here));
    let channel = peer
        .create_data_channel("echo", ChannelInit::default())
        .unwrap();
    exchange(&peer, &ours).await;
    assert!(soon("the channel", channel.opened()).await);
    tokio::spawn(echo(data_channel(&ours).await));
    (peer, ours, channel)
}

/// Sends so many blocks and waits for all of them to come back.
async fn talk(channel: &DataChannel, blocks: usize) {
    let block = Message::Binary(Bytes::from(vec![7; 16 * 1024]));
    let sending = async {
        for _ in 0..blocks {
            channel.send(block.clone()).await.unwrap();
        }
    };
    let receiving = async {
        for _ in 0..blocks {
            assert_eq!(soon("a block", channel.recv()).await.as_ref(), Some(&block));
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn homes_are_where_the_datagrams_come_in_and_stay_there() {
    let here = sharded();
    let mut peers = Vec::new();
    for _ in 0..24 {
        peers.push(echoing(&here).await);
    }
    let homes: Vec<_> = peers.iter().map(|(_, ours, _)| home(ours)).collect();
    // The kernel spreads 24 ports over 4 sockets; that all come to one happens to one run in 10^13.
    assert!(homes.iter().collect::<HashSet<_>>().len() > 1, "{homes:?}");
    for (_, _, channel) in &peers {
        talk(channel, 16).await;
    }
    let after: Vec<_> = peers.iter().map(|(_, ours, _)| home(ours)).collect();
    assert_eq!(homes, after);
}

/// The path changes every 400 datagrams, and one in a hundred is lost: without its timers, wherever they are, the transfer ends.
#[tokio::test]
async fn a_connection_that_moves_keeps_its_timers() {
    let here = sharded();
    let (peer, ours) = (connection(), connection_on(&here));
    let channel = peer
        .create_data_channel("moving", ChannelInit::default())
        .unwrap();
    let choose = |number| (number % 100 != 99).then_some(number as usize / 400 % 8);
    exchange_through_relay(&peer, &ours, 8, choose).await;
    assert!(soon("the channel", channel.opened()).await);
    tokio::spawn(echo(data_channel(&ours).await));
    let mut moves = 0;
    let mut last = home(&ours);
    let talking = talk(&channel, 400);
    let mut talking = std::pin::pin!(talking);
    loop {
        let pause = tokio::time::sleep(Duration::from_millis(1));
        tokio::select! {
            () = &mut talking => break,
            () = pause => {}
        }
        moves += usize::from(std::mem::replace(&mut last, home(&ours)) != last);
    }
    // All eight paths lead to one shard in one run of 16,384.
    assert!(moves > 2, "it moved {moves} times");
}

/// Every datagram comes by another path than the one before it.
#[tokio::test]
async fn a_connection_with_paths_in_several_shards_stays_at_home() {
    let here = sharded();
    let (peer, ours) = (connection(), connection_on(&here));
    let channel = peer
        .create_data_channel("wide", ChannelInit::default())
        .unwrap();
    exchange_through_relay(&peer, &ours, 8, |number| Some(number as usize % 8)).await;
    assert!(soon("the channel", channel.opened()).await);
    tokio::spawn(echo(data_channel(&ours).await));
    let watched = ours.clone();
    let watching = tokio::task::spawn_blocking(move || {
        let (mut moves, mut last) = (0, home(&watched));
        while !watched.connection().lock().is_over() {
            std::thread::sleep(Duration::from_micros(20));
            let now = home(&watched);
            moves += usize::from(now != last);
            last = now;
        }
        moves
    });
    talk(&channel, 200).await;
    ours.close();
    let moves = soon("the watcher", watching).await.unwrap();
    let datagrams = ours.stats().transport.packets_received;
    assert!(datagrams > 3000, "{datagrams}");
    assert!(moves as u64 <= datagrams / 64, "{moves} of {datagrams}");
}

#[tokio::test]
async fn a_connection_that_is_gone_is_forgotten_by_every_shard() {
    let here = sharded();
    let mut gone: Vec<Weak<_>> = Vec::new();
    for round in 0..12 {
        let (peer, ours, channel) = echoing(&here).await;
        talk(&channel, 4).await;
        gone.push(Arc::downgrade(ours.connection()));
        match round % 3 {
            0 => ours.close(),
            1 => peer.close(),
            _ => {}
        }
    }
    // One that every shard knows a path to.
    let (peer, ours) = (connection(), connection_on(&here));
    let channel = peer
        .create_data_channel("wide", ChannelInit::default())
        .unwrap();
    exchange_through_relay(&peer, &ours, 16, |number| Some(number as usize % 16)).await;
    assert!(soon("the channel", channel.opened()).await);
    gone.push(Arc::downgrade(ours.connection()));
    drop((peer, ours, channel));
    until("the connections to be freed", || {
        gone.iter().all(|gone| gone.strong_count() == 0)
    })
    .await;
    drop(here);
}

#[tokio::test]
async fn the_last_four_username_fragments_lead_to_a_connection_until_it_leaves() {
    let here = sharded();
    let ours = connection_on(&here);
    let fragments = &here.handle.shared.fragments;
    let fragment =
        || ours.inspect(|session| session.ice().local_parameters().username_fragment.clone());
    let mut told = vec![fragment()];
    for _ in 0..9 {
        ours.restart_ice();
        told.push(fragment());
    }
    let known = |fragments: &Fragments| {
        let names = told.iter().map(|name| fragments.find(name).is_some());
        names.collect::<Vec<_>>()
    };
    let (old, new) = (vec![false; 6], vec![true; 4]);
    assert_eq!(known(fragments), [old, new].concat());
    ours.close();
    assert_eq!(known(fragments), [false; 10]);
}

fn route(port: u16) -> Route {
    Route {
        local: ([127, 0, 0, 1], 9).into(),
        remote: ([127, 0, 0, 1], port).into(),
    }
}

/// What a peer with our password can fill: 32 routes in a shard.
#[tokio::test]
async fn the_last_routes_lead_to_a_connection_and_no_more() {
    let (ours, next) = (connection(), connection());
    let fragments = Fragments::default();
    let mut demux = Demux::default();
    let name = |connection: &PeerConnection| connection.connection().id().to_string();
    for connection in [&ours, &next] {
        fragments.register(connection.connection(), &name(connection));
    }
    let learn = |demux: &mut Demux, connection: &PeerConnection, port| {
        let found = demux.find(&fragments, &route(port), Some(&name(connection)));
        let Found { connection, lesson } = found.expect("it is registered");
        demux.learn(route(port), lesson.expect("it is new"), &connection);
    };
    let leads = |demux: &Demux, port| {
        let found = demux.find(&fragments, &route(port), None);
        found.map(|found| found.connection.id())
    };
    for port in 1..=40 {
        learn(&mut demux, &ours, port);
    }
    let id = Some(ours.connection().id());
    assert!((1..=8).all(|port| leads(&demux, port).is_none()));
    assert!((9..=40).all(|port| leads(&demux, port) == id));
    // A check that names the same as the one before it costs no look into the shared table.
    let again = demux.find(&Fragments::default(), &route(40), Some(&name(&ours)));
    assert!(again.is_some_and(|found| found.lesson.is_none()));
    // Another connection takes a route over; what is left goes with the first one.
    learn(&mut demux, &next, 40);
    demux.remove(ours.connection().id());
    assert!((1..40).all(|port| leads(&demux, port).is_none()));
    assert_eq!(leads(&demux, 40), Some(next.connection().id()));
    demux.remove(next.connection().id());
    assert_eq!(leads(&demux, 40), None);
}

/// A shard that has handed datagrams to a connection which lives elsewhere tells its home when it is to be woken.
#[tokio::test]
async fn the_home_is_told_what_another_shard_has_changed() {
    let here = sharded();
    let (peer, ours, channel) = echoing(&here).await;
    connected(&peer, &ours).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let connection = ours.connection();
    let is_late = || connection.lock().timer_moved();
    assert!(!is_late());
    let other = {
        let mut core = connection.lock();
        core.home.disarm();
        (core.home.shard() + 1) % SHARDS
    };
    assert!(is_late());
    let shards = &connection.endpoint().handle.shared.shards;
    shards[other].request(Request::Attend(Arc::clone(connection)));
    // By itself it would hear of it with the next consent check, seconds later.
    let told = async {
        while is_late() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(2), told).await;
    assert!(told.is_ok());
    drop(channel);
}

/// Moves a connection as datagrams do that come in to `shard`.
fn move_home(connection: &PeerConnection, shard: usize) -> bool {
    let connection = connection.connection();
    let shards = &connection.endpoint().handle.shared.shards;
    let old = {
        let mut core = connection.lock();
        (0..=64).find_map(|_| core.home.heard_at(shard))
    };
    let Some(old) = old else {
        return false;
    };
    shards[old].request(Request::Release(Arc::clone(connection)));
    shards[shard].request(Request::Attend(Arc::clone(connection)));
    true
}

/// Connections are moved at random, while they talk, for two seconds. A wake-up that was lost would be overdue a
/// consent check later (RFC 7675, section 5.1: after 6 s at most).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_shards() {
    let here = sharded();
    let mut peers = Vec::new();
    for _ in 0..24 {
        peers.push(echoing(&here).await);
    }
    let end = Instant::now() + Duration::from_secs(2);
    let moved: Vec<_> = peers.iter().map(|(_, ours, _)| ours.clone()).collect();
    let moving = tokio::task::spawn_blocking(move || {
        let (mut moves, mut number) = (0, 1_u32);
        while Instant::now() < end {
            // A linear congruential generator: one seed is one run.
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let choice = (number >> 16) as usize;
            let connection = &moved[choice / SHARDS % moved.len()];
            moves += usize::from(move_home(connection, choice % SHARDS));
            if choice.is_multiple_of(64) {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        moves
    });
    while Instant::now() < end {
        for (_, _, channel) in &peers {
            talk(channel, 1).await;
        }
    }
    let moves = moving.await.unwrap();
    assert!(moves > 1000, "{moves}");
    tokio::time::sleep(Duration::from_millis(6500)).await;
    for (_, ours, _) in &peers {
        // On a busy machine it may be late, but not forever.
        until("a wake-up", || {
            let next = ours.connection().lock().session.poll_timeout();
            next.expect("consent is asked for") > Instant::now()
        })
        .await;
    }
}
