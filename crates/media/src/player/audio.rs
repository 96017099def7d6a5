use std::{
    fmt,
    io::{Read, Seek},
    time::Duration,
};

use gannet_codecs::{
    AudioCodec, AudioDecoder, AudioFormat, AudioFrame, EncodedFrame, from_ticks, to_ticks,
};

use super::{PlayerError, lap::Laps};
use crate::{EncodedSource, MediaKind, Source, WebmReader, WebmTrackReader};

/// How far a packet may be from where the last one ended and still join it: containers round times.
const JOIN: Duration = Duration::from_millis(5);

/// Plays the sound of a file, decoded, in pieces of 20 ms. Where the file has none, it is silent.
///
/// Packets that cannot be decoded are silence. An error in the file ends it, or the present lap.
pub struct AudioPlayer<E> {
    laps: Laps<E>,
    decoder: Box<dyn AudioDecoder>,
    format: AudioFormat,
    /// The decoded packet that is played next, or was begun.
    decoded: Option<Decoded>,
    /// Where the last decoded packet ended, and in which lap.
    end: Option<(u64, i64)>,
}

struct Decoded {
    frame: AudioFrame,
    /// Its first sample's place in the lap; below 0 is what is not to be heard.
    start: i64,
}

impl Decoded {
    fn end(&self) -> i64 {
        self.start + self.frame.samples_per_channel() as i64
    }
}

impl<R: Read + Seek + Send> AudioPlayer<WebmTrackReader<R>> {
    /// Plays the first track of sound of a WebM or Matroska file.
    ///
    /// # Errors
    ///
    /// When there is no such track, or no decoder for it.
    pub fn open(file: R) -> Result<Self, PlayerError> {
        let reader = WebmReader::new(file).map_err(PlayerError::read)?;
        let source = reader.into_track(MediaKind::Audio);
        let source = source.map_err(PlayerError::read)?;
        let track = source.track();
        let codec = track.codec.and_then(|codec| codec.audio());
        let codec = codec.ok_or_else(|| PlayerError::NoDecoder {
            codec: track.codec_id.clone(),
        })?;
        Self::new(source, codec)
    }
}

impl<E: EncodedSource> AudioPlayer<E> {
    /// Plays the packets of a source of encoded sound once.
    ///
    /// # Errors
    ///
    /// When there is no decoder in this build, or it cannot start.
    pub fn new(source: E, codec: AudioCodec) -> Result<Self, PlayerError> {
        let decoder = codec.decoder()?;
        Ok(Self {
            laps: Laps::new(source),
            format: decoder.format(),
            decoder,
            decoded: None,
            end: None,
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

    /// Sample rate and channels of the frames.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Decodes packets until one reaches beyond `from`, if it begins before `until`.
    fn decode(&mut self, from: i64, until: i64) {
        let lap = self.laps.lap();
        let delay = self.laps.source().delay();
        let latest = self.duration(until) + delay;
        while self
            .decoded
            .as_ref()
            .is_none_or(|decoded| decoded.end() <= from)
        {
            self.decoded = None;
            let Some(packet) = self.laps.next_before(latest) else {
                return;
            };
            let Ok(frame) = self.decoder.decode(&packet) else {
                continue;
            };
            let mut start = self.ticks(&packet) - self.sample_count(delay);
            if let Some((_, end)) = self.end.filter(|(ended, _)| *ended == lap)
                && end.abs_diff(start) <= self.sample_count(JOIN).unsigned_abs()
            {
                start = end;
            }
            let decoded = Decoded { frame, start };
            self.end = Some((lap, decoded.end()));
            self.decoded = Some(decoded);
        }
    }

    fn ticks(&self, packet: &EncodedFrame) -> i64 {
        self.sample_count(packet.timestamp)
    }

    /// Samples of a channel in a time, which is below 2^53 samples.
    fn sample_count(&self, time: Duration) -> i64 {
        to_ticks(time, self.format.sample_rate).min(1 << 53) as i64
    }

    fn duration(&self, samples: i64) -> Duration {
        from_ticks(samples.max(0).unsigned_abs(), self.format.sample_rate)
    }
}

impl<E: EncodedSource> Source for AudioPlayer<E> {
    type Frame = AudioFrame;

    fn interval(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn frame_at(&mut self, time: Duration) -> Option<AudioFrame> {
        let lap = self.laps.lap();
        let local = self.laps.local_time(time);
        if self.laps.lap() != lap {
            self.decoded = None;
        }
        let first = self.sample_count(local);
        let is_played = self
            .decoded
            .as_ref()
            .is_none_or(|decoded| decoded.end() <= first);
        if is_played && self.laps.is_over(local) {
            return None;
        }
        let channels = usize::from(self.format.channels);
        let last = first + self.sample_count(self.interval());
        let mut samples = vec![0; (last - first) as usize * channels];
        let mut at = first;
        while at < last {
            self.decode(at, last);
            let Some(decoded) = &self.decoded else {
                break;
            };
            let (from, until) = (decoded.start.max(at), decoded.end().min(last));
            if from >= until {
                break;
            }
            let place = |position: i64, zero: i64| (position - zero) as usize * channels;
            let sound = place(from, decoded.start)..place(until, decoded.start);
            samples[place(from, first)..place(until, first)]
                .copy_from_slice(&decoded.frame.samples()[sound]);
            at = until;
        }
        AudioFrame::new(samples, self.format, time).ok()
    }
}

impl<E> fmt::Debug for AudioPlayer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioPlayer")
            .field("decoder", &self.decoder)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
