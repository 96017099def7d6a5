//! Record headers (RFC 9147, section 4; RFC 6347, section 4.1; RFC 9146, section 4).
//!
//! ```text
//! DTLSPlaintext, and DTLS 1.2's ciphertext:      DTLS 1.3's unified header:
//! ContentType type;                               0 1 2 3 4 5 6 7
//! ProtocolVersion version;                       +-+-+-+-+-+-+-+-+
//! uint16 epoch;                                  |0|0|1|C|S|L|E E|
//! uint48 sequence_number;                        +-+-+-+-+-+-+-+-+
//! opaque cid[cid_length];  // type 25 only       | connection ID, if C
//! uint16 length;                                 | sequence number, 8 bits, or 16 if S
//! opaque fragment[length];                       | 16-bit length, if L
//!                                                +-+-+-+-+-+-+-+-+
//! ```

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::{ReadError, Reader};

/// The type of a record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    Tls12Cid,
    Ack,
}

impl ContentType {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Tls12Cid => 25,
            Self::Ack => 26,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            25 => Some(Self::Tls12Cid),
            26 => Some(Self::Ack),
            _ => None,
        }
    }
}

/// The bits of a unified header's first byte.
pub(crate) const UNIFIED: u8 = 0b0010_0000;
pub(crate) const UNIFIED_CID: u8 = 0b0001_0000;
pub(crate) const UNIFIED_SEQ16: u8 = 0b0000_1000;
pub(crate) const UNIFIED_LENGTH: u8 = 0b0000_0100;

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) form: Form,
    /// Its length in bytes.
    pub(crate) len: usize,
    /// The length of what follows it in bytes.
    pub(crate) body_len: usize,
}

/// The two forms of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The full header.
    Full {
        kind: ContentType,
        epoch: u16,
        sequence: u64,
    },
    /// DTLS 1.3's unified header; the sequence number is encrypted.
    Unified {
        epoch_bits: u8,
        sequence_at: usize,
        sequence_len: usize,
        has_cid: bool,
    },
}

impl Header {
    /// Reads the header at the start of `bytes`. Whoever puts a connection ID into a record to us, puts
    /// ours, whose length is `cid_len`.
    pub(crate) fn parse(bytes: &[u8], cid_len: usize) -> Result<Option<Self>, ReadError> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8("content type")?;
        if first & 0b1110_0000 == UNIFIED {
            return Self::parse_unified(first, reader, cid_len).map(Some);
        }
        let Some(kind) = ContentType::from_code(first) else {
            return Ok(None);
        };
        // "It MUST be ignored for all purposes", but what is not 254 is no DTLS.
        if reader.u16("version")? >> 8 != 0xfe {
            return Ok(None);
        }
        let epoch = reader.u16("epoch")?;
        let sequence = reader.u48("sequence_number")?;
        if kind == ContentType::Tls12Cid {
            reader.take(cid_len, "connection ID")?;
        }
        let body_len = usize::from(reader.u16("length")?);
        let len = reader.position();
        reader.take(body_len, "record")?;
        Ok(Some(Self {
            form: Form::Full {
                kind,
                epoch,
                sequence,
            },
            len,
            body_len,
        }))
    }

    fn parse_unified(first: u8, mut reader: Reader<'_>, cid_len: usize) -> Result<Self, ReadError> {
        let has_cid = first & UNIFIED_CID != 0;
        if has_cid {
            reader.take(cid_len, "connection ID")?;
        }
        let sequence_at = reader.position();
        let sequence_len = if first & UNIFIED_SEQ16 != 0 { 2 } else { 1 };
        reader.take(sequence_len, "sequence number")?;
        let body_len = if first & UNIFIED_LENGTH != 0 {
            usize::from(reader.u16("length")?)
        } else {
            reader.remaining()
        };
        let len = reader.position();
        reader.take(body_len, "encrypted record")?;
        let form = Form::Unified {
            epoch_bits: first & 3,
            sequence_at,
            sequence_len,
            has_cid,
        };
        Ok(Self {
            form,
            len,
            body_len,
        })
    }

    /// The length of the record in bytes.
    pub(crate) const fn record_len(&self) -> usize {
        self.len.saturating_add(self.body_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_header() {
        let bytes = [22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, 2, 0, 2, 9, 9, 77];
        let header = Header::parse(&bytes, 0).unwrap().unwrap();
        assert_eq!(
            header.form,
            Form::Full {
                kind: ContentType::Handshake,
                epoch: 1,
                sequence: 0x102
            }
        );
        assert_eq!(
            (header.len, header.body_len, header.record_len()),
            (13, 2, 15)
        );
        for len in 0..15 {
            assert!(Header::parse(&bytes[..len], 0).is_err());
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert_eq!(Header::parse(&[24, 0xfe, 0xfd], 0), Ok(None));
        assert_eq!(Header::parse(&[22, 3, 3, 0, 0], 0), Ok(None));
    }

    // RFC 9147, figure 4: all eight forms.
    #[test]
    fn every_unified_form() {
        for flags in 0..8_u8 {
            let first = UNIFIED | (flags << 2) | 0b11;
            let (cid, seq16, length) = (flags & 4 != 0, flags & 2 != 0, flags & 1 != 0);
            let mut bytes = vec![first];
            if cid {
                bytes.extend([0xc1, 0xc2, 0xc3]);
            }
            bytes.extend(if seq16 { &[1, 2][..] } else { &[1] });
            if length {
                bytes.extend([0, 4]);
            }
            let len = bytes.len();
            bytes.extend([0xee; 7]);
            let header = Header::parse(&bytes, 3).unwrap().unwrap();
            assert_eq!(header.len, len);
            assert_eq!(header.body_len, if length { 4 } else { 7 });
            assert_eq!(
                header.form,
                Form::Unified {
                    epoch_bits: 3,
                    sequence_at: if cid { 4 } else { 1 },
                    sequence_len: if seq16 { 2 } else { 1 },
                    has_cid: cid
                }
            );
        }
    }
}
