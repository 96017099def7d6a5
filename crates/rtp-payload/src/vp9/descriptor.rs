//! The payload descriptor (RFC 9628, section 4.2).

use gannet_wire::Reader;

use super::structure;
use crate::frame::References;
use crate::payload::{PayloadError, PictureId};

/// The payload descriptor of VP9. The layout of the optional fields depends on the mode:
///
/// ```text
///      flexible mode (F=1)            non-flexible mode (F=0)
///      0 1 2 3 4 5 6 7                0 1 2 3 4 5 6 7
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
///     |I|P|L|F|B|E|V|Z|              |I|P|L|F|B|E|V|Z|
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
/// I:  |M| PICTURE ID  |          I:  |M| PICTURE ID  |   one byte, or two with M
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
/// L:  | TID |U| SID |D|          L:  | TID |U| SID |D|
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
/// P,F:| P_DIFF      |N|  x 1-3       |   TL0PICIDX   |
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
/// V:  | SS ..         |          V:  | SS ..         |
///     +-+-+-+-+-+-+-+-+              +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9Descriptor<'a> {
    /// I: the number of the picture.
    pub picture_id: Option<PictureId>,
    /// P: it refers to earlier pictures.
    pub inter_picture: bool,
    /// L: its layers.
    pub layers: Option<Vp9Layers>,
    /// F: flexible mode.
    pub flexible: bool,
    /// B: a frame (of one layer) begins with this payload.
    pub starts_frame: bool,
    /// E: a frame (of one layer) ends with this payload.
    pub ends_frame: bool,
    /// Z: no higher spatial layer refers to this frame.
    pub non_reference_for_upper: bool,
    /// P_DIFF: which pictures it refers to. In flexible mode only, and if P is set.
    pub references: References,
    /// V: the scalability structure, for
    /// [`Vp9ScalabilityStructure::parse`](crate::Vp9ScalabilityStructure::parse).
    pub structure: Option<&'a [u8]>,
}

/// The layers of a VP9 frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9Layers {
    /// TID: the temporal layer (0 to 7).
    pub temporal_id: u8,
    /// U: from here on a receiver may switch up to higher temporal layers.
    pub switching_up_point: bool,
    /// SID: the spatial layer (0 to 7).
    pub spatial_id: u8,
    /// D: it refers to the spatial layer below it in the same picture.
    pub inter_layer: bool,
    /// TL0PICIDX: the number of the base-layer picture. In non-flexible mode only.
    pub tl0_pic_idx: u8,
}

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;
const V: u8 = 0x02;
const Z: u8 = 0x01;
const U: u8 = 0x10;
const D: u8 = 0x01;
/// Another P_DIFF follows.
const N: u8 = 0x01;

impl<'a> Vp9Descriptor<'a> {
    /// The E bit, in the first byte.
    pub(super) const ENDS_FRAME: u8 = E;

    /// Reads a descriptor and leaves the reader at the VP9 data behind it.
    ///
    /// # Errors
    /// If it is cut off, or has more than three references or one of zero.
    pub fn parse(reader: &mut Reader<'a>) -> Result<Self, PayloadError> {
        let first = reader.u8("VP9 payload descriptor")?;
        let mut descriptor = Self {
            inter_picture: first & P != 0,
            // Without a picture ID there is no flexible mode (section 4.2, F).
            flexible: first & F != 0 && first & I != 0,
            starts_frame: first & B != 0,
            ends_frame: first & E != 0,
            non_reference_for_upper: first & Z != 0,
            ..Self::default()
        };
        if first & I != 0 {
            descriptor.picture_id = Some(PictureId::parse(reader)?);
        }
        if first & L != 0 {
            descriptor.layers = Some(Vp9Layers::parse(reader, descriptor.flexible)?);
        }
        if descriptor.flexible && descriptor.inter_picture {
            descriptor.references = parse_references(reader)?;
        }
        if first & V != 0 {
            descriptor.structure = Some(structure::skip(reader)?);
        }
        Ok(descriptor)
    }

    /// Appends the descriptor. References are written in flexible mode and with P only.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flexible = self.flexible && self.picture_id.is_some();
        out.push(
            flag(self.picture_id.is_some(), I)
                | flag(self.inter_picture, P)
                | flag(self.layers.is_some(), L)
                | flag(flexible, F)
                | flag(self.starts_frame, B)
                | flag(self.ends_frame, E)
                | flag(self.structure.is_some(), V)
                | flag(self.non_reference_for_upper, Z),
        );
        if let Some(picture_id) = self.picture_id {
            picture_id.write(out);
        }
        if let Some(layers) = self.layers {
            layers.write(out, flexible);
        }
        if flexible && self.inter_picture {
            let references = self.references.as_slice();
            for (index, ago) in references.iter().enumerate() {
                let more = index.saturating_add(1) < references.len();
                out.push((ago << 1) | flag(more, N));
            }
        }
        out.extend_from_slice(self.structure.unwrap_or_default());
    }

    /// The spatial layer; zero if there are no layers.
    #[must_use]
    pub fn spatial_id(&self) -> u8 {
        self.layers.map_or(0, |layers| layers.spatial_id)
    }
}

