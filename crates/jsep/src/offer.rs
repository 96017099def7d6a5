use gannet_ortc::parameters::{Direction, RtpCodecParameters};
use gannet_sdp::attribute::{Group, IceOptions, RidDirection, Setup};
use gannet_sdp::{MediaDescription, Origin, SessionDescription};

use crate::jsep::{CreatedOffer, Slot, Stored};
use crate::section::{Content, Extension, RidLine, Sctp, Section};
use crate::write::{self, Head, RtpSection, TransportAttributes};
use crate::{
    CreateError, Description, Jsep, LocalTransport, SdpType, SignalingState, Transceiver, codec,
};

pub(crate) const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// Payload types and extension ids that sections of the transport have in common.
#[derive(Default)]
struct Known {
    codecs: Vec<RtpCodecParameters>,
    extensions: Vec<(u8, String)>,
}

impl Jsep {
    /// An offer of everything that is wished for (RFC 9429, section 5.2). It is applied by
    /// [`set_local`](Self::set_local).
    pub fn create_offer(&mut self, local: &LocalTransport) -> Result<Description, CreateError> {
        let kind = SdpType::Offer;
        if !matches!(
            self.state,
            SignalingState::Stable | SignalingState::HaveLocalOffer
        ) {
            return Err(CreateError::State {
                kind,
                state: self.state,
            });
        }
        let same = |agreed: &crate::jsep::Agreed| agreed.local_ice == local.ice;
        if self.wants_restart && self.agreed.as_ref().is_some_and(same) {
            return Err(CreateError::CredentialsNeeded);
        }
        let slots = self.slots();
        let mut known = self.known();
        let mut sdp = self.begin();
        sdp.push(&IceOptions(vec!["trickle", "ice2"]));
        let mids: Vec<&str> = slots.iter().filter_map(Slot::mid).collect();
        if !mids.is_empty() {
            sdp.push(&Group {
                semantics: "BUNDLE",
                mids,
            });
        }
        sdp.push_flag(gannet_sdp::attribute::AttributeName::ExtmapAllowMixed);
        let first = slots.iter().position(|slot| *slot != Slot::Rejected);
        for (index, slot) in slots.iter().enumerate() {
            let candidates = first == Some(index);
            let transport = TransportAttributes {
                local,
                setup: Setup::Actpass,
                candidates,
            };
            sdp.push_media(self.offered_section(index, slot, transport, &mut known));
        }
        let sdp = sdp.to_string();
        self.created_offer = Some(CreatedOffer {
            sdp: sdp.clone(),
            slots,
        });
        Ok(Description::offer(sdp))
    }

    /// The session's lines. Each description has a version of its own.
    pub(crate) fn begin(&mut self) -> SessionDescription {
        self.session_version = self.session_version.saturating_add(1);
        let session_id = (self.configuration.session_id & (u64::MAX >> 1)).to_string();
        SessionDescription::new(&Origin {
            username: "-",
            session_id: &session_id,
            session_version: self.session_version,
            network_type: "IN",
            address_type: "IP4",
            unicast_address: "0.0.0.0",
        })
    }

