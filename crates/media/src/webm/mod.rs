//! WebM and Matroska files (RFC 9559 over RFC 8794): encoded frames in, encoded frames out.
//!
//! [`WebmRecorder`] writes Opus, VP8, VP9 and H.264 without decoding them, into a file or a pipe;
//! [`WebmReader`] reads them, and AV1, from either. With H.264 in it a file is Matroska (`.mkv`):
//! WebM has no H.264.

mod block;
mod ebml;
mod error;
mod interleaver;
mod reader;
mod recorder;
mod scanner;
mod segment;
#[cfg(test)]
mod tests;
mod track;

pub use error::{WebmReadError, WebmWriteError};
pub use reader::{WebmFrame, WebmReader, WebmTrackReader};
pub use recorder::{RecorderStats, WebmRecorder};
pub use track::{WebmCodec, WebmTrack};
