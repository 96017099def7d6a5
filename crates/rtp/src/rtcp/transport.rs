//! Transport-wide congestion control feedback: draft-holmer-rmcat-transport-wide-cc-extensions-01,
//! section 3.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      base sequence number     |      packet status count      |
//! |                 reference time                | fb pkt. count |
//! |          packet chunk         |         packet chunk          |
//! |         packet chunk          |  recv delta   |  recv delta   |
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

use gannet_wire::{Reader, Serial16, Writer};

use super::{ParseRtcpError, RtcpWriter, packet_type};

pub(super) const FORMAT: u8 = 15;

/// Ticks of 250 us in one step of the reference time (64 ms).
const TICKS_PER_REFERENCE: i64 = 256;

const MISSING: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// What happened to the packets of a range of transport-wide sequence numbers.
///
/// The constructor has checked that chunks and deltas are complete, so that the iterator cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// Who received them.
    pub sender_ssrc: u32,
    /// Any of the streams.
    pub media_ssrc: u32,
    /// The first packet's number.
    pub base_sequence: Serial16,
    /// How many packets are reported on.
    pub status_count: u16,
    /// The time that the first delta counts from, in units of 64 ms on the receiver's clock; signed, 24
    /// bits, and it wraps.
    pub reference_time: i32,
    /// It counts the feedback messages, and wraps.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What happened to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportStatus {
    /// Its transport-wide sequence number.
    pub sequence: Serial16,
    /// When it arrived, in units of 250 us, counted from the zero of the reference time; `None` if it did
    /// not.
    pub arrival: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseRtcpError> {
        let sender_ssrc = reader.u32("packet sender")?;
        let media_ssrc = reader.u32("media source")?;
        let base_sequence = Serial16(reader.u16("base sequence number")?);
        let status_count = reader.u16("packet status count")?;
        let [r0, r1, r2, feedback_count] = reader.take_array("reference time")?;
        let all = reader.as_slice();
        let (mut covered, mut delta_len) = (0_u32, 0_usize);
        let mut chunks_len = 0_usize;
        while covered < u32::from(status_count) {
            let chunk = Chunk(reader.u16("packet chunk")?);
            let left = u32::from(status_count).wrapping_sub(covered);
            delta_len = delta_len.saturating_add(chunk.delta_len(left)?);
            covered = covered.saturating_add(chunk.len());
            chunks_len = chunks_len.wrapping_add(2);
        }
        let deltas = reader.take(delta_len, "receive deltas")?;
        Ok(Self {
            sender_ssrc,
            media_ssrc,
            base_sequence,
            status_count,
            reference_time: i32::from_be_bytes([r0, r1, r2, 0]) >> 8,
            feedback_count,
            chunks: all.get(..chunks_len).unwrap_or_default(),
            deltas,
        })
    }

    /// What happened to each packet, in the order of their numbers. No more than 65,535 of them.
    pub fn statuses(&self) -> impl Iterator<Item = TransportStatus> + use<'a> {
        let mut symbols = self.chunks.chunks_exact(2).flat_map(|bytes| {
            let bits = bytes.first_chunk::<2>().copied().unwrap_or_default();
            let chunk = Chunk(u16::from_be_bytes(bits));
            (0..chunk.len()).map(move |at| chunk.symbol(at))
        });
        let mut deltas = Reader::new(self.deltas);
        let mut time = i64::from(self.reference_time).wrapping_mul(TICKS_PER_REFERENCE);
        let base = self.base_sequence;
        (0..self.status_count).map_while(move |index| {
            let delta = match symbols.next()? {
                SMALL => Some(i64::from(deltas.u8("delta").ok()?)),
                LARGE => Some(i64::from(deltas.u16("delta").ok()?.cast_signed())),
                _ => None,
            };
            Some(TransportStatus {
                sequence: base.plus(index),
                arrival: delta.map(|delta| {
                    time = time.wrapping_add(delta);
                    time
                }),
            })
        })
    }
}

