use std::{fmt, time::Duration};

use gannet_codecs::EncodedFrame;

use super::{Input, MediaFileError, MediaFileForm};
use crate::{
    EncodedFormat, EncodedSource, Mp4Reader, Mp4TrackReader, OggOpusReader, WebmReader,
    WebmTrackReader,
};

/// Before so many frames there is a key frame, or the track counts as one without.
const MAX_FRAMES_BEFORE_KEY: usize = 1_000;
/// So many octets of them are read at most.
const MAX_OCTETS_BEFORE_KEY: usize = 64 << 20;
/// So many frames are looked at for their order.
const FRAMES_IN_ORDER: usize = 100;

/// The encoded frames of one kind of a [`MediaFile`](super::MediaFile).
pub struct MediaFileTrack {
    reader: Reader,
    format: EncodedFormat,
}

enum Reader {
    Webm(WebmTrackReader<Box<dyn Input>>),
    OggOpus(OggOpusReader<Box<dyn Input>>),
    Mp4(Mp4TrackReader<Box<dyn Input>>),
}

impl MediaFileTrack {
    pub(super) fn open(
        input: Box<dyn Input>,
        form: MediaFileForm,
        format: EncodedFormat,
    ) -> Result<Self, MediaFileError> {
        let reader = match form {
            MediaFileForm::OggOpus => Reader::OggOpus(OggOpusReader::new(input)?),
            MediaFileForm::Webm => Reader::Webm(WebmReader::new(input)?.into_track(format.kind())?),
            MediaFileForm::Mp4 => Reader::Mp4(Mp4Reader::new(input)?.into_track(format.kind())?),
            MediaFileForm::Wav => {
                let kind = format.kind().as_str();
                return Err(MediaFileError::NoSuchTrack { kind });
            }
        };
        Ok(Self { reader, format })
    }

    /// What the frames are.
    pub const fn format(&self) -> EncodedFormat {
        self.format
    }

    /// The first frame that can be decoded alone; `None` if none comes.
    pub(super) fn first_key_frame(&mut self) -> Result<Option<EncodedFrame>, MediaFileError> {
        let mut octets = 0;
        for _ in 0..MAX_FRAMES_BEFORE_KEY {
            match self.next_frame()? {
                Some(frame) if frame.keyframe => return Ok(Some(frame)),
                Some(frame) if octets < MAX_OCTETS_BEFORE_KEY => octets += frame.data.len(),
                _ => break,
            }
        }
        Ok(None)
    }

    /// Whether a frame behind the first key frame is shown before one that is decoded earlier.
    pub(super) fn is_reordered(&mut self) -> Result<bool, MediaFileError> {
        if let Reader::Mp4(reader) = &self.reader
            && reader.track().is_reordered
        {
            return Ok(true);
        }
        let (mut latest, mut octets) = (Duration::ZERO, 0);
        for _ in 0..FRAMES_IN_ORDER {
            match self.next_frame()? {
                Some(frame) if frame.timestamp < latest => return Ok(true),
                Some(frame) if octets < MAX_OCTETS_BEFORE_KEY => {
                    latest = frame.timestamp;
                    octets += frame.data.len();
                }
                _ => break,
            }
        }
        Ok(false)
    }
}

impl EncodedSource for MediaFileTrack {
    type Error = MediaFileError;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, MediaFileError> {
        Ok(match &mut self.reader {
            Reader::Webm(reader) => reader.next_frame()?,
            Reader::OggOpus(reader) => reader.next_frame()?,
            Reader::Mp4(reader) => reader.next_frame()?,
        })
    }

    fn rewind(&mut self) -> Result<(), MediaFileError> {
        match &mut self.reader {
            Reader::Webm(reader) => reader.rewind()?,
            Reader::OggOpus(reader) => reader.rewind()?,
            Reader::Mp4(reader) => reader.rewind()?,
        }
        Ok(())
    }

    fn duration(&mut self) -> Result<Duration, MediaFileError> {
        Ok(match &mut self.reader {
            Reader::Webm(reader) => reader.duration()?,
            Reader::OggOpus(reader) => reader.duration()?,
            Reader::Mp4(reader) => reader.duration()?,
        })
    }

    fn delay(&self) -> Duration {
        match &self.reader {
            Reader::Webm(reader) => reader.delay(),
            Reader::OggOpus(reader) => reader.delay(),
            Reader::Mp4(reader) => reader.delay(),
        }
    }
}

impl fmt::Debug for MediaFileTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaFileTrack")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
