//! Sources that play in real time, and tracks whose pictures are changed on their way.

use std::time::{Duration, Instant};

use gannet_media::{Source, Track, VideoFrame, VideoTransform};

use crate::decoding::start;

/// How many frames wait for their reader.
const QUEUE: usize = 3;

/// Plays a source in real time, on a thread of its own, until the source or the track ends.
pub fn play<S>(id: &str, mut source: S) -> Track<S::Frame>
where
    S: Source + 'static,
    S::Frame: Send + 'static,
{
    let (writer, track) = Track::new(id, QUEUE);
    start("gannet-play", move || {
        let started = Instant::now();
        let mut time = Duration::ZERO;
        while let Some(frame) = source.frame_at(time) {
            if writer.write(frame).is_err() {
                return;
            }
            time += source.interval();
            std::thread::sleep(time.saturating_sub(started.elapsed()));
        }
    });
    track
}

/// Changes the pictures of a track on their way, on a thread of its own.
pub fn transform(
    pictures: Track<VideoFrame>,
    mut transform: Box<dyn VideoTransform>,
) -> Track<VideoFrame> {
    let (writer, changed) = Track::new(pictures.id(), QUEUE);
    start("gannet-transform", move || {
        while let Some(picture) = pictures.recv_blocking() {
            if writer.write(transform.apply(&picture)).is_err() {
                return;
            }
        }
    });
    changed
}
