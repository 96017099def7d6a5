//! The data channel establishment protocol (RFC 8832).

#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

use std::fmt;
use std::time::Duration;

use gannet_sctp::{Ppid, Reliability};
use gannet_wire::{ReadError, Reader, Writer};
use thiserror::Error;

use crate::{ChannelInit, Priority};

/// The payload protocol identifiers of WebRTC (RFC 8831, section 8).
pub mod ppid {
    use gannet_sctp::Ppid;

    /// DCEP.
    pub const DCEP: Ppid = Ppid(50);
    /// A string.
    pub const STRING: Ppid = Ppid(51);
    /// A part of a binary message. Deprecated: accepted and never sent.
    pub const BINARY_PARTIAL: Ppid = Ppid(52);
    /// A binary message.
    pub const BINARY: Ppid = Ppid(53);
    /// A part of a string. Deprecated: accepted and never sent.
    pub const STRING_PARTIAL: Ppid = Ppid(54);
    /// An empty string: it is sent as one zero byte, for SCTP has no empty messages.
    pub const STRING_EMPTY: Ppid = Ppid(56);
    /// An empty binary message, sent as one zero byte.
    pub const BINARY_EMPTY: Ppid = Ppid(57);
}

/// Why bytes are not a DCEP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DcepError {
    /// Bytes are missing or left over.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The message type is unknown.
    #[error("DCEP message type {0:#04x} is not known")]
    MessageType(u8),
    /// The channel type is unknown.
    #[error("DCEP channel type {0:#04x} is not known")]
    ChannelType(u8),
    /// The label or the protocol is not UTF-8.
    #[error("the {0} of DATA_CHANNEL_OPEN is not UTF-8")]
    NotUtf8(&'static str),
}

/// A DCEP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dcep {
    /// DATA_CHANNEL_OPEN (section 5.1).
    ///
    /// ```text
    ///  0                   1                   2                   3
    ///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |  Message Type |  Channel Type |            Priority           |
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |                    Reliability Parameter                      |
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |         Label Length          |       Protocol Length         |
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// \                             Label                             \
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// \                            Protocol                           \
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// ```
    Open(Open),
    /// DATA_CHANNEL_ACK (section 5.2): one byte.
    Ack,
}

/// What DATA_CHANNEL_OPEN says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Whether messages are delivered in order.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: Reliability,
    /// The priority as a number.
    pub priority: u16,
    /// The label.
    pub label: String,
    /// The subprotocol.
    pub protocol: String,
}

/// DATA_CHANNEL_OPEN (section 8.2.1).
const OPEN: u8 = 0x03;
/// DATA_CHANNEL_ACK (section 8.2.1).
const ACK: u8 = 0x02;
/// The bit of a channel type that says unordered (section 8.2.2).
const UNORDERED: u8 = 0x80;

impl Dcep {
    /// Whether a message with this identifier is DCEP.
    #[must_use]
    pub fn is_dcep(ppid: Ppid) -> bool {
        ppid == ppid::DCEP
    }

    /// Parses a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, DcepError> {
        let mut reader = Reader::new(bytes);
        match reader.u8("DCEP message type")? {
            OPEN => Open::parse(reader).map(Self::Open),
            // Longer ones are seen in the field, and mean the same.
            ACK => Ok(Self::Ack),
            other => Err(DcepError::MessageType(other)),
        }
    }

    /// Appends the message.
    pub fn write(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Open(open) => open.write(buf),
            Self::Ack => buf.push(ACK),
        }
    }
}

