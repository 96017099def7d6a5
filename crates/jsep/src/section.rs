//! A description as the values that negotiation needs (RFC 9429, section 5.8).

use gannet_ortc::parameters::{
    self, Direction, IceParameters, MediaKind, RtcpFeedback, RtpCodecParameters,
    RtpEncodingParameters, SctpParameters,
};
use gannet_ortc::sctp::Association;
use gannet_sdp::attribute::{
    self, AttributeName, Candidate, Extmap, Fingerprint, Group, IceOptions, IcePwd, IceUfrag,
    MaxMessageSize, Msid, Ptime, Rid, RidDirection, SctpInit, SctpPort, Sctpmap, Setup, Simulcast,
    Ssrc, SsrcGroup, TlsId,
};
use gannet_sdp::{MediaDescription, ParseError, Section as Lines, SessionDescription};

use crate::codec::format_parameters;
use crate::{DescriptionError, IceCandidate};

/// More sections than that are refused: each costs memory for as long as the session lives.
pub(crate) const MAX_SECTIONS: usize = 256;
/// More candidates than that of one section are not kept.
pub(crate) const MAX_CANDIDATES: usize = 64;
/// More encodings than that of one section are not kept.
const MAX_ENCODINGS: usize = 16;
/// Of a transport.
const MAX_FINGERPRINTS: usize = 32;
/// Media streams of a section.
const MAX_STREAMS: usize = 64;
/// Of each codec; a line may be about all of them.
const MAX_FEEDBACK: usize = 32;

/// A whole description.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    pub(crate) bundles: Vec<Vec<String>>,
    pub(crate) allow_mixed: bool,
    pub(crate) sections: Vec<Section>,
}

/// One media section, with what it inherits from the session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    /// Of the `m=`.
    pub(crate) line: usize,
    pub(crate) media: String,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    /// Its port is zero and it is not bundle-only.
    pub(crate) rejected: bool,
    pub(crate) bundle_only: bool,
    pub(crate) mid: Option<String>,
    pub(crate) transport: Transport,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Rtp(Box<Rtp>),
    Sctp(Sctp),
    /// Rejected, or of a kind or protocol that is not ours.
    Other,
}

/// What belongs to the transport.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Transport {
    pub(crate) ufrag: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) lite: bool,
    pub(crate) trickle: bool,
    pub(crate) ice2: bool,
    pub(crate) fingerprints: Vec<parameters::Fingerprint>,
    pub(crate) setup: Option<Setup>,
    pub(crate) tls_id: Option<String>,
    pub(crate) candidates: Vec<IceCandidate>,
    pub(crate) end_of_candidates: bool,
    pub(crate) rtcp_mux: bool,
    pub(crate) rtcp_rsize: bool,
}

impl Transport {
    pub(crate) fn ice(&self) -> Option<IceParameters> {
        Some(IceParameters {
            username_fragment: self.ufrag.clone()?,
            password: self.password.clone()?,
            ice_lite: self.lite,
        })
    }

    /// Whether the credentials are there and are those of the other.
    pub(crate) fn same_credentials(&self, other: &Self) -> bool {
        self.ufrag.is_some() && self.ufrag == other.ufrag && self.password == other.password
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rtp {
    pub(crate) kind: MediaKind,
    pub(crate) direction: Direction,
    pub(crate) codecs: Vec<RtpCodecParameters>,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) streams: Vec<String>,
    pub(crate) encodings: Vec<RtpEncodingParameters>,
    pub(crate) cname: String,
    pub(crate) rids: Vec<RidLine>,
    /// The rids that the writer sends, and those that it receives.
    pub(crate) simulcast: (Vec<String>, Vec<String>),
    pub(crate) max_bitrate: Option<u64>,
    pub(crate) ptime: Option<u32>,
}

/// A header extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) id: u8,
    pub(crate) uri: String,
    pub(crate) direction: Direction,
    /// Whether the direction was said.
    pub(crate) said: bool,
}

/// An `a=rid` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RidLine {
    pub(crate) id: String,
    pub(crate) direction: RidDirection,
    pub(crate) payload_types: Vec<u8>,
    pub(crate) restrictions: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sctp {
    pub(crate) parameters: SctpParameters,
    /// `DTLS/SCTP` with the port as its format, and `sctpmap`.
    pub(crate) legacy: bool,
    /// The INIT chunk of `a=sctp-init`.
    pub(crate) init: Option<Vec<u8>>,
}

