//! What fills a probe when no media waits: copies of packets that were sent not long ago, over RTX, where they
//! may even help; where none fits, packets of nothing but padding (RFC 3550, section 5.1).
//!
//! Both have the SSRC and the payload type of retransmissions. Padding on the media's own SSRC would take
//! sequence numbers from it: each that is lost is a hole that the other end waits for, asks for in vain, and
//! counts as lost media. A stream without RTX is therefore never padded.

use std::time::{Duration, Instant};

use gannet_rtp::{RtpHeader, RtpWriter};

use super::{Departure, Sender};
use crate::parameters::MediaKind;

/// Who has sent nothing for so long is idle: nobody waits for more bandwidth, and nothing is sent. The
/// slowest pictures of a call come more often.
const IDLE: Duration = Duration::from_millis(500);

/// A packet of padding has at least so many bytes of it, and at most what one byte can count.
const LEAST: usize = 20;
const MOST: usize = 255;

impl Sender {
    /// Whether its padding may fill a probe now. Who sends no NACK expects no retransmission.
    pub(crate) fn can_pad(&self, now: Instant) -> bool {
        self.parameters.kind == MediaKind::Video
            && self.rtx().is_some()
            && self.parameters.feedback.nack
            && self.uses_transport_sequence()
            && self.last_media.is_some_and(|last| last + IDLE > now)
    }

    /// Writes a packet of about `len` bytes that nobody needs. Whether there is a place for it. The counters
    /// of the stream are those of its media: it is in none of them.
    pub(crate) fn write_padding(
        &mut self,
        len: usize,
        departure: Departure,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let Some(rtx) = self.rtx() else {
            return false;
        };
        let overhead = self
            .parameters
            .max_packet_size
            .saturating_sub(self.max_payload);
        let len = len.saturating_sub(overhead).min(self.max_payload);
        let copy = self.history.take_padding(len);
        if let Some(packet) = copy.and_then(|sequence| self.history.get(sequence)) {
            self.write_rtx(packet, rtx, departure, buffer);
        } else {
            self.write_empty(len, rtx, departure, buffer);
        }
        self.rtx_sequence = self.rtx_sequence.next();
        true
    }

    fn write_empty(
        &self,
        len: usize,
        (ssrc, payload_type): (u32, u8),
        departure: Departure,
        buffer: &mut Vec<u8>,
    ) {
        let newest = self.newest.map(|(_, timestamp)| timestamp);
        let header = RtpHeader {
            marker: false,
            payload_type,
            sequence_number: self.rtx_sequence,
            timestamp: newest.unwrap_or_default(),
            ssrc,
        };
        let mut writer = RtpWriter::new(buffer, &header);
        self.write_transport_extensions(&mut writer, departure, true);
        let len = len.clamp(LEAST, MOST).min(self.max_payload);
        writer.padded_payload(&[], len as u8);
    }
}
