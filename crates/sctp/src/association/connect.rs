//! Setting up: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, collisions and restarts (RFC 9260, section 5).

use std::time::Instant;

use super::cookie::StateCookie;
use super::core::{Core, Identity, Reply};
use super::state::{CookieEchoed, CookieWait, Peer, Phase, State, Tcb, ZERO_CHECKSUM_OVER_DTLS};
use super::{Association, Flow};
use crate::packet::{
    Abort, Causes, Chunk, ErrorCause, ErrorChunk, Init, InitAck, InitBody, InitParameters,
    RawChunk, WriteChunk, kind, parameter_kind,
};
use crate::send::Sender;
use crate::timer::Timer;
use crate::{CloseReason, ConnectError, Event};

impl Association {
    pub(super) fn start_connecting(&mut self, now: Instant) {
        if !matches!(self.state, State::New) {
            return;
        }
        let identity = self.core.identity;
        self.state = State::CookieWait(CookieWait {
            identity,
            attempts: 0,
            init_due: true,
        });
        let rto = self.core.config.rto_initial;
        self.core.timers.set(Timer::Init, now + rto);
    }

    /// Our INIT chunk, encoded.
    pub(super) fn encoded_init(&self) -> Vec<u8> {
        let mut chunk = Vec::new();
        Self::init_chunk(&self.core, self.core.identity).write(&mut chunk);
        chunk
    }

    /// Both INIT chunks have gone through signaling (draft-hancke-tsvwg-snap): there is nothing left to
    /// agree on, and no cookie.
    pub(super) fn establish_from_signaling(
        &mut self,
        now: Instant,
        remote: &[u8],
    ) -> Result<(), ConnectError> {
        let init = Self::parse_init(remote)?;
        if !matches!(self.state, State::New) {
            return Err(ConnectError::AlreadyBegun);
        }
        let peer = Peer::from_init(&self.core, &init);
        let identity = self.core.identity;
        let tcb = Tcb::new(&mut self.core, now, identity, &peer);
        self.open(now, Box::new(tcb));
        Ok(())
    }

