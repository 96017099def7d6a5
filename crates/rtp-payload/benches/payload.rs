//! Cutting, looking at, and assembling a frame of 50 kB.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gannet_rtp_payload::{Depacketizer, FrameMetadata, PacketizationMode, PayloadFormat};

const LEN: usize = 50_000;
const MAX_PAYLOAD: usize = 1_200;

const FORMATS: [(&str, PayloadFormat, &[u8]); 5] = [
    ("VP8", PayloadFormat::Vp8, &[0x11]),
    ("VP9", PayloadFormat::Vp9, &[0x86]),
    (
        "H264",
        PayloadFormat::H264(PacketizationMode::NonInterleaved),
        &[
            0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65, 0x88,
        ],
    ),
    (
        "H265",
        PayloadFormat::H265,
        &[0, 0, 0, 1, 0x40, 1, 9, 0, 0, 0, 1, 0x26, 1, 0xaf],
    ),
    ("AV1", PayloadFormat::Av1, &[0x0a, 1, 7, 0x30]),
];

/// A frame whose data looks random, as compressed data does, without start codes.
fn frame(start: &[u8]) -> Bytes {
    let mut state = 1_u32;
    let random = std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 | 1
    });
    start.iter().copied().chain(random).take(LEN).collect()
}

fn formats(criterion: &mut Criterion) {
    for (name, format, start) in FORMATS {
        let frame = frame(start);
        let mut packetizer = format.packetizer(1);
        let mut out = Vec::with_capacity(MAX_PAYLOAD);
        let mut payloads = Vec::new();
        let metadata = FrameMetadata::default();
        packetizer
            .begin(frame.clone(), &metadata, MAX_PAYLOAD)
            .expect("it can be sent");
        while packetizer.next_payload(&mut out).is_some() {
            payloads.push(std::mem::take(&mut out));
        }

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(LEN as u64));
        group.bench_function("packetize", |bencher| {
            bencher.iter(|| {
                packetizer
                    .begin(frame.clone(), &metadata, MAX_PAYLOAD)
                    .expect("it can be sent");
                let mut count = 0;
                while packetizer.next_payload(&mut out).is_some() {
                    out.clear();
                    count += 1;
                }
                count
            });
        });
        group.bench_function("inspect", |bencher| {
            bencher.iter(|| {
                payloads
                    .iter()
                    .filter(|payload| format.inspect(payload).is_ok())
                    .count()
            });
        });
        let mut assembled = Vec::with_capacity(2 * LEN);
        group.bench_function("assemble", |bencher| {
            bencher.iter(|| {
                assembled.clear();
                let mut payloads = payloads.iter().map(Vec::as_slice);
                format.assemble(&mut payloads, &mut assembled)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, formats);
criterion_main!(benches);
