use std::io;

use thiserror::Error;

use super::WebmCodec;

/// A WebM or Matroska file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebmReadError {
    /// The reading failed.
    #[error("WebM: {0}")]
    Io(#[from] io::Error),
    /// The file ends inside of its head, or an element inside of another.
    #[error("WebM: ends inside of the {what}")]
    TooShort {
        /// What was being read.
        what: &'static str,
    },
    /// A variable-size integer or a number of a form that is not allowed, or out of range.
    #[error("WebM: no number where the {what} should be")]
    Number {
        /// What was being read.
        what: &'static str,
    },
    /// It begins with something else than an EBML header, or with one of another kind of document.
    #[error("WebM: no EBML header of a WebM or Matroska file")]
    NotWebm,
    /// An element is larger than a reader is willing to hold.
    #[error("WebM: a {what} of {size} bytes, expected at most {limit}")]
    TooLarge {
        /// The element.
        what: &'static str,
        /// Its size; the largest number when that is unknown.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The pictures and sounds begin before the tracks are described.
    #[error("WebM: no description of tracks before the first cluster")]
    NoTracks,
    /// A laced or an H.264 block whose parts do not add up.
    #[error("WebM: a malformed block on track {track}")]
    Block {
        /// The track's number.
        track: u64,
    },
    /// No track of the kind that is wanted, with a codec that can be read.
    #[error("WebM: no readable {kind} track")]
    NoSuchTrack {
        /// `audio` or `video`.
        kind: &'static str,
    },
}

/// A recording could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebmWriteError {
    /// The writing failed. What was recorded until then may be played.
    #[error("WebM: {0}")]
    Io(#[from] io::Error),
    /// The writing has failed before.
    #[error("WebM: the recording has failed before")]
    Failed,
    /// No track, or more than a recording can have.
    #[error("WebM: {tracks} tracks, expected 1 to {limit}")]
    Tracks {
        /// How many were asked for.
        tracks: usize,
        /// The limit.
        limit: usize,
    },
    /// A codec that can only be read.
    #[error("WebM: {codec} can not be recorded")]
    Codec {
        /// The codec.
        codec: WebmCodec,
    },
    /// A track that was not declared.
    #[error("WebM: track {track} of {tracks}")]
    UnknownTrack {
        /// The track's index.
        track: usize,
        /// How many there are.
        tracks: usize,
    },
    /// A frame that is too large for a recording.
    #[error("WebM: a frame of {length} bytes, expected at most {limit}")]
    FrameTooLarge {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The first key frame of an H.264 track came after the head of the file was written: the head
    /// would have had its parameter sets.
    #[error("WebM: track {track} began too late to be in the recording")]
    TooLate {
        /// The track's index.
        track: usize,
    },
}
