//! Pictures of another size, part of a picture, and pictures turned.

use crate::{FrameError, I420Buffer, Plane, PlaneMut, Rotation};

/// A rectangle in a picture, in pixels from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rectangle {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// The picture in another size. Bilinear; pictures less than half as large are averaged first.
///
/// # Errors
///
/// When a side is out of range.
pub fn scale(buffer: &I420Buffer, width: u32, height: u32) -> Result<I420Buffer, FrameError> {
    if (buffer.width(), buffer.height()) == (width, height) {
        return Ok(buffer.clone());
    }
    let mut scaled = I420Buffer::new(width, height)?;
    let (halve_x, halve_y) = (buffer.width() / 2 >= width, buffer.height() / 2 >= height);
    if halve_x || halve_y {
        let half_width = if halve_x {
            buffer.width() / 2
        } else {
            buffer.width()
        };
        let half_height = if halve_y {
            buffer.height() / 2
        } else {
            buffer.height()
        };
        let mut half = I420Buffer::new(half_width, half_height)?;
        for (from, mut to) in buffer.planes().into_iter().zip(half.planes_mut()) {
            average_plane(from, &mut to, halve_x, halve_y);
        }
        return scale(&half, width, height);
    }
    for (from, mut to) in buffer.planes().into_iter().zip(scaled.planes_mut()) {
        scale_plane(from, &mut to);
    }
    Ok(scaled)
}

/// The largest size within `width` x `height` that keeps the picture's shape, of even sides.
pub fn fit(buffer: &I420Buffer, width: u32, height: u32) -> (u32, u32) {
    let (from_width, from_height) = (u64::from(buffer.width()), u64::from(buffer.height()));
    let (width, height) = (u64::from(width), u64::from(height));
    let (width, height) = if width * from_height <= height * from_width {
        (width, width * from_height / from_width)
    } else {
        (height * from_width / from_height, height)
    };
    let even = |side: u64| (side as u32 & !1).max(2);
    (even(width), even(height))
}

/// The part of a picture inside a rectangle, whose corner is moved to even pixels.
///
/// # Errors
///
/// When the rectangle is empty or reaches outside of the picture.
pub fn crop(buffer: &I420Buffer, rectangle: Rectangle) -> Result<I420Buffer, FrameError> {
    let Rectangle {
        x,
        y,
        width,
        height,
    } = rectangle;
    let is_inside = x
        .checked_add(width)
        .is_some_and(|right| right <= buffer.width())
        && y.checked_add(height)
            .is_some_and(|bottom| bottom <= buffer.height());
    if !is_inside {
        return Err(FrameError::Crop {
            x,
            y,
            width,
            height,
        });
    }
    let mut cropped = I420Buffer::new(width, height)?;
    let (left, top) = ((x & !1) as usize, (y & !1) as usize);
    for (index, (from, mut to)) in buffer
        .planes()
        .into_iter()
        .zip(cropped.planes_mut())
        .enumerate()
    {
        let (left, top) = if index == 0 {
            (left, top)
        } else {
            (left / 2, top / 2)
        };
        let width = to.width;
        for (to, from) in to.rows().zip(from.rows().skip(top)) {
            to.copy_from_slice(&from[left..left + width]);
        }
    }
    Ok(cropped)
}

/// The picture turned clockwise.
pub fn rotate(buffer: &I420Buffer, rotation: Rotation) -> I420Buffer {
    let (width, height) = match rotation {
        Rotation::Deg0 => return buffer.clone(),
        Rotation::Deg180 => (buffer.width(), buffer.height()),
        Rotation::Deg90 | Rotation::Deg270 => (buffer.height(), buffer.width()),
    };
    let mut turned = I420Buffer::new(width, height).expect("the sides are those of a picture");
    for (from, mut to) in buffer.planes().into_iter().zip(turned.planes_mut()) {
        rotate_plane(from, &mut to, rotation);
    }
    turned
}

