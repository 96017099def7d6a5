//! RTP streams, their remote ends, and where they come from.

use std::time::SystemTime;

use gannet_rtp::{NtpTime, WallClock};
use gannet_rtp_payload::PayloadFormat;
use gannet_rtp_session::{
    CodecParameters, InboundRtpStats, JitterBufferStats, MediaKind, OutboundRtpStats,
    ReceiveParameters, ReceiverId, RemoteInboundRtpStats, RemoteOutboundRtpStats, RtpSession,
    SendParameters, SenderId, SessionConfig,
};
use serde_json::json;

use super::{MS, NOW, id, members_of, report, wall_clock};
use crate::stats::*;

#[test]
fn inbound_rtp_of_a_session_alone() {
    let mut report = report();
    let stream = id(StatsType::InboundRtp, 1);
    let transport = id(StatsType::Transport, 0).to_string();
    report.inbound_rtp = vec![inbound(inbound_counters(MediaKind::Audio))];
    let mut expected = json!({
        "ssrc": 1234,
        "kind": "audio",
        "transportId": transport,
        "packetsReceived": 100,
        "bytesReceived": 10_000,
        "headerBytesReceived": 2_000,
        "packetsLost": -1,
        "jitter": 0.125,
        "packetsDiscarded": 5,
        "nackCount": 4,
    });
    assert_eq!(members_of(&report, stream, NOW), expected);
    report.inbound_rtp = vec![inbound(inbound_counters(MediaKind::Video))];
    let members = expected.as_object_mut().unwrap();
    for (name, value) in [
        ("kind", json!("video")),
        ("framesReceived", json!(50)),
        ("framesDropped", json!(3)),
        ("pliCount", json!(6)),
        ("firCount", json!(7)),
    ] {
        members.insert(name.to_owned(), value);
    }
    assert_eq!(members_of(&report, stream, NOW), expected);
}

#[test]
fn inbound_rtp_of_video() {
    let mut report = report();
    let stream = id(StatsType::InboundRtp, 1);
    let mut video = inbound(inbound_counters(MediaKind::Video));
    video.codec_id = Some(id(StatsType::Codec, 0));
    video.mid = Some("1".to_owned());
    video.track_identifier = Some("camera".to_owned());
    video.counters.rtx_ssrc = Some(5678);
    video.counters.retransmitted_packets_received = 10;
    video.counters.retransmitted_bytes_received = 1_000;
    video.counters.retransmitted_header_bytes_received = 200;
    video.counters.last_packet_received_timestamp = Some(report.timestamp - 50 * MS);
    video.counters.jitter_buffer = Some(JitterBufferStats {
        jitter_buffer_delay: 2500 * MS,
        jitter_buffer_emitted_count: 50,
    });
    video.decoder = Some(DecoderStats::Video(VideoDecoderStats {
        frames_decoded: 47,
        key_frames_decoded: 2,
        frame_width: Some(640),
        frame_height: Some(480),
        frames_per_second: 29.0,
        total_decode_time: 250 * MS,
        total_processing_delay: 3000 * MS,
        frames_assembled_from_multiple_packets: 40,
        total_assembly_time: 125 * MS,
        decoder_implementation: Some("libvpx"),
    }));
    report.inbound_rtp = vec![video];
    assert_eq!(
        members_of(&report, stream, NOW),
        json!({
            "ssrc": 1234,
            "kind": "video",
            "transportId": id(StatsType::Transport, 0).to_string(),
            "codecId": id(StatsType::Codec, 0).to_string(),
            "trackIdentifier": "camera",
            "mid": "1",
            "packetsReceived": 110,
            "bytesReceived": 11_000,
            "headerBytesReceived": 2_200,
            "packetsLost": -1,
            "jitter": 0.125,
            "packetsDiscarded": 5,
            "lastPacketReceivedTimestamp": NOW - 50.0,
            "nackCount": 4,
            "retransmittedPacketsReceived": 10,
            "retransmittedBytesReceived": 1_000,
            "rtxSsrc": 5678,
            "jitterBufferDelay": 2.5,
            "jitterBufferEmittedCount": 50,
            "framesReceived": 50,
            "framesDropped": 3,
            "pliCount": 6,
            "firCount": 7,
            "framesDecoded": 47,
            "keyFramesDecoded": 2,
            "frameWidth": 640,
            "frameHeight": 480,
            "framesPerSecond": 29.0,
            "totalDecodeTime": 0.25,
            "totalProcessingDelay": 3.0,
            "framesAssembledFromMultiplePackets": 40,
            "totalAssemblyTime": 0.125,
            "decoderImplementation": "libvpx",
        })
    );
}

