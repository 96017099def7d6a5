//! DATA.

use std::fmt;

use gannet_wire::{Reader, Serial16, Serial32, Writer};

use super::{ParseError, RawChunk, WriteChunk, kind};
use crate::{Ppid, StreamId};

/// The flags that DATA and I-DATA share: which part of a message a chunk is, and how it is handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// B: it is the first fragment.
    pub beginning: bool,
    /// E: it is the last fragment.
    pub end: bool,
    /// U: the message is unordered.
    pub unordered: bool,
    /// I: the sender wants its SACK now.
    pub immediate: bool,
}

impl Fragment {
    /// From the chunk's flags.
    #[must_use]
    pub const fn from_flags(flags: u8) -> Self {
        Self {
            end: flags & 0x01 != 0,
            beginning: flags & 0x02 != 0,
            unordered: flags & 0x04 != 0,
            immediate: flags & 0x08 != 0,
        }
    }

    /// As the chunk's flags.
    #[must_use]
    pub const fn flags(self) -> u8 {
        self.end as u8
            | (self.beginning as u8) << 1
            | (self.unordered as u8) << 2
            | (self.immediate as u8) << 3
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.beginning, self.end) {
            (true, true) => "complete",
            (true, false) => "first",
            (false, true) => "last",
            (false, false) => "middle",
        })?;
        f.write_str(if self.unordered {
            " unordered"
        } else {
            " ordered"
        })
    }
}

/// Payload data (RFC 9260, section 3.3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 0    |  Res  |I|U|B|E|           Length              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                              TSN                              |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |      Stream Identifier S      |   Stream Sequence Number n    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Payload Protocol Identifier                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                 User Data (seq n of Stream S)                 \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// Its transmission sequence number.
    pub tsn: Serial32,
    /// Its stream.
    pub stream: StreamId,
    /// Its message's number in the stream; means nothing when unordered.
    pub ssn: Serial16,
    /// What the sender called the message.
    pub ppid: Ppid,
    /// Its flags.
    pub fragment: Fragment,
    /// The user's bytes. A sender sends at least one.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// The length of the chunk in front of its payload in bytes.
    pub const HEADER_LEN: usize = 16;

    /// Parses the chunk.
    #[inline]
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        Ok(Self {
            tsn: Serial32(reader.u32("DATA TSN")?),
            stream: StreamId(reader.u16("DATA stream identifier")?),
            ssn: Serial16(reader.u16("DATA stream sequence number")?),
            ppid: Ppid(reader.u32("DATA payload protocol identifier")?),
            fragment: Fragment::from_flags(raw.flags),
            payload: reader.rest(),
        })
    }
}

impl WriteChunk for Data<'_> {
    fn kind(&self) -> u8 {
        kind::DATA
    }

    fn flags(&self) -> u8 {
        self.fragment.flags()
    }

    fn value_len(&self) -> usize {
        self.payload.len().saturating_add(12)
    }

    #[inline]
    fn write_value(&self, writer: &mut Writer<'_>) {
        let [t0, t1, t2, t3] = self.tsn.0.to_be_bytes();
        let [i0, i1] = self.stream.0.to_be_bytes();
        let [n0, n1] = self.ssn.0.to_be_bytes();
        let [p0, p1, p2, p3] = self.ppid.0.to_be_bytes();
        writer.bytes(&[t0, t1, t2, t3, i0, i1, n0, n1, p0, p1, p2, p3]);
        writer.bytes(self.payload);
    }
}

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DATA {} tsn={} sid={} ssn={} ppid={} len={}",
            self.fragment,
            self.tsn,
            self.stream,
            self.ssn,
            self.ppid,
            self.payload.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0x00, 0x03, 0x00, 0x14, 0x55, 0x08, 0x36, 0x3c, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00,
        0x35, 0x00, 0x01, 0x02, 0x03,
    ];

    #[test]
    fn a_captured_chunk_is_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let data = Data::parse(raw).unwrap();
        assert_eq!(
            data.to_string(),
            "DATA complete ordered tsn=1426601532 sid=2 ssn=1 ppid=53 len=4"
        );
        assert_eq!(data.payload, [0, 1, 2, 3]);
        let mut written = Vec::new();
        data.write(&mut written);
        assert_eq!(written, CAPTURED);
        assert_eq!(data.encoded_len(), CAPTURED.len());
    }

    #[test]
    fn truncated_chunks_are_errors() {
        let (raw, _) = RawChunk::parse(&[0, 3, 0, 15, 0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0]).unwrap();
        assert!(Data::parse(raw).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            tsn: u32, stream: u16, ssn: u16, ppid: u32, flags in 0_u8..16,
            payload in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let data = Data {
                tsn: Serial32(tsn), stream: StreamId(stream), ssn: Serial16(ssn), ppid: Ppid(ppid),
                fragment: Fragment::from_flags(flags), payload: &payload,
            };
            let mut written = Vec::new();
            data.write(&mut written);
            prop_assert_eq!(written.len() % 4, 0);
            let (raw, rest) = RawChunk::parse(&written).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(raw.flags, flags);
            prop_assert_eq!(Data::parse(raw).unwrap(), data);
        }
    }
}
