//! Arbitrary frames at arbitrary sizes, over a network that loses, repeats and reorders: each frame
//! comes out whole, byte for byte, or not at all, and in order.

use std::collections::HashMap;

use gannet_rtp_payload::{
    ComfortNoise, Depacketizer, FrameMetadata, PacketizationMode, PayloadFormat, PictureId,
    Reassembler, RedBlocks, RedEncoder, References, RtxPayload, TelephoneEvent, Vp9Descriptor,
};
use proptest::collection::vec;
use proptest::prelude::*;

const VIDEO: [PayloadFormat; 5] = [
    PayloadFormat::Vp8,
    PayloadFormat::Vp9,
    PayloadFormat::H264(PacketizationMode::NonInterleaved),
    PayloadFormat::H265,
    PayloadFormat::Av1,
];

/// One packet as RTP would carry it.
#[derive(Clone, Debug)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// Turns arbitrary chunks of bytes into a frame that an encoder of this format could have written,
/// in the form in which the depacketizer writes it.
fn frame(format: PayloadFormat, chunks: &[Vec<u8>]) -> Vec<u8> {
    let plain = || chunks.concat();
    match format {
        PayloadFormat::Vp9 => [&[0x86][..], &plain()].concat(),
        PayloadFormat::Vp8 => [&[0x11][..], &plain()].concat(),
        PayloadFormat::H264(_) => chunks
            .iter()
            .flat_map(|chunk| unit(&[0x41], chunk))
            .collect(),
        PayloadFormat::H265 => chunks
            .iter()
            .flat_map(|chunk| unit(&[0x02, 0x01], chunk))
            .collect(),
        PayloadFormat::Av1 => chunks.iter().flat_map(|chunk| obu(chunk)).collect(),
        _ => plain(),
    }
}

/// A first slice, without start codes inside, which does not end with zero.
fn unit(header: &[u8], chunk: &[u8]) -> Vec<u8> {
    let body = chunk.iter().map(|byte| byte | 0x81);
    [0, 0, 0, 1]
        .into_iter()
        .chain(header.iter().copied())
        .chain(body)
        .collect()
}

fn obu(chunk: &[u8]) -> Vec<u8> {
    let mut size = Vec::new();
    let mut left = chunk.len();
    while left > 0x7f {
        size.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    size.push(left as u8);
    [&[0x32][..], &size, chunk].concat()
}

/// Frames, and all of their packets.
fn send(format: PayloadFormat, frames: &[Vec<Vec<u8>>], max: usize) -> (Vec<Vec<u8>>, Vec<Packet>) {
    let mut packetizer = format.packetizer(0x7ffe);
    let frames: Vec<_> = frames.iter().map(|chunks| frame(format, chunks)).collect();
    let mut packets = Vec::new();
    let mut sequence = 65_500_u16;
    for (index, frame) in frames.iter().enumerate() {
        let metadata = FrameMetadata::default();
        packetizer
            .begin(frame.clone().into(), &metadata, max)
            .expect("it can be sent");
        let mut payload = Vec::new();
        let mut ended = false;
        while let Some(written) = packetizer.next_payload(&mut payload) {
            assert!(!ended, "nothing follows the marker");
            assert!(
                (1..=max).contains(&payload.len()),
                "{} of {max}",
                payload.len()
            );
            ended = written.marker;
            let payload = std::mem::take(&mut payload);
            packets.push(Packet {
                sequence,
                timestamp: index as u32 * 3000,
                marker: ended,
                payload,
            });
            sequence = sequence.wrapping_add(1);
        }
        assert!(ended && payload.is_empty());
    }
    (frames, packets)
}

fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let chunk = prop_oneof![
        3 => vec(any::<u8>(), 1..40),
        1 => vec(any::<u8>(), 100..3000),
    ];
    vec(chunk, 1..6)
}

/// What happens to each packet: lost, repeated, and by how many places it is late.
#[derive(Clone, Debug)]
struct Fate {
    lost: bool,
    repeated: bool,
    late: usize,
}

