use std::time::Duration;

/// Something that makes frames, asked for them by media time.
pub trait Source: Send {
    /// [`VideoFrame`](crate::VideoFrame) or [`AudioFrame`](crate::AudioFrame).
    type Frame;

    /// How much media time lies between two frames; for sound also how long each one is.
    fn interval(&self) -> Duration;

    /// The frame at a media time, stamped with it. `None` when the source has ended.
    ///
    /// Whoever drives the source asks for times that grow by [`interval`](Self::interval), and may
    /// skip some.
    fn frame_at(&mut self, time: Duration) -> Option<Self::Frame>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    type Frame = S::Frame;

    fn interval(&self) -> Duration {
        (**self).interval()
    }

    fn frame_at(&mut self, time: Duration) -> Option<Self::Frame> {
        (**self).frame_at(time)
    }
}
