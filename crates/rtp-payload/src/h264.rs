//! H.264 (RFC 6184): single NAL unit mode and non-interleaved mode.

use bytes::Bytes;

use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload};
use crate::nal::{self, Cutter, Kind, NalFormat};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo};

const TYPE: u8 = 0x1f;
const NRI: u8 = 0x60;

// NAL unit types (H.264, table 7-1) and payload structures (RFC 6184, table 1).
const PARTITION_B: u8 = 3;
const PARTITION_C: u8 = 4;
const IDR: u8 = 5;
const SPS: u8 = 7;
const ACCESS_UNIT_DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The `packetization-mode` of RFC 6184, section 6. Mode 2, interleaved, is not supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PacketizationMode {
    /// Mode 0: each payload is one NAL unit; what does not fit cannot be sent. What holds when a
    /// peer names no mode.
    SingleNalUnit,
    /// Mode 1: small NAL units share payloads (STAP-A), large ones are fragmented (FU-A).
    #[default]
    NonInterleaved,
}

/// Cuts H.264 access units into payloads.
///
/// A frame is one access unit in the byte stream format (Annex B of H.264): NAL units behind start
/// codes of three or four bytes, as encoders write it. All of its NAL units are sent in their
/// order, parameter sets and delimiters included.
#[derive(Clone, Debug)]
pub struct H264Packetizer {
    cutter: Cutter<H264>,
}

impl H264Packetizer {
    /// A packetizer for one mode.
    #[must_use]
    pub const fn new(mode: PacketizationMode) -> Self {
        Self {
            cutter: Cutter::new(matches!(mode, PacketizationMode::SingleNalUnit)),
        }
    }
}

impl Packetizer for H264Packetizer {
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

/// Puts H.264 access units together, in the byte stream format with start codes of four bytes. It
/// understands both modes.
///
/// Parameter sets that come in the stream stay where they are, so a keyframe of a browser can be
/// given to a decoder as it is. Those that come in SDP (`sprop-parameter-sets`) do not: put
/// [`parameter_sets`](crate::parameter_sets) in front of the first keyframe.
///
/// A NAL unit whose forbidden_zero_bit is set is known to be damaged, and refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct H264Depacketizer;

impl Depacketizer for H264Depacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        nal::inspect::<H264>(payload)
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        nal::assemble::<H264>(payloads, out)
    }
}

/// The header of one byte:
///
/// ```text
/// +-+-+-+-+-+-+-+-+
/// |F|NRI|  Type   |
/// +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default)]
struct H264;

impl NalFormat for H264 {
    type Header = [u8; 1];
    const HEADER_LEN: usize = 1;
    const AGGREGATION: u8 = STAP_A;
    const FRAGMENT: u8 = FU_A;
    const FU_TYPE: u8 = TYPE;

    fn split(unit: &[u8]) -> Option<([u8; 1], &[u8])> {
        unit.split_first_chunk()
            .map(|(header, body)| (*header, body))
    }

    fn unit_type([header]: [u8; 1]) -> u8 {
        header & TYPE
    }

    fn with_type([header]: [u8; 1], unit_type: u8) -> [u8; 1] {
        [(header & !TYPE) | unit_type]
    }

    fn kind(unit_type: u8) -> Kind {
        match unit_type {
            1..=23 => Kind::Single,
            STAP_A => Kind::Aggregation,
            FU_A => Kind::Fragment,
            25..=27 | 29 => Kind::Unsupported("of the interleaved mode"),
            _ => Kind::Unsupported("reserved"),
        }
    }

    /// The NRI of an aggregation is the highest of its units (section 5.7.1).
    fn joined([one]: [u8; 1], [other]: [u8; 1]) -> [u8; 1] {
        [(one & NRI).max(other & NRI)]
    }

    fn describe(header: [u8; 1], info: &mut PayloadInfo) {
        let unit_type = Self::unit_type(header);
        info.keyframe |= unit_type == IDR;
        info.parameter_sets |= unit_type == SPS;
        if matches!(unit_type, 1..=IDR) {
            let [header] = header;
            info.discardable = header & NRI == 0;
        }
    }

    fn is_delimiter(header: [u8; 1]) -> bool {
        Self::unit_type(header) == ACCESS_UNIT_DELIMITER
    }

