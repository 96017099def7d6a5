use gannet_ortc::parameters::{
    Direction, MediaKind, RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters,
};

use crate::section::Session;
use crate::{
    Configuration, Description, DtlsRole, Fingerprint, IceParameters, IceRole, SenderInit,
    SignalingState, Transceiver, TransceiverError, TransceiverId, codec,
};

/// One side of an exchange of offers and answers, over one bundled transport.
///
/// It is a value: no socket, no clock, no randomness. Its methods are of these kinds:
/// - what the user wants: [`add_track`](Self::add_track), [`add_transceiver`](Self::add_transceiver),
///   [`set_direction`](Self::set_direction), [`stop`](Self::stop),
///   [`open_data`](Self::open_data), [`restart_ice`](Self::restart_ice), ...;
/// - descriptions: [`create_offer`](Self::create_offer), [`create_answer`](Self::create_answer),
///   [`set_local`](Self::set_local), [`set_remote`](Self::set_remote), the last two of which return the
///   [`Changes`](crate::Changes) that the transport and the media have to follow;
/// - candidates: [`add_remote_candidate`](Self::add_remote_candidate),
///   [`add_local_candidate`](Self::add_local_candidate);
/// - what is: [`signaling_state`](Self::signaling_state), [`transceivers`](Self::transceivers),
///   [`negotiation_needed`](Self::negotiation_needed), the descriptions.
#[derive(Debug, Clone)]
pub struct Jsep {
    pub(crate) configuration: Configuration,
    pub(crate) state: SignalingState,
    pub(crate) transceivers: Vec<Transceiver>,
    pub(crate) next_transceiver: u32,
    pub(crate) next_mid: u32,
    /// A data section is wished for.
    pub(crate) wants_data: bool,
    /// Where the data section is.
    pub(crate) data: Option<DataSection>,
    pub(crate) wants_restart: bool,
    pub(crate) session_version: u64,
    pub(crate) created_offer: Option<CreatedOffer>,
    pub(crate) created_answer: Option<String>,
    pub(crate) current_local: Option<Stored>,
    pub(crate) pending_local: Option<Stored>,
    pub(crate) current_remote: Option<Stored>,
    pub(crate) pending_remote: Option<Stored>,
    pub(crate) agreed: Option<Agreed>,
    /// How things stood when the exchange that is under way began.
    pub(crate) snapshot: Option<Snapshot>,
}

/// A description that was applied, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) description: Description,
    pub(crate) session: Session,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSection {
    pub(crate) index: usize,
    pub(crate) mid: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct CreatedOffer {
    pub(crate) sdp: String,
    pub(crate) slots: Vec<Slot>,
}

/// What a section of an offer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    Transceiver(TransceiverId, String),
    Data(String),
    Rejected,
}

/// The transport as it was agreed on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) local_ice: IceParameters,
    pub(crate) remote_ice: IceParameters,
    pub(crate) ice_role: IceRole,
    pub(crate) dtls_role: DtlsRole,
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) tls_id: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) transceivers: Vec<Transceiver>,
    pub(crate) data: Option<DataSection>,
    pub(crate) agreed: Option<Agreed>,
    /// Transceivers that the remote offer has made.
    pub(crate) created: Vec<TransceiverId>,
}

impl Jsep {
    /// A side that has no description yet.
    #[must_use]
    pub fn new(configuration: Configuration) -> Self {
        Self {
            configuration,
            state: SignalingState::Stable,
            transceivers: Vec::new(),
            next_transceiver: 0,
            next_mid: 0,
            wants_data: false,
            data: None,
            wants_restart: false,
            session_version: 0,
            created_offer: None,
            created_answer: None,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            agreed: None,
            snapshot: None,
        }
    }

