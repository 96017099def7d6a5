//! SDES items as header extensions (RFC 7941): MID (RFC 9143, section 15.1), RtpStreamId and
//! RepairedRtpStreamId (RFC 8852, section 3).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use thiserror::Error;

use super::{ExtensionKind, HeaderExtension};

/// A text that is no such identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{what} must be 1 to {max} {allowed}")]
pub struct InvalidIdentifier {
    what: &'static str,
    max: usize,
    allowed: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name<'a>(&'a str);

        impl<'a> $name<'a> {
            /// Checks the text.
            pub fn new(text: &'a str) -> Result<Self, InvalidIdentifier> {
                let well_formed: fn(&u8) -> bool = $check;
                if (1..=$max).contains(&text.len()) && text.as_bytes().iter().all(well_formed) {
                    return Ok(Self(text));
                }
                Err(InvalidIdentifier { what: stringify!($name), max: $max, allowed: $allowed })
            }

            /// The text.
            #[inline]
            #[must_use]
            pub const fn as_str(&self) -> &'a str {
                self.0
            }
        }

        impl<'a> HeaderExtension<'a> for $name<'a> {
            const KIND: ExtensionKind = ExtensionKind::$name;

            #[inline]
            fn parse(value: &'a [u8]) -> Option<Self> {
                Self::new(std::str::from_utf8(value).ok()?).ok()
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.0.as_bytes());
            }
        }

        impl std::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
    };
}

identifier! {
    /// The media section that a packet belongs to: an SDP token.
    Mid, 255, "token characters (RFC 8866)", is_token
}

identifier! {
    /// The stream of a simulcast that a packet belongs to.
    Rid, 255, "letters, digits, - and _", is_stream_id
}

identifier! {
    /// The stream whose packets a redundancy stream, such as RTX, repairs.
    RepairedRid, 255, "letters, digits, - and _", is_stream_id
}

/// A character of an SDP token (RFC 8866, section 9).
const fn is_token(byte: &u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}

/// RFC 8852, section 3.1, says letters and digits; SDP rids (RFC 8851, section 10) have - and _ too.
const fn is_stream_id(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn texts_are_bytes() {
        round_trip(&Mid::new("audio.0").unwrap(), b"audio.0");
        round_trip(&Rid::new("hi").unwrap(), b"hi");
        round_trip(&RepairedRid::new("l_o-1").unwrap(), b"l_o-1");
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        assert_eq!(Mid::parse(b""), None);
        assert_eq!(Mid::parse(b"a b"), None);
        assert_eq!(Mid::parse(&[0xff, 0xfe]), None);
        assert_eq!(Rid::parse(b"a.b"), None);
        assert_eq!(
            Rid::new("").unwrap_err().to_string(),
            "Rid must be 1 to 255 letters, digits, - and _"
        );
    }
}
