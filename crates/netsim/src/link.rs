//! One direction of a link: datagrams in, fewer, later and stranger datagrams out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::config::{GilbertElliott, LinkConfig};
use crate::prng::Prng;

/// What a [`Link`] carries: bytes, with or without something that travels along.
pub trait Packet: Clone {
    /// The bytes that count for rate, queue and MTU, and that can be corrupted.
    fn bytes(&mut self) -> &mut [u8];

    /// How many bytes these are.
    fn size(&self) -> usize;
}

impl Packet for Vec<u8> {
    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn size(&self) -> usize {
        self.len()
    }
}

/// What a link did so far, in datagrams if not said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Given to [`Link::send`].
    pub sent: u64,
    /// Bytes given to [`Link::send`].
    pub sent_bytes: u64,
    /// Handed out by [`Link::poll`], duplicates included.
    pub delivered: u64,
    /// Bytes handed out by [`Link::poll`].
    pub delivered_bytes: u64,
    /// Lost at random or in bursts.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub queue_full: u64,
    /// Dropped because they were longer than the MTU.
    pub too_big: u64,
    /// Dropped because the link was down.
    pub down: u64,
    /// Changed on the way.
    pub corrupted: u64,
    /// Copied on the way.
    pub duplicated: u64,
    /// Held back, so that later ones could overtake them.
    pub reordered: u64,
    /// The most bytes that ever waited in the queue.
    pub queue_peak: usize,
}

impl LinkStats {
    /// All datagrams that were given to the link and never come out.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.lost + self.queue_full + self.too_big + self.down
    }
}

/// One direction of a link, without addresses and without a clock.
///
/// [`send`](Self::send) puts a datagram in, [`poll`](Self::poll) takes out those that have arrived,
/// and [`next_wakeup`](Self::next_wakeup) says when it is worth asking again. A datagram meets, in
/// this order: the switch (up or down), the MTU, the queue and the rate, loss, corruption,
/// duplication, and then the delay with its jitter and reordering. So a lost datagram has used up
/// its share of the rate.
///
/// Each of these draws from a random sequence of its own, once per datagram: with the same seed the
/// same datagrams are lost, whatever the delay is.
#[derive(Clone, Debug)]
pub struct Link<P = Vec<u8>> {
    config: LinkConfig,
    up: bool,
    bottleneck: Bottleneck<P>,
    chances: Chances,
    /// On the way, by arrival and then by order of sending.
    flying: BTreeMap<(Instant, u64), P>,
    sequence: u64,
    /// No datagram that is not reordered arrives before this.
    last_arrival: Option<Instant>,
    stats: LinkStats,
}

