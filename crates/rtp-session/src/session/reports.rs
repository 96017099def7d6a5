//! What the session sends of its own accord: reports (RFC 3550, section 6), requests (RFC 4585), and
//! feedback.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gannet_rtp::rtcp::{Dlrr, FirEntry, ReportBlock};
use gannet_rtp::{NtpTime, RtcpWriter};
use gannet_wire::Serial16;

use super::RtpSession;
use crate::parameters::{ReceiverId, SenderId};
use crate::receive::{KeyFrameRequest, Receiver};
use crate::send::Sender;

/// At most so many RTCP datagrams wait to be sent.
const MAX_DATAGRAMS: usize = 64;

/// The mean time between reports is at least and at most this, whatever was configured.
const LEAST_INTERVAL: Duration = Duration::from_millis(20);
const MOST_INTERVAL: Duration = Duration::from_hours(1);

/// At most so many receivers' reference times are answered.
const MAX_REFERENCE_TIMES: usize = 32;

/// A NACK has at most so many pairs, which name up to 17 packets each.
const MAX_NACK_ENTRIES: usize = 200;

/// Report blocks in one packet: its count has five bits.
const MAX_BLOCKS: usize = 31;

/// What waits to be sent, and when the next report is due.
#[derive(Debug)]
pub(super) struct Reports {
    /// Who reports, if there is no sender.
    own_ssrc: u32,
    /// Who reports now.
    ssrc: u32,
    next: Option<Instant>,
    /// Something was sent or received since the last report.
    active: bool,
    datagrams: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    reference_times: Vec<(u32, NtpTime, Instant)>,
    missing: Vec<u64>,
}

impl Reports {
    pub(super) const fn new(own_ssrc: u32) -> Self {
        Self {
            own_ssrc,
            ssrc: own_ssrc,
            next: None,
            active: false,
            datagrams: VecDeque::new(),
            spare: Vec::new(),
            reference_times: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The source in whose name feedback is sent.
    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn has_datagrams(&self) -> bool {
        !self.datagrams.is_empty()
    }

    pub(super) const fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.datagrams.pop_front()
    }

    /// Takes the buffer of a datagram that was sent.
    pub(super) fn recycle(&mut self, mut datagram: Vec<u8>) {
        if self.spare.len() < 4 {
            datagram.clear();
            self.spare.push(datagram);
        }
    }

    fn push(&mut self, datagram: Vec<u8>) {
        if self.datagrams.len() >= MAX_DATAGRAMS {
            self.datagrams.pop_front();
        }
        if datagram.is_empty() {
            self.recycle(datagram);
        } else {
            self.datagrams.push_back(datagram);
        }
    }

    pub(super) fn remember_reference_time(&mut self, ssrc: u32, time: NtpTime, now: Instant) {
        self.reference_times.retain(|(other, ..)| *other != ssrc);
        if self.reference_times.len() < MAX_REFERENCE_TIMES {
            self.reference_times.push((ssrc, time, now));
        }
    }

    /// The answers to all reference times that came since the last report.
    fn take_answers(&mut self, now: Instant) -> Vec<Dlrr> {
        self.reference_times
            .drain(..)
            .map(|(ssrc, time, at)| Dlrr {
                ssrc,
                last_rr: time.middle(),
                delay: ReportBlock::delay(now.saturating_duration_since(at)),
            })
            .collect()
    }
}

impl RtpSession {
    /// Something was sent or received: reports are due from now on.
    pub(super) fn note_activity(&mut self) {
        self.reports.active = true;
        if self.reports.next.is_none() && !self.closed {
            // RFC 3550, section 6.2: the first one comes after half the time.
            self.reports.next = Some(self.now + self.next_interval() / 2);
        }
    }

    /// RFC 3550, section 6.3.1: 0.5 to 1.5 times the mean.
    fn next_interval(&mut self) -> Duration {
        let mean = self
            .config
            .report_interval
            .clamp(LEAST_INTERVAL, MOST_INTERVAL);
        mean.mul_f64(0.5 + self.random.unit())
    }

    pub(super) fn send_reports_if_due(&mut self) {
        if self.closed || self.reports.next.is_none_or(|next| next > self.now) {
            return;
        }
        self.send_reports();
        // A session in which nothing happens costs nothing.
        let again = std::mem::take(&mut self.reports.active);
        self.reports.next = again.then(|| self.now + self.next_interval());
    }

    fn send_reports(&mut self) {
        let now = self.now;
        let ntp = self.config.clock.ntp(now);
        let blocks: Vec<ReportBlock> = self
            .receivers
            .values_mut()
            .filter_map(Receiver::source_mut)
            .filter(|source| source.has_received())
            .map(|source| source.report(now))
            .collect();
        let senders: Vec<_> = self
            .senders
            .values()
            .filter_map(|sender| Some((sender.parameters.ssrc, sender.sender_info(now, ntp)?)))
            .collect();
        let answers = self.reports.take_answers(now);
        let mut blocks = blocks.chunks(MAX_BLOCKS);
        let mut datagram = self.reports.spare.pop().unwrap_or_default();
        for (ssrc, info) in &senders {
            let blocks = blocks.next().unwrap_or_default();
            datagram = self.flush_if_full(datagram, 40 + ReportBlock::LEN * blocks.len());
            let mut writer = RtcpWriter::new(&mut datagram);
            writer.sender_report(*ssrc, info, blocks);
            writer.cname(*ssrc, self.config.cname.as_bytes());
        }
        let ssrc = self.reports.ssrc;
        for blocks in blocks {
            datagram = self.flush_if_full(datagram, 40 + ReportBlock::LEN * blocks.len());
            let mut writer = RtcpWriter::new(&mut datagram);
            writer.receiver_report(ssrc, blocks);
            writer.cname(ssrc, self.config.cname.as_bytes());
        }
        if !datagram.is_empty() {
            datagram = self.flush_if_full(datagram, 400);
            if datagram.is_empty() {
                self.begin_compound(&mut datagram);
            }
            let mut writer = RtcpWriter::new(&mut datagram);
            if senders.is_empty() {
                // RFC 3611, section 4.4: whoever only receives measures the round trip so.
                writer.receiver_reference_time(ssrc, ntp);
            }
            if !answers.is_empty() {
                writer.delay_since_last_rr(ssrc, &answers);
            }
        }
        self.reports.push(datagram);
    }

