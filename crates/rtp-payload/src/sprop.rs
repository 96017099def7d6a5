//! Parameter sets that travel in SDP.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine};
use thiserror::Error;

use crate::nal::START_CODE;

/// RFC 4648, section 4. The padding may be missing, as it is in the SDP of some cameras.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Parameter sets beyond these many bytes in one attribute are refused.
const MAX_TEXT: usize = 16_384;

/// Why a text is not a list of parameter sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParameterSetsError {
    /// It is not base64.
    #[error("character {at} does not belong to base64")]
    Base64 {
        /// Which character, counted from zero.
        at: usize,
    },
    /// An element of the list has no bytes.
    #[error("parameter set {index} is empty")]
    Empty {
        /// Which one, counted from zero.
        index: usize,
    },
    /// It is longer than any real one.
    #[error("the list has {len} characters, more than {MAX_TEXT}")]
    TooLong {
        /// How long it is.
        len: usize,
    },
}

/// The parameter sets of an SDP attribute, in the byte stream format: what `sprop-parameter-sets`
/// (RFC 6184, section 8.1) and `sprop-vps`, `sprop-sps`, `sprop-pps` (RFC 7798, section 7.1) hold,
/// NAL units in base64 with commas between them. A decoder gets them before the first keyframe.
///
/// # Errors
/// If the text is something else.
pub fn parameter_sets(text: &str) -> Result<Vec<u8>, ParameterSetsError> {
    if text.len() > MAX_TEXT {
        return Err(ParameterSetsError::TooLong { len: text.len() });
    }
    let mut out = Vec::new();
    let mut at = 0_usize;
    for (index, element) in text.split(',').enumerate() {
        out.extend_from_slice(&START_CODE);
        let before = out.len();
        decode_base64(element, at, &mut out)?;
        if out.len() == before {
            return Err(ParameterSetsError::Empty { index });
        }
        at = at.saturating_add(element.len()).saturating_add(1);
    }
    Ok(out)
}

/// Decodes one element, which begins at character `at`.
fn decode_base64(text: &str, at: usize, out: &mut Vec<u8>) -> Result<(), ParameterSetsError> {
    BASE64.decode_vec(text, out).map_err(|error| {
        let index = match error {
            DecodeError::InvalidByte(offset, _) => offset,
            DecodeError::InvalidLastSymbol { offset, .. } => offset,
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => {
                text.trim_end_matches('=').len()
            }
        };
        ParameterSetsError::Base64 {
            at: at.saturating_add(index),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_base64() {
        // RFC 4648, section 10.
        for (text, decoded) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9vYg", "foob"),
        ] {
            let expected = [&START_CODE, decoded.as_bytes()].concat();
            assert_eq!(parameter_sets(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_list_of_an_sps_and_a_pps() {
        // RFC 6184, section 8.2.1 names one like this; these are of a 640x480 baseline stream.
        let sets = parameter_sets("Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==").expect("a list");
        assert_eq!(sets[..8], [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e]);
        assert_eq!(sets[sets.len() - 8..], [0, 0, 0, 1, 0x68, 0xcb, 0x8c, 0xb2]);
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(
            parameter_sets("Zm9v,Z*=="),
            Err(ParameterSetsError::Base64 { at: 6 })
        );
        assert_eq!(
            parameter_sets("Zm9vY"),
            Err(ParameterSetsError::Base64 { at: 5 })
        );
        assert_eq!(
            parameter_sets("Zg==="),
            Err(ParameterSetsError::Base64 { at: 2 })
        );
        assert_eq!(
            parameter_sets("Zm9v,,"),
            Err(ParameterSetsError::Empty { index: 1 })
        );
        assert_eq!(
            parameter_sets(""),
            Err(ParameterSetsError::Empty { index: 0 })
        );
        let long = "A".repeat(MAX_TEXT + 1);
        assert_eq!(
            parameter_sets(&long),
            Err(ParameterSetsError::TooLong { len: 16_385 })
        );
    }
}
