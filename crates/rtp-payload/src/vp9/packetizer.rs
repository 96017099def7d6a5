//! From VP9 frames to payloads.

use bytes::Bytes;

use super::bitstream::FrameHeader;
use super::descriptor::{Vp9Descriptor, Vp9Layers};
use super::structure::Vp9ScalabilityStructure;
use crate::frame::{
    FrameError, FrameMetadata, Packetizer, Payload, References, even_piece, fitting,
};
use crate::payload::PictureId;

const MAX_LAYER: u8 = 7;

/// Cuts VP9 frames into payloads, with a 15-bit picture ID.
///
/// A frame is what the encoder gives for one spatial layer of a picture, or for the whole picture
/// if it has one layer. All but the last layer of a picture are sent with
/// [`end_of_picture`](FrameMetadata::end_of_picture) set to false. Layer indices are sent if the
/// metadata names a layer, with TL0PICIDX in non-flexible mode; the references of the metadata are
/// sent in flexible mode.
///
/// Each keyframe carries a scalability structure: the one that was given, or else one layer of the
/// size that the frame's header shows.
#[derive(Clone, Debug)]
pub struct Vp9Packetizer {
    flexible: bool,
    structure: Option<Vp9ScalabilityStructure>,
    /// The structure of the current frame, as bytes. Empty if it has none.
    structure_bytes: Vec<u8>,
    frame: Bytes,
    max_payload: usize,
    descriptor: Vp9Descriptor<'static>,
    end_of_picture: bool,
    picture_id: PictureId,
    tl0_pic_idx: u8,
}

impl Vp9Packetizer {
    /// A packetizer for non-flexible mode, whose first picture has this number (of which the low 15
    /// bits count). RFC 9628 wants it random.
    #[must_use]
    pub fn new(first_picture_id: u16) -> Self {
        Self {
            flexible: false,
            structure: None,
            structure_bytes: Vec::new(),
            frame: Bytes::new(),
            max_payload: 0,
            descriptor: Vp9Descriptor::default(),
            end_of_picture: true,
            picture_id: PictureId::Fifteen(first_picture_id.wrapping_sub(1) & 0x7fff),
            tl0_pic_idx: first_picture_id.to_be_bytes()[1],
        }
    }

    /// Whether references are sent with each frame (flexible mode) instead of in the structure.
    #[must_use]
    pub const fn flexible(mut self, flexible: bool) -> Self {
        self.flexible = flexible;
        self
    }

    /// The structure that keyframes are to carry.
    #[must_use]
    pub fn structure(mut self, structure: Vp9ScalabilityStructure) -> Self {
        self.structure = Some(structure);
        self
    }

    fn describe(
        &mut self,
        header: FrameHeader,
        metadata: &FrameMetadata,
    ) -> Result<(), FrameError> {
        let temporal_id = fitting("the temporal layer", metadata.temporal_id, MAX_LAYER)?;
        let spatial_id = fitting("the spatial layer", metadata.spatial_id, MAX_LAYER)?;
        let inter_picture = metadata.inter_picture.unwrap_or(!header.keyframe);
        // Without references to earlier pictures there is no higher temporal layer (section 4.2,
        // P).
        let layers = (temporal_id.is_some() || spatial_id.is_some()).then(|| Vp9Layers {
            temporal_id: if inter_picture {
                temporal_id.unwrap_or(0)
            } else {
                0
            },
            switching_up_point: metadata.layer_sync,
            spatial_id: spatial_id.unwrap_or(0),
            inter_layer: metadata.inter_layer && spatial_id.unwrap_or(0) > 0,
            tl0_pic_idx: 0,
        });
        if self.end_of_picture {
            self.picture_id = self.picture_id.next();
            if layers.is_some_and(|layers| layers.temporal_id == 0) {
                self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
            }
        }
        self.end_of_picture = metadata.end_of_picture;
        self.descriptor = Vp9Descriptor {
            picture_id: Some(self.picture_id),
            inter_picture,
            layers: layers.map(|layers| Vp9Layers {
                tl0_pic_idx: self.tl0_pic_idx,
                ..layers
            }),
            flexible: self.flexible,
            starts_frame: true,
            ends_frame: false,
            non_reference_for_upper: metadata.non_reference_for_upper,
            references: if inter_picture {
                metadata.references
            } else {
                References::NONE
            },
            structure: None,
        };
        Ok(())
    }

