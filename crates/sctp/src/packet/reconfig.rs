//! RE-CONFIG.

use std::fmt;

use gannet_wire::Writer;

use super::{
    AddStreams, IncomingReset, OutgoingReset, Parameter, Parameters, ParseError, RawChunk,
    ReConfigResponse, TsnReset, WriteChunk, kind, padding, parameter_kind,
};

/// A request or a response (RFC 6525, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReConfigParameter<'a> {
    /// The sender resets streams that it sends on.
    OutgoingReset(OutgoingReset<'a>),
    /// The sender wants the receiver to reset streams that it sends on.
    IncomingReset(IncomingReset<'a>),
    /// The sender wants all streams and TSNs to start over.
    TsnReset(TsnReset),
    /// The answer to a request.
    Response(ReConfigResponse),
    /// The sender wants to send on more streams.
    AddOutgoing(AddStreams),
    /// The sender wants the receiver to send on more streams.
    AddIncoming(AddStreams),
}

impl<'a> ReConfigParameter<'a> {
    /// `None` if the type is not one of RFC 6525's.
    fn parse(parameter: Parameter<'a>) -> Result<Option<Self>, ParseError> {
        let value = parameter.value;
        Ok(Some(match parameter.kind {
            parameter_kind::OUTGOING_RESET => Self::OutgoingReset(OutgoingReset::parse(value)?),
            parameter_kind::INCOMING_RESET => Self::IncomingReset(IncomingReset::parse(value)?),
            parameter_kind::TSN_RESET => Self::TsnReset(TsnReset::parse(value)?),
            parameter_kind::RE_CONFIG_RESPONSE => Self::Response(ReConfigResponse::parse(value)?),
            parameter_kind::ADD_OUTGOING_STREAMS => Self::AddOutgoing(AddStreams::parse(value)?),
            parameter_kind::ADD_INCOMING_STREAMS => Self::AddIncoming(AddStreams::parse(value)?),
            _ => return Ok(None),
        }))
    }

    const fn kind(&self) -> u16 {
        match self {
            Self::OutgoingReset(_) => parameter_kind::OUTGOING_RESET,
            Self::IncomingReset(_) => parameter_kind::INCOMING_RESET,
            Self::TsnReset(_) => parameter_kind::TSN_RESET,
            Self::Response(_) => parameter_kind::RE_CONFIG_RESPONSE,
            Self::AddOutgoing(_) => parameter_kind::ADD_OUTGOING_STREAMS,
            Self::AddIncoming(_) => parameter_kind::ADD_INCOMING_STREAMS,
        }
    }

    const fn value_len(&self) -> usize {
        match self {
            Self::OutgoingReset(request) => request.len(),
            Self::IncomingReset(request) => request.len(),
            Self::TsnReset(_) => 4,
            Self::Response(response) => response.len(),
            Self::AddOutgoing(_) | Self::AddIncoming(_) => 8,
        }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.kind());
        let len = self.value_len().saturating_add(Parameter::HEADER_LEN);
        writer.u16(u16::try_from(len).unwrap_or(u16::MAX));
        match self {
            Self::OutgoingReset(request) => request.write(writer),
            Self::IncomingReset(request) => request.write(writer),
            Self::TsnReset(request) => writer.u32(request.request_number),
            Self::Response(response) => response.write(writer),
            Self::AddOutgoing(request) | Self::AddIncoming(request) => request.write(writer),
        }
    }
}

impl fmt::Display for ReConfigParameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutgoingReset(request) => request.fmt(f),
            Self::IncomingReset(request) => request.fmt(f),
            Self::TsnReset(request) => write!(f, "tsn-reset req={}", request.request_number),
            Self::Response(response) => response.fmt(f),
            Self::AddOutgoing(request) => write!(f, "add-outgoing {request}"),
            Self::AddIncoming(request) => write!(f, "add-incoming {request}"),
        }
    }
}

/// One or two requests or responses (RFC 6525, section 3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Type = 130    |  Chunk Flags  |      Chunk Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                  Re-configuration Parameter                   \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \             Re-configuration Parameter (optional)             \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReConfig<'a> {
    /// The first parameter.
    pub first: ReConfigParameter<'a>,
    /// The second one.
    pub second: Option<ReConfigParameter<'a>>,
}

