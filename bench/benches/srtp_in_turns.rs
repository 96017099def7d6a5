//! SRTP, ours beside peers', in turns, so that a busy machine disturbs all alike: each does a batch of packets, then the
//! next one does, and so on for many rounds. A ratio is the median of the rounds' ratios.
//!
//! `cargo bench --bench srtp_in_turns [-- PROFILE]`, where PROFILE is a part of a profile's name.

use gannet_bench::srtp::{Contestant, LENGTHS, PROFILES, contestants};

const PACKETS: u64 = 4_096;
const ROUNDS: usize = 101;

fn main() {
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    for profile in PROFILES {
        let name = profile.to_string();
        if only.as_ref().is_none_or(|only| name.contains(only)) {
            for (len, what) in LENGTHS {
                compare(&format!("{name}, {what}"), &mut contestants(profile, len));
            }
        }
    }
}

fn compare(title: &str, contestants: &mut [Contestant]) {
    let mut times = vec![Vec::with_capacity(ROUNDS); contestants.len()];
    for _ in 0..ROUNDS {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = contestant.run(PACKETS).as_secs_f64() * 1e9;
            times.push(time / PACKETS as f64);
        }
    }
    println!("\n## {title}\n\nns a packet: median, and the middle half of {ROUNDS} rounds\n");
    println!("| stack | | median | middle half | of rtc-srtp on aws-lc-rs | of rtc-srtp on ring |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (contestant, own) in contestants.iter().zip(&times) {
        let Contestant { name, work, .. } = contestant;
        let ratio = |peer: &str| {
            let peer = contestants
                .iter()
                .position(|other| other.name == peer && other.work == *work)
                .expect("the peer has the same work");
            let ratios = times[peer]
                .iter()
                .zip(own)
                .map(|(theirs, own)| theirs / own);
            quartiles(ratios).1
        };
        let (on_aws_lc, on_ring) = (ratio("rtc-srtp on aws-lc-rs"), ratio("rtc-srtp on ring"));
        let (low, median, high) = quartiles(own.iter().copied());
        println!(
            "| {name} | {work} | {median:.0} | {low:.0} to {high:.0} | {on_aws_lc:.2} x | {on_ring:.2} x |"
        );
    }
}

/// The first quartile, the median and the third quartile.
fn quartiles(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |part: usize| values[(values.len() - 1) * part / 4];
    (at(1), at(2), at(3))
}
