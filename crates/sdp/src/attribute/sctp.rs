use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue};
use crate::FieldError;
use crate::base64;
use crate::fields::{Fields, number};

/// `a=sctp-port` (RFC 8841, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpPort(pub u16);

impl<'a> AttributeValue<'a> for SctpPort {
    const NAME: AttributeName = AttributeName::SctpPort;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        number(text.trim(), "sctp-port-value", "a port from 0 to 65535").map(Self)
    }
}

impl Display for SctpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `a=max-message-size`: bytes of the longest message that the writer receives; 0 for any length
/// (RFC 8841, section 6). Without the attribute it is 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxMessageSize(pub u64);

impl<'a> AttributeValue<'a> for MaxMessageSize {
    const NAME: AttributeName = AttributeName::MaxMessageSize;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        number(
            text.trim(),
            "max-message-size-value",
            "a number of bytes below 2^64",
        )
        .map(Self)
    }
}

impl Display for MaxMessageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `a=sctpmap`: the older form, from drafts before RFC 8841.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sctpmap<'a> {
    /// The SCTP port, which is also the format of the `m=` line.
    pub port: u16,
    /// `webrtc-datachannel`.
    pub application: &'a str,
    /// The number of streams.
    pub streams: Option<u32>,
}

impl<'a> AttributeValue<'a> for Sctpmap<'a> {
    const NAME: AttributeName = AttributeName::Sctpmap;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let port = fields.number("sctpmap-number", "a port from 0 to 65535")?;
        let application = fields.token("app")?;
        let streams = fields
            .optional()
            .map(|streams| number(streams, "streams", "a number of streams"))
            .transpose()?;
        fields.finish("sctpmap")?;
        Ok(Self {
            port,
            application,
            streams,
        })
    }
}

impl Display for Sctpmap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.port, self.application)?;
        self.streams
            .iter()
            .try_for_each(|streams| write!(f, " {streams}"))
    }
}

/// `a=sctp-init`: the writer's first SCTP chunk, in base64, so that the association needs no round
/// trip (draft-hancke-tsvwg-snap).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpInit<'a>(pub &'a str);

impl SctpInit<'_> {
    /// The value for these bytes: base64 with padding (RFC 4648, section 4).
    #[must_use]
    pub fn encode(bytes: &[u8]) -> String {
        base64::encode(bytes)
    }

    /// The bytes; `None` if this is no base64. Padding may be missing.
    #[must_use]
    pub fn decode(&self) -> Option<Vec<u8>> {
        base64::decode(self.0)
    }
}

impl<'a> AttributeValue<'a> for SctpInit<'a> {
    const NAME: AttributeName = AttributeName::SctpInit;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let text = text.trim();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if !text.is_empty() && text.bytes().all(fits) {
            Ok(Self(text))
        } else {
            Err(FieldError::new("sctp-init", "base64", text))
        }
    }
}

impl Display for SctpInit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_sizes_and_the_old_form() {
        assert_eq!(SctpPort::parse("5000"), Ok(SctpPort(5000)));
        assert!(SctpPort::parse("65536").is_err());
        assert_eq!(
            MaxMessageSize::parse("1073741823"),
            Ok(MaxMessageSize(1_073_741_823))
        );
        let text = "5000 webrtc-datachannel 256";
        assert_eq!(Sctpmap::parse(text).unwrap().to_string(), text);
        assert!(Sctpmap::parse("5000 webrtc-datachannel x").is_err());
        assert!(SctpInit::parse("AQAAK/w==").is_ok());
        assert!(SctpInit::parse("a b").is_err());
    }
}
