//! Sections as text (RFC 9429, sections 5.2 and 5.3).

use gannet_ortc::parameters::{Direction, MediaKind, RtpCodecParameters};
use gannet_sdp::attribute::{
    AttributeName, CandidateType, Extmap, Fingerprint, Fmtp, HashFunction, IcePwd, IceUfrag,
    MaxMessageSize, Mid, Msid, Rid, RtcpFb, Rtpmap, SctpInit, SctpPort, Sctpmap, Setup, Simulcast,
    SimulcastFormat, Ssrc, SsrcGroup,
};
use gannet_sdp::{Connection, MediaDescription, MediaLine};

use crate::section::{Extension, RidLine, Sctp, to_sdp};
use crate::{IceCandidate, LocalTransport, SenderInit};

/// The discard port: what a section has until there is a candidate.
const DISCARD: u16 = 9;

/// The first line of a section, and its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) media: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) mid: Option<&'a str>,
}

/// The transport's attributes. All sections carry them, as browsers do, so that a peer that looks at
/// one section alone finds them; the candidates are in the first one only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransportAttributes<'a> {
    pub(crate) local: &'a LocalTransport,
    pub(crate) setup: Setup,
    pub(crate) candidates: bool,
}

/// An audio or video section.
#[derive(Debug)]
pub(crate) struct RtpSection<'a> {
    pub(crate) kind: MediaKind,
    pub(crate) direction: Direction,
    pub(crate) codecs: &'a [RtpCodecParameters],
    pub(crate) extensions: &'a [Extension],
    pub(crate) sender: &'a SenderInit,
    pub(crate) cname: &'a str,
    pub(crate) rids: Vec<RidLine>,
    pub(crate) simulcast: (Vec<String>, Vec<String>),
    pub(crate) rtcp_rsize: bool,
}

/// A section with port zero, which names the formats that it is about (RFC 3264, section 6).
pub(crate) fn rejected(head: Head<'_>, formats: &[String]) -> MediaDescription {
    let formats: Vec<&str> = formats.iter().map(String::as_str).collect();
    let mut media = MediaDescription::new(&MediaLine {
        media: head.media,
        port: 0,
        port_count: None,
        protocol: head.protocol,
        formats: if formats.is_empty() {
            vec!["0"]
        } else {
            formats
        },
    });
    media.push_connection(&Connection::UNSPECIFIED);
    if let Some(mid) = head.mid {
        media.push(&Mid(mid));
    }
    media.push_flag(AttributeName::Inactive);
    media
}

pub(crate) fn rtp(
    head: Head<'_>,
    transport: TransportAttributes<'_>,
    section: &RtpSection<'_>,
) -> MediaDescription {
    let formats: Vec<String> = section
        .codecs
        .iter()
        .map(|codec| codec.payload_type.to_string())
        .collect();
    let mut media = begin(head, &formats, transport);
    for extension in section.extensions {
        media.push(&Extmap {
            direction: extension.said.then(|| to_sdp(extension.direction)),
            ..Extmap::new(u16::from(extension.id), &extension.uri)
        });
    }
    media.push_direction(to_sdp(section.direction));
    if section.direction.sends() {
        streams(&mut media, section.sender);
    }
    media.push_flag(AttributeName::RtcpMux);
    if section.rtcp_rsize {
        media.push_flag(AttributeName::RtcpRsize);
    }
    for codec in section.codecs {
        self::codec(&mut media, section.kind, codec);
    }
    simulcast(&mut media, section);
    // The sources of a simulcast are known by their rids.
    if section.direction.sends() && section.simulcast.0.is_empty() {
        sources(&mut media, section);
    }
    media
}

pub(crate) fn sctp(
    head: Head<'_>,
    transport: TransportAttributes<'_>,
    formats: &[String],
    sctp: &Sctp,
) -> MediaDescription {
    let mut media = begin(head, formats, transport);
    if sctp.legacy {
        media.push(&Sctpmap {
            port: sctp.parameters.port,
            application: "webrtc-datachannel",
            streams: Some(1024),
        });
    } else {
        media.push(&SctpPort(sctp.parameters.port));
    }
    media.push(&MaxMessageSize(sctp.parameters.max_message_size));
    if let Some(init) = &sctp.init {
        media.push(&SctpInit(&SctpInit::encode(init)));
    }
    media
}

