use gannet_codecs::{I420Buffer, Plane, VideoFrame};

use crate::VideoTransform;

/// Differences below this are noise.
const FLOOR: i16 = 40;

/// The edges of a picture, white on black: the slope of its brightness, by Sobel's operator.
#[derive(Clone, Debug, Default)]
pub struct Edges(());

impl VideoTransform for Edges {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        let Ok(mut edges) = I420Buffer::new(frame.width(), frame.height()) else {
            return frame.clone();
        };
        let luma = frame.buffer().y();
        let mut slopes = vec![0; luma.width];
        let [mut to, ..] = edges.planes_mut();
        for (y, row) in to.rows().enumerate() {
            slope_of_row(luma, y, &mut slopes);
            for (pixel, slope) in row.iter_mut().zip(&slopes) {
                *pixel = (16 + (slope - FLOOR).clamp(0, 219)) as u8;
            }
        }
        frame.with_buffer(edges)
    }
}

/// The steepness of the brightness at each pixel of a row, 0 to 2040. Edge pixels count as 0.
pub(super) fn slope_of_row(luma: Plane<'_>, y: usize, slopes: &mut [i16]) {
    slopes.fill(0);
    if y == 0 || y + 1 >= luma.height || luma.width < 3 {
        return;
    }
    let (above, row, below) = (luma.row(y - 1), luma.row(y), luma.row(y + 1));
    let windows = above.windows(3).zip(row.windows(3)).zip(below.windows(3));
    for (slope, ((above, row), below)) in slopes[1..].iter_mut().zip(windows) {
        let at = |row: &[u8], x: usize| i16::from(row[x]);
        let horizontal = at(above, 2) - at(above, 0) + 2 * (at(row, 2) - at(row, 0)) + at(below, 2)
            - at(below, 0);
        let vertical =
            at(below, 0) - at(above, 0) + 2 * (at(below, 1) - at(above, 1)) + at(below, 2)
                - at(above, 2);
        *slope = horizontal.abs() + vertical.abs();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_border_is_a_line_and_a_plane_is_black() {
        let mut picture = I420Buffer::new(32, 16).unwrap();
        for row in picture.planes_mut()[0].rows() {
            row[16..].fill(200);
        }
        let edges = Edges::default().apply(&VideoFrame::new(picture, Duration::ZERO));
        let row = edges.buffer().y().row(8);
        assert_eq!(row[15..17], [235, 235]);
        assert!(
            row[..15].iter().chain(&row[17..]).all(|pixel| *pixel == 16),
            "{row:?}"
        );
        assert!(
            edges
                .buffer()
                .u()
                .rows()
                .flatten()
                .all(|sample| *sample == 128)
        );
    }
}
