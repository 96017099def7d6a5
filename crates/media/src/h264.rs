//! H.264 between Annex B, as frames have it, and the form of MP4 and Matroska: NAL units behind their lengths, and an
//! AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1).

use crate::{bits::Bits, picture::Size};

const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETER_SET: u8 = 7;
const PICTURE_PARAMETER_SET: u8 = 8;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The NAL units of an access unit in Annex B form, without start codes and trailing zeros.
pub(crate) fn nal_units(access_unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = access_unit.get(start_of_nal(access_unit)..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest.windows(3).position(|octets| octets == [0, 0, 1]);
            let unit = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or(&[], |end| &rest[end + 3..]);
            let length = unit.iter().rposition(|octet| *octet != 0);
            if let Some(last) = length {
                return Some(&unit[..=last]);
            }
        }
        None
    })
}

fn start_of_nal(access_unit: &[u8]) -> usize {
    let found = access_unit
        .windows(3)
        .position(|octets| octets == [0, 0, 1]);
    found.map_or(access_unit.len(), |at| at + 3)
}

fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1F)
}

/// `profile_idc` and the constraint flags of the first sequence parameter set of an access unit.
pub(crate) fn h264_profile(access_unit: &[u8]) -> Option<(u8, u8)> {
    let mut units = nal_units(access_unit);
    let sequence = units.find(|unit| unit_type(unit) == SEQUENCE_PARAMETER_SET)?;
    let [_, profile, constraints, _level] = *sequence.first_chunk()?;
    Some((profile, constraints))
}

/// An access unit with each NAL unit behind its length in four octets. The parameter sets stay in it:
/// they may change in the middle of a recording.
pub(crate) fn to_lengths(access_unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(access_unit.len() + 8);
    for unit in nal_units(access_unit) {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// The parameter sets of a key frame.
#[derive(Debug)]
pub(crate) struct ParameterSets<'a> {
    sequence: &'a [u8],
    picture: &'a [u8],
}

impl<'a> ParameterSets<'a> {
    /// Those of an access unit that has both and an IDR slice.
    pub(crate) fn of(access_unit: &'a [u8]) -> Option<Self> {
        let find = |wanted| nal_units(access_unit).find(|unit| unit_type(unit) == wanted);
        find(IDR_SLICE)?;
        Some(Self {
            sequence: find(SEQUENCE_PARAMETER_SET)?,
            picture: find(PICTURE_PARAMETER_SET)?,
        })
    }

    /// The AVCDecoderConfigurationRecord. `None` when a set is too short or too long for it.
    pub(crate) fn configuration_record(&self) -> Option<Vec<u8>> {
        let [_, profile, compatibility, level] = *self.sequence.first_chunk()?;
        // Version, lengths of four octets, and one set of each kind.
        let mut record = vec![1, profile, compatibility, level, 0xFF, 0xE1];
        record.extend_from_slice(&u16::try_from(self.sequence.len()).ok()?.to_be_bytes());
        record.extend_from_slice(self.sequence);
        record.push(1);
        record.extend_from_slice(&u16::try_from(self.picture.len()).ok()?.to_be_bytes());
        record.extend_from_slice(self.picture);
        if has_chroma_format(profile) {
            let (chroma, luma_depth, chroma_depth) = formats(&unescaped(self.sequence))?;
            record.extend_from_slice(&[0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0]);
        }
        Some(record)
    }

    /// The size of the pictures, cropped.
    pub(crate) fn size(&self) -> Option<Size> {
        sequence_size(&unescaped(self.sequence))
    }
}

/// What an AVCDecoderConfigurationRecord says about the blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configuration {
    length_octets: usize,
    /// The parameter sets, in Annex B form.
    parameter_sets: Vec<u8>,
}

