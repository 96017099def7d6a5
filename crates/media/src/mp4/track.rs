use std::time::Duration;

use gannet_codecs::Rotation;

use crate::MediaCodec;

/// A track of an MP4 file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mp4Track {
    /// The number by which the file knows it, `track_ID`.
    pub id: u32,
    /// The codec, if this crate knows it; frames of other tracks can not be read.
    pub codec: Option<MediaCodec>,
    /// The four characters of its first sample entry, as `avc1` or `mp4a`.
    pub codec_id: String,
    /// Width and height of its pictures, in pixels.
    pub size: Option<(u32, u32)>,
    /// How long its first frame lasts, if the description says.
    pub default_duration: Option<Duration>,
    /// How its pictures are to be turned.
    pub rotation: Rotation,
    /// The channels of its sound.
    pub channels: Option<u16>,
    /// How much decoded sound at the beginning is not to be heard; the rest is heard earlier by as much.
    pub delay: Duration,
    /// Whether its pictures are shown in another order than they are decoded in, as its tables say. Those of a fragmented
    /// file are not known before they are read.
    pub is_reordered: bool,
}
