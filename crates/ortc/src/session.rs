//! The session: one bundled transport, from ICE to data channels and RTP streams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use gannet_crypto::{CryptoProvider, Rng};
use gannet_datachannel::{DataChannelConfig, DataChannels};
use gannet_dtls::{Certificate, Fingerprint, KeyLog, Timers, Versions};
use gannet_ice::{IceAgent, Incoming, Protocol, Transmit};
use gannet_rtp::{PacketKind, WallClock, classify};
use gannet_rtp_session::{BitrateLimits, RtpSession, TransmitKind};
use gannet_sctp::Association;
use gannet_srtp::Profile;

use crate::dtls_transport::{
    DtlsFailure, DtlsSettings, DtlsTransport, DtlsTransportState, Progress, Srtp,
};
use crate::parameters::{DtlsRole, SctpParameters};

/// What a session is told when it is made.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The ICE agent's settings.
    pub ice: gannet_ice::Config,
    /// Who we are.
    pub certificate: Certificate,
    /// Which versions of DTLS may be negotiated.
    pub dtls_versions: Versions,
    /// When DTLS flights are sent again.
    pub dtls_timers: Timers,
    /// The SRTP profiles that may be negotiated, best first.
    pub srtp_profiles: Vec<Profile>,
    /// The longest UDP payload that is sent, in bytes. Default 1,200, which passes everywhere.
    pub mtu: usize,
    /// The SCTP association's settings; ports, packet and message sizes are filled in. Here
    /// `max_probed_packet_size` is the longest UDP payload that path MTU discovery tries, DTLS included;
    /// the socket must not fragment then. Default `None`.
    pub sctp: gannet_sctp::Config,
    /// The data channels' settings.
    pub data_channels: DataChannelConfig,
    /// The bounds of the bandwidth estimate.
    pub bitrate: BitrateLimits,
    /// The canonical name in our sender reports (RFC 7022); empty takes a random one.
    pub cname: String,
    /// Who receives DTLS's secrets, for debugging.
    pub key_log: Option<Arc<dyn KeyLog>>,
}

impl SessionConfig {
    /// A session in this ICE role with this certificate, and all defaults.
    #[must_use]
    pub fn new(role: gannet_ice::Role, certificate: Certificate) -> Self {
        Self {
            ice: gannet_ice::Config::new(role),
            certificate,
            dtls_versions: Versions::default(),
            dtls_timers: Timers::default(),
            srtp_profiles: vec![
                Profile::AeadAes128Gcm,
                Profile::AeadAes256Gcm,
                Profile::Aes128CmHmacSha1_80,
            ],
            mtu: 1200,
            sctp: gannet_sctp::Config::default(),
            data_channels: DataChannelConfig::default(),
            bitrate: BitrateLimits::default(),
            cname: String::new(),
            key_log: None,
        }
    }
}

/// What the peer says of its SCTP.
#[derive(Clone, Debug)]
struct RemoteSctp {
    parameters: SctpParameters,
    init: Option<Vec<u8>>,
}

/// What the user of a [`Session`] should hear.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// From the ICE transport.
    Ice(gannet_ice::Event),
    /// The DTLS transport's state changed.
    DtlsStateChange(DtlsTransportState),
    /// The DTLS transport failed; `DtlsStateChange` follows.
    DtlsFailed(DtlsFailure),
    /// From the data channels.
    Data(gannet_datachannel::Event),
    /// From the RTP streams.
    Rtp(gannet_rtp_session::Event),
}

/// What a session itself counted. Noise is only counted, never reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionCounters {
    /// Datagrams taken in.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Datagrams of DTLS, SRTP and SRTCP among those taken in: all but those of ICE.
    pub data_packets_received: u64,
    /// Their bytes, without what a relay adds.
    pub data_bytes_received: u64,
    /// Datagrams of DTLS, SRTP and SRTCP among those sent.
    pub data_packets_sent: u64,
    /// Their bytes, without what a relay adds.
    pub data_bytes_sent: u64,
    /// Datagrams that belong to no protocol, or came from an address that is not the peer's.
    pub unexpected: u64,
    /// RTP and RTCP packets that came before there were keys.
    pub before_keys: u64,
    /// RTP and RTCP packets that were not authentic, or came before.
    pub unprotect_failed: u64,
    /// RTP and RTCP packets that could not be protected.
    pub protect_failed: u64,
}

