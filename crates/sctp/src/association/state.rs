//! The states of an association.

use std::time::Instant;

use gannet_wire::Serial32;

use super::core::{Core, Identity};
use super::heartbeat::Heartbeats;
use super::path_mtu::PathMtu;
use super::reset::Resets;
use crate::packet::{InitBody, kind};
use crate::receive::{Reassembly, TsnTracker};
use crate::send::{Sender, SenderSettings};
use crate::{CloseReason, StreamId};

/// The state (RFC 9260, section 4).
#[derive(Debug)]
pub(crate) enum State {
    /// CLOSED, and nobody has connected yet.
    New,
    /// COOKIE-WAIT: INIT was sent.
    CookieWait(CookieWait),
    /// COOKIE-ECHOED: the cookie was sent back.
    CookieEchoed(Box<CookieEchoed>),
    /// ESTABLISHED and all states of the shutdown.
    Open(Box<Tcb>),
    /// CLOSED, for good.
    Closed(CloseReason),
}

/// INIT was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieWait {
    pub(crate) identity: Identity,
    pub(crate) attempts: u32,
    /// INIT is to be sent.
    pub(crate) init_due: bool,
}

/// COOKIE ECHO was sent.
#[derive(Debug)]
pub(crate) struct CookieEchoed {
    pub(crate) cookie: Vec<u8>,
    /// Error causes that go with it, encoded.
    pub(crate) causes: Vec<u8>,
    pub(crate) attempts: u32,
    /// COOKIE ECHO is to be sent.
    pub(crate) echo_due: bool,
    /// Whether data may go with it: only the first time.
    pub(crate) with_data: bool,
    pub(crate) tcb: Tcb,
}

/// Where an open association is on its way to its end (RFC 9260, section 9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Established,
    /// We want to shut down, our data is not acknowledged yet.
    ShutdownPending,
    ShutdownSent,
    /// The peer wants to shut down, our data is not acknowledged yet.
    ShutdownReceived,
    ShutdownAckSent,
}

/// What both ends can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) interleaving: bool,
    pub(crate) partial_reliability: bool,
    pub(crate) reconfiguration: bool,
    /// The peer takes packets without checksum.
    pub(crate) zero_checksum: bool,
}

/// How the error detection of DTLS is called in "zero checksum acceptable" (RFC 9653, section 7).
pub(crate) const ZERO_CHECKSUM_OVER_DTLS: u32 = 1;

impl Capabilities {
    /// What we and the sender of an INIT or INIT ACK have in common.
    pub(crate) fn in_common(core: &Core, init: &InitBody<'_>) -> Self {
        let parameters = &init.parameters;
        let has = |kind: u8| parameters.supported_extensions.contains(&kind);
        Self {
            interleaving: core.config.interleaving && has(kind::I_DATA) && has(kind::I_FORWARD_TSN),
            partial_reliability: core.config.partial_reliability
                && (parameters.forward_tsn || has(kind::FORWARD_TSN)),
            reconfiguration: has(kind::RE_CONFIG),
            zero_checksum: core.config.zero_checksum
                && parameters.zero_checksum == Some(ZERO_CHECKSUM_OVER_DTLS),
        }
    }

    pub(crate) fn to_bits(self) -> u8 {
        u8::from(self.interleaving)
            | u8::from(self.partial_reliability) << 1
            | u8::from(self.reconfiguration) << 2
            | u8::from(self.zero_checksum) << 3
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self {
            interleaving: bits & 1 != 0,
            partial_reliability: bits & 2 != 0,
            reconfiguration: bits & 4 != 0,
            zero_checksum: bits & 8 != 0,
        }
    }
}

/// What we know of the peer from its INIT or INIT ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) tag: u32,
    pub(crate) initial_tsn: Serial32,
    pub(crate) a_rwnd: u32,
    /// How many streams it wants to send on.
    pub(crate) outbound_streams: u16,
    /// How many streams it takes.
    pub(crate) inbound_streams: u16,
    pub(crate) capabilities: Capabilities,
}

impl Peer {
    pub(crate) fn from_init(core: &Core, init: &InitBody<'_>) -> Self {
        Self {
            tag: init.initiate_tag,
            initial_tsn: init.initial_tsn,
            a_rwnd: init.a_rwnd,
            outbound_streams: init.outbound_streams,
            inbound_streams: init.inbound_streams,
            capabilities: Capabilities::in_common(core, init),
        }
    }
}

/// The transmission control block: an association that is there.
#[derive(Debug)]
pub(crate) struct Tcb {
    pub(crate) identity: Identity,
    pub(crate) peer_tag: u32,
    /// Tells a restart from other cookies (RFC 9260, section 5.2.2).
    pub(crate) tie_tag: u64,
    pub(crate) outbound_streams: u16,
    pub(crate) inbound_streams: u16,
    pub(crate) capabilities: Capabilities,
    pub(crate) phase: Phase,
    pub(crate) sender: Sender,
    pub(crate) tracker: TsnTracker,
    pub(crate) reassembly: Reassembly,
    pub(crate) resets: Resets,
    pub(crate) heartbeats: Heartbeats,
    /// `None` if the packet size is left alone.
    pub(crate) path_mtu: Option<PathMtu>,
    pub(crate) cookie_ack_due: bool,
    /// SHUTDOWN or SHUTDOWN ACK is to be sent.
    pub(crate) shutdown_due: bool,
    /// The window that the last SACK announced.
    pub(crate) announced_window: usize,
}

impl Tcb {
    pub(crate) fn new(core: &mut Core, now: Instant, identity: Identity, peer: &Peer) -> Self {
        let capabilities = peer.capabilities;
        let outbound_streams = core.config.outbound_streams.min(peer.inbound_streams);
        core.stats.messages_abandoned += core
            .queue
            .give_up_from(StreamId(outbound_streams), &mut core.events);
        let settings = SenderSettings {
            initial_tsn: identity.initial_tsn,
            peer_window: peer.a_rwnd,
            interleaving: capabilities.interleaving,
            partial_reliability: capabilities.partial_reliability,
        };
        let max_message_size = core.config.max_incoming_message_size;
        let base = core.config.max_packet_size;
        let path_mtu = core
            .config
            .max_probed_packet_size
            .map(|most| PathMtu::new(base, most));
        let mut tcb = Self {
            identity,
            peer_tag: peer.tag,
            tie_tag: core.rng.u64().max(1),
            outbound_streams,
            inbound_streams: core.config.inbound_streams.min(peer.outbound_streams),
            capabilities,
            phase: Phase::Established,
            sender: Sender::new(&core.config, settings, now),
            tracker: TsnTracker::new(peer.initial_tsn),
            reassembly: Reassembly::new(capabilities.interleaving, max_message_size),
            resets: Resets::new(identity.initial_tsn.0, peer.initial_tsn.0),
            heartbeats: Heartbeats::default(),
            path_mtu,
            cookie_ack_due: false,
            shutdown_due: false,
            announced_window: core.config.receive_window,
        };
        tcb.apply_path_mtu();
        tcb
    }

    /// Packets and chunks become as large as the path is known to carry.
    pub(crate) fn apply_path_mtu(&mut self) {
        if let Some(path) = &self.path_mtu {
            self.sender
                .set_packet_size(path.packet_size(), path.chunk_limit());
        }
    }

    /// How much more received data we take, in bytes.
    pub(crate) const fn window(&self, core: &Core) -> usize {
        let held = self.reassembly.held() + core.inbox.held();
        core.config.receive_window.saturating_sub(held)
    }
}
