//! The scalability structure (RFC 9628, section 4.2.1).

use gannet_wire::Reader;

use crate::frame::References;
use crate::payload::PayloadError;

/// What a keyframe says about all that follows: the layers, their sizes, and which picture refers
/// to which.
///
/// ```text
///     +-+-+-+-+-+-+-+-+
/// V:  | N_S |Y|G|-|-|-|
///     +-+-+-+-+-+-+-+-+
/// Y:  | WIDTH, HEIGHT |  two bytes each, N_S + 1 times
///     +-+-+-+-+-+-+-+-+
/// G:  |      N_G      |
///     +-+-+-+-+-+-+-+-+
/// N_G:| TID |U| R |-|-|  N_G times, each with R times
///     +-+-+-+-+-+-+-+-+
///     |    P_DIFF     |
///     +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vp9ScalabilityStructure {
    /// N_S + 1: the number of spatial layers (1 to 8).
    pub spatial_layers: u8,
    /// Width and height of each spatial layer. Empty, or as many as there are layers.
    pub resolutions: Vec<(u16, u16)>,
    /// The pictures of a group, which repeats. `None` if it is not described.
    pub group: Option<Vec<Vp9GroupPicture>>,
}

/// One picture of the group in a [`Vp9ScalabilityStructure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp9GroupPicture {
    /// TID: its temporal layer (0 to 7).
    pub temporal_id: u8,
    /// U: from here on a receiver may switch up to higher temporal layers.
    pub switching_up_point: bool,
    /// P_DIFF: which pictures it refers to.
    pub references: References,
}

const Y: u8 = 0x10;
const G: u8 = 0x08;
const U: u8 = 0x10;
const MAX_LAYERS: u8 = 8;

impl Vp9ScalabilityStructure {
    /// Reads a structure.
    ///
    /// # Errors
    /// If it is cut off, or a reference is not from 1 to 127.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes);
        let mut structure = Self::default();
        walk(&mut reader, &mut structure)?;
        Ok(structure)
    }

    /// Appends the structure. Of more than 8 layers, 255 pictures, or sizes than there are layers,
    /// only so many are written.
    pub fn write(&self, out: &mut Vec<u8>) {
        let layers = self.spatial_layers.clamp(1, MAX_LAYERS);
        let sized = self.resolutions.len() >= usize::from(layers);
        let y = if sized { Y } else { 0 };
        let g = if self.group.is_some() { G } else { 0 };
        out.push((layers.saturating_sub(1) << 5) | y | g);
        if sized {
            for (width, height) in self.resolutions.iter().take(usize::from(layers)) {
                out.extend_from_slice(&width.to_be_bytes());
                out.extend_from_slice(&height.to_be_bytes());
            }
        }
        if let Some(group) = &self.group {
            let pictures = u8::try_from(group.len()).unwrap_or(u8::MAX);
            out.push(pictures);
            for picture in group.iter().take(usize::from(pictures)) {
                let references = picture.references.as_slice();
                let count = u8::try_from(references.len()).unwrap_or(0);
                let switching = if picture.switching_up_point { U } else { 0 };
                out.push((picture.temporal_id << 5) | switching | (count << 2));
                out.extend_from_slice(references);
            }
        }
    }
}

/// Hears what is in a structure, so that those who only skip it store nothing.
trait Listener {
    fn layers(&mut self, _count: u8) {}
    fn resolution(&mut self, _width: u16, _height: u16) {}
    fn group(&mut self) {}
    fn picture(&mut self, _picture: Vp9GroupPicture) {}
}

impl Listener for Vp9ScalabilityStructure {
    fn layers(&mut self, count: u8) {
        self.spatial_layers = count;
    }
    fn resolution(&mut self, width: u16, height: u16) {
        self.resolutions.push((width, height));
    }
    fn group(&mut self) {
        self.group = Some(Vec::new());
    }
    fn picture(&mut self, picture: Vp9GroupPicture) {
        self.group.get_or_insert_default().push(picture);
    }
}

