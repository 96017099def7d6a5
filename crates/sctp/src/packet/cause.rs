//! Error causes.

use std::fmt;

use gannet_wire::Writer;

use super::{Parameter, Parameters};

/// What ABORT and ERROR report (RFC 9260, section 3.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCause<'a> {
    /// DATA came on a stream that does not exist (1).
    InvalidStreamIdentifier(u16),
    /// INIT or INIT ACK lacks a parameter (2): its type.
    MissingMandatoryParameter(u16),
    /// The state cookie came too late (3): by how many microseconds.
    StaleCookie(u32),
    /// The sender lacks resources (4).
    OutOfResource,
    /// A chunk type is unknown (6): the chunk.
    UnrecognizedChunkType(&'a [u8]),
    /// A mandatory parameter of INIT or INIT ACK has an invalid value (7).
    InvalidMandatoryParameter,
    /// Parameters are unknown (8): the parameters.
    UnrecognizedParameters(&'a [u8]),
    /// DATA had no user data (9): its TSN.
    NoUserData(u32),
    /// COOKIE ECHO came while the association was shutting down (10).
    CookieReceivedWhileShuttingDown,
    /// The user aborted (12): why.
    UserInitiatedAbort(&'a [u8]),
    /// The peer broke the protocol (13): how.
    ProtocolViolation(&'a [u8]),
    /// A cause that is not named here.
    Other {
        /// Its code.
        code: u16,
        /// Its information.
        value: &'a [u8],
    },
}

impl<'a> ErrorCause<'a> {
    fn from_parameter(parameter: Parameter<'a>) -> Self {
        let value = parameter.value;
        let half = |at: usize| {
            let bytes = value.get(at..)?.first_chunk::<2>()?;
            Some(u16::from_be_bytes(*bytes))
        };
        let word = || Some(u32::from_be_bytes(*value.first_chunk::<4>()?));
        let known = match parameter.kind {
            1 => half(0).map(Self::InvalidStreamIdentifier),
            2 => half(4).map(Self::MissingMandatoryParameter),
            3 => word().map(Self::StaleCookie),
            4 => Some(Self::OutOfResource),
            6 => Some(Self::UnrecognizedChunkType(value)),
            7 => Some(Self::InvalidMandatoryParameter),
            8 => Some(Self::UnrecognizedParameters(value)),
            9 => word().map(Self::NoUserData),
            10 => Some(Self::CookieReceivedWhileShuttingDown),
            12 => Some(Self::UserInitiatedAbort(value)),
            13 => Some(Self::ProtocolViolation(value)),
            _ => None,
        };
        known.unwrap_or(Self::Other {
            code: parameter.kind,
            value,
        })
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::InvalidStreamIdentifier(_) => 1,
            Self::MissingMandatoryParameter(_) => 2,
            Self::StaleCookie(_) => 3,
            Self::OutOfResource => 4,
            Self::UnrecognizedChunkType(_) => 6,
            Self::InvalidMandatoryParameter => 7,
            Self::UnrecognizedParameters(_) => 8,
            Self::NoUserData(_) => 9,
            Self::CookieReceivedWhileShuttingDown => 10,
            Self::UserInitiatedAbort(_) => 12,
            Self::ProtocolViolation(_) => 13,
            Self::Other { code, .. } => *code,
        }
    }

    /// Appends the cause with its padding.
    pub fn write(&self, buf: &mut Vec<u8>) {
        let code = self.code();
        let writer = &mut Writer::new(buf);
        match *self {
            Self::InvalidStreamIdentifier(stream) => {
                let [a, b] = stream.to_be_bytes();
                Parameter::write(code, &[a, b, 0, 0], writer);
            }
            Self::MissingMandatoryParameter(kind) => {
                let [a, b] = kind.to_be_bytes();
                Parameter::write(code, &[0, 0, 0, 1, a, b], writer);
            }
            Self::StaleCookie(word) | Self::NoUserData(word) => {
                Parameter::write(code, &word.to_be_bytes(), writer);
            }
            Self::OutOfResource
            | Self::InvalidMandatoryParameter
            | Self::CookieReceivedWhileShuttingDown => Parameter::write(code, &[], writer),
            Self::UnrecognizedChunkType(value)
            | Self::UnrecognizedParameters(value)
            | Self::UserInitiatedAbort(value)
            | Self::ProtocolViolation(value)
            | Self::Other { value, .. } => Parameter::write(code, value, writer),
        }
    }
}

impl fmt::Display for ErrorCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidStreamIdentifier(stream) => write!(f, "invalid stream {stream}"),
            Self::MissingMandatoryParameter(kind) => {
                write!(f, "missing mandatory parameter {kind:#06x}")
            }
            Self::StaleCookie(staleness) => write!(f, "stale cookie by {staleness} us"),
            Self::OutOfResource => f.write_str("out of resource"),
            Self::UnrecognizedChunkType(chunk) => {
                let kind = chunk.first().copied().unwrap_or_default();
                write!(f, "unrecognized chunk type {kind}")
            }
            Self::InvalidMandatoryParameter => f.write_str("invalid mandatory parameter"),
            Self::UnrecognizedParameters(value) => {
                write!(f, "unrecognized parameters ({} bytes)", value.len())
            }
            Self::NoUserData(tsn) => write!(f, "no user data in TSN {tsn}"),
            Self::CookieReceivedWhileShuttingDown => {
                f.write_str("cookie received while shutting down")
            }
            Self::UserInitiatedAbort(reason) => {
                write!(f, "user-initiated abort: {}", reason.escape_ascii())
            }
            Self::ProtocolViolation(reason) => {
                write!(f, "protocol violation: {}", reason.escape_ascii())
            }
            Self::Other { code, value } => write!(f, "cause {code} ({} bytes)", value.len()),
        }
    }
}

