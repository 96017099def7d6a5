//! Tracks: their codecs, and their entries (RFC 9559, section 5.1.4.1).

use std::{fmt, time::Duration};

use gannet_codecs::{AudioCodec, Rotation, VideoCodec};

use super::{
    WebmReadError,
    ebml::{self, Octets, id, read_float, read_string, read_unsigned},
};
use crate::{MediaKind, h264, opus_packet, picture::Size};

/// What a file is asked to hold of one kind at most, so that a hostile one fills no memory.
const MAX_TRACKS: usize = 64;

const TYPE_VIDEO: u64 = 1;
const TYPE_AUDIO: u64 = 2;
const OPUS_SEEK_PRE_ROLL: Duration = Duration::from_millis(80);
const COMPRESSION_HEADER_STRIPPING: u64 = 3;

/// The codecs of a WebM or Matroska file that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebmCodec {
    /// Opus.
    Opus,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// H.264, which makes the file Matroska. Frames are in Annex B form.
    H264,
    /// AV1: read only, as temporal units without delimiters. Nothing here decodes it.
    Av1,
}

impl WebmCodec {
    const ALL: [Self; 5] = [Self::Opus, Self::Vp8, Self::Vp9, Self::H264, Self::Av1];

    /// The codec of an RTP payload format, by its encoding name in any case.
    ///
    /// ```
    /// use gannet_media::WebmCodec;
    ///
    /// assert_eq!(WebmCodec::from_name("opus"), Some(WebmCodec::Opus));
    /// assert_eq!(WebmCodec::from_name("PCMU"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// The encoding name of its RTP payload format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
        }
    }

    /// Matroska's name of it (Matroska's codec specifications).
    pub const fn id(self) -> &'static str {
        match self {
            Self::Opus => "A_OPUS",
            Self::Vp8 => "V_VP8",
            Self::Vp9 => "V_VP9",
            Self::H264 => "V_MPEG4/ISO/AVC",
            Self::Av1 => "V_AV1",
        }
    }

    /// Sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => MediaKind::Video,
        }
    }

    /// The video codec, if it is one that `gannet-codecs` knows.
    pub const fn video(self) -> Option<VideoCodec> {
        match self {
            Self::Vp8 => Some(VideoCodec::Vp8),
            Self::Vp9 => Some(VideoCodec::Vp9),
            Self::H264 => Some(VideoCodec::H264),
            Self::Opus | Self::Av1 => None,
        }
    }

    /// The audio codec, if it is one.
    pub const fn audio(self) -> Option<AudioCodec> {
        match self {
            Self::Opus => Some(AudioCodec::Opus),
            _ => None,
        }
    }
}

impl fmt::Display for WebmCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What goes into the entry of a track that is recorded.
#[derive(Debug)]
pub(super) struct TrackEntry {
    pub(super) number: u8,
    pub(super) codec: WebmCodec,
    /// Of the first key frame.
    pub(super) size: Option<Size>,
    pub(super) rotation: Rotation,
    pub(super) codec_private: Vec<u8>,
}

