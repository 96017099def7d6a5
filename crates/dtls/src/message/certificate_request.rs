//! CertificateRequest, in both versions' forms (RFC 8446, section 4.3.2; RFC 5246,
//! section 7.4.4).
//!
//! ```text
//! DTLS 1.3:                                         DTLS 1.2:
//! opaque certificate_request_context<0..2^8-1>;     ClientCertificateType types<1..2^8-1>;
//! Extension extensions<2..2^16-1>;                  SignatureAndHashAlgorithm algorithms<2..2^16-2>;
//!                                                   DistinguishedName authorities<0..2^16-1>;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use super::extension::{extension, for_each_extension};
use super::{ExtensionType, u16_list};
use crate::error::HandshakeError;

const NAME: &str = "CertificateRequest";

/// DTLS 1.3's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateRequest13<'a> {
    pub(crate) context: &'a [u8],
    pub(crate) signature_algorithms: Vec<u16>,
}

impl<'a> CertificateRequest13<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::malformed;
        let mut reader = Reader::new(body);
        let context = reader.prefixed_u8("certificate_request_context");
        let context = context.map_err(malformed(NAME))?.rest();
        let mut block = reader.prefixed_u16("extensions").map_err(malformed(NAME))?;
        reader.finish(NAME).map_err(malformed(NAME))?;
        let mut signature_algorithms = Vec::new();
        for_each_extension(&mut block, NAME, |kind, body| {
            if kind != ExtensionType::SignatureAlgorithms {
                body.rest();
                return Ok(());
            }
            let mut list = body.prefixed_u16("schemes").map_err(malformed(NAME))?;
            signature_algorithms = u16_list(&mut list, "scheme").map_err(malformed(NAME))?;
            Ok(())
        })?;
        if signature_algorithms.is_empty() {
            return Err(HandshakeError::MissingExtension("signature_algorithms"));
        }
        Ok(Self {
            context,
            signature_algorithms,
        })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer
            .prefixed_u8("certificate_request_context")
            .bytes(self.context);
        extension(
            &mut writer.prefixed_u16("extensions"),
            ExtensionType::SignatureAlgorithms,
            |w| {
                let mut list = w.prefixed_u16("schemes");
                self.signature_algorithms
                    .iter()
                    .for_each(|scheme| list.u16(*scheme));
            },
        );
        writer.finish().map(drop)
    }
}

/// DTLS 1.2's form. Certificate types and authorities are not looked at: what can be signed with says
/// enough, and no authority vouches for WebRTC's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateRequest12 {
    pub(crate) signature_algorithms: Vec<u16>,
}

impl CertificateRequest12 {
    const RSA_SIGN: u8 = 1;
    const ECDSA_SIGN: u8 = 64;

    pub(crate) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed(NAME))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        reader.prefixed_u8("certificate_types")?;
        let mut list = reader.prefixed_u16("supported_signature_algorithms")?;
        let signature_algorithms = u16_list(&mut list, "signature algorithm")?;
        reader.prefixed_u16("certificate_authorities")?;
        reader.finish(NAME)?;
        Ok(Self {
            signature_algorithms,
        })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer
            .prefixed_u8("certificate_types")
            .bytes(&[Self::ECDSA_SIGN, Self::RSA_SIGN]);
        {
            let mut list = writer.prefixed_u16("supported_signature_algorithms");
            self.signature_algorithms
                .iter()
                .for_each(|scheme| list.u16(*scheme));
        }
        writer.u16(0);
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_round_trip() {
        let mut bytes = Vec::new();
        let message = CertificateRequest13 {
            context: &[],
            signature_algorithms: vec![0x0403],
        };
        message.write(&mut bytes).unwrap();
        assert_eq!(bytes, [0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
        assert_eq!(CertificateRequest13::parse(&bytes).unwrap(), message);
        bytes.clear();
        let message = CertificateRequest12 {
            signature_algorithms: vec![0x0403, 0x0401],
        };
        message.write(&mut bytes).unwrap();
        assert_eq!(CertificateRequest12::parse(&bytes).unwrap(), message);
    }

    #[test]
    fn a_request_says_which_signatures_it_takes() {
        assert_eq!(
            CertificateRequest13::parse(&[0, 0, 0]),
            Err(HandshakeError::MissingExtension("signature_algorithms"))
        );
    }
}
