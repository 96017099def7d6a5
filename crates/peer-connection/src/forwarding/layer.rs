//! What comes from the source of one layer: its packets in their places, where a viewer can begin, how much it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_ortc::parameters::{MediaKind, RtpCodecParameters};
use gannet_ortc::rtp::{Depacketizer, PayloadFormat, PayloadInfo, ReceivedPacket, RunningNumbers};
use gannet_wire::Serial16;

use super::packet::{Packet, Run};

/// So many packets are kept, in case that the first one of a key frame comes behind them: a large key frame, and what
/// comes during the round trip that its first packet takes if it is sent again.
const KEPT: usize = 256;
/// A step by more than this many numbers forward, or by that many back, is a source that began anew (as RFC 3550, A.1 has it).
const MAX_FORWARD: i16 = 3000;
const MAX_BACK: i16 = 1024;
/// A layer is paused when nothing has come of it for so long. A still picture is sent once a second.
const PAUSE: Duration = Duration::from_millis(1500);
/// Over which time its bit rate is measured.
const WINDOW: Duration = Duration::from_millis(500);
/// One key frame is asked for in such a time, however many viewers need it: it takes a round trip and some time to
/// encode.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(300);
/// A source that sends nothing is asked again after this pause, then after twice as much, so often: up to 4.8 s.
const DOUBLINGS: u32 = 4;

/// A layer of a received stream: one of a simulcast, or the only one.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) rid: Option<String>,
    index: u8,
    ssrc: u32,
    epoch: u32,
    /// The highest sequence number, unwrapped.
    highest: Option<u64>,
    /// The newest packets, in the order in which they came.
    kept: VecDeque<Packet>,
    /// The timestamp of the newest packet that viewers can begin with.
    started: Option<u32>,
    pub(crate) size: Option<(u16, u16)>,
    meter: Meter,
    /// Somebody can not go on without a key frame.
    wanted: bool,
    asked: Option<Instant>,
    /// How often one was asked for since somebody said that he needs it.
    tries: u32,
}

impl Layer {
    /// The layer with this index; its runs are counted from `epoch` on.
    pub(crate) const fn new(index: u8, rid: Option<String>, epoch: u32) -> Self {
        Self {
            rid,
            index,
            ssrc: 0,
            epoch,
            highest: None,
            kept: VecDeque::new(),
            started: None,
            size: None,
            meter: Meter::new(),
            wanted: false,
            asked: None,
            tries: 0,
        }
    }

    /// Takes a packet that has come, and hands it to `queue`; if it should have come before others and a viewer
    /// waits for it, those too, once more.
    pub(crate) fn take(
        &mut self,
        kind: MediaKind,
        received: ReceivedPacket,
        codec: Arc<RtpCodecParameters>,
        mut queue: impl FnMut(Packet),
    ) {
        self.meter.count(received.arrival, received.payload.len());
        let sequence = self.place(received.ssrc, received.sequence_number);
        let packet = self.packet(kind, received, sequence, codec);
        let is_late = self.highest.is_some_and(|highest| highest > sequence);
        self.highest = self.highest.max(Some(sequence));
        let begins = packet.starts && kind == MediaKind::Video;
        let again = begins && is_late && self.wanted;
        queue(packet.clone());
        if begins {
            self.wanted = false;
        }
        if again {
            let behind = self.kept.iter().filter(|kept| kept.sequence > sequence);
            behind.for_each(|kept| {
                queue(Packet {
                    again_behind: Some(sequence),
                    ..kept.clone()
                });
            });
        }
        if kind == MediaKind::Video {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(packet);
        }
    }

    /// The unwrapped number of a packet; a new run if its source is a new one.
    fn place(&mut self, ssrc: u32, sequence: Serial16) -> u64 {
        if let Some(highest) = self.highest {
            let step = Serial16(highest as u16).distance_to(sequence);
            let is_near = (-MAX_BACK..=MAX_FORWARD).contains(&step);
            if ssrc == self.ssrc && is_near {
                return highest.saturating_add_signed(i64::from(step));
            }
            self.epoch = self.epoch.wrapping_add(1);
            self.highest = None;
            self.kept.clear();
            self.started = None;
        }
        self.ssrc = ssrc;
        // One turn ahead: what comes late has a place before it.
        (1 << 16) + u64::from(sequence.0)
    }