    /// Queues `datagram` if `more` bytes do not fit behind it, and goes on with an empty one.
    fn flush_if_full(&mut self, datagram: Vec<u8>, more: usize) -> Vec<u8> {
        let more = more + self.config.cname.len();
        if datagram.is_empty() || datagram.len() + more <= self.config.max_rtcp_size {
            return datagram;
        }
        self.reports.push(datagram);
        self.reports.spare.pop().unwrap_or_default()
    }

    /// Queues one datagram of feedback: what `fill` writes, behind a report if it must be.
    fn send_feedback(&mut self, fill: impl FnOnce(&mut Self, u32, &mut RtcpWriter<'_>)) {
        if self.closed {
            return;
        }
        let mut datagram = self.reports.spare.pop().unwrap_or_default();
        if !self.config.reduced_size {
            self.begin_compound(&mut datagram);
        }
        let before = datagram.len();
        let ssrc = self.reports.ssrc;
        fill(self, ssrc, &mut RtcpWriter::new(&mut datagram));
        if datagram.len() == before {
            datagram.clear();
        }
        self.reports.push(datagram);
    }

    /// RFC 4585, section 3.1: the least that a compound packet must begin with.
    fn begin_compound(&self, datagram: &mut Vec<u8>) {
        let mut writer = RtcpWriter::new(datagram);
        writer.receiver_report(self.reports.ssrc, &[]);
        writer.cname(self.reports.ssrc, self.config.cname.as_bytes());
    }

    /// Sends what a receiver asks for: lost packets, a key frame.
    pub(super) fn send_requests(&mut self, id: ReceiverId) {
        let (now, round_trip) = (self.now, self.round_trip.get());
        let Some(receiver) = self.receivers.get_mut(&id) else {
            return;
        };
        let Some(media_ssrc) = receiver.ssrc() else {
            return;
        };
        let mut missing = std::mem::take(&mut self.reports.missing);
        receiver.collect_nacks(now, round_trip, &mut missing);
        let request = receiver.take_key_frame_request(now, round_trip);
        if !missing.is_empty() || request.is_some() {
            self.send_feedback(|_, ssrc, writer| {
                let numbers = missing.iter().map(|sequence| Serial16(*sequence as u16));
                writer.nack(ssrc, media_ssrc, numbers, MAX_NACK_ENTRIES);
                match request {
                    Some(KeyFrameRequest::Pli) => writer.pli(ssrc, media_ssrc),
                    Some(KeyFrameRequest::Fir(sequence)) => {
                        writer.fir(
                            ssrc,
                            &[FirEntry {
                                ssrc: media_ssrc,
                                sequence,
                            }],
                        );
                    }
                    None => {}
                }
            });
        }
        missing.clear();
        self.reports.missing = missing;
    }

    pub(super) fn send_transport_feedback(&mut self) {
        let now = self.now;
        let due = |next: Option<Instant>| next.is_some_and(|next| next <= now);
        while due(self.feedback.next_timeout()) {
            self.send_feedback(|session, ssrc, writer| {
                session.feedback.write(now, ssrc, writer);
            });
        }
    }

    pub(super) fn send_remb(&mut self) {
        let bitrate = self
            .receive_side
            .as_mut()
            .and_then(|side| side.take_remb(self.now));
        let Some(bitrate) = bitrate else {
            return;
        };
        let ssrcs: Vec<u32> = self
            .receivers
            .values()
            .filter(|receiver| receiver.parameters.feedback.remb)
            .filter_map(Receiver::ssrc)
            .collect();
        self.send_feedback(|_, ssrc, writer| writer.remb(ssrc, bitrate, &ssrcs));
    }

    /// RFC 3550, section 6.3.7. Only sources that were heard are missed.
    pub(super) fn say_goodbye(&mut self, senders: &[Sender]) {
        let sources: Vec<u32> = senders
            .iter()
            .filter(|sender| sender.has_sent())
            .flat_map(|sender| [Some(sender.parameters.ssrc), sender.parameters.rtx_ssrc])
            .flatten()
            .collect();
        for sources in sources.chunks(MAX_BLOCKS) {
            let mut datagram = self.reports.spare.pop().unwrap_or_default();
            self.begin_compound(&mut datagram);
            RtcpWriter::new(&mut datagram).bye(sources, b"");
            self.reports.push(datagram);
        }
        self.update_own_sources();
    }

    /// After a change of senders: who is asked for what, and in whose name is reported.
    pub(super) fn update_own_sources(&mut self) {
        self.own_sources.clear();
        for (id, sender) in &self.senders {
            let sources = [Some(sender.parameters.ssrc), sender.parameters.rtx_ssrc];
            let entries: Vec<(u32, SenderId)> = sources
                .into_iter()
                .flatten()
                .map(|ssrc| (ssrc, *id))
                .collect();
            self.own_sources.extend(entries);
        }
        let first = self.senders.values().next();
        self.reports.ssrc = first.map_or(self.reports.own_ssrc, |first| first.parameters.ssrc);
    }
}
