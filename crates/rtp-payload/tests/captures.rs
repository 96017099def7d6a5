//! Streams that FFmpeg has packetized (tests/data/README.md): what comes out is what its encoders
//! gave.

use gannet_rtp_payload::{
    Depacketizer, FrameMetadata, PacketizationMode, PayloadFormat, Reassembler,
};

const H264: PayloadFormat = PayloadFormat::H264(PacketizationMode::NonInterleaved);

const STREAMS: [(PayloadFormat, &[u8]); 5] = [
    (PayloadFormat::Vp8, include_bytes!("data/ffmpeg-vp8.bin")),
    (PayloadFormat::Vp9, include_bytes!("data/ffmpeg-vp9.bin")),
    (H264, include_bytes!("data/ffmpeg-h264.bin")),
    (PayloadFormat::H265, include_bytes!("data/ffmpeg-h265.bin")),
    (PayloadFormat::Av1, include_bytes!("data/ffmpeg-av1.bin")),
];

struct Packet<'a> {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: &'a [u8],
}

/// A frame in the form in which it is assembled, and its packets.
struct Frame<'a> {
    bytes: Vec<u8>,
    packets: Vec<Packet<'a>>,
}

fn read(format: PayloadFormat, mut data: &[u8]) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    while let Some(([kind, length @ ..], rest)) = data.split_first_chunk::<5>() {
        let (record, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        if *kind == b'F' {
            frames.push(Frame {
                bytes: normal(format, record),
                packets: Vec::new(),
            });
        } else {
            let (header, payload) = record.split_at(12);
            frames
                .last_mut()
                .expect("a frame comes first")
                .packets
                .push(Packet {
                    sequence: u16::from_be_bytes([header[2], header[3]]),
                    timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
                    marker: header[1] & 0x80 != 0,
                    payload,
                });
        }
        data = rest;
    }
    frames
}

/// With start codes of four bytes; without the temporal delimiter.
fn normal(format: PayloadFormat, frame: &[u8]) -> Vec<u8> {
    match format {
        PayloadFormat::H264(_) | PayloadFormat::H265 => {
            let mut out = Vec::new();
            let mut zeros = 0;
            for byte in frame {
                if *byte == 1 && zeros >= 2 {
                    out.truncate(out.len() - zeros.min(3));
                    out.extend([0, 0, 0, 1]);
                } else {
                    out.push(*byte);
                }
                zeros = if *byte == 0 { zeros + 1 } else { 0 };
            }
            out
        }
        PayloadFormat::Av1 => frame.strip_prefix(&[0x12, 0]).unwrap_or(frame).to_vec(),
        _ => frame.to_vec(),
    }
}

/// What a reassembler makes of the stream without one of its packets.
fn receive(format: PayloadFormat, frames: &[Frame<'_>], without: Option<usize>) -> Vec<Vec<u8>> {
    let mut reassembler = Reassembler::new(format);
    let mut received = Vec::new();
    let mut out = Vec::new();
    for (index, packet) in frames.iter().flat_map(|frame| &frame.packets).enumerate() {
        if Some(index) != without {
            reassembler.push(
                packet.sequence,
                packet.timestamp,
                packet.marker,
                packet.payload,
            );
        }
    }
    loop {
        while reassembler.poll(&mut out).is_some() {
            received.push(std::mem::take(&mut out));
        }
        if !reassembler.skip() {
            return received;
        }
    }
}

#[test]
fn all_frames_come_out() {
    for (format, data) in STREAMS {
        let frames = read(format, data);
        assert!(frames.len() >= 4);
        let received = receive(format, &frames, None);
        assert_eq!(received.len(), frames.len(), "{format:?}");
        for (received, frame) in received.iter().zip(&frames) {
            assert!(*received == frame.bytes, "{format:?}");
        }
    }
}

#[test]
fn without_a_packet_its_frame_is_missing_and_no_other() {
    for (format, data) in STREAMS {
        let frames = read(format, data);
        let owners: Vec<usize> = (0..)
            .zip(&frames)
            .flat_map(|(i, frame)| frame.packets.iter().map(move |_| i))
            .collect();
        for (lost, owner) in owners.iter().enumerate() {
            let received = receive(format, &frames, Some(lost));
            let all = frames.iter().map(|frame| &frame.bytes);
            let expected: Vec<_> = (0..)
                .zip(all)
                .filter(|(i, _)| i != owner)
                .map(|(_, bytes)| bytes)
                .collect();
            // Where a format cannot tell that a frame begins, one more goes with it, if its
            // predecessor's end was lost.
            let unsure = !matches!(format, PayloadFormat::Vp8 | PayloadFormat::Vp9);
            assert!(
                received.len() + usize::from(unsure) >= expected.len(),
                "{format:?} {lost}"
            );
            assert!(
                received.iter().all(|frame| expected.contains(&frame)),
                "{format:?} {lost}"
            );
        }
    }
}

#[test]
fn only_the_first_frame_is_a_keyframe() {
    for (format, data) in STREAMS {
        for (index, frame) in read(format, data).iter().enumerate() {
            let infos = frame
                .packets
                .iter()
                .map(|packet| format.inspect(packet.payload));
            let infos: Vec<_> = infos.collect::<Result<_, _>>().expect("payloads");
            let keyframe = infos.iter().any(|info| info.keyframe);
            assert_eq!(keyframe, index == 0, "{format:?} {index}");
            let not_first = infos
                .iter()
                .skip(1)
                .filter(|info| info.starts_frame == Some(true));
            assert_eq!(not_first.count(), 0, "{format:?} {index}");
            assert_ne!(infos[0].starts_frame, Some(false), "{format:?} {index}");
            assert_ne!(infos.last().expect("a payload").ends_frame, Some(false));
        }
    }
}

#[test]
fn the_sizes_of_keyframes_are_read() {
    let first = |stream: usize| {
        let (format, data) = STREAMS[stream];
        let frames = read(format, data);
        format
            .inspect(frames[0].packets[0].payload)
            .expect("a payload")
            .resolution
    };
    assert_eq!((first(0), first(1)), (Some((96, 64)), Some((96, 64))));
}

#[test]
fn our_own_payloads_of_these_frames_come_out_too() {
    for (format, data) in STREAMS {
        let mut packetizer = format.packetizer(5);
        for max in [60, 500, 1200, 20_000] {
            for frame in read(format, data) {
                let metadata = FrameMetadata::default();
                packetizer
                    .begin(frame.bytes.clone().into(), &metadata, max)
                    .expect("it can be sent");
                let mut payloads = Vec::new();
                let mut payload = Vec::new();
                while packetizer.next_payload(&mut payload).is_some() {
                    assert!(payload.len() <= max);
                    payloads.push(std::mem::take(&mut payload));
                }
                let mut out = Vec::new();
                let assembled = format.assemble(&mut payloads.iter().map(Vec::as_slice), &mut out);
                assert_eq!(assembled, Ok(()), "{format:?} {max}");
                assert!(out == frame.bytes, "{format:?} {max}");
            }
        }
    }
}
