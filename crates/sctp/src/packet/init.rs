//! INIT and INIT ACK.

use std::fmt;

use gannet_wire::{Reader, Serial32, Writer};

use super::{
    Parameter, Parameters, ParseError, RawChunk, UnknownAction, WriteChunk, kind, padded,
    parameter_kind,
};

/// What INIT and INIT ACK have in common (RFC 9260, sections 3.3.2 and 3.3.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Type = 1, 2  |  Chunk Flags  |         Chunk Length          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Initiate Tag                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Advertised Receiver Window Credit (a_rwnd)           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Number of Outbound Streams   |   Number of Inbound Streams   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Initial TSN                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \              Optional/Variable-Length Parameters              \
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitBody<'a> {
    /// The verification tag that the receiver of this chunk shall use. Never 0.
    pub initiate_tag: u32,
    /// The room of the sender in bytes.
    pub a_rwnd: u32,
    /// How many streams the sender wants to send on. Never 0.
    pub outbound_streams: u16,
    /// How many streams the sender takes. Never 0.
    pub inbound_streams: u16,
    /// The first TSN of the sender.
    pub initial_tsn: Serial32,
    /// The parameters.
    pub parameters: InitParameters<'a>,
}

/// The parameters of INIT and INIT ACK.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitParameters<'a> {
    /// The state cookie, in INIT ACK.
    pub state_cookie: Option<&'a [u8]>,
    /// Whether FORWARD TSN is supported (RFC 3758).
    pub forward_tsn: bool,
    /// The chunk types of supported extensions (RFC 5061, section 4.2.7).
    pub supported_extensions: &'a [u8],
    /// How the sender detects errors when checksums are zero (RFC 9653): 1 is DTLS.
    pub zero_checksum: Option<u32>,
    /// Whether there is a host name, which is not allowed (RFC 9260, section 5.1.2).
    pub host_name: bool,
    /// In INIT ACK, the parameters of our INIT that the peer did not know, encoded; in an INIT that was
    /// received, those of its parameters that we do not know and must report, encoded and bounded.
    pub unrecognized: Vec<u8>,
}

impl<'a> InitParameters<'a> {
    /// How many bytes of unknown parameters are kept to be reported.
    const MAX_UNRECOGNIZED: usize = 512;

    fn parse(parameters: Parameters<'a>) -> Result<Self, ParseError> {
        let mut parsed = Self::default();
        for parameter in parameters {
            let parameter = parameter?;
            if !parsed.take(parameter)? {
                break;
            }
        }
        Ok(parsed)
    }

    /// Takes one parameter, and says whether to look at the next one.
    fn take(&mut self, parameter: Parameter<'a>) -> Result<bool, ParseError> {
        match parameter.kind {
            parameter_kind::STATE_COOKIE => self.state_cookie = Some(parameter.value),
            parameter_kind::FORWARD_TSN_SUPPORTED => self.forward_tsn = true,
            parameter_kind::SUPPORTED_EXTENSIONS => self.supported_extensions = parameter.value,
            parameter_kind::HOST_NAME_ADDRESS => self.host_name = true,
            parameter_kind::ZERO_CHECKSUM_ACCEPTABLE => {
                let method = Reader::new(parameter.value).u32("error detection method")?;
                self.zero_checksum = Some(method);
            }
            // Known, and of no use over DTLS (RFC 8261, section 5) or without AUTH and ECN.
            parameter_kind::IPV4_ADDRESS
            | parameter_kind::IPV6_ADDRESS
            | parameter_kind::UNRECOGNIZED
            | parameter_kind::COOKIE_PRESERVATIVE
            | parameter_kind::SUPPORTED_ADDRESS_TYPES
            | parameter_kind::ECN_CAPABLE
            | parameter_kind::RANDOM
            | parameter_kind::CHUNKS
            | parameter_kind::REQUESTED_HMAC => {}
            unknown => {
                return Ok(self.take_unknown(UnknownAction::of_parameter(unknown), parameter));
            }
        }
        Ok(true)
    }

    fn take_unknown(&mut self, action: UnknownAction, parameter: Parameter<'a>) -> bool {
        let len = padded(parameter.bytes.len());
        if action.report && self.unrecognized.len().saturating_add(len) <= Self::MAX_UNRECOGNIZED {
            self.unrecognized.extend_from_slice(parameter.bytes);
            self.unrecognized.resize(padded(self.unrecognized.len()), 0);
        }
        !action.stop
    }

