//! Handshake messages, one file each (RFC 8446, section 4; RFC 5246, section 7.4; RFC 9147,
//! section 5).

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

mod ack;
#[cfg(test)]
mod captured;
mod certificate;
mod certificate_request;
mod certificate_verify;
mod client_hello;
mod connection_id;
mod encrypted_extensions;
mod extension;
mod fragment;
mod hello_verify_request;
mod key_exchange;
mod key_update;
mod server_hello;

use std::fmt;

pub(crate) use ack::{Ack, RecordNumber};
pub(crate) use certificate::{Certificate12, Certificate13};
pub(crate) use certificate_request::{CertificateRequest12, CertificateRequest13};
pub(crate) use certificate_verify::CertificateVerify;
pub(crate) use client_hello::{ClientExtensions, ClientHello};
pub(crate) use connection_id::{NewConnectionId, RequestConnectionId};
pub(crate) use encrypted_extensions::EncryptedExtensions;
pub(crate) use extension::{ExtensionType, KeyShare, ServerExtensions, ServerKeyShare};
pub(crate) use fragment::{Fragment, HANDSHAKE_HEADER_LEN};
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use key_exchange::{ClientKeyExchange, ServerKeyExchange};
pub(crate) use key_update::KeyUpdate;
pub(crate) use server_hello::ServerHello;

/// The version numbers on the wire.
pub(crate) const DTLS_1_0: u16 = 0xfeff;
pub(crate) const DTLS_1_2: u16 = 0xfefd;
pub(crate) const DTLS_1_3: u16 = 0xfefc;

macro_rules! handshake_types {
    ($($name:ident = $code:literal,)*) => {
        /// The type of a handshake message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum HandshakeType {
            $($name,)*
            Unknown(u8),
        }

        impl HandshakeType {
            pub(crate) const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            pub(crate) const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }
        }
    };
}

handshake_types! {
    HelloRequest = 0,
    ClientHello = 1,
    ServerHello = 2,
    HelloVerifyRequest = 3,
    NewSessionTicket = 4,
    EncryptedExtensions = 8,
    RequestConnectionId = 9,
    NewConnectionId = 10,
    Certificate = 11,
    ServerKeyExchange = 12,
    CertificateRequest = 13,
    ServerHelloDone = 14,
    CertificateVerify = 15,
    ClientKeyExchange = 16,
    Finished = 20,
    KeyUpdate = 24,
    MessageHash = 254,
}

/// A complete handshake message, as it was reassembled.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: HandshakeType,
    pub(crate) seq: u16,
    pub(crate) body: Vec<u8>,
}

/// Says what it is, but not what it holds.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} #{} ({} bytes)",
            self.kind,
            self.seq,
            self.body.len()
        )
    }
}

/// A list of 16-bit numbers that fills the rest of a reader.
fn u16_list(
    reader: &mut gannet_wire::Reader<'_>,
    what: &'static str,
) -> Result<Vec<u16>, gannet_wire::ReadError> {
    let mut list = Vec::with_capacity(reader.remaining() / 2);
    while !reader.is_empty() {
        list.push(reader.u16(what)?);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_round_trips() {
        for code in 0..=u8::MAX {
            assert_eq!(HandshakeType::from_code(code).code(), code);
        }
    }
}
