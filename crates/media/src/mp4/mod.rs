//! MP4 and QuickTime files (ISO/IEC 14496-12): encoded frames out.
//!
//! [`Mp4Reader`] reads H.264 (ISO/IEC 14496-15), VP8, VP9 and Opus, of files that are whole and of fragmented ones.

mod error;
mod fields;
mod file;
mod fragment;
mod movie;
mod reader;
mod sample_entry;
mod sample_table;
#[cfg(test)]
mod tests;
mod track;

pub(crate) use file::is_beginning;

pub use error::Mp4ReadError;
pub use reader::{Mp4Reader, Mp4TrackReader};
pub use track::Mp4Track;
