//! A packet costs no allocation once the association has found its size: messages do.
//!
//! Only what Rust code allocates is counted.

#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::disallowed_methods, reason = "a test may look at the clock")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_alloc_count::allocations;
use gannet_crypto::Rng;
use gannet_sctp::{Association, AssociationState, Config, Ppid, SendOptions, StreamId};

struct Run {
    ends: [Association; 2],
    now: Instant,
    packet: Vec<u8>,
    packets: usize,
    messages: usize,
    /// Every so manieth data packet is lost; 0 is none.
    lose: usize,
}

impl Run {
    fn new(interleaving: bool) -> Self {
        let now = Instant::now();
        let provider = gannet_crypto::default_provider();
        let config = Config {
            interleaving,
            ..Config::default()
        };
        let end =
            |seed| Association::new(config.clone(), &provider, Rng::insecure_from_u64(seed), now);
        let mut run = Self {
            ends: [end(1), end(2)],
            now,
            packet: Vec::with_capacity(4096),
            packets: 0,
            messages: 0,
            lose: 0,
        };
        run.ends[0].connect(now);
        while run.ends[0].state() != AssociationState::Connected {
            run.exchange();
        }
        run
    }

    /// Passes what both ends have to say, one millisecond later.
    fn exchange(&mut self) {
        self.now += Duration::from_millis(1);
        for from in [0, 1] {
            self.ends[from].handle_timeout(self.now);
            loop {
                self.packet.clear();
                if self.ends[from]
                    .poll_transmit(self.now, &mut self.packet)
                    .is_none()
                {
                    break;
                }
                self.packets += 1;
                let is_lost = self.lose > 0
                    && self.packets.is_multiple_of(self.lose)
                    && self.packet.len() > 500;
                if !is_lost {
                    self.ends[1 - from].handle_packet(self.now, &self.packet);
                }
            }
            while self.ends[from].poll_event().is_some() {}
        }
        while let Some(message) = self.ends[1].poll_message() {
            assert_eq!(message.data.len(), 200_000);
            self.messages += 1;
        }
    }

    /// Sends messages until so many have arrived. Returns packets and allocations for each message.
    fn transfer(&mut self, message: &Bytes, count: usize) -> (f64, f64) {
        let (packets, messages) = (self.packets, self.messages);
        let allocations = allocations(|| {
            while self.messages < messages + count {
                while self.ends[0].total_buffered_amount() < 1_000_000 {
                    let options = SendOptions::default();
                    self.ends[0]
                        .send(self.now, StreamId(1), Ppid(53), message.clone(), options)
                        .unwrap();
                }
                self.exchange();
            }
        });
        let arrived = (self.messages - messages) as f64;
        (
            (self.packets - packets) as f64 / arrived,
            allocations as f64 / arrived,
        )
    }
}

#[test]
fn packets_cost_no_allocation() {
    for interleaving in [false, true] {
        let mut run = Run::new(interleaving);
        let message = Bytes::from(vec![7; 200_000]);
        run.transfer(&message, 500);
        let (packets, allocations) = run.transfer(&message, 500);
        assert!(packets > 170.0, "{packets} packets a message");
        // The receiver's buffer, what makes it a message, and the list that it begins with.
        assert!(
            allocations <= 4.0,
            "{allocations} allocations a message of {packets} packets"
        );
    }
}

#[test]
fn what_is_lost_costs_little() {
    let mut run = Run::new(true);
    let message = Bytes::from(vec![7; 200_000]);
    run.transfer(&message, 200);
    run.lose = 101;
    run.transfer(&message, 500);
    let (packets, allocations) = run.transfer(&message, 500);
    // Each gap makes a run of its own in the reassembly, whose buffer grows by doubling.
    assert!(
        allocations < 0.2 * packets,
        "{allocations} allocations a message of {packets} packets"
    );
}
