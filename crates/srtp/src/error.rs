//! What goes wrong.

use gannet_crypto::InvalidKey;
use thiserror::Error;

/// A packet is not RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MalformedPacket {
    /// It is too short to hold something.
    #[error("the packet ends before its {0}")]
    Truncated(&'static str),
    /// Its version is not 2.
    #[error("the packet has version {0}, and not 2")]
    Version(u8),
}

/// Why a packet can not be protected. The packet is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtectError {
    /// What the caller gave is not a packet.
    #[error(transparent)]
    Malformed(#[from] MalformedPacket),
    /// Its header extension says that it is encrypted already (RFC 9335, section 5).
    #[error("the header extension is marked as encrypted already")]
    MarkedAsEncrypted,
    /// A packet with this sequence number was protected before: its keystream must not be used again.
    #[error(
        "a packet with sequence number {sequence_number} of stream {ssrc:#010x} was sent before"
    )]
    AlreadySent {
        /// The stream.
        ssrc: u32,
        /// The sequence number.
        sequence_number: u16,
    },
    /// The sequence number is so far back that nobody remembers whether it was sent.
    #[error(
        "sequence number {sequence_number} of stream {ssrc:#010x} lies before the replay window"
    )]
    TooOld {
        /// The stream.
        ssrc: u32,
        /// The sequence number.
        sequence_number: u16,
    },
    /// The key has protected as many packets as it may (RFC 3711, section 9.2).
    #[error("the key has reached the end of its life")]
    KeyExpired,
    /// There are as many streams as there can be.
    #[error("there are as many streams as the context can hold")]
    TooManyStreams,
}

/// Why a packet was not accepted. Nothing of the context has changed. What the packet holds now is
/// unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnprotectError {
    /// It is not a packet at all.
    #[error(transparent)]
    Malformed(#[from] MalformedPacket),
    /// Its master key identifier is unknown.
    #[error("the packet's master key identifier is unknown")]
    UnknownKey,
    /// A packet with this index was accepted before.
    #[error("the packet is a replay")]
    Replayed,
    /// Its index lies before the replay window.
    #[error("the packet lies before the replay window")]
    TooOld,
    /// Its tag is wrong.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// It is RTCP that is authentic but not encrypted, and that was not allowed. The tag was not looked
    /// at.
    #[error("the RTCP packet is not encrypted")]
    NotEncrypted,
    /// Its header extensions are encrypted, or in the clear, and must not be.
    #[error("the packet's header extensions are {0}")]
    Cryptex(&'static str),
    /// The key has opened as many packets as it may (RFC 3711, section 9.2).
    #[error("the key has reached the end of its life")]
    KeyExpired,
    /// It belongs to a new stream, and there are as many as there can be. The tag was not looked at.
    #[error("there are as many streams as the context can hold")]
    TooManyStreams,
}

/// Why a context can not take one more key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddKeyError {
    /// The provider refuses the key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// It is for another profile than the keys before it.
    #[error("the key is for another profile")]
    OtherProfile,
    /// All identifiers of a context have the same length, and none is empty when there are several.
    #[error("the master key identifier has {len} bytes, and the others have {expected}")]
    IdentifierLength {
        /// How long it is.
        len: usize,
        /// How long it must be.
        expected: usize,
    },
    /// Another key has the identifier.
    #[error("another key has this master key identifier")]
    IdentifierTaken,
    /// There are as many keys as there can be.
    #[error("there are as many keys as the context can hold")]
    TooManyKeys,
}
