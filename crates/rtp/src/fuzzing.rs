//! Bodies of the fuzz targets.

use std::collections::BTreeSet;

use crate::extension::{
    AbsoluteCaptureTime, AbsoluteSendTime, AudioLevel, ColorSpace, CsrcAudioLevels,
    DependencyDescriptor, DependencyStructure, FrameMarking, HeaderExtension, Mid, PlayoutDelay,
    RepairedRid, Rid, TransmissionOffset, TransportSequence, TransportSequence2, VideoContentType,
    VideoLayersAllocation, VideoOrientation, VideoTiming,
};
use crate::rtcp::{
    ExtendedReport, RtcpPacket, SdesChunk, StreamMetrics, TmmbEntry, TransportFeedback, XrBlock,
    check_compound, packets,
};
use crate::{RtcpWriter, RtpPacket, RtpWriter};

/// A packet that parses is written again, and parses to the same.
pub fn rtp_packet(bytes: &[u8]) {
    let Ok(packet) = RtpPacket::parse(bytes) else {
        return;
    };
    let mut structure = None;
    for (_, value) in packet.extensions() {
        extension(value, &mut structure);
    }
    let mut written = Vec::new();
    let mut writer = RtpWriter::new(&mut written, &packet.header());
    writer.csrcs(packet.csrcs());
    let kept = packet
        .extensions()
        .filter(|(id, value)| writer.element(*id, value, true))
        .collect::<Vec<_>>();
    writer.padded_payload(packet.payload(), packet.padding_len());
    let again = RtpPacket::parse(&written).expect("what was written parses");
    assert_eq!(again.header(), packet.header());
    assert!(again.csrcs().eq(packet.csrcs()));
    assert!(again.extensions().eq(kept));
    assert_eq!(again.payload(), packet.payload());
    assert_eq!(again.padding_len(), packet.padding_len());
}

/// The value as each extension: what parses is written, and parses to the same.
fn extension(value: &[u8], structure: &mut Option<DependencyStructure>) {
    macro_rules! round_trips {
        ($($extension:ty),* $(,)?) => {$(
            if let Some(parsed) = <$extension>::parse(value) {
                let mut written = Vec::new();
                parsed.write(&mut written);
                assert!(written.len() <= 255);
                assert_eq!(<$extension>::parse(&written), Some(parsed));
            }
        )*};
    }
    round_trips!(
        Mid<'_>,
        Rid<'_>,
        RepairedRid<'_>,
        AudioLevel,
        CsrcAudioLevels<'_>,
        AbsoluteSendTime,
        TransmissionOffset,
        AbsoluteCaptureTime,
        TransportSequence,
        TransportSequence2,
        PlayoutDelay,
        VideoOrientation,
        VideoContentType,
        VideoTiming,
        ColorSpace,
        VideoLayersAllocation,
        FrameMarking,
    );
    if let Ok(descriptor) = DependencyDescriptor::parse(value, structure.as_ref()) {
        let mut written = Vec::new();
        descriptor
            .write(structure.as_ref(), &mut written)
            .expect("what was read can be written");
        let again = DependencyDescriptor::parse(&written, structure.as_ref());
        assert_eq!(again.as_ref(), Ok(&descriptor));
        *structure = descriptor.structure.or(structure.take());
    }
}

/// Every packet of a compound is walked through to its last entry; what was written of it says the same.
pub fn rtcp_compound(bytes: &[u8]) {
    let strict = check_compound(bytes, false);
    let reduced = check_compound(bytes, true);
    assert!(strict.is_err() || reduced.is_ok());
    for packet in packets(bytes).flatten() {
        if let RtcpPacket::ExtendedReport(report) = packet {
            extended_report(&report);
            continue;
        }
        let mut written = Vec::new();
        write(&packet, &mut RtcpWriter::new(&mut written));
        let again: Vec<_> = packets(&written).collect();
        match again[..] {
            [Ok(again)] => assert_eq!(summary(&again), summary(&packet)),
            // Lists that may be empty in what is received, and are not sent then.
            [] => {}
            _ => panic!("one packet is one packet: {again:?}"),
        }
    }
}

