//! What is written is read back: RTCP packets and header extensions of any values.

use gannet_rtp::extension::{
    AbsoluteCaptureTime, AbsoluteSendTime, AudioLevel, Chromaticity, ColorSpace, CsrcAudioLevels,
    DecodeTargetIndication, DependencyDescriptor, DependencyDescriptorHeader, DependencyStructure,
    DependencyTemplate, FeedbackRequest, FrameMarking, HdrMetadata, HeaderExtension, Mid,
    PlayoutDelay, RepairedRid, Rid, SpatialLayer, TransmissionOffset, TransportSequence,
    TransportSequence2, VideoContentType, VideoLayersAllocation, VideoOrientation, VideoTiming,
};
use gannet_rtp::rtcp::{
    App, Dlrr, FirEntry, LayerRefreshEntry, PacketMetric, ReportBlock, RtcpPacket, SdesItem,
    SdesKind, SenderInfo, SliceLoss, TmmbEntry, XrBlock, packets,
};
use gannet_rtp::{NtpTime, RtcpWriter};
use gannet_wire::Serial16;
use proptest::collection::vec;
use proptest::prelude::*;

/// The one packet that `write` writes.
fn written(write: impl FnOnce(&mut RtcpWriter<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut RtcpWriter::new(&mut bytes));
    assert!(bytes.len().is_multiple_of(4));
    assert_eq!(packets(&bytes).count(), 1);
    bytes
}

fn read(bytes: &[u8]) -> RtcpPacket<'_> {
    packets(bytes).next().unwrap().unwrap()
}

/// Reads a packet that must be of this variant.
macro_rules! read {
    ($bytes:expr, $variant:ident) => {
        match read($bytes) {
            RtcpPacket::$variant(packet) => packet,
            other => panic!("another packet: {other:?}"),
        }
    };
}

fn report_block() -> impl Strategy<Value = ReportBlock> {
    let lost = -0x80_0000..0x80_0000_i32;
    any::<(u32, u8, u32, u32, u32, u32)>()
        .prop_flat_map(move |values| (Just(values), lost.clone()))
        .prop_map(
            |((ssrc, fraction, highest, jitter, sr, delay), lost)| ReportBlock {
                ssrc,
                fraction_lost: fraction,
                cumulative_lost: lost,
                highest_sequence: highest,
                jitter,
                last_sr: sr,
                delay_since_last_sr: delay,
            },
        )
}

fn sdes_kind() -> impl Strategy<Value = SdesKind> {
    prop_oneof![
        Just(SdesKind::Cname),
        Just(SdesKind::Name),
        Just(SdesKind::Private),
        Just(SdesKind::RtpStreamId),
        Just(SdesKind::RepairedRtpStreamId),
        Just(SdesKind::Mid),
        (16_u8..).prop_map(SdesKind::Unknown),
    ]
}

fn metric() -> impl Strategy<Value = PacketMetric> {
    prop_oneof![
        Just(PacketMetric::Missing),
        (0_u8..4, 0_u16..0x2000).prop_map(|(ecn, offset)| PacketMetric::Received { ecn, offset }),
    ]
}

