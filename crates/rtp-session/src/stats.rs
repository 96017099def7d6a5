//! Statistics, under the names of the W3C's WebRTC statistics (webrtc-stats), where they exist there.

use std::time::{Duration, Instant};

use gannet_rtp::NtpTime;

use crate::parameters::{MediaKind, ReceiverId, SenderId};

/// All statistics of a session.
#[derive(Clone, Debug, Default)]
pub struct SessionStats {
    /// `outbound-rtp`, one for each sender.
    pub outbound: Vec<OutboundRtpStats>,
    /// `inbound-rtp`, one for each receiver.
    pub inbound: Vec<InboundRtpStats>,
    /// What belongs to the transport.
    pub transport: TransportStats,
}

/// What belongs to no single stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportStats {
    /// `availableOutgoingBitrate`: the bandwidth estimate, in bits per second.
    pub available_outgoing_bitrate: u64,
    /// The smoothed round-trip time, once it was measured.
    pub round_trip_time: Option<Duration>,
    /// Received RTP datagrams that are no RTP packets.
    pub malformed_rtp: u64,
    /// Received RTCP packets that cannot be read.
    pub malformed_rtcp: u64,
    /// Received RTP packets that belong to no receiver.
    pub unroutable: u64,
    /// Packets that wait in the pacer.
    pub pacer_queue: usize,
    /// Events that were dropped because nobody took them ([`MAX_EVENTS`](crate::MAX_EVENTS)).
    pub events_dropped: u64,
}

/// `outbound-rtp`
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct OutboundRtpStats {
    pub sender: SenderId,
    pub kind: MediaKind,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub packets_sent: u64,
    /// Payload bytes, without headers and padding.
    pub bytes_sent: u64,
    pub header_bytes_sent: u64,
    /// Not in `packets_sent`, where W3C's member has them.
    pub retransmitted_packets_sent: u64,
    /// Not in `bytes_sent`, where W3C's member has them.
    pub retransmitted_bytes_sent: u64,
    /// Not in `header_bytes_sent`, where W3C's member has them. It has no name there.
    pub retransmitted_header_bytes_sent: u64,
    pub frames_sent: u64,
    pub key_frames_sent: u64,
    /// Packets to be forwarded for which there was no room. W3C has no name for it any more.
    pub packets_discarded_on_send: u64,
    pub nack_count: u64,
    pub pli_count: u64,
    pub fir_count: u64,
    pub target_bitrate: u64,
    pub total_packet_send_delay: Duration,
    /// `remote-inbound-rtp`, once the other end reported.
    pub remote: Option<RemoteInboundRtpStats>,
}

/// `remote-inbound-rtp`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct RemoteInboundRtpStats {
    /// When the last report came.
    pub timestamp: Option<Instant>,
    pub packets_lost: i64,
    /// 0.0 to 1.0.
    pub fraction_lost: f64,
    /// In seconds.
    pub jitter: f64,
    pub round_trip_time: Option<Duration>,
    pub total_round_trip_time: Duration,
    pub round_trip_time_measurements: u64,
}

/// `inbound-rtp`
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct InboundRtpStats {
    pub receiver: ReceiverId,
    pub kind: MediaKind,
    /// The current source, once there is one.
    pub ssrc: Option<u32>,
    /// That of retransmissions, if it was signalled.
    pub rtx_ssrc: Option<u32>,
    /// The payload type of its last media packet.
    pub payload_type: Option<u8>,
    pub packets_received: u64,
    /// Payload bytes, without headers and padding.
    pub bytes_received: u64,
    pub header_bytes_received: u64,
    pub packets_lost: i64,
    /// In seconds.
    pub jitter: f64,
    /// Packets that came too late, or twice.
    pub packets_discarded: u64,
    /// By RTX; not in `packets_received`, where W3C's member has them.
    pub retransmitted_packets_received: u64,
    /// By RTX; not in `bytes_received`, where W3C's member has them.
    pub retransmitted_bytes_received: u64,
    /// By RTX; not in `header_bytes_received`, where W3C's member has them. It has no name there.
    pub retransmitted_header_bytes_received: u64,
    /// Frames that were handed out.
    pub frames_received: u64,
    pub key_frames_received: u64,
    /// Frames that arrived but could not be handed out, because what they refer to is missing.
    pub frames_dropped: u64,
    /// Of video. That of audio is measured in samples, which only a decoder can count.
    pub jitter_buffer: Option<JitterBufferStats>,
    pub nack_count: u64,
    pub pli_count: u64,
    pub fir_count: u64,
    pub last_packet_received_timestamp: Option<Instant>,
    /// `remote-outbound-rtp`, once the other end reported.
    pub remote: Option<RemoteOutboundRtpStats>,
}

/// The members of `inbound-rtp` that a jitter buffer knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterBufferStats {
    /// `jitterBufferDelay`: the sum of what each frame took, from its first packet until it was handed out.
    pub jitter_buffer_delay: Duration,
    /// `jitterBufferEmittedCount`: how many frames were handed out.
    pub jitter_buffer_emitted_count: u64,
}

/// `remote-outbound-rtp`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct RemoteOutboundRtpStats {
    /// When the last report came.
    pub timestamp: Option<Instant>,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub remote_timestamp: NtpTime,
    pub reports_sent: u64,
}
