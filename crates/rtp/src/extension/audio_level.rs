//! Audio levels: of the source (RFC 6464), and of each contributing source (RFC 6465).
//!
//! ```text
//!  0                   1
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  ID   | len=0 |V| level       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
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

/// How loud a packet's audio is (RFC 6464, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// The V bit: whether the encoder believes that there is voice in it.
    pub voice_activity: bool,
    /// The level in -dBov, 0 (loudest) to 127 (silence).
    pub level: u8,
}

impl HeaderExtension<'_> for AudioLevel {
    const KIND: ExtensionKind = ExtensionKind::AudioLevel;

    // RFC 6464, section 3: in the two-byte form a second byte of padding may follow.
    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let (&first, _) = value.split_first()?;
        Some(Self {
            voice_activity: first & 0x80 != 0,
            level: first & 0x7f,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.push(if self.voice_activity { 0x80 } else { 0 } | self.level.min(127));
    }
}

/// How loud each contributing source is, in the order of the CSRC list (RFC 6465, section 3).
///
/// The bit in front of each level is reserved; values that differ only there are equal.
#[derive(Clone, Copy, Debug)]
pub struct CsrcAudioLevels<'a>(&'a [u8]);

impl<'a> CsrcAudioLevels<'a> {
    /// One byte for each CSRC, in -dBov, 0 to 127; at most 15.
    #[must_use]
    pub fn new(levels: &'a [u8]) -> Option<Self> {
        ((1..=15).contains(&levels.len())).then_some(Self(levels))
    }

    /// The levels, in -dBov, 0 to 127.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = u8> + 'a {
        self.0.iter().map(|level| level & 0x7f)
    }
}

impl PartialEq for CsrcAudioLevels<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.levels().eq(other.levels())
    }
}

impl Eq for CsrcAudioLevels<'_> {}

impl<'a> HeaderExtension<'a> for CsrcAudioLevels<'a> {
    const KIND: ExtensionKind = ExtensionKind::CsrcAudioLevels;

    #[inline]
    fn parse(value: &'a [u8]) -> Option<Self> {
        Self::new(value)
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.levels());
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn levels_and_the_voice_bit() {
        let level = AudioLevel {
            voice_activity: true,
            level: 42,
        };
        round_trip(&level, &[0xaa]);
        assert_eq!(AudioLevel::parse(&[0xaa, 0]), Some(level));
        assert_eq!(AudioLevel::parse(&[]), None);
        round_trip(&CsrcAudioLevels::new(&[1, 127]).unwrap(), &[1, 127]);
        let levels = CsrcAudioLevels::parse(&[0x81]).unwrap();
        assert_eq!(levels.levels().collect::<Vec<_>>(), [1]);
        assert_eq!(Some(levels), CsrcAudioLevels::new(&[0x01]));
        assert_ne!(Some(levels), CsrcAudioLevels::new(&[0x02]));
        assert_eq!(CsrcAudioLevels::new(&[0; 16]), None);
    }
}