impl Configuration {
    /// Reads a record. `None` when it is cut off.
    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        let [1, _, _, _, length, sequences, rest @ ..] = record else {
            return None;
        };
        let mut rest = rest;
        let mut parameter_sets = Vec::new();
        let mut take_sets = |rest: &mut &[u8], count: u8| {
            for _ in 0..count {
                let (length, after) = rest.split_first_chunk::<2>()?;
                let (set, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
                parameter_sets.extend_from_slice(&START_CODE);
                parameter_sets.extend_from_slice(set);
                *rest = after;
            }
            Some(())
        };
        take_sets(&mut rest, sequences & 0x1F)?;
        let (pictures, after) = rest.split_first()?;
        rest = after;
        take_sets(&mut rest, *pictures)?;
        Some(Self {
            length_octets: usize::from(length & 3) + 1,
            parameter_sets,
        })
    }

    /// A block in Annex B form, the parameter sets in front of an IDR slice that comes without. `None`
    /// when a length reaches beyond the block.
    pub(crate) fn to_annex_b(&self, block: &[u8]) -> Option<Vec<u8>> {
        let mut units = Vec::with_capacity(block.len() + 8);
        let (mut has_idr, mut has_sets) = (false, false);
        let mut rest = block;
        while !rest.is_empty() {
            let (length, after) = rest.split_at_checked(self.length_octets)?;
            let length = length
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet));
            let (unit, after) = after.split_at_checked(length)?;
            rest = after;
            if unit.is_empty() {
                // Nothing but start codes would be four times as long.
                continue;
            }
            has_idr |= unit_type(unit) == IDR_SLICE;
            has_sets |= unit_type(unit) == SEQUENCE_PARAMETER_SET;
            units.extend_from_slice(&START_CODE);
            units.extend_from_slice(unit);
        }
        if has_idr && !has_sets {
            units.splice(0..0, self.parameter_sets.iter().copied());
        }
        Some(units)
    }
}

/// A NAL unit without its emulation prevention (H.264, section 7.4.1).
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for octet in unit {
        if zeros >= 2 && *octet == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *octet == 0 { zeros + 1 } else { 0 };
        out.push(*octet);
    }
    out
}

/// The profiles whose sequence parameter sets have a chroma format (H.264, section 7.3.2.1.1).
const fn has_chroma_format(profile: u8) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

/// Chroma format, and bit depths over 8 of luma and chroma, of a set of a profile that has them.
fn formats(sequence: &[u8]) -> Option<(u8, u8, u8)> {
    let mut bits = Bits::new(sequence.get(4..)?);
    bits.exp_golomb()?;
    let chroma = bits.exp_golomb()?;
    if chroma == 3 {
        bits.read(1)?;
    }
    let (luma_depth, chroma_depth) = (bits.exp_golomb()?, bits.exp_golomb()?);
    (chroma <= 3 && luma_depth <= 7 && chroma_depth <= 7).then_some((
        chroma as u8,
        luma_depth as u8,
        chroma_depth as u8,
    ))
}

