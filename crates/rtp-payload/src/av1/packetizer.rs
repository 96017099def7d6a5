//! From AV1 temporal units to payloads.

use std::ops::Range;

use bytes::Bytes;
use gannet_wire::Reader;

use super::obu::{
    self, FRAME, FRAME_HEADER, ObuHeader, SEQUENCE_HEADER, each_leb128_byte, leb128_len,
};
use super::{N, W_SHIFT, Y, Z};
use crate::frame::{FrameError, FrameMetadata, Packetizer, Payload};

const AGGREGATION_HEADER: usize = 1;
/// So many elements can be counted by W, which saves the length of the last.
const MAX_COUNTED: usize = 3;
/// A shorter fragment behind other elements is not worth its overhead.
const MIN_FRAGMENT: usize = 16;

/// Cuts AV1 temporal units into payloads.
///
/// A frame is one temporal unit in the low-overhead format (OBUs with size fields, as encoders
/// write them), or a part of one, for a stream with spatial layers that is sent layer by layer:
/// then all but the last part have [`end_of_picture`](FrameMetadata::end_of_picture) set to false.
/// Temporal delimiters and tile lists are not sent, and the size fields of the OBUs neither.
/// Temporal and spatial layers are read from the OBUs.
#[derive(Clone, Debug)]
pub struct Av1Packetizer {
    frame: Bytes,
    /// Kept between frames for its capacity.
    obus: Vec<Obu>,
    /// Where the next payload begins: an OBU, and how many of its bytes were sent.
    next: usize,
    sent: usize,
    max_payload: usize,
    new_sequence: bool,
    end_of_picture: bool,
}

/// An OBU as it is sent: a header without a size field, then a part of the frame.
#[derive(Clone, Debug)]
struct Obu {
    header: ObuHeader,
    payload: Range<usize>,
}

impl Obu {
    fn len(&self) -> usize {
        let (_, header) = self.header.bytes(false);
        self.payload.len().saturating_add(header)
    }

    /// Whether it may not share a payload with that one, which is before it (section 5).
    fn is_apart_from(&self, before: &Self) -> bool {
        let layer = |obu: &Self| obu.header.temporal_id().zip(obu.header.spatial_id());
        let other_layer = match (layer(self), layer(before)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        other_layer || self.header.obu_type() == SEQUENCE_HEADER
    }
}

/// What the next payload will hold.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// How many elements.
    elements: usize,
    /// How long the last one is, if it is not the rest of its OBU.
    fragment: Option<usize>,
}

impl Av1Packetizer {
    /// A packetizer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            frame: Bytes::new(),
            obus: Vec::new(),
            next: 0,
            sent: 0,
            max_payload: 0,
            new_sequence: false,
            end_of_picture: true,
        }
    }

    fn find_obus(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        let mut reader = Reader::new(frame);
        while !reader.is_empty() {
            let begin = reader.position();
            let what = "no OBU with the size that it names";
            let (header, at, payload) =
                obu::take(&mut reader).map_err(|_| FrameError::Malformed { what, at: begin })?;
            if !header.is_ignored() {
                let payload = at..at.saturating_add(payload.len());
                self.obus.push(Obu { header, payload });
            }
        }
        if self.obus.is_empty() {
            Err(FrameError::Empty)
        } else {
            Ok(())
        }
    }

    /// Whether a coded video sequence begins: a sequence header, and then a keyframe that is shown
    /// as such.
    fn begins_sequence(&self, frame: &[u8]) -> bool {
        let first_byte = |obu: &Obu| {
            frame
                .get(obu.payload.clone())
                .and_then(|bytes| bytes.first())
        };
        let is = |obu: &&Obu, types: &[u8]| types.contains(&obu.header.obu_type());
        let sequence_header = self.obus.iter().find(|obu| is(obu, &[SEQUENCE_HEADER]));
        let frame_header = self.obus.iter().find(|obu| is(obu, &[FRAME, FRAME_HEADER]));
        let (Some(sequence), Some(header)) = (
            sequence_header.and_then(first_byte),
            frame_header.and_then(first_byte),
        ) else {
            return false;
        };
        // seq_profile (3 bits), still_picture, reduced_still_picture_header.
        let reduced_still_picture_header = sequence & 0x08 != 0;
        // show_existing_frame, frame_type (2 bits): zero is a key frame.
        reduced_still_picture_header || header & 0xe0 == 0
    }

    fn plan(&self) -> Plan {
        let room = self.max_payload.saturating_sub(AGGREGATION_HEADER);
        let mut plan = Plan::default();
        let mut used = 0_usize;
        let mut before: Option<&Obu> = None;
        for (index, obu) in self.obus.iter().skip(self.next).enumerate() {
            let apart = before.is_some_and(|before| obu.is_apart_from(before));
            if apart {
                break;
            }
            let rest = obu
                .len()
                .saturating_sub(if index == 0 { self.sent } else { 0 });
            let with_length = used.saturating_add(leb128_len(rest)).saturating_add(rest);
            let counted = plan.elements < MAX_COUNTED;
            if with_length <= room || (counted && used.saturating_add(rest) <= room) {
                plan.elements = plan.elements.saturating_add(1);
                if with_length > room {
                    break;
                }
                used = with_length;
                // OBUs of no layer say nothing about those that follow.
                if before.is_none() || obu.header.temporal_id().is_some() {
                    before = Some(obu);
                }
                continue;
            }
            let length = if counted { 0 } else { leb128_len(room) };
            let left = room.saturating_sub(used).saturating_sub(length);
            if plan.elements == 0 || left >= MIN_FRAGMENT {
                plan.elements = plan.elements.saturating_add(1);
                plan.fragment = Some(left);
            }
            break;
        }
        plan
    }

    fn write(&mut self, plan: Plan, out: &mut Vec<u8>) {
        for index in 1..=plan.elements {
            let Some(obu) = self.obus.get(self.next) else {
                return;
            };
            let rest = obu.len().saturating_sub(self.sent);
            let fragment = plan.fragment.filter(|_| index == plan.elements);
            let len = fragment.unwrap_or(rest);
            if index < plan.elements || plan.elements > MAX_COUNTED {
                each_leb128_byte(len, |byte| out.push(byte));
            }
            let (header, header_len) = obu.header.bytes(false);
            let header = header.get(..header_len).unwrap_or_default();
            let end = self.sent.saturating_add(len);
            out.extend_from_slice(
                header
                    .get(self.sent..end.min(header_len))
                    .unwrap_or_default(),
            );
            let from = obu
                .payload
                .start
                .saturating_add(self.sent.saturating_sub(header_len));
            let to = obu
                .payload
                .start
                .saturating_add(end.saturating_sub(header_len));
            out.extend_from_slice(self.frame.get(from..to).unwrap_or_default());
            if fragment.is_some() {
                self.sent = end;
            } else {
                self.next = self.next.saturating_add(1);
                self.sent = 0;
            }
        }
    }
}

