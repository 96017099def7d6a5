//! H.265 (RFC 7798), without the interleaving that `sprop-max-don-diff` would allow.

use bytes::Bytes;

use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload};
use crate::nal::{self, Cutter, Kind, NalFormat};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo};

const TYPE: u8 = 0x7e;
const LAYER_ID_HIGH: u8 = 0x01;
const LAYER_ID_LOW: u8 = 0xf8;
const TID: u8 = 0x07;
/// first_slice_segment_in_pic_flag, the first bit of a slice.
const FIRST_SLICE: u8 = 0x80;

// NAL unit types (H.265, table 7-1) and payload structures (RFC 7798, section 4.4).
const LAST_VCL: u8 = 31;
const BLA_W_LP: u8 = 16;
const CRA: u8 = 21;
const VPS: u8 = 32;
const ACCESS_UNIT_DELIMITER: u8 = 35;
const AGGREGATION: u8 = 48;
const FRAGMENT: u8 = 49;
const PACI: u8 = 50;

/// Cuts H.265 access units into payloads: small NAL units share payloads (AP), large ones are
/// fragmented (FU).
///
/// A frame is one access unit in the byte stream format (Annex B of H.265), as for
/// [H.264](crate::H264Packetizer).
#[derive(Clone, Debug)]
pub struct H265Packetizer {
    cutter: Cutter<H265>,
}

impl H265Packetizer {
    /// A packetizer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cutter: Cutter::new(false),
        }
    }
}

impl Default for H265Packetizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Packetizer for H265Packetizer {
    fn begin(
        &mut self,
        frame: Bytes,
        _metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError> {
        self.cutter.begin(frame, max_payload)
    }

    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        self.cutter.next_payload(out)
    }
}

/// Puts H.265 access units together, in the byte stream format with start codes of four bytes.
/// Parameter sets are left where they are, as for [H.264](crate::H264Depacketizer).
///
/// Streams with decoding order numbers (`sprop-max-don-diff` above 0) and PACI packets are not
/// supported; neither is used in WebRTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct H265Depacketizer;

impl Depacketizer for H265Depacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        nal::inspect::<H265>(payload)
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        nal::assemble::<H265>(payloads, out)
    }
}

/// The header of two bytes:
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |F|   Type    |  LayerId  | TID |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default)]
struct H265;

impl NalFormat for H265 {
    type Header = [u8; 2];
    const HEADER_LEN: usize = 2;
    const AGGREGATION: u8 = AGGREGATION;
    const FRAGMENT: u8 = FRAGMENT;
    const FU_TYPE: u8 = 0x3f;

    fn split(unit: &[u8]) -> Option<([u8; 2], &[u8])> {
        unit.split_first_chunk()
            .map(|(header, body)| (*header, body))
    }

    fn unit_type([first, _]: [u8; 2]) -> u8 {
        (first & TYPE) >> 1
    }

    fn with_type([first, second]: [u8; 2], unit_type: u8) -> [u8; 2] {
        [(first & !TYPE) | (unit_type << 1), second]
    }

    fn kind(unit_type: u8) -> Kind {
        match unit_type {
            0..=47 => Kind::Single,
            AGGREGATION => Kind::Aggregation,
            FRAGMENT => Kind::Fragment,
            PACI => Kind::Unsupported("a PACI packet"),
            _ => Kind::Unsupported("unspecified"),
        }
    }

    /// LayerId and TID of an aggregation are the lowest of its units (section 4.4.2).
    fn joined(one: [u8; 2], other: [u8; 2]) -> [u8; 2] {
        let layer = |[first, second]: [u8; 2]| (first & LAYER_ID_HIGH, second & LAYER_ID_LOW);
        let (high, low) = layer(one).min(layer(other));
        let [_, one] = one;
        let [_, other] = other;
        [high, low | (one & TID).min(other & TID)]
    }

    fn describe(header: [u8; 2], info: &mut PayloadInfo) {
        let unit_type = Self::unit_type(header);
        info.keyframe |= (BLA_W_LP..=CRA).contains(&unit_type);
        info.parameter_sets |= unit_type == VPS;
        if unit_type <= LAST_VCL {
            // nuh_temporal_id_plus1; zero is forbidden.
            let [_, second] = header;
            info.temporal_id = (second & TID).checked_sub(1);
        }
    }

