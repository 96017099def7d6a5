//! Two endpoints, two links and one virtual clock.

use std::fmt;
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::LinkConfig;
use crate::link::{Link, LinkStats};
use crate::pcap::Pcap;
use crate::prng::Prng;

/// A point-to-point endpoint, as [`Pair`] drives it: one that has no use for addresses.
///
/// These are the verbs of a sans-IO core without `poll_event`, which belongs to the test. The crate
/// that owns an endpoint implements this for it in its tests.
pub trait Peer {
    /// A datagram has arrived.
    fn handle_packet(&mut self, now: Instant, packet: &[u8]);

    /// The time that [`poll_timeout`](Self::poll_timeout) asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends one datagram to `buf`, which is empty, or says `false` if there is none to send now.
    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool;

    /// When to be called again. `None` when idle.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From `a` to `b`.
    AToB,
    /// From `b` to `a`.
    BToA,
}

/// What an interceptor wants to happen to a datagram ([`Pair::intercept`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the link.
    Pass,
    /// It is never seen again.
    Drop,
}

/// Why a run ended without reaching what it was to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Nothing is under way and nobody waits for anything: nothing would ever happen again.
    Idle {
        /// For how long it ran, in virtual time.
        after: Duration,
    },
    /// The virtual time that was allowed is over.
    TimedOut {
        /// How much was allowed.
        after: Duration,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { after } => {
                write!(
                    f,
                    "everybody is idle after {after:?} and nothing will ever happen again"
                )
            }
            Self::TimedOut { after } => {
                write!(f, "it did not happen within {after:?} (virtual time)")
            }
        }
    }
}

impl std::error::Error for Stuck {}

type Interceptor = Box<dyn FnMut(Direction, &mut Vec<u8>) -> Verdict + Send>;

/// Two endpoints over two links, in virtual time.
///
/// - **Building**: [`new`](Self::new), then [`link`](Self::link), [`a_to_b`](Self::a_to_b) and
///   [`b_to_a`](Self::b_to_a) describe the links; [`time_limit`](Self::time_limit) and
///   [`step_limit`](Self::step_limit) bound the runs; [`intercept`](Self::intercept) touches single
///   datagrams.
/// - **Running**: [`run_until`](Self::run_until), [`try_run_until`](Self::try_run_until),
///   [`run_for`](Self::run_for), [`run_until_idle`](Self::run_until_idle), [`step`](Self::step).
/// - **In between**: the endpoints are the fields `a` and `b`; whatever a test does to them is
///   noticed by the next run. [`one_way_mut`](Self::one_way_mut) with [`now`](Self::now) changes a
///   link or cuts it.
/// - **Afterwards**: [`stats`](Self::stats) and [`pcap`](Self::pcap).
pub struct Pair<A, B> {
    /// One endpoint; by custom the client, or the offerer.
    pub a: A,
    /// The other endpoint.
    pub b: B,
    now: Instant,
    ab: Link,
    ba: Link,
    time_limit: Duration,
    step_limit: u64,
    interceptor: Option<Interceptor>,
    intercepted: [u64; 2],
    pcap: Option<Pcap>,
    buffer: Vec<u8>,
}

impl<A: Peer, B: Peer> Pair<A, B> {
    /// Two endpoints over ideal links, at the time [`start`](crate::start).
    #[must_use]
    pub fn new(seed: u64, a: A, b: B) -> Self {
        let mut seeds = Prng::new(seed);
        Self {
            a,
            b,
            now: clock::start(),
            ab: Link::new(LinkConfig::new(), seeds.next_u64()),
            ba: Link::new(LinkConfig::new(), seeds.next_u64()),
            time_limit: Duration::from_secs(120),
            step_limit: 2_000_000,
            interceptor: None,
            intercepted: [0; 2],
            pcap: None,
            buffer: Vec::with_capacity(2048),
        }
    }

    /// Both directions are like this. Each draws from a random sequence of its own.
    #[must_use]
    pub fn link(self, config: LinkConfig) -> Self {
        self.a_to_b(config.clone()).b_to_a(config)
    }

    /// The direction from `a` to `b` is like this.
    #[must_use]
    pub fn a_to_b(mut self, config: LinkConfig) -> Self {
        self.ab.set_config(self.now, config);
        self
    }

    /// The direction from `b` to `a` is like this.
    #[must_use]
    pub fn b_to_a(mut self, config: LinkConfig) -> Self {
        self.ba.set_config(self.now, config);
        self
    }

    /// How much virtual time one [`run_until`](Self::run_until) may take. 120 seconds if not given.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How many [`step`](Self::step)s and datagrams one run may take before it panics, because then
    /// something goes round in circles. Two million if not given.
    #[must_use]
    pub const fn step_limit(mut self, limit: u64) -> Self {
        self.step_limit = limit;
        self
    }

