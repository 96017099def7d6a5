//! WebM and Matroska files (RFC 9559 over RFC 8794): encoded frames in, encoded frames out.
//!
//! [`WebmRecorder`] writes Opus, VP8, VP9 and H.264 without decoding them, into a file or a pipe;
//! [`WebmReader`] reads them, and AV1, from either. With H.264 in it a file is Matroska (`.mkv`):
//! WebM has no H.264.

mod bits;
mod block;
mod ebml;
mod error;
mod h264;
mod interleaver;
mod picture;
mod reader;
mod recorder;
mod scanner;
mod segment;
#[cfg(test)]
mod tests;
mod track;

pub(crate) use h264::h264_profile;
pub(crate) use picture::vp9_profile;

pub use error::{WebmReadError, WebmWriteError};
pub use reader::{WebmFrame, WebmReader, WebmTrackReader};
pub use recorder::{RecorderStats, WebmRecorder};
pub use track::{WebmCodec, WebmTrack};