    /// The parameters as they are written, one `(type, value)` after the other.
    fn for_each(&self, mut write: impl FnMut(u16, &[u8])) {
        if let Some(cookie) = self.state_cookie {
            write(parameter_kind::STATE_COOKIE, cookie);
        }
        if self.forward_tsn {
            write(parameter_kind::FORWARD_TSN_SUPPORTED, &[]);
        }
        if !self.supported_extensions.is_empty() {
            write(
                parameter_kind::SUPPORTED_EXTENSIONS,
                self.supported_extensions,
            );
        }
        if let Some(method) = self.zero_checksum {
            write(
                parameter_kind::ZERO_CHECKSUM_ACCEPTABLE,
                &method.to_be_bytes(),
            );
        }
        // Section 3.2.2: each unknown parameter is wrapped in a parameter of its own.
        for unknown in Parameters::new(&self.unrecognized).map_while(Result::ok) {
            write(parameter_kind::UNRECOGNIZED, unknown.bytes);
        }
    }
}

impl<'a> InitBody<'a> {
    fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(raw.value);
        let body = Self {
            initiate_tag: reader.u32("initiate tag")?,
            a_rwnd: reader.u32("a_rwnd")?,
            outbound_streams: reader.u16("number of outbound streams")?,
            inbound_streams: reader.u16("number of inbound streams")?,
            initial_tsn: Serial32(reader.u32("initial TSN")?),
            parameters: InitParameters::parse(Parameters::new(reader.rest()))?,
        };
        let zeros = [
            ("the initiate tag", body.initiate_tag),
            (
                "the number of outbound streams",
                u32::from(body.outbound_streams),
            ),
            (
                "the number of inbound streams",
                u32::from(body.inbound_streams),
            ),
        ];
        match zeros.into_iter().find(|&(_, value)| value == 0) {
            Some((what, value)) => Err(ParseError::Value { what, value }),
            None => Ok(body),
        }
    }

    fn value_len(&self) -> usize {
        let mut len: usize = 16;
        let mut last_padding = 0;
        self.parameters.for_each(|_, value| {
            let parameter = value.len().saturating_add(Parameter::HEADER_LEN);
            last_padding = super::padding(parameter);
            len = len.saturating_add(padded(parameter));
        });
        // The chunk's length counts the padding between its parameters, not that of the last one.
        len.saturating_sub(last_padding)
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.u32(self.initiate_tag);
        writer.u32(self.a_rwnd);
        writer.u16(self.outbound_streams);
        writer.u16(self.inbound_streams);
        writer.u32(self.initial_tsn.0);
        self.parameters.for_each(|kind, value| {
            writer.pad_to(4);
            writer.u16(kind);
            let len = value.len().saturating_add(Parameter::HEADER_LEN);
            writer.u16(u16::try_from(len).unwrap_or(u16::MAX));
            writer.bytes(value);
        });
    }
}

impl fmt::Display for InitBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tag={:#010x} a_rwnd={} os={} is={} tsn={}",
            self.initiate_tag,
            self.a_rwnd,
            self.outbound_streams,
            self.inbound_streams,
            self.initial_tsn
        )?;
        self.parameters
            .for_each_result(|kind, value| write!(f, " {kind:#06x}({})", value.len()))
    }
}

impl InitParameters<'_> {
    fn for_each_result(&self, mut each: impl FnMut(u16, &[u8]) -> fmt::Result) -> fmt::Result {
        let mut result = Ok(());
        self.for_each(|kind, value| {
            if result.is_ok() {
                result = each(kind, value);
            }
        });
        result
    }
}

/// The first chunk of an association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init<'a>(pub InitBody<'a>);

/// The answer to INIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitAck<'a>(pub InitBody<'a>);

macro_rules! init_chunk {
    ($name:ident, $kind:expr, $text:literal) => {
        impl<'a> $name<'a> {
            /// Parses the chunk.
            pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
                InitBody::parse(raw).map(Self)
            }
        }

        impl WriteChunk for $name<'_> {
            fn kind(&self) -> u8 {
                $kind
            }

            fn value_len(&self) -> usize {
                self.0.value_len()
            }

            fn write_value(&self, writer: &mut Writer<'_>) {
                self.0.write_value(writer);
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($text, " {}"), self.0)
            }
        }
    };
}

