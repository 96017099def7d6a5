//! RTP payload formats: encoded frames cut into RTP payloads, and payloads put together again.
//!
//! - A [`Packetizer`] is given one encoded frame and a maximum size, and appends one payload after
//!   another to the caller's buffer. It keeps what a stream has to count (picture identifiers), and
//!   allocates nothing per payload.
//! - A [`Depacketizer`] has no state. [`inspect`](Depacketizer::inspect) looks at one payload and
//!   says what a jitter buffer must know: whether a frame begins or ends with it, whether it is of
//!   a keyframe, its picture identifiers and layers. [`assemble`](Depacketizer::assemble) turns the
//!   payloads of one whole frame, in order, into the frame.
//! - [`PayloadFormat`] names the formats, and is a depacketizer itself.
//! - [`Reassembler`] is the smallest user of all this: RTP payloads in any order in, whole frames
//!   out.
//!
//! What comes from the network never panics here, and never costs more memory than a small multiple
//! of its own size. A frame comes out whole or not at all.
//!
//! This crate deliberately knows no RTP header, no clock and no loss recovery: those are the
//! business of `gannet-rtp` and `gannet-rtp-session`.
//!
//! ```
//! use gannet_rtp_payload::{Depacketizer, FrameMetadata, Packetizer, PayloadFormat};
//!
//! let frame = vec![0x10; 3000]; // a VP8 keyframe begins with an even byte
//! let mut packetizer = PayloadFormat::Vp8.packetizer(17);
//! packetizer.begin(frame.clone().into(), &FrameMetadata::default(), 1200)?;
//!
//! let mut payloads = Vec::new();
//! let mut buffer = Vec::new();
//! while let Some(payload) = packetizer.next_payload(&mut buffer) {
//!     assert!(buffer.len() <= 1200);
//!     assert_eq!(payload.marker, payloads.len() == 2);
//!     payloads.push(std::mem::take(&mut buffer));
//! }
//!
//! let first = PayloadFormat::Vp8.inspect(&payloads[0])?;
//! assert_eq!((first.starts_frame, first.keyframe), (Some(true), true));
//!
//! let mut assembled = Vec::new();
//! PayloadFormat::Vp8.assemble(&mut payloads.iter().map(Vec::as_slice), &mut assembled)?;
//! assert_eq!(assembled, frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

mod audio;
mod av1;
mod comfort_noise;
mod format;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod h264;
mod h265;
mod nal;
mod numbers;
mod opus;
mod payload;
mod reassembler;
mod red;
mod rtx;
mod sprop;
mod telephone_event;
#[cfg(test)]
mod test;
mod vp8;
mod vp9;

pub use audio::{OpaqueDepacketizer, OpaquePacketizer};
pub use av1::{Av1Depacketizer, Av1Packetizer};
pub use comfort_noise::ComfortNoise;
pub use format::PayloadFormat;
pub use frame::{FrameError, FrameMetadata, Packetizer, Payload, References};
pub use h264::{H264Depacketizer, H264Packetizer, PacketizationMode};
pub use h265::{H265Depacketizer, H265Packetizer};
pub use numbers::{NumberShift, PayloadHead, RunningNumbers};
pub use opus::OpusPacket;
pub use payload::{Depacketizer, PayloadError, PayloadInfo, PictureId};
pub use reassembler::{FrameInfo, Reassembler};
pub use red::{RedBlock, RedBlocks, RedEncoder};
pub use rtx::RtxPayload;
pub use sprop::{ParameterSetsError, parameter_sets};
pub use telephone_event::TelephoneEvent;
pub use vp8::{Vp8Depacketizer, Vp8Descriptor, Vp8Packetizer};
pub use vp9::{
    Vp9Depacketizer, Vp9Descriptor, Vp9GroupPicture, Vp9Layers, Vp9Packetizer,
    Vp9ScalabilityStructure,
};