impl Default for Av1Packetizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Packetizer for Av1Packetizer {
    fn begin(
        &mut self,
        frame: Bytes,
        metadata: &FrameMetadata,
        max_payload: usize,
    ) -> Result<(), FrameError> {
        self.obus.clear();
        (self.next, self.sent) = (0, 0);
        let needed = AGGREGATION_HEADER.saturating_add(1);
        if max_payload < needed {
            return Err(FrameError::MaxPayload {
                max: max_payload,
                needed,
            });
        }
        if let Err(error) = self.find_obus(&frame) {
            self.obus.clear();
            return Err(error);
        }
        self.new_sequence = self.end_of_picture && self.begins_sequence(&frame);
        self.end_of_picture = metadata.end_of_picture;
        self.max_payload = max_payload;
        self.frame = frame;
        Ok(())
    }

    fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        if self.next >= self.obus.len() {
            return None;
        }
        let plan = self.plan();
        let continued = if self.sent > 0 { Z } else { 0 };
        let continues = if plan.fragment.is_some() { Y } else { 0 };
        let count = match u8::try_from(plan.elements) {
            Ok(count @ 1..=3) => count << W_SHIFT,
            _ => 0,
        };
        let begins = if std::mem::take(&mut self.new_sequence) {
            N
        } else {
            0
        };
        out.push(continued | continues | count | begins);
        self.write(plan, out);
        let last = self.next >= self.obus.len();
        Some(Payload {
            marker: last && self.end_of_picture,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depacketizer;
    use crate::av1::Av1Depacketizer;
    use crate::test::{METADATA, assemble, cut};

    /// An OBU with a size field.
    fn obu(first: u8, extension: Option<u8>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first | 0x02];
        bytes.extend(extension);
        each_leb128_byte(payload.len(), |byte| bytes.push(byte));
        bytes.extend(payload);
        bytes
    }

    const DELIMITER: [u8; 2] = [0x12, 0];

    /// A sequence header and a key frame of so many bytes.
    fn key_unit(len: usize) -> Vec<u8> {
        let mut payload = vec![0x10];
        payload.resize(len, 7);
        [obu(0x08, None, &[0, 1, 2]), obu(0x30, None, &payload)].concat()
    }

    #[test]
    fn a_keyframe_in_one_payload() {
        let unit = [&DELIMITER[..], &key_unit(4)].concat();
        let payloads = cut(&mut Av1Packetizer::default(), &unit, &METADATA, 100);
        let expected = [0x28, 4, 0x08, 0, 1, 2, 0x30, 0x10, 7, 7, 7];
        assert_eq!(payloads, [(expected.to_vec(), true)]);
        assert_eq!(assemble(&Av1Depacketizer, &payloads), Ok(key_unit(4)));
    }

    #[test]
    fn a_large_obu_in_fragments() {
        let unit = key_unit(2000);
        let payloads = cut(&mut Av1Packetizer::new(), &unit, &METADATA, 1000);
        let headers: Vec<u8> = payloads.iter().map(|(payload, _)| payload[0]).collect();
        assert_eq!(headers, [0x68, 0xd0, 0x90]);
        assert!(
            payloads
                .iter()
                .map(|(_, marker)| *marker)
                .eq([false, false, true])
        );
        assert!(payloads.iter().all(|(payload, _)| payload.len() <= 1000));
        assert_eq!(assemble(&Av1Depacketizer, &payloads), Ok(unit));
    }

    #[test]
    fn more_than_three_elements_have_lengths() {
        let unit = (0..5)
            .flat_map(|i| obu(0x28, None, &[i; 3]))
            .collect::<Vec<_>>();
        let payloads = cut(&mut Av1Packetizer::new(), &unit, &METADATA, 100);
        assert_eq!(payloads[0].0[..7], [0x00, 4, 0x28, 0, 0, 0, 4]);
        assert_eq!(assemble(&Av1Depacketizer, &payloads), Ok(unit.clone()));
        for max in 2..40 {
            let payloads = cut(&mut Av1Packetizer::new(), &unit, &METADATA, max);
            assert!(
                payloads
                    .iter()
                    .all(|(payload, _)| (2..=max).contains(&payload.len()))
            );
            assert_eq!(
                assemble(&Av1Depacketizer, &payloads),
                Ok(unit.clone()),
                "{max}"
            );
        }
    }

    #[test]
    fn layers_do_not_share_payloads() {
        // TD SH MD MD(0,0) FR(0,0) MD(0,1) FR(0,1), as in section 5.1 of the specification.
        let layer_1 = Some(0x08);
        let unit = [
            obu(0x08, None, &[0]),
            obu(0x28, None, &[1]),
            obu(0x2c, Some(0), &[2]),
            obu(0x34, Some(0), &[0x10]),
            obu(0x2c, layer_1, &[4]),
            obu(0x34, layer_1, &[0x20]),
        ]
        .concat();
        let payloads = cut(&mut Av1Packetizer::new(), &unit, &METADATA, 1000);
        assert_eq!(payloads.len(), 2);
        assert_eq!((payloads[0].0[0], payloads[1].0[0]), (0x08, 0x20));
        let infos = payloads
            .iter()
            .map(|(payload, _)| Av1Depacketizer.inspect(payload));
        let infos: Vec<_> = infos.collect::<Result<_, _>>().expect("payloads");
        assert_eq!(infos[1].spatial_id, Some(1));
        assert!(infos[0].keyframe && infos[0].parameter_sets && !infos[1].keyframe);
        assert_eq!(assemble(&Av1Depacketizer, &payloads), Ok(unit));
    }

    #[test]
    fn the_parts_of_a_temporal_unit_end_with_one_marker() {
        let mut packetizer = Av1Packetizer::new();
        let part = FrameMetadata {
            end_of_picture: false,
            ..METADATA
        };
        let first = cut(&mut packetizer, &key_unit(3), &part, 100);
        let second = cut(&mut packetizer, &key_unit(3), &METADATA, 100);
        assert_eq!((first[0].1, second[0].1), (false, true));
        assert_eq!((first[0].0[0] & N, second[0].0[0] & N), (N, 0));
    }

    #[test]
    fn only_keyframes_begin_sequences() {
        let first_header = |unit: &[u8]| {
            let payloads = cut(&mut Av1Packetizer::new(), unit, &METADATA, 100);
            payloads[0].0[0] & N
        };
        let sequence = obu(0x08, None, &[0]);
        let still = obu(0x08, None, &[0x18]);
        let inter = obu(0x30, None, &[0x30]);
        let key = obu(0x30, None, &[0x10]);
        assert_eq!(first_header(&[sequence.clone(), key.clone()].concat()), N);
        assert_eq!(first_header(&[sequence, inter.clone()].concat()), 0);
        assert_eq!(first_header(&[still, inter].concat()), N);
        assert_eq!(first_header(&key), 0);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut packetizer = Av1Packetizer::new();
        let mut begin = |frame: &[u8], max| packetizer.begin(frame.to_vec().into(), &METADATA, max);
        assert_eq!(begin(&[], 100), Err(FrameError::Empty));
        assert_eq!(begin(&DELIMITER, 100), Err(FrameError::Empty));
        let what = "no OBU with the size that it names";
        assert_eq!(
            begin(&[0x32, 2, 1], 100),
            Err(FrameError::Malformed { what, at: 0 })
        );
        let too_short = FrameError::MaxPayload { max: 1, needed: 2 };
        assert_eq!(begin(&key_unit(3), 1), Err(too_short));
        // Without a size field the last OBU goes on to the end.
        assert_eq!(begin(&[0x30, 0x10, 1], 100), Ok(()));
        assert_eq!(
            packetizer.next_payload(&mut Vec::new()),
            Some(Payload { marker: true })
        );
        assert_eq!(packetizer.next_payload(&mut Vec::new()), None);
    }
}
