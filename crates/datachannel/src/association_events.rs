//! What the association says, turned into what channels do.

use std::time::Instant;

use gannet_sctp::{
    CloseReason, Event as SctpEvent, Message as SctpMessage, ReconfigError, StreamId,
};

use crate::channels::{DataChannels, send_dcep};
use crate::dcep::{Dcep, Open};
use crate::{ChannelId, ChannelState, Event, Role};

/// Events that the user does not take: above this, what the peer sends waits in the association, whose
/// window closes.
const MAX_EVENTS: usize = 4096;

impl DataChannels {
    /// Takes everything from the association that the user's events have room for.
    pub(crate) fn pump(&mut self, now: Instant) {
        self.held_up = None;
        while self.events.len() < MAX_EVENTS {
            let Some(association) = &mut self.association else {
                return;
            };
            // Messages first: those that came before a reset belong to the channel that it ends.
            if let Some(message) = association.take_message() {
                self.on_message(now, message);
            } else if let Some(event) = association.poll_event() {
                self.on_association_event(now, event);
            } else {
                return;
            }
        }
        self.held_up = Some(now);
    }

    fn on_association_event(&mut self, now: Instant, event: SctpEvent) {
        match event {
            SctpEvent::Connected => self.on_connected(now),
            SctpEvent::Restarted => self.on_restarted(),
            SctpEvent::BufferedAmountLow(stream) => self.on_buffered_amount_low(stream),
            SctpEvent::IncomingStreamsReset(streams) => self.on_incoming_reset(now, &streams),
            SctpEvent::OutgoingStreamsReset(streams) => self.on_outgoing_reset(now, &streams),
            SctpEvent::OutgoingStreamsResetFailed(streams) => self.on_reset_failed(&streams),
            SctpEvent::Closed(reason) => self.disconnected(reason),
            _ => {}
        }
    }

