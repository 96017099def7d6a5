//! VP8 (RFC 7741).

use bytes::Bytes;
use gannet_wire::Reader;

use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload, even_piece, fitting};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo, PictureId, all_or_nothing};

/// The payload descriptor (RFC 7741, section 4.2).
///
/// ```text
///      0 1 2 3 4 5 6 7
///     +-+-+-+-+-+-+-+-+
///     |X|R|N|S|R| PID |
///     +-+-+-+-+-+-+-+-+
/// X:  |I|L|T|K| RSV   |
///     +-+-+-+-+-+-+-+-+
/// I:  |M| PictureID   |  one byte, or two with M
///     +-+-+-+-+-+-+-+-+
/// L:  |   TL0PICIDX   |
///     +-+-+-+-+-+-+-+-+
/// T/K:|TID|Y| KEYIDX  |
///     +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: a partition begins with this payload.
    pub start_of_partition: bool,
    /// PID: the partition that the payload begins in (0 to 7).
    pub partition: u8,
    /// I: the number of the picture.
    pub picture_id: Option<PictureId>,
    /// L: the number of the base-layer picture.
    pub tl0_pic_idx: Option<u8>,
    /// T: the temporal layer (0 to 3).
    pub temporal_id: Option<u8>,
    /// Y: the frame depends on the base layer only.
    pub layer_sync: bool,
    /// K: the running number of keyframes (0 to 31).
    pub key_idx: Option<u8>,
}

const X: u8 = 0x80;
const N: u8 = 0x20;
const S: u8 = 0x10;
const PID: u8 = 0x07;
const I: u8 = 0x80;
const L: u8 = 0x40;
const T: u8 = 0x20;
const K: u8 = 0x10;
const Y: u8 = 0x20;
const KEY_IDX: u8 = 0x1f;
const MAX_TEMPORAL_ID: u8 = 3;

impl Vp8Descriptor {
    /// Reads a descriptor and leaves the reader at the VP8 data behind it.
    ///
    /// # Errors
    /// If it is cut off.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let first = reader.u8("VP8 payload descriptor")?;
        let mut descriptor = Self {
            non_reference: first & N != 0,
            start_of_partition: first & S != 0,
            partition: first & PID,
            ..Self::default()
        };
        if first & X == 0 {
            return Ok(descriptor);
        }
        let extension = reader.u8("VP8 extension bits")?;
        if extension & I != 0 {
            descriptor.picture_id = Some(PictureId::parse(reader)?);
        }
        if extension & L != 0 {
            descriptor.tl0_pic_idx = Some(reader.u8("TL0PICIDX")?);
        }
        if extension & (T | K) != 0 {
            let layers = reader.u8("TID, Y and KEYIDX")?;
            descriptor.temporal_id = (extension & T != 0).then_some(layers >> 6);
            descriptor.layer_sync = layers & Y != 0;
            descriptor.key_idx = (extension & K != 0).then_some(layers & KEY_IDX);
        }
        Ok(descriptor)
    }

    /// Appends the descriptor.
    pub fn write(&self, out: &mut Vec<u8>) {
        let layers = self.temporal_id.is_some() || self.key_idx.is_some();
        let extended = layers || self.picture_id.is_some() || self.tl0_pic_idx.is_some();
        out.push(
            flag(extended, X)
                | flag(self.non_reference, N)
                | flag(self.start_of_partition, S)
                | (self.partition & PID),
        );
        if !extended {
            return;
        }
        out.push(
            flag(self.picture_id.is_some(), I)
                | flag(self.tl0_pic_idx.is_some(), L)
                | flag(self.temporal_id.is_some(), T)
                | flag(self.key_idx.is_some(), K),
        );
        if let Some(picture_id) = self.picture_id {
            picture_id.write(out);
        }
        out.extend(self.tl0_pic_idx);
        if layers {
            let temporal_id = self.temporal_id.unwrap_or(0) & MAX_TEMPORAL_ID;
            let key_idx = self.key_idx.unwrap_or(0) & KEY_IDX;
            out.push((temporal_id << 6) | flag(self.layer_sync, Y) | key_idx);
        }
    }

    /// Whether a frame begins with this payload (section 4.2, S and PID).
    #[must_use]
    pub const fn starts_frame(&self) -> bool {
        self.start_of_partition && self.partition == 0
    }

    /// The most bytes that a descriptor has.
    const MAX_LEN: usize = 6;
}

const fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

/// Cuts VP8 frames into payloads, without regard to partitions (as RFC 7741, section 4.4 allows),
/// with a 15-bit picture ID, and with TL0PICIDX and TID if the metadata names a temporal layer.
#[derive(Clone, Debug)]
pub struct Vp8Packetizer {
    frame: Bytes,
    max_payload: usize,
    descriptor: Vp8Descriptor,
    next_picture_id: PictureId,
    tl0_pic_idx: u8,
}

impl Vp8Packetizer {
    /// A packetizer whose first picture has this number (of which the low 15 bits count). RFC 7741
    /// lets it be random.
    #[must_use]
    pub fn new(first_picture_id: u16) -> Self {
        Self {
            frame: Bytes::new(),
            max_payload: 0,
            descriptor: Vp8Descriptor::default(),
            next_picture_id: PictureId::Fifteen(first_picture_id & 0x7fff),
            tl0_pic_idx: first_picture_id.to_be_bytes()[1],
        }
    }
}

impl Packetizer for Vp8Packetizer {
    fn begin(
        &mut self,
        frame: Bytes,
        metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError> {
        self.frame.clear();
        let needed = Vp8Descriptor::MAX_LEN.saturating_add(1);
        if frame.is_empty() {
            return Err(FrameError::Empty);
        }
        if max_payload < needed {
            return Err(FrameError::MaxPayload {
                max: max_payload,
                needed,
            });
        }
        let temporal_id = fitting("the temporal layer", metadata.temporal_id, MAX_TEMPORAL_ID)?;
        if temporal_id == Some(0) {
            self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
        }
        self.descriptor = Vp8Descriptor {
            non_reference: metadata.non_reference,
            start_of_partition: true,
            partition: 0,
            picture_id: Some(self.next_picture_id),
            tl0_pic_idx: temporal_id.map(|_| self.tl0_pic_idx),
            temporal_id,
            layer_sync: temporal_id.is_some() && metadata.layer_sync,
            key_idx: None,
        };
        self.next_picture_id = self.next_picture_id.next();
        self.frame = frame;
        self.max_payload = max_payload;
        Ok(())
    }

    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        if self.frame.is_empty() {
            return None;
        }
        let before = out.len();
        self.descriptor.write(out);
        self.descriptor.start_of_partition = false;
        let overhead = out.len().saturating_sub(before);
        let room = self.max_payload.saturating_sub(overhead);
        let piece = self.frame.split_to(even_piece(self.frame.len(), room));
        out.extend_from_slice(&piece);
        Some(Payload {
            marker: self.frame.is_empty(),
        })
    }
}

/// Puts VP8 frames together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vp8Depacketizer;

