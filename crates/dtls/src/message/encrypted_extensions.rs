//! EncryptedExtensions (RFC 8446, section 4.3.1).
//!
//! ```text
//! Extension extensions<0..2^16-1>;
//! ```

use gannet_wire::{Reader, WriteError, Writer};

use super::ServerExtensions;
use crate::error::HandshakeError;

const NAME: &str = "EncryptedExtensions";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EncryptedExtensions<'a> {
    pub(crate) extensions: ServerExtensions<'a>,
}

impl<'a> EncryptedExtensions<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let mut reader = Reader::new(body);
        let block = reader
            .prefixed_u16("extensions")
            .map_err(HandshakeError::malformed(NAME))?;
        reader
            .finish(NAME)
            .map_err(HandshakeError::malformed(NAME))?;
        let extensions = ServerExtensions::parse(block, NAME, false)?;
        // RFC 8446, section 4.2: which extension may stand in which message.
        let misplaced = extensions.selected_version.is_some()
            || extensions.key_share.is_some()
            || extensions.cookie.is_some()
            || extensions.extended_master_secret
            || extensions.renegotiation_info.is_some()
            || extensions.connection_id.is_some();
        if misplaced {
            return Err(HandshakeError::IllegalParameter(
                "an extension stands in EncryptedExtensions that has no place there",
            ));
        }
        Ok(Self { extensions })
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        self.extensions.write(&mut writer);
        writer.finish().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_round_trip_and_have_no_key_share() {
        let mut message = EncryptedExtensions::default();
        message.extensions.srtp_profile = Some(7);
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        assert_eq!(EncryptedExtensions::parse(&bytes).unwrap(), message);
        message.extensions.selected_version = Some(0xfefc);
        bytes.clear();
        message.write(&mut bytes).unwrap();
        assert!(EncryptedExtensions::parse(&bytes).is_err());
    }
}
