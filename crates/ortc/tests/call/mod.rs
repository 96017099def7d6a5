//! Two sessions on a simulated network, without SDP.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test includes this, and uses its part"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_crypto::{Rng, default_provider};
use gannet_netsim::{Cable, Endpoint, Host, LinkConfig, Network};
use gannet_ortc::data::{ChannelId, Message};
use gannet_ortc::dtls::{Certificate, Versions};
use gannet_ortc::ice::{Protocol, Role};
use gannet_ortc::parameters::{
    DtlsRole, FormatParameters, MediaKind, RtcpFeedback, RtcpParameters, RtpCodecParameters,
    RtpEncodingParameters, RtpHeaderExtensionParameters, RtpParameters, SctpParameters,
};
use gannet_ortc::rtp::{EncodedFrame, Frame, SenderId};
use gannet_ortc::{DtlsTransportState, Event, Session, SessionConfig};

/// A session with what it has told its user.
pub struct Side {
    pub session: Session,
    pub address: SocketAddr,
    pub frames: Vec<Frame>,
    pub messages: Vec<Message>,
    pub incoming: Vec<ChannelId>,
    /// The other side can not go on without a key frame.
    pub wants_key_frame: bool,
}

impl Side {
    pub fn new(name: u8, role: Role, versions: Versions, probed: Option<usize>) -> Self {
        let provider = default_provider();
        let certificate = Certificate::generate(&*provider).unwrap();
        let mut config = SessionConfig::new(role, certificate);
        config.dtls_versions = versions;
        config.sctp.max_probed_packet_size = probed;
        let session = Session::new(
            config,
            provider,
            Rng::insecure_from_u64(u64::from(name)),
            gannet_netsim::start(),
            gannet_netsim::wall_clock_start(),
        );
        Self {
            session,
            address: SocketAddr::from(([10, 0, 0, name], 4000)),
            frames: Vec::new(),
            messages: Vec::new(),
            incoming: Vec::new(),
            wants_key_frame: true,
        }
    }

    /// Takes what the session has to tell.
    pub fn listen(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Rtp(gannet_ortc::rtp::Event::Frame(frame)) => self.frames.push(*frame),
                Event::Rtp(gannet_ortc::rtp::Event::KeyFrameRequested(_)) => {
                    self.wants_key_frame = true;
                }
                Event::Data(gannet_ortc::data::Event::Incoming(channel)) => {
                    self.incoming.push(channel);
                }
                Event::Data(gannet_ortc::data::Event::Message(channel)) => {
                    while let Some(message) = self.session.channels_mut().receive(channel) {
                        self.messages.push(message);
                    }
                }
                _ => {}
            }
        }
    }

    pub fn is_connected(&self) -> bool {
        self.session.dtls_state() == DtlsTransportState::Connected
    }
}

impl Endpoint for Side {
    fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        let mut packet = packet.to_vec();
        self.session
            .handle_packet(now, to, from, Protocol::Udp, &mut packet);
        self.listen();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.listen();
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let transmit = self.session.poll_transmit(now, buf)?;
        Some((transmit.local, transmit.remote))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }
}

/// Two sides that know each other's parameters and candidates.
pub struct Call {
    pub network: Network,
    pub a: Host<Side>,
    pub b: Host<Side>,
    /// From `a` and from `b` to the router between them.
    pub cables: [Cable; 2],
}

impl Call {
    pub fn new(seed: u64, versions: Versions, link: LinkConfig) -> Self {
        Self::probing(seed, versions, link, None)
    }

    /// Path MTU discovery tries datagrams of up to `probed` bytes.
    pub fn probing(seed: u64, versions: Versions, link: LinkConfig, probed: Option<usize>) -> Self {
        let mut a = Side::new(1, Role::Controlling, versions, probed);
        let mut b = Side::new(2, Role::Controlled, versions, probed);
        introduce(&mut a, &mut b, DtlsRole::Server);
        introduce(&mut b, &mut a, DtlsRole::Client);
        let mut network = Network::new(seed);
        let addresses = (a.address.ip(), b.address.ip());
        let a = network.host("a", a);
        let b = network.host("b", b);
        let router = network.router("router");
        let cables = [
            network.attach(a, router, addresses.0, link.clone()),
            network.attach(b, router, addresses.1, link),
        ];
        Self {
            network,
            a,
            b,
            cables,
        }
    }

