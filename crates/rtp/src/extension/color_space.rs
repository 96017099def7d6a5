//! The colours of a picture: color-space.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   primaries   |   transfer    |    matrix     | 0 |rng|hor|ver|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//! then, for high dynamic range, 24 more bytes.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::Reader;

use super::{ExtensionKind, HeaderExtension};

/// Colour description; the numbers are those of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColorSpace {
    /// Colour primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// 0 invalid, 1 limited, 2 full, 3 derived.
    pub range: u8,
    /// Chroma siting, horizontally: 0 unspecified, 1 collocated, 2 half.
    pub horizontal_siting: u8,
    /// Chroma siting, vertically.
    pub vertical_siting: u8,
    /// The metadata of high dynamic range.
    pub hdr: Option<HdrMetadata>,
}

/// A point in the CIE 1931 diagram, in steps of 1/50000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chromaticity {
    /// Its x.
    pub x: u16,
    /// Its y.
    pub y: u16,
}

/// Mastering display and content light levels (SMPTE ST 2086, CTA-861.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HdrMetadata {
    /// The display's brightest luminance, in cd/m2.
    pub luminance_max: u16,
    /// The display's darkest luminance, in 1/10000 cd/m2.
    pub luminance_min: u16,
    /// Red, green, blue, and the white point.
    pub primaries: [Chromaticity; 4],
    /// The brightest pixel, in cd/m2.
    pub max_content_light_level: u16,
    /// The brightest frame average, in cd/m2.
    pub max_frame_average_light_level: u16,
}

impl HdrMetadata {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut next = || reader.u16("metadata").ok();
        let mut hdr = Self {
            luminance_max: next()?,
            luminance_min: next()?,
            ..Self::default()
        };
        for point in &mut hdr.primaries {
            point.x = next()?;
            point.y = next()?;
        }
        hdr.max_content_light_level = next()?;
        hdr.max_frame_average_light_level = next()?;
        Some(hdr)
    }
}

impl HeaderExtension<'_> for ColorSpace {
    const KIND: ExtensionKind = ExtensionKind::ColorSpace;

    fn parse(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let [primaries, transfer, matrix, bits] = reader.take_array("description").ok()?;
        let hdr = match reader.remaining() {
            0 => None,
            24 => Some(HdrMetadata::read(&mut reader)?),
            _ => return None,
        };
        Some(Self {
            primaries,
            transfer,
            matrix,
            range: bits >> 4 & 3,
            horizontal_siting: bits >> 2 & 3,
            vertical_siting: bits & 3,
            hdr,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let siting = (self.horizontal_siting & 3) << 2 | self.vertical_siting & 3;
        let bits = (self.range & 3) << 4 | siting;
        out.extend_from_slice(&[self.primaries, self.transfer, self.matrix, bits]);
        let Some(hdr) = &self.hdr else {
            return;
        };
        let mut put = |value: u16| out.extend_from_slice(&value.to_be_bytes());
        put(hdr.luminance_max);
        put(hdr.luminance_min);
        for point in &hdr.primaries {
            put(point.x);
            put(point.y);
        }
        put(hdr.max_content_light_level);
        put(hdr.max_frame_average_light_level);
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn with_and_without_metadata() {
        let mut color = ColorSpace {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            range: 2,
            horizontal_siting: 1,
            vertical_siting: 2,
            hdr: None,
        };
        round_trip(&color, &[9, 16, 9, 0x26]);
        let point = |n| Chromaticity { x: n, y: n + 1 };
        color.hdr = Some(HdrMetadata {
            luminance_max: 1000,
            luminance_min: 5,
            primaries: [point(1), point(3), point(5), point(7)],
            max_content_light_level: 9,
            max_frame_average_light_level: 10,
        });
        let mut bytes = vec![9, 16, 9, 0x26, 3, 0xe8, 0, 5];
        bytes.extend((1..=10).flat_map(|n| [0, n]));
        round_trip(&color, &bytes);
        assert_eq!(ColorSpace::parse(&bytes[..27]), None);
    }
}
