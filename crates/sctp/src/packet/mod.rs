//! SCTP packets: the common header, the chunks, their parameters and error causes.
//!
//! Received bytes become a [`Packet`], which hands out [`RawChunk`]s, which become a [`Chunk`]. All of
//! them borrow from the received bytes. To send, a [`PacketBuilder`] appends chunks to a caller's buffer.

#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "a test may panic"
    )
)]

mod abort;
mod builder;
mod cause;
mod chunk;
mod cookie;
mod data;
mod forward_tsn;
mod heartbeat;
mod idata;
mod iforward_tsn;
mod init;
mod pad;
mod parameter;
mod reconfig;
mod reconfig_request;
mod sack;
mod shutdown;

use gannet_wire::{ReadError, Reader};
use thiserror::Error;

pub use abort::{Abort, ErrorChunk};
pub use builder::{PacketBuilder, WriteChunk};
pub use cause::{Causes, ErrorCause};
pub use chunk::{Chunk, UnknownAction, kind};
pub use cookie::{CookieAck, CookieEcho};
pub use data::{Data, Fragment};
pub use forward_tsn::{ForwardTsn, SkippedStream, SkippedStreams};
pub use heartbeat::{Heartbeat, HeartbeatAck};
pub use idata::IData;
pub use iforward_tsn::{IForwardTsn, SkippedMessage, SkippedMessages};
pub use init::{Init, InitAck, InitBody, InitParameters};
pub use pad::Pad;
pub use parameter::{Parameter, Parameters, parameter_kind};
pub use reconfig::{ReConfig, ReConfigParameter};
pub use reconfig_request::{
    AddStreams, IncomingReset, OutgoingReset, ReConfigResponse, ReConfigResult, StreamIds, TsnReset,
};
pub use sack::{DuplicateTsns, GapBlock, GapBlocks, Sack};
pub use shutdown::{Shutdown, ShutdownAck, ShutdownComplete};

/// Why bytes are not a valid packet, chunk or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Bytes are missing or left over.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The checksum is wrong.
    #[error("the checksum is {found:#010x}, expected {expected:#010x}")]
    Checksum {
        /// What the packet says.
        found: u32,
        /// What its bytes give.
        expected: u32,
    },
    /// A length field is too small for what it counts.
    #[error("{what} has length {len}, expected at least {least}")]
    Length {
        /// The structure.
        what: &'static str,
        /// Its length field.
        len: usize,
        /// The least that is valid.
        least: usize,
    },
    /// A field has a value that the RFC forbids.
    #[error("{what} is {value}, which is not valid")]
    Value {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// A mandatory parameter is missing.
    #[error("the mandatory parameter {0} is missing")]
    MissingParameter(&'static str),
}

/// The common header (RFC 9260, section 3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Source Port Number        |     Destination Port Number   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Verification Tag                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           Checksum                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonHeader {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The tag that the receiver chose; 0 with INIT.
    pub verification_tag: u32,
}

/// The length of the common header in bytes.
pub const COMMON_HEADER_LEN: usize = 12;
/// The length of a chunk header in bytes.
pub const CHUNK_HEADER_LEN: usize = 4;

/// A received packet, whose header is parsed and whose chunks are not.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// The common header.
    pub header: CommonHeader,
    /// What the checksum field says, as a number.
    pub checksum: u32,
    bytes: &'a [u8],
    chunks: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Parses the common header. It does not look at the checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let header = CommonHeader {
            source_port: reader.u16("source port")?,
            destination_port: reader.u16("destination port")?,
            verification_tag: reader.u32("verification tag")?,
        };
        // Section 6.8: the checksum is transmitted with its least significant byte first.
        let checksum = u32::from_le_bytes(reader.take_array("checksum")?);
        Ok(Self {
            header,
            checksum,
            bytes,
            chunks: reader.rest(),
        })
    }

    /// Checks the checksum (RFC 9260, section 6.8).
    pub fn verify_checksum(&self) -> Result<(), ParseError> {
        let expected = checksum(self.bytes);
        if expected == self.checksum {
            return Ok(());
        }
        Err(ParseError::Checksum {
            found: self.checksum,
            expected,
        })
    }

    /// Its chunks. The iteration ends at the first malformed one.
    #[must_use]
    pub const fn chunks(&self) -> Chunks<'a> {
        Chunks { rest: self.chunks }
    }
}

