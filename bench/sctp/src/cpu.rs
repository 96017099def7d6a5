//! Both ends on one thread, packets passed by hand.

use std::time::Instant;

use bytes::Bytes;
use gannet_sctp_peers::Sctp;

use crate::matrix::contenders;

const TOTAL: usize = 1 << 30;

fn once(make: fn(u64) -> Box<dyn Sctp>) -> f64 {
    let (mut a, mut b) = (make(1), make(2));
    let start = gannet_netsim::start();
    let began = Instant::now();
    let now = || start + began.elapsed();
    a.connect(now());
    let message = Bytes::from(vec![7; 16 * 1024]);
    let mut buf = Vec::with_capacity(2048);
    let mut received = 0;
    let mut timing = None;
    let mut idle = 0;
    while received < TOTAL {
        let at = now();
        if a.is_connected() && b.is_connected() {
            timing.get_or_insert(at);
            while a.buffered() < 256 * 1024 && a.send(at, message.clone()) {}
        }
        let mut moved = false;
        buf.clear();
        for _ in 0..64 {
            if !a.poll_transmit(at, &mut buf) {
                break;
            }
            b.handle_packet(at, &buf);
            buf.clear();
            moved = true;
        }
        while let Some(message) = b.receive() {
            received += message.len();
        }
        while b.poll_transmit(at, &mut buf) {
            a.handle_packet(at, &buf);
            buf.clear();
            moved = true;
        }
        for end in [&mut a, &mut b] {
            if end.poll_timeout().is_some_and(|timeout| timeout <= at) {
                end.handle_timeout(at);
            }
        }
        idle = if moved { 0 } else { idle + 1 };
        if began.elapsed().as_secs() > 20 {
            break;
        }
    }
    let took = timing.map_or(1.0, |from| (now() - from).as_secs_f64());
    received as f64 * 8.0 / 1e9 / took
}

pub fn run() {
    println!("in memory, 16 KiB messages, Gbit/s (best of 3)");
    for (name, make) in contenders() {
        let best = (0..3).map(|_| once(make)).fold(0.0, f64::max);
        println!("{name}: {best:.2}");
    }
}
