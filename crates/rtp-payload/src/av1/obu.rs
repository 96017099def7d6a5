//! Open bitstream units (AV1 bitstream specification, section 5.3).

use gannet_wire::{ReadError, Reader};

use crate::payload::PayloadError;

const FORBIDDEN: u8 = 0x80;
const EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

pub(super) const SEQUENCE_HEADER: u8 = 1;
pub(super) const TEMPORAL_DELIMITER: u8 = 2;
pub(super) const FRAME_HEADER: u8 = 3;
pub(super) const FRAME: u8 = 6;
pub(super) const TILE_LIST: u8 = 8;

/// The header of an OBU.
///
/// ```text
///  0 1 2 3 4 5 6 7     0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+   +-+-+-+-+-+-+-+-+
/// |F| type  |X|S|-|   | TID |SID|-|-|-|  with X
/// +-+-+-+-+-+-+-+-+   +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ObuHeader {
    first: u8,
    extension: Option<u8>,
}

impl ObuHeader {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let first = reader.u8("OBU header")?;
        if first & FORBIDDEN != 0 {
            let why = "a syntax violation";
            return Err(PayloadError::Unsupported {
                what: "the obu_forbidden_bit",
                value: 1,
                why,
            });
        }
        let extension = if first & EXTENSION != 0 {
            Some(reader.u8("OBU extension header")?)
        } else {
            None
        };
        Ok(Self { first, extension })
    }

    pub(super) const fn obu_type(self) -> u8 {
        (self.first >> 3) & 0x0f
    }

    /// obu_has_size_field.
    pub(super) const fn has_size(self) -> bool {
        self.first & HAS_SIZE != 0
    }

    /// Whether it is one that is not sent, and that receivers ignore (section 5).
    pub(super) const fn is_ignored(self) -> bool {
        matches!(self.obu_type(), TEMPORAL_DELIMITER | TILE_LIST)
    }

    pub(super) fn temporal_id(self) -> Option<u8> {
        self.extension.map(|extension| extension >> 5)
    }

    pub(super) fn spatial_id(self) -> Option<u8> {
        self.extension.map(|extension| (extension >> 3) & 3)
    }

    /// The one or two bytes, with obu_has_size_field as wanted.
    pub(super) fn bytes(self, has_size: bool) -> ([u8; 2], usize) {
        let first = (self.first & !HAS_SIZE) | if has_size { HAS_SIZE } else { 0 };
        let len = if self.extension.is_some() { 2 } else { 1 };
        ([first, self.extension.unwrap_or(0)], len)
    }
}

/// Takes a number in leb128 (AV1 specification, section 4.10.5): at most 8 bytes, and at most 32
/// bits.
pub(super) fn leb128(reader: &mut Reader<'_>, what: &'static str) -> Result<usize, PayloadError> {
    let mut value = 0_u64;
    for index in 0..8_u32 {
        let byte = reader.u8(what)?;
        value |= u64::from(byte & 0x7f) << index.saturating_mul(7);
        if byte & 0x80 == 0 {
            return u32::try_from(value)
                .ok()
                .and_then(|value| usize::try_from(value).ok())
                .ok_or(PayloadError::Unsupported {
                    what,
                    value: byte,
                    why: "more than 32 bits",
                });
        }
    }
    Err(PayloadError::Unsupported {
        what,
        value: 8,
        why: "more bytes than leb128 may have",
    })
}

/// How many bytes a number has in leb128.
pub(super) const fn leb128_len(value: usize) -> usize {
    let bits = usize::BITS.saturating_sub(value.leading_zeros());
    if bits == 0 {
        1
    } else {
        bits.div_ceil(7) as usize
    }
}

/// Calls `write` with each byte of the number in leb128.
pub(super) fn each_leb128_byte(mut value: usize, mut write: impl FnMut(u8)) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            write(low & 0x7f);
            return;
        }
        write(low | 0x80);
    }
}

/// Takes the OBU at the reader, in the low-overhead format: with a size field, or else up to the
/// end.
pub(super) fn take<'a>(
    reader: &mut Reader<'a>,
) -> Result<(ObuHeader, usize, &'a [u8]), PayloadError> {
    let header = ObuHeader::parse(reader)?;
    let len = if header.has_size() {
        leb128(reader, "obu_size")?
    } else {
        reader.remaining()
    };
    let at = reader.position();
    let payload: Result<_, ReadError> = reader.take(len, "OBU");
    Ok((header, at, payload?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leb128_round_trips() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_151, 0xffff_ffff] {
            let mut bytes = Vec::new();
            each_leb128_byte(value, |byte| bytes.push(byte));
            assert_eq!(bytes.len(), leb128_len(value), "{value}");
            assert_eq!(leb128(&mut Reader::new(&bytes), "a test"), Ok(value));
        }
        // Longer forms are allowed, up to 8 bytes; larger numbers are not.
        assert_eq!(leb128(&mut Reader::new(&[0x81, 0x80, 0]), "a test"), Ok(1));
        assert!(leb128(&mut Reader::new(&[0xff; 9]), "a test").is_err());
        assert!(leb128(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]), "a test").is_err());
        assert!(leb128(&mut Reader::new(&[0x80]), "a test").is_err());
    }

    #[test]
    fn headers_say_type_and_layers() {
        let header = ObuHeader::parse(&mut Reader::new(&[0x36, 0x48])).expect("a header");
        assert_eq!((header.obu_type(), header.has_size()), (FRAME, true));
        assert_eq!(
            (header.temporal_id(), header.spatial_id()),
            (Some(2), Some(1))
        );
        assert_eq!(header.bytes(false), ([0x34, 0x48], 2));
        assert!(ObuHeader::parse(&mut Reader::new(&[0x36])).is_err());
        assert!(ObuHeader::parse(&mut Reader::new(&[0x80])).is_err());
    }
}