/// The CRC32c of a packet whose checksum field counts as zero.
#[must_use]
pub fn checksum(packet: &[u8]) -> u32 {
    let Some((ports_and_tag, rest)) = packet.split_at_checked(8) else {
        return 0;
    };
    let body = rest.get(4..).unwrap_or_default();
    let crc = crc32c::crc32c(ports_and_tag);
    let crc = crc32c::crc32c_append(crc, &[0; 4]);
    crc32c::crc32c_append(crc, body)
}

/// A chunk that is not parsed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawChunk<'a> {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// All of it: header and value, without padding.
    pub bytes: &'a [u8],
}

impl<'a> RawChunk<'a> {
    /// Parses the first chunk of `bytes`, and says what is behind it and its padding.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8("chunk type")?;
        let flags = reader.u8("chunk flags")?;
        let len = usize::from(reader.u16("chunk length")?);
        let Some(value_len) = len.checked_sub(CHUNK_HEADER_LEN) else {
            return Err(ParseError::Length {
                what: "chunk",
                len,
                least: CHUNK_HEADER_LEN,
            });
        };
        let value = reader.take(value_len, "chunk value")?;
        // RFC 9260, section 3.2: the padding of the last chunk may be missing on the wire.
        let padding = padding(len).min(reader.remaining());
        reader.take(padding, "chunk padding")?;
        let raw = Self {
            kind,
            flags,
            value,
            bytes: bytes.get(..len).unwrap_or_default(),
        };
        Ok((raw, reader.rest()))
    }
}

/// The chunks of a packet, in order.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<RawChunk<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match RawChunk::parse(self.rest) {
            Ok((chunk, rest)) => {
                self.rest = rest;
                Some(Ok(chunk))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// How many bytes pad something of length `len` to a multiple of four.
#[must_use]
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// `len` rounded up to a multiple of four.
#[must_use]
pub(crate) const fn padded(len: usize) -> usize {
    len.saturating_add(padding(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a capture of an INIT, as published in the tests of dcsctp (Apache-2.0).
    pub(crate) const INIT_PACKET: &[u8] = &[
        0x13, 0x88, 0x13, 0x88, 0x00, 0x00, 0x00, 0x00, 0xaa, 0x01, 0x9d, 0x33,
    ];

    #[test]
    fn the_common_header_is_parsed() {
        let packet = Packet::parse(INIT_PACKET).unwrap();
        assert_eq!(packet.header.source_port, 5000);
        assert_eq!(packet.header.destination_port, 5000);
        assert_eq!(packet.header.verification_tag, 0);
        assert_eq!(packet.checksum, 0x339d_01aa);
        assert_eq!(packet.chunks().count(), 0);
    }

    // The check value of CRC-32C, and RFC 3720, appendix B.4: 32 bytes of zeros.
    #[test]
    fn the_checksum_is_crc32c() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        let mut packet = vec![0; 32];
        packet[8..12].copy_from_slice(&0x8a91_36aa_u32.to_le_bytes());
        assert_eq!(Packet::parse(&packet).unwrap().verify_checksum(), Ok(()));
        packet[31] = 1;
        assert!(matches!(
            Packet::parse(&packet).unwrap().verify_checksum(),
            Err(ParseError::Checksum { .. })
        ));
    }

    #[test]
    fn malformed_chunks_end_the_iteration() {
        let mut bytes = vec![0; COMMON_HEADER_LEN];
        bytes.extend([0x0b, 0, 0, 4, 0x0b, 0, 0, 3, 0x0b, 0, 0, 4]);
        let packet = Packet::parse(&bytes).unwrap();
        let chunks: Vec<_> = packet.chunks().collect();
        assert_eq!(chunks.len(), 2);
        assert!(chunks[0].is_ok());
        assert_eq!(
            chunks[1].unwrap_err().to_string(),
            "chunk has length 3, expected at least 4"
        );
    }

    #[test]
    fn the_last_chunk_may_lack_its_padding() {
        let (chunk, rest) = RawChunk::parse(&[0x0a, 0, 0, 6, 1, 2]).unwrap();
        assert_eq!(chunk.value, [1, 2]);
        assert!(rest.is_empty());
        let (chunk, rest) = RawChunk::parse(&[0x0a, 0, 0, 6, 1, 2, 0, 0, 9]).unwrap();
        assert_eq!(chunk.bytes.len(), 6);
        assert_eq!(rest, [9]);
    }

    #[test]
    fn short_packets_are_errors() {
        for len in 0..COMMON_HEADER_LEN {
            assert!(Packet::parse(&INIT_PACKET[..len]).is_err());
        }
    }
}
