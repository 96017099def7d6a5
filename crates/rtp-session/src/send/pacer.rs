//! The pacer: packets leave as a flow, not in bursts that fill the queues on the way.
//!
//! A token bucket of 2.5 times the target bitrate. Audio does not wait; retransmissions go before media.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_wire::Serial16;

use super::QueuedPacket;
use crate::parameters::{MediaKind, SenderId};

/// A frame may leave so much faster than the mean: its packets are together sooner at the other end.
const PACING_FACTOR: f64 = 2.5;

/// At most this much time's worth of packets leaves at once: at the pacing rate three mean frames at 30 a
/// second, so that only key frames and the like wait. An echo of frames as large as the target allows came
/// back 0 to 1 ms later than its codecs needed, with 5 ms here 9 to 13 ms (gannet's `tests/latency.rs`).
const BURST: Duration = Duration::from_millis(40);

/// What audio and probes take ahead of their turn holds the rest back for so long at most.
const MAX_DEBT: f64 = 0.5;

/// Nothing waits longer than about this: the rate is raised then.
const MAX_QUEUE_TIME: f64 = 1.0;

/// At most so many packets of video wait, and of audio, and so many retransmissions.
pub(crate) const MAX_VIDEO: usize = 4096;
pub(crate) const MAX_AUDIO: usize = 512;
const MAX_RETRANSMISSIONS: usize = 1024;

/// Retransmissions take at most this part of the pacing rate, over a second: half of the target.
const RETRANSMISSION_SHARE: f64 = 0.2;

/// Over which time their rate is averaged, in seconds.
const AVERAGING: f64 = 0.5;

/// What to send next.
#[derive(Debug)]
pub(crate) enum Next {
    Media(QueuedPacket),
    Retransmission(SenderId, Serial16),
    /// Nothing waits, but a probe wants so many bytes.
    Padding(SenderId, usize),
}

#[derive(Debug)]
pub(crate) struct Pacer {
    audio: VecDeque<QueuedPacket>,
    video: VecDeque<QueuedPacket>,
    video_bytes: usize,
    retransmissions: VecDeque<(SenderId, Serial16)>,
    /// Bytes that may be sent; negative if too many were.
    tokens: f64,
    /// The same for retransmissions.
    retransmission_tokens: f64,
    updated: Option<Instant>,
    /// Bytes per second.
    rate: f64,
    /// Retransmitted bytes, forgotten exponentially, and when that was.
    retransmitted: (f64, Option<Instant>),
}

impl Pacer {
    pub(crate) fn new(bitrate: u64) -> Self {
        let mut pacer = Self {
            audio: VecDeque::new(),
            video: VecDeque::new(),
            video_bytes: 0,
            retransmissions: VecDeque::new(),
            tokens: 0.0,
            retransmission_tokens: 0.0,
            updated: None,
            rate: 1.0,
            retransmitted: (0.0, None),
        };
        pacer.set_bitrate(bitrate);
        pacer
    }

    /// The target of the bandwidth estimate.
    pub(crate) fn set_bitrate(&mut self, bitrate: u64) {
        self.rate = (bitrate as f64 * PACING_FACTOR / 8.0).max(1000.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.audio.len() + self.video.len() + self.retransmissions.len()
    }

    /// Whether `count` more packets fit.
    pub(crate) fn has_room(&self, kind: MediaKind, count: usize) -> bool {
        match kind {
            MediaKind::Audio => self.audio.len() + count <= MAX_AUDIO,
            MediaKind::Video => self.video.len() + count <= MAX_VIDEO,
        }
    }

    pub(crate) fn push(&mut self, kind: MediaKind, packet: QueuedPacket) {
        match kind {
            MediaKind::Audio => self.audio.push_back(packet),
            MediaKind::Video => {
                self.video_bytes += packet.payload.len();
                self.video.push_back(packet);
            }
        }
    }

    pub(crate) fn push_retransmission(&mut self, sender: SenderId, sequence: Serial16) {
        if self.retransmissions.len() < MAX_RETRANSMISSIONS {
            self.retransmissions.push_back((sender, sequence));
        }
    }

    pub(crate) fn remove(&mut self, sender: SenderId) {
        self.audio.retain(|packet| packet.sender != sender);
        self.video.retain(|packet| packet.sender != sender);
        self.video_bytes = self.video.iter().map(|packet| packet.payload.len()).sum();
        self.retransmissions.retain(|(other, _)| *other != sender);
    }

    /// The next packet that may leave now.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Next> {
        // Also while there is nothing but audio, which takes from it: else it would all be owed by the first video.
        if self.len() > 0 {
            self.refill(now);
        }
        if let Some(packet) = self.audio.pop_front() {
            return Some(Next::Media(packet));
        }
        if self.video.is_empty() && self.retransmissions.is_empty() {
            return None;
        }
        if self.tokens <= 0.0 {
            return None;
        }
        self.pop_waiting()
    }

