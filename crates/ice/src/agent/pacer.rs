//! Ta, the pace of new transactions (RFC 8445, section 14).

use std::time::{Duration, Instant};

/// Ta if nothing else is agreed on (RFC 8445, section 14.2).
pub(super) const DEFAULT_PACING: Duration = Duration::from_millis(50);

/// A token bucket: a token every `pacing`, at most `burst` of them saved up.
#[derive(Debug)]
pub(super) struct Pacer {
    pacing: Duration,
    burst: u32,
    /// When the bucket would be empty had it always been drained: the k-th token from now is there at
    /// `empty + k * pacing`.
    empty: Option<Instant>,
}

impl Pacer {
    pub(super) const fn new(pacing: Duration, burst: u32) -> Self {
        Self {
            pacing,
            burst: if burst == 0 { 1 } else { burst },
            empty: None,
        }
    }

    pub(super) const fn pacing(&self) -> Duration {
        self.pacing
    }

    pub(super) const fn set_pacing(&mut self, pacing: Duration) {
        self.pacing = pacing;
    }

    /// When the next transaction may start.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        Some(self.empty? + self.pacing)
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let oldest = now.checked_sub(self.pacing * self.burst);
        let empty = match (self.empty, oldest) {
            (Some(empty), Some(oldest)) => empty.max(oldest),
            (Some(empty), None) => empty,
            (None, oldest) => oldest.unwrap_or(now),
        };
        let after = empty + self.pacing;
        // The first one always passes, whatever the clock's start.
        if after > now && self.empty.is_some() {
            return false;
        }
        self.empty = Some(after);
        true
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_pace() {
        let ms = Duration::from_millis;
        let start = Instant::now() + Duration::from_secs(3600);
        let mut pacer = Pacer::new(ms(50), 3);
        assert_eq!(pacer.ready_at(), None);
        let mut times = Vec::new();
        for now in (0..300).map(|n| start + ms(n)) {
            while pacer.take(now) {
                times.push((now - start).as_millis());
            }
        }
        assert_eq!(times, [0, 0, 0, 50, 100, 150, 200, 250]);
        // A pause saves no more than the burst.
        let later = start + Duration::from_secs(60);
        let taken = std::iter::from_fn(|| pacer.take(later).then_some(())).count();
        assert_eq!(taken, 3);
        assert_eq!(pacer.ready_at(), Some(later + ms(50)));
    }
}
