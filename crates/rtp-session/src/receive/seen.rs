//! Which packets were seen, when they are not kept.

/// How many packets back it remembers.
const WINDOW: u64 = 1024;

#[derive(Clone, Debug, Default)]
pub(crate) struct SeenWindow {
    /// One behind the highest packet seen; 0 before the first.
    end: u64,
    bits: [u64; (WINDOW / 64) as usize],
}

impl SeenWindow {
    /// The oldest packet that it remembers.
    pub(crate) const fn oldest(&self) -> u64 {
        self.end.saturating_sub(WINDOW)
    }

    /// Notes a packet. Whether it is seen for the first time, and not too old to tell.
    pub(crate) fn insert(&mut self, sequence: u64) -> bool {
        if self.end == 0 || sequence >= self.end + WINDOW {
            self.bits = [0; (WINDOW / 64) as usize];
            self.end = sequence + 1;
        }
        if sequence < self.oldest() {
            return false;
        }
        while self.end <= sequence {
            let (word, bit) = Self::place(self.end);
            self.bits[word] &= !bit;
            self.end += 1;
        }
        let (word, bit) = Self::place(sequence);
        let fresh = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        fresh
    }

    const fn place(sequence: u64) -> (usize, u64) {
        (((sequence % WINDOW) / 64) as usize, 1 << (sequence % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_new_once() {
        let mut seen = SeenWindow::default();
        assert!(seen.insert(70_000));
        assert!(!seen.insert(70_000));
        assert!(seen.insert(70_100));
        assert!(seen.insert(70_050));
        assert!(!seen.insert(70_050));
        assert!(seen.insert(72_000));
        assert!(!seen.insert(70_100), "too old to tell");
        assert!(seen.insert(71_999));
    }
}
