use std::{
    collections::VecDeque,
    fmt,
    io::{Read, Seek},
    time::Duration,
};

use bytes::Bytes;
use gannet_codecs::{AudioCodec, EncodedFrame, from_ticks};

use super::{
    Mp4ReadError, Mp4Track,
    file::{BoxFile, is_beginning},
    fragment,
    movie::{Movie, TrackEntry},
    sample_table::{Cursor, Sample},
};
use crate::{EncodedSource, MediaCodec, MediaKind, opus_packet};

/// The largest description of a movie: five hours of sound and pictures take about 10 MB.
const MAX_MOVIE: u64 = 64 << 20;
/// The largest description of a fragment.
const MAX_FRAGMENT: u64 = 16 << 20;
/// The most samples in a row that are left out.
const MAX_LEFT_OUT: u64 = 1 << 20;
/// The largest frame.
const MAX_SAMPLE: u32 = 16 << 20;

/// Reads an MP4 or QuickTime file, from anything that can be read at any place: its tracks, and the encoded frames of one of
/// them in the order of decoding.
///
/// Files whose description comes first or last, and fragmented ones, are understood. Of an edit list the first edit that shows
/// something counts. Tracks with other codecs, and encrypted ones, are listed without a codec. A file that was cut off ends where
/// it was cut, if its description was not.
///
/// Times are those at which frames are shown; [`Mp4Track::delay`] is not subtracted from them.
///
/// ```no_run
/// use gannet_media::{EncodedSource, MediaKind, Mp4Reader};
///
/// let reader = Mp4Reader::new(std::fs::File::open("holiday.mp4")?)?;
/// let mut pictures = reader.into_track(MediaKind::Video)?;
/// while let Some(frame) = pictures.next_frame()? {
///     println!("{:?}: {} bytes", frame.timestamp, frame.data.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mp4Reader<R> {
    file: BoxFile<R>,
    movie: Movie,
    /// Where the first fragment may be.
    fragments: u64,
}

impl<R: Read + Seek> Mp4Reader<R> {
    /// Reads the description of a file.
    ///
    /// # Errors
    ///
    /// When it is no MP4 file, has no description of tracks, a length is out of bounds, or the reading fails.
    pub fn new(file: R) -> Result<Self, Mp4ReadError> {
        let mut file = BoxFile::new(file)?;
        let head = file.read_at(0, 8)?;
        if !head.is_some_and(|head| is_beginning(&head)) {
            return Err(Mp4ReadError::NotMp4);
        }
        let movie = file.find(b"moov")?.ok_or(Mp4ReadError::NoTracks)?;
        let contents = file.contents(movie, MAX_MOVIE, "the description of the movie")?;
        Ok(Self {
            movie: Movie::read(&contents)?,
            fragments: file.position(),
            file,
        })
    }

    /// The tracks, in the order of the file.
    pub fn tracks(&self) -> impl ExactSizeIterator<Item = &Mp4Track> {
        self.movie.tracks.iter().map(|entry| &entry.track)
    }

    /// The first track of a kind whose codec is known.
    pub fn track(&self, kind: MediaKind) -> Option<&Mp4Track> {
        let index = self.index(kind)?;
        self.movie.tracks.get(index).map(|entry| &entry.track)
    }

    /// How long the file plays, with all its tracks: as its description says, or else by reading those of all fragments.
    ///
    /// # Errors
    ///
    /// When a fragment is malformed, or the reading fails.
    pub fn duration(&mut self) -> Result<Duration, Mp4ReadError> {
        if let Some(duration) = self.movie.duration {
            return Ok(duration);
        }
        let tracks = &self.movie.tracks;
        let mut ends: Vec<u64> = tracks.iter().map(|entry| entry.table.end()).collect();
        self.file.go_to(self.fragments);
        while let Some(fragments) = next_fragment(&mut self.file, &self.movie)? {
            for fragment in fragments {
                let of = |entry: &TrackEntry| entry.track.id == fragment.track;
                let Some(index) = tracks.iter().position(of) else {
                    continue;
                };
                let lasts = fragment.samples.last();
                let lasts = lasts.map_or(0, |last| last.time + u64::from(last.duration));
                let start = fragment.time.unwrap_or(ends[index]);
                ends[index] = ends[index].max(start.saturating_add(lasts));
            }
        }
        let ends = tracks.iter().zip(&ends);
        let ends = ends.map(|(entry, end)| {
            entry
                .time(i128::from(*end))
                .saturating_sub(entry.track.delay)
        });
        let duration = ends.max().unwrap_or_default();
        self.movie.duration = Some(duration);
        Ok(duration)
    }

    /// The frames of one track.
    ///
    /// # Errors
    ///
    /// When there is no track of that kind with a known codec.
    pub fn into_track(self, kind: MediaKind) -> Result<Mp4TrackReader<R>, Mp4ReadError> {
        let missing = Mp4ReadError::NoSuchTrack {
            kind: kind.as_str(),
        };
        let index = self.index(kind).ok_or(missing)?;
        let mut track = Mp4TrackReader {
            reader: self,
            index,
            cursor: Cursor::default(),
            fragment: VecDeque::new(),
            time: 0,
            has_ended: false,
        };
        track.go_back();
        Ok(track)
    }

    fn index(&self, kind: MediaKind) -> Option<usize> {
        let is_of_kind = |codec: MediaCodec| codec.kind() == kind;
        let mut entries = self.movie.tracks.iter();
        entries.position(|entry| entry.track.codec.is_some_and(is_of_kind))
    }
}

