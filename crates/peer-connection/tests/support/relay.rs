//! A middlebox that sends what a client says to a server by one of several paths, each with an address of its own:
//! a NAT that changes its mind.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use gannet::{PeerConnection, SessionDescription};
use tokio::net::UdpSocket;

/// The classes of STUN messages in its first two bytes (RFC 8489, section 5), of those that ICE sends.
const REQUEST: [u8; 2] = [0x00, 0x01];
const RESPONSE: [u8; 2] = [0x01, 0x01];
/// Where STUN's transaction id is.
const TRANSACTION: std::ops::Range<usize> = 8..20;

/// An offer of `client` and an answer of `server`, which know nothing of each other but a relay between them.
pub(crate) async fn exchange_through_relay(
    client: &PeerConnection,
    server: &PeerConnection,
    paths: usize,
    choose: impl FnMut(u64) -> Option<usize> + Send + 'static,
) {
    let offer = client.create_offer().await.unwrap();
    client.set_local_description(offer.clone()).await.unwrap();
    // It was made before there were candidates.
    assert!(!offer.sdp.contains("a=candidate"), "{}", offer.sdp);
    server.set_remote_description(offer).await.unwrap();
    let answer = server.create_answer().await.unwrap();
    server.set_local_description(answer).await.unwrap();
    server.gathering_complete().await;
    let answer = server.local_description().unwrap();
    let line = answer.sdp.lines().find(|line| line.contains(" typ host"));
    let fields: Vec<&str> = line.expect("a candidate").split(' ').collect();
    let real = format!("{} {} typ", fields[4], fields[5]);
    let address = format!("{}:{}", fields[4], fields[5]).parse().unwrap();
    let relay = start(address, paths, choose).await;
    let relayed = format!("{} {} typ", relay.ip(), relay.port());
    let answer = SessionDescription::answer(answer.sdp.replace(&real, &relayed));
    client.set_remote_description(answer).await.unwrap();
}

/// Starts a relay to `server` with so many paths; clients talk to the address that is returned. `choose` says by which
/// path the datagram with this number goes, or that it is lost. It is not asked about STUN: requests go by all
/// paths, so that all prove to be the client's, and responses go by the path of their request.
async fn start(
    server: SocketAddr,
    paths: usize,
    choose: impl FnMut(u64) -> Option<usize> + Send + 'static,
) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let address = front.local_addr().unwrap();
    let mut backs = Vec::new();
    let known = Arc::new(Mutex::new(Known::default()));
    for path in 0..paths {
        let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        back.connect(server).await.unwrap();
        let (front, known) = (Arc::clone(&front), Arc::clone(&known));
        tokio::spawn(back_to_client(path, Arc::clone(&back), front, known));
        backs.push(back);
    }
    tokio::spawn(on_to_server(front, backs, known, choose));
    address
}

#[derive(Debug, Default)]
struct Known {
    client: Option<SocketAddr>,
    /// The path by which the server has sent each request.
    transactions: HashMap<[u8; 12], usize>,
}

fn transaction(datagram: &[u8], class: [u8; 2]) -> Option<[u8; 12]> {
    let id = datagram.get(TRANSACTION)?;
    datagram
        .starts_with(&class)
        .then(|| id.try_into().expect("twelve bytes"))
}

async fn on_to_server(
    front: Arc<UdpSocket>,
    backs: Vec<Arc<UdpSocket>>,
    known: Arc<Mutex<Known>>,
    mut choose: impl FnMut(u64) -> Option<usize>,
) {
    let mut buffer = [0; 2048];
    let mut number = 0;
    while let Ok((len, client)) = front.recv_from(&mut buffer).await {
        let datagram = &buffer[..len];
        known.lock().unwrap().client = Some(client);
        let answered = transaction(datagram, RESPONSE)
            .and_then(|id| known.lock().unwrap().transactions.get(&id).copied());
        let paths = if transaction(datagram, REQUEST).is_some() {
            (0..backs.len()).collect()
        } else if let Some(path) = answered {
            vec![path]
        } else {
            number += 1;
            Vec::from_iter(choose(number))
        };
        for path in paths {
            let _ = backs[path].send(datagram).await;
        }
    }
}

async fn back_to_client(
    path: usize,
    back: Arc<UdpSocket>,
    front: Arc<UdpSocket>,
    known: Arc<Mutex<Known>>,
) {
    let mut buffer = [0; 2048];
    loop {
        let Ok(len) = back.recv(&mut buffer).await else {
            continue;
        };
        let client = {
            let mut known = known.lock().unwrap();
            if let Some(id) = transaction(&buffer[..len], REQUEST) {
                known.transactions.insert(id, path);
            }
            known.client
        };
        if let Some(client) = client {
            let _ = front.send_to(&buffer[..len], client).await;
        }
    }
}
