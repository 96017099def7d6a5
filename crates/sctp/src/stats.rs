//! Counters and gauges.

use std::time::Duration;

/// What an association has done so far, and how it stands. Counters never fall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets that were for us and intact.
    pub packets_received: u64,
    /// Packets dropped: malformed, wrong checksum, wrong ports, wrong verification tag.
    pub packets_dropped: u64,
    /// Bytes of packets sent.
    pub bytes_sent: u64,
    /// Bytes of packets received.
    pub bytes_received: u64,
    /// Messages taken by `send`.
    pub messages_sent: u64,
    /// Messages handed to the user.
    pub messages_received: u64,
    /// Messages given up by their partial-reliability policy.
    pub messages_abandoned: u64,
    /// Data chunks sent, retransmissions included.
    pub chunks_sent: u64,
    /// Data chunks sent again.
    pub chunks_retransmitted: u64,
    /// Data chunks received that were new.
    pub chunks_received: u64,
    /// Data chunks received that had been received before.
    pub chunks_duplicate: u64,
    /// Data chunks dropped because there was no room for them.
    pub chunks_dropped: u64,
    /// How many times recovery began because chunks were lost.
    pub fast_recoveries: u64,
    /// How many times the retransmission timer (T3-rtx) ran out.
    pub timeouts: u64,
    /// How many tail-loss probes were sent.
    pub tail_loss_probes: u64,
    /// How many packets were sent to find out the path's MTU.
    pub mtu_probes: u64,
    /// How many times a reaction to loss was undone because nothing was lost.
    pub spurious_recoveries: u64,
    /// The congestion window in bytes.
    pub congestion_window: usize,
    /// Bytes sent and neither acknowledged nor lost.
    pub bytes_in_flight: usize,
    /// The window that the peer announced, less what is in flight, in bytes.
    pub peer_window: usize,
    /// The window that we would announce now, in bytes.
    pub local_window: usize,
    /// The smoothed round-trip time; `None` before the first measurement.
    pub srtt: Option<Duration>,
    /// The least round-trip time of the last 10 to 20 seconds in which there were any.
    pub min_rtt: Option<Duration>,
    /// The retransmission timeout.
    pub rto: Duration,
    /// The packet size in use, in bytes.
    pub packet_size: usize,
    /// Whether I-DATA is in use.
    pub interleaving: bool,
    /// Whether packets are sent without checksum.
    pub zero_checksum: bool,
}
