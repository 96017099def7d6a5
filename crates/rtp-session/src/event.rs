//! What goes in and comes out: frames, packets, events.

use std::time::Instant;

use bytes::Bytes;
use gannet_rtp::NtpTime;
use gannet_rtp::extension::{AudioLevel, VideoOrientation};
use gannet_rtp_payload::{FrameError, FrameMetadata, PayloadHead};
use gannet_wire::{Serial16, Serial32};
use thiserror::Error;

use crate::parameters::{ReceiverId, SenderId};

/// A frame to be sent.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// The encoder's output.
    pub data: Bytes,
    /// The media time in ticks of the codec's clock, from any origin, wrapping. The session adds the
    /// sender's random offset (RFC 3550, section 5.1).
    pub timestamp: u32,
    /// When it was captured, if that is known: it makes lip sync exact. Else the time of sending counts.
    pub captured: Option<Instant>,
    /// Whether it can be decoded alone.
    pub keyframe: bool,
    /// For audio: the first frame after silence. It becomes the marker bit.
    pub starts_talkspurt: bool,
    /// Layers and references, where the stream has them.
    pub metadata: FrameMetadata,
    /// How loud it is, for the ssrc-audio-level extension.
    pub audio_level: Option<AudioLevel>,
    /// How it is to be turned, for the video-orientation extension.
    pub orientation: Option<VideoOrientation>,
}

impl EncodedFrame {
    /// A frame without anything optional.
    #[must_use]
    pub fn new(data: Bytes, timestamp: u32, keyframe: bool) -> Self {
        Self {
            data,
            timestamp,
            captured: None,
            keyframe,
            starts_talkspurt: false,
            metadata: FrameMetadata::default(),
            audio_level: None,
            orientation: None,
        }
    }
}

/// A packet to be forwarded as it is: a payload that another endpoint made.
#[derive(Clone, Debug)]
pub struct ForwardedPacket {
    /// Its payload, in the sender's payload format.
    pub payload: Bytes,
    /// What is sent in place of the payload's first bytes, which are shared with others: a descriptor with
    /// other running numbers. Empty: the payload as it is.
    pub head: PayloadHead,
    /// Its sequence number, if the caller numbers packets itself; else the next one. Do not mix.
    pub sequence_number: Option<Serial16>,
    /// Its timestamp as it shall be sent.
    pub timestamp: Serial32,
    /// When its media was captured, by the session's clock, if that is known: sender reports tell it, for lip sync. Else
    /// the time of sending counts.
    pub captured: Option<Instant>,
    /// The marker bit.
    pub marker: bool,
    /// Whether a key frame begins with it; statistics count them.
    pub starts_key_frame: bool,
    /// How loud it is.
    pub audio_level: Option<AudioLevel>,
    /// How it is to be turned.
    pub orientation: Option<VideoOrientation>,
}

/// Where the numbering of a sender stands. Whoever forwards packets by it, and numbers them himself, goes on
/// from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendPosition {
    /// The number of its next packet.
    pub next_sequence_number: Serial16,
    /// When the newest frame or forwarded packet was captured, or sent if that is not known, and the timestamp that
    /// it was given.
    pub newest: Option<(Instant, Serial32)>,
    /// What is added to the timestamps of frames.
    pub timestamp_offset: u32,
}

/// Why a frame or packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The sender was removed.
    #[error("the sender was removed")]
    Removed,
    /// The codec's payload format cannot carry it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A forwarded payload is longer than the sender's packets may be, and than 1,300 bytes.
    #[error("a payload of {len} bytes is longer than {max}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The longest that fits.
        max: usize,
    },
    /// The pacer's queue is full: the encoder makes much more than was asked of it. The frame was
    /// dropped, and an [`Event::KeyFrameRequested`] follows, as later frames refer to it.
    #[error("{0} packets wait to be sent")]
    QueueFull(usize),
}

/// A datagram that [`poll_transmit`](crate::RtpSession::poll_transmit) wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// RTP or RTCP: encryption differs.
    pub kind: TransmitKind,
    /// Its length in bytes.
    pub len: usize,
}

/// What a datagram holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransmitKind {
    /// One RTP packet.
    Rtp,
    /// One compound or reduced-size RTCP packet.
    Rtcp,
}

/// What the user should hear.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A frame was received completely, and everything that it refers to was handed out before.
    Frame(Box<Frame>),
    /// A packet was received, for receivers that hand out packets.
    Packet(Box<ReceivedPacket>),
    /// A receiver heard a new source for the first time.
    SourceStarted {
        /// The receiver.
        receiver: ReceiverId,
        /// The source.
        ssrc: u32,
    },
    /// The source of a receiver said goodbye.
    Bye {
        /// The receiver.
        receiver: ReceiverId,
        /// The source.
        ssrc: u32,
    },
    /// Somebody cannot go on without a key frame from this sender (PLI, FIR, or a frame of ours was
    /// dropped). Requests that come while the answer is on its way are left out.
    KeyFrameRequested(SenderId),
    /// The encoder of this sender shall produce so many bits per second from now on.
    TargetBitrate {
        /// The sender.
        sender: SenderId,
        /// Bits per second.
        bitrate: u64,
    },
}

/// A received frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Who received it.
    pub receiver: ReceiverId,
    /// What the payload format made of its packets.
    pub data: Bytes,
    /// Its source.
    pub ssrc: u32,
    /// Its codec.
    pub payload_type: u8,
    /// Its RTP timestamp.
    pub timestamp: Serial32,
    /// The sequence number of its first packet.
    pub sequence_number: Serial16,
    /// Whether it can be decoded alone. Always, for audio.
    pub keyframe: bool,
    /// Packets that are missing before it, and will not come any more: a decoder of audio conceals them.
    pub lost: u32,
    /// How many packets it came in.
    pub packets: u32,
    /// The marker bit of its last packet; for audio the start of a talkspurt.
    pub marker: bool,
    /// When its first packet arrived.
    pub first_arrival: Instant,
    /// When its last packet arrived.
    pub last_arrival: Instant,
    /// When it was sampled, by the clock of its sender, once a sender report told.
    pub ntp: Option<NtpTime>,
    /// How loud it is, if the packet said.
    pub audio_level: Option<AudioLevel>,
    /// How it is to be turned, if a packet said.
    pub orientation: Option<VideoOrientation>,
}

/// A received packet, as [`Delivery::Packets`](crate::Delivery::Packets) hands it out: retransmissions are
/// unwrapped, duplicates left out, the order is that of arrival.
#[derive(Clone, Debug)]
pub struct ReceivedPacket {
    /// Who received it.
    pub receiver: ReceiverId,
    /// Its source.
    pub ssrc: u32,
    /// Its codec.
    pub payload_type: u8,
    /// Its sequence number.
    pub sequence_number: Serial16,
    /// Its timestamp.
    pub timestamp: Serial32,
    /// The marker bit.
    pub marker: bool,
    /// Its payload, without padding.
    pub payload: Bytes,
    /// When it arrived.
    pub arrival: Instant,
    /// When its media was captured, by the session's clock, once a sender report told. All streams of one source are
    /// translated alike, so that they stay in step; as a whole they are late by the shortest time that a report was on
    /// its way.
    pub captured: Option<Instant>,
    /// How loud it is, if it said.
    pub audio_level: Option<AudioLevel>,
    /// How it is to be turned, if it said.
    pub orientation: Option<VideoOrientation>,
}
