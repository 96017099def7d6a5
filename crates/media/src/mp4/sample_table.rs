//! Where the samples of a track are, and when they are shown (ISO/IEC 14496-12, sections 8.6.1, 8.6.2, 8.7.2 to 8.7.5).

use super::{
    Mp4ReadError,
    fields::{Boxes, Fields},
};

/// A frame in the file. Times are in ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// When it is decoded.
    pub(super) time: u64,
    /// How much later it is shown.
    pub(super) composition_offset: i64,
    pub(super) duration: u32,
    pub(super) is_sync: bool,
    /// Which of the track's sample entries it needs, from 0.
    pub(super) description: u32,
}

impl Sample {
    /// When it is shown.
    pub(super) fn composition_time(&self) -> i128 {
        i128::from(self.time) + i128::from(self.composition_offset)
    }
}

/// The tables of a track.
#[derive(Debug, Default)]
pub(super) struct SampleTable {
    /// How many samples in a row have which duration.
    durations: Vec<(u32, u32)>,
    /// How many in a row are shown how much later.
    composition_offsets: Vec<(u32, i64)>,
    chunks: Vec<u64>,
    runs: Vec<ChunkRun>,
    sizes: Sizes,
    /// The numbers of those that can be decoded alone, from 1; all when there is no such table.
    sync: Option<Vec<u32>>,
}

/// Chunks in a row that are alike.
#[derive(Clone, Copy, Debug)]
struct ChunkRun {
    /// The first one's number, from 1.
    first_chunk: u32,
    samples: u32,
    /// From 1.
    description: u32,
}

#[derive(Debug)]
enum Sizes {
    Equal { size: u32, count: u32 },
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl SampleTable {
    /// Reads the boxes of a Sample Table Box (`stbl`), but the sample entries.
    pub(super) fn read(boxes: &[u8]) -> Result<Self, Mp4ReadError> {
        let mut table = Self::default();
        let mut boxes = Boxes(boxes);
        while let Some((kind, contents)) = boxes.next_box()? {
            match &kind.0 {
                b"stts" => {
                    let mut fields = full_box(contents, "the table of durations")?.1;
                    table.durations = fields.table(8, |entry| Ok((entry.u32()?, entry.u32()?)))?;
                }
                b"ctts" => {
                    // The offsets of version 0 are unsigned, by the standard; writers put negative ones there too.
                    let mut fields = full_box(contents, "the table of composition times")?.1;
                    table.composition_offsets =
                        fields.table(8, |entry| Ok((entry.u32()?, entry.i32()?.into())))?;
                }
                b"stsc" => table.runs = read_runs(contents)?,
                b"stsz" => table.sizes = read_sizes(contents)?,
                b"stz2" => table.sizes = read_compact_sizes(contents)?,
                b"stco" => {
                    let mut fields = full_box(contents, "the table of chunks")?.1;
                    table.chunks = fields.table(4, |entry| Ok(entry.u32()?.into()))?;
                }
                b"co64" => {
                    let mut fields = full_box(contents, "the table of chunks")?.1;
                    table.chunks = fields.table(8, Fields::u64)?;
                }
                b"stss" => {
                    let mut fields = full_box(contents, "the table of sync samples")?.1;
                    table.sync = Some(fields.table(4, Fields::u32)?);
                }
                _ => {}
            }
        }
        Ok(table)
    }

    /// Whether samples are shown in another order than they are decoded in, or may be.
    pub(super) fn is_reordered(&self) -> bool {
        let mut offsets = self.composition_offsets.iter().map(|(_, offset)| offset);
        let first = offsets.next();
        offsets.any(|offset| Some(offset) != first)
    }

    /// When the last sample ends, in ticks.
    pub(super) fn end(&self) -> u64 {
        let each = self.durations.iter();
        let each = each.map(|(count, duration)| u64::from(*count) * u64::from(*duration));
        each.fold(0, u64::saturating_add)
    }

    const fn size(&self, index: u32) -> Option<u32> {
        match &self.sizes {
            Sizes::Equal { size, count } => {
                if index < *count {
                    Some(*size)
                } else {
                    None
                }
            }
            Sizes::Each(sizes) => {
                let sizes = sizes.as_slice();
                if (index as usize) < sizes.len() {
                    Some(sizes[index as usize])
                } else {
                    None
                }
            }
        }
    }
}

/// The version of a FullBox, and its fields.
fn full_box<'a>(contents: &'a [u8], what: &'static str) -> Result<(u8, Fields<'a>), Mp4ReadError> {
    let mut fields = Fields::new(contents, what);
    let (version, _) = fields.version_and_flags()?;
    Ok((version, fields))
}

