//! The start of a VP9 frame (VP9 bitstream specification, section 6.2).

/// What the uncompressed header says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) keyframe: bool,
    /// Of keyframes only.
    pub(super) resolution: Option<(u16, u16)>,
}

const FRAME_MARKER: u32 = 2;
const SYNC_CODE: u32 = 0x0049_8342;
const COLOR_SPACE_RGB: u32 = 7;

impl FrameHeader {
    /// Reads as much of the header as there is. `None` if it is not one.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits {
            bytes: frame,
            at: 0,
        };
        if bits.take(2)? != FRAME_MARKER {
            return None;
        }
        let profile = bits.take(1)? | (bits.take(1)? << 1);
        if profile == 3 {
            bits.take(1)?;
        }
        let show_existing_frame = bits.take(1)? == 1;
        if show_existing_frame {
            return Some(Self {
                keyframe: false,
                resolution: None,
            });
        }
        let keyframe = bits.take(1)? == 0;
        let resolution = if keyframe {
            resolution(&mut bits, profile)
        } else {
            None
        };
        Some(Self {
            keyframe,
            resolution,
        })
    }
}

/// What follows the frame type of a keyframe, up to the size.
fn resolution(bits: &mut Bits<'_>, profile: u32) -> Option<(u16, u16)> {
    let _show_frame_and_error_resilient_mode = bits.take(2)?;
    if bits.take(24)? != SYNC_CODE {
        return None;
    }
    if profile >= 2 {
        let _bit_depth = bits.take(1)?;
    }
    let odd_profile = profile & 1 == 1;
    if bits.take(3)? == COLOR_SPACE_RGB {
        let _reserved = if odd_profile { bits.take(1)? } else { 0 };
    } else {
        let _color_range = bits.take(1)?;
        let _subsampling_and_reserved = if odd_profile { bits.take(3)? } else { 0 };
    }
    let width = bits.take(16)?.checked_add(1)?;
    let height = bits.take(16)?.checked_add(1)?;
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits (up to 32), the first one highest.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at >> 3)?;
            let shift = 7_usize.wrapping_sub(self.at & 7);
            value = (value << 1) | u32::from((byte >> shift) & 1);
            self.at = self.at.checked_add(1)?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_of_libvpx() {
        // The first bytes of a 640x480 profile 0 keyframe.
        let frame = [0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x1d, 0xf6, 0x00];
        let header = FrameHeader {
            keyframe: true,
            resolution: Some((640, 480)),
        };
        assert_eq!(FrameHeader::parse(&frame), Some(header));
        let cut = FrameHeader {
            keyframe: true,
            resolution: None,
        };
        assert_eq!(FrameHeader::parse(&frame[..5]), Some(cut));
    }

    #[test]
    fn other_frames() {
        let inter = FrameHeader {
            keyframe: false,
            resolution: None,
        };
        assert_eq!(FrameHeader::parse(&[0x86, 0]), Some(inter));
        assert_eq!(
            FrameHeader::parse(&[0x88]),
            Some(inter),
            "show_existing_frame"
        );
        assert_eq!(FrameHeader::parse(&[0x00]), None);
        assert_eq!(FrameHeader::parse(&[]), None);
    }
}
