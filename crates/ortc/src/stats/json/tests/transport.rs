//! What is below the streams, and beside them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use gannet_datachannel::{
    ChannelInit, ChannelState, ChannelStats, DataChannelConfig, DataChannels,
};
use gannet_dtls::{CipherSuite, Fingerprint, Version};
use gannet_ice::{
    Candidate, CandidateAddress, CandidatePairState, CandidatePairStats, CandidateStats,
    CandidateTransport, CandidateType, Counters, IceTransportState, Role, ServerAddress, TcpType,
    TurnTransport,
};
use gannet_srtp::Profile;
use serde_json::json;

use super::{MS, NOW, id, members_of, report};
use crate::DtlsTransportState;
use crate::stats::*;

#[test]
fn peer_connection() {
    let report = report();
    assert_eq!(
        members_of(&report, report.peer_connection.id, NOW),
        json!({ "dataChannelsOpened": 3, "dataChannelsClosed": 1 })
    );
}

#[test]
fn transport() {
    let mut report = report();
    let transport = report.transport.id;
    assert_eq!(
        members_of(&report, transport, NOW),
        json!({
            "packetsSent": 1,
            "packetsReceived": 2,
            "bytesSent": 3,
            "bytesReceived": 4,
            "iceRole": "controlled",
            "iceLocalUsernameFragment": "name",
            "iceState": "new",
            "selectedCandidatePairChanges": 0,
            "dtlsState": "new",
            "dtlsRole": "unknown",
            "localCertificateId": report.transport.local_certificate_id.to_string(),
        })
    );
    let stats = &mut report.transport;
    stats.ice_role = Role::Controlling;
    stats.ice_state = IceTransportState::Completed;
    stats.selected_candidate_pair_id = Some(id(StatsType::CandidatePair, 1));
    stats.dtls_state = DtlsTransportState::Connected;
    stats.dtls_role = Some(gannet_dtls::Role::Client);
    stats.tls_version = Some(Version::Dtls13);
    stats.dtls_cipher = Some(CipherSuite::Aes128GcmSha256);
    stats.srtp_cipher = Some(Profile::AeadAes128Gcm);
    stats.remote_certificate_id = Some(id(StatsType::Certificate, 1));
    assert_eq!(
        members_of(&report, transport, NOW),
        json!({
            "packetsSent": 1,
            "packetsReceived": 2,
            "bytesSent": 3,
            "bytesReceived": 4,
            "iceRole": "controlling",
            "iceLocalUsernameFragment": "name",
            "iceState": "completed",
            "selectedCandidatePairId": id(StatsType::CandidatePair, 1).to_string(),
            "selectedCandidatePairChanges": 0,
            "dtlsState": "connected",
            "dtlsRole": "client",
            "tlsVersion": "FEFC",
            "dtlsCipher": "TLS_AES_128_GCM_SHA256",
            "srtpCipher": "SRTP_AEAD_AES_128_GCM",
            "localCertificateId": id(StatsType::Certificate, 0).to_string(),
            "remoteCertificateId": id(StatsType::Certificate, 1).to_string(),
        })
    );
}

#[test]
fn codec() {
    let mut report = report();
    let codec = |number, mime_type: &str| CodecStats {
        id: id(StatsType::Codec, number),
        transport_id: id(StatsType::Transport, 0),
        payload_type: 111,
        mime_type: mime_type.to_owned(),
        clock_rate: 48_000,
        channels: None,
        sdp_fmtp_line: None,
    };
    report.codecs = vec![codec(0, "video/VP8"), codec(1, "audio/opus")];
    report.codecs[1].channels = Some(2);
    report.codecs[1].sdp_fmtp_line = Some("minptime=10;useinbandfec=1".to_owned());
    let transport = id(StatsType::Transport, 0).to_string();
    assert_eq!(
        members_of(&report, report.codecs[0].id, NOW),
        json!({
            "transportId": transport,
            "payloadType": 111,
            "mimeType": "video/VP8",
            "clockRate": 48_000,
        })
    );
    assert_eq!(
        members_of(&report, report.codecs[1].id, NOW),
        json!({
            "transportId": transport,
            "payloadType": 111,
            "mimeType": "audio/opus",
            "clockRate": 48_000,
            "channels": 2,
            "sdpFmtpLine": "minptime=10;useinbandfec=1",
        })
    );
}

#[test]
fn data_channel() {
    let mut report = report();
    let mut channels = DataChannels::new(DataChannelConfig::default());
    let channel = channels.open(report.timestamp, ChannelInit::default());
    report.data_channels = vec![DataChannelStats {
        id: id(StatsType::DataChannel, 0),
        channel: channel.unwrap(),
        label: "chat".to_owned(),
        protocol: "words".to_owned(),
        data_channel_identifier: Some(0),
        state: ChannelState::Open,
        counters: ChannelStats {
            messages_sent: 1,
            bytes_sent: 2,
            messages_received: 3,
            bytes_received: 4,
        },
    }];
    assert_eq!(
        members_of(&report, id(StatsType::DataChannel, 0), NOW),
        json!({
            "label": "chat",
            "protocol": "words",
            "dataChannelIdentifier": 0,
            "state": "open",
            "messagesSent": 1,
            "bytesSent": 2,
            "messagesReceived": 3,
            "bytesReceived": 4,
        })
    );
}