impl Vp9Layers {
    fn parse(reader: &mut Reader<'_>, flexible: bool) -> Result<Self, PayloadError> {
        let indices = reader.u8("VP9 layer indices")?;
        Ok(Self {
            temporal_id: indices >> 5,
            switching_up_point: indices & U != 0,
            spatial_id: (indices >> 1) & 7,
            inter_layer: indices & D != 0,
            tl0_pic_idx: if flexible { 0 } else { reader.u8("TL0PICIDX")? },
        })
    }

    fn write(self, out: &mut Vec<u8>, flexible: bool) {
        let switching = if self.switching_up_point { U } else { 0 };
        let inter_layer = if self.inter_layer { D } else { 0 };
        out.push((self.temporal_id << 5) | switching | ((self.spatial_id & 7) << 1) | inter_layer);
        if !flexible {
            out.push(self.tl0_pic_idx);
        }
    }
}

fn parse_references(reader: &mut Reader<'_>) -> Result<References, PayloadError> {
    let mut references = References::default();
    loop {
        let reference = reader.u8("P_DIFF")?;
        if !references.push(reference >> 1) {
            let why = "zero, or more than the three that are allowed";
            return Err(PayloadError::Unsupported {
                what: "P_DIFF",
                value: reference >> 1,
                why,
            });
        }
        if reference & N == 0 {
            return Ok(references);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<(Vp9Descriptor<'_>, usize), PayloadError> {
        let mut reader = Reader::new(bytes);
        let descriptor = Vp9Descriptor::parse(&mut reader)?;
        Ok((descriptor, reader.remaining()))
    }

    #[test]
    fn non_flexible_mode() {
        // I, P, L, B; 15 bits; TID 2, U, SID 1, D; TL0PICIDX 9.
        let bytes = [0xe8, 0x92, 0x34, 0x53, 9, 0xff];
        let (descriptor, left) = parse(&bytes).expect("a descriptor");
        let layers = Vp9Layers {
            temporal_id: 2,
            switching_up_point: true,
            spatial_id: 1,
            inter_layer: true,
            tl0_pic_idx: 9,
        };
        let expected = Vp9Descriptor {
            picture_id: Some(PictureId::Fifteen(0x1234)),
            inter_picture: true,
            layers: Some(layers),
            starts_frame: true,
            ..Vp9Descriptor::default()
        };
        assert_eq!((descriptor, left), (expected, 1));
    }

    #[test]
    fn flexible_mode() {
        // I, P, F, E; 7 bits; two references.
        let bytes = [0xd4, 0x11, 3 << 1 | 1, 100 << 1, 0xff];
        let (descriptor, left) = parse(&bytes).expect("a descriptor");
        assert_eq!((descriptor.references.as_slice(), left), (&[3, 100][..], 1));
        assert!(parse(&[0xd4, 0x11, 0]).is_err(), "a reference of zero");
        assert!(
            parse(&[0xd4, 0x11, 3, 3, 3, 3, 2]).is_err(),
            "four references"
        );
        // Without a picture ID, F is ignored.
        assert_eq!(
            parse(&[0x50]).map(|(descriptor, _)| descriptor.flexible),
            Ok(false)
        );
    }

    #[test]
    fn every_combination_of_fields_round_trips() {
        let structure = [0x18, 1, 0x40, 0, 0xf0, 1, 0x14, 2];
        let mut references = References::default();
        assert!(references.push(1) && references.push(127));
        for bits in 0..=0xff_u8 {
            let flexible = bits & F != 0 && bits & I != 0;
            let layers = Vp9Layers {
                temporal_id: 7,
                switching_up_point: bits & 4 != 0,
                spatial_id: 5,
                inter_layer: bits & 8 != 0,
                tl0_pic_idx: if flexible { 0 } else { 200 },
            };
            let descriptor = Vp9Descriptor {
                picture_id: (bits & I != 0).then_some(PictureId::Seven(3)),
                inter_picture: bits & P != 0,
                layers: (bits & L != 0).then_some(layers),
                flexible,
                starts_frame: bits & B != 0,
                ends_frame: bits & E != 0,
                non_reference_for_upper: bits & Z != 0,
                references: if flexible && bits & P != 0 {
                    references
                } else {
                    References::NONE
                },
                structure: (bits & V != 0).then_some(&structure),
            };
            let mut bytes = Vec::new();
            descriptor.write(&mut bytes);
            assert_eq!(parse(&bytes), Ok((descriptor, 0)), "{bits:#x}");
            for cut in 0..bytes.len() {
                assert!(parse(&bytes[..cut]).is_err(), "{bits:#x} cut to {cut}");
            }
        }
    }
}
