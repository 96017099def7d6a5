//! RTP headers, transport-wide feedback, and payloads, ours beside rtc-rtp and rtc-rtcp.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gannet_bench::repeated;
use gannet_rtp::extension::{
    AbsoluteSendTime, ExtensionKind, ExtensionMap, Mid, TransportSequence,
};
use gannet_rtp::rtcp::{RtcpPacket, packets};
use gannet_rtp::{RtcpWriter, RtpHeader, RtpPacket, RtpWriter};
use gannet_rtp_payload::{Depacketizer, FrameMetadata, PacketizationMode, PayloadFormat};
use rtc_rtp::packetizer::{Depacketizer as _, Payloader};
use rtc_shared::marshal::{Marshal, MarshalSize, Unmarshal};

fn header() -> RtpHeader {
    RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 7.into(),
        timestamp: 3000.into(),
        ssrc: 0xdead_beef,
    }
}

fn extension_map() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::Mid).unwrap();
    map.insert(2, ExtensionKind::AbsoluteSendTime).unwrap();
    map.insert(3, ExtensionKind::TransportSequence).unwrap();
    map
}

/// What goes into a header; opaque to the compiler, as it is for whoever sends packets.
struct Values {
    header: RtpHeader,
    mid: Mid<'static>,
    time: AbsoluteSendTime,
    number: TransportSequence,
}

fn write_header(buffer: &mut Vec<u8>, map: &ExtensionMap, values: &Values) {
    buffer.clear();
    let mut writer = RtpWriter::new(buffer, &values.header);
    writer.extension(map, &values.mid);
    writer.extension(map, &values.time);
    writer.extension(map, &values.number);
    writer.finish_header();
}

fn headers(c: &mut Criterion) {
    let map = extension_map();
    let values = black_box(Values {
        header: header(),
        mid: Mid::new("0").unwrap(),
        time: AbsoluteSendTime(0x01_0203),
        number: TransportSequence(0x0405),
    });
    let mut buffer = Vec::with_capacity(64);
    write_header(&mut buffer, &map, &values);
    let packet = Bytes::copy_from_slice(&buffer);

    let mut group = c.benchmark_group("rtp/parse a header with three extensions");
    group.bench_function("gannet, the header", |b| {
        b.iter_custom(|n| repeated(n, || RtpPacket::parse(black_box(&packet)).unwrap()));
    });
    group.bench_function("gannet, and each extension", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                let packet = RtpPacket::parse(black_box(&packet)).unwrap();
                let mid: Option<Mid<'_>> = packet.extension(&map);
                let time: Option<AbsoluteSendTime> = packet.extension(&map);
                let number: Option<TransportSequence> = packet.extension(&map);
                (
                    packet.header(),
                    mid.unwrap().as_str().len(),
                    time.unwrap(),
                    number.unwrap(),
                )
            })
        });
    });
    group.bench_function("rtc-rtp, the header", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                rtc_rtp::Header::unmarshal(&mut black_box(&packet).clone()).unwrap()
            })
        });
    });
    group.finish();

    let mut group = c.benchmark_group("rtp/write a header with three extensions");
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| repeated(n, || write_header(&mut buffer, &map, &values)));
    });
    let header = rtc_rtp::Header::unmarshal(&mut packet.clone()).unwrap();
    let mut room = BytesMut::zeroed(header.marshal_size());
    group.bench_function("rtc-rtp, its values encoded before", |b| {
        b.iter_custom(|n| repeated(n, || header.marshal_to(&mut room).unwrap()));
    });
    group.finish();
    assert_eq!(room[..], buffer[..], "they write the same");
}

/// Feedback on 100 packets, of which every twentieth is missing, with one late arrival.
fn feedback(c: &mut Criterion) {
    let arrivals = (0..100).map(|i| (i % 20 != 19).then_some(i * 9 + if i > 50 { 400 } else { 0 }));
    let mut packet = Vec::new();
    RtcpWriter::new(&mut packet).transport_feedback(1, 2, 65_500.into(), 3, arrivals);
    let packet = Bytes::from(packet);
    let mut group = c.benchmark_group("rtcp/parse transport-wide feedback on 100 packets");
    group.bench_function("gannet, and each arrival", |b| {
        b.iter_custom(|n| {
            repeated(n, || match packets(black_box(&packet)).next() {
                Some(Ok(RtcpPacket::TransportFeedback(feedback))) => feedback
                    .statuses()
                    .filter_map(|status| status.arrival)
                    .fold(0, |sum, arrival| sum ^ arrival),
                other => panic!("{other:?}"),
            })
        });
    });
    group.bench_function("rtc-rtcp", |b| {
        use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
        b.iter_custom(|n| {
            repeated(n, || {
                TransportLayerCc::unmarshal(&mut black_box(&packet).clone()).unwrap()
            })
        });
    });
    group.finish();
}

