use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue};
use crate::FieldError;
use crate::fields::{Fields, number, payload_type, payload_type_or_all, token};
use crate::fmtp::Parameters;

/// `a=rtpmap`: what a payload type carries (RFC 8866, section 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtpmap<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// The name of the codec, whose case means nothing.
    pub encoding: &'a str,
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
    /// For audio, the number of channels.
    pub parameters: Option<&'a str>,
}

impl<'a> Rtpmap<'a> {
    /// All fields at once.
    pub fn new(
        payload_type: u8,
        encoding: &'a str,
        clock_rate: u32,
        parameters: Option<&'a str>,
    ) -> Self {
        Self {
            payload_type,
            encoding,
            clock_rate,
            parameters,
        }
    }

    /// The number of audio channels: one if nothing is said.
    pub fn channels(&self) -> u8 {
        self.parameters
            .and_then(|parameters| parameters.parse().ok())
            .unwrap_or(1)
    }
}

impl<'a> AttributeValue<'a> for Rtpmap<'a> {
    const NAME: AttributeName = AttributeName::Rtpmap;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let payload_type = payload_type(fields.word("payload type", "a payload type")?)?;
        let map = fields.word("encoding name", "encoding/clock rate")?;
        fields.finish("rtpmap")?;
        let (encoding, rest) = map
            .split_once('/')
            .ok_or_else(|| FieldError::new("rtpmap", "encoding/clock rate", map))?;
        let (clock, parameters) = match rest.split_once('/') {
            Some((clock, parameters)) => (clock, Some(token(parameters, "encoding-params")?)),
            None => (rest, None),
        };
        Ok(Self {
            payload_type,
            encoding: token(encoding, "encoding name")?,
            clock_rate: number(clock, "clock rate", "a number of hertz")?,
            parameters,
        })
    }
}

impl Display for Rtpmap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}/{}",
            self.payload_type, self.encoding, self.clock_rate
        )?;
        self.parameters
            .iter()
            .try_for_each(|parameters| write!(f, "/{parameters}"))
    }
}

/// `a=fmtp`: the parameters of a format (RFC 8866, section 6.15). [`crate::fmtp`] has their types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// One of the formats of the `m=` line.
    pub format: &'a str,
    /// The parameters, in the form that the format defines.
    pub parameters: &'a str,
}

impl<'a> Fmtp<'a> {
    /// Both fields at once.
    pub fn new(format: &'a str, parameters: &'a str) -> Self {
        Self { format, parameters }
    }

    /// The format as a payload type, if it is one.
    pub fn payload_type(&self) -> Option<u8> {
        payload_type(self.format).ok()
    }

    /// The parameters, as names and values.
    pub fn parameters(&self) -> Parameters<'a> {
        Parameters::new(self.parameters)
    }
}

impl<'a> AttributeValue<'a> for Fmtp<'a> {
    const NAME: AttributeName = AttributeName::Fmtp;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let format = fields.token("fmt")?;
        Ok(Self {
            format,
            parameters: fields.rest().unwrap_or_default(),
        })
    }
}

impl Display for Fmtp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.format)?;
        if self.parameters.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.parameters)
        }
    }
}

/// `a=rtcp-fb`: feedback that a payload type can have (RFC 4585, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpFb<'a> {
    /// The payload type; none for `*`, all of the section.
    pub payload_type: Option<u8>,
    /// `nack`, `ccm`, `transport-cc`, `goog-remb`, `ack`, ...
    pub id: &'a str,
    /// `pli`, `fir`, ...
    pub parameter: Option<&'a str>,
}

impl<'a> AttributeValue<'a> for RtcpFb<'a> {
    const NAME: AttributeName = AttributeName::RtcpFb;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let format = fields.word("rtcp-fb-pt", "a payload type or \"*\"")?;
        Ok(Self {
            payload_type: payload_type_or_all(format)?,
            id: fields.token("rtcp-fb-val")?,
            parameter: fields.rest(),
        })
    }
}

impl Display for RtcpFb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload_type {
            Some(payload_type) => write!(f, "{payload_type} {}", self.id)?,
            None => write!(f, "* {}", self.id)?,
        }
        self.parameter
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

macro_rules! milliseconds {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl<'a> AttributeValue<'a> for $name {
            const NAME: AttributeName = AttributeName::$name;

            fn parse(text: &'a str) -> Result<Self, FieldError> {
                number(text.trim(), $field, "a number of milliseconds").map(Self)
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

milliseconds! {
    /// `a=ptime`: milliseconds of audio in a packet, as the sender of the description wishes
    /// (RFC 8866, section 6.4).
    Ptime, "packet time"
}
milliseconds! {
    /// `a=maxptime`: the most milliseconds of audio in a packet (RFC 8866, section 6.5).
    MaxPtime, "maximum packet time"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtpmap() {
        let opus = Rtpmap::parse("111 opus/48000/2").unwrap();
        assert_eq!(
            (opus.payload_type, opus.clock_rate, opus.channels()),
            (111, 48_000, 2)
        );
        assert_eq!(Rtpmap::parse("96 VP8/90000").unwrap().channels(), 1);
        for bad in [
            "",
            "128 VP8/90000",
            "96",
            "96 VP8",
            "96 VP8/",
            "96 /90000",
            "96 VP8/90000 x",
            "* VP8/90000",
        ] {
            assert!(Rtpmap::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn feedback_for_one_and_for_all() {
        let pli = RtcpFb::parse("96 nack pli").unwrap();
        assert_eq!(
            (pli.payload_type, pli.id, pli.parameter),
            (Some(96), "nack", Some("pli"))
        );
        let all = RtcpFb::parse("* ccm fir").unwrap();
        assert_eq!(all.payload_type, None);
        assert_eq!(all.to_string(), "* ccm fir");
        assert!(RtcpFb::parse("x nack").is_err());
        assert!(RtcpFb::parse("96").is_err());
    }
}
