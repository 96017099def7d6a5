//! Cutting a frame allocates nothing per payload.

use bytes::Bytes;
use gannet_alloc_count::allocations;
use gannet_rtp_payload::{Depacketizer, FrameMetadata, PacketizationMode, PayloadFormat};

fn frame(format: PayloadFormat) -> Bytes {
    let mut frame = match format {
        PayloadFormat::H264(_) => vec![
            0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 0x88,
        ],
        PayloadFormat::H265 => vec![0, 0, 0, 1, 0x40, 1, 9, 0, 0, 1, 0x26, 1, 0xaf],
        PayloadFormat::Av1 => vec![0x12, 0, 0x0a, 1, 7, 0x30],
        PayloadFormat::Vp9 => vec![0x86],
        _ => vec![0x11],
    };
    frame.resize(50_000, 0x55);
    frame.into()
}

const FORMATS: [PayloadFormat; 5] = [
    PayloadFormat::Vp8,
    PayloadFormat::Vp9,
    PayloadFormat::H264(PacketizationMode::NonInterleaved),
    PayloadFormat::H265,
    PayloadFormat::Av1,
];

#[test]
fn nothing_is_allocated_per_payload() {
    for format in FORMATS {
        let mut packetizer = format.packetizer(1);
        let mut out = Vec::with_capacity(1500);
        let mut cut = |frame: Bytes| {
            let begun = packetizer.begin(frame, &FrameMetadata::default(), 1200);
            begun.expect("it can be sent");
            let mut payloads = 0;
            while packetizer.next_payload(&mut out).is_some() {
                payloads += 1;
                out.clear();
            }
            payloads
        };
        let frame = frame(format);
        // The first frame sizes the list of units, which later ones find ready.
        assert!(cut(frame.clone()) > 40);
        assert_eq!(allocations(|| assert!(cut(frame) > 40)), 0, "{format:?}");
    }
}

#[test]
fn nothing_is_allocated_to_look_at_a_payload_or_to_assemble_into_a_large_buffer() {
    for format in FORMATS {
        let mut packetizer = format.packetizer(1);
        let metadata = FrameMetadata::default();
        packetizer
            .begin(frame(format), &metadata, 1200)
            .expect("it can be sent");
        let mut payloads = Vec::new();
        let mut payload = Vec::new();
        while packetizer.next_payload(&mut payload).is_some() {
            payloads.push(std::mem::take(&mut payload));
        }
        let mut out = Vec::with_capacity(100_000);
        let count = allocations(|| {
            for payload in &payloads {
                format.inspect(payload).expect("a payload");
            }
            let mut payloads = payloads.iter().map(Vec::as_slice);
            format.assemble(&mut payloads, &mut out).expect("a frame");
        });
        assert_eq!(count, 0, "{format:?}");
        assert!(out.len() > 49_000);
    }
}
