//! H.265 (RFC 7798), without the interleaving that `sprop-max-don-diff` would allow.

use bytes::Bytes;
use gannet_wire::Reader;

use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload};
use crate::nal::{self, Carried, Cutter, Kind, NalFormat};
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

/// A, the forbidden_zero_bit of what a PACI packet carries.
const PACI_FORBIDDEN: u16 = 0x8000;
/// F0: the extension structure begins with temporal scalability control information.
const PACI_TSCI: u16 = 0x0008;

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
/// What a PACI packet carries is taken out of it; of its extensions the number of the base-layer picture is
/// read (TL0PICIDX), and others are skipped. Streams with decoding order numbers (`sprop-max-don-diff`
/// above 0) are not supported; they are not used in WebRTC.
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
            PACI => Kind::Unsupported("a PACI packet inside of another structure"),
            _ => Kind::Unsupported("unspecified"),
        }
    }

    /// A PACI packet (section 4.4.4) has, behind its payload header, 16 bits of fields, an extension
    /// structure (PHES), and the NAL unit or structure that it carries, whose own header is in the fields:
    ///
    /// ```text
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// |A|   cType   | PHSsize |F0..2|Y|
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// ```
    fn carried<'a>(header: [u8; 2], body: &'a [u8]) -> Result<Carried<'a, [u8; 2]>, PayloadError> {
        let mut reader = Reader::new(body);
        if Self::unit_type(header) != PACI {
            return Ok(Carried {
                header,
                body,
                tl0_pic_idx: None,
            });
        }
        let fields = reader.u16("fields of a PACI packet")?;
        if fields & PACI_FORBIDDEN != 0 {
            return Err(nal::FORBIDDEN_BIT);
        }
        let [carried_type, _] = (fields >> 1).to_be_bytes();
        let size = usize::from(fields >> 4 & 0x1f);
        let mut extensions = reader.sub(size, "payload header extension structure")?;
        // The temporal scalability control information (section 4.5) begins with TL0PICIDX.
        let tl0_pic_idx = if fields & PACI_TSCI != 0 {
            let [tl0_pic_idx, ..] = extensions.take_array::<3>("TSCI of a PACI packet")?;
            Some(tl0_pic_idx)
        } else {
            None
        };
        Ok(Carried {
            header: Self::with_type(header, carried_type),
            body: reader.rest(),
            tl0_pic_idx,
        })
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

    /// A payload in a PACI packet with this PHES; F0 says that it begins with TSCI.
    fn in_paci(payload: &[u8], phes: &[u8], f0: bool) -> Vec<u8> {
        let fields = u16::from(payload[0] >> 1) << 9 | (phes.len() as u16) << 4;
        let fields = fields | if f0 { 0x0008 } else { 0 };
        let mut paci = vec![payload[0] & 0x81 | 50 << 1, payload[1]];
        paci.extend(fields.to_be_bytes());
        paci.extend(phes);
        paci.extend(&payload[2..]);
        paci
    }

    #[test]
    fn a_paci_packet_is_what_it_carries() {
        // Figure 11's fields for a slice of type 1 with TSCI: TL0PICIDX 7, IrapPicID 9, S and E.
        let paci = in_paci(&[0x02, 3, 0x80, 5], &[7, 9, 0xc0], true);
        assert_eq!(paci, [0x64, 3, 0x02, 0x38, 7, 9, 0xc0, 0x80, 5]);
        let info = inspect(&paci);
        assert_eq!((info.temporal_id, info.tl0_pic_idx), (Some(2), Some(7)));
        let unit = assemble(&H265Depacketizer, &[(paci, true)]);
        assert_eq!(unit, Ok(vec![0, 0, 0, 1, 0x02, 3, 0x80, 5]));
        // Other extensions are skipped.
        let info = inspect(&in_paci(&[0x02, 3, 0x80, 5], &[1; 31], false));
        assert_eq!((info.temporal_id, info.tl0_pic_idx), (Some(2), None));
    }

    proptest::proptest! {
        /// Single units, aggregations and fragments, each in a PACI packet or not.
        #[test]
        fn frames_come_out_of_paci_packets(
            phes: Vec<u8>,
            choices in proptest::collection::vec(proptest::prelude::any::<bool>(), 8),
            max in 20_usize..200,
        ) {
            let mut frame = vec![0, 0, 0, 1, 0x40, 1, 9, 0, 0, 0, 1, 0x42, 1, 9, 0, 0, 0, 1, 0x26, 1, 0xaf];
            frame.extend([0x55; 300]);
            let mut payloads = cut(&mut H265Packetizer::new(), &frame, &METADATA, max);
            let phes = &phes[..phes.len().min(31)];
            for (payload, chosen) in payloads.iter_mut().zip(choices.iter().cycle()) {
                if *chosen {
                    payload.0 = in_paci(&payload.0, phes, phes.len() >= 3);
                }
            }
            proptest::prop_assert_eq!(assemble(&H265Depacketizer, &payloads), Ok(frame));
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for payload in [
            &[][..],
            &[0x40],
            &[0x66, 1, 0],
            &[0x64, 1, 0],                      // PACI without its fields
            &[0x64, 1, 0x02, 0x10],             // PHES cut off
            &[0x64, 1, 0x02, 0x28, 1, 2],       // TSCI cut off
            &[0x64, 1, 0x82, 0, 0x80],          // A, the forbidden_zero_bit
            &[0x64, 1, 0x64, 0, 0x02, 0, 0x80], // PACI in PACI
            &[0x60, 1, 0, 3, 0x64, 1, 0],       // PACI in AP
            &[0x62, 1, 0xb2, 0x02, 0],          // FU of a PACI
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