impl<P: Packet> Link<P> {
    /// A link that is up and empty.
    #[must_use]
    pub const fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            up: true,
            bottleneck: Bottleneck::new(),
            chances: Chances::new(seed),
            flying: BTreeMap::new(),
            sequence: 0,
            last_arrival: None,
            stats: LinkStats {
                sent: 0,
                sent_bytes: 0,
                delivered: 0,
                delivered_bytes: 0,
                lost: 0,
                queue_full: 0,
                too_big: 0,
                down: 0,
                corrupted: 0,
                duplicated: 0,
                reordered: 0,
                queue_peak: 0,
            },
        }
    }

    /// Puts a datagram in. What becomes of it shows in [`stats`](Self::stats).
    pub fn send(&mut self, now: Instant, packet: P) {
        self.advance(now);
        let size = packet.size();
        self.stats.sent += 1;
        self.stats.sent_bytes += size as u64;
        if !self.up {
            self.stats.down += 1;
        } else if size > self.config.mtu {
            self.stats.too_big += 1;
        } else if let Some(rate) = self.config.rate {
            self.enqueue(now, packet, rate);
        } else {
            self.launch(now, packet);
        }
    }

    /// The next datagram that has arrived by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<P> {
        self.advance(now);
        let first = self.flying.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let packet = first.remove();
        self.stats.delivered += 1;
        self.stats.delivered_bytes += packet.size() as u64;
        Some(packet)
    }

    /// When something may next happen here. `None` when the link is empty. It may be in the past,
    /// and there may be nothing to take out then (a datagram has only left the queue).
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Instant> {
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        [arrival, self.bottleneck.next_departure()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the link does to datagrams.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Changes what the link does, from now on. What is on its way arrives as it would have; what
    /// waits in the queue leaves at the new rate, behind the datagram that is leaving now.
    pub fn set_config(&mut self, now: Instant, config: LinkConfig) {
        self.advance(now);
        self.config = config;
        if self.config.rate.is_none() {
            for packet in self.bottleneck.clear() {
                self.launch(now, packet);
            }
        }
    }

    /// Whether the link is up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// Takes the link down or up. Going down drops what waits in the queue, and everything sent
    /// until it is up again; what is already on its way arrives.
    pub fn set_up(&mut self, now: Instant, up: bool) {
        self.advance(now);
        self.up = up;
        if !up {
            self.stats.down += self.bottleneck.clear().len() as u64;
        }
    }

    /// What the link did so far.
    #[must_use]
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// How many bytes wait for the bottleneck, not counting the datagram that is leaving.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.bottleneck.waiting_bytes
    }

    /// Lets everything leave the queue that has left it by `now`.
    fn advance(&mut self, now: Instant) {
        while let Some(rate) = self.config.rate
            && let Some((departure, packet)) = self.bottleneck.depart(now, rate)
        {
            self.launch(departure, packet);
        }
    }

    fn enqueue(&mut self, now: Instant, packet: P, rate: u64) {
        if self.bottleneck.is_busy()
            && packet.size()
                > self
                    .config
                    .queue
                    .saturating_sub(self.bottleneck.waiting_bytes)
        {
            self.stats.queue_full += 1;
            return;
        }
        self.bottleneck.push(now, packet, rate);
        self.stats.queue_peak = self.stats.queue_peak.max(self.bottleneck.waiting_bytes);
    }

    /// What happens behind the bottleneck, which the datagram leaves at `departure`.
    fn launch(&mut self, departure: Instant, mut packet: P) {
        let luck = self.chances.draw(&self.config);
        if luck.lost {
            self.stats.lost += 1;
            return;
        }
        if let Some((position, mask)) = luck.corruption
            && let bytes = packet.bytes()
            && !bytes.is_empty()
        {
            bytes[(position % bytes.len() as u64) as usize] ^= mask;
            self.stats.corrupted += 1;
        }
        if let Some(jitter) = luck.duplicate {
            self.stats.duplicated += 1;
            self.arrive_in_order(departure + self.config.delay + jitter, packet.clone());
        }
        let arrival = departure + self.config.delay + luck.jitter;
        if luck.reordered {
            self.stats.reordered += 1;
            self.arrive(arrival + self.config.reorder_by, packet);
        } else {
            self.arrive_in_order(arrival, packet);
        }
    }

    fn arrive_in_order(&mut self, arrival: Instant, packet: P) {
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        self.arrive(arrival, packet);
    }

    fn arrive(&mut self, arrival: Instant, packet: P) {
        self.flying.insert((arrival, self.sequence), packet);
        self.sequence += 1;
    }
}

/// The place where datagrams leave one behind the other.
#[derive(Clone, Debug)]
struct Bottleneck<P> {
    /// The datagram that is leaving, and when its last bit has left.
    leaving: Option<(Instant, P)>,
    waiting: VecDeque<P>,
    waiting_bytes: usize,
    /// What integer division of the last departure left over, in 1/rate nanoseconds: with it, a
    /// busy bottleneck is exact over any number of datagrams.
    remainder: u64,
}

impl<P: Packet> Bottleneck<P> {
    const fn new() -> Self {
        Self {
            leaving: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            remainder: 0,
        }
    }

    const fn is_busy(&self) -> bool {
        self.leaving.is_some()
    }

