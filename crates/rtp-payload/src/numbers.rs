//! The running numbers in payload descriptors, for whoever forwards payloads and puts one stream behind
//! another: they have to go on as if one encoder had counted them.

use gannet_wire::Reader;

use crate::format::PayloadFormat;
use crate::payload::PictureId;

/// Bits of the first byte of VP8's descriptor, and of its extension (RFC 7741, section 4.2).
mod vp8 {
    pub(super) const X: u8 = 0x80;
    pub(super) const I: u8 = 0x80;
    pub(super) const L: u8 = 0x40;
    pub(super) const T: u8 = 0x20;
    pub(super) const K: u8 = 0x10;
    pub(super) const KEY_IDX: u8 = 0x1f;
}

/// Bits of the first byte of VP9's descriptor (RFC 9628, section 4.2).
mod vp9 {
    pub(super) const I: u8 = 0x80;
    pub(super) const L: u8 = 0x20;
    pub(super) const F: u8 = 0x10;
}

/// The first bytes of a payload, to be sent in place of those that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadHead {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl PayloadHead {
    /// It has at most so many bytes: the running numbers stand in the first ones.
    pub const MAX_LEN: usize = 6;

    /// The bytes; none if the payload is to be sent as it is.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Puts it in the place of the first bytes of `payload`, which is at least as long.
    pub fn apply(&self, payload: &mut [u8]) {
        let head = self.as_slice();
        if let Some(place) = payload.get_mut(..head.len()) {
            place.copy_from_slice(head);
        }
    }

    fn of(payload: &[u8], len: usize) -> Option<Self> {
        let mut head = Self::default();
        head.bytes
            .get_mut(..len)?
            .copy_from_slice(payload.get(..len)?);
        head.len = u8::try_from(len).ok()?;
        Some(head)
    }

    fn put(&mut self, place: usize, byte: u8) {
        if let Some(at) = self.bytes.get_mut(place) {
            *at = byte;
        }
    }
}

/// What is added to running numbers. Each wraps in its own width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberShift {
    /// To the picture ID, modulo 128 or 32,768.
    pub picture_id: u16,
    /// To TL0PICIDX, modulo 256.
    pub tl0_pic_idx: u8,
    /// To KEYIDX, modulo 32.
    pub key_idx: u8,
}

/// The running numbers of one payload of VP8 or VP9. The formats that have none (or have them in header
/// extensions, as AV1) need no shift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningNumbers {
    /// The number of the picture.
    pub picture_id: Option<PictureId>,
    /// The number of the base-layer picture.
    pub tl0_pic_idx: Option<u8>,
    /// The running number of key frames (0 to 31); VP8 only.
    pub key_idx: Option<u8>,
    /// Where each of them stands.
    places: Places,
    /// The descriptor up to the last of them.
    head: PayloadHead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places {
    picture_id: usize,
    tl0_pic_idx: usize,
    key_idx: usize,
}

impl RunningNumbers {
    /// Reads them. There are none in a payload that is not of this format.
    #[must_use]
    pub fn read(format: PayloadFormat, payload: &[u8]) -> Self {
        let read = match format {
            PayloadFormat::Vp8 => Self::vp8(payload),
            PayloadFormat::Vp9 => Self::vp9(payload),
            _ => None,
        };
        read.unwrap_or_default()
    }

    fn vp8(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        if reader.u8("descriptor").ok()? & vp8::X == 0 {
            return None;
        }
        let extension = reader.u8("extension bits").ok()?;
        let mut numbers = Self::default();
        numbers.places.picture_id = place(payload, &reader);
        if extension & vp8::I != 0 {
            numbers.picture_id = Some(PictureId::parse(&mut reader).ok()?);
        }
        numbers.places.tl0_pic_idx = place(payload, &reader);
        if extension & vp8::L != 0 {
            numbers.tl0_pic_idx = Some(reader.u8("TL0PICIDX").ok()?);
        }
        numbers.places.key_idx = place(payload, &reader);
        if extension & (vp8::T | vp8::K) != 0 {
            let layers = reader.u8("TID, Y and KEYIDX").ok()?;
            numbers.key_idx = (extension & vp8::K != 0).then_some(layers & vp8::KEY_IDX);
        }
        numbers.head = PayloadHead::of(payload, place(payload, &reader))?;
        Some(numbers)
    }

