//! The bodies of the fuzz targets.

use crate::SessionDescription;
use crate::attribute::{Attribute, AttributeName};

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