impl Open {
    fn parse(mut reader: Reader<'_>) -> Result<Self, DcepError> {
        let channel_type = reader.u8("DCEP channel type")?;
        let priority = reader.u16("DCEP priority")?;
        let parameter = reader.u32("DCEP reliability parameter")?;
        let label_len = usize::from(reader.u16("DCEP label length")?);
        let protocol_len = usize::from(reader.u16("DCEP protocol length")?);
        let label = reader.take(label_len, "DCEP label")?;
        let protocol = reader.take(protocol_len, "DCEP protocol")?;
        reader.finish("DATA_CHANNEL_OPEN")?;
        let reliability = match channel_type & !UNORDERED {
            0x00 => Reliability::Reliable,
            0x01 => Reliability::MaxRetransmits(u16::try_from(parameter).unwrap_or(u16::MAX)),
            0x02 => Reliability::MaxLifetime(Duration::from_millis(u64::from(parameter))),
            _ => return Err(DcepError::ChannelType(channel_type)),
        };
        let text = |bytes: &[u8], what| match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(DcepError::NotUtf8(what)),
        };
        Ok(Self {
            ordered: channel_type & UNORDERED == 0,
            reliability,
            priority,
            label: text(label, "label")?,
            protocol: text(protocol, "protocol")?,
        })
    }

    fn write(&self, buf: &mut Vec<u8>) {
        let (channel_type, parameter) = match self.reliability {
            Reliability::Reliable => (0x00, 0),
            Reliability::MaxRetransmits(max) => (0x01, u32::from(max)),
            Reliability::MaxLifetime(lifetime) => (
                0x02,
                u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX),
            ),
        };
        let unordered = if self.ordered { 0 } else { UNORDERED };
        let len = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        let mut writer = Writer::new(buf);
        writer.u8(OPEN);
        writer.u8(channel_type | unordered);
        writer.u16(self.priority);
        writer.u32(parameter);
        writer.u16(len(&self.label));
        writer.u16(len(&self.protocol));
        writer.bytes(self.label.as_bytes());
        writer.bytes(self.protocol.as_bytes());
    }

    /// What a channel with these properties is opened with.
    #[must_use]
    pub fn into_init(self) -> ChannelInit {
        ChannelInit {
            label: self.label,
            protocol: self.protocol,
            ordered: self.ordered,
            reliability: self.reliability,
            priority: Priority::from_number(self.priority),
            negotiated: None,
        }
    }

    /// What tells the peer of a channel.
    #[must_use]
    pub fn from_init(init: &ChannelInit) -> Self {
        Self {
            ordered: init.ordered,
            reliability: init.reliability,
            priority: init.priority.number(),
            label: init.label.clone(),
            protocol: init.protocol.clone(),
        }
    }
}

impl fmt::Display for Dcep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack => f.write_str("DATA_CHANNEL_ACK"),
            Self::Open(open) => write!(
                f,
                "DATA_CHANNEL_OPEN label={:?} protocol={:?} ordered={} {:?} priority={}",
                open.label, open.protocol, open.ordered, open.reliability, open.priority
            ),
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // As Chromium sends it for createDataChannel("chat", {maxRetransmits: 3, ordered: false}).
    const OPEN_BYTES: &[u8] = &[
        0x03, 0x81, 0x01, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, b'c', b'h', b'a',
        b't',
    ];

    #[test]
    fn an_open_message_is_parsed_and_written() {
        let open = Dcep::parse(OPEN_BYTES).unwrap();
        assert_eq!(
            open.to_string(),
            "DATA_CHANNEL_OPEN label=\"chat\" protocol=\"\" ordered=false \
             MaxRetransmits(3) priority=256"
        );
        let mut written = Vec::new();
        open.write(&mut written);
        assert_eq!(written, OPEN_BYTES);
        assert_eq!(Dcep::parse(&[2]), Ok(Dcep::Ack));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(Dcep::parse(&[9]), Err(DcepError::MessageType(9)));
        let mut bytes = OPEN_BYTES.to_vec();
        bytes[1] = 0x83;
        assert_eq!(Dcep::parse(&bytes), Err(DcepError::ChannelType(0x83)));
        bytes[1] = 0;
        bytes[12] = 0xff;
        assert_eq!(Dcep::parse(&bytes), Err(DcepError::NotUtf8("label")));
        for len in 0..OPEN_BYTES.len() {
            assert!(matches!(
                Dcep::parse(&OPEN_BYTES[..len]),
                Err(DcepError::Read(_))
            ));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            ordered: bool, kind in 0..3, parameter: u16, priority: u16,
            label in ".{0,20}", protocol in ".{0,20}",
        ) {
            let reliability = match kind {
                0 => Reliability::Reliable,
                1 => Reliability::MaxRetransmits(parameter),
                _ => Reliability::MaxLifetime(Duration::from_millis(u64::from(parameter))),
            };
            let open = Dcep::Open(Open { ordered, reliability, priority, label, protocol });
            let mut written = Vec::new();
            open.write(&mut written);
            prop_assert_eq!(Dcep::parse(&written), Ok(open));
        }
    }
}
