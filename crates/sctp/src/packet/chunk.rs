//! The chunk types.

use std::fmt;

use super::{
    Abort, CookieAck, CookieEcho, Data, ErrorChunk, ForwardTsn, Heartbeat, HeartbeatAck, IData,
    IForwardTsn, Init, InitAck, ParseError, RawChunk, ReConfig, Sack, Shutdown, ShutdownAck,
    ShutdownComplete,
};

/// The type numbers (RFC 9260, section 3.2, and the extensions).
pub mod kind {
    /// Payload data.
    pub const DATA: u8 = 0;
    /// Initiation.
    pub const INIT: u8 = 1;
    /// Initiation acknowledgement.
    pub const INIT_ACK: u8 = 2;
    /// Selective acknowledgement.
    pub const SACK: u8 = 3;
    /// Heartbeat request.
    pub const HEARTBEAT: u8 = 4;
    /// Heartbeat acknowledgement.
    pub const HEARTBEAT_ACK: u8 = 5;
    /// Abort.
    pub const ABORT: u8 = 6;
    /// Shutdown.
    pub const SHUTDOWN: u8 = 7;
    /// Shutdown acknowledgement.
    pub const SHUTDOWN_ACK: u8 = 8;
    /// Operation error.
    pub const ERROR: u8 = 9;
    /// State cookie.
    pub const COOKIE_ECHO: u8 = 10;
    /// Cookie acknowledgement.
    pub const COOKIE_ACK: u8 = 11;
    /// Shutdown complete.
    pub const SHUTDOWN_COMPLETE: u8 = 14;
    /// Payload data with interleaving (RFC 8260, section 2.1).
    pub const I_DATA: u8 = 64;
    /// Re-configuration (RFC 6525, section 3.1).
    pub const RE_CONFIG: u8 = 130;
    /// Padding (RFC 4820, section 3).
    pub const PAD: u8 = 132;
    /// Forward cumulative TSN (RFC 3758, section 3.2).
    pub const FORWARD_TSN: u8 = 192;
    /// Forward cumulative TSN with interleaving (RFC 8260, section 2.3.1).
    pub const I_FORWARD_TSN: u8 = 194;
}

