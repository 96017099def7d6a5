//! What a connection is told when it is made.

use std::net::IpAddr;
use std::sync::Arc;

use gannet_codecs::{AudioCodec, VideoCodec};
use gannet_crypto::CryptoProvider;
use gannet_ortc::dtls::{Certificate, KeyLog, Versions};
use gannet_ortc::ice::{IceServer, TransportPolicy};
use gannet_ortc::parameters::{
    FormatParameters, MediaKind, RtcpFeedback, RtpCapabilities, RtpCodecCapability,
    RtpHeaderExtensionCapability,
};

#[cfg(feature = "turn-tls")]
use tokio_rustls::rustls;

use crate::{Endpoint, EndpointConfiguration};

/// What a [`PeerConnection`](crate::PeerConnection) is told when it is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Configuration {
    /// The sockets; `None` opens new ones for this connection alone. Servers share one endpoint.
    pub endpoint: Option<Endpoint>,
    /// Which sockets are opened for this connection alone.
    pub sockets: EndpointConfiguration,
    /// Who we are; `None` makes a new certificate (ECDSA on P-256).
    pub certificate: Option<Certificate>,
    /// Who computes the cryptography; `None` is the default provider.
    pub provider: Option<Arc<dyn CryptoProvider>>,
    /// Which versions of DTLS may be negotiated.
    pub dtls_versions: Versions,
    /// The codecs and header extensions, most preferred first.
    pub capabilities: RtpCapabilities,
    /// The largest data-channel message that we take, in bytes.
    pub max_message_size: u32,
    /// Whether offers let SCTP begin without its handshake (`a=sctp-init`, draft-hancke-tsvwg-snap), which opens
    /// data channels two round trips sooner. Answers do whenever the offer does. Off at first: it is a draft.
    pub offer_sctp_init: bool,
    /// Who receives DTLS's secrets, for debugging. Whoever has them reads the connection.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Servers that help to find a path (W3C's `iceServers`). They need sockets of the connection's own:
    /// with an `endpoint` that is shared there can be none.
    pub ice_servers: Vec<IceServer>,
    /// Which candidates may be used (W3C's `iceTransportPolicy`).
    pub ice_transport_policy: TransportPolicy,
    /// Whether to connect to the peer's passive TCP candidates.
    pub ice_tcp: bool,
    /// Whether to tell the peer names in `.local` in place of our addresses, which those on the same
    /// network can find out by multicast DNS.
    pub hide_host_addresses: bool,
    /// Local addresses, each with the public one that leads to it (a cloud's 1:1 NAT): the peer is told
    /// the public one.
    pub nat_1to1: Vec<(IpAddr, IpAddr)>,
    /// How servers of TURN over TLS are verified; `None` trusts whom the system trusts.
    #[cfg(feature = "turn-tls")]
    pub turn_tls: Option<Arc<rustls::ClientConfig>>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            endpoint: None,
            sockets: EndpointConfiguration::default(),
            certificate: None,
            provider: None,
            dtls_versions: Versions::default(),
            capabilities: default_capabilities(),
            max_message_size: 262_144,
            offer_sctp_init: false,
            key_log: None,
            ice_servers: Vec::new(),
            ice_transport_policy: TransportPolicy::All,
            ice_tcp: true,
            hide_host_addresses: false,
            nat_1to1: Vec::new(),
            #[cfg(feature = "turn-tls")]
            turn_tls: None,
        }
    }
}

/// Everything that this build can encode, decode and put into packets.
#[must_use]
pub fn default_capabilities() -> RtpCapabilities {
    capabilities(AudioCodec::is_supported, VideoCodec::is_supported)
}

/// Everything that can be put into packets: for programs that forward streams as they are, and need no codec in
/// their build for that.
#[must_use]
pub fn forwarding_capabilities() -> RtpCapabilities {
    capabilities(|_| true, |_| true)
}

