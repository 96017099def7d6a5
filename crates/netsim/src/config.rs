//! What a link does to the datagrams that cross it.

use std::time::Duration;

/// What one direction of a link does to its datagrams. [`LinkConfig::new`] is the ideal link: no
/// delay, no loss, no limit. Every method adds one thing, so that a configuration reads as a
/// sentence:
///
/// ```
/// use std::time::Duration;
/// use gannet_netsim::LinkConfig;
///
/// let dsl = LinkConfig::new()
///     .delay(Duration::from_millis(20))
///     .jitter(Duration::from_millis(5))
///     .rate(16_000_000)
///     .queue(64_000)
///     .loss(0.01);
/// # let _ = dsl;
/// ```
///
/// Probabilities are from 0.0 to 1.0; a method that is given another number panics.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    pub(crate) reorder: f64,
    pub(crate) reorder_by: Duration,
    pub(crate) duplicate: f64,
    pub(crate) corrupt: f64,
    pub(crate) loss: f64,
    pub(crate) burst_loss: Option<GilbertElliott>,
    pub(crate) rate: Option<u64>,
    pub(crate) queue: usize,
    pub(crate) mtu: usize,
}

impl LinkConfig {
    /// The ideal link.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            reorder_by: Duration::ZERO,
            duplicate: 0.0,
            corrupt: 0.0,
            loss: 0.0,
            burst_loss: None,
            rate: None,
            queue: usize::MAX,
            mtu: usize::MAX,
        }
    }

    /// How long a datagram is under way, in one direction.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds to each datagram's delay a random time, evenly spread from zero to `jitter`. Jitter
    /// alone never changes the order: a datagram that would overtake another arrives together with
    /// it.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Holds each datagram back by `by`, with the given probability, while later ones overtake it.
    #[must_use]
    pub fn reorder(mut self, probability: f64, by: Duration) -> Self {
        self.reorder = checked(probability);
        self.reorder_by = by;
        self
    }

    /// Delivers a datagram twice with the given probability. The copy has a jitter of its own.
    #[must_use]
    pub fn duplicate(mut self, probability: f64) -> Self {
        self.duplicate = checked(probability);
        self
    }

    /// Changes one byte of a datagram with the given probability.
    #[must_use]
    pub fn corrupt(mut self, probability: f64) -> Self {
        self.corrupt = checked(probability);
        self
    }

    /// Loses each datagram with the given probability, independently of all others.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Self {
        self.loss = checked(probability);
        self
    }

    /// Loses datagrams in bursts. It adds to [`loss`](Self::loss), if both are given.
    #[must_use]
    pub const fn burst_loss(mut self, model: GilbertElliott) -> Self {
        self.burst_loss = Some(model);
        self
    }

    /// The bottleneck: datagrams leave one behind the other at this many bits per second, which
    /// must not be zero (for that, [`Link::set_up`](crate::Link::set_up)). Those that wait are held
    /// by the [`queue`](Self::queue).
    #[must_use]
    pub fn rate(mut self, bits_per_second: u64) -> Self {
        assert_ne!(bits_per_second, 0, "a rate of zero is a link that is down");
        self.rate = Some(bits_per_second);
        self
    }

    /// How many bytes may wait for the bottleneck, not counting the datagram that is being sent. A
    /// datagram that does not fit is dropped (drop-tail). Without a [`rate`](Self::rate) nothing
    /// waits.
    #[must_use]
    pub const fn queue(mut self, bytes: usize) -> Self {
        self.queue = bytes;
        self
    }

    /// Drops datagrams that are longer than this many bytes, silently, as a router does that may
    /// not fragment. Counted are the bytes given to [`Link::send`](crate::Link::send): no header is
    /// added.
    #[must_use]
    pub const fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Loss in bursts: a chain of two states, with a loss probability in each (Gilbert 1960, Elliott
/// 1963). Before each datagram the state changes with the probability that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GilbertElliott {
    /// The probability of going from the good state to the bad one, per datagram.
    pub good_to_bad: f64,
    /// The probability of going back to the good state, per datagram.
    pub bad_to_good: f64,
    /// The probability of losing a datagram in the good state.
    pub loss_in_good: f64,
    /// The probability of losing a datagram in the bad state.
    pub loss_in_bad: f64,
}

impl GilbertElliott {
    /// The two-number form: everything is lost in the bad state and nothing in the good one. `loss`
    /// is the share of datagrams that is lost in the long run (below 1.0), `burst` the mean number
    /// that is lost in a row (at least 1.0).
    #[must_use]
    pub fn bursts(loss: f64, burst: f64) -> Self {
        assert!((0.0..1.0).contains(&loss), "loss {loss} is not in 0.0..1.0");
        assert!(
            burst >= 1.0,
            "a burst of {burst} datagrams is shorter than one"
        );
        let bad_to_good = 1.0 / burst;
        let good_to_bad = bad_to_good * loss / (1.0 - loss);
        assert!(
            good_to_bad <= 1.0,
            "a loss of {loss} cannot be had with bursts as short as {burst}"
        );
        Self {
            good_to_bad,
            bad_to_good,
            loss_in_good: 0.0,
            loss_in_bad: 1.0,
        }
    }
}

fn checked(probability: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&probability),
        "{probability} is not a probability (0.0 to 1.0)"
    );
    probability
}
