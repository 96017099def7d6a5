use gannet_ortc::parameters::{Direction, RtpCodecParameters};
use gannet_sdp::MediaDescription;
use gannet_sdp::attribute::{AttributeName, Group, IceOptions, RidDirection, Setup};

use crate::bundle::{self, Bundle};
use crate::offer::RID_URI;
use crate::section::{Content, Extension, RidLine, Rtp, Sctp, Section, Session};
use crate::write::{self, Head, RtpSection, TransportAttributes};
use crate::{
    CreateError, Description, DescriptionError, DtlsRole, Jsep, LocalTransport, SdpType,
    SignalingState, Transceiver, codec,
};

/// What each section of an offer is answered with.
pub(crate) struct AnswerPlan {
    pub(crate) bundle: Option<Bundle>,
    sections: Vec<Answered>,
}

enum Answered {
    Rejected,
    Rtp {
        codecs: Vec<RtpCodecParameters>,
        extensions: Vec<Extension>,
        direction: Direction,
    },
    Sctp(Sctp),
}

impl Jsep {
    /// An answer to the remote offer (RFC 9429, section 5.3). It is applied by
    /// [`set_local`](Self::set_local), as it is, or as a provisional one with its type changed.
    ///
    /// What can't be used is rejected, section by section; the offer as a whole was checked when it was
    /// applied.
    pub fn create_answer(&mut self, local: &LocalTransport) -> Result<Description, CreateError> {
        let answering = matches!(
            self.state,
            SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer
        );
        let offer = self.pending_remote.as_ref().filter(|_| answering);
        let Some(offer) = offer.map(|stored| stored.session.clone()) else {
            return Err(CreateError::State {
                kind: SdpType::Answer,
                state: self.state,
            });
        };
        let plan = self.plan_answer(&offer)?;
        let mut role = DtlsRole::Client;
        if let Some(source) = plan.source(&offer) {
            role = bundle::role_for_offer(source, self.continued_role(source))?;
            self.check_credentials(source, local)?;
        }
        let setup = match role {
            DtlsRole::Client => Setup::Active,
            DtlsRole::Server => Setup::Passive,
        };
        let mut sdp = self.begin();
        self.answer_session(&mut sdp, &offer, &plan);
        let first = plan
            .bundle
            .as_ref()
            .and_then(|bundle| bundle.members.first().copied());
        for (index, (section, answered)) in offer.sections.iter().zip(&plan.sections).enumerate() {
            let candidates = first == Some(index);
            let transport = TransportAttributes {
                local,
                setup,
                candidates,
            };
            sdp.push_media(self.answered_section(&offer, index, section, answered, transport));
        }
        let sdp = sdp.to_string();
        self.created_answer = Some(sdp.clone());
        Ok(Description::answer(sdp))
    }

    /// New credentials answer new ones, and only them (RFC 8839, section 4.4.1).
    fn check_credentials(
        &self,
        offered: &Section,
        local: &LocalTransport,
    ) -> Result<(), CreateError> {
        let Some(before) = self.before_exchange() else {
            return Ok(());
        };
        match (self.restarts(offered), before.local_ice == local.ice) {
            (true, true) => Err(CreateError::CredentialsNeeded),
            (false, false) => Err(CreateError::CredentialsChanged),
            _ => Ok(()),
        }
    }

    /// The group of those that are not rejected, and what the offer has said about all sections.
    fn answer_session(
        &self,
        sdp: &mut gannet_sdp::SessionDescription,
        offer: &Session,
        plan: &AnswerPlan,
    ) {
        let Some(bundle) = &plan.bundle else { return };
        if bundle.grouped {
            let members = bundle
                .members
                .iter()
                .filter_map(|index| offer.sections.get(*index));
            let mids = members
                .filter_map(|section| section.mid.as_deref())
                .collect();
            sdp.push(&Group {
                semantics: "BUNDLE",
                mids,
            });
        }
        if let Some(source) = plan.source(offer) {
            let options = [
                ("trickle", source.transport.trickle),
                ("ice2", source.transport.ice2),
            ];
            let options: Vec<&str> = options
                .iter()
                .filter(|(_, offered)| *offered)
                .map(|(name, _)| *name)
                .collect();
            if !options.is_empty() {
                sdp.push(&IceOptions(options));
            }
        }
        if offer.allow_mixed {
            sdp.push_flag(AttributeName::ExtmapAllowMixed);
        }
    }

    fn answered_section(
        &self,
        offer: &Session,
        index: usize,
        section: &Section,
        answered: &Answered,
        transport: TransportAttributes<'_>,
    ) -> MediaDescription {
        let head = Head {
            media: &section.media,
            protocol: &section.protocol,
            mid: section.mid.as_deref(),
        };
        match (answered, section.rtp(), self.at_index(index)) {
            (
                Answered::Rtp {
                    codecs,
                    extensions,
                    direction,
                },
                Some(rtp),
                Some(transceiver),
            ) => {
                let (rids, simulcast) = answered_simulcast(rtp, transceiver, answered);
                let answer = RtpSection {
                    kind: rtp.kind,
                    direction: *direction,
                    codecs,
                    extensions,
                    sender: &transceiver.sender,
                    cname: &self.configuration.cname,
                    rids,
                    simulcast,
                    rtcp_rsize: bundle::has_in_group(offer, section, |t| t.rtcp_rsize),
                };
                write::rtp(head, transport, &answer)
            }
            (Answered::Sctp(sctp), _, _) => {
                // The old form has the port as its format; ours, as we answer.
                let formats = match sctp.legacy {
                    true => vec![sctp.parameters.port.to_string()],
                    false => section.formats.clone(),
                };
                // What was considered has the offer's INIT: ours is said where there is one.
                let wanted = sctp.init.is_some();
                let own = self.own_sctp_init(index, transport.local);
                let sctp = Sctp {
                    init: own.filter(|_| wanted),
                    ..sctp.clone()
                };
                write::sctp(head, transport, &formats, &sctp)
            }
            _ => write::rejected(head, &section.formats),
        }
    }

