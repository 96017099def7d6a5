use std::{fmt, time::Duration};

use crate::{
    AudioCodec, AudioFormat, AudioFrame, DecodeError, EncodeError, EncodedFrame, VideoCodec,
    VideoFrame,
};

/// Turns pictures into a bitstream.
pub trait VideoEncoder: Send + fmt::Debug {
    /// What it writes.
    fn codec(&self) -> VideoCodec;

    /// The library that does it: W3C's `encoderImplementation`.
    fn implementation(&self) -> &'static str;

    /// Encodes one picture. `None` means that rate control skipped it.
    ///
    /// Timestamps should grow; one that does not is encoded as if it came a frame later. A picture
    /// of another size than the one before starts with a key frame.
    ///
    /// # Errors
    ///
    /// When the picture's size is beyond the codec, or the library refuses it. The encoder stays
    /// usable.
    fn encode(&mut self, frame: &VideoFrame) -> Result<Option<EncodedFrame>, EncodeError>;

    /// Makes the next encoded picture a key frame.
    fn request_keyframe(&mut self);

    /// Aims at another bit rate from the next picture on, without a key frame.
    ///
    /// # Errors
    ///
    /// When the library refuses it; the old bit rate then stays.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError>;

    /// Tells rate control how many pictures a second to expect.
    ///
    /// # Errors
    ///
    /// When the rate is 0 or over 240, or the library refuses it.
    fn set_frame_rate(&mut self, frames_per_second: u32) -> Result<(), EncodeError>;

    /// The bit rate that it aims at.
    fn bitrate(&self) -> u32;
}

/// Turns a bitstream into pictures.
pub trait VideoDecoder: Send + fmt::Debug {
    /// What it reads.
    fn codec(&self) -> VideoCodec;

    /// The library that does it: W3C's `decoderImplementation`.
    fn implementation(&self) -> &'static str;

    /// Decodes one whole frame. `None` means that the frame shows nothing.
    ///
    /// The picture carries the frame's timestamp and rotation, or those of an earlier frame whose turn it is to be
    /// shown. Its size may differ from the last one's.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be decoded; [`DecodeError::needs_keyframe`] says whether asking the
    /// sender for a key frame will help. The decoder stays usable.
    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, DecodeError>;

    /// The pictures that were held back at the end of a stream whose pictures are shown in another order than
    /// they are decoded in, as H.264 with B slices has it. What is decoded next must be a key frame.
    fn drain(&mut self) -> Vec<VideoFrame> {
        Vec::new()
    }
}

/// Turns sound into packets.
pub trait AudioEncoder: Send + fmt::Debug {
    /// What it writes.
    fn codec(&self) -> AudioCodec;

    /// The sample rate and channels that it takes; [`AudioConverter`](crate::AudioConverter) makes
    /// them from others.
    fn format(&self) -> AudioFormat;

    /// How much sound goes into one packet.
    fn packet_duration(&self) -> Duration;

    /// Encodes a frame of any length. Samples that do not fill a packet wait for the next call.
    ///
    /// The packets' timestamps count samples from the first frame's timestamp. A frame that begins
    /// more than a packet away from where the last one ended drops the waiting samples and starts
    /// the count anew.
    ///
    /// # Errors
    ///
    /// When the frame's format is not [`format`](Self::format), or the library refuses it.
    fn encode(&mut self, frame: &AudioFrame) -> Result<Vec<EncodedFrame>, EncodeError>;

    /// Aims at another bit rate from the next packet on. Codecs of one fixed rate ignore it.
    ///
    /// # Errors
    ///
    /// When the library refuses it; the old bit rate then stays.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError>;

    /// Tells the encoder which share of packets the network loses (0.0 to 1.0), for codecs that
    /// can add redundancy.
    ///
    /// # Errors
    ///
    /// When the library refuses it.
    fn set_expected_loss(&mut self, fraction: f32) -> Result<(), EncodeError> {
        let _ = fraction;
        Ok(())
    }
}

/// Turns packets into sound.
pub trait AudioDecoder: Send + fmt::Debug {
    /// What it reads.
    fn codec(&self) -> AudioCodec;

    /// The sample rate and channels of its frames.
    fn format(&self) -> AudioFormat;

    /// Decodes one packet.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be decoded. The decoder stays usable: treat the packet as lost.
    fn decode(&mut self, packet: &EncodedFrame) -> Result<AudioFrame, DecodeError>;

    /// Makes up the sound of lost packets: `duration` from `timestamp` on (at most 120 ms).
    ///
    /// `next` is the packet after the gap, when it is already there: Opus may carry the lost one's
    /// sound in it. Decode it afterwards all the same.
    fn conceal(
        &mut self,
        timestamp: Duration,
        duration: Duration,
        next: Option<&EncodedFrame>,
    ) -> AudioFrame;
}
