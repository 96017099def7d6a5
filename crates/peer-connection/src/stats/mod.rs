//! What a report of statistics has from decoders, encoders and tracks.
//!
//! Their threads count for themselves, once for each frame. A meter has a lock, which only its thread and
//! whoever asks for statistics take, each for a few copies: no packet waits for it.

mod level;
mod meters;

use std::time::Instant;

use gannet_ortc::parameters::{MediaKind, RtpParameters};
use gannet_ortc::stats::{
    CodecStats, InboundRtp, MediaSource, OutboundRtp, StatsId, StatsReport, StatsType,
};

pub(crate) use self::meters::{
    Arrival, AudioDecoderMeter, DecoderMeter, EncodedPicture, EncoderMeter, SourceMeter,
    VideoDecoderMeter,
};
use crate::receiving::Receiver;
use crate::sender::Sender;
use crate::transceivers::{Transceiver, Transceivers};

/// Adds to the report of a session what only its transceivers know.
pub(crate) fn complete(now: Instant, transceivers: &Transceivers, report: &mut StatsReport) {
    let StatsReport {
        codecs,
        media_sources,
        inbound_rtp,
        outbound_rtp,
        ..
    } = report;
    for transceiver in transceivers.iter() {
        let (sender, receiver) = (&transceiver.sender, &transceiver.receiver);
        let source = media_source(now, transceiver);
        let sent = |stream: &&mut OutboundRtp| Some(stream.counters.sender) == sender.id;
        if let Some(stream) = outbound_rtp.iter_mut().find(sent) {
            stream.media_source_id = source.as_ref().map(|source| source.id);
            complete_outbound(now, sender, stream);
            describe(codecs, stream.codec_id, sender.parameters.as_ref());
        }
        media_sources.extend(source);
        let received =
            |stream: &&mut InboundRtp| receiver.layer(stream.counters.receiver).is_some();
        for stream in inbound_rtp.iter_mut().filter(received) {
            complete_inbound(now, receiver, stream);
            describe(codecs, stream.codec_id, receiver.parameters.as_ref());
        }
    }
}

/// The track that a sender has, whether or not it is sent.
fn media_source(now: Instant, transceiver: &Transceiver) -> Option<MediaSource> {
    let source = transceiver.sender.source.as_ref()?;
    // A track that comes again is another source.
    let identity = (transceiver.id, source.number);
    Some(MediaSource {
        id: StatsId::new(StatsType::MediaSource, identity),
        track_identifier: source.media.id().to_owned(),
        stats: source
            .meter
            .stats(now, source.media.kind(), source.media.frames_written()),
    })
}

fn complete_outbound(now: Instant, sender: &Sender, stream: &mut OutboundRtp) {
    // What pauses has no parameters; its stream stays.
    stream.active = Some(sender.parameters.is_some());
    stream.encoder = sender.meter.stats(now);
    let target = sender.meter.target_bitrate();
    if let Some(target) = target.filter(|_| sender.is_encoding()) {
        stream.counters.target_bitrate = u64::from(target);
    }
}

fn complete_inbound(now: Instant, receiver: &Receiver, stream: &mut InboundRtp) {
    stream.track_identifier = Some(receiver.track_id.clone());
    // Of a simulcast one layer is read.
    if !receiver.is_read(stream.counters.receiver) {
        return;
    }
    stream.counters.frames_dropped += receiver.frames_dropped();
    stream.decoder = receiver.meter.as_ref().map(|meter| meter.stats(now));
}

/// Adds to a codec what descriptions say of it.
fn describe(codecs: &mut [CodecStats], id: Option<StatsId>, parameters: Option<&RtpParameters>) {
    let stats = codecs.iter_mut().find(|codec| Some(codec.id) == id);
    let (Some(stats), Some(parameters)) = (stats, parameters) else {
        return;
    };
    let mut codecs = parameters.codecs.iter();
    let codec = codecs.find(|codec| codec.payload_type == stats.payload_type);
    if let Some(codec) = codec {
        stats.channels = (parameters.kind == MediaKind::Audio).then_some(codec.channels);
        let line = codec.parameters.to_string();
        stats.sdp_fmtp_line = (!line.is_empty()).then_some(line);
    }
}
