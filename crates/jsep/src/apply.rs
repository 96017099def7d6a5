//! Descriptions become the state (RFC 9429, sections 5.5 to 5.11).

use gannet_ortc::parameters::Direction;

use crate::jsep::{Agreed, DataSection, Slot, Snapshot, Stored};
use crate::section::{Rtp, Section, Session};
use crate::{
    Changes, Description, DescriptionError, DtlsRole, Jsep, RemoteTrack, SdpType, SetLocalError,
    SetRemoteError, SignalingState, Transceiver, TransceiverId,
};

impl Jsep {
    /// Applies our own description: one that was created last (an answer may have been made a
    /// provisional one), or a rollback. If it fails, nothing has changed.
    pub fn set_local(&mut self, description: &Description) -> Result<Changes, SetLocalError> {
        use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, Stable};
        let kind = description.kind;
        let fits = match kind {
            SdpType::Offer => matches!(self.state, Stable | HaveLocalOffer),
            SdpType::Pranswer | SdpType::Answer => {
                matches!(self.state, HaveRemoteOffer | HaveLocalPranswer)
            }
            SdpType::Rollback => self.state != Stable,
        };
        if !fits {
            return Err(SetLocalError::State {
                kind,
                state: self.state,
            });
        }
        let mut next = self.clone();
        let changes = match kind {
            SdpType::Rollback => next.roll_back(),
            SdpType::Offer => next.apply_local_offer(description)?,
            SdpType::Pranswer | SdpType::Answer => next.apply_local_answer(description)?,
        };
        *self = next;
        Ok(changes)
    }

    /// Applies the other side's description. An offer that meets one of ours rolls that back. If it
    /// fails, nothing has changed.
    pub fn set_remote(&mut self, description: &Description) -> Result<Changes, SetRemoteError> {
        use SignalingState::{HaveLocalOffer, HaveRemoteOffer, HaveRemotePranswer, Stable};
        let kind = description.kind;
        let fits = match kind {
            SdpType::Offer => matches!(self.state, Stable | HaveRemoteOffer | HaveLocalOffer),
            SdpType::Pranswer | SdpType::Answer => {
                matches!(self.state, HaveLocalOffer | HaveRemotePranswer)
            }
            SdpType::Rollback => self.state != Stable,
        };
        if !fits {
            return Err(SetRemoteError::State {
                kind,
                state: self.state,
            });
        }
        let mut next = self.clone();
        let changes = match kind {
            SdpType::Rollback => next.roll_back(),
            SdpType::Offer => next.apply_remote_offer(description)?,
            SdpType::Pranswer | SdpType::Answer => next.apply_remote_answer(description)?,
        };
        *self = next;
        Ok(changes)
    }

    fn apply_local_offer(&mut self, description: &Description) -> Result<Changes, SetLocalError> {
        let kind = SdpType::Offer;
        let created = self
            .created_offer
            .clone()
            .filter(|offer| offer.sdp == description.sdp);
        let Some(created) = created else {
            return Err(SetLocalError::Modified { kind });
        };
        let session = Session::read(&description.sdp)?;
        self.remember();
        for (index, slot) in created.slots.into_iter().enumerate() {
            match slot {
                Slot::Transceiver(id, mid) => self.associate(id, index, mid),
                Slot::Data(mid) => {
                    self.vacate(index, None);
                    self.data = Some(DataSection {
                        index,
                        mid: Some(mid),
                    })
                }
                Slot::Rejected => {}
            }
        }
        self.pending_local = Some(Stored {
            description: description.clone(),
            session,
        });
        self.state = SignalingState::HaveLocalOffer;
        Ok(Changes::new(self.state))
    }

    fn apply_local_answer(&mut self, description: &Description) -> Result<Changes, SetLocalError> {
        let kind = description.kind;
        if self.created_answer.as_ref() != Some(&description.sdp) {
            return Err(SetLocalError::Modified { kind });
        }
        let session = Session::read(&description.sdp)?;
        self.pending_local = Some(Stored {
            description: description.clone(),
            session,
        });
        Ok(self.agree(kind, true)?)
    }

    fn apply_remote_offer(
        &mut self,
        description: &Description,
    ) -> Result<Changes, DescriptionError> {
        let session = Session::read(&description.sdp)?;
        let mut undone = Changes::new(self.state);
        if self.state == SignalingState::HaveLocalOffer {
            undone = self.roll_back();
        }
        self.check_later_offer(&session)?;
        self.remember();
        self.state = SignalingState::HaveRemoteOffer;
        let mut changes = Changes::new(self.state);
        changes.removed = undone.removed;
        changes.tracks_removed = undone.tracks_removed;
        self.associate_remote(&session, &mut changes);
        let plan = self.plan_answer(&session)?;
        if let Some(source) = plan.source(&session) {
            changes.remote_ice_restart = self.restarts(source);
            self.check_dtls(source, changes.remote_ice_restart)?;
        }
        for (index, section) in session.sections.iter().enumerate() {
            let direction = section
                .rtp()
                .map_or(Direction::Inactive, |rtp| rtp.direction);
            self.announce(index, section.rtp(), direction, &mut changes);
        }
        self.pending_remote = Some(Stored {
            description: description.clone(),
            session,
        });
        Ok(changes)
    }

    fn apply_remote_answer(
        &mut self,
        description: &Description,
    ) -> Result<Changes, DescriptionError> {
        let session = Session::read(&description.sdp)?;
        if let Some(offer) = &self.pending_local {
            check_answer(&offer.session, &session)?;
        }
        self.pending_remote = Some(Stored {
            description: description.clone(),
            session,
        });
        self.agree(description.kind, false)
    }

    /// Both descriptions are there: says what they mean together, and ends the exchange if the answer
    /// is final.
    fn agree(&mut self, kind: SdpType, answered: bool) -> Result<Changes, DescriptionError> {
        let (Some(local), Some(remote)) = (self.pending_local.clone(), self.pending_remote.clone())
        else {
            return Ok(Changes::new(self.state));
        };
        let mut changes = self.plan(&local.session, &remote.session, answered)?;
        self.follow(&remote.session, answered, &mut changes);
        if kind == SdpType::Pranswer {
            self.state = if answered {
                SignalingState::HaveLocalPranswer
            } else {
                SignalingState::HaveRemotePranswer
            };
        } else {
            self.current_local = self.pending_local.take();
            self.current_remote = self.pending_remote.take();
            self.snapshot = None;
            self.created_offer = None;
            self.created_answer = None;
            self.state = SignalingState::Stable;
        }
        changes.signaling_state = self.state;
        Ok(changes)
    }

    /// The transceivers follow what was agreed on.
    fn follow(&mut self, remote: &Session, answered: bool, changes: &mut Changes) {
        for (index, section) in remote.sections.iter().enumerate() {
            let agreed = changes
                .media
                .iter()
                .find(|media| media.index == index)
                .cloned();
            let dead = agreed.is_none();
            let Some(transceiver) = self
                .transceivers
                .iter_mut()
                .find(|found| found.index == Some(index))
            else {
                continue;
            };
            if let Some(media) = &agreed {
                transceiver.current_direction = Some(media.direction);
                transceiver.has_sent |= media.direction.sends();
            } else if dead && !transceiver.stopped {
                transceiver.current_direction = None;
                transceiver.stopped = true;
                transceiver.stopping = true;
                changes.stopped.push(transceiver.id);
            }
            let receives = agreed
                .as_ref()
                .is_some_and(|media| media.direction.receives());
            // An answer of ours changes nothing for the remote track, but what we do not take.
            let seen = Direction::new(receives, false);
            if !answered || !receives {
                self.announce(index, section.rtp(), seen, changes);
            }
        }
        if changes.sctp.is_none() && self.data.take().is_some() {
            self.wants_data = false;
        }
    }

    /// Says which remote tracks begin and end (webrtc-pc, section 5.1.1). The direction is that of
    /// the remote description.
    fn announce(
        &mut self,
        index: usize,
        rtp: Option<&Rtp>,
        direction: Direction,
        changes: &mut Changes,
    ) {
        let found = self
            .transceivers
            .iter_mut()
            .find(|found| found.index == Some(index));
        let Some(transceiver) = found else { return };
        let streams = rtp
            .filter(|_| direction.sends())
            .map(|rtp| rtp.streams.clone());
        let id = transceiver.id;
        match (&transceiver.announced, streams) {
            (None, Some(streams)) => {
                transceiver.announced = Some(streams.clone());
                changes.tracks_added.push(RemoteTrack {
                    transceiver: id,
                    streams,
                });
            }
            (Some(before), Some(streams)) if *before != streams => {
                transceiver.announced = Some(streams.clone());
                changes.tracks_added.push(RemoteTrack {
                    transceiver: id,
                    streams,
                });
            }
            (Some(_), None) => {
                transceiver.announced = None;
                changes.tracks_removed.push(id);
            }
            _ => {}
        }
    }

    fn associate(&mut self, id: TransceiverId, index: usize, mid: String) {
        self.vacate(index, Some(id));
        if let Some(transceiver) = self.transceiver_mut(id) {
            transceiver.index = Some(index);
            transceiver.mid = Some(mid);
        }
    }

    /// A section is used again: whoever had it is gone for good.
    fn vacate(&mut self, index: usize, except: Option<TransceiverId>) {
        for other in &mut self.transceivers {
            if other.index == Some(index) && Some(other.id) != except {
                other.index = None;
                other.mid = None;
                other.stopped = true;
                other.stopping = true;
            }
        }
    }

    /// Each audio and video section gets its transceiver (RFC 9429, section 5.10).
    fn associate_remote(&mut self, session: &Session, changes: &mut Changes) {
        for (index, section) in session.sections.iter().enumerate() {
            if section.sctp().is_some() && self.data.as_ref().is_none_or(|data| data.index == index)
            {
                self.vacate(index, None);
                self.data = Some(DataSection {
                    index,
                    mid: section.mid.clone(),
                });
                continue;
            }
            let Some(rtp) = section.rtp() else { continue };
            let mid = match &section.mid {
                Some(mid) => mid.clone(),
                None => match self.at_index(index).and_then(|found| found.mid.clone()) {
                    Some(mid) => mid,
                    None => self.new_mid(Some(session)),
                },
            };
            if let Some(before) = self.at_index(index) {
                if before.mid.as_ref() == Some(&mid) {
                    continue;
                }
                self.vacate(index, None);
            }
            let free = |found: &&Transceiver| {
                found.kind == rtp.kind
                    && found.by_track
                    && found.index.is_none()
                    && !found.is_stopped()
                    && rtp.direction.receives()
            };
            let id = match self.transceivers.iter().find(free).map(|found| found.id) {
                Some(id) => id,
                None => {
                    let sender = Default::default();
                    let id = self.add_transceiver(rtp.kind, Direction::RecvOnly, sender);
                    changes.created.push(id);
                    if let Some(snapshot) = &mut self.snapshot {
                        snapshot.created.push(id);
                    }
                    id
                }
            };
            self.associate(id, index, mid);
        }
    }

    fn remember(&mut self) {
        if self.snapshot.is_none() {
            self.snapshot = Some(Snapshot {
                transceivers: self.transceivers.clone(),
                data: self.data.clone(),
                agreed: self.agreed.clone(),
                created: Vec::new(),
            });
        }
    }

    /// Back to the last stable state (RFC 9429, section 5.7).
    fn roll_back(&mut self) -> Changes {
        let mut changes = Changes::new(SignalingState::Stable);
        self.undo(&mut changes);
        self.state = SignalingState::Stable;
        self.pending_local = None;
        self.pending_remote = None;
        self.created_offer = None;
        self.created_answer = None;
        changes
    }

    fn undo(&mut self, changes: &mut Changes) {
        let Some(snapshot) = self.snapshot.take() else {
            return;
        };
        self.data = snapshot.data;
        self.agreed = snapshot.agreed;
        for transceiver in &mut self.transceivers {
            let before = snapshot
                .transceivers
                .iter()
                .find(|then| then.id == transceiver.id);
            let was_announced = transceiver.announced.is_some();
            transceiver.restore(before);
            if was_announced && transceiver.announced.is_none() {
                changes.tracks_removed.push(transceiver.id);
            }
        }
        // What the offer made is gone, unless a track was added to it meanwhile.
        let gone = |transceiver: &Transceiver| {
            snapshot.created.contains(&transceiver.id) && !transceiver.has_track
        };
        changes
            .removed
            .extend(self.transceivers.iter().filter(|t| gone(t)).map(|t| t.id));
        self.transceivers.retain(|transceiver| !gone(transceiver));
    }

    /// The transport as it was before this exchange.
    pub(crate) fn before_exchange(&self) -> Option<&Agreed> {
        match &self.snapshot {
            Some(snapshot) => snapshot.agreed.as_ref(),
            None => self.agreed.as_ref(),
        }
    }

    /// Whether a remote section has other credentials than were agreed on.
    pub(crate) fn restarts(&self, section: &Section) -> bool {
        let Some(agreed) = self.before_exchange() else {
            return false;
        };
        section.transport.ice().is_some_and(|ice| {
            ice.username_fragment != agreed.remote_ice.username_fragment
                || ice.password != agreed.remote_ice.password
        })
    }

    /// Whether a remote section has another certificate than was agreed on.
    pub(crate) fn renews_dtls(&self, section: &Section) -> bool {
        let Some(agreed) = self.before_exchange() else {
            return false;
        };
        let transport = &section.transport;
        let known = transport
            .fingerprints
            .iter()
            .any(|new| agreed.fingerprints.contains(new));
        let same_id = match (&agreed.tls_id, &transport.tls_id) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        !known || !same_id
    }

    pub(crate) fn check_dtls(
        &self,
        section: &Section,
        restarts: bool,
    ) -> Result<(), DescriptionError> {
        if self.renews_dtls(section) && !restarts {
            return Err(DescriptionError::DtlsRestart { line: section.line });
        }
        Ok(())
    }

    /// The DTLS role of an association that goes on.
    pub(crate) fn continued_role(&self, section: &Section) -> Option<DtlsRole> {
        let agreed = self.before_exchange()?;
        (!self.renews_dtls(section)).then_some(agreed.dtls_role)
    }

    /// A later offer has all sections of the description before, in their places (RFC 3264, section
    /// 8).
    fn check_later_offer(&self, offer: &Session) -> Result<(), DescriptionError> {
        let Some(before) = &self.current_local else {
            return Ok(());
        };
        let sections = &before.session.sections;
        if offer.sections.len() < sections.len() {
            let (expected, found) = (sections.len(), offer.sections.len());
            return Err(DescriptionError::SectionCount { expected, found });
        }
        let answered = self
            .current_remote
            .iter()
            .flat_map(|remote| &remote.session.sections);
        let dead: Vec<bool> = sections
            .iter()
            .zip(answered)
            .map(|(ours, theirs)| ours.rejected || theirs.rejected)
            .collect();
        for ((before, now), dead) in sections.iter().zip(&offer.sections).zip(dead) {
            // A section that either side has rejected may become anything.
            let same = before.mid == now.mid && before.media == now.media;
            if !dead && !now.rejected && !same {
                let name = |section: &Section| {
                    format!(
                        "{} {}",
                        section.media,
                        section.mid.as_deref().unwrap_or_default()
                    )
                };
                let (expected, found) = (name(before), name(now));
                let line = now.line;
                return Err(DescriptionError::SectionMismatch {
                    line,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

impl Transceiver {
    /// As it was, but for what its user has wished for meanwhile.
    fn restore(&mut self, before: Option<&Self>) {
        match before {
            Some(before) => {
                self.index = before.index;
                self.mid.clone_from(&before.mid);
                self.current_direction = before.current_direction;
                self.announced.clone_from(&before.announced);
                self.stopped = before.stopped;
                self.stopping |= before.stopping;
                self.has_sent = before.has_sent;
            }
            None => {
                self.index = None;
                self.mid = None;
                self.current_direction = None;
                self.announced = None;
            }
        }
    }
}

/// An answer has the sections of its offer (RFC 9429, section 5.8.3).
fn check_answer(offer: &Session, answer: &Session) -> Result<(), DescriptionError> {
    if offer.sections.len() != answer.sections.len() {
        let (expected, found) = (offer.sections.len(), answer.sections.len());
        return Err(DescriptionError::SectionCount { expected, found });
    }
    for (offered, answered) in offer.sections.iter().zip(&answer.sections) {
        let kind = |section: &Section| format!("{} {}", section.media, section.protocol);
        let mut names = (kind(offered), kind(answered));
        if names.0 == names.1
            && let (Some(expected), Some(found)) = (&offered.mid, &answered.mid)
        {
            names = (expected.clone(), found.clone());
        }
        if names.0 != names.1 {
            let (expected, found) = names;
            let line = answered.line;
            return Err(DescriptionError::SectionMismatch {
                line,
                expected,
                found,
            });
        }
    }
    Ok(())
}
