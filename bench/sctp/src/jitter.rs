//! Goodput over links that hold packets back, as radio does.

use std::time::Duration;

use gannet_netsim::{LinkConfig, Pair};

use crate::matrix::{Cell, Length, Loss, contenders, measure};

/// How long a cell runs.
const LENGTH: Length = Length::of(20);

/// Prints a row for each link: up to `jitter` more for each packet, both ways and without changing the
/// order. `arguments` name the contenders.
pub fn run(arguments: &[String]) {
    let contenders: Vec<_> = contenders()
        .into_iter()
        .filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|only| only == name))
        .collect();
    print!("| Mbit/s | RTT ms | jitter ms | loss |");
    for (name, _) in &contenders {
        print!(" {name} |");
    }
    println!("\n|{}", " --- |".repeat(contenders.len() + 4));
    for (mbit, rtt_ms) in [(20, 30), (100, 50)] {
        for jitter_ms in [0, 5, 10, 20, 40] {
            for loss in [0.0, 0.01] {
                let cell = Cell {
                    rtt_ms,
                    loss: Loss::Random(loss),
                    mbit,
                    queue_bdp: 1.0,
                };
                print!("| {mbit} | {rtt_ms} | {jitter_ms} | {}% |", loss * 100.0);
                for (_, make) in &contenders {
                    let link = LinkConfig::new()
                        .delay(Duration::from_millis(rtt_ms) / 2)
                        .jitter(Duration::from_millis(jitter_ms))
                        .loss(loss);
                    let bdp = (mbit * 1_000_000 / 8 * rtt_ms / 1000) as usize;
                    let there = link.clone().rate(mbit * 1_000_000).queue(bdp);
                    let pair = Pair::new(7, make(1), make(2))
                        .a_to_b(there)
                        .b_to_a(link)
                        .step_limit(u64::MAX);
                    print!(" {} |", measure(pair, &cell, LENGTH));
                }
                println!();
            }
        }
    }
}
