//! What the first octets of NAL units say.

/// NAL unit types (H.264, table 7-1).
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEQUENCE_PARAMETER_SET: u8 = 7;

/// The NAL units of an Annex B access unit.
pub(super) fn units(access_unit: &[u8]) -> impl Iterator<Item = Unit> {
    let starts = access_unit
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window[..3] == [0, 0, 1]);
    starts.map(|(at, window)| Unit {
        header: window[3],
        next: access_unit.get(at + 4).copied().unwrap_or_default(),
    })
}

/// The beginning of a NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    header: u8,
    /// The octet behind the header.
    next: u8,
}

impl Unit {
    /// `nal_unit_type`.
    pub(super) const fn kind(self) -> u8 {
        self.header & 0x1F
    }

    pub(super) const fn is_idr(self) -> bool {
        self.kind() == IDR
    }

    pub(super) const fn is_sequence_parameter_set(self) -> bool {
        self.kind() == SEQUENCE_PARAMETER_SET
    }

    /// Whether it is the first slice of a picture, and one that may look at later pictures: `first_mb_in_slice`
    /// is 0, and `slice_type` 1 or 6 (H.264, section 7.3.3 and table 7-6), as Exp-Golomb codes `1`, `010`, `00111`.
    pub(super) const fn is_b_slice(self) -> bool {
        self.kind() == SLICE && (self.next & 0xF0 == 0b1010_0000 || self.next & 0xFC == 0b1001_1100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_say_what_they_are() {
        let kinds = |data: &[u8]| {
            units(data)
                .map(|unit| (unit.kind(), unit.is_b_slice()))
                .collect::<Vec<_>>()
        };
        // P (0 and 5), B (1 and 6), I (2 and 7), each as the first slice.
        for (next, is_b) in [
            (0b1100_0000, false),
            (0b1001_1000, false),
            (0b1010_1111, true),
            (0b1001_1111, true),
            (0b1011_0000, false),
            (0b1000_1000, false),
        ] {
            assert_eq!(kinds(&[0, 0, 0, 1, 0x01, next, 7]), [(1, is_b)], "{next:b}");
        }
        // The second slice of a picture, a slice of an IDR picture, and one that was cut off.
        assert_eq!(kinds(&[0, 0, 1, 1, 0b0100_1011]), [(1, false)]);
        assert_eq!(kinds(&[0, 0, 1, 0x65, 0b1010_0000]), [(5, false)]);
        assert_eq!(kinds(&[0, 0, 1, 1]), [(1, false)]);
        assert_eq!(kinds(&[0, 0, 1]), []);
    }
}
