//! What one round trip has shown.

use crate::congestion::AckInfo;

/// Delivery and loss of the current round trip.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The round ends when what was sent after its start is acknowledged.
    next_round: u64,
    pub(super) round_ended: bool,
    /// Bytes delivered, bytes lost, and SACKs that reported loss.
    pub(super) round_delivered: usize,
    round_lost: usize,
    loss_reports: u32,
    /// The highest delivery rate, in bytes a second.
    pub(super) round_bandwidth: f64,
}

/// So many SACKs must report loss before it counts: one burst is not congestion yet.
const MIN_LOSS_REPORTS: u32 = 2;

impl Signals {
    pub(super) fn on_ack(&mut self, ack: &AckInfo) {
        self.round_delivered += ack.acked;
        self.round_lost += ack.lost;
        self.loss_reports += u32::from(ack.lost > 0);
        self.round_ended = false;
        if let Some(sample) = ack.sample {
            self.round_bandwidth = self.round_bandwidth.max(sample.rate() as f64);
            if sample.prior_delivered >= self.next_round {
                self.next_round = ack.delivered;
                self.round_ended = true;
            }
        }
    }

    pub(super) const fn start_round(&mut self) {
        self.round_delivered = 0;
        self.round_lost = 0;
        self.loss_reports = 0;
        self.round_bandwidth = 0.0;
    }

    /// Whether more than `threshold` of the round has been lost so far.
    pub(super) fn round_was_lossy(&self, threshold: f64) -> bool {
        let sent = self.round_delivered + self.round_lost;
        self.loss_reports >= MIN_LOSS_REPORTS && self.round_lost as f64 > sent as f64 * threshold
    }
}