struct Skipping;

impl Listener for Skipping {}

/// Reads over a structure and returns its bytes.
pub(super) fn skip<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], PayloadError> {
    let mut ahead = reader.clone();
    walk(&mut ahead, &mut Skipping)?;
    let len = reader.remaining().saturating_sub(ahead.remaining());
    Ok(reader.take(len, "scalability structure")?)
}

fn walk(reader: &mut Reader<'_>, listener: &mut impl Listener) -> Result<(), PayloadError> {
    let first = reader.u8("scalability structure")?;
    let layers = (first >> 5).saturating_add(1);
    listener.layers(layers);
    if first & Y != 0 {
        for _ in 0..layers {
            let width = reader.u16("width of a spatial layer")?;
            listener.resolution(width, reader.u16("height of a spatial layer")?);
        }
    }
    if first & G != 0 {
        listener.group();
        for _ in 0..reader.u8("number of pictures in a group")? {
            listener.picture(group_picture(reader)?);
        }
    }
    Ok(())
}

fn group_picture(reader: &mut Reader<'_>) -> Result<Vp9GroupPicture, PayloadError> {
    let first = reader.u8("picture of a group")?;
    let mut references = References::default();
    for _ in 0..(first >> 2) & 3 {
        let ago = reader.u8("P_DIFF of a group")?;
        if !references.push(ago) {
            let why = "not from 1 to 127";
            return Err(PayloadError::Unsupported {
                what: "P_DIFF of a group",
                value: ago,
                why,
            });
        }
    }
    Ok(Vp9GroupPicture {
        temporal_id: first >> 5,
        switching_up_point: first & U != 0,
        references,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(temporal_id: u8, ago: &[u8]) -> Vp9GroupPicture {
        let mut references = References::default();
        assert!(ago.iter().all(|ago| references.push(*ago)));
        Vp9GroupPicture {
            temporal_id,
            switching_up_point: temporal_id > 0,
            references,
        }
    }

    #[test]
    fn three_spatial_and_three_temporal_layers() {
        // The references of the example in RFC 9628, section 4.5.1, as distances.
        let structure = Vp9ScalabilityStructure {
            spatial_layers: 3,
            resolutions: vec![(320, 180), (640, 360), (1280, 720)],
            group: Some(vec![
                picture(0, &[4]),
                picture(2, &[1]),
                picture(1, &[2]),
                picture(2, &[1, 2]),
            ]),
        };
        let mut bytes = Vec::new();
        structure.write(&mut bytes);
        assert_eq!(bytes[0], 0x58);
        assert_eq!(bytes[13], 4);
        assert_eq!(bytes[14..], [0x04, 4, 0x54, 1, 0x34, 2, 0x58, 1, 2]);
        assert_eq!(Vp9ScalabilityStructure::parse(&bytes), Ok(structure));
        for cut in 0..bytes.len() {
            assert!(
                Vp9ScalabilityStructure::parse(&bytes[..cut]).is_err(),
                "{cut}"
            );
        }
        bytes.push(0xff);
        assert_eq!(
            skip(&mut Reader::new(&bytes)).map(<[u8]>::len),
            Ok(bytes.len() - 1)
        );
    }

    #[test]
    fn the_smallest_ones() {
        let plain = Vp9ScalabilityStructure {
            spatial_layers: 1,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        plain.write(&mut bytes);
        assert_eq!(bytes, [0]);
        assert_eq!(Vp9ScalabilityStructure::parse(&bytes), Ok(plain));
        let empty_group = Vp9ScalabilityStructure::parse(&[0x08, 0]).expect("a structure");
        assert_eq!(empty_group.group, Some(vec![]));
        assert!(Vp9ScalabilityStructure::parse(&[0x08, 1, 0x04, 0]).is_err());
    }
}