    /// Shows every datagram to `interceptor` before it enters its link: it may change or drop it.
    #[must_use]
    pub fn intercept(
        mut self,
        interceptor: impl FnMut(Direction, &mut Vec<u8>) -> Verdict + Send + 'static,
    ) -> Self {
        self.interceptor = Some(Box::new(interceptor));
        self
    }

    /// Keeps every datagram that is sent, for [`pcap`](Self::pcap).
    #[must_use]
    pub fn record(mut self) -> Self {
        self.pcap = Some(Pcap::new());
        self
    }

    /// Runs until `done` says so and returns how much virtual time it took. `done` is asked first
    /// of all, and after every step; it may poll events, and anything else.
    ///
    /// # Panics
    /// If it does not happen within the [`time_limit`](Self::time_limit), can never happen because
    /// both are idle, or takes more than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_until(&mut self, done: impl FnMut(&mut A, &mut B) -> bool) -> Duration {
        match self.try_run_until(self.time_limit, done) {
            Ok(took) => took,
            Err(stuck) => panic!("{stuck}\n{}", self.report()),
        }
    }

    /// As [`run_until`](Self::run_until), but with a time limit of its own and without the panic
    /// for it.
    ///
    /// # Errors
    /// [`Stuck`], if `done` did not become true.
    ///
    /// # Panics
    /// After more steps than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn try_run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut A, &mut B) -> bool,
    ) -> Result<Duration, Stuck> {
        let begin = self.now;
        let mut budget = Budget::new(self.step_limit);
        loop {
            if done(&mut self.a, &mut self.b) {
                return Ok(self.now - begin);
            }
            match self.step_before(begin + limit, &mut budget) {
                Step::Done => {}
                Step::Idle => {
                    return Err(Stuck::Idle {
                        after: self.now - begin,
                    });
                }
                Step::TooLate => {
                    self.now = begin + limit;
                    return Err(Stuck::TimedOut { after: limit });
                }
            }
        }
    }

    /// Runs for exactly so long, in virtual time.
    ///
    /// # Panics
    /// After more steps than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        // Whether everybody went idle before does not matter here.
        let _ = self.try_run_until(time, |_, _| false);
        self.now = end;
    }

    /// Runs until nothing is under way and both endpoints wait for nothing.
    ///
    /// # Panics
    /// If that does not come within the [`time_limit`](Self::time_limit), or after more steps than
    /// [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_until_idle(&mut self) -> Duration {
        match self.try_run_until(self.time_limit, |_, _| false) {
            Ok(took) | Err(Stuck::Idle { after: took }) => took,
            Err(Stuck::TimedOut { after }) => {
                panic!("somebody was still busy after {after:?}\n{}", self.report())
            }
        }
    }

    /// Does the next thing: delivers one datagram, or lets one endpoint handle its timeout, or
    /// jumps to the next wake-up. Before and after it, whatever the endpoints want to send is sent.
    /// `false` if nothing is left to do, ever.
    #[track_caller]
    pub fn step(&mut self) -> bool {
        let mut budget = Budget::new(self.step_limit);
        let far = self.now + Duration::from_secs(100 * 365 * 86_400);
        matches!(self.step_before(far, &mut budget), Step::Done)
    }

    /// The present, in virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How much virtual time has passed since [`start`](crate::start).
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - clock::start()
    }

    /// One direction of the link.
    #[must_use]
    pub const fn one_way(&self, direction: Direction) -> &Link {
        match direction {
            Direction::AToB => &self.ab,
            Direction::BToA => &self.ba,
        }
    }

    /// One direction of the link, to change it or to put datagrams in.
    pub const fn one_way_mut(&mut self, direction: Direction) -> &mut Link {
        match direction {
            Direction::AToB => &mut self.ab,
            Direction::BToA => &mut self.ba,
        }
    }

    /// Takes both directions down, or up again.
    pub fn set_up(&mut self, up: bool) {
        self.ab.set_up(self.now, up);
        self.ba.set_up(self.now, up);
    }

    /// Changes both directions, from now on.
    pub fn set_link(&mut self, config: LinkConfig) {
        self.ab.set_config(self.now, config.clone());
        self.ba.set_config(self.now, config);
    }

    /// Puts a datagram in that no endpoint has sent: a replay, or an attack.
    pub fn inject(&mut self, direction: Direction, packet: &[u8]) {
        let now = self.now;
        self.one_way_mut(direction).send(now, packet.to_vec());
    }

    /// What one direction did so far. Datagrams that an interceptor dropped are not in it.
    #[must_use]
    pub const fn stats(&self, direction: Direction) -> &LinkStats {
        self.one_way(direction).stats()
    }

    /// How many datagrams of one direction the interceptor dropped.
    #[must_use]
    pub const fn intercepted(&self, direction: Direction) -> u64 {
        self.intercepted[direction as usize]
    }

    /// Everything that was sent so far, if [`record`](Self::record) was asked for.
    #[must_use]
    pub const fn pcap(&self) -> Option<&Pcap> {
        self.pcap.as_ref()
    }

    #[track_caller]
    fn step_before(&mut self, end: Instant, budget: &mut Budget) -> Step {
        if !budget.spend(1, self.now) {
            panic!("{budget}\n{}", self.report());
        }
        self.flush(budget);
        if self.deliver() || self.fire_timeout() {
            self.flush(budget);
            return Step::Done;
        }
        match self.next_wakeup() {
            None => Step::Idle,
            Some(next) if next > end => Step::TooLate,
            Some(next) => {
                self.now = self.now.max(next);
                Step::Done
            }
        }
    }

    fn deliver(&mut self) -> bool {
        if let Some(packet) = self.ab.poll(self.now) {
            self.b.handle_packet(self.now, &packet);
        } else if let Some(packet) = self.ba.poll(self.now) {
            self.a.handle_packet(self.now, &packet);
        } else {
            return false;
        }
        true
    }

    fn fire_timeout(&mut self) -> bool {
        let due = |timeout: Option<Instant>| timeout.is_some_and(|at| at <= self.now);
        let (a_due, b_due) = (due(self.a.poll_timeout()), due(self.b.poll_timeout()));
        if a_due {
            self.a.handle_timeout(self.now);
        }
        if b_due {
            self.b.handle_timeout(self.now);
        }
        a_due || b_due
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let links = [self.ab.next_wakeup(), self.ba.next_wakeup()];
        let timeouts = [self.a.poll_timeout(), self.b.poll_timeout()];
        links.into_iter().chain(timeouts).flatten().min()
    }

    /// Sends what the endpoints have to send.
    #[track_caller]
    fn flush(&mut self, budget: &mut Budget) {
        while self.transmit(Direction::AToB) | self.transmit(Direction::BToA) {
            if !budget.spend(1, self.now) {
                panic!("{budget}\n{}", self.report());
            }
        }
    }

    fn transmit(&mut self, direction: Direction) -> bool {
        self.buffer.clear();
        let sent = match direction {
            Direction::AToB => self.a.poll_transmit(self.now, &mut self.buffer),
            Direction::BToA => self.b.poll_transmit(self.now, &mut self.buffer),
        };
        if !sent {
            return false;
        }
        if let Some(interceptor) = &mut self.interceptor
            && interceptor(direction, &mut self.buffer) == Verdict::Drop
        {
            self.intercepted[direction as usize] += 1;
            return true;
        }
        if let Some(pcap) = &mut self.pcap {
            let (from, to) = Pcap::pair_addresses(direction);
            pcap.datagram(self.now, from, to, &self.buffer);
        }
        let packet = self.buffer.clone();
        let now = self.now;
        self.one_way_mut(direction).send(now, packet);
        true
    }

    fn report(&self) -> String {
        let timeout = |at: Option<Instant>| match at {
            None => "none".to_owned(),
            Some(at) if at > self.now => format!("in {:?}", at - self.now),
            Some(at) => format!("due since {:?}", self.now - at),
        };
        format!(
            "at {:?}; timeout of a: {}; timeout of b: {}\na to b: {:?}\nb to a: {:?}",
            self.elapsed(),
            timeout(self.a.poll_timeout()),
            timeout(self.b.poll_timeout()),
            self.ab.stats(),
            self.ba.stats(),
        )
    }
}

