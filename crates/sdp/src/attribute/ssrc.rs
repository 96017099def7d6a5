use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue};
use crate::FieldError;
use crate::fields::{Fields, number};

const SSRC: &str = "a number from 0 to 2^32 - 1";

/// `a=ssrc`: something about one RTP source (RFC 5576, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrc<'a> {
    /// The source.
    pub ssrc: u32,
    /// The name of the attribute: `cname`, `msid`, ...
    pub attribute: &'a str,
    /// Its value, if it has one.
    pub value: Option<&'a str>,
}

impl<'a> Ssrc<'a> {
    /// The canonical name of a source.
    pub fn cname(ssrc: u32, cname: &'a str) -> Self {
        Self {
            ssrc,
            attribute: "cname",
            value: Some(cname),
        }
    }
}

impl<'a> AttributeValue<'a> for Ssrc<'a> {
    const NAME: AttributeName = AttributeName::Ssrc;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let ssrc = fields.number("ssrc-id", SSRC)?;
        let attribute = fields
            .rest()
            .ok_or_else(|| FieldError::new("attribute", "an attribute of the source", ""))?;
        let (attribute, value) = match attribute.split_once(':') {
            Some((attribute, value)) => (attribute, Some(value)),
            None => (attribute, None),
        };
        Ok(Self {
            ssrc,
            attribute,
            value,
        })
    }
}

impl Display for Ssrc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ssrc, self.attribute)?;
        self.value
            .iter()
            .try_for_each(|value| write!(f, ":{value}"))
    }
}

/// `a=ssrc-group`: sources that belong together (RFC 5576, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsrcGroup<'a> {
    /// `FID` for a source and its retransmissions, `FEC-FR`, `SIM`, ...
    pub semantics: &'a str,
    /// The sources.
    pub ssrcs: Vec<u32>,
}

impl<'a> AttributeValue<'a> for SsrcGroup<'a> {
    const NAME: AttributeName = AttributeName::SsrcGroup;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let semantics = fields.token("semantics")?;
        let mut ssrcs = Vec::new();
        while let Some(ssrc) = fields.optional() {
            ssrcs.push(number(ssrc, "ssrc-id", SSRC)?);
        }
        Ok(Self { semantics, ssrcs })
    }
}

impl Display for SsrcGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.semantics)?;
        self.ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_groups() {
        let msid = Ssrc::parse("3128569629 msid:- e44a5e7a").unwrap();
        assert_eq!((msid.attribute, msid.value), ("msid", Some("- e44a5e7a")));
        assert_eq!(Ssrc::cname(1, "x").to_string(), "1 cname:x");
        assert!(Ssrc::parse("4294967296 cname:x").is_err());
        assert!(Ssrc::parse("1").is_err());
        let group = SsrcGroup::parse("FID 1 4294967295").unwrap();
        assert_eq!(group.ssrcs, [1, u32::MAX]);
        assert!(SsrcGroup::parse("FID x").is_err());
    }
}
