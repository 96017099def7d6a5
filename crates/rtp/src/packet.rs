//! A checked view of one RTP packet (RFC 3550, section 5.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           timestamp                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           synchronization source (SSRC) identifier            |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |            contributing source (CSRC) identifiers             |
//! |                             ....                              |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
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

use gannet_wire::{ReadError, Reader, Serial16, Serial32};
use thiserror::Error;

use crate::extension::{Elements, ExtensionMap, HeaderExtension};

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseRtpError {
    /// A field ends behind the packet's end.
    #[error(transparent)]
    Truncated(#[from] ReadError),
    /// The version is not 2.
    #[error("the RTP version at byte 0 is {0}, only 2 exists")]
    Version(u8),
    /// The padding is longer than what it pads, or says that it has no bytes.
    #[error("the padding count in the last byte is {count}, {available} bytes could be padding")]
    Padding {
        /// What the last byte says.
        count: u8,
        /// How many bytes follow the header.
        available: usize,
    },
}

/// The fixed fields of an RTP header, apart from the lists that may follow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// The marker bit: for video the last packet of a frame, for audio the first after silence.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence_number: Serial16,
    /// The media timestamp, in units of the payload type's clock rate.
    pub timestamp: Serial32,
    /// The synchronization source.
    pub ssrc: u32,
}

/// One received RTP packet. It borrows the datagram; every accessor is a read at a checked place.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    header: RtpHeader,
    csrcs: &'a [u8],
    /// The "defined by profile" word of the extension, and its body.
    extension: Option<(u16, &'a [u8])>,
    payload: &'a [u8],
    header_len: usize,
    padding_len: u8,
}

impl<'a> RtpPacket<'a> {
    /// Checks `datagram` and makes a view of it.
    ///
    /// Padding may fill the whole payload: such packets are probes (RFC 3550, section 5.1).
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseRtpError> {
        let mut reader = Reader::new(datagram);
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] =
            reader.take_array::<12>("RTP header")?;
        if first >> 6 != 2 {
            return Err(ParseRtpError::Version(first >> 6));
        }
        let csrcs = reader.take(usize::from(first & 0x0f).wrapping_mul(4), "CSRC list")?;
        let extension = if first & 0x10 == 0 {
            None
        } else {
            let profile = reader.u16("header extension")?;
            let words = reader.u16("header extension")?;
            let body = reader.take(usize::from(words).wrapping_mul(4), "header extension")?;
            Some((profile, body))
        };
        let header_len = reader.position();
        let mut payload = reader.rest();
        let mut padding_len = 0;
        if first & 0x20 != 0 {
            padding_len = payload.last().copied().unwrap_or(0);
            let available = payload.len();
            payload = available
                .checked_sub(usize::from(padding_len))
                .filter(|_| padding_len != 0)
                .and_then(|len| payload.get(..len))
                .ok_or(ParseRtpError::Padding {
                    count: padding_len,
                    available,
                })?;
        }
        let header = RtpHeader {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence_number: Serial16(u16::from_be_bytes([s0, s1])),
            timestamp: Serial32(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
        };
        Ok(Self {
            header,
            csrcs,
            extension,
            payload,
            header_len,
            padding_len,
        })
    }

    /// The fixed fields.
    #[inline]
    #[must_use]
    pub const fn header(&self) -> RtpHeader {
        self.header
    }

    /// The marker bit.
    #[inline]
    #[must_use]
    pub const fn marker(&self) -> bool {
        self.header.marker
    }

    /// The payload type, 0 to 127.
    #[inline]
    #[must_use]
    pub const fn payload_type(&self) -> u8 {
        self.header.payload_type
    }

    /// The sequence number.
    #[inline]
    #[must_use]
    pub const fn sequence_number(&self) -> Serial16 {
        self.header.sequence_number
    }

    /// The media timestamp.
    #[inline]
    #[must_use]
    pub const fn timestamp(&self) -> Serial32 {
        self.header.timestamp
    }

