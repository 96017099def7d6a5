//! The sending side: from an encoded frame to payloads.

use bytes::Bytes;
use thiserror::Error;

/// Cuts encoded frames into RTP payloads, for one stream.
///
/// [`begin`](Self::begin) takes a frame, then [`next_payload`](Self::next_payload) is called until
/// it says `None`, at once or as the pacer allows. A frame that is not finished is forgotten when
/// the next one begins.
pub trait Packetizer: Send + std::fmt::Debug {
    /// Takes the next frame, to be cut into payloads of at most `max_payload` bytes.
    ///
    /// What a frame is depends on the format; each packetizer says it. The `metadata` is what the
    /// bytes do not show; formats that have no use for a part of it ignore it.
    ///
    /// # Errors
    /// If the frame cannot be sent in this format, or not in payloads of this size. Nothing of it
    /// is sent then.
    fn begin(
        &mut self,
        frame: Bytes,
        metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError>;

    /// Appends the next payload to `out`. `None`, and nothing appended, when the frame is finished.
    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload>;
}

/// What the RTP header must say about a payload that a [`Packetizer`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The marker bit: the last payload of a picture, for video. For audio it is never set here,
    /// because there it marks the start of a talkspurt, which the sender knows.
    pub marker: bool,
}

/// What a packetizer cannot read from the encoded frame itself. The default is that of a stream
/// without layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMetadata {
    /// The temporal layer, if the stream has any. VP8, VP9 (AV1 and H.265 carry it in the frame).
    pub temporal_id: Option<u8>,
    /// The spatial layer, if the stream has any. VP9.
    pub spatial_id: Option<u8>,
    /// From here on a receiver may switch up to higher temporal layers (Y of VP8, U of VP9).
    pub layer_sync: bool,
    /// No other frame refers to this one (N of VP8).
    pub non_reference: bool,
    /// Whether it refers to earlier pictures (P of VP9). If not given: unless it is a keyframe.
    pub inter_picture: Option<bool>,
    /// It refers to the spatial layer below it, in the same picture (D of VP9).
    pub inter_layer: bool,
    /// No higher spatial layer refers to this frame (Z of VP9).
    pub non_reference_for_upper: bool,
    /// Which earlier pictures it refers to (P_DIFF of VP9), in flexible mode.
    pub references: References,
    /// It is the last frame of its picture: there are no higher spatial layers. VP9, AV1.
    pub end_of_picture: bool,
}

impl Default for FrameMetadata {
    fn default() -> Self {
        Self {
            temporal_id: None,
            spatial_id: None,
            layer_sync: false,
            non_reference: false,
            inter_picture: None,
            inter_layer: false,
            non_reference_for_upper: false,
            references: References::default(),
            end_of_picture: true,
        }
    }
}

/// Up to three earlier pictures, each as how many pictures ago it was (1 to 127).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    ago: [u8; 3],
    len: u8,
}

impl References {
    /// None.
    pub const NONE: Self = Self {
        ago: [0; 3],
        len: 0,
    };

    /// Adds one. `false`, and nothing added, if it is not from 1 to 127 or there are three already.
    pub fn push(&mut self, ago: u8) -> bool {
        let Some(place) = self.ago.get_mut(usize::from(self.len)) else {
            return false;
        };
        let fits = (1..=127).contains(&ago);
        if fits {
            *place = ago;
            self.len = self.len.saturating_add(1);
        }
        fits
    }

    /// All of them, in the order in which they were added.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.ago.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Why a frame cannot be cut into payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// It has no bytes, or nothing that is sent.
    #[error("the frame is empty")]
    Empty,
    /// It, or a unit of it that cannot be cut, does not fit one payload.
    #[error("{what} of {len} bytes does not fit a payload of {max} bytes")]
    TooLong {
        /// What does not fit.
        what: &'static str,
        /// How long it is.
        len: usize,
        /// How long a payload may be.
        max: usize,
    },
    /// No useful payload can be as short as asked for.
    #[error("payloads of {max} bytes are too short: at least {needed} are needed")]
    MaxPayload {
        /// What was asked for.
        max: usize,
        /// The least that would do.
        needed: usize,
    },
    /// The bytes are not a frame of this format.
    #[error("{what} at byte {at} of the frame")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// The metadata does not fit the format.
    #[error("{what} is {value}, which is more than {max}")]
    Metadata {
        /// Which part of it.
        what: &'static str,
        /// What it says.
        value: u8,
        /// The most that the format can say.
        max: u8,
    },
}

/// How long the next of several pieces should be, so that all are about equally long and none is
/// longer than `most`.
pub(crate) const fn even_piece(remaining: usize, most: usize) -> usize {
    if most == 0 || remaining <= most {
        return remaining;
    }
    remaining.div_ceil(remaining.div_ceil(most))
}

/// A metadata value that has to fit a field.
pub(crate) fn fitting(
    what: &'static str,
    value: Option<u8>,
    max: u8,
) -> Result<Option<u8>, FrameError> {
    match value {
        Some(value) if value > max => Err(FrameError::Metadata { what, value, max }),
        fits => Ok(fits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even() {
        for remaining in 1..500 {
            for most in 1..100 {
                let mut left = remaining;
                let mut sizes = Vec::new();
                while left > 0 {
                    let piece = even_piece(left, most);
                    assert!((1..=most).contains(&piece));
                    sizes.push(piece);
                    left -= piece;
                }
                assert_eq!(sizes.len(), remaining.div_ceil(most));
                let (least, largest) = (sizes.iter().min(), sizes.iter().max());
                assert!(
                    largest.zip(least).is_some_and(|(a, b)| a - b <= 1),
                    "{sizes:?}"
                );
            }
        }
        assert_eq!(even_piece(5, 0), 5);
    }

    #[test]
    fn references_are_at_most_three_and_in_range() {
        let mut references = References::default();
        assert!(!references.push(0));
        assert!(!references.push(128));
        assert!(references.push(1) && references.push(127) && references.push(2));
        assert!(!references.push(3));
        assert_eq!(references.as_slice(), [1, 127, 2]);
    }

    #[test]
    fn errors_say_what_and_what_was_expected() {
        let error = fitting("the temporal layer", Some(4), 3).expect_err("it is too much");
        assert_eq!(
            error.to_string(),
            "the temporal layer is 4, which is more than 3"
        );
        assert_eq!(fitting("the temporal layer", Some(3), 3), Ok(Some(3)));
        let error = FrameError::TooLong {
            what: "a NAL unit",
            len: 2000,
            max: 1200,
        };
        assert_eq!(
            error.to_string(),
            "a NAL unit of 2000 bytes does not fit a payload of 1200 bytes"
        );
    }
}