    fn vp9(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let first = reader.u8("descriptor").ok()?;
        let mut numbers = Self::default();
        numbers.places.picture_id = place(payload, &reader);
        if first & vp9::I != 0 {
            numbers.picture_id = Some(PictureId::parse(&mut reader).ok()?);
        }
        let flexible = first & vp9::F != 0 && first & vp9::I != 0;
        if first & vp9::L != 0 && !flexible {
            reader.u8("layer indices").ok()?;
            numbers.places.tl0_pic_idx = place(payload, &reader);
            numbers.tl0_pic_idx = Some(reader.u8("TL0PICIDX").ok()?);
        }
        numbers.head = PayloadHead::of(payload, place(payload, &reader))?;
        Some(numbers)
    }

    /// The first bytes of the payload when `shift` is added to its numbers; none if nothing changes by it.
    #[must_use]
    pub fn shifted(&self, shift: NumberShift) -> PayloadHead {
        let mut head = self.head;
        match self.picture_id {
            Some(PictureId::Seven(value)) => {
                let shifted = u16::from(value).wrapping_add(shift.picture_id) & 0x7f;
                let [_, low] = shifted.to_be_bytes();
                head.put(self.places.picture_id, low);
            }
            Some(PictureId::Fifteen(value)) => {
                let [high, low] = (0x8000 | value.wrapping_add(shift.picture_id)).to_be_bytes();
                head.put(self.places.picture_id, high);
                head.put(self.places.picture_id.saturating_add(1), low);
            }
            None => {}
        }
        if let Some(value) = self.tl0_pic_idx {
            let shifted = value.wrapping_add(shift.tl0_pic_idx);
            head.put(self.places.tl0_pic_idx, shifted);
        }
        if let Some(value) = self.key_idx {
            let at = self.places.key_idx;
            let others = head.bytes.get(at).map_or(0, |byte| byte & !vp8::KEY_IDX);
            let shifted = value.wrapping_add(shift.key_idx) & vp8::KEY_IDX;
            head.put(at, others | shifted);
        }
        if head == self.head {
            return PayloadHead::default();
        }
        head
    }
}

