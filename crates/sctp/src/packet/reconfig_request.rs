//! The requests and responses of RE-CONFIG.

use std::fmt;

use gannet_wire::{Reader, Writer};

use super::ParseError;
use crate::StreamId;

/// Stream identifiers: on the wire, or to be sent.
#[derive(Clone, Copy, Debug)]
pub enum StreamIds<'a> {
    /// Received bytes, two for each stream.
    Wire(&'a [u8]),
    /// To be sent.
    Owned(&'a [StreamId]),
}

impl StreamIds<'_> {
    /// How many there are. None means all streams.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len() / 2,
            Self::Owned(streams) => streams.len(),
        }
    }

    /// Whether there is none, which means all streams.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The identifiers.
    pub fn iter(&self) -> impl Iterator<Item = StreamId> + '_ {
        let (wire, owned): (&[u8], &[StreamId]) = match self {
            Self::Wire(bytes) => (bytes, &[]),
            Self::Owned(streams) => (&[], streams),
        };
        let wire = wire.as_chunks::<2>().0.iter();
        wire.map(|id| StreamId(u16::from_be_bytes(*id)))
            .chain(owned.iter().copied())
    }

    fn write(&self, writer: &mut Writer<'_>) {
        for stream in self.iter() {
            writer.u16(stream.0);
        }
    }
}

impl PartialEq for StreamIds<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for StreamIds<'_> {}

impl fmt::Display for StreamIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str(" sid=all");
        }
        for stream in self.iter() {
            write!(f, " sid={stream}")?;
        }
        Ok(())
    }
}

/// Outgoing SSN reset request (RFC 6525, section 4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Parameter Type = 13       | Parameter Length = 16 + 2 * N |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Re-configuration Request Sequence Number            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Re-configuration Response Sequence Number           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                Sender's Last Assigned TSN                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Stream Number 1 (optional)   |    Stream Number 2 (optional) |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                              ...                              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingReset<'a> {
    /// The request's number.
    pub request_number: u32,
    /// The number of the incoming reset request that this one answers, or the last one seen.
    pub response_number: u32,
    /// The last TSN that the sender has used.
    pub last_tsn: u32,
    /// The streams.
    pub streams: StreamIds<'a>,
}

impl<'a> OutgoingReset<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        Ok(Self {
            request_number: reader.u32("outgoing reset request number")?,
            response_number: reader.u32("outgoing reset response number")?,
            last_tsn: reader.u32("outgoing reset last assigned TSN")?,
            streams: StreamIds::Wire(reader.rest()),
        })
    }

    pub(super) const fn len(&self) -> usize {
        self.streams.len().saturating_mul(2).saturating_add(12)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.request_number);
        writer.u32(self.response_number);
        writer.u32(self.last_tsn);
        self.streams.write(writer);
    }
}

impl fmt::Display for OutgoingReset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "outgoing-reset req={} resp={} last={}{}",
            self.request_number, self.response_number, self.last_tsn, self.streams
        )
    }
}

/// Incoming SSN reset request (RFC 6525, section 4.2): please reset your outgoing streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingReset<'a> {
    /// The request's number.
    pub request_number: u32,
    /// The streams.
    pub streams: StreamIds<'a>,
}

impl<'a> IncomingReset<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        Ok(Self {
            request_number: reader.u32("incoming reset request number")?,
            streams: StreamIds::Wire(reader.rest()),
        })
    }

    pub(super) const fn len(&self) -> usize {
        self.streams.len().saturating_mul(2).saturating_add(4)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.request_number);
        self.streams.write(writer);
    }
}

impl fmt::Display for IncomingReset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "incoming-reset req={}{}",
            self.request_number, self.streams
        )
    }
}

/// SSN/TSN reset request (RFC 6525, section 4.3): everything starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TsnReset {
    /// The request's number.
    pub request_number: u32,
}

impl TsnReset {
    pub(super) fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        Ok(Self {
            request_number: reader.u32("TSN reset request number")?,
        })
    }
}

/// Add outgoing or incoming streams request (RFC 6525, sections 4.5 and 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddStreams {
    /// The request's number.
    pub request_number: u32,
    /// How many streams more.
    pub count: u16,
}

impl AddStreams {
    pub(super) fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        Ok(Self {
            request_number: reader.u32("add streams request number")?,
            count: reader.u16("number of new streams")?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.request_number);
        writer.u16(self.count);
        writer.u16(0);
    }
}

impl fmt::Display for AddStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req={} count={}", self.request_number, self.count)
    }
}

/// The result of a request (RFC 6525, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReConfigResult {
    /// 0: nothing needed to be done.
    NothingToDo,
    /// 1: done.
    Performed,
    /// 2: refused.
    Denied,
    /// 3: wrong SSN.
    WrongSsn,
    /// 4: another request is being worked on.
    InProgressElsewhere,
    /// 5: the request's number is wrong.
    BadSequenceNumber,
    /// 6: not done yet; ask again.
    InProgress,
    /// Not named by the RFC.
    Other(u32),
}

impl ReConfigResult {
    /// From the number on the wire.
    #[must_use]
    pub const fn from_u32(value: u32) -> Self {
        match value {
            0 => Self::NothingToDo,
            1 => Self::Performed,
            2 => Self::Denied,
            3 => Self::WrongSsn,
            4 => Self::InProgressElsewhere,
            5 => Self::BadSequenceNumber,
            6 => Self::InProgress,
            other => Self::Other(other),
        }
    }

    /// As the number on the wire.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        match self {
            Self::NothingToDo => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::WrongSsn => 3,
            Self::InProgressElsewhere => 4,
            Self::BadSequenceNumber => 5,
            Self::InProgress => 6,
            Self::Other(other) => other,
        }
    }
}

/// Re-configuration response (RFC 6525, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReConfigResponse {
    /// The number of the request that this answers.
    pub response_number: u32,
    /// What became of it.
    pub result: ReConfigResult,
    /// The sender's and the receiver's next TSN, in the answer to a [`TsnReset`].
    pub tsns: Option<(u32, u32)>,
}

impl ReConfigResponse {
    pub(super) fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        let response_number = reader.u32("re-configuration response number")?;
        let result = ReConfigResult::from_u32(reader.u32("re-configuration result")?);
        let tsns = match reader.remaining() {
            0..8 => None,
            _ => Some((
                reader.u32("sender's next TSN")?,
                reader.u32("receiver's next TSN")?,
            )),
        };
        Ok(Self {
            response_number,
            result,
            tsns,
        })
    }

    pub(super) const fn len(&self) -> usize {
        if self.tsns.is_some() { 16 } else { 8 }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.response_number);
        writer.u32(self.result.to_u32());
        if let Some((sender, receiver)) = self.tsns {
            writer.u32(sender);
            writer.u32(receiver);
        }
    }
}

impl fmt::Display for ReConfigResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "response={} {:?}", self.response_number, self.result)
    }
}
