//! Heartbeats: is the peer still there (RFC 9260, section 8.3)?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::state::{Phase, State};
use super::{Association, Flow};
use crate::CloseReason;
use crate::packet::{HeartbeatAck, WriteChunk};
use crate::timer::Timer;

/// What is known of the heartbeats that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    /// HEARTBEAT is to be sent.
    pub(crate) due: bool,
    /// The newest one is not answered, and its time has not run out.
    waiting: bool,
    /// Those that are not answered, the oldest first: the nonce of each, and when it was sent. An answer that comes
    /// after RTO, from behind a long queue, is one all the same.
    unanswered: VecDeque<(u64, Instant)>,
}

/// At most so many are remembered.
const MAX_UNANSWERED: usize = 16;

impl Heartbeats {
    /// The information of the HEARTBEAT that is to be sent.
    pub(crate) fn start(&mut self, now: Instant, nonce: u64) -> [u8; 8] {
        self.due = false;
        self.waiting = true;
        if self.unanswered.len() == MAX_UNANSWERED {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back((nonce, now));
        nonce.to_be_bytes()
    }

    /// Takes the information of a HEARTBEAT ACK: when the HEARTBEAT was sent, if it is one of ours.
    fn finish(&mut self, info: &[u8]) -> Option<Instant> {
        let nonce = u64::from_be_bytes(*info.first_chunk::<8>()?);
        let index = self.unanswered.iter().position(|sent| sent.0 == nonce)?;
        let (_, sent_at) = self.unanswered.drain(..=index).next_back()?;
        self.waiting &= !self.unanswered.is_empty();
        Some(sent_at)
    }

    /// How long the next one is waited for: RTO, doubled for each that was not answered (section 8.3).
    fn patience(&self, rto: Duration, rto_max: Duration) -> Duration {
        let doublings = self.unanswered.len().min(MAX_UNANSWERED) as u32;
        rto.saturating_mul(1 << doublings).min(rto_max)
    }
}

/// The longest information that is sent back.
const MAX_INFO: usize = 1024;

impl Association {
    /// Starts the wait for the next heartbeat. Section 8.3: the interval plus RTO, give or take half.
    pub(super) fn arm_heartbeat(&mut self, now: Instant) {
        let interval = self.core.config.heartbeat_interval;
        let Some(tcb) = self.open_tcb() else {
            return;
        };
        if interval.is_zero() {
            return;
        }
        let rto = tcb.sender.rtt().rto();
        let jitter = rto.mul_f64(self.core.rng.below(1000) as f64 / 1000.0);
        let at = now + interval + rto / 2 + jitter;
        self.core.timers.set(Timer::Heartbeat, at);
    }

    /// The path was idle for an interval, or a heartbeat was not answered.
    pub(super) fn on_heartbeat_timeout(&mut self, now: Instant) {
        let interval = self.core.config.heartbeat_interval;
        let max = self.core.config.max_retransmissions;
        let rto_max = self.core.config.rto_max;
        let Some(tcb) = self.open_tcb() else {
            return;
        };
        if std::mem::take(&mut tcb.heartbeats.waiting) {
            let errors = tcb.sender.count_error();
            if errors > max {
                self.close(CloseReason::PeerUnreachable(errors));
                return;
            }
        }
        let Some(tcb) = self.open_tcb() else {
            return;
        };
        let active_until = tcb.sender.idle_since() + interval;
        if active_until > now && !tcb.sender.all_acknowledged() {
            // Data is a heartbeat too.
            self.core.timers.set(Timer::Heartbeat, active_until);
            return;
        }
        tcb.heartbeats.due = tcb.phase == Phase::Established;
        // Where the answer comes in time, the next interval follows.
        let rto = tcb.sender.rtt().rto();
        let patience = tcb.heartbeats.patience(rto, rto_max);
        self.core.timers.set(Timer::Heartbeat, now + patience);
    }

    /// HEARTBEAT: its information goes back as it came.
    pub(super) fn handle_heartbeat(&mut self, info: &[u8]) -> Flow {
        if self.open_tcb().is_some() && info.len() <= MAX_INFO {
            let mut chunk = Vec::new();
            HeartbeatAck { info }.write(&mut chunk);
            self.core.replies.push(super::core::Reply::Chunk(chunk));
        }
        Flow::Continue
    }

    /// HEARTBEAT ACK: the peer is there, and the time it took is a round trip.
    pub(super) fn handle_heartbeat_ack(&mut self, now: Instant, info: &[u8]) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        if let Some(path) = &mut tcb.path_mtu
            && let Ok(nonce) = info.try_into()
            && path.on_answer(u64::from_be_bytes(nonce))
        {
            tcb.apply_path_mtu();
            tcb.sender.clear_errors();
        } else if let Some(sent_at) = tcb.heartbeats.finish(info) {
            tcb.sender.clear_errors();
            if let Some(rtt) = now.checked_duration_since(sent_at) {
                tcb.sender.sample_rtt(now, rtt.max(Duration::from_nanos(1)));
            }
            self.arm_heartbeat(now);
        }
        Flow::Continue
    }
}