impl Depacketizer for Vp8Depacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        let mut reader = Reader::new(payload);
        let descriptor = Vp8Descriptor::parse(&mut reader)?;
        let starts_frame = descriptor.starts_frame();
        let data = reader.as_slice();
        let first = reader.u8("VP8 data")?;
        // P, the inverse key frame flag (section 4.3).
        let keyframe = starts_frame && first & 1 == 0;
        Ok(PayloadInfo {
            starts_frame: Some(starts_frame),
            keyframe,
            discardable: descriptor.non_reference,
            picture_id: descriptor.picture_id,
            tl0_pic_idx: descriptor.tl0_pic_idx,
            temporal_id: descriptor.temporal_id,
            layer_sync: descriptor.layer_sync,
            resolution: if keyframe { resolution(data) } else { None },
            ..PayloadInfo::default()
        })
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        all_or_nothing(out, |out| {
            let mut picture_id = None;
            for (index, payload) in payloads.enumerate() {
                let mut reader = Reader::new(payload);
                let descriptor = Vp8Descriptor::parse(&mut reader)?;
                if descriptor.starts_frame() != (index == 0) {
                    return Err(PayloadError::Hole {
                        what: "S and PID do not show its start alone",
                    });
                }
                if index > 0 && picture_id != descriptor.picture_id {
                    return Err(PayloadError::Hole {
                        what: "the picture ID changes within it",
                    });
                }
                picture_id = descriptor.picture_id;
                if reader.is_empty() {
                    reader.u8("VP8 data")?;
                }
                out.extend_from_slice(reader.rest());
            }
            Ok(())
        })
    }
}

