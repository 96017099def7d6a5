use std::time::Duration;

use gannet_codecs::{FrameError, I420Buffer, VideoFrame, from_ticks, rgb, to_ticks};

use crate::{Source, frame_code};

/// Colour bars, at 75 %.
const BARS: [[u8; 3]; 8] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [16, 16, 16],
];
/// The circle's way across the picture and back takes this long.
const PERIOD: Duration = Duration::from_secs(4);

/// Pictures without a camera: colour bars, a circle that moves over them, and the number of the
/// picture in a [`frame_code`] at the upper edge.
///
/// The picture of a media time is always the same: its number is the time in pictures.
#[derive(Clone, Debug)]
pub struct TestPattern {
    background: I420Buffer,
    frame_rate: u32,
}

impl TestPattern {
    /// A pattern of `width` x `height` with `frame_rate` pictures a second (at least one).
    ///
    /// # Errors
    ///
    /// When no picture can have that size.
    pub fn new(width: u32, height: u32, frame_rate: u32) -> Result<Self, FrameError> {
        let mut background = I420Buffer::new(width, height)?;
        for (index, mut plane) in background.planes_mut().into_iter().enumerate() {
            let width = plane.width;
            for row in plane.rows() {
                for (x, sample) in row.iter_mut().enumerate() {
                    *sample = rgb::yuv_of(BARS[x * BARS.len() / width])[index];
                }
            }
        }
        Ok(Self {
            background,
            frame_rate: frame_rate.max(1),
        })
    }

    /// The number of the picture at a media time, as its code says it: modulo 65536.
    pub fn number_at(&self, time: Duration) -> u16 {
        to_ticks(time, self.frame_rate) as u16
    }
}

impl Source for TestPattern {
    type Frame = VideoFrame;

    fn interval(&self) -> Duration {
        from_ticks(1, self.frame_rate)
    }

    fn frame_at(&mut self, time: Duration) -> Option<VideoFrame> {
        let mut picture = self.background.clone();
        draw_circle(&mut picture, time);
        frame_code::write(&mut picture, self.number_at(time));
        Some(VideoFrame::new(picture, time))
    }
}

/// A white circle that goes from left to right and back, on a level of two thirds.
fn draw_circle(picture: &mut I420Buffer, time: Duration) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let radius = (width.min(height) / 8).max(1);
    let phase = (time.as_nanos() % PERIOD.as_nanos()) as f64 / PERIOD.as_nanos() as f64;
    let way = 1.0 - (2.0 * phase - 1.0).abs();
    let center_x = radius + (way * width.saturating_sub(2 * radius) as f64) as usize;
    let center_y = height * 2 / 3;
    for (index, mut plane) in picture.planes_mut().into_iter().enumerate() {
        let shift = usize::from(index > 0);
        let (x, y, radius) = (center_x >> shift, center_y >> shift, radius >> shift);
        let (width, height) = (plane.width, plane.height);
        for row_index in y.saturating_sub(radius)..(y + radius).min(height) {
            let half = half_chord(radius, row_index.abs_diff(y));
            let columns = x.saturating_sub(half).min(width)..(x + half).min(width);
            plane.row(row_index)[columns].fill(if index == 0 { 235 } else { 128 });
        }
    }
}

fn half_chord(radius: usize, distance: usize) -> usize {
    (radius * radius)
        .saturating_sub(distance * distance)
        .isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_numbered_and_move() {
        let mut pattern = TestPattern::new(320, 240, 30).unwrap();
        assert_eq!(pattern.interval(), Duration::from_nanos(33_333_333));
        let mut time = Duration::ZERO;
        let mut last = None;
        for number in 0..40 {
            let frame = pattern.frame_at(time).unwrap();
            assert_eq!(frame.timestamp(), time);
            assert_eq!(frame_code::read(frame.buffer()), Some(number));
            assert_ne!(last.as_ref(), Some(frame.buffer()));
            last = Some(frame.buffer().clone());
            time += pattern.interval();
        }
    }

    #[test]
    fn a_time_has_one_picture() {
        let mut pattern = TestPattern::new(64, 48, 15).unwrap();
        let time = Duration::from_secs(7);
        let picture = pattern.frame_at(time);
        pattern.frame_at(Duration::from_secs(9));
        assert_eq!(pattern.frame_at(time), picture);
    }

    #[test]
    fn tiny_pictures_are_drawn_too() {
        for (width, height) in [(1, 1), (2, 9), (9, 2)] {
            let mut pattern = TestPattern::new(width, height, 0).unwrap();
            assert!(pattern.frame_at(Duration::from_millis(1_234)).is_some());
        }
    }
}
