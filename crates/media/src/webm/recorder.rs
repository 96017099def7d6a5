use std::{
    fmt,
    io::{Seek, Write},
    time::Duration,
};

use bytes::Bytes;
use gannet_codecs::{EncodedFrame, Rotation};

use super::{
    WebmCodec, WebmWriteError,
    interleaver::{Interleaver, Waiting},
    segment::{Placed, SegmentWriter},
    track::TrackEntry,
};
use crate::{
    MediaKind, h264, opus_packet,
    picture::{self, Size},
};

/// The most tracks of a recording.
const MAX_TRACKS: usize = 32;
/// The largest frame. An uncompressed picture of 1080p has 3 MB.
const MAX_FRAME: usize = 8 << 20;
/// How many octets wait for the other tracks, or for the first pictures.
const MAX_WAITING: usize = 16 << 20;
/// How much later than the others a track may come and still be put in its place.
const WINDOW: Duration = Duration::from_millis(500);
/// How long the head of the file waits for the first pictures.
const START: Duration = Duration::from_secs(10);
/// Times beyond this are this: 292 years.
const MAX_TIME: Duration = Duration::from_nanos(1 << 63);

/// Records encoded frames into a WebM file, or, when H.264 is among them, a Matroska file. Nothing is
/// decoded.
///
/// Tracks are declared when it is made, and named by their index in that list. Their frames may come in
/// any order among the tracks, as long as none is later than the others by more than half a second of
/// media time; what is later still is kept, at the place that is being written. Within a track frames
/// come in the order of decoding, and their timestamps are made to grow: one that goes back a little is
/// put where the last one was, one that goes back by more than a second begins the track's clock anew
/// from there. The timestamps of all tracks count from one zero, which may be anywhere; the file begins
/// with its first frame.
///
/// A track begins with its first key frame. The head of the file has the size of the pictures, and the
/// parameter sets of H.264, so that it is written when each track of pictures has begun, or ten seconds
/// of media time wait. After that VP8 and VP9 can still begin: of a live recording the head then says
/// 640x480. H.264 cannot ([`WebmWriteError::TooLate`]). A picture may change its size in the middle; the
/// head keeps the first one.
///
/// It holds no more than what waits for its order: 16 MB, plus the largest frame of 8 MB.
///
/// ```
/// use std::{io::Cursor, time::Duration};
///
/// use gannet_media::{EncodedFrame, WebmCodec, WebmReader, WebmRecorder};
///
/// let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &[WebmCodec::Opus])?;
/// for index in 0..50 {
///     let time = Duration::from_millis(20) * index;
///     recorder.write(0, &EncodedFrame::new(vec![31 << 3, 0, 1], time, true))?;
/// }
/// let file = recorder.finish()?.into_inner();
///
/// let mut reader = WebmReader::new(&file[..])?;
/// assert_eq!(reader.duration(), Some(Duration::from_secs(1)));
/// assert_eq!(reader.next_frame()?.unwrap().frame.data[..], [31 << 3, 0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebmRecorder<W> {
    tracks: Vec<Track>,
    waiting: Interleaver,
    segment: SegmentWriter<W>,
    /// The file's zero in the caller's time, once the head is written.
    origin: Option<Duration>,
    has_failed: bool,
    stats: RecorderStats,
}

/// What a recorder did with its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderStats {
    /// Frames that are in the file.
    pub frames_written: u64,
    /// Frames before a track's first key frame, of a track that came too late, or that are none.
    pub frames_dropped: u64,
    /// Frames that got another time because theirs did not grow, or because they came too late.
    pub frames_retimed: u64,
}

#[derive(Debug)]
struct Track {
    codec: WebmCodec,
    /// Of the first key frame.
    size: Option<Size>,
    rotation: Rotation,
    codec_private: Vec<u8>,
    has_begun: bool,
    /// Whether the head has an entry for it, once there is a head.
    is_in_head: bool,
    /// The time of the last frame in the file, in ticks.
    last: Option<u64>,
}

impl<W: Write> WebmRecorder<W> {
    /// A recorder into something that cannot seek: a pipe or a socket. The file has no duration and no
    /// cues, and sizes that nobody knew when they were written are unknown.
    ///
    /// # Errors
    ///
    /// When there is no track or too many, or one of a codec that can only be read.
    pub fn live(output: W, tracks: &[WebmCodec]) -> Result<Self, WebmWriteError> {
        Self::new(SegmentWriter::live(output), tracks)
    }

