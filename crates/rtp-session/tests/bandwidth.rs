//! How quickly the estimate finds what a line carries, and what that costs: tables that are kept beside the
//! tests, so that a change of behaviour is a change of numbers.

mod peer;
#[expect(
    unreachable_pub,
    reason = "the tests of another crate use it as a module of theirs"
)]
#[path = "../../dtls/tests/support/snapshot.rs"]
mod snapshot;

use std::time::{Duration, Instant};

use gannet_netsim::{Direction, LinkConfig, Pair, Peer, start};
use gannet_rtp_session::BitrateLimits;

use self::peer::{Endpoint, video_receiver, video_sender};
use self::snapshot::{Table, check};

const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(5);

/// What the line holds when its queue is full.
const BUFFER: Duration = Duration::from_millis(300);

fn line(rate: u64) -> LinkConfig {
    let queue = (rate / 8) as f64 * BUFFER.as_secs_f64();
    back().rate(rate).queue(queue as usize)
}

fn back() -> LinkConfig {
    LinkConfig::new().delay(Duration::from_millis(25))
}

/// A camera that makes what it is told, over any time, and its receiver.
fn endpoints(seed: u64, start_bitrate: u64) -> (Endpoint, Endpoint) {
    let mut a = Endpoint::new(2 * seed + 1);
    let limits = BitrateLimits {
        start: start_bitrate,
        ..BitrateLimits::default()
    };
    a.session.set_bitrate_limits(start(), limits);
    let a = a.with_camera(video_sender(), 3600 * SECOND);
    let b = Endpoint::new(2 * seed + 2).with_video_receiver(video_receiver());
    (a, b)
}

fn bitrate(end: &Endpoint) -> u64 {
    end.camera.as_ref().unwrap().bitrate
}

/// The target and the queue's length, every 5 ms.
#[derive(Debug, Default)]
struct Samples(Vec<(Duration, u64, Duration)>);

impl Samples {
    fn take(&mut self, pair: &mut Pair<Endpoint, Endpoint>, time: Duration, rate: u64) {
        let end = pair.now() + time;
        while pair.now() < end {
            pair.run_for(STEP);
            let queued = pair.one_way(Direction::AToB).queued_bytes();
            let queued = Duration::from_secs_f64(queued as f64 * 8.0 / rate as f64);
            self.0.push((pair.elapsed(), bitrate(&pair.a), queued));
        }
    }

    /// Milliseconds from `from` until the target is as `wanted`; all the time that there is, if never.
    fn until(&self, from: Duration, wanted: impl Fn(u64) -> bool) -> u64 {
        let mut late = self.0.iter().filter(|(at, ..)| *at > from);
        let last = self.0.last().unwrap().0;
        let at = late.find(|(_, bitrate, _)| wanted(*bitrate));
        (at.map_or(last, |(at, ..)| *at) - from).as_millis() as u64
    }

    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &(Duration, u64, Duration)> {
        let range = Duration::from_secs(from)..Duration::from_secs(to);
        self.0.iter().filter(move |(at, ..)| range.contains(at))
    }

    /// The mean target, in per cent of `rate`.
    fn share(&self, from: u64, to: u64, rate: u64) -> u64 {
        let count = self.between(from, to).count() as u64;
        let sum: u64 = self.between(from, to).map(|(_, bitrate, _)| bitrate).sum();
        sum * 100 / count / rate
    }

    fn longest_queue(&self, from: u64, to: u64) -> u64 {
        let queues = self.between(from, to).map(|(.., queue)| *queue);
        queues.max().unwrap_or_default().as_millis() as u64
    }
}

