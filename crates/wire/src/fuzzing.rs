//! Bodies of the fuzz targets: cursors against slices, serial numbers against wide integers.

use crate::{
    Extender16, Extender32, FixedBuffer, ReadError, Reader, Serial16, Serial32, WriteError, Writer,
};

/// The bytes are a script: fields to write and read back, then calls of a reader over the script itself.
pub fn cursors(data: &[u8]) {
    let mut script = Reader::new(data);
    let capacity = usize::from(script.u16("capacity").unwrap_or(0));
    let fields = Field::list(&mut script, 0);
    written_and_read(&fields, capacity);
    reader_is_a_slice(data);
}

/// One thing to write.
enum Field<'a> {
    U8(u8),
    U16(u16),
    U24(u32),
    U32(u32),
    U48(u64),
    U64(u64),
    Bytes(&'a [u8]),
    Zeros(usize),
    PadTo(usize),
    Prefixed(usize, Vec<Self>),
}

impl<'a> Field<'a> {
    const DEEPEST: u32 = 8;

    fn list(script: &mut Reader<'a>, depth: u32) -> Vec<Self> {
        let mut fields = Vec::new();
        while let Ok(Some(field)) = Self::next(script, depth) {
            fields.push(field);
        }
        fields
    }

    /// `None` ends the list.
    fn next(script: &mut Reader<'a>, depth: u32) -> Result<Option<Self>, ReadError> {
        Ok(Some(match script.u8("command")? {
            0 => Self::U8(script.u8("value")?),
            1 => Self::U16(script.u16("value")?),
            2 => Self::U24(script.u24("value")?),
            3 => Self::U32(script.u32("value")?),
            4 => Self::U48(script.u48("value")?),
            5 => Self::U64(script.u64("value")?),
            6 => Self::Bytes(script.prefixed_u8("bytes")?.rest()),
            7 => Self::Zeros(usize::from(script.u16("count")?)),
            8 => Self::PadTo(usize::from(script.u8("alignment")?)),
            command @ 9..=11 if depth < Self::DEEPEST => {
                Self::Prefixed(usize::from(command) - 8, Self::list(script, depth + 1))
            }
            _ => return Ok(None),
        }))
    }

    fn write<B: crate::Buffer + ?Sized>(&self, writer: &mut Writer<'_, B>) {
        match self {
            Self::U8(value) => writer.u8(*value),
            Self::U16(value) => writer.u16(*value),
            Self::U24(value) => writer.u24(*value),
            Self::U32(value) => writer.u32(*value),
            Self::U48(value) => writer.u48(*value),
            Self::U64(value) => writer.u64(*value),
            Self::Bytes(bytes) => writer.bytes(bytes),
            Self::Zeros(count) => writer.zeros(*count),
            Self::PadTo(alignment) => writer.pad_to(*alignment),
            Self::Prefixed(width, fields) => {
                let mut inner = match width {
                    1 => writer.prefixed_u8("field"),
                    2 => writer.prefixed_u16("field"),
                    _ => writer.prefixed_u24("field"),
                };
                fields.iter().for_each(|field| field.write(&mut inner));
            }
        }
    }

