//! Giving up messages, and telling the peer (RFC 3758, RFC 7496, RFC 8260).

use std::time::{Duration, Instant};

use gannet_wire::{Serial16, Serial32};

use super::outstanding::{Heaps, Sent, State};
use super::queue::QueuedFragment;
use super::sender::{SendContext, Sender};
use crate::packet::{
    ForwardTsn, IForwardTsn, PacketBuilder, SkippedMessage, SkippedMessages, SkippedStream,
    SkippedStreams,
};
use crate::{Event, StreamId};

/// So many chunks are skipped at once, and the others when the peer has skipped those: all of them are looked at for
/// it, each time that there are more.
const MAX_SKIPPED: u64 = 8192;

/// Whether the peer is to hear how far it can skip.
#[derive(Debug, Default)]
pub(super) struct Forward {
    /// How far it was told to skip.
    told: Option<u64>,
    told_at: Option<Instant>,
    /// To be repeated whether there is news or not.
    resend: bool,
    streams: Vec<SkippedStream>,
    messages: Vec<SkippedMessage>,
}

impl Forward {
    pub(super) const fn resend(&mut self) {
        self.resend = true;
    }

    fn is_due(&self, point: u64, now: Instant, rtt: Duration) -> bool {
        self.resend
            || self.told.is_none_or(|told| told < point)
            || self
                .told_at
                .is_none_or(|at| now.saturating_duration_since(at) >= rtt * 2)
    }
}

impl Sender {
    /// Gives up a message: what was sent of it and what was not.
    pub(super) fn abandon(&mut self, cx: &mut SendContext<'_>, stream: StreamId, first_tsn: u64) {
        let (mut len, complete) = self.outstanding.abandon(first_tsn, self.interleaving);
        if !complete
            && let Some((rest_len, rest)) = cx.queue.discard_rest(stream, first_tsn, cx.events)
        {
            len += rest_len;
            // The peer may have everything that was sent of it. It must still learn that the end will
            // not come, so a fragment that is never sent stands for the end: its TSN is skipped.
            self.push_placeholder(cx.now, rest);
        }
        cx.stats.messages_abandoned += 1;
        cx.events.push_back(Event::MessageAbandoned { stream, len });
        self.arm_retransmission(cx.now, cx.timers, false);
    }

    fn push_placeholder(&mut self, now: Instant, rest: QueuedFragment) {
        let snapshot = self.rate.on_sent(now, self.outstanding.in_flight(), 0);
        self.outstanding.push(Sent {
            payload: rest.payload,
            stream: rest.stream,
            ppid: rest.ppid,
            number: rest.number,
            fsn: rest.fsn,
            fragment: rest.fragment,
            state: State::Abandoned,
            transmissions: 0,
            heaps: Heaps::default(),
            size: 0,
            order: 0,
            sent_at: now,
            snapshot,
            first_tsn: rest.first_tsn,
            policy: rest.policy,
        });
    }

    /// Appends FORWARD TSN or I-FORWARD-TSN, if the peer is to hear of it and it fits.
    pub(super) fn fill_forward(
        &mut self,
        cx: &mut SendContext<'_>,
        builder: &mut PacketBuilder<'_>,
    ) {
        if !self.partial_reliability {
            return;
        }
        let Some(point) = self.outstanding.advanced_ack_point() else {
            self.forward.resend = false;
            return;
        };
        let point = point.min(self.outstanding.base() + MAX_SKIPPED - 1);
        if !self.forward.is_due(point, cx.now, self.srtt()) {
            return;
        }
        // Not more streams than fit: then a part of them is skipped, the rest next time.
        let room = builder.room().saturating_sub(8);
        let (point, pushed) = if self.interleaving {
            let point = self.collect_messages(point, room / 8);
            let chunk = IForwardTsn {
                new_cumulative_tsn: Serial32(point as u32),
                messages: SkippedMessages::Owned(&self.forward.messages),
            };
            (point, builder.try_push(&chunk))
        } else {
            let point = self.collect_streams(point, room / 4);
            let chunk = ForwardTsn {
                new_cumulative_tsn: Serial32(point as u32),
                streams: SkippedStreams::Owned(&self.forward.streams),
            };
            (point, builder.try_push(&chunk))
        };
        if pushed {
            self.forward.told = Some(point);
            self.forward.told_at = Some(cx.now);
            self.forward.resend = false;
            // RFC 3758, section 3.5, C5.
            self.arm_retransmission(cx.now, cx.timers, false);
        }
    }

