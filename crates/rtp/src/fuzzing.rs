//! Bodies of the fuzz targets.

use crate::extension::{
    AbsoluteCaptureTime, AbsoluteSendTime, AudioLevel, ColorSpace, CsrcAudioLevels,
    DependencyDescriptor, DependencyStructure, FrameMarking, HeaderExtension, Mid, PlayoutDelay,
    RepairedRid, Rid, TransmissionOffset, TransportSequence, TransportSequence2, VideoContentType,
    VideoLayersAllocation, VideoOrientation, VideoTiming,
};
use crate::rtcp::{RtcpPacket, check_compound, packets};
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

fn extension(value: &[u8], structure: &mut Option<DependencyStructure>) {
    round_trip::<Mid<'_>>(value);
    round_trip::<Rid<'_>>(value);
    round_trip::<RepairedRid<'_>>(value);
    round_trip::<AudioLevel>(value);
    round_trip::<CsrcAudioLevels<'_>>(value);
    round_trip::<AbsoluteSendTime>(value);
    round_trip::<TransmissionOffset>(value);
    round_trip::<AbsoluteCaptureTime>(value);
    round_trip::<TransportSequence>(value);
    round_trip::<TransportSequence2>(value);
    round_trip::<PlayoutDelay>(value);
    round_trip::<VideoOrientation>(value);
    round_trip::<VideoContentType>(value);
    round_trip::<VideoTiming>(value);
    round_trip::<ColorSpace>(value);
    round_trip::<VideoLayersAllocation>(value);
    round_trip::<FrameMarking>(value);
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

/// A value that parses can be written, and is no longer than an extension can be.
fn round_trip<'a, T: HeaderExtension<'a>>(value: &'a [u8]) {
    if let Some(parsed) = T::parse(value) {
        let mut written = Vec::new();
        parsed.write(&mut written);
        assert!(written.len() <= 255);
    }
}

/// Every packet of a compound is walked through to its last entry.
pub fn rtcp_compound(bytes: &[u8]) {
    let strict = check_compound(bytes, false);
    let reduced = check_compound(bytes, true);
    assert!(strict.is_err() || reduced.is_ok());
    for packet in packets(bytes).flatten() {
        walk(&packet);
    }
}

fn walk(packet: &RtcpPacket<'_>) {
    let mut written = Vec::new();
    let mut writer = RtcpWriter::new(&mut written);
    match packet {
        RtcpPacket::SenderReport(report) => {
            let reports: Vec<_> = report.reports.collect();
            writer.sender_report(report.ssrc, &report.info, &reports);
        }
        RtcpPacket::ReceiverReport(report) => {
            writer.receiver_report(report.ssrc, &report.reports.collect::<Vec<_>>());
        }
        RtcpPacket::Sdes(sdes) => sdes.chunks().for_each(|chunk| {
            chunk.items().for_each(drop);
            let _ = chunk.cname();
        }),
        RtcpPacket::Bye(bye) => writer.bye(&bye.sources().collect::<Vec<_>>(), bye.reason),
        RtcpPacket::App(app) => writer.app(app),
        RtcpPacket::ExtendedReport(report) => report.blocks().for_each(drop),
        RtcpPacket::Nack(nack) => {
            let missing: Vec<_> = nack.sequence_numbers().collect();
            writer.nack(nack.sender_ssrc, nack.media_ssrc, missing, usize::MAX);
        }
        RtcpPacket::TmmbRequest(request) => {
            writer.tmmbr(request.sender_ssrc, &request.entries().collect::<Vec<_>>());
        }
        RtcpPacket::TmmbNotification(limits) => {
            writer.tmmbn(limits.sender_ssrc, &limits.entries().collect::<Vec<_>>());
        }
        RtcpPacket::TransportFeedback(feedback) => {
            let count = feedback.statuses().count();
            assert_eq!(count, usize::from(feedback.status_count));
            let arrivals: Vec<_> = feedback.statuses().map(|status| status.arrival).collect();
            writer.transport_feedback(1, 2, feedback.base_sequence, 0, arrivals.into_iter());
        }
        RtcpPacket::CongestionFeedback(feedback) => {
            feedback
                .streams()
                .for_each(|stream| stream.metrics().for_each(drop));
        }
        RtcpPacket::Pli(pli) => writer.pli(pli.sender_ssrc, pli.media_ssrc),
        RtcpPacket::Sli(sli) => sli.entries().for_each(drop),
        RtcpPacket::Fir(fir) => writer.fir(fir.sender_ssrc, &fir.entries().collect::<Vec<_>>()),
        RtcpPacket::Lrr(lrr) => writer.lrr(lrr.sender_ssrc, &lrr.entries().collect::<Vec<_>>()),
        RtcpPacket::Remb(remb) => {
            writer.remb(
                remb.sender_ssrc,
                remb.bitrate,
                &remb.ssrcs().collect::<Vec<_>>(),
            );
        }
        RtcpPacket::Unknown {
            packet_type,
            count,
            body,
        } => writer.raw(*packet_type, *count, body),
    }
    for again in packets(&written) {
        again.expect("what was written parses");
    }
}
