//! What the payload formats of H.264 and H.265 share: NAL units, alone, several in a payload, or
//! one in several payloads.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use gannet_wire::Reader;
use memchr::memmem;

use crate::frame::{FrameError, Payload, even_piece};
use crate::payload::{PayloadError, PayloadInfo, all_or_nothing};

/// What precedes each NAL unit in the byte stream format (Annex B of H.264 and H.265).
pub(crate) const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// The size field of a unit in an aggregation.
const SIZE_FIELD: usize = 2;
/// The S and E bits of the FU header, the same in both formats.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// The forbidden_zero_bit of the first byte, the same in both formats.
const FORBIDDEN: u8 = 0x80;

/// The error for a unit that has it.
pub(crate) const FORBIDDEN_BIT: PayloadError = PayloadError::Unsupported {
    what: "the forbidden_zero_bit",
    value: 1,
    why: "a syntax violation",
};

/// What a type of NAL unit or payload structure is.
pub(crate) enum Kind {
    Single,
    Aggregation,
    Fragment,
    Unsupported(&'static str),
}

/// What the two formats do differently.
pub(crate) trait NalFormat: Copy + fmt::Debug + Default + Send + Sync + 'static {
    /// The NAL unit header.
    type Header: Copy + PartialEq + AsRef<[u8]> + fmt::Debug + Send + Sync;
    const HEADER_LEN: usize;
    const AGGREGATION: u8;
    const FRAGMENT: u8;
    /// The bits of the FU header that are the type.
    const FU_TYPE: u8;

    fn split(unit: &[u8]) -> Option<(Self::Header, &[u8])>;
    fn unit_type(header: Self::Header) -> u8;
    fn with_type(header: Self::Header, unit_type: u8) -> Self::Header;
    fn kind(unit_type: u8) -> Kind;
    /// Takes off what a payload may have around the NAL unit or structure that it carries.
    fn carried<'a>(
        header: Self::Header,
        body: &'a [u8],
    ) -> Result<Carried<'a, Self::Header>, PayloadError> {
        Ok(Carried {
            header,
            body,
            tl0_pic_idx: None,
        })
    }
    /// The header fields (but the type) of an aggregation that holds units with both of these
    /// headers.
    fn joined(one: Self::Header, other: Self::Header) -> Self::Header;
    /// Notes what one unit says of its frame.
    fn describe(header: Self::Header, info: &mut PayloadInfo);
    /// Whether it begins an access unit whatever precedes it.
    fn is_delimiter(header: Self::Header) -> bool;
    /// Whether it is the first slice of a picture. `None` if it is no slice, or `body` is empty
    /// because only its header is known.
    fn is_first_slice(header: Self::Header, body: &[u8]) -> Option<bool>;
}

/// What a payload carries.
pub(crate) struct Carried<'a, H> {
    pub(crate) header: H,
    pub(crate) body: &'a [u8],
    /// The number of the base-layer picture, if what was around it says so.
    pub(crate) tl0_pic_idx: Option<u8>,
}

/// Cuts frames in the byte stream format into payloads.
#[derive(Clone, Debug)]
pub(crate) struct Cutter<F: NalFormat> {
    frame: Bytes,
    /// Where the NAL units are. Kept between frames for its capacity.
    units: Vec<Range<usize>>,
    next: usize,
    fragmented: Option<Fragmented<F::Header>>,
    max_payload: usize,
    /// Whether only whole, single units may be sent (packetization mode 0 of H.264).
    single_only: bool,
}

/// A unit that is being sent in fragments.
#[derive(Clone, Debug)]
struct Fragmented<H> {
    header: H,
    rest: Range<usize>,
    first: bool,
}

impl<F: NalFormat> Cutter<F> {
    pub(crate) const fn new(single_only: bool) -> Self {
        Self {
            frame: Bytes::new(),
            units: Vec::new(),
            next: 0,
            fragmented: None,
            max_payload: 0,
            single_only,
        }
    }