    fn packet(
        &mut self,
        kind: MediaKind,
        received: ReceivedPacket,
        sequence: u64,
        codec: Arc<RtpCodecParameters>,
    ) -> Packet {
        let format = PayloadFormat::from_encoding_name(&codec.name);
        let format = format.unwrap_or(PayloadFormat::Opaque);
        let timestamp = received.timestamp.0;
        let starts = match kind {
            MediaKind::Audio => true,
            // A malformed payload begins nothing.
            MediaKind::Video => format
                .inspect(&received.payload)
                .is_ok_and(|info| self.starts(&info, timestamp)),
        };
        Packet {
            run: Run {
                layer: self.index,
                epoch: self.epoch,
            },
            sequence,
            timestamp,
            marker: received.marker,
            numbers: RunningNumbers::read(format, &received.payload),
            payload: received.payload,
            starts,
            again_behind: None,
            arrival: received.arrival,
            captured: received.captured,
            codec,
            audio_level: received.audio_level,
            orientation: received.orientation,
        }
    }

    /// Whether a decoder can begin with a payload: the beginning of a key frame, or the parameter sets before one.
    fn starts(&mut self, info: &PayloadInfo, timestamp: u32) -> bool {
        self.size = info.resolution.or(self.size);
        let begins = info.parameter_sets || info.keyframe && info.starts_frame == Some(true);
        // Parameter sets may come in several packets.
        begins && self.started.replace(timestamp) != Some(timestamp)
    }

    /// A viewer needs a key frame.
    pub(crate) const fn want(&mut self) {
        self.wanted = true;
        self.tries = 0;
    }

    /// Whether one is to be asked for now; it counts as asked for.
    pub(crate) fn take_request(&mut self, now: Instant) -> bool {
        let recently = self
            .asked
            .is_some_and(|asked| asked + KEY_FRAME_PAUSE > now);
        let due = self.wanted && !recently;
        if due {
            self.asked = Some(now);
            self.tries = self.tries.saturating_add(1);
        }
        due
    }

    /// When to ask for one although nothing comes meanwhile.
    pub(crate) fn next_request(&self) -> Option<Instant> {
        let asked = self.asked.filter(|_| self.wanted)?;
        let doublings = self.tries.saturating_sub(1).min(DOUBLINGS);
        Some(asked + KEY_FRAME_PAUSE * (1 << doublings))
    }

    pub(crate) fn rate(&self, now: Instant) -> Rate {
        self.meter.rate(now)
    }
}

/// How much comes of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    /// In bits per second; 0 until it has been measured.
    pub(crate) bitrate: u64,
    /// Whether anything has come of late.
    pub(crate) active: bool,
}

#[derive(Debug)]
pub(crate) struct Meter {
    since: Option<Instant>,
    last: Option<Instant>,
    bytes: u64,
    bitrate: u64,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self {
            since: None,
            last: None,
            bytes: 0,
            bitrate: 0,
        }
    }

    pub(crate) fn count(&mut self, now: Instant, bytes: usize) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= WINDOW {
            let measured = (self.bytes as f64 * 8.0 / passed.as_secs_f64()) as u64;
            // What comes after a pause says nothing about what came before it.
            let stale = passed >= 2 * PAUSE || self.bitrate == 0;
            self.bitrate = if stale {
                measured
            } else {
                (self.bitrate + measured) / 2
            };
            (self.since, self.bytes) = (Some(now), 0);
        }
        self.bytes += bytes as u64;
        self.last = self.last.max(Some(now));
    }

    pub(crate) fn rate(&self, now: Instant) -> Rate {
        let active = self.last.is_some_and(|last| last + PAUSE > now);
        Rate {
            bitrate: if active { self.bitrate } else { 0 },
            active,
        }
    }
}
