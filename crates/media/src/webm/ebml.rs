//! EBML (RFC 8794): element headers, and elements written into and read from memory.

use super::WebmReadError;

/// An element's identifier, with its marker bits (RFC 8794, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(pub(super) u32);

/// The identifiers in use (RFC 8794, section 11.2; RFC 9559, section 5.1).
pub(super) mod id {
    use super::Id;

    pub(crate) const EBML: Id = Id(0x1A45_DFA3);
    pub(crate) const EBML_VERSION: Id = Id(0x4286);
    pub(crate) const EBML_READ_VERSION: Id = Id(0x42F7);
    pub(crate) const EBML_MAX_ID_LENGTH: Id = Id(0x42F2);
    pub(crate) const EBML_MAX_SIZE_LENGTH: Id = Id(0x42F3);
    pub(crate) const DOC_TYPE: Id = Id(0x4282);
    pub(crate) const DOC_TYPE_VERSION: Id = Id(0x4287);
    pub(crate) const DOC_TYPE_READ_VERSION: Id = Id(0x4285);
    pub(crate) const VOID: Id = Id(0xEC);
    pub(crate) const SEGMENT: Id = Id(0x1853_8067);
    pub(crate) const SEEK_HEAD: Id = Id(0x114D_9B74);
    pub(crate) const SEEK: Id = Id(0x4DBB);
    pub(crate) const SEEK_ID: Id = Id(0x53AB);
    pub(crate) const SEEK_POSITION: Id = Id(0x53AC);
    pub(crate) const INFO: Id = Id(0x1549_A966);
    pub(crate) const TIMESTAMP_SCALE: Id = Id(0x2A_D7B1);
    pub(crate) const DURATION: Id = Id(0x4489);
    pub(crate) const MUXING_APP: Id = Id(0x4D80);
    pub(crate) const WRITING_APP: Id = Id(0x5741);
    pub(crate) const TRACKS: Id = Id(0x1654_AE6B);
    pub(crate) const TRACK_ENTRY: Id = Id(0xAE);
    pub(crate) const TRACK_NUMBER: Id = Id(0xD7);
    pub(crate) const TRACK_UID: Id = Id(0x73C5);
    pub(crate) const TRACK_TYPE: Id = Id(0x83);
    pub(crate) const FLAG_LACING: Id = Id(0x9C);
    pub(crate) const DEFAULT_DURATION: Id = Id(0x23_E383);
    pub(crate) const CODEC_ID: Id = Id(0x86);
    pub(crate) const CODEC_PRIVATE: Id = Id(0x63A2);
    pub(crate) const CODEC_DELAY: Id = Id(0x56AA);
    pub(crate) const SEEK_PRE_ROLL: Id = Id(0x56BB);
    pub(crate) const VIDEO: Id = Id(0xE0);
    pub(crate) const PIXEL_WIDTH: Id = Id(0xB0);
    pub(crate) const PIXEL_HEIGHT: Id = Id(0xBA);
    pub(crate) const PROJECTION: Id = Id(0x7670);
    pub(crate) const PROJECTION_TYPE: Id = Id(0x7671);
    pub(crate) const PROJECTION_POSE_YAW: Id = Id(0x7673);
    pub(crate) const PROJECTION_POSE_PITCH: Id = Id(0x7674);
    pub(crate) const PROJECTION_POSE_ROLL: Id = Id(0x7675);
    pub(crate) const AUDIO: Id = Id(0xE1);
    pub(crate) const SAMPLING_FREQUENCY: Id = Id(0xB5);
    pub(crate) const CHANNELS: Id = Id(0x9F);
    pub(crate) const CONTENT_ENCODINGS: Id = Id(0x6D80);
    pub(crate) const CONTENT_ENCODING: Id = Id(0x6240);
    pub(crate) const CONTENT_ENCODING_SCOPE: Id = Id(0x5032);
    pub(crate) const CONTENT_ENCODING_TYPE: Id = Id(0x5033);
    pub(crate) const CONTENT_COMPRESSION: Id = Id(0x5034);
    pub(crate) const CONTENT_COMP_ALGO: Id = Id(0x4254);
    pub(crate) const CONTENT_COMP_SETTINGS: Id = Id(0x4255);
    pub(crate) const CLUSTER: Id = Id(0x1F43_B675);
    pub(crate) const TIMESTAMP: Id = Id(0xE7);
    pub(crate) const SIMPLE_BLOCK: Id = Id(0xA3);
    pub(crate) const BLOCK_GROUP: Id = Id(0xA0);
    pub(crate) const BLOCK: Id = Id(0xA1);
    pub(crate) const BLOCK_DURATION: Id = Id(0x9B);
    pub(crate) const REFERENCE_BLOCK: Id = Id(0xFB);
    pub(crate) const CUES: Id = Id(0x1C53_BB6B);
    pub(crate) const CUE_POINT: Id = Id(0xBB);
    pub(crate) const CUE_TIME: Id = Id(0xB3);
    pub(crate) const CUE_TRACK_POSITIONS: Id = Id(0xB7);
    pub(crate) const CUE_TRACK: Id = Id(0xF7);
    pub(crate) const CUE_CLUSTER_POSITION: Id = Id(0xF1);
}

