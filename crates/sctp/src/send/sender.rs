//! The sender's state, and its timers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_wire::Serial32;

use super::SendQueue;
use super::forward::Forward;
use super::outstanding::{Outstanding, State};
use super::pacer::Pacer;
use super::prr::Prr;
use super::queue::QueuedFragment;
use super::rack::Rack;
use super::rate::RateEstimator;
use super::recovery::{Episode, MAX_PROBES, Probe};
use super::rtt::RttEstimator;
use crate::congestion::Controller;
use crate::ranges;
use crate::timer::{Timer, Timers};
use crate::{Config, Event, Stats};

/// What the sender needs from around it.
#[derive(Debug)]
pub(crate) struct SendContext<'a> {
    pub(crate) now: Instant,
    pub(crate) queue: &'a mut SendQueue,
    pub(crate) timers: &'a mut Timers,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) stats: &'a mut Stats,
}

/// What both ends agreed on when the association was set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderSettings {
    pub(crate) initial_tsn: Serial32,
    pub(crate) peer_window: u32,
    pub(crate) interleaving: bool,
    pub(crate) partial_reliability: bool,
}

/// Sends data reliably, and no faster than the path and the peer allow (RFC 9260, sections 6 and 7).
#[derive(Debug)]
pub(crate) struct Sender {
    pub(super) outstanding: Outstanding,
    pub(super) rtt: RttEstimator,
    pub(super) rack: Rack,
    pub(super) rate: RateEstimator,
    pub(super) pacer: Pacer,
    pub(super) controller: Box<dyn Controller>,
    pub(super) prr: Option<Prr>,
    /// Recovery lasts until everything below this TSN is acknowledged.
    pub(super) recovery_end: Option<u64>,
    /// The last reaction to loss, as long as it may turn out to be a mistake.
    pub(super) episode: Option<Episode>,
    pub(super) probe: Option<Probe>,
    /// So many packets of a tail-loss probe are to be sent whatever the window says.
    pub(super) probe_packets: u8,
    /// The next chunk is a probe.
    pub(super) probe_due: bool,
    pub(super) forward: Forward,
    /// The last SACK may not have said everything: this is the highest TSN that it reported.
    pub(super) reported_up_to: Option<u64>,
    /// The most gap blocks that the peer has put into a SACK.
    pub(super) most_blocks: u32,
    /// What the peer can still take, in bytes of payload.
    pub(super) peer_window: usize,
    pub(super) interleaving: bool,
    pub(super) partial_reliability: bool,
    /// Whether sending stopped because the window was full.
    pub(super) window_limited: bool,
    pub(super) packet_size: usize,
    /// The packet size that every chunk must fit into: it can not be cut again.
    pub(super) chunk_limit: usize,
    pub(super) last_sent: Instant,
    /// How many times in a row nothing was answered.
    pub(super) errors: u32,
}

/// After so many timeouts in a row the path is believed to be gone, and T3-rtx is left alone.
const MAX_PROBED_TIMEOUTS: u32 = 2;
/// Section 7.2 of RFC 8985: how long a peer may delay its SACK.
const MAX_SACK_DELAY: Duration = Duration::from_millis(200);

impl Sender {
    pub(crate) fn new(config: &Config, settings: SenderSettings, now: Instant) -> Self {
        let packet_size = config.max_packet_size;
        Self {
            outstanding: Outstanding::new(ranges::first(settings.initial_tsn.0)),
            rtt: RttEstimator::new(config.rto_initial, config.rto_min, config.rto_max),
            rack: Rack::default(),
            rate: RateEstimator::new(now),
            pacer: Pacer::new(now),
            controller: config.congestion.build(now, packet_size),
            prr: None,
            recovery_end: None,
            episode: None,
            probe: None,
            probe_packets: 0,
            probe_due: false,
            forward: Forward::default(),
            reported_up_to: None,
            most_blocks: 0,
            peer_window: settings.peer_window as usize,
            interleaving: settings.interleaving,
            partial_reliability: settings.partial_reliability,
            window_limited: false,
            packet_size,
            chunk_limit: packet_size,
            last_sent: now,
            errors: 0,
        }
    }

    /// The TSN of the next new chunk.
    pub(crate) fn next_tsn(&self) -> Serial32 {
        Serial32(self.outstanding.next_tsn() as u32)
    }

    /// The last TSN that was used.
    pub(crate) fn last_tsn(&self) -> Serial32 {
        self.next_tsn().minus(1)
    }

    /// Whether everything that was sent has been acknowledged.
    pub(crate) fn all_acknowledged(&self) -> bool {
        self.outstanding.is_empty()
    }

    pub(crate) const fn rtt(&self) -> &RttEstimator {
        &self.rtt
    }

    /// Takes the round-trip time of a heartbeat.
    pub(crate) fn sample_rtt(&mut self, now: Instant, rtt: Duration) {
        self.rtt.sample_at(now, rtt, 1);
    }

    /// Something was not answered. Returns how many times in a row.
    pub(crate) const fn count_error(&mut self) -> u32 {
        self.errors += 1;
        self.errors
    }

    /// The peer has answered (RFC 9260, section 8.1).
    pub(crate) const fn clear_errors(&mut self) {
        self.errors = 0;
    }