impl TrackEntry {
    /// Writes it, and says at which octet of `out` the values of PixelWidth and PixelHeight stand.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Option<[usize; 2]> {
        let mut sides = None;
        let mut entry = Vec::new();
        ebml::write_unsigned(&mut entry, id::TRACK_NUMBER, self.number.into());
        ebml::write_unsigned(&mut entry, id::TRACK_UID, self.number.into());
        ebml::write_unsigned(&mut entry, id::FLAG_LACING, 0);
        ebml::write_binary(&mut entry, id::CODEC_ID, self.codec.id().as_bytes());
        if self.codec == WebmCodec::Opus {
            self.write_opus(&mut entry);
        } else {
            sides = Some(self.write_video(&mut entry));
        }
        let before = out.len();
        ebml::write_binary(out, id::TRACK_ENTRY, &entry);
        let head = out.len() - before - entry.len();
        sides.map(|sides| sides.map(|side| before + head + side))
    }

    fn write_opus(&self, entry: &mut Vec<u8>) {
        const CHANNELS: u8 = 2;
        ebml::write_unsigned(entry, id::TRACK_TYPE, TYPE_AUDIO);
        let header = opus_packet::identification_header(CHANNELS);
        ebml::write_binary(entry, id::CODEC_PRIVATE, &header);
        let delay = u64::from(opus_packet::PRE_SKIP) * 1_000_000_000 / 48_000;
        ebml::write_unsigned(entry, id::CODEC_DELAY, delay);
        let pre_roll = OPUS_SEEK_PRE_ROLL.as_nanos() as u64;
        ebml::write_unsigned(entry, id::SEEK_PRE_ROLL, pre_roll);
        ebml::write_master(entry, id::AUDIO, |audio| {
            ebml::write_float(audio, id::SAMPLING_FREQUENCY, 48_000.0);
            ebml::write_unsigned(audio, id::CHANNELS, CHANNELS.into());
        });
    }

    fn write_video(&self, entry: &mut Vec<u8>) -> [usize; 2] {
        ebml::write_unsigned(entry, id::TRACK_TYPE, TYPE_VIDEO);
        if !self.codec_private.is_empty() {
            ebml::write_binary(entry, id::CODEC_PRIVATE, &self.codec_private);
        }
        let size = self.size.unwrap_or(Size {
            width: 640,
            height: 480,
        });
        let mut video = Vec::new();
        ebml::write_unsigned_32(&mut video, id::PIXEL_WIDTH, size.width);
        let width_at = video.len() - 4;
        ebml::write_unsigned_32(&mut video, id::PIXEL_HEIGHT, size.height);
        let height_at = video.len() - 4;
        if self.rotation != Rotation::Deg0 {
            self.write_projection(&mut video);
        }
        ebml::write_binary(entry, id::VIDEO, &video);
        let start = entry.len() - video.len();
        [start + width_at, start + height_at]
    }

    /// RFC 9559, section 5.1.4.1.28.46: the roll turns counter-clockwise.
    fn write_projection(&self, video: &mut Vec<u8>) {
        let roll = match self.rotation {
            Rotation::Deg0 => 0.0,
            Rotation::Deg90 => -90.0,
            Rotation::Deg180 => 180.0,
            Rotation::Deg270 => 90.0,
        };
        ebml::write_master(video, id::PROJECTION, |projection| {
            ebml::write_unsigned(projection, id::PROJECTION_TYPE, 0);
            ebml::write_float(projection, id::PROJECTION_POSE_YAW, 0.0);
            ebml::write_float(projection, id::PROJECTION_POSE_PITCH, 0.0);
            ebml::write_float(projection, id::PROJECTION_POSE_ROLL, roll);
        });
    }
}

/// A track of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct WebmTrack {
    /// Its number in the file.
    pub number: u64,
    /// Its codec, if this crate can read it.
    pub codec: Option<WebmCodec>,
    /// What the file calls its codec.
    pub codec_id: String,
    /// The picture's width and height in pixels, as far as the file's head knows; key frames may have
    /// others.
    pub size: Option<(u32, u32)>,
    /// How the pictures are to be turned before they are shown.
    pub rotation: Rotation,
    /// The sound's channels.
    pub channels: Option<u64>,
    /// How long each frame lasts, if the file says.
    pub default_duration: Option<Duration>,
    /// How much sound to throw away at the beginning, and to subtract from every time.
    pub codec_delay: Duration,
    pub(super) configuration: Option<h264::Configuration>,
    /// What each frame begins with that is not in the file.
    pub(super) stripped: Vec<u8>,
}

/// Reads the data of a Tracks element.
pub(super) fn read_tracks(data: &[u8]) -> Result<Vec<WebmTrack>, WebmReadError> {
    let mut elements = Octets(data);
    let mut tracks = Vec::new();
    while let Some((id, data)) = elements.element()? {
        if id != id::TRACK_ENTRY {
            continue;
        }
        if tracks.len() == MAX_TRACKS {
            return Err(WebmReadError::TooLarge {
                what: "list of tracks",
                size: MAX_TRACKS as u64 + 1,
                limit: MAX_TRACKS as u64,
            });
        }
        tracks.push(WebmTrack::read(data)?);
    }
    Ok(tracks)
}

