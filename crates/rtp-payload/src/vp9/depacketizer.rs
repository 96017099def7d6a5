//! From payloads to VP9 pictures.

use gannet_wire::Reader;

use super::bitstream::FrameHeader;
use super::descriptor::Vp9Descriptor;
use crate::payload::{Depacketizer, PayloadError, PayloadInfo, all_or_nothing};

/// Puts VP9 pictures together: the frames of all spatial layers that are there, one behind the
/// other, which decoders take as one superframe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vp9Depacketizer;

impl Depacketizer for Vp9Depacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        let mut reader = Reader::new(payload);
        let descriptor = Vp9Descriptor::parse(&mut reader)?;
        let layers = descriptor.layers;
        let data = reader.as_slice();
        reader.u8("VP9 data")?;
        let header = if descriptor.starts_frame {
            FrameHeader::parse(data)
        } else {
            None
        };
        Ok(PayloadInfo {
            starts_frame: starts_picture(&descriptor),
            ends_frame: if descriptor.ends_frame {
                None
            } else {
                Some(false)
            },
            keyframe: starts_key_picture(&descriptor, header),
            picture_id: descriptor.picture_id,
            tl0_pic_idx: layers
                .filter(|_| !descriptor.flexible)
                .map(|layers| layers.tl0_pic_idx),
            temporal_id: layers.map(|layers| layers.temporal_id),
            spatial_id: layers.map(|layers| layers.spatial_id),
            layer_sync: layers.is_some_and(|layers| layers.switching_up_point),
            inter_layer: layers.is_some_and(|layers| layers.inter_layer),
            resolution: header.and_then(|header| header.resolution),
            ..PayloadInfo::default()
        })
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        all_or_nothing(out, |out| {
            let mut open: Option<Vp9Descriptor<'_>> = None;
            let mut last: Option<Vp9Descriptor<'_>> = None;
            for payload in payloads {
                let mut reader = Reader::new(payload);
                let descriptor = Vp9Descriptor::parse(&mut reader)?;
                follows(open.as_ref(), last.as_ref(), &descriptor)?;
                if reader.is_empty() {
                    reader.u8("VP9 data")?;
                }
                out.extend_from_slice(reader.rest());
                last = Some(descriptor);
                open = (!descriptor.ends_frame).then_some(descriptor);
            }
            match open {
                None => Ok(()),
                Some(_) => Err(PayloadError::Hole {
                    what: "its last payload does not end a frame",
                }),
            }
        })
    }
}

/// Whether a key picture begins here, as section 4.2 (F) describes it. Some senders never set P
/// (FFmpeg), so the frame's own header has the last word.
fn starts_key_picture(descriptor: &Vp9Descriptor<'_>, header: Option<FrameHeader>) -> bool {
    let intra = !descriptor.inter_picture && descriptor.spatial_id() == 0;
    descriptor.starts_frame && intra && header.is_none_or(|header| header.keyframe)
}

/// Whether a picture begins with this payload. A higher layer that needs no lower one may be the
/// first that a middlebox has let through.
fn starts_picture(descriptor: &Vp9Descriptor<'_>) -> Option<bool> {
    let inter_layer = descriptor.layers.is_some_and(|layers| layers.inter_layer);
    match descriptor.spatial_id() {
        _ if !descriptor.starts_frame || inter_layer => Some(false),
        0 => Some(true),
        _ => None,
    }
}

/// Checks that a payload can be the next one of a picture.
fn follows(
    open: Option<&Vp9Descriptor<'_>>,
    last: Option<&Vp9Descriptor<'_>>,
    descriptor: &Vp9Descriptor<'_>,
) -> Result<(), PayloadError> {
    let hole = |what| Err(PayloadError::Hole { what });
    let Some(last) = last else {
        return match starts_picture(descriptor) {
            Some(false) => hole("its first payload does not begin a picture"),
            _ => Ok(()),
        };
    };
    if last.picture_id != descriptor.picture_id {
        return hole("the picture ID changes within it");
    }
    if open.is_some() == descriptor.starts_frame {
        return hole("the frame of a layer begins before another has ended, or without a start");
    }
    let ordered = match open {
        Some(_) => last.spatial_id() == descriptor.spatial_id(),
        None => last.spatial_id() < descriptor.spatial_id(),
    };
    if ordered {
        Ok(())
    } else {
        hole("its spatial layers are out of order")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::assemble;

    /// A payload of one layer: I, L, 7 bits, D for higher layers.
    fn payload(bits: u8, picture: u8, spatial_id: u8, data: u8) -> (Vec<u8>, bool) {
        let layers = (spatial_id << 1) | u8::from(spatial_id > 0);
        (vec![0xa0 | bits, picture, layers, 0, data], false)
    }

    const B: u8 = 0x08;
    const E: u8 = 0x04;

    #[test]
    fn the_layers_of_a_picture() {
        let payloads = [
            payload(B, 1, 0, 1),
            payload(0, 1, 0, 2),
            payload(E, 1, 0, 3),
            payload(B | E, 1, 1, 4),
            payload(B, 1, 2, 5),
            payload(E, 1, 2, 6),
        ];
        assert_eq!(
            assemble(&Vp9Depacketizer, &payloads),
            Ok(vec![1, 2, 3, 4, 5, 6])
        );
        // Higher layers may be cut off, nothing else.
        assert_eq!(
            assemble(&Vp9Depacketizer, &payloads[..4]),
            Ok(vec![1, 2, 3, 4])
        );
        for broken in [
            &payloads[..2],
            &payloads[1..3],
            &payloads[3..],
            &payloads[..5],
            &[],
        ] {
            assert!(assemble(&Vp9Depacketizer, broken).is_err());
        }
        let without = |index: usize| {
            let mut payloads = payloads.to_vec();
            payloads.remove(index);
            payloads
        };
        for index in [0, 2, 4, 5] {
            assert!(
                assemble(&Vp9Depacketizer, &without(index)).is_err(),
                "{index}"
            );
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for broken in [
            [payload(B, 1, 0, 1), payload(E, 2, 0, 2)],
            [payload(B, 1, 0, 1), payload(E, 1, 1, 2)],
            [payload(B | E, 1, 0, 1), payload(B | E, 1, 0, 2)],
            [payload(B, 1, 0, 1), payload(B | E, 1, 0, 2)],
            [payload(B, 1, 0, 1), (vec![0xa4, 1, 0, 0], false)],
        ] {
            assert!(assemble(&Vp9Depacketizer, &broken).is_err(), "{broken:x?}");
        }
    }

    #[test]
    fn a_higher_layer_that_stands_alone_may_be_the_first() {
        let mut alone = payload(B | E, 1, 2, 9);
        alone.0[2] &= !1;
        assert_eq!(assemble(&Vp9Depacketizer, &[alone.clone()]), Ok(vec![9]));
        let info = Vp9Depacketizer.inspect(&alone.0).expect("a payload");
        assert_eq!((info.starts_frame, info.keyframe), (None, false));
    }
}
