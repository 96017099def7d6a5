use std::fmt::{self, Display};

use super::rid::rid_id;
use super::{AttributeName, AttributeValue, join};
use crate::FieldError;
use crate::fields::Fields;

/// `a=simulcast`: streams of one source at several qualities (RFC 8853, section 5.1).
///
/// Each direction is a list of streams, and each stream a list of alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simulcast<'a> {
    /// What the writer of the description sends.
    pub send: Vec<Vec<SimulcastFormat<'a>>>,
    /// What it receives.
    pub recv: Vec<Vec<SimulcastFormat<'a>>>,
}

/// One alternative of a simulcast stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SimulcastFormat<'a> {
    /// Which [`Rid`](super::Rid).
    pub rid: &'a str,
    /// Whether the stream begins paused.
    pub paused: bool,
}

impl<'a> SimulcastFormat<'a> {
    /// A stream that does not begin paused.
    pub fn new(rid: &'a str) -> Self {
        Self { rid, paused: false }
    }
}

impl<'a> AttributeValue<'a> for Simulcast<'a> {
    const NAME: AttributeName = AttributeName::Simulcast;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let mut simulcast = Self::default();
        loop {
            let direction = fields.word("sc-value", "send or recv")?;
            let list = match direction {
                "send" => &mut simulcast.send,
                "recv" => &mut simulcast.recv,
                other => return Err(FieldError::new("sc-value", "send or recv", other)),
            };
            if !list.is_empty() {
                return Err(FieldError::new(
                    "sc-value",
                    "each direction once",
                    direction,
                ));
            }
            let streams = fields.word("sc-str-list", "streams")?;
            // Drafts before the RFC wrote "rid=" before the list.
            let streams = streams.strip_prefix("rid=").unwrap_or(streams);
            *list = streams
                .split(';')
                .map(alternatives)
                .collect::<Result<_, _>>()?;
            if !fields.rest_is_not_empty() {
                return Ok(simulcast);
            }
        }
    }
}

fn alternatives(text: &str) -> Result<Vec<SimulcastFormat<'_>>, FieldError> {
    text.split(',')
        .map(|format| {
            let rid = format.strip_prefix('~');
            Ok(SimulcastFormat {
                paused: rid.is_some(),
                rid: rid_id(rid.unwrap_or(format))?,
            })
        })
        .collect()
}

impl Display for Simulcast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (direction, list) in [("send ", &self.send), ("recv ", &self.recv)] {
            if !list.is_empty() {
                write!(f, "{separator}{direction}")?;
                join(f, list.iter().map(|stream| Alternatives(stream)), ";")?;
                separator = " ";
            }
        }
        Ok(())
    }
}

struct Alternatives<'a>(&'a [SimulcastFormat<'a>]);

impl Display for Alternatives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.0, ",")
    }
}

impl Display for SimulcastFormat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.paused { "~" } else { "" }, self.rid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_with_alternatives() {
        let text = "send 1,~4;2;3 recv a";
        let simulcast = Simulcast::parse(text).unwrap();
        assert_eq!(simulcast.send.len(), 3);
        assert_eq!(
            simulcast.send[0][1],
            SimulcastFormat {
                rid: "4",
                paused: true
            }
        );
        assert_eq!(simulcast.recv, [[SimulcastFormat::new("a")]]);
        assert_eq!(simulcast.to_string(), text);
        assert_eq!(
            Simulcast::parse("recv a send 1").unwrap().to_string(),
            "send 1 recv a"
        );
        for bad in [
            "",
            "send",
            "both 1",
            "send 1 send 2",
            "send 1;;2",
            "send ~",
            "send 1 x",
        ] {
            assert!(Simulcast::parse(bad).is_err(), "{bad}");
        }
    }
}
