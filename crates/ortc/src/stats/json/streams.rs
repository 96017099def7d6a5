//! `inbound-rtp`, `outbound-rtp`, their remote ends, and `media-source`.

use gannet_rtp_session::{MediaKind, RemoteInboundRtpStats, RemoteOutboundRtpStats};
use serde::Serialize;

use super::{Objects, milliseconds};
use crate::stats::{
    AudioDecoderStats, AudioLevelStats, DecoderStats, EncoderStats, InboundRtp, MediaSource,
    MediaSourceStats, OutboundRtp, StatsId, StatsReport, StatsType, VideoDecoderStats,
};

/// W3C's `RTCRtpStreamStats`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct RtpStream {
    ssrc: u32,
    kind: &'static str,
    transport_id: StatsId,
    codec_id: Option<StatsId>,
}

/// W3C's `RTCInboundRtpStreamStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InboundRtpStream<'a> {
    #[serde(flatten)]
    stream: RtpStream,
    track_identifier: Option<&'a str>,
    mid: Option<&'a str>,
    remote_id: Option<StatsId>,
    packets_received: u64,
    bytes_received: u64,
    header_bytes_received: u64,
    packets_lost: i64,
    jitter: f64,
    packets_discarded: u64,
    last_packet_received_timestamp: Option<f64>,
    nack_count: u64,
    retransmitted_packets_received: Option<u64>,
    retransmitted_bytes_received: Option<u64>,
    rtx_ssrc: Option<u32>,
    jitter_buffer_delay: Option<f64>,
    jitter_buffer_emitted_count: Option<u64>,
    #[serde(flatten)]
    video: Option<InboundVideo>,
    #[serde(flatten)]
    decoder: Option<Decoder>,
}

/// What only exists for video.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InboundVideo {
    frames_received: u64,
    frames_dropped: u64,
    pli_count: u64,
    fir_count: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Decoder {
    Audio(AudioDecoder),
    Video(VideoDecoder),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AudioDecoder {
    total_samples_received: u64,
    concealed_samples: u64,
    concealment_events: u64,
    total_processing_delay: f64,
    #[serde(flatten)]
    level: AudioLevel,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AudioLevel {
    audio_level: f64,
    total_audio_energy: f64,
    total_samples_duration: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VideoDecoder {
    frames_decoded: u64,
    key_frames_decoded: u64,
    frame_width: Option<u32>,
    frame_height: Option<u32>,
    frames_per_second: f64,
    total_decode_time: f64,
    total_processing_delay: f64,
    frames_assembled_from_multiple_packets: u64,
    total_assembly_time: f64,
    decoder_implementation: Option<&'static str>,
}

/// W3C's `RTCOutboundRtpStreamStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutboundRtpStream<'a> {
    #[serde(flatten)]
    stream: RtpStream,
    mid: Option<&'a str>,
    rid: Option<&'a str>,
    media_source_id: Option<StatsId>,
    active: Option<bool>,
    remote_id: Option<StatsId>,
    packets_sent: u64,
    bytes_sent: u64,
    header_bytes_sent: u64,
    retransmitted_packets_sent: u64,
    retransmitted_bytes_sent: u64,
    rtx_ssrc: Option<u32>,
    target_bitrate: Option<u64>,
    total_packet_send_delay: f64,
    nack_count: u64,
    #[serde(flatten)]
    video: Option<OutboundVideo>,
    #[serde(flatten)]
    encoder: Option<Encoder>,
}

/// What only exists for video.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutboundVideo {
    frames_sent: u64,
    pli_count: u64,
    fir_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encoder {
    frames_encoded: u64,
    key_frames_encoded: u64,
    frame_width: Option<u32>,
    frame_height: Option<u32>,
    frames_per_second: f64,
    total_encode_time: f64,
    encoder_implementation: Option<&'static str>,
}

/// W3C's `RTCRemoteInboundRtpStreamStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemoteInboundRtpStream {
    #[serde(flatten)]
    stream: RtpStream,
    local_id: StatsId,
    packets_lost: i64,
    fraction_lost: f64,
    jitter: f64,
    round_trip_time: Option<f64>,
    total_round_trip_time: f64,
    round_trip_time_measurements: u64,
}

/// W3C's `RTCRemoteOutboundRtpStreamStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemoteOutboundRtpStream {
    #[serde(flatten)]
    stream: RtpStream,
    local_id: StatsId,
    packets_sent: u64,
    bytes_sent: u64,
    remote_timestamp: f64,
    reports_sent: u64,
}

/// W3C's `RTCMediaSourceStats`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    track_identifier: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    of_kind: SourceOfKind,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum SourceOfKind {
    Audio(AudioLevel),
    Video {
        width: Option<u32>,
        height: Option<u32>,
        frames: u64,
        frames_per_second: Option<f64>,
    },
}

