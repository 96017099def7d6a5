//! The connection as its user holds it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use gannet_crypto::{CryptoProvider, HashAlgorithm, Rng};
use gannet_jsep::{
    CandidateOutcome, Changes, Description as SessionDescription, IceCandidateInit, Jsep,
    LocalTransport, SdpType, SenderInit, SignalingState, TransportPlan,
};
use gannet_media::MediaStreamTrack;
use gannet_ortc::data::ChannelInit;
use gannet_ortc::dtls::{Certificate, CertificateError};
use gannet_ortc::ice::{Candidate, IceGatheringState, IceTransportState, Role};
use gannet_ortc::parameters::{Direction, Fingerprint, MediaKind, SctpParameters};
use gannet_ortc::stats::StatsReport;
use gannet_ortc::{Session, SessionConfig};

use crate::connection::{Connection, Core};
use crate::error::{NegotiationError, NewConnectionError};
use crate::event::{Event, PeerConnectionState, PendingEvent, TrackEvent};
use crate::tls::Tls;
use crate::transceivers::TransceiverSeed;
use crate::{Configuration, DataChannel, Endpoint, OpenChannelError, RtpTransceiver};

/// A connection with a peer: W3C's `RTCPeerConnection`.
///
/// It is a handle: clones are the same connection. It closes when the last handle of it, of its
/// channels and of its transceivers is dropped, or when [`Self::close`] is called.
#[derive(Clone, Debug)]
pub struct PeerConnection {
    owner: Arc<Owner>,
}

/// What the handles of a connection share; dropping the last one closes it.
#[derive(Debug)]
pub(crate) struct Owner {
    connection: Arc<Connection>,
}

impl Owner {
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.connection.close();
    }
}