/// What the session says for all sections, read once.
struct Inherited {
    transport: Transport,
    /// Whatever is wrong with them is so only where a section needs them.
    extensions: Result<Vec<Extension>, ParseError>,
}

impl Session {
    pub(crate) fn read(text: &str) -> Result<Self, DescriptionError> {
        let sdp = SessionDescription::parse(text)?;
        if let Some(media) = sdp.media.get(MAX_SECTIONS) {
            return Err(DescriptionError::TooManySections {
                line: media.line(),
                limit: MAX_SECTIONS,
            });
        }
        let mut bundles = Vec::new();
        for group in sdp.all::<Group<'_>>() {
            let group = group?;
            if group.semantics == "BUNDLE" {
                bundles.push(group.mids.iter().map(|mid| (*mid).to_owned()).collect());
            }
        }
        let inherited = Inherited {
            transport: read_transport(&sdp)?,
            extensions: read_extensions(sdp.all()),
        };
        let sections = sdp
            .media
            .iter()
            .map(|media| Section::read(&sdp, &inherited, media))
            .collect::<Result<Vec<_>, _>>()?;
        let allow_mixed = sdp.has(AttributeName::ExtmapAllowMixed)
            || sdp
                .media
                .iter()
                .any(|media| media.has(AttributeName::ExtmapAllowMixed));
        let session = Self {
            bundles,
            allow_mixed,
            sections,
        };
        session.check_mids()?;
        Ok(session)
    }

    fn check_mids(&self) -> Result<(), DescriptionError> {
        for (index, section) in self.sections.iter().enumerate() {
            let before = self.sections.iter().take(index);
            if let Some(mid) = &section.mid
                && before.clone().any(|other| other.mid.as_ref() == Some(mid))
            {
                let (line, mid) = (section.line, mid.clone());
                return Err(DescriptionError::DuplicateMid { line, mid });
            }
        }
        Ok(())
    }

    /// The section of a `mid`.
    pub(crate) fn index_of(&self, mid: &str) -> Option<usize> {
        self.sections
            .iter()
            .position(|section| section.mid.as_deref() == Some(mid))
    }
}

impl Section {
    fn read(
        session: &SessionDescription,
        inherited: &Inherited,
        media: &MediaDescription,
    ) -> Result<Self, DescriptionError> {
        let bundle_only = media.has(AttributeName::BundleOnly);
        let rejected = media.port() == 0 && !bundle_only;
        let mut section = Self {
            line: media.line(),
            media: media.media().to_owned(),
            protocol: media.protocol().to_owned(),
            formats: media.formats().map(str::to_owned).collect(),
            rejected,
            bundle_only,
            mid: media.mid()?.map(str::to_owned),
            transport: Transport::default(),
            content: Content::Other,
        };
        // Nothing in a rejected section is looked at (RFC 3264, section 6).
        if rejected {
            return Ok(section);
        }
        section.transport = inherit(read_transport(media)?, &inherited.transport);
        section.content = match media.media() {
            "audio" if is_rtp(media.protocol()) => Content::Rtp(Box::new(read_rtp(
                session,
                inherited,
                media,
                MediaKind::Audio,
            )?)),
            "video" if is_rtp(media.protocol()) => Content::Rtp(Box::new(read_rtp(
                session,
                inherited,
                media,
                MediaKind::Video,
            )?)),
            "application" if is_sctp(media.protocol()) => read_sctp(media)?,
            _ => Content::Other,
        };
        Ok(section)
    }

    pub(crate) fn rtp(&self) -> Option<&Rtp> {
        match &self.content {
            Content::Rtp(rtp) => Some(rtp),
            _ => None,
        }
    }

    pub(crate) const fn sctp(&self) -> Option<&Sctp> {
        match &self.content {
            Content::Sctp(sctp) => Some(sctp),
            _ => None,
        }
    }
}

