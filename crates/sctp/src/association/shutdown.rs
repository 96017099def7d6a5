//! Ending an association: shutdown and abort (RFC 9260, section 9).

use std::time::Instant;

use super::core::Reply;
use super::state::{Phase, State};
use super::{Association, Flow};
use crate::CloseReason;
use crate::packet::{ErrorCause, Shutdown, ShutdownComplete, WriteChunk};
use crate::timer::Timer;

impl Association {
    /// The user wants to shut down (section 9.2).
    pub(super) fn start_shutdown(&mut self, now: Instant) {
        match &mut self.state {
            State::New => self.close(CloseReason::Shutdown),
            // What was queued is sent first, so the association is set up first.
            State::CookieWait(_) | State::CookieEchoed(_) => self.shutdown_wanted = true,
            State::Open(tcb) if tcb.phase == Phase::Established => {
                tcb.phase = Phase::ShutdownPending;
                self.advance_shutdown(now);
            }
            State::Open(_) | State::Closed(_) => {}
        }
    }

    /// The user wants the end now (section 9.1).
    pub(super) fn start_abort(&mut self, reason: &str) {
        let reason = reason.as_bytes();
        let reason = reason.get(..reason.len().min(200)).unwrap_or_default();
        self.send_abort(&ErrorCause::UserInitiatedAbort(reason));
        self.close(CloseReason::Aborted);
    }

    /// Goes on with a shutdown when everything that we have sent is acknowledged.
    pub(super) fn advance_shutdown(&mut self, now: Instant) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        if !tcb.sender.all_acknowledged() || !self.core.queue.is_empty() {
            return;
        }
        match tcb.phase {
            Phase::ShutdownPending => {
                tcb.phase = Phase::ShutdownSent;
                // Section 9.2: the guard is five times RTO.Max.
                let guard = self.core.config.rto_max * 5;
                self.core.timers.set(Timer::ShutdownGuard, now + guard);
            }
            Phase::ShutdownReceived => tcb.phase = Phase::ShutdownAckSent,
            Phase::Established | Phase::ShutdownSent | Phase::ShutdownAckSent => return,
        }
        tcb.shutdown_due = true;
        self.core.timers.stop(Timer::Heartbeat);
        let rto = tcb.sender.rtt().rto();
        self.core.timers.set(Timer::Shutdown, now + rto);
    }

    /// T2-shutdown has run out.
    pub(super) fn on_shutdown_timeout(&mut self, now: Instant) {
        let max = self.core.config.max_retransmissions;
        let Some(tcb) = self.open_tcb() else {
            return;
        };
        let errors = tcb.sender.count_error();
        if errors > max {
            self.close(CloseReason::PeerUnreachable(errors));
            return;
        }
        tcb.shutdown_due = true;
        tcb.sender.back_off();
        let rto = tcb.sender.rtt().rto();
        self.core.timers.set(Timer::Shutdown, now + rto);
    }

    /// T5-shutdown-guard has run out.
    pub(super) fn on_shutdown_guard_timeout(&mut self) {
        self.abort_for("the shutdown took too long");
    }

    pub(super) fn handle_shutdown(&mut self, now: Instant, shutdown: Shutdown) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        let mut cx = self.core.send_context(now);
        tcb.sender
            .on_cumulative_ack(&mut cx, shutdown.cumulative_tsn_ack);
        match tcb.phase {
            Phase::Established | Phase::ShutdownPending => tcb.phase = Phase::ShutdownReceived,
            // Both want to shut down: SHUTDOWN ACK answers at once.
            Phase::ShutdownSent => {
                tcb.phase = Phase::ShutdownAckSent;
                tcb.shutdown_due = true;
                let rto = tcb.sender.rtt().rto();
                self.core.timers.set(Timer::Shutdown, now + rto);
            }
            Phase::ShutdownReceived => {}
            Phase::ShutdownAckSent => tcb.shutdown_due = true,
        }
        self.advance_shutdown(now);
        Flow::Continue
    }

    pub(super) fn handle_shutdown_ack(&mut self) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        if !matches!(tcb.phase, Phase::ShutdownSent | Phase::ShutdownAckSent) {
            return Flow::Continue;
        }
        let verification_tag = tcb.peer_tag;
        let mut chunk = Vec::new();
        ShutdownComplete {
            tag_reflected: false,
        }
        .write(&mut chunk);
        self.core.replies.clear();
        self.core.replies.push(Reply::Packet {
            verification_tag,
            chunk,
        });
        self.close(CloseReason::Shutdown);
        Flow::Stop
    }

    pub(super) fn handle_shutdown_complete(&mut self) -> Flow {
        if let State::Open(tcb) = &self.state
            && tcb.phase == Phase::ShutdownAckSent
        {
            self.close(CloseReason::Shutdown);
            return Flow::Stop;
        }
        Flow::Continue
    }

    /// SHUTDOWN ACK is sent again.
    pub(super) const fn repeat_shutdown_ack(&mut self) {
        if let Some(tcb) = self.open_tcb() {
            tcb.shutdown_due = true;
        }
    }
}