    /// A recorder into a file: [`finish`](Self::finish) fills in duration, cues and sizes. One that was
    /// cut off before plays all the same.
    ///
    /// # Errors
    ///
    /// As [`live`](Self::live), and when the position in the file cannot be read.
    pub fn file(output: W, tracks: &[WebmCodec]) -> Result<Self, WebmWriteError>
    where
        W: Seek,
    {
        Self::new(SegmentWriter::file(output)?, tracks)
    }

    fn new(segment: SegmentWriter<W>, codecs: &[WebmCodec]) -> Result<Self, WebmWriteError> {
        if codecs.is_empty() || codecs.len() > MAX_TRACKS {
            return Err(WebmWriteError::Tracks {
                tracks: codecs.len(),
                limit: MAX_TRACKS,
            });
        }
        if let Some(codec) = codecs.iter().find(|codec| **codec == WebmCodec::Av1) {
            return Err(WebmWriteError::Codec { codec: *codec });
        }
        Ok(Self {
            tracks: codecs.iter().map(|codec| Track::new(*codec)).collect(),
            waiting: Interleaver::new(codecs.len(), WINDOW, MAX_WAITING),
            segment,
            origin: None,
            has_failed: false,
            stats: RecorderStats::default(),
        })
    }

    /// Adds a frame to the track of an index.
    ///
    /// # Errors
    ///
    /// When there is no such track, the frame is over 8 MB, it is an H.264 track that begins too late,
    /// or the writing fails. Only the last ends the recording.
    pub fn write(&mut self, track: usize, frame: &EncodedFrame) -> Result<(), WebmWriteError> {
        if self.has_failed {
            return Err(WebmWriteError::Failed);
        }
        let tracks = self.tracks.len();
        let state = self
            .tracks
            .get_mut(track)
            .ok_or(WebmWriteError::UnknownTrack { track, tracks })?;
        if frame.data.len() > MAX_FRAME {
            return Err(WebmWriteError::FrameTooLarge {
                length: frame.data.len(),
                limit: MAX_FRAME,
            });
        }
        if self.origin.is_some() && !state.is_in_head {
            self.stats.frames_dropped += 1;
            return Err(WebmWriteError::TooLate { track });
        }
        let Some(data) = state.accept(frame) else {
            self.stats.frames_dropped += 1;
            return Ok(());
        };
        let is_retimed = self.waiting.push(Waiting {
            track,
            time: frame.timestamp.min(MAX_TIME),
            duration: state.duration(frame),
            is_keyframe: frame.keyframe || state.codec.kind() == MediaKind::Audio,
            data,
        });
        self.stats.frames_retimed += u64::from(is_retimed);
        let written = self.write_ready();
        self.has_failed = written.is_err();
        written
    }