/// The size that a keyframe's header gives (RFC 6386, section 9.1).
fn resolution(frame: &[u8]) -> Option<(u16, u16)> {
    const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
    const SIZE: u16 = 0x3fff;
    let (header, _) = frame.split_first_chunk::<10>()?;
    let [
        _,
        _,
        _,
        start @ ..,
        width_low,
        width_high,
        height_low,
        height_high,
    ] = *header;
    let width = u16::from_le_bytes([width_low, width_high]) & SIZE;
    let height = u16::from_le_bytes([height_low, height_high]) & SIZE;
    (start == START_CODE).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> (Vp8Descriptor, usize) {
        let mut reader = Reader::new(bytes);
        let descriptor = Vp8Descriptor::parse(&mut reader).expect("a descriptor");
        (descriptor, reader.remaining())
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7741, section 4.6.1: a key frame in a single packet, with PictureID = 17.
        let (descriptor, left) = parse(&[0x90, 0x80, 17, 0x10, 0, 0]);
        assert_eq!(
            (descriptor.picture_id, left),
            (Some(PictureId::Seven(17)), 3)
        );
        assert!(descriptor.starts_frame());
        let info = Vp8Depacketizer
            .inspect(&[0x90, 0x80, 17, 0x10, 0, 0])
            .expect("a payload");
        assert!(info.keyframe);

        // Section 4.6.2: an interframe without a picture ID.
        let info = Vp8Depacketizer
            .inspect(&[0x10, 0x11, 0, 0])
            .expect("a payload");
        assert_eq!(
            (info.starts_frame, info.keyframe, info.picture_id),
            (Some(true), false, None)
        );

        // Section 4.6.3: the second partition in a packet of its own.
        let (descriptor, _) = parse(&[0x91, 0x80, 17, 1]);
        assert_eq!(
            (descriptor.partition, descriptor.starts_frame()),
            (1, false)
        );

        // Section 4.6.5: a picture ID of 15 bits (4711).
        let (descriptor, _) = parse(&[0x90, 0x80, 0x92, 0x67, 1]);
        assert_eq!(descriptor.picture_id, Some(PictureId::Fifteen(4711)));
    }

    #[test]
    fn every_combination_of_fields_round_trips() {
        for bits in 0..=0xff_u8 {
            let descriptor = Vp8Descriptor {
                non_reference: bits & 1 != 0,
                start_of_partition: bits & 2 != 0,
                partition: bits & 7,
                picture_id: (bits & 4 != 0).then_some(if bits & 8 == 0 {
                    PictureId::Seven(99)
                } else {
                    PictureId::Fifteen(0x1234)
                }),
                tl0_pic_idx: (bits & 16 != 0).then_some(250),
                temporal_id: (bits & 32 != 0).then_some(2),
                layer_sync: bits & 64 != 0 && bits & (32 | 128) != 0,
                key_idx: (bits & 128 != 0).then_some(31),
            };
            let mut bytes = Vec::new();
            descriptor.write(&mut bytes);
            assert!(bytes.len() <= Vp8Descriptor::MAX_LEN);
            assert_eq!(parse(&bytes), (descriptor, 0));
            for cut in 0..bytes.len() {
                assert!(Vp8Descriptor::parse(&mut Reader::new(&bytes[..cut])).is_err());
            }
        }
    }

    #[test]
    fn a_keyframe_shows_its_size() {
        // 640 x 480, without scaling.
        let data = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 7];
        let payload = [[0x10].as_slice(), &data].concat();
        let info = Vp8Depacketizer.inspect(&payload).expect("a payload");
        assert_eq!(info.resolution, Some((640, 480)));
        let info = Vp8Depacketizer.inspect(&payload[..8]).expect("a payload");
        assert_eq!((info.keyframe, info.resolution), (true, None));
    }

    #[test]
    fn layers_and_running_numbers() {
        let mut packetizer = Vp8Packetizer::new(0x7fff);
        let mut infos = Vec::new();
        for temporal_id in [0, 2, 1, 2, 0] {
            let metadata = FrameMetadata {
                temporal_id: Some(temporal_id),
                layer_sync: temporal_id == 1,
                non_reference: temporal_id == 2,
                ..FrameMetadata::default()
            };
            let begun = packetizer.begin(Bytes::from_static(&[1; 10]), &metadata, 100);
            begun.expect("it fits");
            let mut payload = Vec::new();
            assert_eq!(
                packetizer.next_payload(&mut payload),
                Some(Payload { marker: true })
            );
            assert_eq!(packetizer.next_payload(&mut payload), None);
            infos.push(Vp8Depacketizer.inspect(&payload).expect("a payload"));
        }
        let numbers = infos
            .iter()
            .map(|info| info.picture_id.map(PictureId::value));
        assert!(numbers.eq([0x7fff, 0, 1, 2, 3].map(Some)));
        let bases = infos.iter().map(|info| info.tl0_pic_idx);
        assert!(bases.eq([0, 0, 0, 0, 1].map(Some)));
        assert!(
            infos
                .iter()
                .map(|info| info.layer_sync)
                .eq([false, false, true, false, false])
        );
        assert!(
            infos
                .iter()
                .map(|info| info.discardable)
                .eq([false, true, false, true, false])
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut packetizer = Vp8Packetizer::new(0);
        let metadata = FrameMetadata::default();
        assert_eq!(
            packetizer.begin(Bytes::new(), &metadata, 100),
            Err(FrameError::Empty)
        );
        let frame = Bytes::from_static(&[1]);
        let too_short = FrameError::MaxPayload { max: 6, needed: 7 };
        assert_eq!(
            packetizer.begin(frame.clone(), &metadata, 6),
            Err(too_short)
        );
        let layer = FrameMetadata {
            temporal_id: Some(4),
            ..metadata
        };
        assert!(packetizer.begin(frame, &layer, 100).is_err());
        assert_eq!(packetizer.next_payload(&mut Vec::new()), None);
    }

    #[test]
    fn frames_with_holes_are_refused() {
        let start: &[u8] = &[0x90, 0x80, 17, 1];
        let middle: &[u8] = &[0x80, 0x80, 17, 2];
        let other: &[u8] = &[0x80, 0x80, 18, 3];
        let empty: &[u8] = &[0x80, 0x80, 17];
        let assemble = |payloads: &[&[u8]]| {
            let mut out = Vec::new();
            let result = Vp8Depacketizer.assemble(&mut payloads.iter().copied(), &mut out);
            result.map(|()| out)
        };
        assert_eq!(assemble(&[start, middle]), Ok(vec![1, 2]));
        for broken in [
            &[middle][..],
            &[start, other],
            &[start, start],
            &[start, empty],
            &[],
        ] {
            assert!(assemble(broken).is_err(), "{broken:?}");
        }
    }
}
