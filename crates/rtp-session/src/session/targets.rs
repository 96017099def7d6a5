//! Who gets how much of the bandwidth.

use super::RtpSession;
use crate::event::Event;
use crate::parameters::SenderId;

/// What is set aside for each stream of audio, in bits per second: Opus and its headers.
const AUDIO_SHARE: u64 = 60_000;

/// An encoder is told when its share has changed by more than a twentieth.
const CHANGE: u64 = 20;

/// No encoder is told less than this.
const LEAST: u64 = 30_000;

/// What the shares depend on, beside the estimate: it is counted anew when the senders have changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Targets {
    pub(super) stale: bool,
    /// How many senders of audio have sent.
    audio: u64,
    /// What was divided last, in bits per second.
    divided: Option<u64>,
}

impl RtpSession {
    /// There are other senders, or they were told something else.
    pub(super) fn senders_changed(&mut self) {
        self.targets.stale = true;
        self.update_targets();
    }

    /// Divides the target among the encoders of video, and tells those whose share has changed.
    pub(super) fn update_targets(&mut self) {
        if self.targets.stale {
            let demand = self.demand();
            self.send_side.set_demand(demand);
            let senders = self.senders.values();
            let audio = senders.filter(|sender| !sender.is_video() && sender.has_sent());
            self.targets = Targets {
                audio: audio.count() as u64,
                ..Targets::default()
            };
        }
        let target = self.send_side.target(self.now);
        self.pacer.set_bitrate(target);
        // What is sent again takes its part of the bandwidth: a queue that overflows is given time to
        // drain. Never more than half: a target that is too low for all leaves something to each.
        let overhead =
            self.targets.audio * AUDIO_SHARE + self.pacer.retransmission_bitrate(self.now);
        let video = target.saturating_sub(overhead).max(target / 2);
        if self.targets.divided.replace(video) == Some(video) {
            return;
        }
        for (id, share) in self.shares(video) {
            let Some(sender) = self.senders.get_mut(&id) else {
                continue;
            };
            if share.abs_diff(sender.target) > sender.target / CHANGE {
                sender.target = share;
                self.push_event(Event::TargetBitrate {
                    sender: id,
                    bitrate: share,
                });
            }
        }
    }

    /// Equal shares; what one may not take is left to the others.
    fn shares(&self, mut left: u64) -> Vec<(SenderId, u64)> {
        let mut senders: Vec<_> = self
            .senders
            .values()
            .filter(|sender| sender.is_video())
            .map(|sender| (sender.id, sender.parameters.max_bitrate.unwrap_or(u64::MAX)))
            .collect();
        senders.sort_by_key(|(_, max)| *max);
        let mut count = senders.len() as u64;
        for (_, max) in &mut senders {
            let share = (left / count).min(*max);
            left -= share;
            count -= 1;
            *max = share.max(LEAST);
        }
        senders
    }
}
