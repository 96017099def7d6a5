//! KeyUpdate (RFC 8446, section 4.6.3).
//!
//! ```text
//! enum { update_not_requested(0), update_requested(1), (255) } KeyUpdateRequest;
//! KeyUpdateRequest request_update;
//! ```

use gannet_wire::Reader;

use crate::error::HandshakeError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUpdate {
    pub(crate) update_requested: bool,
}

impl KeyUpdate {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::malformed;
        let mut reader = Reader::new(body);
        let request = reader
            .u8("request_update")
            .map_err(malformed("KeyUpdate"))?;
        reader.finish("KeyUpdate").map_err(malformed("KeyUpdate"))?;
        match request {
            0 => Ok(Self {
                update_requested: false,
            }),
            1 => Ok(Self {
                update_requested: true,
            }),
            _ => Err(HandshakeError::IllegalParameter(
                "request_update is neither 0 nor 1",
            )),
        }
    }

    /// Appends the body of the message.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.push(u8::from(self.update_requested));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_0_or_1() {
        for update_requested in [false, true] {
            let mut bytes = Vec::new();
            KeyUpdate { update_requested }.write(&mut bytes);
            assert_eq!(KeyUpdate::parse(&bytes), Ok(KeyUpdate { update_requested }));
        }
        assert!(KeyUpdate::parse(&[2]).is_err());
        assert!(KeyUpdate::parse(&[]).is_err());
        assert!(KeyUpdate::parse(&[0, 0]).is_err());
    }
}
