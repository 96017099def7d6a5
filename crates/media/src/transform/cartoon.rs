use gannet_codecs::{I420Buffer, Plane, PlaneMut, VideoFrame};

use super::edges::Slopes;
use crate::VideoTransform;

/// Brightness comes in steps of this size.
const STEP: u8 = 32;
/// From this slope on it is an outline.
const OUTLINE: i16 = 160;

/// A drawing: smooth areas of few colours with dark outlines.
#[derive(Clone, Debug, Default)]
pub struct Cartoon {
    slopes: Slopes,
    /// The sums over five rows, with two columns more on each side.
    columns: Vec<u16>,
}

impl VideoTransform for Cartoon {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        let Ok(mut drawing) = I420Buffer::new(frame.width(), frame.height()) else {
            return frame.clone();
        };
        let [luma, from_u, from_v] = frame.buffer().planes();
        let [mut to, mut u, mut v] = drawing.planes_mut();
        let flat = flatten();
        self.smooth(luma, &mut to);
        for (y, row) in to.rows().enumerate() {
            for (pixel, slope) in row.iter_mut().zip(self.slopes.of_row(luma, y)) {
                *pixel = if *slope > OUTLINE {
                    16
                } else {
                    flat[usize::from(*pixel)]
                };
            }
        }
        self.smooth(from_u, &mut u);
        self.smooth(from_v, &mut v);
        let vivid = vivid();
        for row in u.rows().chain(v.rows()) {
            row.iter_mut()
                .for_each(|sample| *sample = vivid[usize::from(*sample)]);
        }
        frame.with_buffer(drawing)
    }
}

impl Cartoon {
    /// The mean of the 5 x 5 samples around each one; the plane's edge goes on beyond it.
    fn smooth(&mut self, from: Plane<'_>, to: &mut PlaneMut<'_>) {
        let (width, last) = (from.width, from.height as isize - 1);
        for (y, row) in to.rows().enumerate() {
            self.columns.clear();
            self.columns.resize(width + 4, 0);
            for offset in -2..=2 {
                let from = from.row((y as isize + offset).clamp(0, last) as usize);
                for (sum, sample) in self.columns[2..].iter_mut().zip(from) {
                    *sum += u16::from(*sample);
                }
            }
            self.columns.copy_within(2..3, 0);
            self.columns.copy_within(2..3, 1);
            self.columns.copy_within(width + 1..width + 2, width + 2);
            self.columns.copy_within(width + 1..width + 2, width + 3);
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|offset| &self.columns[offset..][..width]);
            for (x, sample) in row.iter_mut().enumerate() {
                // 2622 / 65536 is 1 / 25, from above.
                let sum = u32::from(a[x] + b[x] + c[x] + d[x] + e[x]);
                *sample = ((sum * 2_622) >> 16) as u8;
            }
        }
    }
}

/// Brightness in steps.
fn flatten() -> [u8; 256] {
    std::array::from_fn(|luma| {
        (luma as u8 / STEP * STEP)
            .saturating_add(STEP / 2)
            .clamp(16, 235)
    })
}

/// Chroma away from gray by half.
fn vivid() -> [u8; 256] {
    std::array::from_fn(|sample| {
        let distance = sample as i32 - 128;
        (128 + distance * 3 / 2).clamp(16, 240) as u8
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn shades_become_areas_with_outlines() {
        let mut picture = I420Buffer::new(128, 32).unwrap();
        let [mut y, mut u, _] = picture.planes_mut();
        for row in y.rows() {
            row.iter_mut()
                .enumerate()
                .for_each(|(x, pixel)| *pixel = 40 + (x / 2) as u8);
            row[100..].fill(230);
        }
        u.fill(108);
        let drawing = Cartoon::default().apply(&VideoFrame::new(picture, Duration::ZERO));
        let row = drawing.buffer().y().row(16);
        let mut shades: Vec<u8> = row.to_vec();
        shades.sort_unstable();
        shades.dedup();
        assert!(shades.len() <= 7, "{shades:?}");
        assert_eq!(row[99..101], [16, 16]);
        assert_eq!(drawing.buffer().u().row(8)[20], 98);
    }
}