impl Objects {
    pub(super) fn add_streams(&mut self, report: &StatsReport) -> serde_json::Result<()> {
        for source in &report.media_sources {
            self.add(source.id, &Source::of(source))?;
        }
        for inbound in &report.inbound_rtp {
            self.add_inbound(inbound)?;
        }
        for outbound in &report.outbound_rtp {
            self.add_outbound(outbound)?;
        }
        Ok(())
    }

    fn add_inbound(&mut self, inbound: &InboundRtp) -> serde_json::Result<()> {
        let stream = RtpStream {
            ssrc: inbound.counters.ssrc.unwrap_or_default(),
            kind: kind(inbound.counters.kind),
            transport_id: inbound.transport_id,
            codec_id: inbound.codec_id,
        };
        let remote = inbound.counters.remote;
        let remote = remote.map(|remote| {
            (
                StatsId::new(StatsType::RemoteOutboundRtp, inbound.id),
                remote,
            )
        });
        let mut members = InboundRtpStream::of(stream, inbound);
        members.remote_id = remote.map(|(id, _)| id);
        let last = inbound.counters.last_packet_received_timestamp;
        members.last_packet_received_timestamp = last.map(|last| self.time(last));
        self.add(inbound.id, &members)?;
        if let Some((id, remote)) = remote {
            let at = remote.timestamp.map_or(self.now, |at| self.time(at));
            self.add_of(
                at,
                id,
                &RemoteOutboundRtpStream::of(stream, inbound.id, &remote),
            )?;
        }
        Ok(())
    }

    fn add_outbound(&mut self, outbound: &OutboundRtp) -> serde_json::Result<()> {
        let stream = RtpStream {
            ssrc: outbound.counters.ssrc,
            kind: kind(outbound.counters.kind),
            transport_id: outbound.transport_id,
            codec_id: outbound.codec_id,
        };
        let remote = outbound.counters.remote;
        let remote = remote.map(|remote| {
            (
                StatsId::new(StatsType::RemoteInboundRtp, outbound.id),
                remote,
            )
        });
        let mut members = OutboundRtpStream::of(stream, outbound);
        members.remote_id = remote.map(|(id, _)| id);
        self.add(outbound.id, &members)?;
        if let Some((id, remote)) = remote {
            let at = remote.timestamp.map_or(self.now, |at| self.time(at));
            self.add_of(
                at,
                id,
                &RemoteInboundRtpStream::of(stream, outbound.id, &remote),
            )?;
        }
        Ok(())
    }
}

const fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

impl<'a> InboundRtpStream<'a> {
    /// But for what needs a clock.
    fn of(stream: RtpStream, inbound: &'a InboundRtp) -> Self {
        let counters = &inbound.counters;
        let again = counters.retransmitted_packets_received;
        // Without RTX what comes again can not be told from the rest.
        let by_rtx = counters.rtx_ssrc.is_some() || again > 0;
        let jitter_buffer = match &inbound.decoder {
            Some(DecoderStats::Audio(decoder)) => Some(decoder.jitter_buffer),
            _ => counters.jitter_buffer,
        };
        let is_video = counters.kind == MediaKind::Video;
        Self {
            stream,
            track_identifier: inbound.track_identifier.as_deref(),
            mid: inbound.mid.as_deref(),
            remote_id: None,
            packets_received: counters.packets_received + again,
            bytes_received: counters.bytes_received + counters.retransmitted_bytes_received,
            header_bytes_received: counters.header_bytes_received
                + counters.retransmitted_header_bytes_received,
            packets_lost: counters.packets_lost,
            jitter: counters.jitter,
            packets_discarded: counters.packets_discarded,
            last_packet_received_timestamp: None,
            nack_count: counters.nack_count,
            retransmitted_packets_received: by_rtx.then_some(again),
            retransmitted_bytes_received: by_rtx.then_some(counters.retransmitted_bytes_received),
            rtx_ssrc: counters.rtx_ssrc,
            jitter_buffer_delay: jitter_buffer.map(|is| is.jitter_buffer_delay.as_secs_f64()),
            jitter_buffer_emitted_count: jitter_buffer.map(|is| is.jitter_buffer_emitted_count),
            video: is_video.then_some(InboundVideo {
                frames_received: counters.frames_received,
                frames_dropped: counters.frames_dropped,
                pli_count: counters.pli_count,
                fir_count: counters.fir_count,
            }),
            decoder: inbound.decoder.as_ref().map(Decoder::of),
        }
    }
}

impl Decoder {
    fn of(stats: &DecoderStats) -> Self {
        match stats {
            DecoderStats::Audio(stats) => Self::Audio(AudioDecoder::of(stats)),
            DecoderStats::Video(stats) => Self::Video(VideoDecoder::of(stats)),
        }
    }
}