#[test]
fn inbound_rtp_of_audio() {
    let mut report = report();
    let mut audio = inbound(inbound_counters(MediaKind::Audio));
    audio.decoder = Some(DecoderStats::Audio(AudioDecoderStats {
        total_samples_received: 48_000,
        concealed_samples: 960,
        concealment_events: 1,
        jitter_buffer: JitterBufferStats {
            jitter_buffer_delay: 500 * MS,
            jitter_buffer_emitted_count: 47_040,
        },
        total_processing_delay: 750 * MS,
        level: AudioLevelStats {
            audio_level: 0.5,
            total_audio_energy: 0.25,
            total_samples_duration: 1000 * MS,
        },
    }));
    report.inbound_rtp = vec![audio];
    assert_eq!(
        members_of(&report, id(StatsType::InboundRtp, 1), NOW),
        json!({
            "ssrc": 1234,
            "kind": "audio",
            "transportId": id(StatsType::Transport, 0).to_string(),
            "packetsReceived": 100,
            "bytesReceived": 10_000,
            "headerBytesReceived": 2_000,
            "packetsLost": -1,
            "jitter": 0.125,
            "packetsDiscarded": 5,
            "nackCount": 4,
            "jitterBufferDelay": 0.5,
            "jitterBufferEmittedCount": 47_040,
            "totalSamplesReceived": 48_000,
            "concealedSamples": 960,
            "concealmentEvents": 1,
            "totalProcessingDelay": 0.75,
            "audioLevel": 0.5,
            "totalAudioEnergy": 0.25,
            "totalSamplesDuration": 1.0,
        })
    );
}

#[test]
fn outbound_rtp() {
    let mut report = report();
    let stream = id(StatsType::OutboundRtp, 1);
    let transport = id(StatsType::Transport, 0).to_string();
    report.outbound_rtp = vec![outbound(outbound_counters(MediaKind::Audio))];
    assert_eq!(
        members_of(&report, stream, NOW),
        json!({
            "ssrc": 1234,
            "kind": "audio",
            "transportId": transport,
            "packetsSent": 100,
            "bytesSent": 10_000,
            "headerBytesSent": 2_000,
            "retransmittedPacketsSent": 0,
            "retransmittedBytesSent": 0,
            "totalPacketSendDelay": 1.5,
            "nackCount": 4,
        })
    );
    let mut video = outbound(outbound_counters(MediaKind::Video));
    video.codec_id = Some(id(StatsType::Codec, 0));
    video.mid = Some("1".to_owned());
    video.rid = Some("hi".to_owned());
    video.media_source_id = Some(id(StatsType::MediaSource, 0));
    video.active = Some(true);
    video.counters.rtx_ssrc = Some(5678);
    video.counters.retransmitted_packets_sent = 10;
    video.counters.retransmitted_bytes_sent = 1_000;
    video.counters.retransmitted_header_bytes_sent = 200;
    video.counters.target_bitrate = 300_000;
    video.encoder = Some(EncoderStats {
        frames_encoded: 51,
        key_frames_encoded: 2,
        frame_width: Some(640),
        frame_height: Some(480),
        frames_per_second: 30.0,
        total_encode_time: 250 * MS,
        encoder_implementation: Some("libvpx"),
    });
    report.outbound_rtp = vec![video];
    assert_eq!(
        members_of(&report, stream, NOW),
        json!({
            "ssrc": 1234,
            "kind": "video",
            "transportId": transport,
            "codecId": id(StatsType::Codec, 0).to_string(),
            "mid": "1",
            "rid": "hi",
            "mediaSourceId": id(StatsType::MediaSource, 0).to_string(),
            "active": true,
            "packetsSent": 110,
            "bytesSent": 11_000,
            "headerBytesSent": 2_200,
            "retransmittedPacketsSent": 10,
            "retransmittedBytesSent": 1_000,
            "rtxSsrc": 5678,
            "targetBitrate": 300_000,
            "totalPacketSendDelay": 1.5,
            "nackCount": 4,
            "framesSent": 50,
            "pliCount": 6,
            "firCount": 7,
            "framesEncoded": 51,
            "keyFramesEncoded": 2,
            "frameWidth": 640,
            "frameHeight": 480,
            "framesPerSecond": 30.0,
            "totalEncodeTime": 0.25,
            "encoderImplementation": "libvpx",
        })
    );
}

