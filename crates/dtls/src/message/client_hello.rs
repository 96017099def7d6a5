//! ClientHello (RFC 9147, section 5.3; RFC 6347, section 4.2.1).
//!
//! ```text
//! ProtocolVersion legacy_version = { 254,253 };
//! Random random;
//! opaque legacy_session_id<0..32>;
//! opaque legacy_cookie<0..2^8-1>;          // DTLS 1.2: HelloVerifyRequest's
//! CipherSuite cipher_suites<2..2^16-2>;
//! opaque legacy_compression_methods<1..2^8-1>;
//! Extension extensions<8..2^16-1>;
//! ```

use std::fmt;

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use super::extension::{extension, for_each_extension};
use super::{DTLS_1_2, ExtensionType, KeyShare, u16_list};
use crate::error::HandshakeError;

const NAME: &str = "ClientHello";

/// What a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    pub(crate) legacy_version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) legacy_cookie: &'a [u8],
    pub(crate) cipher_suites: Vec<u16>,
    pub(crate) compression_methods: &'a [u8],
    pub(crate) extensions: ClientExtensions<'a>,
}

/// The extensions of a ClientHello that we know. The others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientExtensions<'a> {
    /// Empty if the extension is not there: then the client has DTLS 1.2 at most.
    pub(crate) supported_versions: Vec<u16>,
    pub(crate) supported_groups: Vec<u16>,
    pub(crate) signature_algorithms: Vec<u16>,
    pub(crate) key_shares: Option<Vec<KeyShare<'a>>>,
    pub(crate) cookie: Option<&'a [u8]>,
    pub(crate) extended_master_secret: bool,
    pub(crate) renegotiation_info: Option<&'a [u8]>,
    pub(crate) ec_point_formats: Option<&'a [u8]>,
    pub(crate) srtp_profiles: Vec<u16>,
    pub(crate) alpn: Vec<&'a [u8]>,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) connection_id: Option<&'a [u8]>,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let mut reader = Reader::new(body);
        let (mut hello, block) =
            Self::parse_fixed(&mut reader).map_err(HandshakeError::malformed(NAME))?;
        if let Some(mut block) = block {
            for_each_extension(&mut block, NAME, |kind, body| {
                hello
                    .extensions
                    .read(kind, body)
                    .map_err(HandshakeError::malformed(NAME))
            })?;
        }
        Ok(hello)
    }

    fn parse_fixed(reader: &mut Reader<'a>) -> Result<(Self, Option<Reader<'a>>), ReadError> {
        let hello = Self {
            legacy_version: reader.u16("legacy_version")?,
            random: reader.take_array("random")?,
            session_id: reader.prefixed_u8("legacy_session_id")?.rest(),
            legacy_cookie: reader.prefixed_u8("legacy_cookie")?.rest(),
            cipher_suites: u16_list(&mut reader.prefixed_u16("cipher_suites")?, "cipher suite")?,
            compression_methods: reader.prefixed_u8("legacy_compression_methods")?.rest(),
            extensions: ClientExtensions::default(),
        };
        if reader.is_empty() {
            return Ok((hello, None));
        }
        let block = reader.prefixed_u16("extensions")?;
        reader.finish(NAME)?;
        Ok((hello, Some(block)))
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer.u16(DTLS_1_2);
        writer.bytes(&self.random);
        writer
            .prefixed_u8("legacy_session_id")
            .bytes(self.session_id);
        writer
            .prefixed_u8("legacy_cookie")
            .bytes(self.legacy_cookie);
        write_list(
            &mut writer.prefixed_u16("cipher_suites"),
            &self.cipher_suites,
        );
        writer
            .prefixed_u8("legacy_compression_methods")
            .bytes(self.compression_methods);
        self.extensions.write(&mut writer);
        writer.finish().map(drop)
    }
}

impl<'a> ClientExtensions<'a> {
    fn read(&mut self, kind: ExtensionType, body: &mut Reader<'a>) -> Result<(), ReadError> {
        match kind {
            ExtensionType::SupportedVersions => {
                self.supported_versions = u16_list(&mut body.prefixed_u8("versions")?, "version")?;
            }
            ExtensionType::SupportedGroups => {
                self.supported_groups =
                    u16_list(&mut body.prefixed_u16("named_group_list")?, "named group")?;
            }
            ExtensionType::SignatureAlgorithms => {
                self.signature_algorithms = u16_list(
                    &mut body.prefixed_u16("signature schemes")?,
                    "signature scheme",
                )?;
            }
            ExtensionType::KeyShare => {
                let mut list = body.prefixed_u16("client_shares")?;
                let mut shares = Vec::new();
                while !list.is_empty() {
                    shares.push(KeyShare::parse(&mut list)?);
                }
                self.key_shares = Some(shares);
            }
            ExtensionType::Cookie => self.cookie = Some(body.prefixed_u16("cookie")?.rest()),
            ExtensionType::ExtendedMasterSecret => self.extended_master_secret = true,
            ExtensionType::RenegotiationInfo => {
                self.renegotiation_info = Some(body.prefixed_u8("renegotiated_connection")?.rest());
            }
            ExtensionType::EcPointFormats => {
                self.ec_point_formats = Some(body.prefixed_u8("ec_point_format_list")?.rest());
            }
            ExtensionType::UseSrtp => {
                self.srtp_profiles =
                    u16_list(&mut body.prefixed_u16("SRTP profiles")?, "SRTP profile")?;
                body.prefixed_u8("srtp_mki")?;
            }
            ExtensionType::Alpn => {
                let mut names = body.prefixed_u16("protocol_name_list")?;
                while !names.is_empty() {
                    self.alpn.push(names.prefixed_u8("protocol name")?.rest());
                }
            }
            ExtensionType::RecordSizeLimit => {
                self.record_size_limit = Some(body.u16("record_size_limit")?);
            }
            ExtensionType::ConnectionId => {
                self.connection_id = Some(body.prefixed_u8("connection ID")?.rest());
            }
            ExtensionType::Unknown(_) => {
                body.rest();
            }
        }
        Ok(())
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let mut block = writer.prefixed_u16("extensions");
        if !self.supported_versions.is_empty() {
            extension(&mut block, ExtensionType::SupportedVersions, |w| {
                write_list(&mut w.prefixed_u8("versions"), &self.supported_versions);
            });
        }
        extension(&mut block, ExtensionType::SupportedGroups, |w| {
            write_list(
                &mut w.prefixed_u16("named_group_list"),
                &self.supported_groups,
            );
        });
        extension(&mut block, ExtensionType::SignatureAlgorithms, |w| {
            write_list(
                &mut w.prefixed_u16("signature schemes"),
                &self.signature_algorithms,
            );
        });
        if let Some(shares) = &self.key_shares {
            extension(&mut block, ExtensionType::KeyShare, |w| {
                let mut list = w.prefixed_u16("client_shares");
                shares.iter().for_each(|share| share.write(&mut list));
            });
        }
        if let Some(cookie) = self.cookie {
            extension(&mut block, ExtensionType::Cookie, |w| {
                w.prefixed_u16("cookie").bytes(cookie)
            });
        }
        self.write_dtls12(&mut block);
        self.write_negotiable(&mut block);
    }