    fn is_delimiter(header: [u8; 2]) -> bool {
        Self::unit_type(header) == ACCESS_UNIT_DELIMITER
    }

    fn is_first_slice(header: [u8; 2], body: &[u8]) -> Option<bool> {
        let is_slice = Self::unit_type(header) <= LAST_VCL;
        body.first()
            .filter(|_| is_slice)
            .map(|first| first & FIRST_SLICE != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::{METADATA, assemble, cut};

    fn inspect(payload: &[u8]) -> PayloadInfo {
        H265Depacketizer.inspect(payload).expect("a payload")
    }

    #[test]
    fn a_keyframe_with_its_parameter_sets() {
        let mut frame = Vec::new();
        let units: [&[u8]; 3] = [&[0x40, 1, 7], &[0x42, 1, 8], &[0x44, 1, 9]];
        units
            .iter()
            .for_each(|unit| frame.extend([&nal::START_CODE, *unit].concat()));
        frame.extend([0, 0, 0, 1, 0x26, 1, 0xaf]);
        frame.extend([3; 2500]);

        let payloads = cut(&mut H265Packetizer::default(), &frame, &METADATA, 1000);
        let expected: &[u8] = &[
            0x60, 1, 0, 3, 0x40, 1, 7, 0, 3, 0x42, 1, 8, 0, 3, 0x44, 1, 9,
        ];
        assert_eq!(payloads[0].0, expected);
        let headers = payloads[1..]
            .iter()
            .map(|(payload, _)| [payload[0], payload[1], payload[2]]);
        assert!(headers.eq([[0x62, 1, 0x93], [0x62, 1, 0x13], [0x62, 1, 0x53]]));
        assert!(
            payloads
                .iter()
                .map(|(_, marker)| *marker)
                .eq([false, false, false, true])
        );
        assert_eq!(assemble(&H265Depacketizer, &payloads), Ok(frame));

        let infos: Vec<_> = payloads
            .iter()
            .map(|(payload, _)| inspect(payload))
            .collect();
        assert!(infos[0].parameter_sets && !infos[0].keyframe);
        assert!(
            infos[1..]
                .iter()
                .all(|info| info.keyframe && info.temporal_id == Some(0))
        );
        assert!(infos.iter().map(|info| info.starts_frame).eq([
            None,
            None,
            Some(false),
            Some(false)
        ]));
        let ends = [None, Some(false), Some(false), None];
        assert!(infos.iter().map(|info| info.ends_frame).eq(ends));
    }

    #[test]
    fn layers_of_an_aggregation_are_the_lowest() {
        // LayerId 33 with TID 3, and LayerId 2 with TID 4.
        let frame = [0, 0, 1, 0x03, 0x0b, 1, 0, 0, 1, 0x02, 0x14, 1];
        let payloads = cut(&mut H265Packetizer::new(), &frame, &METADATA, 100);
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0].0[..2], [0x60, 0x13]);
    }

    #[test]
    fn pictures_and_their_layers() {
        assert_eq!(inspect(&[0x02, 3, 0x80]).temporal_id, Some(2));
        assert_eq!(inspect(&[0x02, 3, 0x80]).starts_frame, None);
        assert_eq!(inspect(&[0x02, 3, 0x40]).starts_frame, Some(false));
        assert_eq!(inspect(&[0x46, 1, 0x50]).starts_frame, Some(true));
        assert!(inspect(&[0x2a, 1, 0x80]).keyframe, "CRA");
        assert!(!inspect(&[0x02, 1, 0x80]).keyframe);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for payload in [
            &[][..],
            &[0x40],
            &[0x64, 1, 0],
            &[0x66, 1, 0],
            &[0x80, 1],
            &[0x60, 1],
            &[0x62, 1],
        ] {
            assert!(H265Depacketizer.inspect(payload).is_err(), "{payload:x?}");
        }
        let fragment = [(vec![0x62, 1, 0x13, 1], true)];
        assert!(assemble(&H265Depacketizer, &fragment).is_err());
    }
}
