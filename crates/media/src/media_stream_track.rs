use gannet_codecs::{AudioFrame, VideoFrame};

use crate::{ReadyState, Track, TrackStats};

/// Sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A frame of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaFrame {
    /// A stretch of sound.
    Audio(AudioFrame),
    /// A picture.
    Video(VideoFrame),
}

/// A track of decoded frames, of either kind (W3C `MediaStreamTrack`).
#[derive(Debug)]
pub enum MediaStreamTrack {
    /// A track of sound.
    Audio(Track<AudioFrame>),
    /// A track of pictures.
    Video(Track<VideoFrame>),
}

impl MediaKind {
    /// `audio` or `video`, as in SDP's media lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl MediaStreamTrack {
    /// Sound or pictures.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
        }
    }

    /// The track's identifier.
    pub fn id(&self) -> &str {
        match self {
            Self::Audio(track) => track.id(),
            Self::Video(track) => track.id(),
        }
    }

    /// The track of sound, if it is one.
    pub fn audio(&self) -> Option<&Track<AudioFrame>> {
        match self {
            Self::Audio(track) => Some(track),
            Self::Video(_) => None,
        }
    }

    /// The track of pictures, if it is one.
    pub fn video(&self) -> Option<&Track<VideoFrame>> {
        match self {
            Self::Audio(_) => None,
            Self::Video(track) => Some(track),
        }
    }

    /// Waits for the next frame; `None` when the track has ended.
    pub async fn recv(&self) -> Option<MediaFrame> {
        match self {
            Self::Audio(track) => track.recv().await.map(MediaFrame::Audio),
            Self::Video(track) => track.recv().await.map(MediaFrame::Video),
        }
    }

    /// Whether frames may still come.
    pub fn ready_state(&self) -> ReadyState {
        match self {
            Self::Audio(track) => track.ready_state(),
            Self::Video(track) => track.ready_state(),
        }
    }

    /// Ends the track from the reader's side.
    pub fn stop(&self) {
        match self {
            Self::Audio(track) => track.stop(),
            Self::Video(track) => track.stop(),
        }
    }

    /// What went through so far.
    pub fn stats(&self) -> TrackStats {
        match self {
            Self::Audio(track) => track.stats(),
            Self::Video(track) => track.stats(),
        }
    }
}

impl From<Track<AudioFrame>> for MediaStreamTrack {
    fn from(track: Track<AudioFrame>) -> Self {
        Self::Audio(track)
    }
}

impl From<Track<VideoFrame>> for MediaStreamTrack {
    fn from(track: Track<VideoFrame>) -> Self {
        Self::Video(track)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use gannet_codecs::AudioFormat;

    use super::*;

    #[test]
    fn a_track_of_either_kind_is_one_type() {
        let (writer, track) = Track::new("voice", 1);
        let track = MediaStreamTrack::from(track);
        assert_eq!((track.kind(), track.id()), (MediaKind::Audio, "voice"));
        assert!(track.video().is_none() && track.audio().is_some());
        let frame = AudioFrame::silence(1, AudioFormat::mono(8_000), Duration::ZERO).unwrap();
        writer.write(frame.clone()).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let received = pin!(track.recv()).poll(&mut context);
        assert_eq!(received, Poll::Ready(Some(MediaFrame::Audio(frame))));
        track.stop();
        assert_eq!(track.ready_state(), ReadyState::Ended);
        assert_eq!(track.stats().frames_read, 1);
    }
}
