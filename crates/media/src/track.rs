use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use thiserror::Error;

/// Nobody reads the track any more, or it was ended: the frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the track has ended")]
pub struct Ended;

/// Whether a track can still bring frames (W3C `MediaStreamTrackState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// Frames may come.
    Live,
    /// The source has ended or the reader has stopped. Final.
    Ended,
}

/// What went through a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackStats {
    /// Frames that were written.
    pub frames_written: u64,
    /// Frames that a reader got.
    pub frames_read: u64,
    /// Frames that a newer one pushed out before anybody read them.
    pub frames_dropped: u64,
}

/// The reading end of a bounded queue of frames.
///
/// When the queue is full, the oldest frame makes room: what is live must not be late. One track has
/// one reader; a [`Relay`](crate::Relay) serves many. Dropping it, or [`stop`](Self::stop), ends it.
pub struct Track<F> {
    id: Arc<str>,
    shared: Arc<Shared<F>>,
}

/// The writing end of a track. Dropping it ends the track once the queue has been read.
pub struct TrackWriter<F> {
    shared: Arc<Shared<F>>,
}

struct Shared<F> {
    queue: Mutex<Queue<F>>,
    arrived: Condvar,
}

struct Queue<F> {
    frames: VecDeque<F>,
    capacity: usize,
    stats: TrackStats,
    /// The writer is there.
    is_written: bool,
    /// The reader is there.
    is_read: bool,
    /// Who waits for a frame. One entry for each waiting future.
    wakers: Vec<Waker>,
}

impl<F> Shared<F> {
    /// A panic elsewhere leaves the queue whole: every change of it is complete at once.
    fn lock(&self) -> MutexGuard<'_, Queue<F>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody; the lock is released first, so that no woken code waits for it.
    fn wake(&self, mut queue: MutexGuard<'_, Queue<F>>) {
        let wakers = std::mem::take(&mut queue.wakers);
        drop(queue);
        self.arrived.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<F> Queue<F> {
    /// The next frame; `Some(None)` at the end.
    fn next(&mut self) -> Option<Option<F>> {
        if let Some(frame) = self.frames.pop_front() {
            self.stats.frames_read += 1;
            return Some(Some(frame));
        }
        let has_ended = !self.is_written || !self.is_read;
        has_ended.then_some(None)
    }
}

impl<F> Track<F> {
    /// A track named `id` and its writing end. The queue holds `capacity` frames, at least one.
    pub fn new(id: impl Into<Arc<str>>, capacity: usize) -> (TrackWriter<F>, Self) {
        let queue = Queue {
            frames: VecDeque::new(),
            capacity: capacity.max(1),
            stats: TrackStats::default(),
            is_written: true,
            is_read: true,
            wakers: Vec::new(),
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            arrived: Condvar::new(),
        });
        (
            TrackWriter {
                shared: shared.clone(),
            },
            Self {
                id: id.into(),
                shared,
            },
        )
    }

    /// The track's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for the next frame; `None` when the track has ended and every frame was read.
    pub fn recv(&self) -> Recv<'_, F> {
        Recv { track: self }
    }

    /// The next frame, or the promise that the task will be woken when one may be there.
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<F>> {
        let mut queue = self.shared.lock();
        match queue.next() {
            Some(frame) => Poll::Ready(frame),
            None => {
                if !queue
                    .wakers
                    .iter()
                    .any(|waker| waker.will_wake(context.waker()))
                {
                    queue.wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Waits for the next frame on this thread; `None` as for [`recv`](Self::recv).
    pub fn recv_blocking(&self) -> Option<F> {
        let mut queue = self.shared.lock();
        loop {
            if let Some(frame) = queue.next() {
                return frame;
            }
            let waited = self.shared.arrived.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next frame if one is there.
    pub fn try_recv(&self) -> Option<F> {
        self.shared.lock().next().flatten()
    }

    /// Whether frames may still come.
    pub fn ready_state(&self) -> ReadyState {
        let queue = self.shared.lock();
        let is_live = queue.is_read && (queue.is_written || !queue.frames.is_empty());
        if is_live {
            ReadyState::Live
        } else {
            ReadyState::Ended
        }
    }

    /// Ends the track from the reader's side: waiting frames are discarded, writing fails.
    pub fn stop(&self) {
        let mut queue = self.shared.lock();
        queue.is_read = false;
        queue.frames.clear();
        self.shared.wake(queue);
    }

    /// What went through so far.
    pub fn stats(&self) -> TrackStats {
        self.shared.lock().stats
    }
}

impl<F> TrackWriter<F> {
    /// Adds a frame; when the queue is full, the oldest one goes.
    ///
    /// # Errors
    ///
    /// When the reader has stopped or is gone.
    pub fn write(&self, frame: F) -> Result<(), Ended> {
        let mut queue = self.shared.lock();
        if !queue.is_read {
            return Err(Ended);
        }
        queue.stats.frames_written += 1;
        let oldest = (queue.frames.len() == queue.capacity).then(|| queue.frames.pop_front());
        queue.stats.frames_dropped += u64::from(oldest.is_some());
        queue.frames.push_back(frame);
        self.shared.wake(queue);
        // A large frame is freed outside of the lock.
        drop(oldest);
        Ok(())
    }

    /// Whether writing is pointless: the reader has stopped or is gone.
    pub fn is_ended(&self) -> bool {
        !self.shared.lock().is_read
    }

    /// What went through so far.
    pub fn stats(&self) -> TrackStats {
        self.shared.lock().stats
    }
}

impl<F> Drop for Track<F> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<F> Drop for TrackWriter<F> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_written = false;
        self.shared.wake(queue);
    }
}

impl<F> fmt::Debug for Track<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("Track")
            .field("id", &self.id)
            .field("stats", &stats)
            .finish()
    }
}

impl<F> fmt::Debug for TrackWriter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackWriter")
            .field("stats", &self.stats())
            .finish()
    }
}