    /// What should be written behind what was written before; `None` if a length prefix overflows.
    fn expect(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::U8(value) => out.push(*value),
            Self::U16(value) => out.extend(value.to_be_bytes()),
            Self::U24(value) => out.extend(&value.to_be_bytes()[1..]),
            Self::U32(value) => out.extend(value.to_be_bytes()),
            Self::U48(value) => out.extend(&value.to_be_bytes()[2..]),
            Self::U64(value) => out.extend(value.to_be_bytes()),
            Self::Bytes(bytes) => out.extend(*bytes),
            Self::Zeros(count) => out.extend(std::iter::repeat_n(0, *count)),
            Self::PadTo(alignment) => {
                while !out.len().is_multiple_of((*alignment).max(1)) {
                    out.push(0);
                }
            }
            Self::Prefixed(width, fields) => {
                let at = out.len();
                out.extend(std::iter::repeat_n(0, *width));
                fields.iter().try_for_each(|field| field.expect(out))?;
                let len = out.len() - at - width;
                if len >= 1 << (8 * width) {
                    return None;
                }
                out[at..at + width].copy_from_slice(&(len as u64).to_be_bytes()[8 - width..]);
            }
        }
        Some(())
    }

    fn read_back(&self, reader: &mut Reader<'_>) -> Result<(), ReadError> {
        match self {
            Self::U8(value) => assert_eq!(reader.u8("value")?, *value),
            Self::U16(value) => assert_eq!(reader.u16("value")?, *value),
            Self::U24(value) => assert_eq!(reader.u24("value")?, value & 0xff_ffff),
            Self::U32(value) => assert_eq!(reader.u32("value")?, *value),
            Self::U48(value) => assert_eq!(reader.u48("value")?, value & 0xffff_ffff_ffff),
            Self::U64(value) => assert_eq!(reader.u64("value")?, *value),
            Self::Bytes(bytes) => assert_eq!(reader.take(bytes.len(), "bytes")?, *bytes),
            Self::Zeros(count) => {
                assert!(reader.take(*count, "zeros")?.iter().all(|byte| *byte == 0));
            }
            Self::PadTo(alignment) => {
                let padded = reader.position().next_multiple_of((*alignment).max(1));
                reader.take(padded - reader.position(), "padding")?;
            }
            Self::Prefixed(width, fields) => {
                let mut inner = match width {
                    1 => reader.prefixed_u8("field")?,
                    2 => reader.prefixed_u16("field")?,
                    _ => reader.prefixed_u24("field")?,
                };
                for field in fields {
                    field.read_back(&mut inner)?;
                }
                inner.finish("field")?;
            }
        }
        Ok(())
    }
}