/// Five seeds, where chance takes part; of each number the one in the middle.
fn ramp(table: &mut Table, rate: u64, start_bitrate: u64, loss: f64) {
    let seeds = if loss > 0.0 { 5 } else { 1 };
    let runs: Vec<[u64; 4]> = (1..=seeds)
        .map(|seed| one_ramp(seed, rate, start_bitrate, loss))
        .collect();
    let median = |column: usize| {
        let mut numbers: Vec<u64> = runs.iter().map(|run| run[column]).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    let kilobits = (rate / 1000, start_bitrate / 1000);
    let name = format!("{} | {} | {}", kilobits.0, kilobits.1, loss * 100.0);
    table.row(name, (0..4).map(median).collect());
}

fn one_ramp(seed: u64, rate: u64, start_bitrate: u64, loss: f64) -> [u64; 4] {
    let (a, b) = endpoints(seed, start_bitrate);
    let mut pair = Pair::new(seed, a, b)
        .a_to_b(line(rate).loss(loss))
        .b_to_a(back());
    let mut samples = Samples::default();
    samples.take(&mut pair, 40 * SECOND, rate);
    [
        samples.until(Duration::ZERO, |bitrate| bitrate * 10 >= rate * 9),
        samples.share(20, 40, rate),
        samples.longest_queue(0, 5),
        samples.longest_queue(5, 40),
    ]
}

#[test]
fn the_line_is_found() {
    let columns = "ms to 90 %, % of the line from 20 s on, longest queue in 5 s in ms, and later";
    let mut table = Table::new("line in kbit/s | start | loss in %", columns);
    for rate in [1_000_000, 2_500_000, 5_000_000, 10_000_000] {
        for start_bitrate in [300_000, 1_000_000] {
            ramp(&mut table, rate, start_bitrate, 0.0);
        }
    }
    for rate in [2_500_000, 10_000_000] {
        ramp(&mut table, rate, 300_000, 0.02);
    }
    check("ramp", &table, &[0.2, 0.1, 0.25, 0.25]);
}

#[test]
fn a_line_that_narrows_and_widens_is_followed() {
    let columns = "ms to settle below, longest queue in ms, % of the narrow line, ms to 90 % of the wide one, % of the wide line";
    let mut table = Table::new("narrow for s", columns);
    for length in [5, 20, 60] {
        let (wide, narrow) = (3_000_000, 800_000);
        let (a, b) = endpoints(2, 1_000_000);
        let mut pair = Pair::new(2, a, b).a_to_b(line(wide)).b_to_a(back());
        let mut samples = Samples::default();
        samples.take(&mut pair, 15 * SECOND, wide);
        let now = pair.now();
        let link = pair.one_way_mut(Direction::AToB);
        link.set_config(now, line(narrow));
        let narrowed = pair.elapsed();
        samples.take(&mut pair, length * SECOND, narrow);
        let now = pair.now();
        let link = pair.one_way_mut(Direction::AToB);
        link.set_config(now, line(wide));
        let widened = pair.elapsed();
        samples.take(&mut pair, 60 * SECOND, wide);
        let back = 15 + u64::from(length);
        let numbers = vec![
            samples.until(narrowed, |bitrate| bitrate <= narrow),
            samples.longest_queue(15, back),
            samples.share(17, back, narrow),
            samples.until(widened, |bitrate| bitrate * 10 >= wide * 9),
            samples.share(back + 30, back + 60, wide),
        ];
        table.row(length.to_string(), numbers);
    }
    check("drop", &table, &[0.2, 0.2, 0.1, 0.2, 0.1]);
}

/// Two sessions that share a line. A byte before each packet says whose it is.
#[derive(Debug)]
struct Two([Endpoint; 2]);

impl Peer for Two {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let (whose, packet) = packet.split_first().unwrap();
        self.0[usize::from(*whose)].handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        for end in &mut self.0 {
            end.handle_timeout(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        let mut packet = Vec::new();
        let whose = (0..2).find(|whose| {
            packet.clear();
            self.0[*whose].poll_transmit(now, &mut packet)
        });
        if let Some(whose) = whose {
            buf.push(whose as u8);
            buf.extend(packet);
        }
        whose.is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let times = self.0.iter().filter_map(Endpoint::poll_timeout);
        times.min()
    }
}

#[test]
fn equal_sessions_share_a_line() {
    let columns = "% of the first from 30 s on, of the second, longest queue in ms";
    let mut table = Table::new("line in kbit/s | the second comes after s", columns);
    for (rate, later) in [(2_000_000, 0), (4_000_000, 10)] {
        let (a, b) = endpoints(3, 300_000);
        let (mut c, d) = endpoints(4, 300_000);
        c.delay_camera(later * SECOND);
        let mut pair = Pair::new(3, Two([a, c]), Two([b, d]))
            .a_to_b(line(rate))
            .b_to_a(back());
        pair.run_for(30 * SECOND);
        let (mut sums, mut longest, mut count) = ([0, 0], 0, 0);
        while pair.elapsed() < 90 * SECOND {
            pair.run_for(STEP);
            let queued = pair.one_way(Direction::AToB).queued_bytes() as u64;
            longest = longest.max(queued * 8000 / rate);
            count += 1;
            for (sum, end) in sums.iter_mut().zip(&pair.a.0) {
                *sum += bitrate(end);
            }
        }
        let [first, second] = sums.map(|sum| sum * 100 / count / rate);
        // Neither starves, and together they do not ask for more than there is.
        assert!(first.min(second) >= 20, "{first} % and {second} %");
        assert!(first + second <= 105, "{first} % and {second} %");
        table.row(
            format!("{} | {later}", rate / 1000),
            vec![first, second, longest],
        );
    }
    check("fair", &table, &[0.2, 0.2, 0.3]);
}