/// The profiles that mean RTP over DTLS-SRTP, whatever they say (RFC 9429, section 5.1.2).
fn is_rtp(protocol: &str) -> bool {
    let profile = protocol
        .strip_prefix("UDP/TLS/")
        .or_else(|| protocol.strip_prefix("TCP/TLS/"));
    match profile {
        Some(profile) => matches!(profile, "RTP/SAVPF" | "RTP/SAVP"),
        None => matches!(protocol, "RTP/SAVPF" | "RTP/SAVP" | "RTP/AVPF" | "RTP/AVP"),
    }
}

fn is_sctp(protocol: &str) -> bool {
    matches!(protocol, "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" | "DTLS/SCTP")
}

fn read_transport(lines: &Lines) -> Result<Transport, ParseError> {
    let options = lines.first::<IceOptions<'_>>()?;
    let has = |option| {
        options
            .as_ref()
            .is_some_and(|options| options.contains(option))
    };
    let mut transport = Transport {
        ufrag: lines
            .first::<IceUfrag<'_>>()?
            .map(|ufrag| ufrag.0.to_owned()),
        password: lines
            .first::<IcePwd<'_>>()?
            .map(|password| password.0.to_owned()),
        lite: lines.has(AttributeName::IceLite),
        trickle: has("trickle"),
        ice2: has("ice2"),
        fingerprints: Vec::new(),
        setup: lines.first::<Setup>()?,
        tls_id: lines.first::<TlsId<'_>>()?.map(|id| id.0.to_owned()),
        candidates: Vec::new(),
        end_of_candidates: lines.has(AttributeName::EndOfCandidates),
        rtcp_mux: lines.has(AttributeName::RtcpMux),
        rtcp_rsize: lines.has(AttributeName::RtcpRsize),
    };
    for fingerprint in lines.all::<Fingerprint<'_>>() {
        let fingerprint = fingerprint?;
        // One that is no hash vouches for nobody; another one may.
        if transport.fingerprints.len() < MAX_FINGERPRINTS {
            let text = format!("{} {}", fingerprint.hash.as_str(), fingerprint.value);
            transport.fingerprints.extend(text.parse().ok());
        }
    }
    for candidate in lines.all::<Candidate<'_>>() {
        let candidate = candidate?;
        // RTCP shares RTP's component.
        if candidate.component == 1 && transport.candidates.len() < MAX_CANDIDATES {
            transport.candidates.push(IceCandidate::from(&candidate));
        }
    }
    Ok(transport)
}

/// What a section does not say, the session says for it.
fn inherit(own: Transport, session: &Transport) -> Transport {
    let own_fingerprints = !own.fingerprints.is_empty();
    Transport {
        ufrag: own.ufrag.or_else(|| session.ufrag.clone()),
        password: own.password.or_else(|| session.password.clone()),
        lite: own.lite || session.lite,
        trickle: own.trickle || session.trickle,
        ice2: own.ice2 || session.ice2,
        fingerprints: if own_fingerprints {
            own.fingerprints
        } else {
            session.fingerprints.clone()
        },
        setup: own.setup.or(session.setup),
        tls_id: own.tls_id.or_else(|| session.tls_id.clone()),
        candidates: own.candidates,
        end_of_candidates: own.end_of_candidates || session.end_of_candidates,
        rtcp_mux: own.rtcp_mux,
        rtcp_rsize: own.rtcp_rsize,
    }
}

fn read_rtp(
    session: &SessionDescription,
    inherited: &Inherited,
    media: &MediaDescription,
    kind: MediaKind,
) -> Result<Rtp, ParseError> {
    let direction = media
        .direction()
        .or_else(|| session.direction())
        .unwrap_or_default();
    let (encodings, cname) = read_sources(media)?;
    let simulcast = media.first::<Simulcast<'_>>()?.unwrap_or_default();
    let first = |list: Vec<Vec<attribute::SimulcastFormat<'_>>>| -> Vec<String> {
        list.iter()
            .filter_map(|stream| stream.first())
            .map(|s| s.rid.to_owned())
            .collect()
    };
    let mut streams: Vec<String> = Vec::new();
    for msid in media.all::<Msid<'_>>() {
        let msid = msid?;
        let is_known = || streams.iter().any(|stream| stream == msid.id);
        if streams.len() < MAX_STREAMS && msid.id != "-" && !is_known() {
            streams.push(msid.id.to_owned());
        }
    }
    Ok(Rtp {
        kind,
        direction: from_sdp(direction),
        codecs: read_codecs(media)?,
        extensions: with_inherited(read_extensions(media.all())?, inherited)?,
        streams,
        encodings,
        cname,
        rids: read_rids(media)?,
        simulcast: (first(simulcast.send), first(simulcast.recv)),
        max_bitrate: read_max_bitrate(media)?,
        ptime: media.first::<Ptime>()?.map(|ptime| ptime.0),
    })
}

