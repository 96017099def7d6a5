//! All RTP streams of one transport: what stands between encoders and decoders on one side, and SRTP and
//! a socket on the other.
//!
//! An [`RtpSession`] is sans-IO and plaintext in and out. It
//! - cuts frames into packets, paces them, numbers them, keeps them for retransmission, and answers NACKs
//!   by RTX (RFC 4588) or by the packet itself;
//! - routes what it receives to receivers by SSRC, MID, RID and payload type (RFC 9143, section 9.2; RFC
//!   8852), puts it in order, asks for what is missing again, and hands out **whole frames in decode order,
//!   each as soon as its last packet is there**; it asks for a key frame when a hole cannot be filled;
//! - sends and reads reports (RFC 3550, RFC 4585, RFC 3611), and transport-wide feedback;
//! - estimates the bandwidth, and tells each encoder its share ([`Event::TargetBitrate`]).
//!
//! Deliberately not here: encryption, the choice of codecs, playout by a clock, forward error correction.
//!
//! # Driving it
//! ```
//! use std::time::{Duration, Instant, SystemTime};
//! use gannet_rtp::WallClock;
//! use gannet_rtp_payload::PayloadFormat;
//! use gannet_rtp_session::{
//!     CodecParameters, EncodedFrame, Event, MediaKind, ReceiveParameters, RtpSession, SendParameters,
//!     SessionConfig, TransmitKind,
//! };
//!
//! let mut now = Instant::now();
//! let clock = WallClock::new(now, SystemTime::now());
//! let mut alice = RtpSession::new(SessionConfig::new(clock, 1, "alice"));
//! let mut bob = RtpSession::new(SessionConfig::new(clock, 2, "bob"));
//!
//! let opus = CodecParameters {
//!     payload_type: 111,
//!     format: PayloadFormat::Opus,
//!     clock_rate: 48_000,
//!     rtx_payload_type: None,
//! };
//! let sender = alice.add_sender(now, SendParameters::new(MediaKind::Audio, 0x1234, opus))?;
//! let receiver = bob.add_receiver(now, ReceiveParameters::new(MediaKind::Audio, vec![opus]))?;
//!
//! alice.send_frame(now, sender, EncodedFrame::new(vec![7; 80].into(), 960, true))?;
//! let mut datagram = Vec::new();
//! while let Some(transmit) = alice.poll_transmit(now, &mut datagram) {
//!     match transmit.kind {
//!         TransmitKind::Rtp => bob.handle_rtp(now, &datagram),
//!         TransmitKind::Rtcp => bob.handle_rtcp(now, &datagram),
//!     }
//!     datagram.clear();
//! }
//! while let Some(event) = bob.poll_event() {
//!     if let Event::Frame(frame) = event {
//!         assert_eq!((frame.receiver, &frame.data[..]), (receiver, &[7; 80][..]));
//!     }
//! }
//! if let Some(next) = bob.poll_timeout() {
//!     now = now.max(next);
//!     bob.handle_timeout(now);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bounds
//! Every table and queue that the other end can fill has one: see the constants of this crate, and
//! `docs/rtp-session.md`.

mod bwe;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod parameters;
mod random;
mod receive;
mod send;
mod session;
mod stats;

pub use event::{
    EncodedFrame, Event, ForwardedPacket, Frame, ReceivedPacket, SendError, SendPosition, Transmit,
    TransmitKind,
};
pub use parameters::{
    BitrateLimits, CodecParameters, Delivery, Feedback, MediaKind, ParameterError,
    ReceiveParameters, ReceiverId, SendParameters, SenderId, SessionConfig,
};
pub use session::{MAX_EVENTS, MAX_SOURCES, MAX_STREAMS, RtpSession};
pub use stats::{
    InboundRtpStats, JitterBufferStats, OutboundRtpStats, RemoteInboundRtpStats,
    RemoteOutboundRtpStats, SessionStats, TransportStats,
};
