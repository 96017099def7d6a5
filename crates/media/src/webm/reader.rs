use std::{
    collections::VecDeque,
    fmt,
    io::{Read, Seek},
    time::Duration,
};

use bytes::Bytes;
use gannet_codecs::EncodedFrame;

use super::{
    WebmCodec, WebmReadError, WebmTrack,
    block::Block,
    ebml::{Octets, id, read_float, read_string, read_unsigned},
    scanner::Scanner,
    track::read_tracks,
};
use crate::{EncodedSource, MediaKind, opus_packet};

/// The largest block, of one frame or several, as it is in the file and as it is handed out.
const MAX_BLOCK: u64 = 16 << 20;
/// The largest head element that is read: the EBML header, Info, Tracks.
const MAX_HEAD: u64 = 1 << 20;

/// Reads a WebM or Matroska file, from anything that can be read: encoded frames with their tracks, in
/// the order of the file.
///
/// It reads forward and holds one block, of at most 16 MB. Clusters of unknown size, lacing and headers
/// that were stripped from the frames are understood; Void, CRC-32 and unknown elements are skipped;
/// tracks with other codecs, compressed or encrypted ones are listed without a codec, and their frames
/// left out. A file that was cut off ends where it was cut. Only the first of several files in a row is
/// read.
///
/// Timestamps are the file's; [`WebmTrack::codec_delay`] is not subtracted from them.
pub struct WebmReader<R> {
    scanner: Scanner<R>,
    tracks: Vec<WebmTrack>,
    /// Nanoseconds in a tick.
    scale: u64,
    duration: Option<Duration>,
    /// Where the first cluster begins in what is read.
    first_cluster: u64,
    /// In ticks.
    cluster_time: u64,
    ready: VecDeque<WebmFrame>,
    is_truncated: bool,
    has_ended: bool,
}

/// A frame of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebmFrame {
    /// The number of its track.
    pub track: u64,
    /// The frame, with its time in the file. Its duration is known when the file or an Opus packet says
    /// it.
    pub frame: EncodedFrame,
}

impl<R: Read> WebmReader<R> {
    /// Reads the head of a file, up to the first cluster.
    ///
    /// # Errors
    ///
    /// When it is no WebM or Matroska file, one of its lengths is out of bounds, or the reading fails.
    pub fn new(file: R) -> Result<Self, WebmReadError> {
        let mut scanner = Scanner::new(file);
        read_ebml_header(&mut scanner)?;
        let mut reader = Self {
            scanner,
            tracks: Vec::new(),
            scale: 1_000_000,
            duration: None,
            first_cluster: 0,
            cluster_time: 0,
            ready: VecDeque::new(),
            is_truncated: false,
            has_ended: false,
        };
        reader.read_head()?;
        Ok(reader)
    }

    /// The tracks, in the order of the file.
    pub fn tracks(&self) -> &[WebmTrack] {
        &self.tracks
    }

    /// The first track of a kind whose codec is known.
    pub fn track(&self, kind: MediaKind) -> Option<&WebmTrack> {
        let is_of_kind = |codec: WebmCodec| codec.kind() == kind;
        self.tracks
            .iter()
            .find(|track| track.codec.is_some_and(is_of_kind))
    }

