//! A part of the throughput matrix: what the default controller reaches must not fall. The full one, with
//! other implementations beside it, is `bench/sctp`.

use super::*;

/// Goodput in Mbit/s over ten seconds, after two.
fn goodput(rtt: Duration, loss: f64, mbit: u64) -> f64 {
    let bdp = mbit as f64 * 1e6 / 8.0 * rtt.as_secs_f64();
    let link = LinkConfig::new()
        .delay(rtt / 2)
        .rate(mbit * 1_000_000)
        .queue(bdp.max(24_000.0) as usize)
        .loss(loss);
    let mut pair = connected(7, &Config::default(), LinkConfig::new().delay(rtt / 2))
        .a_to_b(link)
        .b_to_a(LinkConfig::new().delay(rtt / 2).loss(loss))
        .step_limit(u64::MAX);
    let message = Bytes::from(vec![7; 64 * 1024]);
    let mut received = 0;
    for tick in 0..600 {
        let now = pair.now();
        while pair.a.association.total_buffered_amount() < 2 * 1024 * 1024 {
            pair.a.send(now, 1, message.clone());
        }
        pair.run_for(20 * MS);
        let bytes: usize = pair
            .b
            .messages
            .drain(..)
            .map(|message| message.data.len())
            .sum();
        if tick >= 100 {
            received += bytes;
        }
    }
    received as f64 * 8.0 / 1e6 / 10.0
}

#[test]
fn a_path_is_filled_with_and_without_loss() {
    // RTT in ms, loss, rate, and the least that is acceptable, all in Mbit/s. Reached when written, in
    // the full matrix: see `docs/sctp.md`.
    let cells = [
        (10, 0.0, 20, 18.0),
        (50, 0.0, 20, 18.0),
        (50, 0.001, 20, 16.0),
        (50, 0.01, 20, 11.0),
        (150, 0.0, 20, 17.0),
        (150, 0.01, 10, 5.0),
        (50, 0.0, 1, 0.85),
    ];
    for (rtt, loss, mbit, least) in cells {
        let reached = goodput(rtt * MS, loss, mbit);
        assert!(
            reached >= least && reached <= mbit as f64 * 1.05,
            "{rtt} ms, {loss}, {mbit} Mbit/s: {reached:.1}"
        );
    }
}