    /// Hands what was written to the system, if the output holds it back.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn flush(&mut self) -> Result<(), WebmWriteError> {
        Ok(self.segment.flush()?)
    }

    /// Writes what waits, completes the file, and gives it back. One that never saw a key frame stays
    /// empty.
    ///
    /// # Errors
    ///
    /// When the writing fails, or has failed before.
    pub fn finish(mut self) -> Result<W, WebmWriteError> {
        if self.has_failed {
            return Err(WebmWriteError::Failed);
        }
        if self.origin.is_none() {
            if self.waiting.first_time().is_none() {
                return Ok(self.segment.into_output());
            }
            self.write_head()?;
        }
        while let Some(frame) = self.waiting.pop() {
            self.place(&frame)?;
        }
        let sizes = self.tracks.iter().enumerate();
        let sizes: Vec<_> = sizes
            .filter_map(|(index, track)| Some((number(index), track.size?)))
            .collect();
        Ok(self.segment.finish(&sizes)?)
    }

    /// What became of the frames so far.
    pub fn stats(&self) -> RecorderStats {
        self.stats
    }

    fn write_ready(&mut self) -> Result<(), WebmWriteError> {
        if self.origin.is_none() {
            // Of two tracks that have begun, the one whose first frame came later may begin earlier.
            let all_begun = self.tracks.iter().all(|track| track.has_begun);
            let patience = match self.tracks.iter().all(Track::is_ready) {
                true => WINDOW,
                false => START,
            };
            if !all_begun && !self.waiting.is_over(patience) {
                return Ok(());
            }
            self.write_head()?;
        }
        while let Some(frame) = self.waiting.pop_ready() {
            self.place(&frame)?;
        }
        Ok(())
    }

    fn write_head(&mut self) -> Result<(), WebmWriteError> {
        let mut entries = Vec::new();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            track.is_in_head = track.has_begun || track.codec != WebmCodec::H264;
            if track.is_in_head {
                entries.push(TrackEntry {
                    number: number(index),
                    codec: track.codec,
                    size: track.size,
                    rotation: track.rotation,
                    codec_private: std::mem::take(&mut track.codec_private),
                });
            }
        }
        self.segment.write_head(&entries)?;
        self.origin = self.waiting.first_time();
        Ok(())
    }

    /// Writes a frame where its time says, or, if that is past, as early as can be.
    fn place(&mut self, frame: &Waiting) -> Result<(), WebmWriteError> {
        let has_pictures = self.tracks.iter().any(Track::has_pictures);
        let origin = self.origin.unwrap_or_default();
        let Some(track) = self.tracks.get_mut(frame.track) else {
            return Ok(());
        };
        let since = frame.time.saturating_sub(origin);
        // To the nearest millisecond, a tick.
        let wanted = since.saturating_add(Duration::from_micros(500)).as_millis() as u64;
        let after_last = track.last.map_or(0, |last| last.saturating_add(1));
        let time = wanted.max(after_last).max(self.segment.earliest());
        track.last = Some(time);
        self.stats.frames_written += 1;
        self.stats.frames_retimed += u64::from(time.saturating_sub(wanted) > 1);
        let is_entry = frame.is_keyframe && track.has_pictures();
        let placed = Placed {
            track: number(frame.track),
            time,
            duration: frame.duration.as_millis() as u64,
            is_keyframe: frame.is_keyframe,
            is_entry,
            is_cue: is_entry || !has_pictures,
            data: &frame.data,
        };
        Ok(self.segment.write_frame(&placed)?)
    }
}

impl Track {
    fn new(codec: WebmCodec) -> Self {
        Self {
            codec,
            size: None,
            rotation: Rotation::Deg0,
            codec_private: Vec::new(),
            has_begun: false,
            is_in_head: false,
            last: None,
        }
    }

    fn has_pictures(&self) -> bool {
        self.codec.kind() == MediaKind::Video
    }

    /// Whether the head can be written without waiting for it.
    fn is_ready(&self) -> bool {
        self.has_begun || !self.has_pictures()
    }

    /// The bytes of a frame as they go into a block; `None` before the first key frame, and for what is
    /// no frame.
    fn accept(&mut self, frame: &EncodedFrame) -> Option<Bytes> {
        if frame.data.is_empty() {
            return None;
        }
        if !self.has_begun && self.has_pictures() {
            if !frame.keyframe {
                return None;
            }
            self.size = Some(picture::size(self.codec, &frame.data)?);
            if self.codec == WebmCodec::H264 {
                let sets = h264::ParameterSets::of(&frame.data)?;
                self.codec_private = sets.configuration_record()?;
            }
            self.rotation = frame.rotation;
        }
        self.has_begun = true;
        match self.codec {
            WebmCodec::H264 => {
                let block = h264::to_lengths(&frame.data);
                (!block.is_empty()).then(|| block.into())
            }
            _ => Some(frame.data.clone()),
        }
    }

    fn duration(&self, frame: &EncodedFrame) -> Duration {
        let known = frame.duration.or_else(|| match self.codec {
            WebmCodec::Opus => opus_packet::duration(&frame.data),
            _ => None,
        });
        known.unwrap_or_default()
    }
}

/// A track's number in the file.
fn number(index: usize) -> u8 {
    // MAX_TRACKS is far below.
    index as u8 + 1
}

impl<W> fmt::Debug for WebmRecorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codecs: Vec<_> = self.tracks.iter().map(|track| track.codec).collect();
        f.debug_struct("WebmRecorder")
            .field("tracks", &codecs)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
