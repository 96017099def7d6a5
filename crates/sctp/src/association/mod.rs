//! The association.

mod connect;
mod cookie;
mod core;
mod data;
mod heartbeat;
mod input;
mod output;
mod path_mtu;
mod reset;
mod shutdown;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gannet_crypto::{CryptoProvider, HashAlgorithm, Rng};

use self::core::{Core, Inbox, Replies};
use self::state::{Phase, State};
use crate::config::clamp_packet_size;
use crate::packet::GapBlock;
use crate::send::SendQueue;
use crate::timer::{Timer, Timers};
use crate::{
    CloseReason, Config, ConnectError, Event, Message, PacketLog, Ppid, ReconfigError, SendError,
    SendOptions, Stats, StreamId,
};

/// Whether the next chunk of a packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

/// One datagram that `poll_transmit` has appended to the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Its length in bytes.
    pub size: usize,
    /// Whether it probes for a larger path MTU: then it must not be fragmented below, and its loss
    /// means nothing.
    pub is_mtu_probe: bool,
}

/// An SCTP association with one peer over one path (RFC 9260).
///
/// The methods are of four kinds, and any interleaving of them is valid:
///
/// - Commands: [`Self::connect`], [`Self::send`], [`Self::reset_streams`], [`Self::shutdown`], ...
/// - Inputs: [`Self::handle_packet`] and [`Self::handle_timeout`].
/// - Outputs: [`Self::poll_transmit`], [`Self::poll_event`], [`Self::poll_message`],
///   [`Self::poll_timeout`]. After a command or an input there may be new ones.
/// - Getters: [`Self::state`], [`Self::stats`], [`Self::buffered_amount`], ...
#[derive(Debug)]
pub struct Association {
    core: Core,
    state: State,
    /// The user has asked for a shutdown before the association was established.
    shutdown_wanted: bool,
    /// The statistics when it closed.
    final_stats: Option<Box<Stats>>,
    packet_log: Option<Box<PacketLog>>,
    /// For the gap blocks of a SACK.
    scratch: Vec<GapBlock>,
}

/// The state of an association, as far as users care (RFC 9260, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssociationState {
    /// Neither `connect` was called nor did the peer connect.
    New,
    /// INIT or COOKIE ECHO is on its way.
    Connecting,
    /// Established.
    Connected,
    /// One end has called `shutdown`; what was sent before is still being delivered.
    ShuttingDown,
    /// Over.
    Closed,
}

impl Association {
    /// An association that is ready to connect or to be connected to. The state cookie is sealed with
    /// `provider`'s HMAC under a key from `rng`.
    #[must_use]
    pub fn new(
        config: Config,
        provider: &Arc<dyn CryptoProvider>,
        mut rng: Rng,
        now: Instant,
    ) -> Self {
        let config = config.normalized();
        let cookie_key = provider.hmac(HashAlgorithm::Sha256, &rng.array::<32>());
        let identity = core::Identity::random(&mut rng);
        Self {
            core: Core {
                rng,
                cookie_key,
                epoch: now,
                identity,
                timers: Timers::default(),
                queue: SendQueue::new(config.scheduler, config.send_buffer),
                events: std::collections::VecDeque::new(),
                inbox: Inbox::default(),
                replies: Replies::default(),
                stats: Stats::default(),
                config,
            },
            state: State::New,
            shutdown_wanted: false,
            final_stats: None,
            packet_log: None,
            scratch: Vec::new(),
        }
    }

    /// Starts to connect. Both ends may: a collision is the normal case in WebRTC (RFC 9260,
    /// section 5.2.1). Has an effect once, in the state `New`.
    pub fn connect(&mut self, now: Instant) {
        self.start_connecting(now);
    }

    /// What we would say of ourselves in an INIT chunk, for signaling to carry (`a=sctp-init` is this in
    /// base64; draft-hancke-tsvwg-snap). It stays the same until the association begins.
    #[must_use]
    pub fn local_init(&self) -> Vec<u8> {
        self.encoded_init()
    }

    /// Whether `chunk` is an INIT chunk that [`Self::connect_without_handshake`] takes.
    #[must_use]
    pub fn is_valid_init(chunk: &[u8]) -> bool {
        Self::parse_init(chunk).is_ok()
    }

