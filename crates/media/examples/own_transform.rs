//! A transform of one's own: the picture as a photographic negative, in a round window.
//!
//! `cargo run -p gannet-media --example own_transform` shows one picture as text.

use std::time::Duration;

use gannet_media::{Source, TestPattern, VideoFrame, VideoTransform};

struct Negative {
    /// The window's radius as a part of the picture's height.
    window: f64,
}

impl VideoTransform for Negative {
    fn apply(&mut self, frame: &VideoFrame) -> VideoFrame {
        let mut frame = frame.clone();
        for mut plane in frame.buffer_mut().planes_mut() {
            let (middle_x, middle_y) = (plane.width as f64 / 2.0, plane.height as f64 / 2.0);
            let radius = self.window * plane.height as f64;
            for (y, row) in plane.rows().enumerate() {
                for (x, sample) in row.iter_mut().enumerate() {
                    if (x as f64 - middle_x).hypot(y as f64 - middle_y) < radius {
                        *sample = 255 - *sample;
                    }
                }
            }
        }
        frame
    }
}

#[allow(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut pattern = TestPattern::new(64, 32, 30)?;
    let frame = pattern
        .frame_at(Duration::from_secs(1))
        .ok_or("the pattern never ends")?;
    let negative = Negative { window: 0.4 }.apply(&frame);
    for row in negative.buffer().y().rows() {
        let shades = row
            .iter()
            .map(|luma| char::from(b" .:-=+*#%@"[usize::from(*luma) * 10 / 256]));
        println!("{}", shades.collect::<String>());
    }
    Ok(())
}