/// How far a reader has come.
fn place(payload: &[u8], reader: &Reader<'_>) -> usize {
    payload.len().saturating_sub(reader.remaining())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vp8::Vp8Descriptor;
    use crate::vp9::{Vp9Descriptor, Vp9Layers};

    const SHIFT: NumberShift = NumberShift {
        picture_id: 0x7ffe,
        tl0_pic_idx: 7,
        key_idx: 30,
    };

    fn shifted(format: PayloadFormat, payload: &[u8], shift: NumberShift) -> Vec<u8> {
        let mut shifted = payload.to_vec();
        RunningNumbers::read(format, payload)
            .shifted(shift)
            .apply(&mut shifted);
        shifted
    }

    fn picture_id(wide: bool, value: u16) -> PictureId {
        match wide {
            true => PictureId::Fifteen(value & 0x7fff),
            false => PictureId::Seven((value & 0x7f) as u8),
        }
    }

    fn plus(id: PictureId, shift: u16) -> PictureId {
        let wide = matches!(id, PictureId::Fifteen(_));
        picture_id(wide, id.value().wrapping_add(shift))
    }

    proptest! {
        #[test]
        fn all_else_in_a_vp8_descriptor_stays(
            bits in 0..=0xff_u8, value: u16, tl0: u8, key in 0..32_u8, by: (u16, u8, u8)
        ) {
            let shift = NumberShift { picture_id: by.0, tl0_pic_idx: by.1, key_idx: by.2 };
            let mut descriptor = Vp8Descriptor {
                non_reference: bits & 1 != 0,
                start_of_partition: bits & 2 != 0,
                partition: bits & 7,
                picture_id: (bits & 4 != 0).then_some(picture_id(bits & 8 != 0, value)),
                tl0_pic_idx: (bits & 16 != 0).then_some(tl0),
                temporal_id: (bits & 32 != 0).then_some(2),
                layer_sync: bits & 64 != 0 && bits & (32 | 128) != 0,
                key_idx: (bits & 128 != 0).then_some(key),
            };
            let mut payload = Vec::new();
            descriptor.write(&mut payload);
            payload.extend([1, 2, 3]);
            let rewritten = shifted(PayloadFormat::Vp8, &payload, shift);
            let mut reader = Reader::new(&rewritten);
            let read = Vp8Descriptor::parse(&mut reader).unwrap();
            descriptor.picture_id = descriptor.picture_id.map(|id| plus(id, shift.picture_id));
            descriptor.tl0_pic_idx = descriptor.tl0_pic_idx.map(|n| n.wrapping_add(shift.tl0_pic_idx));
            descriptor.key_idx = descriptor.key_idx.map(|n| n.wrapping_add(shift.key_idx) & 31);
            prop_assert_eq!(read, descriptor);
            prop_assert_eq!(reader.as_slice(), &[1, 2, 3]);
        }

        #[test]
        fn all_else_in_a_vp9_descriptor_stays(
            bits in 0..=0xff_u8, value: u16, tl0: u8, by: (u16, u8)
        ) {
            let shift = NumberShift { picture_id: by.0, tl0_pic_idx: by.1, key_idx: 0 };
            let flexible = bits & 1 != 0;
            let mut descriptor = Vp9Descriptor {
                picture_id: (flexible || bits & 2 != 0).then_some(picture_id(bits & 4 != 0, value)),
                layers: (bits & 8 != 0).then_some(Vp9Layers {
                    temporal_id: 1,
                    spatial_id: 2,
                    inter_layer: bits & 16 != 0,
                    tl0_pic_idx: if flexible { 0 } else { tl0 },
                    ..Vp9Layers::default()
                }),
                flexible,
                starts_frame: bits & 32 != 0,
                ends_frame: bits & 64 != 0,
                ..Vp9Descriptor::default()
            };
            let mut payload = Vec::new();
            descriptor.write(&mut payload);
            payload.extend([1, 2, 3]);
            let rewritten = shifted(PayloadFormat::Vp9, &payload, shift);
            let mut reader = Reader::new(&rewritten);
            let read = Vp9Descriptor::parse(&mut reader).unwrap();
            descriptor.picture_id = descriptor.picture_id.map(|id| plus(id, shift.picture_id));
            if let Some(layers) = descriptor.layers.as_mut().filter(|_| !flexible) {
                layers.tl0_pic_idx = layers.tl0_pic_idx.wrapping_add(shift.tl0_pic_idx);
            }
            prop_assert_eq!(read, descriptor);
            prop_assert_eq!(reader.as_slice(), &[1, 2, 3]);
        }

        #[test]
        fn whatever_comes_is_as_long_as_before(payload: Vec<u8>, by: (u16, u8, u8)) {
            let shift = NumberShift { picture_id: by.0, tl0_pic_idx: by.1, key_idx: by.2 };
            for format in [PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::H265] {
                let head = RunningNumbers::read(format, &payload).shifted(shift);
                prop_assert!(head.as_slice().len() <= payload.len());
            }
        }
    }

    #[test]
    fn the_reserved_bits_stay_and_nothing_is_written_when_nothing_changes() {
        // X with a reserved bit, I, L, K with T's bits set.
        let payload = [0xd0, 0xd7, 0xff, 0xff, 9, 0xe3, 1];
        assert_eq!(
            shifted(PayloadFormat::Vp8, &payload, SHIFT),
            [0xd0, 0xd7, 0xff, 0xfd, 16, 0xe1, 1]
        );
        let numbers = RunningNumbers::read(PayloadFormat::Vp8, &payload);
        assert!(
            numbers
                .shifted(NumberShift::default())
                .as_slice()
                .is_empty()
        );
        // Only the picture ID goes on.
        let by_one = NumberShift {
            picture_id: 1,
            ..NumberShift::default()
        };
        assert_eq!(
            shifted(PayloadFormat::Vp8, &payload, by_one)[2..4],
            [0x80, 0]
        );
    }
}
