//! Times of pictures that are shown in another order than they are decoded in.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// More pictures than any level holds back (H.264, section A.3.1): whose picture has not come until then, has been lost.
const MAX_WAITING: usize = 17;

/// Gives pictures, which come in the order in which they are shown, their times.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// How many IDR pictures there were: nothing is shown after one that was decoded before it.
    sequence: u64,
    waiting: BinaryHeap<Reverse<(u64, Duration)>>,
}

impl Order {
    /// A frame is decoded.
    pub(super) fn decoded(&mut self, time: Duration, is_idr: bool) {
        self.sequence += u64::from(is_idr);
        self.waiting.push(Reverse((self.sequence, time)));
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop();
        }
    }

    /// A picture comes out: its time.
    pub(super) fn shown(&mut self) -> Option<Duration> {
        let Reverse((_, time)) = self.waiting.pop()?;
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_earliest_is_shown_first_and_nothing_crosses_a_key_frame() {
        let mut order = Order::default();
        for time in [160, 120] {
            order.decoded(ms(time), false);
        }
        // Another lap of the same file.
        order.decoded(ms(0), true);
        let shown: Vec<_> = std::iter::from_fn(|| order.shown()).collect();
        assert_eq!(shown, [ms(120), ms(160), ms(0)]);
    }

    #[test]
    fn lost_pictures_are_not_waited_for() {
        let mut order = Order::default();
        for time in 0..100 {
            order.decoded(ms(time), false);
        }
        assert_eq!(order.waiting.len(), MAX_WAITING);
        assert_eq!(order.shown(), Some(ms(83)));
    }
}
