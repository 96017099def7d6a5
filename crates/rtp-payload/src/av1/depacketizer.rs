//! From payloads to AV1 temporal units.

use gannet_wire::Reader;

use super::obu::{ObuHeader, SEQUENCE_HEADER, each_leb128_byte, leb128, leb128_len};
use super::{N, W, W_SHIFT, Y, Z};
use crate::payload::{Depacketizer, PayloadError, PayloadInfo, all_or_nothing};

/// Puts AV1 temporal units together, in the low-overhead format: each OBU with a size field, and no
/// temporal delimiter, which decoders do not need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Av1Depacketizer;

impl Depacketizer for Av1Depacketizer {
    fn inspect(&self, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
        let elements = Elements::parse(payload)?;
        let (continued, continues) = (elements.continued, elements.continues);
        let mut info = PayloadInfo {
            keyframe: elements.begins_sequence,
            ends_frame: if continues { Some(false) } else { None },
            ..PayloadInfo::default()
        };
        for (index, element) in elements.enumerate() {
            let element = element?;
            if index == 0 && continued {
                continue;
            }
            // A fragment may be shorter than a header; then it says nothing.
            let Ok(header) = ObuHeader::parse(&mut Reader::new(element)) else {
                continue;
            };
            info.parameter_sets |= header.obu_type() == SEQUENCE_HEADER;
            info.temporal_id = info.temporal_id.or(header.temporal_id());
            info.spatial_id = info.spatial_id.or(header.spatial_id());
        }
        info.starts_frame = match (continued, info.keyframe) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        };
        Ok(info)
    }

    fn assemble(
        &self,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        all_or_nothing(out, |out| {
            // Where the OBU begins that is being continued.
            let mut open: Option<usize> = None;
            for payload in payloads {
                let mut elements = Elements::parse(payload)?;
                if elements.continued != open.is_some() {
                    return Err(PayloadError::Hole {
                        what: "an OBU lacks its start or its end",
                    });
                }
                let continues = elements.continues;
                while let Some(element) = elements.next() {
                    let begin = open.take().unwrap_or(out.len());
                    out.extend_from_slice(element?);
                    if elements.is_done() && continues {
                        open = Some(begin);
                    } else {
                        finish_obu(out, begin)?;
                    }
                }
            }
            match open {
                None => Ok(()),
                Some(_) => Err(PayloadError::Hole {
                    what: "its last OBU lacks its end",
                }),
            }
        })
    }
}

/// Gives the OBU that ends `out` a size field, in its shortest form; or takes it away, if it is one
/// that receivers ignore.
fn finish_obu(out: &mut Vec<u8>, begin: usize) -> Result<(), PayloadError> {
    let mut reader = Reader::new(out.get(begin..).unwrap_or_default());
    let header = ObuHeader::parse(&mut reader)?;
    if header.has_size() {
        let size = leb128(&mut reader, "obu_size")?;
        reader.clone().take(size, "OBU")?;
        if size < reader.remaining() {
            return Err(PayloadError::Hole {
                what: "bytes are left behind an OBU",
            });
        }
    }
    if header.is_ignored() {
        out.truncate(begin);
        return Ok(());
    }
    let len = reader.remaining();
    let (mut bytes, mut header_len) = ([0; 10], 0);
    let mut push = |byte| {
        if let Some(place) = bytes.get_mut(header_len) {
            *place = byte;
            header_len = header_len.saturating_add(1);
        }
    };
    let (header, first) = header.bytes(true);
    header.into_iter().take(first).for_each(&mut push);
    each_leb128_byte(len, &mut push);
    debug_assert_eq!(header_len, first.saturating_add(leb128_len(len)));

    // Move the data to where it belongs behind the new header.
    let old_data = out.len().saturating_sub(len);
    let new_data = begin.saturating_add(header_len);
    let old_end = out.len();
    let new_end = new_data.saturating_add(len);
    out.resize(old_end.max(new_end), 0);
    out.copy_within(old_data..old_end, new_data);
    out.truncate(new_end);
    if let Some((place, header)) = out.get_mut(begin..new_data).zip(bytes.get(..header_len)) {
        place.copy_from_slice(header);
    }
    Ok(())
}

/// The OBU elements of a payload (section 4.5).
struct Elements<'a> {
    reader: Reader<'a>,
    /// How many more there are, if W says so.
    counted: Option<u8>,
    continued: bool,
    continues: bool,
    begins_sequence: bool,
}