    pub fn connect(&mut self) {
        let (a, b) = (self.a, self.b);
        self.network
            .run_until(|network| network[a].is_connected() && network[b].is_connected());
    }

    pub fn now(&self) -> Instant {
        gannet_netsim::start() + self.network.elapsed()
    }
}

/// Tells `side` about `other`, whose DTLS role is the opposite of `role`.
pub fn introduce(side: &mut Side, other: &mut Side, role: DtlsRole) {
    let now = gannet_netsim::start();
    if other.session.ice().local_candidates().next().is_none() {
        other.session.ice_mut().add_local_host(now, other.address);
        other.session.ice_mut().set_end_of_local_hosts(now);
    }
    let provider = default_provider();
    let parameters = other.session.ice().local_parameters().clone();
    side.session
        .ice_mut()
        .set_remote_parameters(now, parameters)
        .unwrap();
    for candidate in other
        .session
        .ice()
        .local_candidates()
        .cloned()
        .collect::<Vec<_>>()
    {
        side.session
            .ice_mut()
            .add_remote_candidate(now, candidate)
            .unwrap();
    }
    side.session.ice_mut().set_end_of_candidates(now);
    let fingerprints = other.session.certificate().fingerprints(&*provider);
    side.session.start_dtls(now, role, fingerprints);
    side.session
        .start_sctp(now, 5000, SctpParameters::default(), None);
}

pub fn codec(
    name: &str,
    payload_type: u8,
    clock_rate: u32,
    feedback: &[(&str, &str)],
) -> RtpCodecParameters {
    RtpCodecParameters {
        name: name.to_owned(),
        payload_type,
        clock_rate,
        channels: if name == "opus" { 2 } else { 1 },
        parameters: FormatParameters::default(),
        rtcp_feedback: feedback
            .iter()
            .map(|(kind, value)| RtcpFeedback::new(kind, value))
            .collect(),
    }
}

pub fn parameters(kind: MediaKind, ssrc: u32) -> RtpParameters {
    let (mid, codecs) = match kind {
        MediaKind::Audio => (
            "0",
            vec![codec("opus", 111, 48_000, &[("transport-cc", "")])],
        ),
        MediaKind::Video => {
            let feedback = [("nack", ""), ("nack", "pli"), ("transport-cc", "")];
            let mut rtx = codec("rtx", 97, 90_000, &[]);
            rtx.parameters = FormatParameters::default().with("apt", 96);
            ("1", vec![codec("VP8", 96, 90_000, &feedback), rtx])
        }
    };
    let extension = |uri: &str, id| RtpHeaderExtensionParameters {
        uri: uri.to_owned(),
        id,
    };
    RtpParameters {
        kind,
        mid: mid.to_owned(),
        codecs,
        header_extensions: vec![
            extension("urn:ietf:params:rtp-hdrext:sdes:mid", 1),
            extension(
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
                2,
            ),
        ],
        encodings: vec![RtpEncodingParameters {
            ssrc: Some(ssrc),
            rtx_ssrc: (kind == MediaKind::Video).then_some(ssrc + 1),
            ..RtpEncodingParameters::default()
        }],
        rtcp: RtcpParameters {
            cname: "a".to_owned(),
            reduced_size: true,
        },
    }
}

/// A VP8 frame as far as its payload format looks: the first bit says whether it is a key frame.
pub fn vp8_frame(number: u32, keyframe: bool) -> EncodedFrame {
    let mut data = vec![number as u8; 2000];
    data[0] = if keyframe { 0x10 } else { 0x11 };
    data[1..5].copy_from_slice(&number.to_be_bytes());
    EncodedFrame::new(Bytes::from(data), number * 3000, keyframe)
}

pub fn add_streams(call: &mut Call) -> (SenderId, SenderId) {
    let now = call.now();
    let mut add = |kind, ssrc| {
        let parameters = parameters(kind, ssrc);
        call.network[call.b]
            .session
            .add_receiver(now, &parameters)
            .unwrap();
        call.network[call.a]
            .session
            .add_sender(now, &parameters)
            .unwrap()
    };
    (add(MediaKind::Audio, 1000), add(MediaKind::Video, 2000))
}

pub fn lan() -> LinkConfig {
    LinkConfig::new().delay(Duration::from_millis(5))
}