fn write(packet: &RtcpPacket<'_>, writer: &mut RtcpWriter<'_>) {
    match packet {
        RtcpPacket::SenderReport(report) => {
            let reports: Vec<_> = report.reports.collect();
            writer.sender_report(report.ssrc, &report.info, &reports);
        }
        RtcpPacket::ReceiverReport(report) => {
            writer.receiver_report(report.ssrc, &report.reports.collect::<Vec<_>>());
        }
        RtcpPacket::Sdes(sdes) => {
            let chunks: Vec<_> = sdes
                .chunks()
                .map(|chunk| (chunk.ssrc, chunk.items().collect::<Vec<_>>()))
                .collect();
            let chunks: Vec<_> = chunks
                .iter()
                .map(|(ssrc, items)| (*ssrc, &items[..]))
                .collect();
            writer.sdes(&chunks);
        }
        RtcpPacket::Bye(bye) => writer.bye(&bye.sources().collect::<Vec<_>>(), bye.reason),
        RtcpPacket::App(app) => writer.app(app),
        RtcpPacket::Nack(nack) => {
            let missing: Vec<_> = nack.sequence_numbers().collect();
            let covered = missing.len();
            let written = writer.nack(nack.sender_ssrc, nack.media_ssrc, missing, usize::MAX);
            assert_eq!(written, covered);
        }
        RtcpPacket::TmmbRequest(request) => {
            writer.tmmbr(request.sender_ssrc, &request.entries().collect::<Vec<_>>());
        }
        RtcpPacket::TmmbNotification(limits) => {
            writer.tmmbn(limits.sender_ssrc, &limits.entries().collect::<Vec<_>>());
        }
        RtcpPacket::TransportFeedback(feedback) => {
            let arrivals: Vec<_> = feedback.statuses().map(|status| status.arrival).collect();
            assert_eq!(arrivals.len(), usize::from(feedback.status_count));
            let (sender, media) = (feedback.sender_ssrc, feedback.media_ssrc);
            let count = feedback.feedback_count;
            let arrivals = arrivals.into_iter();
            writer.transport_feedback(sender, media, feedback.base_sequence, count, arrivals);
        }
        RtcpPacket::CongestionFeedback(feedback) => {
            let streams: Vec<_> = feedback
                .streams()
                .map(|stream| {
                    let metrics = stream.metrics().map(|(_, metric)| metric);
                    (stream.ssrc, stream.begin, metrics.collect::<Vec<_>>())
                })
                .collect();
            let streams: Vec<_> = streams
                .iter()
                .map(|(ssrc, begin, metrics)| (*ssrc, *begin, &metrics[..]))
                .collect();
            writer.congestion_feedback(feedback.sender_ssrc, &streams, feedback.report_timestamp);
        }
        RtcpPacket::Pli(pli) => writer.pli(pli.sender_ssrc, pli.media_ssrc),
        RtcpPacket::Sli(sli) => {
            let entries: Vec<_> = sli.entries().collect();
            writer.sli(sli.sender_ssrc, sli.media_ssrc, &entries);
        }
        RtcpPacket::Fir(fir) => writer.fir(fir.sender_ssrc, &fir.entries().collect::<Vec<_>>()),
        RtcpPacket::Lrr(lrr) => writer.lrr(lrr.sender_ssrc, &lrr.entries().collect::<Vec<_>>()),
        RtcpPacket::Remb(remb) => {
            let ssrcs: Vec<_> = remb.ssrcs().collect();
            writer.remb(remb.sender_ssrc, remb.bitrate, &ssrcs);
        }
        RtcpPacket::Unknown {
            packet_type,
            count,
            body,
        } => writer.raw(*packet_type, *count, body),
        RtcpPacket::ExtendedReport(_) => {}
    }
}

/// The writer has one block for each report.
fn extended_report(report: &ExtendedReport<'_>) {
    for block in report.blocks() {
        let mut written = Vec::new();
        let mut writer = RtcpWriter::new(&mut written);
        match block {
            XrBlock::ReceiverReferenceTime(time) => {
                writer.receiver_reference_time(report.ssrc, time);
            }
            XrBlock::DelaySinceLast(answers) => {
                writer.delay_since_last_rr(report.ssrc, &answers.collect::<Vec<_>>());
            }
            XrBlock::Other {
                block_type,
                type_specific,
                contents,
            } => writer.extended_report(report.ssrc, block_type, type_specific, contents),
        }
        match packets(&written).next() {
            Some(Ok(RtcpPacket::ExtendedReport(again))) => {
                assert_eq!(again.ssrc, report.ssrc);
                assert!(again.blocks().eq([block]));
            }
            other => panic!("no extended report: {other:?}"),
        }
    }
}