impl AudioDecoder {
    fn of(stats: &AudioDecoderStats) -> Self {
        Self {
            total_samples_received: stats.total_samples_received,
            concealed_samples: stats.concealed_samples,
            concealment_events: stats.concealment_events,
            total_processing_delay: stats.total_processing_delay.as_secs_f64(),
            level: AudioLevel::of(&stats.level),
        }
    }
}

impl AudioLevel {
    fn of(stats: &AudioLevelStats) -> Self {
        Self {
            audio_level: stats.audio_level,
            total_audio_energy: stats.total_audio_energy,
            total_samples_duration: stats.total_samples_duration.as_secs_f64(),
        }
    }
}

impl VideoDecoder {
    fn of(stats: &VideoDecoderStats) -> Self {
        Self {
            frames_decoded: stats.frames_decoded,
            key_frames_decoded: stats.key_frames_decoded,
            frame_width: stats.frame_width,
            frame_height: stats.frame_height,
            frames_per_second: stats.frames_per_second,
            total_decode_time: stats.total_decode_time.as_secs_f64(),
            total_processing_delay: stats.total_processing_delay.as_secs_f64(),
            frames_assembled_from_multiple_packets: stats.frames_assembled_from_multiple_packets,
            total_assembly_time: stats.total_assembly_time.as_secs_f64(),
            decoder_implementation: stats.decoder_implementation,
        }
    }
}

impl<'a> OutboundRtpStream<'a> {
    fn of(stream: RtpStream, outbound: &'a OutboundRtp) -> Self {
        let counters = &outbound.counters;
        let again = counters.retransmitted_packets_sent;
        let is_video = counters.kind == MediaKind::Video;
        Self {
            stream,
            mid: outbound.mid.as_deref(),
            rid: outbound.rid.as_deref(),
            media_source_id: outbound.media_source_id,
            active: outbound.active,
            remote_id: None,
            packets_sent: counters.packets_sent + again,
            bytes_sent: counters.bytes_sent + counters.retransmitted_bytes_sent,
            header_bytes_sent: counters.header_bytes_sent
                + counters.retransmitted_header_bytes_sent,
            retransmitted_packets_sent: again,
            retransmitted_bytes_sent: counters.retransmitted_bytes_sent,
            rtx_ssrc: counters.rtx_ssrc,
            target_bitrate: Some(counters.target_bitrate).filter(|target| *target > 0),
            total_packet_send_delay: counters.total_packet_send_delay.as_secs_f64(),
            nack_count: counters.nack_count,
            video: is_video.then_some(OutboundVideo {
                frames_sent: counters.frames_sent,
                pli_count: counters.pli_count,
                fir_count: counters.fir_count,
            }),
            encoder: outbound.encoder.as_ref().map(Encoder::of),
        }
    }
}

impl Encoder {
    fn of(stats: &EncoderStats) -> Self {
        Self {
            frames_encoded: stats.frames_encoded,
            key_frames_encoded: stats.key_frames_encoded,
            frame_width: stats.frame_width,
            frame_height: stats.frame_height,
            frames_per_second: stats.frames_per_second,
            total_encode_time: stats.total_encode_time.as_secs_f64(),
            encoder_implementation: stats.encoder_implementation,
        }
    }
}

impl RemoteInboundRtpStream {
    fn of(stream: RtpStream, local_id: StatsId, stats: &RemoteInboundRtpStats) -> Self {
        Self {
            stream,
            local_id,
            packets_lost: stats.packets_lost,
            fraction_lost: stats.fraction_lost,
            jitter: stats.jitter,
            round_trip_time: stats.round_trip_time.map(|time| time.as_secs_f64()),
            total_round_trip_time: stats.total_round_trip_time.as_secs_f64(),
            round_trip_time_measurements: stats.round_trip_time_measurements,
        }
    }
}

impl RemoteOutboundRtpStream {
    fn of(stream: RtpStream, local_id: StatsId, stats: &RemoteOutboundRtpStats) -> Self {
        Self {
            stream,
            local_id,
            packets_sent: stats.packets_sent,
            bytes_sent: stats.bytes_sent,
            remote_timestamp: milliseconds(stats.remote_timestamp.to_system_time()),
            reports_sent: stats.reports_sent,
        }
    }
}

impl<'a> Source<'a> {
    fn of(source: &'a MediaSource) -> Self {
        Self {
            track_identifier: &source.track_identifier,
            kind: source.kind().as_str(),
            of_kind: match &source.stats {
                MediaSourceStats::Audio(level) => SourceOfKind::Audio(AudioLevel::of(level)),
                MediaSourceStats::Video(stats) => SourceOfKind::Video {
                    width: stats.width,
                    height: stats.height,
                    frames: stats.frames,
                    frames_per_second: stats.frames_per_second,
                },
            },
        }
    }
}