    /// The next packet that waits for its turn: a probe takes it ahead of that.
    pub(crate) fn pop_waiting(&mut self) -> Option<Next> {
        if self.retransmission_tokens > 0.0
            && let Some((sender, sequence)) = self.retransmissions.pop_front()
        {
            return Some(Next::Retransmission(sender, sequence));
        }
        let packet = self.video.pop_front()?;
        self.video_bytes -= packet.payload.len();
        Some(Next::Media(packet))
    }

    /// A packet of so many bytes has left.
    pub(crate) fn sent(&mut self, now: Instant, bytes: usize, retransmission: bool) {
        self.tokens -= bytes as f64;
        if retransmission {
            self.retransmission_tokens -= bytes as f64;
            self.retransmitted = (self.remembered(now) + bytes as f64, Some(now));
        }
    }

    /// Bits per second that go into retransmissions.
    pub(crate) fn retransmission_bitrate(&self, now: Instant) -> u64 {
        (self.remembered(now) * 8.0 / AVERAGING) as u64
    }

    fn remembered(&self, now: Instant) -> f64 {
        let (bytes, at) = self.retransmitted;
        let elapsed = at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        bytes * (-elapsed.as_secs_f64() / AVERAGING).exp()
    }

    /// When the next packet may leave.
    pub(crate) fn next_timeout(&self, now: Instant) -> Option<Instant> {
        if !self.audio.is_empty() {
            return Some(now);
        }
        let wait = |tokens: f64, rate: f64| Duration::from_secs_f64((1.0 - tokens).max(0.0) / rate);
        let updated = self.updated.unwrap_or(now);
        let rate = self.effective_rate();
        let any = wait(self.limited_tokens(rate), rate);
        let video = (!self.video.is_empty()).then_some(any);
        let retransmission = (!self.retransmissions.is_empty()).then(|| {
            any.max(wait(
                self.retransmission_tokens,
                self.rate * RETRANSMISSION_SHARE,
            ))
        });
        let earliest = [video, retransmission].into_iter().flatten().min()?;
        Some(updated + earliest)
    }

    fn limited_tokens(&self, rate: f64) -> f64 {
        self.tokens.max(-rate * MAX_DEBT)
    }

    fn effective_rate(&self) -> f64 {
        self.rate.max(self.video_bytes as f64 / MAX_QUEUE_TIME)
    }

    fn refill(&mut self, now: Instant) {
        let updated = *self.updated.get_or_insert(now);
        let elapsed = now.saturating_duration_since(updated).as_secs_f64();
        self.updated = Some(updated.max(now));
        let rate = self.effective_rate();
        let burst = (rate * BURST.as_secs_f64()).max(1.0);
        self.tokens = (self.limited_tokens(rate) + rate * elapsed).min(burst);
        let share = self.rate * RETRANSMISSION_SHARE;
        self.retransmission_tokens = (self.retransmission_tokens + share * elapsed).min(share);
        if elapsed == 0.0 && self.tokens == 0.0 {
            // The very first packet.
            self.tokens = burst;
            self.retransmission_tokens = share;
        }
    }
}
