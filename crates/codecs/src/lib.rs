//! Audio and video frames, and what turns them into bytes and back.
//!
//! - [`VideoFrame`] is a picture in I420, [`AudioFrame`] a stretch of interleaved 16-bit samples,
//!   [`EncodedFrame`] what a codec made of either. All three are cheap to clone: they share their data.
//! - [`VideoEncoder`], [`VideoDecoder`], [`AudioEncoder`] and [`AudioDecoder`] are object-safe and
//!   `Send`. [`VideoCodec`] and [`AudioCodec`] name the formats and make the backends: VP8 and VP9
//!   (libvpx), H.264 constrained baseline (OpenH264), Opus (libopus), and G.711 and G.722 of our own.
//! - Conversions: RGB(A) and I420 ([`rgb`]), scaling, cropping and turning ([`geometry`]), sample
//!   rates and channels ([`AudioConverter`]).
//!
//! Every encoder is set for a conversation: no look-ahead, no frame threads, constant bit rate. The
//! bit rate and the size of the picture change while it runs, without a new encoder. Every decoder
//! takes whatever the network brought: bytes that are not a picture are a [`DecodeError`], never a
//! panic.
//!
//! The crate is deliberately not: a container reader (`gannet-media`), a packetizer
//! (`gannet-rtp-payload`), or an owner of threads. `encode` and `decode` block for as long as the
//! codec computes; call them on a thread that may.
//!
//! ```
//! use std::time::Duration;
//!
//! use gannet_codecs::{AudioCodec, AudioEncoderConfig, AudioFormat, AudioFrame};
//!
//! let mut encoder = AudioCodec::Pcmu.encoder(&AudioEncoderConfig::default())?;
//! let mut decoder = AudioCodec::Pcmu.decoder()?;
//!
//! let silence = AudioFrame::new(vec![0; 160], AudioFormat::mono(8_000), Duration::ZERO)?;
//! for packet in encoder.encode(&silence)? {
//!     let heard = decoder.decode(&packet)?;
//!     assert_eq!(heard.samples_per_channel(), 160);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `vp8` (VP9 too: both are libvpx), `h264` and `opus`, all on by default, add the backends that link
//! C libraries; a codec whose feature is off answers [`UnsupportedCodec`]. G.711 and G.722 are always there.

mod audio_converter;
mod audio_frame;
mod codec;
mod concealment;
#[cfg(all(test, any(feature = "vp8", feature = "h264")))]
mod conformance;
mod encoded_frame;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod g711;
pub mod g722;
pub mod geometry;
#[cfg(feature = "h264")]
mod h264;
#[cfg(feature = "opus")]
mod opus;
mod packets;
mod resample;
pub mod rgb;
mod ticks;
#[cfg(test)]
mod tone;
mod traits;
mod video_frame;
#[cfg(feature = "vp8")]
mod vpx;
mod waveform;

pub use audio_converter::AudioConverter;
pub use audio_frame::{AudioFormat, AudioFrame};
pub use codec::{AudioCodec, AudioEncoderConfig, ContentHint, VideoCodec, VideoEncoderConfig};
pub use encoded_frame::EncodedFrame;
pub use error::{DecodeError, EncodeError, FrameError, UnsupportedCodec};
pub use ticks::{from_ticks, to_ticks};
pub use traits::{AudioDecoder, AudioEncoder, VideoDecoder, VideoEncoder};
pub use video_frame::{I420Buffer, Plane, PlaneMut, Rotation, VideoFrame};