    /// Replaces the settings of an association that has not begun. Who it is stays; what
    /// [`Self::local_init`] says follows the settings.
    ///
    /// # Errors
    /// The association has begun.
    pub fn set_config(&mut self, config: Config) -> Result<(), ConnectError> {
        if !matches!(self.state, State::New) || !self.core.queue.is_empty() {
            return Err(ConnectError::AlreadyBegun);
        }
        let config = config.normalized();
        self.core.queue = SendQueue::new(config.scheduler, config.send_buffer);
        self.core.config = config;
        Ok(())
    }

    /// Begins without a handshake: `remote` is the INIT chunk that signaling has brought from the peer, who
    /// has got [`Self::local_init`]. The association is established at once; the layer below must be there.
    ///
    /// # Errors
    /// `remote` is not a valid INIT chunk, or the association has begun.
    pub fn connect_without_handshake(
        &mut self,
        now: Instant,
        remote: &[u8],
    ) -> Result<(), ConnectError> {
        self.establish_from_signaling(now, remote)
    }

    /// Starts to log packets.
    pub fn start_packet_log(&mut self, log: PacketLog) {
        self.packet_log = Some(Box::new(log));
    }

    /// Stops logging packets: the log.
    pub fn take_packet_log(&mut self) -> Option<PacketLog> {
        self.packet_log.take().map(|log| *log)
    }

