//! One probe: a cluster of packets that leave faster than the estimate says, and what feedback says about
//! their arrival.

use std::time::{Duration, Instant};

/// A probe lasts so long. What it does to a queue grows with it: at twice what the line carries 20 ms of
/// queue, at three times 40 ms. Shorter ones drown in jitter, and in the 250 us of feedback's clock.
const LENGTH: Duration = Duration::from_millis(20);

/// It has so many packets, so that with one lost of them there is still enough to measure.
const PACKETS: u32 = 8;

/// What arrived of it must be so many packets, and so long: as others ask for.
const MIN_RECEIVED: u32 = 5;
const MIN_SPAN_MS: f64 = 15.0;

/// And it must be so much of what was sent. Else it is not known what went wrong.
const MIN_SHARE: f64 = 0.8;

/// No probe is longer than this, whatever its packets were: half a second of the oldest mean nothing now.
const MAX_SPAN_MS: f64 = 1000.0;

/// What arrives so much faster than it was sent was held back on the way, or is a lie.
const MAX_RATIO: f64 = 2.0;

/// What arrives slower than this was sent faster than the line: what arrives is what it carries, and a bit
/// less than that leaves room for the queue to drain.
const SATURATED: f64 = 0.9;
const UTILIZATION: f64 = 0.95;

/// A probe that could not be sent within this time ends.
const PATIENCE: Duration = Duration::from_millis(200);

/// Feedback about its last packet is waited for so long, beside the round trip.
const FEEDBACK_DELAY: Duration = Duration::from_millis(500);

/// No probe aims higher, in bits per second: it would have more than 250,000 bytes.
const MAX_AIM: u64 = 100_000_000;

/// What a probe showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// Bits per second that the line carries.
    pub(crate) bitrate: f64,
    /// The line carries no more than that; else it may carry any more.
    pub(crate) saturated: bool,
}

/// The ends of a row of packets on one clock, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: (f64, u32),
    last: (f64, u32),
}

impl Span {
    fn add(span: Option<Self>, at: f64, bytes: u32) -> Self {
        let packet = (at, bytes);
        let mut span = span.unwrap_or(Self {
            first: packet,
            last: packet,
        });
        if at < span.first.0 {
            span.first = packet;
        }
        if at >= span.last.0 {
            span.last = packet;
        }
        span
    }

    fn length(&self) -> f64 {
        self.last.0 - self.first.0
    }
}

#[derive(Debug)]
pub(crate) struct Cluster {
    /// In bits per second.
    aim: u64,
    begun: Instant,
    last_sent: Instant,
    packets: u32,
    bytes: u64,
    /// Nothing more will be sent.
    complete: bool,
    lost: u32,
    received: u32,
    received_bytes: u64,
    sent_span: Option<Span>,
    arrival_span: Option<Span>,
}

impl Cluster {
    pub(crate) fn new(now: Instant, aim: u64) -> Self {
        Self {
            aim: aim.clamp(1, MAX_AIM),
            begun: now,
            last_sent: now,
            packets: 0,
            bytes: 0,
            complete: false,
            lost: 0,
            received: 0,
            received_bytes: 0,
            sent_span: None,
            arrival_span: None,
        }
    }

    pub(crate) const fn aim(&self) -> u64 {
        self.aim
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The bytes that it has at least.
    fn wanted_bytes(&self) -> u64 {
        (self.aim as f64 / 8.0 * LENGTH.as_secs_f64()) as u64
    }

    /// When its next packet is to leave; `None` when it is complete.
    pub(crate) fn next_departure(&self) -> Option<Instant> {
        if self.complete {
            return None;
        }
        // Its last packet makes it as long as it has to be, also when media left at once in its middle.
        let wait = if self.has_enough() {
            LENGTH
        } else {
            Duration::from_secs_f64(self.bytes as f64 * 8.0 / self.aim as f64)
        };
        Some(self.begun + wait.min(PATIENCE))
    }

    /// How many bytes the next packet should have, if it is to leave now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<usize> {
        let next = self.next_departure().filter(|next| *next <= now)?;
        if next >= self.begun + PATIENCE {
            self.complete = true;
            return None;
        }
        Some((self.wanted_bytes() / u64::from(PACKETS)) as usize)
    }

    fn has_enough(&self) -> bool {
        self.bytes >= self.wanted_bytes() && self.packets + 1 >= PACKETS
    }

    /// A packet left.
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.last_sent = now;
        let length = now.saturating_duration_since(self.begun);
        // Almost: the next packet would be due after the end, or at it.
        self.complete = self.packets >= PACKETS && self.has_enough() && length >= LENGTH * 9 / 10;
    }

    /// One of its packets, of so many bytes, arrived. Times are in ms, each on its own clock.
    pub(crate) fn on_arrival(&mut self, sent: f64, arrival: f64, bytes: u32, was_lost: bool) {
        self.lost -= u32::from(was_lost && self.lost > 0);
        self.received += 1;
        self.received_bytes += u64::from(bytes);
        self.sent_span = Some(Span::add(self.sent_span, sent, bytes));
        self.arrival_span = Some(Span::add(self.arrival_span, arrival, bytes));
    }

    /// Feedback says that one of its packets did not arrive.
    pub(crate) const fn on_loss(&mut self) {
        self.lost += 1;
    }

    /// Whether all is known that will be known.
    pub(crate) fn is_over(&self, now: Instant, round_trip: Duration) -> bool {
        self.complete
            && (self.received + self.lost >= self.packets
                || self.last_sent + round_trip + FEEDBACK_DELAY <= now)
    }

    /// What it showed, if it did.
    pub(crate) fn measure(&self) -> Option<Measured> {
        let (sent, arrived) = (self.sent_span?, self.arrival_span?);
        let enough = self.received >= MIN_RECEIVED
            && f64::from(self.received) >= MIN_SHARE * f64::from(self.packets)
            && self.received_bytes as f64 >= MIN_SHARE * self.bytes as f64;
        let lengths = [sent.length(), arrived.length()];
        if !enough
            || lengths[0] < MIN_SPAN_MS
            || lengths[1] <= 0.0
            || lengths.iter().any(|length| *length > MAX_SPAN_MS)
        {
            return None;
        }
        // The packet that opens a span is not in it on arrival, and the last one is not in it on departure.
        let bits = |without: u32| (self.received_bytes - u64::from(without)) as f64 * 8.0;
        let send_rate = bits(sent.last.1) * 1000.0 / lengths[0];
        let receive_rate = bits(arrived.first.1) * 1000.0 / lengths[1];
        if receive_rate > MAX_RATIO * send_rate {
            return None;
        }
        let saturated = receive_rate < SATURATED * send_rate;
        let bitrate = if saturated {
            UTILIZATION * receive_rate
        } else {
            send_rate.min(receive_rate)
        };
        Some(Measured { bitrate, saturated })
    }
}

#[cfg(test)]
mod tests;