    pub(crate) fn begin(&mut self, frame: Bytes, max_payload: usize) -> Result<(), FrameError> {
        self.units.clear();
        self.next = 0;
        self.fragmented = None;
        self.max_payload = max_payload;
        let needed = F::HEADER_LEN.saturating_add(2);
        if max_payload < needed {
            return Err(FrameError::MaxPayload {
                max: max_payload,
                needed,
            });
        }
        if let Err(error) = self.find_units(&frame) {
            self.units.clear();
            return Err(error);
        }
        self.frame = frame;
        Ok(())
    }

    fn find_units(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        let mut begin = None;
        for at in memmem::find_iter(frame, &[0, 0, 1]) {
            self.note_unit(frame, begin.unwrap_or(0)..at, begin.is_none())?;
            begin = Some(at.saturating_add(3));
        }
        self.note_unit(frame, begin.unwrap_or(0)..frame.len(), begin.is_none())?;
        if self.units.is_empty() {
            Err(FrameError::Empty)
        } else {
            Ok(())
        }
    }

    /// Notes the unit in this range, which zeros may follow (trailing_zero_8bits, and the first
    /// byte of a long start code).
    fn note_unit(
        &mut self,
        frame: &[u8],
        range: Range<usize>,
        leading: bool,
    ) -> Result<(), FrameError> {
        let at = range.start;
        let bytes = frame.get(range).unwrap_or_default();
        let len = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last.saturating_add(1));
        if len == 0 {
            return Ok(());
        }
        if leading {
            return Err(FrameError::Malformed {
                what: "bytes without a start code",
                at,
            });
        }
        let unit = bytes.get(..len).unwrap_or_default();
        let Some((header, _)) = F::split(unit) else {
            return Err(FrameError::Malformed {
                what: "a NAL unit shorter than its header",
                at,
            });
        };
        let fits = unit.first().is_some_and(|first| first & FORBIDDEN == 0);
        if !fits || !matches!(F::kind(F::unit_type(header)), Kind::Single) {
            return Err(FrameError::Malformed {
                what: "a NAL unit that cannot be sent",
                at,
            });
        }
        if self.single_only && len > self.max_payload {
            let max = self.max_payload;
            return Err(FrameError::TooLong {
                what: "a NAL unit",
                len,
                max,
            });
        }
        self.units.push(at..at.saturating_add(len));
        Ok(())
    }

    pub(crate) fn next_payload(&mut self, out: &mut Vec<u8>) -> Option<Payload> {
        if let Some(fragmented) = self.fragmented.take() {
            self.write_fragment(fragmented, out);
        } else {
            let unit = self.units.get(self.next)?.clone();
            if unit.len() > self.max_payload {
                let (header, _) = F::split(self.frame.get(unit.clone())?)?;
                let rest = unit.start.saturating_add(F::HEADER_LEN)..unit.end;
                self.write_fragment(
                    Fragmented {
                        header,
                        rest,
                        first: true,
                    },
                    out,
                );
            } else {
                self.write_units(out);
            }
        }
        Some(Payload {
            marker: self.next >= self.units.len(),
        })
    }

    fn write_fragment(&mut self, mut fragmented: Fragmented<F::Header>, out: &mut Vec<u8>) {
        let room = self
            .max_payload
            .saturating_sub(F::HEADER_LEN)
            .saturating_sub(1);
        let len = even_piece(fragmented.rest.len(), room);
        let end = fragmented.rest.start.saturating_add(len);
        let piece = self
            .frame
            .get(fragmented.rest.start..end)
            .unwrap_or_default();
        let start = if fragmented.first { FU_START } else { 0 };
        let last = if end >= fragmented.rest.end {
            FU_END
        } else {
            0
        };
        out.extend_from_slice(F::with_type(fragmented.header, F::FRAGMENT).as_ref());
        out.push(start | last | F::unit_type(fragmented.header));
        out.extend_from_slice(piece);
        fragmented.rest.start = end;
        fragmented.first = false;
        if fragmented.rest.is_empty() {
            self.next = self.next.saturating_add(1);
        } else {
            self.fragmented = Some(fragmented);
        }
    }

    /// Writes the next unit, and with it as many of those behind it as fit.
    fn write_units(&mut self, out: &mut Vec<u8>) {
        let units = self.units.get(self.next..).unwrap_or_default();
        let count = if self.single_only {
            1
        } else {
            self.fitting(units)
        };
        let units = units.get(..count).unwrap_or_default();
        let bytes = |unit: &Range<usize>| self.frame.get(unit.clone()).unwrap_or_default();
        if let [unit] = units {
            out.extend_from_slice(bytes(unit));
        } else {
            let headers = units.iter().filter_map(|unit| F::split(bytes(unit)));
            let joined = headers.map(|(header, _)| header).reduce(F::joined);
            if let Some(header) = joined {
                out.extend_from_slice(F::with_type(header, F::AGGREGATION).as_ref());
            }
            for unit in units {
                let size = u16::try_from(unit.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&size.to_be_bytes());
                out.extend_from_slice(bytes(unit));
            }
        }
        self.next = self.next.saturating_add(count);
    }

    /// How many of the units fit one payload; at least one.
    fn fitting(&self, units: &[Range<usize>]) -> usize {
        let mut total = F::HEADER_LEN;
        let fits = |unit: &&Range<usize>| {
            total = total.saturating_add(SIZE_FIELD).saturating_add(unit.len());
            total <= self.max_payload && unit.len() <= usize::from(u16::MAX)
        };
        units.iter().take_while(fits).count().max(1)
    }
}

