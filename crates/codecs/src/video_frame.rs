use std::{fmt, sync::Arc, time::Duration};

use crate::FrameError;

/// How far a picture is to be turned clockwise before it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// It is upright.
    #[default]
    Deg0,
    /// A quarter turn clockwise.
    Deg90,
    /// Upside down.
    Deg180,
    /// A quarter turn counter-clockwise.
    Deg270,
}

impl Rotation {
    /// The turn in degrees, clockwise.
    pub const fn degrees(self) -> u32 {
        match self {
            Self::Deg0 => 0,
            Self::Deg90 => 90,
            Self::Deg180 => 180,
            Self::Deg270 => 270,
        }
    }

    /// The turn of a number of degrees, if it is a quarter, a half, or none.
    pub const fn from_degrees(degrees: u32) -> Option<Self> {
        match degrees % 360 {
            0 => Some(Self::Deg0),
            90 => Some(Self::Deg90),
            180 => Some(Self::Deg180),
            270 => Some(Self::Deg270),
            _ => None,
        }
    }
}

/// One plane of a picture: rows of `width` bytes that begin `stride` bytes apart.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The bytes, from the first of the first row.
    pub data: &'a [u8],
    /// The distance from one row to the next.
    pub stride: usize,
    /// Bytes in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl<'a> Plane<'a> {
    /// Row `y`, counted from the top.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.stride;
        &self.data[start..start + self.width]
    }

    /// The rows from the top down.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let width = self.width;
        self.data
            .chunks(self.stride)
            .take(self.height)
            .map(move |row| &row[..width])
    }
}

impl fmt::Debug for Plane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Plane({}x{}, stride {})",
            self.width, self.height, self.stride
        )
    }
}

/// A plane that can be written.
pub struct PlaneMut<'a> {
    /// The bytes, from the first of the first row.
    pub data: &'a mut [u8],
    /// The distance from one row to the next.
    pub stride: usize,
    /// Bytes in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl PlaneMut<'_> {
    /// Row `y`, counted from the top.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn row(&mut self, y: usize) -> &mut [u8] {
        let start = y * self.stride;
        &mut self.data[start..start + self.width]
    }

    /// The rows from the top down.
    pub fn rows(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let width = self.width;
        self.data
            .chunks_mut(self.stride)
            .take(self.height)
            .map(move |row| &mut row[..width])
    }

    /// Sets every byte of every row.
    pub fn fill(&mut self, value: u8) {
        self.rows().for_each(|row| row.fill(value));
    }

    /// Copies a plane of the same size.
    ///
    /// # Panics
    ///
    /// When the widths differ.
    pub fn copy_from(&mut self, source: Plane<'_>) {
        for (to, from) in self.rows().zip(source.rows()) {
            to.copy_from_slice(from);
        }
    }
}

impl fmt::Debug for PlaneMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PlaneMut({}x{}, stride {})",
            self.width, self.height, self.stride
        )
    }
}

/// A picture in I420: a full plane of luma and two of chroma at half the width and height (rounded
/// up), 8 bits a sample, BT.601 limited range unless both ends know better.
#[derive(Clone, PartialEq, Eq)]
pub struct I420Buffer {
    data: Vec<u8>,
    width: u32,
    height: u32,
    stride_y: usize,
    stride_uv: usize,
}

impl I420Buffer {
    /// The most pixels on a side: VP8's 14 bits.
    pub const MAX_DIMENSION: u32 = 16_383;

