//! RTP and RTCP packets: views over received bytes, writers into the caller's buffer, header
//! extensions, clocks.
//!
//! - [`RtpPacket`] is a checked view of one RTP packet (RFC 3550, section 5.1), [`RtpWriter`] writes
//!   one. Neither allocates.
//! - [`extension`] has the header extensions (RFC 8285) with one and two bytes of header, a map from
//!   negotiated identifiers to kinds ([`ExtensionMap`]), and a type for each extension that WebRTC
//!   endpoints use.
//! - [`rtcp`] reads compound and reduced-size RTCP packet by packet ([`rtcp::packets`]) and writes them
//!   ([`RtcpWriter`]): reports, SDES, BYE, APP, XR, and all feedback messages in use.
//! - [`NtpTime`], [`WallClock`] and [`RtpClock`] map between the caller's [`Instant`]s, NTP time and RTP
//!   timestamps.
//! - [`classify`] tells apart what shares one port (RFC 7983, RFC 5761).
//!
//! Deliberately not here: encryption (the SRTP crate), payload formats, and anything with a state or a
//! timer: jitter buffers, retransmission and reports belong to the session crate.
//!
//! ```
//! use gannet_rtp::extension::{ExtensionKind, ExtensionMap, Mid};
//! use gannet_rtp::{RtpHeader, RtpPacket, RtpWriter};
//!
//! let mut map = ExtensionMap::new();
//! map.insert(4, ExtensionKind::Mid)?;
//!
//! let mut datagram = Vec::new();
//! let header = RtpHeader {
//!     marker: true,
//!     payload_type: 96,
//!     sequence_number: 7.into(),
//!     timestamp: 3000.into(),
//!     ssrc: 0x1234_5678,
//! };
//! let mut writer = RtpWriter::new(&mut datagram, &header);
//! writer.extension(&map, &Mid::new("0")?);
//! writer.payload(b"hello");
//!
//! let packet = RtpPacket::parse(&datagram)?;
//! assert_eq!(packet.header(), header);
//! assert_eq!(packet.extension::<Mid>(&map).unwrap().as_str(), "0");
//! assert_eq!(packet.payload(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Panics
//!
//! None that input can reach. A parser's error says what was wrong and where.
//!
//! [`Instant`]: std::time::Instant

mod bits;
mod clock;
mod demux;
pub mod extension;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod packet;
pub mod rtcp;
mod writer;

pub use clock::{NtpTime, RtpClock, WallClock};
pub use demux::{PacketKind, classify};
pub use extension::ExtensionMap;
pub use packet::{Csrcs, ParseRtpError, RtpHeader, RtpPacket};
pub use rtcp::RtcpWriter;
pub use writer::RtpWriter;
