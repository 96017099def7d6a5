//! What an association is told when it is made.

use std::time::Duration;

use crate::congestion::Algorithm;

/// The settings of an [`Association`](crate::Association).
///
/// The defaults suit a WebRTC data transport: they are what [`Config::default`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our SCTP port (`sctp-port` in our SDP). Default 5000.
    pub local_port: u16,
    /// The peer's SCTP port. Default 5000.
    pub remote_port: u16,
    /// How many outgoing streams we ask for. Default 65,535.
    pub outbound_streams: u16,
    /// How many incoming streams we take at most. Default 65,535.
    pub inbound_streams: u16,
    /// The largest SCTP packet in bytes, common header included, that the layer below carries:
    /// path MTU less IP, UDP and DTLS overhead. Default 1,188; values are kept within
    /// [`Config::MIN_PACKET_SIZE`] and 65,532.
    pub max_packet_size: usize,
    /// The largest packet that path MTU discovery (RFC 8899) may probe for, at least `max_packet_size`.
    /// Discovery also finds out when a path carries less than that. It needs a layer below that does not
    /// fragment. `None` leaves the packet size alone. Default `None`.
    pub max_probed_packet_size: Option<usize>,
    /// The largest message in bytes that we send; it is what the peer announced as
    /// `max-message-size`. Default 262,144.
    pub max_outgoing_message_size: usize,
    /// The largest message in bytes that we take; a larger one aborts the association. Default 262,144.
    pub max_incoming_message_size: usize,
    /// How many bytes of received data we hold for a slow reader: the window that we announce.
    /// Default 8 MiB. It is raised to twice the largest incoming message if it is less.
    pub receive_window: usize,
    /// How many bytes may wait in all send queues together before `send` refuses. Default 16 MiB.
    pub send_buffer: usize,
    /// Whether I-DATA (RFC 8260) is used when the peer has it too. Default true.
    pub interleaving: bool,
    /// Whether partial reliability (RFC 3758) is used when the peer has it too. Default true.
    pub partial_reliability: bool,
    /// Whether the layer below protects packets against corruption (DTLS does), so that the
    /// checksum may be left out when both ends say so (RFC 9653). Default false.
    pub zero_checksum: bool,
    /// The congestion controller. Default [`Algorithm::default`].
    pub congestion: Algorithm,
    /// Which stream sends next. Default [`SchedulerKind::WeightedFair`]: equal
    /// streams share equally.
    pub scheduler: SchedulerKind,
    /// The first retransmission timeout. Default 1 s (RTO.Initial, RFC 9260, section 16).
    pub rto_initial: Duration,
    /// The least retransmission timeout, 10 ms to a day. Default 400 ms: above the 200 ms for which peers delay
    /// acknowledgements.
    pub rto_min: Duration,
    /// The largest retransmission timeout, a day at most. Default 10 s, so that a path that comes back is noticed.
    pub rto_max: Duration,
    /// How long a SACK may be delayed. Default 200 ms; RFC 9260, section 6.2 allows 500 ms.
    pub sack_delay: Duration,
    /// How often an idle path is checked, once a day at least; zero never. Default 30 s (HB.interval).
    pub heartbeat_interval: Duration,
    /// How many timeouts in a row end the association (Association.Max.Retrans). Default 10.
    pub max_retransmissions: u32,
    /// How many times INIT and COOKIE ECHO are repeated (Max.Init.Retransmits). Default 8.
    pub max_init_retransmissions: u32,
    /// How long a state cookie is valid (Valid.Cookie.Life). Default 60 s.
    pub cookie_lifetime: Duration,
}

impl Config {
    /// The least packet size in bytes that works: below it a data chunk would have no room.
    pub const MIN_PACKET_SIZE: usize = 256;
    /// The largest packet size in bytes.
    pub const MAX_PACKET_SIZE: usize = 65_532;

    /// The same settings with every value in its valid range.
    #[must_use]
    pub(crate) fn normalized(mut self) -> Self {
        self.max_packet_size = clamp_packet_size(self.max_packet_size);
        self.max_probed_packet_size = self
            .max_probed_packet_size
            .map(|size| clamp_packet_size(size).max(self.max_packet_size));
        self.outbound_streams = self.outbound_streams.max(1);
        self.inbound_streams = self.inbound_streams.max(1);
        self.max_incoming_message_size = self.max_incoming_message_size.clamp(1, 1 << 30);
        self.max_outgoing_message_size = self.max_outgoing_message_size.max(1);
        let least_window = self.max_incoming_message_size.saturating_mul(2).max(4096);
        self.receive_window = self.receive_window.clamp(least_window, 1 << 31);
        self.rto_min = self.rto_min.clamp(Duration::from_millis(10), LONGEST);
        self.rto_max = self.rto_max.clamp(self.rto_min, LONGEST);
        self.rto_initial = self.rto_initial.clamp(self.rto_min, self.rto_max);
        self.sack_delay = self.sack_delay.min(Duration::from_millis(500));
        self.heartbeat_interval = self.heartbeat_interval.min(LONGEST);
        self
    }
}

/// No timer runs longer: the clock must have room for a few of them.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Brings a packet size into its valid range, as a multiple of four.
pub(crate) fn clamp_packet_size(size: usize) -> usize {
    size.clamp(Config::MIN_PACKET_SIZE, Config::MAX_PACKET_SIZE) & !3
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local_port: 5000,
            remote_port: 5000,
            outbound_streams: u16::MAX,
            inbound_streams: u16::MAX,
            max_packet_size: 1188,
            max_probed_packet_size: None,
            max_outgoing_message_size: 256 * 1024,
            max_incoming_message_size: 256 * 1024,
            receive_window: 8 * 1024 * 1024,
            send_buffer: 16 * 1024 * 1024,
            interleaving: true,
            partial_reliability: true,
            zero_checksum: false,
            congestion: Algorithm::default(),
            scheduler: SchedulerKind::WeightedFair,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(400),
            rto_max: Duration::from_secs(10),
            sack_delay: Duration::from_millis(200),
            heartbeat_interval: Duration::from_secs(30),
            max_retransmissions: 10,
            max_init_retransmissions: 8,
            cookie_lifetime: Duration::from_secs(60),
        }
    }
}

/// How the streams share the association (RFC 8260, section 3).
///
/// With I-DATA they take turns by fragment, without it by message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchedulerKind {
    /// Messages are sent in the order in which they were queued (section 3.1).
    FirstComeFirstServed,
    /// Streams take turns (sections 3.2 and 3.3).
    RoundRobin,
    /// The stream with the highest priority goes first; equals take turns (section 3.4).
    Priority,
    /// Bandwidth is shared in proportion to the priorities (section 3.6).
    #[default]
    WeightedFair,
}