    /// Sets how large packets may be, and the packets that every chunk must fit into.
    pub(crate) fn set_packet_size(&mut self, size: usize, chunk_limit: usize) {
        self.chunk_limit = chunk_limit;
        if size != self.packet_size {
            self.packet_size = size;
            self.controller.set_mss(size);
        }
    }

    pub(crate) const fn packet_size(&self) -> usize {
        self.packet_size
    }

    /// The packet size that every chunk must fit into.
    pub(crate) const fn chunk_limit(&self) -> usize {
        self.chunk_limit
    }

    /// How many bytes have arrived so far.
    pub(crate) const fn delivered(&self) -> u64 {
        self.rate.delivered()
    }

    /// Whether something waits that may go now, as far as the window and the pace are concerned.
    pub(crate) fn is_ready(&mut self, cx: &mut SendContext<'_>) -> bool {
        self.has_data(cx) && (self.probe_packets > 0 || !self.is_paced(cx))
    }

    /// Whether the last thing that happened was long ago.
    pub(crate) fn idle_since(&self) -> Instant {
        self.last_sent
    }

    /// Fills in the gauges.
    pub(crate) fn fill_stats(&self, stats: &mut Stats) {
        stats.congestion_window = self.controller.window();
        stats.bytes_in_flight = self.outstanding.in_flight();
        stats.peer_window = self.peer_window;
        stats.srtt = self.rtt.srtt();
        stats.min_rtt = self.rtt.min_rtt();
        stats.rto = self.rtt.rto();
        stats.packet_size = self.packet_size;
        stats.interleaving = self.interleaving;
    }

    pub(super) fn srtt(&self) -> Duration {
        self.rtt.srtt().unwrap_or_else(|| self.rtt.rto())
    }

    pub(super) fn min_rtt(&self) -> Duration {
        self.rtt.min_rtt().unwrap_or_default()
    }

    /// Starts T3-rtx if something waits for its acknowledgement (section 6.3.2).
    pub(super) fn arm_retransmission(&self, now: Instant, timers: &mut Timers, restart: bool) {
        if self.outstanding.is_empty() {
            timers.stop(Timer::Retransmission);
        } else if restart || !timers.is_running(Timer::Retransmission) {
            timers.set(Timer::Retransmission, now + self.rtt.rto());
        }
    }

    /// Starts the tail-loss probe (RFC 8985, section 7.2). `more_waits` says that there is more to be sent than
    /// may be.
    pub(super) fn arm_probe(&mut self, now: Instant, timers: &mut Timers, more_waits: bool) {
        let count = self.probe.map_or(0, |probe| probe.count);
        let wanted = self.outstanding.in_flight() > 0
            && count < MAX_PROBES
            && self.rtt.backoff() <= MAX_PROBED_TIMEOUTS
            && self.probe_packets == 0;
        if !wanted {
            timers.stop(Timer::TailLossProbe);
            return;
        }
        let mut delay = match self.rtt.srtt() {
            Some(srtt) => (srtt * 2).max(Duration::from_millis(2)),
            None => Duration::from_secs(1),
        };
        // A probe asks for its SACK at once, and so does what is sent while little is in flight.
        if self.outstanding.in_flight() <= self.packet_size && count == 0 && !more_waits {
            delay += MAX_SACK_DELAY;
        }
        delay *= 1 + count;
        let at = now + delay;
        match timers.get(Timer::Retransmission) {
            // The retransmission timer comes first.
            Some(rto) if rto <= at => timers.stop(Timer::TailLossProbe),
            _ => timers.set(Timer::TailLossProbe, at),
        }
    }

    /// The tail-loss probe is due.
    pub(crate) fn on_probe_timeout(&mut self) {
        // Later probes are of two packets, so that one loss does not cost all of the next wait.
        let is_first = self.probe.is_none();
        if self.outstanding.in_flight() > 0 {
            self.probe_packets = if is_first { 1 } else { 2 };
        }
    }

    /// A chunk that was overtaken has not arrived in time (RFC 8985, section 6.3).
    pub(crate) fn on_reordering_timeout(&mut self, cx: &mut SendContext<'_>) {
        let lost = self.detect_losses(cx);
        if lost > 0
            && let Some(prr) = &mut self.prr
        {
            prr.on_ack(0, self.outstanding.in_flight(), false, self.packet_size);
        }
    }

    /// The timeout doubles: a control chunk was not answered.
    pub(crate) fn back_off(&mut self) {
        self.rtt.back_off();
    }

    /// Gives everything that was sent back to the queue: there is no association that it could belong to.
    pub(crate) fn take_back(&mut self, queue: &mut SendQueue) {
        while let Some(sent) = self.outstanding.pop_back() {
            if sent.state != State::Abandoned {
                queue.take_back(QueuedFragment {
                    stream: sent.stream,
                    ppid: sent.ppid,
                    number: sent.number,
                    fsn: sent.fsn,
                    fragment: sent.fragment,
                    payload: sent.payload,
                    policy: sent.policy,
                    first_tsn: sent.first_tsn,
                });
            }
        }
    }

    /// Forgets everything that is on its way, and stops all timers: the peer has restarted.
    pub(crate) fn stop(timers: &mut Timers) {
        for timer in [
            Timer::Retransmission,
            Timer::Reordering,
            Timer::TailLossProbe,
            Timer::Pacing,
        ] {
            timers.stop(timer);
        }
    }
}
