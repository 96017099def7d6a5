//! The Movie Box (ISO/IEC 14496-12, section 8.2): which tracks there are.

use std::time::Duration;

use gannet_codecs::{Rotation, from_ticks};

use super::{
    Mp4ReadError, Mp4Track,
    fields::{Boxes, Fields},
    sample_entry::{self, SampleEntry},
    sample_table::{Cursor, Sample, SampleTable},
};
use crate::MediaKind;

/// The most tracks of a file.
const MAX_TRACKS: usize = 64;
/// So many samples are looked at for the one to begin with: five hours of 58 pictures a second.
const MAX_SEARCHED: usize = 1 << 20;
/// So much sound before the first that is heard is decoded: what Opus asks for is 80 ms (RFC 7845, section 4.6).
const PRE_ROLL: Duration = Duration::from_millis(100);

/// What a movie box says.
#[derive(Debug)]
pub(super) struct Movie {
    pub(super) tracks: Vec<TrackEntry>,
    /// How long the file plays, if it says.
    pub(super) duration: Option<Duration>,
    /// Whether fragments may follow.
    pub(super) is_fragmented: bool,
}

/// A track with its tables.
#[derive(Debug)]
pub(super) struct TrackEntry {
    pub(super) track: Mp4Track,
    pub(super) kind: Option<MediaKind>,
    /// Ticks in a second.
    pub(super) timescale: u32,
    pub(super) entries: Vec<SampleEntry>,
    pub(super) table: SampleTable,
    /// What samples of fragments are, if these do not say.
    pub(super) defaults: SampleDefaults,
    edit: Edit,
}

/// The fields of a Track Extends Box (`trex`), which a fragment's header can change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SampleDefaults {
    /// From 1.
    pub(super) description: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// Where the track's time begins in the movie's (`elst`, section 8.6.6): the first of its edits that shows something.
#[derive(Clone, Copy, Debug, Default)]
struct Edit {
    /// What comes before it, in ticks of the movie.
    empty: u64,
    /// What is shown first, in ticks of the track.
    media_time: u64,
}

impl Movie {
    pub(super) fn read(contents: &[u8]) -> Result<Self, Mp4ReadError> {
        let header = Boxes(contents).find(b"mvhd")?;
        let mut fields = Fields::new(header.unwrap_or_default(), "the movie header");
        let (timescale, ticks) = read_times(&mut fields)?;
        let mut movie = Self {
            tracks: Vec::new(),
            duration: ticks.map(|ticks| from_ticks(ticks, timescale)),
            is_fragmented: false,
        };
        let mut boxes = Boxes(contents);
        while let Some((kind, contents)) = boxes.next_box()? {
            if kind.0 == *b"trak" && movie.tracks.len() < MAX_TRACKS {
                movie.tracks.push(TrackEntry::read(contents, timescale)?);
            }
        }
        if let Some(extends) = Boxes(contents).find(b"mvex")? {
            movie.is_fragmented = true;
            movie.read_extends(extends, timescale)?;
        }
        Ok(movie)
    }

