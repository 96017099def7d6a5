//! What two descriptions mean together (RFC 9429, section 5.11).

use gannet_ortc::parameters::{
    Direction, RtcpParameters, RtpEncodingParameters, RtpHeaderExtensionParameters, RtpParameters,
};

use crate::bundle::{self, Bundle};
use crate::jsep::Agreed;
use crate::section::{Rtp, Section, Session};
use crate::{
    Changes, DescriptionError, DtlsRole, IceRole, Jsep, MediaPlan, SctpPlan, TransportPlan, codec,
};

impl Jsep {
    /// The transport, the media and the data that an answer brings. `answered`: it is ours.
    pub(crate) fn plan(
        &mut self,
        local: &Session,
        remote: &Session,
        answered: bool,
    ) -> Result<Changes, DescriptionError> {
        let mut changes = Changes::new(self.state);
        let answer = if answered { local } else { remote };
        let alive: Vec<bool> = local
            .sections
            .iter()
            .zip(&remote.sections)
            .map(|(local, remote)| usable(local) && usable(remote))
            .collect();
        let Some(members) = bundle::choose(answer, &alive).map(|bundle| bundle.members) else {
            self.agreed = None;
            self.wants_restart = false;
            return Ok(changes);
        };
        let accepted: Vec<bool> = (0..alive.len())
            .map(|index| members.contains(&index))
            .collect();
        let Some(bundle) = bundle::choose(remote, &accepted) else {
            return Ok(changes);
        };
        changes.transport = self.transport_plan(local, remote, &bundle, answered)?;
        for index in members {
            let pair = (local.sections.get(index), remote.sections.get(index));
            let (Some(ours), Some(theirs)) = pair else {
                continue;
            };
            if let (Some(ours), Some(theirs)) = (ours.sctp(), theirs.sctp()) {
                changes.sctp = Some(SctpPlan {
                    mid: answer_mid(answer, index),
                    index,
                    local: ours.parameters,
                    remote: theirs.parameters,
                    remote_init: ours.init.as_ref().and_then(|_| theirs.init.clone()),
                });
            }
            changes
                .media
                .extend(self.media_plan(index, local, remote, answer));
        }
        Ok(changes)
    }

    fn transport_plan(
        &mut self,
        local: &Session,
        remote: &Session,
        bundle: &Bundle,
        answered: bool,
    ) -> Result<Option<TransportPlan>, DescriptionError> {
        let Some(index) = bundle.members.first().copied() else {
            return Ok(None);
        };
        let sections = (
            local.sections.get(index),
            remote.sections.get(bundle.source),
        );
        let (Some(ours), Some(theirs)) = sections else {
            return Ok(None);
        };
        bundle::check(theirs)?;
        let (Some(local_ice), Some(remote_ice)) = (ours.transport.ice(), theirs.transport.ice())
        else {
            return Ok(None);
        };
        let before = self.before_exchange().cloned();
        let remote_changed = self.restarts(theirs);
        let local_changed = before
            .as_ref()
            .is_some_and(|then| then.local_ice != local_ice);
        if !answered {
            check_restart(theirs, local_changed, remote_changed)?;
        }
        let ice_restart = before.is_some() && remote_changed;
        self.check_dtls(theirs, ice_restart)?;
        let dtls_restart = before.is_some() && self.renews_dtls(theirs);
        let dtls_role = if answered {
            reversed(bundle::role_for_answer(ours)?)
        } else {
            let said = bundle::role_for_answer(theirs)?;
            self.continued_role(theirs).unwrap_or(said)
        };
        let ice_role = match &before {
            Some(before) => before.ice_role,
            // An ICE-lite agent is controlled (RFC 8445, section 6.1.1).
            None if remote_ice.ice_lite || !answered => IceRole::Controlling,
            None => IceRole::Controlled,
        };
        self.agreed = Some(Agreed {
            local_ice: local_ice.clone(),
            remote_ice: remote_ice.clone(),
            ice_role,
            dtls_role,
            fingerprints: theirs.transport.fingerprints.clone(),
            tls_id: theirs.transport.tls_id.clone(),
        });
        self.wants_restart &= !local_changed;
        Ok(Some(TransportPlan {
            mid: remote_mid(remote, index),
            index,
            ice_role,
            local_ice,
            remote_ice,
            remote_candidates: remote_candidates(remote, bundle),
            remote_end_of_candidates: theirs.transport.end_of_candidates,
            remote_trickle: theirs.transport.trickle,
            ice_restart,
            dtls_role,
            remote_fingerprints: theirs.transport.fingerprints.clone(),
            dtls_restart,
        }))
    }