impl<A: fmt::Debug, B: fmt::Debug> fmt::Debug for Pair<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("elapsed", &(self.now - clock::start()))
            .field("a", &self.a)
            .field("b", &self.b)
            .field("a_to_b", self.ab.stats())
            .field("b_to_a", self.ba.stats())
            .finish_non_exhaustive()
    }
}

/// What a step came to.
pub(crate) enum Step {
    /// Something was done, or time has passed.
    Done,
    /// There is nothing left to do.
    Idle,
    /// The next thing lies behind the end.
    TooLate,
}

/// How many steps a run has left, and where it spent them.
pub(crate) struct Budget {
    limit: u64,
    spent: u64,
    since: Option<Instant>,
    spent_since: u64,
}

impl Budget {
    pub(crate) const fn new(limit: u64) -> Self {
        Self {
            limit,
            spent: 0,
            since: None,
            spent_since: 0,
        }
    }

    /// Whether there was enough left.
    pub(crate) fn spend(&mut self, steps: u64, now: Instant) -> bool {
        if self.since != Some(now) {
            self.since = Some(now);
            self.spent_since = 0;
        }
        self.spent += steps;
        self.spent_since += steps;
        self.spent <= self.limit
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "livelock: more than {} steps in one run, the last {} of them without time passing (an \
             endpoint whose poll_timeout stays due after handle_timeout, or a poll_transmit without end?)",
            self.limit, self.spent_since
        )
    }
}
