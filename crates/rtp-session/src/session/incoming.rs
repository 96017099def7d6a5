//! What comes from the other end.

use std::time::{Duration, Instant};

use gannet_rtp::RtpPacket;
use gannet_rtp::extension::{AbsoluteSendTime, TransportSequence, TransportSequence2};
use gannet_rtp::rtcp::{ReportBlock, RtcpPacket, SenderInfo, XrBlock, packets, round_trip_time};

use super::{MAX_EVENTS, RtpSession};
use crate::bwe::ReceiveSide;
use crate::event::Event;
use crate::parameters::{ReceiverId, SenderId};
use crate::receive::{Receiver, Role};

/// A datagram may hold at most so many RTCP packets that count: 1,500 bytes hold no more that say
/// anything.
const MAX_RTCP_PACKETS: usize = 128;

/// A datagram's transport-wide feedback may speak of so many packets, half of all numbers; more is not looked at.
/// A few bytes can speak of 65,535, and a datagram holds thirty times those.
const MAX_STATUSES: usize = 1 << 15;

impl RtpSession {
    pub(super) fn rtp_arrived(&mut self, arrived: Instant, datagram: &[u8]) {
        let now = self.now;
        let Ok(packet) = RtpPacket::parse(datagram) else {
            self.counters.malformed_rtp += 1;
            return;
        };
        let Some((id, role)) = self.route(&packet) else {
            self.counters.unroutable += 1;
            return;
        };
        self.note_arrival(arrived, id, &packet, datagram.len());
        let Some(receiver) = self.receivers.get_mut(&id) else {
            return;
        };
        let (queued, round_trip) = (self.events.len(), self.round_trip.get());
        let (clocks, events) = (&self.clocks, &mut self.events);
        let outcome = match role {
            Role::Media => receiver.handle_media(now, &packet, round_trip, clocks, events),
            Role::Rtx => receiver.handle_rtx(now, &packet, round_trip, clocks, events),
        };
        if let Some(round_trip) = outcome.round_trip {
            self.round_trip.guess(round_trip);
            self.note_round_trip();
        }
        if let Some(ssrc) = outcome.started {
            let event = Event::SourceStarted { receiver: id, ssrc };
            if self.events.len() < MAX_EVENTS {
                self.events.insert(queued.min(self.events.len()), event);
            } else {
                self.counters.events_dropped += 1;
            }
        }
        self.send_requests(id);
        self.note_receiver(id);
        self.note_activity();
    }

    fn route(&mut self, packet: &RtpPacket<'_>) -> Option<(ReceiverId, Role)> {
        if let Some(route) = self.router.get(packet.ssrc()) {
            return Some((route.receiver, route.role));
        }
        let (receiver, role) = self.router.resolve(self.now, packet, &self.receivers)?;
        self.router.latch(packet.ssrc(), receiver, role);
        Some((receiver, role))
    }

    /// What the arrival of a packet means for the estimates of bandwidth.
    fn note_arrival(
        &mut self,
        arrived: Instant,
        id: ReceiverId,
        packet: &RtpPacket<'_>,
        len: usize,
    ) {
        let Some(receiver) = self.receivers.get(&id) else {
            return;
        };
        let feedback = receiver.parameters.feedback;
        let map = &receiver.parameters.extensions;
        if feedback.transport_cc {
            let first = packet
                .extension::<TransportSequence>(map)
                .map(|number| number.0);
            let number = first.or_else(|| {
                let second = packet.extension::<TransportSequence2>(map);
                second.map(|number| number.sequence)
            });
            if let Some(number) = number {
                self.feedback.record(arrived, number, packet.ssrc());
            }
        } else if feedback.remb
            && let Some(sent) = packet.extension::<AbsoluteSendTime>(map)
        {
            let round_trip = self.round_trip.get();
            let side = self
                .receive_side
                .get_or_insert_with(|| Box::new(ReceiveSide::new(arrived)));
            side.on_packet(arrived, sent, len, round_trip);
            self.send_remb();
        }
    }

    pub(super) fn rtcp_arrived(&mut self, arrived: Instant, datagram: &[u8]) {
        let mut statuses = MAX_STATUSES;
        for packet in packets(datagram).take(MAX_RTCP_PACKETS) {
            match packet {
                Ok(packet) => self.rtcp_packet_arrived(arrived, &packet, &mut statuses),
                Err(_) => self.counters.malformed_rtcp += 1,
            }
        }
        self.note_round_trip();
        self.probe_if_due();
        self.update_targets();
    }