/// A run length chunk, or a vector of 14 one-bit or 7 two-bit symbols (sections 3.1.2 to 3.1.4).
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

impl Chunk {
    /// How many packets it speaks of.
    const fn len(self) -> u32 {
        match self.0 >> 14 {
            0 | 1 => (self.0 & 0x1fff) as u32,
            2 => 14,
            _ => 7,
        }
    }

    const fn symbol(self, at: u32) -> u8 {
        let shifted = match self.0 >> 14 {
            0 | 1 => self.0 >> 13 & 3,
            2 => self.0 >> 13_u32.saturating_sub(at) & 1,
            _ => self.0 >> 12_u32.saturating_sub(at.saturating_mul(2)) & 3,
        };
        (shifted & 3) as u8
    }

    /// How many bytes of deltas the first `limit` symbols have.
    fn delta_len(self, limit: u32) -> Result<usize, ParseRtcpError> {
        let len = self.len();
        // An empty run would be an endless loop for a sender, and says nothing.
        if len == 0 {
            return Err(value_error(
                "run length",
                0,
                "at least 1 packet is expected",
            ));
        }
        let size = |symbol: u8| match symbol {
            MISSING => Ok(0),
            SMALL | LARGE => Ok(u32::from(symbol)),
            _ => Err(value_error("packet status", 3, "it is reserved")),
        };
        let len = len.min(limit);
        let bytes = if self.0 >> 15 == 0 {
            size(self.symbol(0))?.saturating_mul(len)
        } else {
            let mut bytes = 0_u32;
            for at in 0..len {
                bytes = bytes.saturating_add(size(self.symbol(at))?);
            }
            bytes
        };
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

const fn value_error(what: &'static str, value: u32, expected: &'static str) -> ParseRtcpError {
    ParseRtcpError::Value {
        what,
        value,
        expected,
    }
}

impl RtcpWriter<'_> {
    /// Appends feedback on consecutive packets from `base` on: for each, when it arrived, in units of
    /// 250 us on any clock that does not run backwards, or `None`.
    ///
    /// A delta has 16 bits; the first packet whose delta has more ends the message, as does the 65,535th,
    /// and what is missing at the end is left out. Returns how many packets the message covers: the
    /// caller goes on behind them with another message. If nothing arrived, nothing is written.
    pub fn transport_feedback(
        &mut self,
        sender_ssrc: u32,
        media_ssrc: u32,
        base: Serial16,
        feedback_count: u8,
        arrivals: impl Iterator<Item = Option<i64>> + Clone,
    ) -> u16 {
        let Some(first) = arrivals.clone().flatten().next() else {
            return 0;
        };
        let reference = first.div_euclid(TICKS_PER_REFERENCE);
        let start = reference.wrapping_mul(TICKS_PER_REFERENCE);
        let symbols = Symbols {
            arrivals: arrivals.take(usize::from(u16::MAX)),
            time: start,
        };
        let covered = symbols
            .clone()
            .zip(1_u16..)
            .filter(|(delta, _)| delta.is_some())
            .last()
            .map_or(0, |(_, count)| count);
        let symbols = symbols.take(usize::from(covered));
        self.packet(packet_type::RTPFB, FORMAT, |out| {
            out.u32(sender_ssrc);
            out.u32(media_ssrc);
            out.u16(base.0);
            out.u16(covered);
            out.u24((reference & 0xff_ffff) as u32);
            out.u8(feedback_count);
            let mut chunk = ChunkWriter::default();
            for delta in symbols.clone() {
                chunk.add(symbol_of(delta), out);
            }
            chunk.finish(out);
            for delta in symbols.flatten() {
                match u8::try_from(delta) {
                    Ok(small) => out.u8(small),
                    Err(_) => out.u16(delta.cast_unsigned()),
                }
            }
        });
        covered
    }
}

fn symbol_of(delta: Option<i16>) -> u8 {
    match delta {
        None => MISSING,
        Some(0..=255) => SMALL,
        Some(_) => LARGE,
    }
}

/// The deltas between arrivals; it ends at one that has more than 16 bits.
#[derive(Clone, Debug)]
struct Symbols<I> {
    arrivals: I,
    time: i64,
}

impl<I: Iterator<Item = Option<i64>>> Iterator for Symbols<I> {
    type Item = Option<i16>;