    fn on_connected(&mut self, now: Instant) {
        self.connected = true;
        self.events.push_back(Event::Connected);
        let waiting: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.state == ChannelState::Connecting)
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            if !self.open_channel(now, id) {
                self.finish(id);
            }
        }
    }

    /// The peer has lost its memory, and with it all channels.
    fn on_restarted(&mut self) {
        self.finish_all();
        self.blocked.clear();
        self.refused.clear();
    }

    /// The association is over, or none will come.
    pub(crate) fn disconnected(&mut self, reason: CloseReason) {
        self.over = true;
        self.finish_all();
        self.events.push_back(Event::Disconnected(reason));
    }

    fn finish_all(&mut self) {
        let all: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in all {
            self.finish(id);
        }
    }

    fn on_buffered_amount_low(&mut self, stream: StreamId) {
        if let Some(id) = self.by_stream.get(&stream.0)
            && let Some(channel) = self.channels.get_mut(id)
            && std::mem::take(&mut channel.has_queued)
        {
            self.events.push_back(Event::BufferedAmountLow(*id));
        }
    }

    fn on_message(&mut self, now: Instant, message: SctpMessage) {
        let channel = self.by_stream.get(&message.stream.0);
        if let Some(channel) = channel.and_then(|id| self.channels.get_mut(id))
            && channel.incoming_reset
        {
            channel.later.push_back(message);
            return;
        }
        if Dcep::is_dcep(message.ppid) {
            self.on_dcep(now, &message);
            return;
        }
        let stream = message.stream.0;
        let channel = self.by_stream.get(&stream).copied();
        let Some((id, channel)) = channel.and_then(|id| Some((id, self.channels.get_mut(&id)?)))
        else {
            self.release(message.data.len());
            return;
        };
        // Any message shows that the peer knows the channel (RFC 8832, section 6).
        channel.awaits_ack = false;
        if channel.closed_here {
            self.release(message.data.len());
            return;
        }
        let max = self.association.as_ref().map_or(0, |association| {
            association.config().max_incoming_message_size
        });
        if let Err(credits) = channel.take(message.ppid, message.data, max) {
            for credit in credits {
                self.release(credit);
            }
            return;
        }
        if !channel.signalled && !channel.inbox.is_empty() {
            channel.signalled = true;
            self.events.push_back(Event::Message(id));
        }
    }

    fn release(&mut self, len: usize) {
        if let Some(association) = &mut self.association {
            association.release_window(len);
        }
    }

    fn on_dcep(&mut self, now: Instant, message: &SctpMessage) {
        let stream = message.stream.0;
        let len = message.data.len();
        match Dcep::parse(&message.data) {
            Ok(Dcep::Ack) => {
                if let Some(id) = self.by_stream.get(&stream)
                    && let Some(channel) = self.channels.get_mut(id)
                {
                    channel.awaits_ack = false;
                }
            }
            Ok(Dcep::Open(open)) if self.may_be_opened(stream) => {
                self.on_open(now, stream, open, len);
                return;
            }
            // RFC 8832, section 6: what breaks the rules is closed.
            Ok(Dcep::Open(_)) | Err(_) => self.refuse(stream),
        }
        self.release(len);
    }

    /// Whether the peer may open a channel on a stream: it is one of its own, and free.
    fn may_be_opened(&self, stream: u16) -> bool {
        let peers = match self.role {
            Role::Client => stream % 2 == 1,
            Role::Server => stream.is_multiple_of(2),
        };
        let count = self
            .association
            .as_ref()
            .map_or(0, gannet_sctp::Association::outbound_streams);
        peers
            && stream < count
            && !self.by_stream.contains_key(&stream)
            && !self.blocked.contains(&stream)
            && !self.refused.contains(&stream)
            && self.channels.len() < self.config.max_channels
    }

    fn on_open(&mut self, now: Instant, stream: u16, open: Open, credit: usize) {
        let priority = open.priority;
        let id = self.insert(open.into_init());
        let (Some(channel), Some(association)) =
            (self.channels.get_mut(&id), &mut self.association)
        else {
            return;
        };
        channel.stream = Some(stream);
        channel.state = ChannelState::Open;
        self.opened += 1;
        channel.open_credit = Some(credit);
        association.set_stream_priority(StreamId(stream), priority.max(1));
        association.set_buffered_amount_low_threshold(StreamId(stream), 0);
        let mut ack = Vec::new();
        Dcep::Ack.write(&mut ack);
        // It fails only if the association is closing.
        let _ = send_dcep(association, now, stream, ack);
        self.by_stream.insert(stream, id);
        self.events.push_back(Event::Incoming(id));
    }

    /// Closes what the peer should not have opened.
    fn refuse(&mut self, stream: u16) {
        if let Some(id) = self.by_stream.get(&stream).copied() {
            // A channel is there: its peer does not know what it does.
            if let Some(channel) = self.channels.get_mut(&id)
                && channel.state == ChannelState::Open
            {
                channel.state = ChannelState::Closing;
                self.events.push_back(Event::Closing(id));
                self.reset(id);
            }
            return;
        }
        if let Some(association) = &mut self.association
            && !self.refused.contains(&stream)
            && association.reset_streams(&[StreamId(stream)]).is_ok()
        {
            self.refused.insert(stream);
        }
    }

    /// Asks for the reset of a channel's outgoing stream (RFC 8831, section 6.7).
    pub(crate) fn reset(&mut self, id: ChannelId) {
        let (Some(channel), Some(association)) =
            (self.channels.get_mut(&id), &mut self.association)
        else {
            return;
        };
        let Some(stream) = channel.stream else {
            return;
        };
        if channel.reset_requested {
            return;
        }
        channel.reset_requested = true;
        match association.reset_streams(&[StreamId(stream)]) {
            Ok(()) => {}
            // The association is closing: all channels end with it.
            Err(ReconfigError::NotConnected) => {}
            Err(_) => self.block(id),
        }
    }

    /// A channel ends, and its stream can not be used again.
    fn block(&mut self, id: ChannelId) {
        if let Some(stream) = self.channels.get(&id).and_then(|channel| channel.stream) {
            self.blocked.insert(stream);
        }
        self.finish(id);
    }

    fn on_incoming_reset(&mut self, now: Instant, streams: &[StreamId]) {
        // None named means all of them (RFC 6525, section 4.1).
        let all: Vec<StreamId>;
        let streams = if streams.is_empty() {
            all = self.by_stream.keys().map(|id| StreamId(*id)).collect();
            &all
        } else {
            streams
        };
        for stream in streams {
            self.refused.remove(&stream.0);
            let Some(id) = self.by_stream.get(&stream.0).copied() else {
                continue;
            };
            let Some(channel) = self.channels.get_mut(&id) else {
                continue;
            };
            channel.incoming_reset = true;
            if channel.state == ChannelState::Open {
                channel.state = ChannelState::Closing;
                self.events.push_back(Event::Closing(id));
            }
            self.reset(id);
            self.maybe_finish(now, id);
        }
    }

    fn on_outgoing_reset(&mut self, now: Instant, streams: &[StreamId]) {
        for stream in streams {
            if let Some(id) = self.by_stream.get(&stream.0).copied()
                && let Some(channel) = self.channels.get_mut(&id)
            {
                channel.outgoing_reset = true;
                // The peer wanted it (RFC 6525, section 5.2.3): it takes nothing more.
                if channel.state == ChannelState::Open {
                    channel.state = ChannelState::Closing;
                    channel.reset_requested = true;
                    self.events.push_back(Event::Closing(id));
                }
                self.maybe_finish(now, id);
            }
        }
    }

    fn on_reset_failed(&mut self, streams: &[StreamId]) {
        for stream in streams {
            if let Some(id) = self.by_stream.get(&stream.0).copied() {
                self.block(id);
            }
        }
    }

    /// A channel is closed, and its id is free, when both directions are reset (RFC 8831, section 6.7).
    fn maybe_finish(&mut self, now: Instant, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(&id)
            && channel.incoming_reset
            && channel.outgoing_reset
        {
            let later = std::mem::take(&mut channel.later);
            self.finish(id);
            for message in later {
                self.on_message(now, message);
            }
        }
    }

    /// A channel is over.
    pub(crate) fn finish(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        if channel.state == ChannelState::Closed {
            return;
        }
        channel.state = ChannelState::Closed;
        let stream = channel.stream.take();
        let credit = channel.open_credit.take();
        let partial = std::mem::take(&mut channel.partial).credits;
        let later = std::mem::take(&mut channel.later);
        let later = later.into_iter().map(|message| message.data.len());
        let is_gone = channel.inbox.is_empty();
        if let Some(stream) = stream {
            self.by_stream.remove(&stream);
        }
        for credit in credit.into_iter().chain(partial).chain(later) {
            self.release(credit);
        }
        if is_gone {
            self.channels.remove(&id);
        }
        self.events.push_back(Event::Closed(id));
    }

    /// Drops the messages that nobody will take: the user has closed the channel.
    pub(crate) fn discard(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        let inbox = std::mem::take(&mut channel.inbox);
        let partial = std::mem::take(&mut channel.partial).credits;
        let is_gone = channel.state == ChannelState::Closed;
        for received in inbox {
            self.release(received.credits.first);
            for credit in received.credits.more {
                self.release(credit);
            }
        }
        for credit in partial {
            self.release(credit);
        }
        if is_gone {
            self.channels.remove(&id);
        }
    }
}