    fn write_dtls12(&self, block: &mut Writer<'_>) {
        if self.extended_master_secret {
            extension(block, ExtensionType::ExtendedMasterSecret, |_| {});
        }
        if let Some(info) = self.renegotiation_info {
            extension(block, ExtensionType::RenegotiationInfo, |w| {
                w.prefixed_u8("renegotiated_connection").bytes(info);
            });
        }
        if let Some(formats) = self.ec_point_formats {
            extension(block, ExtensionType::EcPointFormats, |w| {
                w.prefixed_u8("ec_point_format_list").bytes(formats);
            });
        }
    }

    fn write_negotiable(&self, block: &mut Writer<'_>) {
        if !self.srtp_profiles.is_empty() {
            extension(block, ExtensionType::UseSrtp, |w| {
                write_list(&mut w.prefixed_u16("SRTP profiles"), &self.srtp_profiles);
                w.u8(0);
            });
        }
        if !self.alpn.is_empty() {
            extension(block, ExtensionType::Alpn, |w| {
                let mut names = w.prefixed_u16("protocol_name_list");
                for name in &self.alpn {
                    names.prefixed_u8("protocol name").bytes(name);
                }
            });
        }
        if let Some(limit) = self.record_size_limit {
            extension(block, ExtensionType::RecordSizeLimit, |w| w.u16(limit));
        }
        if let Some(id) = self.connection_id {
            extension(block, ExtensionType::ConnectionId, |w| {
                w.prefixed_u8("cid").bytes(id)
            });
        }
    }
}

fn write_list(writer: &mut Writer<'_>, list: &[u16]) {
    list.iter().for_each(|value| writer.u16(*value));
}

impl fmt::Display for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ClientHello: versions {:x?}, suites {:x?}, groups {:x?}",
            self.extensions.supported_versions,
            self.cipher_suites,
            self.extensions.supported_groups
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> ClientHello<'static> {
        ClientHello {
            legacy_version: DTLS_1_2,
            random: [7; 32],
            session_id: &[],
            legacy_cookie: &[1, 2],
            cipher_suites: vec![0x1301, 0xc02b],
            compression_methods: &[0],
            extensions: ClientExtensions {
                supported_versions: vec![0xfefc, 0xfefd],
                supported_groups: vec![0x11ec, 0x001d],
                signature_algorithms: vec![0x0403],
                key_shares: Some(vec![KeyShare {
                    group: 0x001d,
                    exchange: &[9; 32],
                }]),
                cookie: Some(&[3; 5]),
                extended_master_secret: true,
                renegotiation_info: Some(&[]),
                ec_point_formats: Some(&[0]),
                srtp_profiles: vec![7, 1],
                alpn: vec![b"webrtc", b"c-webrtc"],
                record_size_limit: Some(1200),
                connection_id: Some(&[]),
            },
        }
    }

    #[test]
    fn a_hello_round_trips() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes).unwrap();
        assert_eq!(ClientHello::parse(&bytes).unwrap(), sample());
    }

    #[test]
    fn truncation_anywhere_is_an_error_but_before_the_extensions() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes).unwrap();
        let without_extensions = 2 + 32 + 1 + 3 + 2 + 4 + 2;
        for len in 0..bytes.len() {
            let result = ClientHello::parse(&bytes[..len]);
            assert_eq!(result.is_ok(), len == without_extensions, "at {len}");
        }
    }

    #[test]
    fn an_extension_that_comes_twice_is_refused() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes).unwrap();
        let block_at = 2 + 32 + 1 + 3 + 2 + 4 + 2;
        let twice = bytes[block_at + 2..].repeat(2);
        bytes.truncate(block_at);
        bytes.extend((twice.len() as u16).to_be_bytes());
        bytes.extend(twice);
        assert_eq!(
            ClientHello::parse(&bytes),
            Err(HandshakeError::IllegalParameter("an extension came twice"))
        );
    }
}
