//! Alerts (RFC 8446, section 6).
//!
//! ```text
//! struct {
//!     AlertLevel level;              // warning(1), fatal(2)
//!     AlertDescription description;
//! } Alert;
//! ```

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::fmt;

use gannet_wire::{ReadError, Reader};

macro_rules! descriptions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What an alert says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AlertDescription {
            $($(#[$doc])* $name,)*
            /// One that is not listed here.
            Unknown(u8),
        }

        impl AlertDescription {
            /// Its number in the registry.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// The description with this number.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }
        }

        impl fmt::Display for AlertDescription {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    Self::Unknown(code) => write!(f, "alert {code}"),
                }
            }
        }
    };
}

descriptions! {
    /// The sender will send nothing more.
    CloseNotify = 0, "close_notify";
    /// A message that has no place here.
    UnexpectedMessage = 10, "unexpected_message";
    /// A record that is not authentic.
    BadRecordMac = 20, "bad_record_mac";
    /// A record that is too long.
    RecordOverflow = 22, "record_overflow";
    /// Nothing in common.
    HandshakeFailure = 40, "handshake_failure";
    /// A certificate that is not accepted.
    BadCertificate = 42, "bad_certificate";
    /// A certificate with a key of an unsupported kind.
    UnsupportedCertificate = 43, "unsupported_certificate";
    /// A certificate that was revoked.
    CertificateRevoked = 44, "certificate_revoked";
    /// A certificate that is too old.
    CertificateExpired = 45, "certificate_expired";
    /// A certificate with some other fault.
    CertificateUnknown = 46, "certificate_unknown";
    /// A field with an illegal value.
    IllegalParameter = 47, "illegal_parameter";
    /// A certificate authority that is not known.
    UnknownCa = 48, "unknown_ca";
    /// Not allowed to.
    AccessDenied = 49, "access_denied";
    /// A message that can not be parsed.
    DecodeError = 50, "decode_error";
    /// A signature or Finished that does not verify.
    DecryptError = 51, "decrypt_error";
    /// More connection IDs requested than we care for.
    TooManyCidsRequested = 52, "too_many_cids_requested";
    /// No version in common.
    ProtocolVersion = 70, "protocol_version";
    /// Only weaker suites than required.
    InsufficientSecurity = 71, "insufficient_security";
    /// A fault of the sender.
    InternalError = 80, "internal_error";
    /// A connection retry at a lower version that was not needed.
    InappropriateFallback = 86, "inappropriate_fallback";
    /// The user broke it off.
    UserCanceled = 90, "user_canceled";
    /// DTLS 1.2: no renegotiation.
    NoRenegotiation = 100, "no_renegotiation";
    /// An extension that must be there is not.
    MissingExtension = 109, "missing_extension";
    /// An extension that was not asked for.
    UnsupportedExtension = 110, "unsupported_extension";
    /// A server name that is not known.
    UnrecognizedName = 112, "unrecognized_name";
    /// A pre-shared key that is not known.
    UnknownPskIdentity = 115, "unknown_psk_identity";
    /// A certificate is needed and there is none.
    CertificateRequired = 116, "certificate_required";
    /// No application protocol in common.
    NoApplicationProtocol = 120, "no_application_protocol";
}

const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) fatal: bool,
    pub(crate) description: AlertDescription,
}

impl Alert {
    /// The level that goes with the description (RFC 8446, section 6).
    pub(crate) const fn new(description: AlertDescription) -> Self {
        let fatal = !matches!(
            description,
            AlertDescription::CloseNotify
                | AlertDescription::UserCanceled
                | AlertDescription::NoRenegotiation
        );
        Self { fatal, description }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes);
        let level = reader.u8("alert level")?;
        let description = AlertDescription::from_code(reader.u8("alert description")?);
        reader.finish("alert")?;
        Ok(Self {
            fatal: level != WARNING,
            description,
        })
    }

    pub(crate) const fn to_bytes(self) -> [u8; 2] {
        [
            if self.fatal { FATAL } else { WARNING },
            self.description.code(),
        ]
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.fatal { "fatal" } else { "warning" };
        write!(f, "{level} alert {}", self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_round_trips() {
        for code in 0..=u8::MAX {
            assert_eq!(AlertDescription::from_code(code).code(), code);
        }
        let alert = Alert::new(AlertDescription::BadCertificate);
        assert_eq!(alert.to_bytes(), [2, 42]);
        assert_eq!(Alert::parse(&alert.to_bytes()), Ok(alert));
        assert_eq!(alert.to_string(), "fatal alert bad_certificate");
        assert_eq!(Alert::new(AlertDescription::CloseNotify).to_bytes(), [1, 0]);
    }

    #[test]
    fn an_alert_is_two_bytes() {
        assert!(Alert::parse(&[2]).is_err());
        assert!(Alert::parse(&[2, 40, 0]).is_err());
    }
}
