//! Files made by hand: what FFmpeg's do not have, and what no file should.

mod hostile;
mod made;

use std::{io::Cursor, time::Duration};

use gannet_codecs::{EncodedFrame, Rotation};

use super::*;
use crate::{EncodedSource, MediaKind};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A box.
fn boxed(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let size = contents.len() as u32 + 8;
    [&size.to_be_bytes()[..], kind, contents].concat()
}

/// A box with a version, flags, and numbers of 32 bits.
fn full(kind: &[u8; 4], version: u8, flags: u32, numbers: &[u32]) -> Vec<u8> {
    let mut contents = (u32::from(version) << 24 | flags).to_be_bytes().to_vec();
    contents.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    boxed(kind, &contents)
}

/// A file of one VP8 track of 1,000 ticks a second, made of parts that a test can change.
#[derive(Clone, Debug)]
struct File {
    matrix: [i32; 9],
    edits: Vec<u8>,
    sample_entry: Vec<u8>,
    /// The boxes of the sample table but the sample entry.
    tables: Vec<Vec<u8>>,
    /// Behind the tracks, in the description of the movie.
    extends: Vec<u8>,
    /// Behind the description.
    rest: Vec<u8>,
}

/// Where the data begins that is put in front of the description.
const DATA: u32 = 8 + 8 + 8;

impl Default for File {
    fn default() -> Self {
        Self {
            matrix: [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30],
            edits: Vec::new(),
            sample_entry: visual_entry(b"vp08", &[]),
            tables: Vec::new(),
            extends: Vec::new(),
            rest: Vec::new(),
        }
    }
}

fn visual_entry(kind: &[u8; 4], boxes: &[u8]) -> Vec<u8> {
    let mut contents = vec![0; 78];
    contents[24..28].copy_from_slice(&[0, 64, 0, 48]);
    contents.extend_from_slice(boxes);
    boxed(kind, &contents)
}

impl File {
    fn with_tables(tables: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            tables: tables.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The file, with 200 octets of data that count from 0.
    fn bytes(&self) -> Vec<u8> {
        let data: Vec<u8> = (0..200).collect();
        let media_data = boxed(b"mdat", &data);
        [
            boxed(b"ftyp", b"isom\0\0\0\0"),
            media_data,
            self.movie(),
            self.rest.clone(),
        ]
        .concat()
    }

    fn movie(&self) -> Vec<u8> {
        let mut description = full(b"stsd", 0, 0, &[1]);
        description.extend_from_slice(&self.sample_entry);
        let size = description.len() as u32;
        description[..4].copy_from_slice(&size.to_be_bytes());
        let table = boxed(b"stbl", &[description, self.tables.concat()].concat());
        let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0");
        let header = full(b"mdhd", 0, 0, &[0, 0, 1_000, 0]);
        let media = [header, handler, boxed(b"minf", &table)].concat();
        let mut numbers = vec![0, 0, 7, 0, 0, 0, 0, 0, 0];
        numbers.extend(self.matrix.map(i32::cast_unsigned));
        let track = [
            full(b"tkhd", 0, 3, &numbers),
            self.edits.clone(),
            boxed(b"mdia", &media),
        ];
        let movie = [
            full(b"mvhd", 0, 0, &[0, 0, 600, 0]),
            boxed(b"trak", &track.concat()),
            self.extends.clone(),
        ];
        boxed(b"moov", &movie.concat())
    }

    fn reader(&self) -> Result<Mp4Reader<Cursor<Vec<u8>>>, Mp4ReadError> {
        Mp4Reader::new(Cursor::new(self.bytes()))
    }

    fn track(&self) -> Mp4TrackReader<Cursor<Vec<u8>>> {
        self.reader().unwrap().into_track(MediaKind::Video).unwrap()
    }

    /// Time in milliseconds, first octet and length of each frame.
    fn frames(&self) -> Vec<(u128, u8, usize)> {
        let mut track = self.track();
        std::iter::from_fn(|| track.next_frame().unwrap())
            .map(|frame| (frame.timestamp.as_millis(), frame.data[0], frame.data.len()))
            .collect()
    }
}

/// Tables of samples of these sizes in one chunk at the beginning of the data, 40 ms each.
fn one_chunk(sizes: &[u32]) -> [Vec<u8>; 4] {
    let count = sizes.len() as u32;
    let mut numbers = vec![0, count];
    numbers.extend_from_slice(sizes);
    [
        full(b"stts", 0, 0, &[1, count, 40]),
        full(b"stsc", 0, 0, &[1, 1, count, 1]),
        full(b"stsz", 0, 0, &numbers),
        full(b"stco", 0, 0, &[1, DATA]),
    ]
}
