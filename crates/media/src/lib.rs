//! Media stream tracks, and what feeds, fans out, changes and swallows them.
//!
//! - A [`Track`] is the reading end of a bounded queue of frames, a [`TrackWriter`] the writing one.
//!   A slow reader loses the oldest frames, and both ends can see how many. [`MediaStreamTrack`] is
//!   an audio or a video track.
//! - A [`Source`] makes the frame of a media time: [`TestPattern`], [`Tone`], [`WavPlayer`], and for
//!   encoded files [`AudioPlayer`], [`VideoPlayer`] and [`EncodedPlayer`]. A [`MediaFile`] finds out which
//!   of them a file needs.
//! - [`WebmRecorder`] and [`OggOpusRecorder`] write encoded frames into files without decoding them;
//!   [`WebmReader`] and [`OggOpusReader`] read them. A [`CaptureClock`] makes times for a recording out of
//!   RTP timestamps.
//! - An [`EncodedTrack`] carries encoded frames of one codec, with a way back for key frame requests and bit
//!   rates.
//! - [`Relay`] gives one track to many readers, [`blackhole`] swallows one, [`WavRecorder`] writes one
//!   down.
//! - A [`VideoTransform`] changes pictures on their way: edges, cartoon, rotation, or your own.
//! - [`frame_code`] writes a number into a picture so that it can be read after encoding and scaling:
//!   how delay is measured.
//!
//! Nothing here owns a thread or a clock. Waiting works with any async runtime, by [`Track::recv`],
//! and without one, by [`Track::recv_blocking`]. Who runs a source (the `gannet` crate does) asks it
//! for a frame whenever its [`interval`](Source::interval) has passed.
//!
//! ```
//! use std::time::Duration;
//!
//! use gannet_media::{Source, TestPattern, Track};
//!
//! let mut pattern = TestPattern::new(640, 480, 30)?;
//! let (writer, track) = Track::new("camera", 2);
//! let mut time = Duration::ZERO;
//! for _ in 0..3 {
//!     let frame = pattern.frame_at(time).expect("the pattern never ends");
//!     writer.write(frame)?;
//!     time += pattern.interval();
//! }
//! // Nobody read in time: the first of three frames is gone.
//! assert_eq!(track.stats().frames_dropped, 1);
//! assert_eq!(track.recv_blocking().expect("it is live").timestamp(), pattern.interval());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod blackhole;
mod capture_clock;
mod encoded_format;
mod encoded_source;
mod encoded_track;
pub mod frame_code;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod h264;
mod media_file;
mod media_stream_track;
mod mp4;
mod ogg_opus;
mod opus_packet;
mod picture;
mod player;
mod relay;
mod source;
mod test_pattern;
mod tone;
mod track;
pub mod transform;
mod wav;
mod webm;

pub use blackhole::blackhole;
pub use capture_clock::{CaptureClock, CaptureStream};
pub use encoded_format::{CodecProfile, EncodedFormat, MediaCodec};
pub use encoded_source::EncodedSource;
pub use encoded_track::{
    EncodedTrack, EncodedTrackFrame, EncodedTrackWriter, EncodingInfo, Written,
};
pub use media_file::{MediaFile, MediaFileError, MediaFileForm, MediaFileTrack};
pub use media_stream_track::{MediaFrame, MediaKind, MediaStreamTrack};
pub use mp4::{Mp4ReadError, Mp4Reader, Mp4Track, Mp4TrackReader};
pub use ogg_opus::{OggOpusReadError, OggOpusReader, OggOpusRecorder, OggOpusWriteError};
pub use player::{AudioPlayer, EncodedPlayer, PlayerError, VideoPlayer};
pub use relay::{Delivery, Relay};
pub use source::Source;
pub use test_pattern::TestPattern;
pub use tone::Tone;
pub use track::{Ended, ReadyState, Recv, Track, TrackStats, TrackWriter};
pub use transform::VideoTransform;
pub use wav::{WavError, WavPlayer, WavRecorder};
pub use webm::{
    RecorderStats, WebmCodec, WebmFrame, WebmReadError, WebmReader, WebmRecorder, WebmTrack,
    WebmTrackReader, WebmWriteError,
};

pub use gannet_codecs::{AudioFormat, AudioFrame, EncodedFrame, VideoFrame};
