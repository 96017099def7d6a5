//! A peer made by hand from an `ortc::Session`, an offer/answer machine and a socket: it sends what it is told to,
//! simulcast too, and loses or delays datagrams on purpose.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant, SystemTime};

use gannet::crypto::{HashAlgorithm, Rng};
use gannet::ortc::ice::{Candidate, Protocol, Role};
use gannet::ortc::parameters::{Fingerprint, RtpEncodingParameters};
use gannet::ortc::rtp::{self, Frame, ReceiverId, SenderId};
use gannet::ortc::{DtlsTransportState, Event, Session, SessionConfig};
use gannet::{
    Certificate, Direction, MediaKind, PeerConnection, SessionDescription, default_capabilities,
    default_provider,
};
use gannet_jsep::{Changes, Jsep, LocalTransport, SenderInit};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// The longest sleep of a peer.
const IDLE: Duration = Duration::from_millis(100);

/// Whether a datagram is lost.
type Loss = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// How long a datagram is on its way.
type Delay = Box<dyn FnMut(&[u8]) -> Duration + Send>;

/// The peer; dropping the last handle ends it.
#[derive(Clone)]
pub(crate) struct Peer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    socket: UdpSocket,
    wake: Notify,
}

/// What belongs to a peer.
pub(crate) struct State {
    pub(crate) session: Session,
    jsep: Jsep,
    /// What it sends, by RID; `None` without simulcast.
    pub(crate) senders: Vec<(Option<String>, SenderId)>,
    pub(crate) receivers: Vec<ReceiverId>,
    /// The frames that came and were not taken.
    pub(crate) frames: Vec<Frame>,
    /// The senders whose key frames somebody has asked for, each time.
    pub(crate) key_frames_wanted: Vec<SenderId>,
    pub(crate) loses_incoming: Loss,
    pub(crate) delays_outgoing: Delay,
}

impl Peer {
    /// A peer that sends pictures with these RIDs, without simulcast if there are none; or with `None` one that sends
    /// nothing.
    pub(crate) async fn new(rids: Option<&[&str]>) -> Self {
        Self::with_sound(rids, false).await
    }

    /// The same; if `sound`, it sends that too, before the pictures.
    pub(crate) async fn with_sound(rids: Option<&[&str]>, sound: bool) -> Self {
        let provider = default_provider();
        let certificate = Certificate::generate(&*provider).unwrap();
        let mut config = SessionConfig::new(Role::Controlling, certificate);
        config.bitrate.start = 8_000_000;
        let mut rng = Rng::from_seed(provider.random_seed());
        let now = Instant::now();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut session = Session::new(config, provider, rng.fork(), now, SystemTime::now());
        let address = socket.local_addr().unwrap();
        session.ice_mut().add_local_host(now, address);
        session.ice_mut().set_end_of_local_hosts(now);
        let mut jsep = Jsep::new(gannet_jsep::Configuration {
            session_id: rng.u64() >> 1,
            cname: "peer".to_owned(),
            capabilities: default_capabilities(),
            sctp: gannet::ortc::parameters::SctpParameters::default(),
        });
        if sound {
            let encoding = RtpEncodingParameters {
                ssrc: Some(rng.u32().max(1)),
                ..RtpEncodingParameters::default()
            };
            let init = SenderInit {
                encodings: vec![encoding],
                ..SenderInit::default()
            };
            jsep.add_transceiver(MediaKind::Audio, Direction::SendOnly, init);
        }
        if let Some(rids) = rids {
            let rids = match rids {
                [] => vec![None],
                rids => rids.iter().map(|rid| Some((*rid).to_owned())).collect(),
            };
            let encodings = rids.into_iter().map(|rid| RtpEncodingParameters {
                ssrc: Some(rng.u32().max(1)),
                rtx_ssrc: Some(rng.u32().max(1)),
                rid,
                ..RtpEncodingParameters::default()
            });
            let init = SenderInit {
                encodings: encodings.collect(),
                ..SenderInit::default()
            };
            jsep.add_transceiver(MediaKind::Video, Direction::SendOnly, init);
        }
        let state = State {
            session,
            jsep,
            senders: Vec::new(),
            receivers: Vec::new(),
            frames: Vec::new(),
            key_frames_wanted: Vec::new(),
            loses_incoming: Box::new(|_| false),
            delays_outgoing: Box::new(|_| Duration::ZERO),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            socket,
            wake: Notify::new(),
        });
        tokio::spawn(drive(Arc::downgrade(&shared), address));
        Self { shared }
    }

    /// Offers what it sends to a connection, which answers.
    pub(crate) async fn call(&self, connection: &PeerConnection) {
        let offer = self.with(|state, _| {
            let local = state.local_transport();
            let offer = state.jsep.create_offer(&local).unwrap();
            state.jsep.set_local(&offer).unwrap();
            offer
        });
        connection.set_remote_description(offer).await.unwrap();
        let answer = connection.create_answer().await.unwrap();
        connection.set_local_description(answer).await.unwrap();
        connection.gathering_complete().await;
        let answer = connection.local_description().unwrap();
        self.with(|state, now| {
            let changes = state.jsep.set_remote(&answer).unwrap();
            state.apply(now, changes);
        });
        self.connected().await;
    }

    /// Answers what a connection offers.
    pub(crate) async fn answer(&self, connection: &PeerConnection) {
        let offer = connection.create_offer().await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        connection.gathering_complete().await;
        let offer = connection.local_description().unwrap();
        let answer: SessionDescription = self.with(|state, now| {
            state.jsep.set_remote(&offer).unwrap();
            let local = state.local_transport();
            let answer = state.jsep.create_answer(&local).unwrap();
            let changes = state.jsep.set_local(&answer).unwrap();
            state.apply(now, changes);
            answer
        });
        connection.set_remote_description(answer).await.unwrap();
        self.connected().await;
    }

    async fn connected(&self) {
        super::until("the peer to connect", || {
            self.state().session.dtls_state() == DtlsTransportState::Connected
        })
        .await;
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Changes it, and sends what comes of it.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State, Instant) -> R) -> R {
        let now = Instant::now();
        let result = change(&mut self.state(), now);
        self.shared.flush(now);
        self.shared.wake.notify_one();
        result
    }
}

