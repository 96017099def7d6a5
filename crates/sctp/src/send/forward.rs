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
