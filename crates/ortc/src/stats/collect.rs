//! How a session makes its report.

use std::time::Instant;

use gannet_crypto::HashAlgorithm;
use gannet_datachannel::ChannelId;
use gannet_dtls::Fingerprint;
use gannet_ice::CandidatePairStats;
use gannet_rtp_session::{InboundRtpStats, OutboundRtpStats};

use super::{
    CandidatePair, CertificateStats, CodecStats, DataChannelStats, InboundRtp, LocalCandidate,
    OutboundRtp, PeerConnectionStats, RemoteCandidate, StatsId, StatsReport, StatsType,
    TransportStats,
};
use crate::Session;
use crate::parameters::MediaKind;

impl Session {
    /// The statistics of all layers, as of `now`. It allocates, and costs a hash for each object; nothing
    /// is counted for it that would not be counted without it.
    #[must_use]
    pub fn stats(&self, now: Instant) -> StatsReport {
        let rtp = self.rtp().stats(now);
        let mut codecs = Vec::new();
        let inbound = rtp
            .inbound
            .into_iter()
            .filter_map(|counters| self.inbound(counters, &mut codecs));
        let inbound_rtp = inbound.collect();
        let outbound = rtp
            .outbound
            .into_iter()
            .filter_map(|counters| self.outbound(counters, &mut codecs));
        let outbound_rtp: Vec<_> = outbound.collect();
        let bitrate = rtp.transport.available_outgoing_bitrate;
        let bitrate = (!outbound_rtp.is_empty()).then_some(bitrate);
        let certificates = self.certificates();
        let candidate_pairs = self.candidate_pairs(bitrate);
        StatsReport {
            timestamp: now,
            wall_clock: self.clock.system_time(now),
            peer_connection: self.peer_connection(),
            transport: self.transport(&candidate_pairs, &certificates),
            codecs,
            media_sources: Vec::new(),
            inbound_rtp,
            outbound_rtp,
            data_channels: self.data_channels(),
            candidate_pairs,
            local_candidates: self.local_candidates(),
            remote_candidates: self.remote_candidates(),
            certificates,
        }
    }

    fn peer_connection(&self) -> PeerConnectionStats {
        let counts = self.channels().stats();
        PeerConnectionStats {
            id: StatsId::new(StatsType::PeerConnection, ()),
            data_channels_opened: counts.data_channels_opened,
            data_channels_closed: counts.data_channels_closed,
        }
    }

    fn transport(
        &self,
        pairs: &[CandidatePair],
        certificates: &[CertificateStats],
    ) -> TransportStats {
        let counters = self.counters();
        let connection = self.dtls_connection();
        let selected = pairs.iter().find(|pair| pair.pair.selected);
        TransportStats {
            id: transport_id(),
            packets_sent: counters.data_packets_sent,
            packets_received: counters.data_packets_received,
            bytes_sent: counters.data_bytes_sent,
            bytes_received: counters.data_bytes_received,
            ice_role: self.ice().role(),
            ice_local_parameters: self.ice().local_parameters().clone(),
            ice_state: self.ice().state(),
            selected_candidate_pair_id: selected.map(|pair| pair.id),
            selected_candidate_pair_changes: self.ice().stats().selected_candidate_pair_changes,
            dtls_state: self.dtls_state(),
            dtls_role: connection.map(gannet_dtls::Connection::role),
            tls_version: connection.and_then(gannet_dtls::Connection::version),
            dtls_cipher: connection.and_then(gannet_dtls::Connection::cipher_suite),
            srtp_cipher: self.srtp.as_ref().map(|srtp| srtp.sender.profile()),
            local_certificate_id: certificate_id(self.certificate().der()),
            remote_certificate_id: certificates.get(1).map(|remote| remote.id),
        }
    }

    /// Ours first.
    fn certificates(&self) -> Vec<CertificateStats> {
        let remote = self
            .dtls_connection()
            .filter(|connection| connection.is_connected())
            .and_then(gannet_dtls::Connection::remote_certificate);
        [Some(self.certificate().der()), remote]
            .into_iter()
            .flatten()
            .map(|der| CertificateStats {
                id: certificate_id(der),
                fingerprint: Fingerprint::of(&*self.provider, HashAlgorithm::Sha256, der),
                der: der.to_vec(),
            })
            .collect()
    }