/// A list of error causes, encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Causes<'a> {
    bytes: &'a [u8],
}

impl<'a> Causes<'a> {
    /// The causes in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The encoded causes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The causes, in order, up to the first malformed one.
    pub fn iter(&self) -> impl Iterator<Item = ErrorCause<'a>> {
        Parameters::new(self.bytes)
            .map_while(Result::ok)
            .map(ErrorCause::from_parameter)
    }
}

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cause in self.iter() {
            write!(f, " [{cause}]")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_parsed_back() {
        let causes = [
            ErrorCause::InvalidStreamIdentifier(7),
            ErrorCause::MissingMandatoryParameter(7),
            ErrorCause::StaleCookie(1_000),
            ErrorCause::OutOfResource,
            ErrorCause::UnrecognizedChunkType(&[73, 0, 0, 4]),
            ErrorCause::InvalidMandatoryParameter,
            ErrorCause::UnrecognizedParameters(&[0xc1, 0, 0, 4]),
            ErrorCause::NoUserData(9),
            ErrorCause::CookieReceivedWhileShuttingDown,
            ErrorCause::UserInitiatedAbort(b"enough"),
            ErrorCause::ProtocolViolation(b"odd"),
            ErrorCause::Other {
                code: 99,
                value: &[1],
            },
        ];
        let mut bytes = Vec::new();
        for cause in &causes {
            cause.write(&mut bytes);
        }
        assert!(Causes::new(&bytes).iter().eq(causes));
        let text = Causes::new(&bytes).to_string();
        assert!(text.contains("[user-initiated abort: enough]"), "{text}");
        assert!(
            text.contains("[missing mandatory parameter 0x0007]"),
            "{text}"
        );
    }

    #[test]
    fn truncated_causes_are_kept_as_they_are() {
        let causes = Causes::new(&[0, 3, 0, 5, 1]);
        let expected = ErrorCause::Other {
            code: 3,
            value: &[1],
        };
        assert!(causes.iter().eq([expected]));
    }
}
