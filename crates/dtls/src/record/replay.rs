//! The replay window (RFC 9147, section 4.5.1).

/// Remembers which of the last 128 record numbers of one epoch came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One past the highest number that came.
    next: u64,
    /// Bit i says that `next - 1 - i` came.
    seen: u128,
}

impl ReplayWindow {
    /// Whether `number` has not come yet, as far as that is known: what is left of the window counts as
    /// come.
    pub(crate) const fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        let age = self.next - 1 - number;
        age < 128 && self.seen & (1 << age) == 0
    }

    /// Marks `number`, which was found authentic.
    pub(crate) const fn mark(&mut self, number: u64) {
        if number >= self.next {
            let step = number - self.next + 1;
            self.seen = if step < 128 { self.seen << step } else { 0 };
            self.next = number.saturating_add(1);
            self.seen |= 1;
        } else if self.next - 1 - number < 128 {
            self.seen |= 1 << (self.next - 1 - number);
        }
    }

    /// The full number whose low `bits` bits are `low`, nearest to one past the highest that came
    /// (RFC 9147, section 4.2.2).
    pub(crate) const fn reconstruct(&self, low: u16, bits: u32) -> u64 {
        let span = 1_u64 << bits;
        let candidate = (self.next & !(span - 1)) | (low as u64 & (span - 1));
        if candidate > self.next + span / 2 && candidate >= span {
            candidate - span
        } else if candidate + span / 2 < self.next {
            candidate + span
        } else {
            candidate
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_new_once() {
        let mut window = ReplayWindow::default();
        for number in [0, 5, 3, 200, 100] {
            assert!(window.is_new(number), "{number}");
            window.mark(number);
            assert!(!window.is_new(number), "{number}");
        }
        assert!(window.is_new(199) && window.is_new(73));
        assert!(!window.is_new(72), "left of the window");
    }

    #[test]
    fn the_nearest_number_is_reconstructed() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.reconstruct(0xfffe, 16), 0xfffe);
        window.mark(0x1_0005);
        assert_eq!(window.reconstruct(0xfffe, 16), 0xfffe);
        assert_eq!(window.reconstruct(7, 16), 0x1_0007);
        assert_eq!(window.reconstruct(7, 8), 0x1_0007);
        assert_eq!(window.reconstruct(0xff, 8), 0xffff);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(numbers in prop::collection::vec(0_u64..400, 1..200)) {
            let (mut window, mut set) = (ReplayWindow::default(), BTreeSet::new());
            for number in numbers {
                let highest = set.last().copied().unwrap_or(0);
                let known = !set.is_empty() && highest >= 128 && number <= highest - 128;
                prop_assert_eq!(window.is_new(number), !set.contains(&number) && !known);
                window.mark(number);
                set.insert(number);
            }
        }

        #[test]
        fn what_is_near_is_found(highest in 200_u64..1 << 40, step in -60_i64..60) {
            let mut window = ReplayWindow::default();
            window.mark(highest);
            let number = highest.saturating_add_signed(step);
            prop_assert_eq!(window.reconstruct(number as u16, 16), number);
            prop_assert_eq!(window.reconstruct(number as u16 & 0xff, 8), number);
        }
    }
}