    fn next_departure(&self) -> Option<Instant> {
        self.leaving.as_ref().map(|(departure, _)| *departure)
    }

    fn push(&mut self, now: Instant, packet: P, rate: u64) {
        if self.is_busy() {
            self.waiting_bytes += packet.size();
            self.waiting.push_back(packet);
        } else {
            self.remainder = 0;
            self.begin(now, packet, rate);
        }
    }

    /// The datagram that has left by `now`, and when. The next one begins to leave at that moment.
    fn depart(&mut self, now: Instant, rate: u64) -> Option<(Instant, P)> {
        let (departure, packet) = self.leaving.take_if(|(departure, _)| *departure <= now)?;
        if let Some(next) = self.waiting.pop_front() {
            self.waiting_bytes -= next.size();
            self.begin(departure, next, rate);
        }
        Some((departure, packet))
    }

    fn begin(&mut self, start: Instant, packet: P, rate: u64) {
        const NANOSECOND_BITS: u128 = 8 * 1_000_000_000;
        let work = packet.size() as u128 * NANOSECOND_BITS + u128::from(self.remainder);
        let rate = u128::from(rate);
        self.remainder = (work % rate) as u64;
        self.leaving = Some((start + Duration::from_nanos((work / rate) as u64), packet));
    }

    /// Empties it, the one that is leaving included.
    fn clear(&mut self) -> Vec<P> {
        self.waiting_bytes = 0;
        let leaving = self.leaving.take().map(|(_, packet)| packet);
        leaving.into_iter().chain(self.waiting.drain(..)).collect()
    }
}

/// What chance decided for one datagram.
struct Luck {
    lost: bool,
    corruption: Option<(u64, u8)>,
    duplicate: Option<Duration>,
    jitter: Duration,
    reordered: bool,
}

/// One random sequence for each thing that can happen.
#[derive(Clone, Debug)]
struct Chances {
    loss: Prng,
    burst: Prng,
    in_bad_state: bool,
    corruption: Prng,
    duplication: Prng,
    jitter: Prng,
    reorder: Prng,
}

impl Chances {
    const fn new(seed: u64) -> Self {
        Self {
            loss: Prng::stream(seed, 1),
            burst: Prng::stream(seed, 2),
            in_bad_state: false,
            corruption: Prng::stream(seed, 3),
            duplication: Prng::stream(seed, 4),
            jitter: Prng::stream(seed, 5),
            reorder: Prng::stream(seed, 6),
        }
    }

    fn draw(&mut self, config: &LinkConfig) -> Luck {
        let lost_alone = self.loss.chance(config.loss);
        let lost_in_burst = self.draw_burst(config.burst_loss);
        let corrupt = self.corruption.chance(config.corrupt);
        let position = self.corruption.next_u64();
        let mask = 1 + self.corruption.below(255) as u8;
        let duplicate = self.duplication.chance(config.duplicate);
        let copy_jitter = spread(&mut self.duplication, config.jitter);
        Luck {
            lost: lost_alone || lost_in_burst,
            corruption: corrupt.then_some((position, mask)),
            duplicate: duplicate.then_some(copy_jitter),
            jitter: spread(&mut self.jitter, config.jitter),
            reordered: self.reorder.chance(config.reorder),
        }
    }

    fn draw_burst(&mut self, model: Option<GilbertElliott>) -> bool {
        let (change, loss) = (self.burst.unit(), self.burst.unit());
        let Some(model) = model else {
            return false;
        };
        self.in_bad_state = if self.in_bad_state {
            change >= model.bad_to_good
        } else {
            change < model.good_to_bad
        };
        loss < if self.in_bad_state {
            model.loss_in_bad
        } else {
            model.loss_in_good
        }
    }
}

/// A time from zero to `most`, both included.
fn spread(prng: &mut Prng, most: Duration) -> Duration {
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX - 1);
    Duration::from_nanos(prng.below(most.saturating_add(1)))
}