/// What a packet says, without how it says it.
fn summary(packet: &RtcpPacket<'_>) -> String {
    match packet {
        RtcpPacket::SenderReport(report) => {
            let reports: Vec<_> = report.reports.collect();
            format!("SR {} {:?} {reports:?}", report.ssrc, report.info)
        }
        RtcpPacket::ReceiverReport(report) => {
            format!(
                "RR {} {:?}",
                report.ssrc,
                report.reports.collect::<Vec<_>>()
            )
        }
        RtcpPacket::Sdes(sdes) => {
            let chunk = |chunk: SdesChunk<'_>| {
                let items: Vec<_> = chunk.items().collect();
                format!("{} {items:?} {:?}", chunk.ssrc, chunk.cname())
            };
            sdes.chunks().map(chunk).collect::<Vec<_>>().join(", ")
        }
        RtcpPacket::Bye(bye) => {
            format!(
                "BYE {:?} {:?}",
                bye.sources().collect::<Vec<_>>(),
                bye.reason
            )
        }
        RtcpPacket::Nack(nack) => {
            let missing: BTreeSet<_> = nack.sequence_numbers().map(|number| number.0).collect();
            format!("NACK {} {} {missing:?}", nack.sender_ssrc, nack.media_ssrc)
        }
        RtcpPacket::TmmbRequest(request) => {
            let entries: Vec<_> = request.entries().map(saturated).collect();
            format!("TMMBR {} {entries:?}", request.sender_ssrc)
        }
        RtcpPacket::TmmbNotification(limits) => {
            let entries: Vec<_> = limits.entries().map(saturated).collect();
            format!("TMMBN {} {entries:?}", limits.sender_ssrc)
        }
        RtcpPacket::TransportFeedback(feedback) => transport_feedback(feedback),
        RtcpPacket::CongestionFeedback(feedback) => {
            let stream = |stream: StreamMetrics<'_>| {
                format!("{} {:?}", stream.ssrc, stream.metrics().collect::<Vec<_>>())
            };
            let streams: Vec<_> = feedback.streams().map(stream).collect();
            let (sender, time) = (feedback.sender_ssrc, feedback.report_timestamp);
            format!("CCFB {sender} {time} {streams:?}")
        }
        RtcpPacket::Sli(sli) => {
            let entries: Vec<_> = sli.entries().collect();
            format!("SLI {} {} {entries:?}", sli.sender_ssrc, sli.media_ssrc)
        }
        RtcpPacket::Fir(fir) => {
            format!(
                "FIR {} {:?}",
                fir.sender_ssrc,
                fir.entries().collect::<Vec<_>>()
            )
        }
        RtcpPacket::Lrr(lrr) => {
            format!(
                "LRR {} {:?}",
                lrr.sender_ssrc,
                lrr.entries().collect::<Vec<_>>()
            )
        }
        RtcpPacket::Remb(remb) => {
            let ssrcs: Vec<_> = remb.ssrcs().collect();
            format!("REMB {} {} {ssrcs:?}", remb.sender_ssrc, most(remb.bitrate))
        }
        other => format!("{other:?}"),
    }
}

/// A bitrate above what 64 bits hold is read as the most that they do, which no mantissa gives exactly.
fn most(bitrate: u64) -> u64 {
    bitrate.min(1 << 62)
}

fn saturated(entry: TmmbEntry) -> TmmbEntry {
    TmmbEntry {
        bitrate: most(entry.bitrate),
        ..entry
    }
}

/// Missing packets at the end are not written, and a time before the first reference time wraps.
fn transport_feedback(feedback: &TransportFeedback<'_>) -> String {
    const WRAP: i64 = 256 << 24;
    let mut arrivals: Vec<_> = feedback
        .statuses()
        .map(|status| status.arrival.map(|time| time.rem_euclid(WRAP)))
        .collect();
    while arrivals.pop_if(|arrival| arrival.is_none()).is_some() {}
    let (sender, media) = (feedback.sender_ssrc, feedback.media_ssrc);
    let (base, count) = (feedback.base_sequence, feedback.feedback_count);
    format!("TWCC {sender} {media} {base} {count} {arrivals:?}")
}
