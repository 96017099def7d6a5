//! Extended reports: RFC 3611.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|reserved |   PT=XR=207   |             length            |
//! |                              SSRC                             |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |      BT       | type-specific |         block length          |
//! |             type-specific block contents                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::{ReadError, Reader};

use super::{ParseRtcpError, RtcpWriter, packet_type, word};
use crate::clock::NtpTime;

/// Receiver reference time, section 4.4.
const RRTR: u8 = 4;
/// Delay since the last receiver reference time, section 4.5.
const DLRR: u8 = 5;

/// An extended report.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedReport<'a> {
    /// Who sent it.
    pub ssrc: u32,
    blocks: &'a [u8],
}

/// One block of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XrBlock<'a> {
    /// A receiver's time, so that a receiver can measure the round trip too (section 4.4).
    ReceiverReferenceTime(NtpTime),
    /// A sender's answer to it, for each receiver (section 4.5).
    DelaySinceLast(ReportBlocks<'a>),
    /// Any other block.
    Other {
        /// The block type.
        block_type: u8,
        /// The byte that belongs to the type.
        type_specific: u8,
        /// The contents, in whole words.
        contents: &'a [u8],
    },
}

/// How long a receiver's reference time was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dlrr {
    /// The receiver.
    pub ssrc: u32,
    /// The middle 32 bits of its latest reference time; 0 if there was none.
    pub last_rr: u32,
    /// The time since, in 1/65536 s.
    pub delay: u32,
}

/// The sub-blocks of a DLRR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl Iterator for ReportBlocks<'_> {
    type Item = Dlrr;

    fn next(&mut self) -> Option<Dlrr> {
        let (head, tail) = self.0.split_at_checked(12)?;
        self.0 = tail;
        Some(Dlrr {
            ssrc: word(head, 0),
            last_rr: word(head, 4),
            delay: word(head, 8),
        })
    }
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let ssrc = reader.u32("XR source")?;
        let blocks = reader.as_slice();
        while !reader.is_empty() {
            XrBlock::read(reader)?;
        }
        Ok(Self { ssrc, blocks })
    }

    /// Its blocks.
    pub fn blocks(&self) -> impl Iterator<Item = XrBlock<'a>> + use<'a> {
        let mut reader = Reader::new(self.blocks);
        std::iter::from_fn(move || XrBlock::read(&mut reader).ok())
    }
}

impl<'a> XrBlock<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let [block_type, type_specific, w0, w1] = reader.take_array("XR block")?;
        let len = usize::from(u16::from_be_bytes([w0, w1])).wrapping_mul(4);
        let mut contents = reader.sub(len, "XR block")?;
        Ok(match block_type {
            RRTR => {
                let time = NtpTime(contents.u64("receiver reference time")?);
                contents.finish("receiver reference time")?;
                Self::ReceiverReferenceTime(time)
            }
            DLRR => {
                let whole = len.saturating_sub(len % 12);
                let list = contents.take(whole, "DLRR sub-blocks")?;
                contents.finish("DLRR sub-blocks")?;
                Self::DelaySinceLast(ReportBlocks(list))
            }
            _ => Self::Other {
                block_type,
                type_specific,
                contents: contents.rest(),
            },
        })
    }
}

impl RtcpWriter<'_> {
    /// Appends an extended report with a receiver reference time.
    pub fn receiver_reference_time(&mut self, ssrc: u32, time: NtpTime) {
        let mut contents = [0; 12];
        if let Some((head, tail)) = contents.split_first_chunk_mut::<4>() {
            *head = [RRTR, 0, 0, 2];
            tail.copy_from_slice(&time.0.to_be_bytes());
        }
        self.packet(packet_type::XR, 0, |out| {
            out.u32(ssrc);
            out.bytes(&contents);
        });
    }

    /// Appends an extended report that answers receiver reference times, at most 1,000.
    pub fn delay_since_last_rr(&mut self, ssrc: u32, answers: &[Dlrr]) {
        let answers = answers.get(..1000).unwrap_or(answers);
        self.packet(packet_type::XR, 0, |out| {
            out.u32(ssrc);
            out.bytes(&[DLRR, 0]);
            let words = answers.len().saturating_mul(3);
            out.u16(u16::try_from(words).unwrap_or(u16::MAX));
            for answer in answers {
                out.u32(answer.ssrc);
                out.u32(answer.last_rr);
                out.u32(answer.delay);
            }
        });
    }

    /// Appends an extended report with one block of any type. `contents` is padded with zeros to whole
    /// words and cut at 65,000 bytes.
    pub fn extended_report(
        &mut self,
        ssrc: u32,
        block_type: u8,
        type_specific: u8,
        contents: &[u8],
    ) {
        let contents = contents.get(..65_000).unwrap_or(contents);
        self.packet(packet_type::XR, 0, |out| {
            out.u32(ssrc);
            out.bytes(&[block_type, type_specific]);
            out.u16(u16::try_from(contents.len().div_ceil(4)).unwrap_or(u16::MAX));
            out.bytes(contents);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RtcpPacket, packets};
    use super::*;

    fn read(bytes: &[u8]) -> Vec<XrBlock<'_>> {
        match packets(bytes).next() {
            Some(Ok(RtcpPacket::ExtendedReport(report))) => report.blocks().collect(),
            other => panic!("no XR: {other:?}"),
        }
    }

    #[test]
    fn the_three_forms() {
        let mut bytes = Vec::new();
        RtcpWriter::new(&mut bytes).receiver_reference_time(1, NtpTime(0x0102_0304_0506_0708));
        let expected = [
            0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8,
        ];
        assert_eq!(bytes, expected);
        let time = XrBlock::ReceiverReferenceTime(NtpTime(0x0102_0304_0506_0708));
        assert_eq!(read(&bytes), [time]);

        let answer = Dlrr {
            ssrc: 5,
            last_rr: 6,
            delay: 7,
        };
        bytes.clear();
        RtcpWriter::new(&mut bytes).delay_since_last_rr(1, &[answer, answer]);
        match read(&bytes)[..] {
            [XrBlock::DelaySinceLast(list)] => assert!(list.eq([answer, answer])),
            ref other => panic!("{other:?}"),
        }

        bytes.clear();
        RtcpWriter::new(&mut bytes).extended_report(1, 42, 9, &[1, 2, 3]);
        let other = XrBlock::Other {
            block_type: 42,
            type_specific: 9,
            contents: &[1, 2, 3, 0],
        };
        assert_eq!(read(&bytes), [other]);
    }

    #[test]
    fn cut_blocks_are_errors() {
        for bytes in [
            &[0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2][..],
            &[0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0],
            &[0x80, 207, 0, 3, 0, 0, 0, 1, 5, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert!(packets(bytes).next().unwrap().is_err(), "{bytes:?}");
        }
    }
}
