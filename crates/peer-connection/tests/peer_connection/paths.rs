//! Paths other than from host to host over UDP.

use std::net::SocketAddr;

use bytes::Bytes;
use gannet::ortc::ice::{CandidateTransport, CandidateType, SelectedPair};
use gannet::{
    ChannelInit, Configuration, Endpoint, Event, IceServer, Message, NewConnectionError,
    PeerConnection, SessionDescription, TransportPolicy,
};

use crate::streams::{serve_stream, serve_udp, tls};
use crate::support::{
    connected, connection, connection_with, data_channel, endpoint, exchange, soon, until,
};
use crate::turn_server::{PASSWORD, USERNAME};

fn server(url: &str) -> IceServer {
    IceServer::from_url(url, USERNAME, PASSWORD).unwrap()
}

/// A connection that uses nothing but this relay.
fn relayed(url: &str, change: impl FnOnce(&mut Configuration)) -> PeerConnection {
    connection_with(|configuration| {
        configuration.ice_servers.push(server(url));
        configuration.ice_transport_policy = TransportPolicy::Relay;
        change(configuration);
    })
}

fn selected(connection: &PeerConnection) -> SelectedPair {
    connection
        .inspect(|session| session.ice().selected_pair())
        .expect("a path")
}

/// Sends half a megabyte there, and something back.
async fn talk(one: &PeerConnection, other: &PeerConnection) {
    let ours = one
        .create_data_channel("talk", ChannelInit::default())
        .unwrap();
    exchange(one, other).await;
    let theirs = data_channel(other).await;
    assert!(soon("the channel", ours.opened()).await);
    let block = Bytes::from((0..64 * 1024).map(|n| n as u8).collect::<Vec<_>>());
    for _ in 0..8 {
        ours.send(Message::Binary(block.clone())).await.unwrap();
    }
    for _ in 0..8 {
        let received = soon("a block", theirs.recv()).await;
        assert_eq!(received, Some(Message::Binary(block.clone())));
    }
    theirs
        .send(Message::Text("thanks".to_owned()))
        .await
        .unwrap();
    let received = soon("thanks", ours.recv()).await;
    assert_eq!(received, Some(Message::Text("thanks".to_owned())));
}

