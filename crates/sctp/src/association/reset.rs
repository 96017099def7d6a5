//! RE-CONFIG: resetting and adding streams (RFC 6525).

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use gannet_wire::Serial32;

use super::core::Core;
use super::state::{Phase, State, Tcb};
use super::{Association, Flow};
use crate::packet::{
    AddStreams, IncomingReset, OutgoingReset, PacketBuilder, ReConfig, ReConfigParameter,
    ReConfigResponse, ReConfigResult, StreamIds, WriteChunk,
};
use crate::timer::Timer;
use crate::{CloseReason, Event, ReconfigError, StreamId};

/// What we have asked the peer for and it has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    /// Our outgoing streams are reset.
    Outgoing {
        streams: Vec<StreamId>,
        last_tsn: Serial32,
        /// The number of the peer's request that asked for it.
        answers: u32,
    },
    /// The peer's outgoing streams are to be reset.
    Incoming { streams: Vec<StreamId> },
    /// We want to send on more streams.
    Add { count: u16 },
}

/// A reset of the peer that waits until everything sent before it has arrived.
#[derive(Debug)]
struct Deferred {
    number: u32,
    last_tsn: u64,
    streams: Vec<StreamId>,
}

/// The state of RE-CONFIG.
#[derive(Debug)]
pub(crate) struct Resets {
    /// Streams to be reset when they are drained.
    waiting: VecDeque<StreamId>,
    /// Streams that the peer is to be asked to reset.
    wanted: BTreeSet<StreamId>,
    /// Streams to be added.
    to_add: u16,
    request: Option<(u32, Request)>,
    request_due: bool,
    next_number: u32,
    /// The number that the peer's next request has.
    expected: u32,
    last_result: ReConfigResult,
    deferred: Option<Deferred>,
    /// Answers that are to be sent.
    responses: VecDeque<(u32, ReConfigResult)>,
    /// The last request of the peer that asked us to reset streams.
    incoming_number: u32,
}

/// How many streams one request names.
const MAX_STREAMS: usize = 128;
/// How many answers wait at most.
const MAX_RESPONSES: usize = 8;
/// Events that the user does not take: above this no peer may cause more.
const MAX_EVENTS: usize = 4096;

impl Resets {
    /// Section 3.1 of RFC 6525: both ends count from their initial TSN.
    pub(crate) const fn new(local_initial_tsn: u32, peer_initial_tsn: u32) -> Self {
        Self {
            waiting: VecDeque::new(),
            wanted: BTreeSet::new(),
            to_add: 0,
            request: None,
            request_due: false,
            next_number: local_initial_tsn,
            expected: peer_initial_tsn,
            last_result: ReConfigResult::NothingToDo,
            deferred: None,
            responses: VecDeque::new(),
            incoming_number: peer_initial_tsn.wrapping_sub(1),
        }
    }

    fn respond(&mut self, number: u32, result: ReConfigResult) {
        if self.responses.len() < MAX_RESPONSES {
            self.responses.push_back((number, result));
        }
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }
}

impl Tcb {
    /// Makes the next request if none is outstanding: the protocol has one at a time.
    fn next_request(&mut self, core: &Core) {
        let resets = &mut self.resets;
        if resets.request.is_some() {
            return;
        }
        let drained: Vec<StreamId> = resets
            .waiting
            .iter()
            .copied()
            .filter(|stream| core.queue.is_drained(*stream))
            .take(MAX_STREAMS)
            .collect();
        let request = if !drained.is_empty() {
            resets.waiting.retain(|stream| !drained.contains(stream));
            Request::Outgoing {
                streams: drained,
                last_tsn: self.sender.last_tsn(),
                answers: resets.incoming_number,
            }
        } else if !resets.wanted.is_empty() {
            let wanted = std::iter::from_fn(|| resets.wanted.pop_first());
            Request::Incoming {
                streams: wanted.take(MAX_STREAMS).collect(),
            }
        } else if resets.to_add > 0 {
            Request::Add {
                count: std::mem::take(&mut resets.to_add),
            }
        } else {
            return;
        };
        resets.request = Some((resets.take_number(), request));
        resets.request_due = true;
    }