/// The codecs of the `m=` line, in its order. What names none of them is ignored, and so is a payload
/// type that nothing explains.
fn read_codecs(media: &MediaDescription) -> Result<Vec<RtpCodecParameters>, ParseError> {
    let maps = media
        .all::<attribute::Rtpmap<'_>>()
        .collect::<Result<Vec<_>, _>>()?;
    let fmtps = media
        .all::<attribute::Fmtp<'_>>()
        .collect::<Result<Vec<_>, _>>()?;
    let feedback = media
        .all::<attribute::RtcpFb<'_>>()
        .collect::<Result<Vec<_>, _>>()?;
    let mut codecs: Vec<RtpCodecParameters> = Vec::new();
    let mut seen = [false; 1 << 8];
    for payload_type in media.payload_types() {
        if std::mem::replace(&mut seen[usize::from(payload_type)], true) {
            continue;
        }
        let map = maps
            .iter()
            .find(|map| map.payload_type == payload_type)
            .copied();
        let Some(map) = map.or_else(|| static_map(payload_type)) else {
            continue;
        };
        let fmtp = fmtps
            .iter()
            .find(|fmtp| fmtp.payload_type() == Some(payload_type));
        let rtcp_feedback = feedback
            .iter()
            .filter(|fb| fb.payload_type.is_none_or(|format| format == payload_type))
            .take(MAX_FEEDBACK)
            .map(|fb| RtcpFeedback::new(fb.id, fb.parameter.unwrap_or_default().trim()))
            .collect();
        codecs.push(RtpCodecParameters {
            name: map.encoding.to_owned(),
            payload_type,
            clock_rate: map.clock_rate,
            channels: map.channels(),
            parameters: format_parameters(fmtp.map_or("", |fmtp| fmtp.parameters)),
            rtcp_feedback,
        });
    }
    Ok(codecs)
}

/// The payload types that mean something without an `rtpmap` (RFC 3551, section 6).
fn static_map(payload_type: u8) -> Option<attribute::Rtpmap<'static>> {
    let name = match payload_type {
        0 => "PCMU",
        8 => "PCMA",
        9 => "G722",
        13 => "CN",
        _ => return None,
    };
    Some(attribute::Rtpmap::new(payload_type, name, 8000, None))
}

/// The extensions of a section, and those of the session that are not among them.
fn with_inherited(
    mut extensions: Vec<Extension>,
    inherited: &Inherited,
) -> Result<Vec<Extension>, ParseError> {
    for extension in inherited.extensions.as_ref().map_err(Clone::clone)? {
        let is_known = |known: &Extension| known.id == extension.id || known.uri == extension.uri;
        if !extensions.iter().any(is_known) {
            extensions.push(extension.clone());
        }
    }
    Ok(extensions)
}

/// Extensions, each id and each name once.
fn read_extensions<'a>(
    extmaps: impl Iterator<Item = Result<Extmap<'a>, ParseError>>,
) -> Result<Vec<Extension>, ParseError> {
    let mut extensions: Vec<Extension> = Vec::new();
    for extmap in extmaps {
        let extmap = extmap?;
        // Ids above 255 are for offers that have more extensions than there are ids, and 15 ends
        // the one-byte form (RFC 8285, sections 4.2 and 7). Neither can be used.
        let Ok(id) = u8::try_from(extmap.id) else {
            continue;
        };
        if id == 15
            || extensions
                .iter()
                .any(|known| known.id == id || known.uri == extmap.uri)
        {
            continue;
        }
        extensions.push(Extension {
            id,
            uri: extmap.uri.to_owned(),
            direction: from_sdp(extmap.direction.unwrap_or_default()),
            said: extmap.direction.is_some(),
        });
    }
    Ok(extensions)
}

