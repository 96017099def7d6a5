use thiserror::Error;

/// A frame could not be built from what was given: a mistake of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A picture's width or height is zero or larger than [`I420Buffer::MAX_DIMENSION`].
    ///
    /// [`I420Buffer::MAX_DIMENSION`]: crate::I420Buffer::MAX_DIMENSION
    #[error("picture of {width}x{height}: each side must be 1 to 16383 pixels")]
    Dimensions {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// A plane or pixel buffer is too short for its dimensions and stride.
    #[error("{what}: {length} bytes, expected at least {expected}")]
    TooShort {
        /// Which buffer.
        what: &'static str,
        /// What was given.
        length: usize,
        /// What the dimensions ask for.
        expected: usize,
    },
    /// A stride is smaller than the row it must hold.
    #[error("{what}: stride of {stride} bytes for rows of {width} bytes")]
    Stride {
        /// Which plane.
        what: &'static str,
        /// What was given.
        stride: usize,
        /// The bytes in one row.
        width: usize,
    },
    /// A sample rate or channel count that no frame can have.
    #[error("audio of {sample_rate} Hz in {channels} channels: expected 1 to 384000 Hz in 1 to 8")]
    Format {
        /// The rate asked for.
        sample_rate: u32,
        /// The channels asked for.
        channels: u16,
    },
    /// The samples do not divide into whole sample groups.
    #[error("{samples} interleaved samples do not divide by {channels} channels")]
    Interleaving {
        /// How many samples were given.
        samples: usize,
        /// By how many channels they should divide.
        channels: u16,
    },
    /// A crop rectangle reaches outside of the picture.
    #[error("crop of {width}x{height} at {x},{y} reaches outside of the picture")]
    Crop {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// Width of the rectangle.
        width: u32,
        /// Height of the rectangle.
        height: u32,
    },
}

/// This build has no backend for a codec: its cargo feature is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no backend for {codec}: built without the feature `{feature}`")]
pub struct UnsupportedCodec {
    /// The codec's name.
    pub codec: &'static str,
    /// The feature of this crate that brings its backend.
    pub feature: &'static str,
}

/// A frame could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// This build has no such encoder.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedCodec),
    /// The encoder wants another sample rate or channel count; see [`AudioEncoder::format`].
    ///
    /// [`AudioEncoder::format`]: crate::AudioEncoder::format
    #[error("audio frame of {given}, the encoder wants {expected}")]
    Format {
        /// What the frame has.
        given: crate::AudioFormat,
        /// What the encoder takes.
        expected: crate::AudioFormat,
    },
    /// The picture is smaller or larger than the codec can encode.
    #[error("{codec} cannot encode a picture of {width}x{height}")]
    Dimensions {
        /// The codec's name.
        codec: &'static str,
        /// The picture's width.
        width: u32,
        /// The picture's height.
        height: u32,
    },
    /// A setting is out of the codec's range.
    #[error("{codec}: {what} of {value} is out of range")]
    Setting {
        /// The codec's name.
        codec: &'static str,
        /// The setting.
        what: &'static str,
        /// What it was to be.
        value: u64,
    },
    /// The library refused; the encoder may go on with the next frame.
    #[error("{codec} encoder: {reason}")]
    Backend {
        /// The codec's name.
        codec: &'static str,
        /// What the library says.
        reason: String,
    },
}

/// Bytes from the network could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// This build has no such decoder.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedCodec),
    /// The decoder could not be set up, or ran out of memory. Not the stream's fault.
    #[error("{codec} decoder: {reason}")]
    Backend {
        /// The codec's name.
        codec: &'static str,
        /// What the library says.
        reason: String,
    },
    /// The stream needs a key frame before anything can be shown. Ask the sender for one.
    #[error("{codec}: no key frame seen yet")]
    KeyframeNeeded {
        /// The codec's name.
        codec: &'static str,
    },
    /// The bytes are not a frame of this codec, or refer to pictures that were lost. Ask the sender
    /// for a key frame.
    #[error("{codec}: corrupt frame: {reason}")]
    Corrupt {
        /// The codec's name.
        codec: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The stream's picture is larger than the decoder is willing to hold.
    #[error("{codec}: picture of {width}x{height} is over the limit of {limit} pixels")]
    TooLarge {
        /// The codec's name.
        codec: &'static str,
        /// The width in the stream.
        width: u32,
        /// The height in the stream.
        height: u32,
        /// The limit.
        limit: u32,
    },
}

impl DecodeError {
    /// Whether a key frame from the sender is what the decoder needs to go on.
    pub fn needs_keyframe(&self) -> bool {
        matches!(self, Self::KeyframeNeeded { .. } | Self::Corrupt { .. })
    }
}
