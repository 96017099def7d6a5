use std::fmt::{self, Display};

use super::Parameters;
use crate::FieldError;

/// The parameters of H.264 that decide whether two ends understand each other (RFC 6184, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264 {
    /// Baseline at level 1 if nothing is said.
    pub profile_level_id: ProfileLevelId,
    /// 0 if nothing is said: one NAL unit a packet. 1 allows STAP-A and FU-A.
    pub packetization_mode: u8,
    /// Whether each side may send at its own level.
    pub level_asymmetry_allowed: bool,
}

impl H264 {
    /// Parses the parameters of an `fmtp` line; an empty text gives the defaults.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        let mode: Option<u8> = parameters.number("packetization-mode")?;
        if mode.is_some_and(|mode| mode > 2) {
            return Err(FieldError::new("packetization-mode", "0, 1 or 2", text));
        }
        Ok(Self {
            profile_level_id: match parameters.value("profile-level-id") {
                Some(id) => ProfileLevelId::parse(id)?,
                None => ProfileLevelId::DEFAULT,
            },
            packetization_mode: mode.unwrap_or(0),
            level_asymmetry_allowed: parameters.flag("level-asymmetry-allowed")?.unwrap_or(false),
        })
    }

    /// Whether two formats are the same codec: profile and packetization mode are equal. The level
    /// is not asked for, since the receiver's limits the sender (RFC 6184, section 8.2.2).
    pub fn matches(&self, other: &Self) -> bool {
        self.packetization_mode == other.packetization_mode
            && self.profile_level_id.profile() == other.profile_level_id.profile()
    }

    /// The level that an answer names: our own if levels may differ, else the lower one
    /// (RFC 6184, section 8.2.2).
    pub fn answer_level(&self, offer: &Self) -> ProfileLevelId {
        let asymmetric = self.level_asymmetry_allowed && offer.level_asymmetry_allowed;
        let (ours, theirs) = (self.profile_level_id, offer.profile_level_id);
        if asymmetric || ours.level() <= theirs.level() {
            ours
        } else {
            theirs
        }
    }
}

impl Display for H264 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "level-asymmetry-allowed={};packetization-mode={};profile-level-id={}",
            u8::from(self.level_asymmetry_allowed),
            self.packetization_mode,
            self.profile_level_id
        )
    }
}

/// `profile-level-id`: profile_idc, constraint flags and level_idc (RFC 6184, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileLevelId(pub [u8; 3]);

/// The profiles of H.264 that RFC 6184 names in its table 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// CB.
    ConstrainedBaseline,
    /// B.
    Baseline,
    /// M.
    Main,
    /// E.
    Extended,
    /// H.
    High,
    /// Constrained high: high without interlacing, as browsers write it (`640c`).
    ConstrainedHigh,
    /// H10, H42, H44 and their intra forms: profile_idc and constraint flags.
    Other(u8, u8),
}

impl ProfileLevelId {
    /// Baseline at level 1: what holds when nothing is said.
    pub const DEFAULT: Self = Self([0x42, 0x00, 0x0a]);

    /// Parses six hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new("profile-level-id", "six hexadecimal digits", text);
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let number = u32::from_str_radix(text, 16).map_err(|_| wrong())?;
        let [_, profile, flags, level] = number.to_be_bytes();
        Ok(Self([profile, flags, level]))
    }

    /// The profile (RFC 6184, table 5: which constraint flags make which profile).
    pub fn profile(self) -> Profile {
        let Self([profile, flags, _]) = self;
        match (profile, flags) {
            (0x42, flags) if flags & 0x4f == 0x40 => Profile::ConstrainedBaseline,
            (0x4d, flags) if flags & 0x8f == 0x80 => Profile::ConstrainedBaseline,
            (0x58, flags) if flags & 0xcf == 0xc0 => Profile::ConstrainedBaseline,
            (0x42, flags) if flags & 0x4f == 0x00 => Profile::Baseline,
            (0x58, flags) if flags & 0xcf == 0x80 => Profile::Baseline,
            (0x4d, flags) if flags & 0xaf == 0x00 => Profile::Main,
            (0x58, flags) if flags & 0xcf == 0x00 => Profile::Extended,
            (0x64, 0x00) => Profile::High,
            (0x64, 0x0c) => Profile::ConstrainedHigh,
            (profile, flags) => Profile::Other(profile, flags),
        }
    }

    /// The level in a form that can be compared: ten times its number, with level 1b between 1 and
    /// 1.1.
    pub fn level(self) -> u16 {
        let Self([profile, flags, level]) = self;
        // Level 1b is level_idc 11 with constraint_set3, or 9 in the high profiles (H.264, A.3.4).
        let one_b =
            level == 9 || level == 11 && flags & 0x10 != 0 && matches!(profile, 0x42 | 0x4d | 0x58);
        if one_b {
            105
        } else {
            u16::from(level).saturating_mul(10)
        }
    }
}

impl Display for ProfileLevelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ProfileLevelId {
        ProfileLevelId::parse(text).unwrap()
    }

    #[test]
    fn profiles_by_their_constraint_flags() {
        let cases = [
            ("42e01f", Profile::ConstrainedBaseline),
            ("42c02a", Profile::ConstrainedBaseline),
            ("4de01f", Profile::ConstrainedBaseline),
            ("58f01f", Profile::ConstrainedBaseline),
            ("42001f", Profile::Baseline),
            ("42a01f", Profile::Baseline),
            ("58a01f", Profile::Baseline),
            ("4d001f", Profile::Main),
            ("58301f", Profile::Extended),
            ("64001f", Profile::High),
            ("640c1f", Profile::ConstrainedHigh),
            ("f4001f", Profile::Other(0xf4, 0)),
        ];
        for (text, profile) in cases {
            assert_eq!(id(text).profile(), profile, "{text}");
        }
        for bad in ["42e01", "42e01g", "42e01f0", "", "+2e01f"] {
            assert!(ProfileLevelId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn level_1b_lies_between() {
        assert!(id("42e00a").level() < id("42f00b").level());
        assert!(id("42f00b").level() < id("42e00b").level());
        assert!(id("640009").level() < id("64000b").level());
    }

    #[test]
    fn formats_match_by_profile_and_mode_and_the_lower_level_is_answered() {
        let ours =
            H264::parse("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
                .unwrap();
        let theirs = H264::parse("packetization-mode=1; profile-level-id=42C015").unwrap();
        assert!(ours.matches(&theirs));
        assert_eq!(ours.answer_level(&theirs), id("42c015"));
        let asymmetric = H264 {
            level_asymmetry_allowed: true,
            ..theirs
        };
        assert_eq!(ours.answer_level(&asymmetric), id("42e01f"));
        assert!(!ours.matches(&H264 {
            packetization_mode: 0,
            ..ours
        }));
        assert!(!ours.matches(&H264::parse("").unwrap()));
        assert!(H264::parse("packetization-mode=3").is_err());
        assert_eq!(H264::parse(&ours.to_string()), Ok(ours));
    }
}