/// The future of [`Track::recv`]. Dropping it loses no frame.
#[must_use = "a future does nothing until it is awaited"]
pub struct Recv<'a, F> {
    track: &'a Track<F>,
}

impl<F> Future for Recv<'_, F> {
    type Output = Option<F>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.track.poll_recv(context)
    }
}

impl<F> fmt::Debug for Recv<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("track", self.track).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_reader_is_woken_once_for_a_frame() {
        let (writer, track) = Track::new("t", 4);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut context = Context::from_waker(&waker);
        let mut recv = pin!(track.recv());
        assert!(recv.as_mut().poll(&mut context).is_pending());
        assert!(recv.as_mut().poll(&mut context).is_pending());
        writer.write(1).unwrap();
        writer.write(2).unwrap();
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(recv.poll(&mut context), Poll::Ready(Some(1)));
        assert_eq!(track.try_recv(), Some(2));
        assert_eq!(track.try_recv(), None);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts_it() {
        let (writer, track) = Track::new("t", 3);
        for frame in 0..10 {
            writer.write(frame).unwrap();
        }
        assert_eq!(
            track.stats(),
            TrackStats {
                frames_written: 10,
                frames_read: 0,
                frames_dropped: 7
            }
        );
        let rest: Vec<i32> = std::iter::from_fn(|| track.try_recv()).collect();
        assert_eq!(rest, [7, 8, 9]);
        assert_eq!(writer.stats().frames_read, 3);
    }

    #[test]
    fn the_last_frames_are_read_after_the_writer_is_gone() {
        let (writer, track) = Track::new("t", 3);
        writer.write(1).unwrap();
        drop(writer);
        assert_eq!(track.ready_state(), ReadyState::Live);
        assert_eq!(track.recv_blocking(), Some(1));
        assert_eq!(track.recv_blocking(), None);
        assert_eq!(track.ready_state(), ReadyState::Ended);
    }

    #[test]
    fn a_stopped_track_takes_nothing() {
        let (writer, track) = Track::new("t", 3);
        writer.write(1).unwrap();
        track.stop();
        assert_eq!(writer.write(2), Err(Ended));
        assert!(writer.is_ended());
        assert_eq!(track.recv_blocking(), None);
        let (writer, track) = Track::new("t", 3);
        drop(track);
        assert_eq!(writer.write(2), Err(Ended));
    }

    #[test]
    fn a_thread_waits_for_frames_and_for_the_end() {
        let (writer, track) = Track::new("t", 100);
        let sum: u32 = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut sum = 0;
                while let Some(frame) = track.recv_blocking() {
                    sum += frame;
                }
                sum
            });
            (1..=100).for_each(|frame| writer.write(frame).unwrap());
            drop(writer);
            reader.join().unwrap()
        });
        assert_eq!(sum, 5_050);
    }

    #[test]
    fn ends_wake_the_waiting() {
        let (writer, track) = Track::<u32>::new("t", 1);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut context = Context::from_waker(&waker);
        assert!(track.poll_recv(&mut context).is_pending());
        drop(writer);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(track.poll_recv(&mut context), Poll::Ready(None));
    }

    #[test]
    fn both_ends_go_to_other_threads() {
        fn check<T: Send + Sync>() {}
        check::<Track<crate::VideoFrame>>();
        check::<TrackWriter<crate::AudioFrame>>();
    }
}