#[test]
fn remote_inbound_rtp() {
    let mut report = report();
    let mut local = outbound(outbound_counters(MediaKind::Audio));
    local.codec_id = Some(id(StatsType::Codec, 0));
    local.counters.remote = Some(RemoteInboundRtpStats {
        timestamp: Some(report.timestamp - 100 * MS),
        packets_lost: 8,
        fraction_lost: 0.25,
        jitter: 0.5,
        round_trip_time: Some(40 * MS),
        total_round_trip_time: 90 * MS,
        round_trip_time_measurements: 2,
    });
    report.outbound_rtp = vec![local];
    let remote = StatsId::new(StatsType::RemoteInboundRtp, report.outbound_rtp[0].id);
    let members = members_of(&report, report.outbound_rtp[0].id, NOW);
    assert_eq!(members["remoteId"], json!(remote.to_string()));
    assert_eq!(
        members_of(&report, remote, NOW - 100.0),
        json!({
            "ssrc": 1234,
            "kind": "audio",
            "transportId": id(StatsType::Transport, 0).to_string(),
            "codecId": id(StatsType::Codec, 0).to_string(),
            "localId": report.outbound_rtp[0].id.to_string(),
            "packetsLost": 8,
            "fractionLost": 0.25,
            "jitter": 0.5,
            "roundTripTime": 0.04,
            "totalRoundTripTime": 0.09,
            "roundTripTimeMeasurements": 2,
        })
    );
}

#[test]
fn remote_outbound_rtp() {
    let mut report = report();
    let mut local = inbound(inbound_counters(MediaKind::Video));
    local.counters.remote = Some(RemoteOutboundRtpStats {
        timestamp: Some(report.timestamp - 100 * MS),
        packets_sent: 101,
        bytes_sent: 10_100,
        remote_timestamp: NtpTime::from_system_time(SystemTime::UNIX_EPOCH + 1500 * MS),
        reports_sent: 3,
    });
    report.inbound_rtp = vec![local];
    let remote = StatsId::new(StatsType::RemoteOutboundRtp, report.inbound_rtp[0].id);
    let members = members_of(&report, report.inbound_rtp[0].id, NOW);
    assert_eq!(members["remoteId"], json!(remote.to_string()));
    assert_eq!(
        members_of(&report, remote, NOW - 100.0),
        json!({
            "ssrc": 1234,
            "kind": "video",
            "transportId": id(StatsType::Transport, 0).to_string(),
            "localId": report.inbound_rtp[0].id.to_string(),
            "packetsSent": 101,
            "bytesSent": 10_100,
            "remoteTimestamp": 1500.0,
            "reportsSent": 3,
        })
    );
}