init_chunk!(Init, kind::INIT, "INIT");
init_chunk!(InitAck, kind::INIT_ACK, "INIT-ACK");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // From a capture of usrsctp, as published in the tests of dcsctp (Apache-2.0).
    const CAPTURED: &[u8] = &[
        0x01, 0x00, 0x00, 0x5a, 0xde, 0x7a, 0x16, 0x90, 0x00, 0x02, 0x00, 0x00, 0x03, 0xe8, 0x03,
        0xe8, 0x25, 0x0d, 0x37, 0xe8, 0x80, 0x00, 0x00, 0x04, 0xc0, 0x00, 0x00, 0x04, 0x80, 0x08,
        0x00, 0x09, 0xc0, 0x0f, 0xc1, 0x80, 0x82, 0x00, 0x00, 0x00, 0x80, 0x02, 0x00, 0x24, 0xab,
        0x31, 0x44, 0x62, 0x12, 0x1a, 0x15, 0x13, 0xfd, 0x5a, 0x5f, 0x69, 0xef, 0xaa, 0x06, 0xe9,
        0xab, 0xd7, 0x48, 0xcc, 0x3b, 0xd1, 0x4b, 0x60, 0xed, 0x7f, 0xa6, 0x44, 0xce, 0x4d, 0xd2,
        0xad, 0x80, 0x04, 0x00, 0x06, 0x00, 0x01, 0x00, 0x00, 0x80, 0x03, 0x00, 0x06, 0x80, 0xc1,
        0x00, 0x00,
    ];

    #[test]
    fn a_captured_init_is_parsed() {
        let (raw, rest) = RawChunk::parse(CAPTURED).unwrap();
        assert!(rest.is_empty());
        let Init(init) = Init::parse(raw).unwrap();
        assert_eq!(init.initiate_tag, 0xde7a_1690);
        assert_eq!(init.a_rwnd, 131_072);
        assert_eq!(init.outbound_streams, 1000);
        assert_eq!(init.inbound_streams, 1000);
        assert_eq!(init.initial_tsn, Serial32(621_623_272));
        assert!(init.parameters.forward_tsn);
        assert_eq!(
            init.parameters.supported_extensions,
            [0xc0, 0x0f, 0xc1, 0x80, 0x82]
        );
        assert_eq!(init.parameters.state_cookie, None);
        assert!(init.parameters.unrecognized.is_empty());
    }

    #[test]
    fn zero_tags_and_zero_streams_are_errors() {
        for range in [4..8, 12..14, 14..16] {
            let mut bytes = CAPTURED.to_vec();
            bytes[range].fill(0);
            let (raw, _) = RawChunk::parse(&bytes).unwrap();
            assert!(matches!(Init::parse(raw), Err(ParseError::Value { .. })));
        }
    }

    // RFC 9260, section 3.2.1: the highest two bits say what happens to an unknown parameter.
    #[test]
    fn unknown_parameters_are_skipped_or_reported_or_end_the_list() {
        let with = |kinds: &[u16]| {
            let mut bytes = CAPTURED[..20].to_vec();
            for kind in kinds {
                bytes.extend(kind.to_be_bytes());
                bytes.extend([0, 4]);
            }
            bytes[3] = bytes.len() as u8;
            bytes
        };
        let parse = |bytes: &[u8]| {
            let (raw, _) = RawChunk::parse(bytes).unwrap();
            let parameters = Init::parse(raw).unwrap().0.parameters;
            (parameters.forward_tsn, parameters.unrecognized)
        };
        assert_eq!(parse(&with(&[0x3fff, 0xc000])), (false, vec![]));
        assert_eq!(
            parse(&with(&[0x7fff, 0xc000])),
            (false, vec![0x7f, 0xff, 0, 4])
        );
        assert_eq!(parse(&with(&[0xbfff, 0xc000])), (true, vec![]));
        assert_eq!(
            parse(&with(&[0xffff, 0xc000])),
            (true, vec![0xff, 0xff, 0, 4])
        );
        let (_, unrecognized) = parse(&with(&[0xfffe; 40]));
        assert!(unrecognized.len() <= InitParameters::MAX_UNRECOGNIZED);
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_back(
            tag in 1_u32.., a_rwnd: u32, os in 1_u16.., is in 1_u16.., tsn: u32,
            cookie in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
            forward_tsn: bool, zero_checksum: Option<u32>,
            extensions in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let body = InitBody {
                initiate_tag: tag, a_rwnd, outbound_streams: os, inbound_streams: is,
                initial_tsn: Serial32(tsn),
                parameters: InitParameters {
                    state_cookie: cookie.as_deref(), forward_tsn, zero_checksum,
                    supported_extensions: &extensions, host_name: false, unrecognized: vec![],
                },
            };
            let mut written = Vec::new();
            InitAck(body.clone()).write(&mut written);
            prop_assert_eq!(written.len(), InitAck(body.clone()).encoded_len());
            let (raw, rest) = RawChunk::parse(&written).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(InitAck::parse(raw).unwrap().0, body);
        }
    }
}