    /// Lets no more messages onto streams, which are reset when they are drained; says how many of them were not
    /// being reset before.
    fn start_resets(
        &mut self,
        core: &mut Core,
        streams: impl IntoIterator<Item = StreamId>,
    ) -> usize {
        let before = self.resets.waiting.len();
        for stream in streams {
            if !core.queue.is_resetting(stream) {
                core.queue.start_reset(stream);
                self.resets.waiting.push_back(stream);
            }
        }
        self.resets.waiting.len() - before
    }

    /// Appends RE-CONFIG chunks that are due and fit.
    pub(super) fn fill_reconfig(
        &mut self,
        core: &mut Core,
        now: Instant,
        builder: &mut PacketBuilder<'_>,
    ) {
        // While the association ends, the peer's requests are answered; we have none any more.
        if self.phase == Phase::Established {
            self.next_request(core);
        }
        while let Some(&(response_number, result)) = self.resets.responses.front() {
            let response = ReConfigParameter::Response(ReConfigResponse {
                response_number,
                result,
                tsns: None,
            });
            if !builder.try_push(&single(response)) {
                return;
            }
            self.resets.responses.pop_front();
        }
        let Some((number, request)) = &self.resets.request else {
            return;
        };
        if !self.resets.request_due || self.phase != Phase::Established {
            return;
        }
        let parameter = match request {
            Request::Outgoing {
                streams,
                last_tsn,
                answers,
            } => ReConfigParameter::OutgoingReset(OutgoingReset {
                request_number: *number,
                response_number: *answers,
                last_tsn: last_tsn.0,
                streams: StreamIds::Owned(streams),
            }),
            Request::Incoming { streams } => ReConfigParameter::IncomingReset(IncomingReset {
                request_number: *number,
                streams: StreamIds::Owned(streams),
            }),
            Request::Add { count } => ReConfigParameter::AddOutgoing(AddStreams {
                request_number: *number,
                count: *count,
            }),
        };
        let chunk = single(parameter);
        if builder.fits(chunk.encoded_len()) {
            builder.push(&chunk);
            self.resets.request_due = false;
            let rto = self.sender.rtt().rto();
            core.timers.set(Timer::ReConfig, now + rto);
        }
    }
}