/// A received chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// DATA.
    Data(Data<'a>),
    /// INIT.
    Init(Init<'a>),
    /// INIT ACK.
    InitAck(InitAck<'a>),
    /// SACK.
    Sack(Sack<'a>),
    /// HEARTBEAT.
    Heartbeat(Heartbeat<'a>),
    /// HEARTBEAT ACK.
    HeartbeatAck(HeartbeatAck<'a>),
    /// ABORT.
    Abort(Abort<'a>),
    /// SHUTDOWN.
    Shutdown(Shutdown),
    /// SHUTDOWN ACK.
    ShutdownAck(ShutdownAck),
    /// ERROR.
    Error(ErrorChunk<'a>),
    /// COOKIE ECHO.
    CookieEcho(CookieEcho<'a>),
    /// COOKIE ACK.
    CookieAck(CookieAck),
    /// SHUTDOWN COMPLETE.
    ShutdownComplete(ShutdownComplete),
    /// I-DATA.
    IData(IData<'a>),
    /// RE-CONFIG.
    ReConfig(ReConfig<'a>),
    /// PAD: its bytes mean nothing.
    Pad,
    /// FORWARD TSN.
    ForwardTsn(ForwardTsn<'a>),
    /// I-FORWARD-TSN.
    IForwardTsn(IForwardTsn<'a>),
    /// A type that this implementation does not know.
    Unknown(RawChunk<'a>),
}

impl<'a> Chunk<'a> {
    /// Parses a chunk's value by its type.
    pub fn parse(raw: RawChunk<'a>) -> Result<Self, ParseError> {
        Ok(match raw.kind {
            kind::DATA => Self::Data(Data::parse(raw)?),
            kind::INIT => Self::Init(Init::parse(raw)?),
            kind::INIT_ACK => Self::InitAck(InitAck::parse(raw)?),
            kind::SACK => Self::Sack(Sack::parse(raw)?),
            kind::HEARTBEAT => Self::Heartbeat(Heartbeat::parse(raw)?),
            kind::HEARTBEAT_ACK => Self::HeartbeatAck(HeartbeatAck::parse(raw)?),
            kind::ABORT => Self::Abort(Abort::parse(raw)),
            kind::SHUTDOWN => Self::Shutdown(Shutdown::parse(raw)?),
            kind::SHUTDOWN_ACK => Self::ShutdownAck(ShutdownAck),
            kind::ERROR => Self::Error(ErrorChunk::parse(raw)),
            kind::COOKIE_ECHO => Self::CookieEcho(CookieEcho::parse(raw)),
            kind::COOKIE_ACK => Self::CookieAck(CookieAck),
            kind::SHUTDOWN_COMPLETE => Self::ShutdownComplete(ShutdownComplete::parse(raw)),
            kind::I_DATA => Self::IData(IData::parse(raw)?),
            kind::RE_CONFIG => Self::ReConfig(ReConfig::parse(raw)?),
            kind::PAD => Self::Pad,
            kind::FORWARD_TSN => Self::ForwardTsn(ForwardTsn::parse(raw)?),
            kind::I_FORWARD_TSN => Self::IForwardTsn(IForwardTsn::parse(raw)?),
            _ => Self::Unknown(raw),
        })
    }
}

impl fmt::Display for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(chunk) => chunk.fmt(f),
            Self::Init(chunk) => chunk.fmt(f),
            Self::InitAck(chunk) => chunk.fmt(f),
            Self::Sack(chunk) => chunk.fmt(f),
            Self::Heartbeat(chunk) => chunk.fmt(f),
            Self::HeartbeatAck(chunk) => chunk.fmt(f),
            Self::Abort(chunk) => chunk.fmt(f),
            Self::Shutdown(chunk) => chunk.fmt(f),
            Self::ShutdownAck(chunk) => chunk.fmt(f),
            Self::Error(chunk) => chunk.fmt(f),
            Self::CookieEcho(chunk) => chunk.fmt(f),
            Self::CookieAck(chunk) => chunk.fmt(f),
            Self::ShutdownComplete(chunk) => chunk.fmt(f),
            Self::IData(chunk) => chunk.fmt(f),
            Self::ReConfig(chunk) => chunk.fmt(f),
            Self::Pad => f.write_str("PAD"),
            Self::ForwardTsn(chunk) => chunk.fmt(f),
            Self::IForwardTsn(chunk) => chunk.fmt(f),
            Self::Unknown(raw) => write!(f, "UNKNOWN type={} len={}", raw.kind, raw.value.len()),
        }
    }
}

/// What to do with a chunk or parameter of an unknown type: its two highest bits say it (RFC 9260,
/// sections 3.2 and 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAction {
    /// Whether what comes behind it is not looked at.
    pub stop: bool,
    /// Whether it is reported to its sender.
    pub report: bool,
}

impl UnknownAction {
    /// The action for a chunk type.
    #[must_use]
    pub const fn of_chunk(kind: u8) -> Self {
        Self {
            stop: kind & 0x80 == 0,
            report: kind & 0x40 != 0,
        }
    }

    /// The action for a parameter type.
    #[must_use]
    pub const fn of_parameter(kind: u16) -> Self {
        Self {
            stop: kind & 0x8000 == 0,
            report: kind & 0x4000 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bits_say_what_to_do_with_the_unknown() {
        let actions = [0x3f, 0x7f, 0xbf, 0xff]
            .map(UnknownAction::of_chunk)
            .map(|action| (action.stop, action.report));
        assert_eq!(
            actions,
            [(true, false), (true, true), (false, false), (false, true)]
        );
    }

    #[test]
    fn unknown_types_are_kept() {
        let (raw, _) = RawChunk::parse(&[73, 1, 0, 6, 1, 2, 0, 0]).unwrap();
        let chunk = Chunk::parse(raw).unwrap();
        assert_eq!(chunk.to_string(), "UNKNOWN type=73 len=2");
        assert_eq!(chunk, Chunk::Unknown(raw));
    }
}
