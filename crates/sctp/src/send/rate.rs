//! Delivery rate samples: what the path carried between two acknowledgements.

use std::time::{Duration, Instant};

/// What is noted with a chunk when it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentSnapshot {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    app_limited: bool,
    hidden: bool,
    /// Bytes in flight, this chunk included.
    pub(crate) in_flight: usize,
}

/// How fast data arrived over the last round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateSample {
    /// Bytes that arrived in `interval`.
    pub(crate) delivered: u64,
    /// How long that took.
    pub(crate) interval: Duration,
    /// Bytes lost meanwhile.
    pub(crate) lost: u64,
    /// Whether the application did not have enough to send.
    pub(crate) app_limited: bool,
    /// Whether acknowledgements were held back at its start or end: then the rate means nothing.
    pub(crate) hidden: bool,
    /// How much had been delivered when the newest acknowledged chunk was sent.
    pub(crate) prior_delivered: u64,
    /// Bytes in flight when it was sent.
    pub(crate) in_flight_at_send: usize,
}

impl RateSample {
    /// Bytes a second.
    pub(crate) fn rate(&self) -> u64 {
        let nanos = self.interval.as_nanos().max(1);
        (u128::from(self.delivered) * 1_000_000_000 / nanos).min(u128::from(u64::MAX)) as u64
    }
}

/// Estimates the delivery rate, as draft-cheng-iccrg-delivery-rate-estimation describes it.
#[derive(Debug)]
pub(crate) struct RateEstimator {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    /// While `delivered` is below this, samples are limited by the application.
    app_limited_until: u64,
    newest: Option<(Instant, SentSnapshot)>,
    /// The peer does not say everything that has arrived.
    hidden: bool,
}

impl RateEstimator {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent_at: now,
            lost: 0,
            app_limited_until: 0,
            newest: None,
            hidden: false,
        }
    }

    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Notes that a chunk is sent; `in_flight` is before that.
    pub(crate) fn on_sent(&mut self, now: Instant, in_flight: usize, size: usize) -> SentSnapshot {
        if in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        SentSnapshot {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            lost: self.lost,
            app_limited: self.app_limited_until > self.delivered,
            hidden: self.hidden,
            in_flight: in_flight + size,
        }
    }

    /// Notes whether the peer says everything that has arrived.
    pub(crate) const fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// Notes that the application does not fill the window; `in_flight` bytes are on their way.
    pub(crate) const fn on_app_limited(&mut self, in_flight: usize) {
        self.app_limited_until = self.delivered + in_flight as u64 + 1;
    }

    pub(crate) const fn on_lost(&mut self, size: usize) {
        self.lost += size as u64;
    }

    /// Takes back that bytes were lost: they have arrived after all.
    pub(crate) const fn on_found(&mut self, size: usize) {
        self.lost = self.lost.saturating_sub(size as u64);
    }

    /// Notes that a chunk has arrived; without `snapshot` it gives no sample.
    pub(crate) fn on_acked(
        &mut self,
        size: usize,
        sent_at: Instant,
        snapshot: Option<SentSnapshot>,
    ) {
        self.delivered += size as u64;
        let Some(snapshot) = snapshot else {
            return;
        };
        let newer = self.newest.is_none_or(|(newest, _)| sent_at >= newest);
        if newer {
            self.newest = Some((sent_at, snapshot));
        }
    }

    /// Ends a SACK: the sample that its chunks give. `min_rtt` guards against nonsense.
    pub(crate) fn sample(&mut self, now: Instant, min_rtt: Duration) -> Option<RateSample> {
        let (sent_at, snapshot) = self.newest.take()?;
        self.first_sent_at = sent_at;
        let send_elapsed = sent_at.saturating_duration_since(snapshot.first_sent_at);
        let ack_elapsed = now.saturating_duration_since(snapshot.delivered_at);
        self.delivered_at = now;
        let interval = send_elapsed.max(ack_elapsed);
        if interval < min_rtt || interval.is_zero() {
            return None;
        }
        Some(RateSample {
            delivered: self.delivered - snapshot.delivered,
            interval,
            lost: self.lost.saturating_sub(snapshot.lost),
            app_limited: snapshot.app_limited,
            hidden: snapshot.hidden || self.hidden,
            prior_delivered: snapshot.delivered,
            in_flight_at_send: snapshot.in_flight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
    fn the_rate_is_what_arrived_over_the_longer_interval() {
        let start = Instant::now();
        let mut rate = RateEstimator::new(start);
        let mut sent = Vec::new();
        for i in 0..10 {
            sent.push((
                start + i * MS,
                rate.on_sent(start + i * MS, i as usize * 1000, 1000),
            ));
        }
        // They arrive 10 ms later, 2 ms apart: 500 kB/s, though they left at 1 MB/s.
        for (i, (sent_at, snapshot)) in sent.into_iter().enumerate() {
            let now = start + 10 * MS + 2 * MS * i as u32;
            rate.on_acked(1000, sent_at, Some(snapshot));
            let sample = rate.sample(now, 10 * MS);
            if i == 9 {
                let sample = sample.unwrap();
                assert_eq!(sample.delivered, 10_000);
                assert_eq!(sample.interval, 28 * MS);
                assert_eq!(sample.rate(), 357_142);
            }
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
    fn samples_say_when_the_application_was_the_limit() {
        let now = Instant::now();
        let mut rate = RateEstimator::new(now);
        rate.on_app_limited(0);
        let snapshot = rate.on_sent(now, 0, 500);
        rate.on_acked(500, now, Some(snapshot));
        assert!(rate.sample(now + MS, MS).unwrap().app_limited);
        let snapshot = rate.on_sent(now + MS, 0, 500);
        rate.on_acked(500, now + MS, Some(snapshot));
        assert!(!rate.sample(now + 2 * MS, MS).unwrap().app_limited);
    }
}
