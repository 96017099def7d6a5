//! ChannelData, TURN's short form for application data (RFC 8656, section 12.4).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Channel Number        |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Application Data                       ..
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

use gannet_wire::{ReadError, Reader, WriteError};
use thiserror::Error;

/// A channel number: 0x4000 to 0x4fff (RFC 8656, section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The lowest.
    pub const MIN: Self = Self(0x4000);
    /// The highest.
    pub const MAX: Self = Self(0x4fff);

    /// A channel number, or `None` if it is outside the range.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::MIN.0 || number > Self::MAX.0 {
            return None;
        }
        Some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Why bytes are not a ChannelData message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChannelDataError {
    /// They end too soon.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The channel number is outside 0x4000 to 0x4fff.
    #[error("the channel number {0:#06x} is outside 0x4000 to 0x4fff")]
    WrongChannel(u16),
}

/// A ChannelData message: a view over received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub channel: ChannelNumber,
    /// The application data.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// The length of what stands before the data, in bytes.
    pub const HEADER_LEN: usize = 4;

    /// Reads a message from a datagram; padding behind it is allowed (RFC 8656, section 12.5).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ChannelDataError> {
        let mut reader = Reader::new(bytes);
        let number = reader.u16("channel number")?;
        let channel = ChannelNumber::new(number).ok_or(ChannelDataError::WrongChannel(number))?;
        let data = reader.prefixed_u16("channel data")?.rest();
        Ok(Self { channel, data })
    }

    /// Whether a packet looks like ChannelData: its first byte says so (RFC 7983).
    #[inline]
    #[must_use]
    pub fn is_channel_data(packet: &[u8]) -> bool {
        packet.first().is_some_and(|first| first & 0xf0 == 0x40)
    }

    /// Appends the message to `buffer`, with the padding that streams need if `padded`.
    pub fn write(&self, buffer: &mut Vec<u8>, padded: bool) -> Result<(), WriteError> {
        Self::wrap(self.channel, buffer, padded, |buffer| {
            buffer.extend_from_slice(self.data);
        })
    }

    /// Appends a message whose data `data` appends in place.
    pub fn wrap(
        channel: ChannelNumber,
        buffer: &mut Vec<u8>,
        padded: bool,
        data: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), WriteError> {
        let start = buffer.len();
        buffer.extend_from_slice(&channel.0.to_be_bytes());
        buffer.extend_from_slice(&[0, 0]);
        let data_at = buffer.len();
        data(buffer);
        let len = buffer.len().saturating_sub(data_at);
        let Ok(field) = u16::try_from(len) else {
            buffer.truncate(start);
            return Err(WriteError::TooLong {
                what: "channel data",
                len,
                max: usize::from(u16::MAX),
            });
        };
        let at = start.saturating_add(2);
        if let Some(room) = buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *room = field.to_be_bytes();
        }
        if padded {
            let padding = len.next_multiple_of(4).saturating_sub(len);
            buffer.resize(buffer.len().saturating_add(padding), 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_from_the_rfc() {
        // RFC 8656, section 20, sends channel 0x4000 with data "..."; the bytes follow the figure.
        let data = ChannelData::parse(&[0x40, 0x00, 0, 3, b'a', b'b', b'c', 0]).unwrap();
        assert_eq!(data.channel, ChannelNumber::MIN);
        assert_eq!(data.data, b"abc");
    }

    #[test]
    fn what_is_refused() {
        assert!(ChannelData::parse(&[0x40]).is_err());
        assert!(ChannelData::parse(&[0x40, 0, 0, 2, 1]).is_err());
        assert_eq!(
            ChannelData::parse(&[0x50, 0, 0, 0]),
            Err(ChannelDataError::WrongChannel(0x5000))
        );
        let huge = vec![0; 70_000];
        let mut buffer = vec![1];
        let message = ChannelData {
            channel: ChannelNumber::MIN,
            data: &huge,
        };
        assert!(message.write(&mut buffer, false).is_err());
        assert_eq!(buffer, [1]);
    }

    proptest! {
        #[test]
        fn round_trip(number in 0x4000_u16..0x5000, data: Vec<u8>, padded: bool) {
            let channel = ChannelNumber::new(number).unwrap();
            let mut bytes = Vec::new();
            ChannelData { channel, data: &data }.write(&mut bytes, padded).unwrap();
            prop_assert!(!padded || bytes.len().is_multiple_of(4));
            prop_assert!(ChannelData::is_channel_data(&bytes));
            prop_assert_eq!(ChannelData::parse(&bytes), Ok(ChannelData { channel, data: &data }));
        }
    }
}
