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
mod tests {
    use std::time::Duration;

    use super::*;

    fn queue(kind: SchedulerKind) -> SendQueue {
        SendQueue::new(kind, 100_000)
    }

    fn push(queue: &mut SendQueue, stream: u16, len: usize) {
        let options = SendOptions::default();
        let data = Bytes::from(vec![stream as u8; len]);
        queue.push(Instant::now(), StreamId(stream), Ppid(51), data, options);
    }

    fn pull_with(queue: &mut SendQueue, now: Instant, interleaving: bool) -> (Pulled, Vec<Event>) {
        let mut events = VecDeque::new();
        let context = PullContext {
            interleaving,
            partial_reliability: true,
            first_in_packet: true,
            events: &mut events,
            abandoned: &mut 0,
        };
        let pulled = queue.pull(now, 1000, 77, context);
        (pulled, events.into())
    }

    /// The streams and lengths of all fragments, in order.
    fn drain(queue: &mut SendQueue, interleaving: bool) -> Vec<(u16, usize)> {
        let mut fragments = Vec::new();
        while let (Pulled::Fragment(fragment), _) = pull_with(queue, Instant::now(), interleaving) {
            fragments.push((fragment.stream.0, fragment.payload.len()));
        }
        assert!(queue.is_empty());
        assert_eq!(queue.buffered(), 0);
        fragments
    }

    #[test]
    fn a_message_is_cut_into_fragments() {
        let mut queue = queue(SchedulerKind::RoundRobin);
        push(&mut queue, 1, 2500);
        let mut seen = Vec::new();
        while let (Pulled::Fragment(f), _) = pull_with(&mut queue, Instant::now(), true) {
            seen.push((
                f.payload.len(),
                f.fragment.beginning,
                f.fragment.end,
                f.fsn,
                f.number,
            ));
        }
        assert_eq!(
            seen,
            [
                (1000, true, false, 0, 0),
                (1000, false, false, 1, 0),
                (500, false, true, 2, 0)
            ]
        );
    }

    #[test]
    fn without_interleaving_a_message_is_finished_first() {
        let mut queue = queue(SchedulerKind::RoundRobin);
        push(&mut queue, 1, 1500);
        push(&mut queue, 1, 10);
        push(&mut queue, 2, 1500);
        assert_eq!(
            drain(&mut queue, false),
            [(1, 1000), (1, 500), (2, 1000), (2, 500), (1, 10)]
        );
    }

    #[test]
    fn with_interleaving_streams_take_turns_by_fragment() {
        let mut queue = queue(SchedulerKind::RoundRobin);
        push(&mut queue, 1, 2500);
        push(&mut queue, 2, 2000);
        assert_eq!(
            drain(&mut queue, true),
            [(1, 1000), (2, 1000), (1, 1000), (2, 1000), (1, 500)]
        );
    }

    #[test]
    fn first_come_first_served_follows_the_order_of_sending() {
        let mut queue = queue(SchedulerKind::FirstComeFirstServed);
        for stream in [5, 1, 5, 3, 1] {
            push(&mut queue, stream, 100);
        }
        let streams: Vec<u16> = drain(&mut queue, true).iter().map(|f| f.0).collect();
        assert_eq!(streams, [5, 1, 5, 3, 1]);
    }

    #[test]
    fn priorities_come_first() {
        let mut queue = queue(SchedulerKind::Priority);
        queue.set_priority(StreamId(2), 512);
        queue.set_priority(StreamId(3), 128);
        for stream in [3, 1, 2, 3, 2] {
            push(&mut queue, stream, 100);
        }
        let streams: Vec<u16> = drain(&mut queue, true).iter().map(|f| f.0).collect();
        assert_eq!(streams, [2, 2, 1, 3, 3]);
    }

    #[test]
    fn weights_share_the_bandwidth() {
        let mut queue = queue(SchedulerKind::WeightedFair);
        queue.set_priority(StreamId(1), 256);
        queue.set_priority(StreamId(2), 1024);
        for _ in 0..40 {
            push(&mut queue, 1, 900);
            push(&mut queue, 2, 900);
        }
        let mut first_half = [0; 3];
        for _ in 0..40 {
            if let (Pulled::Fragment(f), _) = pull_with(&mut queue, Instant::now(), true) {
                first_half[usize::from(f.stream.0)] += 1;
            }
        }
        assert!((7..=9).contains(&first_half[1]), "{first_half:?}");
    }

    #[test]
    fn expired_messages_are_not_sent() {
        let mut queue = queue(SchedulerKind::RoundRobin);
        let now = Instant::now();
        let options = SendOptions {
            ordered: true,
            reliability: Reliability::MaxLifetime(Duration::from_millis(10)),
        };
        let data = Bytes::from(vec![0; 1500]);
        for _ in 0..2 {
            queue.push(now, StreamId(1), Ppid(0), data.clone(), options);
        }
        assert!(matches!(
            pull_with(&mut queue, now, false).0,
            Pulled::Fragment(_)
        ));
        let later = now + Duration::from_millis(10);
        let (pulled, _) = pull_with(&mut queue, later, false);
        assert!(matches!(
            pulled,
            Pulled::Expired {
                stream: StreamId(1),
                first_tsn: 77
            }
        ));
        let mut events = VecDeque::new();
        let (len, rest) = queue.discard_rest(StreamId(1), 77, &mut events).unwrap();
        assert_eq!((len, rest.fsn, rest.number), (500, 1, 0));
        assert!(queue.discard_rest(StreamId(1), 77, &mut events).is_none());
        let (pulled, events) = pull_with(&mut queue, later, false);
        assert!(matches!(pulled, Pulled::Empty));
        let abandoned = Event::MessageAbandoned {
            stream: StreamId(1),
            len: 1500,
        };
        assert!(events.contains(&abandoned));
        // The number of the message that was never started is used by the next one.
        push(&mut queue, 1, 10);
        let (Pulled::Fragment(fragment), _) = pull_with(&mut queue, later, false) else {
            panic!("nothing to send");
        };
        assert_eq!(fragment.number, 1);
    }

    #[test]
    fn the_user_hears_of_room() {
        let mut queue = queue(SchedulerKind::RoundRobin);
        queue.set_low_threshold(StreamId(1), 500);
        push(&mut queue, 1, 90_000);
        assert!(!queue.has_room(20_000));
        let (mut low, mut writable) = (0, 0);
        while let (Pulled::Fragment(_), events) = pull_with(&mut queue, Instant::now(), false) {
            for event in events {
                match event {
                    Event::BufferedAmountLow(StreamId(1)) => low += 1,
                    Event::Writable => {
                        writable += 1;
                        assert_eq!(queue.buffered(), 50_000);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((low, writable), (1, 1));
    }
}