/// One bundled transport: ICE, DTLS, SRTP, SCTP with its data channels, and the RTP streams.
///
/// Its methods are of four kinds, and any interleaving of them is valid:
///
/// - *Getters* and the parts: [`Self::ice`], [`Self::channels`], [`Self::rtp`], [`Self::stats`], ...
/// - *Inputs*: [`Self::handle_packet`], [`Self::handle_timeout`].
/// - *Commands*: [`Self::start_dtls`], [`Self::start_sctp`], [`Self::close`], and those of the parts
///   through [`Self::ice_mut`], [`Self::channels_mut`], [`Self::rtp_mut`].
/// - *Outputs*: [`Self::poll_transmit`], [`Self::poll_event`], [`Self::poll_timeout`].
#[derive(Debug)]
pub struct Session {
    pub(crate) provider: Arc<dyn CryptoProvider>,
    pub(crate) clock: WallClock,
    rng: Rng,
    ice: IceAgent,
    pub(crate) dtls: DtlsTransport,
    pub(crate) srtp: Option<Box<Srtp>>,
    rtp: RtpSession,
    channels: DataChannels,
    sctp_config: gannet_sctp::Config,
    sctp_remote: Option<RemoteSctp>,
    /// Our INIT chunk, once it was asked for, and the association that it is of, until that begins.
    sctp_init: Option<Vec<u8>>,
    prepared: Option<Association>,
    mtu: usize,
    /// Whether SCTP was the last to send: then it is RTP's turn.
    sctp_sent_last: bool,
    /// Goodbye was said: what is pending is sent, and no timer runs any more.
    closed: bool,
    events: VecDeque<Event>,
    counters: SessionCounters,
}

impl Session {
    /// A session that knows nothing of its peer yet. `wall_clock` is what the time of day was at `now`.
    #[must_use]
    pub fn new(
        config: SessionConfig,
        provider: Arc<dyn CryptoProvider>,
        mut rng: Rng,
        now: Instant,
        wall_clock: SystemTime,
    ) -> Self {
        let settings = DtlsSettings {
            certificate: config.certificate,
            versions: config.dtls_versions,
            srtp_profiles: config.srtp_profiles,
            mtu: config.mtu,
            timers: config.dtls_timers,
            key_log: config.key_log,
        };
        let cname = if config.cname.is_empty() {
            random_cname(&mut rng)
        } else {
            config.cname
        };
        let clock = WallClock::new(now, wall_clock);
        let mut rtp = gannet_rtp_session::SessionConfig::new(clock, rng.u64(), cname);
        rtp.bitrate = config.bitrate;
        Self {
            ice: IceAgent::new(config.ice, Arc::clone(&provider), rng.fork()),
            dtls: DtlsTransport::new(settings, Arc::clone(&provider), rng.fork()),
            srtp: None,
            rtp: RtpSession::new(rtp),
            channels: DataChannels::new(config.data_channels),
            sctp_config: config.sctp,
            sctp_remote: None,
            sctp_init: None,
            prepared: None,
            mtu: config.mtu,
            sctp_sent_last: false,
            closed: false,
            events: VecDeque::new(),
            counters: SessionCounters::default(),
            provider,
            clock,
            rng,
        }
    }

    /// The ICE transport.
    #[must_use]
    pub const fn ice(&self) -> &IceAgent {
        &self.ice
    }

    /// The ICE transport, for its commands.
    pub const fn ice_mut(&mut self) -> &mut IceAgent {
        &mut self.ice
    }

