//! What an association has in every state.

use std::collections::VecDeque;
use std::time::Instant;

use gannet_crypto::{Hmac, Rng};
use gannet_wire::Serial32;

use crate::packet::CommonHeader;
use crate::receive::MESSAGE_COST;
use crate::send::{SendContext, SendQueue};
use crate::timer::Timers;
use crate::{Config, Event, Message, Stats};

/// What does not depend on the state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) rng: Rng,
    pub(crate) cookie_key: Box<dyn Hmac>,
    /// Cookies count time from here.
    pub(crate) epoch: Instant,
    /// What we call ourselves, unless the peer restarts. It is the same whether we connect or answer, so
    /// that both are one association.
    pub(crate) identity: Identity,
    pub(crate) timers: Timers,
    pub(crate) queue: SendQueue,
    pub(crate) events: VecDeque<Event>,
    pub(crate) inbox: Inbox,
    pub(crate) replies: Replies,
    pub(crate) stats: Stats,
}

impl Core {
    pub(crate) fn send_context(&mut self, now: Instant) -> SendContext<'_> {
        SendContext {
            now,
            queue: &mut self.queue,
            timers: &mut self.timers,
            events: &mut self.events,
            stats: &mut self.stats,
        }
    }

    /// The common header of a packet to the peer.
    pub(crate) const fn header(&self, verification_tag: u32) -> CommonHeader {
        CommonHeader {
            source_port: self.config.local_port,
            destination_port: self.config.remote_port,
            verification_tag,
        }
    }
}

/// What we call ourselves in an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tag: u32,
    pub(crate) initial_tsn: Serial32,
}

impl Identity {
    /// A verification tag is any number but 0 (RFC 9260, section 5.3.1).
    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            tag: rng.u32().max(1),
            initial_tsn: Serial32(rng.u32()),
        }
    }
}

/// Messages that wait for the user.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<Message>,
    /// What those cost that wait, and those that were taken and not released.
    held: usize,
    /// The user knows that messages wait.
    signalled: bool,
}

impl Inbox {
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    pub(crate) fn push(&mut self, message: Message, events: &mut VecDeque<Event>) {
        self.held += message.data.len() + MESSAGE_COST;
        self.messages.push_back(message);
        if !self.signalled {
            self.signalled = true;
            events.push_back(Event::Readable);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front();
        self.signalled &= !self.messages.is_empty();
        message
    }

    pub(crate) const fn release(&mut self, len: usize) {
        self.held = self.held.saturating_sub(len + MESSAGE_COST);
    }
}

/// A packet or chunk that answers something, and is not part of the association's own doing.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A packet of its own with a tag of its own.
    Packet {
        verification_tag: u32,
        chunk: Vec<u8>,
    },
    /// A chunk that travels with others in the association's packets.
    Chunk(Vec<u8>),
}

/// Answers that wait to be sent. When there are too many, new ones are dropped: they answer what a peer
/// repeats if it needs the answer.
#[derive(Debug, Default)]
pub(crate) struct Replies(VecDeque<Reply>);

impl Replies {
    /// How many answers wait at most.
    pub(crate) const MAX: usize = 16;

    pub(crate) fn push(&mut self, reply: Reply) {
        if self.0.len() < Self::MAX {
            self.0.push_back(reply);
        }
    }

    /// Takes the first packet of its own.
    pub(crate) fn take_packet(&mut self) -> Option<(u32, Vec<u8>)> {
        let is_packet = |reply: &Reply| matches!(reply, Reply::Packet { .. });
        let at = self.0.iter().position(is_packet)?;
        match self.0.remove(at) {
            Some(Reply::Packet {
                verification_tag,
                chunk,
            }) => Some((verification_tag, chunk)),
            _ => None,
        }
    }

    /// Takes the first chunk that is not longer than `max`.
    pub(crate) fn take_chunk(&mut self, max: usize) -> Option<Vec<u8>> {
        let fits = |reply: &Reply| matches!(reply, Reply::Chunk(chunk) if chunk.len() <= max);
        let at = self.0.iter().position(fits)?;
        match self.0.remove(at) {
            Some(Reply::Chunk(chunk)) => Some(chunk),
            _ => None,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
