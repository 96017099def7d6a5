//! The dictionaries of everything below the streams, and beside them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gannet_datachannel::ChannelState;
use gannet_dtls::Version;
use gannet_ice::{
    Candidate, CandidatePairState, CandidateTransport, IceTransportState, Role, ServerAddress,
    TurnTransport,
};
use serde::Serialize;

use super::Objects;
use crate::DtlsTransportState;
use crate::stats::{
    CandidatePair, CertificateStats, CodecStats, DataChannelStats, LocalCandidate, RemoteCandidate,
    StatsId, StatsReport, TransportStats,
};

/// W3C's `RTCPeerConnectionStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeerConnection {
    data_channels_opened: u64,
    data_channels_closed: u64,
}

/// W3C's `RTCTransportStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transport<'a> {
    packets_sent: u64,
    packets_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    ice_role: &'static str,
    ice_local_username_fragment: &'a str,
    ice_state: &'static str,
    selected_candidate_pair_id: Option<StatsId>,
    selected_candidate_pair_changes: u64,
    dtls_state: &'static str,
    dtls_role: &'static str,
    tls_version: Option<&'static str>,
    dtls_cipher: Option<&'static str>,
    srtp_cipher: Option<String>,
    local_certificate_id: StatsId,
    remote_certificate_id: Option<StatsId>,
}

/// W3C's `RTCCodecStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Codec<'a> {
    transport_id: StatsId,
    payload_type: u8,
    mime_type: &'a str,
    clock_rate: u32,
    channels: Option<u8>,
    sdp_fmtp_line: Option<&'a str>,
}

/// W3C's `RTCDataChannelStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataChannel<'a> {
    label: &'a str,
    protocol: &'a str,
    data_channel_identifier: Option<u16>,
    state: &'static str,
    messages_sent: u64,
    bytes_sent: u64,
    messages_received: u64,
    bytes_received: u64,
}

/// W3C's `RTCIceCandidatePairStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    transport_id: StatsId,
    local_candidate_id: StatsId,
    remote_candidate_id: StatsId,
    state: &'static str,
    nominated: bool,
    packets_sent: u64,
    packets_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    last_packet_sent_timestamp: Option<f64>,
    last_packet_received_timestamp: Option<f64>,
    total_round_trip_time: f64,
    current_round_trip_time: Option<f64>,
    available_outgoing_bitrate: Option<u64>,
    requests_received: u64,
    requests_sent: u64,
    responses_received: u64,
    responses_sent: u64,
    consent_requests_sent: u64,
}

/// W3C's `RTCIceCandidateStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IceCandidate<'a> {
    transport_id: StatsId,
    address: String,
    port: u16,
    protocol: &'static str,
    candidate_type: &'static str,
    priority: u32,
    foundation: &'a str,
    related_address: Option<String>,
    related_port: Option<u16>,
    username_fragment: Option<&'a str>,
    tcp_type: Option<&'static str>,
    url: Option<String>,
    relay_protocol: Option<&'static str>,
}

/// W3C's `RTCCertificateStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate<'a> {
    fingerprint: String,
    fingerprint_algorithm: &'a str,
    base64_certificate: String,
}

impl Objects {
    pub(super) fn add_transport(&mut self, report: &StatsReport) -> serde_json::Result<()> {
        let counts = &report.peer_connection;
        let connection = PeerConnection {
            data_channels_opened: counts.data_channels_opened,
            data_channels_closed: counts.data_channels_closed,
        };
        self.add(counts.id, &connection)?;
        self.add(report.transport.id, &Transport::of(&report.transport))?;
        for codec in &report.codecs {
            self.add(codec.id, &Codec::of(codec))?;
        }
        for channel in &report.data_channels {
            self.add(channel.id, &DataChannel::of(channel))?;
        }
        for pair in &report.candidate_pairs {
            let members = self.pair(pair);
            self.add(pair.id, &members)?;
        }
        for local in &report.local_candidates {
            self.add(local.id, &IceCandidate::local(local))?;
        }
        for remote in &report.remote_candidates {
            self.add(remote.id, &IceCandidate::remote(remote))?;
        }
        for certificate in &report.certificates {
            self.add(certificate.id, &Certificate::of(certificate))?;
        }
        Ok(())
    }

    fn pair(&self, stats: &CandidatePair) -> Pair {
        let pair = &stats.pair;
        let counters = &pair.counters;
        let current = counters.current_round_trip_time;
        Pair {
            transport_id: stats.transport_id,
            local_candidate_id: stats.local_candidate_id,
            remote_candidate_id: stats.remote_candidate_id,
            state: pair_state(pair.state),
            nominated: pair.nominated,
            packets_sent: counters.packets_sent,
            packets_received: counters.packets_received,
            bytes_sent: counters.bytes_sent,
            bytes_received: counters.bytes_received,
            last_packet_sent_timestamp: counters.last_packet_sent.map(|last| self.time(last)),
            last_packet_received_timestamp: counters
                .last_packet_received
                .map(|last| self.time(last)),
            total_round_trip_time: counters.total_round_trip_time.as_secs_f64(),
            current_round_trip_time: current.map(|time| time.as_secs_f64()),
            available_outgoing_bitrate: stats.available_outgoing_bitrate,
            requests_received: counters.requests_received,
            requests_sent: counters.requests_sent,
            responses_received: counters.responses_received,
            responses_sent: counters.responses_sent,
            consent_requests_sent: counters.consent_requests_sent,
        }
    }
}

