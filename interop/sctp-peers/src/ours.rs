use std::time::Instant;

use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_netsim::Peer;
use gannet_sctp::{Association, AssociationState, Config, Ppid, SendOptions, StreamId};

use crate::{PACKET_SIZE, STREAM, Sctp, WINDOW};

/// Gannet's own.
pub struct Ours(pub Association);

impl Ours {
    pub fn new(seed: u64, config: Config) -> Self {
        let provider = gannet_crypto::default_provider();
        let config = Config {
            max_packet_size: PACKET_SIZE,
            receive_window: WINDOW,
            ..config
        };
        let rng = Rng::insecure_from_u64(seed);
        Self(Association::new(
            config,
            &provider,
            rng,
            gannet_netsim::start(),
        ))
    }
}

impl Peer for Ours {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.0.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        while self.0.poll_event().is_some() {}
        self.0.poll_transmit(now, buf).is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

impl Sctp for Ours {
    fn connect(&mut self, now: Instant) {
        self.0.connect(now);
    }

    fn is_connected(&self) -> bool {
        self.0.state() == AssociationState::Connected
    }

    fn send(&mut self, now: Instant, data: Bytes) -> bool {
        let options = SendOptions::default();
        self.0
            .send(now, StreamId(STREAM), Ppid(53), data, options)
            .is_ok()
    }

    fn receive(&mut self) -> Option<Bytes> {
        self.0.poll_message().map(|message| message.data)
    }

    fn buffered(&mut self) -> usize {
        self.0.total_buffered_amount()
    }

    fn state(&self) -> String {
        format!("{:?}", self.0.stats())
    }
}