/// The picture as a mirror shows it.
pub fn mirror(buffer: &I420Buffer) -> I420Buffer {
    let mut mirrored = buffer.clone();
    for mut plane in mirrored.planes_mut() {
        plane.rows().for_each(<[u8]>::reverse);
    }
    mirrored
}

/// Peak signal-to-noise ratio of the luma of two pictures of one size, in decibels; infinite for
/// equal ones, and none for pictures of different sizes.
pub fn luma_psnr(a: &I420Buffer, b: &I420Buffer) -> Option<f64> {
    if (a.width(), a.height()) != (b.width(), b.height()) {
        return None;
    }
    let pairs = a.y().rows().flatten().zip(b.y().rows().flatten());
    let error: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    let mean = error as f64 / (f64::from(a.width()) * f64::from(a.height()));
    Some(10.0 * (255.0 * 255.0 / mean).log10())
}

/// Where an output sample lies in the input, in 1/256 of a sample: both grids' outer edges meet.
fn source_positions(from: usize, to: usize) -> Vec<(usize, usize, u32)> {
    let last = from - 1;
    let position = |index: usize| {
        let center = ((2 * index + 1) * from * 256 / (2 * to)).saturating_sub(128);
        let first = (center / 256).min(last);
        (first, (first + 1).min(last), (center % 256) as u32)
    };
    (0..to).map(position).collect()
}

fn scale_plane(from: Plane<'_>, to: &mut PlaneMut<'_>) {
    let columns = source_positions(from.width, to.width);
    let rows = source_positions(from.height, to.height);
    let mut blended = vec![0u32; from.width];
    for (row, (top, bottom, weight)) in to.rows().zip(rows) {
        let (top, bottom) = (from.row(top), from.row(bottom));
        for ((sum, top), bottom) in blended.iter_mut().zip(top).zip(bottom) {
            *sum = u32::from(*top) * (256 - weight) + u32::from(*bottom) * weight;
        }
        for (pixel, (left, right, weight)) in row.iter_mut().zip(&columns) {
            let sum = blended[*left] * (256 - weight) + blended[*right] * weight;
            *pixel = ((sum + (1 << 15)) >> 16) as u8;
        }
    }
}

/// Averages pairs of columns and of rows. The last one may be alone.
fn average_plane(from: Plane<'_>, to: &mut PlaneMut<'_>, halve_x: bool, halve_y: bool) {
    let (step_x, step_y) = (1 + usize::from(halve_x), 1 + usize::from(halve_y));
    for (y, row) in to.rows().enumerate() {
        let top = from.row(y * step_y);
        let bottom = from.row((y * step_y + step_y - 1).min(from.height - 1));
        let columns = top.chunks(step_x).zip(bottom.chunks(step_x));
        for (pixel, (top, bottom)) in row.iter_mut().zip(columns) {
            let last = top.len() - 1;
            let sum = [top[0], top[last], bottom[0], bottom[last]].map(u32::from);
            *pixel = ((sum.iter().sum::<u32>() + 2) / 4) as u8;
        }
    }
}