impl<'a> Elements<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let header = reader.u8("AV1 aggregation header")?;
        let count = (header & W) >> W_SHIFT;
        if reader.is_empty() {
            return Err(PayloadError::Empty);
        }
        if header & N != 0 && header & Z != 0 {
            let why = "set on a payload that continues an OBU";
            return Err(PayloadError::Unsupported {
                what: "the N bit",
                value: 1,
                why,
            });
        }
        Ok(Self {
            reader,
            counted: (count > 0).then_some(count),
            continued: header & Z != 0,
            continues: header & Y != 0,
            begins_sequence: header & N != 0,
        })
    }

    /// Whether the last one was taken.
    const fn is_done(&self) -> bool {
        match self.counted {
            Some(left) => left == 0,
            None => self.reader.is_empty(),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done() {
            return None;
        }
        let last_counted = self.counted == Some(1);
        self.counted = self.counted.map(|left| left.saturating_sub(1));
        let element = if last_counted {
            Ok(self.reader.rest())
        } else {
            let len = leb128(&mut self.reader, "OBU element size");
            len.and_then(|len| Ok(self.reader.take(len, "OBU element")?))
        };
        Some(match element {
            Ok([]) => Err(PayloadError::Hole {
                what: "an OBU element is empty",
            }),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::assemble;

    fn whole(payloads: &[&[u8]]) -> Result<Vec<u8>, PayloadError> {
        let payloads: Vec<_> = payloads
            .iter()
            .map(|payload| (payload.to_vec(), false))
            .collect();
        assemble(&Av1Depacketizer, &payloads)
    }

    #[test]
    fn size_fields_are_put_in_and_made_short() {
        assert_eq!(whole(&[&[0x10, 0x30, 1, 2]]), Ok(vec![0x32, 2, 1, 2]));
        // An OBU that has one already, in two bytes instead of one.
        assert_eq!(
            whole(&[&[0x10, 0x32, 0x82, 0, 1, 2]]),
            Ok(vec![0x32, 2, 1, 2])
        );
        assert_eq!(whole(&[&[0x10, 0x34, 0x28, 9]]), Ok(vec![0x36, 0x28, 1, 9]));
        // One that is as long as its element, no more and no less.
        assert!(whole(&[&[0x10, 0x32, 3, 1, 2]]).is_err());
        assert!(whole(&[&[0x10, 0x32, 1, 1, 2]]).is_err());
        let long = [&[0x10, 0x30][..], &[5; 300]].concat();
        let expected = [&[0x32, 0xac, 2][..], &[5; 300]].concat();
        assert_eq!(whole(&[&long]), Ok(expected));
    }

    #[test]
    fn delimiters_and_tile_lists_are_ignored() {
        assert_eq!(
            whole(&[&[0x30, 2, 0x12, 0, 2, 0x40, 7, 0x30, 1]]),
            Ok(vec![0x32, 1, 1])
        );
        assert_eq!(whole(&[&[0x10, 0x12, 0]]), Err(PayloadError::Empty));
    }

    #[test]
    fn fragments_must_fit_together() {
        let (start, middle, end): (&[u8], &[u8], &[u8]) =
            (&[0x50, 0x30, 1], &[0xd0, 2], &[0x90, 3]);
        assert_eq!(whole(&[start, middle, end]), Ok(vec![0x32, 3, 1, 2, 3]));
        let broken: [&[&[u8]]; 6] = [
            &[start],
            &[start, middle],
            &[middle, end],
            &[end],
            &[start, start, end],
            &[],
        ];
        for broken in broken {
            assert!(whole(broken).is_err(), "{broken:x?}");
        }
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let broken: [&[u8]; 9] = [
            &[],
            &[0x10],
            &[0x98, 1],          // N and Z
            &[0x20, 5, 1],       // an element cut off
            &[0x20, 1, 0x30],    // the second element is missing
            &[0x00, 2, 0x30],    // cut off, without a count
            &[0x00, 0],          // an empty element
            &[0x00, 0x80],       // a length cut off
            &[0x20, 0, 0x30, 1], // an empty element
        ];
        for payload in broken {
            assert!(Av1Depacketizer.inspect(payload).is_err(), "{payload:x?}");
            assert!(whole(&[payload]).is_err(), "{payload:x?}");
        }
        assert!(whole(&[&[0x10, 0x80]]).is_err(), "the forbidden bit");
    }

    #[test]
    fn payloads_show_where_units_begin() {
        let inspect = |payload: &[u8]| Av1Depacketizer.inspect(payload).expect("a payload");
        let first = inspect(&[0x28, 2, 0x08, 0, 0x34, 0x48, 1]);
        assert_eq!(
            (first.starts_frame, first.keyframe, first.parameter_sets),
            (Some(true), true, true)
        );
        assert_eq!((first.temporal_id, first.spatial_id), (Some(2), Some(1)));
        let other = inspect(&[0x50, 0x30, 1]);
        assert_eq!((other.starts_frame, other.ends_frame), (None, Some(false)));
        assert_eq!(inspect(&[0x90, 0x08]).starts_frame, Some(false));
        assert!(!inspect(&[0x90, 0x08]).parameter_sets);
    }
}