#[tokio::test]
async fn two_that_may_only_use_a_relay_talk_through_it() {
    let address = serve_udp();
    let url = format!("turn:{address}");
    let (one, other) = (relayed(&url, |_| {}), relayed(&url, |_| {}));
    talk(&one, &other).await;
    for connection in [&one, &other] {
        let pair = selected(connection);
        assert_eq!(pair.local.candidate_type, CandidateType::Relayed);
        let description = connection.local_description().unwrap().sdp;
        assert!(!description.contains("typ host"), "{description}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_relay_is_used_with_several_shards() {
    let address = serve_udp();
    let url = format!("turn:{address}");
    let sharded = || relayed(&url, |configuration| configuration.sockets.shards = 3);
    let (one, other) = (sharded(), sharded());
    talk(&one, &other).await;
    for connection in [&one, &other] {
        let pair = selected(connection);
        assert_eq!(pair.local.candidate_type, CandidateType::Relayed);
    }
}

#[tokio::test]
async fn a_relay_is_reached_over_tcp_and_tls() {
    let (acceptor, trust) = tls();
    let tcp = format!("turn:{}?transport=tcp", serve_stream(None).await);
    let secure = format!("turns:{}", serve_stream(Some(acceptor)).await);
    let one = relayed(&tcp, |_| {});
    let other = relayed(&secure, |configuration| {
        configuration.turn_tls = Some(trust)
    });
    talk(&one, &other).await;
    for connection in [&one, &other] {
        let pair = selected(connection);
        assert_eq!(pair.local.candidate_type, CandidateType::Relayed);
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_or_does_not_answer_is_reported_and_nothing_waits_for_it() {
    let (acceptor, _) = tls();
    let untrusted = serve_stream(Some(acceptor)).await;
    let refusing: SocketAddr = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    let connection = connection_with(|configuration| {
        configuration.ice_servers = vec![
            server(&format!("turns:{untrusted}")),
            server(&format!("turn:{refusing}?transport=tcp")),
            server("turn:no-such-host.invalid"),
        ];
    });
    connection
        .create_data_channel("x", ChannelInit::default())
        .unwrap();
    let offer = connection.create_offer().await.unwrap();
    connection.set_local_description(offer).await.unwrap();
    soon("gathering", connection.gathering_complete()).await;
    let mut failed = Vec::new();
    soon("three errors", async {
        while failed.len() < 3 {
            match connection.next_event().await {
                Some(Event::IceCandidateError(error)) => failed.push((error.server, error.code)),
                Some(_) => {}
                None => panic!("it is not closed"),
            }
        }
    })
    .await;
    failed.sort();
    let mut expected = vec![
        (untrusted.to_string(), 701),
        (refusing.to_string(), 701),
        ("no-such-host.invalid:3478".to_owned(), 701),
    ];
    expected.sort();
    assert_eq!(failed, expected);
    let description = connection.local_description().unwrap().sdp;
    assert!(description.contains("typ host"), "{description}");
}

/// Takes the candidates over UDP out of a description, as a network would that blocks it.
fn without_udp(description: &SessionDescription) -> SessionDescription {
    let is_udp = |line: &&str| line.starts_with("a=candidate:") && line.contains(" udp ");
    let lines = description.sdp.lines().filter(|line| !is_udp(line));
    SessionDescription {
        kind: description.kind,
        sdp: lines.map(|line| format!("{line}\r\n")).collect(),
    }
}

#[tokio::test]
async fn where_udp_is_blocked_a_peer_is_reached_by_tcp() {
    tcp_only(0).await;
}

#[cfg(unix)]
#[tokio::test]
async fn where_udp_is_blocked_a_peer_with_shards_is_reached_by_tcp() {
    tcp_only(4).await;
}

async fn tcp_only(shards: usize) {
    let listening = connection_with(|configuration| {
        configuration.sockets.tcp = true;
        configuration.sockets.shards = shards;
    });
    let calling = connection();
    let ours = calling
        .create_data_channel("tcp", ChannelInit::default())
        .unwrap();
    let offer = calling.create_offer().await.unwrap();
    calling.set_local_description(offer).await.unwrap();
    calling.gathering_complete().await;
    let offer = without_udp(&calling.local_description().unwrap());
    listening.set_remote_description(offer).await.unwrap();
    let answer = listening.create_answer().await.unwrap();
    listening.set_local_description(answer).await.unwrap();
    listening.gathering_complete().await;
    let answer = listening.local_description().unwrap();
    assert!(answer.sdp.contains("tcptype passive"), "{}", answer.sdp);
    calling
        .set_remote_description(without_udp(&answer))
        .await
        .unwrap();
    connected(&calling, &listening).await;
    for connection in [&calling, &listening] {
        let transport = selected(connection).local.transport;
        assert!(
            matches!(transport, CandidateTransport::Tcp(_)),
            "{transport:?}"
        );
    }
    assert!(soon("the channel", ours.opened()).await);
    let theirs = data_channel(&listening).await;
    let block = Message::Binary(Bytes::from(vec![7; 200_000]));
    ours.send(block.clone()).await.unwrap();
    assert_eq!(soon("a block", theirs.recv()).await, Some(block));
    // The end of one is heard by the other, over TCP too.
    calling.close();
    until("the end", || {
        listening.connection_state() == gannet::PeerConnectionState::Closed
    })
    .await;
}

#[tokio::test]
async fn names_stand_for_addresses_and_are_found_out() {
    let hiding = || connection_with(|configuration| configuration.hide_host_addresses = true);
    let (one, other) = (hiding(), hiding());
    talk(&one, &other).await;
    let description = one.local_description().unwrap().sdp;
    assert!(description.contains(".local "), "{description}");
    assert!(!description.contains("127.0.0.1 "), "{description}");
}

#[tokio::test]
async fn streams_that_say_nothing_or_nonsense_come_to_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let connection = connection_with(|configuration| configuration.sockets.tcp = true);
    let offer = async {
        connection
            .create_data_channel("x", ChannelInit::default())
            .unwrap();
        connection.create_offer().await.unwrap()
    };
    connection.set_local_description(offer.await).await.unwrap();
    connection.gathering_complete().await;
    let description = connection.local_description().unwrap().sdp;
    let line = description
        .lines()
        .find(|line| line.contains("tcptype passive"));
    let fields: Vec<&str> = line.expect("a passive candidate").split(' ').collect();
    let address = format!("{}:{}", fields[4], fields[5]);
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0, 4, 1, 2, 3, 4],
        &[0xff; 3000],
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        let mut buffer = [0; 16];
        let end = soon("the end of the stream", stream.read(&mut buffer)).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}

#[tokio::test]
async fn servers_do_not_go_with_a_shared_endpoint() {
    let mut configuration = Configuration::default();
    let shared: Endpoint = endpoint();
    configuration.endpoint = Some(shared);
    configuration.ice_servers.push(server("turn:127.0.0.1"));
    let refused = PeerConnection::new(configuration);
    assert!(matches!(
        refused,
        Err(NewConnectionError::ServersOnSharedEndpoint)
    ));
}