fn capabilities(
    has_audio: impl Fn(AudioCodec) -> bool,
    has_video: impl Fn(VideoCodec) -> bool,
) -> RtpCapabilities {
    RtpCapabilities {
        codecs: audio_codecs(has_audio)
            .chain(video_codecs(has_video))
            .collect(),
        header_extensions: header_extensions(),
    }
}

fn audio_codecs(has: impl Fn(AudioCodec) -> bool) -> impl Iterator<Item = RtpCodecCapability> {
    let codecs = [
        (AudioCodec::Opus, 111, 2),
        (AudioCodec::G722, 9, 1),
        (AudioCodec::Pcmu, 0, 1),
        (AudioCodec::Pcma, 8, 1),
    ];
    codecs
        .into_iter()
        .filter(move |(codec, ..)| has(*codec))
        .map(|(codec, pt, channels)| {
            let parameters = match codec {
                AudioCodec::Opus => FormatParameters::default()
                    .with("minptime", 10)
                    .with("useinbandfec", 1),
                _ => FormatParameters::default(),
            };
            RtpCodecCapability {
                name: codec.name().to_owned(),
                kind: MediaKind::Audio,
                clock_rate: codec.rtp_clock_rate(),
                channels,
                preferred_payload_type: pt,
                parameters,
                rtcp_feedback: vec![RtcpFeedback::new("transport-cc", "")],
            }
        })
}

fn video_codecs(has: impl Fn(VideoCodec) -> bool) -> impl Iterator<Item = RtpCodecCapability> {
    let h264 = |profile| {
        FormatParameters::default()
            .with("level-asymmetry-allowed", 1)
            .with("packetization-mode", 1)
            .with("profile-level-id", profile)
    };
    let codecs = [
        (VideoCodec::Vp8, 96, FormatParameters::default()),
        (VideoCodec::H264, 102, h264("42e01f")),
        (VideoCodec::H264, 104, h264("42001f")),
        // It takes twice the work of the others.
        (
            VideoCodec::Vp9,
            98,
            FormatParameters::default().with("profile-id", 0),
        ),
    ];
    codecs
        .into_iter()
        .filter(move |(codec, ..)| has(*codec))
        .flat_map(|(codec, payload_type, parameters)| {
            let media = RtpCodecCapability {
                name: codec.name().to_owned(),
                kind: MediaKind::Video,
                clock_rate: 90_000,
                channels: 1,
                preferred_payload_type: payload_type,
                parameters,
                rtcp_feedback: vec![
                    RtcpFeedback::new("goog-remb", ""),
                    RtcpFeedback::new("transport-cc", ""),
                    RtcpFeedback::new("ccm", "fir"),
                    RtcpFeedback::new("nack", ""),
                    RtcpFeedback::new("nack", "pli"),
                ],
            };
            let repair = RtpCodecCapability {
                name: "rtx".to_owned(),
                preferred_payload_type: payload_type + 1,
                parameters: FormatParameters::default().with("apt", payload_type),
                rtcp_feedback: Vec::new(),
                ..media
            };
            [media, repair]
        })
}

fn header_extensions() -> Vec<RtpHeaderExtensionCapability> {
    use MediaKind::{Audio, Video};
    const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
    const TRANSPORT_CC: &str =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    let extensions = [
        (Audio, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1),
        (Audio, ABS_SEND_TIME, 2),
        (Audio, TRANSPORT_CC, 3),
        (Audio, "urn:ietf:params:rtp-hdrext:sdes:mid", 4),
        (Video, ABS_SEND_TIME, 2),
        (Video, TRANSPORT_CC, 3),
        (Video, "urn:ietf:params:rtp-hdrext:sdes:mid", 4),
        (Video, "urn:3gpp:video-orientation", 5),
        (Video, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", 6),
        (
            Video,
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            7,
        ),
    ];
    let capability = |(kind, uri, id): (MediaKind, &str, u8)| RtpHeaderExtensionCapability {
        uri: uri.to_owned(),
        kind,
        preferred_id: id,
    };
    extensions.map(capability).to_vec()
}
