//! Formats in which a frame is a payload as it is: Opus, G.711, G.722, comfort noise.

use bytes::Bytes;

use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo, all_or_nothing};

/// Sends each frame as one payload, byte for byte.
#[derive(Clone, Debug, Default)]
pub struct OpaquePacketizer {
    frame: Bytes,
}

impl Packetizer for OpaquePacketizer {
    fn begin(
        &mut self,
        frame: Bytes,
        _metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError> {
        self.frame.clear();
        match frame.len() {
            0 => Err(FrameError::Empty),
            len if len > max_payload => Err(FrameError::TooLong {
                what: "an audio frame",
                len,
                max: max_payload,
            }),
            _ => {
                self.frame = frame;
                Ok(())
            }
        }
    }

    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        if self.frame.is_empty() {
            return None;
        }
        out.extend_from_slice(&self.frame);
        self.frame.clear();
        Some(Payload { marker: false })
    }
}

/// Takes each payload for a frame, byte for byte. Every frame stands alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpaqueDepacketizer;

impl Depacketizer for OpaqueDepacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        Ok(PayloadInfo {
            starts_frame: Some(true),
            ends_frame: Some(true),
            keyframe: true,
            ..PayloadInfo::default()
        })
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        all_or_nothing(out, |out| {
            out.extend_from_slice(payloads.next().ok_or(PayloadError::Empty)?);
            match payloads.next() {
                None => Ok(()),
                Some(_) => Err(PayloadError::Hole {
                    what: "an audio frame is one payload",
                }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_payload() {
        let mut packetizer = OpaquePacketizer::default();
        let metadata = FrameMetadata::default();
        let frame = Bytes::from_static(&[1, 2, 3]);
        packetizer
            .begin(frame.clone(), &metadata, 3)
            .expect("it fits");
        let mut out = vec![9];
        assert_eq!(
            packetizer.next_payload(&mut out),
            Some(Payload { marker: false })
        );
        assert_eq!(out, [9, 1, 2, 3]);
        assert_eq!(packetizer.next_payload(&mut out), None);
        let too_long = FrameError::TooLong {
            what: "an audio frame",
            len: 3,
            max: 2,
        };
        assert_eq!(packetizer.begin(frame, &metadata, 2), Err(too_long));
        assert_eq!(
            packetizer.begin(Bytes::new(), &metadata, 2),
            Err(FrameError::Empty)
        );
        assert_eq!(packetizer.next_payload(&mut out), None);
    }

    #[test]
    fn a_payload_is_a_frame() {
        let info = OpaqueDepacketizer.inspect(&[1]).expect("a payload");
        assert_eq!(
            (info.starts_frame, info.ends_frame),
            (Some(true), Some(true))
        );
        assert_eq!(OpaqueDepacketizer.inspect(&[]), Err(PayloadError::Empty));
        let mut out = Vec::new();
        let one: [&[u8]; 1] = [&[1, 2]];
        assert_eq!(
            OpaqueDepacketizer.assemble(&mut one.into_iter(), &mut out),
            Ok(())
        );
        assert_eq!(out, [1, 2]);
        let two: [&[u8]; 2] = [&[1], &[2]];
        assert!(
            OpaqueDepacketizer
                .assemble(&mut two.into_iter(), &mut out)
                .is_err()
        );
        assert_eq!(out, [1, 2]);
    }
}
