//! Statistics of a session, as W3C's webrtc-stats has them: the same objects with the same members, in
//! Rust's case and with Rust's types.
//!
//! They are pulled: [`Session::stats`] collects what the layers have counted anyway. Where a layer has a
//! struct under W3C's names it is a member called `counters`. Two kinds of objects have no list of their
//! own, since each belongs to one other object: `remote-inbound-rtp` is `counters.remote` of
//! [`OutboundRtp`], `remote-outbound-rtp` that of [`InboundRtp`].
//!
//! Not there: what only a decoder, an encoder or a playout clock knows (`framesDecoded`,
//! `jitterBufferDelay`, ...), `media-source`, `media-playout`, `peer-connection`; the `sdpFmtpLine` and the
//! `channels` of a codec, which stand in its parameters; and the issuers of certificates.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use gannet_crypto::HashAlgorithm;
use gannet_datachannel::{ChannelId, ChannelState, ChannelStats};
use gannet_dtls::{CipherSuite, Fingerprint, Version};
use gannet_ice::{
    Candidate, CandidatePairStats, CandidateStats, IceParameters, IceTransportState, Role,
};
use gannet_rtp_session::{InboundRtpStats, OutboundRtpStats};
use gannet_srtp::Profile;

use crate::parameters::MediaKind;
use crate::{DtlsTransportState, Session};

/// The kinds of objects: W3C's `RTCStatsType`. Displays as W3C's string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatsType {
    /// `codec`
    Codec,
    /// `inbound-rtp`
    InboundRtp,
    /// `outbound-rtp`
    OutboundRtp,
    /// `data-channel`
    DataChannel,
    /// `transport`
    Transport,
    /// `candidate-pair`
    CandidatePair,
    /// `local-candidate`
    LocalCandidate,
    /// `remote-candidate`
    RemoteCandidate,
    /// `certificate`
    Certificate,
}

impl fmt::Display for StatsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Codec => "codec",
            Self::InboundRtp => "inbound-rtp",
            Self::OutboundRtp => "outbound-rtp",
            Self::DataChannel => "data-channel",
            Self::Transport => "transport",
            Self::CandidatePair => "candidate-pair",
            Self::LocalCandidate => "local-candidate",
            Self::RemoteCandidate => "remote-candidate",
            Self::Certificate => "certificate",
        })
    }
}

/// Names an object: the same object has the same name in all reports of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatsId {
    kind: StatsType,
    number: u64,
}

impl StatsId {
    /// `identity` is what tells the object from others of its kind.
    fn new(kind: StatsType, identity: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let number = hasher.finish();
        Self { kind, number }
    }

    fn candidate(kind: StatsType, candidate: &Candidate) -> Self {
        Self::new(kind, (candidate.to_string(), &candidate.username_fragment))
    }

    /// The kind of the object.
    #[must_use]
    pub const fn kind(self) -> StatsType {
        self.kind
    }
}

/// The kind, a hyphen, and 16 hexadecimal digits.
impl fmt::Display for StatsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.kind, self.number)
    }
}

/// All statistics of a session: W3C's `RTCStatsReport`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatsReport {
    /// When it was made.
    pub timestamp: Instant,
    /// `transport`: the one that everything goes over.
    pub transport: TransportStats,
    /// `codec`: those that are in use now.
    pub codecs: Vec<CodecStats>,
    /// `inbound-rtp`: the receivers that have heard a source.
    pub inbound_rtp: Vec<InboundRtp>,
    /// `outbound-rtp`: the senders.
    pub outbound_rtp: Vec<OutboundRtp>,
    /// `data-channel`: those that are not gone.
    pub data_channels: Vec<DataChannelStats>,
    /// `candidate-pair`: those of the current generation.
    pub candidate_pairs: Vec<CandidatePair>,
    /// `local-candidate`: also those that are gone.
    pub local_candidates: Vec<LocalCandidate>,
    /// `remote-candidate`: those of the current generation.
    pub remote_candidates: Vec<RemoteCandidate>,
    /// `certificate`: ours, and once it is verified the peer's.
    pub certificates: Vec<CertificateStats>,
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
    /// And `remote-outbound-rtp`.
    pub counters: InboundRtpStats,
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
    /// And `remote-inbound-rtp`.
    pub counters: OutboundRtpStats,
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
            transport: self.transport(&candidate_pairs, &certificates),
            codecs,
            inbound_rtp,
            outbound_rtp,
            data_channels: self.data_channels(),
            candidate_pairs,
            local_candidates: self.local_candidates(),
            remote_candidates: self.remote_candidates(),
            certificates,
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
            counters,
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
            counters,
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
        });
    }
    Some(id)
}
