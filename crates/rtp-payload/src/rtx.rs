//! Retransmission (RFC 4588).

use gannet_wire::{ReadError, Reader};

/// The payload of a retransmission packet (RFC 4588, section 4): the sequence number that the
/// packet had when it was sent first, and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtxPayload<'a> {
    /// OSN.
    pub original_sequence_number: u16,
    /// What the original packet carried.
    pub payload: &'a [u8],
}

impl<'a> RtxPayload<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// If it is too short, which padding sent to probe the bandwidth is.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(payload);
        Ok(Self {
            original_sequence_number: reader.u16("original sequence number")?,
            payload: reader.rest(),
        })
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.original_sequence_number.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let rtx = RtxPayload {
            original_sequence_number: 0xabcd,
            payload: &[1, 2],
        };
        let mut bytes = Vec::new();
        rtx.write(&mut bytes);
        assert_eq!(bytes, [0xab, 0xcd, 1, 2]);
        assert_eq!(RtxPayload::parse(&bytes), Ok(rtx));
        assert!(RtxPayload::parse(&[1]).is_err());
        assert_eq!(
            RtxPayload::parse(&[0, 1]).map(|rtx| rtx.payload),
            Ok(&[][..])
        );
    }
}