    /// The Movie Extends Box (section 8.8.1).
    fn read_extends(&mut self, contents: &[u8], timescale: u32) -> Result<(), Mp4ReadError> {
        // The head's duration is that of the samples in it.
        self.duration = None;
        let mut boxes = Boxes(contents);
        while let Some((kind, contents)) = boxes.next_box()? {
            match &kind.0 {
                b"mehd" => {
                    let mut fields = Fields::new(contents, "the duration of all fragments");
                    let (version, _) = fields.version_and_flags()?;
                    let ticks = Some(fields.number(version)?).filter(|ticks| *ticks > 0);
                    self.duration = ticks.map(|ticks| from_ticks(ticks, timescale));
                }
                b"trex" => {
                    let mut fields = Fields::new(contents, "the defaults of a track");
                    fields.version_and_flags()?;
                    let id = fields.u32()?;
                    let defaults = SampleDefaults {
                        description: fields.u32()?,
                        duration: fields.u32()?,
                        size: fields.u32()?,
                        flags: fields.u32()?,
                    };
                    let mut tracks = self.tracks.iter_mut();
                    if let Some(entry) = tracks.find(|entry| entry.track.id == id) {
                        entry.defaults = defaults;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl TrackEntry {
    fn read(contents: &[u8], movie_timescale: u32) -> Result<Self, Mp4ReadError> {
        let missing = |what| Mp4ReadError::TooShort { what };
        let header = Boxes(contents).find(b"tkhd")?;
        let header = header.ok_or(missing("a track without header"))?;
        let (id, rotation) = read_track_header(header)?;
        let media = Boxes(contents).find(b"mdia")?;
        let media = media.ok_or(missing("a track without media"))?;
        let header = Boxes(media).find(b"mdhd")?;
        let mut fields = Fields::new(header.unwrap_or_default(), "the media header");
        let (timescale, _) = read_times(&mut fields)?;
        let kind = read_handler(media)?;
        let table = match Boxes(media).find(b"minf")? {
            Some(information) => Boxes(information).find(b"stbl")?,
            None => None,
        };
        let table = table.unwrap_or_default();
        let entries = match (kind, Boxes(table).find(b"stsd")?) {
            (Some(kind), Some(description)) => {
                sample_entry::read_all(description, kind == MediaKind::Video)?
            }
            _ => Vec::new(),
        };
        let table = SampleTable::read(table)?;
        let mut entry = Self {
            track: describe(id, rotation, &entries, table.is_reordered()),
            kind,
            timescale,
            entries,
            table,
            defaults: SampleDefaults::default(),
            edit: match Boxes(contents).find(b"edts")? {
                Some(edits) => read_edit(edits)?,
                None => Edit::default(),
            },
        };
        entry.edit.empty = rescale(entry.edit.empty, movie_timescale, timescale);
        entry.track.delay = entry.delay();
        let first = Cursor::default().next(&entry.table);
        let lasts = first.map(|first| from_ticks(first.duration.into(), timescale));
        entry.track.default_duration = lasts.filter(|lasts| !lasts.is_zero());
        Ok(entry)
    }

    /// The tick that is time zero, once what comes before it is skipped. Of sound that begins later, a little before it is
    /// decoded.
    fn zero(&self) -> u64 {
        let before = match self.kind {
            Some(MediaKind::Audio) => self.edit.media_time.min(self.pre_roll()),
            _ => 0,
        };
        self.edit.media_time - before
    }

    fn pre_roll(&self) -> u64 {
        u64::from(self.timescale) * PRE_ROLL.as_millis() as u64 / 1_000
    }

    fn delay(&self) -> Duration {
        let pre_skip = self.entries.first().map_or(0, |entry| entry.pre_skip);
        match self.edit.media_time - self.zero() {
            0 => from_ticks(pre_skip.into(), 48_000),
            ticks => from_ticks(ticks, self.timescale),
        }
    }

    /// The time of a tick of the track in the movie.
    pub(super) fn time(&self, ticks: i128) -> Duration {
        let ticks = ticks - i128::from(self.zero()) + i128::from(self.edit.empty);
        from_ticks(
            u64::try_from(ticks.max(0)).unwrap_or(u64::MAX),
            self.timescale,
        )
    }

    /// The place of the last sample that can be decoded alone and is no later than time zero: what is before it is not needed.
    /// The first one, if time zero is too far away.
    pub(super) fn start(&self) -> Cursor {
        let zero = self.zero();
        let mut probe = Cursor::default();
        let mut start = probe.clone();
        for _ in 0..MAX_SEARCHED {
            let here = probe.clone();
            match probe.next(&self.table) {
                Some(Sample { time, .. }) if time > zero => return start,
                Some(sample) if sample.is_sync && sample.composition_time() <= zero.into() => {
                    start = here;
                }
                Some(_) => {}
                None => return start,
            }
        }
        Cursor::default()
    }
}

fn describe(id: u32, rotation: Rotation, entries: &[SampleEntry], is_reordered: bool) -> Mp4Track {
    let first = entries.first();
    Mp4Track {
        id,
        codec: first.and_then(|entry| entry.codec),
        codec_id: first.map_or_else(String::new, |entry| entry.kind.to_string()),
        size: first.and_then(|entry| entry.size),
        default_duration: None,
        rotation,
        channels: first.and_then(|entry| entry.channels),
        delay: Duration::ZERO,
        is_reordered,
    }
}

/// The timescale and the duration of a movie's or a media's header. The duration is `None` when it is not known.
fn read_times(fields: &mut Fields<'_>) -> Result<(u32, Option<u64>), Mp4ReadError> {
    let (version, _) = fields.version_and_flags()?;
    // Two dates.
    fields.skip(if version == 0 { 8 } else { 16 })?;
    let timescale = fields.u32()?;
    if timescale == 0 {
        return Err(Mp4ReadError::OutOfRange {
            what: "a timescale",
        });
    }
    let unknown = if version == 0 {
        u32::MAX.into()
    } else {
        u64::MAX
    };
    let ticks = fields.number(version)?;
    Ok((
        timescale,
        Some(ticks).filter(|ticks| *ticks != 0 && *ticks != unknown),
    ))
}

/// The number of a track and how it is turned, of its header (section 8.3.2).
fn read_track_header(contents: &[u8]) -> Result<(u32, Rotation), Mp4ReadError> {
    let mut fields = Fields::new(contents, "the track header");
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 0 { 8 } else { 16 })?;
    let id = fields.u32()?;
    // Duration, layer, group and volume, and what is reserved.
    fields.skip(if version == 0 { 8 } else { 12 })?;
    fields.skip(16)?;
    let mut matrix = [0; 9];
    for value in &mut matrix {
        *value = fields.i32()?;
    }
    let [a, b, _, c, d, ..] = matrix;
    // A point goes to (ax + cy, bx + dy), y downwards: clockwise.
    Ok((
        id,
        match (a.signum(), b.signum(), c.signum(), d.signum()) {
            (0, 1, -1, 0) => Rotation::Deg90,
            (-1, 0, 0, -1) => Rotation::Deg180,
            (0, -1, 1, 0) => Rotation::Deg270,
            _ => Rotation::default(),
        },
    ))
}

/// Sound or pictures (section 8.4.3).
fn read_handler(media: &[u8]) -> Result<Option<MediaKind>, Mp4ReadError> {
    let handler = Boxes(media).find(b"hdlr")?;
    let mut fields = Fields::new(handler.unwrap_or_default(), "the handler");
    fields.skip(8)?;
    Ok(match &fields.array()? {
        b"vide" => Some(MediaKind::Video),
        b"soun" => Some(MediaKind::Audio),
        _ => None,
    })
}

/// The first edit that shows something.
fn read_edit(edits: &[u8]) -> Result<Edit, Mp4ReadError> {
    let mut edit = Edit::default();
    let Some(list) = Boxes(edits).find(b"elst")? else {
        return Ok(edit);
    };
    let mut fields = Fields::new(list, "the edit list");
    let (version, _) = fields.version_and_flags()?;
    for _ in 0..fields.u32()? {
        let duration = fields.number(version)?;
        let media_time = fields.number(version)?;
        fields.skip(4)?;
        let nothing = if version == 0 {
            u32::MAX.into()
        } else {
            u64::MAX
        };
        if media_time != nothing {
            edit.media_time = media_time;
            break;
        }
        edit.empty = edit.empty.saturating_add(duration);
    }
    Ok(edit)
}

fn rescale(ticks: u64, from: u32, to: u32) -> u64 {
    let ticks = u128::from(ticks) * u128::from(to) / u128::from(from);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