impl PeerConnection {
    /// A connection without a peer yet. It must be made inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If there is no runtime, no socket, or no certificate.
    pub fn new(configuration: Configuration) -> Result<Self, NewConnectionError> {
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| NewConnectionError::NoRuntime)?;
        let is_shared = configuration.endpoint.is_some();
        if is_shared && !configuration.ice_servers.is_empty() {
            return Err(NewConnectionError::ServersOnSharedEndpoint);
        }
        let endpoint = match configuration.endpoint {
            Some(endpoint) => endpoint,
            None => Endpoint::bind(&configuration.sockets)?,
        };
        let provider = configuration.provider.or_else(default_provider);
        let provider = provider.ok_or(NewConnectionError::NoProvider)?;
        let certificate = match configuration.certificate {
            Some(certificate) => certificate,
            None => Certificate::generate(&*provider)?,
        };
        let mut rng = Rng::from_seed(provider.random_seed());
        let sctp = SctpParameters {
            max_message_size: u64::from(configuration.max_message_size),
            ..SctpParameters::default()
        };
        let cname = random_id(&mut rng);
        let jsep = Jsep::new(gannet_jsep::Configuration {
            session_id: rng.u64() >> 1,
            cname: cname.clone(),
            capabilities: configuration.capabilities,
            sctp,
        });
        let mut config = SessionConfig::new(Role::Controlled, certificate);
        config.ice.servers = configuration.ice_servers;
        config.ice.policy = configuration.ice_transport_policy;
        config.ice.tcp = configuration.ice_tcp;
        config.ice.hide_host_addresses = configuration.hide_host_addresses;
        config.ice.nat_1to1 = configuration.nat_1to1;
        config.dtls_versions = configuration.dtls_versions;
        config.cname = cname;
        config.key_log = configuration.key_log;
        config.sctp.max_incoming_message_size = configuration.max_message_size as usize;
        let now = Instant::now();
        let fingerprint = certificate_fingerprint(&*provider, &config.certificate)?;
        let session = Session::new(config, provider, rng.fork(), now, SystemTime::now());
        let fragment = session.ice().local_parameters().username_fragment.clone();
        let mut core = Core::new(session, jsep, rng, fingerprint);
        core.offers_sctp_init = configuration.offer_sctp_init;
        #[cfg(feature = "turn-tls")]
        let tls = Tls {
            config: configuration.turn_tls,
        };
        #[cfg(not(feature = "turn-tls"))]
        let tls = Tls;
        let connection = Arc::new(Connection::new(core, endpoint.clone(), runtime, tls));
        endpoint.register(&connection, &fragment);
        if !is_shared {
            endpoint.dedicate(&connection);
        }
        Ok(Self {
            owner: Arc::new(Owner { connection }),
        })
    }

    /// Waits for the next event; `None` once it is closed and all events were taken.
    pub async fn next_event(&self) -> Option<Event> {
        loop {
            let mut news = std::pin::pin!(self.connection().news.notified());
            // From here on an event is not missed.
            news.as_mut().enable();
            {
                let mut core = self.connection().lock();
                while let Some(event) = core.events.pop_front() {
                    if let Some(event) = self.present(&core, event) {
                        return Some(event);
                    }
                }
                if core.is_over() {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Turns an event in the queue into one with handles.
    fn present(&self, core: &Core, event: PendingEvent) -> Option<Event> {
        Some(match event {
            PendingEvent::ConnectionStateChange(state) => Event::ConnectionStateChange(state),
            PendingEvent::IceConnectionStateChange(state) => Event::IceConnectionStateChange(state),
            PendingEvent::IceGatheringStateChange(state) => Event::IceGatheringStateChange(state),
            PendingEvent::IceCandidate(candidate) => Event::IceCandidate(candidate),
            PendingEvent::IceCandidateError(error) => Event::IceCandidateError(error),
            PendingEvent::Track {
                transceiver,
                streams,
            } => {
                let transceiver = self.transceiver_handle(core, transceiver)?;
                Event::Track(TrackEvent {
                    receiver: transceiver.receiver(),
                    transceiver,
                    streams,
                })
            }
            PendingEvent::DataChannel(id) => {
                let init = core.session.channels().init(id)?.clone();
                let signals = core.channels.get(&id).cloned().unwrap_or_default();
                Event::DataChannel(DataChannel::new(Arc::clone(&self.owner), id, init, signals))
            }
        })
    }

    /// Applies what the peer has said.
    ///
    /// # Errors
    ///
    /// If it makes no sense, or not now, or the connection is closed. Nothing has changed then.
    pub async fn set_remote_description(
        &self,
        description: SessionDescription,
    ) -> Result<(), NegotiationError> {
        let connection = self.connection();
        connection.with(|core, now| {
            core.check_open()?;
            let offered = description.kind == SdpType::Offer;
            let changes = core.jsep.set_remote(&description)?;
            if offered && core.jsep.current_remote_description().is_none() {
                core.session.ice_mut().set_role(Role::Controlled);
            }
            if changes.remote_ice_restart {
                restart_ice(connection, core, now);
            }
            apply(connection, core, now, changes);
            Ok(())
        })
    }

    /// Applies what [`Self::create_offer`] or [`Self::create_answer`] has made. Gathering begins with the
    /// first one.
    ///
    /// # Errors
    ///
    /// If it is not what was created last, or comes at a wrong time. Nothing has changed then.
    pub async fn set_local_description(
        &self,
        description: SessionDescription,
    ) -> Result<(), NegotiationError> {
        let connection = self.connection();
        connection.with(|core, now| {
            core.check_open()?;
            let changes = core.jsep.set_local(&description)?;
            apply(connection, core, now, changes);
            gather(connection.endpoint(), core, now);
            Ok(())
        })
    }

    /// Makes an offer.
    ///
    /// # Errors
    ///
    /// If an exchange is under way.
    pub async fn create_offer(&self) -> Result<SessionDescription, NegotiationError> {
        self.connection().with(|core, now| {
            core.check_open()?;
            let with_init = core.offers_sctp_init;
            let transport = local_transport(core, now, with_init);
            Ok(core.jsep.create_offer(&transport)?)
        })
    }

    /// Makes an answer to the peer's offer.
    ///
    /// # Errors
    ///
    /// If there is no offer.
    pub async fn create_answer(&self) -> Result<SessionDescription, NegotiationError> {
        self.connection().with(|core, now| {
            core.check_open()?;
            let with_init = core.jsep.has_data();
            let transport = local_transport(core, now, with_init);
            Ok(core.jsep.create_answer(&transport)?)
        })
    }

    /// Takes a candidate of the peer's; an empty one says that there are no more.
    ///
    /// # Errors
    ///
    /// If it is none, or belongs to no section.
    pub async fn add_ice_candidate(
        &self,
        candidate: IceCandidateInit,
    ) -> Result<(), NegotiationError> {
        self.connection().with(|core, now| {
            core.check_open()?;
            match core.jsep.add_remote_candidate(&candidate)? {
                CandidateOutcome::Candidate(candidate) => {
                    add_remote_candidate(core, now, &candidate);
                }
                CandidateOutcome::EndOfCandidates => {
                    core.session.ice_mut().set_end_of_candidates(now)
                }
                CandidateOutcome::Kept | CandidateOutcome::Ignored => {}
            }
            Ok(())
        })
    }

    /// Our description with the candidates that were gathered so far.
    #[must_use]
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.connection().lock().jsep.local_description().cloned()
    }

    /// The peer's description.
    #[must_use]
    pub fn remote_description(&self) -> Option<SessionDescription> {
        self.connection().lock().jsep.remote_description().cloned()
    }

    /// Waits until all local candidates are known.
    pub async fn gathering_complete(&self) {
        loop {
            let mut news = std::pin::pin!(self.connection().news.notified());
            news.as_mut().enable();
            {
                let core = self.connection().lock();
                if core.is_gathered() || core.is_over() {
                    return;
                }
            }
            news.await;
        }
    }

    /// Adds a transceiver, to send `track` or to receive.
    pub fn add_transceiver(
        &self,
        kind: MediaKind,
        direction: Direction,
        track: Option<MediaStreamTrack>,
    ) -> RtpTransceiver {
        let id = self.connection().with(|core, now| {
            let seed = transceiver_seed(core);
            let id = core
                .jsep
                .add_transceiver(kind, direction, SenderInit::default());
            register_transceiver(core, id, kind, seed);
            if let Some(transceiver) = core.transceivers.find_mut(id) {
                transceiver.sender.set_track(now, &mut core.session, track);
            }
            id
        });
        RtpTransceiver::new(Arc::clone(&self.owner), id, kind)
    }

    /// The transceivers.
    #[must_use]
    pub fn transceivers(&self) -> Vec<RtpTransceiver> {
        let core = self.connection().lock();
        let handle = |transceiver: &crate::transceivers::Transceiver| {
            RtpTransceiver::new(Arc::clone(&self.owner), transceiver.id, transceiver.kind)
        };
        core.transceivers.iter().map(handle).collect()
    }

    /// Opens a data channel. It is open when [`DataChannel::opened`] says so.
    ///
    /// # Errors
    ///
    /// If the label is too long, the id is taken, there are too many channels, or the connection is closed.
    pub fn create_data_channel(
        &self,
        label: &str,
        init: ChannelInit,
    ) -> Result<DataChannel, OpenChannelError> {
        let init = ChannelInit {
            label: label.to_owned(),
            ..init
        };
        self.connection().with(|core, now| {
            if core.is_over() {
                return Err(OpenChannelError::Disconnected);
            }
            let id = core.session.channels_mut().open(now, init.clone())?;
            core.jsep.open_data();
            let signals = Arc::default();
            core.channels.insert(id, Arc::clone(&signals));
            Ok(DataChannel::new(Arc::clone(&self.owner), id, init, signals))
        })
    }

    /// Wishes for new paths: the next offer restarts ICE. Without effect on a closed connection.
    pub fn restart_ice(&self) {
        let connection = self.connection();
        connection.with(|core, now| {
            if !core.is_over() {
                core.jsep.restart_ice();
                restart_ice(connection, core, now);
            }
        });
    }

    /// The state of the whole.
    #[must_use]
    pub fn connection_state(&self) -> PeerConnectionState {
        self.connection().lock().state()
    }

    /// The ICE transport's state.
    #[must_use]
    pub fn ice_connection_state(&self) -> IceTransportState {
        self.connection().lock().session.ice().state()
    }

    /// The gathering state.
    #[must_use]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.connection().lock().session.ice().gathering_state()
    }

    /// Where the exchange of descriptions stands.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.connection().lock().jsep.signaling_state()
    }

    /// The statistics of all layers, under W3C's names: `getStats`. The connection is locked once, for as
    /// long as it takes to copy the counters. With the feature `serde` it serializes as W3C's JSON.
    #[must_use]
    pub fn stats(&self) -> StatsReport {
        let core = self.connection().lock();
        let now = Instant::now();
        let mut report = core.session.stats(now);
        crate::stats::complete(now, &core.transceivers, &mut report);
        report
    }

    /// Looks at the session below. It is locked meanwhile: `look` must not call the connection, its
    /// channels or its transceivers, and should be quick.
    pub fn inspect<R>(&self, look: impl FnOnce(&Session) -> R) -> R {
        look(&self.connection().lock().session)
    }

    /// Says goodbye and closes everything.
    pub fn close(&self) {
        self.connection().close();
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        self.owner.connection()
    }

    fn transceiver_handle(
        &self,
        core: &Core,
        id: gannet_jsep::TransceiverId,
    ) -> Option<RtpTransceiver> {
        let kind = core.transceivers.find(id)?.kind;
        Some(RtpTransceiver::new(Arc::clone(&self.owner), id, kind))
    }
}