/// H.264, section 7.3.2.1.1, up to the cropping rectangle.
fn sequence_size(sequence: &[u8]) -> Option<Size> {
    let profile = *sequence.get(1)?;
    let mut bits = Bits::new(sequence.get(4..)?);
    bits.exp_golomb()?;
    let mut chroma = 1;
    if has_chroma_format(profile) {
        chroma = bits.exp_golomb()?;
        if chroma == 3 && bits.read(1)? == 1 {
            // Three planes, coded apart: cropped as monochrome is.
            chroma = 0;
        }
        bits.exp_golomb()?;
        bits.exp_golomb()?;
        bits.read(1)?;
        skip_scaling_matrix(&mut bits, chroma == 3)?;
    }
    skip_order_count(&mut bits)?;
    bits.exp_golomb()?;
    bits.read(1)?;
    let width = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.exp_golomb()?.checked_add(1)?.checked_mul(16)?;
    let is_frames_only = bits.read(1)?;
    let field_factor = 2 - is_frames_only;
    if is_frames_only == 0 {
        bits.read(1)?;
    }
    bits.read(1)?;
    let mut crop = [0; 4];
    if bits.read(1)? == 1 {
        for side in &mut crop {
            *side = bits.exp_golomb()?;
        }
    }
    let [left, right, top, bottom] = crop;
    let (unit_x, unit_y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let width = width.checked_sub((left + right) * unit_x)?;
    let height = (map_units * field_factor).checked_sub((top + bottom) * unit_y * field_factor)?;
    Some(Size {
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
    })
}

fn skip_scaling_matrix(bits: &mut Bits<'_>, is_444: bool) -> Option<()> {
    if bits.read(1)? == 0 {
        return Some(());
    }
    for list in 0..if is_444 { 12 } else { 8 } {
        if bits.read(1)? == 0 {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed_exp_golomb()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Option<()> {
    // log2_max_frame_num_minus4
    bits.exp_golomb()?;
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?;
        }
        1 => {
            bits.read(1)?;
            bits.signed_exp_golomb()?;
            bits.signed_exp_golomb()?;
            let count = bits.exp_golomb()?;
            if count > 255 {
                return None;
            }
            for _ in 0..count {
                bits.signed_exp_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1280x720, constrained baseline: the set of RFC 6184's usual senders, written by hand below.
    fn sequence_of_720p() -> Vec<u8> {
        // profile 66, compatibility 0xC0, level 31; then ue(0) id, ue(0) frame num, ue(2) order count,
        // ue(1) references, 0 gaps, ue(79), ue(44), 1 frames only, 1 direct 8x8, 0 cropping, 0 VUI, stop.
        let bits = "1 1 011 010 0 0000001010000 00000101101 1 1 0 0 1";
        let bits: Vec<u8> = bits
            .bytes()
            .filter(|bit| *bit != b' ')
            .map(|bit| bit - b'0')
            .collect();
        let octets = bits.chunks(8).map(|octet| {
            let value = octet.iter().fold(0, |value, bit| value << 1 | bit);
            value << (8 - octet.len())
        });
        [0x67, 66, 0xC0, 31].into_iter().chain(octets).collect()
    }

    #[test]
    fn a_parameter_set_has_a_size() {
        assert_eq!(
            sequence_size(&sequence_of_720p()),
            Some(Size {
                width: 1280,
                height: 720
            })
        );
        for length in 0..8 {
            assert_eq!(sequence_size(&sequence_of_720p()[..length]), None);
        }
    }

    #[test]
    fn the_record_brings_the_sets_back() {
        let mut frame = Vec::new();
        let units = [
            sequence_of_720p(),
            vec![0x68, 0xCE, 0x3C, 0x80],
            vec![0x65, 1, 2, 3],
        ];
        for unit in &units {
            frame.extend_from_slice(&START_CODE);
            frame.extend_from_slice(unit);
        }
        let sets = ParameterSets::of(&frame).unwrap();
        let record = sets.configuration_record().unwrap();
        let configuration = Configuration::read(&record).unwrap();
        assert_eq!(
            configuration.to_annex_b(&to_lengths(&frame)).unwrap(),
            frame
        );
        // Only the slice: the sets come from the record.
        let slice = to_lengths(&[&START_CODE[..], &units[2][..]].concat());
        assert_eq!(configuration.to_annex_b(&slice).unwrap(), frame);
        assert_eq!(configuration.to_annex_b(&slice[..6]), None);
        for length in 0..record.len() {
            assert_eq!(Configuration::read(&record[..length]), None);
        }
    }

    #[test]
    fn three_and_four_octets_of_start_code() {
        let data = [0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x41, 2, 0, 0, 1];
        let units: Vec<&[u8]> = nal_units(&data).collect();
        assert_eq!(units, [&[0x65, 1][..], &[0x41, 2]]);
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = sequence_size(&data);
            let _ = formats(&data);
            if let Some(configuration) = Configuration::read(&data) {
                let _ = configuration.to_annex_b(&data);
            }
        }
    }
}
