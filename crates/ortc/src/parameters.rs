//! The dictionaries that ORTC objects are configured with: plain values, with ORTC's and W3C's names.
//!
//! `jsep` makes them from session descriptions and turns them into session descriptions; a program
//! that has its own signaling exchanges them as it likes.

use std::fmt;

pub use gannet_dtls::Fingerprint;
pub use gannet_ice::{Candidate as IceCandidate, IceParameters, Role as IceRole};

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// `"audio"` or `"video"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The codec parameters of an `a=fmtp` line, in the order given (RFC 8866, section 6.15).
///
/// A parameter without a value (such as the `0-15` of `telephone-event`) has an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatParameters(pub Vec<(String, String)>);

impl FormatParameters {
    /// The value of the parameter `name`, whose case does not matter.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Adds a parameter at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }
}

/// Writes the part of an `a=fmtp` line behind the payload type.
impl fmt::Display for FormatParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            if value.is_empty() {
                f.write_str(name)?;
            } else {
                write!(f, "{name}={value}")?;
            }
        }
        Ok(())
    }
}

/// A kind of RTCP feedback (RFC 4585, section 4.2): `RTCRtcpFeedback`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RtcpFeedback {
    /// The type: `nack`, `ccm`, `transport-cc`, `goog-remb`, ...
    pub kind: String,
    /// The parameter: `pli`, `fir`, ..., or empty.
    pub parameter: String,
}

impl RtcpFeedback {
    /// Feedback of `kind` with `parameter`, which may be empty.
    #[must_use]
    pub fn new(kind: &str, parameter: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            parameter: parameter.to_owned(),
        }
    }
}

impl fmt::Display for RtcpFeedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if self.parameter.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.parameter)
        }
    }
}

/// A codec that can be sent or received: `RTCRtpCodecCapability`.
///
/// `RTX`, `RED`, `CN` and `telephone-event` are codecs too, as in SDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpCodecCapability {
    /// The encoding name, such as `VP8`; its case does not matter.
    pub name: String,
    /// What it carries.
    pub kind: MediaKind,
    /// The RTP clock rate in Hz.
    pub clock_rate: u32,
    /// The number of audio channels; 1 for video.
    pub channels: u8,
    /// The payload type that we would like to use for it when we make the offer.
    pub preferred_payload_type: u8,
    /// Format parameters.
    pub parameters: FormatParameters,
    /// The feedback that we can take and give.
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// A header extension that can be sent or received: `RTCRtpHeaderExtensionCapability`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpHeaderExtensionCapability {
    /// The URI.
    pub uri: String,
    /// What kind of stream it is for.
    pub kind: MediaKind,
    /// The id that we would like to use for it when we make the offer, 1 to 14.
    pub preferred_id: u8,
}

/// What we can send and receive: `RTCRtpCapabilities`, most preferred first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtpCapabilities {
    /// The codecs.
    pub codecs: Vec<RtpCodecCapability>,
    /// The header extensions.
    pub header_extensions: Vec<RtpHeaderExtensionCapability>,
}

/// A codec as it was agreed on: `RTCRtpCodecParameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpCodecParameters {
    /// The encoding name, such as `VP8`; its case does not matter.
    pub name: String,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The RTP clock rate in Hz.
    pub clock_rate: u32,
    /// The number of audio channels; 1 for video.
    pub channels: u8,
    /// Format parameters.
    pub parameters: FormatParameters,
    /// The feedback in use.
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

impl RtpCodecParameters {
    /// Whether its encoding name is `name`, whose case does not matter.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether the feedback `kind` with `parameter` is in use.
    #[must_use]
    pub fn has_feedback(&self, kind: &str, parameter: &str) -> bool {
        self.rtcp_feedback
            .iter()
            .any(|fb| fb.kind == kind && fb.parameter == parameter)
    }

    /// The payload type whose packets this codec repairs: the `apt` of RTX (RFC 4588, section 8.1).
    #[must_use]
    pub fn associated_payload_type(&self) -> Option<u8> {
        if !self.is("rtx") {
            return None;
        }
        self.parameters
            .value("apt")?
            .parse()
            .ok()
            .filter(|pt| *pt < 128)
    }
}

/// A header extension as it was agreed on: `RTCRtpHeaderExtensionParameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpHeaderExtensionParameters {
    /// The URI.
    pub uri: String,
    /// The id in the packets, 1 to 255.
    pub id: u8,
}

/// How RTCP is spoken: `RTCRtcpParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtcpParameters {
    /// The canonical name that we send (RFC 7022).
    pub cname: String,
    /// Whether reduced-size packets may be sent (RFC 5506).
    pub reduced_size: bool,
}

/// One encoding of a stream: `RTCRtpEncodingParameters`.
#[derive(Clone, Debug, PartialEq)]
pub struct RtpEncodingParameters {
    /// The SSRC; when receiving, `None` if it was not signaled.
    pub ssrc: Option<u32>,
    /// The SSRC of its retransmissions (RFC 4588).
    pub rtx_ssrc: Option<u32>,
    /// The RID (RFC 8851).
    pub rid: Option<String>,
    /// Whether it is sent.
    pub active: bool,
    /// The highest bit rate in bit/s.
    pub max_bitrate: Option<u64>,
    /// The highest number of frames a second.
    pub max_framerate: Option<f64>,
    /// By how much width and height are divided, at least 1.
    pub scale_resolution_down_by: f64,
}

