use std::time::Duration;

use bytes::Bytes;

use crate::Rotation;

/// What a codec made of one picture, or of one packet's worth of sound.
///
/// Its bytes are what the RTP payload formats carry: a VP8 or VP9 frame, an H.264 access unit in
/// Annex B form (start codes, parameter sets before each IDR), an Opus packet, G.711 or G.722 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The bitstream.
    pub data: Bytes,
    /// The media time of the picture, or of the first sample.
    pub timestamp: Duration,
    /// Whether a decoder can begin here. Always so for audio.
    pub keyframe: bool,
    /// How long the frame lasts, when the codec knows (audio does).
    pub duration: Option<Duration>,
    /// How a receiver is to turn the picture before showing it.
    pub rotation: Rotation,
}

impl EncodedFrame {
    /// A frame without a known duration, upright.
    pub fn new(data: impl Into<Bytes>, timestamp: Duration, keyframe: bool) -> Self {
        Self {
            data: data.into(),
            timestamp,
            keyframe,
            duration: None,
            rotation: Rotation::Deg0,
        }
    }

    /// The same frame with a duration.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The same frame, to be shown turned.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }
}
