//! Asking for key frames (RFC 4585, section 6.3.1; RFC 5104, section 4.3.1).

use std::time::{Duration, Instant};

use super::nack::retry_after;
use super::{Buffer, Receiver};
use crate::session::DEFAULT_ROUND_TRIP;

/// How long an encoder may take for a key frame, and a pacer for its packets.
const ENCODING: Duration = Duration::from_millis(200);

/// A source that sends nothing for so long has stopped, and is not asked again and again.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// A key frame is asked for when a packet was asked for so often in vain, and before that none ends the wait
/// for it. It makes all in vain that was received behind the hole, and has many packets that can be lost.
///
/// Of a thousand calls of 90 frames over a path of 85 ms that loses 10 % both ways (`gannet-ortc`'s
/// `a_thousand_sessions_through_loss`), 1.0 % of the frames were lost with 285 ms (two to three tries), 0.2 %
/// with three tries, 0.1 % with four, 0.02 % with five and with six. With a key frame each second anyway, 3.0 %
/// were lost when any of them ended the wait, 2.2 % when only one did that came after one try, 1.0 % two, 0.3 %
/// three, 0.1 % five; half of the longest gaps between frames were shorter than 428, 428, 381, 381 and 415 ms.
const PATIENT_TRIES: u32 = 5;

/// When a key frame was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyFrameRequests {
    /// The user asked.
    asked: bool,
    last: Option<Instant>,
    fir_sequence: u8,
}

impl KeyFrameRequests {
    /// A key frame came.
    pub(super) const fn fulfilled(&mut self) {
        self.asked = false;
    }
}

/// How a key frame is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFrameRequest {
    Pli,
    Fir(u8),
}

impl Receiver {
    /// The request for a key frame that is due now; it counts as sent.
    pub(crate) fn take_key_frame_request(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
    ) -> Option<KeyFrameRequest> {
        if self.next_key_frame_request(round_trip)? > now {
            return None;
        }
        self.requests.last = Some(now);
        self.requests.asked = false;
        if self.parameters.feedback.pli {
            self.counters.plis += 1;
            return Some(KeyFrameRequest::Pli);
        }
        self.counters.firs += 1;
        self.requests.fir_sequence = self.requests.fir_sequence.wrapping_add(1);
        Some(KeyFrameRequest::Fir(self.requests.fir_sequence))
    }

    /// When to ask for a key frame, if one is needed.
    pub(super) fn next_key_frame_request(&self, round_trip: Option<Duration>) -> Option<Instant> {
        let feedback = self.parameters.feedback;
        let last_packet = self.counters.last_packet?;
        if !feedback.pli && !feedback.fir {
            return None;
        }
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let needed_at = match &self.buffer {
            _ if self.requests.asked => last_packet,
            // The beginning of one is there: its rest may be on its way.
            Buffer::Video(buffer) if buffer.needs_key_frame() && !buffer.has_key_frame() => {
                last_packet
            }
            // Retransmissions do not come: get one before the wait is over.
            Buffer::Video(buffer) => buffer.hole_since()? + self.patience(round_trip),
            _ => return None,
        };
        // A key frame takes a round trip, an encoder and several packets to come.
        let again = round_trip + ENCODING;
        let at = self
            .requests
            .last
            .map_or(needed_at, |last| needed_at.max(last + again));
        // What comes next from a source that is silent shows again that a key frame is needed.
        (self.requests.asked || at < last_packet + MAX_SILENCE).then_some(at)
    }

    /// How long a hole is left to retransmissions alone: for [`PATIENT_TRIES`] of them, unless a key frame
    /// would then come after the hole is given up.
    fn patience(&self, round_trip: Duration) -> Duration {
        let key_frame = round_trip + ENCODING;
        (retry_after(round_trip) * PATIENT_TRIES)
            .min(self.max_wait().saturating_sub(key_frame))
            .max(key_frame)
    }

    /// How long a hole is left to retransmissions although a key frame stands behind it: as long as none
    /// would be asked for.
    pub(super) fn key_frame_patience(&self, round_trip: Option<Duration>) -> Duration {
        match &self.buffer {
            Buffer::Video(buffer) if buffer.has_key_frame() && self.parameters.feedback.nack => {
                self.patience(round_trip.unwrap_or(DEFAULT_ROUND_TRIP))
            }
            // Without NACK, a hole that closes by itself does so at once.
            _ => Duration::ZERO,
        }
    }

    pub(crate) const fn request_key_frame(&mut self) {
        self.requests.asked = true;
    }
}
