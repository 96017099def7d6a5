//! Goodput over simulated links.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use cpu_time::ThreadTime;
use gannet_netsim::{Direction, GilbertElliott, LinkConfig, Pair, Stuck};
use gannet_sctp::Config;
use gannet_sctp::congestion::Algorithm;
use gannet_sctp_peers::{DcSctp, Ours, RtcSctp, Sctp, SctpProto};

/// How packets are lost, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Each by itself, with this probability.
    Random(f64),
    /// One percent, in bursts of ten.
    Bursts,
}

impl Loss {
    const ALL: [Self; 6] = [
        Self::Random(0.0),
        Self::Random(0.0001),
        Self::Random(0.001),
        Self::Random(0.01),
        Self::Random(0.05),
        Self::Bursts,
    ];

    fn on(self, link: LinkConfig) -> LinkConfig {
        match self {
            Self::Random(loss) => link.loss(loss),
            Self::Bursts => link.burst_loss(GilbertElliott::bursts(0.01, 10.0)),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Random(loss) => format!("{}%", loss * 100.0),
            Self::Bursts => "bursts".to_owned(),
        }
    }
}

/// A link.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub rtt_ms: u64,
    pub loss: Loss,
    pub mbit: u64,
    pub queue_bdp: f64,
}

impl Cell {
    /// The length of the queue in bytes: no router has less than twenty packets.
    fn queue(&self) -> usize {
        let bdp = self.mbit as f64 * 1e6 / 8.0 * self.rtt_ms as f64 / 1e3;
        (bdp * self.queue_bdp).max(20.0 * 1200.0) as usize
    }

    fn there(&self) -> LinkConfig {
        let link = LinkConfig::new()
            .delay(Duration::from_millis(self.rtt_ms) / 2)
            .rate(self.mbit * 1_000_000)
            .queue(self.queue());
        self.loss.on(link)
    }

    fn back(&self) -> LinkConfig {
        let link = LinkConfig::new().delay(Duration::from_millis(self.rtt_ms) / 2);
        self.loss.on(link)
    }

