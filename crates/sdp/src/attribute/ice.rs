use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue, join};
use crate::FieldError;
use crate::fields::{Fields, number};

/// `a=ice-ufrag` (RFC 8839, section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IceUfrag<'a>(pub &'a str);

impl<'a> AttributeValue<'a> for IceUfrag<'a> {
    const NAME: AttributeName = AttributeName::IceUfrag;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        ice_string(text.trim(), 4, "ufrag", "4 to 256 letters, digits, + or /").map(Self)
    }
}

impl Display for IceUfrag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `a=ice-pwd` (RFC 8839, section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcePwd<'a>(pub &'a str);

impl<'a> AttributeValue<'a> for IcePwd<'a> {
    const NAME: AttributeName = AttributeName::IcePwd;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        ice_string(
            text.trim(),
            22,
            "password",
            "22 to 256 letters, digits, + or /",
        )
        .map(Self)
    }
}

impl Display for IcePwd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Some peers put `-` and `_` into their credentials, which harms nobody.
fn ice_string<'a>(
    text: &'a str,
    least: usize,
    field: &'static str,
    expected: &'static str,
) -> Result<&'a str, FieldError> {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if (least..=256).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text)
    } else {
        Err(FieldError::new(field, expected, text))
    }
}

/// `a=ice-options`: what the agent can do beyond the least (RFC 8839, section 5.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceOptions<'a>(pub Vec<&'a str>);

impl IceOptions<'_> {
    /// Whether an option is among them: `trickle`, `ice2`, `renomination`, ...
    pub fn contains(&self, option: &str) -> bool {
        self.0.contains(&option)
    }
}

impl<'a> AttributeValue<'a> for IceOptions<'a> {
    const NAME: AttributeName = AttributeName::IceOptions;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let mut options = Vec::new();
        while let Some(option) = fields.optional() {
            // The grammar has ice-chars; `google-ice` and others break it.
            if !option.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(FieldError::new(
                    "ice-option-tag",
                    "visible characters",
                    option,
                ));
            }
            options.push(option);
        }
        if options.is_empty() {
            return Err(FieldError::new("ice-option-tag", "at least one option", ""));
        }
        Ok(Self(options))
    }
}

impl Display for IceOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.0, " ")
    }
}

/// `a=ice-pacing`: milliseconds between checks (RFC 8839, section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcePacing(pub u32);

impl<'a> AttributeValue<'a> for IcePacing {
    const NAME: AttributeName = AttributeName::IcePacing;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        number(text.trim(), "pacing-value", "a number of milliseconds").map(Self)
    }
}

impl Display for IcePacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `a=remote-candidates`: which pairs the controlling agent chose (RFC 8839, section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCandidates<'a>(pub Vec<RemoteCandidate<'a>>);

/// One component of [`RemoteCandidates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteCandidate<'a> {
    /// The component.
    pub component: u16,
    /// Its address.
    pub address: &'a str,
    /// Its port.
    pub port: u16,
}

impl<'a> AttributeValue<'a> for RemoteCandidates<'a> {
    const NAME: AttributeName = AttributeName::RemoteCandidates;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let mut candidates = Vec::new();
        while candidates.is_empty() || fields.rest_is_not_empty() {
            candidates.push(RemoteCandidate {
                component: fields.number("component-id", "a number from 1 to 256")?,
                address: fields.word("connection-address", "an address")?,
                port: fields.number("port", "a port from 0 to 65535")?,
            });
        }
        Ok(Self(candidates))
    }
}

impl Display for RemoteCandidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.0, " ")
    }
}

impl Display for RemoteCandidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.component, self.address, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_lengths() {
        assert!(IceUfrag::parse("HZ2J").is_ok());
        assert!(IceUfrag::parse("HZ2").is_err());
        assert!(IceUfrag::parse("HZ 2J").is_err());
        assert!(IcePwd::parse("f9sZS+hT4yafp10eUBvVAjLb").is_ok());
        assert!(IcePwd::parse("f9sZS+hT4yafp10eUBvVA").is_err());
        assert!(IcePwd::parse(&"a".repeat(257)).is_err());
    }

    #[test]
    fn remote_candidates_come_in_threes() {
        let text = "1 192.0.2.3 45664 2 192.0.2.3 45665";
        let candidates = RemoteCandidates::parse(text).unwrap();
        assert_eq!(candidates.0.len(), 2);
        assert_eq!(candidates.to_string(), text);
        assert!(RemoteCandidates::parse("1 192.0.2.3 45664 2").is_err());
        assert!(RemoteCandidates::parse("").is_err());
    }
}
