//! The header of a handshake message, or of a part of one (RFC 9147, section 5.2).
//!
//! ```text
//! HandshakeType msg_type;
//! uint24 length;               // of the whole message
//! uint16 message_seq;
//! uint24 fragment_offset;
//! uint24 fragment_length;
//! opaque body[fragment_length];
//! ```

use std::fmt;

use gannet_wire::{ReadError, Reader, Writer};

use super::HandshakeType;

/// The length of the header in bytes.
pub(crate) const HANDSHAKE_HEADER_LEN: usize = 12;

/// A part of a handshake message, possibly all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment<'a> {
    pub(crate) kind: HandshakeType,
    /// The length of the whole message.
    pub(crate) length: u32,
    pub(crate) seq: u16,
    pub(crate) offset: u32,
    pub(crate) body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Takes the next fragment of a record. It lies within its message.
    pub(crate) fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let kind = HandshakeType::from_code(reader.u8("msg_type")?);
        let length = reader.u24("length")?;
        let seq = reader.u16("message_seq")?;
        let offset = reader.u24("fragment_offset")?;
        let fragment_length = reader.u24("fragment_length")?;
        let at = reader.position();
        let body = reader.take(fragment_length as usize, "fragment body")?;
        if offset.saturating_add(fragment_length) > length {
            let (needed, available) = (body.len(), length.saturating_sub(offset) as usize);
            return Err(ReadError::Truncated {
                what: "message of the fragment",
                at,
                needed,
                available,
            });
        }
        Ok(Self {
            kind,
            length,
            seq,
            offset,
            body,
        })
    }

    /// Appends the header and the body.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(self.kind.code());
        writer.u24(self.length);
        writer.u16(self.seq);
        writer.u24(self.offset);
        writer.u24(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        writer.bytes(self.body);
    }
}

impl fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = (self.offset as usize).saturating_add(self.body.len());
        write!(
            f,
            "{:?} #{} {}..{end} of {}",
            self.kind, self.seq, self.offset, self.length
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fragment_past_its_message_is_refused() {
        let mut bytes = Vec::new();
        Fragment {
            kind: HandshakeType::Finished,
            length: 3,
            seq: 1,
            offset: 2,
            body: &[1, 2],
        }
        .write(&mut bytes);
        assert!(Fragment::parse(&mut Reader::new(&bytes)).is_err());
    }

    proptest! {
        #[test]
        fn fragments_round_trip(kind: u8, seq: u16, before in 0_u32..9000, behind in 0_u32..9000,
                body in prop::collection::vec(any::<u8>(), 0..40)) {
            let kind = HandshakeType::from_code(kind);
            let length = before + behind + body.len() as u32;
            let fragment = Fragment { kind, length, seq, offset: before, body: &body };
            let mut bytes = Vec::new();
            fragment.write(&mut bytes);
            prop_assert_eq!(bytes.len(), HANDSHAKE_HEADER_LEN + body.len());
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(Fragment::parse(&mut reader).unwrap(), fragment);
            prop_assert!(reader.is_empty());
        }
    }
}
