use std::fmt::{self, Display};

use super::{Parameters, write_present};
use crate::FieldError;

/// The parameters of VP8 (RFC 7741, section 6.1): what the writer can receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp8 {
    /// Frames a second.
    pub max_fr: Option<u32>,
    /// Macroblocks a frame.
    pub max_fs: Option<u32>,
}

impl Vp8 {
    /// Parses the parameters of an `fmtp` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        Ok(Self {
            max_fr: parameters.number("max-fr")?,
            max_fs: parameters.number("max-fs")?,
        })
    }
}

impl Display for Vp8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_present(f, &[("max-fs", self.max_fs), ("max-fr", self.max_fr)])
    }
}

/// The parameters of VP9 (RFC 9628, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp9 {
    /// 0 to 3; 0 if nothing is said.
    pub profile_id: u8,
    /// Frames a second.
    pub max_fr: Option<u32>,
    /// Macroblocks a frame.
    pub max_fs: Option<u32>,
}

impl Vp9 {
    /// Parses the parameters of an `fmtp` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        Ok(Self {
            profile_id: parameters.number("profile-id")?.unwrap_or(0),
            max_fr: parameters.number("max-fr")?,
            max_fs: parameters.number("max-fs")?,
        })
    }

    /// Whether two formats are the same codec: their profiles are equal.
    pub fn matches(&self, other: &Self) -> bool {
        self.profile_id == other.profile_id
    }
}

impl Display for Vp9 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = Some(u32::from(self.profile_id));
        write_present(
            f,
            &[
                ("profile-id", profile),
                ("max-fs", self.max_fs),
                ("max-fr", self.max_fr),
            ],
        )
    }
}

/// The parameters of AV1 (AV1 RTP specification, section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Av1 {
    /// 0 if nothing is said.
    pub profile: u8,
    /// 5 (level 3.1) if nothing is said.
    pub level_idx: u8,
    /// 0 if nothing is said.
    pub tier: u8,
}

impl Av1 {
    /// Parses the parameters of an `fmtp` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        Ok(Self {
            profile: parameters.number("profile")?.unwrap_or(0),
            level_idx: parameters.number("level-idx")?.unwrap_or(5),
            tier: parameters.number("tier")?.unwrap_or(0),
        })
    }

    /// Whether two formats are the same codec: their profiles are equal.
    pub fn matches(&self, other: &Self) -> bool {
        self.profile == other.profile
    }
}

impl Display for Av1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "level-idx={};profile={};tier={}",
            self.level_idx, self.profile, self.tier
        )
    }
}

/// The parameters of H.265 that decide whether two ends understand each other (RFC 7798, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H265 {
    /// 1 (Main) if nothing is said.
    pub profile_id: u8,
    /// 0 (Main tier) if nothing is said.
    pub tier_flag: u8,
    /// 93 (level 3.1) if nothing is said.
    pub level_id: u8,
}

impl H265 {
    /// Parses the parameters of an `fmtp` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        Ok(Self {
            profile_id: parameters.number("profile-id")?.unwrap_or(1),
            tier_flag: parameters.number("tier-flag")?.unwrap_or(0),
            level_id: parameters.number("level-id")?.unwrap_or(93),
        })
    }

    /// Whether two formats are the same codec: profile and tier are equal.
    pub fn matches(&self, other: &Self) -> bool {
        (self.profile_id, self.tier_flag) == (other.profile_id, other.tier_flag)
    }
}

impl Display for H265 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "level-id={};profile-id={};tier-flag={}",
            self.level_id, self.profile_id, self.tier_flag
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_round_trips() {
        assert_eq!(Vp9::parse("").unwrap().profile_id, 0);
        assert!(!Vp9::parse("profile-id=2").unwrap().matches(&Vp9::default()));
        assert_eq!(
            Vp8::parse("max-fs=12288;max-fr=60").unwrap().to_string(),
            "max-fs=12288;max-fr=60"
        );
        let av1 = Av1::parse("level-idx=5;profile=0;tier=0").unwrap();
        assert_eq!(av1, Av1::parse("").unwrap());
        assert_eq!(av1.to_string(), "level-idx=5;profile=0;tier=0");
        let h265 = H265::parse("level-id=156;profile-id=1;tier-flag=0;tx-mode=SRST").unwrap();
        assert!(h265.matches(&H265::parse("").unwrap()));
        assert_eq!(H265::parse(&h265.to_string()), Ok(h265));
        assert!(Vp9::parse("profile-id=x").is_err());
    }
}