    pub(super) fn parse_init(chunk: &[u8]) -> Result<InitBody<'_>, ConnectError> {
        let (raw, rest) = RawChunk::parse(chunk).map_err(|_| ConnectError::Malformed)?;
        match Chunk::parse(raw) {
            Ok(Chunk::Init(init)) if rest.is_empty() && !init.0.parameters.host_name => Ok(init.0),
            _ => Err(ConnectError::Malformed),
        }
    }

    /// T1-init has run out (section 5.1).
    pub(super) fn on_init_timeout(&mut self, now: Instant) {
        let State::CookieWait(wait) = &mut self.state else {
            return;
        };
        wait.attempts += 1;
        wait.init_due = true;
        let attempts = wait.attempts;
        self.retry_connecting(now, Timer::Init, attempts);
    }

    /// T1-cookie has run out (section 5.1.4).
    pub(super) fn on_cookie_timeout(&mut self, now: Instant) {
        let State::CookieEchoed(echoed) = &mut self.state else {
            return;
        };
        echoed.attempts += 1;
        echoed.echo_due = true;
        let attempts = echoed.attempts;
        self.retry_connecting(now, Timer::Cookie, attempts);
    }

    fn retry_connecting(&mut self, now: Instant, timer: Timer, attempts: u32) {
        let config = &self.core.config;
        if attempts > config.max_init_retransmissions {
            self.close(CloseReason::ConnectTimeout(attempts));
            return;
        }
        let rto = config.rto_initial * (1 << attempts.min(16));
        let at = now + rto.min(config.rto_max);
        self.core.timers.set(timer, at);
    }

    /// INIT (sections 5.1, 5.2.1 and 5.2.2).
    pub(super) fn handle_init(&mut self, now: Instant, init: &InitBody<'_>) -> Flow {
        let (identity, tie_tag) = match &self.state {
            State::Closed(_) => return Flow::Stop,
            State::New => (self.core.identity, 0),
            // A collision: the answer says what our own INIT said.
            State::CookieWait(wait) => (wait.identity, 0),
            State::CookieEchoed(echoed) => (echoed.tcb.identity, echoed.tcb.tie_tag),
            State::Open(tcb) if tcb.phase == Phase::ShutdownAckSent => {
                // Section 9.2: SHUTDOWN ACK is sent again instead.
                self.repeat_shutdown_ack();
                return Flow::Stop;
            }
            State::Open(tcb) => {
                let tie_tag = tcb.tie_tag;
                (Identity::random(&mut self.core.rng), tie_tag)
            }
        };
        if init.parameters.host_name {
            // Section 5.1.2, B.
            let cause = ErrorCause::Other {
                code: 5,
                value: &[],
            };
            self.refuse(init.initiate_tag, &cause);
            return Flow::Stop;
        }
        let cookie = StateCookie {
            made_at: now.saturating_duration_since(self.core.epoch).as_micros() as u64,
            identity,
            peer: Peer::from_init(&self.core, init),
            tie_tag,
        };
        let sealed = cookie.seal(&*self.core.cookie_key);
        let mut body = init_body(&self.core, identity);
        body.parameters.state_cookie = Some(&sealed);
        body.parameters
            .unrecognized
            .clone_from(&init.parameters.unrecognized);
        let mut chunk = Vec::new();
        InitAck(body).write(&mut chunk);
        self.core.replies.push(Reply::Packet {
            verification_tag: init.initiate_tag,
            chunk,
        });
        Flow::Stop
    }

    /// Answers a chunk that can not lead to an association with ABORT.
    fn refuse(&mut self, verification_tag: u32, cause: &ErrorCause<'_>) {
        let mut causes = Vec::new();
        cause.write(&mut causes);
        let mut chunk = Vec::new();
        Abort {
            tag_reflected: false,
            causes: Causes::new(&causes),
        }
        .write(&mut chunk);
        self.core.replies.push(Reply::Packet {
            verification_tag,
            chunk,
        });
    }

    /// INIT ACK (sections 5.1, C, and 5.2.3).
    pub(super) fn handle_init_ack(&mut self, now: Instant, ack: &InitBody<'_>) -> Flow {
        let State::CookieWait(wait) = &self.state else {
            return Flow::Stop;
        };
        let identity = wait.identity;
        let Some(cookie) = ack.parameters.state_cookie else {
            let cause = ErrorCause::MissingMandatoryParameter(parameter_kind::STATE_COOKIE);
            self.refuse(ack.initiate_tag, &cause);
            self.close(CloseReason::ProtocolViolation(
                "INIT ACK without a state cookie",
            ));
            return Flow::Stop;
        };
        let mut causes = Vec::new();
        if !ack.parameters.unrecognized.is_empty() {
            ErrorCause::UnrecognizedParameters(&ack.parameters.unrecognized).write(&mut causes);
        }
        let peer = Peer::from_init(&self.core, ack);
        let tcb = Tcb::new(&mut self.core, now, identity, &peer);
        self.state = State::CookieEchoed(Box::new(CookieEchoed {
            cookie: cookie.to_vec(),
            causes,
            attempts: 0,
            echo_due: true,
            with_data: true,
            tcb,
        }));
        self.core.timers.stop(Timer::Init);
        let rto = self.core.config.rto_initial;
        self.core.timers.set(Timer::Cookie, now + rto);
        Flow::Stop
    }

    /// COOKIE ECHO (sections 5.1.5 and 5.2.4). `tag` is the packet's verification tag.
    pub(super) fn handle_cookie_echo(&mut self, now: Instant, tag: u32, cookie: &[u8]) -> Flow {
        let Some(cookie) = StateCookie::open(&*self.core.cookie_key, cookie) else {
            return self.drop_packet();
        };
        if cookie.identity.tag != tag {
            return self.drop_packet();
        }
        let tags = self.tags();
        let same = tags.is_some_and(|(local, peer, _)| {
            local == cookie.identity.tag && peer == cookie.peer.tag
        });
        let life = self.core.config.cookie_lifetime;
        if let Some(late) = cookie.staleness(self.core.epoch, now, life)
            && !same
        {
            self.report_stale_cookie(cookie.peer.tag, late.as_micros() as u64);
            return Flow::Stop;
        }
        match self.cookie_action(&cookie) {
            CookieAction::Create => self.establish(now, &cookie),
            CookieAction::Restart => self.restart(now, &cookie),
            CookieAction::Acknowledge => self.acknowledge_cookie(now),
            CookieAction::RefuseWhileShuttingDown => {
                self.repeat_shutdown_ack();
                self.report(&ErrorCause::CookieReceivedWhileShuttingDown);
                Flow::Stop
            }
            CookieAction::Discard => self.drop_packet(),
        }
    }

    /// Our tag, the peer's (0 if not known yet), and the tie-tag of the association that is there.
    fn tags(&self) -> Option<(u32, u32, u64)> {
        match &self.state {
            State::New | State::Closed(_) => None,
            State::CookieWait(wait) => Some((wait.identity.tag, 0, 0)),
            State::CookieEchoed(echoed) => {
                let tcb = &echoed.tcb;
                Some((tcb.identity.tag, tcb.peer_tag, tcb.tie_tag))
            }
            State::Open(tcb) => Some((tcb.identity.tag, tcb.peer_tag, tcb.tie_tag)),
        }
    }

    /// Table 12 of section 5.2.4.
    fn cookie_action(&self, cookie: &StateCookie) -> CookieAction {
        let Some((local, peer, tie_tag)) = self.tags() else {
            return match self.state {
                State::New => CookieAction::Create,
                _ => CookieAction::Discard,
            };
        };
        let local_matches = local == cookie.identity.tag;
        let peer_matches = peer == cookie.peer.tag;
        match (local_matches, peer_matches) {
            // D.
            (true, true) => CookieAction::Acknowledge,
            // B: the cookie's sender answers our INIT with one of its own.
            (true, false) => match self.state {
                State::CookieWait(_) | State::CookieEchoed(_) => CookieAction::Create,
                _ => CookieAction::Discard,
            },
            // A.
            (false, false) if tie_tag != 0 && tie_tag == cookie.tie_tag => match &self.state {
                State::Open(tcb) if tcb.phase == Phase::ShutdownAckSent => {
                    CookieAction::RefuseWhileShuttingDown
                }
                _ => CookieAction::Restart,
            },
            // C, and what no row of the table names.
            _ => CookieAction::Discard,
        }
    }

    fn establish(&mut self, now: Instant, cookie: &StateCookie) -> Flow {
        // The peer may call itself something else by now: then it has not taken our COOKIE ECHO.
        self.take_back_early_data();
        let mut tcb = Tcb::new(&mut self.core, now, cookie.identity, &cookie.peer);
        tcb.cookie_ack_due = true;
        self.open(now, Box::new(tcb));
        Flow::Continue
    }

    fn acknowledge_cookie(&mut self, now: Instant) -> Flow {
        self.promote(now);
        if let State::Open(tcb) = &mut self.state {
            tcb.cookie_ack_due = true;
        }
        Flow::Continue
    }

    /// COOKIE ACK (section 5.1, E).
    pub(super) fn handle_cookie_ack(&mut self, now: Instant) -> Flow {
        self.promote(now);
        Flow::Continue
    }

    /// From COOKIE-ECHOED to ESTABLISHED.
    pub(super) fn promote(&mut self, now: Instant) {
        if !matches!(self.state, State::CookieEchoed(_)) {
            return;
        }
        if let State::CookieEchoed(echoed) = std::mem::replace(&mut self.state, State::New) {
            self.open(now, Box::new(echoed.tcb));
        }
    }

    fn open(&mut self, now: Instant, tcb: Box<Tcb>) {
        self.core.timers.stop(Timer::Init);
        self.core.timers.stop(Timer::Cookie);
        self.state = State::Open(tcb);
        self.core.events.push_back(Event::Connected);
        self.arm_heartbeat(now);
        if self.shutdown_wanted {
            self.start_shutdown(now);
        }
    }

    /// The peer has started over (section 5.2.4.1).
    fn restart(&mut self, now: Instant, cookie: &StateCookie) -> Flow {
        self.core.timers.stop_all();
        self.core.replies.clear();
        self.core.queue.restart(&mut self.core.events);
        let was_closing = matches!(
            &self.state,
            State::Open(tcb) if matches!(tcb.phase, Phase::ShutdownPending | Phase::ShutdownSent)
        );
        let mut tcb = Tcb::new(&mut self.core, now, cookie.identity, &cookie.peer);
        tcb.cookie_ack_due = true;
        self.state = State::Open(Box::new(tcb));
        self.core.events.push_back(Event::Restarted);
        self.arm_heartbeat(now);
        // What our user wanted still holds, and it can not be asked for again.
        if was_closing {
            self.start_shutdown(now);
        }
        Flow::Continue
    }

    fn report_stale_cookie(&mut self, verification_tag: u32, late_micros: u64) {
        let mut causes = Vec::new();
        let late = u32::try_from(late_micros).unwrap_or(u32::MAX);
        ErrorCause::StaleCookie(late).write(&mut causes);
        let mut chunk = Vec::new();
        ErrorChunk {
            causes: Causes::new(&causes),
        }
        .write(&mut chunk);
        self.core.replies.push(Reply::Packet {
            verification_tag,
            chunk,
        });
    }

    /// The peer says that our COOKIE ECHO came too late: we start over (section 5.2.6, option 1).
    pub(super) fn on_stale_cookie(&mut self, now: Instant) {
        let State::CookieEchoed(echoed) = &self.state else {
            return;
        };
        let (identity, attempts) = (echoed.tcb.identity, echoed.attempts + 1);
        self.core.timers.stop(Timer::Cookie);
        self.take_back_early_data();
        self.state = State::CookieWait(CookieWait {
            identity,
            attempts,
            init_due: true,
        });
        self.retry_connecting(now, Timer::Init, attempts);
    }

    /// Queues what went with a COOKIE ECHO that the peer has not taken once more, to be sent like new.
    fn take_back_early_data(&mut self) {
        let State::CookieEchoed(echoed) = &mut self.state else {
            return;
        };
        Sender::stop(&mut self.core.timers);
        echoed.tcb.sender.take_back(&mut self.core.queue);
        self.core.queue.restart(&mut self.core.events);
    }

    /// Writes INIT.
    pub(super) fn init_chunk(core: &Core, identity: Identity) -> Init<'static> {
        Init(init_body(core, identity))
    }
}

