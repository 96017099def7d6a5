//! What the benchmarks share: time is that of the thread's processor, so that a busy machine does not count
//! against whoever runs at that moment.

pub mod srtp;

use std::sync::OnceLock;
use std::time::Duration;

use cpu_time::ThreadTime;

/// How many runs are timed in one piece: few enough that packets of 1,200 bytes stay in a first-level cache of 32 KiB
/// (many have 48), where a packet is that was just made or received.
const BATCH: u64 = 16;

/// Times `work` over `count` inputs; `prepare` makes them, untimed, in batches.
pub fn timed<T>(
    count: u64,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(&mut T),
) -> Duration {
    let mut total = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let mut inputs: Vec<T> = (0..left.min(BATCH)).map(|_| prepare()).collect();
        let start = ThreadTime::now();
        for input in &mut inputs {
            work(input);
        }
        total += start.elapsed().saturating_sub(clock());
        left -= inputs.len() as u64;
    }
    total
}

/// Times `work`, which needs no inputs of its own, `count` times in one piece: what takes nanoseconds would
/// be lost in the cost of asking for the time.
pub fn repeated<T>(count: u64, mut work: impl FnMut() -> T) -> Duration {
    let start = ThreadTime::now();
    for _ in 0..count {
        std::hint::black_box(work());
    }
    start.elapsed()
}

/// What it takes to read the thread's clock twice: it is a system call, and so is not the work's.
fn clock() -> Duration {
    static CLOCK: OnceLock<Duration> = OnceLock::new();
    let read_twice = |_| ThreadTime::now().elapsed();
    *CLOCK.get_or_init(|| (0..10_000).map(read_twice).min().unwrap_or_default())
}
