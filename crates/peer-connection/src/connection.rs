//! What is behind all handles of one connection: the session under its lock.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use gannet_crypto::Rng;
use gannet_jsep::Jsep;
use gannet_ortc::data::ChannelId;
use gannet_ortc::ice::{IceGatheringState, IceTransportState, Protocol, Request, ResolveId};
use gannet_ortc::parameters::Fingerprint;
use gannet_ortc::{DtlsTransportState, Session};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::data_channel::ChannelSignals;
use crate::endpoint::{Batch, Endpoint, Route, lock};
use crate::error::NegotiationError;
use crate::event::{PeerConnectionState, PendingEvent};
use crate::mdns;
use crate::peer_connection::random_id;
use crate::transceivers::Transceivers;

/// How many events wait for the user. Channels that the peer opens when the queue is full are closed, and
/// changes of state are not told any more: the state can be asked for.
const MAX_EVENTS: usize = 1024;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    id: u64,
    core: Mutex<Core>,
    endpoint: Endpoint,
    runtime: Handle,
    /// Somebody should look at the events or the states.
    pub(crate) news: Notify,
}

impl Connection {
    pub(crate) fn new(core: Core, endpoint: Endpoint, runtime: Handle) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            core: Mutex::new(core),
            endpoint,
            runtime,
            news: Notify::new(),
        }
    }

    /// A number that no other connection of this process has.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    /// Changes the connection, sends what comes of it, and tells whoever should know.
    pub(crate) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut Core, Instant) -> R) -> R {
        let now = Instant::now();
        let mut core = self.lock();
        let result = change(&mut core, now);
        self.endpoint.flush(now, self, &mut core);
        let notices = core.take_notices();
        drop(core);
        notices.deliver(self);
        result
    }

    /// Says goodbye and leaves the endpoint.
    pub(crate) fn close(self: &Arc<Self>) {
        self.with(Core::close);
        self.endpoint.remove(self);
    }

    /// Asks the local network for the address behind a name, and tells the ICE agent.
    fn resolve(self: &Arc<Self>, id: ResolveId, name: String) {
        let connection = Arc::downgrade(self);
        let interfaces: Vec<IpAddr> = self
            .endpoint
            .local_addresses()
            .map(|address| address.ip())
            .collect();
        self.runtime.spawn(async move {
            let resolved = mdns::resolve(&name, &interfaces).await;
            if let Err(error) = &resolved {
                tracing::debug!(%error, "a candidate's name has no address");
            }
            if let Some(connection) = connection.upgrade() {
                connection.with(|core, now| {
                    core.session
                        .ice_mut()
                        .handle_resolved(now, id, resolved.ok().as_slice());
                });
            }
        });
    }
}

/// What the lock of a connection guards.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) rng: Rng,
    /// Our certificate's.
    pub(crate) fingerprint: Fingerprint,
    /// The media stream that our tracks belong to.
    pub(crate) stream_id: String,
    pub(crate) session: Session,
    pub(crate) jsep: Jsep,
    pub(crate) transceivers: Transceivers,
    pub(crate) channels: HashMap<ChannelId, Arc<ChannelSignals>>,
    pub(crate) events: VecDeque<PendingEvent>,
    /// Goodbye was said, here or there.
    closed: bool,
    reported: PeerConnectionState,
    batch: Batch,
    /// The wake-up that the endpoint's task has noted.
    armed: Option<Instant>,
    /// The task was asked to look at the connection, and has not yet.
    awaits_task: bool,
    notices: Notices,
}

impl Core {
    pub(crate) fn new(
        session: Session,
        jsep: Jsep,
        mut rng: Rng,
        fingerprint: Fingerprint,
    ) -> Self {
        Self {
            fingerprint,
            stream_id: random_id(&mut rng),
            rng,
            session,
            jsep,
            transceivers: Transceivers::default(),
            channels: HashMap::new(),
            events: VecDeque::new(),
            closed: false,
            reported: PeerConnectionState::New,
            batch: Batch::default(),
            armed: None,
            awaits_task: false,
            notices: Notices::default(),
        }
    }

    /// Takes a datagram; true if it is the peer's beyond doubt.
    pub(crate) fn handle_packet(&mut self, now: Instant, route: Route, packet: &mut [u8]) -> bool {
        let Route { local, remote } = route;
        self.session
            .handle_packet(now, local, remote, Protocol::Udp, packet)
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
    }