/// What a COOKIE ECHO leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CookieAction {
    /// There is an association now.
    Create,
    /// The association starts over.
    Restart,
    /// The association is there already: COOKIE ACK was lost.
    Acknowledge,
    RefuseWhileShuttingDown,
    Discard,
}

/// What we say of ourselves.
fn init_body(core: &Core, identity: Identity) -> InitBody<'static> {
    const ALL: &[u8] = &[
        kind::RE_CONFIG,
        kind::FORWARD_TSN,
        kind::I_DATA,
        kind::I_FORWARD_TSN,
    ];
    const WITHOUT_INTERLEAVING: &[u8] = &[kind::RE_CONFIG, kind::FORWARD_TSN];
    const WITHOUT_PARTIAL_RELIABILITY: &[u8] =
        &[kind::RE_CONFIG, kind::I_DATA, kind::I_FORWARD_TSN];
    const NEITHER: &[u8] = &[kind::RE_CONFIG];
    let config = &core.config;
    InitBody {
        initiate_tag: identity.tag,
        a_rwnd: u32::try_from(config.receive_window).unwrap_or(u32::MAX),
        outbound_streams: config.outbound_streams,
        inbound_streams: config.inbound_streams,
        initial_tsn: identity.initial_tsn,
        parameters: InitParameters {
            state_cookie: None,
            forward_tsn: config.partial_reliability,
            supported_extensions: match (config.partial_reliability, config.interleaving) {
                (true, true) => ALL,
                (true, false) => WITHOUT_INTERLEAVING,
                (false, true) => WITHOUT_PARTIAL_RELIABILITY,
                (false, false) => NEITHER,
            },
            zero_checksum: config.zero_checksum.then_some(ZERO_CHECKSUM_OVER_DTLS),
            host_name: false,
            unrecognized: Vec::new(),
        },
    }
}
