//! Both ends on one thread, packets passed by hand.

use std::time::Instant;

use bytes::Bytes;
use cpu_time::ThreadTime;
use gannet_sctp_peers::Sctp;

use crate::matrix::contenders;

/// How much is sent, in bytes.
const TOTAL: usize = 1 << 29;

/// Gbit for each second of the thread's processor.
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
    while received < TOTAL && began.elapsed().as_secs() < 30 {
        let at = now();
        if a.is_connected() && b.is_connected() {
            timing.get_or_insert_with(ThreadTime::now);
            while a.buffered() < 256 * 1024 && a.send(at, message.clone()) {}
        }
        buf.clear();
        for _ in 0..64 {
            if !a.poll_transmit(at, &mut buf) {
                break;
            }
            b.handle_packet(at, &buf);
            buf.clear();
        }
        while let Some(message) = b.receive() {
            received += message.len();
        }
        while b.poll_transmit(at, &mut buf) {
            a.handle_packet(at, &buf);
            buf.clear();
        }
        for end in [&mut a, &mut b] {
            if end.poll_timeout().is_some_and(|timeout| timeout <= at) {
                end.handle_timeout(at);
            }
        }
    }
    let took = timing.map_or(1.0, |from| from.elapsed().as_secs_f64());
    received as f64 * 8.0 / 1e9 / took
}

/// Prints one line for each contender, in turns so that a busy machine disturbs all of them alike.
pub fn run(arguments: &[String]) {
    let rounds = 5;
    println!(
        "both ends in memory, 16 KiB messages, Gbit for each second of one processor (median of {rounds}, and best)"
    );
    let contenders: Vec<_> = contenders()
        .into_iter()
        .filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|only| only == name))
        .collect();
    let mut results = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for ((_, make), results) in contenders.iter().zip(&mut results) {
            results.push(once(*make));
        }
    }
    for ((name, _), results) in contenders.iter().zip(&mut results) {
        results.sort_by(f64::total_cmp);
        let (median, best) = (results[rounds / 2], results[rounds - 1]);
        println!("{name}: {median:.2}, {best:.2}");
    }
}