    /// Appends the next datagram to `buf`.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        let transmit = self.session.poll_transmit(now, buf)?;
        Some(Route {
            local: transmit.local,
            remote: transmit.remote,
        })
    }

    /// The datagrams that are being gathered. They stay with the connection while a socket is full.
    pub(crate) fn take_batch(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    pub(crate) fn put_batch(&mut self, batch: Batch) {
        self.batch = batch;
    }

    /// Whether the session wants to be woken before the wake-up that the endpoint knows of.
    pub(crate) fn timer_moved(&self) -> bool {
        let next = self.session.poll_timeout();
        next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed))
    }

    /// The wake-up that the endpoint's task is to note.
    pub(crate) fn arm_timer(&mut self) -> Option<Instant> {
        self.armed = self.session.poll_timeout();
        self.armed
    }

    /// The wake-up that the endpoint's task had noted, and has no more.
    pub(crate) const fn disarm_timer(&mut self) -> Option<Instant> {
        self.armed.take()
    }

    /// Whether the endpoint's task is to be asked to look at the connection: once is enough.
    pub(crate) const fn wants_attention(&mut self) -> bool {
        !std::mem::replace(&mut self.awaits_task, true)
    }

    /// The endpoint's task has looked at the connection.
    pub(crate) const fn attended(&mut self) {
        self.awaits_task = false;
    }

    /// Adds an event for the user.
    pub(crate) fn push_event(&mut self, event: PendingEvent) {
        if self.events.len() < MAX_EVENTS || !event.is_state_change() {
            self.events.push_back(event);
        }
        self.notices.news = true;
    }

    /// Looks at what the session has to say, and returns whom to tell once the lock is released.
    pub(crate) fn take_notices(&mut self) -> Notices {
        while let Some(event) = self.session.poll_event() {
            match event {
                gannet_ortc::Event::Ice(event) => self.handle_ice_event(event),
                gannet_ortc::Event::Data(event) => self.handle_data_event(event),
                gannet_ortc::Event::Rtp(event) => self.transceivers.handle_event(event),
                gannet_ortc::Event::DtlsFailed(failure) => {
                    tracing::info!(%failure, "DTLS failed");
                }
                _ => {}
            }
        }
        self.report_state();
        std::mem::take(&mut self.notices)
    }

    fn handle_ice_event(&mut self, event: gannet_ortc::ice::Event) {
        use gannet_ortc::ice::Event;
        match event {
            Event::LocalCandidate(candidate) => {
                let candidate = gannet_jsep::IceCandidate::new(&candidate.to_string()).ok();
                let init = candidate.and_then(|found| self.jsep.add_local_candidate(&found));
                if let Some(init) = init {
                    self.push_event(PendingEvent::IceCandidate(init));
                }
            }
            Event::GatheringStateChange(state) => {
                if state == IceGatheringState::Complete
                    && let Some(init) = self.jsep.end_local_candidates()
                {
                    self.push_event(PendingEvent::IceCandidate(init));
                }
                self.push_event(PendingEvent::IceGatheringStateChange(state));
            }
            Event::StateChange(state) => {
                self.push_event(PendingEvent::IceConnectionStateChange(state));
            }
            Event::Request(Request::ResolveName { id, name }) => {
                self.notices.resolve.push((id, name));
            }
            _ => {}
        }
    }

    fn handle_data_event(&mut self, event: gannet_ortc::data::Event) {
        use gannet_ortc::data::Event;
        match event {
            Event::Incoming(channel) => {
                if self.events.len() >= MAX_EVENTS {
                    self.session.channels_mut().close(Instant::now(), channel);
                    return;
                }
                self.channels.insert(channel, Arc::default());
                self.push_event(PendingEvent::DataChannel(channel));
            }
            Event::Opened(channel)
            | Event::Message(channel)
            | Event::BufferedAmountLow(channel)
            | Event::Closing(channel) => self.notify_channel(channel),
            Event::Closed(channel) => {
                self.notify_channel(channel);
                self.channels.remove(&channel);
            }
            Event::Connected => {}
            Event::Disconnected(reason) => {
                tracing::debug!(?reason, "the data channels are disconnected");
            }
            _ => {}
        }
    }

    fn notify_channel(&mut self, channel: ChannelId) {
        let Some(signals) = self.channels.get(&channel) else {
            return;
        };
        let told = self
            .notices
            .channels
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, signals));
        if !told {
            self.notices.channels.push(Arc::clone(signals));
        }
    }

    /// The state of the whole: W3C's `connectionState`.
    pub(crate) fn state(&self) -> PeerConnectionState {
        use PeerConnectionState as State;
        if self.closed {
            return State::Closed;
        }
        match (self.session.ice().state(), self.session.dtls_state()) {
            (_, DtlsTransportState::Failed) | (IceTransportState::Failed, _) => State::Failed,
            // The peer said goodbye: nothing will come of it any more.
            (_, DtlsTransportState::Closed) | (IceTransportState::Closed, _) => State::Closed,
            (IceTransportState::Disconnected, _) => State::Disconnected,
            (IceTransportState::New, DtlsTransportState::New) => State::New,
            (
                IceTransportState::Connected | IceTransportState::Completed,
                DtlsTransportState::Connected,
            ) => State::Connected,
            _ => State::Connecting,
        }
    }

    fn report_state(&mut self) {
        let state = self.state();
        if state == self.reported {
            return;
        }
        self.reported = state;
        if matches!(
            state,
            PeerConnectionState::Closed | PeerConnectionState::Failed
        ) {
            self.transceivers.stop();
            self.notices
                .channels
                .extend(self.channels.values().cloned());
        }
        if state == PeerConnectionState::Closed && !self.closed {
            // The peer said goodbye: that is final, and the endpoint need not know us any more.
            self.close(Instant::now());
            self.notices.gone = true;
        }
        self.push_event(PendingEvent::ConnectionStateChange(state));
    }

    /// That the connection still can negotiate.
    pub(crate) fn check_open(&self) -> Result<(), NegotiationError> {
        if self.is_over() {
            Err(NegotiationError::Closed)
        } else {
            Ok(())
        }
    }

    /// Whether nothing will come of it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state() == PeerConnectionState::Closed
    }

    fn close(&mut self, now: Instant) {
        if !self.closed {
            self.session.close(now);
            self.closed = true;
        }
    }

    /// Whether all local candidates are known.
    pub(crate) fn is_gathered(&self) -> bool {
        self.session.ice().gathering_state() == IceGatheringState::Complete
    }
}

/// Whom to tell that something happened, once the lock is released.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    news: bool,
    gone: bool,
    channels: Vec<Arc<ChannelSignals>>,
    resolve: Vec<(ResolveId, String)>,
}

impl Notices {
    pub(crate) fn deliver(self, connection: &Arc<Connection>) {
        if self.news {
            connection.news.notify_waiters();
        }
        for signals in self.channels {
            signals.changed.notify_waiters();
        }
        if self.gone {
            connection.endpoint.remove(connection);
        }
        for (id, name) in self.resolve {
            connection.resolve(id, name);
        }
    }
}
