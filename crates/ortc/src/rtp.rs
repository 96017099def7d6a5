//! RTP senders and receivers: ORTC's dictionaries turned into what the RTP session is told.

use std::time::Instant;

use gannet_rtp::ExtensionMap;
use gannet_rtp::extension::ExtensionKind;
pub use gannet_rtp::extension::{AudioLevel, Rotation, VideoOrientation};
use gannet_rtp_payload::PacketizationMode;
pub use gannet_rtp_payload::{
    Depacketizer, NumberShift, PayloadFormat, PayloadHead, PayloadInfo, RunningNumbers,
};
use gannet_rtp_session::{CodecParameters, Feedback, ReceiveParameters, SendParameters};
pub use gannet_rtp_session::{
    Delivery, EncodedFrame, Event, ForwardedPacket, Frame, InboundRtpStats, OutboundRtpStats,
    ParameterError, ReceivedPacket, ReceiverId, RtpSession, SendError, SendPosition, SenderId,
    SessionStats, TransportStats,
};
use thiserror::Error;

use crate::Session;
use crate::parameters::{MediaKind, RtpCodecParameters, RtpParameters};

/// How much longer SRTP makes a packet at most: the tag of AES-GCM.
const SRTP_OVERHEAD: usize = 16;

/// Why a stream can not be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtpParametersError {
    /// None of the codecs is one that this stack can put into packets.
    #[error("none of the codecs is known")]
    NoCodec,
    /// There is no encoding with an SSRC.
    #[error("no encoding has an SSRC to send with")]
    NoSsrc,
    /// The RTP session refuses them.
    #[error(transparent)]
    Refused(#[from] ParameterError),
}

impl Session {
    /// Starts to send a stream: its first codec that carries media, its first encoding.
    pub fn add_sender(
        &mut self,
        now: Instant,
        parameters: &RtpParameters,
    ) -> Result<SenderId, RtpParametersError> {
        let parameters = self.send_parameters(parameters)?;
        Ok(self.rtp_mut().add_sender(now, parameters)?)
    }

    /// Changes how a stream is sent.
    pub fn set_sender(
        &mut self,
        now: Instant,
        sender: SenderId,
        parameters: &RtpParameters,
    ) -> Result<(), RtpParametersError> {
        let parameters = self.send_parameters(parameters)?;
        Ok(self.rtp_mut().set_sender(now, sender, parameters)?)
    }

    /// Starts to receive a stream.
    pub fn add_receiver(
        &mut self,
        now: Instant,
        parameters: &RtpParameters,
    ) -> Result<ReceiverId, RtpParametersError> {
        let parameters = receive_parameters(parameters)?;
        Ok(self.rtp_mut().add_receiver(now, parameters)?)
    }

    /// Changes how a stream is received. What it hands out stays as it was.
    pub fn set_receiver(
        &mut self,
        now: Instant,
        receiver: ReceiverId,
        parameters: &RtpParameters,
    ) -> Result<(), RtpParametersError> {
        let mut parameters = receive_parameters(parameters)?;
        if let Some(before) = self.rtp().receiver(receiver) {
            parameters.delivery = before.delivery;
        }
        Ok(self.rtp_mut().set_receiver(now, receiver, parameters)?)
    }

    /// Has a receiver hand out frames, packets to be forwarded, or both, from now on. What it has gathered for its frames is
    /// lost if none are wanted any more; if they were not wanted before, they begin with a key frame, which is asked for.
    pub fn set_delivery(
        &mut self,
        now: Instant,
        receiver: ReceiverId,
        delivery: Delivery,
    ) -> Result<(), ParameterError> {
        let known = self.rtp().receiver(receiver);
        let mut parameters = known.cloned().ok_or(ParameterError::Removed)?;
        parameters.delivery = delivery;
        self.rtp_mut().set_receiver(now, receiver, parameters)
    }

    fn send_parameters(
        &self,
        parameters: &RtpParameters,
    ) -> Result<SendParameters, RtpParametersError> {
        let codec = parameters
            .primary_codec()
            .ok_or(RtpParametersError::NoCodec)?;
        let encoding = parameters.encodings.first();
        let ssrc = encoding
            .and_then(|encoding| encoding.ssrc)
            .ok_or(RtpParametersError::NoSsrc)?;
        let codec_parameters =
            codec_parameters(parameters, codec).ok_or(RtpParametersError::NoCodec)?;
        let mut send = SendParameters::new(kind(parameters.kind), ssrc, codec_parameters);
        send.rtx_ssrc = encoding.and_then(|encoding| encoding.rtx_ssrc);
        send.mid = non_empty(&parameters.mid);
        send.rid = encoding.and_then(|encoding| encoding.rid.clone());
        send.extensions = extensions(parameters);
        send.feedback = feedback(codec);
        send.max_packet_size = self.mtu().saturating_sub(SRTP_OVERHEAD);
        send.max_bitrate = encoding.and_then(|encoding| encoding.max_bitrate);
        Ok(send)
    }
}

fn receive_parameters(parameters: &RtpParameters) -> Result<ReceiveParameters, RtpParametersError> {
    let known = parameters
        .codecs
        .iter()
        .filter_map(|codec| codec_parameters(parameters, codec));
    let codecs: Vec<_> = known.collect();
    let Some(primary) = parameters.primary_codec().filter(|_| !codecs.is_empty()) else {
        return Err(RtpParametersError::NoCodec);
    };
    let encoding = parameters.encodings.first();
    let mut receive = ReceiveParameters::new(kind(parameters.kind), codecs);
    receive.extensions = extensions(parameters);
    receive.mid = non_empty(&parameters.mid);
    receive.rid = encoding.and_then(|encoding| encoding.rid.clone());
    receive.ssrc = encoding.and_then(|encoding| encoding.ssrc);
    receive.rtx_ssrc = encoding.and_then(|encoding| encoding.rtx_ssrc);
    receive.feedback = feedback(primary);
    Ok(receive)
}

const fn kind(kind: MediaKind) -> gannet_rtp_session::MediaKind {
    match kind {
        MediaKind::Audio => gannet_rtp_session::MediaKind::Audio,
        MediaKind::Video => gannet_rtp_session::MediaKind::Video,
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What the session must know of a codec; `None` if it can not be put into packets.
fn codec_parameters(
    parameters: &RtpParameters,
    codec: &RtpCodecParameters,
) -> Option<CodecParameters> {
    let mut format = PayloadFormat::from_encoding_name(&codec.name)?;
    if let PayloadFormat::H264(mode) = &mut format
        && codec.parameters.value("packetization-mode") == Some("1")
    {
        *mode = PacketizationMode::NonInterleaved;
    }
    Some(CodecParameters {
        payload_type: codec.payload_type,
        format,
        clock_rate: codec.clock_rate,
        rtx_payload_type: parameters.rtx_payload_type(codec.payload_type),
    })
}

/// The header extensions that this stack knows, under their identifiers.
fn extensions(parameters: &RtpParameters) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for extension in &parameters.header_extensions {
        if let Some(kind) = ExtensionKind::from_uri(&extension.uri) {
            // Identifiers that can not be used (0, or given twice) were the peer's to avoid.
            let _ = map.insert(extension.id, kind);
        }
    }
    map
}

fn feedback(codec: &RtpCodecParameters) -> Feedback {
    Feedback {
        nack: codec.has_feedback("nack", ""),
        pli: codec.has_feedback("nack", "pli"),
        fir: codec.has_feedback("ccm", "fir"),
        transport_cc: codec.has_feedback("transport-cc", ""),
        remb: codec.has_feedback("goog-remb", ""),
    }
}
