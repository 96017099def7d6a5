//! Messages that wait to be sent, by stream.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::outstanding::Policy;
use super::scheduler::{Request, Scheduler};
use crate::packet::Fragment;
use crate::stream_table::StreamTable;
use crate::{Event, Ppid, Reliability, SchedulerKind, SendOptions, StreamId};

/// A piece of a message, about to be sent.
#[derive(Debug)]
pub(crate) struct QueuedFragment {
    pub(crate) stream: StreamId,
    pub(crate) ppid: Ppid,
    /// SSN or MID.
    pub(crate) number: u32,
    pub(crate) fsn: u32,
    pub(crate) fragment: Fragment,
    pub(crate) payload: Bytes,
    pub(crate) policy: Policy,
    pub(crate) first_tsn: u64,
}

/// What the queue says when it is asked for a fragment.
#[derive(Debug)]
pub(crate) enum Pulled {
    Fragment(QueuedFragment),
    /// A message whose start was sent has expired: nothing more of it is to be sent.
    Expired {
        stream: StreamId,
        first_tsn: u64,
    },
    Empty,
}

#[derive(Debug)]
struct Queued {
    /// What is left of it.
    data: Bytes,
    ppid: Ppid,
    ordered: bool,
    policy: Policy,
    queued: u64,
    started: Option<Started>,
}

/// Some of a message was sent.
#[derive(Clone, Copy, Debug)]
struct Started {
    number: u32,
    next_fsn: u32,
    first_tsn: u64,
}

#[derive(Debug)]
struct OutStream {
    messages: VecDeque<Queued>,
    buffered: usize,
    low_threshold: usize,
    next_ordered: u32,
    next_unordered: u32,
    priority: u16,
    /// Whether it is in the scheduler.
    scheduled: bool,
    /// Its virtual time in weighted-fair queueing.
    finish: u64,
    /// It takes no messages: it is to be reset, or is being reset.
    resetting: bool,
}

/// RFC 8831, section 6.4: "normal".
const DEFAULT_PRIORITY: u16 = 256;

impl Default for OutStream {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            buffered: 0,
            low_threshold: 0,
            next_ordered: 0,
            next_unordered: 0,
            priority: DEFAULT_PRIORITY,
            scheduled: false,
            finish: 0,
            resetting: false,
        }
    }
}

/// The send queues of all streams.
#[derive(Debug)]
pub(crate) struct SendQueue {
    streams: StreamTable<OutStream>,
    scheduler: Scheduler,
    /// The stream whose message is being sent; DATA's fragments must not be interleaved.
    current: Option<u16>,
    buffered: usize,
    messages: usize,
    queued: u64,
    limit: usize,
    /// `send` was refused: the user wants to hear when there is room.
    refused: bool,
}

/// Below this many bytes of payload a fragment is not worth its header.
const MIN_FRAGMENT: usize = 128;

impl SendQueue {
    pub(crate) fn new(scheduler: SchedulerKind, limit: usize) -> Self {
        Self {
            streams: StreamTable::default(),
            scheduler: Scheduler::new(scheduler),
            current: None,
            buffered: 0,
            messages: 0,
            queued: 0,
            limit,
            refused: false,
        }
    }

    pub(crate) const fn buffered(&self) -> usize {
        self.buffered
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.messages == 0
    }

    pub(crate) fn stream_buffered(&self, stream: StreamId) -> usize {
        self.streams
            .get(stream.0)
            .map_or(0, |stream| stream.buffered)
    }

    /// Whether `len` bytes more fit. A message always fits into an empty queue.
    pub(crate) const fn has_room(&mut self, len: usize) -> bool {
        let fits = self.buffered == 0 || self.buffered.saturating_add(len) <= self.limit;
        self.refused |= !fits;
        fits
    }

