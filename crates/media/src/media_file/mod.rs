//! Files of any form that this crate plays, told apart by their content.

#[cfg(test)]
mod tests;
mod track;

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek},
    path::PathBuf,
    sync::Arc,
};

use gannet_codecs::{AudioCodec, AudioFrame, VideoCodec, VideoFrame};
use thiserror::Error;

use crate::{
    AudioPlayer, EncodedFormat, EncodedPlayer, EncodedSource, MediaCodec, MediaKind, Mp4ReadError,
    Mp4Reader, OggOpusReadError, OggOpusReader, PlayerError, Source, VideoPlayer, WavError,
    WavPlayer, WebmCodec, WebmReadError, WebmReader, mp4,
};

pub use track::MediaFileTrack;

/// The forms of files that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaFileForm {
    /// Decoded sound.
    Wav,
    /// WebM or Matroska.
    Webm,
    /// Opus in Ogg.
    OggOpus,
    /// MP4 or QuickTime.
    Mp4,
}

/// A file cannot be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaFileError {
    /// It cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It begins like nothing that is known.
    #[error("it is neither WAV nor WebM, Matroska, MP4 or Ogg Opus")]
    Unknown,
    /// It is no WAV file that can be played.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// It is no WebM or Matroska file that can be played.
    #[error(transparent)]
    Webm(#[from] WebmReadError),
    /// It is no Ogg Opus file that can be played.
    #[error(transparent)]
    OggOpus(#[from] OggOpusReadError),
    /// It is no MP4 file that can be played.
    #[error(transparent)]
    Mp4(#[from] Mp4ReadError),
    /// Nothing in it can be decoded or sent.
    #[error("none of its tracks can be played: {codecs}")]
    NoTracks {
        /// What the file calls their codecs.
        codecs: String,
    },
    /// It has no sound, or no pictures.
    #[error("it has no {kind}")]
    NoSuchTrack {
        /// `audio` or `video`.
        kind: &'static str,
    },
}

/// A file of sound, pictures or both, whose form is found out by looking into it. It is opened anew by each player.
///
/// ```
/// use gannet_media::{MediaFile, MediaFileError};
///
/// let text = MediaFile::from_bytes(*b"To whom it may concern");
/// assert!(matches!(text, Err(MediaFileError::Unknown)));
/// ```
#[derive(Clone)]
pub struct MediaFile {
    place: Place,
    form: MediaFileForm,
    audio: Option<EncodedFormat>,
    video: Option<EncodedFormat>,
    is_reordered: bool,
    left_out: Vec<String>,
}

/// Where a file is.
#[derive(Clone)]
enum Place {
    Path(PathBuf),
    Bytes(Arc<[u8]>),
}

/// What a file is read from.
pub(crate) trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

impl Place {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(match self {
            Self::Path(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        })
    }

    fn form(&self) -> Result<MediaFileForm, MediaFileError> {
        let mut head = Vec::new();
        self.open()?.take(12).read_to_end(&mut head)?;
        match &head[..] {
            [0x1A, 0x45, 0xDF, 0xA3, ..] => Ok(MediaFileForm::Webm),
            [b'O', b'g', b'g', b'S', ..] => Ok(MediaFileForm::OggOpus),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'] => Ok(MediaFileForm::Wav),
            head if mp4::is_beginning(head) => Ok(MediaFileForm::Mp4),
            _ => Err(MediaFileError::Unknown),
        }
    }
}

impl MediaFile {
    /// Looks into the file at a path.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is of no known form, or nothing in it can be played.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, MediaFileError> {
        Self::new(Place::Path(path.into()))
    }

    /// Looks into the bytes of a file.
    ///
    /// # Errors
    ///
    /// When they are of no known form, or nothing in them can be played.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, MediaFileError> {
        Self::new(Place::Bytes(bytes.into()))
    }

    fn new(place: Place) -> Result<Self, MediaFileError> {
        let form = place.form()?;
        let mut file = Self {
            place,
            form,
            audio: None,
            video: None,
            is_reordered: false,
            left_out: Vec::new(),
        };
        match form {
            MediaFileForm::Wav => drop(WavPlayer::new(file.place.open()?)?),
            MediaFileForm::OggOpus => {
                OggOpusReader::new(file.place.open()?)?;
                file.audio = Some(EncodedFormat::audio(AudioCodec::Opus));
            }
            MediaFileForm::Webm => {
                let reader = WebmReader::new(file.place.open()?)?;
                let known = |kind| reader.track(kind).and_then(|track| track.codec);
                let audio = known(MediaKind::Audio).and_then(|codec| codec.audio());
                let video = known(MediaKind::Video).and_then(|codec| codec.video());
                let is_played =
                    |codec: WebmCodec| codec.audio().is_some() || codec.video().is_some();
                let is_media = |id: &str| id.starts_with("A_") || id.starts_with("V_");
                let tracks = reader.tracks().iter();
                file.left_out = tracks
                    .filter(|track| {
                        is_media(&track.codec_id) && !track.codec.is_some_and(is_played)
                    })
                    .map(|track| track.codec_id.clone())
                    .collect();
                file.take_tracks(audio, video)?;
            }
            MediaFileForm::Mp4 => {
                let reader = Mp4Reader::new(file.place.open()?)?;
                let known = |kind| reader.track(kind).and_then(|track| track.codec);
                let audio = known(MediaKind::Audio).and_then(MediaCodec::audio);
                let video = known(MediaKind::Video).and_then(MediaCodec::video);
                file.left_out = reader
                    .tracks()
                    .filter(|track| track.codec.is_none() && !track.codec_id.is_empty())
                    .map(|track| track.codec_id.clone())
                    .collect();
                file.take_tracks(audio, video)?;
            }
        }
        Ok(file)
    }

    fn take_tracks(
        &mut self,
        audio: Option<AudioCodec>,
        video: Option<VideoCodec>,
    ) -> Result<(), MediaFileError> {
        self.audio = audio.map(EncodedFormat::audio);
        if let Some(codec) = video {
            self.video = Some(EncodedFormat::video(codec));
            let mut track = self.track(MediaKind::Video)?;
            let first = track.first_key_frame()?;
            self.video = first.map(|frame| EncodedFormat::of_key_frame(codec, &frame.data));
            self.is_reordered = track.is_reordered()?;
        }
        if self.audio.is_none() && self.video.is_none() {
            let codecs = self.left_out.join(", ");
            return Err(MediaFileError::NoTracks { codecs });
        }
        Ok(())
    }

    /// Its form.
    pub const fn form(&self) -> MediaFileForm {
        self.form
    }

    /// Whether it has sound, or pictures.
    pub fn has(&self, kind: MediaKind) -> bool {
        let is_sound = self.form == MediaFileForm::Wav && kind == MediaKind::Audio;
        is_sound || self.format(kind).is_some()
    }

    /// What its frames are, if they are encoded ones.
    pub const fn format(&self, kind: MediaKind) -> Option<EncodedFormat> {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }

    /// Whether its pictures are shown in another order than they are decoded in, as H.264 with B pictures has them. Calls do not:
    /// what shows them there would show them in the order in which they come.
    pub const fn is_reordered(&self) -> bool {
        self.is_reordered
    }

    /// What the file calls the codecs of its tracks that nothing here plays, as `mp4a` (AAC) or `V_AV1`.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Its encoded frames, one after the other.
    ///
    /// # Errors
    ///
    /// When there are none of this kind, or the file cannot be read any more.
    pub fn track(&self, kind: MediaKind) -> Result<MediaFileTrack, MediaFileError> {
        let missing = MediaFileError::NoSuchTrack {
            kind: kind.as_str(),
        };
        let format = self.format(kind).ok_or(missing)?;
        MediaFileTrack::open(self.place.open()?, self.form, format)
    }

    /// Plays its frames as they are, once or in a loop.
    ///
    /// # Errors
    ///
    /// As [`track`](Self::track); or its duration is needed for the loop and cannot be found.
    pub fn encoded(
        &self,
        kind: MediaKind,
        is_looping: bool,
    ) -> Result<EncodedPlayer<MediaFileTrack>, PlayerError> {
        let track = self.track(kind).map_err(PlayerError::read)?;
        let player = EncodedPlayer::new(track);
        if is_looping {
            player.looping()
        } else {
            Ok(player)
        }
    }

    /// Plays its sound, decoded, once or in a loop.
    ///
    /// # Errors
    ///
    /// When it has none, there is no decoder, or the file cannot be read any more.
    pub fn sound(
        &self,
        is_looping: bool,
    ) -> Result<Box<dyn Source<Frame = AudioFrame>>, PlayerError> {
        if self.form == MediaFileForm::Wav {
            let input = self.place.open().map_err(PlayerError::read)?;
            let player = WavPlayer::new(input).map_err(PlayerError::read)?;
            return Ok(Box::new(if is_looping { player.looping() } else { player }));
        }
        let track = self.track(MediaKind::Audio).map_err(PlayerError::read)?;
        let MediaCodec::Audio(codec) = track.format().codec else {
            return Err(PlayerError::NoDecoder {
                codec: track.format().to_string(),
            });
        };
        let player = AudioPlayer::new(track, codec)?;
        Ok(Box::new(if is_looping {
            player.looping()?
        } else {
            player
        }))
    }

    /// Plays its pictures, decoded, once or in a loop.
    ///
    /// # Errors
    ///
    /// When it has none, there is no decoder, or the file cannot be read any more.
    pub fn pictures(
        &self,
        is_looping: bool,
    ) -> Result<Box<dyn Source<Frame = VideoFrame>>, PlayerError> {
        if self.video.is_none() {
            let kind = MediaKind::Video.as_str();
            return Err(PlayerError::read(MediaFileError::NoSuchTrack { kind }));
        }
        let input = self.place.open().map_err(PlayerError::read)?;
        if self.form == MediaFileForm::Mp4 {
            let reader = Mp4Reader::new(input).map_err(PlayerError::read)?;
            return played(VideoPlayer::open_mp4(reader)?, is_looping);
        }
        played(VideoPlayer::open(input)?, is_looping)
    }
}

fn played<E: EncodedSource + 'static>(
    player: VideoPlayer<E>,
    is_looping: bool,
) -> Result<Box<dyn Source<Frame = VideoFrame>>, PlayerError> {
    Ok(Box::new(if is_looping {
        player.looping()?
    } else {
        player
    }))
}

impl fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaFile")
            .field("form", &self.form)
            .field("audio", &self.audio)
            .field("video", &self.video)
            .finish_non_exhaustive()
    }
}
