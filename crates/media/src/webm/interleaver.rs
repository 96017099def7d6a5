//! Frames of several tracks, put into the order of their times.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

/// How far a track's time may go back before that is a new beginning of its clock.
const RESTART: Duration = Duration::from_secs(1);
/// What lies between the last frame before such a beginning and the first one after it.
const STEP: Duration = Duration::from_millis(20);

/// A frame that waits to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) track: usize,
    pub(super) time: Duration,
    pub(super) duration: Duration,
    pub(super) is_keyframe: bool,
    pub(super) data: Bytes,
}

/// Queues of waiting frames, one a track, each in the order of time.
#[derive(Debug)]
pub(super) struct Interleaver {
    tracks: Vec<Queue>,
    /// How much media time may wait.
    window: Duration,
    /// How many octets may wait.
    limit: usize,
    octets: usize,
    newest: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Waiting>,
    last: Option<Duration>,
    /// What is added to the caller's times since they began anew.
    shift: Duration,
}

impl Interleaver {
    pub(super) fn new(tracks: usize, window: Duration, limit: usize) -> Self {
        Self {
            tracks: (0..tracks).map(|_| Queue::default()).collect(),
            window,
            limit,
            octets: 0,
            newest: Duration::ZERO,
        }
    }

    /// Adds a frame to the end of its track, and says whether its time had to be changed for that.
    pub(super) fn push(&mut self, mut frame: Waiting) -> bool {
        let Some(queue) = self.tracks.get_mut(frame.track) else {
            return false;
        };
        let is_changed = queue.repair(&mut frame.time);
        self.newest = self.newest.max(frame.time);
        self.octets += frame.data.len() + size_of::<Waiting>();
        queue.frames.push_back(frame);
        is_changed
    }

    /// The next frame in time, if nothing can precede it any more: every track has one waiting, or more
    /// waits than may.
    pub(super) fn pop_ready(&mut self) -> Option<Waiting> {
        let all_wait = self.tracks.iter().all(|queue| !queue.frames.is_empty());
        (all_wait || self.is_over(self.window)).then(|| self.pop())?
    }

    /// The next frame in time.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let fronts = self.tracks.iter().filter_map(|queue| queue.frames.front());
        let track = fronts.min_by_key(|frame| frame.time)?.track;
        let frame = self.tracks.get_mut(track)?.frames.pop_front()?;
        self.octets -= frame.data.len() + size_of::<Waiting>();
        Some(frame)
    }

    /// Whether more media time than `window`, or more octets than may, wait.
    pub(super) fn is_over(&self, window: Duration) -> bool {
        self.first_time()
            .is_some_and(|first| self.newest.saturating_sub(first) >= window)
            || self.octets > self.limit
    }

    /// The time of the frame that is next.
    pub(super) fn first_time(&self) -> Option<Duration> {
        let fronts = self.tracks.iter().filter_map(|queue| queue.frames.front());
        fronts.map(|frame| frame.time).min()
    }
}

impl Queue {
    fn repair(&mut self, time: &mut Duration) -> bool {
        let given = *time;
        *time = time.saturating_add(self.shift);
        if let Some(last) = self.last
            && *time < last
        {
            let back = last - *time;
            if back > RESTART {
                self.shift = self.shift.saturating_add(back + STEP);
                *time = last.saturating_add(STEP);
            } else {
                *time = last;
            }
        }
        self.last = Some(*time);
        *time != given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(500);

    fn frame(track: usize, millis: u64) -> Waiting {
        Waiting {
            track,
            time: Duration::from_millis(millis),
            duration: Duration::ZERO,
            is_keyframe: true,
            data: Bytes::from_static(b"frame"),
        }
    }

    fn times(mut next: impl FnMut() -> Option<Waiting>) -> Vec<(usize, u128)> {
        std::iter::from_fn(|| next().map(|frame| (frame.track, frame.time.as_millis()))).collect()
    }

    #[test]
    fn tracks_are_put_into_the_order_of_time() {
        let mut interleaver = Interleaver::new(2, WINDOW, 100_000);
        for millis in [0, 20, 40, 60] {
            interleaver.push(frame(0, millis));
        }
        assert_eq!(interleaver.pop_ready(), None);
        interleaver.push(frame(1, 30));
        assert_eq!(
            times(|| interleaver.pop_ready()),
            [(0, 0), (0, 20), (1, 30)]
        );
        assert_eq!(times(|| interleaver.pop()), [(0, 40), (0, 60)]);
        assert_eq!(interleaver.octets, 0);
    }

    #[test]
    fn a_silent_track_holds_up_no_more_than_the_window() {
        let mut interleaver = Interleaver::new(2, WINDOW, 100_000);
        for millis in (0..=520).step_by(20) {
            interleaver.push(frame(0, millis));
        }
        assert_eq!(times(|| interleaver.pop_ready()), [(0, 0), (0, 20)]);
        // And no more than the octets that may wait.
        let mut interleaver = Interleaver::new(2, WINDOW, 300);
        for _ in 0..10 {
            interleaver.push(frame(0, 0));
        }
        let popped = times(|| interleaver.pop_ready()).len();
        assert!(popped > 0 && interleaver.octets <= 300, "{popped}");
    }

    #[test]
    fn times_only_grow() {
        let mut interleaver = Interleaver::new(1, WINDOW, 100_000);
        let changed = [5_000, 4_990, 5_040, 0, 40].map(|time| interleaver.push(frame(0, time)));
        assert_eq!(changed, [false, true, false, true, true]);
        let expected = [5_000, 5_000, 5_040, 5_060, 5_100].map(|time| (0, time));
        assert_eq!(times(|| interleaver.pop()), expected);
    }
}
