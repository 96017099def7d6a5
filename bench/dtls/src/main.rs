//! Complete DTLS handshakes, both ends in one thread and in memory, per second of the thread's processor
//! time: ours beside other stacks, in turns, so that a busy machine disturbs all alike.
//!
//! Everywhere: ECDSA P-256 certificates made before the clock runs, mutual authentication, datagrams of
//! 1,200 bytes, AES-128-GCM, `use_srtp` and its keys exported on both sides. No cookies where they can be
//! switched off. Ours compares fingerprints; the peers leave that to their user, who does not here.
//!
//! `cargo run --release` prints the table. With a name as its argument it runs only the stacks whose
//! name contains that (for profilers), and with a number behind it that many handshakes.

mod dimpl_peer;
mod openssl_peer;
mod ours;
mod rtc_peer;

use std::time::Duration;

use cpu_time::ThreadTime;
use gannet_crypto::NamedGroup;
use gannet_dtls::Version;

/// What went over the network in one handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    pub datagrams: usize,
    pub bytes: usize,
}

impl Traffic {
    pub fn count(&mut self, datagram: &[u8]) {
        self.datagrams += 1;
        self.bytes += datagram.len();
    }
}

/// Runs a handshake from nothing to exported keys.
type Handshake = Box<dyn FnMut() -> Traffic>;

/// Handshakes a batch, and batches: the median of the batches is printed.
const BATCH: usize = 150;
const BATCHES: usize = 15;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next();
    let count = arguments
        .next()
        .and_then(|count| count.parse::<usize>().ok());
    let mut stacks = stacks();
    stacks.retain(|(name, _)| {
        only.as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    });
    if let Some(count) = count {
        for (_, handshake) in &mut stacks {
            (0..count).for_each(|_| _ = handshake());
        }
        return;
    }
    println!("| stack | handshakes a CPU second | slowest and fastest batch | datagrams | bytes |");
    println!("| --- | --- | --- | --- | --- |");
    let traffic: Vec<Traffic> = stacks
        .iter_mut()
        .map(|(_, handshake)| handshake())
        .collect();
    let mut rates = vec![Vec::new(); stacks.len()];
    for _ in 0..BATCHES {
        for ((_, handshake), rates) in stacks.iter_mut().zip(&mut rates) {
            rates.push(rate(handshake));
        }
    }
    for (((name, _), rates), traffic) in stacks.iter().zip(&mut rates).zip(traffic) {
        rates.sort_by(f64::total_cmp);
        let (median, slowest, fastest) = (rates[BATCHES / 2], rates[0], rates[BATCHES - 1]);
        let Traffic { datagrams, bytes } = traffic;
        println!("| {name} | {median:.0} | {slowest:.0} to {fastest:.0} | {datagrams} | {bytes} |");
    }
}

fn stacks() -> Vec<(&'static str, Handshake)> {
    let (x25519, default) = (&[NamedGroup::X25519][..], &[][..]);
    vec![
        (
            "gannet, 1.2, X25519",
            ours::handshake(Version::Dtls12, x25519),
        ),
        (
            "dimpl 0.9, 1.2, X25519",
            dimpl_peer::handshake(Version::Dtls12, true),
        ),
        (
            "gannet, 1.3, X25519",
            ours::handshake(Version::Dtls13, x25519),
        ),
        (
            "dimpl 0.9, 1.3, X25519",
            dimpl_peer::handshake(Version::Dtls13, true),
        ),
        (
            "gannet, 1.3, X25519MLKEM768 (its default)",
            ours::handshake(Version::Dtls13, default),
        ),
        (
            "dimpl 0.9, 1.3, its default groups",
            dimpl_peer::handshake(Version::Dtls13, false),
        ),
        (
            "rtc-dtls 0.21, 1.2 (always with a cookie)",
            rtc_peer::handshake(),
        ),
        ("OpenSSL, 1.2, X25519", openssl_peer::handshake()),
    ]
}

fn rate(handshake: &mut Handshake) -> f64 {
    let start = ThreadTime::now();
    for _ in 0..BATCH {
        handshake();
    }
    let elapsed: Duration = start.elapsed();
    BATCH as f64 / elapsed.as_secs_f64()
}
