use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue, Direction};
use crate::FieldError;
use crate::fields::{Fields, number};

/// `a=extmap`: the number of an RTP header extension (RFC 8285, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extmap<'a> {
    /// 1 to 14 for one-byte headers, to 255 for two-byte ones, 4096 to 4351 while it is negotiated.
    pub id: u16,
    /// Which way the extension is used, if not both.
    pub direction: Option<Direction>,
    /// What the extension is.
    pub uri: &'a str,
    /// Parameters of the extension.
    pub attributes: Option<&'a str>,
}

impl<'a> Extmap<'a> {
    /// An extension that is used both ways and has no parameters.
    pub fn new(id: u16, uri: &'a str) -> Self {
        Self {
            id,
            direction: None,
            uri,
            attributes: None,
        }
    }
}

impl<'a> AttributeValue<'a> for Extmap<'a> {
    const NAME: AttributeName = AttributeName::Extmap;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        const ID: &str = "a number from 1 to 65535";
        let mut fields = Fields::new(text);
        let entry = fields.word("mapentry", ID)?;
        let (id, direction) = match entry.split_once('/') {
            Some((id, direction)) => (
                id,
                Some(Direction::parse(direction).ok_or_else(|| {
                    let expected = "sendrecv, sendonly, recvonly or inactive";
                    FieldError::new("direction", expected, direction)
                })?),
            ),
            None => (entry, None),
        };
        let id = number(id, "mapentry", ID)?;
        if id == 0 {
            return Err(FieldError::new("mapentry", ID, entry));
        }
        let uri = fields.word("extensionname", "a URI")?;
        Ok(Self {
            id,
            direction,
            uri,
            attributes: fields.rest(),
        })
    }
}

impl Display for Extmap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)?;
        self.direction
            .iter()
            .try_for_each(|direction| write!(f, "/{direction}"))?;
        write!(f, " {}", self.uri)?;
        self.attributes
            .iter()
            .try_for_each(|attributes| write!(f, " {attributes}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_direction_and_parameters() {
        let text = "6/recvonly urn:example:x a b";
        let extmap = Extmap::parse(text).unwrap();
        assert_eq!(
            (extmap.id, extmap.direction),
            (6, Some(Direction::Recvonly))
        );
        assert_eq!(
            (extmap.uri, extmap.attributes),
            ("urn:example:x", Some("a b"))
        );
        assert_eq!(extmap.to_string(), text);
        for bad in ["", "0 urn:x", "65536 urn:x", "1/both urn:x", "1"] {
            assert!(Extmap::parse(bad).is_err(), "{bad}");
        }
    }
}
