//! The receiving side: from payloads to an encoded frame.

use gannet_wire::ReadError;
use thiserror::Error;

/// Understands the payloads of one format. It has no state: one value serves all streams.
pub trait Depacketizer: Send + Sync + std::fmt::Debug {
    /// What one payload says about itself. Cheap: it reads headers only.
    ///
    /// # Errors
    /// If the payload is not of this format.
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError>;

    /// Appends the frame to `out` that these payloads are: all of them, in the order of their
    /// sequence numbers. Payloads that do not fit together are refused; a payload that is missing
    /// between two others is noticed here only if its neighbours show it, so the caller checks the
    /// sequence numbers.
    ///
    /// Each depacketizer says what its frames look like. A frame is at most a small multiple of the
    /// length of its payloads.
    ///
    /// # Errors
    /// If a payload is malformed, or they are not one whole frame. Nothing is appended then.
    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError>;
}

/// What one payload says about itself. Formats leave at the default what they have no field for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadInfo {
    /// Whether a frame (a picture with all of its layers) begins with this payload. `None` if it
    /// may or may not: then the end of the frame before it decides.
    pub starts_frame: Option<bool>,
    /// Whether a frame ends with this payload, as far as it says so itself. `None`: the marker bit,
    /// or the timestamp of the next packet, decides.
    pub ends_frame: Option<bool>,
    /// The payload shows that its frame is a keyframe (intra, and nothing before it is needed).
    /// Other payloads of the same frame need not show it.
    pub keyframe: bool,
    /// The payload carries what a decoder needs first of all: the SPS of H.264, the VPS of H.265,
    /// the sequence header of AV1. Those that belong to it follow.
    pub parameter_sets: bool,
    /// No other frame refers to this one: it can be dropped.
    pub discardable: bool,
    /// The number of the picture.
    pub picture_id: Option<PictureId>,
    /// The number of the base-layer picture that it is, or refers to (TL0PICIDX).
    pub tl0_pic_idx: Option<u8>,
    /// The temporal layer.
    pub temporal_id: Option<u8>,
    /// The spatial layer.
    pub spatial_id: Option<u8>,
    /// From here on a receiver may switch up to higher temporal layers.
    pub layer_sync: bool,
    /// The spatial layer depends on the one below it in the same picture.
    pub inter_layer: bool,
    /// Width and height, where a header shows them in passing.
    pub resolution: Option<(u16, u16)>,
}

/// A running number of pictures, in 7 or 15 bits, as VP8 and VP9 have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureId {
    /// From 0 to 127.
    Seven(u8),
    /// From 0 to 32,767.
    Fifteen(u16),
}

impl PictureId {
    /// The number.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Seven(value) => value as u16,
            Self::Fifteen(value) => value,
        }
    }

    /// The number of the next picture, in as many bits.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Seven(value) => Self::Seven(value.wrapping_add(1) & 0x7f),
            Self::Fifteen(value) => Self::Fifteen(value.wrapping_add(1) & 0x7fff),
        }
    }

    /// M and the number, as RFC 7741 and RFC 9628 write it.
    pub(crate) fn parse(reader: &mut gannet_wire::Reader<'_>) -> Result<Self, ReadError> {
        let first = reader.u8("picture ID")?;
        if first & 0x80 == 0 {
            return Ok(Self::Seven(first));
        }
        let second = reader.u8("second byte of the picture ID")?;
        Ok(Self::Fifteen(u16::from_be_bytes([first & 0x7f, second])))
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Seven(value) => out.push(value & 0x7f),
            Self::Fifteen(value) => out.extend_from_slice(&(0x8000 | value).to_be_bytes()),
        }
    }
}

/// Why payloads are not a frame, or not of their format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// A field, or the data itself, is cut off.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A value that the format does not have, or that this crate does not support.
    #[error("{what} is {value}, which is {why}")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u8,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The payloads are not one whole frame in order.
    #[error("the frame has a hole: {what}")]
    Hole {
        /// What shows it.
        what: &'static str,
    },
    /// There are no payloads, or they hold nothing.
    #[error("the frame is empty")]
    Empty,
}

/// Runs `assemble`; if it fails, takes back what it has appended.
pub(crate) fn all_or_nothing(
    out: &mut Vec<u8>,
    assemble: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
) -> Result<(), PayloadError> {
    let before = out.len();
    let result = match assemble(out) {
        Ok(()) if out.len() == before => Err(PayloadError::Empty),
        other => other,
    };
    if result.is_err() {
        out.truncate(before);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use gannet_wire::Reader;

    #[test]
    fn picture_ids_wrap_and_round_trip() {
        assert_eq!(PictureId::Seven(127).next(), PictureId::Seven(0));
        assert_eq!(PictureId::Fifteen(0x7fff).next(), PictureId::Fifteen(0));
        for id in [
            PictureId::Seven(17),
            PictureId::Fifteen(17),
            PictureId::Fifteen(0x7fff),
        ] {
            let mut bytes = Vec::new();
            id.write(&mut bytes);
            assert_eq!(PictureId::parse(&mut Reader::new(&bytes)), Ok(id));
        }
        assert!(PictureId::parse(&mut Reader::new(&[0x80])).is_err());
    }

    #[test]
    fn nothing_is_left_of_a_failure() {
        let mut out = vec![1];
        let hole = PayloadError::Hole { what: "a test" };
        let result = all_or_nothing(&mut out, |out| {
            out.push(2);
            Err(hole)
        });
        assert_eq!((result, out), (Err(hole), vec![1]));
        assert_eq!(
            all_or_nothing(&mut Vec::new(), |_| Ok(())),
            Err(PayloadError::Empty)
        );
    }
}