impl WebmTrack {
    fn read(entry: &[u8]) -> Result<Self, WebmReadError> {
        let mut track = Self {
            number: 0,
            codec: None,
            codec_id: String::new(),
            size: None,
            rotation: Rotation::Deg0,
            channels: None,
            default_duration: None,
            codec_delay: Duration::ZERO,
            configuration: None,
            stripped: Vec::new(),
        };
        let mut codec_private = &[][..];
        let mut is_readable = true;
        let mut elements = Octets(entry);
        while let Some((id, data)) = elements.element()? {
            let nanos = |what| read_unsigned(data, what).map(Duration::from_nanos);
            match id {
                id::TRACK_NUMBER => track.number = read_unsigned(data, "track number")?,
                id::CODEC_ID => track.codec_id = read_string(data),
                id::CODEC_PRIVATE => codec_private = data,
                id::DEFAULT_DURATION => track.default_duration = Some(nanos("default duration")?),
                id::CODEC_DELAY => track.codec_delay = nanos("codec delay")?,
                id::VIDEO => track.read_video(data)?,
                id::AUDIO => track.read_audio(data)?,
                id::CONTENT_ENCODINGS => {
                    let stripped = read_encodings(data)?;
                    is_readable = stripped.is_some();
                    track.stripped = stripped.unwrap_or_default();
                }
                _ => {}
            }
        }
        let known = WebmCodec::ALL
            .into_iter()
            .find(|codec| codec.id() == track.codec_id);
        track.codec = known.filter(|_| is_readable);
        if track.codec == Some(WebmCodec::H264) {
            track.configuration = h264::Configuration::read(codec_private);
            track.codec = track.codec.filter(|_| track.configuration.is_some());
        }
        Ok(track)
    }

    fn read_video(&mut self, video: &[u8]) -> Result<(), WebmReadError> {
        let (mut width, mut height) = (0, 0);
        let mut elements = Octets(video);
        while let Some((id, data)) = elements.element()? {
            match id {
                id::PIXEL_WIDTH => width = read_unsigned(data, "width")?,
                id::PIXEL_HEIGHT => height = read_unsigned(data, "height")?,
                id::PROJECTION => self.read_projection(data)?,
                _ => {}
            }
        }
        if let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) {
            self.size = (width > 0 && height > 0).then_some((width, height));
        }
        Ok(())
    }

    fn read_projection(&mut self, projection: &[u8]) -> Result<(), WebmReadError> {
        let mut elements = Octets(projection);
        while let Some((id, data)) = elements.element()? {
            if id == id::PROJECTION_POSE_ROLL {
                let quarters = read_float(data, "roll")? / 90.0;
                self.rotation = match quarters.round() as i64 {
                    -1 | 3 => Rotation::Deg90,
                    2 | -2 => Rotation::Deg180,
                    1 | -3 => Rotation::Deg270,
                    _ => Rotation::Deg0,
                };
            }
        }
        Ok(())
    }

    fn read_audio(&mut self, audio: &[u8]) -> Result<(), WebmReadError> {
        let mut elements = Octets(audio);
        while let Some((id, data)) = elements.element()? {
            if id == id::CHANNELS {
                self.channels = Some(read_unsigned(data, "channels")?);
            }
        }
        Ok(())
    }
}

/// What was stripped from each frame; `None` when the frames are compressed or encrypted (RFC 9559,
/// section 5.1.4.1.31).
fn read_encodings(encodings: &[u8]) -> Result<Option<Vec<u8>>, WebmReadError> {
    let mut stripped = Vec::new();
    let mut elements = Octets(encodings);
    while let Some((id, encoding)) = elements.element()? {
        if id != id::CONTENT_ENCODING {
            continue;
        }
        let (mut kind, mut scope, mut algorithm) = (0, 1, 0);
        let mut inside = Octets(encoding);
        let mut settings = &[][..];
        while let Some((id, data)) = inside.element()? {
            match id {
                id::CONTENT_ENCODING_TYPE => kind = read_unsigned(data, "encoding type")?,
                id::CONTENT_ENCODING_SCOPE => scope = read_unsigned(data, "encoding scope")?,
                id::CONTENT_COMPRESSION => {
                    let mut compression = Octets(data);
                    while let Some((id, data)) = compression.element()? {
                        match id {
                            id::CONTENT_COMP_ALGO => algorithm = read_unsigned(data, "algorithm")?,
                            id::CONTENT_COMP_SETTINGS => settings = data,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let is_stripping = kind == 0 && scope == 1 && algorithm == COMPRESSION_HEADER_STRIPPING;
        if !is_stripping || !stripped.is_empty() || settings.len() > 64 {
            return Ok(None);
        }
        stripped = settings.to_vec();
    }
    Ok(Some(stripped))
}
