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

    const fn red_and_blue(self) -> (usize, usize) {
        match self {
            Self::Rgb | Self::Rgba => (0, 2),
            Self::Bgr | Self::Bgra => (2, 0),
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
    let row_bytes = width as usize * format.bytes_per_pixel();
    let expected = row_bytes * height as usize;
    if pixels.len() < expected {
        return Err(FrameError::TooShort {
            what: "pixels",
            length: pixels.len(),
            expected,
        });
    }
    let rows: Vec<&[u8]> = pixels[..expected].chunks(row_bytes).collect();
    let [mut y, mut u, mut v] = buffer.planes_mut();
    for (luma, row) in y.rows().zip(&rows) {
        for (luma, pixel) in luma.iter_mut().zip(row.chunks(format.bytes_per_pixel())) {
            *luma = luma_of(rgb(pixel, format));
        }
    }
    for ((u, v), pair) in u.rows().zip(v.rows()).zip(rows.chunks(2)) {
        let (top, bottom) = (pair[0], pair[pair.len() - 1]);
        let columns = 2 * format.bytes_per_pixel();
        for (x, (top, bottom)) in top.chunks(columns).zip(bottom.chunks(columns)).enumerate() {
            (u[x], v[x]) = chroma_of(mean_of_four(top, bottom, format));
        }
    }
    Ok(buffer)
}

/// The pixels of a picture, in rows without padding.
pub fn from_i420(buffer: &I420Buffer, format: PixelFormat) -> Vec<u8> {
    let size = format.bytes_per_pixel();
    let (red, blue) = format.red_and_blue();
    let mut pixels = vec![255; buffer.width() as usize * buffer.height() as usize * size];
    let [y, u, v] = buffer.planes();
    for (index, row) in pixels
        .chunks_mut(buffer.width() as usize * size)
        .enumerate()
    {
        let (luma, u, v) = (y.row(index), u.row(index / 2), v.row(index / 2));
        for (x, pixel) in row.chunks_mut(size).enumerate() {
            let [r, g, b] = pixel_of(luma[x], u[x / 2], v[x / 2]);
            pixel[red] = r;
            pixel[1] = g;
            pixel[blue] = b;
        }
    }
    pixels
}

/// The luma and chroma (Y, U, V) of one colour.
pub fn yuv_of([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let color = [red, green, blue].map(i32::from);
    let (u, v) = chroma_of(color);
    [luma_of(color), u, v]
}

fn rgb(pixel: &[u8], format: PixelFormat) -> [i32; 3] {
    let (red, blue) = format.red_and_blue();
    [pixel[red], pixel[1], pixel[blue]].map(i32::from)
}

/// The mean colour of two pixels of a row and the two below. A row's last column may be alone.
fn mean_of_four(top: &[u8], bottom: &[u8], format: PixelFormat) -> [i32; 3] {
    let size = format.bytes_per_pixel();
    let last = top.len() - size;
    let corners = [&top[..size], &top[last..], &bottom[..size], &bottom[last..]];
    let colors = corners.map(|pixel| rgb(pixel, format));
    [0, 1, 2].map(|i| (colors.iter().map(|color| color[i]).sum::<i32>() + 2) / 4)
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
                let mut pixel = vec![255; format.bytes_per_pixel()];
                let (red, blue) = format.red_and_blue();
                (pixel[red], pixel[1], pixel[blue]) = (color[0], color[1], color[2]);
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
