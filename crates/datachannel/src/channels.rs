//! The channels of one association.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use gannet_sctp::{
    Association, AssociationState, CloseReason, Ppid, Reliability, SendError as SctpSendError,
    SendOptions, StreamId, Transmit,
};

use crate::channel::{Channel, ChannelStats, ChannelsStats};
use crate::dcep::{Dcep, Open, ppid};
use crate::{
    ChannelId, ChannelInit, ChannelState, DataChannelConfig, Event, Message, OpenError, Role,
    SendError,
};

/// The data channels of one association, which they own and drive.
///
/// Channels can be opened before there is an association: [`Self::start`] brings it. The methods are
/// of four kinds, and any interleaving of them is valid:
///
/// - Commands: [`Self::start`], [`Self::open`], [`Self::send`], [`Self::receive`], [`Self::close`], ...
/// - Inputs: [`Self::handle_packet`] and [`Self::handle_timeout`].
/// - Outputs: [`Self::poll_transmit`], [`Self::poll_event`], [`Self::poll_timeout`].
/// - Getters: [`Self::state`], [`Self::init`], [`Self::buffered_amount`], ...
#[derive(Debug)]
pub struct DataChannels {
    pub(crate) config: DataChannelConfig,
    pub(crate) association: Option<Association>,
    pub(crate) role: Role,
    pub(crate) connected: bool,
    pub(crate) over: bool,
    pub(crate) channels: BTreeMap<ChannelId, Channel>,
    pub(crate) by_stream: HashMap<u16, ChannelId>,
    /// Streams that can not be used again: the peer would not reset them.
    pub(crate) blocked: BTreeSet<u16>,
    /// Streams that the peer opened against the rules, until both sides are reset.
    pub(crate) refused: BTreeSet<u16>,
    pub(crate) next_channel: u32,
    /// How many channels have become open.
    pub(crate) opened: u64,
    pub(crate) events: VecDeque<Event>,
    /// Since when the association has waited for room among the events.
    pub(crate) held_up: Option<Instant>,
}

impl DataChannels {
    /// A table without channels.
    #[must_use]
    pub fn new(config: DataChannelConfig) -> Self {
        Self {
            config,
            association: None,
            role: Role::Client,
            connected: false,
            over: false,
            channels: BTreeMap::new(),
            by_stream: HashMap::new(),
            blocked: BTreeSet::new(),
            refused: BTreeSet::new(),
            next_channel: 0,
            opened: 0,
            events: VecDeque::new(),
            held_up: None,
        }
    }

    /// Starts over `association`, which is told to connect if it has not begun, when the DTLS role is
    /// known. Has an effect once.
    pub fn start(&mut self, now: Instant, association: Association, role: Role) {
        if self.association.is_some() || self.over {
            return;
        }
        self.role = role;
        self.association.insert(association).connect(now);
        self.pump(now);
    }