    /// How long a cell runs, in virtual time: at least 200 round trips, so that start-up (about ten of
    /// them) weighs little, and less where packets are many.
    fn seconds(&self) -> u64 {
        match (self.mbit, self.rtt_ms) {
            (1000.., ..=10) => 3,
            (1000.., ..=50) => 6,
            (1000.., _) => 15,
            (1, _) | (_, 300..) => 60,
            (_, 150..) => 30,
            (100, _) => 10,
            _ => 20,
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// In Mbit/s, over the whole of the run's virtual time even if it ended early.
    pub goodput: f64,
    /// How much virtual time it had, in seconds.
    pub seconds: f64,
    /// The processor time for this was over before the virtual time was, or the association was lost.
    pub cut: bool,
    /// What waited in front of the bottleneck after the first quarter of the time, in ms: the mean, and
    /// the most that was seen.
    pub queue_mean: f64,
    pub queue_most: f64,
}

/// How long a run goes on.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Of virtual time.
    pub seconds: u64,
    /// Of processor time, in seconds: where an implementation needs more, the run ends early.
    pub patience: u64,
}

impl Length {
    /// A run of so much virtual time, with twice the processor time that two ends have in it that each have a
    /// processor to themselves. Whoever needs more does not keep up with the link in real time, and has
    /// delivered no less by then than it would have in these seconds.
    pub const fn of(seconds: u64) -> Self {
        Self {
            seconds,
            patience: 4 * seconds,
        }
    }
}

/// Sends messages of 16 KiB for a time.
pub fn measure(
    mut pair: Pair<Box<dyn Sctp>, Box<dyn Sctp>>,
    cell: &Cell,
    length: Length,
) -> Outcome {
    let Length { seconds, patience } = length;
    let started = ThreadTime::now();
    let now = pair.now();
    pair.a.connect(now);
    if pair
        .try_run_until(Duration::from_secs(60), |a, b| {
            a.is_connected() && b.is_connected()
        })
        .is_err()
    {
        return Outcome::default();
    }
    let message = Bytes::from(vec![7; 16 * 1024]);
    let begin = pair.elapsed();
    let end = begin + Duration::from_secs(seconds);
    let settled = begin + Duration::from_secs(seconds) / 4;
    let mut received = 0;
    let (mut sum, mut most, mut count) = (0.0, 0.0, 0_u32);
    let mut cut = false;
    while pair.elapsed() < end && !cut {
        cut = started.elapsed().as_secs() >= patience;
        let now = pair.now();
        while pair.a.buffered() < 4 * 1024 * 1024 {
            if !pair.a.send(now, message.clone()) {
                break;
            }
        }
        let slice = Duration::from_millis(7);
        let stopped = pair.try_run_until(slice, |_, b| {
            while let Some(message) = b.receive() {
                received += message.len();
            }
            false
        });
        // Nobody waits for anything: the association is gone.
        cut |= matches!(stopped, Err(Stuck::Idle { .. }));
        if pair.elapsed() >= settled {
            let waiting = pair.one_way(Direction::AToB).queued_bytes() as f64;
            let delay = waiting * 8.0 / (cell.mbit as f64 * 1000.0);
            sum += delay;
            most = f64::max(most, delay);
            count += 1;
        }
    }
    let had = (pair.elapsed() - begin).as_secs_f64();
    Outcome {
        goodput: received as f64 * 8.0 / 1e6 / had.max(seconds as f64),
        seconds: had,
        cut,
        queue_mean: sum / f64::from(count.max(1)),
        queue_most: most,
    }
}

type Make = fn(u64) -> Box<dyn Sctp>;

/// Everybody, by name.
pub fn contenders() -> Vec<(&'static str, Make)> {
    fn ours(seed: u64, congestion: Algorithm) -> Box<dyn Sctp> {
        Box::new(Ours::new(
            seed,
            Config {
                congestion,
                // The others have DATA only, whose header is four bytes shorter.
                interleaving: false,
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

/// What is asked for on the command line: `key=value,value ...`.
struct Selection {
    mbit: Vec<u64>,
    rtt_ms: Vec<u64>,
    queue_bdp: Vec<f64>,
    loss: Vec<Loss>,
    only: Vec<String>,
    seconds: Option<u64>,
    patience: Option<u64>,
    seed: u64,
}

impl Selection {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut selection = Self {
            mbit: vec![1, 10, 100, 1000],
            rtt_ms: vec![1, 10, 50, 150, 300],
            queue_bdp: vec![0.5, 1.0, 4.0],
            loss: Loss::ALL.to_vec(),
            only: contenders()
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            seconds: None,
            patience: None,
            seed: 7,
        };
        for argument in arguments {
            let (key, value) = argument
                .split_once('=')
                .ok_or_else(|| format!("{argument}: expected key=value"))?;
            match key {
                "mbit" => selection.mbit = numbers(value)?,
                "rtt" => selection.rtt_ms = numbers(value)?,
                "queue" => selection.queue_bdp = numbers(value)?,
                "loss" => {
                    selection.loss = Loss::ALL
                        .into_iter()
                        .filter(|loss| value.split(',').any(|name| loss.name() == name))
                        .collect();
                }
                "only" => selection.only = value.split(',').map(str::to_owned).collect(),
                "seconds" => selection.seconds = numbers(value)?.first().copied(),
                "patience" => selection.patience = numbers(value)?.first().copied(),
                "seed" => selection.seed = numbers(value)?.first().copied().unwrap_or(7),
                _ => return Err(format!("{key}: unknown")),
            }
        }
        Ok(selection)
    }

    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &mbit in &self.mbit {
            for &rtt_ms in &self.rtt_ms {
                for &queue_bdp in &self.queue_bdp {
                    for &loss in &self.loss {
                        cells.push(Cell {
                            rtt_ms,
                            loss,
                            mbit,
                            queue_bdp,
                        });
                    }
                }
            }
        }
        cells
    }
}

fn numbers<T: std::str::FromStr>(list: &str) -> Result<Vec<T>, String> {
    list.split(',')
        .map(|number| number.parse().map_err(|_| format!("{number}: no number")))
        .collect()
}

/// Prints the table, row by row.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let selection = Selection::parse(arguments)?;
    let contenders: Vec<_> = contenders()
        .into_iter()
        .filter(|(name, _)| selection.only.iter().any(|only| only == name))
        .collect();
    print!("| Mbit/s | RTT ms | queue BDP | loss |");
    for (name, _) in &contenders {
        print!(" {name} |");
    }
    println!(" queue of the first, mean / most ms |");
    println!("|{}", " --- |".repeat(contenders.len() + 5));
    // Queues that differ in name only are measured once.
    let mut known: HashMap<(u64, u64, usize, String), String> = HashMap::new();
    for cell in selection.cells() {
        print!(
            "| {} | {} | {} | {} |",
            cell.mbit,
            cell.rtt_ms,
            cell.queue_bdp,
            cell.loss.name()
        );
        let key = (cell.mbit, cell.rtt_ms, cell.queue(), cell.loss.name());
        if let Some(row) = known.get(&key) {
            println!("{row}");
            continue;
        }
        let mut row = String::new();
        let mut queue = None;
        for (_, make) in &contenders {
            let pair = Pair::new(selection.seed, make(1), make(2))
                .a_to_b(cell.there())
                .b_to_a(cell.back())
                .step_limit(u64::MAX);
            let mut length = Length::of(selection.seconds.unwrap_or_else(|| cell.seconds()));
            length.patience = selection.patience.unwrap_or(length.patience);
            let outcome = measure(pair, &cell, length);
            queue.get_or_insert((outcome.queue_mean, outcome.queue_most));
            let text = format!(" {outcome} |");
            print!("{text}");
            let _ = std::io::stdout().flush();
            row += &text;
        }
        let (mean, most) = queue.unwrap_or_default();
        let text = format!(" {mean:.1} / {most:.0} |");
        println!("{text}");
        row += &text;
        known.insert(key, row);
    }
    Ok(())
}

/// The goodput; of a run that ended early, with the virtual seconds that it had.
impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.*}", decimals(self.goodput), self.goodput)?;
        if self.cut {
            write!(f, " ({:.1} s)", self.seconds)?;
        }
        Ok(())
    }
}

/// Three digits.
fn decimals(mbit: f64) -> usize {
    match mbit {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    }
}