    /// How long the file plays, if its head says. Live recordings and those that were cut off do not.
    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Whether the file ended inside of an element.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The next frame of any track with a known codec; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the file is malformed, a length is out of bounds, or the reading fails. It then has ended.
    pub fn next_frame(&mut self) -> Result<Option<WebmFrame>, WebmReadError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.read_element() {
                Ok(true) => {}
                Ok(false) => self.has_ended = true,
                Err(error) => {
                    self.has_ended = true;
                    // A block counts as a whole: of several frames, those before the malformed one do not come either.
                    self.ready.clear();
                    if !self.scanner.is_at_end() {
                        return Err(error);
                    }
                    self.is_truncated = true;
                }
            }
        }
    }

    /// The frames of one track.
    ///
    /// # Errors
    ///
    /// When there is no track of that kind with a known codec.
    pub fn into_track(self, kind: MediaKind) -> Result<WebmTrackReader<R>, WebmReadError> {
        let track = self.track(kind).cloned();
        let kind = kind.as_str();
        let track = track.ok_or(WebmReadError::NoSuchTrack { kind })?;
        Ok(WebmTrackReader {
            reader: self,
            track,
        })
    }

    fn read_head(&mut self) -> Result<(), WebmReadError> {
        let mut duration_in_ticks = None;
        loop {
            let before = self.scanner.position();
            let Some((id, size)) = self.scanner.header()? else {
                return Err(WebmReadError::NoTracks);
            };
            match id {
                id::SEGMENT => {}
                id::INFO => {
                    let info = self.scanner.data(size, MAX_HEAD, "information")?;
                    duration_in_ticks = self.read_info(&info)?;
                }
                id::TRACKS => {
                    let data = self.scanner.data(size, MAX_HEAD, "description of tracks")?;
                    self.tracks = read_tracks(&data)?;
                }
                id::CLUSTER => {
                    self.first_cluster = before;
                    break;
                }
                _ => self.scanner.skip(size, "element of the head")?,
            }
        }
        if self.tracks.is_empty() {
            return Err(WebmReadError::NoTracks);
        }
        self.duration = duration_in_ticks.and_then(|ticks| {
            let nanos = ticks * self.scale as f64;
            Duration::try_from_secs_f64(nanos / 1e9).ok()
        });
        Ok(())
    }

    fn read_info(&mut self, info: &[u8]) -> Result<Option<f64>, WebmReadError> {
        let mut duration = None;
        let mut elements = Octets(info);
        while let Some((id, data)) = elements.element()? {
            match id {
                id::TIMESTAMP_SCALE => {
                    self.scale = read_unsigned(data, "timestamp scale")?;
                    if self.scale == 0 {
                        let what = "timestamp scale";
                        return Err(WebmReadError::Number { what });
                    }
                }
                id::DURATION => duration = Some(read_float(data, "duration")?),
                _ => {}
            }
        }
        Ok(duration.filter(|ticks| *ticks > 0.0))
    }

    /// Reads or skips one element; `false` at the end. Clusters have no end here: what is in them does
    /// not occur elsewhere, and what is not ends them (RFC 8794, section 6.2).
    fn read_element(&mut self) -> Result<bool, WebmReadError> {
        let Some((id, size)) = self.scanner.header()? else {
            return Ok(false);
        };
        match id {
            id::CLUSTER => self.cluster_time = 0,
            id::TIMESTAMP => {
                let time = self.scanner.data(size, 8, "cluster's timestamp")?;
                self.cluster_time = read_unsigned(&time, "cluster's timestamp")?;
            }
            id::SIMPLE_BLOCK => {
                let block = self.scanner.data(size, MAX_BLOCK, "block")?;
                let parsed = Block::read(&block)?;
                let is_keyframe = parsed.is_keyframe;
                self.take_block(&parsed, is_keyframe, None)?;
            }
            id::BLOCK_GROUP => {
                let group = self.scanner.data(size, MAX_BLOCK, "block group")?;
                self.read_group(&group)?;
            }
            // Another file behind this one.
            id::EBML | id::SEGMENT => return Ok(false),
            _ => self.scanner.skip(size, "element")?,
        }
        Ok(true)
    }

    fn read_group(&mut self, group: &[u8]) -> Result<(), WebmReadError> {
        let (mut block, mut duration, mut is_keyframe) = (None, None, true);
        let mut elements = Octets(group);
        while let Some((id, data)) = elements.element()? {
            match id {
                id::BLOCK => block = Some(Block::read(data)?),
                id::BLOCK_DURATION => duration = Some(read_unsigned(data, "block's duration")?),
                id::REFERENCE_BLOCK => is_keyframe = false,
                _ => {}
            }
        }
        let duration = duration.map(|ticks| self.time(ticks.into()));
        match block {
            Some(block) => self.take_block(&block, is_keyframe, duration),
            None => Ok(()),
        }
    }

    fn take_block(
        &mut self,
        block: &Block<'_>,
        is_keyframe: bool,
        duration: Option<Duration>,
    ) -> Result<(), WebmReadError> {
        let found = self.tracks.iter().find(|track| track.number == block.track);
        let Some((track, codec)) = found.and_then(|track| Some((track, track.codec?))) else {
            return Ok(());
        };
        let ticks = i128::from(self.cluster_time) + i128::from(block.timestamp);
        let mut time = self.time(ticks);
        let shares = block.frames.len() as u32;
        let mut size = 0;
        for data in &block.frames {
            let data = track.restored(data)?;
            // What is put in front of many small frames may be much more than they are.
            size += data.len() as u64;
            if size > MAX_BLOCK {
                let (what, limit) = ("block's frames", MAX_BLOCK);
                return Err(WebmReadError::TooLarge { what, size, limit });
            }
            let own = match codec {
                WebmCodec::Opus => opus_packet::duration(&data),
                _ => None,
            };
            let lasts = own
                .or(duration.map(|duration| duration / shares))
                .or(track.default_duration);
            let mut frame = EncodedFrame::new(data, time, is_keyframe || codec == WebmCodec::Opus);
            frame.duration = lasts;
            frame.rotation = track.rotation;
            time = time.saturating_add(lasts.unwrap_or_default());
            self.ready.push_back(WebmFrame {
                track: track.number,
                frame,
            });
        }
        Ok(())
    }

    fn time(&self, ticks: i128) -> Duration {
        let nanos = ticks
            .max(0)
            .unsigned_abs()
            .saturating_mul(u128::from(self.scale));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl<R: Read + Seek> WebmReader<R> {
    /// Goes back to the first frame.
    ///
    /// # Errors
    ///
    /// When the seeking fails.
    pub fn rewind(&mut self) -> Result<(), WebmReadError> {
        self.scanner.seek(self.first_cluster)?;
        self.ready.clear();
        self.cluster_time = 0;
        self.is_truncated = false;
        self.has_ended = false;
        Ok(())
    }

    /// How long the file plays: as its head says, or else by reading all of it. Goes back to the first
    /// frame.
    ///
    /// # Errors
    ///
    /// When the file is malformed, or the seeking or reading fails.
    pub fn find_duration(&mut self) -> Result<Duration, WebmReadError> {
        if let Some(duration) = self.duration {
            return Ok(duration);
        }
        let mut end = Duration::ZERO;
        while let Some(WebmFrame { frame, .. }) = self.next_frame()? {
            let lasts = frame.duration.unwrap_or_default();
            end = end.max(frame.timestamp.saturating_add(lasts));
        }
        self.rewind()?;
        self.duration = Some(end);
        Ok(end)
    }
}

impl WebmTrack {
    /// A frame with what was stripped from it, and H.264 in Annex B form.
    fn restored(&self, data: &[u8]) -> Result<Bytes, WebmReadError> {
        let whole = if self.stripped.is_empty() {
            None
        } else {
            Some([&self.stripped[..], data].concat())
        };
        match &self.configuration {
            Some(configuration) => {
                let block = whole.as_deref().unwrap_or(data);
                let frame = configuration.to_annex_b(block);
                let track = self.number;
                Ok(frame.ok_or(WebmReadError::Block { track })?.into())
            }
            None => Ok(whole.map_or_else(|| Bytes::copy_from_slice(data), Bytes::from)),
        }
    }
}

fn read_ebml_header<R: Read>(scanner: &mut Scanner<R>) -> Result<(), WebmReadError> {
    let Some((id::EBML, size)) = scanner.header().map_err(|error| match error {
        WebmReadError::Io(error) => WebmReadError::Io(error),
        _ => WebmReadError::NotWebm,
    })?
    else {
        return Err(WebmReadError::NotWebm);
    };
    let header = scanner.data(size, MAX_HEAD, "EBML header")?;
    let mut elements = Octets(&header);
    let mut doc_type = String::new();
    let (mut id_length, mut size_length) = (4, 8);
    while let Some((id, data)) = elements.element()? {
        match id {
            id::DOC_TYPE => doc_type = read_string(data),
            id::EBML_MAX_ID_LENGTH => id_length = read_unsigned(data, "length of identifiers")?,
            id::EBML_MAX_SIZE_LENGTH => size_length = read_unsigned(data, "length of sizes")?,
            _ => {}
        }
    }
    let is_known = matches!(&doc_type[..], "webm" | "matroska");
    if is_known && id_length <= 4 && size_length <= 8 {
        Ok(())
    } else {
        Err(WebmReadError::NotWebm)
    }
}

impl<R> fmt::Debug for WebmReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebmReader")
            .field("tracks", &self.tracks)
            .field("duration", &self.duration)
            .field("is_truncated", &self.is_truncated)
            .finish_non_exhaustive()
    }
}

/// The frames of one track of a file.
#[derive(Debug)]
pub struct WebmTrackReader<R> {
    reader: WebmReader<R>,
    track: WebmTrack,
}

impl<R> WebmTrackReader<R> {
    /// The track.
    pub fn track(&self) -> &WebmTrack {
        &self.track
    }
}

impl<R: Read + Seek + Send> EncodedSource for WebmTrackReader<R> {
    type Error = WebmReadError;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, WebmReadError> {
        while let Some(WebmFrame { track, frame }) = self.reader.next_frame()? {
            if track == self.track.number {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn rewind(&mut self) -> Result<(), WebmReadError> {
        self.reader.rewind()
    }

    fn duration(&mut self) -> Result<Duration, WebmReadError> {
        self.reader.find_duration()
    }

    fn delay(&self) -> Duration {
        self.track.codec_delay
    }
}
