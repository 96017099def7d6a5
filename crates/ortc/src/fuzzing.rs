//! The body of the fuzz target.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use gannet_crypto::{Rng, default_provider};
use gannet_datachannel::{ChannelId, ChannelInit, Message};
use gannet_dtls::{Certificate, Version, Versions};
use gannet_ice::{Protocol, Role};
use gannet_rtp_session::{EncodedFrame, ReceiverId, SenderId};

use crate::parameters::{
    DtlsRole, FormatParameters, MediaKind, RtcpFeedback, RtcpParameters, RtpCodecParameters,
    RtpEncodingParameters, RtpParameters, SctpParameters,
};
use crate::{DtlsTransportState, Session, SessionConfig};

/// The most datagrams that one round of polling may give: more is a loop without an end.
const MAX_BURST: usize = 4_096;
/// The most datagrams that the network holds on their way to one side.
const MAX_IN_FLIGHT: usize = 512;

/// What happens to one of two sessions, or on the way between them.
#[derive(Debug, Arbitrary)]
enum Command<'a> {
    /// What the side has sent arrives, but for what the mask's bits say.
    Deliver {
        count: u8,
        lost: u8,
    },
    /// The oldest datagram on its way to the side arrives with a changed byte.
    Tamper {
        at: u16,
        with: u8,
    },
    /// The oldest datagram on its way arrives, and stays.
    Repeat,
    /// Anybody sends bytes from the peer's address, or from another.
    Raw {
        from_peer: bool,
        data: &'a [u8],
    },
    /// The peer protects any bytes and sends them.
    Protected {
        kind: Protected,
        data: &'a [u8],
    },
    Frame {
        audio: bool,
        key: bool,
        len: u16,
    },
    KeyFrame,
    Open {
        ordered: bool,
    },
    Message {
        channel: u8,
        len: u16,
    },
    CloseChannel(u8),
    RestartIce,
    Wait(u16),
    Close,
}

/// How the peer protects what it sends.
#[derive(Debug, Arbitrary)]
enum Protected {
    Rtp,
    Rtcp,
    Sctp,
}

/// A session with what its user knows of it, and what is on its way to the other side.
struct Side {
    session: Session,
    address: SocketAddr,
    senders: Vec<SenderId>,
    receivers: Vec<ReceiverId>,
    channels: Vec<ChannelId>,
    sent: std::collections::VecDeque<Vec<u8>>,
    frame_number: u32,
    closed: bool,
}

impl Side {
    fn new(name: u8, role: Role, version: Version, now: Instant) -> Self {
        let mut config = SessionConfig::new(role, CERTIFICATE.with(Clone::clone));
        config.dtls_versions = Versions::Only(version);
        let rng = Rng::insecure_from_u64(u64::from(name));
        let address = SocketAddr::from(([192, 0, 2, name], 4000));
        let wall_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut session = Session::new(config, default_provider(), rng, now, wall_clock);
        session.ice_mut().add_local_host(now, address);
        session.ice_mut().set_end_of_local_hosts(now);
        Self {
            session,
            address,
            senders: Vec::new(),
            receivers: Vec::new(),
            channels: Vec::new(),
            sent: std::collections::VecDeque::new(),
            frame_number: 0,
            closed: false,
        }
    }

    fn handle(&mut self, now: Instant, from: SocketAddr, packet: &mut [u8]) {
        let to = self.address;
        self.session
            .handle_packet(now, to, from, Protocol::Udp, packet);
    }

    /// Takes what the session wants, and checks what must always hold.
    fn settle(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        let mut ended = false;
        for _ in 0..MAX_BURST {
            let mut packet = Vec::new();
            if self.session.poll_transmit(now, &mut packet).is_none() {
                assert!(packet.is_empty(), "bytes without a datagram");
                ended = true;
                break;
            }
            assert!(!packet.is_empty() && packet.len() <= self.session.mtu());
            if self.sent.len() < MAX_IN_FLIGHT {
                self.sent.push_back(packet);
            }
        }
        assert!(ended, "it never ends");
        while let Some(event) = self.session.poll_event() {
            if let crate::Event::Data(gannet_datachannel::Event::Incoming(channel)) = event {
                self.channels.push(channel);
            }
        }
        for &channel in &self.channels {
            while self.session.channels_mut().receive(channel).is_some() {}
        }
        let timeout = self.session.poll_timeout();
        assert!(timeout.is_none_or(|at| at > now), "a timer is due for ever");
        assert!(!self.closed || timeout.is_none(), "closed, and awake");
        let state = self.session.dtls_state();
        let early = matches!(
            state,
            DtlsTransportState::New | DtlsTransportState::Connecting
        );
        let keyless =
            self.session.srtp.is_none() && self.session.channels().association().is_none();
        assert!(!early || keyless, "keys before the peer is verified");
    }

