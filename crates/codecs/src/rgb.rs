//! I420 from and to interleaved red, green and blue, BT.601 limited range.

use crate::{FrameError, I420Buffer};

/// The order of the bytes of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Red, green, blue, opacity (written as 255, ignored when read).
    Rgba,
    /// Blue, green, red, opacity (written as 255, ignored when read).
    Bgra,
}

impl PixelFormat {
    /// Bytes in a pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Rgba | Self::Bgra => 4,
        }
    }
}

/// A picture from rows of pixels without padding.
///
/// # Errors
///
/// When a side is out of range, or the pixels are too few.
pub fn to_i420(
    pixels: &[u8],
    width: u32,
    height: u32,
    format: PixelFormat,
) -> Result<I420Buffer, FrameError> {
    let mut buffer = I420Buffer::new(width, height)?;
    let expected = width as usize * height as usize * format.bytes_per_pixel();
    if pixels.len() < expected {
        return Err(FrameError::TooShort {
            what: "pixels",
            length: pixels.len(),
            expected,
        });
    }
    let pixels = &pixels[..expected];
    match format {
        PixelFormat::Rgb => convert::<3, 0>(pixels, &mut buffer),
        PixelFormat::Bgr => convert::<3, 2>(pixels, &mut buffer),
        PixelFormat::Rgba => convert::<4, 0>(pixels, &mut buffer),
        PixelFormat::Bgra => convert::<4, 2>(pixels, &mut buffer),
    }
    Ok(buffer)
}

/// The pixels of a picture, in rows without padding.
pub fn from_i420(buffer: &I420Buffer, format: PixelFormat) -> Vec<u8> {
    let count = buffer.width() as usize * buffer.height() as usize;
    let mut pixels = vec![255; count * format.bytes_per_pixel()];
    match format {
        PixelFormat::Rgb => render::<3, 0>(buffer, &mut pixels),
        PixelFormat::Bgr => render::<3, 2>(buffer, &mut pixels),
        PixelFormat::Rgba => render::<4, 0>(buffer, &mut pixels),
        PixelFormat::Bgra => render::<4, 2>(buffer, &mut pixels),
    }
    pixels
}

/// The luma and chroma (Y, U, V) of one colour.
pub fn yuv_of([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let color = [red, green, blue].map(i32::from);
    let (u, v) = chroma_of(color);
    [luma_of(color), u, v]
}

/// Converts pixels of `SIZE` bytes with red at `RED` and blue at the other end of green.
fn convert<const SIZE: usize, const RED: usize>(pixels: &[u8], buffer: &mut I420Buffer) {
    let width = buffer.width() as usize;
    let (pixels, _) = pixels.as_chunks::<SIZE>();
    let [mut y, mut u, mut v] = buffer.planes_mut();
    for (luma, row) in y.rows().zip(pixels.chunks(width)) {
        for (luma, pixel) in luma.iter_mut().zip(row) {
            *luma = luma_of(color::<SIZE, RED>(pixel));
        }
    }
    for ((u, v), rows) in u.rows().zip(v.rows()).zip(pixels.chunks(2 * width)) {
        // The last row and column of an odd picture have no neighbour but themselves.
        let (top, bottom) = (&rows[..width], &rows[rows.len() - width..]);
        let columns = top.chunks(2).zip(bottom.chunks(2));
        for ((u, v), (top, bottom)) in u.iter_mut().zip(v).zip(columns) {
            let last = top.len() - 1;
            let corners = [top[0], top[last], bottom[0], bottom[last]];
            let colors = corners.map(|pixel| color::<SIZE, RED>(&pixel));
            let mean = |part: usize| (colors.iter().map(|color| color[part]).sum::<i32>() + 2) / 4;
            (*u, *v) = chroma_of([mean(0), mean(1), mean(2)]);
        }
    }
}

/// Writes pixels of `SIZE` bytes with red at `RED` and blue at the other end of green.
fn render<const SIZE: usize, const RED: usize>(buffer: &I420Buffer, pixels: &mut [u8]) {
    let [y, u, v] = buffer.planes();
    let (pixels, _) = pixels.as_chunks_mut::<SIZE>();
    for (index, row) in pixels.chunks_mut(buffer.width() as usize).enumerate() {
        let chroma = u.row(index / 2).iter().zip(v.row(index / 2));
        let columns = row.chunks_mut(2).zip(y.row(index).chunks(2)).zip(chroma);
        for ((pixels, luma), (u, v)) in columns {
            for (pixel, luma) in pixels.iter_mut().zip(luma) {
                [pixel[RED], pixel[1], pixel[2 - RED]] = pixel_of(*luma, *u, *v);
            }
        }
    }
}

fn color<const SIZE: usize, const RED: usize>(pixel: &[u8; SIZE]) -> [i32; 3] {
    [pixel[RED], pixel[1], pixel[2 - RED]].map(i32::from)
}

/// BT.601's coefficients times 256 (ITU-R BT.601-7, section 2.5.1 and 2.5.3, for 8 bits).
fn luma_of([r, g, b]: [i32; 3]) -> u8 {
    (((66 * r + 129 * g + 25 * b + 128) >> 8) + 16) as u8
}

fn chroma_of([r, g, b]: [i32; 3]) -> (u8, u8) {
    let u = ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128;
    let v = ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128;
    (u as u8, v as u8)
}

fn pixel_of(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = 298 * (i32::from(y) - 16) + 128;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let red = (luma + 409 * v) >> 8;
    let green = (luma - 100 * u - 208 * v) >> 8;
    let blue = (luma + 516 * u) >> 8;
    [red, green, blue].map(|part| part.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMATS: [PixelFormat; 4] = [
        PixelFormat::Rgb,
        PixelFormat::Bgr,
        PixelFormat::Rgba,
        PixelFormat::Bgra,
    ];

    #[test]
    fn known_colors() {
        // BT.601's 100 % colour bars.
        assert_eq!(yuv_of([255, 255, 255]), [235, 128, 128]);
        assert_eq!(yuv_of([0, 0, 0]), [16, 128, 128]);
        assert_eq!(yuv_of([255, 0, 0]), [82, 90, 240]);
        assert_eq!(yuv_of([0, 255, 0]), [144, 54, 34]);
        assert_eq!(yuv_of([0, 0, 255]), [41, 240, 110]);
    }

    #[test]
    fn too_few_pixels_are_refused() {
        assert!(to_i420(&[0; 11], 2, 2, PixelFormat::Rgb).is_err());
        assert!(to_i420(&[], 0, 2, PixelFormat::Rgb).is_err());
    }

    proptest! {
        #[test]
        fn a_plain_picture_survives_in_every_format(
            color in any::<[u8; 3]>(), width in 1u32..9, height in 1u32..9,
        ) {
            for format in FORMATS {
                let mut pixel = color.to_vec();
                if matches!(format, PixelFormat::Bgr | PixelFormat::Bgra) {
                    pixel.reverse();
                }
                pixel.resize(format.bytes_per_pixel(), 255);
                let pixels = pixel.repeat((width * height) as usize);
                let back = from_i420(&to_i420(&pixels, width, height, format).unwrap(), format);
                prop_assert_eq!(back.len(), pixels.len());
                for (before, after) in pixels.iter().zip(&back) {
                    prop_assert!(before.abs_diff(*after) <= 4, "{} became {}", before, after);
                }
            }
        }
    }
}
