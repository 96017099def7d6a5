//! ERROR-CODE (RFC 8489, section 14.8).

use std::fmt;

use gannet_wire::{ReadError, Reader, Writer};

/// The codes that RFC 8489, 8656, 6062 and 8445 register.
pub mod code {
    /// Try Alternate (RFC 8489).
    pub const TRY_ALTERNATE: u16 = 300;
    /// Bad Request (RFC 8489).
    pub const BAD_REQUEST: u16 = 400;
    /// Unauthenticated (RFC 8489).
    pub const UNAUTHENTICATED: u16 = 401;
    /// Forbidden (RFC 8656).
    pub const FORBIDDEN: u16 = 403;
    /// Unknown Attribute (RFC 8489).
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// Allocation Mismatch (RFC 8656).
    pub const ALLOCATION_MISMATCH: u16 = 437;
    /// Stale Nonce (RFC 8489).
    pub const STALE_NONCE: u16 = 438;
    /// Address Family not Supported (RFC 8656).
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
    /// Wrong Credentials (RFC 8656).
    pub const WRONG_CREDENTIALS: u16 = 441;
    /// Unsupported Transport Protocol (RFC 8656).
    pub const UNSUPPORTED_TRANSPORT_PROTOCOL: u16 = 442;
    /// Peer Address Family Mismatch (RFC 8656).
    pub const PEER_ADDRESS_FAMILY_MISMATCH: u16 = 443;
    /// Connection Already Exists (RFC 6062).
    pub const CONNECTION_ALREADY_EXISTS: u16 = 446;
    /// Connection Timeout or Failure (RFC 6062).
    pub const CONNECTION_TIMEOUT_OR_FAILURE: u16 = 447;
    /// Allocation Quota Reached (RFC 8656).
    pub const ALLOCATION_QUOTA_REACHED: u16 = 486;
    /// Role Conflict (RFC 8445).
    pub const ROLE_CONFLICT: u16 = 487;
    /// Server Error (RFC 8489).
    pub const SERVER_ERROR: u16 = 500;
    /// Insufficient Capacity (RFC 8656).
    pub const INSUFFICIENT_CAPACITY: u16 = 508;
}

/// A code and what a person should read about it.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Reserved, should be 0         |Class|     Number    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      Reason Phrase (variable)                                ..
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    /// 300 to 699; see [`code`].
    pub code: u16,
    /// The reason phrase. Bytes that are not UTF-8 make it empty: it means nothing to a program.
    pub reason: &'a str,
}

impl ErrorCode<'static> {
    /// A code with the phrase that its RFC recommends.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        let reason = match code {
            300 => "Try Alternate",
            400 => "Bad Request",
            401 => "Unauthenticated",
            403 => "Forbidden",
            420 => "Unknown Attribute",
            437 => "Allocation Mismatch",
            438 => "Stale Nonce",
            440 => "Address Family not Supported",
            441 => "Wrong Credentials",
            442 => "Unsupported Transport Protocol",
            443 => "Peer Address Family Mismatch",
            446 => "Connection Already Exists",
            447 => "Connection Timeout or Failure",
            486 => "Allocation Quota Reached",
            487 => "Role Conflict",
            500 => "Server Error",
            508 => "Insufficient Capacity",
            _ => "",
        };
        Self { code, reason }
    }
}

impl<'a> ErrorCode<'a> {
    /// Reads what follows the first 16 bits; `None` inside `Ok` is a code outside 300 to 699.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, ReadError> {
        let class = u16::from(reader.u8("error class")? & 0x07);
        let number = u16::from(reader.u8("error number")?);
        let reason = std::str::from_utf8(reader.rest()).unwrap_or_default();
        let code = class.saturating_mul(100).saturating_add(number);
        let valid = (3..=6).contains(&class) && number <= 99;
        Ok(valid.then_some(Self { code, reason }))
    }

    /// Writes what follows the first 16 bits.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let class = self.code.clamp(300, 699) / 100;
        let number = self.code % 100;
        writer.u16((class << 8) | number);
        writer.bytes(self.reason.as_bytes());
    }
}

impl fmt::Display for ErrorCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}
