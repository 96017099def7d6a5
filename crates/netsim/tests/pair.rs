//! The pair harness: time, bounds, and what it tells a test that went wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use gannet_netsim::{Direction, LinkConfig, Pair, Peer, Stuck, Verdict, start};

const MS: Duration = Duration::from_millis(1);

/// Sends numbers until they are acknowledged: stop and wait, as simple as a reliable protocol gets.
#[derive(Debug, Default)]
struct StopAndWait {
    to_send: u8,
    acknowledged: u8,
    sent_at: Option<Instant>,
    received: Vec<u8>,
    acks: Vec<u8>,
    log: Vec<(Instant, Vec<u8>)>,
}

impl StopAndWait {
    const RTO: Duration = Duration::from_millis(200);

    fn sending(count: u8) -> Self {
        Self {
            to_send: count,
            ..Self::default()
        }
    }
}

impl Peer for StopAndWait {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.log.push((now, packet.to_vec()));
        match *packet {
            [b'd', number] => {
                if usize::from(number) == self.received.len() {
                    self.received.push(number);
                }
                self.acks.push(number);
            }
            [b'a', number] if number == self.acknowledged => {
                self.acknowledged += 1;
                self.sent_at = None;
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.sent_at.is_some_and(|at| at + Self::RTO <= now) {
            self.sent_at = None;
        }
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        if let Some(number) = self.acks.pop() {
            buf.extend([b'a', number]);
            return true;
        }
        let due = self.acknowledged < self.to_send && self.sent_at.is_none();
        if due {
            buf.extend([b'd', self.acknowledged]);
            self.sent_at = Some(now);
        }
        due
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.sent_at.map(|at| at + Self::RTO)
    }
}

fn transfer(seed: u64, config: LinkConfig) -> Pair<StopAndWait, StopAndWait> {
    Pair::new(seed, StopAndWait::sending(50), StopAndWait::default()).link(config)
}

#[test]
fn virtual_time_is_exact() {
    let mut pair = transfer(1, LinkConfig::new().delay(30 * MS));
    let took = pair.run_until(|a, _| a.acknowledged == 50);
    assert_eq!(took, 60 * MS * 50);
    assert_eq!(pair.now(), start() + took);
    assert_eq!(pair.stats(Direction::AToB).delivered, 50);
    assert_eq!(pair.stats(Direction::BToA).delivered_bytes, 100);
}

#[test]
fn a_bad_link_only_takes_longer() {
    for seed in 0..20 {
        let bad = LinkConfig::new()
            .delay(30 * MS)
            .jitter(10 * MS)
            .loss(0.3)
            .duplicate(0.1);
        let mut pair = transfer(seed, bad);
        let took = pair.run_until(|a, _| a.acknowledged == 50);
        assert!(took > 60 * MS * 50);
        assert_eq!(pair.b.received, Vec::from_iter(0..50));
        assert!(pair.stats(Direction::AToB).lost > 5);
    }
}

#[test]
fn one_seed_is_one_run_and_another_is_not() {
    let bad = LinkConfig::new()
        .delay(30 * MS)
        .jitter(10 * MS)
        .loss(0.2)
        .reorder(0.1, 9 * MS);
    let logs = [4, 4, 5].map(|seed| {
        let mut pair = transfer(seed, bad.clone());
        pair.run_until_idle();
        pair.b.log
    });
    assert_eq!(logs[0], logs[1]);
    assert_ne!(logs[0], logs[2]);
}

#[test]
fn both_directions_may_differ() {
    let mut pair = Pair::new(1, StopAndWait::sending(1), StopAndWait::default())
        .a_to_b(LinkConfig::new().delay(10 * MS))
        .b_to_a(LinkConfig::new().delay(70 * MS));
    assert_eq!(pair.run_until(|a, _| a.acknowledged == 1), 80 * MS);
}

#[test]
fn a_cut_and_mended_link() {
    let mut pair = transfer(1, LinkConfig::new().delay(10 * MS));
    pair.run_for(100 * MS);
    assert_eq!(pair.elapsed(), 100 * MS);
    let before = pair.a.acknowledged;
    pair.set_up(false);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.a.acknowledged <= before + 1);
    assert!(pair.stats(Direction::AToB).down >= 45);
    pair.set_up(true);
    pair.run_until(|a, _| a.acknowledged == 50);
}

