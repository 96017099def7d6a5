//! ServerKeyExchange and ClientKeyExchange of DTLS 1.2's ECDHE (RFC 8422, sections 5.4 and 5.7).
//!
//! ```text
//! ServerKeyExchange:                        ClientKeyExchange:
//! ECCurveType curve_type = named_curve(3);  opaque ecdh_Yc<1..2^8-1>;
//! NamedCurve namedcurve;
//! opaque public<1..2^8-1>;
//! SignatureAndHashAlgorithm algorithm;
//! opaque signature<0..2^16-1>;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use crate::error::HandshakeError;

const NAMED_CURVE: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) group: u16,
    pub(crate) public: &'a [u8],
    pub(crate) scheme: u16,
    pub(crate) signature: &'a [u8],
}

impl<'a> ServerKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::malformed("ServerKeyExchange");
        let (curve_type, message) = Self::read(&mut Reader::new(body)).map_err(malformed)?;
        if curve_type != NAMED_CURVE {
            return Err(HandshakeError::IllegalParameter(
                "the ServerKeyExchange's curve is none that has a name",
            ));
        }
        Ok(message)
    }

    fn read(reader: &mut Reader<'a>) -> Result<(u8, Self), ReadError> {
        let curve_type = reader.u8("curve_type")?;
        let message = Self {
            group: reader.u16("namedcurve")?,
            public: reader.prefixed_u8("public")?.rest(),
            scheme: reader.u16("algorithm")?,
            signature: reader.prefixed_u16("signature")?.rest(),
        };
        reader.finish("ServerKeyExchange")?;
        Ok((curve_type, message))
    }

    /// The part that is signed, behind both randoms.
    pub(crate) fn parameters(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::with_capacity(self.public.len().saturating_add(4));
        let mut writer = Writer::new(&mut out);
        writer.u8(NAMED_CURVE);
        writer.u16(self.group);
        writer.prefixed_u8("public").bytes(self.public);
        writer.finish()?;
        Ok(out)
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let parameters = self.parameters()?;
        let mut writer = Writer::new(out);
        writer.bytes(&parameters);
        writer.u16(self.scheme);
        writer.prefixed_u16("signature").bytes(self.signature);
        writer.finish().map(drop)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientKeyExchange<'a> {
    pub(crate) public: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed("ClientKeyExchange"))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let public = reader.prefixed_u8("ecdh_Yc")?.rest();
        reader.finish("ClientKeyExchange")?;
        Ok(Self { public })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        writer.prefixed_u8("ecdh_Yc").bytes(self.public);
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_round_trip() {
        let mut bytes = Vec::new();
        let message = ServerKeyExchange {
            group: 0x17,
            public: &[4; 65],
            scheme: 0x0403,
            signature: &[1; 70],
        };
        message.write(&mut bytes).unwrap();
        assert_eq!(ServerKeyExchange::parse(&bytes).unwrap(), message);
        // explicit_prime(1) and explicit_char2(2) are long forbidden.
        bytes[0] = 1;
        assert!(ServerKeyExchange::parse(&bytes).is_err());
        bytes.clear();
        let message = ClientKeyExchange { public: &[4; 65] };
        message.write(&mut bytes).unwrap();
        assert_eq!(ClientKeyExchange::parse(&bytes).unwrap(), message);
    }
}
