//! ServerHello and HelloRetryRequest (RFC 8446, sections 4.1.3 and 4.1.4).
//!
//! ```text
//! ProtocolVersion legacy_version = { 254,253 };
//! Random random;                           // a constant in a HelloRetryRequest
//! opaque legacy_session_id_echo<0..32>;
//! CipherSuite cipher_suite;
//! uint8 legacy_compression_method = 0;
//! Extension extensions<6..2^16-1>;
//! ```

use std::fmt;

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use super::{DTLS_1_2, ServerExtensions};
use crate::error::HandshakeError;

const NAME: &str = "ServerHello";

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerHello<'a> {
    pub(crate) legacy_version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cipher_suite: u16,
    pub(crate) compression_method: u8,
    pub(crate) extensions: ServerExtensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// The random of a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
    pub(crate) const RETRY_RANDOM: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
        0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
        0x33, 0x9c,
    ];

    /// How the random of a server ends that could do 1.3 and negotiates 1.2 (RFC 8446,
    /// section 4.1.3).
    pub(crate) const DOWNGRADE_12: [u8; 8] = *b"DOWNGRD\x01";

    /// The same for versions before 1.2.
    pub(crate) const DOWNGRADE_11: [u8; 8] = *b"DOWNGRD\x00";

    pub(crate) fn is_retry(&self) -> bool {
        self.random == Self::RETRY_RANDOM
    }

    /// Whether the random says that the server would have had a higher version than it chose.
    pub(crate) fn is_downgrade(&self) -> bool {
        self.random.ends_with(&Self::DOWNGRADE_12) || self.random.ends_with(&Self::DOWNGRADE_11)
    }

    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let mut reader = Reader::new(body);
        let (mut hello, block) =
            Self::parse_fixed(&mut reader).map_err(HandshakeError::malformed(NAME))?;
        if let Some(block) = block {
            hello.extensions = ServerExtensions::parse(block, NAME, hello.is_retry())?;
        }
        Ok(hello)
    }

    fn parse_fixed(reader: &mut Reader<'a>) -> Result<(Self, Option<Reader<'a>>), ReadError> {
        let hello = Self {
            legacy_version: reader.u16("legacy_version")?,
            random: reader.take_array("random")?,
            session_id: reader.prefixed_u8("legacy_session_id_echo")?.rest(),
            cipher_suite: reader.u16("cipher_suite")?,
            compression_method: reader.u8("legacy_compression_method")?,
            extensions: ServerExtensions::default(),
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
            .prefixed_u8("legacy_session_id_echo")
            .bytes(self.session_id);
        writer.u16(self.cipher_suite);
        writer.u8(self.compression_method);
        self.extensions.write(&mut writer);
        writer.finish().map(drop)
    }
}

impl fmt::Display for ServerHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_retry() {
            "HelloRetryRequest"
        } else {
            NAME
        };
        let version = self
            .extensions
            .selected_version
            .unwrap_or(self.legacy_version);
        write!(
            f,
            "{name}: version {version:#06x}, suite {:#06x}",
            self.cipher_suite
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyShare, ServerKeyShare};
    use super::*;

    fn sample(random: [u8; 32], key_share: ServerKeyShare<'static>) -> ServerHello<'static> {
        ServerHello {
            legacy_version: DTLS_1_2,
            random,
            session_id: &[],
            cipher_suite: 0x1301,
            compression_method: 0,
            extensions: ServerExtensions {
                selected_version: Some(0xfefc),
                key_share: Some(key_share),
                cookie: Some(b"cookie"),
                extended_master_secret: true,
                renegotiation_info: Some(&[]),
                ec_point_formats: true,
                srtp_profile: Some(7),
                alpn: Some(b"webrtc"),
                record_size_limit: Some(64),
                connection_id: Some(&[1, 2, 3]),
            },
        }
    }

    #[test]
    fn hellos_round_trip() {
        let share = ServerKeyShare::Share(KeyShare {
            group: 0x1d,
            exchange: &[5; 32],
        });
        let hello = sample([1; 32], share);
        let retry = sample(ServerHello::RETRY_RANDOM, ServerKeyShare::Group(0x17));
        assert!(!hello.is_retry() && retry.is_retry());
        for message in [hello, retry] {
            let mut bytes = Vec::new();
            message.write(&mut bytes).unwrap();
            assert_eq!(ServerHello::parse(&bytes).unwrap(), message);
            for len in (0..bytes.len()).filter(|len| *len != 38) {
                assert!(ServerHello::parse(&bytes[..len]).is_err(), "at {len}");
            }
        }
    }

    #[test]
    fn an_extension_that_nobody_asks_for_is_refused() {
        let mut bytes = Vec::new();
        let share = ServerKeyShare::Share(KeyShare {
            group: 0x1d,
            exchange: &[],
        });
        let mut hello = sample([1; 32], share);
        hello.extensions = ServerExtensions::default();
        hello.write(&mut bytes).unwrap();
        bytes.truncate(bytes.len() - 2);
        bytes.extend([0, 4, 0, 41, 0, 0]);
        assert_eq!(
            ServerHello::parse(&bytes),
            Err(HandshakeError::UnsupportedExtension(41))
        );
    }
}