#[test]
fn idle_and_late_are_told_apart() {
    let mut pair = transfer(1, LinkConfig::new().delay(10 * MS));
    let late = pair.try_run_until(100 * MS, |a, _| a.acknowledged == 50);
    assert_eq!(late, Err(Stuck::TimedOut { after: 100 * MS }));
    assert_eq!(pair.elapsed(), 100 * MS);
    let idle = pair.try_run_until(Duration::from_secs(60), |_, b| b.acknowledged == 1);
    assert_eq!(idle, Err(Stuck::Idle { after: 900 * MS }));
    assert!(!pair.step());
    assert_eq!(pair.run_until_idle(), Duration::ZERO);
}

#[test]
fn a_run_that_is_idle_still_takes_its_time() {
    let mut pair = Pair::new(1, StopAndWait::default(), StopAndWait::default());
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.elapsed(), Duration::from_secs(3));
}

#[test]
fn an_interceptor_drops_and_changes() {
    let mut seen = 0;
    let mut pair = transfer(1, LinkConfig::new()).intercept(move |direction, packet| {
        seen += u32::from(direction == Direction::AToB);
        if direction == Direction::AToB && seen == 3 {
            return Verdict::Drop;
        }
        if packet[0] == b'a' && packet[1] == 7 && seen == 9 {
            packet[1] = 99;
        }
        Verdict::Pass
    });
    // One datagram and one acknowledgement had to be repeated.
    assert_eq!(pair.run_until(|a, _| a.acknowledged == 50), 400 * MS);
    assert_eq!(pair.intercepted(Direction::AToB), 1);
    assert_eq!(pair.intercepted(Direction::BToA), 0);
}

#[test]
fn datagrams_can_be_injected() {
    let mut pair = transfer(1, LinkConfig::new().delay(MS));
    pair.inject(Direction::BToA, b"a\0");
    pair.run_until(|a, _| a.log.first().is_some_and(|(_, packet)| packet == b"a\0"));
    assert_eq!(pair.elapsed(), MS);
    assert_eq!(
        pair.one_way(Direction::BToA).config().clone(),
        LinkConfig::new().delay(MS)
    );
}

/// Goes wrong in one way or another.
#[derive(Debug)]
enum Broken {
    AlwaysDue,
    AlwaysSending,
}

impl Peer for Broken {
    fn handle_packet(&mut self, _now: Instant, _packet: &[u8]) {}
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_transmit(&mut self, _now: Instant, buf: &mut Vec<u8>) -> bool {
        buf.push(0);
        matches!(self, Self::AlwaysSending)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        matches!(self, Self::AlwaysDue).then(start)
    }
}

fn panic_message(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it must panic");
    *panic.downcast::<String>().expect("a message")
}

#[test]
fn a_livelock_fails_with_a_message_that_says_who() {
    for (broken, clue) in [
        (Broken::AlwaysDue, "timeout of a: due since 0ns"),
        (Broken::AlwaysSending, "a to b: LinkStats { sent: 1000"),
    ] {
        let mut pair = Pair::new(1, broken, StopAndWait::default()).step_limit(1000);
        let message = panic_message(|| {
            pair.run_until(|_, _| false);
        });
        assert!(
            message.contains("livelock: more than 1000 steps"),
            "{message}"
        );
        assert!(
            message.contains("the last 1001 of them without time passing"),
            "{message}"
        );
        assert!(message.contains(clue), "{message}");
    }
}

#[test]
fn what_never_comes_fails_with_a_message_that_says_why() {
    let mut pair = transfer(1, LinkConfig::new().loss(1.0)).time_limit(Duration::from_secs(5));
    let message = panic_message(|| {
        pair.run_until(|a, _| a.acknowledged == 1);
    });
    assert!(
        message.contains("it did not happen within 5s (virtual time)"),
        "{message}"
    );
    assert!(message.contains("lost: 26"), "{message}");

    let mut pair = transfer(1, LinkConfig::new());
    let message = panic_message(|| {
        pair.run_until(|a, _| a.acknowledged == 51);
    });
    assert!(message.contains("everybody is idle"), "{message}");

    let mut pair = transfer(1, LinkConfig::new().loss(1.0)).time_limit(Duration::from_secs(5));
    let message = panic_message(|| {
        pair.run_until_idle();
    });
    assert!(message.contains("still busy after 5s"), "{message}");
}

#[test]
fn pairs_can_be_sent_to_threads() {
    fn is_send<T: Send>(_: &T) {}
    let pair = transfer(1, LinkConfig::new());
    is_send(&pair);
    assert!(format!("{pair:?}").starts_with("Pair { elapsed: 0ns"));
}
