//! A sequence number over all streams of a transport: transport-wide-cc, versions 01 and 02.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | transport-wide sequence number|T|  feedback sequence count    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//! Version 01 is the first half alone; in version 02 the second half may be missing.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use super::{ExtensionKind, HeaderExtension};

/// The transport-wide sequence number (transport-wide-cc-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportSequence(
    /// It counts the packets of all streams, and wraps.
    pub u16,
);

impl HeaderExtension<'_> for TransportSequence {
    const KIND: ExtensionKind = ExtensionKind::TransportSequence;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self(u16::from_be_bytes(value.try_into().ok()?)))
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

/// The transport-wide sequence number with a request for feedback (transport-wide-cc-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportSequence2 {
    /// It counts the packets of all streams, and wraps.
    pub sequence: u16,
    /// The feedback that the sender asks for, if it does.
    pub request: Option<FeedbackRequest>,
}

/// A request for a transport-wide feedback message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackRequest {
    /// The T bit: whether arrival times are wanted.
    pub timestamps: bool,
    /// How many packets up to this one the message shall cover, 15 bits.
    pub count: u16,
}

impl HeaderExtension<'_> for TransportSequence2 {
    const KIND: ExtensionKind = ExtensionKind::TransportSequence2;

    #[inline]
    fn parse(value: &[u8]) -> Option<Self> {
        let (sequence, rest) = value.split_first_chunk::<2>()?;
        let request = match rest {
            [] => None,
            rest => {
                let bits = u16::from_be_bytes(rest.try_into().ok()?);
                // A count of 0 asks for nothing.
                (bits & 0x7fff != 0).then_some(FeedbackRequest {
                    timestamps: bits & 0x8000 != 0,
                    count: bits & 0x7fff,
                })
            }
        };
        Some(Self {
            sequence: u16::from_be_bytes(*sequence),
            request,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sequence.to_be_bytes());
        if let Some(request) = self.request {
            let timestamps = if request.timestamps { 0x8000 } else { 0 };
            out.extend_from_slice(&(timestamps | request.count & 0x7fff).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    #[test]
    fn both_versions() {
        round_trip(&TransportSequence(0x0102), &[1, 2]);
        assert_eq!(TransportSequence::parse(&[1]), None);
        let mut second = TransportSequence2 {
            sequence: 0x0102,
            request: None,
        };
        round_trip(&second, &[1, 2]);
        assert_eq!(TransportSequence2::parse(&[1, 2, 0, 0]), Some(second));
        second.request = Some(FeedbackRequest {
            timestamps: true,
            count: 5,
        });
        round_trip(&second, &[1, 2, 0x80, 5]);
        assert_eq!(TransportSequence2::parse(&[1, 2, 3]), None);
    }
}
