//! The dictionaries of a report, but for those of media.

use gannet_datachannel::{ChannelId, ChannelState, ChannelStats};
use gannet_dtls::{CipherSuite, Fingerprint, Version};
use gannet_ice::{
    Candidate, CandidatePairStats, CandidateStats, IceParameters, IceTransportState, Role,
};
use gannet_rtp_session::{InboundRtpStats, OutboundRtpStats};
use gannet_srtp::Profile;

use super::StatsId;
use super::media::{DecoderStats, EncoderStats};
use crate::DtlsTransportState;

/// `peer-connection`: W3C's `RTCPeerConnectionStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerConnectionStats {
    /// Its name.
    pub id: StatsId,
    /// Channels that have become open.
    pub data_channels_opened: u64,
    /// Those of them that are not open any more.
    pub data_channels_closed: u64,
}

/// `transport`: W3C's `RTCTransportStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct TransportStats {
    pub id: StatsId,
    /// Datagrams of DTLS, SRTP and SRTCP.
    pub packets_sent: u64,
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub ice_role: Role,
    pub ice_local_parameters: IceParameters,
    pub ice_state: IceTransportState,
    pub selected_candidate_pair_id: Option<StatsId>,
    pub selected_candidate_pair_changes: u64,
    pub dtls_state: DtlsTransportState,
    pub dtls_role: Option<gannet_dtls::Role>,
    /// W3C writes it as the four hexadecimal digits on the wire.
    pub tls_version: Option<Version>,
    pub dtls_cipher: Option<CipherSuite>,
    pub srtp_cipher: Option<Profile>,
    pub local_certificate_id: StatsId,
    pub remote_certificate_id: Option<StatsId>,
}

/// `codec`: W3C's `RTCCodecStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct CodecStats {
    pub id: StatsId,
    pub transport_id: StatsId,
    pub payload_type: u8,
    pub mime_type: String,
    /// In Hz.
    pub clock_rate: u32,
    /// Of audio. A session does not keep them.
    pub channels: Option<u8>,
    /// What stands behind the payload type in its `a=fmtp`. A session does not keep it.
    pub sdp_fmtp_line: Option<String>,
}

/// `inbound-rtp`: W3C's `RTCInboundRtpStreamStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct InboundRtp {
    pub id: StatsId,
    pub transport_id: StatsId,
    pub codec_id: Option<StatsId>,
    pub mid: Option<String>,
    /// A session knows no tracks.
    pub track_identifier: Option<String>,
    /// And `remote-outbound-rtp`. `frames_dropped` are those that the session dropped, and those that
    /// whoever completes the report adds.
    pub counters: InboundRtpStats,
    /// What a decoder counted. A session has none.
    pub decoder: Option<DecoderStats>,
}

/// `outbound-rtp`: W3C's `RTCOutboundRtpStreamStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct OutboundRtp {
    pub id: StatsId,
    pub transport_id: StatsId,
    pub codec_id: Option<StatsId>,
    pub mid: Option<String>,
    pub rid: Option<String>,
    /// A session knows no tracks.
    pub media_source_id: Option<StatsId>,
    /// Whether it is to be sent. A session knows only what was.
    pub active: Option<bool>,
    /// And `remote-inbound-rtp`. `target_bitrate` is the share that the session gives to a stream of video, or what
    /// the encoder aims at if whoever completes the report knows better; 0 if neither is known.
    pub counters: OutboundRtpStats,
    /// What an encoder of video counted. A session has none.
    pub encoder: Option<EncoderStats>,
}

/// `data-channel`: W3C's `RTCDataChannelStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct DataChannelStats {
    pub id: StatsId,
    pub channel: ChannelId,
    pub label: String,
    pub protocol: String,
    pub data_channel_identifier: Option<u16>,
    pub state: ChannelState,
    pub counters: ChannelStats,
}

/// `candidate-pair`: W3C's `RTCIceCandidatePairStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct CandidatePair {
    pub id: StatsId,
    pub transport_id: StatsId,
    pub local_candidate_id: StatsId,
    pub remote_candidate_id: StatsId,
    /// In bits per second; only of the selected pair, and only if something is sent.
    pub available_outgoing_bitrate: Option<u64>,
    /// The rest of its members.
    pub pair: CandidatePairStats,
}

/// `local-candidate`: W3C's `RTCIceCandidateStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct LocalCandidate {
    pub id: StatsId,
    pub transport_id: StatsId,
    /// The rest of its members.
    pub candidate: CandidateStats,
}

/// `remote-candidate`: W3C's `RTCIceCandidateStats`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
#[non_exhaustive]
pub struct RemoteCandidate {
    pub id: StatsId,
    pub transport_id: StatsId,
    /// The rest of its members.
    pub candidate: Candidate,
}

/// `certificate`: W3C's `RTCCertificateStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateStats {
    /// Its name.
    pub id: StatsId,
    /// `fingerprint` and `fingerprintAlgorithm`: by SHA-256.
    pub fingerprint: Fingerprint,
    /// In DER: `base64Certificate` before it is written in base64.
    pub der: Vec<u8>,
}