    fn inbound(
        &self,
        counters: InboundRtpStats,
        codecs: &mut Vec<CodecStats>,
    ) -> Option<InboundRtp> {
        let ssrc = counters.ssrc?;
        let parameters = self.rtp().receiver(counters.receiver)?;
        let codec = parameters
            .codecs
            .iter()
            .find(|codec| Some(codec.payload_type) == counters.payload_type);
        Some(InboundRtp {
            id: StatsId::new(StatsType::InboundRtp, (counters.receiver, ssrc)),
            transport_id: transport_id(),
            codec_id: codec.and_then(|codec| note_codec(codecs, "in", counters.kind, codec)),
            mid: parameters.mid.clone(),
            track_identifier: None,
            counters,
            decoder: None,
        })
    }

    fn outbound(
        &self,
        counters: OutboundRtpStats,
        codecs: &mut Vec<CodecStats>,
    ) -> Option<OutboundRtp> {
        let parameters = self.rtp().sender(counters.sender)?;
        Some(OutboundRtp {
            id: StatsId::new(StatsType::OutboundRtp, (counters.sender, counters.ssrc)),
            transport_id: transport_id(),
            codec_id: note_codec(codecs, "out", counters.kind, &parameters.codec),
            mid: parameters.mid.clone(),
            rid: parameters.rid.clone(),
            media_source_id: None,
            active: None,
            counters,
            encoder: None,
        })
    }

    fn data_channels(&self) -> Vec<DataChannelStats> {
        let channels = self.channels();
        let stats = |channel: ChannelId| {
            let init = channels.init(channel)?;
            Some(DataChannelStats {
                id: StatsId::new(StatsType::DataChannel, channel),
                channel,
                label: init.label.clone(),
                protocol: init.protocol.clone(),
                data_channel_identifier: channels.stream_id(channel),
                state: channels.state(channel),
                counters: channels.channel_stats(channel)?,
            })
        };
        channels.channels().filter_map(stats).collect()
    }

    fn candidate_pairs(&self, bitrate: Option<u64>) -> Vec<CandidatePair> {
        let pair = |pair: CandidatePairStats| {
            let local = StatsId::candidate(StatsType::LocalCandidate, &pair.local);
            let remote = StatsId::candidate(StatsType::RemoteCandidate, &pair.remote);
            CandidatePair {
                id: StatsId::new(StatsType::CandidatePair, (local, remote)),
                transport_id: transport_id(),
                local_candidate_id: local,
                remote_candidate_id: remote,
                available_outgoing_bitrate: bitrate.filter(|_| pair.selected),
                pair,
            }
        };
        self.ice().pair_stats().into_iter().map(pair).collect()
    }

    fn local_candidates(&self) -> Vec<LocalCandidate> {
        let candidates = self.ice().local_candidate_stats().into_iter();
        let stats = candidates.map(|candidate| LocalCandidate {
            id: StatsId::candidate(StatsType::LocalCandidate, &candidate.candidate),
            transport_id: transport_id(),
            candidate,
        });
        stats.collect()
    }

    fn remote_candidates(&self) -> Vec<RemoteCandidate> {
        let candidates = self.ice().remote_candidates();
        let stats = candidates.map(|candidate| RemoteCandidate {
            id: StatsId::candidate(StatsType::RemoteCandidate, candidate),
            transport_id: transport_id(),
            candidate: candidate.clone(),
        });
        stats.collect()
    }
}

/// A session has one transport.
fn transport_id() -> StatsId {
    StatsId::new(StatsType::Transport, ())
}

fn certificate_id(der: &[u8]) -> StatsId {
    StatsId::new(StatsType::Certificate, der)
}

/// Adds a codec to the report if it is not there, and names it; one payload type means the same in all
/// streams of a bundle that flow the same way (RFC 8843, section 9.1). `None` if its format has no name.
fn note_codec(
    codecs: &mut Vec<CodecStats>,
    way: &str,
    kind: gannet_rtp_session::MediaKind,
    codec: &gannet_rtp_session::CodecParameters,
) -> Option<StatsId> {
    let kind = match kind {
        gannet_rtp_session::MediaKind::Audio => MediaKind::Audio,
        gannet_rtp_session::MediaKind::Video => MediaKind::Video,
    };
    let mime_type = format!("{kind}/{}", codec.format.encoding_name()?);
    let id = StatsId::new(StatsType::Codec, (way, codec.payload_type, &mime_type));
    if codecs.iter().all(|other| other.id != id) {
        codecs.push(CodecStats {
            id,
            transport_id: transport_id(),
            payload_type: codec.payload_type,
            mime_type,
            clock_rate: codec.clock_rate,
            channels: None,
            sdp_fmtp_line: None,
        });
    }
    Some(id)
}