    /// The DTLS transport's state.
    #[must_use]
    pub const fn dtls_state(&self) -> DtlsTransportState {
        self.dtls.state()
    }

    /// The DTLS connection, once its handshake has begun.
    #[must_use]
    pub fn dtls_connection(&self) -> Option<&gannet_dtls::Connection> {
        self.dtls.connection()
    }

    /// Our certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.dtls.certificate()
    }

    /// The data channels.
    #[must_use]
    pub const fn channels(&self) -> &DataChannels {
        &self.channels
    }

    /// The data channels, for their commands.
    pub const fn channels_mut(&mut self) -> &mut DataChannels {
        &mut self.channels
    }

    /// The RTP streams.
    #[must_use]
    pub const fn rtp(&self) -> &RtpSession {
        &self.rtp
    }

    /// The RTP streams, for their commands.
    pub const fn rtp_mut(&mut self) -> &mut RtpSession {
        &mut self.rtp
    }

    /// The longest UDP payload that is sent, in bytes.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// What it counted itself so far; [`Self::stats`] has all the layers.
    #[must_use]
    pub const fn counters(&self) -> SessionCounters {
        self.counters
    }

    /// Says who the peer is: the handshake begins as soon as ICE has a path. [`DtlsRole::Auto`] is the
    /// server, as in ORTC for the side that answers to a client.
    pub fn start_dtls(&mut self, now: Instant, role: DtlsRole, fingerprints: Vec<Fingerprint>) {
        self.dtls.start(now, role.into(), fingerprints);
        self.advance(now);
    }

    /// Our INIT chunk, for signaling to carry to the peer (`a=sctp-init`, draft-hancke-tsvwg-snap): a peer that
    /// gives us its own begins without SCTP's handshake. It is the same for as long as the session lives.
    pub fn sctp_init(&mut self, now: Instant) -> &[u8] {
        if self.sctp_init.is_none() && self.channels.association().is_none() {
            let association = self.new_association(now, self.sctp_settings());
            self.sctp_init = Some(association.local_init());
            self.prepared = Some(association);
        }
        let running = self.channels.association();
        self.sctp_init
            .get_or_insert_with(|| running.map(Association::local_init).unwrap_or_default())
    }

    /// Says what the peer's SCTP is: the association begins as soon as DTLS is connected. `remote_init` is
    /// the peer's INIT chunk if signaling has brought it, and ours to the peer: then there is no handshake,
    /// unless it is not valid.
    pub fn start_sctp(
        &mut self,
        now: Instant,
        local_port: u16,
        remote: SctpParameters,
        remote_init: Option<Vec<u8>>,
    ) {
        self.sctp_config.local_port = local_port;
        self.sctp_remote = Some(RemoteSctp {
            parameters: remote,
            init: remote_init,
        });
        self.advance(now);
    }

    /// Takes a datagram that came in on the socket `local` from `remote`, and changes it in place. True
    /// if it is from the peer beyond doubt: a STUN message with the right integrity, or a datagram from
    /// an address that has proved to be the peer's.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        protocol: Protocol,
        packet: &mut [u8],
    ) -> bool {
        self.counters.packets_received += 1;
        self.counters.bytes_received += packet.len() as u64;
        let range = match self.ice.handle_packet(now, local, remote, protocol, packet) {
            Incoming::Consumed => None,
            Incoming::Data(range) => Some(range),
            Incoming::Dropped => {
                self.counters.unexpected += 1;
                return false;
            }
        };
        if let Some(data) = range.and_then(|range| packet.get_mut(range)) {
            self.counters.data_packets_received += 1;
            self.counters.data_bytes_received += data.len() as u64;
            self.handle_data(now, data);
        }
        self.advance(now);
        true
    }

    /// Tells the protocols over ICE apart (RFC 7983).
    fn handle_data(&mut self, now: Instant, data: &mut [u8]) {
        match classify(data) {
            PacketKind::Dtls => {
                let channels = &mut self.channels;
                self.dtls
                    .handle_packet(now, data, |packet| channels.handle_packet(now, packet));
            }
            kind @ (PacketKind::Rtp | PacketKind::Rtcp) => self.handle_srtp(now, kind, data),
            _ => self.counters.unexpected += 1,
        }
    }

    fn handle_srtp(&mut self, now: Instant, kind: PacketKind, data: &mut [u8]) {
        let Some(srtp) = &mut self.srtp else {
            self.counters.before_keys += 1;
            return;
        };
        let unprotected = match kind {
            PacketKind::Rtp => srtp.receiver.unprotect_rtp(data),
            _ => srtp.receiver.unprotect_rtcp(data),
        };
        let Some(plain) = unprotected.ok().and_then(|len| data.get(..len)) else {
            self.counters.unprotect_failed += 1;
            return;
        };
        match kind {
            PacketKind::Rtp => self.rtp.handle_rtp(now, plain),
            _ => self.rtp.handle_rtcp(now, plain),
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.ice.handle_timeout(now);
        self.dtls.handle_timeout(now);
        self.channels.handle_timeout(now);
        self.rtp.handle_timeout(now);
        self.advance(now);
    }

    /// When [`Self::handle_timeout`] and [`Self::poll_transmit`] should be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let rtp = self.srtp.as_ref().and_then(|_| self.rtp.poll_timeout());
        let timeouts = [
            self.ice.poll_timeout(),
            self.dtls.poll_timeout(),
            self.channels.poll_timeout(),
            rtp,
        ];
        timeouts.into_iter().flatten().min()
    }

    /// Appends one datagram to `buf` and says where it goes.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let start = buf.len();
        let transmit = match self.ice.poll_transmit(now, buf) {
            Some(transmit) => transmit,
            None => self.transmit_data(now, buf, start)?,
        };
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += (buf.len() - start) as u64;
        Some(transmit)
    }

    /// Appends the next datagram of the layers over ICE. What they send while there is no path is lost, as
    /// on a network that is down; it must not wait, or their timers would be due for ever.
    fn transmit_data(&mut self, now: Instant, buf: &mut Vec<u8>, start: usize) -> Option<Transmit> {
        loop {
            self.write_data(now, buf)?;
            let len = buf.len() - start;
            let transmit = self.ice.transmit_data(now, buf, start);
            if transmit.is_some() {
                self.counters.data_packets_sent += 1;
                self.counters.data_bytes_sent += len as u64;
                return transmit;
            }
            buf.truncate(start);
        }
    }

    /// Appends what DTLS, RTP or SCTP has to send. RTP and SCTP take turns.
    fn write_data(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<()> {
        if self.dtls.poll_transmit(now, buf).is_some() {
            return Some(());
        }
        if self.sctp_sent_last {
            self.write_rtp(now, buf)
                .or_else(|| self.write_sctp(now, buf))
        } else {
            self.write_sctp(now, buf)
                .or_else(|| self.write_rtp(now, buf))
        }
    }

    /// SCTP writes its packet straight into a DTLS record.
    fn write_sctp(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<()> {
        if !self.dtls.is_connected() {
            return None;
        }
        let channels = &mut self.channels;
        self.dtls
            .seal(buf, |record| channels.poll_transmit(now, record))?;
        self.sctp_sent_last = true;
        Some(())
    }

    fn write_rtp(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<()> {
        let srtp = self.srtp.as_mut()?;
        let start = buf.len();
        while let Some(transmit) = self.rtp.poll_transmit(now, buf) {
            let protected = match transmit.kind {
                TransmitKind::Rtp => srtp.sender.protect_rtp(buf, start),
                TransmitKind::Rtcp => srtp.sender.protect_rtcp(buf, start),
            };
            if protected.is_ok() {
                self.sctp_sent_last = false;
                return Some(());
            }
            self.counters.protect_failed += 1;
            buf.truncate(start);
        }
        None
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if let Some(event) = self.ice.poll_event() {
            return Some(Event::Ice(event));
        }
        if let Some(event) = self.channels.poll_event() {
            return Some(Event::Data(event));
        }
        self.rtp.poll_event().map(Event::Rtp)
    }

    /// Says goodbye on all layers; what is pending can still be polled and sent. Final.
    pub fn close(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.rtp.close(now);
        self.channels.abort(now, "closed");
        self.dtls.close();
    }

    /// Lets each layer follow what the one below it has reached.
    fn advance(&mut self, now: Instant) {
        if self.dtls.state() == DtlsTransportState::New && self.ice.selected_pair().is_some() {
            match self.dtls.path_found(now) {
                Ok(false) => {}
                Ok(true) => self.dtls_state_changed(),
                Err(failure) => {
                    self.end_with_dtls(now, "DTLS has failed");
                    self.events.push_back(Event::DtlsFailed(failure));
                    self.dtls_state_changed();
                }
            }
        }
        while let Some(progress) = self.dtls.poll_progress() {
            match progress {
                Progress::Connected(srtp) => self.srtp = srtp,
                Progress::Closed => self.end_with_dtls(now, "DTLS is closed"),
                Progress::Failed(failure) => {
                    self.end_with_dtls(now, "DTLS has failed");
                    self.events.push_back(Event::DtlsFailed(failure));
                }
            }
            self.dtls_state_changed();
        }
        if self.dtls.is_connected()
            && let Some(remote) = self.sctp_remote.take()
        {
            self.start_association(now, &remote);
        }
    }

    /// What runs over DTLS, or with its keys, ends with it.
    fn end_with_dtls(&mut self, now: Instant, reason: &str) {
        self.channels.abort(now, reason);
        self.srtp = None;
    }

    fn dtls_state_changed(&mut self) {
        self.events
            .push_back(Event::DtlsStateChange(self.dtls.state()));
    }

    /// The association's settings, as far as they do not depend on the peer.
    fn sctp_settings(&self) -> gannet_sctp::Config {
        gannet_sctp::Config {
            // DTLS authenticates what the checksum would protect (RFC 9653).
            zero_checksum: true,
            ..self.sctp_config.clone()
        }
    }

    fn new_association(&mut self, now: Instant, config: gannet_sctp::Config) -> Association {
        Association::new(config, &self.provider, self.rng.fork(), now)
    }

    fn start_association(&mut self, now: Instant, remote: &RemoteSctp) {
        let Some(connection) = self.dtls.connection() else {
            return;
        };
        if self.channels.association().is_some() {
            return;
        }
        let mut config = self.sctp_settings();
        config.remote_port = remote.parameters.port;
        let overhead = connection.max_overhead();
        config.max_packet_size = self.mtu.saturating_sub(overhead);
        config.max_probed_packet_size = config
            .max_probed_packet_size
            .map(|datagram| datagram.saturating_sub(overhead));
        if remote.parameters.max_message_size != 0 {
            config.max_outgoing_message_size =
                usize::try_from(remote.parameters.max_message_size).unwrap_or(usize::MAX);
        }
        let role = match connection.role() {
            gannet_dtls::Role::Client => gannet_datachannel::Role::Client,
            gannet_dtls::Role::Server => gannet_datachannel::Role::Server,
        };
        let association = match self.prepared.take() {
            None => self.new_association(now, config),
            Some(mut association) => {
                let changed = association.set_config(config);
                debug_assert_eq!(changed, Ok(()), "it has not begun");
                if let Some(init) = &remote.init {
                    // What is refused is as if it were not there: then there is a handshake.
                    let _ = association.connect_without_handshake(now, init);
                }
                association
            }
        };
        self.channels.start(now, association, role);
    }
}

/// A short-term persistent canonical name: 96 random bits (RFC 7022, section 5).
fn random_cname(rng: &mut Rng) -> String {
    rng.array::<12>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
