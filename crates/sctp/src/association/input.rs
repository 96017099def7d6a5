//! Packets that come in.

use std::time::Instant;

use super::core::Reply;
use super::state::{Phase, State, Tcb};
use super::{Association, Flow};
use crate::packet::{
    Abort, Causes, Chunk, ErrorCause, ErrorChunk, Packet, RawChunk, ShutdownComplete,
    UnknownAction, WriteChunk, kind,
};
use crate::timer::Timer;
use crate::{CloseReason, Event};

impl Association {
    pub(super) fn take_packet(&mut self, now: Instant, bytes: &[u8]) {
        let Some(packet) = self.check(bytes) else {
            self.core.stats.packets_dropped += 1;
            return;
        };
        self.core.stats.packets_received += 1;
        self.core.stats.bytes_received += bytes.len() as u64;
        for chunk in packet.chunks() {
            let Ok(chunk) = chunk else {
                self.core.stats.packets_dropped += 1;
                break;
            };
            if self.handle_chunk(now, packet.header.verification_tag, chunk) == Flow::Stop {
                break;
            }
        }
        self.end_of_packet(now);
    }

    /// A packet that is whole and for us (RFC 9260, sections 6.8 and 8.5).
    fn check<'a>(&mut self, bytes: &'a [u8]) -> Option<Packet<'a>> {
        let packet = Packet::parse(bytes).ok()?;
        let config = &self.core.config;
        if packet.header.source_port != config.remote_port
            || packet.header.destination_port != config.local_port
        {
            return None;
        }
        let mut chunks = packet.chunks();
        let first = chunks.next()?.ok()?;
        let is_alone = chunks.next().is_none();
        self.check_checksum(&packet, first)?;
        let tag = packet.header.verification_tag;
        if self.tag_is_valid(tag, first, is_alone) {
            return Some(packet);
        }
        self.answer_out_of_the_blue(tag, first);
        None
    }

    /// RFC 9653, section 5.3: a checksum of zero is taken if we said so, except with the first chunks of
    /// an association.
    fn check_checksum(&self, packet: &Packet<'_>, first: RawChunk<'_>) -> Option<()> {
        let may_be_zero = self.core.config.zero_checksum
            && !matches!(first.kind, kind::INIT | kind::INIT_ACK | kind::COOKIE_ECHO);
        if packet.checksum == 0 && may_be_zero {
            return Some(());
        }
        packet.verify_checksum().ok()
    }

    /// Section 8.5 and its exceptions in 8.5.1.
    fn tag_is_valid(&self, tag: u32, first: RawChunk<'_>, is_alone: bool) -> bool {
        let (local, peer) = match &self.state {
            State::New | State::Closed(_) => (None, None),
            State::CookieWait(wait) => (Some(wait.identity.tag), None),
            State::CookieEchoed(echoed) => {
                (Some(echoed.tcb.identity.tag), Some(echoed.tcb.peer_tag))
            }
            State::Open(tcb) => (Some(tcb.identity.tag), Some(tcb.peer_tag)),
        };
        match first.kind {
            // A: it has no tag and no company.
            kind::INIT => tag == 0 && is_alone,
            // D: the cookie says which tag is right.
            kind::COOKIE_ECHO => true,
            // B and C: the T bit says whose tag it is.
            kind::ABORT | kind::SHUTDOWN_COMPLETE => {
                let expected = if first.flags & 1 == 0 { local } else { peer };
                expected == Some(tag)
            }
            // E: a SHUTDOWN ACK before we are established is out of the blue.
            kind::SHUTDOWN_ACK => matches!(self.state, State::Open(_)) && local == Some(tag),
            _ => local == Some(tag),
        }
    }

    /// Section 8.4: packets that belong to no association we know of.
    fn answer_out_of_the_blue(&mut self, tag: u32, first: RawChunk<'_>) {
        let mut chunk = Vec::new();
        match (&self.state, first.kind) {
            // While there is an association, a wrong tag is noise.
            (State::Open(_), _) => return,
            (_, kind::SHUTDOWN_ACK) => ShutdownComplete {
                tag_reflected: true,
            }
            .write(&mut chunk),
            // The peer has gone on while we are gone: it shall know.
            (State::Closed(_), kind::DATA | kind::I_DATA | kind::HEARTBEAT | kind::SHUTDOWN) => {
                Abort {
                    tag_reflected: true,
                    causes: Causes::new(&[]),
                }
                .write(&mut chunk);
            }
            _ => return,
        }
        self.core.replies.push(Reply::Packet {
            verification_tag: tag,
            chunk,
        });
    }

    fn handle_chunk(&mut self, now: Instant, tag: u32, raw: RawChunk<'_>) -> Flow {
        let Ok(chunk) = Chunk::parse(raw) else {
            return self.drop_packet();
        };
        // Only an end that is established, and so has taken our cookie, sends these: COOKIE ACK was lost or
        // overtaken. RFC 9260, section 6 would discard them, and wait for T1-cookie.
        if matches!(
            chunk,
            Chunk::Data(_) | Chunk::IData(_) | Chunk::Sack(_) | Chunk::Heartbeat(_)
        ) {
            self.promote(now);
        }
        match chunk {
            Chunk::Data(data) => self.handle_data(now, &data),
            Chunk::IData(data) => self.handle_idata(now, &data),
            Chunk::Sack(sack) => self.handle_sack(now, &sack),
            Chunk::Init(init) => self.handle_init(now, &init.0),
            Chunk::InitAck(ack) => self.handle_init_ack(now, &ack.0),
            Chunk::CookieEcho(echo) => self.handle_cookie_echo(now, tag, echo.cookie),
            Chunk::CookieAck(_) => self.handle_cookie_ack(now),
            Chunk::Heartbeat(heartbeat) => self.handle_heartbeat(heartbeat.info),
            Chunk::HeartbeatAck(ack) => self.handle_heartbeat_ack(now, ack.info),
            Chunk::ForwardTsn(forward) => self.handle_forward_tsn(now, &forward),
            Chunk::IForwardTsn(forward) => self.handle_iforward_tsn(now, &forward),
            Chunk::ReConfig(reconfig) => self.handle_reconfig(now, &reconfig),
            Chunk::Shutdown(shutdown) => self.handle_shutdown(now, shutdown),
            Chunk::ShutdownAck(_) => self.handle_shutdown_ack(),
            Chunk::ShutdownComplete(_) => self.handle_shutdown_complete(),
            Chunk::Abort(abort) => self.handle_abort(&abort),
            Chunk::Error(error) => self.handle_error(now, &error),
            Chunk::Pad => Flow::Continue,
            Chunk::Unknown(raw) => self.handle_unknown(raw),
        }
    }

    pub(super) const fn drop_packet(&mut self) -> Flow {
        self.core.stats.packets_dropped += 1;
        Flow::Stop
    }

    /// Section 9.1.
    fn handle_abort(&mut self, abort: &Abort<'_>) -> Flow {
        if matches!(self.state, State::New | State::Closed(_)) {
            return Flow::Stop;
        }
        // A peer's text is bounded: it is only for people.
        let mut text = abort.causes.to_string();
        if let Some((cut, _)) = text.char_indices().nth(200) {
            text.truncate(cut);
        }
        self.close(CloseReason::AbortedByPeer(text.trim_start().to_owned()));
        Flow::Stop
    }

    /// Section 3.3.10.
    fn handle_error(&mut self, now: Instant, error: &ErrorChunk<'_>) -> Flow {
        let is_stale = |cause| matches!(cause, ErrorCause::StaleCookie(_));
        if error.causes.iter().any(is_stale) {
            self.on_stale_cookie(now);
        }
        Flow::Continue
    }

    /// Section 3.2: the type says what to do with it.
    fn handle_unknown(&mut self, raw: RawChunk<'_>) -> Flow {
        let action = UnknownAction::of_chunk(raw.kind);
        if action.report {
            let shown = raw
                .bytes
                .get(..raw.bytes.len().min(512))
                .unwrap_or_default();
            self.report(&ErrorCause::UnrecognizedChunkType(shown));
        }
        if action.stop {
            Flow::Stop
        } else {
            Flow::Continue
        }
    }

    /// Tells the peer of an error that does not end the association.
    pub(super) fn report(&mut self, cause: &ErrorCause<'_>) {
        let mut causes = Vec::new();
        cause.write(&mut causes);
        let mut chunk = Vec::new();
        ErrorChunk {
            causes: Causes::new(&causes),
        }
        .write(&mut chunk);
        self.core.replies.push(Reply::Chunk(chunk));
    }

    /// The peer broke the protocol in a way that can not be mended.
    pub(super) fn abort_for(&mut self, what: &'static str) -> Flow {
        self.send_abort(&ErrorCause::ProtocolViolation(what.as_bytes()));
        self.close(CloseReason::ProtocolViolation(what));
        Flow::Stop
    }

    /// Queues an ABORT for the peer, if there is one.
    pub(super) fn send_abort(&mut self, cause: &ErrorCause<'_>) {
        let tag = match &self.state {
            State::Open(tcb) => tcb.peer_tag,
            State::CookieEchoed(echoed) => echoed.tcb.peer_tag,
            State::New | State::CookieWait(_) | State::Closed(_) => return,
        };
        self.push_abort(tag, cause);
    }

    fn push_abort(&mut self, verification_tag: u32, cause: &ErrorCause<'_>) {
        let mut causes = Vec::new();
        cause.write(&mut causes);
        let mut chunk = Vec::new();
        Abort {
            tag_reflected: false,
            causes: Causes::new(&causes),
        }
        .write(&mut chunk);
        self.core.replies.clear();
        self.core.replies.push(Reply::Packet {
            verification_tag,
            chunk,
        });
    }

    /// The association is over.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        self.core.timers.stop_all();
        self.final_stats = Some(Box::new(self.stats()));
        self.state = State::Closed(reason.clone());
        self.core.events.push_back(Event::Closed(reason));
    }

    /// All chunks of a packet are handled: what is to be acknowledged, and when.
    fn end_of_packet(&mut self, now: Instant) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        let had_data = tcb.tracker.end_of_packet();
        if had_data && tcb.phase == Phase::ShutdownSent {
            // Section 9.2: SACK and SHUTDOWN answer at once, and T2-shutdown starts anew.
            tcb.tracker.acknowledge_now();
            let rto = tcb.sender.rtt().rto();
            self.core.timers.set(Timer::Shutdown, now + rto);
        }
        if !self.core.timers.is_running(Timer::DelayedSack) {
            let delay = self.core.config.sack_delay;
            if let Some(at) = tcb.tracker.delayed_until(now, delay) {
                self.core.timers.set(Timer::DelayedSack, at);
            }
        }
        self.advance_shutdown(now);
        self.perform_deferred_resets();
    }

    /// The association, if data and its acknowledgements are exchanged.
    pub(super) const fn open_tcb(&mut self) -> Option<&mut Tcb> {
        match &mut self.state {
            State::Open(tcb) => Some(tcb),
            _ => None,
        }
    }

    /// Whether new data of the peer is still taken.
    pub(super) const fn takes_data(phase: Phase) -> bool {
        matches!(
            phase,
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownSent
        )
    }
}