fn fate() -> impl Strategy<Value = Fate> {
    (
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
        prop_oneof![3 => Just(0), 1 => 0_usize..5],
    )
        .prop_map(|(lost, repeated, late)| Fate {
            lost,
            repeated,
            late,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn without_loss_every_frame_arrives(
        format in prop::sample::select(&VIDEO),
        frames in vec(chunks(), 1..4),
        max in 24_usize..1500,
    ) {
        let (frames, packets) = send(format, &frames, max);
        for (index, frame) in frames.iter().enumerate() {
            let timestamp = index as u32 * 3000;
            let own = packets.iter().filter(|packet| packet.timestamp == timestamp);
            let mut out = vec![0xee];
            format.assemble(&mut own.map(|packet| packet.payload.as_slice()), &mut out)?;
            prop_assert_eq!(out[0], 0xee);
            prop_assert_eq!(&out[1..], frame.as_slice());
        }
    }

    #[test]
    fn over_a_bad_network_a_frame_arrives_whole_or_not_at_all(
        format in prop::sample::select(&VIDEO),
        frames in vec(chunks(), 1..8),
        max in 24_usize..1500,
        fates in vec(fate(), 64),
        patience in 0_usize..10,
    ) {
        let (frames, packets) = send(format, &frames, max);
        let mut arriving: Vec<(usize, Packet)> = Vec::new();
        let mut lost = false;
        for (place, (packet, fate)) in packets.iter().zip(fates.iter().cycle()).enumerate() {
            lost |= fate.lost;
            if !fate.lost {
                arriving.push((place + fate.late, packet.clone()));
                if fate.repeated {
                    arriving.push((place + 2, packet.clone()));
                }
            }
        }
        arriving.sort_by_key(|(place, _)| *place);

        let mut reassembler = Reassembler::new(format);
        let mut received: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut waited = 0;
        for (_, packet) in &arriving {
            reassembler.push(packet.sequence, packet.timestamp, packet.marker, &packet.payload);
            let mut out = Vec::new();
            while let Some(info) = reassembler.poll(&mut out) {
                received.push((info.timestamp, std::mem::take(&mut out)));
                waited = 0;
            }
            waited += 1;
            // Sometimes impatient: even then no frame may be damaged.
            if patience > 0 && waited > patience * 8 && reassembler.skip() {
                waited = 0;
            }
        }
        let mut out = Vec::new();
        while { while let Some(info) = reassembler.poll(&mut out) {
            received.push((info.timestamp, std::mem::take(&mut out)));
        } reassembler.skip() } {}

        prop_assert!(received.iter().map(|(timestamp, _)| *timestamp).is_sorted_by(|a, b| a < b));
        for (timestamp, frame) in &received {
            prop_assert_eq!(frame, &frames[*timestamp as usize / 3000]);
        }
        let in_order = arriving.first().is_some_and(|(_, packet)| packet.sequence == 65_500);
        if !lost && patience == 0 && in_order {
            // Where a format cannot tell that a frame begins, the first one may be taken for the
            // end of another.
            let surely = matches!(format, PayloadFormat::Vp8 | PayloadFormat::Vp9);
            prop_assert!(received.len() + usize::from(!surely) >= frames.len());
        }
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(
        format in prop::sample::select(&VIDEO),
        payloads in vec(vec(any::<u8>(), 0..60), 1..10),
        first in prop::option::of(any::<u8>()),
    ) {
        let mut payloads = payloads;
        if let Some((first, byte)) = first.zip(payloads[0].first_mut()) {
            *byte = first;
        }
        let total: usize = payloads.iter().map(Vec::len).sum();
        for payload in &payloads {
            let _ = format.inspect(payload);
        }
        let mut out = Vec::new();
        let assembled = format.assemble(&mut payloads.iter().map(Vec::as_slice), &mut out);
        prop_assert!(assembled.is_ok() || out.is_empty());
        prop_assert!(out.len() <= total * 3 + 16, "{} of {total}", out.len());
    }

    #[test]
    fn vp9_layers_round_trip(
        layers in vec((0_u8..3, 1_usize..300), 1..6),
        max in 40_usize..400,
    ) {
        let mut packetizer = PayloadFormat::Vp9.packetizer(3);
        let mut payloads = Vec::new();
        let mut whole = Vec::new();
        let last = layers.len() - 1;
        for (spatial_id, (temporal_id, len)) in layers.iter().enumerate() {
            let metadata = FrameMetadata {
                temporal_id: Some(*temporal_id),
                spatial_id: Some(spatial_id as u8),
                inter_layer: spatial_id > 0,
                references: References::NONE,
                end_of_picture: spatial_id == last,
                ..FrameMetadata::default()
            };
            let frame = [&[0x86][..], &vec![spatial_id as u8; *len]].concat();
            whole.extend(&frame);
            packetizer.begin(frame.into(), &metadata, max).expect("it can be sent");
            let mut payload = Vec::new();
            while packetizer.next_payload(&mut payload).is_some() {
                payloads.push(std::mem::take(&mut payload));
            }
        }
        let mut out = Vec::new();
        PayloadFormat::Vp9.assemble(&mut payloads.iter().map(Vec::as_slice), &mut out)?;
        prop_assert_eq!(out, whole);
        for payload in &payloads {
            let info = PayloadFormat::Vp9.inspect(payload)?;
            prop_assert_eq!(info.picture_id, Some(PictureId::Fifteen(3)));
        }
    }

    #[test]
    fn redundant_audio_brings_back_single_losses(
        frames in vec(vec(any::<u8>(), 0..200), 2..20),
        copies in 1_u8..4,
        lost in 0_usize..19,
    ) {
        let mut encoder = RedEncoder::new(111, copies);
        let mut received: HashMap<u32, Vec<u8>> = HashMap::new();
        for (index, frame) in frames.iter().enumerate() {
            let timestamp = (index as u32).wrapping_mul(960);
            let mut payload = Vec::new();
            encoder.encode(timestamp, frame, 1200, &mut payload);
            prop_assert!(payload.len() <= 1200);
            if index == lost {
                continue;
            }
            for block in RedBlocks::parse(&payload)? {
                let then = timestamp - u32::from(block.timestamp_offset);
                received.insert(then, block.data.to_vec());
            }
        }
        for (index, frame) in frames.iter().enumerate() {
            if index != lost || lost < frames.len() - 1 {
                prop_assert_eq!(received.get(&(index as u32 * 960)), Some(frame));
            }
        }
    }

    #[test]
    fn small_formats_round_trip(
        event: u8, end: bool, volume in 0_u8..64, duration: u16,
        level in 0_u8..128, sequence: u16, data in vec(any::<u8>(), 0..50),
    ) {
        let mut bytes = Vec::new();
        let report = TelephoneEvent { event, end, volume, duration };
        report.write(&mut bytes);
        let mut reader = gannet_wire::Reader::new(&bytes);
        prop_assert_eq!(TelephoneEvent::parse(&mut reader), Ok(report));
        bytes.clear();
        let noise = ComfortNoise { level, reflection_coefficients: &data };
        noise.write(&mut bytes);
        prop_assert_eq!(ComfortNoise::parse(&bytes), Ok(noise));
        bytes.clear();
        let again = RtxPayload { original_sequence_number: sequence, payload: &data };
        again.write(&mut bytes);
        prop_assert_eq!(RtxPayload::parse(&bytes), Ok(again));
    }

    #[test]
    fn small_parsers_take_any_bytes(bytes in vec(any::<u8>(), 0..50)) {
        if let Ok(blocks) = RedBlocks::parse(&bytes) {
            let total: usize = blocks.map(|block| block.data.len()).sum();
            prop_assert!(total < bytes.len());
        }
        let _ = RtxPayload::parse(&bytes);
        let mut reader = gannet_wire::Reader::new(&bytes);
        if let Ok(descriptor) = Vp9Descriptor::parse(&mut reader) {
            let mut written = Vec::new();
            descriptor.write(&mut written);
            let mut again = gannet_wire::Reader::new(&written);
            prop_assert_eq!(Vp9Descriptor::parse(&mut again)?, descriptor);
        }
    }
}
