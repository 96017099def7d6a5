//! What is behind all handles of one connection: the session under its lock.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use gannet_crypto::Rng;
use gannet_jsep::Jsep;
use gannet_ortc::data::ChannelId;
use gannet_ortc::ice::{IceGatheringState, IceTransportState, Protocol, Request, ResolveId};
use gannet_ortc::parameters::Fingerprint;
use gannet_ortc::{DtlsTransportState, Session};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::data_channel::ChannelSignals;
use crate::endpoint::{Batch, Endpoint, Home, Route, lock};
use crate::error::NegotiationError;
use crate::event::{IceCandidateError, PeerConnectionState, PendingEvent};
use crate::forwarding::{self, Work};
use crate::mdns::{self, Responder};
use crate::peer_connection::random_id;
use crate::streams::{self, Origin, StreamKey, Streams};
use crate::tls::Tls;
use crate::transceivers::{Outcome, Transceivers};

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
    /// How TURN servers are trusted.
    tls: Tls,
    /// Answers for the names that stand for our addresses.
    responder: Mutex<Option<Responder>>,
    /// Somebody should look at the events or the states.
    pub(crate) news: Notify,
}

impl Connection {
    pub(crate) fn new(mut core: Core, endpoint: Endpoint, runtime: Handle, tls: Tls) -> Self {
        endpoint.settle(&mut core.home);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            core: Mutex::new(core),
            endpoint,
            runtime,
            tls,
            responder: Mutex::new(None),
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
        let (result, notices) = self.change(change);
        notices.deliver(self);
        result
    }

