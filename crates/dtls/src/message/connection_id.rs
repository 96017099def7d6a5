//! NewConnectionId and RequestConnectionId (RFC 9147, section 9).
//!
//! ```text
//! enum { cid_immediate(0), cid_spare(1), (255) } ConnectionIdUsage;
//! opaque ConnectionId<0..2^8-1>;
//! struct {
//!     ConnectionId cids<0..2^16-1>;
//!     ConnectionIdUsage usage;
//! } NewConnectionId;
//!
//! struct { uint8 num_cids; } RequestConnectionId;
//! ```

use gannet_wire::{ReadError, Reader, WriteError, Writer};

use crate::error::HandshakeError;

/// Connection IDs that the peer may put into its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewConnectionId<'a> {
    pub(crate) cids: Vec<&'a [u8]>,
    /// Whether one of them must be used from now on.
    pub(crate) is_immediate: bool,
}

impl<'a> NewConnectionId<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let (cids, usage) =
            Self::parse_fields(body).map_err(HandshakeError::malformed("NewConnectionId"))?;
        let is_immediate = match usage {
            0 => true,
            1 => false,
            _ => {
                let error = "the usage of connection IDs is neither 0 nor 1";
                return Err(HandshakeError::IllegalParameter(error));
            }
        };
        if is_immediate && cids.is_empty() {
            let error = "there is no connection ID to be used at once";
            return Err(HandshakeError::IllegalParameter(error));
        }
        Ok(Self { cids, is_immediate })
    }

    fn parse_fields(body: &'a [u8]) -> Result<(Vec<&'a [u8]>, u8), ReadError> {
        let mut reader = Reader::new(body);
        let mut list = reader.prefixed_u16("cids")?;
        let mut cids = Vec::new();
        while !list.is_empty() {
            cids.push(list.prefixed_u8("ConnectionId")?.rest());
        }
        let usage = reader.u8("usage")?;
        reader.finish("NewConnectionId")?;
        Ok((cids, usage))
    }

    /// Appends the body of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let mut writer = Writer::new(out);
        let mut list = writer.prefixed_u16("cids");
        for cid in &self.cids {
            list.prefixed_u8("ConnectionId").bytes(cid);
        }
        drop(list);
        writer.u8(u8::from(!self.is_immediate));
        writer.finish().map(drop)
    }
}

/// The peer wants so many connection IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestConnectionId {
    pub(crate) num_cids: u8,
}

impl RequestConnectionId {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::malformed;
        let mut reader = Reader::new(body);
        let num_cids = reader.u8("num_cids");
        let num_cids = num_cids.map_err(malformed("RequestConnectionId"))?;
        let finished = reader.finish("RequestConnectionId");
        finished.map_err(malformed("RequestConnectionId"))?;
        Ok(Self { num_cids })
    }

    /// Appends the body of the message.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.push(self.num_cids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_round_trip() {
        for cids in [vec![], vec![&b"one"[..], b"", b"another"]] {
            for is_immediate in [false, true] {
                let message = NewConnectionId {
                    cids: cids.clone(),
                    is_immediate,
                };
                let mut bytes = Vec::new();
                message.write(&mut bytes).unwrap();
                let parsed = NewConnectionId::parse(&bytes);
                match is_immediate && cids.is_empty() {
                    true => assert!(parsed.is_err()),
                    false => assert_eq!(parsed, Ok(message)),
                }
                for len in 0..bytes.len() {
                    assert!(NewConnectionId::parse(&bytes[..len]).is_err());
                }
                bytes.push(0);
                assert!(NewConnectionId::parse(&bytes).is_err());
            }
        }
        // One ID of one byte, and a usage that nobody knows.
        assert!(NewConnectionId::parse(&[0, 2, 1, 7, 2]).is_err());
    }

    #[test]
    fn requests_round_trip() {
        let mut bytes = Vec::new();
        RequestConnectionId { num_cids: 3 }.write(&mut bytes);
        assert_eq!(RequestConnectionId::parse(&bytes).unwrap().num_cids, 3);
        assert!(RequestConnectionId::parse(&[]).is_err());
        assert!(RequestConnectionId::parse(&[3, 0]).is_err());
    }
}
