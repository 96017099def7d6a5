//! Sets of byte ranges.

/// A set of bytes of one message, as sorted ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(usize, usize)>);

impl Ranges {
    /// Adds `start..end`.
    pub(crate) fn insert(&mut self, mut start: usize, mut end: usize) {
        if start >= end {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < start);
        let behind = self.0.partition_point(|range| range.0 <= end);
        if let Some(touched) = self
            .0
            .get(first..behind)
            .filter(|touched| !touched.is_empty())
        {
            start = start.min(touched[0].0);
            end = end.max(touched[touched.len() - 1].1);
        }
        self.0.splice(first..behind, [(start, end)]);
    }

    /// Whether all of `0..len` is in it.
    pub(crate) fn covers(&self, len: usize) -> bool {
        len == 0
            || self
                .0
                .first()
                .is_some_and(|range| range.0 == 0 && range.1 >= len)
    }

    /// Whether all of `start..end` is in it.
    pub(crate) fn contains(&self, start: usize, end: usize) -> bool {
        start >= end
            || self
                .0
                .iter()
                .any(|range| range.0 <= start && end <= range.1)
    }

    /// Whether `start..end` overlaps a range in it, or lies next to one: adding it makes no further range.
    pub(crate) fn touches(&self, start: usize, end: usize) -> bool {
        let at = self.0.partition_point(|range| range.1 < start);
        self.0.get(at).is_some_and(|range| range.0 <= end)
    }

    /// The first range at or behind `from` and below `len` that is not in it.
    pub(crate) fn missing(&self, mut from: usize, len: usize) -> Option<(usize, usize)> {
        for &(start, end) in &self.0 {
            if from < start {
                return (from < len).then(|| (from, start.min(len)));
            }
            from = from.max(end);
        }
        (from < len).then_some((from, len))
    }

    /// How many separate ranges it has.
    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_flags(
            inserts in prop::collection::vec((0_usize..60, 0_usize..20), 0..12),
            from in 0_usize..80,
        ) {
            let (mut ranges, mut flags) = (Ranges::default(), [false; 80]);
            for (start, len) in inserts {
                ranges.insert(start, start + len);
                flags[start..start + len].fill(true);
            }
            let missing = ranges.missing(from, 80);
            let first = (from..80).find(|i| !flags[*i]);
            prop_assert_eq!(missing.map(|range| range.0), first);
            if let Some((start, end)) = missing {
                prop_assert!(flags[start..end].iter().all(|flag| !flag));
                prop_assert!(end == 80 || flags[end]);
            }
            prop_assert_eq!(ranges.covers(30), flags[..30].iter().all(|flag| *flag));
            prop_assert_eq!(ranges.contains(from.min(70), 75), flags[from.min(70)..75].iter().all(|f| *f));
            let runs = (0..80).filter(|i| flags[*i] && (*i == 0 || !flags[i - 1])).count();
            prop_assert_eq!(ranges.count(), runs);
            let mut more = ranges.clone();
            more.insert(from, from + 3);
            prop_assert_eq!(ranges.touches(from, from + 3), more.count() <= runs);
        }
    }
}