    /// The structure that this frame carries, if it is the first of a key picture.
    fn write_structure(&mut self, header: FrameHeader) {
        self.structure_bytes.clear();
        if !header.keyframe || self.descriptor.spatial_id() != 0 {
            return;
        }
        if let Some(structure) = &self.structure {
            structure.write(&mut self.structure_bytes);
        } else if let Some(resolution) = header.resolution
            && self.descriptor.layers.is_none()
        {
            let structure = Vp9ScalabilityStructure {
                spatial_layers: 1,
                resolutions: vec![resolution],
                group: None,
            };
            structure.write(&mut self.structure_bytes);
        }
    }

    fn descriptor(&self) -> Vp9Descriptor<'_> {
        let first = self.descriptor.starts_frame && !self.structure_bytes.is_empty();
        Vp9Descriptor {
            structure: first.then_some(self.structure_bytes.as_slice()),
            ..self.descriptor
        }
    }
}

impl Packetizer for Vp9Packetizer {
    fn begin(
        &mut self,
        frame: Bytes,
        metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError> {
        self.frame.clear();
        if frame.is_empty() {
            return Err(FrameError::Empty);
        }
        let Some(header) = FrameHeader::parse(&frame) else {
            return Err(FrameError::Malformed {
                what: "no VP9 frame header",
                at: 0,
            });
        };
        if self.flexible
            && metadata.inter_picture.unwrap_or(!header.keyframe)
            && metadata.references.as_slice().is_empty()
        {
            let what = "an inter-picture predicted frame without references";
            return Err(FrameError::Malformed { what, at: 0 });
        }
        self.describe(header, metadata)?;
        self.write_structure(header);
        // One byte, two of picture ID, two of layers, three of references, the structure, and data.
        let needed = self.structure_bytes.len().saturating_add(9);
        if max_payload < needed {
            return Err(FrameError::MaxPayload {
                max: max_payload,
                needed,
            });
        }
        self.frame = frame;
        self.max_payload = max_payload;
        Ok(())
    }

    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        if self.frame.is_empty() {
            return None;
        }
        let before = out.len();
        self.descriptor().write(out);
        let overhead = out.len().saturating_sub(before);
        let room = self.max_payload.saturating_sub(overhead);
        let piece = self.frame.split_to(even_piece(self.frame.len(), room));
        out.extend_from_slice(&piece);
        self.descriptor.starts_frame = false;
        if self.frame.is_empty()
            && let Some(first) = out.get_mut(before)
        {
            *first |= Vp9Descriptor::ENDS_FRAME;
        }
        Some(Payload {
            marker: self.frame.is_empty() && self.end_of_picture,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::{METADATA, cut};
    use crate::vp9::Vp9Depacketizer;
    use crate::{Depacketizer, PayloadInfo};

    /// A keyframe of 640x480, and an interframe.
    fn frame(key: bool, len: usize) -> Vec<u8> {
        let mut frame = if key {
            vec![0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x1d, 0xf6]
        } else {
            vec![0x86]
        };
        frame.resize(len, 7);
        frame
    }

    fn infos(payloads: &[(Vec<u8>, bool)]) -> Vec<PayloadInfo> {
        let inspect = |(payload, _): &(Vec<u8>, bool)| Vp9Depacketizer.inspect(payload);
        payloads
            .iter()
            .map(inspect)
            .collect::<Result<_, _>>()
            .expect("payloads")
    }

    #[test]
    fn one_layer_with_a_structure_on_keyframes() {
        let mut packetizer = Vp9Packetizer::new(0x7fff);
        let payloads = cut(&mut packetizer, &frame(true, 2000), &METADATA, 1000);
        assert_eq!(
            payloads[0].0[..8],
            [0x8a, 0xff, 0xff, 0x10, 2, 0x80, 1, 0xe0]
        );
        assert_eq!(payloads[2].0[..3], [0x84, 0xff, 0xff]);
        assert!(
            payloads
                .iter()
                .map(|(_, marker)| *marker)
                .eq([false, false, true])
        );
        let infos = infos(&payloads);
        assert!(
            infos
                .iter()
                .map(|info| info.keyframe)
                .eq([true, false, false])
        );
        assert_eq!(infos[0].resolution, Some((640, 480)));
        assert!(
            infos
                .iter()
                .map(|info| info.starts_frame)
                .eq([true, false, false].map(Some))
        );

        let payloads = cut(&mut packetizer, &frame(false, 20), &METADATA, 1000);
        assert_eq!(payloads[0].0[..3], [0xcc, 0x80, 0]);
        assert!(!self::infos(&payloads)[0].keyframe);
    }

    #[test]
    fn layers_of_one_picture_share_its_number() {
        let mut packetizer = Vp9Packetizer::new(7);
        let mut all = Vec::new();
        for (picture, temporal_id) in [(0, 0), (1, 2), (2, 1)] {
            for spatial_id in 0..2 {
                let metadata = FrameMetadata {
                    temporal_id: Some(temporal_id),
                    spatial_id: Some(spatial_id),
                    inter_layer: true,
                    inter_picture: (spatial_id > 0).then_some(picture > 0),
                    end_of_picture: spatial_id == 1,
                    ..METADATA
                };
                let key = picture == 0 && spatial_id == 0;
                all.extend(cut(&mut packetizer, &frame(key, 30), &metadata, 100));
            }
        }
        let infos = infos(&all);
        let numbers = infos
            .iter()
            .map(|info| info.picture_id.map(PictureId::value));
        assert!(numbers.eq([7, 7, 8, 8, 9, 9].map(Some)));
        assert!(infos.iter().all(|info| info.tl0_pic_idx == Some(8)));
        assert!(
            infos
                .iter()
                .map(|info| info.keyframe)
                .eq([true, false, false, false, false, false])
        );
        assert!(
            all.iter()
                .map(|(_, marker)| *marker)
                .eq([false, true, false, true, false, true])
        );
        assert!(
            infos
                .iter()
                .map(|info| info.inter_layer)
                .eq([false, true, false, true, false, true])
        );
        assert_eq!(
            (infos[3].temporal_id, infos[3].spatial_id),
            (Some(2), Some(1))
        );
    }

    #[test]
    fn flexible_mode_sends_references() {
        let mut packetizer = Vp9Packetizer::new(0).flexible(true);
        let keyframe = cut(&mut packetizer, &frame(true, 20), &METADATA, 100);
        assert_eq!(keyframe[0].0[0], 0x9e);
        let mut references = References::default();
        assert!(references.push(1) && references.push(2));
        let metadata = FrameMetadata {
            references,
            ..METADATA
        };
        let payloads = cut(&mut packetizer, &frame(false, 20), &metadata, 100);
        assert_eq!(payloads[0].0[..5], [0xdc, 0x80, 1, 3, 4]);
        assert!(
            packetizer
                .begin(frame(false, 20).into(), &METADATA, 100)
                .is_err()
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut packetizer = Vp9Packetizer::new(0);
        let begin = |packetizer: &mut Vp9Packetizer, frame: Vec<u8>, metadata, max| {
            packetizer.begin(frame.into(), metadata, max)
        };
        assert_eq!(
            begin(&mut packetizer, vec![], &METADATA, 100),
            Err(FrameError::Empty)
        );
        assert!(begin(&mut packetizer, vec![0], &METADATA, 100).is_err());
        let too_short = FrameError::MaxPayload {
            max: 13,
            needed: 14,
        };
        assert_eq!(
            begin(&mut packetizer, frame(true, 20), &METADATA, 13),
            Err(too_short)
        );
        let layer = FrameMetadata {
            spatial_id: Some(8),
            ..METADATA
        };
        assert!(begin(&mut packetizer, frame(true, 20), &layer, 100).is_err());
        assert_eq!(packetizer.next_payload(&mut Vec::new()), None);
    }
}