/// The provider of cryptography that was built in.
#[cfg(feature = "aws-lc-rs")]
fn default_provider() -> Option<Arc<dyn CryptoProvider>> {
    Some(gannet_crypto::default_provider())
}

/// None was built in.
#[cfg(not(feature = "aws-lc-rs"))]
fn default_provider() -> Option<Arc<dyn CryptoProvider>> {
    None
}

/// 96 random bits in hexadecimal.
pub(crate) fn random_id(rng: &mut Rng) -> String {
    rng.array::<12>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The fingerprint that our descriptions tell: SHA-256, which everybody has.
fn certificate_fingerprint(
    provider: &dyn CryptoProvider,
    certificate: &Certificate,
) -> Result<Fingerprint, CertificateError> {
    let own = certificate
        .chain()
        .first()
        .ok_or(CertificateError::EmptyChain)?;
    Ok(Fingerprint::of(provider, HashAlgorithm::Sha256, own))
}

fn transceiver_seed(core: &mut Core) -> TransceiverSeed {
    TransceiverSeed {
        ssrc: core.rng.u32().max(1),
        rtx_ssrc: core.rng.u32().max(1),
        stream_id: core.stream_id.clone(),
        track_id: random_id(&mut core.rng),
    }
}

/// Makes the objects of a transceiver that the exchange has made.
fn register_transceiver(
    core: &mut Core,
    id: gannet_jsep::TransceiverId,
    kind: MediaKind,
    seed: TransceiverSeed,
) {
    core.transceivers.add(id, kind, seed);
    let init = core
        .transceivers
        .find(id)
        .map(|transceiver| transceiver.sender.init.clone());
    let told = init.map(|init| core.jsep.set_sender(id, init));
    debug_assert_eq!(told, Some(Ok(())), "a new transceiver lives");
}

/// Our side of the transport as descriptions tell it; `with_init` says that SCTP may begin without its
/// handshake.
fn local_transport(core: &mut Core, now: Instant, with_init: bool) -> LocalTransport {
    let sctp_init = with_init.then(|| core.session.sctp_init(now).to_vec());
    let ice = core.session.ice();
    LocalTransport {
        ice: ice.local_parameters().clone(),
        fingerprints: vec![core.fingerprint.clone()],
        candidates: ice
            .local_candidates()
            .filter_map(|candidate| gannet_jsep::IceCandidate::new(&candidate.to_string()).ok())
            .collect(),
        end_of_candidates: core.is_gathered(),
        sctp_init,
    }
}

/// Gives the agent the endpoint's addresses; again after a restart.
fn gather(endpoint: &Endpoint, core: &mut Core, now: Instant) {
    if core.session.ice().gathering_state() != IceGatheringState::New {
        return;
    }
    for address in endpoint.local_addresses() {
        core.session.ice_mut().add_local_host(now, address);
    }
    for address in endpoint.tcp_addresses() {
        core.session.ice_mut().add_local_tcp_listener(now, address);
    }
    core.session.ice_mut().set_end_of_local_hosts(now);
}

fn restart_ice(connection: &Arc<Connection>, core: &mut Core, now: Instant) {
    let parameters = core.session.ice_mut().restart(now);
    connection
        .endpoint()
        .register(connection, &parameters.username_fragment);
}

/// Does what a description has changed.
fn apply(connection: &Arc<Connection>, core: &mut Core, now: Instant, changes: Changes) {
    for id in changes.created {
        let kind = core
            .jsep
            .transceiver(id)
            .map(gannet_jsep::Transceiver::kind);
        if let Some(kind) = kind {
            let seed = transceiver_seed(core);
            register_transceiver(core, id, kind, seed);
        }
    }
    for id in changes.removed {
        core.transceivers.remove(id);
    }
    if let Some(plan) = changes.transport {
        apply_transport(core, now, plan);
    }
    if let Some(sctp) = changes.sctp {
        let port = sctp.local.port;
        core.session
            .start_sctp(now, port, sctp.remote, sctp.remote_init);
    }
    for id in changes.stopped {
        core.transceivers.stop_one(now, &mut core.session, id);
    }
    if changes.signaling_state == SignalingState::Stable {
        core.transceivers
            .apply(now, &mut core.session, &changes.media);
        core.transceivers.run_senders(connection);
    }
    for track in changes.tracks_added {
        core.push_event(PendingEvent::Track {
            transceiver: track.transceiver,
            streams: track.streams,
        });
    }
}

fn apply_transport(core: &mut Core, now: Instant, plan: TransportPlan) {
    let ice = core.session.ice_mut();
    if ice.remote_parameters().is_none() {
        ice.set_role(plan.ice_role);
    }
    if let Err(error) = ice.set_remote_parameters(now, plan.remote_ice) {
        tracing::warn!(%error, "the peer's ICE parameters can not be used");
    }
    for candidate in &plan.remote_candidates {
        add_remote_candidate(core, now, candidate);
    }
    if plan.remote_end_of_candidates {
        core.session.ice_mut().set_end_of_candidates(now);
    }
    core.session
        .start_dtls(now, plan.dtls_role.into(), plan.remote_fingerprints);
}

fn add_remote_candidate(core: &mut Core, now: Instant, candidate: &gannet_jsep::IceCandidate) {
    match candidate.to_string().parse::<Candidate>() {
        Ok(candidate) => {
            if let Err(error) = core.session.ice_mut().add_remote_candidate(now, candidate) {
                tracing::debug!(%error, "a remote candidate can not be used");
            }
        }
        Err(error) => tracing::debug!(%error, "a remote candidate can not be read"),
    }
}
