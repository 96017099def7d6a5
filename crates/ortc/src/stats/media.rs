//! The dictionaries, and parts of dictionaries, that only those can fill in who have codecs and tracks.

use std::time::Duration;

use gannet_rtp_session::JitterBufferStats;

use super::StatsId;
use crate::parameters::MediaKind;

/// The members of `inbound-rtp` that a decoder knows.
#[derive(Clone, Debug, PartialEq)]
pub enum DecoderStats {
    /// Of a stream of sound.
    Audio(AudioDecoderStats),
    /// Of a stream of pictures.
    Video(VideoDecoderStats),
}

/// The members of `inbound-rtp` that a decoder of pictures knows.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct VideoDecoderStats {
    pub frames_decoded: u64,
    pub key_frames_decoded: u64,
    /// Of the last picture; `None` before the first one.
    pub frame_width: Option<u32>,
    pub frame_height: Option<u32>,
    pub frames_per_second: f64,
    pub total_decode_time: Duration,
    pub total_processing_delay: Duration,
    pub frames_assembled_from_multiple_packets: u64,
    pub total_assembly_time: Duration,
    pub decoder_implementation: Option<&'static str>,
}

/// The members of `inbound-rtp` that a decoder of sound knows. Samples are counted once, whatever the
/// number of channels.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct AudioDecoderStats {
    pub total_samples_received: u64,
    pub concealed_samples: u64,
    pub concealment_events: u64,
    /// In samples: what each took from its packet's arrival until the decoder had it.
    pub jitter_buffer: JitterBufferStats,
    pub total_processing_delay: Duration,
    /// Of what came out of the decoder, with what was concealed.
    pub level: AudioLevelStats,
}

/// How loud it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct AudioLevelStats {
    /// 0.0 to 1.0, linear: the root mean square of the last frame.
    pub audio_level: f64,
    /// In seconds of full scale: the sum of the squares of all samples, each for as long as it sounds. Of
    /// several channels the one counts that has the highest energy at the moment.
    pub total_audio_energy: f64,
    pub total_samples_duration: Duration,
}

/// The members of `outbound-rtp` that an encoder of pictures knows.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct EncoderStats {
    pub frames_encoded: u64,
    pub key_frames_encoded: u64,
    /// Of the last picture; `None` before the first one.
    pub frame_width: Option<u32>,
    pub frame_height: Option<u32>,
    pub frames_per_second: f64,
    pub total_encode_time: Duration,
    pub encoder_implementation: Option<&'static str>,
}

/// `media-source`: W3C's `RTCMediaSourceStats`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct MediaSource {
    pub id: StatsId,
    pub track_identifier: String,
    /// The members of its kind.
    pub stats: MediaSourceStats,
}

impl MediaSource {
    /// Sound or pictures.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        match self.stats {
            MediaSourceStats::Audio(_) => MediaKind::Audio,
            MediaSourceStats::Video(_) => MediaKind::Video,
        }
    }
}

/// The members of `media-source` that depend on its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaSourceStats {
    /// W3C's `RTCAudioSourceStats`.
    Audio(AudioLevelStats),
    /// W3C's `RTCVideoSourceStats`.
    Video(VideoSourceStats),
}

/// W3C's `RTCVideoSourceStats`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are defined by webrtc-stats")]
pub struct VideoSourceStats {
    /// Of the last picture; `None` before the first one.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub frames: u64,
    /// `None` in the first second.
    pub frames_per_second: Option<f64>,
}