    /// A black picture.
    ///
    /// # Errors
    ///
    /// When a side is 0 or over [`MAX_DIMENSION`](Self::MAX_DIMENSION).
    pub fn new(width: u32, height: u32) -> Result<Self, FrameError> {
        let sides = 1..=Self::MAX_DIMENSION;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(FrameError::Dimensions { width, height });
        }
        let stride_y = width as usize;
        let stride_uv = width.div_ceil(2) as usize;
        let luma = stride_y * height as usize;
        let chroma = stride_uv * height.div_ceil(2) as usize;
        let mut data = vec![16; luma];
        data.resize(luma + 2 * chroma, 128);
        Ok(Self {
            data,
            width,
            height,
            stride_y,
            stride_uv,
        })
    }

    /// A copy of three planes with strides of their own.
    ///
    /// # Errors
    ///
    /// When the dimensions are out of range, a stride is shorter than its row, or a plane ends
    /// before its last row.
    pub fn from_planes(
        width: u32,
        height: u32,
        [y, u, v]: [&[u8]; 3],
        [stride_y, stride_u, stride_v]: [usize; 3],
    ) -> Result<Self, FrameError> {
        let mut buffer = Self::new(width, height)?;
        let [mut to_y, mut to_u, mut to_v] = buffer.planes_mut();
        copy_plane("luma plane", &mut to_y, y, stride_y)?;
        copy_plane("first chroma plane", &mut to_u, u, stride_u)?;
        copy_plane("second chroma plane", &mut to_v, v, stride_v)?;
        Ok(buffer)
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Luma.
    pub fn y(&self) -> Plane<'_> {
        self.planes()[0]
    }

    /// Blue-difference chroma.
    pub fn u(&self) -> Plane<'_> {
        self.planes()[1]
    }

    /// Red-difference chroma.
    pub fn v(&self) -> Plane<'_> {
        self.planes()[2]
    }

    /// Luma and both chroma planes.
    pub fn planes(&self) -> [Plane<'_>; 3] {
        let (y, chroma) = self.data.split_at(self.stride_y * self.height as usize);
        let (u, v) = chroma.split_at(self.stride_uv * self.height.div_ceil(2) as usize);
        let (width, height) = (self.width as usize, self.height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (stride, half_stride) = (self.stride_y, self.stride_uv);
        [
            Plane {
                data: y,
                stride,
                width,
                height,
            },
            Plane {
                data: u,
                stride: half_stride,
                width: half_width,
                height: half_height,
            },
            Plane {
                data: v,
                stride: half_stride,
                width: half_width,
                height: half_height,
            },
        ]
    }

    /// Luma and both chroma planes, to be written.
    pub fn planes_mut(&mut self) -> [PlaneMut<'_>; 3] {
        let (y, chroma) = self.data.split_at_mut(self.stride_y * self.height as usize);
        let (u, v) = chroma.split_at_mut(self.stride_uv * self.height.div_ceil(2) as usize);
        let (width, height) = (self.width as usize, self.height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (stride, half_stride) = (self.stride_y, self.stride_uv);
        [
            PlaneMut {
                data: y,
                stride,
                width,
                height,
            },
            PlaneMut {
                data: u,
                stride: half_stride,
                width: half_width,
                height: half_height,
            },
            PlaneMut {
                data: v,
                stride: half_stride,
                width: half_width,
                height: half_height,
            },
        ]
    }
}

fn copy_plane(
    what: &'static str,
    to: &mut PlaneMut<'_>,
    data: &[u8],
    stride: usize,
) -> Result<(), FrameError> {
    let (width, height) = (to.width, to.height);
    if stride < width {
        return Err(FrameError::Stride {
            what,
            stride,
            width,
        });
    }
    let expected = stride.saturating_mul(height - 1).saturating_add(width);
    if data.len() < expected {
        return Err(FrameError::TooShort {
            what,
            length: data.len(),
            expected,
        });
    }
    to.copy_from(Plane {
        data,
        stride,
        width,
        height,
    });
    Ok(())
}

impl fmt::Debug for I420Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I420Buffer({}x{})", self.width, self.height)
    }
}

/// A picture, when it is to be shown, and how it is to be turned first.
///
/// A clone shares the picture; [`buffer_mut`](Self::buffer_mut) copies it only when it is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFrame {
    buffer: Arc<I420Buffer>,
    timestamp: Duration,
    rotation: Rotation,
}

