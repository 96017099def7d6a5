use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Track, TrackWriter};

/// What a reader of a relay that falls behind gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The last so many frames, in order.
    Buffered(usize),
    /// The newest frame alone.
    Latest,
}

/// Gives every frame to many readers.
///
/// Frames share their data, so that a reader more costs a pointer. Readers come and go at any time;
/// a slow one loses frames of its own and nobody else's. Clones are handles of one relay. When the
/// last is dropped, every reader's track ends.
///
/// ```
/// use gannet_media::{Delivery, Relay};
///
/// let relay = Relay::new();
/// let everything = relay.subscribe("everything", Delivery::Buffered(8));
/// let newest = relay.subscribe("newest", Delivery::Latest);
/// (1..=3).for_each(|frame| relay.write(&frame));
/// assert_eq!(everything.try_recv(), Some(1));
/// assert_eq!(newest.try_recv(), Some(3));
/// ```
pub struct Relay<F> {
    readers: Arc<Mutex<Vec<Arc<TrackWriter<F>>>>>,
}

impl<F: Clone> Relay<F> {
    /// A relay without readers.
    pub fn new() -> Self {
        Self {
            readers: Arc::default(),
        }
    }

    /// A new reader, who gets every frame from now on.
    pub fn subscribe(&self, id: impl Into<Arc<str>>, delivery: Delivery) -> Track<F> {
        let capacity = match delivery {
            Delivery::Buffered(frames) => frames,
            Delivery::Latest => 1,
        };
        let (writer, track) = Track::new(id, capacity);
        self.lock().push(Arc::new(writer));
        track
    }

    /// Gives a frame to every reader, and forgets readers that have stopped.
    pub fn write(&self, frame: &F) {
        self.lock()
            .retain(|reader| reader.write(frame.clone()).is_ok());
    }

    /// Gives every frame of a track to the readers, until it ends. To be spawned.
    pub async fn forward(&self, track: Track<F>) {
        while let Some(frame) = track.recv().await {
            self.write(&frame);
        }
    }

    /// How many readers there are. One that has stopped counts until the next frame.
    pub fn subscribers(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<TrackWriter<F>>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Clone> Default for Relay<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Clone for Relay<F> {
    fn clone(&self) -> Self {
        Self {
            readers: self.readers.clone(),
        }
    }
}

impl<F> fmt::Debug for Relay<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    #[test]
    fn a_stopped_reader_is_forgotten() {
        let relay = Relay::new();
        let first = relay.subscribe("first", Delivery::Buffered(4));
        let second = relay.subscribe("second", Delivery::Buffered(4));
        relay.write(&1);
        drop(first);
        relay.write(&2);
        assert_eq!(relay.subscribers(), 1);
        assert_eq!((second.try_recv(), second.try_recv()), (Some(1), Some(2)));
    }

    #[test]
    fn a_whole_track_is_forwarded_and_its_end_too() {
        let relay = Relay::new();
        let reader = relay.subscribe("reader", Delivery::Buffered(4));
        let (writer, track) = Track::new("source", 4);
        let mut forward = Box::pin(relay.forward(track));
        let mut context = Context::from_waker(Waker::noop());
        writer.write(7).unwrap();
        assert!(pin!(&mut forward).poll(&mut context).is_pending());
        assert_eq!(reader.try_recv(), Some(7));
        drop(writer);
        assert!(pin!(&mut forward).poll(&mut context).is_ready());
        drop(forward);
        drop(relay);
        assert_eq!(reader.recv_blocking(), None);
    }
}