/// The data size of an element whose end is not known (RFC 8794, section 6.2), in eight octets, so that
/// a known size can take its place.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// A data size in eight octets (RFC 8794, section 6.1).
pub(super) fn size_in_8_octets(size: u64) -> [u8; 8] {
    (size & 0x00FF_FFFF_FFFF_FFFF | 1 << 56).to_be_bytes()
}

pub(super) fn write_id(out: &mut Vec<u8>, Id(id): Id) {
    let octets = id.to_be_bytes();
    let unused = (id.leading_zeros() / 8) as usize;
    out.extend_from_slice(&octets[unused.min(3)..]);
}

/// A data size in as few octets as can be. All bits set would mean that it is unknown.
pub(super) fn write_size(out: &mut Vec<u8>, size: u64) {
    let octets = (1..8).find(|octets| size < (1 << (7 * octets)) - 1);
    match octets {
        Some(octets) => {
            let marked = size | 1 << (7 * octets);
            out.extend_from_slice(&marked.to_be_bytes()[8 - octets..]);
        }
        None => out.extend_from_slice(&size_in_8_octets(size)),
    }
}

pub(super) fn write_binary(out: &mut Vec<u8>, id: Id, data: &[u8]) {
    write_id(out, id);
    write_size(out, data.len() as u64);
    out.extend_from_slice(data);
}

pub(super) fn write_unsigned(out: &mut Vec<u8>, id: Id, value: u64) {
    let unused = (value.leading_zeros() / 8).min(7) as usize;
    write_binary(out, id, &value.to_be_bytes()[unused..]);
}

/// An unsigned integer of four octets, whatever its value, so that another can take its place.
pub(super) fn write_unsigned_32(out: &mut Vec<u8>, id: Id, value: u32) {
    write_binary(out, id, &value.to_be_bytes());
}

pub(super) fn write_float(out: &mut Vec<u8>, id: Id, value: f64) {
    write_binary(out, id, &value.to_be_bytes());
}

pub(super) fn write_master(out: &mut Vec<u8>, id: Id, children: impl FnOnce(&mut Vec<u8>)) {
    let mut inside = Vec::new();
    children(&mut inside);
    write_binary(out, id, &inside);
}

/// A Void element of 2 to 127 octets, its header included.
pub(super) fn write_void(out: &mut Vec<u8>, octets: usize) {
    write_binary(out, id::VOID, &vec![0; octets.saturating_sub(2)]);
}

/// A variable-size integer's length in octets, by its first one. `None`: longer than eight.
pub(super) fn vint_length(first: u8) -> Option<usize> {
    (first != 0).then(|| first.leading_zeros() as usize + 1)
}

/// The value of a variable-size integer without its marker; `None` in the result when all bits are set.
/// `octets` must be as long as [`vint_length`] says.
pub(super) fn vint_value(octets: &[u8]) -> Option<u64> {
    let all = octets
        .iter()
        .fold(0, |value, octet| value << 8 | u64::from(*octet));
    let bits = 7 * octets.len() as u32;
    let mask = (1u64 << bits.min(63)) - 1;
    (all & mask != mask).then_some(all & mask)
}

/// Bytes in memory, read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets<'a>(pub(super) &'a [u8]);

impl<'a> Octets<'a> {
    /// The next `length` octets.
    pub(super) fn take(
        &mut self,
        length: u64,
        what: &'static str,
    ) -> Result<&'a [u8], WebmReadError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = taken.ok_or(WebmReadError::TooShort { what })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn octet(&mut self, what: &'static str) -> Result<u8, WebmReadError> {
        self.take(1, what).map(|taken| taken[0])
    }

    /// A variable-size integer, its length in octets, and whether it is not "unknown".
    pub(super) fn vint(
        &mut self,
        what: &'static str,
    ) -> Result<(Option<u64>, usize), WebmReadError> {
        let first = self.0.first().copied().unwrap_or_default();
        let length = vint_length(first).ok_or(WebmReadError::Number { what })?;
        let taken = self.take(length as u64, what)?;
        Ok((vint_value(taken), length))
    }

    /// A variable-size integer that must be known.
    pub(super) fn known_vint(&mut self, what: &'static str) -> Result<u64, WebmReadError> {
        self.vint(what)?.0.ok_or(WebmReadError::Number { what })
    }

    /// The next element and its data; `None` at the end.
    pub(super) fn element(&mut self) -> Result<Option<(Id, &'a [u8])>, WebmReadError> {
        const WHAT: &str = "element in an element";
        let Some(first) = self.0.first() else {
            return Ok(None);
        };
        let length = vint_length(*first).filter(|length| *length <= 4);
        let length = length.ok_or(WebmReadError::Number { what: WHAT })?;
        let octets = self.take(length as u64, WHAT)?;
        let id = octets
            .iter()
            .fold(0, |id, octet| id << 8 | u32::from(*octet));
        let size = self.known_vint(WHAT)?;
        Ok(Some((Id(id), self.take(size, WHAT)?)))
    }
}

