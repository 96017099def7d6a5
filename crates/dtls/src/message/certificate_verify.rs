//! CertificateVerify, the same in both versions (RFC 8446, section 4.4.3; RFC 5246,
//! section 7.4.8).
//!
//! ```text
//! SignatureScheme algorithm;
//! opaque signature<0..2^16-1>;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use crate::error::HandshakeError;

const NAME: &str = "CertificateVerify";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateVerify<'a> {
    pub(crate) scheme: u16,
    pub(crate) signature: &'a [u8],
}

impl<'a> CertificateVerify<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed(NAME))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let scheme = reader.u16("algorithm")?;
        let signature = reader.prefixed_u16("signature")?.rest();
        reader.finish(NAME)?;
        Ok(Self { scheme, signature })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer.u16(self.scheme);
        writer.prefixed_u16("signature").bytes(self.signature);
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips_and_nothing_may_follow() {
        let message = CertificateVerify {
            scheme: 0x0403,
            signature: b"signature",
        };
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        assert_eq!(CertificateVerify::parse(&bytes).unwrap(), message);
        bytes.push(0);
        assert!(CertificateVerify::parse(&bytes).is_err());
    }
}
