//! Sets of TSNs, kept as runs.

/// The distance from a 32-bit serial number to its 64-bit form: high enough that numbers which come
/// from before the first one are still positive.
const TURN: u64 = 1 << 32;

/// The 64-bit form of the first number of a sequence.
pub(crate) const fn first(serial: u32) -> u64 {
    serial as u64 + TURN
}

/// The 64-bit number nearest to `reference` whose low 32 bits are `serial`.
pub(crate) const fn nearest(reference: u64, serial: u32) -> u64 {
    let distance = serial.wrapping_sub(reference as u32) as i32;
    reference.wrapping_add_signed(distance as i64)
}

/// A run of numbers; both ends are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// A set of numbers as sorted runs that do not touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    runs: Vec<Run>,
}

impl Ranges {
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.runs.last().map(|run| run.end)
    }

    /// The index of the first run that ends at `value` or behind it.
    fn position(&self, value: u64) -> usize {
        // Nearly everything happens at the end.
        match self.runs.last() {
            Some(last) if last.end < value => self.runs.len(),
            _ => self.runs.partition_point(|run| run.end < value),
        }
    }

    pub(crate) fn contains(&self, value: u64) -> bool {
        self.runs
            .get(self.position(value))
            .is_some_and(|run| run.start <= value)
    }

    /// Adds all numbers from `start` to `end` and calls `added` with each run that was not there.
    pub(crate) fn insert(&mut self, start: u64, end: u64, mut added: impl FnMut(Run)) {
        // The runs that `start..=end` touches, neighbours included.
        let first = self.position(start.saturating_sub(1));
        let mut merged = Run { start, end };
        let mut next = start;
        let mut last = first;
        while let Some(run) = self.runs.get(last).filter(|run| run.start <= end + 1) {
            if next < run.start {
                added(Run {
                    start: next,
                    end: run.start - 1,
                });
            }
            next = next.max(run.end + 1);
            merged.start = merged.start.min(run.start);
            merged.end = merged.end.max(run.end);
            last += 1;
        }
        if next <= end {
            added(Run { start: next, end });
        }
        if last == first {
            self.runs.insert(first, merged);
        } else {
            self.runs[first] = merged;
            if last > first + 1 {
                self.runs.drain(first + 1..last);
            }
        }
    }

    /// Removes everything up to `value`.
    pub(crate) fn remove_up_to(&mut self, value: u64) {
        let count = self.runs.iter().take_while(|run| run.end <= value).count();
        if count > 0 {
            self.runs.drain(..count);
        }
        if let Some(run) = self.runs.first_mut() {
            run.start = run.start.max(value + 1);
        }
    }

    /// Removes the first run if it starts at `value`, and says where it ends.
    pub(crate) fn take_first(&mut self, value: u64) -> Option<u64> {
        let run = *self.runs.first()?;
        (run.start == value).then(|| {
            self.runs.remove(0);
            run.end
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unwrapping_goes_both_ways() {
        let start = first(u32::MAX);
        assert_eq!(nearest(start, 0), start + 1);
        assert_eq!(nearest(start, u32::MAX - 1), start - 1);
        assert_eq!(nearest(first(0), u32::MAX), first(0) - 1);
    }

    proptest! {
        #[test]
        fn it_is_a_set(ops in prop::collection::vec((0_u64..60, 0_u64..6), 0..60), cut in 0_u64..60) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (start, len) in ops {
                let start = start + 10;
                let mut new = BTreeSet::new();
                ranges.insert(start, start + len, |run| {
                    new.extend(run.start..=run.end);
                });
                let expected: BTreeSet<u64> =
                    (start..=start + len).filter(|value| set.insert(*value)).collect();
                prop_assert_eq!(new, expected);
            }
            ranges.remove_up_to(cut);
            set.retain(|&value| value > cut);
            for value in 0..90 {
                prop_assert_eq!(ranges.contains(value), set.contains(&value));
            }
            for pair in ranges.runs().windows(2) {
                prop_assert!(pair[0].end + 1 < pair[1].start);
            }
            prop_assert_eq!(ranges.last(), set.last().copied());
        }
    }
}
