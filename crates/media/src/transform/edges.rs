use gannet_codecs::{I420Buffer, Plane, VideoFrame};

use crate::VideoTransform;

/// Differences below this are noise.
const FLOOR: i16 = 40;

/// The edges of a picture, white on black: the slope of its brightness, by Sobel's operator.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    slopes: Slopes,
}

impl VideoTransform for Edges {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        let Ok(mut edges) = I420Buffer::new(frame.width(), frame.height()) else {
            return frame.clone();
        };
        let luma = frame.buffer().y();
        let [mut to, ..] = edges.planes_mut();
        for (y, row) in to.rows().enumerate() {
            for (pixel, slope) in row.iter_mut().zip(self.slopes.of_row(luma, y)) {
                *pixel = (16 + (slope - FLOOR).clamp(0, 219)) as u8;
            }
        }
        frame.with_buffer(edges)
    }
}

/// Sobel's operator, a row at a time. The two sums over three rows come first and the sums over three
/// columns after, each as a loop over whole rows that becomes vector instructions.
#[derive(Clone, Debug, Default)]
pub(super) struct Slopes {
    /// The brightness of three rows, the middle one twice.
    sums: Vec<i16>,
    /// The difference between the row below and the row above.
    differences: Vec<i16>,
    slopes: Vec<i16>,
}

impl Slopes {
    /// The steepness of the brightness at each pixel of a row, 0 to 2040. It is 0 at the picture's
    /// own edge.
    pub(super) fn of_row(&mut self, luma: Plane<'_>, y: usize) -> &[i16] {
        self.slopes.clear();
        self.slopes.resize(luma.width, 0);
        if y == 0 || y + 1 >= luma.height || luma.width < 3 {
            return &self.slopes;
        }
        self.add_rows(luma.row(y - 1), luma.row(y), luma.row(y + 1));
        let end = luma.width - 2;
        let sums = self.sums[..end].iter().zip(&self.sums[2..]);
        let differences = self.differences[..end].iter().zip(&self.differences[1..]);
        let differences = differences.zip(&self.differences[2..]);
        let places = self.slopes[1..].iter_mut().zip(sums.zip(differences));
        for (slope, ((left, right), ((before, here), after))) in places {
            *slope = (right - left).abs() + (before + 2 * here + after).abs();
        }
        &self.slopes
    }

    fn add_rows(&mut self, above: &[u8], row: &[u8], below: &[u8]) {
        self.sums.resize(row.len(), 0);
        self.differences.resize(row.len(), 0);
        let rows = above.iter().zip(row).zip(below);
        let places = self.sums.iter_mut().zip(&mut self.differences).zip(rows);
        for ((sum, difference), ((above, here), below)) in places {
            let (above, here, below) = (i16::from(*above), i16::from(*here), i16::from(*below));
            *sum = above + 2 * here + below;
            *difference = below - above;
        }
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