/// The sources, each with its retransmissions, and their name.
fn read_sources(
    media: &MediaDescription,
) -> Result<(Vec<RtpEncodingParameters>, String), ParseError> {
    let mut ssrcs: Vec<u32> = Vec::new();
    let mut cname = String::new();
    for line in media.all::<Ssrc<'_>>() {
        let line = line?;
        if !ssrcs.contains(&line.ssrc) && ssrcs.len() < 2 * MAX_ENCODINGS {
            ssrcs.push(line.ssrc);
        }
        if let ("cname", Some(value), true) = (line.attribute, line.value, cname.is_empty()) {
            cname = value.to_owned();
        }
    }
    let mut repairs: Vec<(u32, u32)> = Vec::new();
    for group in media.all::<SsrcGroup<'_>>() {
        let group = group?;
        if let ("FID", [primary, repair]) = (group.semantics, group.ssrcs.as_slice()) {
            repairs.push((*primary, *repair));
        }
    }
    let encodings = ssrcs
        .iter()
        .filter(|ssrc| !repairs.iter().any(|(_, repair)| repair == *ssrc))
        .take(MAX_ENCODINGS)
        .map(|ssrc| RtpEncodingParameters {
            ssrc: Some(*ssrc),
            rtx_ssrc: repairs
                .iter()
                .find(|(primary, _)| primary == ssrc)
                .map(|(_, rtx)| *rtx),
            ..Default::default()
        })
        .collect();
    Ok((encodings, cname))
}

fn read_rids(media: &MediaDescription) -> Result<Vec<RidLine>, ParseError> {
    let mut rids: Vec<RidLine> = Vec::new();
    for rid in media.all::<Rid<'_>>() {
        let rid = rid?;
        if rids.len() < MAX_ENCODINGS && !rids.iter().any(|known| known.id == rid.id) {
            let owned =
                |(name, value): (&str, Option<&str>)| (name.to_owned(), value.map(str::to_owned));
            rids.push(RidLine {
                id: rid.id.to_owned(),
                direction: rid.direction,
                payload_types: rid.payload_types.clone(),
                restrictions: rid.restrictions.iter().copied().map(owned).collect(),
            });
        }
    }
    Ok(rids)
}

/// `TIAS`, or what `AS` comes to (RFC 9429, section 5.10).
fn read_max_bitrate(media: &MediaDescription) -> Result<Option<u64>, ParseError> {
    let lines = media.bandwidths().collect::<Result<Vec<_>, _>>()?;
    let value = |kind| {
        lines
            .iter()
            .find(|line| line.kind == kind)
            .map(|line| line.value)
    };
    let from_as = |kilobits: u64| (kilobits.saturating_mul(950)).saturating_sub(50 * 40 * 8);
    Ok(value("TIAS").or_else(|| value("AS").map(from_as)))
}

fn read_sctp(media: &MediaDescription) -> Result<Content, ParseError> {
    let max_message_size = media.first::<MaxMessageSize>()?.map(|size| size.0);
    let modern = media.first::<SctpPort>()?.map(|port| port.0);
    let map = media.first::<Sctpmap<'_>>()?;
    let format = media
        .formats()
        .next()
        .and_then(|format| format.parse().ok());
    let legacy = modern.is_none() && media.protocol() == "DTLS/SCTP";
    let port = match (modern, map) {
        (Some(port), _) => port,
        (None, Some(map)) if legacy => map.port,
        // Without a port it can't be used (RFC 9429, section 5.8.2).
        (None, _) => match format {
            Some(port) if legacy => port,
            _ => return Ok(Content::Other),
        },
    };
    // Before RFC 8841 nobody said how long messages may be; after it, silence means 64 KiB.
    let parameters = SctpParameters {
        port,
        max_message_size: max_message_size.unwrap_or(65_536),
    };
    // What holds no INIT chunk is as if it were not there (draft-hancke-tsvwg-snap).
    let init = media.first::<SctpInit<'_>>().ok().flatten();
    let init = init
        .and_then(|init| init.decode())
        .filter(|init| !legacy && Association::is_valid_init(init));
    Ok(Content::Sctp(Sctp {
        parameters,
        legacy,
        init,
    }))
}

pub(crate) fn from_sdp(direction: attribute::Direction) -> Direction {
    Direction::new(direction.sends(), direction.receives())
}

pub(crate) fn to_sdp(direction: Direction) -> attribute::Direction {
    attribute::Direction::new(direction.sends(), direction.receives())
}
