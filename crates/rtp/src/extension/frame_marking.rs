//! Where a packet stands among the frames of a layered stream: frame marking (RFC 9626).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  ID   |  L=2  |S|E|I|D|B| TID |      LID      |   TL0PICIDX   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
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

/// The marks of one packet. A stream without layers has the first four only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMarking {
    /// S: the first packet of a frame.
    pub start_of_frame: bool,
    /// E: the last packet of a frame.
    pub end_of_frame: bool,
    /// I: the frame can be decoded without any other.
    pub independent: bool,
    /// D: no frame needs this one.
    pub discardable: bool,
    /// B: the frame depends on nothing but the base layer.
    pub base_layer_sync: bool,
    /// TID: the temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// LID: the spatial and quality layer, as the payload format defines it.
    pub layer_id: Option<u8>,
    /// The number of the latest frame of temporal layer 0.
    pub tl0_picture_index: Option<u8>,
}

impl HeaderExtension<'_> for FrameMarking {
    const KIND: ExtensionKind = ExtensionKind::FrameMarking;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let (&bits, rest) = value.split_first()?;
        let (layer_id, tl0_picture_index) = match *rest {
            [] => (None, None),
            [layer] => (Some(layer), None),
            [layer, index] => (Some(layer), Some(index)),
            _ => return None,
        };
        Some(Self {
            start_of_frame: bits & 0x80 != 0,
            end_of_frame: bits & 0x40 != 0,
            independent: bits & 0x20 != 0,
            discardable: bits & 0x10 != 0,
            base_layer_sync: bits & 0x08 != 0,
            temporal_id: bits & 0x07,
            layer_id,
            tl0_picture_index,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let bit = |set: bool, shift: u32| u8::from(set) << shift;
        out.push(
            bit(self.start_of_frame, 7)
                | bit(self.end_of_frame, 6)
                | bit(self.independent, 5)
                | bit(self.discardable, 4)
                | bit(self.base_layer_sync, 3)
                | self.temporal_id & 7,
        );
        if let Some(layer) = self.layer_id {
            out.push(layer);
            out.extend(self.tl0_picture_index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn short_and_long_forms() {
        let mut marking = FrameMarking {
            start_of_frame: true,
            independent: true,
            ..FrameMarking::default()
        };
        round_trip(&marking, &[0xa0]);
        marking.temporal_id = 5;
        marking.layer_id = Some(9);
        round_trip(&marking, &[0xa5, 9]);
        marking.tl0_picture_index = Some(200);
        marking.base_layer_sync = true;
        round_trip(&marking, &[0xad, 9, 200]);
        assert_eq!(FrameMarking::parse(&[]), None);
        assert_eq!(FrameMarking::parse(&[0; 4]), None);
    }
}
