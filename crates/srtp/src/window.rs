//! Replay windows (RFC 3711, section 3.3.2).

/// A ring of bits: which indices were seen, from the highest one back.
#[derive(Clone, Debug)]
pub(crate) struct ReplayWindow {
    /// One more than the highest index; 0 before the first.
    next: u64,
    /// Bit `index % (64 * words.len())` belongs to `index`. The length is a power of two.
    words: Box<[u64]>,
}

/// Why an index is not new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNew {
    /// It was seen.
    Seen,
    /// It lies before the window.
    TooOld,
}

impl ReplayWindow {
    /// A window of at least `len` indices: a power of two from 64 to 32,768.
    pub(crate) fn new(len: usize) -> Self {
        let words = len.clamp(64, 32_768).next_power_of_two() / 64;
        Self {
            next: 0,
            words: vec![0; words].into_boxed_slice(),
        }
    }

    /// The same, with one index in it.
    pub(crate) fn starting_at(len: usize, index: u64) -> Self {
        let mut window = Self::new(len);
        window.record(index);
        window
    }

    /// The highest index so far.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Whether an index is new; nothing changes.
    pub(crate) fn check(&self, index: u64) -> Result<(), NotNew> {
        if index >= self.next {
            return Ok(());
        }
        if self.next - index > self.len() {
            return Err(NotNew::TooOld);
        }
        let (word, bit) = self.position(index);
        if self.words[word] & bit == 0 {
            Ok(())
        } else {
            Err(NotNew::Seen)
        }
    }

    /// Marks an index as seen, and moves the window up to it if it is the highest.
    pub(crate) fn record(&mut self, index: u64) {
        if index >= self.next {
            self.advance(index);
        } else if self.next - index > self.len() {
            return;
        }
        let (word, bit) = self.position(index);
        self.words[word] |= bit;
    }

    fn advance(&mut self, index: u64) {
        if index - self.next >= self.len() {
            self.words.fill(0);
        } else {
            for skipped in self.next..index {
                let (word, bit) = self.position(skipped);
                self.words[word] &= !bit;
            }
            let (word, bit) = self.position(index);
            self.words[word] &= !bit;
        }
        self.next = index + 1;
    }

    fn len(&self) -> u64 {
        self.words.len() as u64 * 64
    }

    fn position(&self, index: u64) -> (usize, u64) {
        let position = index & (self.len() - 1);
        ((position / 64) as usize, 1 << (position % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_rounded_up_and_bounded() {
        for (asked, len) in [
            (0, 64),
            (64, 64),
            (65, 128),
            (1024, 1024),
            (1 << 40, 32_768),
        ] {
            assert_eq!(ReplayWindow::new(asked).len(), len);
        }
    }

    #[test]
    fn the_window_ends_where_it_should() {
        let mut window = ReplayWindow::new(64);
        assert_eq!(window.highest(), None);
        window.record(100);
        assert_eq!(window.highest(), Some(100));
        assert_eq!(window.check(100), Err(NotNew::Seen));
        assert_eq!(window.check(37), Ok(()));
        assert_eq!(window.check(36), Err(NotNew::TooOld));
        assert_eq!(window.check(u64::MAX - 1), Ok(()));
    }

    #[test]
    fn a_jump_over_the_whole_window_forgets_it() {
        let mut window = ReplayWindow::new(64);
        for index in 0..64 {
            window.record(index);
        }
        window.record(127);
        assert_eq!(window.check(64), Ok(()));
        assert_eq!(window.check(63), Err(NotNew::TooOld));
        window.record(1 << 40);
        assert_eq!(window.check((1 << 40) - 63), Ok(()));
    }

    proptest! {
        /// The ring of bits against a set of numbers.
        #[test]
        fn it_is_a_set_with_an_end(
            len in 64_usize..300,
            steps in proptest::collection::vec((-400_i64..400, any::<bool>()), 1..300),
        ) {
            let mut window = ReplayWindow::new(len);
            let len = window.len();
            let mut seen = BTreeSet::new();
            let mut highest = 1000_u64;
            for (step, far) in steps {
                let index = highest.saturating_add_signed(if far { step * 3 } else { step / 16 });
                let top = seen.last().copied();
                let expected = match top {
                    Some(top) if top >= index && top - index >= len => Err(NotNew::TooOld),
                    _ if seen.contains(&index) => Err(NotNew::Seen),
                    _ => Ok(()),
                };
                prop_assert_eq!(window.check(index), expected);
                if expected.is_ok() {
                    window.record(index);
                    seen.insert(index);
                    highest = highest.max(index);
                }
                prop_assert_eq!(window.highest(), seen.last().copied());
            }
        }
    }
}
