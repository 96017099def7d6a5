//! What can be chosen for a context.

/// What can be chosen for a [`Sender`](crate::Sender).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// The master key identifier to put into each packet; empty for none, which is the default. At most
    /// 128 bytes count.
    pub mki: Vec<u8>,
    /// Whether header extensions and CSRCs are encrypted (RFC 9335). The peer must have said that it
    /// can receive that. Off by default.
    pub cryptex: bool,
    /// How many packet indices below the highest one a stream remembers, so that none is sent
    /// twice: rounded up to a power of two, from 64 to 32,768. 1,024 by default.
    pub replay_window: usize,
    /// Whether a packet may be protected again. It must then be the same packet, byte for byte and
    /// header included, or its contents can be read and the next ones forged. Off by default.
    pub allow_retransmission: bool,
    /// How many streams there can be. 1,024 by default.
    pub max_streams: usize,
    /// Whether RTCP is encrypted. It is by default; it is authenticated in any case.
    pub encrypt_rtcp: bool,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            mki: Vec::new(),
            cryptex: false,
            replay_window: 1024,
            allow_retransmission: false,
            max_streams: 1024,
            encrypt_rtcp: true,
        }
    }
}

/// What can be chosen for a [`Receiver`](crate::Receiver).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// The master key identifier that packets carry for the first key; empty for none, which is the
    /// default. At most 128 bytes count.
    pub mki: Vec<u8>,
    /// What to do with packets whose header extensions and CSRCs are encrypted (RFC 9335). They are
    /// refused by default.
    pub cryptex: Cryptex,
    /// How many packet indices below the highest one are accepted: rounded up to a power of two, from
    /// 64 to 32,768. 1,024 by default: packets that are sent again come late.
    pub replay_window: usize,
    /// How many streams there can be. 1,024 by default.
    pub max_streams: usize,
    /// Whether RTCP that is authenticated but not encrypted is accepted. Off by default.
    pub accept_unencrypted_rtcp: bool,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            mki: Vec::new(),
            cryptex: Cryptex::default(),
            replay_window: 1024,
            max_streams: 1024,
            accept_unencrypted_rtcp: false,
        }
    }
}

/// What a receiver does about encrypted header extensions (RFC 9335, section 5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cryptex {
    /// Packets with encrypted header extensions are refused: it was not negotiated.
    #[default]
    Refuse,
    /// Each packet is what it says it is.
    Accept,
    /// Packets that show header extensions or CSRCs in the clear are refused.
    Require,
}
