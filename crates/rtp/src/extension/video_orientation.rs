//! How a picture is to be turned (3GPP TS 26.114, "coordination of video orientation"), and what it
//! shows (video-content-type).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use super::{ExtensionKind, HeaderExtension};

/// A rotation that the receiver applies, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Clockwise90,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    Clockwise270,
}

/// `|0 0 0 0 C F R1 R0|`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoOrientation {
    /// C: the camera at the back of the device, away from its user.
    pub back_camera: bool,
    /// F: mirror the picture horizontally before it is rotated.
    pub flip: bool,
    /// R1 and R0.
    pub rotation: Rotation,
}

impl HeaderExtension<'_> for VideoOrientation {
    const KIND: ExtensionKind = ExtensionKind::VideoOrientation;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let [bits] = *<&[u8; 1]>::try_from(value).ok()?;
        Some(Self {
            back_camera: bits & 0b1000 != 0,
            flip: bits & 0b100 != 0,
            rotation: match bits & 0b11 {
                0 => Rotation::None,
                1 => Rotation::Clockwise90,
                2 => Rotation::Half,
                _ => Rotation::Clockwise270,
            },
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let rotation = match self.rotation {
            Rotation::None => 0,
            Rotation::Clockwise90 => 1,
            Rotation::Half => 2,
            Rotation::Clockwise270 => 3,
        };
        out.push(u8::from(self.back_camera) << 3 | u8::from(self.flip) << 2 | rotation);
    }
}

/// What a video shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoContentType {
    /// Anything, a camera mostly.
    Unspecified,
    /// A screen.
    Screenshare,
    /// A value without a meaning so far.
    Unknown(u8),
}

impl HeaderExtension<'_> for VideoContentType {
    const KIND: ExtensionKind = ExtensionKind::VideoContentType;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        match *<&[u8; 1]>::try_from(value).ok()? {
            [0] => Some(Self::Unspecified),
            [1] => Some(Self::Screenshare),
            [other] => Some(Self::Unknown(other)),
        }
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Unspecified => 0,
            Self::Screenshare => 1,
            Self::Unknown(other) => *other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn all_orientations() {
        for bits in 0..16_u8 {
            let orientation = VideoOrientation::parse(&[bits]).unwrap();
            round_trip(&orientation, &[bits]);
        }
        assert_eq!(
            VideoOrientation::parse(&[0b0111]),
            Some(VideoOrientation {
                back_camera: false,
                flip: true,
                rotation: Rotation::Clockwise270
            })
        );
        assert_eq!(VideoOrientation::parse(&[]), None);
    }

    #[test]
    fn content_types() {
        round_trip(&VideoContentType::Unspecified, &[0]);
        round_trip(&VideoContentType::Screenshare, &[1]);
        round_trip(&VideoContentType::Unknown(9), &[9]);
    }
}