    /// The local description that an offer continues.
    pub(crate) fn base(&self) -> Option<&Stored> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    /// What each section is for. Sections stay where they are; one that was rejected is used again
    /// before a new one is added (RFC 9429, section 5.2.2).
    fn slots(&mut self) -> Vec<Slot> {
        let count = self.base().map_or(0, |base| base.session.sections.len());
        let mut waiting: std::collections::VecDeque<_> = self
            .transceivers
            .iter()
            .filter(|transceiver| transceiver.index.is_none() && !transceiver.is_stopped())
            .map(|transceiver| transceiver.id)
            .collect();
        let mut data_waits = self.wants_data && self.data.is_none();
        let mut slots = Vec::new();
        for index in 0..count {
            slots.push(if let Some(transceiver) = self.at_index(index) {
                // A name that was only ours may have been given to another section meanwhile.
                let its_own = |mid: &&String| {
                    self.base()
                        .and_then(|base| base.session.index_of(mid))
                        .unwrap_or(index)
                        == index
                };
                let id = transceiver.id;
                match (
                    transceiver.is_stopped(),
                    transceiver.mid.as_ref().filter(its_own),
                ) {
                    (false, Some(mid)) => Slot::Transceiver(id, mid.clone()),
                    (false, None) => Slot::Transceiver(id, self.new_mid(None)),
                    (true, _) if transceiver.stopped => self.reuse(&mut waiting, &mut data_waits),
                    (true, _) => Slot::Rejected,
                }
            } else if let Some(data) = self.data.clone().filter(|data| data.index == index) {
                Slot::Data(data.mid.unwrap_or_else(|| self.new_mid(None)))
            } else {
                self.reuse(&mut waiting, &mut data_waits)
            });
        }
        while let Some(id) = waiting.pop_front() {
            slots.push(Slot::Transceiver(id, self.new_mid(None)));
        }
        if data_waits {
            slots.push(Slot::Data(self.new_mid(None)));
        }
        slots
    }

    fn reuse(
        &mut self,
        waiting: &mut std::collections::VecDeque<crate::TransceiverId>,
        data_waits: &mut bool,
    ) -> Slot {
        if let Some(id) = waiting.pop_front() {
            return Slot::Transceiver(id, self.new_mid(None));
        }
        if std::mem::take(data_waits) {
            return Slot::Data(self.new_mid(None));
        }
        Slot::Rejected
    }

    fn known(&self) -> Known {
        let mut known = Known::default();
        let sections = self
            .base()
            .into_iter()
            .flat_map(|base| &base.session.sections);
        for rtp in sections.filter_map(Section::rtp) {
            known.codecs.extend(rtp.codecs.iter().cloned());
            known
                .extensions
                .extend(rtp.extensions.iter().map(|ext| (ext.id, ext.uri.clone())));
        }
        known
    }

    fn offered_section(
        &self,
        index: usize,
        slot: &Slot,
        transport: TransportAttributes<'_>,
        known: &mut Known,
    ) -> MediaDescription {
        let before = self
            .base()
            .and_then(|base| base.session.sections.get(index));
        match slot {
            Slot::Transceiver(id, mid) => match self.transceiver(*id) {
                Some(transceiver) => self.offered_rtp(transceiver, mid, transport, before, known),
                None => rejected_again(before),
            },
            Slot::Data(mid) => {
                // What the other side has chosen once stays.
                let before = before.and_then(Section::sctp);
                let legacy = before.is_some_and(|sctp| sctp.legacy);
                let init = self.own_sctp_init(index, transport.local);
                let protocol = if legacy { "DTLS/SCTP" } else { "UDP/DTLS/SCTP" };
                let parameters = self.configuration.sctp;
                let format = match legacy {
                    true => parameters.port.to_string(),
                    false => "webrtc-datachannel".to_owned(),
                };
                let head = Head {
                    media: "application",
                    protocol,
                    mid: Some(mid),
                };
                let sctp = Sctp {
                    parameters,
                    legacy,
                    init: init.filter(|_| !legacy),
                };
                write::sctp(head, transport, &[format], &sctp)
            }
            Slot::Rejected => rejected_again(before),
        }
    }

    /// Our INIT chunk as a data section says it: the one that it said before, if it did.
    pub(crate) fn own_sctp_init(&self, index: usize, local: &LocalTransport) -> Option<Vec<u8>> {
        let before = self
            .base()
            .and_then(|base| base.session.sections.get(index))
            .and_then(Section::sctp)
            .and_then(|sctp| sctp.init.clone());
        before.or_else(|| local.sctp_init.clone())
    }

