use std::io;

use thiserror::Error;

/// An MP4 file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Mp4ReadError {
    /// The reading failed.
    #[error("MP4: {0}")]
    Io(#[from] io::Error),
    /// It does not begin like an MP4 or QuickTime file.
    #[error("MP4: no file type where the file begins")]
    NotMp4,
    /// The file ends before the box that describes its tracks.
    #[error("MP4: no description of tracks")]
    NoTracks,
    /// A box ends before its last field.
    #[error("MP4: {what} ends too early")]
    TooShort {
        /// What was being read.
        what: &'static str,
    },
    /// A field has a value that it can not have.
    #[error("MP4: {what} that is out of range")]
    OutOfRange {
        /// The field.
        what: &'static str,
    },
    /// Something is larger than a reader is willing to hold.
    #[error("MP4: {what} of {size}, expected at most {limit}")]
    TooLarge {
        /// What it is, and what is counted.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// An H.264 sample whose NAL units do not add up.
    #[error("MP4: a malformed sample at byte {offset}")]
    Sample {
        /// Where it is in the file.
        offset: u64,
    },
    /// No track of the kind that is wanted, with a codec that can be read.
    #[error("MP4: no readable {kind} track")]
    NoSuchTrack {
        /// `audio` or `video`.
        kind: &'static str,
    },
}