    /// Takes an SCTP packet. What comes before [`Self::start`] is dropped: the peer repeats it.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        if let Some(association) = &mut self.association {
            association.handle_packet(now, packet);
            self.pump(now);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.handle_timeout(now);
            self.pump(now);
        }
    }

    /// Appends at most one SCTP packet to `buf`.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = self.association.as_mut()?.poll_transmit(now, buf);
        self.pump(now);
        transmit
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(now) = self.held_up {
            self.pump(now);
        }
        event
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.poll_timeout()
    }

    /// Opens a channel. Before the association is established it is `Connecting`.
    pub fn open(&mut self, now: Instant, init: ChannelInit) -> Result<ChannelId, OpenError> {
        self.check_open(&init)?;
        let id = self.insert(init);
        if self.connected && !self.open_channel(now, id) {
            self.channels.remove(&id);
            return Err(OpenError::TooManyChannels(self.channels.len()));
        }
        self.pump(now);
        Ok(id)
    }

    fn check_open(&self, init: &ChannelInit) -> Result<(), OpenError> {
        if self.over {
            return Err(OpenError::Disconnected);
        }
        for (what, text) in [("label", &init.label), ("protocol", &init.protocol)] {
            let len = text.len();
            if len > usize::from(u16::MAX) {
                return Err(OpenError::TooLong { what, len });
            }
        }
        if self.channels.len() >= self.config.max_channels {
            return Err(OpenError::TooManyChannels(self.channels.len()));
        }
        let Some(id) = init.negotiated else {
            return Ok(());
        };
        let count = self.stream_count();
        if id >= count {
            return Err(OpenError::InvalidId { id, count });
        }
        let wanted = self
            .channels
            .values()
            .any(|channel| channel.stream.is_none() && channel.init.negotiated == Some(id));
        if wanted || !self.is_free(id) {
            return Err(OpenError::IdInUse(id));
        }
        Ok(())
    }

    pub(crate) fn insert(&mut self, init: ChannelInit) -> ChannelId {
        let id = ChannelId(self.next_channel);
        self.next_channel = self.next_channel.wrapping_add(1);
        self.channels.insert(id, Channel::new(init));
        id
    }

    /// How many stream ids can be used. 65,535 is not one (RFC 8832, section 6).
    fn stream_count(&self) -> u16 {
        self.association.as_ref().map_or(u16::MAX, |association| {
            association
                .outbound_streams()
                .min(association.inbound_streams())
        })
    }

    fn is_free(&self, stream: u16) -> bool {
        !self.by_stream.contains_key(&stream)
            && !self.blocked.contains(&stream)
            && !self.refused.contains(&stream)
    }

    /// The lowest id of ours that is free (RFC 8832, section 6), and that nobody has negotiated.
    fn free_stream(&self) -> Option<u16> {
        let first = match self.role {
            Role::Client => 0,
            Role::Server => 1,
        };
        let wanted: BTreeSet<u16> = self
            .channels
            .values()
            .filter(|channel| channel.stream.is_none())
            .filter_map(|channel| channel.init.negotiated)
            .collect();
        (first..self.stream_count())
            .step_by(2)
            .find(|stream| self.is_free(*stream) && !wanted.contains(stream))
    }

    /// Gives a channel its stream and opens it. Says whether that was possible.
    pub(crate) fn open_channel(&mut self, now: Instant, id: ChannelId) -> bool {
        let Some(channel) = self.channels.get(&id) else {
            return false;
        };
        let negotiated = channel.init.negotiated;
        let stream = match negotiated {
            Some(stream) => {
                (stream < self.stream_count() && self.is_free(stream)).then_some(stream)
            }
            None => self.free_stream(),
        };
        let (Some(stream), Some(association)) = (stream, &mut self.association) else {
            return false;
        };
        let Some(channel) = self.channels.get_mut(&id) else {
            return false;
        };
        let priority = channel.init.priority.number();
        association.set_stream_priority(StreamId(stream), priority);
        association.set_buffered_amount_low_threshold(StreamId(stream), channel.low_threshold);
        if negotiated.is_none() {
            let mut open = Vec::new();
            Dcep::Open(Open::from_init(&channel.init)).write(&mut open);
            if send_dcep(association, now, stream, open).is_err() {
                return false;
            }
            channel.awaits_ack = true;
        }
        channel.stream = Some(stream);
        channel.state = ChannelState::Open;
        self.opened += 1;
        self.by_stream.insert(stream, id);
        self.events.push_back(Event::Opened(id));
        true
    }

    /// Sends a message on an open channel.
    pub fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        message: Message,
    ) -> Result<(), SendError> {
        let Some(entry) = self.channels.get_mut(&channel) else {
            return Err(SendError::NotOpen(ChannelState::Closed));
        };
        let (ChannelState::Open, Some(stream), Some(association)) =
            (entry.state, entry.stream, &mut self.association)
        else {
            return Err(SendError::NotOpen(entry.state));
        };
        let len = message.len();
        let (ppid, data) = encode(message);
        association
            .send(now, StreamId(stream), ppid, data, entry.options())
            .map_err(|error| match error {
                SctpSendError::TooLarge { len, max } => SendError::TooLarge { len, max },
                SctpSendError::BufferFull { buffered, limit } => {
                    SendError::BufferFull { buffered, limit }
                }
                _ => SendError::NotOpen(ChannelState::Closing),
            })?;
        entry.has_queued = true;
        entry.stats.messages_sent += 1;
        entry.stats.bytes_sent += len as u64;
        Ok(())
    }

    /// The next message of a channel. Messages that nobody takes fill the receive window, and the
    /// peer stops sending. Messages of a closed channel can still be taken.
    pub fn receive(&mut self, channel: ChannelId) -> Option<Message> {
        let entry = self.channels.get_mut(&channel)?;
        let received = entry.inbox.pop_front();
        entry.signalled &= !entry.inbox.is_empty();
        let is_gone = entry.state == ChannelState::Closed && entry.inbox.is_empty();
        if is_gone {
            self.channels.remove(&channel);
        }
        let received = received?;
        if let Some(association) = &mut self.association {
            association.release_window(received.credits.first);
            for credit in received.credits.more {
                association.release_window(credit);
            }
        }
        Some(received.message)
    }

    /// Closes a channel, behind what was sent on it before. What was received and not taken is dropped.
    pub fn close(&mut self, now: Instant, channel: ChannelId) {
        let Some(entry) = self.channels.get_mut(&channel) else {
            return;
        };
        entry.closed_here = true;
        match entry.state {
            ChannelState::Connecting => self.finish(channel),
            ChannelState::Open => {
                entry.state = ChannelState::Closing;
                self.reset(channel);
            }
            ChannelState::Closing | ChannelState::Closed => {}
        }
        self.discard(channel);
        self.pump(now);
    }

    /// How many bytes of a channel wait to be sent.
    #[must_use]
    pub fn buffered_amount(&self, channel: ChannelId) -> usize {
        let stream = self.stream_id(channel);
        match (stream, &self.association) {
            (Some(stream), Some(association)) => association.buffered_amount(StreamId(stream)),
            _ => 0,
        }
    }

    /// Sets where `BufferedAmountLow` is said: when what waits falls from above `threshold` to it or below.
    pub fn set_buffered_amount_low_threshold(&mut self, channel: ChannelId, threshold: usize) {
        let Some(entry) = self.channels.get_mut(&channel) else {
            return;
        };
        entry.low_threshold = threshold;
        if let (Some(stream), Some(association)) = (entry.stream, &mut self.association) {
            association.set_buffered_amount_low_threshold(StreamId(stream), threshold);
        }
    }

    /// A channel's state; `Closed` for one that is gone.
    #[must_use]
    pub fn state(&self, channel: ChannelId) -> ChannelState {
        self.channels
            .get(&channel)
            .map_or(ChannelState::Closed, |channel| channel.state)
    }

    /// What a channel was opened with, by us or by the peer; `None` for one that is gone.
    #[must_use]
    pub fn init(&self, channel: ChannelId) -> Option<&ChannelInit> {
        self.channels.get(&channel).map(|channel| &channel.init)
    }

    /// A channel's stream id, when it has one.
    #[must_use]
    pub fn stream_id(&self, channel: ChannelId) -> Option<u16> {
        self.channels.get(&channel)?.stream
    }

    /// A channel's counters; `None` for one that is gone.
    #[must_use]
    pub fn channel_stats(&self, channel: ChannelId) -> Option<ChannelStats> {
        self.channels.get(&channel).map(|channel| channel.stats)
    }

    /// How many channels were opened and closed so far.
    #[must_use]
    pub fn stats(&self) -> ChannelsStats {
        let is_open = |channel: &&Channel| channel.state == ChannelState::Open;
        let open = self.channels.values().filter(is_open).count() as u64;
        ChannelsStats {
            data_channels_opened: self.opened,
            data_channels_closed: self.opened.saturating_sub(open),
        }
    }

    /// All channels that are not gone.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.keys().copied()
    }

    /// The largest message in bytes that the peer takes.
    #[must_use]
    pub fn max_message_size(&self) -> Option<usize> {
        let association = self.association.as_ref()?;
        Some(association.config().max_outgoing_message_size)
    }

    /// Ends the association gracefully, and with it all channels: what was sent is delivered first.
    pub fn shutdown(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.shutdown(now);
            self.pump(now);
        }
    }

    /// Ends the association at once. If there is none yet, none will come, and channels that wait for it are
    /// closed.
    pub fn abort(&mut self, now: Instant, reason: &str) {
        if let Some(association) = &mut self.association {
            association.abort(reason);
            self.pump(now);
        } else if !self.over {
            self.disconnected(CloseReason::Aborted);
        }
    }

    /// The association, once it is there.
    #[must_use]
    pub const fn association(&self) -> Option<&Association> {
        self.association.as_ref()
    }

    /// The association, once it is there, for its settings. Its events and messages are taken by the
    /// channels.
    pub const fn association_mut(&mut self) -> Option<&mut Association> {
        self.association.as_mut()
    }

    /// Whether the association is established.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.association
            .as_ref()
            .is_some_and(|association| association.state() == AssociationState::Connected)
    }
}

/// DCEP is always ordered and reliable (RFC 8832, section 6). It does not wait for room behind user data: an
/// OPEN and its ACK belong to a channel each, and of these there is a bound.
pub(crate) fn send_dcep(
    association: &mut Association,
    now: Instant,
    stream: u16,
    message: Vec<u8>,
) -> Result<(), SctpSendError> {
    let options = SendOptions {
        ordered: true,
        reliability: Reliability::Reliable,
    };
    association.send_control(now, StreamId(stream), ppid::DCEP, message.into(), options)
}

/// A message as SCTP carries it (RFC 8831, section 6.6).
fn encode(message: Message) -> (Ppid, Bytes) {
    const EMPTY: Bytes = Bytes::from_static(&[0]);
    match message {
        Message::Text(text) if text.is_empty() => (ppid::STRING_EMPTY, EMPTY),
        Message::Text(text) => (ppid::STRING, text.into()),
        Message::Binary(data) if data.is_empty() => (ppid::BINARY_EMPTY, EMPTY),
        Message::Binary(data) => (ppid::BINARY, data),
    }
}
