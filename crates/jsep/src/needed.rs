use crate::section::Section;
use crate::{Jsep, SignalingState, Transceiver};

impl Jsep {
    /// Whether what is wished for differs from what was agreed on (webrtc-pc, section 4.7.3). It is
    /// meaningful in the stable state, and false in any other.
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        if self.state != SignalingState::Stable {
            return false;
        }
        let data_missing = self.wants_data && self.data.is_none();
        self.wants_restart || data_missing || self.transceivers.iter().any(|t| self.differs(t))
    }

    fn differs(&self, transceiver: &Transceiver) -> bool {
        if transceiver.stopped {
            return false;
        }
        let section = |stored: &Option<crate::jsep::Stored>| -> Option<Section> {
            stored
                .as_ref()?
                .session
                .sections
                .get(transceiver.index?)
                .cloned()
        };
        let (Some(local), Some(remote)) =
            (section(&self.current_local), section(&self.current_remote))
        else {
            return true;
        };
        if transceiver.stopping {
            return true;
        }
        let (Some(ours), Some(theirs)) = (local.rtp(), remote.rtp()) else {
            return true;
        };
        let streams = &transceiver.sender.streams;
        if transceiver.direction.sends() && ours.direction.sends() && ours.streams != *streams {
            return true;
        }
        let answered = self
            .current_local
            .as_ref()
            .is_some_and(|stored| stored.description.kind != crate::SdpType::Offer);
        if answered {
            ours.direction
                != theirs
                    .direction
                    .reversed()
                    .intersection(transceiver.direction)
        } else {
            ours.direction != transceiver.direction
                && theirs.direction.reversed() != transceiver.direction
        }
    }
}