    fn rtcp_packet_arrived(
        &mut self,
        arrived: Instant,
        packet: &RtcpPacket<'_>,
        statuses: &mut usize,
    ) {
        let now = self.now;
        match packet {
            RtcpPacket::SenderReport(report) => {
                self.sender_report_arrived(arrived, report.ssrc, report.info);
                report.reports.for_each(|block| self.block_arrived(&block));
            }
            RtcpPacket::ReceiverReport(report) => {
                report.reports.for_each(|block| self.block_arrived(&block));
            }
            RtcpPacket::Bye(bye) => bye.sources().for_each(|ssrc| self.bye_arrived(ssrc)),
            RtcpPacket::ExtendedReport(report) => {
                for block in report.blocks() {
                    self.extended_block_arrived(report.ssrc, block);
                }
            }
            RtcpPacket::Nack(nack) => {
                let round_trip = self.round_trip.get();
                let Some(id) = self.sender_of(nack.media_ssrc) else {
                    return;
                };
                if let Some(sender) = self.senders.get_mut(&id) {
                    let pacer = &mut self.pacer;
                    let resend = |sequence| pacer.push_retransmission(id, sequence);
                    sender.handle_nack(now, nack.sequence_numbers(), round_trip, resend);
                }
            }
            RtcpPacket::Pli(pli) => self.picture_lost(pli.media_ssrc, None),
            RtcpPacket::Fir(fir) => fir.entries().for_each(|entry| {
                self.picture_lost(entry.ssrc, Some((fir.sender_ssrc, entry.sequence)))
            }),
            RtcpPacket::Lrr(lrr) => lrr
                .entries()
                .for_each(|entry| self.picture_lost(entry.ssrc, None)),
            RtcpPacket::TransportFeedback(feedback) => {
                let count = usize::from(feedback.status_count);
                if let Some(left) = statuses.checked_sub(count) {
                    *statuses = left;
                    let round_trip = self.round_trip.get();
                    self.send_side.on_feedback(now, feedback, round_trip);
                }
            }
            RtcpPacket::Remb(remb) => {
                let mut ssrcs = remb.ssrcs();
                if ssrcs.len() == 0 || ssrcs.any(|ssrc| self.sender_of(ssrc).is_some()) {
                    self.send_side.on_remb(now, remb.bitrate);
                }
            }
            _ => {}
        }
    }

    fn sender_report_arrived(&mut self, arrived: Instant, ssrc: u32, info: SenderInfo) {
        let now = self.now;
        if self.receiver_of(ssrc).is_none() {
            return;
        }
        let clock = self.clocks.reported(arrived, info.ntp);
        if let Some(source) = self.receiver_of(ssrc).and_then(Receiver::source_mut) {
            source.handle_sender_report(now, info, clock);
        }
    }

    fn block_arrived(&mut self, block: &ReportBlock) {
        let Some(id) = self.sender_of(block.ssrc) else {
            return;
        };
        let ntp = self.config.clock.ntp(self.now);
        let sample = block.round_trip_time(ntp).filter(plausible);
        if let Some(sample) = sample {
            self.round_trip.report(sample);
        }
        let Some(sender) = self
            .senders
            .get_mut(&id)
            .filter(|sender| sender.parameters.ssrc == block.ssrc)
        else {
            return;
        };
        let (expected, lost) = sender.handle_report(self.now, block, sample);
        if !sender.uses_transport_sequence() {
            let round_trip = self.round_trip.get();
            self.send_side
                .on_report(self.now, expected, lost, round_trip);
        }
    }

    fn extended_block_arrived(&mut self, from: u32, block: XrBlock<'_>) {
        match block {
            XrBlock::ReceiverReferenceTime(time) => {
                self.reports.remember_reference_time(from, time, self.now);
            }
            XrBlock::DelaySinceLast(answers) => {
                let own = self.reports.ssrc();
                let ntp = self.config.clock.ntp(self.now);
                for answer in answers.filter(|answer| answer.ssrc == own) {
                    let sample = round_trip_time(ntp, answer.last_rr, answer.delay);
                    if let Some(sample) = sample.filter(plausible) {
                        self.round_trip.report(sample);
                    }
                }
            }
            _ => {}
        }
    }

    fn bye_arrived(&mut self, ssrc: u32) {
        let now = self.now;
        let Some(route) = self
            .router
            .get(ssrc)
            .filter(|route| route.role == Role::Media)
        else {
            return;
        };
        if let Some(receiver) = self.receivers.get_mut(&route.receiver)
            && receiver.ssrc() == Some(ssrc)
        {
            receiver.handle_bye(now, &mut self.events);
            self.note_receiver(route.receiver);
        }
    }

    fn picture_lost(&mut self, ssrc: u32, command: Option<(u32, u8)>) {
        let now = self.now;
        let Some(id) = self.sender_of(ssrc) else {
            return;
        };
        let wanted = self
            .senders
            .get_mut(&id)
            .is_some_and(|sender| match command {
                None => sender.handle_pli(now),
                Some((from, sequence)) => sender.handle_fir(now, from, sequence),
            });
        if wanted {
            self.push_event(Event::KeyFrameRequested(id));
        }
    }

    fn receiver_of(&mut self, ssrc: u32) -> Option<&mut Receiver> {
        let route = self
            .router
            .get(ssrc)
            .filter(|route| route.role == Role::Media)?;
        let receiver = self.receivers.get_mut(&route.receiver)?;
        (receiver.ssrc() == Some(ssrc)).then_some(receiver)
    }

    fn sender_of(&self, ssrc: u32) -> Option<SenderId> {
        self.own_sources.get(&ssrc).copied()
    }
}

/// A round trip of more than ten seconds is a mistake, or a lie.
fn plausible(sample: &Duration) -> bool {
    *sample < Duration::from_secs(10)
}