/// Fields come out of a writer as a plain model says, come back from a reader, and a fixed buffer takes
/// them if and only if they fit.
fn written_and_read(fields: &[Field<'_>], capacity: usize) {
    let mut expected = Vec::new();
    let fits_prefixes = fields
        .iter()
        .try_for_each(|field| field.expect(&mut expected))
        .is_some();
    let mut grown = vec![0xee; 3];
    let mut writer = Writer::new(&mut grown);
    fields.iter().for_each(|field| field.write(&mut writer));
    match writer.finish() {
        Ok(len) => {
            assert!(fits_prefixes);
            assert_eq!((len, &grown[3..]), (expected.len(), &expected[..]));
        }
        Err(error) => assert!(!fits_prefixes && matches!(error, WriteError::TooLong { .. })),
    }
    assert_eq!(grown[..3], [0xee; 3]);

    let mut room = vec![0xdd; capacity + 1];
    let mut fixed = FixedBuffer::new(&mut room[..capacity]);
    let mut writer = Writer::new(&mut fixed);
    fields.iter().for_each(|field| field.write(&mut writer));
    let fitted = writer.finish().is_ok();
    if fits_prefixes {
        assert_eq!(fitted, expected.len() <= capacity);
    }
    if fitted {
        assert_eq!(fixed.written(), expected);
    }
    assert_eq!(room[capacity], 0xdd);

    if fits_prefixes {
        let mut reader = Reader::new(&expected);
        let read = fields
            .iter()
            .try_for_each(|field| field.read_back(&mut reader));
        assert_eq!(read, Ok(()));
        assert_eq!(reader.finish("all"), Ok(()));
        let cut = &expected[..expected.len().min(capacity)];
        let mut reader = Reader::new(cut);
        let read = fields
            .iter()
            .try_for_each(|field| field.read_back(&mut reader));
        assert_eq!(read.is_ok(), cut.len() == expected.len());
    }
}

/// Each call takes from the front of a slice what it says, or nothing and an error that says how much was
/// there.
fn reader_is_a_slice(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut at = 0;
    for command in data {
        let needed = match command & 7 {
            0 => 1,
            1 => 2,
            2 => 3,
            3 => 4,
            4 => 6,
            5 => 8,
            _ => usize::from(*command),
        };
        let number = match command & 7 {
            0 => reader.u8("field").map(u64::from),
            1 => reader.u16("field").map(u64::from),
            2 => reader.u24("field").map(u64::from),
            3 => reader.u32("field").map(u64::from),
            4 => reader.u48("field"),
            5 => reader.u64("field"),
            6 => reader.take(needed, "field").map(|taken| {
                assert_eq!(taken, &data[at..at + needed]);
                0
            }),
            _ => reader.sub(needed, "field").map(|sub| {
                assert_eq!(
                    (sub.position(), sub.as_slice()),
                    (at, &data[at..at + needed])
                );
                0
            }),
        };
        match number {
            Ok(number) => {
                if command & 7 < 6 {
                    let bytes = &data[at..at + needed];
                    let model = bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                    assert_eq!(number, model);
                }
                at += needed;
            }
            Err(ReadError::Truncated {
                at: said,
                needed: wanted,
                available,
                ..
            }) => {
                assert_eq!((said, wanted, available), (at, needed, data.len() - at));
                assert!(available < needed);
            }
            Err(error @ ReadError::Trailing { .. }) => panic!("{error}"),
        }
        assert_eq!(
            (reader.position(), reader.remaining()),
            (at, data.len() - at)
        );
        assert_eq!(reader.finish("data").is_ok(), at == data.len());
    }
}

/// Serial arithmetic and its extension to 64 bits say what integers without a wrap say.
pub fn serials(data: &[u8]) {
    let mut reader = Reader::new(data);
    if let (Ok(a), Ok(b)) = (reader.u16("a"), reader.u16("b")) {
        let (serial, other) = (Serial16(a), Serial16(b));
        let ahead = (i64::from(b) - i64::from(a)).rem_euclid(1 << 16);
        compare(
            ahead,
            1 << 16,
            serial.precedes(other),
            serial.at_or_before(other),
        );
        assert_eq!(i64::from(serial.distance_to(other)), signed(ahead, 1 << 16));
        assert_eq!(serial.plus(b).minus(b), serial);
        assert_eq!(serial.follows(other), other.precedes(serial));
        assert_eq!(serial.at_or_after(other), other.at_or_before(serial));
    }
    if let (Ok(a), Ok(b)) = (reader.u32("a"), reader.u32("b")) {
        let (serial, other) = (Serial32(a), Serial32(b));
        let ahead = (i64::from(b) - i64::from(a)).rem_euclid(1 << 32);
        compare(
            ahead,
            1 << 32,
            serial.precedes(other),
            serial.at_or_before(other),
        );
        assert_eq!(i64::from(serial.distance_to(other)), signed(ahead, 1 << 32));
        assert_eq!(serial.plus(b).minus(b), serial);
        assert_eq!(serial.follows(other), other.precedes(serial));
        assert_eq!(serial.at_or_after(other), other.at_or_before(serial));
    }
    let (mut narrow, mut wide) = (Extender16::new(), Extender32::new());
    let (mut narrow_model, mut wide_model) = (None, None);
    while let (Ok(a), Ok(b)) = (reader.u16("a"), reader.u32("b")) {
        let extended = narrow.extend(Serial16(a));
        assert_eq!(extended, extend(&mut narrow_model, u64::from(a), 1 << 16));
        assert_eq!(narrow.highest(), narrow_model);
        let extended = wide.extend(Serial32(b));
        assert_eq!(extended, extend(&mut wide_model, u64::from(b), 1 << 32));
        assert_eq!(wide.highest(), wide_model);
    }
}

fn compare(ahead: i64, turn: i64, precedes: bool, at_or_before: bool) {
    assert_eq!(precedes, ahead > 0 && ahead < turn / 2);
    assert_eq!(at_or_before, ahead < turn / 2);
}

fn signed(ahead: i64, turn: i64) -> i64 {
    if ahead < turn / 2 {
        ahead
    } else {
        ahead - turn
    }
}

/// The number with these low bits that is nearest to the highest so far; of two that are as near, the lower.
fn extend(highest: &mut Option<u64>, low: u64, turn: u64) -> u64 {
    let nearest = match *highest {
        None => turn + low,
        Some(highest) => {
            let base = highest - highest % turn;
            [base.checked_sub(turn), Some(base), Some(base + turn)]
                .into_iter()
                .flatten()
                .map(|base| base + low)
                .min_by_key(|candidate| (candidate.abs_diff(highest), *candidate))
                .expect("there are candidates")
        }
    };
    *highest = Some(highest.map_or(nearest, |highest| highest.max(nearest)));
    nearest
}
