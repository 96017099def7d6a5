use std::f64::consts::TAU;

use gannet_codecs::{I420Buffer, Plane, PlaneMut, VideoFrame};

use crate::VideoTransform;

/// Turns the picture around its middle, an eighth of a turn each second, by the picture's own time.
#[derive(Clone, Debug)]
pub struct Rotate {
    turns_per_second: f64,
}

impl Default for Rotate {
    fn default() -> Self {
        Self {
            turns_per_second: 0.125,
        }
    }
}

impl Rotate {
    /// So many turns a second, counter-clockwise; negative for clockwise.
    pub fn new(turns_per_second: f64) -> Self {
        Self { turns_per_second }
    }
}

impl VideoTransform for Rotate {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        let Ok(mut turned) = I420Buffer::new(frame.width(), frame.height()) else {
            return frame.clone();
        };
        let turns = (frame.timestamp().as_secs_f64() * self.turns_per_second).fract();
        let (sine, cosine) = (turns * TAU).sin_cos();
        let planes = frame.buffer().planes().into_iter().zip(turned.planes_mut());
        for (index, (from, mut to)) in planes.enumerate() {
            turn(
                from,
                &mut to,
                (sine, cosine),
                if index == 0 { 16 } else { 128 },
            );
        }
        frame.with_buffer(turned)
    }
}

/// Fetches each pixel from where it was before the turn, in steps of 1/65536 pixel.
fn turn(from: Plane<'_>, to: &mut PlaneMut<'_>, (sine, cosine): (f64, f64), outside: u8) {
    const ONE: f64 = 65_536.0;
    let (middle_x, middle_y) = (
        (from.width as f64 - 1.0) / 2.0,
        (from.height as f64 - 1.0) / 2.0,
    );
    let (step_x, step_y) = ((cosine * ONE) as i64, (sine * ONE) as i64);
    for (y, row) in to.rows().enumerate() {
        let (left, down) = (-middle_x, y as f64 - middle_y);
        let mut x = ((middle_x + left * cosine - down * sine + 0.5) * ONE) as i64;
        let mut y = ((middle_y + left * sine + down * cosine + 0.5) * ONE) as i64;
        for pixel in row {
            // Negative positions become huge and lie outside too.
            let (column, line) = ((x >> 16) as usize, (y >> 16) as usize);
            *pixel = if column < from.width && line < from.height {
                from.data[line * from.stride + column]
            } else {
                outside
            };
            x += step_x;
            y += step_y;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gannet_codecs::{Rotation, geometry};

    use super::*;
    use crate::{Source, TestPattern};

    #[test]
    fn two_seconds_are_a_quarter_turn() {
        let mut picture = I420Buffer::new(63, 63).unwrap();
        picture.planes_mut()[0].row(10)[20] = 200;
        let frame = VideoFrame::new(picture, Duration::from_secs(2));
        let turned = Rotate::default().apply(&frame);
        let expected = geometry::rotate(frame.buffer(), Rotation::Deg270);
        assert_eq!(turned.buffer(), &expected);
    }

    #[test]
    fn at_time_zero_nothing_is_turned() {
        let frame = TestPattern::new(64, 48, 30)
            .unwrap()
            .frame_at(Duration::ZERO)
            .unwrap();
        assert_eq!(Rotate::new(3.0).apply(&frame).buffer(), frame.buffer());
    }
}
