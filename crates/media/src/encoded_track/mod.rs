use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use gannet_codecs::EncodedFrame;

use crate::{EncodedFormat, Ended, MediaKind, ReadyState, TrackStats};

/// So many octets wait for a reader at most, and one frame more.
const MAX_OCTETS: usize = 8 << 20;

/// A frame of an [`EncodedTrack`].
#[derive(Clone, Debug)]
pub struct EncodedTrackFrame {
    /// The frame, with its time in the track.
    pub frame: EncodedFrame,
    /// When it was captured, or is to be heard and seen as if it had been: what two tracks have in common.
    pub captured: Instant,
    /// How it was made, if an encoder here made it just now.
    pub encoding: Option<EncodingInfo>,
}

/// What an encoder of pictures did for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingInfo {
    /// The picture's width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// How long the encoding took.
    pub encode_time: Duration,
    /// What the encoder aimed at, in bits per second.
    pub bitrate: u32,
    /// The library that did it.
    pub implementation: &'static str,
}

/// The reading end of a bounded queue of encoded frames of one codec, with a way back.
///
/// Whoever reads can decode what he gets: the first frame is a key frame, and so is the first one after any
/// that was dropped. The way back tells whoever writes that a key frame is needed, what bit rate the reader may
/// have, and whether he wants frames at all. Not every writer can do what is asked: a file has its key frames
/// where it has them.
///
/// When the queue is full (so many frames, or 8 MB), a track of pictures drops all of it and goes on with the next
/// key frame, which is asked for; a track of sound drops the oldest packet. Dropping the track, or
/// [`stop`](Self::stop), ends it.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use gannet_codecs::VideoCodec;
/// use gannet_media::{EncodedFormat, EncodedFrame, EncodedTrack, EncodedTrackFrame};
///
/// let format = EncodedFormat::video(VideoCodec::Vp8);
/// let (writer, track) = EncodedTrack::new("camera", format, 30);
/// assert!(writer.take_key_frame_request());
/// for keyframe in [false, true, false] {
///     let frame = EncodedFrame::new(vec![0], Duration::ZERO, keyframe);
///     writer.write(EncodedTrackFrame { frame, captured: Instant::now(), encoding: None })?;
/// }
/// // Nobody could have decoded the first one.
/// assert!(track.try_recv().expect("it is there").frame.keyframe);
/// assert_eq!(track.stats().frames_dropped, 1);
/// # Ok::<(), gannet_media::Ended>(())
/// ```
pub struct EncodedTrack {
    id: Arc<str>,
    format: EncodedFormat,
    shared: Arc<Shared>,
}

/// The writing end of an [`EncodedTrack`]. Dropping it ends the track once the queue has been read.
pub struct EncodedTrackWriter {
    shared: Arc<Shared>,
}

/// What became of a frame that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The reader will get it.
    Queued,
    /// The reader does not want frames now, or needs a key frame, which this one was not.
    Skipped,
}

struct Shared {
    state: Mutex<State>,
    /// For writers: the reader changed his mind.
    changed: Condvar,
}

struct State {
    is_video: bool,
    frames: VecDeque<EncodedTrackFrame>,
    octets: usize,
    capacity: usize,
    stats: TrackStats,
    /// The writer is there.
    is_written: bool,
    /// The reader is there.
    is_read: bool,
    is_wanted: bool,
    /// Nothing but a key frame is of use.
    needs_key_frame: bool,
    key_frame_requested: bool,
    /// In bits per second.
    target: Option<u64>,
    /// Who waits for a frame.
    waker: Option<Waker>,
}

impl Shared {
    /// A panic elsewhere leaves the state whole: every change of it is complete at once.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes both ends; the lock is released first, so that no woken code waits for it.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// What waits is of no use any more.
    fn discard(&mut self) {
        self.stats.frames_dropped += self.frames.len() as u64;
        self.frames.clear();
        self.octets = 0;
        self.needs_key_frame = self.is_video;
    }

    fn pop(&mut self) -> Option<EncodedTrackFrame> {
        let frame = self.frames.pop_front()?;
        self.octets -= frame.frame.data.len();
        Some(frame)
    }

    /// Whether one more would be too much.
    fn is_full_for(&self, frame: &EncodedTrackFrame) -> bool {
        let octets = self.octets.saturating_add(frame.frame.data.len());
        self.frames.len() >= self.capacity || (octets > MAX_OCTETS && !self.frames.is_empty())
    }

    fn take(&mut self, frame: EncodedTrackFrame) -> Written {
        let is_key_frame = frame.frame.keyframe;
        while self.is_full_for(&frame) {
            if self.is_video {
                self.discard();
                self.key_frame_requested |= !is_key_frame;
            } else {
                self.stats.frames_dropped += u64::from(self.pop().is_some());
            }
        }
        if self.needs_key_frame && !is_key_frame {
            self.stats.frames_dropped += 1;
            return Written::Skipped;
        }
        self.needs_key_frame = false;
        self.octets += frame.frame.data.len();
        self.frames.push_back(frame);
        Written::Queued
    }
}

