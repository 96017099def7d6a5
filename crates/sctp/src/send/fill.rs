//! Which data goes into the next packet.

use std::time::Instant;

use gannet_wire::{Serial16, Serial32};

use super::outstanding::{Heaps, Sent, State};
use super::queue::{PullContext, Pulled, QueuedFragment};
use super::recovery::Probe;
use super::sender::{SendContext, Sender};
use crate::packet::{COMMON_HEADER_LEN, Data, Fragment, IData, PacketBuilder, WriteChunk, padded};
use crate::receive::TsnTracker;
use crate::timer::Timer;

/// While so few packets are in flight and more waits, a SACK that is delayed is time that is lost (RFC 7053).
const SMALL_FLIGHT: usize = 3;

/// So often T3-rtx starts anew for the same chunk, which RFC 9260 sends again but once before it runs out. A path that
/// has become too narrow for the chunk's packet, and carries smaller ones, would keep it from running out for ever.
const MAX_T3_RESTARTS: u16 = 4;

impl Sender {
    /// Appends FORWARD TSN and as much data as may be sent and fits.
    pub(crate) fn fill(&mut self, cx: &mut SendContext<'_>, builder: &mut PacketBuilder<'_>) {
        self.fill_forward(cx, builder);
        if !self.has_data(cx) {
            self.note_idle();
            return;
        }
        self.probe_due = self.probe_packets > 0;
        if !self.probe_due && self.is_paced(cx) {
            return;
        }
        self.wake_up(cx.now);
        let before = builder.len();
        self.fill_retransmissions(cx, builder);
        self.fill_new(cx, builder, before);
        let sent = builder.len() - before;
        self.probe_due = false;
        self.probe_packets = self.probe_packets.saturating_sub(1);
        if sent == 0 {
            return;
        }
        self.pacer.on_sent(sent);
        self.last_sent = cx.now;
        self.arm_retransmission(cx.now, cx.timers, false);
        self.arm_probe(cx.now, cx.timers, !cx.queue.is_empty());
    }

    pub(super) fn has_data(&self, cx: &SendContext<'_>) -> bool {
        self.outstanding.has_lost() || !cx.queue.is_empty() || self.probe_packets > 0
    }

    /// There is nothing to send: what limits is the application.
    fn note_idle(&mut self) {
        if self.outstanding.in_flight() < self.controller.window() {
            self.window_limited = false;
            self.rate.on_app_limited(self.outstanding.in_flight());
        }
    }

    /// Whether the pacer wants to wait. It is looked at once a packet.
    pub(super) fn is_paced(&mut self, cx: &mut SendContext<'_>) -> bool {
        if !self.window_is_open() {
            self.window_limited = true;
            return true;
        }
        match self.pacer.blocked_until(cx.now) {
            None => false,
            Some(at) => {
                cx.timers.set(Timer::Pacing, at);
                true
            }
        }
    }

    /// Section 7.2.1: a window that was not used for long says nothing of the path.
    fn wake_up(&mut self, now: Instant) {
        if self.outstanding.in_flight() > 0 {
            return;
        }
        let idle = now.saturating_duration_since(self.last_sent);
        let rto = self.rtt.rto();
        if idle >= rto && self.outstanding.is_empty() {
            self.controller.on_idle(idle, rto);
        }
        self.controller.on_restart_from_idle(now);
    }

    /// Whether the congestion window lets a packet go.
    fn window_is_open(&self) -> bool {
        match &self.prr {
            Some(prr) => prr.quota() > 0,
            None => self.outstanding.in_flight() < self.controller.window(),
        }
    }

    fn may_send(&self) -> bool {
        self.probe_due || self.window_is_open()
    }

    /// Lost chunks go first, lowest TSN first (section 6.1, rule C).
    fn fill_retransmissions(&mut self, cx: &mut SendContext<'_>, builder: &mut PacketBuilder<'_>) {
        while self.may_send()
            && let Some(tsn) = self.outstanding.first_lost()
        {
            let Some(sent) = self.outstanding.get(tsn) else {
                break;
            };
            if self.partial_reliability && sent.policy.gives_up(cx.now, sent.transmissions) {
                let (stream, first_tsn) = (sent.stream, sent.first_tsn);
                self.abandon(cx, stream, first_tsn);
                continue;
            }
            if !builder.fits(sent.size as usize) {
                break;
            }
            self.resend(cx, tsn, builder);
        }
    }

    /// Sends a chunk again.
    fn resend(&mut self, cx: &mut SendContext<'_>, tsn: u64, builder: &mut PacketBuilder<'_>) {
        let in_flight = self.outstanding.in_flight();
        let Some(sent) = self.outstanding.get(tsn) else {
            return;
        };
        let (size, transmissions) = (sent.size as usize, sent.transmissions);
        write_chunk(self.interleaving, tsn, sent, builder);
        let snapshot = self.rate.on_sent(cx.now, in_flight, size);
        self.outstanding.resent(tsn, cx.now, snapshot);
        if tsn == self.outstanding.base() && transmissions <= MAX_T3_RESTARTS {
            // RFC 9260, section 7.2.4: the first outstanding chunk has all its time again.
            self.arm_retransmission(cx.now, cx.timers, true);
        }
        cx.stats.chunks_retransmitted += 1;
        self.count_sent(cx, size);
    }

    fn count_sent(&mut self, cx: &mut SendContext<'_>, size: usize) {
        cx.stats.chunks_sent += 1;
        if let Some(prr) = &mut self.prr {
            prr.on_sent(size);
        }
        self.controller
            .on_sent(cx.now, size, self.outstanding.in_flight());
    }

