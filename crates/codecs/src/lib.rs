//! Audio and video frames, encoders, decoders and conversions
