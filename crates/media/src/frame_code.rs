//! A number in a picture, as a row of black and white blocks along its upper edge.
//!
//! The band is an eighth of the picture high and has [`BLOCKS`] blocks across its whole width: white
//! and black to find the levels, 16 bits from the highest down (white is 1), 4 bits that check them,
//! black and white again. It is read from the middle of each block, so that it survives lossy codecs
//! and scaling, to about 120 pixels of width. Where only the [edges](crate::transform::Edges) of the
//! picture are left, it is read from the lines between blocks that differ.
//!
//! ```
//! use gannet_codecs::{I420Buffer, geometry};
//! use gannet_media::frame_code;
//!
//! let mut picture = I420Buffer::new(640, 480)?;
//! frame_code::write(&mut picture, 4711);
//! let small = geometry::scale(&picture, 200, 150)?;
//! assert_eq!(frame_code::read(&small), Some(4711));
//! # Ok::<(), gannet_codecs::FrameError>(())
//! ```

use gannet_codecs::{I420Buffer, Plane};

/// Blocks in the row: 2 + 16 + 4 + 2.
pub const BLOCKS: usize = 24;

const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// The least difference between white and black that is a code and not a picture.
const CONTRAST: u32 = 60;

/// Draws a number over the upper edge of a picture. Pictures less than [`BLOCKS`] pixels wide stay as
/// they are.
pub fn write(picture: &mut I420Buffer, number: u16) {
    if (picture.width() as usize) < BLOCKS {
        return;
    }
    let bits = bits(number);
    for (index, mut plane) in picture.planes_mut().into_iter().enumerate() {
        let (width, rows) = (plane.width, band(plane.height));
        for row in plane.rows().take(rows) {
            if index > 0 {
                row.fill(128);
                continue;
            }
            for (block, bit) in bits.iter().enumerate() {
                row[edge(width, block)..edge(width, block + 1)].fill(if *bit {
                    WHITE
                } else {
                    BLACK
                });
            }
        }
    }
}

/// Reads the number of a picture, or of its edges, if there is one.
pub fn read(picture: &I420Buffer) -> Option<u16> {
    let luma = picture.y();
    if luma.width < BLOCKS {
        return None;
    }
    let seen = blocks_of_picture(luma).or_else(|| blocks_of_edges(luma))?;
    let number = seen[2..18]
        .iter()
        .fold(0, |number, bit| number << 1 | u16::from(*bit));
    (seen == bits(number)).then_some(number)
}

fn blocks_of_picture(luma: Plane<'_>) -> Option<[bool; BLOCKS]> {
    let levels: [u32; BLOCKS] = std::array::from_fn(|block| {
        let (left, right) = (edge(luma.width, block), edge(luma.width, block + 1));
        let margin = (right - left) / 4;
        mean(luma, left + margin, right - margin)
    });
    let white = levels[0].min(levels[BLOCKS - 1]);
    let black = levels[1].max(levels[BLOCKS - 2]);
    (white >= black + CONTRAST).then(|| levels.map(|level| level > (white + black) / 2))
}

/// The first block is white, and each one is what the one before it is unless a line parts them.
fn blocks_of_edges(luma: Plane<'_>) -> Option<[bool; BLOCKS]> {
    let reach = (luma.width / BLOCKS / 3).max(1);
    let lines: [u32; BLOCKS - 1] = std::array::from_fn(|block| {
        let border = edge(luma.width, block + 1);
        let columns = border.saturating_sub(reach)..(border + reach).min(luma.width);
        columns
            .map(|column| mean(luma, column, column + 1))
            .max()
            .unwrap_or(0)
    });
    // White and black stand beside each other at both ends; their line says how bright lines are.
    let line = lines[0].min(lines[BLOCKS - 2]);
    if line < u32::from(BLACK) + CONTRAST {
        return None;
    }
    let threshold = (line + u32::from(BLACK)) / 2;
    let mut is_white = true;
    Some(std::array::from_fn(|block| {
        is_white ^= block > 0 && lines[block - 1] > threshold;
        is_white
    }))
}

fn bits(number: u16) -> [bool; BLOCKS] {
    let mut bits = [false; BLOCKS];
    let word = u32::from(number) << 4 | check(number);
    for (index, bit) in bits[2..22].iter_mut().enumerate() {
        *bit = word >> (19 - index) & 1 == 1;
    }
    (bits[0], bits[BLOCKS - 1]) = (true, true);
    bits
}

