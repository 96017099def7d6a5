//! Candidates apart from descriptions (RFC 8840; RFC 9429, sections 4.1.19 and 3.5.2).

use gannet_sdp::SessionDescription;
use gannet_sdp::attribute::{AttributeName, Candidate};

use crate::jsep::Stored;
use crate::offer::carries_transport;
use crate::section::{MAX_CANDIDATES, Section};
use crate::{CandidateError, CandidateOutcome, IceCandidate, IceCandidateInit, Jsep};

impl Jsep {
    /// Takes a candidate that the other side has signalled, or, with an empty text, the end of them
    /// (W3C's `addIceCandidate`). It becomes part of the remote description.
    pub fn add_remote_candidate(
        &mut self,
        init: &IceCandidateInit,
    ) -> Result<CandidateOutcome, CandidateError> {
        let text = init.candidate.trim();
        let ends = text.is_empty() || text == "candidate:" || text == "a=end-of-candidates";
        let remote = self
            .pending_remote
            .as_ref()
            .or(self.current_remote.as_ref());
        let remote = remote.ok_or(CandidateError::NoRemoteDescription)?;
        let index = match find(remote, init)? {
            Some(index) => index,
            // The end of all candidates names no section.
            None if ends => remote
                .session
                .sections
                .iter()
                .position(carries_transport)
                .unwrap_or(0),
            None => return Err(CandidateError::NoSection),
        };
        let parsed = if ends {
            None
        } else {
            Some(Candidate::parse_signalled(text)?)
        };
        let signalled = parsed.as_ref().and_then(Candidate::ufrag);
        let ufrag = init
            .username_fragment
            .as_deref()
            .or(signalled)
            .map(str::to_owned);
        let pending = self.pending_remote.is_some();
        let Some(stored) = self
            .pending_remote
            .as_mut()
            .or(self.current_remote.as_mut())
        else {
            return Err(CandidateError::NoRemoteDescription);
        };
        let Some(section) = stored.session.sections.get_mut(index) else {
            return Ok(CandidateOutcome::Ignored);
        };
        if let (Some(given), Some(known)) = (&ufrag, &section.transport.ufrag)
            && given != known
        {
            return Err(CandidateError::UnknownUfrag(given.clone()));
        }
        if section.rejected
            || parsed
                .as_ref()
                .is_some_and(|candidate| candidate.component != 1)
        {
            return Ok(CandidateOutcome::Ignored);
        }
        let candidate = parsed.as_ref().map(IceCandidate::from);
        keep(section, candidate.as_ref())?;
        edit(stored, index, candidate.as_ref());
        Ok(self.outcome(index, pending, candidate))
    }

    fn outcome(
        &self,
        index: usize,
        pending: bool,
        candidate: Option<IceCandidate>,
    ) -> CandidateOutcome {
        let stored = self
            .pending_remote
            .as_ref()
            .or(self.current_remote.as_ref());
        let ufrag = stored
            .and_then(|stored| stored.session.sections.get(index))
            .and_then(|section| section.transport.ufrag.as_ref());
        let in_use = self
            .agreed
            .as_ref()
            .map(|agreed| &agreed.remote_ice.username_fragment);
        // A section that is bundled into another one has no credentials of its own.
        let used = in_use.is_some() && (ufrag.is_none() || ufrag == in_use);
        match (used, candidate) {
            (true, Some(candidate)) => CandidateOutcome::Candidate(candidate),
            (true, None) => CandidateOutcome::EndOfCandidates,
            (false, _) if pending => CandidateOutcome::Kept,
            (false, _) => CandidateOutcome::Ignored,
        }
    }

    /// Makes a candidate of ours part of the local description, and gives the form in which it is
    /// signalled. None without a local description: the next one will have it.
    pub fn add_local_candidate(&mut self, candidate: &IceCandidate) -> Option<IceCandidateInit> {
        self.signal_local(Some(candidate))
    }

    /// There will be no more candidates of ours.
    pub fn end_local_candidates(&mut self) -> Option<IceCandidateInit> {
        self.signal_local(None)
    }

    fn signal_local(&mut self, candidate: Option<&IceCandidate>) -> Option<IceCandidateInit> {
        let stored = self
            .pending_local
            .as_mut()
            .or(self.current_local.as_mut())?;
        let index = stored.session.sections.iter().position(carries_transport)?;
        let section = stored.session.sections.get_mut(index)?;
        let _ = keep(section, candidate);
        let init = IceCandidateInit {
            candidate: candidate.map(ToString::to_string).unwrap_or_default(),
            sdp_mid: section.mid.clone(),
            sdp_m_line_index: u16::try_from(index).ok(),
            username_fragment: section.transport.ufrag.clone(),
        };
        edit(stored, index, candidate);
        Some(init)
    }
}

/// Which section a candidate is for: the `mid` counts before the index (webrtc-pc, section 4.4.2).
fn find(remote: &Stored, init: &IceCandidateInit) -> Result<Option<usize>, CandidateError> {
    let sections = &remote.session.sections;
    let index = init.sdp_m_line_index.map(usize::from);
    match (&init.sdp_mid, index) {
        (Some(mid), index) => match remote.session.index_of(mid) {
            Some(found) => Ok(Some(found)),
            // Some peers name a section that has no name by its index alone, and an empty `mid`.
            None if mid.is_empty() => Ok(index.filter(|index| *index < sections.len())),
            None => Err(CandidateError::UnknownSection(mid.clone())),
        },
        (None, Some(index)) if index < sections.len() => Ok(Some(index)),
        (None, Some(index)) => Err(CandidateError::UnknownSection(index.to_string())),
        (None, None) => Ok(None),
    }
}

fn keep(section: &mut Section, candidate: Option<&IceCandidate>) -> Result<(), CandidateError> {
    let transport = &mut section.transport;
    match candidate {
        Some(candidate) if transport.candidates.contains(candidate) => {}
        Some(_) if transport.candidates.len() >= MAX_CANDIDATES => {
            return Err(CandidateError::TooMany(MAX_CANDIDATES));
        }
        Some(candidate) => transport.candidates.push(candidate.clone()),
        None => transport.end_of_candidates = true,
    }
    Ok(())
}

/// Writes a candidate into the text.
fn edit(stored: &mut Stored, index: usize, candidate: Option<&IceCandidate>) {
    let Ok(mut sdp) = SessionDescription::parse(&stored.description.sdp) else {
        return;
    };
    let Some(media) = sdp.media.get_mut(index) else {
        return;
    };
    match candidate {
        Some(candidate) => {
            let written = |candidate: &IceCandidate| candidate.value().to_owned();
            let known = media
                .all::<Candidate<'_>>()
                .flatten()
                .map(|known| known.to_string());
            if known.into_iter().any(|known| known == written(candidate)) {
                return;
            }
            media.push_raw(&candidate.to_string());
        }
        None if media.has(AttributeName::EndOfCandidates) => return,
        None => {
            media.push_flag(AttributeName::EndOfCandidates);
        }
    }
    stored.description.sdp = sdp.to_string();
}