pub(crate) fn inspect<F: NalFormat>(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let carried = carried::<F>(payload)?;
    let mut info = PayloadInfo {
        tl0_pic_idx: carried.tl0_pic_idx,
        ..PayloadInfo::default()
    };
    match parse::<F>(carried)? {
        Parsed::Single { header, body } => {
            F::describe(header, &mut info);
            info.starts_frame = starts_frame::<F>(header, body);
        }
        Parsed::Aggregation(units) => {
            let mut first = true;
            for unit in units {
                let (header, body) = single::<F>(unit?)?;
                F::describe(header, &mut info);
                if std::mem::take(&mut first) {
                    info.starts_frame = starts_frame::<F>(header, body);
                }
            }
        }
        Parsed::Fragment {
            header,
            start,
            end,
            data,
        } => {
            F::describe(header, &mut info);
            info.starts_frame = if start {
                starts_frame::<F>(header, data)
            } else {
                Some(false)
            };
            info.ends_frame = if end { None } else { Some(false) };
        }
    }
    Ok(info)
}

/// Whether a frame begins with this unit. Parameter sets and the like, and the first slice, may
/// come first or behind others of them.
fn starts_frame<F: NalFormat>(header: F::Header, body: &[u8]) -> Option<bool> {
    if F::is_delimiter(header) {
        return Some(true);
    }
    F::is_first_slice(header, body).filter(|first| !first)
}

pub(crate) fn assemble<F: NalFormat>(
    payloads: &mut dyn Iterator<Item = &[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    all_or_nothing(out, |out| {
        let mut frame = Frame::<F> {
            out,
            open: None,
            has_slice: false,
        };
        for payload in payloads {
            frame.add(payload)?;
        }
        match frame.open {
            None => Ok(()),
            Some(_) => Err(PayloadError::Hole {
                what: "a fragmented NAL unit has no end",
            }),
        }
    })
}

/// A frame that is being assembled.
struct Frame<'a, F: NalFormat> {
    out: &'a mut Vec<u8>,
    /// The header of the unit whose fragments are coming in.
    open: Option<F::Header>,
    has_slice: bool,
}

