//! Goodput over simulated links.

use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::{Direction, GilbertElliott, LinkConfig, Pair};
use gannet_sctp::Config;
use gannet_sctp::congestion::Algorithm;
use gannet_sctp_peers::{DcSctp, Ours, RtcSctp, Sctp, SctpProto};

/// A link.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub rtt_ms: u64,
    pub loss: f64,
    pub bursts: bool,
    pub mbit: u64,
    pub queue_bdp: f64,
}

impl Cell {
    pub fn link(&self) -> LinkConfig {
        let rtt = Duration::from_millis(self.rtt_ms);
        let bdp = self.mbit as f64 * 1e6 / 8.0 * rtt.as_secs_f64();
        let queue = (bdp * self.queue_bdp).max(20.0 * 1200.0) as usize;
        let link = LinkConfig::new()
            .delay(rtt / 2)
            .rate(self.mbit * 1_000_000)
            .queue(queue);
        if self.bursts {
            link.burst_loss(GilbertElliott::bursts(0.01, 10.0))
        } else {
            link.loss(self.loss)
        }
    }

    fn back(&self) -> LinkConfig {
        LinkConfig::new()
            .delay(Duration::from_millis(self.rtt_ms) / 2)
            .loss(self.loss)
    }
}

/// Goodput in Mbit/s, and the longest queueing delay seen in ms.
pub fn measure(
    mut pair: Pair<Box<dyn Sctp>, Box<dyn Sctp>>,
    cell: &Cell,
    seconds: u64,
) -> (f64, f64) {
    let now = pair.now();
    pair.a.connect(now);
    if pair
        .try_run_until(Duration::from_secs(60), |a, b| {
            a.is_connected() && b.is_connected()
        })
        .is_err()
    {
        return (0.0, 0.0);
    }
    let message = Bytes::from(vec![7; 16 * 1024]);
    let begin = pair.elapsed();
    let end = begin + Duration::from_secs(seconds);
    let mut received = 0;
    while pair.elapsed() < end {
        let now = pair.now();
        while pair.a.buffered() < 4 * 1024 * 1024 {
            if !pair.a.send(now, message.clone()) {
                break;
            }
        }
        let slice = Duration::from_millis(10);
        let _ = pair.try_run_until(slice, |_, b| {
            while let Some(message) = b.receive() {
                received += message.len();
            }
            false
        });
    }
    let queue = pair.stats(Direction::AToB).queue_peak as f64;
    let delay = queue * 8.0 / (cell.mbit as f64 * 1000.0);
    (received as f64 * 8.0 / 1e6 / seconds as f64, delay)
}

pub fn contenders() -> Vec<(&'static str, fn(u64) -> Box<dyn Sctp>)> {
    fn ours(seed: u64, congestion: Algorithm) -> Box<dyn Sctp> {
        Box::new(Ours::new(
            seed,
            Config {
                congestion,
                ..Config::default()
            },
        ))
    }
    vec![
        ("model", |seed| ours(seed, Algorithm::Model)),
        ("cubic", |seed| ours(seed, Algorithm::Cubic)),
        ("newreno", |seed| ours(seed, Algorithm::NewReno)),
        ("dcsctp", |_| Box::new(DcSctp::new(false))),
        ("sctp-proto", |_| Box::new(SctpProto::new())),
        ("rtc-sctp", |_| Box::new(RtcSctp::new())),
    ]
}

fn cells(full: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    let (rtts, rates, queues): (&[u64], &[u64], &[f64]) = if full {
        (
            &[1, 10, 50, 150, 300],
            &[1, 10, 100, 1000],
            &[0.5, 1.0, 4.0],
        )
    } else {
        (&[10, 50, 150, 300], &[100], &[1.0])
    };
    for &mbit in rates {
        for &rtt_ms in rtts {
            for &queue_bdp in queues {
                for loss in [0.0, 0.0001, 0.001, 0.01, 0.05] {
                    cells.push(Cell {
                        rtt_ms,
                        loss,
                        bursts: false,
                        mbit,
                        queue_bdp,
                    });
                }
                cells.push(Cell {
                    rtt_ms,
                    loss: 0.0,
                    bursts: true,
                    mbit,
                    queue_bdp,
                });
            }
        }
    }
    cells
}

pub fn run(arguments: &[String]) {
    let full = arguments.first().is_some_and(|word| word == "full");
    let only = arguments.get(1).cloned();
    let contenders = contenders();
    print!("| Mbit/s | RTT ms | queue | loss |");
    for (name, _) in &contenders {
        print!(" {name} |");
    }
    println!(" model queue ms |");
    for cell in cells(full) {
        let loss = if cell.bursts {
            "bursts".to_owned()
        } else {
            format!("{}%", cell.loss * 100.0)
        };
        print!(
            "| {} | {} | {} | {loss} |",
            cell.mbit, cell.rtt_ms, cell.queue_bdp
        );
        let mut delay = 0.0;
        for (name, make) in &contenders {
            if only.as_deref().is_some_and(|only| only != *name) {
                print!(" - |");
                continue;
            }
            let pair = Pair::new(7, make(1), make(2))
                .a_to_b(cell.link())
                .b_to_a(cell.back())
                .step_limit(u64::MAX);
            let (mbit, queue) = measure(pair, &cell, if full { 30 } else { 20 });
            if *name == "model" {
                delay = queue;
            }
            print!(" {mbit:.1} |");
            use std::io::Write;
            let _ = std::io::stdout().flush();
        }
        println!(" {delay:.0} |");
    }
}
