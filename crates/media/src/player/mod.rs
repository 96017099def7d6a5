//! Encoded files as sources: decoded, or as they are.

mod audio;
mod encoded;
mod lap;
mod video;

#[cfg(test)]
mod tests;

use std::error::Error;

use gannet_codecs::DecodeError;
use thiserror::Error;

pub use audio::AudioPlayer;
pub use encoded::EncodedPlayer;
pub use video::VideoPlayer;

/// A file cannot be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlayerError {
    /// It cannot be read.
    #[error(transparent)]
    Read(Box<dyn Error + Send + Sync>),
    /// There is no decoder for it in this build, or it cannot start.
    #[error(transparent)]
    Decoder(#[from] DecodeError),
    /// Nothing here decodes it.
    #[error("no decoder for {codec}")]
    NoDecoder {
        /// What the file calls its codec.
        codec: String,
    },
}

impl PlayerError {
    pub(crate) fn read(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Read(Box::new(error))
    }
}
