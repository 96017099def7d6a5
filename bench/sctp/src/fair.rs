//! Two flows through one bottleneck.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_netsim::{Link, LinkConfig};
use gannet_sctp_peers::Sctp;

use crate::matrix::contenders;

/// Two pairs, whose data shares a link and whose acknowledgements do not.
fn share(
    first: fn(u64) -> Box<dyn Sctp>,
    second: fn(u64) -> Box<dyn Sctp>,
    rtt_ms: u64,
    queue: f64,
) -> f64 {
    let half = Duration::from_millis(rtt_ms) / 2;
    let mbit = 20_u64;
    let bdp = mbit as f64 * 1e6 / 8.0 * rtt_ms as f64 / 1000.0;
    let link = LinkConfig::new()
        .delay(half)
        .rate(mbit * 1_000_000)
        .queue((bdp * queue).max(24_000.0) as usize);
    let mut forward = Link::new(link, 1);
    let mut back = [
        Link::new(LinkConfig::new().delay(half), 2),
        Link::new(LinkConfig::new().delay(half), 3),
    ];
    let mut senders = [first(1), second(2)];
    let mut receivers = [first(3), second(4)];
    let start = gannet_netsim::start();
    let mut received = [0_usize; 2];
    for sender in &mut senders {
        sender.connect(start);
    }
    let message = Bytes::from(vec![7; 16 * 1024]);
    let step = Duration::from_micros(200);
    let mut now: Instant = start;
    let mut buf = Vec::new();
    while now < start + Duration::from_secs(60) {
        now += step;
        for i in 0..2 {
            if senders[i].is_connected() {
                while senders[i].buffered() < 1 << 20 && senders[i].send(now, message.clone()) {}
            }
            for end in [&mut senders[i], &mut receivers[i]] {
                if end.poll_timeout().is_some_and(|at| at <= now) {
                    end.handle_timeout(now);
                }
            }
        }
        // In turns: neither is always first in the queue.
        let order = if ((now - start).as_micros() / 200).is_multiple_of(2) {
            [0, 1]
        } else {
            [1, 0]
        };
        for i in order {
            loop {
                buf.clear();
                if !senders[i].poll_transmit(now, &mut buf) {
                    break;
                }
                buf.push(i as u8);
                forward.send(now, buf.clone());
            }
            loop {
                buf.clear();
                if !receivers[i].poll_transmit(now, &mut buf) {
                    break;
                }
                back[i].send(now, buf.clone());
            }
        }
        while let Some(mut packet) = forward.poll(now) {
            let i = usize::from(packet.pop().unwrap_or(0));
            receivers[i].handle_packet(now, &packet);
        }
        for i in 0..2 {
            while let Some(packet) = back[i].poll(now) {
                senders[i].handle_packet(now, &packet);
            }
            while let Some(message) = receivers[i].receive() {
                // The first ten seconds are for finding each other.
                if now > start + Duration::from_secs(10) {
                    received[i] += message.len();
                }
            }
        }
    }
    received[0] as f64 / (received[0] + received[1]).max(1) as f64
}

/// Prints the share of the first flow for each pair of our controllers; `arguments` name those that come
/// first.
pub fn run(arguments: &[String]) {
    let contenders = contenders();
    let ours = &contenders[..3];
    let named = |name: &str| arguments.is_empty() || arguments.iter().any(|only| only == name);
    println!("20 Mbit/s, share of the first flow over 50 s");
    println!("| first | second | RTT ms | queue BDP | share |");
    println!("| --- | --- | --- | --- | --- |");
    for (one, first) in ours.iter().filter(|(name, _)| named(name)) {
        for (two, second) in ours {
            for (rtt, queue) in [(50, 0.5), (50, 1.0), (50, 4.0), (10, 1.0), (150, 1.0)] {
                let share = share(*first, *second, rtt, queue);
                println!(
                    "| {one} | {two} | {rtt} | {queue} | {:.0}% |",
                    share * 100.0
                );
            }
        }
    }
}