    /// Takes a packet. What is not a valid packet for this association is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        if let Some(log) = &mut self.packet_log {
            log.packet(now, packet);
        }
        self.take_packet(now, packet);
    }

    /// Does what is due at `now`. Calling it early or late is fine.
    pub fn handle_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if self.core.timers.take_due(timer, now) {
                self.on_timer(now, timer);
            }
        }
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Init => self.on_init_timeout(now),
            Timer::Cookie => self.on_cookie_timeout(now),
            Timer::Shutdown => self.on_shutdown_timeout(now),
            Timer::ShutdownGuard => self.on_shutdown_guard_timeout(),
            Timer::Retransmission => self.on_retransmission_timeout(now),
            Timer::Reordering => {
                if let State::Open(tcb) = &mut self.state {
                    tcb.sender
                        .on_reordering_timeout(&mut self.core.send_context(now));
                }
            }
            Timer::TailLossProbe => {
                if let Some(tcb) = self.open_tcb() {
                    tcb.sender.on_probe_timeout();
                }
            }
            // `poll_transmit` looks at the clock itself.
            Timer::Pacing | Timer::MtuProbe => {}
            Timer::DelayedSack => {
                if let Some(tcb) = self.open_tcb() {
                    tcb.tracker.acknowledge_now();
                }
            }
            Timer::Heartbeat => self.on_heartbeat_timeout(now),
            Timer::ReConfig => self.on_reconfig_timeout(now),
        }
    }

    /// T3-rtx has run out (RFC 9260, sections 6.3.3 and 8.1).
    fn on_retransmission_timeout(&mut self, now: Instant) {
        let max = self.core.config.max_retransmissions;
        let State::Open(tcb) = &mut self.state else {
            // Data that went with COOKIE ECHO is looked at when the association is there.
            let rto = self.core.config.rto_initial;
            if matches!(self.state, State::CookieEchoed(_)) {
                self.core.timers.set(Timer::Retransmission, now + rto);
            }
            return;
        };
        let errors = tcb.sender.count_error();
        if errors > max {
            self.close(CloseReason::PeerUnreachable(errors));
            return;
        }
        if let Some(path) = &mut tcb.path_mtu {
            path.on_timeout();
        }
        tcb.apply_path_mtu();
        tcb.sender
            .on_retransmission_timeout(&mut self.core.send_context(now));
        self.advance_shutdown(now);
    }

    /// Appends at most one packet to `buf`. Call it until it returns `None`; a call between batches
    /// of received packets makes acknowledgements as few as the protocol wants them.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.next_packet(now, buf)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// The next received message, which frees its room in the receive window.
    pub fn poll_message(&mut self) -> Option<Message> {
        let message = self.take_message()?;
        self.release_window(message.data.len());
        Some(message)
    }

    /// The next received message, whose room in the receive window stays taken until
    /// [`Self::release_window`] gives it back: for a layer that queues messages by itself.
    pub fn take_message(&mut self) -> Option<Message> {
        self.core.inbox.pop()
    }

    /// Gives back the room of one message that [`Self::take_message`] returned: the length of its data.
    pub fn release_window(&mut self, len: usize) {
        self.core.inbox.release(len);
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        // RFC 9260, section 6.2: a window that was small and has opened is announced at once. That is
        // when a peer may be waiting for it: what was announced last was less than half.
        let window = tcb.window(&self.core);
        let full = self.core.config.receive_window;
        if tcb.announced_window < full / 2 && window >= tcb.announced_window + full / 4 {
            tcb.tracker.acknowledge_now();
        }
    }

    /// Queues a message. Before the association is established it waits.
    pub fn send(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.check_send(stream, data.len())?;
        if !self.core.queue.has_room(data.len()) {
            return Err(SendError::BufferFull {
                buffered: self.core.queue.buffered(),
                limit: self.core.config.send_buffer,
            });
        }
        self.core.stats.messages_sent += 1;
        self.core.queue.push(now, stream, ppid, data, options);
        Ok(())
    }

    /// Queues a message as [`Self::send`] does, even if the send buffer is full. It is for what a layer above
    /// has to say of its streams, of which there is a bound already.
    pub fn send_control(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.check_send(stream, data.len())?;
        self.core.stats.messages_sent += 1;
        self.core.queue.push(now, stream, ppid, data, options);
        Ok(())
    }

    /// Whether a message of `len` bytes could be sent if there is room for it.
    fn check_send(&self, stream: StreamId, len: usize) -> Result<(), SendError> {
        let takes_messages = match &self.state {
            State::New | State::CookieWait(_) | State::CookieEchoed(_) => !self.shutdown_wanted,
            State::Open(tcb) => tcb.phase == Phase::Established,
            State::Closed(_) => false,
        };
        if !takes_messages {
            return Err(SendError::Closed);
        }
        let max = self.core.config.max_outgoing_message_size;
        let count = self.outbound_streams();
        if len == 0 {
            return Err(SendError::Empty);
        }
        if len > max {
            return Err(SendError::TooLarge { len, max });
        }
        if stream.0 >= count {
            return Err(SendError::InvalidStream { stream, count });
        }
        if self.core.queue.is_resetting(stream) {
            return Err(SendError::StreamResetting(stream));
        }
        Ok(())
    }

    /// How many bytes wait on a stream: queued and not yet sent for the first time.
    #[must_use]
    pub fn buffered_amount(&self, stream: StreamId) -> usize {
        self.core.queue.stream_buffered(stream)
    }

    /// How many bytes wait on all streams together.
    #[must_use]
    pub const fn total_buffered_amount(&self) -> usize {
        self.core.queue.buffered()
    }

    /// Sets where [`Event::BufferedAmountLow`] is said for a stream: when what waits falls from above
    /// `threshold` to it or below. 0 at first.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        self.core.queue.set_low_threshold(stream, threshold);
    }

    /// Sets a stream's priority or weight for the scheduler; 256 at first (RFC 8831, section 6.4 maps
    /// its four priorities to 128, 256, 512 and 1024).
    pub fn set_stream_priority(&mut self, stream: StreamId, priority: u16) {
        self.core.queue.set_priority(stream, priority);
    }

    /// Asks the peer to reset our outgoing streams (RFC 6525, section 5.1.2), behind the messages that
    /// were queued on them before. `send` refuses them until the answer comes as an event.
    pub fn reset_streams(&mut self, streams: &[StreamId]) -> Result<(), ReconfigError> {
        self.request_reset(streams)
    }

    /// Asks the peer to reset streams that it sends on (RFC 6525, section 5.1.3). That it has done so is
    /// [`Event::IncomingStreamsReset`], that it does not want to [`Event::IncomingStreamsResetFailed`].
    pub fn reset_incoming_streams(&mut self, streams: &[StreamId]) -> Result<(), ReconfigError> {
        self.request_incoming_reset(streams)
    }

    /// Asks the peer for more outgoing streams (RFC 6525, section 5.1.5); the answer comes as an event.
    pub fn add_streams(&mut self, count: u16) -> Result<(), ReconfigError> {
        self.request_streams(count)
    }

    /// Closes gracefully (RFC 9260, section 9.2): what was queued is delivered first.
    pub fn shutdown(&mut self, now: Instant) {
        self.start_shutdown(now);
    }

    /// Ends the association at once with an ABORT (RFC 9260, section 9.1), whose text is cut at 200 bytes.
    pub fn abort(&mut self, reason: &str) {
        self.start_abort(reason);
    }

    /// Sets the largest packet that the layer below carries, in bytes: it changes with the path. Path MTU
    /// discovery, if it is on, starts over from there.
    pub fn set_max_packet_size(&mut self, size: usize) {
        let size = clamp_packet_size(size);
        self.core.config.max_packet_size = size;
        let tcb = match &mut self.state {
            State::Open(tcb) => tcb,
            State::CookieEchoed(echoed) => &mut echoed.tcb,
            State::New | State::CookieWait(_) | State::Closed(_) => return,
        };
        tcb.sender.set_packet_size(size, size);
        if let Some(path) = &mut tcb.path_mtu {
            *path = path.moved_to(size);
        }
        tcb.apply_path_mtu();
    }

    /// Sets the largest message that we send: what the peer has announced as `max-message-size`.
    pub fn set_max_outgoing_message_size(&mut self, size: usize) {
        self.core.config.max_outgoing_message_size = size.max(1);
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> AssociationState {
        match &self.state {
            State::New => AssociationState::New,
            State::CookieWait(_) | State::CookieEchoed(_) => AssociationState::Connecting,
            State::Open(tcb) if tcb.phase == Phase::Established => AssociationState::Connected,
            State::Open(_) => AssociationState::ShuttingDown,
            State::Closed(_) => AssociationState::Closed,
        }
    }

    /// Why it is over, once it is.
    #[must_use]
    pub const fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// The configuration, with every value in its valid range.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.core.config
    }

    /// How many outgoing streams there are; what `Config` asks for until the peer has answered.
    #[must_use]
    pub fn outbound_streams(&self) -> u16 {
        match &self.state {
            State::Open(tcb) => tcb.outbound_streams,
            State::CookieEchoed(echoed) => echoed.tcb.outbound_streams,
            _ => self.core.config.outbound_streams,
        }
    }

    /// How many incoming streams there are; what `Config` takes until the peer has answered.
    #[must_use]
    pub fn inbound_streams(&self) -> u16 {
        match &self.state {
            State::Open(tcb) => tcb.inbound_streams,
            _ => self.core.config.inbound_streams,
        }
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        if let Some(stats) = &self.final_stats {
            return Stats::clone(stats);
        }
        let mut stats = self.core.stats.clone();
        if let State::Open(tcb) = &self.state {
            tcb.sender.fill_stats(&mut stats);
            stats.local_window = tcb.window(&self.core);
            stats.zero_checksum = tcb.capabilities.zero_checksum;
        }
        stats
    }

    /// How many bytes of received data are held, bookkeeping included.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn held(&self) -> usize {
        let tcb = match &self.state {
            State::Open(tcb) => tcb.reassembly.held(),
            _ => 0,
        };
        tcb + self.core.inbox.held()
    }

    /// The last TSN that was sent, and the last that arrived in order.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn last_tsns(&self) -> (u32, u32) {
        match &self.state {
            State::Open(tcb) => (tcb.sender.last_tsn().0, tcb.tracker.cumulative_tsn().0),
            _ => (self.core.identity.initial_tsn.0, 0),
        }
    }

    /// The common header of a packet to this end, as its peer would write it.
    #[cfg(feature = "fuzzing")]
    pub(crate) const fn own_header(&self) -> crate::packet::CommonHeader {
        let tag = match &self.state {
            State::Open(tcb) => tcb.identity.tag,
            _ => self.core.identity.tag,
        };
        crate::packet::CommonHeader {
            source_port: self.core.config.remote_port,
            destination_port: self.core.config.local_port,
            verification_tag: tag,
        }
    }
}
