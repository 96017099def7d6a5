//! Ogg Opus files (RFC 7845 over RFC 3533). Pages are the crate `ogg`'s work.

mod reader;
mod recorder;
#[cfg(test)]
mod tests;

pub use reader::{OggOpusReadError, OggOpusReader};
pub use recorder::{OggOpusRecorder, OggOpusWriteError};

/// The rate at which positions count (RFC 7845, section 4).
const RATE: u32 = 48_000;
/// The largest packet, which is more than RFC 7845, section 6, wants readers to take of two channels.
const MAX_PACKET: usize = 128 << 10;