impl State {
    fn local_transport(&self) -> LocalTransport {
        let ice = self.session.ice();
        let der = &self.session.certificate().der();
        let candidates = ice.local_candidates();
        LocalTransport {
            ice: ice.local_parameters().clone(),
            fingerprints: vec![Fingerprint::of(
                &*default_provider(),
                HashAlgorithm::Sha256,
                der,
            )],
            candidates: candidates
                .filter_map(|found| gannet_jsep::IceCandidate::new(&found.to_string()).ok())
                .collect(),
            end_of_candidates: true,
            sctp_init: None,
        }
    }

    fn apply(&mut self, now: Instant, changes: Changes) {
        let plan = changes.transport.expect("there is a transport");
        let ice = self.session.ice_mut();
        ice.set_role(plan.ice_role);
        ice.set_remote_parameters(now, plan.remote_ice).unwrap();
        for candidate in &plan.remote_candidates {
            let candidate: Candidate = candidate.to_string().parse().unwrap();
            self.session
                .ice_mut()
                .add_remote_candidate(now, candidate)
                .unwrap();
        }
        self.session
            .start_dtls(now, plan.dtls_role.into(), plan.remote_fingerprints);
        for media in changes.media {
            for encoding in media.send.iter().flat_map(|send| &send.encodings) {
                let mut parameters = media.send.clone().unwrap();
                parameters.encodings = vec![encoding.clone()];
                let sender = self.session.add_sender(now, &parameters).unwrap();
                self.senders.push((encoding.rid.clone(), sender));
            }
            if let Some(receive) = &media.receive {
                self.receivers
                    .push(self.session.add_receiver(now, receive).unwrap());
            }
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Rtp(rtp::Event::Frame(frame)) => self.frames.push(*frame),
                Event::Rtp(rtp::Event::KeyFrameRequested(sender)) => {
                    self.key_frames_wanted.push(sender);
                }
                _ => {}
            }
        }
    }
}

impl Shared {
    fn flush(self: &Arc<Self>, now: Instant) {
        let mut state = self.state.lock().unwrap();
        let mut datagram = Vec::new();
        while let Some(transmit) = state.session.poll_transmit(now, &mut datagram) {
            if transmit.protocol == Protocol::Udp {
                let delay = match is_media(&datagram) {
                    true => (state.delays_outgoing)(&datagram),
                    false => Duration::ZERO,
                };
                self.send(std::mem::take(&mut datagram), transmit.remote, now + delay);
            }
            datagram.clear();
        }
        state.listen();
    }

    fn send(self: &Arc<Self>, datagram: Vec<u8>, remote: SocketAddr, at: Instant) {
        // A full socket loses it, as networks do.
        if at <= Instant::now() {
            let _ = self.socket.try_send_to(&datagram, remote);
            return;
        }
        let peer = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            let _ = peer.socket.try_send_to(&datagram, remote);
        });
    }
}

/// Media is lost and delayed, not what keeps the connection (RFC 7983, section 7).
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..192))
}

async fn drive(shared: Weak<Shared>, local: SocketAddr) {
    let mut buffer = [0; 2048];
    loop {
        let Some(peer) = shared.upgrade() else { return };
        let timeout = peer.state.lock().unwrap().session.poll_timeout();
        // Whether the last handle is gone is seen now and then.
        let patience = Instant::now() + IDLE;
        let wake = timeout.unwrap_or(patience).min(patience);
        tokio::select! {
            _ = peer.socket.readable() => {}
            () = peer.wake.notified() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        let now = Instant::now();
        while let Ok((len, remote)) = peer.socket.try_recv_from(&mut buffer) {
            let mut state = peer.state.lock().unwrap();
            let datagram = &mut buffer[..len];
            if is_media(datagram) && (state.loses_incoming)(datagram) {
                continue;
            }
            state
                .session
                .handle_packet(now, local, remote, Protocol::Udp, datagram);
        }
        peer.state.lock().unwrap().session.handle_timeout(now);
        peer.flush(now);
    }
}