impl EncodedTrack {
    /// A track named `id` and its writing end. The queue holds `capacity` frames, at least one. A key frame is
    /// asked for at once.
    pub fn new(
        id: impl Into<Arc<str>>,
        format: EncodedFormat,
        capacity: usize,
    ) -> (EncodedTrackWriter, Self) {
        let is_video = format.kind() == MediaKind::Video;
        let state = State {
            is_video,
            frames: VecDeque::new(),
            octets: 0,
            capacity: capacity.max(1),
            stats: TrackStats::default(),
            is_written: true,
            is_read: true,
            is_wanted: true,
            needs_key_frame: is_video,
            key_frame_requested: is_video,
            target: None,
            waker: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let writer = EncodedTrackWriter {
            shared: Arc::clone(&shared),
        };
        let id = id.into();
        (writer, Self { id, format, shared })
    }

    /// The track's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its frames are.
    pub const fn format(&self) -> EncodedFormat {
        self.format
    }

    /// Waits for the next frame; `None` when the track has ended and every frame was read. One task waits at a
    /// time.
    pub async fn recv(&self) -> Option<EncodedTrackFrame> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// The next frame, or the promise that the task will be woken when one may be there. Of several tasks, the
    /// last one to ask is woken.
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<EncodedTrackFrame>> {
        let mut state = self.shared.lock();
        if let Some(frame) = state.pop() {
            state.stats.frames_read += 1;
            return Poll::Ready(Some(frame));
        }
        if !state.is_written || !state.is_read {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The next frame if one is there.
    pub fn try_recv(&self) -> Option<EncodedTrackFrame> {
        let mut state = self.shared.lock();
        let frame = state.pop()?;
        state.stats.frames_read += 1;
        Some(frame)
    }

    /// Asks for a key frame. Without effect on sound.
    pub fn request_key_frame(&self) {
        let mut state = self.shared.lock();
        state.key_frame_requested |= state.is_video;
        self.shared.wake(state);
    }

    /// A frame was lost behind the track: what waits is dropped, and the next frame is a key frame, which is asked
    /// for. Without effect on sound.
    pub fn skip_to_key_frame(&self) {
        let mut state = self.shared.lock();
        if state.is_video {
            state.discard();
            state.key_frame_requested = true;
        }
        self.shared.wake(state);
    }

    /// Tells the writer how many bits a second the reader may have.
    pub fn set_target_bitrate(&self, bits_per_second: u64) {
        self.shared.lock().target = Some(bits_per_second);
    }

    /// Whether frames are wanted, as they are at first. While they are not, none is kept; when they are again, a
    /// key frame is asked for.
    pub fn set_wanted(&self, is_wanted: bool) {
        let mut state = self.shared.lock();
        if state.is_wanted == is_wanted {
            return;
        }
        state.is_wanted = is_wanted;
        state.discard();
        state.key_frame_requested = is_wanted && state.is_video;
        self.shared.wake(state);
    }

    /// Whether frames may still come.
    pub fn ready_state(&self) -> ReadyState {
        let state = self.shared.lock();
        if state.is_read && (state.is_written || !state.frames.is_empty()) {
            ReadyState::Live
        } else {
            ReadyState::Ended
        }
    }

    /// Ends the track from the reader's side: waiting frames are discarded, writing fails.
    pub fn stop(&self) {
        let mut state = self.shared.lock();
        state.is_read = false;
        state.discard();
        self.shared.wake(state);
    }

    /// Whether it was ended from the reader's side.
    pub fn is_stopped(&self) -> bool {
        !self.shared.lock().is_read
    }

    /// What went through so far. Frames that were not wanted are written, and not dropped.
    pub fn stats(&self) -> TrackStats {
        self.shared.lock().stats
    }
}

impl EncodedTrackWriter {
    /// Adds a frame, if it is of use to the reader.
    ///
    /// # Errors
    ///
    /// When the reader has stopped or is gone.
    pub fn write(&self, frame: EncodedTrackFrame) -> Result<Written, Ended> {
        let mut state = self.shared.lock();
        if !state.is_read {
            return Err(Ended);
        }
        state.stats.frames_written += 1;
        if !state.is_wanted {
            return Ok(Written::Skipped);
        }
        let written = state.take(frame);
        self.shared.wake(state);
        Ok(written)
    }

    /// Whether a key frame was asked for since the last time that somebody looked.
    pub fn take_key_frame_request(&self) -> bool {
        std::mem::take(&mut self.shared.lock().key_frame_requested)
    }

    /// Whether nothing but a key frame is of use to the reader.
    pub fn needs_key_frame(&self) -> bool {
        self.shared.lock().needs_key_frame
    }

    /// How many bits a second the reader may have, once he said.
    pub fn target_bitrate(&self) -> Option<u64> {
        self.shared.lock().target
    }

    /// Whether the reader wants frames.
    pub fn is_wanted(&self) -> bool {
        let state = self.shared.lock();
        state.is_read && state.is_wanted
    }

    /// Waits on this thread until the reader wants frames, and says whether he does: not after so long a time,
    /// and not when he is gone.
    pub fn wait_until_wanted(&self, at_most: Duration) -> bool {
        let state = self.shared.lock();
        let waits = |state: &mut State| state.is_read && !state.is_wanted;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, at_most, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_read && state.is_wanted
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

impl Drop for EncodedTrack {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Drop for EncodedTrackWriter {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_written = false;
        self.shared.wake(state);
    }
}

impl fmt::Debug for EncodedTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedTrack")
            .field("id", &self.id)
            .field("format", &self.format)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EncodedTrackWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedTrackWriter")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