    /// Any bytes under the keys of this side.
    fn protect(&mut self, kind: &Protected, data: &[u8]) -> Option<Vec<u8>> {
        let mut packet = data.to_vec();
        match kind {
            Protected::Rtp => {
                let srtp = self.session.srtp.as_mut()?;
                srtp.sender.protect_rtp(&mut packet, 0).ok()?;
            }
            Protected::Rtcp => {
                let srtp = self.session.srtp.as_mut()?;
                srtp.sender.protect_rtcp(&mut packet, 0).ok()?;
            }
            Protected::Sctp => {
                packet.clear();
                self.session.dtls.seal(&mut packet, |record| {
                    record.extend_from_slice(data);
                    Some(())
                })?;
            }
        }
        Some(packet)
    }

    fn channel(&self, index: u8) -> Option<ChannelId> {
        let count = self.channels.len().max(1);
        self.channels.get(usize::from(index) % count).copied()
    }

    fn send_frame(&mut self, now: Instant, audio: bool, key: bool, len: u16) {
        let Some(&sender) = self.senders.get(usize::from(!audio)) else {
            return;
        };
        self.frame_number += 1;
        let mut data = vec![0; usize::from(len).max(10)];
        // VP8's first bit says that the frame is not a key frame.
        data[0] = if key { 0x10 } else { 0x11 };
        let frame = EncodedFrame::new(Bytes::from(data), self.frame_number * 3_000, key);
        let _ = self.session.rtp_mut().send_frame(now, sender, frame);
    }
}

thread_local! {
    #[expect(clippy::disallowed_methods, reason = "a fuzz target has to begin some time")]
    static START: Instant = Instant::now() + Duration::from_secs(100_000);
    static CERTIFICATE: Certificate =
        Certificate::generate(&*default_provider()).expect("a certificate can be made");
}

/// Two sessions that have connected, and whatever users, networks, attackers and peers can do then.
pub fn commands(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut now = START.with(|start| *start);
    let version = match input.arbitrary() {
        Ok(true) => Version::Dtls12,
        _ => Version::Dtls13,
    };
    let mut sides = connected(version, &mut now);
    for _ in 0..200 {
        let Ok((side, command)) = <(bool, Command<'_>)>::arbitrary(&mut input) else {
            break;
        };
        run(&mut sides, usize::from(side), command, &mut now);
        for side in &mut sides {
            side.settle(now);
        }
        if input.is_empty() {
            break;
        }
    }
}

fn connected(version: Version, now: &mut Instant) -> [Side; 2] {
    let mut a = Side::new(1, Role::Controlling, version, *now);
    let mut b = Side::new(2, Role::Controlled, version, *now);
    introduce(&mut a, &b, DtlsRole::Server, *now);
    introduce(&mut b, &a, DtlsRole::Client, *now);
    for (kind, ssrc) in [(MediaKind::Audio, 1_000), (MediaKind::Video, 2_000)] {
        let parameters = parameters(kind, ssrc);
        for side in [&mut a, &mut b] {
            let sender = side.session.add_sender(*now, &parameters);
            side.senders.push(sender.expect("it can be sent"));
            let receiver = side.session.add_receiver(*now, &parameters);
            side.receivers.push(receiver.expect("it can be received"));
        }
    }
    let channel = a.session.channels_mut().open(*now, ChannelInit::default());
    a.channels.extend(channel);
    let mut sides = [a, b];
    for _ in 0..20 {
        for from in 0..2 {
            sides[from].settle(*now);
            deliver(&mut sides, from, u8::MAX, 0, *now);
        }
        *now += Duration::from_millis(20);
    }
    for side in &sides {
        assert_eq!(side.session.dtls_state(), DtlsTransportState::Connected);
    }
    sides
}

fn introduce(side: &mut Side, other: &Side, role: DtlsRole, now: Instant) {
    let ice = side.session.ice_mut();
    ice.set_remote_parameters(now, other.session.ice().local_parameters().clone())
        .expect("they are fit");
    for candidate in other.session.ice().local_candidates() {
        ice.add_remote_candidate(now, candidate.clone())
            .expect("it is fit");
    }
    let fingerprints = other
        .session
        .certificate()
        .fingerprints(&*default_provider());
    side.session.start_dtls(now, role, fingerprints);
    side.session
        .start_sctp(now, 5_000, SctpParameters::default(), None);
}

