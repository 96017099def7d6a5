//! SDP, the Session Description Protocol (RFC 8866), with the attributes that WebRTC endpoints write.
//!
//! A [`SessionDescription`] keeps the lines of a text in their order, each as it was read, so that what
//! is parsed and written again is the same text, unknown lines included. Values are typed when they are
//! asked for: [`Section::first`] and [`Section::all`] parse the attributes of a type and borrow from the
//! line; [`AttributeLine::typed`] yields the [`Attribute`](attribute::Attribute) enum.
//!
//! Parsing is one pass that checks the structure and copies each section once. It has [`Limits`].
//! A line that is not what its grammar asks for gives an error with its number, the field, what was
//! expected and what stands there; [`SessionDescription::check`] finds the first one in all lines.
//!
//! ```
//! use gannet_sdp::attribute::{Fmtp, Mid, Rtpmap};
//! use gannet_sdp::{MediaDescription, MediaLine, Origin, SessionDescription};
//!
//! let mut offer = SessionDescription::new(&Origin {
//!     username: "-", session_id: "4611686018427387904", session_version: 1,
//!     network_type: "IN", address_type: "IP4", unicast_address: "0.0.0.0",
//! });
//! let mut audio = MediaDescription::new(&MediaLine {
//!     media: "audio", port: 9, port_count: None,
//!     protocol: "UDP/TLS/RTP/SAVPF", formats: vec!["111"],
//! });
//! audio.push(&Mid("0")).push(&Rtpmap::new(111, "opus", 48_000, Some("2")));
//! audio.push(&Fmtp::new("111", "minptime=10;useinbandfec=1"));
//! offer.push_media(audio);
//!
//! let text = offer.to_string();
//! let parsed = SessionDescription::parse(&text)?;
//! let opus = parsed.media[0].rtpmap(111).expect("it was written");
//! assert_eq!((opus.encoding, opus.clock_rate), ("opus", 48_000));
//! assert_eq!(parsed.to_string(), text);
//!
//! let error = SessionDescription::parse(&text.replace("m=audio 9", "m=audio x")).unwrap_err();
//! assert_eq!(error.to_string(), "line 5: port: expected a port from 0 to 65535, found \"x\"");
//! # Ok::<(), gannet_sdp::ParseError>(())
//! ```
//!
//! What this crate is not: it knows nothing of offers and answers, and gives no meaning to what is
//! written. That is `gannet-jsep`.

#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        reason = "a test may panic"
    )
)]

pub mod attribute;
mod base64;
mod error;
mod fields;
pub mod fmtp;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod line;
mod media;
mod parse;
mod section;
mod session;

pub use error::{FieldError, ParseError, ParseErrorKind};
pub use limits::Limits;
pub use line::{Bandwidth, Connection, MediaLine, Origin, Timing};
pub use media::MediaDescription;
pub use section::{AttributeLine, Section};
pub use session::SessionDescription;