    /// Decides section by section, then on the transport (RFC 9429, section 5.3.1).
    pub(crate) fn plan_answer(&self, offer: &Session) -> Result<AnswerPlan, DescriptionError> {
        let mut sections: Vec<Answered> = offer
            .sections
            .iter()
            .enumerate()
            .map(|(index, section)| self.consider(offer, index, section))
            .collect();
        let acceptable: Vec<bool> = sections
            .iter()
            .map(|answered| !matches!(answered, Answered::Rejected))
            .collect();
        let bundle = bundle::choose(offer, &acceptable);
        for (index, answered) in sections.iter_mut().enumerate() {
            if !bundle
                .as_ref()
                .is_some_and(|bundle| bundle.members.contains(&index))
            {
                *answered = Answered::Rejected;
            }
        }
        let plan = AnswerPlan { bundle, sections };
        if let Some(source) = plan.source(offer) {
            bundle::check(source)?;
            bundle::role_for_offer(source, None)?;
        }
        Ok(plan)
    }

    fn consider(&self, offer: &Session, index: usize, section: &Section) -> Answered {
        match &section.content {
            Content::Rtp(rtp) => self.consider_rtp(offer, index, section, rtp),
            Content::Sctp(offered) => {
                // There is one association: the first data section has it.
                let first = offer
                    .sections
                    .iter()
                    .position(|section| section.sctp().is_some());
                if first != Some(index) {
                    return Answered::Rejected;
                }
                let parameters = self.configuration.sctp;
                Answered::Sctp(Sctp {
                    parameters,
                    legacy: offered.legacy,
                    init: offered.init.clone(),
                })
            }
            Content::Other => Answered::Rejected,
        }
    }

    fn consider_rtp(
        &self,
        offer: &Session,
        index: usize,
        section: &Section,
        rtp: &Rtp,
    ) -> Answered {
        let Some(transceiver) = self.at_index(index).filter(|found| !found.is_stopped()) else {
            return Answered::Rejected;
        };
        // RTCP has no component of its own here.
        if !bundle::has_in_group(offer, section, |transport| transport.rtcp_mux) {
            return Answered::Rejected;
        }
        let (ours, preferred) = self.codecs_of(transceiver);
        let codecs = codec::answer(&ours, &rtp.codecs, preferred);
        if codecs.iter().all(codec::is_auxiliary) {
            return Answered::Rejected;
        }
        let direction = rtp.direction.reversed().intersection(transceiver.direction);
        Answered::Rtp {
            codecs,
            extensions: self.answered_extensions(rtp),
            direction,
        }
    }

    /// Those that both know, with the offer's ids, and the directions turned round (RFC 8285,
    /// section 6).
    fn answered_extensions(&self, rtp: &Rtp) -> Vec<Extension> {
        let known = &self.configuration.capabilities.header_extensions;
        let both = |extension: &&Extension| {
            known
                .iter()
                .any(|known| known.kind == rtp.kind && known.uri == extension.uri)
        };
        let offered = rtp.extensions.iter().filter(both);
        offered
            .map(|extension| Extension {
                direction: extension.direction.reversed(),
                ..extension.clone()
            })
            .collect()
    }
}

impl AnswerPlan {
    /// The section whose transport attributes hold.
    pub(crate) fn source<'a>(&self, offer: &'a Session) -> Option<&'a Section> {
        offer.sections.get(self.bundle.as_ref()?.source)
    }
}

/// The rids and the simulcast of an answer: what is offered to be sent is received, and what is wanted
/// is sent if we have encodings of these names (RFC 8853, section 5.3). Without the extension that
/// carries rids there is no simulcast.
fn answered_simulcast(
    offered: &Rtp,
    transceiver: &Transceiver,
    answered: &Answered,
) -> (Vec<RidLine>, (Vec<String>, Vec<String>)) {
    let Answered::Rtp {
        codecs,
        extensions,
        direction,
    } = answered
    else {
        return Default::default();
    };
    if !extensions.iter().any(|extension| extension.uri == RID_URI) {
        return Default::default();
    }
    let named = |list: &[String], way: RidDirection| -> Vec<RidLine> {
        let wanted = |rid: &&RidLine| rid.direction == way && list.contains(&rid.id);
        offered.rids.iter().filter(wanted).cloned().collect()
    };
    let (offered_send, offered_recv) = &offered.simulcast;
    let mut receive = named(offered_send, RidDirection::Send);
    let mut send = named(offered_recv, RidDirection::Recv);
    let ours = transceiver.rids();
    receive.retain(|_| direction.receives());
    send.retain(|rid| direction.sends() && ours.contains(&rid.id.as_str()));
    let ids = |rids: &[RidLine]| rids.iter().map(|rid| rid.id.clone()).collect::<Vec<_>>();
    let simulcast = (ids(&send), ids(&receive));
    let mut rids: Vec<RidLine> = send.into_iter().chain(receive).collect();
    for rid in &mut rids {
        rid.direction = rid.direction.reversed();
        rid.payload_types
            .retain(|pt| codecs.iter().any(|codec| codec.payload_type == *pt));
    }
    (rids, simulcast)
}