/// Four bits that a wrong bit changes; not zero for zero.
fn check(number: u16) -> u32 {
    let folded = number ^ (number >> 4) ^ (number >> 8) ^ (number >> 12);
    u32::from(folded & 0x0F) ^ 0x0A
}

const fn band(height: usize) -> usize {
    height.div_ceil(8)
}

const fn edge(width: usize, block: usize) -> usize {
    block * width / BLOCKS
}

/// The mean luma of some columns, in the middle half of the band.
fn mean(luma: Plane<'_>, left: usize, right: usize) -> u32 {
    let rows = band(luma.height);
    let columns = left..right.max(left + 1);
    let (mut sum, mut count) = (0, 0);
    for y in rows / 4..(rows - rows / 4).max(rows / 4 + 1) {
        for pixel in &luma.row(y)[columns.clone()] {
            sum += u32::from(*pixel);
            count += 1;
        }
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gannet_codecs::{
        VideoCodec, VideoDecoder, VideoEncoder, VideoEncoderConfig, VideoFrame, geometry,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{Source, TestPattern, VideoTransform, transform::Edges};

    #[test]
    fn a_picture_without_a_code_has_none() {
        let mut picture = I420Buffer::new(640, 480).unwrap();
        assert_eq!(read(&picture), None);
        picture.planes_mut()[0].fill(235);
        assert_eq!(read(&picture), None);
        assert_eq!(read(&I420Buffer::new(8, 8).unwrap()), None);
    }

    #[test]
    fn a_wrong_block_is_noticed() {
        let mut picture = I420Buffer::new(240, 160).unwrap();
        for block in 2..22 {
            write(&mut picture, 0x5A3C);
            for row in picture.planes_mut()[0].rows().take(20) {
                row[block * 10..block * 10 + 10]
                    .iter_mut()
                    .for_each(|pixel| *pixel = 251 - *pixel);
            }
            assert_eq!(read(&picture), None, "block {block}");
        }
    }

    #[test]
    fn a_code_survives_codecs_at_a_low_rate_and_scaling() {
        for codec in [VideoCodec::Vp8, VideoCodec::H264] {
            let config = VideoEncoderConfig {
                bitrate: 200_000,
                ..VideoEncoderConfig::default()
            };
            let mut encoder = codec.encoder(&config).unwrap();
            let mut decoder = codec.decoder().unwrap();
            let mut pattern = TestPattern::new(640, 480, 30).unwrap();
            let mut seen = 0;
            for index in 0..30u32 {
                let frame = pattern
                    .frame_at(Duration::from_secs(1) * index / 30)
                    .unwrap();
                let Some(encoded) = encoder.encode(&frame).unwrap() else {
                    continue;
                };
                let decoded = decoder.decode(&encoded).unwrap().unwrap();
                let small = geometry::scale(decoded.buffer(), 320, 240).unwrap();
                assert_eq!(read(&small), Some(index as u16), "{codec}");
                seen += 1;
            }
            assert!(seen > 8, "{codec}: {seen}");
        }
    }

    #[test]
    fn a_code_survives_as_edges_through_codecs_twice() {
        let config = VideoEncoderConfig::default();
        let mut coders = [(); 2].map(|()| {
            (
                VideoCodec::Vp8.encoder(&config).unwrap(),
                VideoCodec::Vp8.decoder().unwrap(),
            )
        });
        let mut pattern = TestPattern::new(640, 480, 30).unwrap();
        for index in 0..20u32 {
            let mut frame = pattern
                .frame_at(Duration::from_secs(1) * index / 30)
                .unwrap();
            frame_through(&mut frame, &mut coders[0]);
            frame = Edges::default().apply(&frame);
            frame_through(&mut frame, &mut coders[1]);
            assert_eq!(read(frame.buffer()), Some(index as u16));
        }
    }

    type Coder = (Box<dyn VideoEncoder>, Box<dyn VideoDecoder>);

    fn frame_through(frame: &mut VideoFrame, (encoder, decoder): &mut Coder) {
        let encoded = encoder.encode(frame).unwrap().unwrap();
        *frame = decoder.decode(&encoded).unwrap().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_number_survives_every_size(
            number in any::<u16>(), width in 120u32..700, height in 16u32..500,
            to in (120u32..500, 16u32..400),
        ) {
            let mut picture = I420Buffer::new(width, height).unwrap();
            picture.planes_mut()[0].fill(90);
            write(&mut picture, number);
            prop_assert_eq!(read(&picture), Some(number));
            let scaled = geometry::scale(&picture, to.0, to.1).unwrap();
            prop_assert_eq!(read(&scaled), Some(number));
        }
    }
}