fn parameters(kind: MediaKind, ssrc: u32) -> RtpParameters {
    let codec = |name: &str, payload_type, clock_rate, channels| RtpCodecParameters {
        name: name.to_owned(),
        payload_type,
        clock_rate,
        channels,
        parameters: FormatParameters::default(),
        rtcp_feedback: ["nack", "transport-cc", "goog-remb"]
            .map(|kind| RtcpFeedback::new(kind, ""))
            .into(),
    };
    let (mid, codecs) = match kind {
        MediaKind::Audio => ("0", vec![codec("opus", 111, 48_000, 2)]),
        MediaKind::Video => {
            let mut rtx = codec("rtx", 97, 90_000, 1);
            rtx.parameters = FormatParameters::default().with("apt", 96);
            ("1", vec![codec("VP8", 96, 90_000, 1), rtx])
        }
    };
    RtpParameters {
        kind,
        mid: mid.to_owned(),
        codecs,
        header_extensions: Vec::new(),
        encodings: vec![RtpEncodingParameters {
            ssrc: Some(ssrc),
            rtx_ssrc: (kind == MediaKind::Video).then_some(ssrc + 1),
            ..RtpEncodingParameters::default()
        }],
        rtcp: RtcpParameters {
            cname: "peer".to_owned(),
            reduced_size: true,
        },
    }
}

/// Lets datagrams arrive at the other side, in order, but for those that the mask loses.
fn deliver(sides: &mut [Side; 2], from: usize, count: u8, lost: u8, now: Instant) {
    let address = sides[from].address;
    let count = usize::from(count).min(sides[from].sent.len());
    let packets: Vec<_> = sides[from].sent.drain(..count).collect();
    for (i, mut packet) in packets.into_iter().enumerate() {
        if lost >> (i % 8) & 1 == 0 {
            sides[1 - from].handle(now, address, &mut packet);
        }
    }
}

fn run(sides: &mut [Side; 2], side: usize, command: Command<'_>, now: &mut Instant) {
    let peer = sides[1 - side].address;
    let this = &mut sides[side];
    match command {
        Command::Deliver { count, lost } => deliver(sides, side, count, lost, *now),
        Command::Tamper { at, with } => {
            if let Some(mut packet) = sides[1 - side].sent.pop_front() {
                let at = usize::from(at) % packet.len();
                packet[at] ^= with;
                sides[side].handle(*now, peer, &mut packet);
            }
        }
        Command::Repeat => {
            if let Some(mut packet) = sides[1 - side].sent.front().cloned() {
                sides[side].handle(*now, peer, &mut packet);
            }
        }
        Command::Raw { from_peer, data } => {
            let stranger = SocketAddr::from(([192, 0, 2, 9], 4000));
            let from = if from_peer { peer } else { stranger };
            this.handle(*now, from, &mut data.to_vec());
        }
        Command::Protected { kind, data } => {
            if let Some(mut packet) = sides[1 - side].protect(&kind, data) {
                sides[side].handle(*now, peer, &mut packet);
            }
        }
        Command::Frame { audio, key, len } => this.send_frame(*now, audio, key, len),
        Command::KeyFrame => {
            for receiver in &this.receivers {
                this.session.rtp_mut().request_key_frame(*now, *receiver);
            }
        }
        Command::Open { ordered } => {
            let init = ChannelInit {
                ordered,
                ..ChannelInit::default()
            };
            let opened = this.session.channels_mut().open(*now, init);
            this.channels.extend(opened);
        }
        Command::Message { channel, len } => {
            if let Some(channel) = this.channel(channel) {
                let message = Message::Binary(Bytes::from(vec![7; usize::from(len)]));
                let channels = this.session.channels_mut();
                let _ = channels.send(*now, channel, message);
            }
        }
        Command::CloseChannel(channel) => {
            if let Some(channel) = this.channel(channel) {
                this.session.channels_mut().close(*now, channel);
            }
        }
        Command::RestartIce => {
            let fresh = this.session.ice_mut().restart(*now);
            let told = sides[1 - side].session.ice_mut();
            let _ = told.set_remote_parameters(*now, fresh);
        }
        Command::Wait(ms) => *now += Duration::from_millis(u64::from(ms)),
        Command::Close => {
            this.session.close(*now);
            this.closed = true;
        }
    }
}
