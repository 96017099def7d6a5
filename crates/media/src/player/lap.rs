//! Where in a file a player is, once around or many times.

use std::time::Duration;

use gannet_codecs::EncodedFrame;

use super::PlayerError;
use crate::EncodedSource;

/// The longest that a frame lasts which does not say so.
const MAX_STEP: Duration = Duration::from_secs(1);

/// A file, the frame that is next, and when the present lap began.
#[derive(Debug)]
pub(super) struct Laps<E> {
    source: E,
    /// How long a lap takes, when they are run again and again.
    period: Option<Duration>,
    start: Duration,
    next: Option<EncodedFrame>,
    /// The time of the newest frame that was looked at.
    last: Duration,
    /// When it ends.
    end: Duration,
    is_exhausted: bool,
    laps: u64,
}

impl<E: EncodedSource> Laps<E> {
    pub(super) fn new(source: E) -> Self {
        Self {
            source,
            period: None,
            start: Duration::ZERO,
            next: None,
            last: Duration::ZERO,
            end: Duration::ZERO,
            is_exhausted: false,
            laps: 0,
        }
    }

    pub(super) fn looping(mut self) -> Result<Self, PlayerError> {
        let period = self.source.duration().map_err(PlayerError::read)?;
        self.period = Some(period).filter(|period| !period.is_zero());
        Ok(self)
    }

    pub(super) fn source(&self) -> &E {
        &self.source
    }

    /// When the present lap began.
    pub(super) fn start(&self) -> Duration {
        self.start
    }

    /// The lap's number.
    pub(super) fn lap(&self) -> u64 {
        self.laps
    }

    /// The time in the lap, after another one was begun when it is due. Times that are in a lap before
    /// are its beginning.
    pub(super) fn local_time(&mut self, time: Duration) -> Duration {
        let local = time.saturating_sub(self.start);
        let Some(period) = self.period.filter(|period| local >= *period) else {
            return local;
        };
        let over = Duration::from_nanos((local.as_nanos() % period.as_nanos()) as u64);
        self.start = time - over;
        self.next = None;
        self.laps += 1;
        self.is_exhausted = self.source.rewind().is_err();
        over
    }

    /// The next frame of the lap, which stays the next one; `None` at the end and after an error.
    pub(super) fn peek(&mut self) -> Option<&EncodedFrame> {
        if self.next.is_none() && !self.is_exhausted {
            self.next = self.source.next_frame().ok().flatten();
            match &self.next {
                Some(frame) => {
                    // What does not say how long it lasts, lasts as long as the one before.
                    let step = frame.timestamp.saturating_sub(self.last).min(MAX_STEP);
                    self.last = frame.timestamp;
                    let lasts = frame.duration.unwrap_or(step);
                    self.end = self.end.max(frame.timestamp.saturating_add(lasts));
                }
                None => self.is_exhausted = true,
            }
        }
        self.next.as_ref()
    }

    /// The next frame of the lap, if it begins before `time`.
    pub(super) fn next_before(&mut self, time: Duration) -> Option<EncodedFrame> {
        self.peek().filter(|frame| frame.timestamp < time)?;
        self.next.take()
    }

    /// Whether nothing is left to play at a time in the lap.
    pub(super) fn is_over(&mut self, local: Duration) -> bool {
        self.peek().is_none() && self.period.is_none() && local >= self.end
    }
}
