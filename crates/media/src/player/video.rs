use std::{
    collections::VecDeque,
    fmt,
    io::{Read, Seek},
    time::Duration,
};

use gannet_codecs::{DecodeError, I420Buffer, VideoCodec, VideoDecoder, VideoFrame};

use super::{PlayerError, lap::Laps};
use crate::{
    EncodedSource, MediaCodec, MediaKind, Mp4Reader, Mp4TrackReader, Source, WebmReader,
    WebmTrackReader,
};

/// So much of a file is decoded ahead at most, to find the picture that is shown next: in H.264 it may come behind later ones.
const LOOK_AHEAD: Duration = Duration::from_secs(4);

/// Plays the pictures of a file, decoded.
///
/// The picture of a time is the newest one of the file until then, or the first one before that begins;
/// the last one stays until the file ends. Frames that cannot be decoded are left out. An error in the
/// file ends it, or the present lap.
pub struct VideoPlayer<E> {
    laps: Laps<E>,
    codec: VideoCodec,
    decoder: Box<dyn VideoDecoder>,
    interval: Duration,
    shown: Option<VideoFrame>,
    /// What is decoded and not shown yet: the next picture, or the last ones of a lap.
    decoded: VecDeque<VideoFrame>,
    is_drained: bool,
    /// What is shown while nothing could be decoded.
    blank: VideoFrame,
}

impl<R: Read + Seek + Send> VideoPlayer<WebmTrackReader<R>> {
    /// Plays the first track of pictures of a WebM or Matroska file. To hear its sound, give the file a
    /// second time to an [`AudioPlayer`](crate::AudioPlayer).
    ///
    /// # Errors
    ///
    /// When there is no such track, or no decoder for it.
    pub fn open(file: R) -> Result<Self, PlayerError> {
        let reader = WebmReader::new(file).map_err(PlayerError::read)?;
        let source = reader.into_track(MediaKind::Video);
        let source = source.map_err(PlayerError::read)?;
        let track = source.track();
        let codec = track.codec.and_then(|codec| codec.video());
        let codec = codec.ok_or_else(|| PlayerError::NoDecoder {
            codec: track.codec_id.clone(),
        })?;
        let size = track.size;
        let interval = track.default_duration;
        Ok(Self::new(source, codec)?.described(size, interval))
    }
}

impl<R: Read + Seek + Send> VideoPlayer<Mp4TrackReader<R>> {
    /// Plays the first track of pictures of an MP4 file.
    ///
    /// # Errors
    ///
    /// When there is no such track, or no decoder for it.
    pub fn open_mp4(reader: Mp4Reader<R>) -> Result<Self, PlayerError> {
        let source = reader.into_track(MediaKind::Video);
        let source = source.map_err(PlayerError::read)?;
        let track = source.track();
        let codec = track.codec.and_then(MediaCodec::video);
        let codec = codec.ok_or_else(|| PlayerError::NoDecoder {
            codec: track.codec_id.clone(),
        })?;
        let (size, interval) = (track.size, track.default_duration);
        Ok(Self::new(source, codec)?.described(size, interval))
    }
}

impl<E: EncodedSource> VideoPlayer<E> {
    /// Plays the frames of a source of encoded pictures once, 30 a second.
    ///
    /// # Errors
    ///
    /// When there is no decoder in this build, or it cannot start.
    pub fn new(source: E, codec: VideoCodec) -> Result<Self, PlayerError> {
        let blank = I420Buffer::new(320, 240).map_err(|error| DecodeError::Backend {
            codec: codec.name(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            laps: Laps::new(source),
            codec,
            decoder: codec.decoder_in_order()?,
            interval: Duration::from_secs(1) / 30,
            shown: None,
            decoded: VecDeque::new(),
            is_drained: false,
            blank: VideoFrame::new(blank, Duration::ZERO),
        })
    }

    /// Begins again whenever the file has ended.
    ///
    /// # Errors
    ///
    /// When its duration cannot be found.
    pub fn looping(mut self) -> Result<Self, PlayerError> {
        self.laps = self.laps.looping()?;
        Ok(self)
    }

    /// What a file's head says of its pictures, as far as it is sensible: their size, and how long one lasts.
    pub(crate) fn described(
        mut self,
        size: Option<(u32, u32)>,
        interval: Option<Duration>,
    ) -> Self {
        let blank = size.and_then(|(width, height)| I420Buffer::new(width, height).ok());
        // A head may lie: a blank picture of any size it names would be memory for nothing.
        if let Some(blank) = blank.filter(|blank| blank.width() * blank.height() <= 1920 * 1088) {
            self.blank = VideoFrame::new(blank, Duration::ZERO);
        }
        let sensible = Duration::from_millis(4)..=Duration::from_secs(1);
        if let Some(interval) = interval.filter(|interval| sensible.contains(interval)) {
            self.interval = interval;
        }
        self
    }

    /// Gives so many pictures a second, 1 to 240.
    #[must_use]
    pub fn with_frame_rate(mut self, frames_per_second: u32) -> Self {
        self.interval = Duration::from_secs(1) / frames_per_second.clamp(1, 240);
        self
    }

    /// A lap begins: what is still in the decoder belongs to the one before.
    fn begin_lap(&mut self) {
        if let Ok(decoder) = self.codec.decoder_in_order() {
            self.decoder = decoder;
        }
        self.decoded.clear();
        self.is_drained = false;
    }

    /// Decodes until there is another picture, or until a time in the lap.
    fn decode(&mut self, until: Duration) {
        while self.decoded.is_empty() {
            let Some(frame) = self.laps.next_before(until) else {
                break;
            };
            if let Ok(Some(picture)) = self.decoder.decode(&frame) {
                self.decoded.push_back(picture);
            }
        }
        if self.decoded.is_empty() && self.laps.peek().is_none() && !self.is_drained {
            self.is_drained = true;
            self.decoded = self.decoder.drain().into();
        }
    }
}

impl<E: EncodedSource> Source for VideoPlayer<E> {
    type Frame = VideoFrame;

    fn interval(&self) -> Duration {
        self.interval
    }

    fn frame_at(&mut self, time: Duration) -> Option<VideoFrame> {
        let lap = self.laps.lap();
        let local = self.laps.local_time(time);
        if self.laps.lap() != lap {
            self.begin_lap();
        }
        if self.laps.is_over(local) {
            return None;
        }
        let first = self
            .laps
            .peek()
            .map_or(Duration::ZERO, |frame| frame.timestamp);
        let until = if self.shown.is_none() {
            local.max(first)
        } else {
            local
        };
        loop {
            self.decode(until + LOOK_AHEAD);
            let is_due =
                |picture: &mut VideoFrame| self.shown.is_none() || picture.timestamp() <= local;
            let Some(picture) = self.decoded.pop_front_if(is_due) else {
                break;
            };
            self.shown = Some(picture);
        }
        let shown = self.shown.as_ref().unwrap_or(&self.blank);
        Some(shown.clone().with_timestamp(time))
    }
}

impl<E> fmt::Debug for VideoPlayer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoPlayer")
            .field("decoder", &self.decoder)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