    fn next(&mut self) -> Option<Option<i16>> {
        let Some(arrival) = self.arrivals.next()? else {
            return Some(None);
        };
        let delta = i16::try_from(arrival.wrapping_sub(self.time)).ok()?;
        self.time = arrival;
        Some(Some(delta))
    }
}

/// Collects symbols until they fill a chunk.
#[derive(Debug, Default)]
struct ChunkWriter {
    /// The first 14 of them.
    symbols: [u8; 14],
    len: u16,
}

impl ChunkWriter {
    fn held(&self) -> &[u8] {
        let len = usize::from(self.len).min(self.symbols.len());
        self.symbols.get(..len).unwrap_or_default()
    }

    fn is_run(&self) -> bool {
        self.held()
            .windows(2)
            .all(|pair| pair.first() == pair.get(1))
    }

    fn add(&mut self, symbol: u8, out: &mut Writer<'_>) {
        while !self.fits(symbol) {
            self.emit(false, out);
        }
        if let Some(free) = self.symbols.get_mut(usize::from(self.len)) {
            *free = symbol;
        }
        self.len = self.len.saturating_add(1);
    }

    fn fits(&self, symbol: u8) -> bool {
        match self.len {
            0..7 => true,
            7..14 if symbol != LARGE && !self.held().contains(&LARGE) => true,
            7..8191 => self.is_run() && self.symbols.first() == Some(&symbol),
            _ => false,
        }
    }

    /// Writes one chunk of what is held. Only the last one may speak of packets behind the end.
    fn emit(&mut self, last: bool, out: &mut Writer<'_>) {
        if self.is_run() {
            let symbol = self.symbols.first().copied().unwrap_or(MISSING);
            out.u16(u16::from(symbol) << 13 | self.len);
            self.len = 0;
            return;
        }
        let one_bit = (last || self.len == 14) && !self.held().contains(&LARGE);
        let (kind, count, width) = if one_bit {
            (0x8000, 14, 1_u16)
        } else {
            (0xc000, 7, 2)
        };
        let held = self
            .held()
            .iter()
            .copied()
            .chain(std::iter::repeat(MISSING));
        let bits = held
            .take(count)
            .fold(0_u16, |bits, symbol| bits << width | u16::from(symbol));
        out.u16(kind | bits);
        let taken = count.min(usize::from(self.len));
        self.symbols.rotate_left(taken);
        self.len = self.len.saturating_sub(u16::try_from(taken).unwrap_or(14));
    }