    pub(crate) fn set_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        self.streams.entry(stream.0).low_threshold = threshold;
    }

    pub(crate) fn set_priority(&mut self, stream: StreamId, priority: u16) {
        self.streams.entry(stream.0).priority = priority;
    }

    pub(crate) fn is_resetting(&self, stream: StreamId) -> bool {
        self.streams
            .get(stream.0)
            .is_some_and(|stream| stream.resetting)
    }

    /// The streams whose numbers are not those of a new one, or will not be when their messages have left.
    pub(crate) fn numbered(&self) -> Vec<StreamId> {
        let is_numbered = |stream: &OutStream| {
            stream.next_ordered != 0 || stream.next_unordered != 0 || !stream.messages.is_empty()
        };
        self.streams
            .iter()
            .filter(|(_, stream)| is_numbered(stream))
            .map(|(id, _)| StreamId(id))
            .collect()
    }

    /// Stops a stream from taking messages.
    pub(crate) fn start_reset(&mut self, stream: StreamId) {
        self.streams.entry(stream.0).resetting = true;
    }

    /// Whether everything that waited on a stream has been sent once.
    pub(crate) fn is_drained(&self, stream: StreamId) -> bool {
        self.streams
            .get(stream.0)
            .is_none_or(|stream| stream.messages.is_empty())
    }

    /// A stream takes messages again; if it was reset, its numbers start over.
    pub(crate) fn end_reset(&mut self, stream: StreamId, performed: bool) {
        let stream = self.streams.entry(stream.0);
        stream.resetting = false;
        if performed {
            stream.next_ordered = 0;
            stream.next_unordered = 0;
        }
    }

    /// Queues a message.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        id: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
    ) {
        let policy = match options.reliability {
            Reliability::Reliable => Policy::default(),
            Reliability::MaxRetransmits(max) => Policy {
                max_retransmits: Some(max),
                expires: None,
            },
            Reliability::MaxLifetime(lifetime) => Policy {
                expires: now.checked_add(lifetime),
                max_retransmits: None,
            },
        };
        self.queued += 1;
        self.messages += 1;
        self.buffered += data.len();
        let stream = self.streams.entry(id.0);
        stream.buffered += data.len();
        stream.messages.push_back(Queued {
            data,
            ppid,
            ordered: options.ordered,
            policy,
            queued: self.queued,
            started: None,
        });
        if !stream.scheduled && self.current != Some(id.0) {
            self.schedule(id.0);
        }
    }

    fn schedule(&mut self, id: u16) {
        let stream = self.streams.entry(id);
        let Some(first) = stream.messages.front() else {
            return;
        };
        stream.finish = self.scheduler.push(Request {
            stream: id,
            priority: stream.priority,
            queued: first.queued,
            len: first.data.len(),
            finish: stream.finish,
        });
        stream.scheduled = true;
    }

    /// The stream whose turn it is, which is taken out of the scheduler.
    fn take_turn(&mut self) -> Option<u16> {
        if let Some(current) = self.current {
            return Some(current);
        }
        while let Some(id) = self.scheduler.pop() {
            let stream = self.streams.entry(id);
            stream.scheduled = false;
            if !stream.messages.is_empty() {
                self.current = Some(id);
                return self.current;
            }
        }
        None
    }

    /// The next fragment, whose payload is at most `room` bytes. `first_in_packet` says that there is
    /// no other data in the packet: then a small fragment is better than none.
    pub(crate) fn pull(
        &mut self,
        now: Instant,
        room: usize,
        next_tsn: u64,
        context: PullContext<'_>,
    ) -> Pulled {
        loop {
            let Some(id) = self.take_turn() else {
                return Pulled::Empty;
            };
            let stream = self.streams.entry(id);
            let Some(message) = stream.messages.front() else {
                self.current = None;
                continue;
            };
            let expired = context.partial_reliability && message.policy.has_expired(now);
            match message.started {
                Some(started) if expired => {
                    return Pulled::Expired {
                        stream: StreamId(id),
                        first_tsn: started.first_tsn,
                    };
                }
                None if expired => {
                    let len = message.data.len();
                    self.drop_first(id, context.events);
                    context.events.push_back(Event::MessageAbandoned {
                        stream: StreamId(id),
                        len,
                    });
                    *context.abandoned += 1;
                }
                _ => return self.cut(id, room, next_tsn, context),
            }
        }
    }

    /// Cuts a fragment from a stream's first message.
    fn cut(&mut self, id: u16, room: usize, next_tsn: u64, context: PullContext<'_>) -> Pulled {
        let stream = self.streams.entry(id);
        let Some(message) = stream.messages.front_mut() else {
            return Pulled::Empty;
        };
        let is_last = message.data.len() <= room;
        // A cut in the middle is a multiple of four long: it needs no padding.
        let len = if is_last {
            message.data.len()
        } else {
            room & !3
        };
        let too_small = len < MIN_FRAGMENT && !context.first_in_packet;
        if len == 0 || !is_last && too_small {
            return Pulled::Empty;
        }
        let beginning = message.started.is_none();
        let started = message.started.get_or_insert_with(|| {
            let next = if message.ordered {
                &mut stream.next_ordered
            } else {
                &mut stream.next_unordered
            };
            let number = *next;
            // RFC 8260 numbers all messages; RFC 9260 only ordered ones.
            if message.ordered || context.interleaving {
                *next = next.wrapping_add(1);
            }
            Started {
                number,
                next_fsn: 0,
                first_tsn: next_tsn,
            }
        });
        let fragment = QueuedFragment {
            stream: StreamId(id),
            ppid: message.ppid,
            number: started.number,
            fsn: started.next_fsn,
            fragment: Fragment {
                beginning,
                end: is_last,
                unordered: !message.ordered,
                immediate: false,
            },
            payload: message.data.split_to(len),
            policy: message.policy,
            first_tsn: started.first_tsn,
        };
        started.next_fsn = started.next_fsn.wrapping_add(1);
        if is_last {
            stream.messages.pop_front();
            self.messages -= 1;
        }
        if is_last || context.interleaving {
            self.current = None;
            self.schedule(id);
        }
        self.leave(id, len, context.events);
        Pulled::Fragment(fragment)
    }

    /// Bytes leave a stream's queue.
    fn leave(&mut self, id: u16, len: usize, events: &mut VecDeque<Event>) {
        let stream = self.streams.entry(id);
        let before = stream.buffered;
        stream.buffered -= len;
        if before > stream.low_threshold && stream.buffered <= stream.low_threshold {
            events.push_back(Event::BufferedAmountLow(StreamId(id)));
        }
        self.buffered -= len;
        if self.refused && self.buffered <= self.limit / 2 {
            self.refused = false;
            events.push_back(Event::Writable);
        }
    }

    fn drop_first(&mut self, id: u16, events: &mut VecDeque<Event>) -> usize {
        let Some(message) = self.streams.entry(id).messages.pop_front() else {
            return 0;
        };
        self.messages -= 1;
        if self.current == Some(id) {
            self.current = None;
        }
        if !self.streams.entry(id).scheduled {
            self.schedule(id);
        }
        self.leave(id, message.data.len(), events);
        message.data.len()
    }

    /// Drops what is left of a message whose start was sent; `None` if nothing of it is here. What is
    /// returned is its length, and an empty fragment in place of the rest.
    pub(crate) fn discard_rest(
        &mut self,
        id: StreamId,
        first_tsn: u64,
        events: &mut VecDeque<Event>,
    ) -> Option<(usize, QueuedFragment)> {
        let message = self.streams.get(id.0)?.messages.front()?;
        let started = message
            .started
            .filter(|started| started.first_tsn == first_tsn)?;
        let rest = QueuedFragment {
            stream: id,
            ppid: message.ppid,
            number: started.number,
            fsn: started.next_fsn,
            fragment: Fragment {
                beginning: false,
                end: true,
                unordered: !message.ordered,
                immediate: false,
            },
            payload: Bytes::new(),
            policy: message.policy,
            first_tsn,
        };
        Some((self.drop_first(id.0, events), rest))
    }

    /// Gives up the messages on a stream and all above it, which the peer does not take (RFC 9260, section 5.1.1).
    /// Returns how many those were.
    pub(crate) fn give_up_from(&mut self, first: StreamId, events: &mut VecDeque<Event>) -> u64 {
        let streams = self.streams.iter();
        let used: Vec<(u16, usize)> = streams
            .filter(|(id, _)| *id >= first.0)
            .map(|(id, stream)| (id, stream.messages.len()))
            .collect();
        let mut count = 0;
        for (id, messages) in used {
            for _ in 0..messages {
                let len = self.drop_first(id, events);
                let stream = StreamId(id);
                events.push_back(Event::MessageAbandoned { stream, len });
                count += 1;
            }
        }
        count
    }

    /// Takes back a fragment that was sent, to be sent like new; the last one comes first.
    pub(crate) fn take_back(&mut self, fragment: QueuedFragment) {
        let id = fragment.stream.0;
        let len = fragment.payload.len();
        let stream = self.streams.entry(id);
        let started = (!fragment.fragment.beginning).then_some(Started {
            number: fragment.number,
            next_fsn: fragment.fsn,
            first_tsn: fragment.first_tsn,
        });
        let is_its_rest = |message: &&mut Queued| {
            let started = message.started;
            started.is_some_and(|started| started.first_tsn == fragment.first_tsn)
        };
        if let Some(rest) = stream.messages.front_mut().filter(is_its_rest) {
            rest.data = [fragment.payload, rest.data.split_off(0)].concat().into();
            rest.started = started;
        } else {
            stream.messages.push_front(Queued {
                data: fragment.payload,
                ppid: fragment.ppid,
                ordered: !fragment.fragment.unordered,
                policy: fragment.policy,
                queued: 0,
                started,
            });
            self.messages += 1;
        }
        stream.buffered += len;
        self.buffered += len;
        if !stream.scheduled && self.current != Some(id) {
            self.schedule(id);
        }
    }

    /// The peer has restarted (RFC 9260, section 5.2.4.1): numbers start over, and messages whose start
    /// was sent are gone.
    pub(crate) fn restart(&mut self, events: &mut VecDeque<Event>) {
        let mut started = Vec::new();
        for (id, stream) in self.streams.iter_mut() {
            stream.next_ordered = 0;
            stream.next_unordered = 0;
            stream.resetting = false;
            if stream
                .messages
                .front()
                .is_some_and(|message| message.started.is_some())
            {
                started.push(id);
            }
        }
        for id in started {
            let len = self.drop_first(id, events);
            let stream = StreamId(id);
            events.push_back(Event::MessageAbandoned { stream, len });
        }
    }
}

/// What [`SendQueue::pull`] needs to know.
#[derive(Debug)]
pub(crate) struct PullContext<'a> {
    pub(crate) interleaving: bool,
    pub(crate) partial_reliability: bool,
    pub(crate) first_in_packet: bool,
    pub(crate) events: &'a mut VecDeque<Event>,
    /// Counts messages that expired before anything of them was sent.
    pub(crate) abandoned: &'a mut u64,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests;