#[test]
fn candidate_pair() {
    let mut report = report();
    let pair = CandidatePairStats {
        local: candidate(CandidateType::Host),
        remote: candidate(CandidateType::Host),
        state: CandidatePairState::InProgress,
        nominated: true,
        selected: true,
        priority: 9,
        counters: Counters {
            packets_sent: 1,
            packets_received: 2,
            bytes_sent: 3,
            bytes_received: 4,
            last_packet_sent: Some(report.timestamp - 2 * MS),
            last_packet_received: Some(report.timestamp - 3 * MS),
            requests_received: 5,
            requests_sent: 6,
            responses_received: 7,
            responses_sent: 8,
            consent_requests_sent: 9,
            total_round_trip_time: 250 * MS,
            current_round_trip_time: Some(125 * MS),
        },
    };
    report.candidate_pairs = vec![CandidatePair {
        id: id(StatsType::CandidatePair, 0),
        transport_id: id(StatsType::Transport, 0),
        local_candidate_id: id(StatsType::LocalCandidate, 0),
        remote_candidate_id: id(StatsType::RemoteCandidate, 0),
        available_outgoing_bitrate: Some(1_000_000),
        pair,
    }];
    assert_eq!(
        members_of(&report, id(StatsType::CandidatePair, 0), NOW),
        json!({
            "transportId": id(StatsType::Transport, 0).to_string(),
            "localCandidateId": id(StatsType::LocalCandidate, 0).to_string(),
            "remoteCandidateId": id(StatsType::RemoteCandidate, 0).to_string(),
            "state": "in-progress",
            "nominated": true,
            "packetsSent": 1,
            "packetsReceived": 2,
            "bytesSent": 3,
            "bytesReceived": 4,
            "lastPacketSentTimestamp": NOW - 2.0,
            "lastPacketReceivedTimestamp": NOW - 3.0,
            "totalRoundTripTime": 0.25,
            "currentRoundTripTime": 0.125,
            "availableOutgoingBitrate": 1_000_000,
            "requestsReceived": 5,
            "requestsSent": 6,
            "responsesReceived": 7,
            "responsesSent": 8,
            "consentRequestsSent": 9,
        })
    );
}

#[test]
fn candidates() {
    let mut report = report();
    let transport = id(StatsType::Transport, 0);
    let mut relayed = candidate(CandidateType::Relayed);
    relayed.related_address = Some(SocketAddr::from(([198, 51, 100, 7], 5000)));
    relayed.username_fragment = Some("name".to_owned());
    report.local_candidates = vec![LocalCandidate {
        id: id(StatsType::LocalCandidate, 0),
        transport_id: transport,
        candidate: CandidateStats {
            candidate: relayed,
            is_open: true,
            server: Some(ServerAddress::Name("turn.example".to_owned(), 5349)),
            relay_protocol: Some(TurnTransport::Tls),
        },
    }];
    let mut remote = candidate(CandidateType::PeerReflexive);
    remote.transport = CandidateTransport::Tcp(TcpType::SimultaneousOpen);
    remote.address = CandidateAddress::Name("a.local".to_owned());
    report.remote_candidates = vec![RemoteCandidate {
        id: id(StatsType::RemoteCandidate, 0),
        transport_id: transport,
        candidate: remote,
    }];
    assert_eq!(
        members_of(&report, id(StatsType::LocalCandidate, 0), NOW),
        json!({
            "transportId": transport.to_string(),
            "address": "192.0.2.1",
            "port": 4000,
            "protocol": "udp",
            "candidateType": "relay",
            "priority": 2_130_706_431u32,
            "foundation": "f",
            "relatedAddress": "198.51.100.7",
            "relatedPort": 5000,
            "usernameFragment": "name",
            "url": "turns:turn.example:5349?transport=tcp",
            "relayProtocol": "tls",
        })
    );
    assert_eq!(
        members_of(&report, id(StatsType::RemoteCandidate, 0), NOW),
        json!({
            "transportId": transport.to_string(),
            "address": "a.local",
            "port": 4000,
            "protocol": "tcp",
            "candidateType": "prflx",
            "priority": 2_130_706_431u32,
            "foundation": "f",
            "tcpType": "so",
        })
    );
}

#[test]
fn certificate() {
    let mut report = report();
    report.certificates = vec![CertificateStats {
        id: id(StatsType::Certificate, 0),
        fingerprint: Fingerprint {
            algorithm: "sha-256".to_owned(),
            value: vec![0x0a, 0xff],
        },
        der: b"foob".to_vec(),
    }];
    assert_eq!(
        members_of(&report, id(StatsType::Certificate, 0), NOW),
        json!({
            "fingerprint": "0A:FF",
            "fingerprintAlgorithm": "sha-256",
            "base64Certificate": "Zm9vYg==",
        })
    );
}

fn candidate(candidate_type: CandidateType) -> Candidate {
    Candidate {
        foundation: "f".to_owned(),
        component: 1,
        transport: CandidateTransport::Udp,
        priority: 2_130_706_431,
        address: CandidateAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        port: 4000,
        candidate_type,
        related_address: None,
        username_fragment: None,
    }
}