    /// New data, as far as both windows let it.
    fn fill_new(
        &mut self,
        cx: &mut SendContext<'_>,
        builder: &mut PacketBuilder<'_>,
        start: usize,
    ) {
        let header = if self.interleaving {
            IData::HEADER_LEN
        } else {
            Data::HEADER_LEN
        };
        let in_ring = |sender: &Self| sender.outstanding.next_tsn() - sender.outstanding.base();
        while self.may_send() && in_ring(self) < TsnTracker::MAX_AHEAD {
            let limit = self.chunk_limit - COMMON_HEADER_LEN;
            let room = builder.room().min(limit).saturating_sub(header);
            if room == 0 || !self.peer_has_room(room, cx) {
                break;
            }
            let context = PullContext {
                interleaving: self.interleaving,
                partial_reliability: self.partial_reliability,
                first_in_packet: builder.len() == start,
                events: cx.events,
                abandoned: &mut cx.stats.messages_abandoned,
            };
            let next_tsn = self.outstanding.next_tsn();
            match cx.queue.pull(cx.now, room, next_tsn, context) {
                Pulled::Fragment(fragment) => self.send_new(cx, fragment, builder, header),
                Pulled::Expired { stream, first_tsn } => self.abandon(cx, stream, first_tsn),
                Pulled::Empty => break,
            }
            if std::mem::take(&mut self.probe_due) {
                self.start_probe(cx, None);
            }
        }
        if self.probe_due {
            self.send_probe(cx, builder);
        }
        if !self.may_send() {
            self.window_limited = true;
        } else if cx.queue.is_empty() && !self.outstanding.has_lost() {
            self.note_idle();
        }
    }

    /// Section 6.1, rule A: a closed window is probed by one chunk when nothing is in flight.
    fn peer_has_room(&self, room: usize, cx: &SendContext<'_>) -> bool {
        self.peer_window >= room.min(cx.queue.buffered())
            || self.outstanding.is_empty()
            || self.peer_window > 0 && self.outstanding.unacked_payload() == 0
    }

    fn send_new(
        &mut self,
        cx: &mut SendContext<'_>,
        fragment: QueuedFragment,
        builder: &mut PacketBuilder<'_>,
        header: usize,
    ) {
        let len = fragment.payload.len();
        let size = padded(len + header);
        let in_flight = self.outstanding.in_flight();
        let sent = Sent {
            payload: fragment.payload,
            stream: fragment.stream,
            ppid: fragment.ppid,
            number: fragment.number,
            fsn: fragment.fsn,
            fragment: fragment.fragment,
            state: State::InFlight,
            transmissions: 1,
            heaps: Heaps::default(),
            size: size as u32,
            order: 0,
            sent_at: cx.now,
            snapshot: self.rate.on_sent(cx.now, in_flight, size),
            first_tsn: fragment.first_tsn,
            policy: fragment.policy,
        };
        // The peer's SACK ends the wait of a probe, of a closed window, and of a small window.
        let is_small = in_flight < SMALL_FLIGHT * self.packet_size && !cx.queue.is_empty();
        let immediate = self.probe_due || self.peer_window < len || is_small;
        let sent = Sent {
            fragment: Fragment {
                immediate,
                ..sent.fragment
            },
            ..sent
        };
        write_chunk(
            self.interleaving,
            self.outstanding.next_tsn(),
            &sent,
            builder,
        );
        self.peer_window = self.peer_window.saturating_sub(len);
        self.outstanding.push(sent);
        self.count_sent(cx, size);
    }

    /// A tail-loss probe without new data sends the last chunk again (RFC 8985, section 7.3).
    fn send_probe(&mut self, cx: &mut SendContext<'_>, builder: &mut PacketBuilder<'_>) {
        // A probe is a retransmission, of which a message may have had all it is allowed.
        let partial_reliability = self.partial_reliability;
        let may =
            |sent: &Sent| !partial_reliability || !sent.policy.gives_up(cx.now, sent.transmissions);
        let Some(tsn) = self.outstanding.last_in_flight(may) else {
            return;
        };
        let fits = |sent: &Sent| builder.fits(sent.size as usize);
        if self.outstanding.get(tsn).is_some_and(fits) {
            self.resend(cx, tsn, builder);
            self.start_probe(cx, Some(tsn));
        }
    }

    fn start_probe(&mut self, cx: &mut SendContext<'_>, retransmitted: Option<u64>) {
        cx.stats.tail_loss_probes += 1;
        cx.timers.stop(Timer::TailLossProbe);
        // The packets of one probe count as one.
        let count = match self.probe {
            None => 1,
            Some(probe) if self.probe_packets > 1 => probe.count + 1,
            Some(probe) => probe.count,
        };
        self.probe = Some(Probe {
            end_tsn: self.outstanding.next_tsn(),
            retransmitted,
            count,
        });
        // RFC 8985, section 7.3: the retransmission timer starts anew.
        self.arm_retransmission(cx.now, cx.timers, true);
    }
}

/// Writes DATA or I-DATA. What is sent again asks for its SACK at once.
fn write_chunk(interleaving: bool, tsn: u64, sent: &Sent, builder: &mut PacketBuilder<'_>) {
    let fragment = Fragment {
        immediate: sent.fragment.immediate || sent.state == State::Lost,
        ..sent.fragment
    };
    if interleaving {
        builder.push(&IData {
            tsn: Serial32(tsn as u32),
            stream: sent.stream,
            mid: Serial32(sent.number),
            ppid: sent.ppid,
            fsn: sent.fsn,
            fragment,
            payload: &sent.payload,
        });
    } else {
        let data = Data {
            tsn: Serial32(tsn as u32),
            stream: sent.stream,
            ssn: Serial16(sent.number as u16),
            ppid: sent.ppid,
            fragment,
            payload: &sent.payload,
        };
        debug_assert_eq!(data.encoded_len(), sent.size as usize);
        builder.push(&data);
    }
}