    fn finish(mut self, out: &mut Writer<'_>) {
        while self.len > 0 {
            self.emit(true, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{RtcpPacket, packets};
    use super::*;

    fn read(bytes: &[u8]) -> (TransportFeedback<'_>, Vec<Option<i64>>) {
        match packets(bytes).next() {
            Some(Ok(RtcpPacket::TransportFeedback(feedback))) => {
                let all = feedback.statuses().map(|status| status.arrival).collect();
                (feedback, all)
            }
            other => panic!("no feedback: {other:?}"),
        }
    }

    fn write(base: u16, arrivals: &[Option<i64>]) -> (Vec<u8>, u16) {
        let mut bytes = Vec::new();
        let covered = RtcpWriter::new(&mut bytes).transport_feedback(
            1,
            2,
            Serial16(base),
            3,
            arrivals.iter().copied(),
        );
        (bytes, covered)
    }

    // The chunk examples of the draft, sections 3.1.3 and 3.1.4.
    #[test]
    fn the_chunks_of_the_draft() {
        let run = Chunk(0b0000_0000_1101_1101);
        assert_eq!((run.len(), run.symbol(0)), (221, MISSING));
        let run = Chunk(0b0110_0000_0001_1000);
        assert_eq!((run.len(), run.symbol(5)), (24, 3));
        let one_bit = Chunk(0b1001_1111_0001_1100);
        let symbols: Vec<_> = (0..14).map(|at| one_bit.symbol(at)).collect();
        assert_eq!(symbols, [0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0]);
        let two_bits = Chunk(0b1100_1101_0101_0000);
        let symbols: Vec<_> = (0..7).map(|at| two_bits.symbol(at)).collect();
        assert_eq!(symbols, [0, 3, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn the_bytes_of_a_message() {
        let arrivals = [Some(0x1_0105), Some(0x1_0106), None, Some(0x1_0300), None];
        let (bytes, covered) = write(65534, &arrivals);
        assert_eq!(covered, 4, "what is missing at the end is left out");
        let expected = [
            0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0, 4, 0, 1, 1, 3, // base
            0xd4, 0x80, 5, 1, 1, 0xfa, 0, 0,
        ];
        assert_eq!(bytes, expected);
        let (feedback, read) = read(&bytes);
        assert_eq!(feedback.reference_time, 0x101);
        assert_eq!(feedback.base_sequence, Serial16(65534));
        assert_eq!(feedback.feedback_count, 3);
        assert_eq!(read, arrivals[..4]);
        let numbers: Vec<_> = feedback.statuses().map(|s| s.sequence.0).collect();
        assert_eq!(numbers, [65534, 65535, 0, 1]);
    }

    #[test]
    fn a_delta_of_more_than_16_bits_ends_the_message() {
        let (bytes, covered) = write(0, &[Some(0), None, Some(40_000), Some(40_001)]);
        assert_eq!(covered, 1);
        assert_eq!(read(&bytes).1, [Some(0)]);
        assert_eq!(write(0, &[None, None]), (vec![], 0));
    }

    #[test]
    fn long_runs_are_short() {
        let (bytes, covered) = write(0, &vec![Some(9); 20_000]);
        assert_eq!(covered, 20_000);
        assert_eq!(bytes.len(), 20 + 6 + 20_000 + 2);
        assert_eq!(read(&bytes).1, vec![Some(9); 20_000]);
    }

    #[test]
    fn what_a_hostile_peer_may_write() {
        let mut bytes = write(0, &[Some(0), Some(1)]).0;
        for (chunk, what) in [
            (0_u16, "empty run"),
            (0x6002, "reserved"),
            (0x3fff, "no deltas"),
        ] {
            bytes[20..22].copy_from_slice(&chunk.to_be_bytes());
            bytes[14..16].copy_from_slice(&60_000_u16.to_be_bytes());
            assert!(packets(&bytes).next().unwrap().is_err(), "{what}");
        }
        for len in (4..bytes.len()).step_by(4) {
            let mut short = bytes[..len].to_vec();
            short[3] = (len / 4 - 1) as u8;
            assert!(packets(&short).next().unwrap().is_err(), "{len}");
        }
    }

    fn arrival() -> impl Strategy<Value = Option<i64>> {
        prop_oneof![3 => Just(None), 6 => (0_i64..3).prop_map(Some), 2 => (-999_i64..9999).prop_map(Some)]
    }

    proptest! {
        #[test]
        fn every_status_comes_back(
            base: u16,
            start in -5_000_000_i64..5_000_000,
            steps in prop::collection::vec((arrival(), 1_usize..20), 1..40),
        ) {
            let mut at = start;
            let mut arrivals = Vec::new();
            for (step, repeat) in steps {
                for _ in 0..repeat {
                    arrivals.push(step.map(|step| { at += step; at }));
                }
            }
            let (bytes, covered) = write(base, &arrivals);
            if covered != 0 {
                let (feedback, all) = read(&bytes);
                prop_assert_eq!(feedback.status_count, covered);
                prop_assert_eq!(&all[..], &arrivals[..usize::from(covered)]);
                prop_assert!(arrivals[usize::from(covered)..].iter().all(Option::is_none));
            } else {
                prop_assert!(arrivals.iter().all(Option::is_none));
            }
        }
    }
}