#[test]
fn media_source() {
    let mut report = report();
    let source = |number, stats| MediaSource {
        id: id(StatsType::MediaSource, number),
        track_identifier: "track".to_owned(),
        stats,
    };
    let level = AudioLevelStats {
        audio_level: 0.5,
        total_audio_energy: 0.25,
        total_samples_duration: 1000 * MS,
    };
    let video = VideoSourceStats {
        width: Some(640),
        height: Some(480),
        frames: 60,
        frames_per_second: Some(30.0),
    };
    report.media_sources = vec![
        source(0, MediaSourceStats::Audio(level)),
        source(1, MediaSourceStats::Video(video)),
        source(2, MediaSourceStats::Video(VideoSourceStats::default())),
    ];
    let [audio, video, fresh] =
        [0, 1, 2].map(|number| members_of(&report, id(StatsType::MediaSource, number), NOW));
    assert_eq!(
        audio,
        json!({
            "trackIdentifier": "track",
            "kind": "audio",
            "audioLevel": 0.5,
            "totalAudioEnergy": 0.25,
            "totalSamplesDuration": 1.0,
        })
    );
    assert_eq!(
        video,
        json!({
            "trackIdentifier": "track",
            "kind": "video",
            "width": 640,
            "height": 480,
            "frames": 60,
            "framesPerSecond": 30.0,
        })
    );
    assert_eq!(
        fresh,
        json!({ "trackIdentifier": "track", "kind": "video", "frames": 0 })
    );
}

/// Names of a sender and a receiver.
fn streams() -> (SenderId, ReceiverId) {
    let now = gannet_netsim::start();
    let clock = WallClock::new(now, wall_clock());
    let mut session = RtpSession::new(SessionConfig::new(clock, 1, "name"));
    let codec = CodecParameters {
        payload_type: 96,
        format: PayloadFormat::Vp8,
        clock_rate: 90_000,
        rtx_payload_type: None,
    };
    let send = SendParameters::new(MediaKind::Video, 1, codec);
    let receive = ReceiveParameters::new(MediaKind::Video, vec![codec]);
    let sender = session.add_sender(now, send).unwrap();
    (sender, session.add_receiver(now, receive).unwrap())
}

fn inbound_counters(kind: MediaKind) -> InboundRtpStats {
    InboundRtpStats {
        receiver: streams().1,
        kind,
        ssrc: Some(1234),
        rtx_ssrc: None,
        payload_type: Some(96),
        packets_received: 100,
        bytes_received: 10_000,
        header_bytes_received: 2_000,
        packets_lost: -1,
        jitter: 0.125,
        packets_discarded: 5,
        retransmitted_packets_received: 0,
        retransmitted_bytes_received: 0,
        retransmitted_header_bytes_received: 0,
        frames_received: 50,
        key_frames_received: 2,
        frames_dropped: 3,
        jitter_buffer: None,
        nack_count: 4,
        pli_count: 6,
        fir_count: 7,
        last_packet_received_timestamp: None,
        remote: None,
    }
}

fn inbound(counters: InboundRtpStats) -> InboundRtp {
    InboundRtp {
        id: id(StatsType::InboundRtp, 1),
        transport_id: id(StatsType::Transport, 0),
        codec_id: None,
        mid: None,
        track_identifier: None,
        counters,
        decoder: None,
    }
}

fn outbound_counters(kind: MediaKind) -> OutboundRtpStats {
    OutboundRtpStats {
        sender: streams().0,
        kind,
        ssrc: 1234,
        rtx_ssrc: None,
        packets_sent: 100,
        bytes_sent: 10_000,
        header_bytes_sent: 2_000,
        retransmitted_packets_sent: 0,
        retransmitted_bytes_sent: 0,
        retransmitted_header_bytes_sent: 0,
        frames_sent: 50,
        key_frames_sent: 2,
        packets_discarded_on_send: 0,
        nack_count: 4,
        pli_count: 6,
        fir_count: 7,
        target_bitrate: 0,
        total_packet_send_delay: 1500 * MS,
        remote: None,
    }
}

fn outbound(counters: OutboundRtpStats) -> OutboundRtp {
    OutboundRtp {
        id: id(StatsType::OutboundRtp, 1),
        transport_id: id(StatsType::Transport, 0),
        codec_id: None,
        mid: None,
        rid: None,
        media_source_id: None,
        active: None,
        counters,
        encoder: None,
    }
}