fn rotate_plane(from: Plane<'_>, to: &mut PlaneMut<'_>, rotation: Rotation) {
    let (last_x, last_y) = (from.width - 1, from.height - 1);
    for (y, row) in to.rows().enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let (from_x, from_y) = match rotation {
                Rotation::Deg0 => (x, y),
                Rotation::Deg90 => (y, last_y - x),
                Rotation::Deg180 => (last_x - x, last_y - y),
                Rotation::Deg270 => (last_x - y, x),
            };
            *pixel = from.data[from_y * from.stride + from_x];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(width: u32, height: u32) -> I420Buffer {
        let mut buffer = I420Buffer::new(width, height).unwrap();
        for mut plane in buffer.planes_mut() {
            for (y, row) in plane.rows().enumerate() {
                for (x, pixel) in row.iter_mut().enumerate() {
                    *pixel = (x * 3 + y * 5) as u8;
                }
            }
        }
        buffer
    }

    #[test]
    fn a_gradient_survives_scaling_down_and_up() {
        let mut gradient = I420Buffer::new(320, 240).unwrap();
        for row in gradient.planes_mut()[0].rows() {
            row.iter_mut()
                .enumerate()
                .for_each(|(x, pixel)| *pixel = (x * 4 / 5) as u8);
        }
        let small = scale(&gradient, 70, 50).unwrap();
        let back = scale(&small, 320, 240).unwrap();
        let psnr = luma_psnr(&gradient, &back).unwrap();
        assert!(psnr > 40.0, "{psnr:.1} dB");
    }

    #[test]
    fn a_turned_corner_is_where_it_belongs() {
        let mut buffer = I420Buffer::new(4, 2).unwrap();
        buffer.planes_mut()[0].row(0)[0] = 200; // top left
        let right = rotate(&buffer, Rotation::Deg90);
        assert_eq!((right.width(), right.height()), (2, 4));
        assert_eq!(right.y().row(0), [16, 200]);
        assert_eq!(
            rotate(&buffer, Rotation::Deg180).y().row(1),
            [16, 16, 16, 200]
        );
        assert_eq!(rotate(&buffer, Rotation::Deg270).y().row(3), [200, 16]);
        assert_eq!(mirror(&buffer).y().row(0), [16, 16, 16, 200]);
    }

    #[test]
    fn crops_stay_inside() {
        let buffer = picture(9, 7);
        let part = crop(
            &buffer,
            Rectangle {
                x: 3,
                y: 2,
                width: 4,
                height: 5,
            },
        )
        .unwrap();
        assert_eq!(part.y().row(0), &buffer.y().row(2)[2..6]);
        assert_eq!(part.u().row(0), &buffer.u().row(1)[1..3]);
        for outside in [
            Rectangle {
                x: 6,
                y: 0,
                width: 4,
                height: 1,
            },
            Rectangle {
                x: u32::MAX,
                y: 0,
                width: 2,
                height: 1,
            },
            Rectangle {
                x: 0,
                y: 0,
                width: 0,
                height: 1,
            },
        ] {
            assert!(crop(&buffer, outside).is_err());
        }
    }

    #[test]
    fn a_picture_fits_with_its_shape() {
        assert_eq!(fit(&picture(1280, 720), 640, 640), (640, 360));
        assert_eq!(fit(&picture(480, 640), 640, 480), (360, 480));
        assert_eq!(fit(&picture(1000, 1), 10, 10), (10, 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_size_scales_to_any_other(
            from in (1u32..80, 1u32..80), to in (1u32..80, 1u32..80), value in any::<u8>(),
        ) {
            let mut buffer = I420Buffer::new(from.0, from.1).unwrap();
            buffer.planes_mut().iter_mut().for_each(|plane| plane.fill(value));
            let scaled = scale(&buffer, to.0, to.1).unwrap();
            prop_assert_eq!((scaled.width(), scaled.height()), to);
            for plane in scaled.planes() {
                prop_assert!(plane.rows().flatten().all(|pixel| *pixel == value));
            }
        }

        #[test]
        fn four_quarter_turns_are_none(width in 1u32..20, height in 1u32..20) {
            let start = picture(width, height);
            let mut turned = start.clone();
            for _ in 0..4 {
                turned = rotate(&turned, Rotation::Deg90);
            }
            prop_assert_eq!(&turned, &start);
            let half = rotate(&rotate(&start, Rotation::Deg90), Rotation::Deg90);
            prop_assert_eq!(half, rotate(&start, Rotation::Deg180));
            let back = rotate(&rotate(&start, Rotation::Deg90), Rotation::Deg270);
            prop_assert_eq!(back, start);
        }
    }
}
