//! Movie Fragment Boxes (ISO/IEC 14496-12, section 8.8): samples of files that are written, or sent, piece by piece.

use super::{
    Mp4ReadError,
    fields::{Boxes, Fields},
    movie::{SampleDefaults, TrackEntry},
    sample_table::Sample,
};

/// The most samples of a fragment.
const MAX_SAMPLES: usize = 1 << 18;

/// `sample_is_non_sync_sample` (section 8.8.3.1).
const IS_NOT_SYNC: u32 = 0x0001_0000;

/// What a fragment has of one track.
#[derive(Debug)]
pub(super) struct TrackFragment {
    pub(super) track: u32,
    /// When its first sample is decoded, if it says.
    pub(super) time: Option<u64>,
    /// Their times count from the first one's.
    pub(super) samples: Vec<Sample>,
}

/// Reads a Movie Fragment Box that begins at `start` of the file.
pub(super) fn read(
    contents: &[u8],
    start: u64,
    tracks: &[TrackEntry],
) -> Result<Vec<TrackFragment>, Mp4ReadError> {
    let mut fragments: Vec<TrackFragment> = Vec::new();
    let mut data_end = start;
    let mut left = MAX_SAMPLES;
    let mut boxes = Boxes(contents);
    while let Some((kind, contents)) = boxes.next_box()? {
        if kind.0 != *b"traf" {
            continue;
        }
        let header = Boxes(contents).find(b"tfhd")?;
        let header = Header::read(header.unwrap_or_default(), start, data_end, tracks)?;
        let mut runs = Runs {
            data_end: header.base,
            header,
            time: 0,
            left: &mut left,
            samples: Vec::new(),
        };
        let mut time = None;
        let mut boxes = Boxes(contents);
        while let Some((kind, contents)) = boxes.next_box()? {
            match &kind.0 {
                b"tfdt" => {
                    let mut fields = Fields::new(contents, "a fragment's decode time");
                    let (version, _) = fields.version_and_flags()?;
                    time = Some(fields.number(version)?);
                }
                b"trun" => runs.read(contents)?,
                _ => {}
            }
        }
        data_end = runs.data_end;
        fragments.push(TrackFragment {
            track: runs.header.track,
            time,
            samples: runs.samples,
        });
    }
    Ok(fragments)
}

/// A Track Fragment Header Box (section 8.8.7).
#[derive(Debug)]
struct Header {
    track: u32,
    /// Where the offsets of its data count from.
    base: u64,
    defaults: SampleDefaults,
}

impl Header {
    fn read(
        contents: &[u8],
        start: u64,
        data_end: u64,
        tracks: &[TrackEntry],
    ) -> Result<Self, Mp4ReadError> {
        const BASE_DATA_OFFSET: u32 = 0x1;
        const DESCRIPTION: u32 = 0x2;
        const DURATION: u32 = 0x8;
        const SIZE: u32 = 0x10;
        const FLAGS: u32 = 0x20;
        const BASE_IS_MOOF: u32 = 0x2_0000;
        let mut fields = Fields::new(contents, "a track fragment's header");
        let (_, flags) = fields.version_and_flags()?;
        let has = |flag| flags & flag != 0;
        let track = fields.u32()?;
        let base = if has(BASE_DATA_OFFSET) {
            fields.u64()?
        } else if has(BASE_IS_MOOF) {
            start
        } else {
            data_end
        };
        let entry = tracks.iter().find(|entry| entry.track.id == track);
        let mut defaults = entry.map(|entry| entry.defaults).unwrap_or_default();
        for (flag, value) in [
            (DESCRIPTION, &mut defaults.description),
            (DURATION, &mut defaults.duration),
            (SIZE, &mut defaults.size),
            (FLAGS, &mut defaults.flags),
        ] {
            if has(flag) {
                *value = fields.u32()?;
            }
        }
        Ok(Self {
            track,
            base,
            defaults,
        })
    }
}

/// The Track Fragment Run Boxes of a track fragment (section 8.8.8), one after the other.
#[derive(Debug)]
struct Runs<'a> {
    header: Header,
    data_end: u64,
    time: u64,
    /// How many samples the fragment may still have.
    left: &'a mut usize,
    samples: Vec<Sample>,
}

impl Runs<'_> {
    fn read(&mut self, contents: &[u8]) -> Result<(), Mp4ReadError> {
        const DATA_OFFSET: u32 = 0x1;
        const FIRST_FLAGS: u32 = 0x4;
        const DURATION: u32 = 0x100;
        const SIZE: u32 = 0x200;
        const FLAGS: u32 = 0x400;
        const COMPOSITION_OFFSET: u32 = 0x800;
        let mut fields = Fields::new(contents, "a track fragment's run");
        let (_, flags) = fields.version_and_flags()?;
        let has = |flag| flags & flag != 0;
        let count = fields.u32()? as usize;
        if count > *self.left {
            return Err(Mp4ReadError::TooLarge {
                what: "a number of samples in a fragment",
                size: count as u64,
                limit: MAX_SAMPLES as u64,
            });
        }
        *self.left -= count;
        let what = "the place of a fragment's data";
        let out_of_range = || Mp4ReadError::OutOfRange { what };
        if has(DATA_OFFSET) {
            let offset = fields.i32()?.into();
            let place = self.header.base.checked_add_signed(offset);
            self.data_end = place.ok_or_else(out_of_range)?;
        }
        let defaults = self.header.defaults;
        let mut first_flags = has(FIRST_FLAGS).then(|| fields.u32()).transpose()?;
        for _ in 0..count {
            let mut field = |flag, default| {
                if has(flag) { fields.u32() } else { Ok(default) }
            };
            let duration = field(DURATION, defaults.duration)?;
            let size = field(SIZE, defaults.size)?;
            let sample_flags = field(FLAGS, first_flags.take().unwrap_or(defaults.flags))?;
            let composition_offset = field(COMPOSITION_OFFSET, 0)?;
            self.samples.push(Sample {
                offset: self.data_end,
                size,
                time: self.time,
                composition_offset: i64::from(composition_offset.cast_signed()),
                duration,
                is_sync: sample_flags & IS_NOT_SYNC == 0,
                description: defaults.description.saturating_sub(1),
            });
            self.time += u64::from(duration);
            let end = self.data_end.checked_add(size.into());
            self.data_end = end.ok_or_else(out_of_range)?;
        }
        Ok(())
    }
}