    /// A slice begins with first_mb_in_slice in Exp-Golomb code: one bit, set, is zero. Only the
    /// baseline and extended profiles, which no browser uses, may send slices out of order.
    fn is_first_slice(header: [u8; 1], body: &[u8]) -> Option<bool> {
        match Self::unit_type(header) {
            PARTITION_B | PARTITION_C => Some(false),
            1 | 2 | IDR => body.first().map(|first| first & 0x80 != 0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::{METADATA, assemble, cut};

    fn inspect(payload: &[u8]) -> PayloadInfo {
        H264Depacketizer.inspect(payload).expect("a payload")
    }

    /// AUD, SPS, PPS, and an IDR slice of 3000 bytes, with both kinds of start codes.
    fn keyframe() -> Vec<u8> {
        let mut frame = vec![0, 0, 0, 1, 0x09, 0x10];
        frame.extend([
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
        ]);
        frame.extend([0, 0, 1, 0x65, 0x88]);
        frame.extend((0..2998).map(|i| (i % 250) as u8 + 1));
        frame
    }

    fn normalized(frame: &[u8]) -> Vec<u8> {
        let mut cutter = H264Packetizer::new(PacketizationMode::SingleNalUnit);
        let payloads = cut(&mut cutter, frame, &METADATA, usize::MAX);
        payloads
            .iter()
            .flat_map(|(unit, _)| [&nal::START_CODE, unit.as_slice()].concat())
            .collect()
    }

    #[test]
    fn small_units_are_aggregated_and_large_ones_fragmented() {
        let mut packetizer = H264Packetizer::new(PacketizationMode::NonInterleaved);
        let payloads = cut(&mut packetizer, &keyframe(), &METADATA, 1200);
        let expected: &[u8] = &[
            0x78, 0, 2, 0x09, 0x10, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 0, 4, 0x68, 0xce, 0x3c, 0x80,
        ];
        assert_eq!(payloads[0], (expected.to_vec(), false));
        let headers: Vec<_> = payloads[1..]
            .iter()
            .map(|(payload, _)| [payload[0], payload[1]])
            .collect();
        assert_eq!(headers, [[0x7c, 0x85], [0x7c, 0x05], [0x7c, 0x45]]);
        assert!(
            payloads
                .iter()
                .map(|(_, marker)| *marker)
                .eq([false, false, false, true])
        );
        assert!(payloads.iter().all(|(payload, _)| payload.len() <= 1200));
        assert_eq!(
            assemble(&H264Depacketizer, &payloads),
            Ok(normalized(&keyframe()))
        );

        let infos: Vec<_> = payloads
            .iter()
            .map(|(payload, _)| inspect(payload))
            .collect();
        assert_eq!(
            (infos[0].starts_frame, infos[0].parameter_sets),
            (Some(true), true)
        );
        assert!(infos[1].keyframe && infos[2].keyframe && !infos[0].keyframe);
        assert_eq!(
            (infos[1].starts_frame, infos[1].ends_frame),
            (None, Some(false))
        );
        assert_eq!(
            (infos[3].starts_frame, infos[3].ends_frame),
            (Some(false), None)
        );
    }

    #[test]
    fn mode_zero_sends_single_units_or_nothing() {
        let mut packetizer = H264Packetizer::new(PacketizationMode::SingleNalUnit);
        let payloads = cut(&mut packetizer, &keyframe(), &METADATA, 3000);
        assert_eq!(payloads.len(), 4);
        assert_eq!(payloads[1].0, [0x67, 0x42, 0xc0, 0x1f]);
        assert_eq!(payloads[3].0.len(), 3000);
        let error = packetizer.begin(keyframe().into(), &METADATA, 2999);
        assert_eq!(
            error,
            Err(FrameError::TooLong {
                what: "a NAL unit",
                len: 3000,
                max: 2999
            })
        );
        assert_eq!(packetizer.next_payload(&mut Vec::new()), None);
    }

    #[test]
    fn what_is_no_byte_stream_is_refused() {
        let mut packetizer = H264Packetizer::new(PacketizationMode::NonInterleaved);
        let mut begin =
            |frame: &'static [u8]| packetizer.begin(Bytes::from_static(frame), &METADATA, 100);
        assert_eq!(begin(&[]), Err(FrameError::Empty));
        assert_eq!(begin(&[0, 0, 0, 1]), Err(FrameError::Empty));
        assert_eq!(begin(&[0, 0, 1, 0, 0, 1]), Err(FrameError::Empty));
        let what = "bytes without a start code";
        assert_eq!(
            begin(&[0x65, 1]),
            Err(FrameError::Malformed { what, at: 0 })
        );
        assert_eq!(
            begin(&[7, 0, 0, 1, 0x65]),
            Err(FrameError::Malformed { what, at: 0 })
        );
        let what = "a NAL unit that cannot be sent";
        for unit in [0x78, 0x7c, 0x60, 0xe5, 0x7f] {
            let frame = vec![0, 0, 1, 0x65, 1, 0, 0, 1, unit, 1];
            let begun = packetizer.begin(frame.into(), &METADATA, 100);
            assert_eq!(
                begun,
                Err(FrameError::Malformed { what, at: 8 }),
                "{unit:#x}"
            );
        }
        let begun = packetizer.begin(Bytes::from_static(&[0, 0, 1, 0x65]), &METADATA, 2);
        assert_eq!(begun, Err(FrameError::MaxPayload { max: 2, needed: 3 }));
    }

    #[test]
    fn zeros_around_units_are_not_sent() {
        let mut packetizer = H264Packetizer::new(PacketizationMode::NonInterleaved);
        let frame = [0, 0, 0, 0, 1, 0x41, 9, 0, 0, 0, 0, 1, 0x41, 8, 0, 0];
        let payloads = cut(&mut packetizer, &frame, &METADATA, 3);
        let payloads: Vec<_> = payloads.into_iter().map(|(payload, _)| payload).collect();
        assert_eq!(payloads, [[0x41, 9], [0x41, 8]]);
    }

    #[test]
    fn slices_show_where_pictures_begin_and_what_can_be_dropped() {
        // first_mb_in_slice is 0, then 1; nal_ref_idc is 2, then 0.
        assert_eq!(inspect(&[0x41, 0x80]).starts_frame, None);
        assert_eq!(inspect(&[0x41, 0x40]).starts_frame, Some(false));
        assert!(!inspect(&[0x41, 0x80]).discardable);
        assert!(inspect(&[0x01, 0x80]).discardable);
        assert_eq!(inspect(&[0x7c, 0x81, 0x40]).starts_frame, Some(false));
        assert!(inspect(&[0x78, 0, 1, 0x68, 0, 2, 0x65, 0x80]).keyframe);
        assert!(!inspect(&[0x06, 5]).discardable, "SEI is not a picture");
    }

    #[test]
    fn damaged_payloads_are_refused() {
        let broken: [&[u8]; 10] = [
            &[],
            &[0xe5, 1],             // forbidden_zero_bit
            &[0x60],                // type 0
            &[0x79, 0, 0],          // STAP-B
            &[0x7d, 0x85, 0, 0, 1], // FU-B
            &[0x78],                // STAP-A without units
            &[0x78, 0, 2, 0x65],    // unit cut off
            &[0x78, 0, 0],          // unit without header
            &[0x78, 0, 2, 0x7c, 1], // FU in STAP
            &[0x7c, 0x9c, 1],       // FU of a FU
        ];
        for payload in broken {
            assert!(H264Depacketizer.inspect(payload).is_err(), "{payload:x?}");
            assert!(assemble(&H264Depacketizer, &[(payload.to_vec(), true)]).is_err());
        }
        assert!(H264Depacketizer.inspect(&[0x7c]).is_err());
    }

    #[test]
    fn fragments_must_fit_together() {
        let fragment = |header: u8, fu: u8, data: u8| (vec![header, fu, data], false);
        let [start, middle, end] = [0x85, 0x05, 0x45].map(|fu| fragment(0x7c, fu, fu));
        let whole = assemble(
            &H264Depacketizer,
            &[start.clone(), middle.clone(), end.clone()],
        );
        assert_eq!(whole, Ok(vec![0, 0, 0, 1, 0x65, 0x85, 0x05, 0x45]));
        let lone = vec![fragment(0x7c, 0xc5, 0x87)];
        assert_eq!(
            assemble(&H264Depacketizer, &lone),
            Ok(vec![0, 0, 0, 1, 0x65, 0x87])
        );
        let other_type = fragment(0x7c, 0x41, 1);
        let single = (vec![0x41, 1], false);
        for broken in [
            vec![middle.clone(), end.clone()],
            vec![start.clone(), middle],
            vec![start.clone(), start.clone(), end.clone()],
            vec![fragment(0x7c, 0x85, 0x05), end.clone()], // not the first slice
            vec![start.clone(), other_type],
            vec![start.clone(), single, end.clone()],
            vec![start, end.clone(), end],
            vec![],
        ] {
            assert!(assemble(&H264Depacketizer, &broken).is_err(), "{broken:x?}");
        }
    }
}
