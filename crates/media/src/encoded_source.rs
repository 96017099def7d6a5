use std::{error::Error, time::Duration};

use gannet_codecs::EncodedFrame;

/// The encoded frames of one track of a file, from the first to the last and again.
pub trait EncodedSource: Send {
    /// Why a frame cannot be read.
    type Error: Error + Send + Sync + 'static;

    /// The next frame in the order of decoding; `None` at the end.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, Self::Error>;

    /// Goes back to the first frame.
    ///
    /// # Errors
    ///
    /// When that is not possible.
    fn rewind(&mut self) -> Result<(), Self::Error>;

    /// How long the whole file plays, with all its tracks: when a loop begins again. It may be found by
    /// reading the file; call it before the first frame.
    ///
    /// # Errors
    ///
    /// When it cannot be found.
    fn duration(&mut self) -> Result<Duration, Self::Error>;

    /// How much decoded sound at the beginning is not to be heard; the rest is heard earlier by as much.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}
