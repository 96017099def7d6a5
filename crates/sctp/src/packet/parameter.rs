//! Parameters: the type-length-value fields inside of chunks.

use std::fmt;

use gannet_wire::{Reader, Writer};

use super::{ParseError, padding};

/// The type numbers (RFC 9260, section 3.3, and the extensions).
pub mod parameter_kind {
    /// Heartbeat information.
    pub const HEARTBEAT_INFO: u16 = 1;
    /// An IPv4 address: ignored, since the layer below has the addresses (RFC 8261, section 5).
    pub const IPV4_ADDRESS: u16 = 5;
    /// An IPv6 address: ignored as well.
    pub const IPV6_ADDRESS: u16 = 6;
    /// A state cookie.
    pub const STATE_COOKIE: u16 = 7;
    /// Parameters that a receiver of INIT did not know.
    pub const UNRECOGNIZED: u16 = 8;
    /// A longer cookie life, please.
    pub const COOKIE_PRESERVATIVE: u16 = 9;
    /// A host name: not allowed any more.
    pub const HOST_NAME_ADDRESS: u16 = 11;
    /// The address types that the sender supports.
    pub const SUPPORTED_ADDRESS_TYPES: u16 = 12;
    /// Outgoing SSN reset request (RFC 6525, section 4.1).
    pub const OUTGOING_RESET: u16 = 13;
    /// Incoming SSN reset request (RFC 6525, section 4.2).
    pub const INCOMING_RESET: u16 = 14;
    /// SSN/TSN reset request (RFC 6525, section 4.3).
    pub const TSN_RESET: u16 = 15;
    /// Re-configuration response (RFC 6525, section 4.4).
    pub const RE_CONFIG_RESPONSE: u16 = 16;
    /// Add outgoing streams request (RFC 6525, section 4.5).
    pub const ADD_OUTGOING_STREAMS: u16 = 17;
    /// Add incoming streams request (RFC 6525, section 4.6).
    pub const ADD_INCOMING_STREAMS: u16 = 18;
    /// ECN capable: reserved (RFC 9260, section 16).
    pub const ECN_CAPABLE: u16 = 0x8000;
    /// Zero checksum acceptable (RFC 9653, section 4).
    pub const ZERO_CHECKSUM_ACCEPTABLE: u16 = 0x8001;
    /// Random numbers for AUTH (RFC 4895, section 3.1).
    pub const RANDOM: u16 = 0x8002;
    /// The chunks that AUTH protects (RFC 4895, section 3.2).
    pub const CHUNKS: u16 = 0x8003;
    /// The HMACs for AUTH (RFC 4895, section 3.3).
    pub const REQUESTED_HMAC: u16 = 0x8004;
    /// The chunk types that the sender supports (RFC 5061, section 4.2.7).
    pub const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    /// Partial reliability supported (RFC 3758, section 3.1).
    pub const FORWARD_TSN_SUPPORTED: u16 = 0xc000;
}

/// A parameter that is not parsed yet (RFC 9260, section 3.2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |        Parameter Type         |       Parameter Length        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                       Parameter Value                         \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// All of it: header and value, without padding.
    pub bytes: &'a [u8],
}

impl<'a> Parameter<'a> {
    /// The length of a parameter's header in bytes.
    pub const HEADER_LEN: usize = 4;

    /// Parses the first parameter of `bytes`, and says what is behind it and its padding.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u16("parameter type")?;
        let len = usize::from(reader.u16("parameter length")?);
        let Some(value_len) = len.checked_sub(Self::HEADER_LEN) else {
            return Err(ParseError::Length {
                what: "parameter",
                len,
                least: Self::HEADER_LEN,
            });
        };
        let value = reader.take(value_len, "parameter value")?;
        // The padding of a chunk's last parameter is the chunk's own.
        let padding = padding(len).min(reader.remaining());
        reader.take(padding, "parameter padding")?;
        let parameter = Self {
            kind,
            value,
            bytes: bytes.get(..len).unwrap_or_default(),
        };
        Ok((parameter, reader.rest()))
    }

    /// Appends a parameter with its padding, which counts from where the writer started.
    pub fn write(kind: u16, value: &[u8], writer: &mut Writer<'_>) {
        writer.u16(kind);
        let len = value.len().saturating_add(Self::HEADER_LEN);
        writer.u16(u16::try_from(len).unwrap_or(u16::MAX));
        writer.bytes(value);
        writer.zeros(padding(len));
    }
}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}({} bytes)", self.kind, self.value.len())
    }
}

/// The parameters of a chunk, in order. The iteration ends at the first malformed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// The parameters in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are left.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Parameter::parse(self.rest) {
            Ok((parameter, rest)) => {
                self.rest = rest;
                Some(Ok(parameter))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_padded_between() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        Parameter::write(7, &[1, 2, 3], &mut writer);
        Parameter::write(0xc000, &[], &mut writer);
        writer.finish().unwrap();
        assert_eq!(bytes, [0, 7, 0, 7, 1, 2, 3, 0, 0xc0, 0, 0, 4]);
        let parameters: Vec<_> = Parameters::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(parameters.len(), 2);
        assert_eq!(parameters[0].value, [1, 2, 3]);
        assert_eq!(parameters[1].to_string(), "0xc000(0 bytes)");
    }

    #[test]
    fn malformed_parameters_end_the_iteration() {
        assert!(
            Parameters::new(&[0, 7, 0, 3, 0, 0, 0, 0])
                .next()
                .unwrap()
                .is_err()
        );
        assert!(
            Parameters::new(&[0, 7, 0, 9, 0, 0, 0, 0])
                .next()
                .unwrap()
                .is_err()
        );
        let mut parameters = Parameters::new(&[0, 7]);
        assert!(parameters.next().unwrap().is_err());
        assert!(parameters.next().is_none());
    }
}
