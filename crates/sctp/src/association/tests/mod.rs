//! Two associations over a simulated link.

mod bounds;
mod data;
mod loss;
mod matrix;
mod pace;
mod partial;
mod path_mtu;
mod promises;
mod reconfig;
mod setup;
mod shutdown;
mod snap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_crypto::{CryptoProvider, HashAlgorithm, Hmac, Rng};
use gannet_netsim::{Direction, LinkConfig, Pair, Peer};

use crate::packet::{Chunk, Packet};
use crate::{
    Association, AssociationState, Config, Event, Message, Ppid, Reliability, SendOptions, StreamId,
};

const MS: Duration = Duration::from_millis(1);

pub(crate) fn provider() -> Arc<dyn CryptoProvider> {
    gannet_crypto::default_provider()
}

pub(crate) fn test_key(key: u8) -> Box<dyn Hmac> {
    provider().hmac(HashAlgorithm::Sha256, &[key; 32])
}

/// An association, with what it has told its user.
#[derive(Debug)]
struct End {
    association: Association,
    events: Vec<Event>,
    messages: Vec<Message>,
    /// Whether messages are taken as they come.
    reads: bool,
}

impl End {
    fn new(config: Config, seed: u64) -> Self {
        let rng = Rng::insecure_from_u64(seed);
        Self {
            association: Association::new(config, &provider(), rng, gannet_netsim::start()),
            events: Vec::new(),
            messages: Vec::new(),
            reads: true,
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.association.poll_event() {
            self.events.push(event);
        }
        while self.reads {
            let Some(message) = self.association.poll_message() else {
                break;
            };
            self.messages.push(message);
        }
    }

    fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    fn is_connected(&self) -> bool {
        self.association.state() == AssociationState::Connected
    }

    fn send(&mut self, now: Instant, stream: u16, data: impl Into<Bytes>) {
        self.send_with(now, stream, data, SendOptions::default());
    }

    fn send_with(
        &mut self,
        now: Instant,
        stream: u16,
        data: impl Into<Bytes>,
        options: SendOptions,
    ) {
        self.association
            .send(now, StreamId(stream), Ppid(53), data.into(), options)
            .unwrap();
    }

    fn received(&self) -> Vec<&[u8]> {
        self.messages
            .iter()
            .map(|message| &message.data[..])
            .collect()
    }
}

impl Peer for End {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.association.handle_packet(now, packet);
        self.collect();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        let sent = self.association.poll_transmit(now, buf).is_some();
        self.collect();
        sent
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}

type Ends = Pair<End, End>;

/// Two ends that do not know of each other yet.
fn strangers(seed: u64, config: &Config, link: LinkConfig) -> Ends {
    let a = End::new(config.clone(), seed * 2 + 1);
    let b = End::new(config.clone(), seed * 2 + 2);
    Pair::new(seed, a, b)
        .link(link)
        .time_limit(Duration::from_secs(600))
}

/// Two ends that are connected; both have said INIT, as in WebRTC.
fn connected(seed: u64, config: &Config, link: LinkConfig) -> Ends {
    let mut pair = strangers(seed, config, link);
    let now = pair.now();
    pair.a.association.connect(now);
    pair.b.association.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    pair
}

fn quick_link() -> LinkConfig {
    LinkConfig::new().delay(10 * MS)
}

/// The text of every chunk in a packet.
fn chunks(packet: &[u8]) -> Vec<String> {
    let packet = Packet::parse(packet).unwrap();
    packet
        .chunks()
        .map(|chunk| Chunk::parse(chunk.unwrap()).unwrap().to_string())
        .collect()
}

/// The next packet of an end.
fn transmit(end: &mut End, now: Instant) -> Option<Vec<u8>> {
    let mut buf = Vec::new();
    end.association.poll_transmit(now, &mut buf)?;
    Some(buf)
}

/// Data that tells where it is from.
fn pattern(seed: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i as u64 * 31 + seed * 7 + (i as u64 >> 8)) as u8)
        .collect()
}

#[test]
fn an_association_can_be_sent_to_a_thread() {
    const fn is_send<T: Send>() {}
    is_send::<Association>();
    assert!(size_of::<Event>() <= 40, "{}", size_of::<Event>());
}
