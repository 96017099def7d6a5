//! HelloVerifyRequest: DTLS 1.2's cookies (RFC 6347, section 4.2.1).
//!
//! ```text
//! ProtocolVersion server_version;
//! opaque cookie<0..2^8-1>;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use super::DTLS_1_0;
use crate::error::HandshakeError;

const NAME: &str = "HelloVerifyRequest";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelloVerifyRequest<'a> {
    pub(crate) cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        Self::read(&mut Reader::new(body)).map_err(HandshakeError::malformed(NAME))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        // The version says nothing: servers send 1.0 here whatever they negotiate later.
        reader.u16("server_version")?;
        let cookie = reader.prefixed_u8("cookie")?.rest();
        reader.finish(NAME)?;
        Ok(Self { cookie })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        // "DTLS 1.2 server implementations SHOULD use DTLS version 1.0 regardless of the version of
        // TLS that is expected to be negotiated" (RFC 6347, section 4.2.1).
        writer.u16(DTLS_1_0);
        writer.prefixed_u8("cookie").bytes(self.cookie);
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips_and_nothing_may_follow() {
        let message = HelloVerifyRequest {
            cookie: b"twenty bytes of cookie",
        };
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        assert_eq!(HelloVerifyRequest::parse(&bytes).unwrap(), message);
        bytes.push(0);
        assert!(HelloVerifyRequest::parse(&bytes).is_err());
    }
}