/// What the next fragment has; `None` at the end, also of a file that was cut off.
fn next_fragment<R: Read + Seek>(
    file: &mut BoxFile<R>,
    movie: &Movie,
) -> Result<Option<Vec<fragment::TrackFragment>>, Mp4ReadError> {
    if !movie.is_fragmented {
        return Ok(None);
    }
    let Some(found) = file.find(b"moof")? else {
        return Ok(None);
    };
    let contents = match file.contents(found, MAX_FRAGMENT, "the description of a fragment") {
        Err(Mp4ReadError::TooShort { .. }) => return Ok(None),
        contents => contents?,
    };
    let fragments = fragment::read(&contents, found.start, &movie.tracks)?;
    file.take_samples(
        fragments
            .iter()
            .map(|fragment| fragment.samples.len())
            .sum(),
    )?;
    Ok(Some(fragments))
}

impl<R> fmt::Debug for Mp4Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tracks = self.movie.tracks.iter().map(|entry| &entry.track);
        f.debug_struct("Mp4Reader")
            .field("tracks", &tracks.collect::<Vec<_>>())
            .field("duration", &self.movie.duration)
            .finish_non_exhaustive()
    }
}

/// The frames of one track of a file.
#[derive(Debug)]
pub struct Mp4TrackReader<R> {
    reader: Mp4Reader<R>,
    /// The track's place.
    index: usize,
    cursor: Cursor,
    /// The samples of the last fragment that was read.
    fragment: VecDeque<Sample>,
    /// When the next fragment begins, if it does not say.
    time: u64,
    has_ended: bool,
}

impl<R: Read + Seek> Mp4TrackReader<R> {
    /// The track.
    pub fn track(&self) -> &Mp4Track {
        &self.entry().track
    }

    fn entry(&self) -> &TrackEntry {
        &self.reader.movie.tracks[self.index]
    }

    fn go_back(&mut self) {
        self.cursor = self.entry().start();
        self.time = self.entry().table.end();
        self.fragment.clear();
        self.has_ended = false;
        self.reader.file.go_to(self.reader.fragments);
    }

    fn next_sample(&mut self) -> Result<Option<Sample>, Mp4ReadError> {
        let Mp4Reader { file, movie, .. } = &mut self.reader;
        let entry = &movie.tracks[self.index];
        if let Some(sample) = self.cursor.next(&entry.table) {
            return Ok(Some(sample));
        }
        loop {
            if let Some(sample) = self.fragment.pop_front() {
                return Ok(Some(sample));
            }
            let Some(fragments) = next_fragment(file, movie)? else {
                return Ok(None);
            };
            for fragment in fragments {
                if fragment.track != entry.track.id {
                    continue;
                }
                let start = fragment.time.unwrap_or(self.time);
                for mut sample in fragment.samples {
                    sample.time = sample.time.saturating_add(start);
                    self.time = sample.time.saturating_add(sample.duration.into());
                    self.fragment.push_back(sample);
                }
            }
        }
    }

    /// The next frame; `None` at the end. A sample of another codec than the track's, and an empty one, are left out.
    fn read_frame(&mut self) -> Result<Option<EncodedFrame>, Mp4ReadError> {
        for _ in 0..=MAX_LEFT_OUT {
            let Some(sample) = self.next_sample()? else {
                return Ok(None);
            };
            if sample.size > MAX_SAMPLE {
                return Err(Mp4ReadError::TooLarge {
                    what: "a sample's size",
                    size: sample.size.into(),
                    limit: MAX_SAMPLE.into(),
                });
            }
            let entry = &self.reader.movie.tracks[self.index];
            let description = entry.entries.get(sample.description as usize);
            let codec = entry.track.codec;
            let Some(description) = description.filter(|description| description.codec == codec)
            else {
                continue;
            };
            let data = self
                .reader
                .file
                .read_at(sample.offset, sample.size.into())?;
            let Some(data) = data else {
                // The file was cut off.
                return Ok(None);
            };
            if data.is_empty() {
                continue;
            }
            let data = match &description.configuration {
                Some(configuration) => {
                    let offset = sample.offset;
                    let frame = configuration.to_annex_b(&data);
                    Bytes::from(frame.ok_or(Mp4ReadError::Sample { offset })?)
                }
                None => Bytes::from(data),
            };
            let is_sound = codec == Some(MediaCodec::Audio(AudioCodec::Opus));
            let own = is_sound.then(|| opus_packet::duration(&data)).flatten();
            let lasts = from_ticks(sample.duration.into(), entry.timescale);
            let time = entry.time(sample.composition_time());
            let mut frame = EncodedFrame::new(data, time, is_sound || sample.is_sync);
            frame.duration = own.or(Some(lasts).filter(|lasts| !lasts.is_zero()));
            frame.rotation = entry.track.rotation;
            return Ok(Some(frame));
        }
        Err(Mp4ReadError::TooLarge {
            what: "a number of samples in a row that nothing here reads",
            size: MAX_LEFT_OUT + 1,
            limit: MAX_LEFT_OUT,
        })
    }
}

impl<R: Read + Seek + Send> EncodedSource for Mp4TrackReader<R> {
    type Error = Mp4ReadError;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, Mp4ReadError> {
        if self.has_ended {
            return Ok(None);
        }
        let frame = self.read_frame();
        self.has_ended = !matches!(frame, Ok(Some(_)));
        frame
    }

    fn rewind(&mut self) -> Result<(), Mp4ReadError> {
        self.go_back();
        Ok(())
    }

    fn duration(&mut self) -> Result<Duration, Mp4ReadError> {
        let duration = self.reader.duration()?;
        self.go_back();
        Ok(duration)
    }

    fn delay(&self) -> Duration {
        self.track().delay
    }
}