fn read_runs(contents: &[u8]) -> Result<Vec<ChunkRun>, Mp4ReadError> {
    let mut last = 0;
    let (_, mut fields) = full_box(contents, "the table of samples in chunks")?;
    fields.table(12, |entry| {
        let run = ChunkRun {
            first_chunk: entry.u32()?,
            samples: entry.u32()?,
            description: entry.u32()?,
        };
        if run.first_chunk <= last || run.description == 0 {
            let what = "a number in the table of samples in chunks";
            return Err(Mp4ReadError::OutOfRange { what });
        }
        last = run.first_chunk;
        Ok(run)
    })
}

fn read_sizes(contents: &[u8]) -> Result<Sizes, Mp4ReadError> {
    let (_, mut fields) = full_box(contents, "the table of sizes")?;
    match fields.u32()? {
        0 => Ok(Sizes::Each(fields.table(4, Fields::u32)?)),
        size => Ok(Sizes::Equal {
            size,
            count: fields.u32()?,
        }),
    }
}

/// Sizes of 4, 8 or 16 bits.
fn read_compact_sizes(contents: &[u8]) -> Result<Sizes, Mp4ReadError> {
    let what = "the table of compact sizes";
    let (_, mut fields) = full_box(contents, what)?;
    fields.skip(3)?;
    Ok(Sizes::Each(match fields.u8()? {
        16 => fields.table(2, |entry| Ok(entry.u16()?.into()))?,
        8 => fields.table(1, |entry| Ok(entry.u8()?.into()))?,
        4 => {
            let count = fields.u32()? as usize;
            let octets = fields.rest().get(..count.div_ceil(2));
            let octets = octets.ok_or(Mp4ReadError::TooShort { what })?;
            let halves = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
            halves.take(count).map(u32::from).collect()
        }
        _ => return Err(Mp4ReadError::OutOfRange { what }),
    }))
}

/// Where in the tables a reader is.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    /// The next sample's number, from 0.
    index: u32,
    time: u64,
    /// The entry in a table of runs, and how much of it was used.
    duration: RunPlace,
    composition_offset: RunPlace,
    chunk: usize,
    run: usize,
    in_chunk: u32,
    offset_in_chunk: u64,
    sync: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct RunPlace {
    entry: usize,
    used: u32,
}

impl RunPlace {
    /// The value of the next sample; the last one goes on when the table ends.
    fn next<T: Copy>(&mut self, runs: &[(u32, T)]) -> Option<T> {
        while let Some((count, value)) = runs.get(self.entry) {
            if self.used < *count {
                self.used += 1;
                return Some(*value);
            }
            *self = Self {
                entry: self.entry + 1,
                used: 0,
            };
        }
        runs.last().map(|(_, value)| *value)
    }
}

impl Cursor {
    /// The next sample; `None` at the end of the tables.
    pub(super) fn next(&mut self, table: &SampleTable) -> Option<Sample> {
        let size = table.size(self.index)?;
        let (offset, description) = self.place(table, size)?;
        let duration = self.duration.next(&table.durations).unwrap_or(0);
        let composition_offset = self.composition_offset.next(&table.composition_offsets);
        let sample = Sample {
            offset,
            size,
            time: self.time,
            composition_offset: composition_offset.unwrap_or(0),
            duration,
            is_sync: self.is_sync(table),
            description: description - 1,
        };
        self.time = self.time.saturating_add(duration.into());
        self.index = self.index.checked_add(1)?;
        Some(sample)
    }

    /// Where in the file the next sample is, and its description.
    fn place(&mut self, table: &SampleTable, size: u32) -> Option<(u64, u32)> {
        loop {
            let chunk = *table.chunks.get(self.chunk)?;
            let run = *table.runs.get(self.run)?;
            if self.in_chunk < run.samples && self.chunk as u64 + 1 >= run.first_chunk.into() {
                let offset = chunk.checked_add(self.offset_in_chunk)?;
                self.in_chunk += 1;
                self.offset_in_chunk += u64::from(size);
                return Some((offset, run.description));
            }
            (self.in_chunk, self.offset_in_chunk) = (0, 0);
            self.chunk += 1;
            let following = table.runs.get(self.run + 1);
            if following.is_some_and(|next| u64::from(next.first_chunk) == self.chunk as u64 + 1) {
                self.run += 1;
            }
        }
    }

    fn is_sync(&mut self, table: &SampleTable) -> bool {
        let Some(sync) = &table.sync else {
            return true;
        };
        let number = self.index.saturating_add(1);
        while sync.get(self.sync).is_some_and(|first| *first < number) {
            self.sync += 1;
        }
        sync.get(self.sync) == Some(&number)
    }
}
