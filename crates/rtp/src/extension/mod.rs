//! RTP header extensions (RFC 8285): the elements, the map of negotiated identifiers, and a type for
//! each extension that WebRTC endpoints use.

mod audio_level;
mod capture_time;
mod color_space;
mod dependency_descriptor;
mod elements;
mod frame_marking;
mod identification;
mod layers_allocation;
mod map;
mod playout_delay;
mod send_time;
mod transport_sequence;
mod video_orientation;
mod video_timing;

pub use audio_level::{AudioLevel, CsrcAudioLevels};
pub use capture_time::AbsoluteCaptureTime;
pub use color_space::{Chromaticity, ColorSpace, HdrMetadata};
pub use dependency_descriptor::{
    DecodeTargetIndication, DependencyDescriptor, DependencyDescriptorError,
    DependencyDescriptorHeader, DependencyStructure, DependencyTemplate, FrameDependencies,
};
pub use elements::{Elements, ONE_BYTE, TWO_BYTE};
pub use frame_marking::FrameMarking;
pub use identification::{InvalidIdentifier, Mid, RepairedRid, Rid};
pub use layers_allocation::{SpatialLayer, VideoLayersAllocation};
pub use map::{ExtensionKind, ExtensionMap, InsertExtensionError};
pub use playout_delay::PlayoutDelay;
pub use send_time::{AbsoluteSendTime, TransmissionOffset};
pub use transport_sequence::{FeedbackRequest, TransportSequence, TransportSequence2};
pub use video_orientation::{Rotation, VideoContentType, VideoOrientation};
pub use video_timing::VideoTiming;

/// A header extension whose value has a form of its own.
pub trait HeaderExtension<'a>: Sized {
    /// Which extension this is.
    const KIND: ExtensionKind;

    /// Reads the value of an element; `None` if it is malformed.
    fn parse(value: &'a [u8]) -> Option<Self>;

    /// Appends the value, 0 to 255 bytes, to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

#[cfg(test)]
pub(crate) fn round_trip<'a, T>(value: &T, bytes: &'a [u8])
where
    T: HeaderExtension<'a> + PartialEq + std::fmt::Debug,
{
    let mut written = Vec::new();
    value.write(&mut written);
    assert_eq!(written, bytes);
    assert_eq!(T::parse(bytes).as_ref(), Some(value));
}