const fn single(first: ReConfigParameter<'_>) -> ReConfig<'_> {
    ReConfig {
        first,
        second: None,
    }
}

/// That there are streams with these ids.
fn exist(streams: &[StreamId], count: u16) -> Result<(), ReconfigError> {
    match streams.iter().find(|stream| stream.0 >= count) {
        Some(invalid) => Err(ReconfigError::InvalidStream(*invalid)),
        None => Ok(()),
    }
}

impl Association {
    /// What is needed to ask the peer for anything.
    fn reconfigurable(&mut self) -> Result<(&mut Tcb, &mut Core), ReconfigError> {
        match &mut self.state {
            State::Open(tcb) if tcb.phase == Phase::Established => {
                if tcb.capabilities.reconfiguration {
                    Ok((tcb, &mut self.core))
                } else {
                    Err(ReconfigError::NotSupported)
                }
            }
            _ => Err(ReconfigError::NotConnected),
        }
    }

    pub(super) fn request_reset(&mut self, streams: &[StreamId]) -> Result<(), ReconfigError> {
        let (tcb, core) = self.reconfigurable()?;
        exist(streams, tcb.outbound_streams)?;
        tcb.start_resets(core, streams.iter().copied());
        Ok(())
    }

    pub(super) fn request_incoming_reset(
        &mut self,
        streams: &[StreamId],
    ) -> Result<(), ReconfigError> {
        let (tcb, _) = self.reconfigurable()?;
        exist(streams, tcb.inbound_streams)?;
        tcb.resets.wanted.extend(streams);
        Ok(())
    }

    pub(super) fn request_streams(&mut self, count: u16) -> Result<(), ReconfigError> {
        let (tcb, _) = self.reconfigurable()?;
        let total =
            u32::from(tcb.outbound_streams) + u32::from(tcb.resets.to_add) + u32::from(count);
        if total > u32::from(u16::MAX) {
            return Err(ReconfigError::TooManyStreams);
        }
        tcb.resets.to_add += count;
        Ok(())
    }

    /// The peer has not answered a request (section 5.1.1).
    pub(super) fn on_reconfig_timeout(&mut self, now: Instant) {
        let max = self.core.config.max_retransmissions;
        let Some(tcb) = self.open_tcb() else {
            return;
        };
        // An association that ends has no requests any more.
        if tcb.resets.request.is_none() || tcb.phase != Phase::Established {
            return;
        }
        let errors = tcb.sender.count_error();
        if errors > max {
            self.close(CloseReason::PeerUnreachable(errors));
            return;
        }
        tcb.resets.request_due = true;
        tcb.sender.back_off();
        let rto = tcb.sender.rtt().rto();
        self.core.timers.set(Timer::ReConfig, now + rto);
    }

    pub(super) fn handle_reconfig(&mut self, now: Instant, chunk: &ReConfig<'_>) -> Flow {
        for parameter in chunk.parameters() {
            if self.open_tcb().is_none() {
                return Flow::Stop;
            }
            match parameter {
                ReConfigParameter::OutgoingReset(request) => self.on_outgoing_reset(request),
                ReConfigParameter::IncomingReset(request) => self.on_incoming_reset(request),
                ReConfigParameter::TsnReset(request) => {
                    self.answer(request.request_number, |_, _| ReConfigResult::Denied);
                }
                ReConfigParameter::AddOutgoing(request) => self.on_add_outgoing(*request),
                ReConfigParameter::AddIncoming(request) => self.on_add_incoming(*request),
                ReConfigParameter::Response(response) => self.on_response(now, response),
            }
        }
        Flow::Continue
    }

    /// Answers a request of the peer by its number (section 5.2.1): the expected one is done, the last one
    /// is answered again, others are wrong.
    fn answer(&mut self, number: u32, perform: impl FnOnce(&mut Tcb, &mut Core) -> ReConfigResult) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        let result = if number == tcb.resets.expected {
            if self.core.events.len() > MAX_EVENTS || tcb.resets.responses.len() >= MAX_RESPONSES {
                // The request is not taken, which bounds what one packet costs: the peer repeats it.
                return;
            }
            let result = perform(tcb, &mut self.core);
            tcb.resets.last_result = result;
            tcb.resets.expected = number.wrapping_add(1);
            result
        } else if number.wrapping_add(1) == tcb.resets.expected {
            tcb.resets.last_result
        } else {
            ReConfigResult::BadSequenceNumber
        };
        tcb.resets.respond(number, result);
    }

    /// The peer resets streams that it sends on (section 5.2.2).
    fn on_outgoing_reset(&mut self, request: &OutgoingReset<'_>) {
        self.on_reset_as_answer(request.response_number);
        self.answer(request.request_number, |tcb, core| {
            let streams: Vec<StreamId> = request.streams.iter().take(MAX_STREAMS).collect();
            let last_tsn = tcb.tracker.unwrap(Serial32(request.last_tsn));
            if request.streams.len() > MAX_STREAMS
                || streams.iter().any(|stream| stream.0 >= tcb.inbound_streams)
            {
                return ReConfigResult::Denied;
            }
            if last_tsn > tcb.tracker.cumulative() {
                // E2: not everything that was sent before has arrived.
                tcb.resets.deferred = Some(Deferred {
                    number: request.request_number,
                    last_tsn,
                    streams,
                });
                return ReConfigResult::InProgress;
            }
            perform_reset(tcb, core, streams);
            ReConfigResult::Performed
        });
    }

    /// E1: a reset that we have asked for is an answer to that.
    fn on_reset_as_answer(&mut self, number: u32) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        let asked = |(ours, request): &mut (u32, Request)| {
            *ours == number && matches!(request, Request::Incoming { .. })
        };
        if tcb.resets.request.take_if(asked).is_some() {
            tcb.sender.clear_errors();
            self.core.timers.stop(Timer::ReConfig);
        }
    }

    /// What had to arrive before a reset has arrived.
    pub(super) fn perform_deferred_resets(&mut self) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        let cumulative = tcb.tracker.cumulative();
        let arrived = |deferred: &mut Deferred| deferred.last_tsn <= cumulative;
        if let Some(deferred) = tcb.resets.deferred.take_if(arrived) {
            perform_reset(tcb, &mut self.core, deferred.streams);
            tcb.resets.last_result = ReConfigResult::Performed;
            // The peer asks again, but it need not wait for that.
            tcb.resets
                .respond(deferred.number, ReConfigResult::Performed);
        }
    }

    /// The peer wants us to reset streams that we send on (section 5.2.3).
    fn on_incoming_reset(&mut self, request: &IncomingReset<'_>) {
        self.answer(request.request_number, |tcb, core| {
            let outbound = tcb.outbound_streams;
            if request.streams.len() > MAX_STREAMS
                || request.streams.iter().any(|stream| stream.0 >= outbound)
                || tcb.phase != Phase::Established
            {
                return ReConfigResult::Denied;
            }
            tcb.resets.incoming_number = request.request_number;
            let started = if request.streams.is_empty() {
                let all = core.queue.numbered();
                tcb.start_resets(core, all)
            } else {
                tcb.start_resets(core, request.streams.iter())
            };
            if started == 0 {
                return ReConfigResult::NothingToDo;
            }
            ReConfigResult::Performed
        });
    }

    /// The peer wants to send on more streams (section 5.2.5).
    fn on_add_outgoing(&mut self, request: AddStreams) {
        self.answer(request.request_number, |tcb, core| {
            let total = tcb.inbound_streams.checked_add(request.count);
            match total.filter(|total| *total <= core.config.inbound_streams) {
                Some(total) => {
                    tcb.inbound_streams = total;
                    ReConfigResult::Performed
                }
                None => ReConfigResult::Denied,
            }
        });
    }

    /// The peer wants us to send on more streams (section 5.2.6).
    fn on_add_incoming(&mut self, request: AddStreams) {
        self.answer(request.request_number, |tcb, core| {
            let total = tcb
                .outbound_streams
                .checked_add(tcb.resets.to_add)
                .and_then(|total| total.checked_add(request.count));
            if total.is_none_or(|total| total > core.config.outbound_streams)
                || tcb.phase != Phase::Established
            {
                return ReConfigResult::Denied;
            }
            tcb.resets.to_add += request.count;
            ReConfigResult::Performed
        });
    }

    /// The peer answers (section 5.2.7).
    fn on_response(&mut self, now: Instant, response: &ReConfigResponse) {
        let State::Open(tcb) = &mut self.state else {
            return;
        };
        let ours = |(number, _): &mut (u32, Request)| *number == response.response_number;
        let Some((number, request)) = tcb.resets.request.take_if(ours) else {
            return;
        };
        tcb.sender.clear_errors();
        if response.result == ReConfigResult::InProgress {
            // It will be done: ask again after a while, with the same number.
            tcb.resets.request = Some((number, request));
            let rto = tcb.sender.rtt().rto();
            self.core.timers.set(Timer::ReConfig, now + rto);
            return;
        }
        self.core.timers.stop(Timer::ReConfig);
        let performed = matches!(
            response.result,
            ReConfigResult::Performed | ReConfigResult::NothingToDo
        );
        match request {
            Request::Outgoing { streams, .. } => {
                for stream in &streams {
                    self.core.queue.end_reset(*stream, performed);
                }
                self.core.events.push_back(if performed {
                    Event::OutgoingStreamsReset(streams)
                } else {
                    Event::OutgoingStreamsResetFailed(streams)
                });
            }
            // The reset itself is a request of the peer.
            Request::Incoming { .. } if performed => {}
            Request::Incoming { streams } => self
                .core
                .events
                .push_back(Event::IncomingStreamsResetFailed(streams)),
            Request::Add { count } if performed => {
                tcb.outbound_streams = tcb.outbound_streams.saturating_add(count);
                let total = tcb.outbound_streams;
                self.core.events.push_back(Event::StreamsAdded(total));
            }
            Request::Add { .. } => self.core.events.push_back(Event::StreamsAddFailed),
        }
    }
}

/// The peer's streams start over.
fn perform_reset(tcb: &mut Tcb, core: &mut Core, streams: Vec<StreamId>) {
    tcb.reassembly.reset(&streams);
    core.events.push_back(Event::IncomingStreamsReset(streams));
}
