//! Proportional rate reduction: how much to send while recovering from loss.

/// Spreads the reduction of the window over recovery (RFC 6937 and its successor draft).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prr {
    /// What was in flight when recovery began.
    recover_flight: usize,
    /// The window to end with.
    ssthresh: usize,
    delivered: usize,
    sent: usize,
    /// What may be sent beyond what is in flight.
    quota: usize,
}

impl Prr {
    pub(crate) fn new(in_flight: usize, ssthresh: usize) -> Self {
        Self {
            recover_flight: in_flight.max(1),
            ssthresh,
            delivered: 0,
            sent: 0,
            quota: 0,
        }
    }

    /// Takes an acknowledgement. `safe` says that the cumulative TSN moved and nothing new was lost:
    /// then slow start towards the threshold is allowed, else only conservation.
    pub(crate) fn on_ack(&mut self, delivered: usize, in_flight: usize, safe: bool, mss: usize) {
        self.delivered += delivered;
        let quota = if in_flight > self.ssthresh {
            let target = self.delivered as u128 * self.ssthresh as u128;
            let target = target.div_ceil(self.recover_flight as u128) as usize;
            target.saturating_sub(self.sent)
        } else {
            let conserved = self.delivered.saturating_sub(self.sent).max(delivered);
            let limit = if safe { conserved + mss } else { conserved };
            limit.min(self.ssthresh - in_flight)
        };
        // One packet goes in any case when recovery begins: the fast retransmit.
        self.quota = if self.sent == 0 {
            quota.max(mss)
        } else {
            quota
        };
    }

    pub(crate) const fn on_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        self.quota = self.quota.saturating_sub(bytes);
    }

    /// How many bytes may be sent now.
    pub(crate) const fn quota(&self) -> usize {
        self.quota
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_shrinks_in_proportion() {
        // 100 packets in flight, down to 50: one goes for every two that arrive.
        let mut prr = Prr::new(100_000, 50_000);
        let mut in_flight = 99_000;
        let mut sent = 0;
        for _ in 0..90 {
            in_flight -= 1000;
            prr.on_ack(1000, in_flight, true, 1000);
            while prr.quota() >= 1000 {
                prr.on_sent(1000);
                in_flight += 1000;
                sent += 1;
            }
        }
        assert!((43..=48).contains(&sent), "{sent}");
        assert!((50_000..=56_000).contains(&in_flight), "{in_flight}");
    }

    #[test]
    fn a_window_that_emptied_grows_back_as_in_slow_start() {
        let mut prr = Prr::new(100_000, 50_000);
        prr.on_ack(1000, 10_000, true, 1000);
        assert_eq!(prr.quota(), 2000);
        prr.on_sent(2000);
        prr.on_ack(1000, 10_000, false, 1000);
        assert_eq!(prr.quota(), 1000);
    }

    #[test]
    fn the_first_retransmission_always_goes() {
        let mut prr = Prr::new(100_000, 50_000);
        prr.on_ack(0, 99_000, false, 1000);
        assert_eq!(prr.quota(), 1000);
    }
}
