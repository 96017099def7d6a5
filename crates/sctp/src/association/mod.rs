//! The association.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gannet_crypto::{CryptoProvider, Rng};

use crate::{Config, Event, Message, Ppid, ReconfigError, SendError, SendOptions, Stats, StreamId};

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
    config: Config,
    rng: Rng,
    events: VecDeque<Event>,
    stats: Stats,
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
    /// An association that is ready to connect or to be connected to.
    #[must_use]
    pub fn new(config: Config, provider: &Arc<dyn CryptoProvider>, rng: Rng, now: Instant) -> Self {
        let _ = (provider, now);
        Self {
            config: config.normalized(),
            rng,
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Starts to connect. Both ends may: a collision is the normal case in WebRTC (RFC 9260,
    /// section 5.2.1). Has an effect once, in the state `New`.
    pub fn connect(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes a packet. What is not a valid packet for this association is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let _ = (now, packet);
    }

    /// Does what is due at `now`. Calling it early or late is fine.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends at most one packet to `buf`. Call it until it returns `None`; a call between batches
    /// of received packets makes acknowledgements as few as the protocol wants them.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let _ = (now, buf);
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next received message, which frees its room in the receive window.
    pub fn poll_message(&mut self) -> Option<Message> {
        None
    }

    /// The next received message, whose room in the receive window stays taken until
    /// [`Self::release_window`] gives it back: for a layer that queues messages by itself.
    pub fn take_message(&mut self) -> Option<Message> {
        None
    }

    /// Gives back the room of messages that [`Self::take_message`] returned: the length of their data.
    pub fn release_window(&mut self, now: Instant, len: usize) {
        let _ = (now, len);
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
        let _ = (now, stream, ppid, data, options);
        Err(SendError::Closed)
    }

    /// How many bytes wait on a stream: queued and not yet sent for the first time.
    #[must_use]
    pub fn buffered_amount(&self, stream: StreamId) -> usize {
        let _ = stream;
        0
    }

    /// How many bytes wait on all streams together.
    #[must_use]
    pub fn total_buffered_amount(&self) -> usize {
        0
    }

    /// Sets where [`Event::BufferedAmountLow`] is said for a stream: when what waits falls from above
    /// `threshold` to it or below. 0 at first.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        let _ = (stream, threshold);
    }

    /// Sets a stream's priority or weight for the scheduler; 256 at first (RFC 8831, section 6.4 maps
    /// its four priorities to 128, 256, 512 and 1024).
    pub fn set_stream_priority(&mut self, stream: StreamId, priority: u16) {
        let _ = (stream, priority);
    }

    /// Asks the peer to reset our outgoing streams (RFC 6525, section 5.1.2), behind the messages that
    /// were queued on them before. `send` refuses them until the answer comes as an event.
    pub fn reset_streams(
        &mut self,
        now: Instant,
        streams: &[StreamId],
    ) -> Result<(), ReconfigError> {
        let _ = (now, streams);
        Err(ReconfigError::NotConnected)
    }

    /// Closes gracefully (RFC 9260, section 9.2): what was queued is delivered first.
    pub fn shutdown(&mut self, now: Instant) {
        let _ = now;
    }

    /// Ends the association at once with an ABORT (RFC 9260, section 9.1).
    pub fn abort(&mut self, now: Instant, reason: &str) {
        let _ = (now, reason);
    }

    /// Sets the largest packet that the layer below carries, in bytes: it changes with the path.
    pub fn set_max_packet_size(&mut self, size: usize) {
        let _ = size;
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> AssociationState {
        AssociationState::New
    }

    /// How many outgoing streams there are; what `Config` asks for until the peer has answered.
    #[must_use]
    pub fn outbound_streams(&self) -> u16 {
        self.config.outbound_streams
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let _ = &self.rng;
        self.stats.clone()
    }
}
