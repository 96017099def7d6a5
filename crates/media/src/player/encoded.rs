use std::time::Duration;

use gannet_codecs::EncodedFrame;

use super::{PlayerError, lap::Laps};
use crate::{EncodedSource, Source};

/// So many octets are given at once, at most, and one frame more.
const MAX_OCTETS: usize = 4 << 20;
/// So many frames are given at once, at most.
const MAX_FRAMES: usize = 256;

/// Plays the frames of a track as they are: every 10 ms those that are due, of which there may be none.
///
/// In a loop the timestamps go on growing. Of a file that has more than 256 frames or 4 MB in 10 ms, the
/// rest comes later. An error in the file ends it, or the present lap.
#[derive(Debug)]
pub struct EncodedPlayer<E> {
    laps: Laps<E>,
}

impl<E: EncodedSource> EncodedPlayer<E> {
    /// Plays once.
    pub fn new(source: E) -> Self {
        Self {
            laps: Laps::new(source),
        }
    }

    /// Begins again whenever the file has ended.
    ///
    /// # Errors
    ///
    /// When its duration cannot be found.
    pub fn looping(self) -> Result<Self, PlayerError> {
        let laps = self.laps.looping()?;
        Ok(Self { laps })
    }
}

impl<E: EncodedSource> Source for EncodedPlayer<E> {
    type Frame = Vec<EncodedFrame>;

    fn interval(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn frame_at(&mut self, time: Duration) -> Option<Vec<EncodedFrame>> {
        let local = self.laps.local_time(time);
        if self.laps.is_over(local) {
            return None;
        }
        let (mut due, mut octets) = (Vec::new(), 0);
        while due.len() < MAX_FRAMES
            && octets < MAX_OCTETS
            && let Some(mut frame) = self.laps.next_before(local + self.interval())
        {
            frame.timestamp += self.laps.start();
            octets += frame.data.len();
            due.push(frame);
        }
        Some(due)
    }
}