    /// The same, but for telling who should know, which is left to the caller.
    pub(crate) fn change<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Core, Instant) -> R,
    ) -> (R, Notices) {
        let now = Instant::now();
        let mut core = self.lock();
        let result = change(&mut core, now);
        self.endpoint.flush(now, self, &mut core);
        let notices = core.take_notices();
        (result, notices)
    }

    /// Says goodbye and leaves the endpoint.
    pub(crate) fn close(self: &Arc<Self>) {
        self.with(Core::close);
        self.leave();
    }

    /// Gives back what only a connection that lives needs.
    fn leave(self: &Arc<Self>) {
        self.endpoint.remove(self);
        self.lock().streams.close();
        lock(&self.responder).take();
    }

    /// Takes a TCP connection that the peer has opened; `first` is its first frame, a check of the peer's.
    pub(crate) fn adopt(self: &Arc<Self>, stream: TcpStream, key: StreamKey, first: Vec<u8>) {
        let connection = Arc::downgrade(self);
        let driven = streams::run(connection, key, Origin::Peer, stream, first, |_, _| {});
        self.runtime.spawn(driven);
    }

    /// Does what the ICE agent can not do itself.
    fn fulfil(self: &Arc<Self>, request: Request) {
        let connection = Arc::downgrade(self);
        match request {
            Request::ResolveName { id, name } => self.resolve(id, name),
            Request::PublishName { name, address } => self.publish(name, address),
            Request::ConnectServer {
                id,
                addresses,
                name,
                tls,
            } => {
                let tls = tls.then(|| self.tls.clone());
                let driven = streams::connect_server(connection, id, addresses, name, tls);
                self.runtime.spawn(driven);
            }
            Request::DisconnectServer { id } => self.lock().streams.disconnect(id),
            Request::ConnectPeer { id, address, local } => {
                let driven = streams::connect_peer(connection, id, address, local);
                self.runtime.spawn(driven);
            }
            _ => tracing::warn!(?request, "the ICE agent wants what nobody can do here"),
        }
    }

    /// The addresses of the interfaces that names are asked and answered for on.
    fn interfaces(&self) -> Vec<IpAddr> {
        let addresses = self.endpoint.local_addresses();
        addresses.map(|address: SocketAddr| address.ip()).collect()
    }

    /// Finds the addresses behind a name, and tells the ICE agent.
    fn resolve(self: &Arc<Self>, id: ResolveId, name: String) {
        let connection = Arc::downgrade(self);
        let interfaces = self.interfaces();
        self.runtime.spawn(async move {
            let addresses = if name.to_ascii_lowercase().ends_with(".local") {
                let resolved = mdns::resolve(&name, &interfaces).await;
                resolved
                    .map(|address| vec![address])
                    .map_err(|error| error.to_string())
            } else {
                let resolved = tokio::net::lookup_host((name.as_str(), 0)).await;
                resolved
                    .map(|found| found.map(|address| address.ip()).collect())
                    .map_err(|error| error.to_string())
            };
            let addresses = addresses.unwrap_or_else(|error| {
                tracing::debug!(%error, %name, "a name has no address");
                Vec::new()
            });
            if let Some(connection) = connection.upgrade() {
                connection.with(|core, now| {
                    let ice = core.session.ice_mut();
                    ice.handle_resolved(now, id, &addresses);
                });
            }
        });
    }

    /// Answers for a name from now on.
    fn publish(&self, name: String, address: IpAddr) {
        let mut responder = lock(&self.responder);
        if responder.is_none() {
            match Responder::start(&self.runtime, self.interfaces()) {
                Ok(started) => *responder = Some(started),
                Err(error) => tracing::warn!(%error, "no name can be published by multicast DNS"),
            }
        }
        if let Some(responder) = &*responder {
            responder.publish(name, address);
        }
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
    pub(crate) streams: Streams,
    pub(crate) jsep: Jsep,
    /// Whether our offers say our INIT chunk.
    pub(crate) offers_sctp_init: bool,
    pub(crate) transceivers: Transceivers,
    pub(crate) channels: HashMap<ChannelId, Arc<ChannelSignals>>,
    pub(crate) events: VecDeque<PendingEvent>,
    /// Goodbye was said, here or there.
    closed: bool,
    reported: PeerConnectionState,
    batch: Batch,
    /// Which of the endpoint's shards looks after it.
    pub(crate) home: Home,
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
            streams: Streams::default(),
            jsep,
            offers_sctp_init: false,
            transceivers: Transceivers::default(),
            channels: HashMap::new(),
            events: VecDeque::new(),
            closed: false,
            reported: PeerConnectionState::New,
            batch: Batch::default(),
            home: Home::default(),
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

    /// Appends the next datagram to `buf`. What goes over streams is handed to them on the way.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        let start = buf.len();
        loop {
            let transmit = self.session.poll_transmit(now, buf)?;
            if transmit.protocol == Protocol::Udp {
                return Some(Route {
                    local: transmit.local,
                    remote: transmit.remote,
                });
            }
            let packet = buf.get(start..).unwrap_or_default();
            self.streams.send(&transmit, packet);
            buf.truncate(start);
        }
    }

    /// The datagrams that are being gathered. They stay with the connection while a socket is full.
    pub(crate) fn take_batch(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    pub(crate) fn put_batch(&mut self, batch: Batch) {
        self.batch = batch;
    }

    /// Whether the session wants to be woken before the wake-up that its home knows of.
    pub(crate) fn timer_moved(&self) -> bool {
        self.home.is_late_for(self.session.poll_timeout())
    }

    /// The wake-up that its home is to note.
    pub(crate) fn arm_timer(&mut self) -> Option<Instant> {
        let at = self.session.poll_timeout()?;
        self.home.arm(at);
        Some(at)
    }

    /// Adds an event for the user.
    pub(crate) fn push_event(&mut self, event: PendingEvent) {
        if self.events.len() < MAX_EVENTS || !event.is_dispensable() {
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
                gannet_ortc::Event::Rtp(event) => self.handle_rtp_event(event),
                gannet_ortc::Event::DtlsFailed(failure) => {
                    tracing::info!(%failure, "DTLS failed");
                }
                _ => {}
            }
        }
        self.report_state();
        std::mem::take(&mut self.notices)
    }

    fn handle_rtp_event(&mut self, event: gannet_ortc::rtp::Event) {
        match self.transceivers.handle_event(event) {
            Outcome::Done => {}
            Outcome::NeedsKeyFrame(receiver) => {
                let rtp = self.session.rtp_mut();
                rtp.request_key_frame(Instant::now(), receiver);
            }
            Outcome::Work(work) => {
                let mut noted = self.notices.work.iter();
                if !noted.any(|noted| noted.is_same(&work)) {
                    self.notices.work.push(work);
                }
            }
        }
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
            Event::Request(request) => self.notices.requests.push(request),
            Event::ServerError {
                server,
                code,
                reason,
            } => self.push_event(PendingEvent::IceCandidateError(IceCandidateError {
                server: server.to_string(),
                code,
                reason,
            })),
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
        if state == PeerConnectionState::Connected {
            self.transceivers.connected();
        }
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
    requests: Vec<Request>,
    /// What forwarding has left to be done.
    work: Vec<Work>,
}

impl Notices {
    pub(crate) fn deliver(self, connection: &Arc<Connection>) {
        let work = self.deliver_all_but_forwarding(connection);
        forwarding::run(work);
    }

    /// Tells all but the viewers of what the connection has received, and the sources of what it forwards.
    pub(crate) fn deliver_all_but_forwarding(self, connection: &Arc<Connection>) -> Vec<Work> {
        if self.news {
            connection.news.notify_waiters();
        }
        for signals in self.channels {
            signals.changed.notify_waiters();
        }
        if self.gone {
            connection.leave();
        }
        for request in self.requests {
            connection.fulfil(request);
        }
        self.work
    }
}
