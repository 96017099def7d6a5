//! Attributes: their names, their types, and one enum over all of them.
//!
//! A type borrows its texts from the line that it was parsed from (or from wherever a program that
//! writes a description has them) and writes itself with `Display`, in the RFC's form.

use std::fmt::{self, Display};

use crate::FieldError;

mod bundle;
mod candidate;
mod codec;
mod direction;
mod dtls;
mod extmap;
mod ice;
mod imageattr;
mod rid;
mod rtcp;
mod sctp;
mod simulcast;
mod ssrc;

pub use bundle::{Group, Mid, Msid, MsidSemantic};
pub use candidate::{Candidate, CandidateType, TcpType, Transport};
pub use codec::{Fmtp, MaxPtime, Ptime, RtcpFb, Rtpmap};
pub use direction::Direction;
pub use dtls::{Fingerprint, HashFunction, Setup, TlsId};
pub use extmap::Extmap;
pub use ice::{IceOptions, IcePacing, IcePwd, IceUfrag, RemoteCandidate, RemoteCandidates};
pub use imageattr::{ImageAttr, ImageList, ImageSet, Ratio, Size};
pub use rid::{Rid, RidDirection};
pub use rtcp::{Rtcp, RtcpXr};
pub use sctp::{MaxMessageSize, SctpInit, SctpPort, Sctpmap};
pub use simulcast::{Simulcast, SimulcastFormat};
pub use ssrc::{Ssrc, SsrcGroup};

/// The value of an attribute.
pub trait AttributeValue<'a>: Sized + Display {
    /// The name of the attribute.
    const NAME: AttributeName;

    /// Parses what stands after the colon.
    fn parse(text: &'a str) -> Result<Self, FieldError>;
}