/// An unsigned integer of at most eight octets; none is 0 (RFC 8794, section 7.2).
pub(super) fn read_unsigned(data: &[u8], what: &'static str) -> Result<u64, WebmReadError> {
    if data.len() > 8 {
        return Err(WebmReadError::Number { what });
    }
    Ok(data
        .iter()
        .fold(0, |value, octet| value << 8 | u64::from(*octet)))
}

/// A float of 0, 4 or 8 octets (RFC 8794, section 7.3).
pub(super) fn read_float(data: &[u8], what: &'static str) -> Result<f64, WebmReadError> {
    match data.len() {
        0 => Ok(0.0),
        4 => Ok(f64::from(f32::from_bits(read_unsigned(data, what)? as u32))),
        8 => Ok(f64::from_bits(read_unsigned(data, what)?)),
        _ => Err(WebmReadError::Number { what }),
    }
}

/// A string up to its first NUL (RFC 8794, section 7.4), what is no UTF-8 replaced.
pub(super) fn read_string(data: &[u8]) -> String {
    let end = data.iter().position(|octet| *octet == 0);
    String::from_utf8_lossy(&data[..end.unwrap_or(data.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_of_the_rfc() {
        // RFC 8794, section 6.1 and 6.2: 127 takes two octets, because 0xFF is "unknown".
        for (size, expected) in [
            (0, &[0x80][..]),
            (126, &[0xFE]),
            (127, &[0x40, 0x7F]),
            (16_382, &[0x7F, 0xFE]),
            (16_383, &[0x20, 0x3F, 0xFF]),
        ] {
            let mut out = Vec::new();
            write_size(&mut out, size);
            assert_eq!(out, expected, "{size}");
        }
        assert_eq!(Octets(&[0xFF]).vint("size").unwrap(), (None, 1));
        assert_eq!(Octets(&UNKNOWN_SIZE).vint("size").unwrap(), (None, 8));
        assert!(Octets(&[0x00, 0xFF]).vint("size").is_err());
    }

    #[test]
    fn a_master_has_its_children() {
        let mut out = Vec::new();
        write_master(&mut out, id::INFO, |info| {
            write_unsigned(info, id::TIMESTAMP_SCALE, 1_000_000);
            write_float(info, id::DURATION, 2.5);
            write_void(info, 11);
        });
        assert_eq!(out[..4], [0x15, 0x49, 0xA9, 0x66]);
        let mut top = Octets(&out);
        let (id, data) = top.element().unwrap().unwrap();
        assert_eq!((id, top.0.len()), (id::INFO, 0));
        let mut inside = Octets(data);
        let (id, scale) = inside.element().unwrap().unwrap();
        assert_eq!(id, id::TIMESTAMP_SCALE);
        assert_eq!(read_unsigned(scale, "scale").unwrap(), 1_000_000);
        let (_, duration) = inside.element().unwrap().unwrap();
        assert!((read_float(duration, "duration").unwrap() - 2.5).abs() < f64::EPSILON);
        assert_eq!(inside.0.len(), 11);
        assert_eq!(inside.element().unwrap().unwrap().0, id::VOID);
        assert!(inside.element().unwrap().is_none());
    }

    #[test]
    fn numbers_of_impossible_lengths_are_refused() {
        assert!(read_unsigned(&[0; 9], "n").is_err());
        assert!(read_float(&[0; 3], "n").is_err());
        assert_eq!(read_unsigned(&[], "n").unwrap(), 0);
        // An element that says it is longer than what holds it.
        assert!(Octets(&[0xEC, 0x85, 0]).element().is_err());
        assert!(Octets(&[0x08, 0, 0, 0, 0, 0x80]).element().is_err());
    }

    proptest! {
        #[test]
        fn sizes_survive(size in 0u64..(1 << 56) - 1) {
            let mut out = Vec::new();
            write_size(&mut out, size);
            prop_assert_eq!(Octets(&out).vint("size").unwrap(), (Some(size), out.len()));
            prop_assert_eq!(Octets(&size_in_8_octets(size)).vint("size").unwrap(), (Some(size), 8));
        }
    }
}
