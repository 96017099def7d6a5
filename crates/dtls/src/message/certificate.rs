//! Certificate, in both versions' forms (RFC 8446, section 4.4.2; RFC 5246, section 7.4.2).
//!
//! ```text
//! DTLS 1.3:                                         DTLS 1.2:
//! opaque certificate_request_context<0..2^8-1>;     opaque certificate_list<0..2^24-1>
//! struct {                                             of opaque cert<1..2^24-1>;
//!     opaque cert_data<1..2^24-1>;
//!     Extension extensions<0..2^16-1>;
//! } certificate_list<0..2^24-1>;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use crate::error::HandshakeError;

const NAME: &str = "Certificate";

/// How many certificates a chain may have. WebRTC's have one.
const MAX_CHAIN: usize = 10;

/// DTLS 1.3's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate13<'a> {
    pub(crate) context: &'a [u8],
    pub(crate) chain: Vec<&'a [u8]>,
}

impl<'a> Certificate13<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed(NAME))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let context = reader.prefixed_u8("certificate_request_context")?.rest();
        let mut list = reader.prefixed_u24("certificate_list")?;
        reader.finish(NAME)?;
        let mut chain = Vec::new();
        while !list.is_empty() && chain.len() < MAX_CHAIN {
            chain.push(list.prefixed_u24("cert_data")?.rest());
            list.prefixed_u16("certificate extensions")?;
        }
        list.finish("certificate chain of ten")?;
        Ok(Self { context, chain })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer
            .prefixed_u8("certificate_request_context")
            .bytes(self.context);
        {
            let mut list = writer.prefixed_u24("certificate_list");
            for certificate in &self.chain {
                list.prefixed_u24("cert_data").bytes(certificate);
                list.u16(0);
            }
        }
        writer.finish().map(drop)
    }
}

/// DTLS 1.2's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate12<'a> {
    pub(crate) chain: Vec<&'a [u8]>,
}

impl<'a> Certificate12<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed(NAME))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let mut list = reader.prefixed_u24("certificate_list")?;
        reader.finish(NAME)?;
        let mut chain = Vec::new();
        while !list.is_empty() && chain.len() < MAX_CHAIN {
            chain.push(list.prefixed_u24("certificate")?.rest());
        }
        list.finish("certificate chain of ten")?;
        Ok(Self { chain })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        {
            let mut list = writer.prefixed_u24("certificate_list");
            for certificate in &self.chain {
                list.prefixed_u24("certificate").bytes(certificate);
            }
        }
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_round_trip() {
        let mut bytes = Vec::new();
        let message = Certificate13 {
            context: b"x",
            chain: vec![b"one", b"two"],
        };
        message.write(&mut bytes).unwrap();
        assert_eq!(Certificate13::parse(&bytes).unwrap(), message);
        bytes.clear();
        let message = Certificate12 { chain: vec![] };
        message.write(&mut bytes).unwrap();
        assert_eq!(bytes, [0, 0, 0]);
        assert_eq!(Certificate12::parse(&bytes).unwrap(), message);
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut bytes = Vec::new();
        Certificate12 {
            chain: vec![b"c"; MAX_CHAIN + 1],
        }
        .write(&mut bytes)
        .unwrap();
        assert!(Certificate12::parse(&bytes).is_err());
        bytes.clear();
        Certificate13 {
            context: &[],
            chain: vec![b"c"; MAX_CHAIN + 1],
        }
        .write(&mut bytes)
        .unwrap();
        assert!(Certificate13::parse(&bytes).is_err());
    }
}
