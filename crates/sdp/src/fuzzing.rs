//! The bodies of the fuzz targets.

use std::fmt::{Debug, Display};

use crate::attribute::{Attribute, AttributeName};
use crate::fmtp::{
    Av1, H264, H265, Opus, Parameters, ProfileLevelId, Red, Rtx, TelephoneEvent, Vp8, Vp9,
};
use crate::{FieldError, SessionDescription};

/// Parses, writes and parses again: the same description, and each typed attribute the same.
pub fn parse(data: &[u8]) {
    let Ok(description) = SessionDescription::parse_bytes(data) else {
        return;
    };
    let text = description.to_string();
    let again = SessionDescription::parse(&text).unwrap_or_else(|e| panic!("{e} in {text:?}"));
    assert_eq!(description, again);
    assert_eq!(text, again.to_string());
    let _ = description.check();
    let sections = std::iter::once(&*description).chain(description.media.iter().map(|m| &**m));
    for attribute in sections.flat_map(|section| section.attributes()) {
        if let Ok(typed) = attribute.typed() {
            let written = typed.to_string();
            let (name, value) = match written.split_once(':') {
                Some((name, value)) => (name, Some(value)),
                None => (written.as_str(), None),
            };
            let known = AttributeName::from_name(name);
            let parsed = Attribute::parse(known, name, value);
            assert_eq!(parsed.as_ref(), Ok(&typed), "{written:?}");
        }
    }
}

/// The parameters of each codec, out of any text: what was parsed and is written parses to the same.
pub fn fmtp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (name, value) in Parameters::new(text).iter() {
        assert!(name.len().saturating_add(value.len()) <= text.len());
    }
    round_trip(text, Opus::parse);
    round_trip(text, TelephoneEvent::parse);
    round_trip(text, Vp8::parse);
    round_trip(text, Vp9::parse);
    round_trip(text, Av1::parse);
    round_trip(text, H264::parse);
    round_trip(text, H265::parse);
    round_trip(text, Rtx::parse);
    round_trip(text, Red::parse);
    round_trip(text, ProfileLevelId::parse);
    if let Some((one, other)) = text.split_once('\n')
        && let (Ok(one), Ok(other)) = (H264::parse(one), H264::parse(other))
    {
        assert_eq!(one.matches(&other), other.matches(&one));
        let lower = one
            .profile_level_id
            .level()
            .min(other.profile_level_id.level());
        if !(one.level_asymmetry_allowed && other.level_asymmetry_allowed) {
            assert_eq!(one.answer_level(&other).level(), lower);
        }
    }
}

fn round_trip<T: Display + Debug + PartialEq>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, FieldError>,
) {
    if let Ok(parsed) = parse(text) {
        let written = parsed.to_string();
        assert_eq!(parse(&written).as_ref(), Ok(&parsed), "{written:?}");
    }
}