impl Default for RtpEncodingParameters {
    fn default() -> Self {
        Self {
            ssrc: None,
            rtx_ssrc: None,
            rid: None,
            active: true,
            max_bitrate: None,
            max_framerate: None,
            scale_resolution_down_by: 1.0,
        }
    }
}

/// How a stream is sent or received: `RTCRtpSendParameters` and `RTCRtpReceiveParameters`.
#[derive(Clone, Debug, PartialEq)]
pub struct RtpParameters {
    /// What the stream carries.
    pub kind: MediaKind,
    /// The media identification (RFC 5888); empty without SDP.
    pub mid: String,
    /// The codecs, most preferred first.
    pub codecs: Vec<RtpCodecParameters>,
    /// The header extensions.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// The encodings; more than one is simulcast.
    pub encodings: Vec<RtpEncodingParameters>,
    /// How RTCP is spoken.
    pub rtcp: RtcpParameters,
}

impl RtpParameters {
    /// The id of the header extension `uri`.
    #[must_use]
    pub fn extension_id(&self, uri: &str) -> Option<u8> {
        self.header_extensions
            .iter()
            .find(|extension| extension.uri == uri)
            .map(|found| found.id)
    }

    /// The first codec that carries media itself, not `RTX`, `RED`, `CN`, `telephone-event` or FEC.
    #[must_use]
    pub fn primary_codec(&self) -> Option<&RtpCodecParameters> {
        const AUXILIARY: [&str; 6] = [
            "rtx",
            "red",
            "ulpfec",
            "flexfec-03",
            "CN",
            "telephone-event",
        ];
        self.codecs
            .iter()
            .find(|codec| !AUXILIARY.iter().any(|name| codec.is(name)))
    }

    /// The payload type of the retransmissions of `payload_type`.
    #[must_use]
    pub fn rtx_payload_type(&self, payload_type: u8) -> Option<u8> {
        let rtx = self
            .codecs
            .iter()
            .find(|codec| codec.associated_payload_type() == Some(payload_type));
        rtx.map(|codec| codec.payload_type)
    }
}

/// Which way a stream flows, seen from our side: `RTCRtpTransceiverDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// From us.
    SendOnly,
    /// To us.
    RecvOnly,
    /// Neither way, but it may again.
    Inactive,
}

impl Direction {
    /// The direction that does as `send` and `receive` say.
    #[must_use]
    pub const fn new(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether we send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same direction seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both directions allow.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }
}

/// Which side of the DTLS handshake somebody is: `RTCDtlsRole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// Either; the other side decides (`a=setup:actpass`).
    Auto,
    /// Speaks first (`a=setup:active`).
    Client,
    /// Waits (`a=setup:passive`).
    Server,
}

impl From<DtlsRole> for gannet_dtls::Role {
    /// Whoever may be either waits for the other.
    fn from(role: DtlsRole) -> Self {
        match role {
            DtlsRole::Client => Self::Client,
            DtlsRole::Server | DtlsRole::Auto => Self::Server,
        }
    }
}

/// What one side says of its DTLS: `RTCDtlsParameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsParameters {
    /// Its role.
    pub role: DtlsRole,
    /// The fingerprints of its certificate.
    pub fingerprints: Vec<Fingerprint>,
}

/// The SCTP transport's parameters (RFC 8841).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpParameters {
    /// The SCTP port; 5000 in practice.
    pub port: u16,
    /// The largest message that this side takes, in bytes; 0 is any size.
    pub max_message_size: u64,
}

impl Default for SctpParameters {
    /// Port 5000 and messages up to 256 KiB.
    fn default() -> Self {
        Self {
            port: 5000,
            max_message_size: 262_144,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_reverse_and_intersect() {
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
        assert_eq!(Direction::SendRecv.reversed(), Direction::SendRecv);
        assert_eq!(
            Direction::SendRecv.intersection(Direction::RecvOnly),
            Direction::RecvOnly
        );
        assert_eq!(
            Direction::SendOnly.intersection(Direction::RecvOnly),
            Direction::Inactive
        );
    }

    #[test]
    fn format_parameters_are_written_as_in_sdp() {
        let parameters = FormatParameters::default()
            .with("minptime", 10)
            .with("0-15", "");
        assert_eq!(parameters.to_string(), "minptime=10;0-15");
        assert_eq!(parameters.value("MinPTime"), Some("10"));
        assert_eq!(parameters.value("0-15"), Some(""));
        assert_eq!(parameters.value("apt"), None);
    }

    #[test]
    fn rtx_is_found_by_its_apt() {
        let codec = |name: &str, payload_type, parameters| RtpCodecParameters {
            name: name.to_owned(),
            payload_type,
            clock_rate: 90_000,
            channels: 1,
            parameters,
            rtcp_feedback: vec![RtcpFeedback::new("nack", "pli")],
        };
        let none = FormatParameters::default;
        let parameters = RtpParameters {
            kind: MediaKind::Video,
            mid: "0".to_owned(),
            codecs: vec![
                codec("rtx", 97, none().with("apt", 96)),
                codec("VP8", 96, none()),
                codec("rtx", 98, none().with("apt", 900)),
            ],
            header_extensions: Vec::new(),
            encodings: vec![RtpEncodingParameters::default()],
            rtcp: RtcpParameters::default(),
        };
        let primary = parameters.primary_codec().unwrap();
        assert!(primary.is("vp8") && primary.has_feedback("nack", "pli"));
        assert!(!primary.has_feedback("nack", ""));
        assert_eq!(parameters.rtx_payload_type(96), Some(97));
        assert_eq!(parameters.rtx_payload_type(98), None);
    }
}
