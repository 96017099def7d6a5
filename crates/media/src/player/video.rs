use std::{
    fmt,
    io::{Read, Seek},
    time::Duration,
};

use gannet_codecs::{DecodeError, I420Buffer, VideoCodec, VideoDecoder, VideoFrame};

use super::{PlayerError, lap::Laps};
use crate::{EncodedSource, MediaKind, Source, WebmReader, WebmTrackReader};

/// Plays the pictures of a file, decoded.
///
/// The picture of a time is the newest one of the file until then, or the first one before that begins;
/// the last one stays until the file ends. Frames that cannot be decoded are left out. An error in the
/// file ends it, or the present lap.
pub struct VideoPlayer<E> {
    laps: Laps<E>,
    decoder: Box<dyn VideoDecoder>,
    interval: Duration,
    shown: Option<VideoFrame>,
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
        let mut player = Self::new(source, codec)?;
        let blank = size.and_then(|(width, height)| I420Buffer::new(width, height).ok());
        // A head may lie: a blank picture of any size it names would be memory for nothing.
        if let Some(blank) = blank.filter(|blank| blank.width() * blank.height() <= 1920 * 1088) {
            player.blank = VideoFrame::new(blank, Duration::ZERO);
        }
        let sensible = Duration::from_millis(4)..=Duration::from_secs(1);
        if let Some(interval) = interval.filter(|interval| sensible.contains(interval)) {
            player.interval = interval;
        }
        Ok(player)
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
            decoder: codec.decoder()?,
            interval: Duration::from_secs(1) / 30,
            shown: None,
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

    /// Gives so many pictures a second, 1 to 240.
    #[must_use]
    pub fn with_frame_rate(mut self, frames_per_second: u32) -> Self {
        self.interval = Duration::from_secs(1) / frames_per_second.clamp(1, 240);
        self
    }
}

impl<E: EncodedSource> Source for VideoPlayer<E> {
    type Frame = VideoFrame;

    fn interval(&self) -> Duration {
        self.interval
    }

    fn frame_at(&mut self, time: Duration) -> Option<VideoFrame> {
        let local = self.laps.local_time(time);
        if self.laps.is_over(local) {
            return None;
        }
        // Due is what begins at this time too.
        let mut due = local + Duration::from_nanos(1);
        if self.shown.is_none()
            && let Some(first) = self.laps.peek()
        {
            due = due.max(first.timestamp + Duration::from_nanos(1));
        }
        while let Some(frame) = self.laps.next_before(due) {
            if let Ok(Some(picture)) = self.decoder.decode(&frame) {
                self.shown = Some(picture);
            }
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
