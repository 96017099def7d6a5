//! What one round trip has shown.

use std::time::Duration;

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
    /// Whether the smoothed round-trip time says that packets wait in a queue.
    pub(super) queue_stands: bool,
    /// How many rounds in a row have lost more than [`FLOOD`] without a queue.
    flooded_rounds: u32,
    noise: Noise,
}

/// Above what the path loses anyway, more than this part lost in a round trip, while a queue stands,
/// is congestion (draft-ietf-ccwg-bbr: BBR.LossThresh).
const LOSS_THRESHOLD: f64 = 0.02;
/// Without a queue, loss is congestion if it is more than this in two round trips one after the other:
/// a policer, or a queue too short to be seen.
const FLOOD: f64 = 0.15;

impl Signals {
    pub(super) fn on_ack(&mut self, ack: &AckInfo, min_rtt: Option<Duration>) {
        self.round_delivered += ack.acked;
        self.round_lost += ack.lost;
        self.loss_reports += u32::from(ack.lost > 0);
        self.round_ended = false;
        if let Some(min_rtt) = min_rtt {
            // An eighth more than the least round-trip time, and more than clocks and batches add.
            let margin = (min_rtt / 8).max(Duration::from_micros(200));
            self.queue_stands = ack.srtt > min_rtt + margin;
        }
        if let Some(sample) = ack.sample {
            if !sample.hidden {
                self.round_bandwidth = self.round_bandwidth.max(sample.rate() as f64);
            }
            if sample.prior_delivered >= self.next_round {
                self.next_round = ack.delivered;
                self.round_ended = true;
            }
        }
    }

    /// A round has ended. `probing` says that more was sent than the path was known to carry.
    pub(super) fn start_round(&mut self, probing: bool, mss: usize) {
        let flooded = !self.queue_stands && self.loss() > FLOOD;
        self.flooded_rounds = if flooded { self.flooded_rounds + 1 } else { 0 };
        if !probing && !self.queue_stands && !flooded {
            self.noise
                .add(self.round_delivered + self.round_lost, self.round_lost, mss);
        }
        self.round_delivered = 0;
        self.round_lost = 0;
        self.loss_reports = 0;
        self.round_bandwidth = 0.0;
    }

    /// The part of the round that has been lost so far.
    fn loss(&self) -> f64 {
        self.round_lost as f64 / (self.round_delivered + self.round_lost).max(1) as f64
    }

    /// Whether the loss of the round so far is congestion, not noise.
    pub(super) fn is_congested(&self, least_reports: u32) -> bool {
        if self.loss_reports < least_reports {
            return false;
        }
        if self.queue_stands {
            self.loss() > LOSS_THRESHOLD + self.noise.rate()
        } else {
            self.flooded_rounds > 0 && self.loss() > FLOOD
        }
    }
}

/// What the path loses whatever we do: the loss of round trips in which no queue stood and no more was
/// sent than the path carries.
#[derive(Debug, Default)]
struct Noise {
    /// Bytes, old ones counting less.
    sent: f64,
    lost: f64,
}

impl Noise {
    /// What was seen counts half after so many packets.
    const MEMORY_PACKETS: usize = 1000;
    /// More than this is not believed to be noise.
    const MOST: f64 = 0.1;

    fn add(&mut self, sent: usize, lost: usize, mss: usize) {
        self.sent += sent as f64;
        self.lost += lost as f64;
        if self.sent > (Self::MEMORY_PACKETS * mss) as f64 {
            self.sent /= 2.0;
            self.lost /= 2.0;
        }
    }

    fn rate(&self) -> f64 {
        if self.sent == 0.0 {
            0.0
        } else {
            (self.lost / self.sent).min(Self::MOST)
        }
    }
}