impl<'a> Transport<'a> {
    fn of(stats: &'a TransportStats) -> Self {
        Self {
            packets_sent: stats.packets_sent,
            packets_received: stats.packets_received,
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            ice_role: match stats.ice_role {
                Role::Controlling => "controlling",
                Role::Controlled => "controlled",
            },
            ice_local_username_fragment: &stats.ice_local_parameters.username_fragment,
            ice_state: ice_state(stats.ice_state),
            selected_candidate_pair_id: stats.selected_candidate_pair_id,
            selected_candidate_pair_changes: stats.selected_candidate_pair_changes,
            dtls_state: dtls_state(stats.dtls_state),
            dtls_role: match stats.dtls_role {
                None => "unknown",
                Some(gannet_dtls::Role::Client) => "client",
                Some(gannet_dtls::Role::Server) => "server",
            },
            tls_version: stats.tls_version.map(|version| match version {
                Version::Dtls12 => "FEFD",
                Version::Dtls13 => "FEFC",
            }),
            dtls_cipher: stats.dtls_cipher.map(gannet_dtls::CipherSuite::name),
            srtp_cipher: stats.srtp_cipher.map(|profile| profile.to_string()),
            local_certificate_id: stats.local_certificate_id,
            remote_certificate_id: stats.remote_certificate_id,
        }
    }
}

impl<'a> Codec<'a> {
    fn of(stats: &'a CodecStats) -> Self {
        Self {
            transport_id: stats.transport_id,
            payload_type: stats.payload_type,
            mime_type: &stats.mime_type,
            clock_rate: stats.clock_rate,
            channels: stats.channels,
            sdp_fmtp_line: stats.sdp_fmtp_line.as_deref(),
        }
    }
}

impl<'a> DataChannel<'a> {
    fn of(stats: &'a DataChannelStats) -> Self {
        Self {
            label: &stats.label,
            protocol: &stats.protocol,
            data_channel_identifier: stats.data_channel_identifier,
            state: match stats.state {
                ChannelState::Connecting => "connecting",
                ChannelState::Open => "open",
                ChannelState::Closing => "closing",
                ChannelState::Closed => "closed",
            },
            messages_sent: stats.counters.messages_sent,
            bytes_sent: stats.counters.bytes_sent,
            messages_received: stats.counters.messages_received,
            bytes_received: stats.counters.bytes_received,
        }
    }
}

impl<'a> IceCandidate<'a> {
    fn local(stats: &'a LocalCandidate) -> Self {
        let local = &stats.candidate;
        let protocol = local.relay_protocol;
        let server = local.server.as_ref();
        Self {
            url: server
                .zip(protocol)
                .map(|(server, protocol)| turn_url(server, protocol)),
            relay_protocol: protocol.map(|protocol| match protocol {
                TurnTransport::Udp => "udp",
                TurnTransport::Tcp => "tcp",
                TurnTransport::Tls => "tls",
            }),
            ..Self::of(stats.transport_id, &local.candidate)
        }
    }

    fn remote(stats: &'a RemoteCandidate) -> Self {
        Self::of(stats.transport_id, &stats.candidate)
    }

    fn of(transport_id: StatsId, candidate: &'a Candidate) -> Self {
        let (protocol, tcp_type) = match candidate.transport {
            CandidateTransport::Udp => ("udp", None),
            CandidateTransport::Tcp(tcp_type) => ("tcp", Some(tcp_type.name())),
        };
        let related = candidate.related_address;
        Self {
            transport_id,
            address: candidate.address.to_string(),
            port: candidate.port,
            protocol,
            candidate_type: candidate.candidate_type.name(),
            priority: candidate.priority,
            foundation: &candidate.foundation,
            related_address: related.map(|related| related.ip().to_string()),
            related_port: related.map(|related| related.port()),
            username_fragment: candidate.username_fragment.as_deref(),
            tcp_type,
            url: None,
            relay_protocol: None,
        }
    }
}

impl<'a> Certificate<'a> {
    fn of(stats: &'a CertificateStats) -> Self {
        let bytes = stats.fingerprint.value.iter();
        let bytes: Vec<String> = bytes.map(|byte| format!("{byte:02X}")).collect();
        Self {
            fingerprint: bytes.join(":"),
            fingerprint_algorithm: &stats.fingerprint.algorithm,
            base64_certificate: STANDARD.encode(&stats.der),
        }
    }
}

/// The URL of a TURN server (RFC 7065, section 3.1).
fn turn_url(server: &ServerAddress, protocol: TurnTransport) -> String {
    match protocol {
        TurnTransport::Udp => format!("turn:{server}?transport=udp"),
        TurnTransport::Tcp => format!("turn:{server}?transport=tcp"),
        TurnTransport::Tls => format!("turns:{server}?transport=tcp"),
    }
}

const fn pair_state(state: CandidatePairState) -> &'static str {
    match state {
        CandidatePairState::Frozen => "frozen",
        CandidatePairState::Waiting => "waiting",
        CandidatePairState::InProgress => "in-progress",
        CandidatePairState::Failed => "failed",
        CandidatePairState::Succeeded => "succeeded",
    }
}

const fn ice_state(state: IceTransportState) -> &'static str {
    match state {
        IceTransportState::New => "new",
        IceTransportState::Checking => "checking",
        IceTransportState::Connected => "connected",
        IceTransportState::Completed => "completed",
        IceTransportState::Disconnected => "disconnected",
        IceTransportState::Failed => "failed",
        IceTransportState::Closed => "closed",
    }
}

const fn dtls_state(state: DtlsTransportState) -> &'static str {
    match state {
        DtlsTransportState::New => "new",
        DtlsTransportState::Connecting => "connecting",
        DtlsTransportState::Connected => "connected",
        DtlsTransportState::Closed => "closed",
        DtlsTransportState::Failed => "failed",
    }
}