    /// The last SSN that is skipped in each ordered stream, up to `point` or as far as `max` streams go.
    fn collect_streams(&mut self, point: u64, max: usize) -> u64 {
        let streams = &mut self.forward.streams;
        streams.clear();
        let mut reached = self.outstanding.base() - 1;
        for (tsn, sent) in self.outstanding.abandoned_up_to(point) {
            if sent.fragment.unordered {
                continue;
            }
            let ssn = Serial16(sent.number as u16);
            let same = |skipped: &SkippedStream| skipped.stream == sent.stream;
            match streams.iter().position(same) {
                Some(at) if ssn.follows(streams[at].ssn) => streams[at].ssn = ssn,
                Some(_) => {}
                None if streams.len() < max => streams.push(SkippedStream {
                    stream: sent.stream,
                    ssn,
                }),
                None => return reached,
            }
            reached = tsn;
        }
        point
    }

    /// The last MID that is skipped in each stream and order, up to `point` or as far as `max` go.
    fn collect_messages(&mut self, point: u64, max: usize) -> u64 {
        let messages = &mut self.forward.messages;
        messages.clear();
        let mut reached = self.outstanding.base() - 1;
        for (tsn, sent) in self.outstanding.abandoned_up_to(point) {
            let (mid, unordered) = (Serial32(sent.number), sent.fragment.unordered);
            let same = |skipped: &SkippedMessage| {
                skipped.stream == sent.stream && skipped.unordered == unordered
            };
            match messages.iter().position(same) {
                Some(at) if mid.follows(messages[at].mid) => messages[at].mid = mid,
                Some(_) => {}
                None if messages.len() < max => messages.push(SkippedMessage {
                    stream: sent.stream,
                    unordered,
                    mid,
                }),
                None => return reached,
            }
            reached = tsn;
        }
        point
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;

    use super::super::outstanding::Policy;
    use super::*;
    use crate::packet::{CommonHeader, Fragment};
    use crate::send::{SendQueue, SenderSettings};
    use crate::timer::Timers;
    use crate::{Config, Ppid, SchedulerKind, Stats};

    /// A sender with messages of a chunk each on their way, and what is around it.
    struct Around {
        sender: Sender,
        queue: SendQueue,
        timers: Timers,
        events: VecDeque<Event>,
        stats: Stats,
    }

    impl Around {
        fn new(count: u64) -> Self {
            let now = Instant::now();
            let settings = SenderSettings {
                initial_tsn: Serial32(1),
                peer_window: u32::MAX,
                interleaving: true,
                partial_reliability: true,
            };
            let mut sender = Sender::new(&Config::default(), settings, now);
            for number in 0..count {
                let sent = Sent {
                    payload: Bytes::from_static(b"data"),
                    stream: StreamId(1),
                    ppid: Ppid(53),
                    number: number as u32,
                    fsn: 0,
                    fragment: Fragment {
                        beginning: true,
                        end: true,
                        unordered: false,
                        immediate: false,
                    },
                    state: State::InFlight,
                    transmissions: 1,
                    heaps: Heaps::default(),
                    size: 24,
                    order: 0,
                    sent_at: now,
                    snapshot: sender.rate.on_sent(now, 0, 24),
                    first_tsn: sender.outstanding.next_tsn(),
                    policy: Policy::default(),
                };
                sender.outstanding.push(sent);
            }
            Self {
                sender,
                queue: SendQueue::new(SchedulerKind::default(), usize::MAX),
                timers: Timers::default(),
                events: VecDeque::new(),
                stats: Stats::default(),
            }
        }

        fn with<R>(&mut self, act: impl FnOnce(&mut Sender, &mut SendContext<'_>) -> R) -> R {
            let mut context = SendContext {
                now: Instant::now(),
                queue: &mut self.queue,
                timers: &mut self.timers,
                events: &mut self.events,
                stats: &mut self.stats,
            };
            act(&mut self.sender, &mut context)
        }

        /// How far the peer is told to skip, counted from where it is.
        fn told(&mut self) -> u64 {
            self.with(|sender, context| {
                let header = CommonHeader {
                    source_port: 5000,
                    destination_port: 5000,
                    verification_tag: 1,
                };
                let mut buf = Vec::new();
                let mut builder = PacketBuilder::new(&mut buf, header, 1188);
                sender.fill_forward(context, &mut builder);
                sender.forward.told.unwrap() + 1 - sender.outstanding.base()
            })
        }
    }

    // The peer stays where it is, while one message after the other is given up.
    #[test]
    fn what_is_skipped_is_not_gathered_from_everything_each_time() {
        const COUNT: u64 = 60_000;
        let mut around = Around::new(COUNT);
        let base = around.sender.outstanding.base();
        let started = Instant::now();
        let mut most = 0;
        for tsn in base..base + COUNT {
            around.with(|sender, context| sender.abandon(context, StreamId(1), tsn));
            most = around.told();
        }
        // From all of them it takes most of a minute.
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
        // When the peer has skipped those, it is told of the others.
        let skipped = Serial32((base + most - 1) as u32);
        around.with(|sender, context| sender.on_cumulative_ack(context, skipped));
        assert_eq!((most, around.told()), (MAX_SKIPPED, MAX_SKIPPED));
    }
}
