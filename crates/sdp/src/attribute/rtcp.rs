use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue};
use crate::fields::Fields;
use crate::{Connection, FieldError};

/// `a=rtcp`: where RTCP goes, if not to the port above RTP's (RFC 3605, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp<'a> {
    /// The port.
    pub port: u16,
    /// The address, if it is another one.
    pub connection: Option<Connection<'a>>,
}

impl<'a> AttributeValue<'a> for Rtcp<'a> {
    const NAME: AttributeName = AttributeName::Rtcp;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let port = fields.number("port", "a port from 0 to 65535")?;
        Ok(Self {
            port,
            connection: fields.rest().map(Connection::parse).transpose()?,
        })
    }
}

impl Display for Rtcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.port.fmt(f)?;
        self.connection
            .iter()
            .try_for_each(|connection| write!(f, " {connection}"))
    }
}

/// `a=rtcp-xr`: extended reports that may be sent (RFC 3611, section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtcpXr<'a>(pub Vec<&'a str>);

impl RtcpXr<'_> {
    /// The value of a format: `all` for `rcvr-rtt=all`.
    pub fn format(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|format| {
            let (key, value) = format.split_once('=').unwrap_or((format, ""));
            (key == name).then_some(value)
        })
    }
}

impl<'a> AttributeValue<'a> for RtcpXr<'a> {
    const NAME: AttributeName = AttributeName::RtcpXr;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let mut formats = Vec::new();
        while let Some(format) = fields.optional() {
            formats.push(format);
        }
        Ok(Self(formats))
    }
}

impl Display for RtcpXr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::join(f, &self.0, " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_with_and_without_address() {
        assert_eq!(Rtcp::parse("9").unwrap().connection, None);
        let text = "53020 IN IP6 2001:2345::1";
        assert_eq!(Rtcp::parse(text).unwrap().to_string(), text);
        assert!(Rtcp::parse("53020 IN").is_err());
        assert_eq!(
            RtcpXr::parse("rcvr-rtt=all").unwrap().format("rcvr-rtt"),
            Some("all")
        );
    }
}
