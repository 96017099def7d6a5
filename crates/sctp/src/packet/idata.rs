//! I-DATA.

use std::fmt;

use gannet_wire::{Reader, Serial32, Writer};

use super::{Fragment, ParseError, RawChunk, WriteChunk, kind};
use crate::{Ppid, StreamId};

/// Payload data that can be interleaved (RFC 8260, section 2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 64   |  Res  |I|U|B|E|       Length = Variable       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                              TSN                              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |        Stream Identifier      |           Reserved            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Message Identifier                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Payload Protocol Identifier / Fragment Sequence Number     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                           User Data                           \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IData<'a> {
    /// Its transmission sequence number.
    pub tsn: Serial32,
    /// Its stream.
    pub stream: StreamId,
    /// Its message's number in the stream; ordered and unordered messages count apart.
    pub mid: Serial32,
    /// What the sender called the message: known in the first fragment, 0 in the others.
    pub ppid: Ppid,
    /// The fragment's number in its message: 0 in the first.
    pub fsn: u32,
    /// Its flags.
    pub fragment: Fragment,
    /// The user's bytes. A sender sends at least one.
    pub payload: &'a [u8],
}

impl<'a> IData<'a> {
    /// The length of the chunk in front of its payload in bytes.
    pub const HEADER_LEN: usize = 20;

    /// Parses the chunk.
    #[inline]
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let fragment = Fragment::from_flags(raw.flags);
        let mut reader = Reader::new(raw.value);
        let tsn = Serial32(reader.u32("I-DATA TSN")?);
        let stream = StreamId(reader.u16("I-DATA stream identifier")?);
        reader.u16("I-DATA reserved")?;
        let mid = Serial32(reader.u32("I-DATA message identifier")?);
        let last = reader.u32("I-DATA payload protocol identifier or fragment sequence number")?;
        let (ppid, fsn) = if fragment.beginning {
            (last, 0)
        } else {
            (0, last)
        };
        Ok(Self {
            tsn,
            stream,
            mid,
            ppid: Ppid(ppid),
            fsn,
            fragment,
            payload: reader.rest(),
        })
    }
}

impl WriteChunk for IData<'_> {
    fn kind(&self) -> u8 {
        kind::I_DATA
    }

    fn flags(&self) -> u8 {
        self.fragment.flags()
    }

    fn value_len(&self) -> usize {
        self.payload.len().saturating_add(16)
    }

    #[inline]
    fn write_value(&self, writer: &mut Writer<'_>) {
        let last = if self.fragment.beginning {
            self.ppid.0
        } else {
            self.fsn
        };
        let [t0, t1, t2, t3] = self.tsn.0.to_be_bytes();
        let [i0, i1] = self.stream.0.to_be_bytes();
        let [m0, m1, m2, m3] = self.mid.0.to_be_bytes();
        let [p0, p1, p2, p3] = last.to_be_bytes();
        writer.bytes(&[t0, t1, t2, t3, i0, i1, 0, 0, m0, m1, m2, m3, p0, p1, p2, p3]);
        writer.bytes(self.payload);
    }
}

impl fmt::Display for IData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "I-DATA {} tsn={} sid={} mid={}",
            self.fragment, self.tsn, self.stream, self.mid
        )?;
        if self.fragment.beginning {
            write!(f, " ppid={}", self.ppid)?;
        } else {
            write!(f, " fsn={}", self.fsn)?;
        }
        write!(f, " len={}", self.payload.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // From captures, as published in the tests of dcsctp (Apache-2.0), cut to one byte of payload.
    const FIRST: &[u8] = &[
        0x40, 0x02, 0x00, 0x15, 0x94, 0x4a, 0x5d, 0xd5, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x35, 0x01, 0x00, 0x00, 0x00,
    ];
    const LAST: &[u8] = &[
        0x40, 0x01, 0x00, 0x15, 0x94, 0x4a, 0x5e, 0x0a, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x01, 0x00, 0x00, 0x00, 0x08, 0x01, 0x00, 0x00, 0x00,
    ];

    #[test]
    fn captured_chunks_are_parsed_and_written() {
        let expected = [
            "I-DATA first ordered tsn=2487901653 sid=1 mid=0 ppid=53 len=1",
            "I-DATA last ordered tsn=2487901706 sid=3 mid=1 fsn=8 len=1",
        ];
        for (bytes, expected) in [FIRST, LAST].into_iter().zip(expected) {
            let (raw, _) = RawChunk::parse(bytes).unwrap();
            let data = IData::parse(raw).unwrap();
            assert_eq!(data.to_string(), expected);
            let mut written = Vec::new();
            data.write(&mut written);
            assert_eq!(written, bytes);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            tsn: u32, stream: u16, mid: u32, last: u32, flags in 0_u8..16,
            payload in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let fragment = Fragment::from_flags(flags);
            let (ppid, fsn) = if fragment.beginning { (last, 0) } else { (0, last) };
            let data = IData {
                tsn: Serial32(tsn), stream: StreamId(stream), mid: Serial32(mid), ppid: Ppid(ppid),
                fsn, fragment, payload: &payload,
            };
            let mut written = Vec::new();
            data.write(&mut written);
            let (raw, _) = RawChunk::parse(&written).unwrap();
            prop_assert_eq!(IData::parse(raw).unwrap(), data);
        }
    }
}
