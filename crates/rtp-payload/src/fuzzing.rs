//! The bodies of the fuzz targets: each takes any bytes, and panics where this crate breaks a
//! promise.

use gannet_wire::Reader;

use crate::{
    ComfortNoise, Depacketizer, FrameMetadata, OpusPacket, PacketizationMode, PayloadError,
    PayloadFormat, Reassembler, RedBlocks, RtxPayload, TelephoneEvent, Vp8Descriptor,
    Vp9Descriptor, Vp9ScalabilityStructure, parameter_sets,
};

/// Bytes as payloads (each behind its length), and as a frame.
pub fn payloads_and_frames(format: PayloadFormat, data: &[u8]) {
    payloads(format, data);
    if let Some((max, frame)) = data.split_first() {
        frames(format, frame, usize::from(*max).saturating_mul(4));
    }
}

/// Whatever the payloads are: no panic, no frame that is out of proportion, and nothing left of a
/// failure.
fn payloads(format: PayloadFormat, data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut payloads = Vec::new();
    while let Ok(payload) = reader.prefixed_u8("payload") {
        payloads.push(payload.as_slice());
    }
    payloads.push(reader.as_slice());
    for payload in &payloads {
        let _ = format.inspect(payload);
    }
    let mut out = vec![0xee];
    let assembled = format.assemble(&mut payloads.iter().copied(), &mut out);
    assert_eq!(out.first(), Some(&0xee), "what was there stays there");
    assert_eq!(assembled.is_ok(), out.len() > 1);
    assert!(out.len() <= data.len().saturating_mul(3).saturating_add(16));
    if assembled.is_ok()
        && let Some(first) = payloads.first()
        && let Ok(info) = format.inspect(first)
    {
        assert_ne!(
            info.starts_frame,
            Some(false),
            "a frame begins with its start"
        );
    }
}

/// A frame that can be cut comes out as one that comes out the same again.
fn frames(format: PayloadFormat, frame: &[u8], max: usize) {
    let once = cut_and_assemble(format, frame, max);
    if let Some(once) = once {
        let again = cut_and_assemble(format, &once, max);
        assert_eq!(again.as_ref(), Some(&once));
    }
}

fn cut_and_assemble(format: PayloadFormat, frame: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut packetizer = format.packetizer(1);
    packetizer
        .begin(frame.to_vec().into(), &FrameMetadata::default(), max)
        .ok()?;
    let mut payloads = Vec::new();
    let mut payload = Vec::new();
    let mut ended = false;
    while let Some(written) = packetizer.next_payload(&mut payload) {
        assert!(!ended && !payload.is_empty() && payload.len() <= max);
        ended = written.marker;
        let info = format.inspect(&payload);
        assert!(info.is_ok(), "what was written can be read: {info:?}");
        payloads.push(std::mem::take(&mut payload));
    }
    assert!(ended || !format.is_video());
    let mut out = Vec::new();
    let assembled = format.assemble(&mut payloads.iter().map(Vec::as_slice), &mut out);
    match (assembled, format) {
        (Ok(()), _) => Some(out),
        // The frame itself begins with another slice than the first.
        (Err(PayloadError::Hole { .. }), PayloadFormat::H264(_) | PayloadFormat::H265) => None,
        (Err(error), _) => panic!("{error}"),
    }
}

/// Packets of any kind and order into a reassembler: bounded memory, frames in order.
pub fn reassembler(data: &[u8]) {
    let mut reader = Reader::new(data);
    let format = match reader.u8("format").unwrap_or(0) % 6 {
        0 => PayloadFormat::Vp8,
        1 => PayloadFormat::Av1,
        2 => PayloadFormat::H265,
        3 => PayloadFormat::H264(PacketizationMode::NonInterleaved),
        4 => PayloadFormat::Vp9,
        _ => PayloadFormat::Opus,
    };
    let mut reassembler = Reassembler::new(format);
    let mut out = Vec::new();
    while let (Ok(command), Ok(sequence)) = (reader.u8("command"), reader.u16("sequence")) {
        let timestamp = u32::from(command >> 4);
        if let Ok(payload) = reader.prefixed_u8("payload") {
            reassembler.push(sequence, timestamp, command & 1 != 0, payload.as_slice());
        }
        if command & 2 != 0 {
            reassembler.skip();
        }
        if command & 4 != 0 {
            while let Some(info) = reassembler.poll(&mut out) {
                assert!(info.packets > 0 && !out.is_empty());
                out.clear();
            }
        }
        assert!(reassembler.waiting_bytes() <= data.len());
    }
}

/// The small parsers: what they read, they write again.
pub fn small_formats(data: &[u8]) {
    let _ = OpusPacket::parse(data);
    if let Ok(packet) = OpusPacket::parse(data) {
        assert!(packet.samples() <= 5_760 && packet.samples() > 0);
    }
    if let Ok(blocks) = RedBlocks::parse(data) {
        let blocks: Vec<_> = blocks.collect();
        assert_eq!(blocks.iter().filter(|block| block.primary).count(), 1);
        let total: usize = blocks.iter().map(|block| block.data.len()).sum();
        assert!(total < data.len());
    }
    let mut out = Vec::new();
    if let Ok(rtx) = RtxPayload::parse(data) {
        rtx.write(&mut out);
        assert_eq!(out, data);
    }
    if let Ok(noise) = ComfortNoise::parse(data) {
        out.clear();
        noise.write(&mut out);
        assert_eq!(ComfortNoise::parse(&out), Ok(noise));
    }
    if let Ok(event) = TelephoneEvent::parse(&mut Reader::new(data)) {
        out.clear();
        event.write(&mut out);
        assert_eq!(TelephoneEvent::parse(&mut Reader::new(&out)), Ok(event));
    }
    if let Ok(descriptor) = Vp8Descriptor::parse(&mut Reader::new(data)) {
        out.clear();
        descriptor.write(&mut out);
        let again = Vp8Descriptor::parse(&mut Reader::new(&out));
        assert_eq!(again, Ok(descriptor));
    }
    if let Ok(descriptor) = Vp9Descriptor::parse(&mut Reader::new(data)) {
        out.clear();
        descriptor.write(&mut out);
        let again = Vp9Descriptor::parse(&mut Reader::new(&out));
        assert_eq!(again, Ok(descriptor));
        if let Some(structure) = descriptor.structure {
            let parsed = Vp9ScalabilityStructure::parse(structure);
            assert!(parsed.is_ok(), "what was skipped can be read: {parsed:?}");
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = parameter_sets(text);
    }
}