impl VideoFrame {
    /// An upright picture at the media time `timestamp`.
    pub fn new(buffer: impl Into<Arc<I420Buffer>>, timestamp: Duration) -> Self {
        Self {
            buffer: buffer.into(),
            timestamp,
            rotation: Rotation::Deg0,
        }
    }

    /// The picture.
    pub fn buffer(&self) -> &I420Buffer {
        &self.buffer
    }

    /// The picture, to be written; copied first when other frames share it.
    pub fn buffer_mut(&mut self) -> &mut I420Buffer {
        Arc::make_mut(&mut self.buffer)
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.buffer.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.buffer.height
    }

    /// The media time of the picture.
    pub fn timestamp(&self) -> Duration {
        self.timestamp
    }

    /// How far to turn the picture before it is shown.
    pub fn rotation(&self) -> Rotation {
        self.rotation
    }

    /// The same picture at another time.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Duration) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same picture, to be turned otherwise.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Another picture at the same time, turned alike.
    #[must_use]
    pub fn with_buffer(&self, buffer: impl Into<Arc<I420Buffer>>) -> Self {
        Self {
            buffer: buffer.into(),
            timestamp: self.timestamp,
            rotation: self.rotation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let buffer = I420Buffer::new(5, 3).unwrap();
        let [y, u, v] = buffer.planes();
        assert_eq!((y.width, y.height), (5, 3));
        assert_eq!((u.width, u.height), (3, 2));
        assert_eq!((v.width, v.height), (3, 2));
        assert!(y.rows().flatten().all(|&luma| luma == 16));
        assert!(v.rows().flatten().all(|&chroma| chroma == 128));
        assert_eq!(v.rows().count(), 2);
    }

    #[test]
    fn planes_with_padding_are_copied_tight() {
        let y = [1, 2, 0, 3, 4]; // The last row may end at its last pixel.
        let buffer = I420Buffer::from_planes(2, 2, [&y, &[5], &[6]], [3, 1, 1]).unwrap();
        assert_eq!(buffer.y().row(0), [1, 2]);
        assert_eq!(buffer.y().row(1), [3, 4]);
        assert_eq!(buffer.u().row(0), [5]);
        assert_eq!(buffer.v().row(0), [6]);
    }

    #[test]
    fn impossible_pictures_are_refused() {
        assert!(I420Buffer::new(0, 1).is_err());
        assert!(I420Buffer::new(1, 16_384).is_err());
        let short = I420Buffer::from_planes(2, 2, [&[0; 3], &[0], &[0]], [2, 1, 1]);
        let expected = FrameError::TooShort {
            what: "luma plane",
            length: 3,
            expected: 4,
        };
        assert_eq!(short.unwrap_err(), expected);
        let narrow = I420Buffer::from_planes(4, 2, [&[0; 8], &[0; 2], &[0; 2]], [4, 1, 2]);
        let expected = FrameError::Stride {
            what: "first chroma plane",
            stride: 1,
            width: 2,
        };
        assert_eq!(narrow.unwrap_err(), expected);
    }

    #[test]
    fn a_shared_picture_is_copied_on_write() {
        let mut frame = VideoFrame::new(I420Buffer::new(2, 2).unwrap(), Duration::ZERO);
        let shared = frame.clone();
        frame.buffer_mut().planes_mut()[0].fill(200);
        assert_eq!(shared.buffer().y().row(0), [16, 16]);
        assert_eq!(frame.buffer().y().row(0), [200, 200]);
    }

    #[test]
    fn turns_are_quarters() {
        for rotation in [
            Rotation::Deg0,
            Rotation::Deg90,
            Rotation::Deg180,
            Rotation::Deg270,
        ] {
            assert_eq!(Rotation::from_degrees(rotation.degrees()), Some(rotation));
        }
        assert_eq!(Rotation::from_degrees(45), None);
    }
}