proptest! {
    #[test]
    fn reports(
        ssrc: u32, ntp: u64, timestamp: u32, packet_count: u32, octet_count: u32,
        blocks in vec(report_block(), 0..31),
    ) {
        let info = SenderInfo {
            ntp: NtpTime(ntp), timestamp: timestamp.into(), packet_count, octet_count,
        };
        let bytes = written(|writer| writer.sender_report(ssrc, &info, &blocks));
        let report = read!(&bytes, SenderReport);
        prop_assert_eq!((report.ssrc, report.info), (ssrc, info));
        prop_assert_eq!(report.reports.collect::<Vec<_>>(), &blocks[..]);
        let bytes = written(|writer| writer.receiver_report(ssrc, &blocks));
        let report = read!(&bytes, ReceiverReport);
        prop_assert_eq!(report.ssrc, ssrc);
        prop_assert_eq!(report.reports.collect::<Vec<_>>(), blocks);
    }

    #[test]
    fn descriptions_and_goodbyes(
        chunks in vec((any::<u32>(), vec((sdes_kind(), vec(any::<u8>(), 0..40)), 0..4)), 0..31),
        sources in vec(any::<u32>(), 0..31), reason in vec(any::<u8>(), 0..256),
    ) {
        let chunks: Vec<(u32, Vec<SdesItem<'_>>)> = chunks
            .iter()
            .map(|(ssrc, items)| {
                let items = items.iter().map(|(kind, text)| SdesItem { kind: *kind, text });
                (*ssrc, items.collect())
            })
            .collect();
        let borrowed: Vec<_> = chunks.iter().map(|(ssrc, items)| (*ssrc, &items[..])).collect();
        let bytes = written(|writer| writer.sdes(&borrowed));
        let read_back: Vec<_> = read!(&bytes, Sdes)
            .chunks()
            .map(|chunk| (chunk.ssrc, chunk.items().collect::<Vec<_>>()))
            .collect();
        prop_assert_eq!(read_back, chunks);

        let bytes = written(|writer| writer.bye(&sources, &reason));
        let bye = read!(&bytes, Bye);
        prop_assert_eq!(bye.sources().collect::<Vec<_>>(), sources);
        prop_assert_eq!(bye.reason, &reason[..]);
    }

    #[test]
    fn applications_and_extended_reports(
        subtype in 0_u8..32, ssrc: u32, name: [u8; 4], words in vec(any::<[u8; 4]>(), 0..20),
        time: u64, answers in vec(any::<(u32, u32, u32)>(), 0..20),
        block_type in 6_u8.., type_specific: u8,
    ) {
        let data = words.concat();
        let app = App { subtype, ssrc, name, data: &data };
        let bytes = written(|writer| writer.app(&app));
        prop_assert_eq!(read!(&bytes, App), app);

        let bytes = written(|writer| writer.receiver_reference_time(ssrc, NtpTime(time)));
        let report = read!(&bytes, ExtendedReport);
        prop_assert_eq!(report.ssrc, ssrc);
        prop_assert!(report.blocks().eq([XrBlock::ReceiverReferenceTime(NtpTime(time))]));
        let answers: Vec<_> = answers
            .into_iter()
            .map(|(ssrc, last_rr, delay)| Dlrr { ssrc, last_rr, delay })
            .collect();
        let bytes = written(|writer| writer.delay_since_last_rr(ssrc, &answers));
        match read!(&bytes, ExtendedReport).blocks().collect::<Vec<_>>()[..] {
            [XrBlock::DelaySinceLast(list)] => prop_assert_eq!(list.collect::<Vec<_>>(), answers),
            ref other => panic!("another block: {other:?}"),
        }
        let bytes =
            written(|writer| writer.extended_report(ssrc, block_type, type_specific, &data));
        let other = XrBlock::Other { block_type, type_specific, contents: &data };
        prop_assert!(read!(&bytes, ExtendedReport).blocks().eq([other]));
    }

    #[test]
    fn limits(
        ssrc: u32, mantissa in 0_u64..1 << 17, exponent in 0_u32..40, overhead in 0_u16..512,
        ssrcs in vec(any::<u32>(), 0..=255),
    ) {
        let bitrate = mantissa << exponent;
        let entry = TmmbEntry { ssrc, bitrate, overhead };
        let bytes = written(|writer| writer.tmmbr(1, &[entry, entry]));
        prop_assert!(read!(&bytes, TmmbRequest).entries().eq([entry, entry]));
        let bytes = written(|writer| writer.tmmbn(1, &[entry]));
        prop_assert!(read!(&bytes, TmmbNotification).entries().eq([entry]));
        let bytes = written(|writer| writer.remb(ssrc, bitrate, &ssrcs));
        let remb = read!(&bytes, Remb);
        prop_assert_eq!((remb.sender_ssrc, remb.bitrate), (ssrc, bitrate));
        prop_assert_eq!(remb.ssrcs().collect::<Vec<_>>(), ssrcs);
    }

    #[test]
    fn pictures(
        sender: u32, media: u32, sequence: u8, payload_type in 0_u8..128,
        target in (0_u8..8, 0_u8..64), current in prop::option::of((0_u8..8, 0_u8..64)),
        first in 0_u16..0x2000, number in 0_u16..0x2000, picture_id in 0_u8..64,
    ) {
        let bytes = written(|writer| writer.pli(sender, media));
        let pli = read!(&bytes, Pli);
        prop_assert_eq!((pli.sender_ssrc, pli.media_ssrc), (sender, media));
        let loss = SliceLoss { first, number, picture_id };
        let bytes = written(|writer| writer.sli(sender, media, &[loss, loss]));
        prop_assert!(read!(&bytes, Sli).entries().eq([loss, loss]));
        let command = FirEntry { ssrc: media, sequence };
        let bytes = written(|writer| writer.fir(sender, &[command]));
        prop_assert!(read!(&bytes, Fir).entries().eq([command]));
        let refresh = LayerRefreshEntry { ssrc: media, sequence, payload_type, target, current };
        let bytes = written(|writer| writer.lrr(sender, &[refresh]));
        prop_assert!(read!(&bytes, Lrr).entries().eq([refresh]));
    }

    #[test]
    fn congestion_feedback(
        sender: u32, time: u32,
        streams in vec((any::<u32>(), any::<u16>(), vec(metric(), 0..40)), 0..5),
    ) {
        let borrowed: Vec<_> = streams
            .iter()
            .map(|(ssrc, begin, metrics)| (*ssrc, Serial16(*begin), &metrics[..]))
            .collect();
        let bytes = written(|writer| writer.congestion_feedback(sender, &borrowed, time));
        let feedback = read!(&bytes, CongestionFeedback);
        prop_assert_eq!((feedback.sender_ssrc, feedback.report_timestamp), (sender, time));
        let read_back: Vec<_> = feedback
            .streams()
            .map(|stream| {
                let metrics = stream.metrics().map(|(_, metric)| metric);
                (stream.ssrc, stream.begin.0, metrics.collect::<Vec<_>>())
            })
            .collect();
        prop_assert_eq!(read_back, streams);
    }

    #[test]
    fn any_compound(bytes in vec(any::<u8>(), 0..200), types in vec((200_u8..=207, 0_u8..32), 1..4)) {
        let (mut compound, count) = (Vec::new(), types.len());
        for (packet_type, count) in types {
            let mut writer = RtcpWriter::new(&mut compound);
            writer.raw(packet_type, count, &bytes);
        }
        prop_assert_eq!(packets(&compound).count(), count);
        for packet in packets(&compound).flatten() {
            let _ = format!("{packet:?}");
        }
    }
}

/// Any value that parses is written, and reads the same.
fn any_value<'a, T>(value: &'a [u8], out: &'a mut Vec<u8>)
where
    T: HeaderExtension<'a> + PartialEq + std::fmt::Debug,
{
    if let Some(parsed) = T::parse(value) {
        parsed.write(out);
        assert_eq!(T::parse(out), Some(parsed));
    }
}

fn round_trip<T>(value: &T)
where
    T: for<'a> HeaderExtension<'a> + PartialEq + std::fmt::Debug,
{
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    assert_eq!(T::parse(&bytes).as_ref(), Some(value));
}

fn chromaticity() -> impl Strategy<Value = Chromaticity> {
    any::<(u16, u16)>().prop_map(|(x, y)| Chromaticity { x, y })
}

proptest! {
    #[test]
    fn extensions_of_any_bytes(value in vec(any::<u8>(), 0..36)) {
        any_value::<Mid<'_>>(&value, &mut Vec::new());
        any_value::<Rid<'_>>(&value, &mut Vec::new());
        any_value::<RepairedRid<'_>>(&value, &mut Vec::new());
        any_value::<AudioLevel>(&value, &mut Vec::new());
        any_value::<CsrcAudioLevels<'_>>(&value, &mut Vec::new());
        any_value::<AbsoluteSendTime>(&value, &mut Vec::new());
        any_value::<TransmissionOffset>(&value, &mut Vec::new());
        any_value::<AbsoluteCaptureTime>(&value, &mut Vec::new());
        any_value::<TransportSequence>(&value, &mut Vec::new());
        any_value::<TransportSequence2>(&value, &mut Vec::new());
        any_value::<PlayoutDelay>(&value, &mut Vec::new());
        any_value::<VideoOrientation>(&value, &mut Vec::new());
        any_value::<VideoContentType>(&value, &mut Vec::new());
        any_value::<VideoTiming>(&value, &mut Vec::new());
        any_value::<ColorSpace>(&value, &mut Vec::new());
        any_value::<VideoLayersAllocation>(&value, &mut Vec::new());
        any_value::<FrameMarking>(&value, &mut Vec::new());
    }

    #[test]
    fn times(ntp: u64, offset: Option<i64>, sequence: u16, timestamps: bool, count in 0_u16..0x8000, ms in any::<[u16; 5]>(), flags: u8) {
        let clock_offset = offset;
        round_trip(&AbsoluteCaptureTime { capture_time: NtpTime(ntp), clock_offset });
        let request = (count > 0).then_some(FeedbackRequest { timestamps, count });
        round_trip(&TransportSequence2 { sequence, request });
        let [encode_start, encode_finish, packetization_finish, pacer_exit, network] = ms;
        let mut bytes = Vec::new();
        let timing = VideoTiming {
            flags, encode_start, encode_finish, packetization_finish, pacer_exit, network,
            ..VideoTiming::default()
        };
        timing.write(&mut bytes);
        prop_assert_eq!(VideoTiming::parse(&bytes), Some(timing));
    }

    #[test]
    fn colors(
        four: [u8; 3], range in 0_u8..4, siting in (0_u8..4, 0_u8..4),
        hdr in prop::option::of((any::<[u16; 4]>(), [chromaticity(), chromaticity(), chromaticity(), chromaticity()])),
    ) {
        let [primaries, transfer, matrix] = four;
        let hdr = hdr.map(|([max, min, content, average], primaries)| HdrMetadata {
            luminance_max: max, luminance_min: min, primaries,
            max_content_light_level: content, max_frame_average_light_level: average,
        });
        round_trip(&ColorSpace {
            primaries, transfer, matrix, range,
            horizontal_siting: siting.0, vertical_siting: siting.1, hdr,
        });
    }

    #[test]
    fn layers_allocation(
        stream in 0_u8..4,
        layers in vec((0_u8..4, 0_u8..4, 1_u8..=4, any::<[u32; 4]>()), 0..12),
        resolution in prop::option::of((1_u32..=65536, 1_u32..=65536, any::<u8>())),
    ) {
        let streams = layers.iter().map(|layer| layer.0 + 1).max().unwrap_or(0).max(stream + 1);
        let mut allocation = VideoLayersAllocation::new(stream, if layers.is_empty() { 0 } else { streams });
        let mut layers = layers;
        layers.sort();
        for (stream, spatial_id, temporal_layers, mut bitrates) in layers {
            bitrates[usize::from(temporal_layers)..].fill(0);
            allocation.push(SpatialLayer { stream, spatial_id, temporal_layers, bitrates, resolution });
        }
        if !allocation.layers().is_empty() {
            round_trip(&allocation);
        }
    }
}

fn indication() -> impl Strategy<Value = DecodeTargetIndication> {
    prop_oneof![
        Just(DecodeTargetIndication::NotPresent),
        Just(DecodeTargetIndication::Discardable),
        Just(DecodeTargetIndication::Switch),
        Just(DecodeTargetIndication::Required),
    ]
}

prop_compose! {
    /// A structure of up to three spatial layers with up to three temporal layers each.
    fn structure()(
        targets in 1_usize..=6, spatial in 1_u8..=3, temporal in 1_u8..=3
    )(
        template_id_offset in 0_u8..64,
        chains in 0..=targets,
        picks in vec(any::<u8>(), targets),
        templates in vec(
            (vec(indication(), targets), vec(1_u16..=16, 0..4), vec(0_u8..16, targets)),
            usize::from(spatial * temporal),
        ),
        sizes in vec(any::<(u16, u16)>(), usize::from(spatial)),
        sized in any::<bool>(),
        targets in Just(targets), temporal in Just(temporal)
    ) -> DependencyStructure {
        let templates = templates.into_iter().zip(0_u8..).map(|((indications, frame_diffs, mut chain_diffs), at)| {
            chain_diffs.truncate(chains);
            DependencyTemplate {
                spatial_id: at / temporal, temporal_id: at % temporal,
                indications, frame_diffs, chain_diffs,
            }
        });
        DependencyStructure {
            template_id_offset,
            decode_targets: targets as u8,
            templates: templates.collect(),
            protected_by: match chains {
                0 => Vec::new(),
                _ => picks.iter().map(|pick| pick % chains as u8).collect(),
            },
            chains: chains as u8,
            resolutions: if sized { sizes } else { Vec::new() },
        }
    }
}

proptest! {
    #[test]
    fn dependency_descriptors(
        structure in structure(), start: bool, end: bool, frame_number: u16, pick: u8,
        active: Option<u32>,
        diffs in prop::option::of(vec(1_u16..=4096, 0..5)),
    ) {
        let at = usize::from(pick) % structure.templates.len();
        let mut dependencies = structure.templates[at].clone();
        if let Some(diffs) = diffs {
            dependencies.frame_diffs = diffs;
        }
        let header = DependencyDescriptorHeader {
            start_of_frame: start,
            end_of_frame: end,
            template_id: structure.template_id_offset.wrapping_add(at as u8) & 0x3f,
            frame_number,
        };
        let all = u32::MAX >> (32 - u32::from(structure.decode_targets));
        let first = DependencyDescriptor {
            header,
            structure: Some(structure.clone()),
            active_decode_targets: active.map(|bits| bits & all).filter(|bits| *bits != all),
            dependencies,
        };
        let later = DependencyDescriptor { structure: None, ..first.clone() };
        for (descriptor, known) in [(first, None), (later, Some(&structure))] {
            let mut bytes = Vec::new();
            descriptor.write(known, &mut bytes).unwrap();
            let read = DependencyDescriptor::parse(&bytes, known).unwrap();
            prop_assert_eq!(read.header, descriptor.header);
            prop_assert_eq!(&read.structure, &descriptor.structure);
            prop_assert_eq!(&read.dependencies, &descriptor.dependencies);
            let mut again = Vec::new();
            read.write(known, &mut again).unwrap();
            prop_assert_eq!(again, bytes);
        }
    }
}
