use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue, join};
use crate::FieldError;
use crate::fields::{Fields, payload_type};

/// `a=rid`: one RTP stream of a section, with restrictions (RFC 8851).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rid<'a> {
    /// The stream's name.
    pub id: &'a str,
    /// Which way it flows, as the writer of the description sees it.
    pub direction: RidDirection,
    /// The payload types that it may have; all of the section if there are none.
    pub payload_types: Vec<u8>,
    /// `max-width`, `max-height`, `max-fps`, `max-fs`, `max-br`, `max-pps`, `max-bpp`, `depend`, ...
    pub restrictions: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Rid<'a> {
    /// A stream without restrictions.
    pub fn new(id: &'a str, direction: RidDirection) -> Self {
        Self {
            id,
            direction,
            payload_types: Vec::new(),
            restrictions: Vec::new(),
        }
    }

    /// The value of a restriction.
    pub fn restriction(&self, name: &str) -> Option<&'a str> {
        self.restrictions.iter().find(|(key, _)| *key == name)?.1
    }
}

/// Which way a [`Rid`] flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// From the writer.
    Send,
    /// To the writer.
    Recv,
}

impl RidDirection {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    /// The same as the other side sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Send => Self::Recv,
            Self::Recv => Self::Send,
        }
    }
}

/// `rid-id`: letters, digits, `-` and `_`.
pub(super) fn rid_id(text: &str) -> Result<&str, FieldError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.len() <= 255 && text.bytes().all(fits) {
        Ok(text)
    } else {
        Err(FieldError::new("rid-id", "letters, digits, - or _", text))
    }
}

impl<'a> AttributeValue<'a> for Rid<'a> {
    const NAME: AttributeName = AttributeName::Rid;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let id = rid_id(fields.word("rid-id", "letters, digits, - or _")?)?;
        let direction = match fields.word("rid-dir", "send or recv")? {
            "send" => RidDirection::Send,
            "recv" => RidDirection::Recv,
            other => return Err(FieldError::new("rid-dir", "send or recv", other)),
        };
        let mut rid = Self::new(id, direction);
        for parameter in fields.rest().into_iter().flat_map(|rest| rest.split(';')) {
            match parameter.trim().split_once('=') {
                Some(("pt", formats)) => {
                    rid.payload_types = formats
                        .split(',')
                        .map(payload_type)
                        .collect::<Result<_, _>>()?;
                }
                Some((name, value)) => rid.restrictions.push((name, Some(value))),
                None if parameter.trim().is_empty() => {}
                None => rid.restrictions.push((parameter.trim(), None)),
            }
        }
        Ok(rid)
    }
}

impl Display for Rid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.direction.as_str())?;
        let mut separator = " ";
        if !self.payload_types.is_empty() {
            f.write_str(" pt=")?;
            join(f, &self.payload_types, ",")?;
            separator = ";";
        }
        for (name, value) in &self.restrictions {
            write!(f, "{separator}{name}")?;
            value.iter().try_for_each(|value| write!(f, "={value}"))?;
            separator = ";";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_formats_and_restrictions() {
        let text = "hi send pt=97,98;max-width=1280;max-height=720;depend=lo";
        let rid = Rid::parse(text).unwrap();
        assert_eq!(rid.payload_types, [97, 98]);
        assert_eq!(rid.restriction("max-height"), Some("720"));
        assert_eq!(rid.to_string(), text);
        assert_eq!(
            Rid::parse("lo recv").unwrap(),
            Rid::new("lo", RidDirection::Recv)
        );
        let only = "a send max-fps=30;x";
        assert_eq!(Rid::parse(only).unwrap().to_string(), only);
        for bad in ["", "a", "a both", "a! send", "a send pt=128", "a send pt=x"] {
            assert!(Rid::parse(bad).is_err(), "{bad}");
        }
    }
}