macro_rules! attributes {
    (
        values { $($(#[$doc:meta])* $name:literal => $value:ident $(<$life:lifetime>)?,)* }
        flags { $($(#[$flag_doc:meta])* $flag_name:literal => $flag:ident,)* }
    ) => {
        /// The names of the attributes that this crate has types for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum AttributeName {
            $($(#[$doc])* $value,)*
            $($(#[$flag_doc])* $flag,)*
        }

        impl AttributeName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value,)* $(Self::$flag,)*];

            /// The name by its bytes. A match on bytes compiles to a tree, one on text to a list.
            pub(crate) fn from_bytes(name: &[u8]) -> Option<Self> {
                match name {
                    $($name => Some(Self::$value),)*
                    $($flag_name => Some(Self::$flag),)*
                    _ => None,
                }
            }

            fn bytes(self) -> &'static [u8] {
                match self {
                    $(Self::$value => $name,)*
                    $(Self::$flag => $flag_name,)*
                }
            }
        }

        /// An attribute in its typed form.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Attribute<'a> {
            $($(#[$doc])* $value($value $(<$life>)?),)*
            $($(#[$flag_doc])* $flag,)*
            /// Any other.
            Unknown {
                /// What stands before the colon.
                name: &'a str,
                /// What stands after the colon, if there is one.
                value: Option<&'a str>,
            },
        }

        impl<'a> Attribute<'a> {
            /// The name, if it is a known one.
            pub fn name(&self) -> Option<AttributeName> {
                match self {
                    $(Self::$value(_) => Some(AttributeName::$value),)*
                    $(Self::$flag => Some(AttributeName::$flag),)*
                    Self::Unknown { .. } => None,
                }
            }

            pub(crate) fn parse(
                known: Option<AttributeName>,
                name: &'a str,
                value: Option<&'a str>,
            ) -> Result<Self, FieldError> {
                let text = value.unwrap_or_default();
                Ok(match known {
                    $(Some(AttributeName::$value) => Self::$value(AttributeValue::parse(text)?),)*
                    $(Some(AttributeName::$flag) => {
                        no_value(value)?;
                        Self::$flag
                    })*
                    None => Self::Unknown { name, value },
                })
            }
        }

        impl Display for Attribute<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$value(value) => write!(f, "{}:{value}", AttributeName::$value),)*
                    $(Self::$flag => AttributeName::$flag.fmt(f),)*
                    Self::Unknown { name, value: Some(value) } => write!(f, "{name}:{value}"),
                    Self::Unknown { name, value: None } => f.write_str(name),
                }
            }
        }
    };
}

attributes! {
    values {
        /// RFC 8839, section 5.1.
        b"candidate" => Candidate<'a>,
        /// RFC 8839, section 5.2.
        b"remote-candidates" => RemoteCandidates<'a>,
        /// RFC 8839, section 5.4.
        b"ice-ufrag" => IceUfrag<'a>,
        /// RFC 8839, section 5.4.
        b"ice-pwd" => IcePwd<'a>,
        /// RFC 8839, section 5.5.
        b"ice-pacing" => IcePacing,
        /// RFC 8839, section 5.6.
        b"ice-options" => IceOptions<'a>,
        /// RFC 8122, section 5.
        b"fingerprint" => Fingerprint<'a>,
        /// RFC 4145, section 4.
        b"setup" => Setup,
        /// RFC 8842, section 4.
        b"tls-id" => TlsId<'a>,
        /// RFC 5888, section 4.
        b"mid" => Mid<'a>,
        /// RFC 5888, section 5; RFC 8843 for `BUNDLE`.
        b"group" => Group<'a>,
        /// RFC 8830, section 2.
        b"msid" => Msid<'a>,
        /// An older form of RFC 8830, which browsers still write.
        b"msid-semantic" => MsidSemantic<'a>,
        /// RFC 8866, section 6.6.
        b"rtpmap" => Rtpmap<'a>,
        /// RFC 8866, section 6.15.
        b"fmtp" => Fmtp<'a>,
        /// RFC 4585, section 4.2.
        b"rtcp-fb" => RtcpFb<'a>,
        /// RFC 8866, section 6.4.
        b"ptime" => Ptime,
        /// RFC 8866, section 6.5.
        b"maxptime" => MaxPtime,
        /// RFC 3605, section 2.1.
        b"rtcp" => Rtcp<'a>,
        /// RFC 3611, section 5.
        b"rtcp-xr" => RtcpXr<'a>,
        /// RFC 8285, section 5.
        b"extmap" => Extmap<'a>,
        /// RFC 5576, section 4.1.
        b"ssrc" => Ssrc<'a>,
        /// RFC 5576, section 4.2.
        b"ssrc-group" => SsrcGroup<'a>,
        /// RFC 8851.
        b"rid" => Rid<'a>,
        /// RFC 8853, section 5.1.
        b"simulcast" => Simulcast<'a>,
        /// RFC 6236.
        b"imageattr" => ImageAttr<'a>,
        /// RFC 8841, section 5.
        b"sctp-port" => SctpPort,
        /// RFC 8841, section 6.
        b"max-message-size" => MaxMessageSize,
        /// Drafts before RFC 8841, for `DTLS/SCTP` with a port as its format.
        b"sctpmap" => Sctpmap<'a>,
        /// The first SCTP chunk, in base64 (draft-hancke-tsvwg-snap).
        b"sctp-init" => SctpInit<'a>,
    }
    flags {
        /// RFC 8839, section 5.3.
        b"ice-lite" => IceLite,
        /// RFC 8840, section 8.2.
        b"end-of-candidates" => EndOfCandidates,
        /// RFC 8843, section 6.
        b"bundle-only" => BundleOnly,
        /// RFC 5761, section 5.1.1.
        b"rtcp-mux" => RtcpMux,
        /// RFC 8858, section 3.
        b"rtcp-mux-only" => RtcpMuxOnly,
        /// RFC 5506, section 5.
        b"rtcp-rsize" => RtcpRsize,
        /// RFC 8285, section 6.
        b"extmap-allow-mixed" => ExtmapAllowMixed,
        /// RFC 9335, section 4.
        b"cryptex" => Cryptex,
        /// RFC 8866, section 6.7.
        b"sendrecv" => Sendrecv,
        /// RFC 8866, section 6.7.
        b"sendonly" => Sendonly,
        /// RFC 8866, section 6.7.
        b"recvonly" => Recvonly,
        /// RFC 8866, section 6.7.
        b"inactive" => Inactive,
    }
}

impl AttributeName {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        // The names are ASCII literals.
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The name, if it is a known one. Names are case-sensitive (RFC 8866, section 5.13).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_bytes(name.as_bytes())
    }
}

impl Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn no_value(value: Option<&str>) -> Result<(), FieldError> {
    match value {
        None | Some("") => Ok(()),
        Some(value) => Err(FieldError::new("attribute-value", "no value", value)),
    }
}

/// Writes things with something between them.
fn join<T: Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    separator: &str,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