impl<F: NalFormat> Frame<'_, F> {
    fn add(&mut self, payload: &[u8]) -> Result<(), PayloadError> {
        let parsed = parse::<F>(carried::<F>(payload)?)?;
        if self.open.is_some() && !matches!(parsed, Parsed::Fragment { start: false, .. }) {
            return Err(PayloadError::Hole {
                what: "a fragmented NAL unit has no end",
            });
        }
        match parsed {
            Parsed::Single { header, body } => {
                self.check_slice(header, body)?;
                write_unit(header.as_ref(), self.out);
                self.out.extend_from_slice(body);
            }
            Parsed::Aggregation(units) => {
                for unit in units {
                    let unit = unit?;
                    let (header, body) = single::<F>(unit)?;
                    self.check_slice(header, body)?;
                    write_unit(unit, self.out);
                }
            }
            Parsed::Fragment {
                header,
                start,
                end,
                data,
            } => {
                if start {
                    self.check_slice(header, data)?;
                    write_unit(header.as_ref(), self.out);
                } else if self.open != Some(header) {
                    let what = "a fragmented NAL unit has no start";
                    return Err(PayloadError::Hole { what });
                }
                self.out.extend_from_slice(data);
                self.open = (!end).then_some(header);
            }
        }
        Ok(())
    }

    /// Checks that the first slice that comes is the first slice of the picture.
    fn check_slice(&mut self, header: F::Header, body: &[u8]) -> Result<(), PayloadError> {
        match F::is_first_slice(header, body) {
            Some(false) if !self.has_slice => Err(PayloadError::Hole {
                what: "its first slice is not the first of the picture",
            }),
            Some(_) => {
                self.has_slice = true;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn write_unit(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&START_CODE);
    out.extend_from_slice(unit);
}

/// One payload, taken apart.
enum Parsed<'a, H> {
    Single {
        header: H,
        body: &'a [u8],
    },
    Aggregation(Units<'a>),
    /// The header is that of the unit that was fragmented.
    Fragment {
        header: H,
        start: bool,
        end: bool,
        data: &'a [u8],
    },
}

fn carried<F: NalFormat>(payload: &[u8]) -> Result<Carried<'_, F::Header>, PayloadError> {
    let (header, body) = header::<F>(payload)?;
    F::carried(header, body)
}

fn parse<'a, F: NalFormat>(
    Carried { header, body, .. }: Carried<'a, F::Header>,
) -> Result<Parsed<'a, F::Header>, PayloadError> {
    match F::kind(F::unit_type(header)) {
        Kind::Single => Ok(Parsed::Single { header, body }),
        Kind::Aggregation if body.is_empty() => Err(PayloadError::Empty),
        Kind::Aggregation => Ok(Parsed::Aggregation(Units {
            reader: Reader::new(body),
        })),
        Kind::Fragment => {
            let mut reader = Reader::new(body);
            let fu_header = reader.u8("FU header")?;
            let unit_type = fu_header & F::FU_TYPE;
            if !matches!(F::kind(unit_type), Kind::Single) {
                return Err(unsupported(
                    unit_type,
                    "not a NAL unit that can be fragmented",
                ));
            }
            Ok(Parsed::Fragment {
                header: F::with_type(header, unit_type),
                start: fu_header & FU_START != 0,
                end: fu_header & FU_END != 0,
                data: reader.rest(),
            })
        }
        Kind::Unsupported(why) => Err(unsupported(F::unit_type(header), why)),
    }
}

/// A unit from an aggregation, which may not be an aggregation itself.
fn single<F: NalFormat>(unit: &[u8]) -> Result<(F::Header, &[u8]), PayloadError> {
    let (header, body) = header::<F>(unit)?;
    match F::kind(F::unit_type(header)) {
        Kind::Single => Ok((header, body)),
        _ => Err(unsupported(
            F::unit_type(header),
            "not a NAL unit that can be aggregated",
        )),
    }
}

fn header<F: NalFormat>(unit: &[u8]) -> Result<(F::Header, &[u8]), PayloadError> {
    let Some((header, body)) = F::split(unit) else {
        // It is too short, and this read says so.
        Reader::new(unit).take(F::HEADER_LEN, "NAL unit header")?;
        return Err(PayloadError::Empty);
    };
    match unit.first() {
        Some(first) if first & FORBIDDEN != 0 => Err(FORBIDDEN_BIT),
        _ => Ok((header, body)),
    }
}

const fn unsupported(value: u8, why: &'static str) -> PayloadError {
    PayloadError::Unsupported {
        what: "the NAL unit type",
        value,
        why,
    }
}

/// The units of an aggregation: each a size of 16 bits and that many bytes.
struct Units<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Units<'a> {
    type Item = Result<&'a [u8], PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let unit = self.reader.u16("NAL unit size");
        let unit = unit.and_then(|size| self.reader.take(usize::from(size), "aggregated NAL unit"));
        Some(unit.map_err(PayloadError::from))
    }
}