    fn offered_rtp(
        &self,
        transceiver: &Transceiver,
        mid: &str,
        transport: TransportAttributes<'_>,
        before: Option<&Section>,
        known: &mut Known,
    ) -> MediaDescription {
        let (ours, preferred) = self.codecs_of(transceiver);
        let mut codecs = codec::assign(&ours, &known.codecs);
        // The order of the last answer stays, unless the user wants another one.
        if let (Some(rtp), false) = (before.and_then(Section::rtp), preferred) {
            codecs.sort_by_key(|codec| {
                let known = |known: &RtpCodecParameters| known.payload_type == codec.payload_type;
                rtp.codecs.iter().position(known).unwrap_or(usize::MAX)
            });
        }
        known.codecs.extend(codecs.iter().cloned());
        let extensions = self.offered_extensions(transceiver, known);
        let direction = transceiver.direction;
        let rids = if direction.sends() {
            transceiver.rids()
        } else {
            Vec::new()
        };
        let section = RtpSection {
            kind: transceiver.kind,
            direction,
            codecs: &codecs,
            extensions: &extensions,
            sender: &transceiver.sender,
            cname: &self.configuration.cname,
            rids: rids
                .iter()
                .map(|rid| RidLine::plain(rid, RidDirection::Send))
                .collect(),
            simulcast: (
                rids.iter().map(|rid| (*rid).to_owned()).collect(),
                Vec::new(),
            ),
            rtcp_rsize: true,
        };
        let protocol = before
            .filter(|before| before.mid.as_deref() == Some(mid))
            .map_or("UDP/TLS/RTP/SAVPF", |before| before.protocol.as_str());
        let head = Head {
            media: transceiver.kind.as_str(),
            protocol,
            mid: Some(mid),
        };
        write::rtp(head, transport, &section)
    }

    /// Extensions have one id in the whole transport (RFC 8843, section 9.1).
    fn offered_extensions(&self, transceiver: &Transceiver, known: &mut Known) -> Vec<Extension> {
        let wanted = &self.configuration.capabilities.header_extensions;
        let mut extensions = Vec::new();
        for capability in wanted
            .iter()
            .filter(|wanted| wanted.kind == transceiver.kind)
        {
            let used = |id: u8| known.extensions.iter().any(|(known, _)| *known == id);
            let given = known
                .extensions
                .iter()
                .find(|(_, uri)| *uri == capability.uri);
            let candidates = std::iter::once(capability.preferred_id)
                .chain(1..=14)
                .chain(16..=255);
            let id = match given {
                Some((id, _)) => Some(*id),
                None => candidates
                    .into_iter()
                    .find(|id| *id != 0 && *id != 15 && !used(*id)),
            };
            let Some(id) = id else { continue };
            known.extensions.push((id, capability.uri.clone()));
            let uri = capability.uri.clone();
            extensions.push(Extension {
                id,
                uri,
                direction: Direction::SendRecv,
                said: false,
            });
        }
        extensions
    }
}

impl Slot {
    fn mid(&self) -> Option<&str> {
        match self {
            Self::Transceiver(_, mid) | Self::Data(mid) => Some(mid),
            Self::Rejected => None,
        }
    }
}

impl RidLine {
    pub(crate) fn plain(id: &str, direction: RidDirection) -> Self {
        let id = id.to_owned();
        Self {
            id,
            direction,
            payload_types: Vec::new(),
            restrictions: Vec::new(),
        }
    }
}

/// A rejected section keeps its place and its kind.
fn rejected_again(before: Option<&Section>) -> MediaDescription {
    let Some(section) = before else {
        let head = Head {
            media: "audio",
            protocol: "UDP/TLS/RTP/SAVPF",
            mid: None,
        };
        return write::rejected(head, &[]);
    };
    let head = Head {
        media: &section.media,
        protocol: &section.protocol,
        mid: section.mid.as_deref(),
    };
    write::rejected(head, &section.formats)
}

/// Used by `candidates`: the section of a local description that carries the candidates.
pub(crate) fn carries_transport(section: &Section) -> bool {
    !section.rejected && !matches!(section.content, Content::Other)
}