/// The lines up to the `mid`.
fn begin(
    head: Head<'_>,
    formats: &[String],
    transport: TransportAttributes<'_>,
) -> MediaDescription {
    let default = transport
        .candidates
        .then(|| default_candidate(&transport.local.candidates));
    let (port, address) = default.flatten().unwrap_or((DISCARD, None));
    let mut media = MediaDescription::new(&MediaLine {
        media: head.media,
        port,
        port_count: None,
        protocol: head.protocol,
        formats: formats.iter().map(String::as_str).collect(),
    });
    match &address {
        Some(address) => media.push_connection(&Connection {
            network_type: "IN",
            address_type: if address.contains(':') { "IP6" } else { "IP4" },
            address,
        }),
        None => media.push_connection(&Connection::UNSPECIFIED),
    };
    if transport.candidates {
        for candidate in &transport.local.candidates {
            media.push_raw(&candidate.to_string());
        }
        if transport.local.end_of_candidates {
            media.push_flag(AttributeName::EndOfCandidates);
        }
    }
    let ice = &transport.local.ice;
    media
        .push(&IceUfrag(&ice.username_fragment))
        .push(&IcePwd(&ice.password));
    for fingerprint in &transport.local.fingerprints {
        let text = fingerprint.to_string();
        let (hash, value) = text.split_once(' ').unwrap_or((&text, ""));
        let hash = HashFunction::Other(hash);
        media.push(&Fingerprint { hash, value });
    }
    media.push(&transport.setup);
    if let Some(mid) = head.mid {
        media.push(&Mid(mid));
    }
    media
}

/// The candidate that most peers can reach: relayed, then server-reflexive, then host (RFC 8839,
/// section 4.2.1.2). Its address is written if it is one.
fn default_candidate(candidates: &[IceCandidate]) -> Option<(u16, Option<String>)> {
    let rank = |kind: &CandidateType<'_>| match kind {
        CandidateType::Relayed => 2,
        CandidateType::ServerReflexive => 1,
        _ => 0,
    };
    candidates
        .iter()
        .filter_map(IceCandidate::parts)
        .filter(|candidate| candidate.transport.is_udp())
        .filter_map(|candidate| Some((candidate.ip()?, candidate)))
        .max_by_key(|(ip, candidate)| (rank(&candidate.kind), ip.is_ipv4(), candidate.priority))
        .map(|(ip, candidate)| (candidate.port, Some(ip.to_string())))
}

fn streams(media: &mut MediaDescription, sender: &SenderInit) {
    let appdata = (!sender.track.is_empty()).then_some(sender.track.as_str());
    if sender.streams.is_empty() {
        media.push(&Msid { id: "-", appdata });
    }
    for stream in &sender.streams {
        media.push(&Msid {
            id: stream,
            appdata,
        });
    }
}

fn codec(media: &mut MediaDescription, kind: MediaKind, codec: &RtpCodecParameters) {
    let channels = codec.channels.to_string();
    let shown = kind == MediaKind::Audio && codec.channels > 1;
    media.push(&Rtpmap::new(
        codec.payload_type,
        &codec.name,
        codec.clock_rate,
        shown.then_some(channels.as_str()),
    ));
    for feedback in &codec.rtcp_feedback {
        let parameter = Some(feedback.parameter.as_str()).filter(|text| !text.is_empty());
        let payload_type = Some(codec.payload_type);
        media.push(&RtcpFb {
            payload_type,
            id: &feedback.kind,
            parameter,
        });
    }
    if !codec.parameters.0.is_empty() {
        let format = codec.payload_type.to_string();
        media.push(&Fmtp::new(&format, &codec.parameters.to_string()));
    }
}

fn simulcast(media: &mut MediaDescription, section: &RtpSection<'_>) {
    for rid in &section.rids {
        let restrictions = rid
            .restrictions
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()));
        media.push(&Rid {
            id: &rid.id,
            direction: rid.direction,
            payload_types: rid.payload_types.clone(),
            restrictions: restrictions.collect(),
        });
    }
    let (send, recv) = &section.simulcast;
    if !send.is_empty() || !recv.is_empty() {
        media.push(&Simulcast {
            send: each(send),
            recv: each(recv),
        });
    }
}

fn each(rids: &[String]) -> Vec<Vec<SimulcastFormat<'_>>> {
    rids.iter()
        .map(|rid| vec![SimulcastFormat::new(rid)])
        .collect()
}

fn sources(media: &mut MediaDescription, section: &RtpSection<'_>) {
    let encodings = &section.sender.encodings;
    for encoding in encodings.iter().take(1) {
        let Some(ssrc) = encoding.ssrc else { continue };
        if let Some(rtx) = encoding.rtx_ssrc {
            media.push(&SsrcGroup {
                semantics: "FID",
                ssrcs: vec![ssrc, rtx],
            });
        }
        for source in [Some(ssrc), encoding.rtx_ssrc].into_iter().flatten() {
            media.push(&Ssrc::cname(source, section.cname));
            let stream = section.sender.streams.first().map_or("-", String::as_str);
            let msid = format!("{stream} {}", section.sender.track);
            media.push(&Ssrc {
                ssrc: source,
                attribute: "msid",
                value: Some(msid.trim_end()),
            });
        }
    }
}
