//! Two clients and the server on real sockets.
#![allow(
    clippy::disallowed_methods,
    reason = "what owns sockets owns the clock"
)]

mod server;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_turn::{Client, Config, Event, Incoming, State, Transport};
use server::sockets::SocketServer;
use server::{PASSWORD, ServerConfig, USERNAME};

struct Node {
    client: Client,
    socket: UdpSocket,
    relayed: Option<SocketAddr>,
    received: Vec<(SocketAddr, Vec<u8>)>,
}

impl Node {
    fn new(server: SocketAddr, seed: u64) -> Self {
        let config = Config::new(server, Transport::Udp, USERNAME, PASSWORD);
        let rng = Rng::insecure_from_u64(seed);
        let mut client = Client::new(config, default_provider(), rng);
        client.allocate(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Duration::from_millis(2);
        socket.set_read_timeout(Some(patience)).unwrap();
        Self {
            client,
            socket,
            relayed: None,
            received: Vec::new(),
        }
    }

    fn turn(&mut self) {
        let now = Instant::now();
        self.client.handle_timeout(now);
        let mut packet = Vec::new();
        while let Some(server) = self.client.poll_transmit(now, &mut packet) {
            self.socket.send_to(&packet, server).unwrap();
            packet.clear();
        }
        let mut room = [0; 2048];
        if let Ok((len, _)) = self.socket.recv_from(&mut room) {
            let packet = &room[..len];
            if let Incoming::Data { peer, data } = self.client.handle_packet(now, packet) {
                self.received.push((peer, packet[data].to_vec()));
            }
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Allocated { relayed, .. } => self.relayed = relayed.first().copied(),
                Event::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut packet = data.to_vec();
        let server = self.client.wrap(peer, &mut packet, 0).unwrap();
        self.socket.send_to(&packet, server).unwrap();
    }
}

fn run(nodes: &mut [Node; 2], done: impl Fn(&[Node; 2]) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done(nodes) {
        assert!(Instant::now() < end, "it takes too long");
        nodes.iter_mut().for_each(Node::turn);
    }
}

#[test]
fn two_clients_reach_each_other_by_their_relayed_addresses() {
    let address = "127.0.0.1:0".parse().unwrap();
    let mut server = SocketServer::bind(address, ServerConfig::default()).unwrap();
    let address = server.address();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let serving = std::thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            server.serve(Duration::from_millis(20)).unwrap();
        }
    });
    let mut nodes = [1, 2].map(|seed| Node::new(address, seed));
    run(&mut nodes, |nodes| {
        nodes.iter().all(|node| node.relayed.is_some())
    });
    let [a, b] = [0, 1].map(|at: usize| nodes[at].relayed.unwrap());
    let now = Instant::now();
    nodes[0].client.bind_channel(now, b).unwrap();
    nodes[1].client.create_permission(now, a.ip()).unwrap();
    run(&mut nodes, |nodes| {
        nodes[0].client.has_permission(b.ip()) && nodes[1].client.has_permission(a.ip())
    });
    nodes[0].send(b, b"by a channel or an indication");
    nodes[1].send(a, &[7; 1200]);
    run(&mut nodes, |nodes| {
        nodes.iter().all(|node| !node.received.is_empty())
    });
    assert_eq!(
        nodes[1].received[0],
        (a, b"by a channel or an indication".to_vec())
    );
    assert_eq!(nodes[0].received[0], (b, vec![7; 1200]));
    let now = Instant::now();
    nodes.iter_mut().for_each(|node| node.client.close(now));
    run(&mut nodes, |nodes| {
        nodes
            .iter()
            .all(|node| node.client.state() == State::Closed)
    });
    over.store(true, Ordering::Relaxed);
    serving.join().unwrap();
}
