use std::fmt::{self, Display};

use super::{Parameters, write_present};
use crate::FieldError;
use crate::fields::payload_type;

/// The parameters of retransmission (RFC 4588, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtx {
    /// `apt`: the payload type of what is retransmitted.
    pub apt: u8,
    /// Milliseconds that the sender keeps packets.
    pub rtx_time: Option<u32>,
}

impl Rtx {
    /// Parses the parameters of an `fmtp` line.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        let apt = parameters
            .value("apt")
            .ok_or_else(|| FieldError::new("apt", "a payload type", text))?;
        Ok(Self {
            apt: payload_type(apt)?,
            rtx_time: parameters.number("rtx-time")?,
        })
    }
}

impl Display for Rtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_present(
            f,
            &[
                ("apt", Some(u32::from(self.apt))),
                ("rtx-time", self.rtx_time),
            ],
        )
    }
}

/// The parameters of redundant audio (RFC 2198, section 5): payload types, the primary one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// The payload types that blocks may have.
    pub payload_types: Vec<u8>,
}

impl Red {
    /// Parses the parameters of an `fmtp` line: `111/111`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let payload_types = text
            .trim()
            .split('/')
            .map(payload_type)
            .collect::<Result<_, _>>()?;
        Ok(Self { payload_types })
    }
}

impl Display for Red {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, payload_type) in self.payload_types.iter().enumerate() {
            let separator = if index > 0 { "/" } else { "" };
            write!(f, "{separator}{payload_type}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtx_and_red() {
        let rtx = Rtx::parse("apt=96;rtx-time=3000").unwrap();
        assert_eq!((rtx.apt, rtx.rtx_time), (96, Some(3000)));
        assert_eq!(rtx.to_string(), "apt=96;rtx-time=3000");
        assert!(Rtx::parse("rtx-time=3000").is_err());
        assert!(Rtx::parse("apt=200").is_err());
        assert_eq!(Red::parse("111/111").unwrap().to_string(), "111/111");
        assert!(Red::parse("111/").is_err());
    }
}