    /// The synchronization source.
    #[inline]
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.header.ssrc
    }

    /// The contributing sources, at most 15.
    #[inline]
    #[must_use]
    pub const fn csrcs(&self) -> Csrcs<'a> {
        Csrcs(self.csrcs)
    }

    /// The payload, without padding.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// How many bytes of padding follow the payload, 0 to 255.
    #[inline]
    #[must_use]
    pub const fn padding_len(&self) -> u8 {
        self.padding_len
    }

    /// How many bytes the header takes, with CSRCs and extensions.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// The extension's "defined by profile" word and its body, if there is one.
    #[inline]
    #[must_use]
    pub const fn raw_extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// The header extension elements (RFC 8285), as pairs of identifier and value. A malformed element
    /// ends the iteration, as section 4.1.2 says; so does an extension of another profile.
    #[inline]
    #[must_use]
    pub const fn extensions(&self) -> Elements<'a> {
        match self.extension {
            Some((profile, body)) => Elements::new(profile, body),
            None => Elements::new(0, &[]),
        }
    }

    /// The value of the extension `T`, if `map` knows an identifier for it, the packet has it, and it is
    /// well-formed.
    #[inline]
    #[must_use]
    pub fn extension<T: HeaderExtension<'a>>(&self, map: &ExtensionMap) -> Option<T> {
        let id = map.id(T::KIND)?;
        self.extensions()
            .find(|(found, _)| *found == id)
            .and_then(|(_, value)| T::parse(value))
    }
}

/// A list of source identifiers, such as the contributing sources of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Csrcs<'a>(&'a [u8]);

impl<'a> Csrcs<'a> {
    /// The identifiers in a list of whole words.
    pub(crate) const fn new(list: &'a [u8]) -> Self {
        Self(list)
    }
}

impl Iterator for Csrcs<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let (head, tail) = self.0.split_first_chunk::<4>()?;
        self.0 = tail;
        Some(u32::from_be_bytes(*head))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.0.len() / 4;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Csrcs<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_everything() {
        let bytes = [
            0xb2, 0xe0, 0x12, 0x34, 0, 0, 0x0b, 0xb8, 0xde, 0xad, 0xbe, 0xef, // fixed part
            0, 0, 0, 1, 0, 0, 0, 2, // two CSRCs
            0xbe, 0xde, 0, 1, 0x30, 0x41, 0, 0, // one element with identifier 3
            9, 8, 7, 0, 0, 3, // payload and padding
        ];
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert!(packet.marker());
        assert_eq!(packet.payload_type(), 96);
        assert_eq!(packet.sequence_number(), Serial16(0x1234));
        assert_eq!(packet.timestamp(), Serial32(3000));
        assert_eq!(packet.ssrc(), 0xdead_beef);
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(packet.csrcs().len(), 2);
        assert_eq!(packet.header_len(), 28);
        assert_eq!(packet.payload(), [9, 8, 7]);
        assert_eq!(packet.padding_len(), 3);
        assert_eq!(
            packet.extensions().collect::<Vec<_>>(),
            [(3, &[0x41_u8][..])]
        );
    }

    #[test]
    fn only_padding_is_a_packet_too() {
        let mut bytes = vec![0xa0, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        bytes.extend([0, 0, 0, 4]);
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!(packet.payload(), []);
        assert_eq!(packet.padding_len(), 4);
    }

    #[test]
    fn every_truncation_is_an_error_that_names_the_field() {
        let bytes = [
            0x91, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 1, 0, 0,
        ];
        assert!(RtpPacket::parse(&bytes).is_ok());
        for len in 0..bytes.len() {
            let error = RtpPacket::parse(&bytes[..len]).unwrap_err();
            assert!(matches!(error, ParseRtpError::Truncated(_)), "{len}");
        }
        let error = RtpPacket::parse(&bytes[..14]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CSRC list at byte 12 is truncated: needs 4 bytes, 2 are left"
        );
    }

    #[test]
    fn wrong_versions_and_paddings_are_refused() {
        let mut bytes = [0x40, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        let error = RtpPacket::parse(&bytes).unwrap_err();
        assert_eq!(error, ParseRtpError::Version(1));
        bytes[0] = 0xa0;
        for count in [0, 3, 255] {
            bytes[13] = count;
            let error = RtpPacket::parse(&bytes).unwrap_err();
            assert_eq!(
                error,
                ParseRtpError::Padding {
                    count,
                    available: 2
                }
            );
        }
        let error = RtpPacket::parse(&bytes[..12]).unwrap_err();
        assert_eq!(
            error,
            ParseRtpError::Padding {
                count: 0,
                available: 0
            }
        );
    }
}
