//! A part of the throughput matrix, kept as a snapshot: a change of behaviour is a diff of numbers. The
//! whole matrix, with other implementations beside it, is `bench/sctp`.

use std::fmt::Write as _;

use gannet_netsim::GilbertElliott;

use super::*;
use crate::congestion::Algorithm;

/// What these tests compare with. `UPDATE_SNAPSHOT=1` in the environment writes it anew.
const SNAPSHOT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/association/tests/matrix.txt"
);

#[derive(Clone, Copy, Debug)]
enum Loss {
    Percent(f64),
    /// One percent, in bursts of ten.
    Bursts,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    congestion: Algorithm,
    mbit: u64,
    rtt: u32,
    loss: Loss,
    queue_bdp: f64,
}

/// Goodput in Mbit/s, and the mean time in the queue in ms, over ten seconds after two.
fn measure(cell: Cell) -> (f64, f64) {
    let rtt = cell.rtt * MS;
    let bdp = cell.mbit as f64 * 1e6 / 8.0 * rtt.as_secs_f64();
    let with_loss = |link: LinkConfig| match cell.loss {
        Loss::Percent(percent) => link.loss(percent / 100.0),
        Loss::Bursts => link.burst_loss(GilbertElliott::bursts(0.01, 10.0)),
    };
    let link = LinkConfig::new()
        .delay(rtt / 2)
        .rate(cell.mbit * 1_000_000)
        .queue((bdp * cell.queue_bdp).max(24_000.0) as usize);
    let config = Config {
        congestion: cell.congestion,
        ..Config::default()
    };
    let mut pair = connected(7, &config, LinkConfig::new().delay(rtt / 2))
        .a_to_b(with_loss(link))
        .b_to_a(with_loss(LinkConfig::new().delay(rtt / 2)))
        .step_limit(u64::MAX);
    let message = Bytes::from(vec![7; 16 * 1024]);
    let (mut received, mut waited) = (0, 0.0);
    for tick in 0..600 {
        let now = pair.now();
        while pair.a.association.total_buffered_amount() < 512 * 1024 {
            pair.a.send(now, 1, message.clone());
        }
        pair.run_for(20 * MS);
        let messages = pair.b.messages.drain(..);
        let bytes: usize = messages.map(|message| message.data.len()).sum();
        if tick >= 100 {
            received += bytes;
            let queued = pair.one_way(Direction::AToB).queued_bytes() as f64;
            waited += queued * 8.0 / (cell.mbit as f64 * 1e3) / 500.0;
        }
    }
    (received as f64 * 8.0 / 1e6 / 10.0, waited)
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |congestion, mbit, rtt, loss, queue_bdp| {
        cells.push(Cell {
            congestion,
            mbit,
            rtt,
            loss,
            queue_bdp,
        });
    };
    let percent = Loss::Percent;
    for rtt in [10, 50, 150] {
        for loss in [
            percent(0.0),
            percent(0.1),
            percent(1.0),
            percent(5.0),
            Loss::Bursts,
        ] {
            add(Algorithm::Model, 10, rtt, loss, 1.0);
        }
    }
    for queue_bdp in [0.5, 4.0] {
        add(Algorithm::Model, 10, 50, percent(0.0), queue_bdp);
        add(Algorithm::Model, 10, 50, percent(1.0), queue_bdp);
    }
    for rtt in [1, 50] {
        add(Algorithm::Model, 1, rtt, percent(0.0), 1.0);
        add(Algorithm::Model, 1, rtt, Loss::Bursts, 1.0);
    }
    for congestion in [Algorithm::Cubic, Algorithm::NewReno] {
        add(congestion, 10, 50, percent(0.0), 1.0);
        add(congestion, 10, 50, percent(1.0), 1.0);
    }
    cells
}

#[test]
fn goodput_and_queues_are_as_they_were() {
    let mut table = String::from("controller Mbit/s RTT-ms queue-BDP loss goodput queue-ms\n");
    for cell in cells() {
        let (goodput, queue) = measure(cell);
        let share = goodput / cell.mbit as f64;
        let loss = match cell.loss {
            Loss::Percent(percent) => format!("{percent}%"),
            Loss::Bursts => "bursts".to_owned(),
        };
        let _ = writeln!(
            table,
            "{:?} {} {} {} {loss} {goodput:.2} {queue:.0}",
            cell.congestion, cell.mbit, cell.rtt, cell.queue_bdp
        );
        // What the default is to reach at least, whatever the snapshot says.
        let least = match cell.loss {
            _ if cell.congestion != Algorithm::Model => 0.0,
            Loss::Percent(0.0) => 0.9,
            Loss::Percent(percent) if percent < 0.5 => 0.8,
            Loss::Percent(percent) if percent < 2.0 => 0.7,
            Loss::Percent(_) => 0.5,
            Loss::Bursts => 0.4,
        };
        assert!((least..=1.0).contains(&share), "{cell:?}: {goodput}");
    }
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(SNAPSHOT, &table).unwrap();
    }
    let before = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let changed: Vec<_> = before
        .lines()
        .zip(table.lines())
        .filter(|(before, now)| before != now)
        .collect();
    assert!(
        before == table,
        "not as in {SNAPSHOT}; if that is wanted, UPDATE_SNAPSHOT=1 writes it anew:\n{changed:#?}"
    );
}

// A link that holds packets back and lets them go together, as radio does: its delay is no queue of ours.
#[test]
fn jitter_is_no_reason_to_slow_down() {
    for (loss, jitter, least) in [(0.0, 10, 18.0), (0.0, 40, 17.0), (0.01, 20, 12.0)] {
        let link = LinkConfig::new()
            .delay(15 * MS)
            .jitter(jitter * MS)
            .loss(loss);
        let mut pair = connected(3, &Config::default(), link.clone())
            .a_to_b(link.clone().rate(20_000_000).queue(100_000))
            .b_to_a(link)
            .step_limit(u64::MAX);
        let message = Bytes::from(vec![7; 16 * 1024]);
        for _ in 0..500 {
            let now = pair.now();
            while pair.a.association.total_buffered_amount() < 512 * 1024 {
                pair.a.send(now, 1, message.clone());
            }
            pair.run_for(20 * MS);
        }
        let received = pair.b.messages.len() * message.len();
        let mbit = received as f64 * 8.0 / 1e6 / 10.0;
        assert!(mbit > least, "{loss} {jitter}: {mbit}");
    }
}

// What start-up loses is what a short transfer is made of: a queue of half a BDP is not overflown, and
// the path is full after about nine round trips.
#[test]
fn start_up_fills_a_long_path_without_loss() {
    let link = LinkConfig::new()
        .delay(150 * MS)
        .rate(50_000_000)
        .queue(937_500);
    let quiet = LinkConfig::new().delay(150 * MS);
    let mut pair = connected(7, &Config::default(), quiet.clone())
        .a_to_b(link)
        .b_to_a(quiet)
        .step_limit(u64::MAX);
    let message = Bytes::from(vec![7; 16 * 1024]);
    for _ in 0..200 {
        let now = pair.now();
        while pair.a.association.total_buffered_amount() < 2 << 20 {
            pair.a.send(now, 1, message.clone());
        }
        pair.run_for(20 * MS);
    }
    assert_eq!(pair.a.association.stats().chunks_retransmitted, 0);
    let received = pair.b.messages.len() * message.len();
    let mbit = received as f64 * 8.0 / 1e6 / 4.0;
    assert!(mbit > 18.0, "{mbit}");
}
