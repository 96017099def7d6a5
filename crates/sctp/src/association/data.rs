//! Data that comes in, and acknowledgements of what went out (RFC 9260, section 6).

use std::time::Instant;

use super::state::State;
use super::{Association, Flow};
use crate::packet::{Data, ErrorCause, ForwardTsn, IData, IForwardTsn, Sack};
use crate::receive::{Arrival, DataChunk};

/// What tiny fragments may cost beyond the window that we announce, in bytes: bookkeeping that a
/// peer does not count. Above it data is dropped even where it would fill a gap.
const HEADROOM: usize = 4 * 1024 * 1024;

impl Association {
    pub(super) fn handle_data(&mut self, now: Instant, data: &Data<'_>) -> Flow {
        let Some(tcb) = self.open_tcb() else {
            return Flow::Stop;
        };
        if tcb.capabilities.interleaving {
            // RFC 8260, section 2.2.2.
            return self.abort_for("DATA where I-DATA was agreed on");
        }
        let chunk = DataChunk {
            tsn: tcb.tracker.unwrap(data.tsn),
            stream: data.stream,
            number: u32::from(data.ssn.0),
            fsn: 0,
            ppid: data.ppid,
            fragment: data.fragment,
            payload: data.payload,
        };
        self.take_data(now, &chunk)
    }

    pub(super) fn handle_idata(&mut self, now: Instant, data: &IData<'_>) -> Flow {
        let Some(tcb) = self.open_tcb() else {
            return Flow::Stop;
        };
        if !tcb.capabilities.interleaving {
            return self.abort_for("I-DATA where DATA was agreed on");
        }
        let chunk = DataChunk {
            tsn: tcb.tracker.unwrap(data.tsn),
            stream: data.stream,
            number: data.mid.0,
            fsn: data.fsn,
            ppid: data.ppid,
            fragment: data.fragment,
            payload: data.payload,
        };
        self.take_data(now, &chunk)
    }

    fn take_data(&mut self, _now: Instant, chunk: &DataChunk<'_>) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Stop;
        };
        if !Self::takes_data(tcb.phase) {
            return Flow::Continue;
        }
        let tsn = gannet_wire::Serial32(chunk.tsn as u32);
        if chunk.payload.is_empty() {
            // Section 6.2: no user data is an error that ends the association.
            self.send_abort(&ErrorCause::NoUserData(tsn.0));
            self.close(crate::CloseReason::ProtocolViolation(
                "DATA without user data",
            ));
            return Flow::Stop;
        }
        match tcb.tracker.check(chunk.tsn) {
            Arrival::New => {}
            Arrival::Duplicate => {
                tcb.tracker.duplicate(tsn);
                self.core.stats.chunks_duplicate += 1;
                return Flow::Continue;
            }
            Arrival::TooFar => {
                self.core.stats.chunks_dropped += 1;
                return Flow::Continue;
            }
        }
        let window = self.core.config.receive_window;
        let held = tcb.reassembly.held() + self.core.inbox.held();
        let full = held >= window && chunk.tsn > tcb.tracker.highest();
        if full || held >= window.saturating_mul(2) + HEADROOM {
            tcb.tracker.refused();
            self.core.stats.chunks_dropped += 1;
            return Flow::Continue;
        }
        tcb.tracker.received(chunk.tsn, chunk.fragment.immediate);
        self.core.stats.chunks_received += 1;
        if chunk.stream.0 >= tcb.inbound_streams {
            // Section 6.5: acknowledged, reported, and not delivered.
            self.report(&ErrorCause::InvalidStreamIdentifier(chunk.stream.0));
            return Flow::Continue;
        }
        if tcb.reassembly.push(chunk).is_err() {
            return self.abort_for("a message is larger than the maximum");
        }
        self.deliver();
        Flow::Continue
    }

    /// Hands whole messages to the user.
    pub(super) fn deliver(&mut self) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        while let Some(message) = tcb.reassembly.pop() {
            self.core.stats.messages_received += 1;
            self.core.inbox.push(message, &mut self.core.events);
        }
    }

    pub(super) fn handle_sack(&mut self, now: Instant, sack: &Sack<'_>) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        let mut cx = self.core.send_context(now);
        let delivered = tcb.sender.delivered();
        if tcb.sender.on_sack(&mut cx, sack).is_err() {
            return self.abort_for("SACK of data that was never sent");
        }
        if tcb.sender.delivered() > delivered
            && let Some(path) = &mut tcb.path_mtu
        {
            path.on_acknowledged();
        }
        Flow::Continue
    }

    /// RFC 3758, section 3.6.
    pub(super) fn handle_forward_tsn(&mut self, _now: Instant, forward: &ForwardTsn<'_>) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        if tcb.capabilities.interleaving || !Self::takes_data(tcb.phase) {
            return Flow::Continue;
        }
        let cumulative = tcb.tracker.unwrap(forward.new_cumulative_tsn);
        if !plausible(cumulative, tcb.tracker.cumulative()) {
            self.core.stats.packets_dropped += 1;
            return Flow::Continue;
        }
        if !tcb.tracker.skip_to(cumulative) {
            return Flow::Continue;
        }
        tcb.reassembly.forward(cumulative);
        for skipped in forward.streams.iter() {
            if skipped.stream.0 < tcb.inbound_streams {
                tcb.reassembly
                    .skip_ordered(skipped.stream, u32::from(skipped.ssn.0));
            }
        }
        self.deliver();
        Flow::Continue
    }

    /// RFC 8260, section 2.3.1.
    pub(super) fn handle_iforward_tsn(&mut self, _now: Instant, forward: &IForwardTsn<'_>) -> Flow {
        let State::Open(tcb) = &mut self.state else {
            return Flow::Continue;
        };
        if !tcb.capabilities.interleaving || !Self::takes_data(tcb.phase) {
            return Flow::Continue;
        }
        let cumulative = tcb.tracker.unwrap(forward.new_cumulative_tsn);
        if !plausible(cumulative, tcb.tracker.cumulative()) {
            self.core.stats.packets_dropped += 1;
            return Flow::Continue;
        }
        if !tcb.tracker.skip_to(cumulative) {
            return Flow::Continue;
        }
        for skipped in forward.messages.iter() {
            if skipped.stream.0 < tcb.inbound_streams {
                tcb.reassembly
                    .skip_messages(skipped.stream, skipped.unordered, skipped.mid);
            }
        }
        self.deliver();
        Flow::Continue
    }
}

/// Whether a FORWARD TSN can be true: nobody has more on its way than a SACK can report.
const fn plausible(new: u64, cumulative: u64) -> bool {
    new <= cumulative + 2 * crate::receive::TsnTracker::MAX_AHEAD
}