    fn media_plan(
        &self,
        index: usize,
        local: &Session,
        remote: &Session,
        answer: &Session,
    ) -> Option<MediaPlan> {
        let transceiver = self.at_index(index)?;
        let (local_section, remote_section) =
            (local.sections.get(index)?, remote.sections.get(index)?);
        let (ours, theirs) = (local_section.rtp()?, remote_section.rtp()?);
        let direction = ours.direction.intersection(theirs.direction.reversed());
        let mid = answer_mid(answer, index);
        let rsize = |session, section| bundle::has_in_group(session, section, |t| t.rtcp_rsize);
        let reduced_size = rsize(local, local_section) && rsize(remote, remote_section);
        let rtcp = |cname: &str| RtcpParameters {
            cname: cname.to_owned(),
            reduced_size,
        };
        // What we have said that we send, and they that they receive.
        let sent: Vec<String> = ours
            .simulcast
            .0
            .iter()
            .filter(|rid| theirs.simulcast.1.contains(rid))
            .cloned()
            .collect();
        let send = RtpParameters {
            kind: ours.kind,
            mid: mid.clone(),
            codecs: codec::common(&ours.codecs, &theirs.codecs),
            header_extensions: extensions(theirs, ours, Direction::receives, Direction::sends),
            encodings: Self::sent_encodings(transceiver, &sent),
            rtcp: rtcp(&self.configuration.cname),
        };
        let receive = RtpParameters {
            kind: ours.kind,
            mid: mid.clone(),
            codecs: codec::common(&theirs.codecs, &ours.codecs),
            header_extensions: extensions(ours, theirs, Direction::receives, Direction::sends),
            encodings: received_encodings(ours, theirs),
            rtcp: rtcp(&theirs.cname),
        };
        Some(MediaPlan {
            transceiver: transceiver.id,
            mid,
            index,
            kind: ours.kind,
            direction,
            send: direction.sends().then_some(send),
            receive: direction.receives().then_some(receive),
            max_bitrate: theirs.max_bitrate,
            ptime: theirs.ptime,
        })
    }
}

/// Whether a section is there for audio, video or data.
fn usable(section: &Section) -> bool {
    !section.rejected && (section.rtp().is_some() || section.sctp().is_some())
}

/// The candidates of the section that carries the transport, or, if it has none, of any that shares it.
fn remote_candidates(remote: &Session, bundle: &Bundle) -> Vec<crate::IceCandidate> {
    let sections = std::iter::once(&bundle.source).chain(&bundle.members);
    let candidates = sections
        .filter_map(|index| remote.sections.get(*index))
        .map(|section| &section.transport.candidates);
    candidates
        .into_iter()
        .find(|list| !list.is_empty())
        .cloned()
        .unwrap_or_default()
}

/// A `mid` counts if the answer has it.
fn answer_mid(answer: &Session, index: usize) -> String {
    answer
        .sections
        .get(index)
        .and_then(|section| section.mid.clone())
        .unwrap_or_default()
}

fn remote_mid(remote: &Session, index: usize) -> String {
    answer_mid(remote, index)
}

fn reversed(role: DtlsRole) -> DtlsRole {
    match role {
        DtlsRole::Client => DtlsRole::Server,
        DtlsRole::Server => DtlsRole::Client,
    }
}

/// New credentials answer new credentials (RFC 8839, section 4.4.1).
fn check_restart(section: &Section, offered: bool, answered: bool) -> Result<(), DescriptionError> {
    let reason = match (offered, answered) {
        (true, false) => "the ICE restart was answered with the old credentials",
        (false, true) => "the ICE credentials changed without a restart in the offer",
        _ => return Ok(()),
    };
    Err(DescriptionError::IceRestart {
        line: section.line,
        reason,
    })
}

/// The extensions of the side that receives, with its ids, that both sides use that way.
fn extensions(
    receiver: &Rtp,
    sender: &Rtp,
    receives: fn(Direction) -> bool,
    sends: fn(Direction) -> bool,
) -> Vec<RtpHeaderExtensionParameters> {
    let used = |extension: &&crate::section::Extension| {
        let same = |other: &&crate::section::Extension| other.uri == extension.uri;
        let other = sender.extensions.iter().find(same);
        receives(extension.direction) && other.is_some_and(|other| sends(other.direction))
    };
    let used = receiver.extensions.iter().filter(used);
    used.map(|extension| RtpHeaderExtensionParameters {
        uri: extension.uri.clone(),
        id: extension.id,
    })
    .collect()
}

/// What the other side sends: the rids of a simulcast, else the sources that it has named.
fn received_encodings(ours: &Rtp, theirs: &Rtp) -> Vec<RtpEncodingParameters> {
    let rids: Vec<_> = theirs
        .simulcast
        .0
        .iter()
        .filter(|rid| ours.simulcast.1.contains(rid))
        .map(|rid| RtpEncodingParameters {
            rid: Some(rid.clone()),
            ..Default::default()
        })
        .collect();
    if !rids.is_empty() {
        return rids;
    }
    if theirs.encodings.is_empty() {
        return vec![RtpEncodingParameters::default()];
    }
    theirs.encodings.clone()
}