impl<'a> ReConfig<'a> {
    /// Parses the chunk.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut known = [None, None];
        let mut slots = known.iter_mut();
        for parameter in Parameters::new(raw.value) {
            let Some(parsed) = ReConfigParameter::parse(parameter?)? else {
                continue;
            };
            let Some(slot) = slots.next() else {
                break;
            };
            *slot = Some(parsed);
        }
        let [Some(first), second] = known else {
            return Err(ParseError::MissingParameter("re-configuration"));
        };
        Ok(Self { first, second })
    }

    /// The parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &ReConfigParameter<'a>> {
        std::iter::once(&self.first).chain(self.second.as_ref())
    }
}

impl WriteChunk for ReConfig<'_> {
    fn kind(&self) -> u8 {
        kind::RE_CONFIG
    }

    fn value_len(&self) -> usize {
        let first = self.first.value_len().saturating_add(Parameter::HEADER_LEN);
        match &self.second {
            None => first,
            Some(second) => first
                .saturating_add(padding(first))
                .saturating_add(second.value_len())
                .saturating_add(Parameter::HEADER_LEN),
        }
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        self.first.write(writer);
        if let Some(second) = &self.second {
            writer.pad_to(4);
            second.write(writer);
        }
    }
}

impl fmt::Display for ReConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RE-CONFIG")?;
        for parameter in self.parameters() {
            write!(f, " [{parameter}]")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReConfigResult, StreamIds};
    use super::*;
    use crate::StreamId;

    // From a capture, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0x82, 0x00, 0x00, 0x16, 0x00, 0x0d, 0x00, 0x12, 0x87, 0x55, 0xd8, 0x23, 0x71, 0x97, 0x6a,
        0x9e, 0x87, 0x55, 0xd8, 0x32, 0x00, 0x06, 0x00, 0x00,
    ];

    #[test]
    fn a_captured_chunk_is_parsed_and_written() {
        let (raw, _) = RawChunk::parse(CAPTURED).unwrap();
        let chunk = ReConfig::parse(raw).unwrap();
        assert_eq!(
            chunk.to_string(),
            "RE-CONFIG [outgoing-reset req=2270550051 resp=1905748638 last=2270550066 sid=6]"
        );
        let mut written = Vec::new();
        chunk.write(&mut written);
        assert_eq!(written, CAPTURED);
    }

    #[test]
    fn what_is_written_is_parsed_back() {
        let streams = [StreamId(1), StreamId(2), StreamId(65535)];
        let parameters = [
            ReConfigParameter::OutgoingReset(OutgoingReset {
                request_number: 1,
                response_number: 2,
                last_tsn: 3,
                streams: StreamIds::Owned(&streams),
            }),
            ReConfigParameter::IncomingReset(IncomingReset {
                request_number: 1,
                streams: StreamIds::Owned(&streams[..1]),
            }),
            ReConfigParameter::TsnReset(TsnReset { request_number: 9 }),
            ReConfigParameter::Response(ReConfigResponse {
                response_number: 4,
                result: ReConfigResult::Performed,
                tsns: None,
            }),
            ReConfigParameter::Response(ReConfigResponse {
                response_number: 4,
                result: ReConfigResult::Other(77),
                tsns: Some((5, 6)),
            }),
            ReConfigParameter::AddOutgoing(AddStreams {
                request_number: 5,
                count: 16,
            }),
            ReConfigParameter::AddIncoming(AddStreams {
                request_number: 5,
                count: 16,
            }),
        ];
        for first in &parameters {
            for second in &parameters {
                let chunk = ReConfig {
                    first: first.clone(),
                    second: Some(second.clone()),
                };
                let mut written = Vec::new();
                chunk.write(&mut written);
                let (raw, rest) = RawChunk::parse(&written).unwrap();
                assert!(rest.is_empty());
                assert_eq!(ReConfig::parse(raw).unwrap(), chunk);
            }
        }
    }

    #[test]
    fn a_chunk_without_parameters_is_an_error() {
        let (raw, _) = RawChunk::parse(&[0x82, 0, 0, 8, 0, 99, 0, 4]).unwrap();
        assert_eq!(
            ReConfig::parse(raw),
            Err(ParseError::MissingParameter("re-configuration"))
        );
    }
}