    /// The state of the exchange.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// The transceivers, in the order in which they were made.
    pub fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.transceivers.iter()
    }

    /// A transceiver by its name.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers
            .iter()
            .find(|transceiver| transceiver.id == id)
    }

    /// The description of the last exchange that was completed: W3C's `currentLocalDescription`.
    #[must_use]
    pub fn current_local_description(&self) -> Option<&Description> {
        self.current_local
            .as_ref()
            .map(|stored| &stored.description)
    }

    /// The description of the exchange that is under way: W3C's `pendingLocalDescription`.
    #[must_use]
    pub fn pending_local_description(&self) -> Option<&Description> {
        self.pending_local
            .as_ref()
            .map(|stored| &stored.description)
    }

    /// The pending description if there is one, else the current one: W3C's `localDescription`.
    #[must_use]
    pub fn local_description(&self) -> Option<&Description> {
        self.pending_local_description()
            .or_else(|| self.current_local_description())
    }

    /// The other side's description of the last exchange that was completed.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<&Description> {
        self.current_remote
            .as_ref()
            .map(|stored| &stored.description)
    }

    /// The other side's description of the exchange that is under way.
    #[must_use]
    pub fn pending_remote_description(&self) -> Option<&Description> {
        self.pending_remote
            .as_ref()
            .map(|stored| &stored.description)
    }

    /// The other side's pending description if there is one, else its current one.
    #[must_use]
    pub fn remote_description(&self) -> Option<&Description> {
        self.pending_remote_description()
            .or_else(|| self.current_remote_description())
    }

    /// Whether the other side takes candidates apart from descriptions: W3C's `canTrickleIceCandidates`.
    #[must_use]
    pub fn can_trickle(&self) -> Option<bool> {
        let remote = self
            .pending_remote
            .as_ref()
            .or(self.current_remote.as_ref())?;
        Some(
            remote
                .session
                .sections
                .iter()
                .any(|section| section.transport.trickle),
        )
    }

    /// Sends a track, over a transceiver that has none yet and never sent, else over a new one (W3C's
    /// `addTrack`).
    pub fn add_track(&mut self, kind: MediaKind, sender: SenderInit) -> TransceiverId {
        let free = self.transceivers.iter_mut().find(|transceiver| {
            transceiver.kind == kind
                && !transceiver.has_track
                && !transceiver.has_sent
                && !transceiver.is_stopped()
        });
        if let Some(transceiver) = free {
            transceiver.has_track = true;
            transceiver.by_track = true;
            transceiver.sender = sender;
            transceiver.direction = Direction::new(true, transceiver.direction.receives());
            return transceiver.id;
        }
        let id = self.add_transceiver(kind, Direction::SendRecv, sender);
        if let Some(transceiver) = self.transceiver_mut(id) {
            transceiver.by_track = true;
        }
        id
    }

    /// Stops sending a track (W3C's `removeTrack`).
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        let transceiver = self.living(id)?;
        transceiver.has_track = false;
        transceiver.direction = Direction::new(false, transceiver.direction.receives());
        Ok(())
    }

    /// A new transceiver (W3C's `addTransceiver`). Remote offers do not use it, unless a track was
    /// added by [`add_track`](Self::add_track).
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        direction: Direction,
        sender: SenderInit,
    ) -> TransceiverId {
        let id = TransceiverId(self.next_transceiver);
        self.next_transceiver = self.next_transceiver.wrapping_add(1);
        let has_track = direction.sends();
        self.transceivers.push(Transceiver {
            sender,
            has_track,
            ..Transceiver::new(id, kind, direction)
        });
        id
    }

    /// Wishes for another direction, from the next description on.
    pub fn set_direction(
        &mut self,
        id: TransceiverId,
        direction: Direction,
    ) -> Result<(), TransceiverError> {
        self.living(id)?.direction = direction;
        Ok(())
    }

    /// What the transceiver sends, from the next description on.
    pub fn set_sender(
        &mut self,
        id: TransceiverId,
        sender: SenderInit,
    ) -> Result<(), TransceiverError> {
        let transceiver = self.living(id)?;
        transceiver.sender = sender;
        transceiver.has_track = true;
        Ok(())
    }

    /// The only codecs to use, in this order, from the next description on; none for all of them (W3C's
    /// `setCodecPreferences`). Codecs of the other kind are left out.
    pub fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: Vec<RtpCodecCapability>,
    ) -> Result<(), TransceiverError> {
        let transceiver = self.living(id)?;
        let kind = transceiver.kind;
        transceiver.preferences = codecs;
        transceiver.preferences.retain(|codec| codec.kind == kind);
        Ok(())
    }

    /// Stops a transceiver for good. The next description rejects its section, which a later one may
    /// use again.
    pub fn stop(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        let transceiver = self.living(id)?;
        transceiver.stopping = true;
        transceiver.direction = Direction::Inactive;
        // What no description knows is gone at once.
        transceiver.stopped = transceiver.index.is_none();
        Ok(())
    }

    /// Wishes for a data section, from the next offer on.
    pub fn open_data(&mut self) {
        self.wants_data = true;
    }

    /// Whether there is a data section, or will be one with the next offer.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.data.is_some() || self.wants_data
    }

    /// Wishes for an ICE restart. The next offer needs new local credentials.
    pub fn restart_ice(&mut self) {
        self.wants_restart = self.agreed.is_some();
    }

    pub(crate) fn living(
        &mut self,
        id: TransceiverId,
    ) -> Result<&mut Transceiver, TransceiverError> {
        self.transceivers
            .iter_mut()
            .find(|transceiver| transceiver.id == id && !transceiver.is_stopped())
            .ok_or(TransceiverError(id))
    }

    pub(crate) fn transceiver_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        self.transceivers
            .iter_mut()
            .find(|transceiver| transceiver.id == id)
    }

    /// The transceiver of a section.
    pub(crate) fn at_index(&self, index: usize) -> Option<&Transceiver> {
        self.transceivers
            .iter()
            .find(|transceiver| transceiver.index == Some(index))
    }

    /// What a transceiver may use, and whether its user has chosen it.
    pub(crate) fn codecs_of(&self, transceiver: &Transceiver) -> (Vec<RtpCodecParameters>, bool) {
        if transceiver.preferences.is_empty() {
            return (
                codec::of_kind(&self.configuration.capabilities, transceiver.kind),
                false,
            );
        }
        (
            transceiver
                .preferences
                .iter()
                .map(codec::from_capability)
                .collect(),
            true,
        )
    }

    /// A name for a section that no other section has, nor any of a description that comes.
    pub(crate) fn new_mid(&mut self, coming: Option<&Session>) -> String {
        loop {
            let mid = self.next_mid.to_string();
            self.next_mid = self.next_mid.wrapping_add(1);
            let stored = [
                &self.current_local,
                &self.pending_local,
                &self.current_remote,
                &self.pending_remote,
            ];
            let sessions = stored
                .into_iter()
                .flatten()
                .map(|stored| &stored.session)
                .chain(coming);
            let named = self
                .transceivers
                .iter()
                .filter_map(|found| found.mid.as_ref());
            if !sessions
                .into_iter()
                .any(|session| session.index_of(&mid).is_some())
                && !named.into_iter().any(|taken| *taken == mid)
            {
                return mid;
            }
        }
    }

    /// The encodings that are sent: those of a simulcast that was agreed on, else the first one.
    pub(crate) fn sent_encodings(
        transceiver: &Transceiver,
        rids: &[String],
    ) -> Vec<RtpEncodingParameters> {
        let encodings = &transceiver.sender.encodings;
        if rids.is_empty() {
            let first = encodings.first().cloned().unwrap_or_default();
            return vec![RtpEncodingParameters { rid: None, ..first }];
        }
        let agreed = |encoding: &&RtpEncodingParameters| {
            encoding.rid.as_ref().is_some_and(|rid| rids.contains(rid))
        };
        encodings.iter().filter(agreed).cloned().collect()
    }
}
