//! Changes of pictures on their way.

mod cartoon;
mod edges;
mod rotate;

pub use cartoon::Cartoon;
pub use edges::Edges;
pub use rotate::Rotate;

use gannet_codecs::VideoFrame;

/// Makes a picture out of a picture. It may remember things from one to the next.
///
/// ```
/// use gannet_media::{VideoFrame, VideoTransform};
///
/// /// Only the brightness of a picture.
/// struct Gray;
///
/// impl VideoTransform for Gray {
///     fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
///         let mut frame = frame.clone();
///         let [_, mut u, mut v] = frame.buffer_mut().planes_mut();
///         u.fill(128);
///         v.fill(128);
///         frame
///     }
/// }
/// ```
pub trait VideoTransform: Send {
    /// The changed picture, at the time of the one that came.
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame;
}

/// Leaves every picture as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl VideoTransform for Identity {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        frame.clone()
    }
}

/// The names that [`by_name`] knows.
pub const NAMES: [&str; 4] = ["none", "edges", "cartoon", "rotate"];

/// One of the transforms of this module, by its name.
pub fn by_name(name: &str) -> Option<Box<dyn VideoTransform>> {
    Some(match name {
        "none" => Box::new(Identity),
        "edges" => Box::new(Edges::default()),
        "cartoon" => Box::new(Cartoon::default()),
        "rotate" => Box::new(Rotate::default()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Source, TestPattern};

    #[test]
    fn every_name_is_a_transform_of_pictures_of_any_size() {
        for name in NAMES {
            let mut transform = by_name(name).unwrap();
            for (width, height) in [(64, 48), (1, 1), (2, 3), (65, 47), (64, 48)] {
                let mut pattern = TestPattern::new(width, height, 30).unwrap();
                let frame = pattern.frame_at(Duration::from_millis(700)).unwrap();
                let changed = transform.apply(&frame);
                assert_eq!(
                    (changed.width(), changed.height()),
                    (width, height),
                    "{name}"
                );
                assert_eq!(changed.timestamp(), frame.timestamp());
            }
        }
        assert!(by_name("sepia").is_none());
    }
}