const FRAME_LEN: usize = 50_000;
const MAX_PAYLOAD: usize = 1_200;

/// A frame whose data looks random, as compressed data does, without start codes.
fn frame(start: &[u8]) -> Bytes {
    let mut state = 1_u32;
    let random = std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 | 1
    });
    start
        .iter()
        .copied()
        .chain(random)
        .take(FRAME_LEN)
        .collect()
}

fn payloads(
    c: &mut Criterion,
    name: &str,
    format: PayloadFormat,
    start: &[u8],
    mut payloader: impl Payloader,
    depacketize: impl Fn(&[Bytes], &mut Vec<u8>),
) {
    let frame = frame(start);
    let mut group = c.benchmark_group(format!("payload/{name}, packetize 50 kB"));
    group.throughput(Throughput::Bytes(FRAME_LEN as u64));
    let mut packetizer = format.packetizer(1);
    let mut out = Vec::with_capacity(MAX_PAYLOAD);
    let metadata = FrameMetadata::default();
    let mut ours = Vec::new();
    packetizer
        .begin(frame.clone(), &metadata, MAX_PAYLOAD)
        .unwrap();
    while packetizer.next_payload(&mut out).is_some() {
        ours.push(Bytes::from(std::mem::take(&mut out)));
    }
    group.bench_function("gannet", |b| {
        out.reserve(MAX_PAYLOAD);
        b.iter_custom(|n| {
            repeated(n, || {
                packetizer
                    .begin(frame.clone(), &metadata, MAX_PAYLOAD)
                    .unwrap();
                while packetizer.next_payload(&mut out).is_some() {
                    black_box(&out);
                    out.clear();
                }
            })
        });
    });
    group.bench_function("rtc-rtp", |b| {
        b.iter_custom(|n| repeated(n, || payloader.payload(MAX_PAYLOAD, &frame).unwrap()));
    });
    group.finish();

    let theirs = payloader.payload(MAX_PAYLOAD, &frame).unwrap();
    let mut group = c.benchmark_group(format!("payload/{name}, depacketize 50 kB"));
    group.throughput(Throughput::Bytes(FRAME_LEN as u64));
    let mut out = Vec::with_capacity(2 * FRAME_LEN);
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                out.clear();
                let mut payloads = ours.iter().map(|payload| &payload[..]);
                format.assemble(&mut payloads, &mut out).unwrap();
                black_box(&out);
            })
        });
    });
    assert!(out.len() >= FRAME_LEN);
    group.bench_function("rtc-rtp, copied into a frame", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                out.clear();
                depacketize(&theirs, &mut out);
                black_box(&out);
            })
        });
    });
    assert!(out.len() >= FRAME_LEN - 100, "{}", out.len());
    group.finish();
}

fn vp8(c: &mut Criterion) {
    use rtc_rtp::codec::vp8::{Vp8Packet, Vp8Payloader};
    let mut payloader = Vp8Payloader::default();
    payloader.enable_picture_id = true;
    payloads(
        c,
        "VP8",
        PayloadFormat::Vp8,
        &[0x10],
        payloader,
        |payloads, out| {
            for payload in payloads {
                out.extend_from_slice(&Vp8Packet::default().depacketize(payload).unwrap());
            }
        },
    );
}

fn h264(c: &mut Criterion) {
    use rtc_rtp::codec::h264::{H264Packet, H264Payloader};
    let format = PayloadFormat::H264(PacketizationMode::NonInterleaved);
    let start = [0, 0, 0, 1, 0x65, 0x88];
    let payloader = H264Payloader::default();
    payloads(c, "H.264", format, &start, payloader, |payloads, out| {
        let mut depacketizer = H264Packet::default();
        for payload in payloads {
            out.extend_from_slice(&depacketizer.depacketize(payload).unwrap());
        }
    });
}

criterion_group!(benches, headers, feedback, vp8, h264);
criterion_main!(benches);
