use std::{fmt, time::Duration};

use gannet_codecs::EncodedFrame;

use super::{Input, MediaFileError, MediaFileForm};
use crate::{EncodedFormat, EncodedSource, OggOpusReader, WebmReader, WebmTrackReader};

/// Before so many frames there is a key frame, or the track counts as one without.
const MAX_FRAMES_BEFORE_KEY: usize = 1_000;

/// The encoded frames of one kind of a [`MediaFile`](super::MediaFile).
pub struct MediaFileTrack {
    reader: Reader,
    format: EncodedFormat,
}

enum Reader {
    Webm(WebmTrackReader<Box<dyn Input>>),
    OggOpus(OggOpusReader<Box<dyn Input>>),
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
        for _ in 0..MAX_FRAMES_BEFORE_KEY {
            match self.next_frame()? {
                Some(frame) if frame.keyframe => return Ok(Some(frame)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}

impl EncodedSource for MediaFileTrack {
    type Error = MediaFileError;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, MediaFileError> {
        Ok(match &mut self.reader {
            Reader::Webm(reader) => reader.next_frame()?,
            Reader::OggOpus(reader) => reader.next_frame()?,
        })
    }

    fn rewind(&mut self) -> Result<(), MediaFileError> {
        match &mut self.reader {
            Reader::Webm(reader) => reader.rewind()?,
            Reader::OggOpus(reader) => reader.rewind()?,
        }
        Ok(())
    }

    fn duration(&mut self) -> Result<Duration, MediaFileError> {
        Ok(match &mut self.reader {
            Reader::Webm(reader) => reader.duration()?,
            Reader::OggOpus(reader) => reader.duration()?,
        })
    }

    fn delay(&self) -> Duration {
        match &self.reader {
            Reader::Webm(reader) => reader.delay(),
            Reader::OggOpus(reader) => reader.delay(),
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
