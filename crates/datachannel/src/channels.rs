//! The channels of one association.

use std::collections::VecDeque;
use std::time::Instant;

use gannet_sctp::{Association, Transmit};

use crate::{
    ChannelId, ChannelInit, ChannelState, DataChannelConfig, Event, Message, OpenError, Role,
    SendError,
};

/// Counters of one channel (W3C `RTCDataChannelStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelStats {
    /// Messages taken by `send`.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that arrived.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// The data channels of one association, which they own and drive.
///
/// Channels can be opened before there is an association: [`Self::start`] brings it.
#[derive(Debug)]
pub struct DataChannels {
    config: DataChannelConfig,
    association: Option<Association>,
    events: VecDeque<Event>,
}

impl DataChannels {
    /// A table without channels.
    #[must_use]
    pub fn new(config: DataChannelConfig) -> Self {
        Self {
            config,
            association: None,
            events: VecDeque::new(),
        }
    }

    /// Starts over `association`, which is told to connect, when the DTLS role is known. Has an
    /// effect once.
    pub fn start(&mut self, now: Instant, association: Association, role: Role) {
        let _ = (now, role, &self.config);
        self.association.get_or_insert(association);
    }

    /// Takes an SCTP packet.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let _ = (now, packet);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends at most one SCTP packet to `buf`.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.association.as_mut()?.poll_transmit(now, buf)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.poll_timeout()
    }

    /// Opens a channel. Before the association is established it is `Connecting`.
    pub fn open(&mut self, now: Instant, init: ChannelInit) -> Result<ChannelId, OpenError> {
        let _ = (now, init);
        Err(OpenError::Disconnected)
    }

    /// Sends a message on an open channel.
    pub fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        message: Message,
    ) -> Result<(), SendError> {
        let _ = (now, channel, message);
        Err(SendError::NotOpen(ChannelState::Closed))
    }

    /// The next message of a channel. Messages that nobody takes fill the receive window, and the
    /// peer stops sending.
    pub fn receive(&mut self, now: Instant, channel: ChannelId) -> Option<Message> {
        let _ = (now, channel);
        None
    }

    /// Closes a channel, behind what was sent on it before.
    pub fn close(&mut self, now: Instant, channel: ChannelId) {
        let _ = (now, channel);
    }

    /// How many bytes of a channel wait to be sent.
    #[must_use]
    pub fn buffered_amount(&self, channel: ChannelId) -> usize {
        let _ = channel;
        0
    }

    /// Sets where `BufferedAmountLow` is said.
    pub fn set_buffered_amount_low_threshold(&mut self, channel: ChannelId, threshold: usize) {
        let _ = (channel, threshold);
    }

    /// A channel's state; `Closed` for one that is gone.
    #[must_use]
    pub fn state(&self, channel: ChannelId) -> ChannelState {
        let _ = channel;
        ChannelState::Closed
    }

    /// What a channel was opened with, by us or by the peer; `None` for one that is gone.
    #[must_use]
    pub fn init(&self, channel: ChannelId) -> Option<&ChannelInit> {
        let _ = channel;
        None
    }

    /// A channel's stream id, when it has one.
    #[must_use]
    pub fn stream_id(&self, channel: ChannelId) -> Option<u16> {
        let _ = channel;
        None
    }

    /// A channel's counters.
    #[must_use]
    pub fn channel_stats(&self, channel: ChannelId) -> Option<ChannelStats> {
        let _ = channel;
        None
    }

    /// Closes all channels and the association gracefully.
    pub fn shutdown(&mut self, now: Instant) {
        let _ = now;
    }

    /// Ends the association at once.
    pub fn abort(&mut self, now: Instant, reason: &str) {
        let _ = (now, reason);
    }

    /// The association, once it is there.
    #[must_use]
    pub const fn association(&self) -> Option<&Association> {
        self.association.as_ref()
    }

    /// The association, once it is there, for its settings.
    pub const fn association_mut(&mut self) -> Option<&mut Association> {
        self.association.as_mut()
    }
}
