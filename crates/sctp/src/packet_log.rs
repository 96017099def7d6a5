//! An association's packets as a capture file, for Wireshark.

use std::time::{Duration, Instant};

/// The packets that an association has sent and received, as a capture file in memory: what
/// [`Association::start_packet_log`](crate::Association::start_packet_log) fills.
///
/// The format is pcap with nanoseconds; its link type is 248 (SCTP without anything below it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketLog {
    bytes: Vec<u8>,
    start: Instant,
    since_epoch: Duration,
    limit: usize,
    left_out: u64,
}

/// Nanosecond resolution, in the byte order of the file (little-endian here).
const MAGIC: u32 = 0xa1b2_3c4d;
/// LINKTYPE_SCTP.
const LINK_TYPE: u32 = 248;
/// The longest packet that is logged whole, in bytes.
const SNAP_LEN: usize = 65_536;

impl PacketLog {
    /// A log without packets, of at most `limit` bytes. `now` is `since_epoch` after 1970-01-01 00:00 UTC:
    /// packets are stamped with that plus what has passed since.
    #[must_use]
    pub fn new(now: Instant, since_epoch: Duration, limit: usize) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_le_bytes());
        // Version 2.4, no time zone, no accuracy.
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend((SNAP_LEN as u32).to_le_bytes());
        bytes.extend(LINK_TYPE.to_le_bytes());
        Self {
            bytes,
            start: now,
            since_epoch,
            limit,
            left_out: 0,
        }
    }

    /// The capture file so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The capture file.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many packets were left out because the log was full.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Appends a packet.
    pub(crate) fn packet(&mut self, now: Instant, packet: &[u8]) {
        let kept = packet.get(..SNAP_LEN).unwrap_or(packet);
        if self.bytes.len() + 16 + kept.len() > self.limit {
            self.left_out += 1;
            return;
        }
        let at = self.since_epoch + now.saturating_duration_since(self.start);
        let numbers = [
            u32::try_from(at.as_secs()).unwrap_or(u32::MAX),
            at.subsec_nanos(),
            kept.len() as u32,
            u32::try_from(packet.len()).unwrap_or(u32::MAX),
        ];
        self.bytes
            .extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.bytes.extend_from_slice(kept);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_time_and_lengths() {
        let now = Instant::now();
        let mut log = PacketLog::new(now, Duration::from_secs(1_700_000_000), 1000);
        log.packet(now + Duration::from_nanos(1_500_000_007), b"packet");
        let header = [
            0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 248, 0, 0, 0,
        ];
        assert_eq!(log.bytes()[..24], header);
        let mut record = Vec::new();
        for number in [1_700_000_001_u32, 500_000_007, 6, 6] {
            record.extend(number.to_le_bytes());
        }
        record.extend(b"packet");
        assert_eq!(log.bytes()[24..], record);
    }

    #[test]
    fn a_full_log_counts_what_it_leaves_out() {
        let now = Instant::now();
        let mut log = PacketLog::new(now, Duration::ZERO, 100);
        for _ in 0..5 {
            log.packet(now, &[0; 20]);
        }
        assert_eq!(log.left_out(), 3);
        assert_eq!(log.into_bytes().len(), 24 + 2 * 36);
    }
}
