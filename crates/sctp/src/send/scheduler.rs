//! Which stream sends next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::SchedulerKind;

/// Orders the streams that have something to send (RFC 8260, section 3). A stream is in it once.
#[derive(Debug)]
pub(crate) struct Scheduler {
    kind: SchedulerKind,
    ready: BinaryHeap<Reverse<(u64, u16)>>,
    /// Counts turns.
    ticket: u64,
    /// The virtual time of weighted-fair queueing: that of the stream which was served last.
    virtual_time: u64,
}

/// What the scheduler looks at when a stream asks for its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) stream: u16,
    pub(crate) priority: u16,
    /// When its first message was queued, as a count.
    pub(crate) queued: u64,
    /// How many bytes it sends in its turn.
    pub(crate) len: usize,
    /// Its virtual time, which is updated.
    pub(crate) finish: u64,
}

impl Scheduler {
    pub(crate) const fn new(kind: SchedulerKind) -> Self {
        Self {
            kind,
            ready: BinaryHeap::new(),
            ticket: 0,
            virtual_time: 0,
        }
    }

    /// Puts a stream in line, and returns its new virtual time.
    pub(crate) fn push(&mut self, request: Request) -> u64 {
        self.ticket += 1;
        let mut finish = request.finish;
        let key = match self.kind {
            SchedulerKind::FirstComeFirstServed => request.queued,
            SchedulerKind::RoundRobin => self.ticket,
            SchedulerKind::Priority => {
                u64::from(u16::MAX - request.priority) << 48 | self.ticket & ((1 << 48) - 1)
            }
            SchedulerKind::WeightedFair => {
                let cost = (request.len as u64) << 16;
                let cost = cost / u64::from(request.priority.max(1));
                finish = self.virtual_time.max(finish) + cost;
                finish
            }
        };
        self.ready.push(Reverse((key, request.stream)));
        finish
    }

    /// Takes the stream whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<u16> {
        let Reverse((key, stream)) = self.ready.pop()?;
        if self.kind == SchedulerKind::WeightedFair {
            self.virtual_time = key;
        }
        Some(stream)
    }
}
